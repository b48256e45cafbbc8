//! Text to trees, under a budget.
//!
//! Documents of plain YAML are read at once, see [`quick`]; for the others this is built on
//! granit-parser's events, without recursion. Aliases and merge keys are expanded, each
//! expansion counted against the budget, so an alias bomb ends in an error and not in memory.
//! A duplicate key, a tag with a meaning of its own, and a key that is no scalar are errors.
//! See <https://yaml.org/spec/1.2.2/>.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};
use smol_str::SmolStr;

use super::node::{Data, Key, Node};
use super::quick;
use crate::diagnostic::{Diagnostic, FileId, Place, Sources, code};

/// How much input is accepted; beyond it, an error that names the limit.
#[derive(Debug, Clone, Copy)]
pub struct Budget {
    /// Bytes of all texts of a run.
    pub bytes: usize,
    /// Levels of nesting in one document.
    pub depth: usize,
    /// Nodes of one text: mappings, sequences, scalars, and keys.
    pub nodes: usize,
    /// Documents in one text.
    pub documents: usize,
    /// Nodes that anchors keep and that aliases and merge keys add in one text, each 64 bytes of a
    /// scalar counting as one. Manifests written by people use a handful; a bomb needs millions.
    pub alias_nodes: usize,
}

impl Default for Budget {
    /// Room for the baseline of a large company, and too little for a file that only wants memory.
    fn default() -> Self {
        Self {
            bytes: 64 << 20,
            depth: 96,
            nodes: 4_000_000,
            documents: 250_000,
            alias_nodes: 100_000,
        }
    }
}

/// Mistakes of one text after which the rest of it is not read: more than anybody mends at once.
const MISTAKES: usize = 100;

/// The limits by their flags, for messages.
const BYTES: &str = "--max-input-bytes";
const DEPTH: &str = "--max-depth";
const NODES: &str = "--max-nodes";
const DOCUMENTS: &str = "--max-documents";
const ALIASES: &str = "--max-alias-nodes";

/// The finding that the texts of a run are too large together.
#[must_use]
pub fn too_many_bytes(name: &str, budget: &Budget) -> Diagnostic {
    let message =
        format!("with {name} the input has more bytes than the limit of {}", budget.bytes);
    Diagnostic::new(&code::INPUT_LIMIT, message, raise(BYTES))
}

fn raise(flag: &str) -> String {
    format!("check that this is what you meant to pass; if it is, raise {flag}")
}

/// Reads every document of a text. Empty documents (only comments, or null) are left out.
///
/// # Errors
/// Every mistake found: one for the first break of syntax, and each duplicate key before it; after a
/// hundred the rest is not read.
pub fn parse_documents(
    sources: &Sources,
    file: FileId,
    budget: &Budget,
) -> Result<Vec<Node>, Vec<Diagnostic>> {
    let text = &sources.get(file).text;
    let mut builder = Builder::new(file, *budget);
    if text.len() > budget.bytes {
        return Err(vec![too_many_bytes(&sources.get(file).name, budget)]);
    }
    for (offset, document) in documents(text) {
        if builder.read(document, offset).is_err() {
            break;
        }
    }
    if builder.errors.is_empty() { Ok(builder.documents) } else { Err(builder.errors) }
}

/// The documents of a text, each with its offset: what stands between lines of `---`, which nothing
/// can hold. A text with directives or `...` is left whole.
fn documents(text: &str) -> Vec<(usize, &str)> {
    let bytes = text.as_bytes();
    let at_line = |&at: &usize| at == 0 || bytes[at - 1] == b'\n';
    let directive = memchr::memchr_iter(b'%', bytes).any(|at| at_line(&at));
    if directive || memchr::memmem::find_iter(bytes, "...").any(|at| at_line(&at)) {
        return vec![(0, text)];
    }
    let ends = |&at: &usize| matches!(bytes.get(at + 3), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
    let starts = memchr::memmem::find_iter(bytes, "---").filter(at_line).filter(ends);
    let mut documents = Vec::new();
    let mut from = 0;
    for start in starts.chain([text.len()]) {
        if start > from {
            documents.push((from, &text[from..start]));
        }
        from = start;
    }
    documents
}

/// What follows a line of `---` and blanks; the text itself where it begins with no `---`.
fn without_marker(text: &str) -> Option<&str> {
    let Some(rest) = text.strip_prefix("---") else {
        return Some(text);
    };
    let rest = rest.trim_start_matches(' ');
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('\n') }
}

/// The run stops here: the error is already recorded.
struct Stop;

/// A collection being filled.
struct Open {
    node: Node,
    keys: BTreeMap<SmolStr, Place>,
    key: Option<Key>,
    /// The key is a merge key.
    merging: bool,
    merges: Vec<Node>,
    anchor: usize,
}

struct Builder {
    file: FileId,
    /// Where the document that is read begins in its file.
    offset: usize,
    budget: Budget,
    documents: Vec<Node>,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    nodes: usize,
    alias_nodes: usize,
    errors: Vec<Diagnostic>,
}

impl Builder {
    fn new(file: FileId, budget: Budget) -> Self {
        Self {
            file,
            offset: 0,
            budget,
            documents: Vec::new(),
            open: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            alias_nodes: 0,
            errors: Vec::new(),
        }
    }

    /// Reads one document, or a text that could not be cut into documents.
    fn read(&mut self, text: &str, offset: usize) -> Result<(), Stop> {
        if let Some(body) = without_marker(text) {
            let start = offset + text.len() - body.len();
            if let Some(quick) = quick::read(body, self.file, start, self.budget.depth) {
                self.nodes += quick.nodes;
                let place = Place::new(self.file, start, start);
                self.check_nodes(place)?;
                return quick.node.map_or(Ok(()), |node| self.finish(node, 0));
            }
        }
        self.parse(text, offset)
    }

    /// Reads a text with the conforming parser.
    fn parse(&mut self, text: &str, offset: usize) -> Result<(), Stop> {
        self.offset = offset;
        let options = granit_parser::options! {
            flow_nesting_limit: self.budget.depth + 8,
            block_nesting_limit: self.budget.depth + 8,
            block_scalar_eof_without_line_feed: true,
        };
        for next in Parser::new_from_str_with_options(text, options) {
            match next {
                Ok((event, span)) => {
                    self.event(event, &span)?;
                    self.check_mistakes(self.place(&span))?;
                }
                Err(error) => {
                    self.syntax(text, &error);
                    return Err(Stop);
                }
            }
        }
        Ok(())
    }

    fn check_nodes(&mut self, place: Place) -> Result<(), Stop> {
        if self.nodes > self.budget.nodes {
            return self.stop_at(place, "the input has more nodes", self.budget.nodes, NODES);
        }
        Ok(())
    }

    /// Counts a copy of a value that has an anchor.
    fn check_copy(&mut self, node: &Node) -> Result<(), Stop> {
        self.alias_nodes += node.weight();
        if self.alias_nodes > self.budget.alias_nodes {
            let problem = "anchors and aliases make more nodes";
            return self.stop_at(node.place, problem, self.budget.alias_nodes, ALIASES);
        }
        Ok(())
    }

    fn check_mistakes(&mut self, place: Place) -> Result<(), Stop> {
        if self.errors.len() < MISTAKES {
            return Ok(());
        }
        let message = format!("the text has {MISTAKES} mistakes up to here; the rest was not read");
        let help = "mend these and look again; if every one is the same, the text may be no YAML";
        let finding = Diagnostic::new(&code::REPORT_LIMIT, message, help);
        self.errors.push(finding.at(place, "reading ends here"));
        Err(Stop)
    }

    fn event(&mut self, event: Event<'_>, span: &Span) -> Result<(), Stop> {
        let place = self.place(span);
        if event.is_node() {
            self.nodes += 1;
            self.check_nodes(place)?;
        }
        match event {
            Event::DocumentStart(..) => self.anchors.clear(),
            Event::Scalar(text, style, anchor, tag) => {
                let string_tag = tag.as_ref().is_some_and(|tag| tag.is_yaml_core_schema_tag("str"));
                if let Some(tag) = tag.filter(|_| !string_tag) {
                    self.tag(place, tag.suffix());
                }
                let plain = style == ScalarStyle::Plain && !string_tag;
                let node = Node { data: Data::Scalar { text: text.into(), plain }, place };
                self.finish(node, anchor)?;
            }
            Event::SequenceStart(_, anchor, tag) | Event::MappingStart(_, anchor, tag)
                if tag.is_some() =>
            {
                let suffix = tag.map(|tag| tag.suffix().to_owned()).unwrap_or_default();
                self.tag(place, &suffix);
                self.start(Data::List(Vec::new()), place, anchor)?;
            }
            Event::SequenceStart(_, anchor, _) => {
                self.start(Data::List(Vec::new()), place, anchor)?;
            }
            Event::MappingStart(_, anchor, _) => {
                self.start(Data::Map(Vec::new()), place, anchor)?;
            }
            Event::SequenceEnd | Event::MappingEnd => {
                if let Some(mut closed) = self.open.pop() {
                    closed.node.place = closed.node.place.until(place);
                    merge(&mut closed.node, closed.merges);
                    closed.node.shrink();
                    self.finish(closed.node, closed.anchor)?;
                }
            }
            Event::Alias(id) => {
                let Some(mut node) = self.anchors.get(&id).cloned() else {
                    // An alias inside its own anchor: a value that would contain itself.
                    self.errors.push(
                        Diagnostic::new(
                            &code::YAML_SYNTAX,
                            "an alias refers to the value it stands in",
                            "write the value out instead of the alias",
                        )
                        .at(place, "recursive alias"),
                    );
                    return Err(Stop);
                };
                node.place = place;
                self.check_copy(&node)?;
                self.finish(node, 0)?;
            }
            _ => {}
        }
        Ok(())
    }

    fn start(&mut self, data: Data, place: Place, anchor: usize) -> Result<(), Stop> {
        if self.open.len() >= self.budget.depth {
            return self.stop_at(place, "the input nests deeper", self.budget.depth, DEPTH);
        }
        if let Some(Open { node: Node { data: Data::Map(_), .. }, key: None, .. }) =
            self.open.last()
        {
            self.complex_key(place);
            return Err(Stop);
        }
        let node = Node { data, place };
        let keys = BTreeMap::new();
        let merges = Vec::new();
        self.open.push(Open { node, keys, key: None, merging: false, merges, anchor });
        Ok(())
    }

    /// Puts a finished value where it belongs: the key or value of the open mapping, the next item
    /// of the open sequence, or a document of its own.
    fn finish(&mut self, node: Node, anchor: usize) -> Result<(), Stop> {
        if anchor != 0 {
            self.check_copy(&node)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
            if self.documents.len() >= self.budget.documents {
                let problem = "the input has more documents";
                return self.stop_at(node.place, problem, self.budget.documents, DOCUMENTS);
            }
            if !node.is_null() {
                self.documents.push(node);
            }
            return Ok(());
        };
        match (&mut parent.node.data, parent.key.take()) {
            (Data::List(items), _) => items.push(node),
            (Data::Map(entries), Some(key)) => {
                if parent.merging {
                    if !is_mergeable(&node) {
                        self.errors.push(
                            Diagnostic::new(
                                &code::YAML_SYNTAX,
                                "the merge key `<<` takes a mapping, or a list of mappings",
                                "name the mapping to merge, or quote the key if it is meant as text",
                            )
                            .at(node.place, "cannot be merged"),
                        );
                    }
                    parent.merges.push(node);
                } else {
                    entries.push((key, node));
                }
            }
            (_, None) => {
                let Data::Scalar { text, plain } = node.data else {
                    self.complex_key(node.place);
                    return Err(Stop);
                };
                parent.merging = plain && text == "<<";
                if let Some(first) = parent.keys.insert(text.clone(), node.place) {
                    let twice = format!("the key `{text}` is written twice in one mapping");
                    let help = "keep one of the two; readers disagree on which one counts";
                    self.errors.push(
                        Diagnostic::new(&code::DUPLICATE_KEY, twice, help)
                            .at(node.place, "written again here")
                            .also(first, "first written here"),
                    );
                }
                parent.key = Some(Key { text, place: node.place });
            }
            (Data::Scalar { .. }, Some(_)) => {}
        }
        Ok(())
    }

    fn complex_key(&mut self, place: Place) {
        self.errors.push(
            Diagnostic::new(
                &code::YAML_SYNTAX,
                "a mapping key is a collection",
                "Kubernetes objects have string keys only; if this was meant as a template \
                 (`{{ … }}`), render it before anabranch reads it",
            )
            .at(place, "expected a string"),
        );
    }

    fn tag(&mut self, place: Place, tag: &str) {
        self.errors.push(
            Diagnostic::new(
                &code::YAML_SYNTAX,
                format!("the tag `!{tag}` gives a value a meaning that Kubernetes has no type for"),
                "remove the tag and quote the value if it is a string",
            )
            .at(place, "tagged value"),
        );
    }

    fn stop_at(
        &mut self,
        place: Place,
        problem: &str,
        limit: usize,
        flag: &str,
    ) -> Result<(), Stop> {
        self.over_limit(place, problem, limit, flag);
        Err(Stop)
    }

    fn over_limit(&mut self, place: Place, problem: &str, limit: usize, flag: &str) {
        let message = format!("{problem} than the limit of {limit}");
        let finding = Diagnostic::new(&code::INPUT_LIMIT, message, raise(flag));
        self.errors.push(finding.at(place, "limit reached here"));
    }

    fn syntax(&mut self, text: &str, error: &ScanError) {
        let marker = error.marker();
        let at = marker.byte_offset().unwrap_or(text.len()).min(text.len());
        // A scalar that runs into a tab is reported where it begins; people look for the tab.
        let at = match error.kind() {
            ErrorKind::TabInPlainScalar => text[at..].find('\t').map_or(at, |tab| at + tab),
            _ => at,
        };
        let place = Place::new(self.file, self.offset + at, self.offset + at);
        if matches!(error.kind(), ErrorKind::RecursionLimitExceeded) {
            self.over_limit(place, "the input nests deeper", self.budget.depth, DEPTH);
            return;
        }
        let help = match error.kind() {
            ErrorKind::TabInBlockIndentation
            | ErrorKind::TabInIndentation
            | ErrorKind::TabInPlainScalar
            | ErrorKind::TabNotAllowed => "indent with spaces: YAML allows no tabs there",
            ErrorKind::UnclosedFlowCollection { .. } | ErrorKind::UnclosedQuotedScalar => {
                "close what is opened here; if the text ends early, the file is not complete"
            }
            kind if at >= text.trim_end().len() && !matches!(kind, ErrorKind::UnknownAnchor) => {
                "the text ends in the middle of a value: check that the file is complete"
            }
            _ => "mend the YAML at this place",
        };
        let message = format!("this is not YAML: {}", error.info());
        self.errors.push(Diagnostic::new(&code::YAML_SYNTAX, message, help).at(place, "here"));
    }

    fn place(&self, span: &Span) -> Place {
        let start = span.start.byte_offset().unwrap_or(0);
        let end = span.end.byte_offset().unwrap_or(start);
        Place::new(self.file, self.offset + start, self.offset + end)
    }
}

fn is_mergeable(node: &Node) -> bool {
    let is_map = |node: &Node| matches!(node.data, Data::Map(_));
    match &node.data {
        Data::List(items) => items.iter().all(is_map),
        _ => is_map(node),
    }
}

/// Applies merge keys (`<<`): what the mapping itself has wins, then the earlier merge.
/// See <https://yaml.org/type/merge.html>.
fn merge(node: &mut Node, merges: Vec<Node>) {
    let Data::Map(entries) = &mut node.data else {
        return;
    };
    let mut present: BTreeSet<SmolStr> = entries.iter().map(|(key, _)| key.text.clone()).collect();
    for merged in merges {
        let maps = match merged.data {
            Data::List(items) => items,
            _ => vec![merged],
        };
        for map in maps {
            let Data::Map(more) = map.data else { continue };
            for (key, value) in more {
                if present.insert(key.text.clone()) {
                    entries.push((key, value));
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Vec<Node>, Vec<Diagnostic>> {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text);
        parse_documents(&sources, file, &Budget::default())
    }

    fn first_code(text: &str) -> &'static str {
        read(text).expect_err("the text is wrong")[0].code.id
    }

    #[test]
    fn documents_keep_order_text_and_quoting() {
        let documents = read("b: 0444\na: '1'\n---\n# nothing\n---\n- x\n").expect("valid");
        assert_eq!(documents.len(), 2);
        assert_eq!(documents[0].entries()[0].0.text, "b");
        assert_eq!(documents[0].text_at(&["b"]), Some("0444"));
        assert_eq!(documents[0].to_json(), serde_json::json!({"b": 292, "a": "1"}));
    }

    /// What the conforming parser alone makes of a text; none where it finds a mistake.
    fn parsed(text: &str) -> Option<Vec<Node>> {
        let mut builder = Builder::new(FileId::default(), Budget::default());
        let _ = builder.parse(text, 0);
        builder.errors.is_empty().then_some(builder.documents)
    }

    /// Whether every document was read without the parser; what comes out must be the parser's.
    fn is_read_alike(text: &str) -> bool {
        let mut all = true;
        for (offset, document) in documents(text) {
            let body = without_marker(document).unwrap_or("{");
            let start = offset + document.len() - body.len();
            let Some(quick) = quick::read(body, FileId::default(), start, 96) else {
                all = false;
                continue;
            };
            // The same places need the same text in front.
            let alone = " ".repeat(start).replace("  ", "#\n") + body;
            let alone = if start % 2 == 1 { alone.replacen(' ', "\n", 1) } else { alone };
            let parsed = parsed(&alone);
            let quick: Vec<Node> = quick.node.into_iter().collect();
            let parsed = parsed.map(|nodes| format!("{nodes:#?}")).unwrap_or_default();
            let quick = format!("{quick:#?}");
            let first = quick.lines().zip(parsed.lines()).position(|(a, b)| a != b);
            let around = |text: &str| {
                let from = first.unwrap_or_default().saturating_sub(9);
                text.lines().skip(from).take(14).collect::<Vec<_>>().join(
                    "
",
                )
            };
            assert!(
                quick == parsed,
                "{body}
read: {}
parsed: {}",
                around(&quick),
                around(&parsed)
            );
        }
        all
    }

    #[test]
    fn plain_yaml_is_read_as_the_parser_reads_it() {
        for text in [
            "a: 1 # c\nb:\n  c: x\n  d:\n  # hi\n\n  e: 'y'\nf:\n- g: 1\n  h: \"z\"\n-\n- - k\n  - l\n# end\ni: |\n  lit\n  two\n\nj: {}\nk: []\nl:\n\n\nm: x",
            "a:\n  - b\n  -   c: d\n      e: f\n  - - - g\n",
            "a: |-\n    x\n      y\n\n    z\n\n\nb: |+\n  x\n\n\nc: |\n  # no comment\n  - x\n",
            "- a\n- b: c\n-\n  d: e\n-\n  - f\n- |\n  g\n- ''\n- \"\"\n- 'it''s'\n",
            "---\na: b\n---\n# nothing\n---\n- c\n--- \nd: e\n",
            "image: registry:5000/a/b:c@sha256:0\nurl: http://x:80/y#z\ntime: 12:30:45\nneg: -1\nstar: a*b\n\"q k\": v\n'r': w\n",
            "\n\n# only\n# comments\n",
            "a:\nb:\n- c\nd:\n  - e:\n    - f\n",
            "ä: ö\n",
            "a: ö\n",
        ] {
            is_read_alike(text);
        }
        assert!(is_read_alike("a: 1\nb:\n- c: d\n  e: |\n    f\n  g: {}\n---\nh: \"i\" # j\n"));
    }

    #[test]
    fn mutilated_yaml_is_read_as_the_parser_reads_it_or_left_to_it() {
        let seed = "apiVersion: v1\nkind: List\nmetadata:\n  name: 'x'\n  labels: {}\nitems:\n- a: |\n    one\n     two\n\n  b:\n    - c: \"d\" # e\n      f: []\n    -   - g\n        - h: -1\n  i:\n# k\n- l: http://m:80\n  'n': \"\"\n-\n- o\n";
        let pieces = [
            "\n", " ", "  ", "-", "- ", ": ", ":", "#", " #", "'", "\"", "|", "a", "|-\n", "---\n",
            "[]", "{}", "''", "~", "\\", ">", "?", "\t", ",",
        ];
        let mut state = 0x2545_f491_4f6c_dd1d_u64;
        let mut random = move |below: usize| {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            usize::try_from(state % below as u64).expect("below fits")
        };
        let mut quick = 0;
        for _ in 0..5_000 {
            let mut text = seed.to_owned();
            for _ in 0..=random(3) {
                let from = random(text.len());
                let to = (from + random(4)).min(text.len());
                text.replace_range(
                    from..to,
                    if random(3) == 0 { "" } else { pieces[random(pieces.len())] },
                );
            }
            quick += usize::from(is_read_alike(&text));
        }
        assert!((500..3_000).contains(&quick), "{quick} were read without the parser");
    }

    #[test]
    fn aliases_and_merge_keys_are_expanded() {
        let documents = read("a: &x {k: 1, l: 2}\nb: {<<: *x, k: 3}\nc: *x\n").expect("valid");
        assert_eq!(
            documents[0].to_json(),
            serde_json::json!({"a": {"k": 1, "l": 2}, "b": {"k": 3, "l": 2}, "c": {"k": 1, "l": 2}})
        );
    }

    #[test]
    fn a_quoted_merge_key_is_a_key() {
        for text in ["\"<<\": 1\n", "{\"<<\": 1}\n", "!!str <<: 1\n"] {
            let documents = read(text).expect("valid");
            assert_eq!(documents[0].to_json(), serde_json::json!({"<<": 1}), "{text}");
        }
    }

    #[test]
    fn bad_texts_are_refused_with_their_code() {
        assert_eq!(first_code("a: 1\na: 2\n"), "duplicate-key");
        assert_eq!(first_code("a: {b: 1, b: 2}\n"), "duplicate-key");
        assert_eq!(first_code("a:\n\tb: 1\n"), "yaml-syntax");
        assert_eq!(first_code("a: {b: "), "yaml-syntax");
        assert_eq!(first_code("a: *nobody\n"), "yaml-syntax");
        assert_eq!(first_code("a: !!binary aGk=\n"), "yaml-syntax");
        assert_eq!(first_code("{{ .Values.x }}: y\n"), "yaml-syntax");
        assert_eq!(first_code("<<: lost\n"), "yaml-syntax");
        assert_eq!(first_code("<<: [{a: 1}, lost]\n"), "yaml-syntax");
        assert_eq!(first_code(&"[".repeat(10_000)), "input-limit");
        assert_eq!(first_code(&"{a: ".repeat(10_000)), "input-limit");
        assert_eq!(first_code(&"- ".repeat(10_000)), "input-limit");
        let deep: String = (0..10_000).map(|level| format!("{}a:\n", " ".repeat(level))).collect();
        assert_eq!(first_code(&deep), "input-limit");
    }

    #[test]
    fn a_text_is_read_up_to_its_hundredth_mistake() {
        let found = read(&"a: 1\n".repeat(1_000)).expect_err("the text is wrong");
        assert_eq!(found.len(), 101);
        assert!(found[100].message.contains("the rest was not read"), "{}", found[100].message);
        assert_eq!(read(&"a: 1\n".repeat(100)).expect_err("wrong").len(), 99);
    }

    #[test]
    fn an_alias_bomb_ends_in_an_error() {
        let mut bomb = "a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n".to_owned();
        for level in 1..12 {
            let items = format!("*a{}, ", level - 1).repeat(10);
            bomb.push_str(&format!("a{level}: &a{level} [{}]\n", items.trim_end_matches(", ")));
        }
        assert_eq!(first_code(&bomb), "input-limit");
    }
}
