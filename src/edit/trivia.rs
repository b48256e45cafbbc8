//! What stands between the values of a text: blank lines, comments, commas.
//!
//! A line is held with the line break before it, so that the last one of a text is like any other.

/// Cuts a text into the rest of a line, and the lines that follow.
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

/// Whether a line holds nothing but a comment.
pub(super) fn is_comment(line: &str) -> bool {
    line.trim_start().starts_with('#')
}

/// Whether a line holds no value.
pub(super) fn is_trivia(line: &str) -> bool {
    line.trim().is_empty() || is_comment(line)
}

/// Where the text of a line begins.
pub(super) fn column(line: &str) -> usize {
    let line = line.trim_start_matches(['\r', '\n']);
    line.len() - line.trim_start().len()
}

/// Cuts the lines between two items: those of the item above, comments indented deeper than its `column`;
/// comments that stand alone, with a blank line below; and those of the item below.
pub(super) fn distribute<'l, 't>(
    lines: &'l [&'t str],
    above: Option<usize>,
) -> (&'l [&'t str], &'l [&'t str], &'l [&'t str]) {
    let is_above =
        |line: &&str| !is_comment(line) || above.is_some_and(|above| column(line) > above);
    let run = lines.iter().take_while(|line| is_above(line)).count();
    let deep = lines[..run].iter().rposition(|line| is_comment(line)).map_or(0, |last| last + 1);
    let (deep, rest) = lines.split_at(deep);
    let glued = rest.iter().rev().take_while(|line| is_comment(line)).count();
    let between = &rest[..rest.len() - glued];
    let last = between.iter().rposition(|line| is_comment(line));
    let (alone, own) = rest.split_at(last.map_or(0, |last| last + 2));
    (deep, alone, own)
}

/// Whether a comment says a name, as a word.
pub(super) fn names(comment: &str, name: &str) -> bool {
    let is_word = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let is_free = |at: usize| {
        !comment[..at].ends_with(is_word) && !comment[at + name.len()..].starts_with(is_word)
    };
    !name.is_empty() && comment.match_indices(name).any(|(at, _)| is_free(at))
}

/// Where a comma stands in what follows a value in brackets, outside of comments.
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

    #[test]
    fn comments_belong_to_the_item_above_or_below_or_stand_alone() {
        let text = "\n      # of the one above\n\n    # alone\n\n# of the one below";
        let (rest, lines) = lines(text);
        let (deep, alone, own) = distribute(&lines, Some(4));
        assert_eq!(rest, "");
        assert_eq!(deep, ["\n      # of the one above"]);
        assert_eq!(alone, ["\n", "\n    # alone", "\n"]);
        assert_eq!(own, ["\n# of the one below"]);
    }

    #[test]
    fn a_name_is_a_word_of_a_comment() {
        assert!(names("# about pr-4: small", "pr-4"));
        assert!(!names("# about pr-42", "pr-4") && !names("# x-pr-4", "pr-4") && !names("#", ""));
    }
}
