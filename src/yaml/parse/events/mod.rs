//! Turns tokens into events: lists, mappings and their values, in order and without recursion.
//!
//! Open collections are on a stack. Outside of brackets, the column of the next token says which blocks end before
//! it; within brackets, a comma or bracket does. Whether a token is a key is found out by reading ahead to the colon
//! behind it.

mod flow;

use std::borrow::Cow;
use std::collections::VecDeque;

use super::tokens::{Cursor, Mistake, Read, Scalar, Sign, Tag, Tokens};

/// An event of a document.
#[derive(Debug)]
pub(super) enum Event<'t> {
    /// A scalar. A missing one is plain and empty.
    Scalar {
        text: Cow<'t, str>,
        plain: bool,
    },
    ListStart,
    ListEnd,
    MapStart,
    MapEnd,
    Alias(&'t str),
    /// The end of the document and of the text.
    End,
}

/// An event with its bytes and the properties before the value.
#[derive(Debug)]
pub(super) struct Happened<'t> {
    pub(super) event: Event<'t>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) anchor: Option<&'t str>,
    pub(super) tag: Option<Tag<'t>>,
}

/// An open collection.
#[derive(Debug, Clone, Copy)]
enum Open {
    List {
        column: isize,
    },
    /// A list whose dashes are in the column of the key above.
    ListBelowKey,
    /// A block mapping. `key_only`: a key that began with `?` was read, and its value may follow.
    Map {
        column: isize,
        key_only: bool,
    },
    FlowList,
    FlowMap(Half),
    /// `[key: value]`, a mapping without braces.
    Pair(Half),
}

/// How much of an entry in brackets was read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Half {
    /// All of it.
    Whole,
    /// A key that began with `?`.
    Key,
    /// A key without a colon.
    Bare,
}

/// What to read next.
#[derive(Debug, Clone, Copy)]
enum Step {
    Start,
    /// A value. If it is missing, its place is `empty`.
    Value {
        empty: usize,
        below_key: bool,
    },
    /// Reads what follows a value.
    Behind,
    /// An item or key in brackets, after the opening bracket or a comma.
    InBrackets,
    End,
}

/// The anchor and the tag in front of a value.
#[derive(Debug, Default, Clone, Copy)]
struct Properties<'t> {
    anchor: Option<&'t str>,
    tag: Option<Tag<'t>>,
    /// The bytes of both.
    range: Option<(usize, usize)>,
}

/// The start of a line up to the end of its first token, read ahead to see whether a colon follows.
enum Ahead<'t> {
    /// A key, and the place of its colon.
    Key(Happened<'t>, usize),
    /// A value.
    Value(Happened<'t>),
    /// Something else. Nothing is read.
    Other,
}

/// The events of one document.
pub(super) struct Events<'t> {
    tokens: Tokens<'t>,
    step: Step,
    open: Vec<Open>,
    /// Events that were read ahead.
    ready: VecDeque<Happened<'t>>,
    /// Whether the document begins with a bracket, as JSON does.
    in_brackets: bool,
}

impl<'t> Events<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            tokens: Tokens::new(text),
            step: Step::Start,
            open: Vec::new(),
            ready: VecDeque::new(),
            in_brackets: false,
        }
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Read<Happened<'t>> {
        loop {
            if let Some(happened) = self.ready.pop_front() {
                return Ok(happened);
            }
            match self.step {
                Step::Start => self.start()?,
                Step::Value { empty, below_key } => self.value(empty, below_key)?,
                Step::Behind => self.behind()?,
                Step::InBrackets => self.in_brackets()?,
                Step::End => self.push(Event::End, self.tokens.at(), self.tokens.at()),
            }
        }
    }

    fn push(&mut self, event: Event<'t>, start: usize, end: usize) {
        self.ready.push_back(Happened { event, start, end, anchor: None, tag: None });
    }

    /// A missing value.
    fn nothing(&mut self, at: usize) {
        self.ready.push_back(Properties::default().nothing(at));
    }

    /// The column of the next token; -1 at the end of the document.
    fn column(&self, sign: Sign) -> isize {
        if sign == Sign::End { -1 } else { self.tokens.cursor.position.column }
    }

    fn start(&mut self) -> Read<()> {
        self.tokens.next()?;
        if self.tokens.cursor.skip_marker("---") {
            self.tokens.fresh = false;
            self.tokens.next()?;
        }
        self.in_brackets = matches!(self.tokens.cursor.first(), Some(b'{' | b'['));
        self.step = Step::Value { empty: self.tokens.at(), below_key: false };
        Ok(())
    }

    /// Checks that a document is followed only by its end: kubectl takes text on the line of a `---` for a part of
    /// this document, and then ignores it.
    fn document_end(&mut self) -> Read<()> {
        let mut sign = self.tokens.next()?;
        while self.tokens.cursor.skip_marker("...") {
            self.tokens.fresh = false;
            sign = self.tokens.next()?;
        }
        self.step = Step::End;
        let at = self.tokens.at();
        if self.tokens.cursor.first().is_none() {
            return Ok(());
        }
        if self.in_brackets && matches!(sign, Sign::Bracket(b'{' | b'[')) {
            let problem =
                "several values of JSON follow each other, and kustomize reads only the first";
            return Err(Mistake::new(at, problem).help(
                "put a line of `---` between them, or make them the items of a List \
                 (`jq -s '{apiVersion: \"v1\", kind: \"List\", items: .}'`)",
            ));
        }
        Err(Mistake::new(at, "the document ends here, and something follows it")
            .help("begin another document with a line of `---` and nothing else"))
    }

    /// A value, with its anchor and tag.
    fn value(&mut self, empty: usize, below_key: bool) -> Read<()> {
        let mut properties = Properties::default();
        self.step = Step::Behind;
        loop {
            let sign = self.tokens.next()?;
            let (at, column) = (self.tokens.at(), self.column(sign));
            if !self.tokens.in_flow() && column <= self.tokens.indent {
                if sign == Sign::Dash && below_key && column == self.tokens.indent {
                    let mut list = properties.with(Event::ListStart, at, at + 1);
                    list.end = at + 1;
                    self.ready.push_back(list);
                    self.open.push(Open::ListBelowKey);
                    self.item();
                } else {
                    self.ready.push_back(properties.nothing(empty));
                }
                return Ok(());
            }
            if !self.tokens.in_flow() && self.begins_block(sign, &properties)? {
                return Ok(());
            }
            match sign {
                Sign::Anchor | Sign::Tag if self.property(sign, &mut properties)? => {}
                Sign::Alias if properties.range.is_none() => {
                    let name = self.tokens.name()?;
                    self.push(Event::Alias(name), at, self.tokens.at());
                    return Ok(());
                }
                Sign::Scalar => {
                    let scalar = self.tokens.scalar()?;
                    self.ready.push_back(properties.scalar(scalar));
                    return Ok(());
                }
                Sign::Bracket(bracket @ (b'[' | b'{')) => {
                    self.bracket(bracket, &properties);
                    return Ok(());
                }
                _ if properties.range.is_some() => {
                    self.ready.push_back(properties.nothing(at));
                    return Ok(());
                }
                _ => return Err(no_value(sign, at)),
            }
        }
    }

    /// Reads an anchor or a tag, if there is none yet.
    fn property(&mut self, sign: Sign, properties: &mut Properties<'t>) -> Read<bool> {
        let from = self.tokens.at();
        match sign {
            Sign::Anchor if properties.anchor.is_none() => {
                properties.anchor = Some(self.tokens.name()?);
            }
            Sign::Tag if properties.tag.is_none() => properties.tag = Some(self.tokens.tag()?),
            _ => return Ok(false),
        }
        let start = properties.range.map_or(from, |(start, _)| start);
        properties.range = Some((start, self.tokens.at()));
        Ok(true)
    }

    /// Opens the block list or mapping whose first item or key is here. If it is not a key, reads it as a value.
    fn begins_block(&mut self, sign: Sign, properties: &Properties<'t>) -> Read<bool> {
        let (at, column) = (self.tokens.at(), self.tokens.cursor.position.column);
        if !self.tokens.fresh {
            return match sign {
                Sign::Dash | Sign::Question | Sign::Colon => Err(misplaced(sign, at)),
                _ => Ok(false),
            };
        }
        let ahead = match sign {
            Sign::Dash => {
                self.ready.push_back(properties.with(Event::ListStart, at, at));
                self.open_block(Open::List { column }, column);
                self.item();
                return Ok(true);
            }
            Sign::Colon => return Err(no_key(at)),
            Sign::Question => Ahead::Other,
            _ => self.ahead()?,
        };
        match ahead {
            Ahead::Value(value) if properties.range.is_none() => {
                self.ready.push_back(value);
                return Ok(true);
            }
            Ahead::Value(value) => {
                // The anchor can be on a line above, and the tag on this one.
                let joined = properties.joined(value);
                self.ready.push_back(joined.ok_or_else(|| no_value(sign, at))?);
                return Ok(true);
            }
            Ahead::Other if sign != Sign::Question => return Ok(false),
            Ahead::Other | Ahead::Key(..) => {}
        }
        self.ready.push_back(properties.with(Event::MapStart, at, at));
        self.open_block(Open::Map { column, key_only: false }, column);
        self.entry(ahead);
        Ok(true)
    }

    fn open_block(&mut self, block: Open, column: isize) {
        self.open.push(block);
        self.tokens.indent = column;
    }

    /// Begins an item at the dash at this place.
    fn item(&mut self) {
        self.tokens.indicator();
        self.tokens.fresh = true;
        self.step = Step::Value { empty: self.tokens.at(), below_key: false };
    }

    /// Begins an entry whose key was read ahead, or that begins with the `?` at this place.
    fn entry(&mut self, ahead: Ahead<'t>) {
        if let Ahead::Key(key, colon) = ahead {
            self.ready.push_back(key);
            self.step = Step::Value { empty: colon, below_key: true };
            return;
        }
        self.tokens.indicator();
        self.tokens.fresh = true;
        if let Some(Open::Map { key_only, .. }) = self.open.last_mut() {
            *key_only = true;
        }
        self.step = Step::Value { empty: self.tokens.at(), below_key: true };
    }

    /// Reads a key ahead if a colon follows on the same line within 1024 characters.
    fn ahead(&mut self) -> Read<Ahead<'t>> {
        let (before, fresh): (Cursor<'t>, bool) = (self.tokens.cursor, self.tokens.fresh);
        let mut properties = Properties::default();
        let happened = loop {
            let at = self.tokens.at();
            match self.tokens.next()? {
                _ if self.tokens.cursor.position.line != before.position.line => break None,
                sign @ (Sign::Anchor | Sign::Tag) => {
                    if !self.property(sign, &mut properties)? {
                        break None;
                    }
                }
                Sign::Alias if properties.range.is_none() => {
                    let start = self.tokens.at();
                    let event = Event::Alias(self.tokens.name()?);
                    let end = self.tokens.at();
                    break Some(Happened { event, start, end, anchor: None, tag: None });
                }
                Sign::Scalar if !matches!(self.tokens.cursor.first(), Some(b'|' | b'>')) => {
                    let scalar = self.tokens.scalar()?;
                    break Some(properties.scalar(scalar));
                }
                Sign::Colon if properties.range.is_some() => break Some(properties.nothing(at)),
                _ => break None,
            }
        };
        let Some(happened) = happened else {
            (self.tokens.cursor, self.tokens.fresh) = (before, fresh);
            return Ok(Ahead::Other);
        };
        self.tokens.blanks(!self.tokens.fresh);
        let here = self.tokens.cursor.position;
        let colon = self.tokens.cursor.first() == Some(b':')
            && (self.tokens.in_flow() || self.tokens.cursor.is_blank_or_end(1));
        let near = here.line == before.position.line && before.position.index + 1024 >= here.index;
        if !colon || !near {
            return Ok(Ahead::Value(happened));
        }
        self.tokens.indicator();
        self.tokens.fresh = false;
        Ok(Ahead::Key(happened, here.at))
    }

    /// Reads what follows a value.
    fn behind(&mut self) -> Read<()> {
        let Some(&top) = self.open.last() else {
            return self.document_end();
        };
        if self.tokens.in_flow() {
            return self.behind_in_brackets(top);
        }
        let sign = self.tokens.next()?;
        let (at, column) = (self.tokens.at(), self.column(sign));
        let block = self.tokens.indent;
        // Text after a value on its line belongs to nothing.
        if column > block || column >= 0 && !self.tokens.fresh {
            return Err(misplaced(sign, at));
        }
        match top {
            Open::Map { column: block, key_only: true } => {
                self.open.pop();
                self.open.push(Open::Map { column: block, key_only: false });
                if column == block && sign == Sign::Colon {
                    self.tokens.indicator();
                    self.step = Step::Value { empty: at, below_key: true };
                } else {
                    self.nothing(at);
                }
            }
            Open::List { .. } | Open::ListBelowKey if column == block && sign == Sign::Dash => {
                self.item();
            }
            Open::ListBelowKey => self.close(Event::ListEnd, at),
            Open::List { .. } if column < block => self.close(Event::ListEnd, at),
            Open::Map { .. } if column < block => self.close(Event::MapEnd, at),
            Open::Map { .. } => self.next_key(sign)?,
            _ => {
                return Err(Mistake::new(at, "an item of a list is expected here, with a `-`")
                    .help("indent the line as the list or its item is"));
            }
        }
        Ok(())
    }

    /// Begins another key of the innermost mapping, whose column the next token has.
    fn next_key(&mut self, sign: Sign) -> Read<()> {
        let at = self.tokens.at();
        let ahead = match sign {
            Sign::Question => Ahead::Other,
            Sign::Bracket(bracket @ (b'[' | b'{')) => {
                self.bracket(bracket, &Properties::default());
                return Ok(());
            }
            Sign::Dash | Sign::Colon => return Err(no_key(at)),
            _ => match self.ahead()? {
                key @ Ahead::Key(..) => key,
                _ => return Err(no_colon(at)),
            },
        };
        self.entry(ahead);
        Ok(())
    }

    /// Closes the innermost block.
    fn close(&mut self, event: Event<'t>, at: usize) {
        self.push(event, at, at);
        self.open.pop();
        let columns = self.open.iter().rev().find_map(|open| match open {
            Open::List { column } | Open::Map { column, .. } => Some(*column),
            _ => None,
        });
        self.tokens.indent = columns.unwrap_or(-1);
    }
}

impl<'t> Properties<'t> {
    /// A value with these properties. Its place begins after them: an edit replaces the value and keeps them.
    fn with(&self, event: Event<'t>, start: usize, end: usize) -> Happened<'t> {
        Happened { event, start, end, anchor: self.anchor, tag: self.tag }
    }

    fn scalar(&self, scalar: Scalar<'t>) -> Happened<'t> {
        let Scalar { text, plain, start, end } = scalar;
        self.with(Event::Scalar { text, plain }, start, end)
    }

    /// A missing value, placed at `at` or after the properties.
    fn nothing(&self, at: usize) -> Happened<'t> {
        let at = self.range.map_or(at, |(_, end)| end);
        self.with(Event::Scalar { text: Cow::Borrowed(""), plain: true }, at, at)
    }

    /// A value with its own properties and these; `None` if one is there twice.
    fn joined(&self, value: Happened<'t>) -> Option<Happened<'t>> {
        let twice = self.anchor.is_some() && value.anchor.is_some()
            || self.tag.is_some() && value.tag.is_some()
            || matches!(value.event, Event::Alias(_));
        let (anchor, tag) = (self.anchor.or(value.anchor), self.tag.or(value.tag));
        (!twice).then_some(Happened { anchor, tag, ..value })
    }
}

fn no_key(at: usize) -> Mistake {
    Mistake::new(at, "a key is expected here")
        .help("indent the line as the mapping or its value is")
}

fn no_colon(at: usize) -> Mistake {
    Mistake::new(at, "this is neither a key, for no colon follows, nor part of a value")
        .help("write `key: value`, or indent the line under the value it belongs to")
}

/// The mistake of a block, or of text after a value, in the middle of a line or too far to the right.
fn misplaced(sign: Sign, at: usize) -> Mistake {
    match sign {
        Sign::Colon => Mistake::new(at, "a mapping cannot begin here")
            .help("quote the value if the colon belongs to it, or begin a new line"),
        Sign::Dash => Mistake::new(at, "a list cannot begin here")
            .help("begin the list on a line of its own, or quote the value"),
        _ => no_key(at),
    }
}

fn no_value(sign: Sign, at: usize) -> Mistake {
    match sign {
        Sign::Dash => Mistake::new(at, "a list in block style cannot stand here")
            .help("in brackets, leave out the `-`, or quote the value"),
        _ => Mistake::new(at, "a value is expected here"),
    }
}
