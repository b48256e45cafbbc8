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

/// An item above a gap: the column where it begins, and its name.
#[derive(Debug, Clone, Copy)]
pub(super) struct Above<'n> {
    pub(super) column: usize,
    pub(super) name: &'n str,
}

/// Divides the lines between two items into three: comments of the item above, which are indented deeper than it;
/// comments that stand alone, with a blank line below; and comments of the item below. A comment directly above the
/// item below that has its name belongs to it in any column.
pub(super) fn distribute<'l, 't>(
    lines: &'l [&'t str],
    above: Option<Above<'_>>,
    below: &str,
) -> (&'l [&'t str], &'l [&'t str], &'l [&'t str]) {
    let count_deep = |lines: &[&str]| {
        let is_above =
            |line: &&&str| !is_comment(line) || above.is_some_and(|it| column(line) > it.column);
        let run = lines.iter().take_while(is_above).count();
        lines[..run].iter().rposition(|line| is_comment(line)).map_or(0, |last| last + 1)
    };
    let mut deep = count_deep(lines);
    let glued = |lines: &[&str]| lines.iter().rev().take_while(|line| is_comment(line)).count();
    let block = lines.len() - glued(lines);
    if let Some(above) = above.filter(|_| block < deep) {
        let of_above = lines[block..deep].iter().rposition(|line| names(line, above.name));
        let start = block + of_above.map_or(0, |last| last + 1);
        if lines[start..deep].iter().any(|line| names(line, below)) {
            deep = count_deep(&lines[..start]);
        }
    }
    let (deep, rest) = lines.split_at(deep);
    let between = &rest[..rest.len() - glued(rest)];
    let last = between.iter().rposition(|line| is_comment(line));
    let (alone, below) = rest.split_at(last.map_or(0, |last| last + 2));
    (deep, alone, below)
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

    #[test]
    fn comments_belong_to_the_item_above_or_below_or_stand_alone() {
        let text = "\n      # of the one above\n\n    # alone\n\n# of the one below";
        let (rest, lines) = lines(text);
        let above = Some(Above { column: 4, name: "pr-1" });
        let (deep, alone, below) = distribute(&lines, above, "pr-2");
        assert_eq!(rest, "");
        assert_eq!(deep, ["\n      # of the one above"]);
        assert_eq!(alone, ["\n", "\n    # alone", "\n"]);
        assert_eq!(below, ["\n# of the one below"]);
    }

    #[test]
    fn a_comment_directly_above_an_item_that_it_names_is_its_own_in_any_column() {
        let cut = |text: &str| {
            let (_, lines) = lines(text);
            let above = Some(Above { column: 4, name: "pr-1" });
            let (deep, alone, below) = distribute(&lines, above, "pr-2");
            [deep.concat(), alone.concat(), below.concat()]
        };
        let (of_above, of_below) = ("\n      # of pr-1", "\n      # wait\n      # for pr-2");
        assert_eq!(cut(of_below), ["", "", of_below]);
        assert_eq!(cut(&format!("{of_above}{of_below}")), [of_above, "", of_below]);
        assert_eq!(
            cut(&format!("{of_above}\n{of_below}")),
            [of_above, "", &format!("\n{of_below}")]
        );
        assert_eq!(cut(&format!("{of_below}\n")), [of_below, "", "\n"]);
        assert_eq!(cut("\n      # expires: never"), ["\n      # expires: never", "", ""]);
    }

    #[test]
    fn a_name_is_a_word_of_a_comment() {
        assert!(names("# about pr-4: small", "pr-4"));
        assert!(!names("# about pr-42", "pr-4") && !names("# x-pr-4", "pr-4") && !names("#", ""));
    }
}
