//! Reads the layout of a sequence from the text, and writes an edited one back.

use super::document::{Document, Splice};
use super::layout::{Item, Layout, Style, is_all_trivia};
use super::trivia::{comma, comment, indentation, is_comment, is_trivia, lines};
use crate::yaml::{Key, Node};

/// A sequence: its layout, and its bytes in the text.
pub(super) struct Sequence {
    pub(super) layout: Layout,
    /// The bytes that the layout was read from.
    range: std::ops::Range<usize>,
    /// The bytes of the value behind the colon, if it is not in brackets.
    pub(super) value: Option<std::ops::Range<usize>>,
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
            let is_empty = list.items().is_empty() && is_block_map;
            match self.empty_indent(list).filter(|_| is_empty) {
                Some(indent) => self.block(key, list, indent),
                None if inner.is_empty() && is_empty => {
                    self.block(key, list, self.list_indent(None))
                }
                None => self.brackets(list, is_block_map),
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
            closer: String::new(),
            newline: self.newline(),
            room: String::new(),
            is_titled: false,
            is_open: false,
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
        // A tag and an anchor stay, whether a bracket or a line of items follows them.
        let head = &self.text[colon..if value > colon { range.start.max(colon) } else { open }];
        let head = &head[..comment(head).unwrap_or(head.len())];
        if value > colon && head.contains('\n') {
            return None;
        }
        let colon = colon + head.trim_end().len();
        let mut layout = self.new_layout(Style::Block);
        layout.is_titled = comment(&self.text[value..open]).is_some();
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
            layout.read(item, rest, &gap);
        }
        let below = &self.text[at..];
        let (rest, mut gap) = lines(below);
        gap.truncate(gap.iter().take_while(|line| is_trivia(line)).count());
        if rest.len() + gap.iter().map(|line| line.len()).sum::<usize>() == below.len() {
            // The end of the text is not a line.
            layout.is_open = gap.pop_if(|last| *last == layout.newline).is_none();
        }
        if !is_all_trivia(rest, &[]) {
            return None;
        }
        layout.read_end(rest, &gap);
        let end = at + rest.len() + gap.iter().map(|line| line.len()).sum::<usize>();
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
            self.side_by_side(list, !gaps[0].is_empty())
        };
        let is_usual = !is_block_map && (layout.style == Style::Lines) == self.spans_lines();
        Some(Sequence { layout, range, value: None, indent: 0, is_usual })
    }

    /// Reads items on one line. Their blanks, and a comma behind the last, are not kept: only an item shows them, and an
    /// edit can remove it.
    fn side_by_side(&self, list: &Node, is_open: bool) -> Layout {
        if list.items().is_empty() && !is_open && self.spans_lines() {
            let mut layout = self.new_layout(Style::Lines);
            layout.closer = format!("{}{}", layout.newline, self.indent(list.place.range().start));
            layout.room = format!("{}{}", layout.closer, self.unit());
            return layout;
        }
        let mut layout = self.new_layout(Style::Inline);
        layout.room = if self.is_compact() { "" } else { " " }.to_owned();
        layout.items =
            list.items().iter().map(|item| self.item(item, item.place.range())).collect();
        layout
    }

    fn on_lines(&self, list: &Node, gaps: &[&str]) -> Option<Layout> {
        let mut layout = self.new_layout(Style::Lines);
        let bracket = list.place.range().start;
        let last = gaps.len() - 1;
        layout.trailing = last > 0 && comma(gaps[last]).is_some();
        let (without_commas, mut is_neat) = without_commas(gaps);
        let column = |item: &Node| self.column(item.place.range().start);
        if let Some(first) = list.items().first() {
            layout.room = format!("{}{:2$}", layout.newline, "", column(first));
            is_neat &= list.items().iter().all(|item| column(item) == column(first));
        }
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
            let Some(node) = list.items().get(index) else {
                self.read_closer(&mut layout, list, (rest, gap, room));
                break;
            };
            let item = self.item(node, node.place.range());
            layout.read(Item { room: room.to_owned(), ..item }, rest, &gap);
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
        (rest, mut gap, room): (&str, Vec<&str>, &str),
    ) {
        let is_empty = list.items().is_empty();
        room.clone_into(&mut layout.closer);
        if is_empty {
            // The blanks of a line record where the items were.
            let is_record = |line: &mut &str| !is_comment(line) && !indentation(line).is_empty();
            let record = gap.pop_if(is_record);
            let example = record.or_else(|| gap.iter().copied().find(|line| is_comment(line)));
            let indent = example.map_or(format!("{}{}", indentation(room), self.unit()), |line| {
                indentation(line).to_owned()
            });
            layout.room = format!("{}{indent}", layout.newline);
        } else if room.is_empty() {
            let bracket = list.place.range().start;
            layout.closer = format!("{}{}", layout.newline, self.indent(bracket));
        }
        layout.read_end(rest, &gap);
        if is_empty && !self.is_quoted() {
            // Twice its blank lines, and one more if there was no comma behind the last item.
            let (blanks, more) = (layout.blanks_below(), layout.blanks_below().div_ceil(2));
            layout.trailing = blanks % 2 == 0;
            layout.tail.truncate(layout.tail.len() - more * layout.newline.len());
        }
    }

    /// The position of items in a list that has none, guessed from the rest of the list.
    fn usual_room(&self, layout: &Layout) -> String {
        let text = format!("{}{}{}", layout.header, layout.tail, layout.closer);
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
        let is_bare = is_empty
            && layout.open.trim().is_empty()
            && layout.header.is_empty()
            && layout.tail.is_empty();
        let is_near = layout.room == self.usual_room(&layout);
        match layout.style {
            Style::Lines if is_bare && is_usual && is_near => {
                (layout.open, layout.tail, layout.closer) = Default::default();
            }
            Style::Lines if is_empty => {
                if !self.is_quoted() {
                    let more = layout.blanks_below() + usize::from(!layout.trailing);
                    layout.tail.push_str(&layout.newline.repeat(more));
                }
                // A last line of blanks would be read as this record.
                let written = format!("{}{}", layout.header, layout.tail);
                let last = lines(&written).1.pop();
                let is_record =
                    last.is_some_and(|line| !indentation(line).is_empty() && !is_comment(line));
                let is_guessed = layout.column() == 0 || is_near && !is_record;
                layout.tail.push_str(if is_guessed { "" } else { &layout.room });
            }
            // The blank records that the items were on one line.
            Style::Inline if is_empty && !is_usual => layout.closer = " ".to_owned(),
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
