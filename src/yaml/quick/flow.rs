//! Reads flow collections and scalars of one line: `[a, "b"]`, `{name: a}`, `'c'`.
//! See <https://yaml.org/spec/1.2.2/#74-flow-collection-styles>.

use std::collections::HashSet;

use super::{Depth, Reader, plain};
use crate::yaml::node::{Data, Node};

impl Reader<'_> {
    /// Reads a value that ends before `end`, the end of this line.
    pub(super) fn flow(&mut self, end: usize, depth: Depth) -> Option<Node> {
        self.count()?;
        let start = self.at;
        let data = match self.bytes[start] {
            b'[' => self.flow_list(end, depth.checked_sub(1)?)?,
            b'{' => self.flow_map(end, depth.checked_sub(1)?)?,
            quote @ (b'"' | b'\'') => self.quoted(quote, end)?,
            _ => self.flow_plain(end)?,
        };
        Some(Node { data, place: self.place(start, self.at) })
    }

    fn flow_list(&mut self, end: usize, depth: Depth) -> Option<Data> {
        let first = self.items.len();
        self.at += 1;
        while !self.closes(b']', end)? {
            let item = self.flow(end, depth)?;
            self.items.push(item);
            self.separator(b']', end)?;
        }
        Some(Data::List(self.items.drain(first..).collect()))
    }

    fn flow_map(&mut self, end: usize, depth: Depth) -> Option<Data> {
        let first = self.entries.len();
        let mut table = HashSet::new();
        self.at += 1;
        while !self.closes(b'}', end)? {
            let key = self.key(first, &mut table)?;
            self.at += 1;
            self.skip_blanks();
            let value = (self.at < end).then(|| self.flow(end, depth))??;
            self.entries.push((key, value));
            self.separator(b'}', end)?;
        }
        Some(Data::Map(self.entries.drain(first..).collect()))
    }

    /// Whether the collection closes after blanks. `None` if the line ends first.
    fn closes(&mut self, bracket: u8, end: usize) -> Option<bool> {
        self.skip_blanks();
        let closes = *self.bytes[..end].get(self.at)? == bracket;
        self.at += usize::from(closes);
        Some(closes)
    }

    /// Skips a comma, or stops before the closing bracket. `None` at anything else.
    fn separator(&mut self, bracket: u8, end: usize) -> Option<()> {
        self.skip_blanks();
        let byte = *self.bytes[..end].get(self.at)?;
        self.at += usize::from(byte == b',');
        (byte == b',' || byte == bracket).then_some(())
    }

    /// Reads a scalar in quotes, without a backslash in double ones.
    fn quoted(&mut self, quote: u8, end: usize) -> Option<Data> {
        let inside = &self.text[self.at + 1..end];
        let mut quotes = memchr::memchr_iter(quote, inside.as_bytes());
        let mut close = quotes.next()?;
        let text = if quote == b'"' {
            let text = &inside[..close];
            (!text.contains('\\')).then(|| text.into())?
        } else {
            // A doubled quote stands for one.
            while inside.as_bytes().get(close + 1) == Some(&quote) {
                quotes.next();
                close = quotes.next()?;
            }
            inside[..close].replace("''", "'").into()
        };
        self.at += close + 2;
        Some(Data::Scalar { text, plain: false })
    }

    /// Reads a plain scalar up to a comma or bracket.
    fn flow_plain(&mut self, end: usize) -> Option<Data> {
        let rest = &self.text[self.at..end];
        let length = rest.bytes().position(|byte| b",[]{}".contains(&byte))?;
        let text = rest[..length].trim_end_matches(' ');
        // In brackets a `?` begins a key.
        let starts = !text.is_empty() && !text.starts_with(':') && !text.contains('?');
        // After a `#` there is a comment, and the collection continues on the next line.
        let whole = starts && plain(text)? == text;
        self.at += text.len();
        whole.then(|| Data::Scalar { text: text.into(), plain: true })
    }
}
