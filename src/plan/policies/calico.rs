//! Calico's selectors: `tier == 'restricted' && has(app)`.
//! See <https://docs.tigera.io/calico/latest/reference/resources/networkpolicy#selectors>.

/// Whether a selector selects what has these labels. None where it cannot be read.
pub(super) fn selects<'l>(
    selector: &str,
    label: &impl Fn(&str) -> Option<&'l str>,
) -> Option<bool> {
    let mut parser = Parser { rest: selector.trim(), label, depth: 0 };
    if parser.rest.is_empty() {
        return Some(true);
    }
    let selects = parser.any()?;
    parser.rest.is_empty().then_some(selects)
}

struct Parser<'s, F> {
    /// Without blanks in front.
    rest: &'s str,
    label: F,
    depth: usize,
}

impl<'s, 'l, F: Fn(&str) -> Option<&'l str>> Parser<'s, F> {
    fn any(&mut self) -> Option<bool> {
        let mut selects = self.all()?;
        while self.takes("||") {
            selects |= self.all()?;
        }
        Some(selects)
    }

    fn all(&mut self) -> Option<bool> {
        let mut selects = self.one()?;
        while self.takes("&&") {
            selects &= self.one()?;
        }
        Some(selects)
    }

    fn one(&mut self) -> Option<bool> {
        const DEEPEST: usize = 100;
        self.depth += 1;
        if self.depth > DEEPEST {
            return None;
        }
        let selects = if self.takes("!") {
            !self.one()?
        } else if self.takes("(") {
            let selects = self.any()?;
            self.expects(")")?;
            selects
        } else {
            self.condition()?
        };
        self.depth -= 1;
        Some(selects)
    }

    fn condition(&mut self) -> Option<bool> {
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
        let have = (self.label)(key);
        if self.takes("==") {
            return Some(have == Some(self.text()?));
        }
        if self.takes("!=") {
            return Some(have != Some(self.text()?));
        }
        match self.word()? {
            "in" => Some(self.set()?.iter().any(|value| have == Some(value))),
            "not" if self.word()? == "in" => {
                Some(!self.set()?.iter().any(|value| have == Some(value)))
            }
            "contains" => self.text().map(|part| have.is_some_and(|have| have.contains(part))),
            "starts" if self.word()? == "with" => {
                self.text().map(|part| have.is_some_and(|have| have.starts_with(part)))
            }
            "ends" if self.word()? == "with" => {
                self.text().map(|part| have.is_some_and(|have| have.ends_with(part)))
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
        let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '/' | '-' | '_');
        let end = self.rest.find(|c| !fits(c)).unwrap_or(self.rest.len());
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
