//! The layout of a sequence in the text: its items, and which comment belongs to which of them.
//!
//! Text becomes a [`Layout`], items are added and removed there, and the layout becomes text again. Edits of
//! different items give the same bytes in either order, because each comment has one owner, an item or the list, that
//! follows from its place and from nothing that another edit changes. What the text could not tell is recorded in
//! blank lines, which the next reading removes.

use std::fmt::Write;

use super::trivia::{
    column, count_above, count_deep, is_comment, is_trivia, lines, names, names_below, own_start,
};

/// An item with its comments and blanks.
#[derive(Debug, Clone, Default)]
pub(super) struct Item {
    /// Its name, if it has one: a comment with this name is the item's.
    pub(super) name: String,
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Style {
    /// Each behind a dash.
    Block,
    /// In brackets, each on lines of its own.
    Lines,
    /// In brackets on one line.
    Inline,
}

/// The items of a sequence, and the text around them.
#[derive(Debug, Clone)]
pub(super) struct Layout {
    /// How the items are separated.
    pub(super) style: Style,
    /// Whether there is a comma behind the last of several lines too.
    pub(super) trailing: bool,
    /// The rest of the line behind the colon or the bracket.
    pub(super) open: String,
    /// Comments about the list, directly below its line.
    pub(super) header: String,
    /// The items.
    pub(super) items: Vec<Item>,
    /// Blank lines and comments behind the last item that do not belong to it.
    pub(super) tail: String,
    /// What stands before the closing bracket.
    pub(super) closer: String,
    /// The line break of the text.
    pub(super) newline: &'static str,
    /// The `room` of a new item.
    pub(super) room: String,
    /// Whether the list has a comment on its first line, so that one above the first item is not the list's.
    pub(super) is_titled: bool,
    /// Whether the text ends behind the list, and without a line break.
    pub(super) is_open: bool,
}

impl Layout {
    /// Adds the next item. `rest` and `lines` are the text between it and the item above.
    pub(super) fn read(&mut self, mut item: Item, rest: &str, lines: &[&str]) {
        let column = self.column();
        item.comments = match self.items.last_mut() {
            None => self.read_head(lines, Some(&item.name)),
            Some(last) => {
                let (above, own) = lines.split_at(count_above(lines, column, &item.name));
                last.after = rest.to_owned() + &above.concat();
                let is_unclear = names_below(above, own, &item.name);
                self.unmarked(own, is_unclear)
            }
        };
        self.items.push(item);
    }

    /// Reads the text after the last item: what is not about that item is about the list, and stays.
    pub(super) fn read_end(&mut self, rest: &str, lines: &[&str]) {
        let column = self.column();
        self.tail = match self.items.last_mut() {
            None => self.read_head(lines, None),
            Some(last) => {
                let (above, tail) = lines.split_at(count_above(lines, column, ""));
                last.after = rest.to_owned() + &above.concat();
                tail.concat()
            }
        };
    }

    /// Divides the lines below that of the list. Those about the list become its header; the others, which are the
    /// first item's or stand behind an empty list, are returned.
    fn read_head(&mut self, lines: &[&str], first: Option<&str>) -> String {
        let mut end = self.count_head(lines, first);
        if end == 0
            && first.is_some()
            && lines.iter().all(|line| is_comment(line))
            && self.is_unclear(lines, first)
        {
            end = lines.len();
        }
        let (header, own) = lines.split_at(end);
        self.header = header.concat();
        let is_unclear = self.is_unclear(own, first);
        self.unmarked(own, is_unclear)
    }

    /// How many of the lines below that of the list are about it: those that begin directly below it, up to the last
    /// comment with a blank line below it, or up to two blank lines; and those that are indented deeper.
    fn count_head(&self, lines: &[&str], first: Option<&str>) -> usize {
        let others = &lines[..own_start(lines, first.unwrap_or_default())];
        let apart = self.count_apart(lines, first.is_none());
        let last = lines[..apart].iter().rposition(|line| is_comment(line)).unwrap_or(0);
        let is_blank = |at: usize| lines.get(at).is_some_and(|line| !is_comment(line));
        let mut end = 0;
        loop {
            let deep = end + count_deep(others.get(end..).unwrap_or_default(), self.column());
            let is_directly_below = end == 0 && lines.first().is_some_and(|line| is_comment(line));
            end = if deep == end && !is_directly_below {
                return end;
            } else if apart > deep {
                let mark = (deep..last).find(|&at| is_blank(at) && is_blank(at + 1));
                mark.map_or(apart, |at| at + 1)
            } else if deep > end {
                deep + usize::from(is_blank(deep))
            } else {
                return end;
            };
        }
    }

    /// How many lines there are up to the last comment with a blank line below it, and that blank line. In empty
    /// brackets, where blank lines have other meanings, and at the end of a text that has no room for a blank line, the
    /// last comment of an empty list counts in any case.
    fn count_apart(&self, lines: &[&str], is_empty: bool) -> usize {
        let is_any = is_empty && (self.is_open || self.style == Style::Lines);
        let is_apart = |at: &usize| {
            let below = lines.get(at + 1).map(|line| is_comment(line));
            is_comment(lines[*at]) && (is_any || below == Some(false))
        };
        (0..lines.len()).rfind(is_apart).map_or(0, |last| lines.len().min(last + 2))
    }

    /// Whether lines above the first item, or behind an empty list, could be taken for the header if nothing marked
    /// them.
    fn is_unclear(&self, own: &[&str], first: Option<&str>) -> bool {
        if self.count_apart(own, first.is_none()) > 0 {
            return true;
        }
        let is_own = |line: &&str| first.is_some_and(|name| names(line, name));
        let is_commented = own.iter().any(|line| is_comment(line));
        let is_alone = self.header.is_empty() && !self.is_titled && first.is_some();
        is_alone && is_commented && !own.iter().any(is_own)
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
        if goes.first() == Some(&0) {
            self.set_off();
        }
        let mut index = 0;
        self.items.retain(|_| {
            index += 1;
            goes.binary_search(&(index - 1)).is_err()
        });
    }

    /// Puts a blank line below a comment about the list, which would otherwise look like the next item's.
    pub(super) fn set_off(&mut self) {
        let last = self.header.rfind('\n').map_or("", |at| &self.header[at..]);
        if is_comment(last) {
            self.header.push_str(self.newline);
        }
    }

    /// The text between the brackets, or below the key.
    pub(super) fn write(&self) -> String {
        let mut out = format!("{}{}", self.open, self.header);
        if self.items.is_empty() {
            let (_, tail) = lines(&self.tail);
            if tail.is_empty() && self.is_open {
                out.truncate(out.trim_end_matches(['\r', '\n']).len());
            }
            out.push_str(&self.mark(&tail, self.is_unclear(&tail, None)));
        }
        let mut above = "";
        for (index, item) in self.items.iter().enumerate() {
            let is_last = index + 1 == self.items.len();
            let comma = self.style != Style::Block && (!is_last || self.trailing);
            let room = match &self.style {
                Style::Inline if index == 0 => "",
                Style::Inline => &self.room,
                Style::Block | Style::Lines => &item.room,
            };
            let Item { name, comments, core, after, .. } = item;
            let (_, own) = lines(comments);
            let is_unclear = match index {
                0 => self.is_unclear(&own, Some(name)),
                _ => names_below(&lines(above).1, &own, name),
            };
            let mark = self.mark(&own, is_unclear);
            let comma = if comma { "," } else { "" };
            // Writing to a string cannot fail.
            let _ = write!(out, "{mark}{comments}{room}{core}{comma}{after}");
            above = after;
        }
        out + &self.tail + &self.closer
    }

    /// The blank lines that tell unclear comments from those above them.
    fn mark(&self, own: &[&str], is_unclear: bool) -> String {
        // One blank line of their own is enough. As each count leads to another one, each can be told from the text.
        let more = self.blanks(own).filter(|_| is_unclear).map_or(0, |blanks| match blanks {
            0 => 2,
            1 => 0,
            _ => 1,
        });
        self.newline.repeat(more)
    }

    /// Unclear comments without the blank lines of [`Layout::mark`].
    fn unmarked(&self, own: &[&str], is_unclear: bool) -> String {
        let more = self.blanks(own).filter(|_| is_unclear).map_or(0, |blanks| match blanks {
            0 | 1 => 0,
            2 => 2,
            _ => 1,
        });
        own[more..].concat()
    }

    /// The number of blank lines at the start; `None` if one of them has blanks in it, which no mark has.
    fn blanks(&self, own: &[&str]) -> Option<usize> {
        let count = own.iter().take_while(|line| **line == self.newline).count();
        own.get(count).is_none_or(|line| is_comment(line)).then_some(count)
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
            item.comments = on_lines(&item.comments, indent);
            item.room = format!("{newline}{indent}");
            let rest = item.after.split(['\r', '\n']).next().unwrap_or_default().trim();
            let rest = if rest.is_empty() { String::new() } else { format!(" {rest}") };
            item.after = rest + &on_lines(&item.after, &deeper);
        }
        self.header = on_lines(&self.header, indent);
        self.tail = on_lines(&self.tail, indent);
        self.room = format!("{newline}{indent}");
    }

    /// How many blank lines the text behind the last item ends with.
    pub(super) fn blanks_below(&self) -> usize {
        let (_, tail) = lines(&self.tail);
        tail.iter().rev().take_while(|line| **line == self.newline).count()
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
