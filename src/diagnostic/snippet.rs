//! The lines of a text that a finding shows.
//!
//! At most a few lines, and of a long line only a window around the place: a file may be one line of
//! a megabyte. Every character shown is printable, and stands in the column it has in the file or,
//! in a window, in one that is known.

use std::ops::Range;

use super::Diagnostic;
use super::source::{Place, Source, Sources};
use super::text::{prose, source_line};

/// A line longer than this many characters is shown in part.
const LINE: usize = 160;
/// What is shown of a long line before its place.
const BEFORE: usize = 40;
/// Two labels of one file this many lines apart share a snippet; what lies between is folded.
const TOGETHER: usize = 60;

/// A few lines of one text, with what points into them.
pub(super) struct Shown {
    pub(super) path: String,
    pub(super) first_line: usize,
    pub(super) text: String,
    pub(super) marks: Vec<Mark>,
    /// Where a window does not begin with its line: the place as the library counts it within the
    /// window, and as it is.
    pub(super) moved: Vec<(String, String)>,
}

/// What points into a snippet.
pub(super) struct Mark {
    pub(super) span: Range<usize>,
    pub(super) label: String,
    pub(super) primary: bool,
}

/// One place of a finding on its first line.
struct Target<'a> {
    source: &'a Source,
    place: Place,
    line: usize,
    label: &'a str,
    primary: bool,
}

/// The snippets of a finding: the primary place first, with the related places near it in the same
/// text, then the other related places.
pub(super) fn snippets(sources: &Sources, finding: &Diagnostic) -> Vec<Shown> {
    let related = finding
        .related
        .iter()
        .map(|(place, label)| (*place, label.as_str(), false));
    let primary = finding
        .place
        .map(|place| (place, finding.label.as_str(), true));
    let mut targets: Vec<Target<'_>> = primary
        .into_iter()
        .chain(related)
        .filter_map(|(place, label, primary)| {
            let source = sources.find(place.file())?;
            let (line, _) = source.line_of(source.text.floor_char_boundary(place.range().start));
            Some(Target {
                source,
                place,
                line,
                label,
                primary,
            })
        })
        .collect();
    let mut shown = Vec::new();
    while !targets.is_empty() {
        let first = targets.remove(0);
        let near = |other: &Target<'_>| {
            other.place.file() == first.place.file() && other.line.abs_diff(first.line) <= TOGETHER
        };
        let (mut together, rest): (Vec<_>, Vec<_>) = targets.into_iter().partition(near);
        targets = rest;
        together.insert(0, first);
        shown.push(show(&together));
    }
    shown
}

/// Cuts the lines between the first and the last of some places out of their text, each line
/// windowed, and moves the places with them. A place of several lines points to its first.
fn show(targets: &[Target<'_>]) -> Shown {
    let source = targets[0].source;
    let first = targets.iter().map(|target| target.line).min().unwrap_or(0);
    let last = targets.iter().map(|target| target.line).max().unwrap_or(0);
    let from = targets
        .iter()
        .min_by_key(|target| target.line)
        .map_or(0, |target| source.line_of(target.place.range().start).1);
    let path = prose(&source.name).into_owned();
    let mut text = String::new();
    let mut marks = Vec::new();
    let mut moved = Vec::new();
    let mut start = from;
    for number in first..=last {
        let line = source.text[start..].split('\n').next().unwrap_or_default();
        let here: Vec<_> = targets
            .iter()
            .filter(|target| target.line == number)
            .collect();
        let spans: Vec<_> = here
            .iter()
            .map(|target| within(line, start, target.place))
            .collect();
        let window = window(line, spans.iter().map(|span| span.start).min().unwrap_or(0));
        for (target, span) in here.iter().zip(spans) {
            if window.from > 0 {
                let place = |column: usize| format!("{path}:{}:{}", number + 1, column + 1);
                moved.push((
                    place(span.start - window.from + window.marker),
                    place(span.start),
                ));
            }
            marks.push(Mark {
                span: window.moved(&span, text.len()),
                label: prose(target.label).into_owned(),
                primary: target.primary,
            });
        }
        text.push_str(&window.text);
        text.push('\n');
        start += line.len() + 1;
    }
    Shown {
        path,
        first_line: first + 1,
        text,
        marks,
        moved,
    }
}

/// The characters of a line that a place covers.
fn within(line: &str, start: usize, place: Place) -> Range<usize> {
    let column = |offset: usize| {
        let at = line.floor_char_boundary(offset.saturating_sub(start).min(line.len()));
        line[..at].chars().count()
    };
    let range = place.range();
    column(range.start)..column(range.end).max(column(range.start))
}

/// What is shown of a line: its characters from `from` on, after a `…` where that is not all.
struct Window {
    text: String,
    from: usize,
    marker: usize,
}

fn window(line: &str, at: usize) -> Window {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let length = line.chars().count();
    if length <= LINE {
        return Window {
            text: source_line(line),
            from: 0,
            marker: 0,
        };
    }
    let from = at.saturating_sub(BEFORE).min(length - LINE);
    let piece: String = line.chars().skip(from).take(LINE).collect();
    let (before, after) = (from > 0, from + LINE < length);
    let text = format!(
        "{}{}{}",
        if before { "…" } else { "" },
        source_line(&piece),
        if after { "…" } else { "" },
    );
    Window {
        text,
        from,
        marker: usize::from(before),
    }
}

impl Window {
    /// A range of the line's characters as bytes of a text in which this window begins at `base`.
    fn moved(&self, span: &Range<usize>, base: usize) -> Range<usize> {
        let byte = |column: usize| {
            let column = column.saturating_sub(self.from) + self.marker;
            let offset = self
                .text
                .char_indices()
                .nth(column)
                .map(|(offset, _)| offset);
            base + offset.unwrap_or(self.text.len())
        };
        byte(span.start)..byte(span.end)
    }
}
