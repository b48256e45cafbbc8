//! Compares hosts and origins with the patterns of routes, within a limit. Each regular expression is compiled once, and
//! its size is limited.

use std::cell::RefCell;
use std::collections::BTreeMap;

use regex::bytes::{Regex, RegexBuilder};

use crate::limits::Counter;

/// Compares texts with patterns, and counts how often.
#[derive(Debug)]
pub(crate) struct TextMatcher {
    /// Regular expressions, by their text.
    compiled: RefCell<BTreeMap<String, Option<Compiled>>>,
    /// Counts comparisons of hosts and origins with patterns of any sort.
    pub(crate) comparisons: Counter,
}

/// A regular expression, and what it costs to compare it with a short text.
#[derive(Debug, Clone)]
struct Compiled {
    regex: Regex,
    cost: usize,
}

impl Compiled {
    /// The size of an automaton of the least cost, in bytes, and how often it may double. Istio
    /// has Envoy refuse programs of more than 32,768 instructions.
    const SMALLEST: usize = 4 << 10;
    const DOUBLINGS: u32 = 6;
    /// What a comparison with the smallest automaton costs, in comparisons of two texts.
    const COST: usize = 16;

    /// `None` if the text is no regular expression, or a very large one.
    fn new(text: &str) -> Option<Self> {
        (0..=Self::DOUBLINGS).find_map(|doubling| {
            // Like RE2: character classes are those of ASCII.
            let mut builder = RegexBuilder::new(&format!("^(?:{text})$"));
            let regex = builder.unicode(false).size_limit(Self::SMALLEST << doubling).build();
            Some(Self { regex: regex.ok()?, cost: Self::COST << doubling })
        })
    }
}

impl TextMatcher {
    /// A matcher that has compiled nothing yet, and counts here.
    pub(crate) const fn new(comparisons: Counter) -> Self {
        Self { compiled: RefCell::new(BTreeMap::new()), comparisons }
    }

    /// Whether a regular expression matches the whole of a text; `None` if it cannot be read. Nothing matches once there
    /// are more comparisons than the limit.
    pub(crate) fn match_text(&self, regex: &str, text: &str) -> Option<bool> {
        if self.comparisons.is_over() {
            return Some(false);
        }
        let mut all = self.compiled.borrow_mut();
        if !all.contains_key(regex) {
            let compiled = Compiled::new(regex);
            // To compile it is about as much work as to compare it with a long text.
            self.comparisons.count(compiled.as_ref().map_or(Compiled::COST, |one| 8 * one.cost));
            all.insert(regex.to_owned(), compiled);
        }
        let Compiled { regex, cost } = all.get(regex)?.as_ref()?;
        Some(
            self.comparisons.count(cost * (1 + text.len() / 64)) && regex.is_match(text.as_bytes()),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_regular_expression_matches_the_whole_text_or_is_refused_for_its_size() {
        let matcher = TextMatcher::new(Counter::new(usize::MAX));
        for (regex, text, wanted) in [
            ("https://[a-z0-9-]+\\.example\\.com", "https://a.example.com", Some(true)),
            ("https://[a-z0-9-]+\\.example\\.com", "https://a.example.com.x", Some(false)),
            ("a|b", "ab", Some(false)),
            ("([a-z0-9-]{1,63}\\.){1,5}com", "a.b.com", Some(true)),
            ("(", "(", None),
            ("(.{1,1000}){1,20}", "a", None),
        ] {
            assert_eq!(matcher.match_text(regex, text), wanted, "{regex} {text}");
        }
    }

    #[test]
    fn nothing_matches_beyond_the_limit_of_comparisons() {
        let matcher = TextMatcher::new(Counter::new(500));
        let matching = (0..100).filter(|_| matcher.match_text("a", "a") == Some(true)).count();
        assert!((1..100).contains(&matching) && matcher.comparisons.is_over(), "{matching}");
    }
}
