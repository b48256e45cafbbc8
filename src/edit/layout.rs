//! The layout of a sequence in the text: its items, and which comment belongs to which of them.
//!
//! Text becomes a [`Layout`], items are added and removed there, and the layout becomes text again. Edits of
//! different items give the same bytes in either order, because each item carries its own comments, a comment that
//! stands alone stays, and what the text could not tell is recorded in blank lines, which the next reading removes.

use std::borrow::Cow;
use std::fmt::Write;

use super::trivia::{Above, column, distribute, is_comment, is_trivia, lines, names};

/// An item with its comments and blanks.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    /// Its name, if it has one: a comment with this name is the item's.
    pub(super) name: String,
    /// Comments above it that stand alone. They stay when the item is removed.
    pub(super) alone: String,
    /// Blank lines and comments above it that belong to it.
    pub(super) comments: String,
    /// The line break and the blanks before it.
    pub(super) room: String,
    /// The item itself.
    pub(super) core: String,
    /// The rest of its last line, and comments below it that are indented deeper.
    pub(super) after: String,
}

/// How the items are separated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Style {
    /// Each behind a dash.
    Block,
    /// In brackets, each on lines of its own.
    Lines,
    /// In brackets on one line, with the blanks behind each comma.
    Inline(String),
}

/// The items of a sequence, and the text around them.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// How the items are separated.
    pub(super) style: Style,
    /// Whether there is a comma behind the last item too.
    pub(super) trailing: bool,
    /// The rest of the line behind the colon or the bracket.
    pub(super) open: String,
    /// Comments about the list: directly below its line, with a blank line after them.
    pub(super) header: String,
    /// The items.
    pub(super) items: Vec<Item>,
    /// The text behind the last item.
    pub(super) tail: String,
    /// The line break of the text.
    pub(super) newline: &'static str,
    /// The `room` of a new item.
    pub(super) room: String,
    /// Whether the list has a comment on its first line, so that one above the first item is not the list's.
    pub(super) is_titled: bool,
}

impl Layout {
    /// Adds the next item. `rest` and `lines` are the text between it and the item above, whose column is `above`.
    pub(super) fn read(&mut self, mut item: Item, rest: &str, lines: &[&str], above: usize) {
        let above = self.items.last().map(|last| Above { column: above, name: &last.name });
        let (deep, alone, comments) = distribute(lines, above, &item.name);
        (item.alone, item.comments) = (alone.concat(), comments.concat());
        if let Some(last) = self.items.last_mut() {
            last.after = rest.to_owned() + &deep.concat();
        } else if alone.first().is_some_and(|line| is_comment(line)) {
            self.header = std::mem::take(&mut item.alone);
        } else if self.is_ambiguous(&item) {
            match comments {
                [blank, commented @ ..] if !is_comment(blank) => item.comments = commented.concat(),
                _ => self.header = std::mem::take(&mut item.comments),
            }
        }
        self.items.push(item);
    }

    /// Reads the text after the last item, whose column is `above`. Returns how many of the lines belong to the list.
    pub(super) fn read_end(&mut self, rest: &str, lines: &[&str], above: usize) -> usize {
        let name = self.items.last().map_or("", |last| &last.name);
        let (deep, alone, _) = distribute(lines, Some(Above { column: above, name }), "");
        match self.items.last_mut() {
            Some(last) => {
                last.after = rest.to_owned() + &deep.concat();
                deep.len()
            }
            // Indented deeper than an item, so it does not follow the list.
            None if !deep.is_empty() => {
                let is_set_off = lines.get(deep.len()).is_some_and(|line| !is_comment(line));
                let count = deep.len() + usize::from(is_set_off);
                self.header = lines[..count].concat();
                count
            }
            None if alone.first().is_some_and(|line| is_comment(line)) => {
                self.header = alone.concat();
                alone.len()
            }
            None => 0,
        }
    }

    /// Inserts an item before this index, directly below the item above.
    pub(super) fn insert(&mut self, index: usize, mut item: Item) {
        item.room.clone_from(&self.room);
        if index == 0 {
            self.set_off();
        }
        self.items.insert(index.min(self.items.len()), item);
    }

    /// Removes items by their sorted indices, with what belongs to them.
    pub(super) fn remove(&mut self, goes: &[usize]) {
        let mut left = Vec::with_capacity(self.items.len());
        let mut alone = String::new();
        for (index, mut item) in std::mem::take(&mut self.items).into_iter().enumerate() {
            alone.push_str(&item.alone);
            if goes.binary_search(&index).is_err() {
                item.alone = std::mem::take(&mut alone);
                left.push(item);
            } else if index == 0 {
                self.set_off();
            }
        }
        self.items = left;
        self.tail.insert_str(0, &alone);
    }

    /// Puts a blank line below a comment about the list, which would otherwise look like the next item's.
    fn set_off(&mut self) {
        let last = self.header.rfind('\n').map_or("", |at| &self.header[at..]);
        if is_comment(last) {
            self.header.push_str(self.newline);
        }
    }

    /// Whether the text alone does not say if a comment above the first item is the item's.
    fn is_ambiguous(&self, first: &Item) -> bool {
        let heads =
            self.header.is_empty() && first.alone.is_empty() && first.comments.contains('#');
        heads && !self.is_titled && !names(&first.comments, &first.name)
    }

    /// The text between the brackets, or below the key.
    pub(super) fn write(&self) -> String {
        let mut out = format!("{}{}", self.open, self.header);
        for (index, item) in self.items.iter().enumerate() {
            if index == 0 && self.is_ambiguous(item) {
                out.push_str(self.newline);
            }
            let is_last = index + 1 == self.items.len();
            let comma = self.style != Style::Block && (!is_last || self.trailing);
            let room = match &self.style {
                Style::Inline(_) if index == 0 => "",
                Style::Inline(blanks) => blanks,
                _ => &item.room,
            };
            let Item { alone, core, after, .. } = item;
            let comments = self.comments(index);
            let comma = if comma { "," } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(out, "{alone}{comments}{room}{core}{comma}{after}");
        }
        out + &self.tail
    }

    /// The comments of an item, moved to its column if they would otherwise be read as those of the item that is now
    /// above it.
    fn comments(&self, index: usize) -> Cow<'_, str> {
        let Item { comments, name, room, .. } = &self.items[index];
        let Some(above) = index.checked_sub(1).map(|above| &self.items[above]) else {
            return comments.into();
        };
        let above = Above { column: column(&above.room), name: &above.name };
        let (_, all) = lines(comments);
        let (deep, alone, kept) = distribute(&all, Some(above), name);
        if deep.is_empty() {
            return comments.into();
        }
        let aligned = |line: &&str| match is_comment(line) {
            true => format!("{room}{}", line.trim_start()),
            false => (*line).to_owned(),
        };
        let aligned: String = deep.iter().map(aligned).collect();
        (aligned + &alone.concat() + &kept.concat()).into()
    }

    /// Puts each item, and each comment, on lines of its own.
    pub(super) fn align(&mut self, indent: &str) {
        let newline = self.newline;
        let on_lines = |text: &str, indent: &str| -> String {
            let lines = text.split('\n').skip(1).map(str::trim);
            lines
                .map(|line| match line {
                    "" => newline.to_owned(),
                    comment => format!("{newline}{indent}{comment}"),
                })
                .collect()
        };
        let deeper = format!("{indent}  ");
        for item in &mut self.items {
            item.alone = on_lines(&item.alone, indent);
            item.comments = on_lines(&item.comments, indent);
            item.room = format!("{newline}{indent}");
            let rest = item.after.split(['\r', '\n']).next().unwrap_or_default().trim();
            let rest = if rest.is_empty() { String::new() } else { format!(" {rest}") };
            item.after = rest + &on_lines(&item.after, &deeper);
        }
        self.header = on_lines(&self.header, indent);
        self.room = format!("{newline}{indent}");
    }

    /// The column of an item that stands at the start of a line.
    pub(super) fn column(&self) -> usize {
        column(&self.room)
    }
}

/// Whether all of this is blanks and comments.
pub(super) fn is_all_trivia(rest: &str, lines: &[&str]) -> bool {
    let rest = rest.trim_start();
    (rest.is_empty() || rest.starts_with('#')) && lines.iter().all(|line| is_trivia(line))
}
