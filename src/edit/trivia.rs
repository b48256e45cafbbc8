//! The text between values: blank lines, comments, commas.
//!
//! A line is kept with the line break before it, so that the last line is like any other.

/// Splits a text into the rest of the current line, and the lines that follow.
pub(super) fn lines(text: &str) -> (&str, Vec<&str>) {
    let mut starts: Vec<usize> = text.match_indices('\n').map(|(at, _)| at).collect();
    for start in &mut starts {
        if text[..*start].ends_with('\r') {
            *start -= 1;
        }
    }
    let ends = starts.iter().skip(1).copied().chain([text.len()]);
    let lines = starts.iter().zip(ends).map(|(&start, end)| &text[start..end]).collect();
    (&text[..starts.first().copied().unwrap_or(text.len())], lines)
}

/// Whether a line has only a comment.
pub(super) fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// The place of a comment behind a value.
pub(super) fn comment(line: &str) -> Option<usize> {
    let is_behind = |at: &usize| line[..*at].ends_with([' ', '\t']);
    line.match_indices('#').map(|(at, _)| at).find(is_behind)
}

/// Whether a line holds no value.
pub(super) fn is_trivia(line: &str) -> bool {
    line.trim().is_empty() || is_comment(line)
}

/// The column of the first character that is not blank.
pub(super) fn column(line: &str) -> usize {
    indentation(line).len()
}

/// The blanks at the start of the line.
pub(super) fn indentation(line: &str) -> &str {
    let line = line.trim_start_matches(['\r', '\n']);
    &line[..line.len() - line.trim_start().len()]
}

/// How many of the lines above an item belong to what is above them. `items` is the column of the items.
pub(super) fn count_above(lines: &[&str], items: usize, name: &str) -> usize {
    count_deep(&lines[..own_start(lines, name)], items)
}

/// How many lines there are up to the last comment of those that are indented deeper than the items.
pub(super) fn count_deep(lines: &[&str], items: usize) -> usize {
    let deep = lines.iter().take_while(|line| !is_comment(line) || column(line) > items).count();
    lines[..deep].iter().rposition(|line| is_comment(line)).map_or(0, |last| last + 1)
}

/// Where the lines begin that are an item's own in any column: with the comment directly above it that has its name.
pub(super) fn own_start(lines: &[&str], name: &str) -> usize {
    let glued = lines.iter().rev().take_while(|line| is_comment(line)).count();
    let glued = lines.len() - glued;
    let own = lines[glued..].iter().position(|line| names(line, name));
    own.map_or(lines.len(), |own| glued + own)
}

/// Whether comments of the item above have the name of the item below, and only blank lines tell them from its own.
pub(super) fn names_below(above: &[&str], own: &[&str], name: &str) -> bool {
    own.iter().skip_while(|line| !is_comment(line)).all(|line| is_comment(line))
        && above.iter().rev().take_while(|line| is_comment(line)).any(|line| names(line, name))
}

/// Whether a comment has a name in it, as a word.
pub(super) fn names(comment: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_free = |at: usize| {
        !comment[..at].ends_with(is_word) && !comment[at + name.len()..].starts_with(is_word)
    };
    !name.is_empty() && comment.match_indices(name).any(|(at, _)| is_free(at))
}

/// The place of the comma behind a value in brackets, outside of comments.
pub(super) fn comma(text: &str) -> Option<usize> {
    let mut at = 0;
    while let Some(found) = text[at..].find([',', '#']) {
        let found = at + found;
        if text[found..].starts_with(',') {
            return Some(found);
        }
        at = text[found..].find('\n').map_or(text.len(), |end| found + end);
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The lines of the item above, and those of the item below.
    fn cut(text: &str) -> [String; 2] {
        let (_, lines) = lines(text);
        let (above, own) = lines.split_at(count_above(&lines, 4, "pr-2"));
        [above.concat(), own.concat()]
    }

    #[test]
    fn a_comment_belongs_to_the_item_below_unless_it_is_indented_deeper() {
        let (above, own) = ("\n      # of the one above", "\n\n    # alone\n\n# of the one below");
        assert_eq!(cut(&format!("{above}{own}")), [above, own]);
    }

    #[test]
    fn a_comment_directly_above_an_item_that_it_names_is_its_own_in_any_column() {
        let (of_above, of_below) = ("\n      # of pr-1", "\n      # for pr-2\n      # wait");
        assert_eq!(cut(of_below), ["", of_below]);
        assert_eq!(cut(&format!("{of_above}{of_below}")), [of_above, of_below]);
        assert_eq!(cut(&format!("{of_above}\n{of_below}")), [of_above, &format!("\n{of_below}")]);
        assert_eq!(cut(&format!("{of_below}\n")), [of_below, "\n"]);
        assert_eq!(cut("\n      # expires: never"), ["\n      # expires: never", ""]);
    }

    #[test]
    fn a_name_is_a_word_of_a_comment() {
        assert!(names("# about pr-4: small", "pr-4"));
        assert!(!names("# about pr-42", "pr-4") && !names("# x-pr-4", "pr-4") && !names("#", ""));
    }
}
