//! Text to trees, under a budget.
//!
//! A text is cut into documents. Those of plain YAML are read at once, see [`quick`]; for the others
//! `builder.rs` makes trees of the events of a conforming parser.
//! See <https://yaml.org/spec/1.2.2/>.

mod builder;
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
    for (offset, document) in documents(text) {
        if builder.read(document, offset).is_err() {
            break;
        }
    }
    let nodes = builder.nodes;
    let read = if builder.errors.is_empty() { Ok(builder.documents) } else { Err(builder.errors) };
    (read, nodes)
}

/// The documents of a text, each with its offset: what stands between lines of `---`, which nothing
/// can hold. A text with directives or `...` is left whole.
fn documents(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let bytes = text.as_bytes();
    let at_line = move |&at: &usize| at == 0 || bytes[at - 1] == b'\n';
    let ends = |&at: &usize| matches!(bytes.get(at + 3), None | Some(b' ' | b'\t' | b'\r' | b'\n'));
    let whole = memchr::memchr_iter(b'%', bytes).any(|at| at_line(&at))
        || memchr::memmem::find_iter(bytes, "...").any(|at| at_line(&at));
    let starts = (!whole).then(|| memchr::memmem::find_iter(bytes, "---"));
    let starts = starts.into_iter().flatten().filter(at_line).filter(ends);
    let mut from = 0;
    let cut = move |start| (from, &text[std::mem::replace(&mut from, start)..start]);
    starts.chain([text.len()]).map(cut).filter(|(_, document)| !document.is_empty())
}

/// What follows a line of `---` and blanks; the text itself where it begins with no `---`.
fn without_marker(text: &str) -> Option<&str> {
    let Some(rest) = text.strip_prefix("---") else {
        return Some(text);
    };
    let rest = rest.trim_start_matches(' ');
    if rest.is_empty() { Some(rest) } else { rest.strip_prefix('\n') }
}
