//! Formats findings for people, as cargo does.
//!
//! Quoted text is made printable first; `snippet` selects the lines.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};

use super::snippet::snippets;
use super::source::Sources;
use super::text::{counted, prose};
use super::{Diagnostic, Place, Report, Severity, first_of};

/// Wider than any line, so that the library cuts nothing on its own.
const WIDTH: usize = 400;

/// How findings are formatted.
#[derive(Debug, Clone, Copy, Default)]
pub struct Look {
    /// With the escape sequences of a terminal.
    pub colour: bool,
    /// Without warnings and notes.
    pub errors_only: bool,
}

/// All findings in the order of their places, with empty lines between them; the last line counts them. Findings that
/// say the same of many places are folded into one. Empty for an empty report.
#[must_use]
pub fn render(sources: &Sources, report: &Report, look: Look) -> String {
    let mut out = String::new();
    for (finding, others) in fold(report) {
        if !look.errors_only || finding.severity() == Severity::Error {
            out.push_str(&render_one(sources, finding, &others, look.colour));
            out.push('\n');
        }
    }
    let summary = summary(report, look.errors_only);
    if !summary.is_empty() {
        out.push_str(&summary);
        out.push('\n');
    }
    out
}

/// The findings in order, each with the places of others that say the same.
fn fold(report: &Report) -> Vec<(&Diagnostic, Vec<Place>)> {
    let mut folded: Vec<(&Diagnostic, Vec<Place>)> = Vec::new();
    let mut first = BTreeMap::new();
    for finding in report.sorted() {
        let Some(place) = finding.place.filter(|_| finding.related.is_empty()) else {
            folded.push((finding, Vec::new()));
            continue;
        };
        // Only the label differs from place to place.
        let same = (finding.code.id, &finding.message, &finding.help);
        match first.entry(same) {
            Entry::Vacant(entry) => {
                entry.insert(folded.len());
                folded.push((finding, Vec::new()));
            }
            Entry::Occupied(entry) => folded[*entry.get()].1.push(place),
        }
    }
    folded
}

/// A line with the other places of the same finding.
fn elsewhere(sources: &Sources, others: &[Place]) -> Option<String> {
    /// How many places are named.
    const SHOWN: usize = 5;
    let place = |place: &Place| {
        let source = sources.find(place.file())?;
        let (line, _) = source.line_column(place.range().start);
        Some(format!("{}:{line}", source.name))
    };
    let places = first_of(SHOWN, ", ", others.iter().filter_map(place));
    let count = counted(others.len(), "more place");
    (!others.is_empty()).then(|| format!("the same at {count}: {places}"))
}

/// How many findings there are: `2 errors, 1 warning`. Empty for an empty report.
fn summary(report: &Report, errors_only: bool) -> String {
    [Severity::Error, Severity::Warning, Severity::Note]
        .into_iter()
        .filter(|severity| !errors_only || *severity == Severity::Error)
        .map(|severity| (report.count(severity), severity))
        .filter(|(count, _)| *count > 0)
        .map(|(count, severity)| counted(count, severity.word()))
        .collect::<Vec<_>>()
        .join(", ")
}

/// A finding on one line, for a caller that shows the end of a log only.
#[must_use]
pub fn one_line(finding: &Diagnostic) -> String {
    let field = finding.field.as_deref().map_or(String::new(), |field| format!(" ({field})"));
    let help = if finding.help.is_empty() { "" } else { "; help: " };
    let line = format!(
        "{}[{}]: {}{field}{help}{}",
        finding.severity().word(),
        finding.code.id,
        finding.message,
        finding.help,
    );
    prose(&line).into_owned()
}

/// One finding with its snippets and its remedy, and where else it is found.
fn render_one(sources: &Sources, finding: &Diagnostic, others: &[Place], colour: bool) -> String {
    let level = match finding.severity() {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group =
        Group::with_title(level.primary_title(prose(&finding.message)).id(finding.code.id));
    let mut moved = Vec::new();
    let snippets = snippets(sources, finding);
    let alone = snippets.is_empty();
    for shown in snippets {
        let snippet = Snippet::source(shown.text).path(shown.path).line_start(shown.first_line);
        group = group.element(snippet.annotations(shown.underlines.into_iter().map(|one| {
            let kind = if one.primary { AnnotationKind::Primary } else { AnnotationKind::Context };
            kind.span(one.span).label(Some(one.label).filter(|label| !label.is_empty()))
        })));
        moved.extend(shown.moved);
    }
    // A remedy can have several lines, such as a patch.
    let help: Vec<_> = finding.help.lines().map(prose).collect();
    if !alone && !help.is_empty() {
        group = group.element(Level::HELP.message(help.join("\n")));
    }
    if let Some(elsewhere) = elsewhere(sources, others) {
        group = group.element(Level::NOTE.message(prose(&elsewhere).into_owned()));
    }
    let renderer = if colour { Renderer::styled() } else { Renderer::plain() };
    let mut text = renderer.term_width(WIDTH).render(&[group]);
    // The library prints line and column behind the path of a snippet, counted in the text that it was given. It takes
    // a place of ours only as an `Origin`, and then it draws the snippet below as one of a second file.
    for (counted, real) in moved {
        text = text.replacen(&counted, &real, 1);
    }
    let mut out = String::with_capacity(text.len() + 1);
    for line in text.lines() {
        out.push_str(line.trim_end());
        out.push('\n');
    }
    if alone && !help.is_empty() {
        // Without a snippet the library would draw a gutter for nothing.
        out.push_str(&format!("  = help: {}\n", help.join("\n          ")));
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::{assert_harmless, hostile};
    use super::*;
    use crate::diagnostic::code;

    fn config() -> (Sources, Place, Place) {
        let mut sources = Sources::default();
        let text = "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nspec:\n  previews:\n    \
                    - name: pr-1\n    - name: pr-1\n";
        let file = sources.add("previews.yaml", text);
        let first = text.find("pr-1").expect("present");
        let second = text.rfind("pr-1").expect("present");
        (sources, Place::new(file, second, second + 4), Place::new(file, first, first + 4))
    }

    #[test]
    fn a_finding_reads_like_cargo() {
        let (sources, second, first) = config();
        let mut report = Report::default();
        report.push(
            Diagnostic::new(&code::DUPLICATE_NAME, "two previews are named `pr-1`", "rename one")
                .at(second, "named again here")
                .also(first, "first named here"),
        );
        report.push(Diagnostic::new(&code::NAMESPACE_MISSING, "no Namespace", "add it"));
        let wanted = "\
warning[namespace-missing]: no Namespace
  = help: add it

error[duplicate-name]: two previews are named `pr-1`
 --> previews.yaml:6:13
  |
5 |     - name: pr-1
  |             ---- first named here
6 |     - name: pr-1
  |             ^^^^ named again here
  |
  = help: rename one

1 error, 1 warning
";
        assert_eq!(render(&sources, &report, Look::default()), wanted);
        assert!(
            render(&sources, &report, Look { colour: true, errors_only: false })
                .contains("\u{1b}[")
        );
    }

    #[test]
    fn what_many_places_have_alike_is_said_once_with_their_number() {
        let mut sources = Sources::default();
        let text = "a: 1\n".repeat(30);
        let file = sources.add("previews.yaml", text.as_str());
        let mut report = Report::default();
        for line in 0..30 {
            let place = Place::new(file, 5 * line, 5 * line + 1);
            let help = "give it one of its own";
            report.push(Diagnostic::new(&code::QUEUE_CONSUMER, "it competes", help).at(place, ""));
        }
        let here = Place::new(file, 50, 51);
        report.push(Diagnostic::new(&code::BAD_NAME, "a bad name", "a better one").at(here, ""));
        let wanted = "\
warning[queue-consumer]: it competes
 --> previews.yaml:1:1
  |
1 | (not shown: it may be a Secret)
  | ^
  |
  = help: give it one of its own
  = note: the same at 29 more places: previews.yaml:2, previews.yaml:3, previews.yaml:4, previews.yaml:5, previews.yaml:6 and 24 more

error[bad-name]: a bad name
  --> previews.yaml:11:1
   |
11 | (not shown: it may be a Secret)
   | ^
   |
   = help: a better one

1 error, 30 warnings
";
        assert_eq!(render(&sources, &report, Look::default()), wanted);
        let errors = render(&sources, &report, Look { colour: false, errors_only: true });
        assert!(
            errors.starts_with("error[bad-name]") && errors.ends_with("\n\n1 error\n"),
            "{errors}"
        );
    }

    #[test]
    fn places_far_apart_and_in_other_files_have_their_own_snippets() {
        let (mut sources, second, _) = config();
        let long = format!("a: 1\n{}b: 2\n", "# no\n".repeat(5000));
        let at = long.find("b: 2").expect("present");
        let other = sources.add("base.yaml", long);
        let finding = Diagnostic::new(&code::ROUTE_CONFLICT, "two routes", "remove one")
            .at(second, "here")
            .also(Place::new(other, 0, 1), "one")
            .also(Place::new(other, at, at + 1), "two");
        let text = render_one(&sources, &finding, &[], false);
        assert!(text.contains("base.yaml:1:1"), "{text}");
        assert!(text.contains("base.yaml:5002:1"), "{text}");
        assert!(text.lines().count() < 25, "{text}");
    }

    #[test]
    fn a_long_line_is_shown_around_its_place_only() {
        let line = format!(
            "{{\"apiVersion\": \"v1\", \"kind\": \"Service\", \"metadata\": {{}}, \"a\": \"{}\", \"ü\": 1}}",
            "ä".repeat(500_000)
        );
        let mut sources = Sources::default();
        let at = line.find("\"ü").expect("present");
        let file = sources.add("big.json", line);
        let finding = Diagnostic::new(&code::CONFIG_FIELD, "unknown field `ü`", "remove it")
            .at(Place::new(file, at, at + 4), "no such field");
        let text = render_one(&sources, &finding, &[], false);
        assert!(text.len() < 1500, "{}", text.len());
        assert!(text.contains("big.json:1:500066"), "{text}");
        let lines: Vec<&str> = text.lines().collect();
        let column = |line: usize, c: char| lines[line].chars().position(|found| found == c);
        assert_eq!(column(3, 'ü').map(|column| column - 1), column(4, '^'), "{text}");
    }

    #[test]
    fn a_secret_has_a_place_and_no_text() {
        let (mut sources, second, _) = config();
        let secret = "{\"apiVersion\":\"v1\",\"kind\":\"Secret\",\"metadata\":{\"name\":\"db\"},\"data\":{\"a\":\"hunter2\"}}";
        let at = secret.find("db").expect("present");
        let file = sources.add("base.json", secret);
        let finding = Diagnostic::new(&code::DUPLICATE_OBJECT, "twice", "keep one")
            .at(Place::new(file, at, at + 2), "again here")
            .also(second, "and here");
        let wanted = "\
error[duplicate-object]: twice
 --> base.json:1:56
  |
1 | (not shown: it may be a Secret)
  | ^ again here
  |
 ::: previews.yaml:6:13
  |
6 |     - name: pr-1
  |             ---- and here
  |
  = help: keep one
";
        assert_eq!(render_one(&sources, &finding, &[], false), wanted);
    }

    #[test]
    fn a_place_of_many_lines_points_to_its_first() {
        let (sources, second, _) = config();
        let whole = Place::new(second.file(), 0, 60);
        let finding =
            Diagnostic::new(&code::CONFIG_FIELD, "missing", "add it").at(whole, "in here");
        let text = render_one(&sources, &finding, &[], false);
        assert!(text.contains("1 | apiVersion: anabranch.dev/v1alpha1\n  | ^^^^^"), "{text}");
    }

    #[test]
    fn places_outside_of_every_text_are_left_out() {
        let sources = Sources::default();
        let finding = Diagnostic::new(&code::BAD_NAME, "bad", "good").at(Place::default(), "here");
        assert_eq!(render_one(&sources, &finding, &[], false).lines().count(), 2);
        let (sources, second, _) = config();
        let behind = Place::new(second.file(), 4000, 4001);
        let finding = Diagnostic::new(&code::YAML_SYNTAX, "ends", "finish it").at(behind, "here");
        assert!(render_one(&sources, &finding, &[], false).contains("previews.yaml:7:1"));
    }

    #[test]
    fn hostile_text_moves_no_cursor_and_forges_no_finding() {
        let (sources, report) = hostile();
        let text = render(&sources, &report, Look::default());
        assert_harmless(&text);
        assert_eq!(text, render(&sources, &report, Look::default()));
        let line = one_line(report.sorted()[0]);
        assert_harmless(&line);
        assert_eq!(line.lines().count(), 1);
    }

    #[test]
    fn one_line_has_the_field_and_the_remedy() {
        let finding = Diagnostic::new(&code::BAD_NAME, "`Pr-1` is not a name", "write `pr-1`")
            .field("spec.previews[2].name");
        assert_eq!(
            one_line(&finding),
            "error[bad-name]: `Pr-1` is not a name (spec.previews[2].name); help: write `pr-1`"
        );
    }
}
