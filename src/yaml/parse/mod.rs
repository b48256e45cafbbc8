//! Parses text to trees, within limits.
//!
//! A text is split into documents. Documents of plain YAML are read by [`quick`]. The others are cut into tokens as
//! kubectl and kustomize do (`tokens`), which become events (`events`), from which `builder.rs` makes trees.

mod builder;
mod events;
mod tags;
#[cfg(test)]
mod tests;
mod tokens;

use builder::Builder;

use super::node::Node;
use super::quick;
use crate::diagnostic::{FileId, Refused, Sources};
use crate::limits::{InputLimits, too_many_bytes};

/// Reads every document of a text. Empty documents (only comments, or null) are left out.
///
/// # Errors
/// Every mistake: the first error of syntax, and each duplicate key before it. After a hundred the rest is not read.
/// Messages quote nothing of a document that may be a Secret.
pub fn parse_documents(
    sources: &Sources,
    file: FileId,
    limits: &InputLimits,
) -> Result<Vec<Node>, Refused> {
    parse_counted(sources, file, limits).0
}

/// Reads every document, and counts the nodes.
pub(crate) fn parse_counted(
    sources: &Sources,
    file: FileId,
    limits: &InputLimits,
) -> (Result<Vec<Node>, Refused>, usize) {
    let text = &sources.get(file).text;
    let mut builder = Builder::new(file, *limits);
    if text.len() > limits.bytes {
        return (Err(too_many_bytes(&sources.get(file).name, limits).into()), 0);
    }
    for piece in pieces(text) {
        if builder.read(&piece).is_err() {
            break;
        }
    }
    sources.unquote(builder.errors.iter_mut());
    (Refused::unless_none(builder.errors, builder.documents), builder.nodes)
}

/// One document of a text.
struct Piece<'t> {
    /// The document. It includes its line of `---` if the text begins with that line.
    text: &'t str,
    /// Where the document begins.
    offset: usize,
    /// The start of a line that begins with `---` and has more on it than a comment.
    wrong: Option<usize>,
}

/// Splits a text into documents as kubectl and kustomize do before they parse: at each line that begins with `---` and
/// has only blanks or a comment after it. See `YAMLReader` in
/// <https://github.com/kubernetes/apimachinery/blob/master/pkg/util/yaml/decoder.go>.
fn pieces(text: &str) -> impl Iterator<Item = Piece<'_>> {
    let bytes = text.as_bytes();
    let line_end = move |at: usize| {
        memchr::memchr(b'\n', &bytes[at..]).map_or(text.len(), |length| at + length + 1)
    };
    let at_line = move |&at: &usize| at == 0 || bytes[at - 1] == b'\n';
    let ends = move |at: usize| {
        let rest = text[at + 3..line_end(at)].trim();
        rest.is_empty() || rest.starts_with('#')
    };
    let mut lines = memchr::memmem::find_iter(bytes, "---").filter(at_line);
    let mut from = Some(0);
    let cut = move || {
        let offset = from?;
        let mut wrong = None;
        let end = lines.find(|&at| {
            // The first line of a document may be its own `---`, even with more on it.
            if at > offset && !ends(at) {
                wrong = wrong.or(Some(at));
            }
            at > offset && ends(at)
        });
        from = end.map(line_end);
        Some(Piece { text: &text[offset..end.unwrap_or(text.len())], offset, wrong })
    };
    let pieces = std::iter::from_fn(cut).filter(|piece| !piece.text.is_empty());
    // Each document may begin with a byte order mark.
    pieces.map(|piece| match piece.text.strip_prefix('\u{feff}') {
        Some(text) => Piece { text, offset: piece.offset + '\u{feff}'.len_utf8(), ..piece },
        None => piece,
    })
}

/// A document without its line of `---`, on which only blanks and a comment may follow. `None` if something else does.
fn without_marker(text: &str) -> Option<&str> {
    let Some(rest) = text.strip_prefix("---") else {
        return Some(text);
    };
    let (line, body) = rest.split_once('\n').unwrap_or((rest, ""));
    let comment = line.trim_start_matches(' ');
    let is_comment = comment.starts_with('#') && comment.len() < line.len();
    (comment.is_empty() || is_comment).then_some(body)
}
