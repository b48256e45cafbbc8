//! Trees from granit-parser's events, without recursion.
//!
//! Aliases and merge keys are expanded, each expansion counted against the budget, so an alias bomb
//! ends in an error and not in memory. A duplicate key, a tag with a meaning of its own, and a key that
//! is no scalar are errors.

use std::collections::{BTreeMap, BTreeSet};

use granit_parser::{ErrorKind, Event, Parser, ScalarStyle, ScanError, Span};
use smol_str::SmolStr;

use super::{Budget, quick, without_marker};
use crate::diagnostic::{Diagnostic, FileId, Place, code};
use crate::limits::{ALIASES, DEPTH, DOCUMENTS, NODES, over_limit};
use crate::yaml::node::{Data, Key, Node};

/// Mistakes of one text after which the rest of it is not read: more than anybody mends at once.
const MISTAKES: usize = 100;

/// The run stops here: the error is already recorded.
pub(super) struct Stop;

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

/// Documents as they come out of events.
pub(super) struct Builder {
    file: FileId,
    /// Where the document that is read begins in its file.
    offset: usize,
    budget: Budget,
    /// Those that are not empty.
    pub(super) documents: Vec<Node>,
    /// How many documents there were, with the empty ones.
    seen: usize,
    open: Vec<Open>,
    anchors: BTreeMap<usize, Node>,
    pub(super) nodes: usize,
    alias_nodes: usize,
    pub(super) errors: Vec<Diagnostic>,
}

impl Builder {
    pub(super) fn new(file: FileId, budget: Budget) -> Self {
        Self {
            file,
            offset: 0,
            budget,
            documents: Vec::new(),
            seen: 0,
            open: Vec::new(),
            anchors: BTreeMap::new(),
            nodes: 0,
            alias_nodes: 0,
            errors: Vec::new(),
        }
    }

    /// Reads one document, or a text that could not be cut into documents.
    pub(super) fn read(&mut self, text: &str, offset: usize) -> Result<(), Stop> {
        if let Some(body) = without_marker(text) {
            let start = offset + text.len() - body.len();
            if let Some(quick) = quick::read(body, self.file, start, &self.budget) {
                self.nodes += quick.nodes;
                let empty = Place::new(self.file, start, start);
                let place = quick.node.as_ref().map_or(empty, |node| node.place);
                self.check_nodes(place)?;
                self.count_document(place)?;
                return quick.node.map_or(Ok(()), |node| self.finish(node, 0));
            }
        }
        self.parse(text, offset)
    }

    /// Reads a text with the conforming parser.
    pub(super) fn parse(&mut self, text: &str, offset: usize) -> Result<(), Stop> {
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

    /// Counts a document, empty ones too: each of them takes time.
    fn count_document(&mut self, place: Place) -> Result<(), Stop> {
        self.seen += 1;
        if self.seen > self.budget.documents {
            let problem = "the input has more documents";
            return self.stop_at(place, problem, self.budget.documents, DOCUMENTS);
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
            Event::DocumentStart(..) => {
                self.anchors.clear();
                self.count_document(place)?;
            }
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
        self.errors.push(over_limit(place, problem, limit, flag));
        Err(Stop)
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
            let limit = self.budget.depth;
            self.errors.push(over_limit(place, "the input nests deeper", limit, DEPTH));
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
