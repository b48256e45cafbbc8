//! A cursor in a text that knows its line and column.

/// Where in the text the cursor is. Columns are counted in characters.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct Position {
    /// In bytes.
    pub(in super::super) at: usize,
    /// In characters.
    pub(in super::super) index: usize,
    pub(in super::super) line: usize,
    pub(in super::super) column: isize,
}

#[derive(Clone, Copy)]
pub(in super::super) struct Cursor<'t> {
    pub(super) text: &'t str,
    pub(in super::super) position: Position,
}

impl<'t> Cursor<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self { text, position: Position { at: 0, index: 0, line: 0, column: 0 } }
    }

    /// The byte `ahead` bytes after this place.
    pub(super) fn byte(&self, ahead: usize) -> Option<u8> {
        self.text.as_bytes().get(self.position.at + ahead).copied()
    }

    pub(in super::super) fn first(&self) -> Option<u8> {
        self.byte(0)
    }

    /// Whether this character is here.
    pub(super) fn stands(&self, character: char) -> bool {
        self.text[self.position.at..].starts_with(character)
    }

    /// The length of the line break `ahead` bytes after this place; 0 if there is none.
    fn break_length(&self, ahead: usize) -> usize {
        let rest = &self.text.as_bytes()[(self.position.at + ahead).min(self.text.len())..];
        match rest {
            // kubectl and kustomize replace `\r\n` by `\n` before they parse, so this is `\r\n` to the parser: one break.
            [b'\r', b'\r', b'\n', ..] => 3,
            [b'\r', b'\n', ..] | [0xC2, 0x85, ..] => 2,
            [b'\r' | b'\n', ..] => 1,
            [0xE2, 0x80, 0xA8 | 0xA9, ..] => 3,
            _ => 0,
        }
    }

    pub(super) fn is_break(&self, ahead: usize) -> bool {
        self.break_length(ahead) > 0
    }

    pub(super) fn is_break_or_end(&self, ahead: usize) -> bool {
        self.byte(ahead).is_none() || self.is_break(ahead)
    }

    pub(super) fn is_blank(&self) -> bool {
        matches!(self.first(), Some(b' ' | b'\t'))
    }

    pub(in super::super) fn is_blank_or_end(&self, ahead: usize) -> bool {
        matches!(self.byte(ahead), Some(b' ' | b'\t')) || self.is_break_or_end(ahead)
    }

    /// Skips one character.
    pub(super) fn skip(&mut self) {
        let width = match self.first() {
            Some(0x80..) => self.text[self.position.at..].chars().next().map_or(0, char::len_utf8),
            _ => 1,
        };
        self.position.at += width;
        self.position.index += 1;
        self.position.column += 1;
    }

    /// Skips the rest of the line, but not its line break.
    pub(super) fn skip_line_content(&mut self) {
        while !self.is_break_or_end(0) {
            self.skip();
        }
    }

    /// Skips a line break, if there is one.
    pub(super) fn skip_break(&mut self) -> bool {
        let length = self.break_length(0);
        if length > 0 {
            let is_of_several = self.text[self.position.at..].starts_with("\r");
            self.position.index += if is_of_several { length } else { 1 };
            self.position.at += length;
            self.position.column = 0;
            self.position.line += 1;
        }
        length > 0
    }

    /// Skips a line break and returns it as a scalar gets it: a line feed, but U+2028 and U+2029 stay.
    pub(super) fn take_break(&mut self) -> &'t str {
        let rest = &self.text[self.position.at..];
        let text = match self.break_length(0) {
            0 => "",
            3 if !rest.starts_with('\r') => &rest[..3],
            _ => "\n",
        };
        self.skip_break();
        text
    }

    /// The `---` or `...` at the start of this line.
    pub(super) fn marker(&self) -> Option<&'t str> {
        let marker = self.text.get(self.position.at..self.position.at + 3)?;
        let is_marker = matches!(marker, "---" | "...");
        (is_marker && self.position.column == 0 && self.is_blank_or_end(3)).then_some(marker)
    }

    /// Skips that marker, if it is here.
    pub(in super::super) fn skip_marker(&mut self, marker: &str) -> bool {
        let is_here = self.marker() == Some(marker);
        (0..3).filter(|_| is_here).for_each(|_| self.skip());
        is_here
    }
}

/// The gap between two words of a scalar: blanks as they are, or line breaks, which fold.
#[derive(Default)]
pub(super) struct Gap {
    blanks: String,
    first: &'static str,
    rest: String,
    pub(super) broken: bool,
}

impl Gap {
    /// Takes a blank or a line break that is here.
    pub(super) fn take(&mut self, cursor: &mut Cursor<'_>) {
        if cursor.is_blank() {
            if !self.broken {
                self.blanks.push(if cursor.first() == Some(b'\t') { '\t' } else { ' ' });
            }
            cursor.skip();
            return;
        }
        let line_break = match cursor.take_break() {
            "\n" => "\n",
            "\u{2028}" => "\u{2028}",
            _ => "\u{2029}",
        };
        if self.broken {
            self.rest.push_str(line_break);
        } else {
            self.blanks.clear();
            self.first = line_break;
            self.broken = true;
        }
    }

    /// Appends the gap as the scalar gets it, and empties it.
    pub(super) fn join(&mut self, text: &mut String) {
        if !self.broken {
            text.push_str(&self.blanks);
        } else if self.first == "\n" {
            text.push_str(if self.rest.is_empty() { " " } else { &self.rest });
        } else {
            text.push_str(self.first);
            text.push_str(&self.rest);
        }
        *self = Self::default();
    }
}
