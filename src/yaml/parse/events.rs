//! What the tokens of a document mean, in order and without recursion: the states of go-yaml's parser,
//! <https://github.com/yaml/go-yaml/blob/v2/parserc.go>.

use std::borrow::Cow;

use super::scanner::{Kind, Mistake, Scanner, Tag, Token};

/// What happens in a document.
#[derive(Debug)]
pub(super) enum Event<'t> {
    /// A scalar; one that is not written is plain and has no text.
    Scalar {
        text: Cow<'t, str>,
        plain: bool,
    },
    ListStart,
    ListEnd,
    MapStart,
    MapEnd,
    Alias(&'t str),
    /// The document ends, and with it the text.
    End,
}

/// An event, its bytes, and what is said of the value in front of it.
#[derive(Debug)]
pub(super) struct Happened<'t> {
    pub(super) event: Event<'t>,
    pub(super) start: usize,
    pub(super) end: usize,
    pub(super) anchor: Option<&'t str>,
    pub(super) tag: Option<Tag<'t>>,
}

impl<'t> Happened<'t> {
    fn new(event: Event<'t>, start: usize, end: usize) -> Self {
        Self { event, start, end, anchor: None, tag: None }
    }

    fn nothing(at: usize) -> Self {
        Self::new(Event::Scalar { text: Cow::Borrowed(""), plain: true }, at, at)
    }
}

/// What is expected next.
#[derive(Debug, Clone, Copy)]
enum State {
    Start,
    DocumentEnd,
    BlockItem,
    /// An item of a list that stands in the column of its key.
    ItemBelowKey,
    BlockKey,
    BlockValue,
    FlowItem {
        first: bool,
    },
    /// The parts of `[key: value]`, a mapping without braces.
    PairKey,
    PairValue,
    PairEnd,
    FlowKey {
        first: bool,
    },
    FlowValue,
    /// The value of `{key}`, a key without a colon.
    NoValue,
    End,
}

/// The events of one document.
pub(super) struct Events<'t> {
    scanner: Scanner<'t>,
    state: State,
    /// What is expected behind the values that are open.
    states: Vec<State>,
    /// The document begins with a bracket, as JSON does.
    in_brackets: bool,
}

type Parsed<'t> = Result<Happened<'t>, Mistake>;

impl<'t> Events<'t> {
    pub(super) fn new(text: &'t str) -> Self {
        Self {
            scanner: Scanner::new(text),
            state: State::Start,
            states: Vec::new(),
            in_brackets: false,
        }
    }

    /// The next event.
    pub(super) fn next(&mut self) -> Parsed<'t> {
        match self.state {
            State::Start => self.start(),
            State::DocumentEnd => self.document_end(),
            State::BlockItem => self.block_item(),
            State::ItemBelowKey => self.item_below_key(),
            State::BlockKey => self.block_key(),
            State::BlockValue => self.block_value(),
            State::FlowItem { first } => self.flow_item(first),
            State::PairKey => self.pair_key(),
            State::PairValue => self.flow_value(&Kind::FlowListEnd, State::PairEnd),
            State::PairEnd => {
                self.state = State::FlowItem { first: false };
                let at = self.scanner.peek()?.start;
                Ok(Happened::new(Event::MapEnd, at, at))
            }
            State::FlowKey { first } => self.flow_key(first),
            State::FlowValue => self.flow_value(&Kind::FlowMapEnd, State::FlowKey { first: false }),
            State::NoValue => {
                self.state = State::FlowKey { first: false };
                Ok(Happened::nothing(self.scanner.peek()?.start))
            }
            State::End => {
                let at = self.scanner.peek()?.start;
                Ok(Happened::new(Event::End, at, at))
            }
        }
    }

    fn next_is(&mut self, kinds: &[Kind<'_>]) -> Result<bool, Mistake> {
        Ok(kinds.contains(&self.scanner.peek()?.kind))
    }

    /// Goes back to what is expected behind the value that has just ended.
    fn back(&mut self) {
        self.state = self.states.pop().unwrap_or(State::End);
    }

    fn start(&mut self) -> Parsed<'t> {
        self.states.push(State::DocumentEnd);
        let explicit = self.next_is(&[Kind::DocumentStart])?;
        if explicit {
            self.scanner.take()?;
        }
        self.in_brackets = self.next_is(&[Kind::FlowMapStart, Kind::FlowListStart])?;
        let ends = [Kind::DocumentStart, Kind::DocumentEnd, Kind::StreamEnd];
        if self.next_is(&ends)? {
            self.back();
            return Ok(Happened::nothing(self.scanner.peek()?.start));
        }
        self.node(true, false)
    }

    /// Nothing may follow a document but its end: kubectl reads what does not begin on a line behind `---`
    /// as a part of this document, and then passes over it.
    fn document_end(&mut self) -> Parsed<'t> {
        while self.next_is(&[Kind::DocumentEnd])? {
            self.scanner.take()?;
        }
        self.state = State::End;
        let in_brackets = self.in_brackets;
        let next = self.scanner.peek()?;
        match next.kind {
            Kind::StreamEnd => Ok(Happened::new(Event::End, next.start, next.end)),
            Kind::FlowMapStart | Kind::FlowListStart if in_brackets => {
                let problem =
                    "several values of JSON follow each other, and kustomize reads only the first";
                Err(Mistake::new(next.start, problem).help(
                    "put a line of `---` between them, or make them the items of a List \
                     (`jq -s '{apiVersion: \"v1\", kind: \"List\", items: .}'`)",
                ))
            }
            _ => Err(Mistake::new(next.start, "the document ends here, and something follows it")
                .help("begin another document with a line of `---` and nothing else")),
        }
    }

    /// A value, with its anchor and tag.
    fn node(&mut self, block: bool, below_key: bool) -> Parsed<'t> {
        let first = self.scanner.peek()?;
        let from = first.start;
        if let Kind::Alias(name) = first.kind {
            let end = self.scanner.take()?.end;
            self.back();
            return Ok(Happened::new(Event::Alias(name), from, end));
        }
        let (mut anchor, mut tag, mut properties_end) = (None, None, from);
        loop {
            match self.scanner.peek()?.kind {
                Kind::Anchor(name) if anchor.is_none() => anchor = Some(name),
                Kind::Tag(found) if tag.is_none() => tag = Some(found),
                _ => break,
            }
            properties_end = self.scanner.take()?.end;
        }
        let has_properties = anchor.is_some() || tag.is_some();
        let token = self.scanner.peek()?;
        // An edit replaces the value and keeps what stands before it.
        let (start, end) = (token.start, token.end);
        let done = |event, end| Ok(Happened { event, start, end, anchor, tag });
        let (event, state) = match token.kind {
            Kind::BlockEntry if below_key => {
                self.state = State::ItemBelowKey;
                return done(Event::ListStart, end);
            }
            Kind::FlowListStart => (Event::ListStart, State::FlowItem { first: true }),
            Kind::FlowMapStart => (Event::MapStart, State::FlowKey { first: true }),
            Kind::BlockListStart if block => (Event::ListStart, State::BlockItem),
            Kind::BlockMapStart if block => (Event::MapStart, State::BlockKey),
            Kind::Scalar { .. } => {
                self.back();
                return match self.scanner.take()?.kind {
                    Kind::Scalar { text, plain } => done(Event::Scalar { text, plain }, end),
                    _ => done(Event::Scalar { text: Cow::Borrowed(""), plain: true }, end),
                };
            }
            _ if has_properties => {
                self.back();
                let event = Event::Scalar { text: Cow::Borrowed(""), plain: true };
                let (start, end) = (properties_end, properties_end);
                return Ok(Happened { event, start, end, anchor, tag });
            }
            _ => return Err(no_value(token)),
        };
        self.scanner.take()?;
        self.state = state;
        done(event, end)
    }

    /// The value behind an indicator, which ends at `at`; none where one of these follows.
    fn node_unless(
        &mut self,
        ends: &[Kind<'_>],
        at: usize,
        after: State,
        below_key: bool,
    ) -> Parsed<'t> {
        if self.next_is(ends)? {
            self.state = after;
            return Ok(Happened::nothing(at));
        }
        self.states.push(after);
        self.node(true, below_key)
    }

    fn block_item(&mut self) -> Parsed<'t> {
        let token = self.scanner.peek()?.clone();
        match token.kind {
            Kind::BlockEntry => {
                self.scanner.take()?;
                let ends = [Kind::BlockEntry, Kind::BlockEnd];
                self.node_unless(&ends, token.end, State::BlockItem, false)
            }
            Kind::BlockEnd => self.end(Event::ListEnd),
            _ => Err(Mistake::new(token.start, "an item of a list is expected here, with a `-`")
                .help("indent the line as the list or its item is")),
        }
    }

    fn item_below_key(&mut self) -> Parsed<'t> {
        let token = self.scanner.peek()?.clone();
        if token.kind == Kind::BlockEntry {
            self.scanner.take()?;
            let ends = [Kind::BlockEntry, Kind::Key, Kind::Value, Kind::BlockEnd];
            return self.node_unless(&ends, token.end, State::ItemBelowKey, false);
        }
        self.back();
        Ok(Happened::new(Event::ListEnd, token.start, token.start))
    }

    fn block_key(&mut self) -> Parsed<'t> {
        let token = self.scanner.peek()?.clone();
        match token.kind {
            Kind::Key => {
                self.scanner.take()?;
                let ends = [Kind::Key, Kind::Value, Kind::BlockEnd];
                self.node_unless(&ends, token.end, State::BlockValue, true)
            }
            Kind::BlockEnd => self.end(Event::MapEnd),
            _ => Err(Mistake::new(token.start, "a key is expected here")
                .help("indent the line as the mapping or its value is")),
        }
    }

    fn block_value(&mut self) -> Parsed<'t> {
        let token = self.scanner.peek()?.clone();
        if token.kind == Kind::Value {
            self.scanner.take()?;
            let ends = [Kind::Key, Kind::Value, Kind::BlockEnd];
            // What is not there stands at the colon.
            return self.node_unless(&ends, token.start, State::BlockKey, true);
        }
        self.state = State::BlockKey;
        Ok(Happened::nothing(token.start))
    }

    /// Closes a collection with its last token.
    fn end(&mut self, event: Event<'t>) -> Parsed<'t> {
        let token = self.scanner.take()?;
        self.back();
        Ok(Happened::new(event, token.start, token.end))
    }

    /// Goes over the comma between two items.
    fn comma(&mut self, first: bool, expected: &'static str) -> Result<(), Mistake> {
        if first {
            return Ok(());
        }
        let token = self.scanner.peek()?;
        match token.kind {
            Kind::FlowEntry => self.scanner.take().map(|_| ()),
            _ => Err(Mistake::new(token.start, expected)
                .help("put a comma between two items, and quotes around text with `?` in it")),
        }
    }

    fn flow_item(&mut self, first: bool) -> Parsed<'t> {
        if self.next_is(&[Kind::FlowListEnd])? {
            return self.end(Event::ListEnd);
        }
        self.comma(first, "`,` or `]` is expected here")?;
        let token = self.scanner.peek()?.clone();
        match token.kind {
            Kind::Key => {
                self.scanner.take()?;
                self.state = State::PairKey;
                Ok(Happened::new(Event::MapStart, token.start, token.end))
            }
            Kind::FlowListEnd => self.end(Event::ListEnd),
            _ => {
                self.states.push(State::FlowItem { first: false });
                self.node(false, false)
            }
        }
    }

    fn pair_key(&mut self) -> Parsed<'t> {
        let token = self.scanner.peek()?.clone();
        if matches!(token.kind, Kind::Value | Kind::FlowEntry | Kind::FlowListEnd) {
            self.state = State::PairValue;
            return Ok(Happened::nothing(token.start));
        }
        self.states.push(State::PairValue);
        self.node(false, false)
    }

    /// The value behind a colon in brackets, if there are both.
    fn flow_value(&mut self, close: &Kind<'t>, after: State) -> Parsed<'t> {
        if self.next_is(&[Kind::Value])? {
            self.scanner.take()?;
            if !self.next_is(&[Kind::FlowEntry, close.clone()])? {
                self.states.push(after);
                return self.node(false, false);
            }
        }
        self.state = after;
        Ok(Happened::nothing(self.scanner.peek()?.start))
    }

    fn flow_key(&mut self, first: bool) -> Parsed<'t> {
        if self.next_is(&[Kind::FlowMapEnd])? {
            return self.end(Event::MapEnd);
        }
        self.comma(first, "`,` or `}` is expected here")?;
        if self.next_is(&[Kind::FlowMapEnd])? {
            return self.end(Event::MapEnd);
        }
        if !self.next_is(&[Kind::Key])? {
            self.states.push(State::NoValue);
            return self.node(false, false);
        }
        self.scanner.take()?;
        if self.next_is(&[Kind::Value, Kind::FlowEntry, Kind::FlowMapEnd])? {
            self.state = State::FlowValue;
            return Ok(Happened::nothing(self.scanner.peek()?.start));
        }
        self.states.push(State::FlowValue);
        self.node(false, false)
    }
}

fn no_value(token: &Token<'_>) -> Mistake {
    match token.kind {
        Kind::StreamEnd => {
            Mistake::unclosed(token.start, "the text ends where a value is expected")
        }
        Kind::BlockEntry => Mistake::new(token.start, "a list in block style cannot stand here")
            .help("in brackets, leave out the `-`, or quote the value"),
        _ => Mistake::new(token.start, "a value is expected here"),
    }
}
