//! Reads the layout of a sequence from the text, and writes an edited one back.

use super::document::{Document, Splice};
use super::layout::{Item, Layout, Style, is_all_trivia};
use super::trivia::{comma, indentation, is_comment, is_trivia, lines};
use crate::yaml::{Key, Node};

/// A sequence: its layout, and its bytes in the text.
pub(super) struct Sequence {
    pub(super) layout: Layout,
    /// The bytes that the layout was read from.
    range: std::ops::Range<usize>,
    /// The bytes of the value behind the colon, if it is not in brackets.
    value: Option<std::ops::Range<usize>>,
    /// How many columns the dashes are indented from the key.
    pub(super) indent: usize,
    /// Whether an empty list of this style is written as `[]`.
    is_usual: bool,
}

impl Document {
    /// Reads the layout of a sequence; `None` if it is not understood.
    pub(super) fn sequence(&self, parent: &Node, key: &Key, list: &Node) -> Option<Sequence> {
        if self.is_flow(list) {
            let range = list.place.range();
            let inner = &self.text[range.start + 1..range.end - 1];
            // Brackets on their own line stay, and so do comments above them, which are about the list.
            let is_near = !self.text[key.place.range().end..range.start].contains('\n');
            let is_block_map = is_near && !self.is_flow(parent);
            let is_blank = list.items().is_empty() && !inner.contains('\n');
            match inner.len() {
                0 if is_block_map => self.block(key, list, self.list_indent(None)),
                more @ 2.. if is_block_map && is_blank => self.block(key, list, more - 2),
                _ => self.brackets(list, is_block_map),
            }
        } else if self.is_flow(parent) {
            None
        } else {
            let first = list.items().first();
            let column = |at| self.column(at);
            let left = column(key.place.range().start);
            let indent = match first {
                Some(item) => column(self.dash(item)).checked_sub(left)?,
                None => self.list_indent(None),
            };
            self.block(key, list, indent)
        }
    }

    fn new_layout(&self, style: Style) -> Layout {
        Layout {
            style,
            trailing: false,
            open: String::new(),
            items: Vec::new(),
            header: String::new(),
            tail: String::new(),
            newline: self.newline(),
            room: String::new(),
            is_titled: false,
        }
    }

    fn item(&self, node: &Node, range: std::ops::Range<usize>) -> Item {
        let name = node.text_at(&["name"]).unwrap_or_default().to_owned();
        Item { name, core: self.text[range].to_owned(), ..Item::default() }
    }

    fn block(&self, key: &Key, list: &Node, indent: usize) -> Option<Sequence> {
        let colon = self.colon(key)?;
        let left = self.column(key.place.range().start);
        let is_empty = list.items().is_empty();
        let range = list.place.range();
        let value = if is_empty && !range.is_empty() { range.end.max(colon) } else { colon };
        let open = self.line_stop(value);
        // The bracket comes after an anchor, if there is one, and before a comment.
        let head = &self.text[colon..open];
        let head = &head[..head.find('#').filter(|_| !is_empty).unwrap_or(head.len())];
        let colon = if is_empty { colon } else { colon + head.trim_end().len() };
        let mut layout = self.new_layout(Style::Block);
        layout.is_titled = self.text[value..open].contains(" #");
        layout.room = format!("{}{:2$}", layout.newline, "", left + indent);
        let mut at = open;
        for item in list.items() {
            let dash = self.dash(item);
            let (rest, mut gap) = lines(self.text.get(at..dash)?);
            let room = gap.pop()?;
            if !room.trim().is_empty() || !is_all_trivia(rest, &gap) {
                return None;
            }
            at = self.content_end(item).max(dash + 1);
            let item = Item { room: room.to_owned(), ..self.item(item, dash..at) };
            layout.read(item, rest, &gap, left + indent);
        }
        let below = &self.text[at..];
        let (rest, mut gap) = lines(below);
        gap.truncate(gap.iter().take_while(|line| is_trivia(line)).count());
        if rest.len() + gap.iter().map(|line| line.len()).sum::<usize>() == below.len() {
            // The end of the text is not a line.
            gap.pop_if(|last| last.trim().is_empty());
        }
        if !is_all_trivia(rest, &[]) {
            return None;
        }
        let count = layout.read_end(rest, &gap, left + indent);
        let end = at + rest.len() + gap[..count].iter().map(|line| line.len()).sum::<usize>();
        Some(Sequence {
            layout,
            range: open..end,
            value: Some(colon..value.max(colon)),
            indent,
            is_usual: false,
        })
    }

    fn brackets(&self, list: &Node, is_block_map: bool) -> Option<Sequence> {
        let range = list.place.range();
        let range = range.start + 1..range.end - 1;
        let items = list.items();
        let starts = items.iter().map(|item| item.place.range().start).chain([range.end]);
        let ends = items.iter().map(|item| self.content_end(item));
        let gaps: Option<Vec<&str>> = std::iter::once(range.start)
            .chain(ends)
            .zip(starts)
            .map(|(from, to)| self.text.get(from..to))
            .collect();
        let gaps = gaps?;
        let layout = if gaps.iter().any(|gap| gap.contains('\n')) {
            self.on_lines(list, &gaps)?
        } else {
            self.side_by_side(list, &gaps)
        };
        let is_usual = !is_block_map && (layout.style == Style::Lines) == self.spans_lines();
        Some(Sequence { layout, range, value: None, indent: 0, is_usual })
    }

    fn side_by_side(&self, list: &Node, gaps: &[&str]) -> Layout {
        let blanks = |gap: &str| comma(gap).map(|comma| gap[comma + 1..].to_owned());
        let is_empty = list.items().is_empty();
        if is_empty && gaps[0].is_empty() && self.spans_lines() {
            let mut layout = self.new_layout(Style::Lines);
            layout.tail = format!("{}{}", layout.newline, self.indent(list.place.range().start));
            layout.room = format!("{}{}", layout.tail, self.unit());
            return layout;
        }
        let last = gaps.len() - 1;
        let between = gaps.get(1..last).and_then(|gaps| blanks(gaps.first()?));
        let default = if self.is_compact() { "" } else { " " };
        let mut layout =
            self.new_layout(Style::Inline(between.unwrap_or_else(|| default.to_owned())));
        if !is_empty {
            gaps[0].clone_into(&mut layout.open);
            layout.trailing = comma(gaps[last]).is_some();
            layout.tail = blanks(gaps[last]).unwrap_or_else(|| gaps[last].to_owned());
        }
        layout.items =
            list.items().iter().map(|item| self.item(item, item.place.range())).collect();
        layout
    }

    fn on_lines(&self, list: &Node, gaps: &[&str]) -> Option<Layout> {
        let mut layout = self.new_layout(Style::Lines);
        let bracket = list.place.range().start;
        let last = gaps.len() - 1;
        layout.trailing = last > 0 && comma(gaps[last]).is_some();
        let (without_commas, is_neat) = without_commas(gaps);
        let mut above = 0;
        for (index, gap) in without_commas.iter().enumerate() {
            let (rest, mut gap) = lines(gap);
            let room = gap.pop().unwrap_or_default();
            if !is_all_trivia(rest, &gap) || !room.trim().is_empty() {
                return None;
            }
            if index == 0 {
                layout.open = if is_neat { rest.to_owned() } else { rest.trim_end().to_owned() };
                layout.is_titled = rest.contains('#');
            }
            if let Some(node) = list.items().get(index) {
                let item = self.item(node, node.place.range());
                let item = Item { room: room.to_owned(), ..item };
                layout.read(item, rest, &gap, above);
                above = self.column(node.place.range().start);
                continue;
            }
            self.read_closer(&mut layout, list, (rest, &gap, room), above);
        }
        if !is_neat {
            let indent = format!("{}{}", self.indent(bracket), self.unit());
            layout.align(&indent);
        } else if let Some(first) = layout.items.first() {
            layout.room.clone_from(&first.room);
        }
        Some(layout)
    }

    /// Reads the text between the last item, or the opening bracket, and the closing bracket: the rest of the line,
    /// the lines below it, and the blanks before the bracket.
    fn read_closer(
        &self,
        layout: &mut Layout,
        list: &Node,
        (rest, gap, room): (&str, &[&str], &str),
        mut above: usize,
    ) {
        let bracket = list.place.range().start;
        let mut closer = room.to_owned();
        if list.items().is_empty() {
            let unit = self.unit();
            let example = gap.iter().find(|line| is_comment(line));
            let indent = example.map_or(format!("{room}{unit}"), |line| {
                line[..line.find('#').unwrap_or_default()].to_owned()
            });
            layout.room = format!("{}{}", layout.newline, indentation(&indent));
            above = usize::MAX;
        } else if closer.is_empty() {
            closer = format!("{}{}", layout.newline, self.indent(bracket));
        }
        let count = layout.read_end(rest, gap, above);
        let mut below = &gap[count..];
        if list.items().is_empty()
            && let [lines @ .., last] = below
            && !is_comment(last)
            && !indentation(last).is_empty()
        {
            // The blanks of a line record where the items were.
            layout.room = format!("{}{}", layout.newline, indentation(last));
            below = lines;
        }
        if list.items().is_empty() && !self.is_quoted() {
            // A blank line records that there was no comma behind the last item.
            match below {
                [lines @ .., last] if !is_comment(last) => below = lines,
                _ => layout.trailing = true,
            }
        }
        layout.tail = below.concat() + &closer;
    }

    /// The position of items in a list that has none, guessed from the rest of the list.
    fn usual_room(&self, layout: &Layout) -> String {
        let text = format!("{}{}", layout.header, layout.tail);
        let (_, lines) = lines(&text);
        match lines.iter().find(|line| is_comment(line)) {
            Some(comment) => format!("{}{}", layout.newline, indentation(comment)),
            None => format!("{}{}", lines.last().copied().unwrap_or_default(), self.unit()),
        }
    }

    /// The splices that write an edited sequence.
    pub(super) fn splices(&self, list: &Node, sequence: Sequence) -> Vec<Splice> {
        let Sequence { mut layout, range, value, indent, is_usual } = sequence;
        let is_empty = layout.items.is_empty();
        let is_bare = is_empty && layout.header.is_empty() && layout.tail.trim().is_empty();
        let is_near = layout.room == self.usual_room(&layout);
        match layout.style {
            Style::Lines if is_bare && is_usual && is_near => {
                (layout.open, layout.tail) = (String::new(), String::new());
            }
            Style::Inline(_) if is_bare && is_usual => {
                (layout.open, layout.tail) = (String::new(), String::new());
            }
            Style::Lines if is_empty => {
                let closer = layout.tail.rfind('\n').unwrap_or_default();
                let closer = layout.tail[..closer].trim_end_matches('\r').len();
                let comma = if layout.trailing || self.is_quoted() { "" } else { layout.newline };
                let room = if is_near || layout.column() == 0 { "" } else { &layout.room };
                layout.tail.insert_str(closer, &format!("{comma}{room}"));
            }
            // The blank records that the items were on one line.
            Style::Inline(_) if is_empty => {
                (layout.open, layout.tail) = (" ".to_owned(), String::new());
            }
            _ => {}
        }
        let mut splices = Vec::new();
        if let Some(value) = value {
            let brackets = match self.list_indent(Some(list)) {
                _ if !is_empty => String::new(),
                usual if usual == indent => " []".to_owned(),
                // If nothing else shows it, the blanks record where the dashes were.
                _ => format!(" [{:1$}]", "", indent + 2),
            };
            splices.push((value, brackets));
        }
        splices.push((range, layout.write()));
        splices
    }
}

/// The texts between items, without the commas, which are written anew. The second value says whether they are neat:
/// if a comma does not follow its item, or two items share a line, the whole list is laid out anew.
fn without_commas(gaps: &[&str]) -> (Vec<String>, bool) {
    let mut is_neat = true;
    let without = gaps.iter().enumerate().map(|(index, gap)| {
        let found = comma(gap).filter(|_| index > 0);
        is_neat &= gap.contains('\n') && found.is_none_or(|comma| comma == 0);
        match found {
            Some(comma) => format!("{}{}", &gap[..comma], &gap[comma + 1..]),
            None => (*gap).to_owned(),
        }
    });
    (without.collect(), is_neat)
}
