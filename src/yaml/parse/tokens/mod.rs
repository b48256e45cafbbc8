//! Cuts a document into tokens: blanks, comments, scalars, anchors and tags. What they belong to is decided in
//! `events`.
//!
//! YAML 1.2 and the readers in kubectl and kustomize differ in what ends a plain scalar in brackets, where a comment
//! or a tab may be, and which characters break a line. What counts is the value that reaches a cluster, so tokens end
//! where they end for those readers. Tests compare the two.

mod block;
mod cursor;
mod names;
mod quoted;

use std::borrow::Cow;

pub(super) use cursor::Cursor;

/// A mistake and its remedy.
#[derive(Debug)]
pub(super) struct Mistake {
    /// The byte where it was found.
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

pub(super) type Read<T> = Result<T, Mistake>;

/// A tag as it is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Tag<'t> {
    /// `!`: a string, whatever it looks like.
    Bare,
    /// `!!name`: a type of YAML itself.
    Core(&'t str),
    /// Any other: a program defines its meaning.
    Own(&'t str),
}

/// A scalar and its bytes.
#[derive(Debug)]
pub(super) struct Scalar<'t> {
    pub(super) text: Cow<'t, str>,
    pub(super) plain: bool,
    pub(super) start: usize,
    pub(super) end: usize,
}

/// The token at a place, as far as it decides what is built there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sign {
    /// The end of the text, or a line of `---` or `...`.
    End,
    /// `-` and a blank: an item in block style.
    Dash,
    /// `?` and, outside of brackets, a blank.
    Question,
    /// `:` and, outside of brackets, a blank.
    Colon,
    /// `[`, `]`, `{`, `}` or `,`.
    Bracket(u8),
    Anchor,
    Tag,
    Alias,
    Scalar,
}

/// The tokens of one document, read from start to end.
pub(super) struct Tokens<'t> {
    pub(super) cursor: Cursor<'t>,
    /// The column of the innermost block; -1 outside of all blocks. Lines of a value are to the right of it.
    pub(super) indent: isize,
    /// The places of open brackets.
    pub(super) brackets: Vec<usize>,
    /// Whether only blanks and indicators precede this place on its line, so that a block can begin here.
    pub(super) fresh: bool,
    /// Whether it is JSON, computed when first needed.
    json: Option<bool>,
}

impl<'t> Tokens<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            cursor: Cursor::new(text),
            indent: -1,
            brackets: Vec::new(),
            fresh: true,
            json: None,
        }
    }

    pub(super) fn at(&self) -> usize {
        self.cursor.position.at
    }

    /// Whether a bracket is open.
    pub(super) fn in_flow(&self) -> bool {
        !self.brackets.is_empty()
    }

    /// Skips blanks, comments and line breaks, and returns the token behind them.
    pub(super) fn next(&mut self) -> Read<Sign> {
        loop {
            if self.cursor.position.column == 0 && self.cursor.stands('\u{feff}') {
                let problem = "a byte order mark stands in the middle of a document";
                return Err(Mistake::new(self.at(), problem).help("remove it"));
            }
            // A tab cannot indent: outside of brackets it counts as a blank only after a token on its line.
            self.blanks(self.in_flow() || !self.fresh);
            if self.cursor.first() == Some(b'#') {
                self.cursor.skip_line_content();
            }
            if !self.cursor.skip_break() {
                return self.sign();
            }
            self.fresh |= !self.in_flow();
        }
    }

    /// Skips blanks.
    pub(super) fn blanks(&mut self, tabs: bool) {
        while self.cursor.first() == Some(b' ') || tabs && self.cursor.first() == Some(b'\t') {
            self.cursor.skip();
        }
    }

    fn sign(&self) -> Read<Sign> {
        let at = self.at();
        let Some(first) = self.cursor.first() else {
            return match self.brackets.last() {
                Some(&open) => {
                    Err(Mistake::unclosed(open, "the bracket that opens here is never closed"))
                }
                None => Ok(Sign::End),
            };
        };
        if self.cursor.position.column == 0 && first == b'%' {
            let problem = "this line is a directive, which kubectl and kustomize refuse";
            return Err(Mistake::new(at, problem)
                .help("remove the line, or quote the value that begins with `%`"));
        }
        if self.cursor.marker().is_some() {
            return match self.brackets.last() {
                Some(&open) => {
                    Err(Mistake::unclosed(open, "the document ends before this bracket is closed"))
                }
                None => Ok(Sign::End),
            };
        }
        let alone = self.cursor.is_blank_or_end(1);
        Ok(match first {
            b'[' | b']' | b'{' | b'}' | b',' => Sign::Bracket(first),
            b'-' if alone => Sign::Dash,
            b'?' if alone || self.in_flow() => Sign::Question,
            b':' if alone || self.in_flow() => Sign::Colon,
            b'&' => Sign::Anchor,
            b'!' => Sign::Tag,
            b'*' => Sign::Alias,
            b'\t' => return Err(Mistake::tab(at, "a tab stands where a value or key begins")),
            b'#' | b'%' | b'@' | b'`' => return Err(no_value(at)),
            b'|' | b'>' if self.in_flow() => return Err(no_value(at)),
            _ => Sign::Scalar,
        })
    }

    /// Skips one character.
    pub(super) fn indicator(&mut self) {
        self.cursor.skip();
    }

    /// Reads the scalar that begins here.
    pub(super) fn scalar(&mut self) -> Read<Scalar<'t>> {
        match self.cursor.first() {
            Some(quote @ (b'\'' | b'"')) => self.quoted(quote),
            Some(style @ (b'|' | b'>')) => self.block_scalar(style == b'|'),
            _ => self.plain(),
        }
    }

    /// Whether kubectl reads this document as JSON, which has escapes that YAML does not have.
    fn is_json(&mut self) -> bool {
        let text = self.cursor.text;
        let begins = text.trim_start().starts_with('{');
        *self.json.get_or_insert_with(|| {
            begins && serde_json::from_str::<serde::de::IgnoredAny>(text).is_ok()
        })
    }
}

fn no_value(at: usize) -> Mistake {
    Mistake::new(at, "no value can begin with this character").help("quote the value")
}
