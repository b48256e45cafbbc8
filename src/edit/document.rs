//! A text and its tree, edited together.
//!
//! An edit replaces byte ranges that the places of the tree name; all other bytes stay. The new text is parsed again
//! and must mean exactly what was asked for, so a text that this file does not understand leads to a refusal and
//! never to a damaged file.

use std::ops::Range;

use super::layout::{Item, Layout, Style};
use super::style::{json, scalar};
use super::trivia::{comma, count_above, is_comment, is_trivia, lines};
use crate::diagnostic::{Diagnostic, Refused, Sources, code};
use crate::limits::InputLimits;
use crate::yaml::{Data, Key, Node, parse_documents};

/// One YAML document. Text and tree always mean the same.
#[derive(Debug, Clone)]
pub(super) struct Document {
    pub(super) text: String,
    pub(super) node: Node,
    is_json: bool,
}

/// A byte range, and its replacement.
pub(super) type Splice = (Range<usize>, String);

impl Document {
    /// Pairs a text with `node`, the tree that was read from it.
    pub(super) fn new(text: &str, node: &Node) -> Self {
        Self { text: text.to_owned(), node: node.clone(), is_json: is_json(text) }
    }

    pub(super) fn into_text(self) -> String {
        self.text
    }

    /// Sets a key of a mapping to a text. An existing value keeps its quotes; a new key is added at the end.
    pub(super) fn set(&mut self, path: &str, key: &str, value: &str) -> Result<(), Refused> {
        let map = self.at(path)?;
        let Some((written, old)) = self.entry(map, key) else {
            return self.add_key(path, key, Node::string(value));
        };
        if !old.is_null() && old.text() == Some(value) {
            return Ok(());
        }
        let range = old.place.range();
        let starts = |quote: char| self.text[range.clone()].starts_with(quote);
        let splices = if let Some(at) = self.empty_at(written, old) {
            let text = if self.is_quoted() { json(value) } else { scalar(value) };
            vec![(at..at, format!(" {text}"))]
        } else if let Some((header, indicator)) = self.block_header(old) {
            // A comment on the line of the header stays behind the value.
            let end = range.start + self.text[range.clone()].trim_end().len();
            let line = self.line_stop(header);
            vec![
                (header..header + indicator.len(), scalar(value)),
                (line..end.max(line), String::new()),
            ]
        } else {
            let text = match value {
                _ if starts('\'') => format!("'{}'", value.replace('\'', "''")),
                _ if starts('"') || self.is_quoted() => json(value),
                _ => scalar(value),
            };
            vec![(range, text)]
        };
        let path = format!("{path}.{key}");
        self.apply(&path, splices, |node| *node = Node::string(value))
    }

    /// Adds a key at the end of a mapping.
    pub(super) fn add_key(&mut self, path: &str, key: &str, value: Node) -> Result<(), Refused> {
        let map = self.at(path)?;
        let Some((first, _)) = map.entries().first() else {
            return Err(self.refuse(path));
        };
        let splices = if self.is_flow(map) {
            self.key_in_braces(map, key, &value)
        } else {
            let indent = self.column(first.place.range().start);
            let entry = Node::map([(key, value.clone())]);
            let text = self.block_text(&entry, indent, self.list_indent(None));
            let new = format!("{}{:indent$}{text}", self.newline(), "");
            self.key_below(map, indent, new)
        };
        self.apply(path, splices, |node| node.set(key, value))
    }

    /// Writes a key below the last value of a mapping and the comments about that value.
    fn key_below(&self, map: &Node, indent: usize, new: String) -> Vec<Splice> {
        if let Some((key, list)) = map.entries().last()
            && (matches!(list.data, Data::List(_)) || list.is_null())
            && let Some(mut sequence) = self.sequence(map, key, list)
            && sequence.layout.style == Style::Block
        {
            if list.is_null() {
                sequence.value = None;
            }
            let layout = &mut sequence.layout;
            self.seal_last(layout, list);
            if layout.items.is_empty() {
                layout.set_off();
            }
            layout.closer = new + &std::mem::take(&mut layout.tail);
            layout.is_open = false;
            return self.splices(list, sequence);
        }
        let end = self.content_end(map);
        let (rest, mut below) = lines(&self.text[end..]);
        below.truncate(below.iter().take_while(|line| is_trivia(line)).count());
        below.truncate(count_above(&below, indent, ""));
        let line = self.line_stop(end + rest.len() + below.concat().len());
        self.seal(map).into_iter().chain([(line..line, new)]).collect()
    }

    /// Removes a key of a mapping with its value, if the mapping has the key and others beside it. Refuses if a
    /// comment is on its lines or above it.
    pub(super) fn remove_key(&mut self, path: &str, key: &str) -> Result<(), Refused> {
        let map = self.at(path)?;
        let entries = map.entries();
        let Some(index) = entries.iter().position(|(written, _)| written.text == key) else {
            return Ok(());
        };
        let range = self.entry(map, key).and_then(|_| self.lines_of_key(map, index));
        let range = range.ok_or_else(|| self.refuse(&format!("{path}.{key}")))?;
        self.apply(path, vec![(range, String::new())], |node| drop(node.remove(key)))
    }

    /// The bytes to remove together with one of several keys.
    fn lines_of_key(&self, map: &Node, index: usize) -> Option<Range<usize>> {
        let entries = map.entries();
        let start = |index: usize| entries[index].0.place.range().start;
        let end = |index: usize| {
            let (key, value) = &entries[index];
            self.empty_at(key, value).unwrap_or_else(|| self.content_end(value))
        };
        let here = start(index);
        let range = if self.is_flow(map) || self.column(here) != self.indent(here).len() {
            // In braces, or behind the dash of an item: the next key keeps its place.
            match index {
                0 => here..entries.get(1).map(|_| start(1))?,
                _ if self.is_flow(map) => end(index - 1)..end(index),
                _ => return None,
            }
        } else {
            let above = &self.text[..self.line_start(here)];
            let is_commented = above.lines().next_back().is_some_and(is_comment);
            let stop = self.line_stop(end(index));
            match self.text[stop..].find('\n') {
                _ if is_commented || entries.len() == 1 => return None,
                Some(newline) => above.len()..stop + newline + 1,
                None => above.trim_end_matches(['\r', '\n']).len()..stop,
            }
        };
        let gone = self.text.get(range.clone())?;
        (!gone.contains('#')).then_some(range)
    }

    fn key_in_braces(&self, map: &Node, key: &str, value: &Node) -> Vec<Splice> {
        let key_text = if self.is_quoted() { json(key) } else { key.to_owned() };
        let colon = if self.is_compact() { ":" } else { ": " };
        let Some((last, old)) = map.entries().last() else { return Vec::new() };
        let end = self.empty_at(last, old).unwrap_or_else(|| self.content_end(old));
        // Without a splice the text does not change, and the edit is refused.
        let Some(gap) = self.text.get(end..map.place.range().end - 1) else { return Vec::new() };
        let start = last.place.range().start;
        let indent = self.indent(start);
        if !gap.contains('\n') || self.column(start) != indent.len() {
            let blank = if self.is_compact() { "" } else { " " };
            return vec![(end..end, format!(",{blank}{key_text}{colon}{}", self.flow_text(value)))];
        }
        // The keys are on lines of their own; a comment on the last line stays there.
        let line = self.line_stop(end);
        let text = self.lines_text(value, indent);
        let comma = comma(gap).map(|comma| end + comma);
        let trailing = if comma.is_some() { "," } else { "" };
        let mut splices = Vec::new();
        if comma.is_none_or(|comma| comma > line) {
            splices.push((end..end, ",".to_owned()));
        }
        splices.push((
            line..line,
            format!("{}{indent}{key_text}{colon}{text}{trailing}", self.newline()),
        ));
        splices.extend(comma.filter(|&comma| comma > line).map(|at| (at..at + 1, String::new())));
        splices
    }

    /// Adds an item to a sequence, before the one that has this index now.
    pub(super) fn insert(&mut self, path: &str, index: usize, item: Node) -> Result<(), Refused> {
        let (parent, key, list) = self.list(path)?;
        let splices = if let Some(mut sequence) = self.sequence(parent, key, list) {
            let layout = &mut sequence.layout;
            let core = match &layout.style {
                Style::Block => {
                    let node = Node::list([item.clone()]);
                    self.block_text(&node, layout.column(), sequence.indent)
                }
                Style::Lines => {
                    // Blank lines can precede the first item.
                    let indent = layout.room.rsplit(['\r', '\n']).next().unwrap_or_default();
                    let indent = indent.to_owned();
                    self.lines_text(&item, &indent)
                }
                Style::Inline => self.flow_text(&item),
            };
            let name = item.text_at(&["name"]).unwrap_or_default().to_owned();
            if index == list.items().len() {
                self.seal_last(layout, list);
            }
            layout.insert(index, Item { name, core, ..Item::default() });
            self.splices(list, sequence)
        } else if list.is_null() && self.is_flow(parent) {
            let text = format!("[{}]", self.flow_text(&item));
            match self.empty_at(key, list) {
                Some(at) => vec![(at..at, format!(" {text}"))],
                None => vec![(list.place.range(), text)],
            }
        } else {
            return Err(self.refuse(path));
        };
        self.apply(path, splices, |node| match &mut node.data {
            Data::List(items) => items.insert(index.min(items.len()), item),
            other => *other = Data::List(vec![item]),
        })
    }

    /// Removes items of a sequence by their sorted indices, with the comments that belong to them.
    pub(super) fn remove(&mut self, path: &str, goes: &[usize]) -> Result<(), Refused> {
        if goes.is_empty() {
            return Ok(());
        }
        let (parent, key, list) = self.list(path)?;
        let Some(mut sequence) = self.sequence(parent, key, list) else {
            return Err(self.refuse(path));
        };
        let layout = &mut sequence.layout;
        layout.remove(goes);
        let is_end = layout.is_open && layout.tail.is_empty();
        if is_end
            && layout.items.last().is_some_and(|last| last.after.is_empty())
            && self.opens(list.items(), goes)
        {
            layout.tail.push_str(layout.newline);
        }
        let splices = self.splices(list, sequence);
        let keeps = self.keeps_blanks(list.items(), goes);
        let removed = self.apply(path, splices, |node| {
            if let Data::List(items) = &mut node.data {
                let mut index = 0;
                items.retain(|_| {
                    index += 1;
                    goes.binary_search(&(index - 1)).is_err()
                });
            }
        });
        removed.map_err(|refused| keeps.unwrap_or(refused))
    }

    /// The reason not to remove items if one above them ends with a block scalar that takes the blank lines below it.
    fn keeps_blanks(&self, items: &[Node], goes: &[usize]) -> Option<Refused> {
        let above = goes.iter().filter_map(|index| index.checked_sub(1));
        let mut above = above.filter(|index| goes.binary_search(index).is_err());
        let keeps = |index: usize| {
            let last = self.last_scalar(&items[index]);
            self.block_header(last).filter(|(_, header)| header.contains('+')).map(|_| last.place)
        };
        let place = above.find_map(keeps)?;
        let message = "blank lines below what is removed would become a part of the text above it";
        let help = "write `|` or `>` in place of `|+` or `>+` there, or remove the blank lines";
        Some(
            Diagnostic::new(&code::EDIT_REFUSED, message, help)
                .at(place, "this text keeps them")
                .into(),
        )
    }

    /// Changes the header of a block scalar at the end of the text, if lines will follow it, so that its value does
    /// not gain a line break.
    fn seal(&self, before: &Node) -> Option<Splice> {
        let last = self.last_scalar(before);
        let is_open = last.place.range().end == self.text.len() && !self.text.ends_with('\n');
        let (header, text) = self.block_header(last).filter(|(_, text)| !text.contains('-'))?;
        let end = header + text.len();
        let keep = text.find('+').map_or(end..end, |keep| header + keep..header + keep + 1);
        is_open.then(|| (keep, "-".to_owned()))
    }

    /// Seals the last item of a list, if lines will follow it.
    fn seal_last(&self, layout: &mut Layout, list: &Node) {
        if let (Some(last), Some(node)) = (layout.items.last_mut(), list.items().last())
            && let Some((range, dash)) = self.seal(node)
        {
            let start = self.dash(node);
            last.core.replace_range(range.start - start..range.end - start, &dash);
        }
    }

    /// Whether a block scalar that ends with a line break would end the list.
    fn opens(&self, items: &[Node], goes: &[usize]) -> bool {
        let last = (0..items.len()).rfind(|index| goes.binary_search(index).is_err());
        let last = last.filter(|last| last + 1 < items.len());
        let header = last.and_then(|last| self.block_header(self.last_scalar(&items[last])));
        header.is_some_and(|(_, header)| !header.contains('-'))
    }

    /// Applies splices, parses the new text, and compares it with the tree that was asked for.
    fn apply(
        &mut self,
        path: &str,
        mut splices: Vec<Splice>,
        change: impl FnOnce(&mut Node),
    ) -> Result<(), Refused> {
        splices.sort_by_key(|(range, _)| range.start);
        let (mut text, mut from) = (String::with_capacity(self.text.len()), 0);
        for (range, new) in splices {
            text.push_str(self.text.get(from..range.start).unwrap_or_default());
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
        let documents =
            parse_documents(&sources, file, &InputLimits::default()).unwrap_or_default();
        match <[Node; 1]>::try_from(documents) {
            Ok([node]) if node == wanted && (!self.is_json || is_json(&text)) => {
                (self.text, self.node) = (text, node);
                Ok(())
            }
            _ => Err(self.refuse(path)),
        }
    }

    fn refuse(&self, path: &str) -> Refused {
        let message = format!("{path} is written in a way that cannot be edited in place");
        let help = "give it a form without anchors, aliases and merge keys, each item on lines of its own, \
                    or edit it by hand";
        let node = self.node.at_path(path).unwrap_or(&self.node);
        Diagnostic::new(&code::EDIT_REFUSED, message, help)
            .at(node.place, "nothing was changed")
            .into()
    }

    pub(super) fn at(&self, path: &str) -> Result<&Node, Refused> {
        self.node.at_path(path).ok_or_else(|| self.refuse(path))
    }

    /// A sequence, its key, and the mapping around them.
    fn list(&self, path: &str) -> Result<(&Node, &Key, &Node), Refused> {
        let (parent, key) = path.rsplit_once('.').unwrap_or(("", path));
        let parent = self.at(parent)?;
        let is_list = |node: &Node| node.is_null() || matches!(node.data, Data::List(_));
        match self.entry(parent, key) {
            Some((key, list)) if is_list(list) => Ok((parent, key, list)),
            _ => Err(self.refuse(path)),
        }
    }
}

/// Whether a text is JSON, which must then stay so.
fn is_json(text: &str) -> bool {
    serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
}
