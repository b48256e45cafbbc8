//! Builds trees from events, without recursion.
//!
//! Aliases and merge keys are expanded, and each expansion is charged to the limits, so that an alias bomb ends in an
//! error. Errors are also duplicate keys, tags with a meaning of their own, and keys that kubectl does not read as
//! written.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use super::events::{Event, Events, Happened};
use super::tokens::Mistake;
use super::{Piece, quick, tags, without_marker};
use crate::diagnostic::{Diagnostic, FileId, Place, Problem, code};
use crate::limits::{InputLimits, flag, over_limit};
use crate::yaml::node::{Data, Key, Node};
use crate::yaml::scalar::{self, MERGE};

/// After this many mistakes the rest of a text is not read: more than anybody corrects at once.
const MISTAKES: usize = 100;

/// Stops reading; the error is already recorded.
pub(super) struct Stop;

/// A collection being filled.
struct Open {
    node: Node,
    keys: BTreeMap<SmolStr, Place>,
    key: Option<Key>,
    /// Whether the key is a merge key.
    merging: bool,
    /// The merged values, each with the number of entries before it.
    merges: Vec<(usize, Node)>,
    anchor: Option<SmolStr>,
}

/// Builds documents from events.
pub(super) struct Builder {
    file: FileId,
    /// The start of the current document in its file.
    offset: usize,
    limits: InputLimits,
    /// The documents that are not empty.
    pub(super) documents: Vec<Node>,
    /// The number of documents, including empty ones.
    seen: usize,
    open: Vec<Open>,
    anchors: BTreeMap<SmolStr, Node>,
    pub(super) nodes: usize,
    alias_nodes: usize,
    pub(super) errors: Vec<Diagnostic>,
}

impl Builder {
    pub(super) fn new(file: FileId, limits: InputLimits) -> Self {
        Self {
            file,
            offset: 0,
            limits,
            documents: Vec::new(),
            seen: 0,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            alias_nodes: 0,
            errors: Vec::new(),
        }
    }

    /// Reads one document.
    pub(super) fn read(&mut self, piece: &Piece<'_>) -> Result<(), Stop> {
        if let Some(at) = piece.wrong {
            let mistake = Mistake::new(at, "something follows `---` on its line")
                .help("put nothing but a comment behind `---`, and the document below it");
            self.offset = 0;
            self.syntax(&mistake);
            return Err(Stop);
        }
        let body = without_marker(piece.text);
        let start = piece.offset + piece.text.len() - body.map_or(0, str::len);
        let quick = body.and_then(|body| quick::read(body, self.file, start, &self.limits));
        let Some(quick) = quick else {
            return self.parse(piece.text, piece.offset);
        };
        self.nodes += quick.nodes;
        let empty = Place::new(self.file, start, start);
        let place = quick.node.as_ref().map_or(empty, |node| node.place);
        self.check_nodes(place)?;
        self.count_document(place)?;
        quick.node.map_or(Ok(()), |node| self.finish(node, None))
    }

    /// Reads a document with the conforming parser.
    pub(super) fn parse(&mut self, text: &str, offset: usize) -> Result<(), Stop> {
        self.offset = offset;
        self.anchors.clear();
        self.count_document(self.place(0, 0))?;
        if let Some((at, c)) = text.char_indices().find(|(_, c)| !is_allowed(*c)) {
            self.control(self.place(at, at + c.len_utf8()), c);
            return Err(Stop);
        }
        // kubectl reads a text that begins with a brace as JSON.
        let json = text.trim_start().starts_with('{');
        if let Some(at) = text.find(YAML_BREAKS).filter(|_| json) {
            let mistake = Mistake::new(at, "a line breaks here for kustomize, but not for kubectl")
                .help("write the character as an escape: \\u0085, \\u2028 or \\u2029");
            self.syntax(&mistake);
            return Err(Stop);
        }
        let mut events = Events::new(text);
        loop {
            match events.next() {
                Ok(Happened { event: Event::End, .. }) => return Ok(()),
                Ok(happened) => {
                    let place = self.place(happened.start, happened.end);
                    self.event(happened, place)?;
                    self.check_mistakes(place)?;
                }
                Err(mistake) => {
                    let template = template_at(text, mistake.at);
                    self.syntax(&template.unwrap_or(mistake));
                    return Err(Stop);
                }
            }
        }
    }

    fn check_nodes(&mut self, place: Place) -> Result<(), Stop> {
        if self.nodes > self.limits.nodes {
            return self.stop_at(place, "the input has more nodes", self.limits.nodes, flag::NODES);
        }
        Ok(())
    }

    /// Counts a document, also an empty one, as each takes time.
    fn count_document(&mut self, place: Place) -> Result<(), Stop> {
        self.seen += 1;
        if self.seen > self.limits.documents {
            let problem = "the input has more documents";
            return self.stop_at(place, problem, self.limits.documents, flag::DOCUMENTS);
        }
        Ok(())
    }

    /// Charges a copy of an anchored value before it is made, also to the nodes of the whole run.
    fn check_copy(&mut self, weight: usize, place: Place) -> Result<(), Stop> {
        self.alias_nodes += weight;
        self.nodes += weight;
        if self.alias_nodes > self.limits.alias_nodes {
            let problem = "anchors and aliases make more nodes";
            return self.stop_at(place, problem, self.limits.alias_nodes, flag::ALIAS_NODES);
        }
        self.check_nodes(place)
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

    fn wrong(&mut self, problem: Problem, place: Place, label: &str) {
        let error = Diagnostic::new(&code::YAML_SYNTAX, problem.message, problem.help);
        self.errors.push(error.at(place, label));
    }

    fn event(&mut self, happened: Happened<'_>, place: Place) -> Result<(), Stop> {
        let Happened { event, anchor, tag, .. } = happened;
        let anchor = anchor.map(SmolStr::new);
        if anchor.is_some() {
            // Within a value that has this name, the name passes to the inner one.
            self.open
                .iter_mut()
                .filter(|open| open.anchor == anchor)
                .for_each(|open| open.anchor = None);
        }
        if !matches!(event, Event::ListEnd | Event::MapEnd | Event::End) {
            self.nodes += 1;
            self.check_nodes(place)?;
        }
        match event {
            Event::Scalar { text, plain } => {
                if plain && tag.is_none() && scalar::is_no_json(&text) && !self.is_at_key() {
                    self.wrong(tags::infinite(&text), place, "this value");
                }
                let data = tags::scalar(tag, text, plain).unwrap_or_else(|mistake| {
                    self.wrong(mistake, place, "tagged value");
                    Data::Scalar { text: SmolStr::default(), plain: false }
                });
                // The text that a tag decodes can contain the character too.
                if let Data::Scalar { text, .. } = &data
                    && let Some(lost) = text.chars().find(|&c| is_lost(c))
                {
                    self.control(place, lost);
                }
                self.finish(Node { data, place }, anchor)?;
            }
            Event::ListStart | Event::MapStart => {
                let list = matches!(event, Event::ListStart);
                if let Some(tag) = tag.filter(|tag| !tags::is_collection(*tag, list)) {
                    self.wrong(tags::unknown(tag), place, "tagged value");
                }
                let data = if list { Data::List(Vec::new()) } else { Data::Map(Vec::new()) };
                self.start(data, place, anchor)?;
            }
            Event::ListEnd | Event::MapEnd => {
                if let Some(mut closed) = self.open.pop() {
                    closed.node.place = closed.node.place.until(place);
                    self.merge(&mut closed.node, closed.merges);
                    closed.node.shrink();
                    self.finish(closed.node, closed.anchor)?;
                }
            }
            Event::Alias(name) => {
                let mut node = self.anchored(name, place)?;
                node.place = place;
                self.finish(node, None)?;
            }
            Event::End => {}
        }
        Ok(())
    }

    /// Whether the next value is a key.
    fn is_at_key(&self) -> bool {
        let open = self.open.last().filter(|open| open.key.is_none());
        open.is_some_and(|open| matches!(open.node.data, Data::Map(_)))
    }

    /// A copy of the value that an alias stands for.
    fn anchored(&mut self, name: &str, place: Place) -> Result<Node, Stop> {
        let is_inside = self.open.iter().any(|open| open.anchor.as_deref() == Some(name));
        let weight = self.anchors.get(name).filter(|_| !is_inside).map(Node::weight);
        if let Some(weight) = weight {
            self.check_copy(weight, place)?;
            return Ok(self.anchors[name].clone());
        }
        let (message, help) = if is_inside {
            (
                "an alias refers to the value it stands in",
                "write the value out instead of the alias",
            )
        } else {
            (
                "nothing in this document has the anchor that the alias names",
                "set the anchor before the alias, or quote the value if it is text that begins with `*`",
            )
        };
        self.errors
            .push(Diagnostic::new(&code::YAML_SYNTAX, message, help).at(place, "this alias"));
        Err(Stop)
    }

    fn start(&mut self, data: Data, place: Place, anchor: Option<SmolStr>) -> Result<(), Stop> {
        if self.open.len() >= self.limits.depth {
            return self.stop_at(place, "the input nests deeper", self.limits.depth, flag::DEPTH);
        }
        if self.is_at_key() {
            self.complex_key(place);
            return Err(Stop);
        }
        let node = Node { data, place };
        let keys = BTreeMap::new();
        let merges = Vec::new();
        self.open.push(Open { node, keys, key: None, merging: false, merges, anchor });
        Ok(())
    }

    /// Adds a finished value to what is open: as the key or a value of a mapping, as an item of a sequence, or as a
    /// document.
    fn finish(&mut self, node: Node, anchor: Option<SmolStr>) -> Result<(), Stop> {
        if let Some(anchor) = anchor {
            self.check_copy(node.weight(), node.place)?;
            self.anchors.insert(anchor, node.clone());
        }
        let Some(parent) = self.open.last_mut() else {
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
                    parent.merges.push((entries.len(), node));
                } else {
                    entries.push((key, node));
                }
            }
            (_, None) => {
                let Data::Scalar { text, plain } = node.data else {
                    self.complex_key(node.place);
                    return Err(Stop);
                };
                parent.merging = plain && text == MERGE;
                self.errors.extend(odd_key(&text, plain, node.place));
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

    /// Applies merge keys (`<<`): the mapping's own keys win, then the earlier merge.
    /// See <https://yaml.org/type/merge.html>. For kubectl, keys above a merge key do not win.
    fn merge(&mut self, node: &mut Node, merges: Vec<(usize, Node)>) {
        let Data::Map(entries) = &mut node.data else {
            return;
        };
        let written = entries.len();
        let mut present: BTreeMap<SmolStr, usize> = BTreeMap::new();
        for (index, (key, _)) in entries.iter().enumerate().filter(|_| !merges.is_empty()) {
            present.insert(key.text.clone(), index);
        }
        for (above, merged) in merges {
            let maps = match merged.data {
                Data::List(items) => items,
                _ => vec![merged],
            };
            for (key, value) in maps.into_iter().flat_map(|map| match map.data {
                Data::Map(entries) => entries,
                _ => Vec::new(),
            }) {
                let Some(&index) = present.get(&key.text) else {
                    present.insert(key.text.clone(), entries.len());
                    entries.push((key, value));
                    continue;
                };
                let (written_key, written_value) = &entries[index];
                if index < above.min(written) && *written_value != value {
                    let text = &written_key.text;
                    let message = format!(
                        "`<<` below the key `{text}` has another value for it, which kubectl takes, and kustomize not"
                    );
                    let help = "put `<<` above the keys that shall win";
                    let finding = Diagnostic::new(&code::YAML_SYNTAX, message, help);
                    self.errors.push(finding.at(written_key.place, "written here"));
                }
            }
        }
    }

    fn control(&mut self, place: Place, character: char) {
        let message = format!(
            "the character U+{:04X} does not survive kustomize, which Flux runs",
            u32::from(character)
        );
        let help = "leave the character out, or keep such data as base64";
        self.errors.push(Diagnostic::new(&code::YAML_SYNTAX, message, help).at(place, "in here"));
    }

    fn stop_at(
        &mut self,
        place: Place,
        problem: &str,
        limit: usize,
        flag: &'static str,
    ) -> Result<(), Stop> {
        self.errors.push(over_limit(place, problem, limit, flag));
        Err(Stop)
    }

    fn syntax(&mut self, mistake: &Mistake) {
        let message = format!("this is not YAML: {}", mistake.problem);
        let finding = Diagnostic::new(&code::YAML_SYNTAX, message, mistake.help);
        self.errors.push(finding.at(self.place(mistake.at, mistake.at), "here"));
    }

    fn place(&self, start: usize, end: usize) -> Place {
        Place::new(self.file, self.offset + start, self.offset + end)
    }
}

/// The mistake of a value such as `{preview}.example.com` on this line: to YAML a mapping, followed by something that
/// cannot follow one.
fn template_at(text: &str, at: usize) -> Option<Mistake> {
    let at = text.floor_char_boundary(at);
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let line = text[start..].lines().next().unwrap_or_default();
    let is_template = |&(brace, _): &(usize, &str)| {
        let begins_value = line[..brace].ends_with([' ', '[', ',']);
        let behind = line[brace + 1..].trim_start_matches(|c: char| c.is_ascii_alphanumeric());
        let rest = behind.strip_prefix('}').unwrap_or_default();
        begins_value && !rest.is_empty() && !rest.starts_with([' ', ',', '}', ']', '\t', '\r'])
    };
    let (brace, _) = line.match_indices('{').find(is_template)?;
    let problem = "a value that begins with a brace is a mapping, and something follows this one";
    let help = "put the whole value into quotes";
    Some(Mistake::new(start + brace, problem).help(help))
}

/// Line breaks of YAML 1.1 that are not in JSON.
const YAML_BREAKS: [char; 3] = ['\u{85}', '\u{2028}', '\u{2029}'];

/// Whether go-yaml accepts a character unescaped.
fn is_allowed(c: char) -> bool {
    matches!(c, '\t' | '\n' | '\r' | ' '..='~' | '\u{85}' | '\u{a0}'..='\u{fffd}' | '\u{10000}'..)
}

/// Whether kustomize writes a character in a way that it cannot read itself. A text can contain such characters only
/// as escapes.
fn is_lost(c: char) -> bool {
    matches!(c, '\u{7f}'..='\u{9f}' | '\u{fffe}' | '\u{ffff}')
}

/// The finding about a key that readers change or lose.
fn odd_key(text: &str, plain: bool, place: Place) -> Option<Diagnostic> {
    let (message, help, label) = match plain {
        true if !scalar::is_key(text) => (
            format!("kubectl and kustomize read the key `{text}` as different texts"),
            format!("put it in quotes: \"{text}\""),
            "read as another key",
        ),
        false if text == MERGE => (
            "kustomize, which Flux runs, loses the key `<<`, in quotes as well".to_owned(),
            "rename the key, or leave the quotes out if it is to merge a mapping".to_owned(),
            "lost on the way",
        ),
        _ => return None,
    };
    Some(Diagnostic::new(&code::YAML_SYNTAX, message, help).at(place, label))
}

fn is_mergeable(node: &Node) -> bool {
    let is_map = |node: &Node| matches!(node.data, Data::Map(_));
    match &node.data {
        Data::List(items) => items.iter().all(is_map),
        _ => is_map(node),
    }
}
