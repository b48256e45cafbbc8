//! Text from outside, made harmless before it reaches a terminal or a log.
//!
//! Messages quote what users wrote, and a manifest may hold anything: an escape sequence that
//! clears the screen, a newline that begins a forged finding, a bidirectional override.

use std::borrow::Cow;
use std::fmt::Write as _;

/// A longer sentence quotes something that nobody reads to its end.
const SENTENCE: usize = 4000;

/// One line of prose: control characters are written as escapes (`\n`, `\u{1b}`), so that the text
/// stays on its line and moves no cursor. Of a text of many thousand characters the start is kept.
#[must_use]
pub(crate) fn prose(text: &str) -> Cow<'_, str> {
    if let Some((cut, _)) = text.char_indices().nth(SENTENCE) {
        let (start, rest) = text.split_at(cut);
        let more = rest.chars().count();
        return Cow::Owned(format!("{}… ({more} more characters)", prose(start)));
    }
    if !text.chars().any(is_unprintable) {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    for c in text.chars() {
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_unprintable(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// A line of source text: every character stays one character, so that what points at a column
/// still points at it. Control characters become their pictures (U+2400 and following).
#[must_use]
pub(super) fn source_line(text: &str) -> String {
    text.chars()
        .map(|c| match c {
            '\t' => ' ',
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            c if is_unprintable(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// An indented JSON document with a newline at the end. JSON itself allows DEL, C1 controls and
/// bidirectional overrides in strings as they are; here they are escaped too.
#[must_use]
pub(super) fn json(document: &serde_json::Value) -> String {
    let mut out = String::new();
    for c in format!("{document:#}").chars() {
        if c != '\n' && is_unprintable(c) {
            // Every one of them is in the basic plane, and stands within a string.
            let _ = write!(out, "\\u{:04x}", u32::from(c));
        } else {
            out.push(c);
        }
    }
    out.push('\n');
    out
}

/// Control characters, and the invisible characters that reorder or break lines.
pub(crate) fn is_unprintable(c: char) -> bool {
    c.is_control()
        || matches!(
            c,
            '\u{61c}'
                | '\u{200b}'..='\u{200f}'
                | '\u{2028}'..='\u{202e}'
                | '\u{2060}'..='\u{206f}'
                | '\u{feff}'
                | '\u{fff9}'..='\u{fffb}'
        )
}

/// `1 error`, `2 errors`.
#[must_use]
pub(super) fn counted(count: usize, word: &str) -> String {
    let plural = if count == 1 { "" } else { "s" };
    format!("{count} {word}{plural}")
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;
    use crate::diagnostic::{Diagnostic, Place, Report, Sources, code};

    /// A report in which everything that can be hostile is.
    pub(crate) fn hostile() -> (Sources, Report) {
        let nasty = "\u{1b}[2J\n::error::forged\r%0A \u{9b}31m \u{202e}gpj.exe\0";
        let mut sources = Sources::default();
        let text = format!("a: 1\nname: {nasty}\nb: 2\n");
        let at = text.find("name").expect("the text has a name");
        let file = sources.add(format!("dir,a:b {nasty}.yaml"), text);
        let mut report = Report::default();
        report.push(
            Diagnostic::new(&code::BAD_NAME, format!("bad name {nasty}"), nasty)
                .at(Place::new(file, at, at + 20), nasty)
                .also(Place::new(file, 0, 1), nasty)
                .field(format!("spec.{nasty}")),
        );
        (sources, report)
    }

    /// No character that a terminal acts upon, and no line that a message began.
    #[track_caller]
    pub(crate) fn assert_harmless(text: &str) {
        for (number, line) in text.lines().enumerate() {
            assert!(!line.chars().any(is_unprintable), "line {number}: {line:?}");
            assert!(number == 0 || !line.starts_with("::"), "line {number}: {line:?}");
        }
    }

    #[test]
    fn prose_stays_on_its_line() {
        assert_eq!(prose("a\n\u{1b}[2J\u{85}"), "a\\n\\u{1b}[2J\\u{85}");
        assert_eq!(prose("plain, ä and 日本"), "plain, ä and 日本");
    }

    #[test]
    fn prose_ends_somewhere() {
        let text = prose(&"ä".repeat(1_000_000)).into_owned();
        assert!(text.ends_with("… (996000 more characters)"));
        assert_eq!(text.chars().count(), SENTENCE + 26);
    }

    #[test]
    fn source_lines_keep_their_columns() {
        let line = "a\u{1b}\tb\u{202e}c";
        assert_eq!(source_line(line), "a␛ b\u{fffd}c");
        assert_eq!(source_line(line).chars().count(), line.chars().count());
    }
}
