//! Tokens, cut as go-yaml cuts them: the scanner in kubectl, in kustomize and so in Flux.
//!
//! YAML 1.2 and these readers differ in what ends a plain scalar in brackets, where a comment or a
//! tab may stand, and which characters break a line. What counts is the value that reaches a cluster, so
//! this follows their scanner step by step, and not the specification:
//! <https://github.com/yaml/go-yaml/blob/v2/scannerc.go>.

mod block;
mod cursor;
mod names;
mod quoted;

use std::borrow::Cow;
use std::collections::VecDeque;

use cursor::{Cursor, Mark};

/// A mistake, and what to do about it.
#[derive(Debug)]
pub(super) struct Mistake {
    /// The byte at which it is found.
    pub(super) at: usize,
    pub(super) problem: &'static str,
    pub(super) help: &'static str,
}

impl Mistake {
    pub(super) fn new(at: usize, problem: &'static str) -> Self {
        Self { at, problem, help: "mend the YAML at this place" }
    }

    pub(super) fn help(mut self, help: &'static str) -> Self {
        self.help = help;
        self
    }

    /// A tab where only spaces may stand.
    fn tab(at: usize, problem: &'static str) -> Self {
        Self::new(at, problem).help("indent with spaces: YAML allows no tabs there")
    }

    /// Something that is opened and never closed.
    pub(super) fn unclosed(at: usize, problem: &'static str) -> Self {
        Self::new(at, problem)
            .help("close what is opened here; if the text ends early, the file is not complete")
    }
}

/// What a token is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Kind<'t> {
    StreamEnd,
    DocumentStart,
    DocumentEnd,
    BlockListStart,
    BlockMapStart,
    BlockEnd,
    FlowListStart,
    FlowListEnd,
    FlowMapStart,
    FlowMapEnd,
    FlowEntry,
    BlockEntry,
    Key,
    Value,
    Alias(&'t str),
    Anchor(&'t str),
    Tag(Tag<'t>),
    Scalar { text: Cow<'t, str>, plain: bool },
}

/// A tag as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag<'t> {
    /// `!`: a string, whatever it looks like.
    Bare,
    /// `!!name`: a type of YAML itself.
    Core(&'t str),
    /// Any other: what a program means by it.
    Own(&'t str),
}

/// A token and the bytes it is made of.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Token<'t> {
    pub(super) kind: Kind<'t>,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// A token that is a key if a colon follows: it must, within 1024 characters and on the same line.
#[derive(Debug, Clone, Copy)]
struct SimpleKey {
    /// The brackets around it.
    level: usize,
    /// Nothing else can stand there.
    required: bool,
    /// Its number among all tokens.
    number: usize,
    mark: Mark,
}

/// Cuts one document, with its `---` line if it has one, into tokens.
pub(super) struct Scanner<'t> {
    cursor: Cursor<'t>,
    /// Those that are cut and not taken yet.
    queue: VecDeque<Token<'t>>,
    /// How many are taken.
    taken: usize,
    /// Where the brackets that are open stand.
    brackets: Vec<usize>,
    /// The column of the innermost block; -1 outside of all blocks.
    indent: isize,
    indents: Vec<isize>,
    key_allowed: bool,
    /// At most one for each level, the outermost first.
    keys: VecDeque<SimpleKey>,
    /// Whether it is JSON, once somebody has asked.
    json: Option<bool>,
    ended: bool,
}

type Scanned<T> = Result<T, Mistake>;

impl<'t> Scanner<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            cursor: Cursor::new(text),
            queue: VecDeque::new(),
            taken: 0,
            brackets: Vec::new(),
            indent: -1,
            indents: Vec::new(),
            key_allowed: true,
            keys: VecDeque::new(),
            json: None,
            ended: false,
        }
    }

    /// The next token, which stays.
    pub(super) fn peek(&mut self) -> Scanned<&Token<'t>> {
        while !self.ended && (self.queue.is_empty() || self.head_may_become_key()?) {
            self.fetch()?;
        }
        Ok(self.queue.front().expect("the end of the text is a token"))
    }

    /// Takes the next token.
    pub(super) fn take(&mut self) -> Scanned<Token<'t>> {
        self.peek()?;
        self.taken += 1;
        Ok(self.queue.pop_front().expect("the end of the text is a token"))
    }

    /// Whether a colon that comes later would put a key in front of the next token.
    fn head_may_become_key(&mut self) -> Scanned<bool> {
        while let Some(&key) = self.keys.front().filter(|key| key.number <= self.taken) {
            if key.number == self.taken && self.is_valid(&key)? {
                return Ok(true);
            }
            self.keys.pop_front();
        }
        Ok(false)
    }

    /// Whether a bracket is open.
    fn in_flow(&self) -> bool {
        !self.brackets.is_empty()
    }

    fn is_valid(&self, key: &SimpleKey) -> Scanned<bool> {
        let here = self.cursor.mark;
        let valid = key.mark.line == here.line && key.mark.index + 1024 >= here.index;
        if !valid && key.required {
            return Err(no_colon(key));
        }
        Ok(valid)
    }

    fn push(&mut self, kind: Kind<'t>, start: usize) {
        self.queue.push_back(Token { kind, start, end: self.cursor.mark.at });
    }

    /// Takes so many bytes as a token of their own.
    fn indicator(&mut self, kind: Kind<'t>, bytes: usize) {
        let start = self.cursor.mark.at;
        (0..bytes).for_each(|_| self.cursor.skip());
        self.push(kind, start);
    }

    /// Cuts the next token.
    fn fetch(&mut self) -> Scanned<()> {
        self.skip_to_token()?;
        self.unroll(self.cursor.mark.column);
        let Some(first) = self.cursor.first() else {
            if let Some(&open) = self.brackets.last() {
                return Err(Mistake::unclosed(open, "the bracket that opens here is never closed"));
            }
            self.unroll(-1);
            self.cursor.end_line();
            self.forget_key()?;
            self.ended = true;
            self.push(Kind::StreamEnd, self.cursor.mark.at);
            return Ok(());
        };
        if self.cursor.mark.column == 0 {
            if first == b'%' {
                return Err(Mistake::new(
                    self.cursor.mark.at,
                    "this line is a directive, which kubectl and kustomize refuse",
                )
                .help("remove the line, or quote the value that begins with `%`"));
            }
            if let Some(indicator) = self.cursor.document_indicator() {
                self.unroll(-1);
                self.forget_key()?;
                self.key_allowed = false;
                self.indicator(indicator, 3);
                return Ok(());
            }
        }
        let blank_behind = self.cursor.is_blank_or_end(1);
        let in_flow = self.in_flow();
        match first {
            b'[' => self.open(Kind::FlowListStart),
            b'{' => self.open(Kind::FlowMapStart),
            b']' => self.close(Kind::FlowListEnd),
            b'}' => self.close(Kind::FlowMapEnd),
            b',' => {
                self.forget_key()?;
                self.key_allowed = true;
                self.indicator(Kind::FlowEntry, 1);
                Ok(())
            }
            b'-' if blank_behind => self.block_entry(),
            b'?' if in_flow || blank_behind => self.explicit_key(),
            b':' if in_flow || blank_behind => self.value(),
            b'*' => self.name(Kind::Alias),
            b'&' => self.name(Kind::Anchor),
            b'!' => self.tag(),
            b'|' | b'>' if !in_flow => self.block_scalar(first == b'|'),
            b'\'' | b'"' => self.quoted(first),
            b'-' => self.plain(),
            b'?' | b':' if !in_flow => self.plain(),
            b'\t' => Err(Mistake::tab(self.cursor.mark.at, "a tab stands where a token begins")),
            b'#' | b'%' | b'@' | b'`' | b'|' | b'>' => {
                Err(Mistake::new(self.cursor.mark.at, "no value can begin with this character")
                    .help("quote the value"))
            }
            _ => self.plain(),
        }
    }

    /// Goes over blanks, comments and line breaks.
    fn skip_to_token(&mut self) -> Scanned<()> {
        loop {
            if self.cursor.mark.column == 0 && self.cursor.stands('\u{feff}') {
                let problem = "a byte order mark stands in the middle of a document";
                return Err(Mistake::new(self.cursor.mark.at, problem).help("remove it"));
            }
            // A tab is a blank in brackets, and behind the first token of a line.
            let tabs = self.in_flow() || !self.key_allowed;
            while matches!(self.cursor.first(), Some(b' '))
                || tabs && matches!(self.cursor.first(), Some(b'\t'))
            {
                self.cursor.skip();
            }
            if self.cursor.first() == Some(b'#') {
                self.cursor.skip_line_content();
            }
            if !self.cursor.skip_break() {
                return Ok(());
            }
            if !self.in_flow() {
                self.key_allowed = true;
            }
        }
    }

    /// Whether kubectl reads this document as JSON, which has escapes that YAML has not.
    fn is_json(&mut self) -> bool {
        let text = self.cursor.text;
        let begins = text.trim_start().starts_with('{');
        *self.json.get_or_insert_with(|| {
            begins && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        })
    }

    /// Remembers that the next token may be a key.
    fn save_key(&mut self) -> Scanned<()> {
        if self.key_allowed {
            self.forget_key()?;
            let mark = self.cursor.mark;
            let required = !self.in_flow() && self.indent == mark.column;
            let number = self.taken + self.queue.len();
            self.keys.push_back(SimpleKey { level: self.brackets.len(), required, number, mark });
        }
        Ok(())
    }

    /// The token that may be a key at this level.
    fn key_here(&self) -> Option<SimpleKey> {
        self.keys.back().copied().filter(|key| key.level == self.brackets.len())
    }

    /// The token that might have been a key at this level is none.
    fn forget_key(&mut self) -> Scanned<()> {
        if let Some(key) = self.key_here() {
            if key.required {
                return Err(no_colon(&key));
            }
            self.keys.pop_back();
        }
        Ok(())
    }

    /// Opens a block where its first token stands right of the block around it.
    fn roll(&mut self, mark: Mark, number: Option<usize>, kind: Kind<'t>) {
        if !self.in_flow() && self.indent < mark.column {
            self.indents.push(std::mem::replace(&mut self.indent, mark.column));
            let place = number.map_or(self.queue.len(), |number| number - self.taken);
            self.queue.insert(place, Token { kind, start: mark.at, end: mark.at });
        }
    }

    /// Closes the blocks that stand right of this column.
    fn unroll(&mut self, column: isize) {
        while !self.in_flow() && self.indent > column {
            self.push(Kind::BlockEnd, self.cursor.mark.at);
            self.indent = self.indents.pop().unwrap_or(-1);
        }
    }

    fn open(&mut self, kind: Kind<'t>) -> Scanned<()> {
        self.save_key()?;
        self.brackets.push(self.cursor.mark.at);
        self.key_allowed = true;
        self.indicator(kind, 1);
        Ok(())
    }

    fn close(&mut self, kind: Kind<'t>) -> Scanned<()> {
        self.forget_key()?;
        self.brackets.pop();
        self.key_allowed = false;
        self.indicator(kind, 1);
        Ok(())
    }

    fn block_entry(&mut self) -> Scanned<()> {
        // In brackets, the parser says what is wrong.
        if !self.in_flow() {
            if !self.key_allowed {
                let problem = "a list cannot begin here";
                return Err(Mistake::new(self.cursor.mark.at, problem)
                    .help("begin the list on a line of its own, or quote the value"));
            }
            self.roll(self.cursor.mark, None, Kind::BlockListStart);
        }
        self.forget_key()?;
        self.key_allowed = true;
        self.indicator(Kind::BlockEntry, 1);
        Ok(())
    }

    fn explicit_key(&mut self) -> Scanned<()> {
        if !self.in_flow() {
            if !self.key_allowed {
                return Err(Mistake::new(self.cursor.mark.at, "a key cannot begin here"));
            }
            self.roll(self.cursor.mark, None, Kind::BlockMapStart);
        }
        self.forget_key()?;
        self.key_allowed = !self.in_flow();
        self.indicator(Kind::Key, 1);
        Ok(())
    }

    /// A colon: it makes a key of the token in front of it, or follows a key that began with `?`.
    fn value(&mut self) -> Scanned<()> {
        let key = match self.key_here() {
            Some(key) => self.is_valid(&key)?.then_some(key),
            None => None,
        };
        if let Some(key) = key {
            let token = Token { kind: Kind::Key, start: key.mark.at, end: key.mark.at };
            self.queue.insert(key.number - self.taken, token);
            self.roll(key.mark, Some(key.number), Kind::BlockMapStart);
            self.keys.pop_back();
            self.key_allowed = false;
        } else {
            if !self.in_flow() {
                if !self.key_allowed {
                    let problem = "a mapping cannot begin here";
                    return Err(Mistake::new(self.cursor.mark.at, problem)
                        .help("quote the value if the colon belongs to it, or begin a new line"));
                }
                self.roll(self.cursor.mark, None, Kind::BlockMapStart);
            }
            self.key_allowed = !self.in_flow();
        }
        self.indicator(Kind::Value, 1);
        Ok(())
    }
}

fn no_colon(key: &SimpleKey) -> Mistake {
    Mistake::new(key.mark.at, "this is neither a key, for no colon follows, nor part of a value")
        .help("write `key: value`, or indent the line under the value it belongs to")
}
