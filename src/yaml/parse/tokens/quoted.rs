//! Scalars of one or more lines: in quotes, and plain.

use std::borrow::Cow;

use super::cursor::Gap;
use super::{Mistake, Read, Scalar, Tokens};

impl<'t> Tokens<'t> {
    pub(super) fn quoted(&mut self, quote: u8) -> Read<Scalar<'t>> {
        let start = self.at();
        self.fresh = false;
        self.cursor.skip();
        let (mut text, mut gap) = (String::new(), Gap::default());
        loop {
            if self.cursor.marker().is_some() {
                let problem = "the document ends in the middle of a quoted value";
                return Err(Mistake::unclosed(start, problem));
            }
            let Some(byte) = self.cursor.first() else {
                return Err(Mistake::unclosed(start, "the quote that opens here is never closed"));
            };
            if self.cursor.is_blank_or_end(0) {
                gap.take(&mut self.cursor);
                continue;
            }
            gap.join(&mut text);
            if byte == b'\\' && quote == b'"' {
                if self.cursor.is_break(1) {
                    // An escaped line break joins the lines.
                    self.cursor.skip();
                    self.cursor.skip_break();
                    gap.broken = true;
                } else {
                    text.push(self.escape()?);
                }
            } else if byte != quote {
                self.take_char(&mut text);
            } else if quote == b'\'' && self.cursor.byte(1) == Some(b'\'') {
                self.cursor.skip();
                self.take_char(&mut text);
            } else {
                break;
            }
        }
        self.cursor.skip();
        Ok(Scalar { text: Cow::Owned(text), plain: false, start, end: self.at() })
    }

    fn take_char(&mut self, text: &mut String) {
        let from = self.cursor.position.at;
        self.cursor.skip();
        text.push_str(&self.cursor.text[from..self.cursor.position.at]);
    }

    /// Reads an escape. See <https://yaml.org/spec/1.1/#id872840>, which lacks `\'` and `\/`.
    fn escape(&mut self) -> Read<char> {
        let at = self.cursor.position.at;
        let wrong = |help| {
            Mistake::new(at, "kubectl and kustomize know no such escape in double quotes")
                .help(help)
        };
        let length = match self.cursor.byte(1) {
            Some(b'x') => 2,
            Some(b'u') => 4,
            Some(b'U') => 8,
            _ => 0,
        };
        let simple = match self.cursor.byte(1) {
            Some(b'0') => '\0',
            Some(b'a') => '\x07',
            Some(b'b') => '\x08',
            Some(b't' | b'\t') => '\t',
            Some(b'n') => '\n',
            Some(b'v') => '\x0b',
            Some(b'f') => '\x0c',
            Some(b'r') => '\r',
            Some(b'e') => '\x1b',
            Some(same @ (b' ' | b'"' | b'\'' | b'\\')) => char::from(same),
            Some(b'/') if self.is_json() => '/',
            Some(b'N') => '\u{85}',
            Some(b'_') => '\u{a0}',
            Some(b'L') => '\u{2028}',
            Some(b'P') => '\u{2029}',
            _ if length > 0 => ' ',
            _ => return Err(wrong("write `\\\\` for a backslash, or use single quotes")),
        };
        self.cursor.skip();
        self.cursor.skip();
        if length == 0 {
            return Ok(simple);
        }
        let mut code = self.hexadecimal(length).ok_or_else(|| wrong("write all its digits"))?;
        // A surrogate: in JSON its other half follows.
        if (0xD800..0xDC00).contains(&code)
            && self.is_json()
            && self.cursor.byte(0) == Some(b'\\')
            && self.cursor.byte(1) == Some(b'u')
        {
            self.cursor.skip();
            self.cursor.skip();
            let low = self.hexadecimal(4).filter(|low| (0xDC00..0xE000).contains(low));
            let low = low.ok_or_else(|| wrong("write the character itself"))?;
            code = 0x1_0000 + ((code - 0xD800) << 10) + (low - 0xDC00);
        }
        char::from_u32(code).ok_or_else(|| wrong("write the character itself"))
    }

    fn hexadecimal(&mut self, length: usize) -> Option<u32> {
        let at = self.cursor.position.at;
        let digits = self.cursor.text.get(at..at + length)?;
        let all = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
        let code = u32::from_str_radix(digits, 16).ok().filter(|_| all)?;
        (0..length).for_each(|_| self.cursor.skip());
        Some(code)
    }

    /// Reads a plain scalar, and the blanks and line breaks after it. It continues on lines to the right of its
    /// block.
    pub(super) fn plain(&mut self) -> Read<Scalar<'t>> {
        let start = self.at();
        let (mut text, mut gap, mut end) = (String::new(), Gap::default(), start);
        self.fresh = false;
        loop {
            if self.cursor.is_blank() || self.cursor.is_break(0) {
                let left = gap.broken && self.cursor.position.column <= self.indent;
                if left && self.cursor.first() == Some(b'\t') {
                    let problem = "a tab stands in the indentation of a value of several lines";
                    return Err(Mistake::tab(self.at(), problem));
                }
                gap.take(&mut self.cursor);
                continue;
            }
            let apart = self.at() > end;
            let outside = apart && !self.in_flow() && self.cursor.position.column <= self.indent;
            let comment = (apart || end == start) && self.cursor.first() == Some(b'#');
            let ended = self.cursor.first().is_none() || self.ends_plain();
            if ended || outside || comment || self.cursor.marker().is_some() {
                break;
            }
            gap.join(&mut text);
            self.take_char(&mut text);
            end = self.at();
        }
        self.fresh = gap.broken && !self.in_flow();
        Ok(Scalar { text: Cow::Owned(text), plain: true, start, end })
    }

    /// Whether the character here ends a plain scalar. A colon does only before a blank, in brackets too; in brackets
    /// a `?` does.
    fn ends_plain(&self) -> bool {
        match self.cursor.first() {
            Some(b':') => self.cursor.is_blank_or_end(1),
            Some(b',' | b'?' | b'[' | b']' | b'{' | b'}') => self.in_flow(),
            _ => false,
        }
    }
}
