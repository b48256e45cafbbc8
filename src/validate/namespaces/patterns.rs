//! Patterns for names of namespaces, in the three ways in which controllers read them.
//!
//! A pattern may be meant for all previews, such as `^pr-`, or for some, such as `pr-t.*`. Whoever adds a preview
//! chooses its name, and gets by the name what the second kind grants.

use regex::bytes::RegexBuilder;

/// A pattern, or a name where patterns may be written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct NamespacePattern<'n> {
    pub(super) text: &'n str,
    pub(super) syntax: Syntax,
}

/// How a pattern is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Syntax {
    /// A regular expression for the whole name.
    Whole,
    /// A regular expression for a part of the name.
    Part,
    /// `*` and `?` stand for any text and any character.
    Glob,
}

/// Characters of regular expressions that globs do not have.
const OF_REGEX: [char; 8] = ['\\', '^', '$', '(', '|', '+', '.', '['];

/// The most groups within each other that are looked into for the beginning of a pattern.
const DEEPEST: usize = 8;

impl<'n> NamespacePattern<'n> {
    /// A text of a field for names that allows patterns, if it is one.
    pub(super) fn of_name(text: &'n str) -> Option<Self> {
        let syntax = if text.contains(OF_REGEX) { Syntax::Whole } else { Syntax::Glob };
        let is_pattern = text.contains(['*', '?', '(', '[', '|']) && !is_filled_in_later(text);
        is_pattern.then_some(Self { text, syntax })
    }

    /// Whether this is no more than a name.
    pub(super) fn is_name(&self) -> bool {
        self.syntax != Syntax::Part && self.text.chars().all(is_of_name)
    }

    /// Whether the names of numbered previews, between these two texts, all match. A pattern that does not compile is
    /// read by another program, and may match some of them.
    pub(super) fn takes_all(&self, before: &str, behind: &str) -> bool {
        const SIZE: usize = 64 << 10;
        let compiled = RegexBuilder::new(&self.regex()).unicode(false).size_limit(SIZE).build();
        compiled.is_ok_and(|regex| {
            ["1", "42", "9876"]
                .iter()
                .all(|number| regex.is_match(format!("{before}{number}{behind}").as_bytes()))
        })
    }

    fn regex(&self) -> String {
        match self.syntax {
            Syntax::Part => self.text.to_owned(),
            Syntax::Whole => format!("^(?:{})$", self.text),
            Syntax::Glob => format!("^{}$", self.text.replace('*', ".*").replace('?', ".")),
        }
    }

    /// Whether the pattern may match names that begin so, as far as its own beginning tells.
    pub(super) fn may_begin_with(&self, before: &str) -> bool {
        let fits = |begin: &str| begin.starts_with(before) || before.starts_with(begin);
        match self.syntax {
            Syntax::Glob => fits(literal(self.text)),
            Syntax::Whole => beginnings(self.text, DEEPEST).into_iter().any(fits),
            Syntax::Part => alternatives(self.text)
                .into_iter()
                .any(|one| !one.starts_with('^') || beginnings(one, DEEPEST).into_iter().any(fits)),
        }
    }
}

/// Whether Flux or a template replaces a part of a text.
fn is_filled_in_later(text: &str) -> bool {
    text.contains("${") || text.contains("{{")
}

fn is_of_name(c: char) -> bool {
    c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'
}

/// The text with which everything begins that a pattern without alternatives matches.
fn literal(pattern: &str) -> &str {
    let end = pattern.find(|c| !is_of_name(c)).unwrap_or(pattern.len());
    match pattern[end..].starts_with(['?', '*', '{']) {
        // The last character may be absent.
        true => &pattern[..end.saturating_sub(1)],
        false => &pattern[..end],
    }
}

/// The texts with one of which everything begins that a regular expression matches.
fn beginnings(pattern: &str, deepest: usize) -> Vec<&str> {
    let mut all = Vec::new();
    for one in alternatives(pattern) {
        let one = one.trim_start_matches('^');
        match group(one) {
            Some(inner) if deepest > 0 => all.extend(beginnings(inner, deepest - 1)),
            _ => all.push(literal(one)),
        }
    }
    all
}

/// What is in the group with which a pattern begins, unless it may be absent.
fn group(pattern: &str) -> Option<&str> {
    let inner = pattern.strip_prefix('(')?;
    let (end, ..) = structure(pattern).find(|&(_, c, depth)| c == ')' && depth == 0)?;
    let inner = &inner[..end - 1];
    let inner = inner.strip_prefix("?:").unwrap_or(inner);
    let may_be_absent = pattern[end + 1..].starts_with(['?', '*', '{']);
    (!may_be_absent && !inner.starts_with('?')).then_some(inner)
}

/// The parts of a regular expression between its outermost `|`.
fn alternatives(pattern: &str) -> Vec<&str> {
    let bars = structure(pattern).filter(|&(_, c, depth)| c == '|' && depth == 0);
    let mut all = Vec::new();
    let mut start = 0;
    for (at, ..) in bars {
        all.push(&pattern[start..at]);
        start = at + 1;
    }
    all.push(&pattern[start..]);
    all
}

/// The characters `(`, `)` and `|` of a regular expression that stand for groups and alternatives, each with its index
/// and with the number of groups around it.
fn structure(pattern: &str) -> impl Iterator<Item = (usize, char, usize)> {
    let (mut depth, mut is_class, mut is_escaped) = (0_usize, false, false);
    pattern.char_indices().filter_map(move |(at, c)| {
        if std::mem::take(&mut is_escaped) {
            return None;
        }
        match c {
            '\\' => is_escaped = true,
            ']' => is_class = false,
            _ if is_class => {}
            '[' => is_class = true,
            '(' => {
                depth += 1;
                return Some((at, c, depth - 1));
            }
            ')' => {
                depth = depth.saturating_sub(1);
                return Some((at, c, depth));
            }
            '|' => return Some((at, c, depth)),
            _ => {}
        }
        None
    })
}

#[cfg(test)]
mod tests {
    use super::Syntax::{Glob, Part, Whole};
    use super::*;

    /// Whether some previews whose names begin with `pr-` may match, and numbered ones do not.
    fn singles_out(text: &str, syntax: Syntax, behind: &str) -> bool {
        let pattern = NamespacePattern { text, syntax };
        pattern.may_begin_with("pr-") && !pattern.takes_all("pr-", behind)
    }

    #[test]
    fn a_pattern_for_some_previews_is_told_from_those_for_all_and_for_none() {
        for (syntax, text) in [
            (Part, "pr-t.*"),
            (Part, "tools"),
            (Part, "^pr-t"),
            (Part, "^shop$|tools$"),
            (Whole, "pr-tools|shop"),
            (Whole, "(?:shop|(pr-t[a-z]+))"),
            (Whole, ".*-tools"),
            (Whole, "p(r-t)?.*x"),
            (Whole, "pr-t{1,2}"),
            (Whole, "(?!shop)[a-z]*-x"),
            (Whole, "(pr-)?tools-(pr)"),
            (Glob, "pr-t*"),
            (Glob, "*-tools"),
        ] {
            assert!(singles_out(text, syntax, ""), "{syntax:?} {text}");
        }
        for (syntax, text) in [
            (Part, "^pr-"),
            (Part, "pr-.*"),
            (Part, ".*"),
            (Part, "^shop-"),
            (Whole, "pr-[0-9]+"),
            (Whole, r"pr-\d+"),
            (Whole, "(pr|qa)-.*"),
            (Whole, "(staging|shop)-.*"),
            (Whole, "shop-(pr|qa)"),
            (Glob, "pr-*"),
            (Glob, "*"),
            (Glob, "tools-*"),
        ] {
            assert!(!singles_out(text, syntax, ""), "{syntax:?} {text}");
        }
        assert!(!singles_out("pr-.*-shop", Whole, "-shop"));
    }

    #[test]
    fn a_pattern_of_many_groups_is_read_in_bounds() {
        let text = "(".repeat(100_000);
        for syntax in [Whole, Part, Glob] {
            let _ = singles_out(&text, syntax, "");
        }
    }
}
