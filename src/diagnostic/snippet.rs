//! Selects the lines of a text that a finding shows.
//!
//! There are a few lines at most, and of a long line only a window around the place: a file can be one line of a
//! megabyte. Every character shown is printable. It has the column that it has in the file or, in a window, one that
//! can be mapped back.

use std::ops::Range;

use super::Diagnostic;
use super::source::{Place, Source, Sources};
use super::text::{prose, source_line};
use super::userinfo::starred;

/// A line longer than this many characters is shown in part.
const LINE: usize = 160;
/// What is shown of a long line before its place.
const BEFORE: usize = 40;
/// How many lines apart two labels can be to share a snippet; the lines between are folded.
const TOGETHER: usize = 60;
/// How far outside a window to look for the start and end of a URL that reaches into it.
const AROUND: usize = 2_000;
/// What is shown in place of a hidden line.
const HIDDEN: &str = "(not shown: it may be a Secret)";

/// A few lines of one text, with the underlined places in them.
pub(super) struct Shown {
    pub(super) path: String,
    pub(super) first_line: usize,
    pub(super) text: String,
    pub(super) underlines: Vec<Underline>,
    /// If a window does not begin with its line: the place as the library prints it within the window, and the real
    /// one.
    pub(super) moved: Vec<(String, String)>,
}

/// A place that is underlined in a snippet, with its label.
pub(super) struct Underline {
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
    let related = finding.related.iter().map(|(place, label)| (*place, label.as_str(), false));
    let primary = finding.place.map(|place| (place, finding.label.as_str(), true));
    let mut targets: Vec<Target<'_>> = primary
        .into_iter()
        .chain(related)
        .filter_map(|(place, label, primary)| {
            let source = sources.find(place.file())?;
            let (line, _) = source.line_of(source.text.floor_char_boundary(place.range().start));
            Some(Target { source, place, line, label, primary })
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

/// Cuts out the lines from the first to the last of some places, each line as a window, and maps the places to them.
/// A place of several lines marks its first.
fn show(targets: &[Target<'_>]) -> Shown {
    let source = targets[0].source;
    let first = targets.iter().map(|target| target.line).min().unwrap_or(0);
    let last = targets.iter().map(|target| target.line).max().unwrap_or(0);
    let path = prose(&source.name).into_owned();
    let mut text = String::new();
    let mut underlines = Vec::new();
    let mut moved = Vec::new();
    for number in first..=last {
        let Range { start, end } = source.line_range(number);
        let is_shown = source.is_shown(start);
        let line = if is_shown { &source.text[start..end] } else { HIDDEN };
        let here: Vec<_> = targets.iter().filter(|target| target.line == number).collect();
        let spans: Vec<_> = here
            .iter()
            .map(|target| if is_shown { within(line, start, target.place) } else { 0..0 })
            .collect();
        let window = window(line, spans.iter().map(|span| span.start).min().unwrap_or(0));
        for (target, span) in here.iter().zip(spans) {
            if window.from > 0 || !is_shown {
                let place = |column: usize| format!("{path}:{}:{column}", number + 1);
                let counted = window.column(line, span.start) + 1;
                moved.push((
                    place(counted),
                    place(source.line_column(target.place.range().start).1),
                ));
            }
            let byte = |offset| text.len() + window.byte(line, offset);
            underlines.push(Underline {
                span: byte(span.start)..byte(span.end),
                label: prose(target.label).into_owned(),
                primary: target.primary,
            });
        }
        text.push_str(&window.text);
        text.push('\n');
    }
    Shown { path, first_line: first + 1, text, underlines, moved }
}

/// The bytes of a line that a place covers.
fn within(line: &str, start: usize, place: Place) -> Range<usize> {
    let offset = |offset: usize| line.floor_char_boundary(offset.saturating_sub(start));
    let range = place.range();
    offset(range.start)..offset(range.end)
}

/// The visible part of a line: its characters from byte `from` on, after a `…` if that is not all. Only this part is
/// looked at, as a line can be very long.
struct Window {
    text: String,
    from: usize,
}

fn window(line: &str, at: usize) -> Window {
    let line = line.strip_suffix('\r').unwrap_or(line);
    let behind = |from: usize| line[from..].char_indices().nth(LINE).map(|(to, _)| from + to);
    let before = |to: usize, characters: usize| {
        let start = line[..to].char_indices().nth_back(characters - 1);
        start.map_or(0, |(start, _)| start)
    };
    if behind(0).is_none() {
        return Window { text: source_line(&starred(line)), from: 0 };
    }
    let mut from = before(at.min(line.len()), BEFORE);
    if behind(from).is_none() {
        from = before(line.len(), LINE);
    }
    let to = behind(from).unwrap_or(line.len());
    let start = line.floor_char_boundary(from.saturating_sub(AROUND));
    let end = line.ceil_char_boundary(to + AROUND);
    let (before, shown) = (line[start..from].chars().count(), line[from..to].chars().count());
    let shown: String = starred(&line[start..end]).chars().skip(before).take(shown).collect();
    let text = format!(
        "{}{}{}",
        if from > 0 { "…" } else { "" },
        source_line(&shown),
        if to < line.len() { "…" } else { "" },
    );
    Window { text, from }
}

impl Window {
    /// The column at which the byte `offset` of the line is shown, counted from 0.
    fn column(&self, line: &str, offset: usize) -> usize {
        let shown = line.get(self.from..offset).unwrap_or_default();
        shown.chars().count() + usize::from(self.from > 0)
    }

    /// The byte of the window's text at which the byte `offset` of the line is shown.
    fn byte(&self, line: &str, offset: usize) -> usize {
        let shown = self.text.char_indices().nth(self.column(line, offset));
        shown.map_or(self.text.len(), |(byte, _)| byte)
    }
}
