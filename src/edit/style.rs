//! Writes new values in the style of the text around them.

use serde::Serialize;
use serde_json::ser::{PrettyFormatter, Serializer};

use super::document::Document;
use crate::yaml::scalar::is_safe_plain;
use crate::yaml::{Data, Node, write_item};

impl Document {
    /// The line break of the text: the one behind `previews`, as others may be a part of some value.
    pub(super) fn newline(&self) -> &'static str {
        let spec = self.node.get("spec").map(Node::entries).unwrap_or_default();
        let list = spec.iter().find(|(key, _)| key.text == "previews");
        let text = &self.text[list.map_or(0, |(key, _)| key.place.range().end)..];
        match text
            .split_once('\n')
            .map_or(self.text.contains("\r\n"), |(line, _)| line.ends_with('\r'))
        {
            true => "\r\n",
            false => "\n",
        }
    }

    /// Whether the text is JSON, or JSON but for comments.
    pub(super) fn is_quoted(&self) -> bool {
        let first = self.node.entries().first();
        self.is_flow(&self.node)
            && first.is_some_and(|(key, _)| self.text[key.place.range()].starts_with('"'))
    }

    /// Whether keys are on lines of their own, although in braces.
    pub(super) fn spans_lines(&self) -> bool {
        self.is_quoted() && self.first_gap().contains('\n')
    }

    /// Whether there is no blank behind a colon.
    pub(super) fn is_compact(&self) -> bool {
        let first = self.node.entries().first();
        self.is_quoted()
            && first
                .and_then(|(key, _)| self.colon(key))
                .is_some_and(|colon| !self.text[colon..].starts_with(char::is_whitespace))
    }

    /// The indentation of one level in braces.
    pub(super) fn unit(&self) -> &str {
        match self.first_gap().rfind('\n') {
            Some(line) if self.is_quoted() => &self.first_gap()[line + 1..],
            _ => "  ",
        }
    }

    /// The text between a brace that opens the document and the first key.
    fn first_gap(&self) -> &str {
        let first = self.node.entries().first().filter(|_| self.is_flow(&self.node));
        first.map_or("", |(key, _)| {
            &self.text[self.node.place.range().start + 1..key.place.range().start]
        })
    }

    /// A collection in block style, without the first indentation and the last line break. Sequences in it are
    /// indented `list_indent` columns from their keys.
    pub(super) fn block_text(&self, node: &Node, indent: usize, list_indent: usize) -> String {
        let mut out = String::new();
        write_item(&mut out, node, indent, list_indent);
        out.trim().replace('\n', self.newline())
    }

    /// A value in brackets or braces, on one line.
    pub(super) fn flow_text(&self, node: &Node) -> String {
        let is_quoted = self.is_quoted();
        let (comma, colon) = if self.is_compact() { (",", ":") } else { (", ", ": ") };
        match &node.data {
            Data::Map(entries) => {
                let entry = |(key, value): &(crate::yaml::Key, Node)| {
                    let key = if is_quoted { json(&key.text) } else { key.text.to_string() };
                    format!("{key}{colon}{}", self.flow_text(value))
                };
                format!("{{{}}}", entries.iter().map(entry).collect::<Vec<_>>().join(comma))
            }
            Data::List(items) => {
                let items: Vec<String> = items.iter().map(|item| self.flow_text(item)).collect();
                format!("[{}]", items.join(comma))
            }
            Data::Scalar { text, plain: true } => text.to_string(),
            Data::Scalar { text, plain: false } if is_quoted => json(text),
            Data::Scalar { text, plain: false } => scalar(text),
        }
    }

    /// A value in brackets or braces, with each item or key on its own line.
    pub(super) fn lines_text(&self, node: &Node, indent: &str) -> String {
        if !self.spans_lines() {
            return self.flow_text(node);
        }
        let mut out = Vec::new();
        let formatter = PrettyFormatter::with_indent(self.unit().as_bytes());
        let written =
            node.to_json().serialize(&mut Serializer::with_formatter(&mut out, formatter));
        match (written, String::from_utf8(out)) {
            (Ok(()), Ok(text)) => text.replace('\n', &format!("{}{indent}", self.newline())),
            _ => self.flow_text(node),
        }
    }
}

/// A string, quoted if block or flow style needs it.
pub(super) fn scalar(text: &str) -> String {
    if is_safe_plain(text) && !text.contains([',', '[', ']', '{', '}']) {
        text.to_owned()
    } else {
        json(text)
    }
}

/// A string in double quotes.
pub(super) fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}
