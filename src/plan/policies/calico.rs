//! Evaluates Calico's selector expressions: `tier == 'restricted' && has(app)`.
//! See <https://docs.tigera.io/calico/latest/reference/resources/networkpolicy#selectors>.

/// Whether a selector selects an object with these labels; `None` if it cannot be parsed.
pub(super) fn selects<'l>(
    selector: &str,
    label: &impl Fn(&str) -> Option<&'l str>,
) -> Option<bool> {
    let mut parser = Parser { rest: selector.trim(), label, depth: 0 };
    if parser.rest.is_empty() {
        return Some(true);
    }
    let selects = parser.disjunction()?;
    parser.rest.is_empty().then_some(selects)
}

/// Whether a character can be part of a label's key or of an operator such as `in`.
pub(in crate::plan) fn is_in_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-' | '_')
}

/// A recursive-descent parser that evaluates while it reads.
struct Parser<'s, F> {
    /// The text that is left; it never begins with a blank.
    rest: &'s str,
    label: F,
    depth: usize,
}

impl<'s, 'l, F: Fn(&str) -> Option<&'l str>> Parser<'s, F> {
    fn disjunction(&mut self) -> Option<bool> {
        let mut selects = self.conjunction()?;
        while self.takes("||") {
            selects |= self.conjunction()?;
        }
        Some(selects)
    }

    fn conjunction(&mut self) -> Option<bool> {
        let mut selects = self.term()?;
        while self.takes("&&") {
            selects &= self.term()?;
        }
        Some(selects)
    }

    fn term(&mut self) -> Option<bool> {
        const MAX_DEPTH: usize = 100;
        self.depth += 1;
        if self.depth > MAX_DEPTH {
            return None;
        }
        let selects = if self.takes("!") {
            !self.term()?
        } else if self.takes("(") {
            let selects = self.disjunction()?;
            self.expects(")")?;
            selects
        } else {
            self.comparison()?
        };
        self.depth -= 1;
        Some(selects)
    }

    fn comparison(&mut self) -> Option<bool> {
        let key = self.word()?;
        if matches!(key, "all" | "global") && self.takes("(") {
            self.expects(")")?;
            return Some(key == "all");
        }
        if key == "has" && self.takes("(") {
            let key = self.word()?;
            self.expects(")")?;
            return Some((self.label)(key).is_some());
        }
        let value = (self.label)(key);
        if self.takes("==") {
            return Some(value == Some(self.text()?));
        }
        if self.takes("!=") {
            return Some(value != Some(self.text()?));
        }
        match self.word()? {
            "in" => Some(self.set()?.iter().any(|item| value == Some(item))),
            "not" if self.word()? == "in" => {
                Some(!self.set()?.iter().any(|item| value == Some(item)))
            }
            "contains" => self.text().map(|part| value.is_some_and(|value| value.contains(part))),
            "starts" if self.word()? == "with" => {
                self.text().map(|part| value.is_some_and(|value| value.starts_with(part)))
            }
            "ends" if self.word()? == "with" => {
                self.text().map(|part| value.is_some_and(|value| value.ends_with(part)))
            }
            _ => None,
        }
    }

    fn set(&mut self) -> Option<Vec<&'s str>> {
        self.expects("{")?;
        let mut values = Vec::new();
        while !self.takes("}") {
            values.push(self.text()?);
            if !self.takes(",") && !self.rest.starts_with('}') {
                return None;
            }
        }
        Some(values)
    }

    fn text(&mut self) -> Option<&'s str> {
        let quote = self.rest.chars().next().filter(|first| matches!(first, '\'' | '"'))?;
        let (text, rest) = self.rest[1..].split_once(quote)?;
        self.rest = rest.trim_start();
        Some(text)
    }

    fn word(&mut self) -> Option<&'s str> {
        let end = self.rest.find(|c| !is_in_word(c)).unwrap_or(self.rest.len());
        let (word, rest) = self.rest.split_at(end);
        self.rest = rest.trim_start();
        (!word.is_empty()).then_some(word)
    }

    fn takes(&mut self, token: &str) -> bool {
        let rest = self.rest.strip_prefix(token);
        self.rest = rest.map_or(self.rest, str::trim_start);
        rest.is_some()
    }

    fn expects(&mut self, token: &str) -> Option<()> {
        self.takes(token).then_some(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn selectors_are_read_as_calico_reads_them() {
        let label = |key: &str| match key {
            "app" => Some("cart"),
            "tier" => Some("restricted"),
            _ => None,
        };
        for (selector, wanted) in [
            ("", Some(true)),
            ("all()", Some(true)),
            ("global()", Some(false)),
            ("app == 'cart'", Some(true)),
            ("app != \"cart\"", Some(false)),
            ("has(tier) && !has(other)", Some(true)),
            ("app == 'x' || (tier == 'restricted' && app == 'cart')", Some(true)),
            ("app in {'a', 'cart'}", Some(true)),
            ("app not in {'a', 'cart'}", Some(false)),
            ("other not in {'a'} && other != 'a'", Some(true)),
            ("tier starts with 're' && tier ends with 'ted' && tier contains 'str'", Some(true)),
            ("app == cart", None),
            ("app ==", None),
            ("app == 'cart' tier", None),
        ] {
            assert_eq!(selects(selector, &label), wanted, "{selector}");
        }
        assert_eq!(selects(&"(".repeat(100_000), &label), None);
    }
}
