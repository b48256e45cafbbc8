//! Literal and folded scalars.

use std::borrow::Cow;

use super::{Kind, Mistake, Scanned, Scanner};

/// What becomes of the line breaks at the end.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Chomping {
    Strip,
    Clip,
    Keep,
}

impl Scanner<'_> {
    pub(super) fn block_scalar(&mut self, literal: bool) -> Scanned<()> {
        self.forget_key()?;
        self.key_allowed = true;
        let start = self.cursor.mark.at;
        self.cursor.skip();
        let (chomping, digit) = self.header(start)?;
        let mut indent = digit.map_or(0, |digit| self.indent.max(0) + digit);
        let mut breaks = String::new();
        self.breaks(&mut indent, &mut breaks)?;
        let content = self.cursor.mark.at;
        let (mut text, mut line_break, mut blank_before) = (String::new(), "", false);
        while self.cursor.mark.column == indent && self.cursor.first().is_some() {
            let blank = self.cursor.is_blank();
            if !literal && line_break == "\n" && !blank_before && !blank {
                if breaks.is_empty() {
                    text.push(' ');
                }
            } else {
                text.push_str(line_break);
            }
            text.push_str(&std::mem::take(&mut breaks));
            blank_before = blank;
            let from = self.cursor.mark.at;
            self.cursor.skip_line_content();
            text.push_str(&self.cursor.text[from..self.cursor.mark.at]);
            line_break = self.cursor.take_break();
            self.breaks(&mut indent, &mut breaks)?;
        }
        if chomping != Chomping::Strip {
            text.push_str(line_break);
        }
        if chomping == Chomping::Keep {
            text.push_str(&breaks);
        }
        // Its place is its content, up to what follows.
        self.push(Kind::Scalar { text: Cow::Owned(text), plain: false }, content);
        Ok(())
    }

    /// What follows `|` or `>` on its line: how the end is treated, and by how many columns the text
    /// is indented.
    fn header(&mut self, start: usize) -> Scanned<(Chomping, Option<isize>)> {
        let (mut chomping, mut digit) = (None, None);
        for _ in 0..2 {
            match self.cursor.first() {
                Some(b'+') if chomping.is_none() => chomping = Some(Chomping::Keep),
                Some(b'-') if chomping.is_none() => chomping = Some(Chomping::Strip),
                Some(byte @ b'1'..=b'9') if digit.is_none() => {
                    digit = Some(isize::from(byte - b'0'))
                }
                _ => break,
            }
            self.cursor.skip();
        }
        while self.cursor.is_blank() {
            self.cursor.skip();
        }
        if self.cursor.first() == Some(b'#') {
            self.cursor.skip_line_content();
        }
        if !self.cursor.is_break_or_end(0) {
            let problem = "the text of a block scalar begins on the line of its `|` or `>`";
            return Err(Mistake::new(start, problem)
                .help("begin the text on the next line, or quote the value"));
        }
        self.cursor.skip_break();
        Ok((chomping.unwrap_or(Chomping::Clip), digit))
    }

    /// Goes over empty lines and the indentation of the next line. An indentation of 0 is not known
    /// yet, and found here.
    fn breaks(&mut self, indent: &mut isize, breaks: &mut String) -> Scanned<()> {
        let mut widest = 0;
        loop {
            let inside = |column| *indent == 0 || column < *indent;
            while inside(self.cursor.mark.column) && self.cursor.first() == Some(b' ') {
                self.cursor.skip();
            }
            widest = widest.max(self.cursor.mark.column);
            if inside(self.cursor.mark.column) && self.cursor.first() == Some(b'\t') {
                let problem = "a tab stands in the indentation of a block scalar";
                return Err(Mistake::tab(self.cursor.mark.at, problem));
            }
            if !self.cursor.is_break(0) {
                break;
            }
            breaks.push_str(self.cursor.take_break());
        }
        if *indent == 0 {
            *indent = widest.max(self.indent + 1).max(1);
        }
        Ok(())
    }
}
