//! Findings as GitHub workflow commands: annotations on the lines of a pull request.
//!
//! See <https://docs.github.com/actions/reference/workflows-and-actions/workflow-commands>. A command ends with its
//! line. So quoted text is escaped: otherwise a manifest could give the runner commands of its own.

use std::fmt::Write as _;

use super::source::Sources;
use super::text::prose;
use super::{Diagnostic, Report, Severity};

/// One line per finding.
#[must_use]
pub fn render(sources: &Sources, report: &Report) -> String {
    let mut out = String::new();
    for finding in report.sorted() {
        command(&mut out, sources, finding);
    }
    out
}

fn command(out: &mut String, sources: &Sources, finding: &Diagnostic) {
    let name = match finding.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let _ = write!(out, "::{name} ");
    let region = finding.place.and_then(|place| sources.region(place));
    let mut elsewhere = String::new();
    if let Some((source, region)) = region {
        if source.is_file() {
            let file = property(source.name.strip_prefix("./").unwrap_or(&source.name));
            let _ = write!(out, "file={file},line={},col={},", region.line, region.column);
        } else {
            let name = prose(&source.name);
            elsewhere = format!(" ({name}:{}:{})", region.line, region.column);
        }
    }
    let title = property(finding.code.id);
    let message = data(&format!("{}{elsewhere}", prose(&finding.message)));
    let _ = write!(out, "title={title}::{message}");
    for line in finding.help.lines().map(prose) {
        let _ = write!(out, "%0A{}", data(&line));
    }
    out.push('\n');
}

fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(&prose(text)).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::{assert_harmless, hostile};
    use super::*;
    use crate::diagnostic::{Origin, Place, code};

    #[test]
    fn a_finding_is_one_command() {
        let mut sources = Sources::default();
        let file = sources.add("./a,b/previews.yaml", "a: 1\nb: 2\n");
        let stdin = sources.add_from(Origin::Stdin, "<stdin>", "a: 1\n");
        let mut report = Report::default();
        report.push(
            Diagnostic::new(&code::BAD_NAME, "100% bad", "rename it\nor drop it")
                .at(Place::new(file, 8, 9), "here"),
        );
        report.push(
            Diagnostic::new(&code::DROPPED, "left out", "").at(Place::new(stdin, 0, 1), "here"),
        );
        report.push(Diagnostic::new(&code::NAMESPACE_MISSING, "no Namespace", "add it"));
        assert_eq!(
            render(&sources, &report),
            "::warning title=namespace-missing::no Namespace%0Aadd it\n\
             ::error file=a%2Cb/previews.yaml,line=2,col=4,title=bad-name::100%25 bad%0Arename it%0Aor drop it\n\
             ::notice title=left-out::left out (<stdin>:1:1)\n"
        );
    }

    #[test]
    fn hostile_text_gives_the_runner_no_command() {
        let (sources, report) = hostile();
        let text = render(&sources, &report);
        assert_harmless(&text);
        assert_eq!(text.lines().count(), 1);
        assert!(text.starts_with("::error file=dir%2Ca%3Ab \\u{1b}[2J"), "{text}");
        assert!(!text.contains("%0A \\"), "a literal %0A is escaped: {text}");
        assert_eq!(text, render(&sources, &report));
    }
}
