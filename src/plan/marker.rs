//! Placeholders for what differs between previews. What is planned or written with them once holds for all
//! previews that are otherwise alike.
//!
//! Where the user's own text holds what could be taken for a placeholder, they are not used.

use std::sync::LazyLock;

use memchr::memmem::Finder;

use crate::yaml::Node;

/// What every marker begins with; so many digits follow.
pub(crate) const MARKER: &str = "anabranch-hole-";
/// The number of digits.
pub(crate) const DIGITS: usize = 4;
/// So many scalars have a marker, besides name and namespace.
pub(crate) const SCALARS: usize = 9_997;

/// Stands for the name of a preview.
pub(crate) const NAME: &str = "anabranch-hole-0000";
/// Stands for the namespace of a preview.
const NAMESPACE: &str = "anabranch-hole-0001";
/// The same where it begins with a digit: then it is quoted where others are not.
const NAMESPACE_WITH_DIGIT: &str = "0-anabranch-hole-9999";

/// Stands for a namespace like this one.
pub(crate) fn namespace(like: &str) -> &'static str {
    if begins_with_digit(like) { NAMESPACE_WITH_DIGIT } else { NAMESPACE }
}

/// Whether a word begins with a digit.
pub(crate) fn begins_with_digit(word: &str) -> bool {
    word.starts_with(|c: char| c.is_ascii_digit())
}

/// Stands for a whole scalar, by its number.
pub(crate) fn marker(number: usize) -> String {
    format!("{MARKER}{:0DIGITS$}", number + 2)
}

/// What digits of a marker stand for: 0 for the name, 1 for the namespace, then scalars; and how much of
/// the text before the marker belongs to it.
pub(crate) fn read(digits: &str) -> Option<(usize, usize)> {
    match digits.parse().ok()? {
        9_999 => Some((1, "0-".len())),
        number => Some((number, 0)),
    }
}

/// Whether a tree holds what could become a marker, text of ours behind it.
pub(crate) fn mentions_marker(node: &Node) -> bool {
    const BEGINNING: &str = "anabranch-hole";
    static FINDER: LazyLock<Finder<'_>> = LazyLock::new(|| Finder::new(BEGINNING));
    let mentions =
        |text: &str| text.len() >= BEGINNING.len() && FINDER.find(text.as_bytes()).is_some();
    node.any_text(&mentions)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_beginning_of_a_marker_is_seen_in_keys_and_values() {
        assert!(mentions_marker(&Node::map([("a", Node::list([Node::string(NAME)]))])));
        assert!(mentions_marker(&Node::map([("x-anabranch-hole", Node::default())])));
        assert!(!mentions_marker(&Node::map([("anabranch", Node::string("hole-0000"))])));
    }
}
