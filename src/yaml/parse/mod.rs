//! Text to trees, under a budget.
//!
//! A text is cut into documents. Those of plain YAML are read at once, see [`quick`]. The others are cut
//! into tokens as kubectl and kustomize do it (`scanner`), the tokens are made events (`events.rs`), and
//! `builder.rs` makes trees of those.

mod builder;
mod events;
mod scanner;
mod tags;
#[cfg(test)]
mod tests;

use builder::Builder;

use super::node::Node;
use super::{Budget, quick, too_many_bytes};
use crate::diagnostic::{Diagnostic, FileId, Sources};

/// Reads every document of a text. Empty documents (only comments, or null) are left out.
///
/// # Errors
/// Every mistake found: one for the first break of syntax, and each duplicate key before it; after a
/// hundred the rest is not read.
pub fn parse_documents(
    sources: &Sources,
    file: FileId,
    budget: &Budget,
) -> Result<Vec<Node>, Vec<Diagnostic>> {
    parse_counted(sources, file, budget).0
}

/// The same, with the number of nodes that were read.
pub(crate) fn parse_counted(
    sources: &Sources,
    file: FileId,
    budget: &Budget,
) -> (Result<Vec<Node>, Vec<Diagnostic>>, usize) {
    let text = &sources.get(file).text;
    let mut builder = Builder::new(file, *budget);
    if text.len() > budget.bytes {
        return (Err(vec![too_many_bytes(&sources.get(file).name, budget)]), 0);
    }
    for piece in pieces(text) {
        if builder.read(&piece).is_err() {
            break;
        }
    }
    let nodes = builder.nodes;
    let read = if builder.errors.is_empty() { Ok(builder.documents) } else { Err(builder.errors) };
    (read, nodes)
}

/// What stands between two lines of `---`.
struct Piece<'t> {
    /// The document, without the line of `---` above it.
    text: &'t str,
    /// Where it begins.
    offset: usize,
    /// Where a line begins that looks like one of `---` and has something else on it.
    wrong: Option<usize>,
}

/// The documents of a text, cut as kubectl and kustomize cut it, before they look at what it says: at
/// each line that begins with `---` and has only blanks or a comment behind it. See
/// <https://github.com/kubernetes/kubernetes/pull/103457>.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let bytes = text.as_bytes();
    let line_end = move |at: usize| {
        memchr::memchr(b'\n', &bytes[at..]).map_or(text.len(), |length| at + length + 1)
    };
    let at_line = move |&at: &usize| at == 0 || bytes[at - 1] == b'\n';
    let ends = move |&at: &usize| {
        let rest = text[at + 3..line_end(at)].trim();
        rest.is_empty() || rest.starts_with('#')
    };
    // A document may begin in the first line, behind the dashes.
    let is_line = move |at: &usize| at_line(at) && (*at > 0 || ends(at));
    let mut lines = memchr::memmem::find_iter(bytes, "---").filter(is_line);
    let mut from = Some(0);
    let cut = move || {
        let offset = from?;
        let mut wrong = None;
        let end = lines.find(|at| {
            let ends = ends(at);
            wrong = wrong.or((!ends).then_some(*at));
            ends
        });
        from = end.map(line_end);
        Some(Piece { text: &text[offset..end.unwrap_or(text.len())], offset, wrong })
    };
    std::iter::from_fn(cut)
        .filter(|piece| piece.offset > 0 || !piece.text.is_empty())
        .map(Piece::without_mark)
}

impl Piece<'_> {
    /// Each document may begin with a byte order mark.
    fn without_mark(self) -> Self {
        match self.text.strip_prefix('\u{feff}') {
            Some(text) => Self { text, offset: self.offset + '\u{feff}'.len_utf8(), ..self },
            None => self,
        }
    }
}
