//! Events of lists and mappings in brackets.

use super::{Ahead, Event, Events, Half, Mistake, Open, Properties, Read, Sign, Step, no_value};

impl<'t> Events<'t> {
    /// Opens the list or mapping of the bracket at this place.
    pub(super) fn bracket(&mut self, bracket: u8, properties: &Properties<'t>) {
        let at = self.tokens.at();
        let (event, open) = match bracket {
            b'[' => (Event::ListStart, Open::FlowList),
            _ => (Event::MapStart, Open::FlowMap(Half::Whole)),
        };
        self.ready.push_back(properties.with(event, at, at + 1));
        self.open.push(open);
        self.tokens.brackets.push(at);
        self.tokens.indicator();
        self.step = Step::InBrackets;
    }

    /// Closes the innermost brackets with the bracket at this place.
    fn close_bracket(&mut self, event: Event<'t>) {
        let at = self.tokens.at();
        self.tokens.indicator();
        self.tokens.brackets.pop();
        self.tokens.fresh = false;
        self.open.pop();
        self.push(event, at, at + 1);
        self.step = Step::Behind;
    }

    /// Continues after an opening bracket or a comma.
    pub(super) fn in_brackets(&mut self) -> Read<()> {
        let sign = self.tokens.next()?;
        let at = self.tokens.at();
        let is_list = matches!(self.open.last(), Some(Open::FlowList));
        match sign {
            Sign::Bracket(b']') if is_list => self.close_bracket(Event::ListEnd),
            Sign::Bracket(b'}') if !is_list => self.close_bracket(Event::MapEnd),
            Sign::Question => {
                self.tokens.indicator();
                self.half(is_list, Half::Key, at, at + 1);
                self.value_or_nothing(true)?;
            }
            Sign::Anchor | Sign::Tag | Sign::Alias | Sign::Scalar => match self.ahead()? {
                Ahead::Key(key, _) => {
                    self.half(is_list, Half::Whole, at, at);
                    self.ready.push_back(key);
                    self.value_or_nothing(false)?;
                }
                Ahead::Value(value) => {
                    self.bare(is_list);
                    self.ready.push_back(value);
                    self.step = Step::Behind;
                }
                Ahead::Other => {
                    self.bare(is_list);
                    self.step = Step::Value { empty: at, below_key: false };
                }
            },
            Sign::Bracket(b'[' | b'{') => {
                self.bare(is_list);
                self.step = Step::Value { empty: at, below_key: false };
            }
            _ => return Err(no_value(sign, at)),
        }
        Ok(())
    }

    /// Begins an entry. In a list it is a mapping of its own.
    fn half(&mut self, is_list: bool, half: Half, start: usize, end: usize) {
        if is_list {
            self.push(Event::MapStart, start, end);
            self.open.push(Open::Pair(half));
        } else if let Some(open) = self.open.last_mut() {
            *open = Open::FlowMap(half);
        }
    }

    /// Begins a key without a colon, or an item of a list.
    fn bare(&mut self, is_list: bool) {
        if let Some(open) = self.open.last_mut().filter(|_| !is_list) {
            *open = Open::FlowMap(Half::Bare);
        }
    }

    /// Reads a key or value after its indicator; it may be missing.
    fn value_or_nothing(&mut self, key: bool) -> Read<()> {
        let sign = self.tokens.next()?;
        let at = self.tokens.at();
        let close = if matches!(self.open.last(), Some(Open::Pair(_))) { b']' } else { b'}' };
        self.step = Step::Value { empty: at, below_key: false };
        let ends = sign == Sign::Bracket(b',') || sign == Sign::Bracket(close);
        if ends || key && sign == Sign::Colon {
            self.nothing(at);
            self.step = Step::Behind;
        }
        Ok(())
    }

    /// Reads what follows a key, value or item in brackets.
    pub(super) fn behind_in_brackets(&mut self, top: Open) -> Read<()> {
        let sign = self.tokens.next()?;
        let at = self.tokens.at();
        let (Open::FlowMap(half) | Open::Pair(half)) = top else {
            return self.comma(sign, "`,` or `]` is expected here", Sign::Bracket(b']'));
        };
        if half != Half::Whole {
            if let Some(Open::FlowMap(open) | Open::Pair(open)) = self.open.last_mut() {
                *open = Half::Whole;
            }
            if half == Half::Key && sign == Sign::Colon {
                self.tokens.indicator();
                return self.value_or_nothing(false);
            }
            self.nothing(at);
            return Ok(());
        }
        if matches!(top, Open::Pair(_)) {
            self.push(Event::MapEnd, at, at);
            self.open.pop();
            return Ok(());
        }
        self.comma(sign, "`,` or `}` is expected here", Sign::Bracket(b'}'))
    }

    /// Skips the comma between two items, or closes what ends here.
    fn comma(&mut self, sign: Sign, expected: &'static str, close: Sign) -> Read<()> {
        if sign == close {
            return self.in_brackets();
        }
        if sign != Sign::Bracket(b',') {
            return Err(Mistake::new(self.tokens.at(), expected)
                .help("put a comma between two items, and quotes around text with `?` in it"));
        }
        self.tokens.indicator();
        self.step = Step::InBrackets;
        Ok(())
    }
}
