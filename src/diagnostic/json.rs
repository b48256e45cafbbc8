//! Findings for tools: one JSON document.
//!
//! ```text
//! version      1; raised when a field changes its meaning or goes away
//! errors, warnings, notes            how many findings of each severity
//! findings[]   code, severity, message, help, field, file, line, column, endLine, endColumn, label,
//!              related[]: file, line, column, endLine, endColumn, label
//! ```
//!
//! Lines and columns count from 1, columns in characters, ends exclusive. Every field is always
//! there; `null` says that a finding has no such thing.

use serde_json::{Map, Value, json};

use super::source::{Place, Sources};
use super::{Diagnostic, Report, Severity};

/// The document, indented, with a newline at the end.
#[must_use]
pub fn render(sources: &Sources, report: &Report) -> String {
    let findings: Vec<Value> =
        report.sorted().into_iter().map(|finding| as_json(sources, finding)).collect();
    let document = json!({
        "version": 1,
        "errors": report.count(Severity::Error),
        "warnings": report.count(Severity::Warning),
        "notes": report.count(Severity::Note),
        "findings": findings,
    });
    super::text::json(&document)
}

fn as_json(sources: &Sources, finding: &Diagnostic) -> Value {
    let mut out = Map::new();
    out.insert("code".to_owned(), finding.code.id.into());
    out.insert("severity".to_owned(), finding.severity().word().into());
    out.insert("message".to_owned(), finding.message.as_str().into());
    out.insert("help".to_owned(), finding.help.as_str().into());
    out.insert("field".to_owned(), finding.field.as_deref().into());
    out.extend(place(sources, finding.place));
    out.insert("label".to_owned(), finding.place.map(|_| finding.label.as_str()).into());
    let related = finding.related.iter().map(|(at, label)| {
        let mut out = place(sources, Some(*at));
        out.insert("label".to_owned(), label.as_str().into());
        Value::Object(out)
    });
    out.insert("related".to_owned(), related.collect());
    Value::Object(out)
}

fn place(sources: &Sources, place: Option<Place>) -> Map<String, Value> {
    let region = place.and_then(|place| sources.region(place));
    let file = region.map(|(source, _)| source.name.as_str());
    let region = region.map(|(_, region)| region);
    [
        ("file", file.into()),
        ("line", region.map(|region| region.line).into()),
        ("column", region.map(|region| region.column).into()),
        ("endLine", region.map(|region| region.end_line).into()),
        ("endColumn", region.map(|region| region.end_column).into()),
    ]
    .into_iter()
    .map(|(key, value): (&str, Value)| (key.to_owned(), value))
    .collect()
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::{assert_harmless, hostile};
    use super::*;
    use crate::diagnostic::code;

    #[test]
    fn every_field_is_there() {
        let mut sources = Sources::default();
        let file = sources.add("previews.yaml", "a: ä\nb: 2\n");
        let mut report = Report::default();
        report.push(
            Diagnostic::new(&code::BAD_NAME, "bad", "good")
                .at(Place::new(file, 3, 5), "here")
                .also(Place::new(file, 6, 7), "there")
                .field("spec.a"),
        );
        report.push(Diagnostic::new(&code::DROPPED, "left out", "nothing to do"));
        let value: Value = serde_json::from_str(&render(&sources, &report)).expect("JSON");
        assert_eq!(
            value,
            json!({
                "version": 1, "errors": 1, "warnings": 0, "notes": 1,
                "findings": [
                    {"code": "left-out", "severity": "note", "message": "left out",
                     "help": "nothing to do", "field": null, "file": null, "line": null,
                     "column": null, "endLine": null, "endColumn": null, "label": null,
                     "related": []},
                    {"code": "bad-name", "severity": "error", "message": "bad", "help": "good",
                     "field": "spec.a", "file": "previews.yaml", "line": 1, "column": 4,
                     "endLine": 1, "endColumn": 5, "label": "here",
                     "related": [{"file": "previews.yaml", "line": 2, "column": 1, "endLine": 2,
                                  "endColumn": 2, "label": "there"}]},
                ],
            })
        );
    }

    #[test]
    fn hostile_text_is_kept_for_tools_and_harmless_on_a_terminal() {
        let (sources, report) = hostile();
        let text = render(&sources, &report);
        assert_harmless(&text);
        let value: Value = serde_json::from_str(&text).expect("JSON");
        let message = value["findings"][0]["message"].as_str().expect("a string");
        assert_eq!(message, report.sorted()[0].message);
        assert_eq!(text, render(&sources, &report));
    }
}
