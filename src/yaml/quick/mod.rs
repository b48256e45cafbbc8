//! Reads the plain part of YAML quickly: block mappings and sequences, scalars and flow collections of one line,
//! literal blocks. Nearly every manifest uses nothing else.
//!
//! At anything else (anchors, tags, folded and multi-line scalars, escapes, tabs), and at any mistake, the reader
//! gives up, and the conforming parser reads the document. So this reader has no errors. If it succeeds, its tree
//! equals that of the parser, places included: tests compare the two.

mod flow;

use std::collections::HashSet;

use smol_str::SmolStr;

use super::node::{Data, Key, Node};
use super::scalar::{MERGE, is_key, is_no_json, is_word};
use crate::diagnostic::{FileId, Place};
use crate::limits::InputLimits;

/// The result of reading a document.
pub(super) struct Quick {
    /// The document; `None` if it has only comments, or more nodes than the limit.
    pub(super) node: Option<Node>,
    /// The number of its nodes, keys included. Above the limit there may be more.
    pub(super) nodes: usize,
}

/// Reads `text`, one document at `offset` in its file. `None` if it needs the conforming parser.
pub(super) fn read(text: &str, file: FileId, offset: usize, limits: &InputLimits) -> Option<Quick> {
    if !is_plain_text(text) {
        return None;
    }
    let mut reader = Reader {
        text,
        bytes: text.as_bytes(),
        at: 0,
        column: 0,
        file,
        offset,
        nodes: 0,
        most: limits.nodes,
        items: Vec::with_capacity(8),
        entries: Vec::with_capacity(32),
    };
    let Some(indent) = reader.next_line()? else {
        return Some(Quick { node: None, nodes: 0 });
    };
    let node = match reader.bytes[reader.at] {
        b'{' | b'[' => reader.scalar(indent, limits.depth),
        _ => reader.block(indent, indent, limits.depth),
    };
    if reader.nodes > limits.nodes {
        return Some(Quick { node: None, nodes: reader.nodes });
    }
    // A document ends with its first block.
    (reader.at == text.len()).then_some(Quick { node: Some(node?), nodes: reader.nodes })
}

/// Whether the only control characters are line feeds, and no character is a line break to some reader, or refused by
/// one.
fn is_plain_text(text: &str) -> bool {
    let (eights, rest) = text.as_bytes().as_chunks::<8>();
    let mut last = [b' '; 8];
    last[..rest.len()].copy_from_slice(rest);
    eights.iter().chain([&last]).all(|&eight| are_printable(eight))
        || text.chars().all(|c| match c {
            '\n' | ' '..='~' => true,
            '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}' => false,
            c => c >= '\u{a0}',
        })
}

/// Whether eight bytes are line feeds and printable ASCII: every byte of every manifest is looked at here, so they are
/// in one step. The highest bit of each byte of a sum says whether the byte is large enough, or not zero.
fn are_printable(eight: [u8; 8]) -> bool {
    let all = |byte: u8| u64::from_ne_bytes([byte; 8]);
    let (bytes, low) = (u64::from_ne_bytes(eight), u64::from_ne_bytes(eight) & all(0x7f));
    let no_control = low + all(0x80 - b' ');
    let no_line_feed = (low ^ all(b'\n')) + all(0x7f);
    let no_delete = (low ^ all(0x7f)) + all(0x7f);
    let printable = (no_control | !no_line_feed) & no_delete & !bytes;
    printable & all(0x80) == all(0x80)
}

/// From this many keys on, a mapping remembers them in a table.
const MANY_KEYS: usize = 32;

struct Reader<'t> {
    text: &'t str,
    bytes: &'t [u8],
    /// Between two steps: the first character of a line with content, or the end of the text.
    at: usize,
    /// The column of the content that [`Reader::next_line`] found last; 0 at the end.
    column: usize,
    file: FileId,
    offset: usize,
    nodes: usize,
    /// After this many nodes the rest is not read.
    most: usize,
    /// Items of all open lists, stacked; split off when one closes, so that a list allocates once.
    items: Vec<Node>,
    /// Entries of all open mappings, likewise.
    entries: Vec<(Key, Node)>,
}

/// How many more levels this reader accepts before it leaves the document to the parser's limit.
type Depth = usize;

/// Takes what is on a stack from `first` on, in a vector without spare room.
fn top<T>(stack: &mut Vec<T>, first: usize) -> Vec<T> {
    let mut top = stack.split_off(first);
    top.shrink_to_fit();
    top
}

impl Reader<'_> {
    fn place(&self, start: usize, end: usize) -> Place {
        Place::new(self.file, self.offset + start, self.offset + end)
    }

    fn count(&mut self) -> Option<()> {
        self.nodes += 1;
        (self.nodes <= self.most).then_some(())
    }

    /// Skips blanks.
    fn skip_blanks(&mut self) {
        self.at += self.bytes[self.at..].iter().take_while(|&&byte| byte == b' ').count();
    }

    /// Skips from the start of a line to the next content and returns its column; `Some(None)` at the end of the
    /// text.
    #[expect(clippy::option_option, reason = "giving up and the end of the text are two things")]
    fn next_line(&mut self) -> Option<Option<usize>> {
        loop {
            let start = self.at;
            self.skip_blanks();
            match self.bytes.get(self.at) {
                None => {
                    self.column = 0;
                    return Some(None);
                }
                Some(b'\n') => self.at += 1,
                Some(b'#') => self.at = self.line_end() + 1,
                Some(_) => {
                    self.column = self.at - start;
                    return Some(Some(self.column));
                }
            }
            self.at = self.at.min(self.bytes.len());
        }
    }

    /// The end of the current line, without its newline.
    fn line_end(&self) -> usize {
        let end = memchr::memchr(b'\n', &self.bytes[self.at..]);
        end.map_or(self.bytes.len(), |end| self.at + end)
    }

    /// Reads a block that starts here, at this column. `indent` is the least column of its lines.
    fn block(&mut self, column: usize, indent: usize, depth: Depth) -> Option<Node> {
        let depth = depth.checked_sub(1)?;
        self.count()?;
        if self.is_item() {
            let start = self.at;
            return self.list(start, column, depth);
        }
        debug_assert!(column >= indent, "a block never starts left of its lines");
        self.map(column, depth)
    }

    fn is_item(&self) -> bool {
        self.bytes[self.at] == b'-'
            && matches!(self.bytes.get(self.at + 1), None | Some(b' ' | b'\n'))
    }

    fn list(&mut self, start: usize, column: usize, depth: Depth) -> Option<Node> {
        let first = self.items.len();
        loop {
            self.at += 1;
            let dash = self.at;
            self.skip_blanks();
            let item = match self.bytes.get(self.at) {
                None | Some(b'\n' | b'#') => self.below(column, false, dash, depth)?,
                Some(_) => {
                    let inner = column + 1 + (self.at - dash);
                    if self.is_item() || self.key_end().is_some() {
                        self.block(inner, inner, depth)?
                    } else {
                        self.scalar(column, depth)?
                    }
                }
            };
            self.items.push(item);
            if self.at == self.bytes.len() || self.column < column {
                break;
            }
            if self.column > column {
                return None;
            }
            if !self.is_item() {
                break;
            }
        }
        let items = top(&mut self.items, first);
        Some(Node { data: Data::List(items), place: self.place(start, self.at) })
    }

    fn map(&mut self, column: usize, depth: Depth) -> Option<Node> {
        let start = self.at;
        let first = self.entries.len();
        let mut table = HashSet::new();
        loop {
            let key = self.key(first, &mut table)?;
            let colon = self.at;
            self.at += 1;
            self.skip_blanks();
            let value = match self.bytes.get(self.at) {
                None | Some(b'\n' | b'#') => self.below(column, true, colon, depth)?,
                Some(_) => self.scalar(column, depth)?,
            };
            self.entries.push((key, value));
            if self.at == self.bytes.len() || self.column < column {
                break;
            }
            if self.column > column || self.is_item() {
                return None;
            }
        }
        let entries = top(&mut self.entries, first);
        Some(Node { data: Data::Map(entries), place: self.place(start, self.at) })
    }

    /// Reads the value on the lines below a key or dash in this column. A sequence can be in the column of its key. A
    /// missing value is null, placed at `empty`.
    fn below(&mut self, column: usize, of_key: bool, empty: usize, depth: Depth) -> Option<Node> {
        self.at = (self.line_end() + 1).min(self.bytes.len());
        match self.next_line()? {
            Some(inner) if inner > column => self.block(inner, inner, depth),
            Some(inner) if inner == column && of_key && self.is_item() => {
                let depth = depth.checked_sub(1)?;
                self.count()?;
                self.list(self.at, column, depth)
            }
            _ => {
                self.count()?;
                let data = Data::Scalar { text: "~".into(), plain: true };
                Some(Node { data, place: self.place(empty, empty) })
            }
        }
    }

    /// The end of the plain or quoted key that starts here, if a colon and its value follow.
    fn key_end(&self) -> Option<usize> {
        let rest = &self.bytes[self.at..];
        let end = match rest[0] {
            quote @ (b'"' | b'\'') => {
                let end = 2 + rest[1..].iter().position(|&byte| byte == quote)?;
                if rest[1..end].iter().any(|byte| matches!(byte, b'\\' | b'\n')) {
                    return None;
                }
                end
            }
            first => {
                let starts = first.is_ascii_alphanumeric() || matches!(first, b'_' | b'/');
                rest.iter().position(|&byte| !is_word(byte)).filter(|_| starts)?
            }
        };
        // The parser looks only this far for the colon of a key.
        let ends = rest.get(end) == Some(&b':') && end < 1000;
        (ends && matches!(rest.get(end + 1), None | Some(b' ' | b'\n'))).then_some(self.at + end)
    }

    /// Reads a new key of the mapping whose entries begin at `first`, and stops at its colon. Few keys are compared,
    /// many are remembered in the table.
    fn key(&mut self, first: usize, table: &mut HashSet<SmolStr>) -> Option<Key> {
        let (start, end) = (self.at, self.key_end()?);
        let quotes = usize::from(matches!(self.bytes[start], b'"' | b'\''));
        let text = SmolStr::new(&self.text[start + quotes..end - quotes]);
        // Keys that kubectl changes are short, or begin with a digit.
        let odd = quotes == 0 && (text.len() < 6 || self.bytes[start].is_ascii_digit());
        if odd && !is_key(&text) || text == MERGE {
            return None;
        }
        let entries = &self.entries[first..];
        let new = if entries.len() < MANY_KEYS {
            entries.iter().all(|(other, _)| other.text != text)
        } else {
            if table.is_empty() {
                table.extend(entries.iter().map(|(key, _)| key.text.clone()));
            }
            table.insert(text.clone())
        };
        self.count()?;
        self.at = end;
        new.then(|| Key { text, place: self.place(start, end) })
    }

    /// Reads a scalar or flow collection on the line of its key or dash, whose column is `column`.
    fn scalar(&mut self, column: usize, depth: Depth) -> Option<Node> {
        let end = self.line_end();
        let node = match self.bytes[self.at] {
            b'|' => return self.literal(column),
            b'{' | b'[' | b'"' | b'\'' => self.flow(end, depth)?,
            _ => {
                self.count()?;
                let start = self.at;
                let text = plain(&self.text[start..end])?;
                self.at += text.len();
                let data = Data::Scalar { text: text.into(), plain: true };
                Node { data, place: self.place(start, self.at) }
            }
        };
        self.end_of_line(end, column)?;
        Some(node)
    }

    /// Checks that only blanks or a comment follow on this line, and that the next content is not further right than
    /// the key or dash.
    fn end_of_line(&mut self, end: usize, column: usize) -> Option<()> {
        let rest = &self.bytes[self.at..end];
        let content = rest.iter().position(|&byte| byte != b' ');
        match content {
            None => {}
            Some(blanks) if blanks > 0 && rest[blanks] == b'#' => {}
            Some(_) => return None,
        }
        self.at = (end + 1).min(self.bytes.len());
        let next = self.next_line()?;
        next.is_none_or(|next| next <= column).then_some(())
    }

    /// Reads a literal block. See <https://yaml.org/spec/1.2.2/#812-literal-style>.
    fn literal(&mut self, column: usize) -> Option<Node> {
        self.count()?;
        let header = &self.bytes[self.at..self.line_end()];
        let keep = match header {
            b"|" => 1,
            b"|-" => 0,
            b"|+" => usize::MAX,
            _ => return None,
        };
        let first = self.line_end() + 1;
        let rest = self.bytes.get(first..)?;
        let indent = rest.iter().take_while(|&&byte| byte == b' ').count();
        // A blank first line, or a block without lines, is left to the parser.
        if indent <= column || matches!(rest.get(indent), None | Some(b'\n')) {
            return None;
        }
        let (mut text, mut blank, mut end) = (String::new(), 0, self.bytes.len());
        self.at = first;
        while self.at < self.bytes.len() {
            let line = &self.text[self.at..self.line_end()];
            let spaces = line.bytes().take_while(|&byte| byte == b' ').count();
            if spaces == line.len() && spaces <= indent {
                blank += 1;
            } else if spaces < indent {
                end = self.at + spaces;
                break;
            } else {
                text.extend(std::iter::repeat_n('\n', blank));
                text.push_str(&line[indent..]);
                blank = 1;
            }
            self.at = (self.line_end() + 1).min(self.bytes.len());
        }
        // A last line without a newline stays without one.
        if !self.text[..self.at].ends_with('\n') {
            return None;
        }
        text.extend(std::iter::repeat_n('\n', blank.min(keep)));
        let place = self.place(first + indent, end);
        let next = self.next_line()?;
        // Content between the columns of key and block belongs to neither.
        if next.is_some_and(|next| next > column) {
            return None;
        }
        Some(Node { data: Data::Scalar { text: text.into(), plain: false }, place })
    }
}

/// The plain scalar at the start of a line, without the blanks and comment after it.
fn plain(line: &str) -> Option<&str> {
    let bytes = line.as_bytes();
    let starts = match bytes[0] {
        b'-' | b'?' | b':' => bytes.get(1).is_some_and(|&next| next != b' '),
        b',' | b']' | b'}' | b'#' | b'&' | b'*' | b'!' | b'|' | b'>' | b'%' | b'@' | b'`' => false,
        _ => true,
    };
    if !starts {
        return None;
    }
    let is_key = |at: usize| matches!(bytes.get(at + 1), None | Some(b' '));
    let is_comment = |at: usize| at > 0 && bytes[at - 1] == b' ';
    let end = memchr::memchr2_iter(b':', b'#', bytes).find(|&at| match bytes[at] {
        b':' => is_key(at),
        _ => is_comment(at),
    });
    let end = end.unwrap_or(line.len());
    let text = line[..end].trim_end_matches(' ');
    (bytes.get(end) != Some(&b':') && !is_no_json(text)).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn printable_bytes_are_known_at_each_place() {
        for (place, byte) in (0..8).flat_map(|place| (0..=u8::MAX).map(move |byte| (place, byte))) {
            let mut eight = *b"a: ~\n  b";
            eight[place] = byte;
            let wanted = byte == b'\n' || (b' '..=b'~').contains(&byte);
            assert_eq!(are_printable(eight), wanted, "{byte:#x} at {place}");
        }
    }
}
