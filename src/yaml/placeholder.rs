//! Placeholders in trees and texts, for what differs between previews.
//!
//! A placeholder is a number between two characters U+007F. No input can contain one: the reader refuses that
//! character, whether written as it is, as an escape or in `!!binary`. So a placeholder in a tree is ours. The writer
//! treats the character as a letter: a text with placeholders is quoted exactly where it would be with letters instead.

use super::node::Node;

/// The character on both sides of the number.
pub(crate) const FRAME: char = '\u{7f}';

/// The placeholder of a preview's name.
pub(crate) const NAME: &str = "\u{7f}0\u{7f}";
/// The placeholder of a preview's namespace.
pub(crate) const NAMESPACE: &str = "\u{7f}1\u{7f}";

/// The placeholder of a value, by its number: it stands for a whole scalar.
pub(crate) fn value(number: usize) -> String {
    format!("{FRAME}{}{FRAME}", number + 2)
}

/// What a placeholder stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Placeholder {
    /// A preview's name.
    Name,
    /// A preview's namespace.
    Namespace,
    /// The value of this number.
    Value(usize),
}

/// Whether a tree contains a placeholder.
pub(crate) fn is_in(node: &Node) -> bool {
    node.any_text(&|text| text.contains(FRAME))
}

/// The placeholders of a text in order, each with the text before it, and the text after the last. `None` if the
/// character is used for something else.
pub(crate) fn split(text: &str) -> Option<(Vec<(&str, Placeholder)>, &str)> {
    let mut frames = frames(text);
    let (mut found, mut from) = (Vec::new(), 0);
    while let (Some(open), Some(close)) = (frames.next(), frames.next()) {
        let placeholder = match text[open + 1..close].parse().ok()? {
            0 => Placeholder::Name,
            1 => Placeholder::Namespace,
            number => Placeholder::Value(number - 2),
        };
        found.push((&text[from..open], placeholder));
        from = close + 1;
    }
    Some((found, &text[from..]))
}

/// How many placeholders a text has.
pub(crate) fn count(text: &str) -> usize {
    frames(text).count() / 2
}

/// The line around each placeholder of a text. A line with several of them is repeated.
pub(crate) fn lines(text: &str) -> impl Iterator<Item = &str> {
    frames(text).step_by(2).map(|at| {
        let start = memchr::memrchr(b'\n', &text.as_bytes()[..at]).map_or(0, |end| end + 1);
        let end = memchr::memchr(b'\n', &text.as_bytes()[at..]);
        &text[start..end.map_or(text.len(), |end| at + end)]
    })
}

/// The places of the character in a text.
fn frames(text: &str) -> impl Iterator<Item = usize> {
    memchr::memchr_iter(FRAME as u8, text.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sources;
    use crate::limits::InputLimits;
    use crate::yaml::{parse_documents, write_document};

    #[test]
    fn no_input_holds_a_placeholder() {
        for text in [
            "a: \u{7f}0\u{7f}\n",
            "a: '\u{7f}0\u{7f}'\n",
            "a: \"\u{7f}0\u{7f}\"\n",
            "a: |\n  x\n  \u{7f}0\u{7f}\n",
            "a: >\n  x\n  \u{7f}0\u{7f}\n",
            "\u{7f}0\u{7f}: a\n",
            "a: [\"\\x7f0\\x7f\"]\n",
            "\"\\u007f0\": a\n",
            "a: &b \"\\U0000007F\"\nc: *b\n",
            "{\"a\": \"\\u007F0\\u007F\"}\n",
            "a: !!str \"\\x7f\"\n",
            "a: !!binary fzB/\n",
        ] {
            let mut sources = Sources::default();
            let file = sources.add("a.yaml", text);
            let refused = parse_documents(&sources, file, &InputLimits::default());
            let refused = refused.expect_err(text);
            assert!(refused.iter().any(|one| one.message.contains("U+007F")), "{refused:?}");
        }
    }

    #[test]
    fn what_holds_placeholders_is_quoted_where_words_are() {
        let written = |word: &str| {
            let texts = [
                word.to_owned(),
                format!("{word}.shop:80"),
                format!("x-{word}"),
                format!("*.{word}"),
                format!("a\n  {word}\n"),
                format!("{word}\nb"),
                format!("/{word}/\"\u{e9}"),
            ];
            let mut out = String::new();
            write_document(&mut out, &Node::list(texts.map(Node::string)));
            out
        };
        assert_eq!(written(NAME).replace(NAME, "pr"), written("pr"));
        assert_eq!(written(&value(7)).replace(&value(7), "pr"), written("pr"));
    }

    #[test]
    fn a_text_is_split_at_its_placeholders() {
        let text = format!("{NAME}.{NAMESPACE}{}\n", value(0));
        let found = vec![
            ("", Placeholder::Name),
            (".", Placeholder::Namespace),
            ("", Placeholder::Value(0)),
        ];
        assert_eq!(split(&text), Some((found, "\n")));
        assert_eq!(split("a"), Some((Vec::new(), "a")));
        assert_eq!(split("\u{7f}a\u{7f}"), None);
        let text = format!("a\nb{NAME}\n\n{NAMESPACE}{}", value(0));
        let last = format!("{NAMESPACE}{}", value(0));
        assert!(lines(&text).eq([&*format!("b{NAME}"), &*last, &*last]));
        assert_eq!((count(&text), count("a")), (3, 0));
        assert!(is_in(&Node::map([("a", Node::list([Node::string(text)]))])));
        assert!(!is_in(&Node::string("0")));
    }
}
