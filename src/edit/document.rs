//! A text and its tree, edited together.
//!
//! An edit is a splice of byte ranges that the tree's places name; all other bytes stay. The new text
//! is parsed again and must mean exactly what was asked for, so a text that this file does not
//! understand ends in a refusal and never in a damaged file.

use std::ops::Range;

use crate::diagnostic::{Diagnostic, Sources, code};
use crate::yaml::scalar::is_safe_plain;
use crate::yaml::{Budget, Data, Node, parse_documents, write_item};

/// How far a sequence stands to the right of its key, where the text shows no example.
const LIST_INDENT: usize = 2;

/// One YAML document. Text and tree always mean the same.
#[derive(Debug)]
pub(super) struct Document {
    text: String,
    node: Node,
}

/// A range of the text, and what takes its place.
type Splice = (Range<usize>, String);

impl Document {
    /// The document of a text that was read; `node` is its tree.
    pub(super) fn new(text: &str, node: &Node) -> Self {
        Self { text: text.to_owned(), node: node.clone() }
    }

    pub(super) fn node(&self) -> &Node {
        &self.node
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Replaces a string, in the quotes it stands in.
    pub(super) fn replace(&mut self, path: &str, value: &str) -> Result<(), Diagnostic> {
        let node = self.at(path)?;
        let quoted = |quote: char| self.text[node.place.range()].starts_with(quote);
        let text = match value {
            _ if quoted('\'') => format!("'{}'", value.replace('\'', "''")),
            _ if quoted('"') => json(value),
            _ => scalar(value),
        };
        self.apply(path, vec![(node.place.range(), text)], |node| {
            *node = Node::string(value);
        })
    }

    /// Adds a key at the end of a mapping.
    pub(super) fn add_key(&mut self, path: &str, key: &str, value: Node) -> Result<(), Diagnostic> {
        let map = self.at(path)?;
        let Some((first, _)) = map.entries().first() else {
            return Err(self.refuse(path));
        };
        let end = self.content_end(map);
        let entry = Node::map([(key, value.clone())]);
        let splice = if self.is_flow(map) {
            let last = map.entries().last().map_or(end, |(_, value)| self.content_end(value));
            (last..last, format!(", {key}: {}", flow(&value)))
        } else {
            let indent = self.column(first.place.range().start);
            self.new_lines(self.line_end(end), &self.block(&entry, indent, false))
        };
        self.apply(path, vec![splice], |node| node.set(key, value))
    }

    /// Adds an item to a sequence, before the one that has this index now.
    pub(super) fn insert(
        &mut self,
        path: &str,
        index: usize,
        item: Node,
    ) -> Result<(), Diagnostic> {
        let list = self.at(path)?;
        let items = list.items();
        let splices = if items.is_empty() {
            self.first_item(path, list, &item)?
        } else if self.is_flow(list) {
            vec![match items.get(index) {
                Some(next) => {
                    let at = next.place.range().start;
                    (at..at, format!("{}, ", flow(&item)))
                }
                None => {
                    let at = self.content_end(&items[items.len() - 1]);
                    (at..at, format!(", {}", flow(&item)))
                }
            }]
        } else {
            let at = match items.get(index) {
                Some(next) => self.lines_of(next).start,
                None => self.lines_of(&items[items.len() - 1]).end,
            };
            let indent = self.column(self.dash(&items[0]));
            vec![self.new_lines(at, &self.block(&item, indent, true))]
        };
        self.apply(path, splices, |node| match &mut node.data {
            Data::List(items) => items.insert(index.min(items.len()), item),
            other => *other = Data::List(vec![item]),
        })
    }

    /// Removes items of a sequence, by their indices in order, with the comments that stand directly above
    /// them.
    pub(super) fn remove(&mut self, path: &str, goes: &[usize]) -> Result<(), Diagnostic> {
        if goes.is_empty() {
            return Ok(());
        }
        let list = self.at(path)?;
        let items = list.items();
        let mut splices = Vec::new();
        if self.is_flow(list) {
            let stays = |index: &usize| goes.binary_search(index).is_err();
            let last = (0..items.len()).rev().find(stays);
            let start = |index: usize| items[index].place.range().start;
            let (before, behind) = goes.split_at(goes.partition_point(|&index| Some(index) < last));
            splices.extend(
                before.iter().map(|&index| (start(index)..start(index + 1), String::new())),
            );
            if !behind.is_empty() {
                let from = last.map_or(start(0), |last| self.content_end(&items[last]));
                splices.push((from..self.content_end(&items[items.len() - 1]), String::new()));
            }
        } else {
            if items.len() == goes.len() {
                let colon = self.colon(path)?;
                splices.push((colon..colon, " []".to_owned()));
            }
            splices.extend(goes.iter().map(|&index| (self.lines_of(&items[index]), String::new())));
        }
        self.apply(path, splices, |node| {
            if let Data::List(items) = &mut node.data {
                let mut index = 0;
                items.retain(|_| {
                    index += 1;
                    goes.binary_search(&(index - 1)).is_err()
                });
            }
        })
    }

    /// The first item of a sequence that is empty, or null.
    fn first_item(&self, path: &str, list: &Node, item: &Node) -> Result<Vec<Splice>, Diagnostic> {
        let range = list.place.range();
        let (parent, _) = self.parent(path)?;
        if self.is_flow(parent) {
            let text = format!("[{}]", flow(item));
            return Ok(vec![(range, text)]);
        }
        let colon = self.colon(path)?;
        let indent = self.column(self.key_start(path)?) + self.list_indent();
        let lines =
            self.new_lines(self.line_end(range.end.max(colon)), &self.block(item, indent, true));
        Ok(vec![(colon..range.end.max(colon), String::new()), lines])
    }

    /// Splices, parses, and compares with what was asked for.
    fn apply(
        &mut self,
        path: &str,
        mut splices: Vec<Splice>,
        change: impl FnOnce(&mut Node),
    ) -> Result<(), Diagnostic> {
        splices.sort_by_key(|(range, _)| range.start);
        let (mut text, mut from) = (String::with_capacity(self.text.len()), 0);
        for (range, new) in splices {
            text.push_str(&self.text[from..range.start.max(from)]);
            text.push_str(&new);
            from = range.end.max(from);
        }
        text.push_str(&self.text[from..]);
        let mut wanted = self.node.clone();
        if let Some(node) = wanted.at_path_mut(path) {
            change(node);
        }
        let mut sources = Sources::default();
        let file = sources.add("", text.as_str());
        let found = parse_documents(&sources, file, &Budget::default()).unwrap_or_default();
        match <[Node; 1]>::try_from(found) {
            Ok([node]) if node == wanted => {
                *self = Self { text, node };
                Ok(())
            }
            _ => Err(self.refuse(path)),
        }
    }

    fn refuse(&self, path: &str) -> Diagnostic {
        let message = format!("{path} is written in a way that cannot be edited in place");
        let help = "write it in block style, without anchors and aliases, or edit it by hand";
        let node = self.node.at_path(path).unwrap_or(&self.node);
        Diagnostic::new(&code::EDIT_REFUSED, message, help).at(node.place, "nothing was changed")
    }

    fn at(&self, path: &str) -> Result<&Node, Diagnostic> {
        self.node.at_path(path).ok_or_else(|| self.refuse(path))
    }

    /// The mapping around a path's last key, and that key.
    fn parent<'a>(&'a self, path: &'a str) -> Result<(&'a Node, &'a str), Diagnostic> {
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        Ok((self.at(parent)?, key))
    }

    fn key_start(&self, path: &str) -> Result<usize, Diagnostic> {
        let (parent, key) = self.parent(path)?;
        let found = parent.entries().iter().find(|(found, _)| found.text == key);
        found.map(|(key, _)| key.place.range().start).ok_or_else(|| self.refuse(path))
    }

    /// Where the text goes on after the colon behind a path's last key.
    fn colon(&self, path: &str) -> Result<usize, Diagnostic> {
        let start = self.key_start(path)?;
        let colon = self.text[start..].find(':').ok_or_else(|| self.refuse(path))?;
        Ok(start + colon + 1)
    }

    /// Whether a collection stands in brackets. A block collection begins where its first item or key does,
    /// which may itself stand in some.
    fn is_flow(&self, node: &Node) -> bool {
        let range = node.place.range();
        let (open, first) = match &node.data {
            Data::List(items) => ('[', items.first().map(|item| item.place)),
            Data::Map(entries) => ('{', entries.first().map(|(key, _)| key.place)),
            Data::Scalar { .. } => return false,
        };
        let is_inside = first.is_none_or(|first| first.range().start > range.start);
        self.text[range].starts_with(open) && is_inside
    }

    /// Where the last character of a value stands. The place of a block collection reaches to what
    /// follows it, over comments; its last leaf does not.
    fn content_end(&self, node: &Node) -> usize {
        let range = node.place.range();
        if self.is_flow(node) || self.text[range.clone()].starts_with('*') {
            return range.end;
        }
        match &node.data {
            Data::Map(entries) => entries.last().map_or(range.end, |(key, value)| {
                self.content_end(value).max(key.place.range().end)
            }),
            Data::List(items) => items.last().map_or(range.end, |item| self.content_end(item)),
            Data::Scalar { .. } => range.start + self.text[range.clone()].trim_end().len(),
        }
    }

    fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |found| found + 1)
    }

    /// Behind the line break of the line that holds `at`.
    fn line_end(&self, at: usize) -> usize {
        self.text[at..].find('\n').map_or(self.text.len(), |found| at + found + 1)
    }

    fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// The column of a line's comment, where the line holds nothing else.
    fn comment(&self, line: usize) -> Option<usize> {
        let text = &self.text[line..self.line_end(line)];
        let column = text.len() - text.trim_start().len();
        text[column..].starts_with('#').then_some(column)
    }

    fn is_blank(&self, line: usize) -> bool {
        self.text[line..self.line_end(line)].trim().is_empty()
    }

    /// Where the dash of an item of a block sequence stands.
    fn dash(&self, item: &Node) -> usize {
        let mut line = self.line_start(item.place.range().start);
        loop {
            let indent = self.text[line..].len() - self.text[line..].trim_start_matches(' ').len();
            if line == 0 || self.text[line + indent..].starts_with('-') {
                return line + indent;
            }
            line = self.line_start(line - 1);
        }
    }

    /// The lines of an item of a block sequence: what stands deeper than its dash, comments
    /// included, the comment directly above the dash, and the blank lines above all that.
    fn lines_of(&self, item: &Node) -> Range<usize> {
        let dash = self.dash(item);
        let column = self.column(dash);
        let above = |line: usize| (line > 0).then(|| self.line_start(line - 1));
        let mut start = self.line_start(dash);
        while let Some(line) = above(start).filter(|&line| self.comment(line) == Some(column)) {
            start = line;
        }
        let mut blank = start;
        while let Some(line) = above(blank).filter(|&line| self.is_blank(line)) {
            blank = line;
        }
        // Blank lines below a comment that stands alone keep it apart from what follows.
        if above(blank).is_some_and(|line| self.comment(line).is_none_or(|found| found > column)) {
            start = blank;
        }
        let mut end = self.line_end(self.content_end(item));
        let mut line = end;
        while line < self.text.len() {
            let deeper = self.comment(line).is_some_and(|found| found > column);
            if !deeper && !self.is_blank(line) {
                break;
            }
            line = self.line_end(line);
            if deeper {
                end = line;
            }
        }
        start..end
    }

    /// A splice of whole lines, also where the last line has no line break.
    fn new_lines(&self, at: usize, lines: &str) -> Splice {
        let newline = if self.text.contains("\r\n") { "\r\n" } else { "\n" };
        let mut lines = lines.replace('\n', newline);
        if at > 0 && !self.text[..at].ends_with('\n') {
            lines.insert_str(0, newline);
        }
        (at..at, lines)
    }

    fn block(&self, node: &Node, indent: usize, item: bool) -> String {
        let mut out = String::new();
        let list = Node::list([node.clone()]);
        write_item(&mut out, if item { &list } else { node }, indent, self.list_indent());
        out
    }

    /// How far sequences stand to the right of their keys: as the first of the text does.
    fn list_indent(&self) -> usize {
        fn first(document: &Document, node: &Node) -> Option<usize> {
            node.entries().iter().find_map(|(key, value)| match value.items() {
                [item, ..] if !document.is_flow(value) => {
                    let dash = document.column(document.dash(item));
                    dash.checked_sub(document.column(key.place.range().start))
                }
                _ => first(document, value),
            })
        }
        first(self, &self.node).unwrap_or(LIST_INDENT)
    }
}

/// A value in flow style.
fn flow(node: &Node) -> String {
    match &node.data {
        Data::Map(entries) => {
            let entries: Vec<String> = entries
                .iter()
                .map(|(key, value)| format!("{}: {}", key.text, flow(value)))
                .collect();
            format!("{{{}}}", entries.join(", "))
        }
        Data::List(items) => {
            format!("[{}]", items.iter().map(flow).collect::<Vec<_>>().join(", "))
        }
        Data::Scalar { text, plain: true } => text.to_string(),
        Data::Scalar { text, plain: false } => scalar(text),
    }
}

/// A string that means itself in block and in flow style.
fn scalar(text: &str) -> String {
    if is_safe_plain(text) && !text.contains([',', '[', ']', '{', '}']) {
        text.to_owned()
    } else {
        json(text)
    }
}

/// A string in double quotes.
fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
