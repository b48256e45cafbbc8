//! Literal and folded scalars: lines below a `|` or `>`.

use std::borrow::Cow;

use super::{Mistake, Read, Scalar, Tokens};

/// What happens to line breaks at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

/// A line without its indentation.
#[derive(Clone, Copy)]
struct Line<'t> {
    content: &'t str,
    /// The line break as the scalar gets it.
    end: &'t str,
}

impl Line<'_> {
    fn is_empty(self) -> bool {
        self.content.is_empty()
    }

    /// Whether it begins with a blank. Such a line is not folded with its neighbours.
    fn is_indented(self) -> bool {
        self.content.starts_with([' ', '\t'])
    }
}

impl<'t> Tokens<'t> {
    pub(super) fn block_scalar(&mut self, literal: bool) -> Read<Scalar<'t>> {
        let start = self.at();
        self.cursor.skip();
        let (chomping, digit) = self.header(start)?;
        let (lines, start) = self.lines(digit.map(|digit| self.indent.max(0) + digit))?;
        self.fresh = true;
        let text = Cow::Owned(joined(&lines, literal, chomping));
        // Its place extends to what follows it.
        Ok(Scalar { text, plain: false, start, end: self.at() })
    }

    /// Reads the header after `|` or `>`: how the end is treated, and by how many columns the text is indented.
    fn header(&mut self, start: usize) -> Read<(Chomping, Option<isize>)> {
        let from = self.at();
        while matches!(self.cursor.first(), Some(b'+' | b'-' | b'1'..=b'9')) {
            self.cursor.skip();
        }
        let (mut chomping, mut digit, mut twice) = (None, None, false);
        for byte in self.cursor.text[from..self.at()].bytes() {
            twice |= match byte {
                b'+' => chomping.replace(Chomping::Keep).is_some(),
                b'-' => chomping.replace(Chomping::Strip).is_some(),
                _ => digit.replace(isize::from(byte - b'0')).is_some(),
            };
        }
        self.blanks(true);
        if self.cursor.first() == Some(b'#') {
            self.cursor.skip_line_content();
        }
        if twice || !self.cursor.is_break_or_end(0) {
            let problem = "the text of a block scalar begins on the line of its `|` or `>`";
            return Err(Mistake::new(start, problem)
                .help("begin the text on the next line, or quote the value"));
        }
        self.cursor.skip_break();
        Ok((chomping.unwrap_or(Chomping::Clip), digit))
    }

    /// Reads the lines that are indented so far. Also returns where the first line with content begins. Without a
    /// given indentation, it is that of the first line with content, or of a longer empty line before it.
    fn lines(&mut self, mut indent: Option<isize>) -> Read<(Vec<Line<'t>>, usize)> {
        let (mut lines, mut widest, mut first) = (Vec::new(), 0, None);
        loop {
            let inside = |column| indent.is_none_or(|indent| column < indent);
            while inside(self.cursor.position.column) && self.cursor.first() == Some(b' ') {
                self.cursor.skip();
            }
            let column = self.cursor.position.column;
            widest = widest.max(column);
            if inside(column) && self.cursor.first() == Some(b'\t') {
                let problem = "a tab stands in the indentation of a block scalar";
                return Err(Mistake::tab(self.at(), problem));
            }
            if self.cursor.is_break(0) {
                lines.push(Line { content: "", end: self.cursor.take_break() });
                continue;
            }
            let least = *indent.get_or_insert(widest.max(self.indent + 1).max(1));
            let from = *first.get_or_insert(self.at());
            if column < least || self.cursor.first().is_none() {
                return Ok((lines, from));
            }
            let from = self.at();
            self.cursor.skip_line_content();
            let content = &self.cursor.text[from..self.at()];
            lines.push(Line { content, end: self.cursor.take_break() });
        }
    }
}

/// The text of the lines.
fn joined(lines: &[Line<'_>], literal: bool, chomping: Chomping) -> String {
    let count = lines.iter().rposition(|line| !line.is_empty()).map_or(0, |last| last + 1);
    let (body, rest) = lines.split_at(count);
    let (mut text, mut before, mut empty) = (String::new(), None::<Line<'_>>, String::new());
    for line in body {
        if line.is_empty() {
            empty.push_str(line.end);
            continue;
        }
        if let Some(before) = before {
            let folds =
                !literal && before.end == "\n" && !before.is_indented() && !line.is_indented();
            let joint = if !folds {
                before.end
            } else if empty.is_empty() {
                " "
            } else {
                ""
            };
            text.push_str(joint);
        }
        text.push_str(&std::mem::take(&mut empty));
        text.push_str(line.content);
        before = Some(*line);
    }
    if let Some(last) = before.filter(|_| chomping != Chomping::Strip) {
        text.push_str(last.end);
    }
    if chomping == Chomping::Keep {
        rest.iter().for_each(|line| text.push_str(line.end));
    }
    text
}
