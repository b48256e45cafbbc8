//! Finds where values begin and end in the text, where the places of the tree are not precise enough.

use super::document::Document;
use super::trivia::{is_trivia, lines};
use crate::yaml::{Data, Key, Node};

/// How many columns a sequence is indented from its key, if the text has no example.
const LIST_INDENT: usize = 2;

impl Document {
    /// The entry of a mapping, if it is written there and not brought by a merge key.
    pub(super) fn entry<'n>(&self, map: &'n Node, key: &str) -> Option<&'n (Key, Node)> {
        let entry = map.entries().iter().find(|(found, _)| found.text == key)?;
        self.written_entries(map).any(|written| std::ptr::eq(written, entry)).then_some(entry)
    }

    fn written_entries<'n>(
        &self,
        map: &'n Node,
    ) -> impl DoubleEndedIterator<Item = &'n (Key, Node)> {
        let range = map.place.range();
        map.entries().iter().filter(move |(key, _)| range.contains(&key.place.range().start))
    }

    /// The byte behind the colon of a key. A key without a value may have no colon.
    pub(super) fn colon(&self, key: &Key) -> Option<usize> {
        let rest = self.text[key.place.range().end..].trim_start();
        rest.starts_with(':').then(|| self.text.len() - rest.len() + 1)
    }

    /// Where the value of an empty key would be written, behind a blank.
    pub(super) fn empty_at(&self, key: &Key, value: &Node) -> Option<usize> {
        let (colon, range) = (self.colon(key)?, value.place.range());
        if !range.is_empty() {
            return None;
        }
        // Behind the anchor, if there is one.
        let is_near = range.start > colon && !self.text[colon..range.start].contains('\n');
        Some(if is_near { range.start } else { colon })
    }

    /// Whether a collection is in brackets. A block collection begins at its first item or key, which can itself be
    /// in brackets.
    pub(super) fn is_flow(&self, node: &Node) -> bool {
        let range = node.place.range();
        let (open, first) = match &node.data {
            Data::List(items) => ('[', items.first().map(|item| item.place)),
            Data::Map(entries) => ('{', entries.first().map(|(key, _)| key.place)),
            Data::Scalar { .. } => return false,
        };
        let is_inside = first.is_none_or(|first| first.range().start > range.start);
        self.text[range].starts_with(open) && is_inside
    }

    /// The byte behind the last character of a value. The place of a block collection reaches over comments to what
    /// follows it; this ends at its last line with a value.
    pub(super) fn content_end(&self, node: &Node) -> usize {
        let range = node.place.range();
        if self.is_flow(node) || self.text[range.clone()].starts_with('*') {
            return range.end;
        }
        match &node.data {
            Data::Map(_) => {
                let end =
                    self.written_entries(node).next_back().map_or(range.start, |(key, value)| {
                        let empty = self.empty_at(key, value);
                        empty.unwrap_or_else(|| self.content_end(value))
                    });
                self.with_merged(end, range.end)
            }
            Data::List(items) => {
                let end = items.last().map_or(range.start, |item| self.content_end(item));
                self.with_merged(end, range.end)
            }
            Data::Scalar { .. } => self.scalar_end(node),
        }
    }

    /// Includes merge keys behind the last value, which the tree does not have.
    fn with_merged(&self, end: usize, most: usize) -> usize {
        let Some(text) = self.text.get(end..most) else { return end };
        let (rest, lines) = lines(text);
        let (mut at, mut found) = (end, end);
        for line in std::iter::once(rest).chain(lines) {
            let comment = line.find(" #").unwrap_or(line.len());
            if !is_trivia(line) {
                found = at + line[..comment].trim_end().len();
            }
            at += line.len();
        }
        found
    }

    fn scalar_end(&self, node: &Node) -> usize {
        let range = node.place.range();
        let text = &self.text[range.clone()];
        let keeps = self.block_header(node).is_some_and(|(_, header)| header.contains('+'));
        match text.rfind('\n').filter(|_| keeps) {
            // Blank lines below belong to the text of the scalar.
            Some(last) => range.start + text[..last].trim_end_matches('\r').len(),
            None => range.start + text.trim_end().len(),
        }
    }

    /// The header of a block scalar, `|` or `>-`, and its place.
    pub(super) fn block_header(&self, node: &Node) -> Option<(usize, &str)> {
        let start = node.place.range().start;
        if !matches!(node.data, Data::Scalar { plain: false, .. }) {
            return None;
        }
        let end = if self.text[start..].starts_with(['|', '>']) {
            self.line_stop(start)
        } else {
            let above = &self.text[..self.line_start(start)];
            let is_first = self.text[above.len()..start].trim().is_empty();
            is_first.then(|| above.trim_end().len())?
        };
        let line = self.line_start(end.saturating_sub(1));
        let text = &self.text[line..end];
        let text = text.find(" #").map_or(text, |comment| &text[..comment]).trim_end();
        let at = text
            .rfind([' ', ':', '-'].as_slice())
            .map_or(0, |_| text.rfind(['|', '>']).unwrap_or(text.len()));
        let header = &text[at..];
        let is_header = !header.is_empty()
            && header[1..].bytes().all(|byte| byte.is_ascii_digit() || b"+-".contains(&byte));
        is_header.then_some((line + at, header))
    }

    /// The last scalar of a value.
    pub(super) fn last_scalar<'n>(&self, node: &'n Node) -> &'n Node {
        let last = match &node.data {
            Data::Map(_) => self.written_entries(node).next_back().map(|(_, value)| value),
            Data::List(items) => items.last(),
            Data::Scalar { .. } => None,
        };
        last.map_or(node, |last| self.last_scalar(last))
    }

    pub(super) fn line_start(&self, at: usize) -> usize {
        self.text[..at].rfind('\n').map_or(0, |found| found + 1)
    }

    /// The end of the line that holds `at`, without its line break.
    pub(super) fn line_stop(&self, at: usize) -> usize {
        let line =
            self.text[at..].find('\n').map_or(&self.text[at..], |end| &self.text[at..at + end]);
        at + line.trim_end_matches('\r').len()
    }

    pub(super) fn column(&self, at: usize) -> usize {
        at - self.line_start(at)
    }

    /// The blanks at the start of the line of a place.
    pub(super) fn indent(&self, at: usize) -> &str {
        let line = &self.text[self.line_start(at)..];
        &line[..line.len() - line.trim_start_matches([' ', '\t']).len()]
    }

    /// The place of the dash of an item in a block sequence.
    pub(super) fn dash(&self, item: &Node) -> usize {
        let mut line = self.line_start(item.place.range().start);
        loop {
            let indent = self.text[line..].len() - self.text[line..].trim_start_matches(' ').len();
            if line == 0 || self.text[line + indent..].starts_with('-') {
                return line + indent;
            }
            line = self.line_start(line - 1);
        }
    }

    /// How many columns sequences are indented from their keys: as in the first of the text, except this one and the
    /// records of closed previews, which come and go.
    pub(super) fn list_indent(&self, without: Option<&Node>) -> usize {
        fn first(document: &Document, node: &Node, without: Option<&Node>) -> Option<usize> {
            let is_out = |value: &Node| without.is_some_and(|out| std::ptr::eq(out, value));
            let is_in = |(key, value): &&(Key, Node)| !is_out(value) && key.text != "closed";
            node.entries().iter().filter(is_in).find_map(|(key, value)| match value.items() {
                [item, ..] if !document.is_flow(value) => {
                    let dash = document.column(document.dash(item));
                    dash.checked_sub(document.column(key.place.range().start))
                }
                [] if document.is_flow(value) => document.empty_indent(value),
                _ => first(document, value, without),
            })
        }
        first(self, &self.node, without).unwrap_or(LIST_INDENT)
    }

    /// How many columns the items of an empty sequence were indented, if blanks in its brackets record it.
    pub(super) fn empty_indent(&self, list: &Node) -> Option<usize> {
        let range = list.place.range();
        let inner = &self.text[range.start + 1..range.end - 1];
        if inner.trim_matches(' ').is_empty() { inner.len().checked_sub(2) } else { None }
    }
}
