//! Writes trees as text that no reader of Kubernetes YAML misreads.
//!
//! Block style, two spaces, sequences at the indentation of their key, keys in the order of the tree. A plain scalar
//! keeps its source text. A string is plain where [`is_safe_plain`] allows it, a literal block if it has several
//! printable lines, and double-quoted otherwise.

use super::node::{Data, Node};
use super::placeholder::FRAME;
use super::scalar::{Resolved, is_safe_plain, resolve};
use crate::diagnostic::text::commands;

/// Appends one document, without a separator, ending in a newline.
pub fn write_document(out: &mut String, node: &Node) {
    match &node.data {
        Data::Map(entries) if !entries.is_empty() => map(out, node, 0, false, 0),
        Data::List(items) if !items.is_empty() => list(out, items, 0, false, 0),
        _ => {
            // Indented, because a line of `---` at column 0 would end the document.
            inline(out, node, 2);
            out.push('\n');
        }
    }
}

/// Appends a collection as lines, `indent` columns to the right. Each sequence in it is indented `list_indent`
/// columns from its key.
pub(crate) fn write_item(out: &mut String, node: &Node, indent: usize, list_indent: usize) {
    match &node.data {
        Data::List(items) => list(out, items, indent, false, list_indent),
        _ => map(out, node, indent, false, list_indent),
    }
}

/// Writes all documents, with a `---` line between them.
#[must_use]
pub fn write_stream<'a>(documents: impl IntoIterator<Item = &'a Node>) -> String {
    let mut out = String::new();
    for (index, document) in documents.into_iter().enumerate() {
        if index > 0 {
            out.push_str("---\n");
        }
        write_document(&mut out, document);
    }
    out
}

/// Writes a mapping's entries. `started` says that the first line is indented already.
fn map(out: &mut String, node: &Node, indent: usize, started: bool, list_indent: usize) {
    for (index, (key, value)) in node.entries().iter().enumerate() {
        if index > 0 || !started {
            pad(out, indent);
        }
        write_key(out, &key.text, indent);
        match &value.data {
            Data::Map(entries) if !entries.is_empty() => {
                out.push('\n');
                map(out, value, indent + 2, false, list_indent);
            }
            Data::List(items) if !items.is_empty() => {
                out.push('\n');
                list(out, items, indent + list_indent, false, list_indent);
            }
            _ => {
                out.push(' ');
                inline(out, value, indent + 2);
                out.push('\n');
            }
        }
    }
}

/// Writes a key and its colon. Readers look for the colon within 1024 characters, so a longer key is written with
/// `?`.
fn write_key(out: &mut String, text: &str, indent: usize) {
    let start = out.len();
    write_string(out, text, None);
    if out.len() - start > 1000 {
        out.insert_str(start, "? ");
        out.push('\n');
        pad(out, indent);
    }
    out.push(':');
}

fn list(out: &mut String, items: &[Node], indent: usize, started: bool, list_indent: usize) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 || !started {
            pad(out, indent);
        }
        out.push_str("- ");
        match &item.data {
            Data::Map(entries) if !entries.is_empty() => {
                map(out, item, indent + 2, true, list_indent)
            }
            Data::List(inner) if !inner.is_empty() => {
                list(out, inner, indent + 2, true, list_indent)
            }
            _ => {
                inline(out, item, indent + 2);
                out.push('\n');
            }
        }
    }
}

/// Writes a scalar or an empty collection. `indent` is the indentation of a block's lines.
fn inline(out: &mut String, node: &Node, indent: usize) {
    match &node.data {
        Data::Map(_) => out.push_str("{}"),
        Data::List(_) => out.push_str("[]"),
        // The quick check decides about most scalars.
        Data::Scalar { text, .. } if is_safe_plain(text) => out.push_str(text),
        Data::Scalar { text, plain: true } => match resolve(text) {
            Resolved::Null => out.push_str("null"),
            Resolved::Bool(_) | Resolved::Number(_) => out.push_str(text),
            // Plain in the source and safe to stay so: `on` means the same as before.
            Resolved::String(_) if is_plain_in_source(text) => out.push_str(text),
            Resolved::String(_) => write_string(out, text, Some(indent)),
        },
        Data::Scalar { text, plain: false } => write_string(out, text, Some(indent)),
    }
}

/// Whether the text of a plain scalar can be written as a plain scalar of one line in block style.
fn is_plain_in_source(text: &str) -> bool {
    let safe = |c: char| c.is_ascii_graphic() || c == ' ';
    let starts = text.starts_with(|c: char| c.is_ascii_alphanumeric() || matches!(c, '/' | '.'));
    starts
        && text.chars().all(safe)
        && text.len() <= 512
        && !text.ends_with([' ', ':'])
        && !text.contains(": ")
        && !text.contains(" #")
        && !text.starts_with("...")
        && !has_command(text)
}

/// Appends a string. `block` is the indentation of a literal block, if one is allowed.
pub(crate) fn write_string(out: &mut String, text: &str, block: Option<usize>) {
    if is_safe_plain(text) {
        out.push_str(text);
    } else if let (Some(indent), true) = (block, is_block(text)) {
        literal(out, text, indent);
    } else {
        quoted(out, text);
    }
}

/// Whether a string can be a literal block: it has several printable lines, the first starts with a visible character,
/// and none ends in a blank. Every reader returns such a block unchanged, and no CI runner that prints it
/// takes it for a command.
fn is_block(text: &str) -> bool {
    let printable = |c: char| matches!(c, '\n' | '\t' | ' '..='~' | FRAME);
    let first_visible = text.starts_with(|c: char| c.is_ascii_graphic() || c == FRAME);
    text.contains('\n')
        && first_visible
        && text.chars().all(printable)
        && !text.split('\n').any(|line| line.ends_with([' ', '\t']) || line.starts_with('\t'))
        && !text.split('\n').any(|line| line.trim_start().starts_with("::"))
        && !has_command(text)
}

fn has_command(text: &str) -> bool {
    commands(text).next().is_some()
}

fn literal(out: &mut String, text: &str, indent: usize) {
    let body = text.trim_end_matches('\n');
    out.push_str(match text.len() - body.len() {
        0 => "|-",
        1 => "|",
        _ => "|+",
    });
    let lines = if text.len() - body.len() > 1 { &text[..text.len() - 1] } else { body };
    for line in lines.split('\n') {
        out.push('\n');
        if !line.is_empty() {
            pad(out, indent);
            out.push_str(line);
        }
    }
}

/// Appends a string in double quotes.
fn quoted(out: &mut String, text: &str) {
    out.reserve(text.len() + 2);
    out.push('"');
    let raw = |byte: u8| matches!(byte, b' '..=b'~') && !matches!(byte, b'"' | b'\\');
    // Mostly nothing needs a backslash. Checking all bytes is faster than stopping early.
    let clean = text.bytes().fold(true, |clean, byte| clean & raw(byte));
    if clean && !has_command(text) {
        out.push_str(text);
        out.push('"');
        return;
    }
    let mut commands = commands(text).peekable();
    for (at, c) in text.char_indices() {
        match c {
            c if commands.next_if_eq(&at).is_some() => out.push_str(&escape(c)),
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            c if is_escaped(c) && c != FRAME => out.push_str(&escape(c)),
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Control characters, line separators and other characters that readers reject or fold when raw.
fn is_escaped(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{feff}' | '\u{fffe}' | '\u{ffff}')
}

fn escape(c: char) -> String {
    format!("\\u{:04X}", u32::from(c))
}

fn pad(out: &mut String, mut indent: usize) {
    const SPACES: &str = "                                                                ";
    while indent > 0 {
        let some = indent.min(SPACES.len());
        out.push_str(&SPACES[..some]);
        indent -= some;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sources;
    use crate::limits::InputLimits;
    use crate::yaml::parse_documents;

    fn round_trip(text: &str) -> String {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text);
        let documents = parse_documents(&sources, file, &InputLimits::default()).expect("valid");
        write_stream(&documents)
    }

    #[test]
    fn numbers_keep_their_text_and_strings_their_type() {
        let text = "a: 0444\nb: \"0444\"\nc: 1.10\nd: on\ne: \"on\"\nf: null\ng: {}\nh: []\n";
        assert_eq!(round_trip(text), text);
    }

    #[test]
    fn nested_collections_stand_in_block_style() {
        let text = "a:\n- b: 1\n  c:\n  - d\n- - x\n  - y\n- {}\n";
        assert_eq!(round_trip(text), text);
    }

    #[test]
    fn a_line_of_dashes_in_a_text_ends_no_document() {
        assert_eq!(round_trip("|\n a\n ---\n b\n"), "|\n  a\n  ---\n  b\n");
    }

    #[test]
    fn a_key_longer_than_readers_look_for_its_colon_comes_back() {
        let long = "k".repeat(2000);
        let text = round_trip(&format!("a:\n- ? {long}\n  : b: 1\n    c: 2\n  d: 3\n"));
        assert_eq!(text, format!("a:\n- ? \"{long}\"\n  :\n    b: 1\n    c: 2\n  d: 3\n"));
        assert_eq!(round_trip(&text), text);
    }

    #[test]
    fn every_nasty_string_comes_back_as_itself() {
        for nasty in [
            "",
            " ",
            "a\n",
            "a\nb",
            "a\n\n",
            "\ta\n",
            " a\nb",
            "a \nb",
            "a\r\nb",
            "y",
            "1e3",
            "0x1",
            "- a",
            "a: b",
            "#",
            "a #",
            "'",
            "\"",
            "\\",
            "\u{2028}",
            "\u{feff}",
            "2001-01-01",
            "12:30:45",
            "null",
            "~",
            "@x",
            "%x",
            "{a}",
            "[a]",
            "*a",
            "&a",
            "!a",
            "---",
            "...",
            "a\n---\nb",
            "x\n\n\n",
            "key:",
            "🎉",
            "a\tb",
            "=",
            "<<",
            "?",
            "a\n\tb",
        ] {
            let node =
                Node::map([("k", Node::string(nasty)), ("l", Node::list([Node::string(nasty)]))]);
            let mut out = String::new();
            write_document(&mut out, &node);
            let mut sources = Sources::default();
            let file = sources.add("a.yaml", out.clone());
            let back = parse_documents(&sources, file, &InputLimits::default())
                .unwrap_or_else(|errors| panic!("{nasty:?} as {out:?}: {errors:?}"));
            assert_eq!(back[0], node, "{nasty:?} as {out:?}");
        }
    }
}
