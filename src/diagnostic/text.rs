//! Makes text from outside harmless before it reaches a terminal or a log.
//!
//! Messages quote what users wrote, and a manifest can contain anything: an escape sequence that clears the screen, a
//! newline that begins a forged finding, a bidirectional override, a command to the runner of a pipeline.

use std::borrow::Cow;
use std::fmt::Write as _;

/// The length limit of a sentence: a longer one quotes something that nobody reads to its end.
const SENTENCE: usize = 4000;

/// Makes one line of prose. Control characters become escapes (`\n`, `\u{1b}`), so that the text stays on its line
/// and moves no cursor. A very long text is cut.
#[must_use]
pub(crate) fn prose(text: &str) -> Cow<'_, str> {
    if let Some((cut, _)) = text.char_indices().nth(SENTENCE) {
        let (start, rest) = text.split_at(cut);
        let more = rest.chars().count();
        return Cow::Owned(format!("{}… ({more} more characters)", prose(start)));
    }
    printable(text)
}

/// Makes one line of prose as [`prose`] does, of any length.
#[must_use]
pub(crate) fn printable(text: &str) -> Cow<'_, str> {
    let begins_command = text.trim_start().starts_with("::");
    if !begins_command && !text.chars().any(is_unprintable) && commands(text).next().is_none() {
        return Cow::Borrowed(text);
    }
    let mut out = String::with_capacity(text.len() + 8);
    let mut commands = commands(text).peekable();
    let mut colon = begins_command.then(|| text.len() - text.trim_start().len());
    for (at, c) in text.char_indices() {
        let in_command =
            commands.next_if_eq(&at).is_some() || colon.take_if(|colon| *colon == at).is_some();
        match c {
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if in_command || is_unprintable(c) => {
                let _ = write!(out, "\\u{{{:x}}}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    Cow::Owned(out)
}

/// The first 200 characters of a value that is quoted within a sentence.
#[must_use]
pub(crate) fn short(text: &str) -> Cow<'_, str> {
    const SHOWN: usize = 200;
    match text.char_indices().nth(SHOWN) {
        Some((end, _)) => Cow::Owned(format!("{}…", &text[..end])),
        None => Cow::Borrowed(text),
    }
}

/// Where a CI runner would see a command, anywhere in a line: the second character of `##[`, `##vso[`, `##teamcity[`
/// and the like. `::` is a command only at the start of a line.
/// See <https://github.com/actions/runner/blob/main/src/Runner.Common/ActionCommand.cs>.
pub(crate) fn commands(text: &str) -> impl Iterator<Item = usize> {
    let is_command = |at: usize| {
        let word = text[at + 1..].trim_start_matches(|c: char| c.is_ascii_alphabetic());
        word.starts_with('[')
    };
    let pairs = text.match_indices('#').map(|(at, _)| at).filter(|at| text[..*at].ends_with('#'));
    pairs.filter(move |&at| is_command(at))
}

/// Makes a line of source text printable. Every character stays one character, so that marks still point at the right
/// column. Control characters become their pictures (U+2400 and following).
#[must_use]
pub(super) fn source_line(text: &str) -> String {
    let mut commands = commands(text).peekable();
    text.char_indices()
        .map(|(at, c)| match c {
            _ if commands.next_if_eq(&at).is_some() => '\u{fffd}',
            '\t' => ' ',
            '\0'..='\x1f' => char::from_u32(0x2400 + u32::from(c)).unwrap_or('\u{fffd}'),
            '\x7f' => '\u{2421}',
            c if is_unprintable(c) => '\u{fffd}',
            c => c,
        })
        .collect()
}

/// Formats an indented JSON document with a newline at the end. JSON allows DEL, C1 controls and bidirectional
/// overrides in strings; here they are escaped too, and so are commands to a runner.
#[must_use]
pub(crate) fn json(document: &serde_json::Value) -> String {
    let mut out = String::new();
    let text = format!("{document:#}");
    let mut commands = commands(&text).peekable();
    for (at, c) in text.char_indices() {
        if commands.next_if_eq(&at).is_some() || c != '\n' && is_unprintable(c) {
            // All of them are in the basic plane, and only strings contain them.
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
        let nasty = "\u{1b}[2J\n::error::forged\r%0A \u{9b}31m \u{202e}gpj.exe\0 \
                     ##[add-matcher]x ##VSO[task.setvariable variable=PATH]x ###[x]\n  ::x::";
        let mut sources = Sources::default();
        let text = format!("apiVersion: v1\nkind: A\nmetadata: {{}}\nname: {nasty}\nb: 2\n");
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
            assert!(number == 0 || !line.trim_start().starts_with("::"), "line {number}: {line:?}");
            assert!(commands(line).next().is_none(), "line {number}: {line:?}");
        }
    }

    #[test]
    fn prose_stays_on_its_line() {
        assert_eq!(prose("a\n\u{1b}[2J\u{85}"), "a\\n\\u{1b}[2J\\u{85}");
        assert_eq!(prose("plain, ä and 日本"), "plain, ä and 日本");
    }

    #[test]
    fn prose_gives_a_runner_no_command() {
        let escaped = [
            ("##[group]", "#\\u{23}[group]"),
            ("a ##vso[x] ###VSO[y]", "a #\\u{23}vso[x] ##\\u{23}VSO[y]"),
            (" ::stop-commands::", " \\u{3a}:stop-commands::"),
        ];
        for (command, text) in escaped {
            assert_eq!(prose(command), text);
        }
        for harmless in ["a ## heading", "a::b", "# [x]", "##", "#[x]", "## [x]"] {
            assert_eq!(prose(harmless), harmless);
        }
        assert_eq!(source_line("# ##vso[x] ::"), "# #\u{fffd}vso[x] ::");
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
