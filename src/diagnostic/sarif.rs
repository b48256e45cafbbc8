//! Findings as SARIF 2.1.0, which code-scanning services read.
//!
//! See <https://docs.oasis-open.org/sarif/sarif/v2.1.0/>. The rules are those codes that were found,
//! in the order of the pipeline; a rule's full description is the page of `anabranch explain`.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::source::{Place, Sources};
use super::{Code, Diagnostic, Report, code};

/// The log, indented, with a newline at the end.
#[must_use]
pub fn render(sources: &Sources, report: &Report) -> String {
    let findings = report.sorted();
    let rules: Vec<&Code> = code::CODES
        .iter()
        .copied()
        .filter(|code| findings.iter().any(|finding| finding.code == *code))
        .collect();
    let results: Vec<Value> =
        findings.iter().map(|finding| result(sources, &rules, finding)).collect();
    let log = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "anabranch",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules.iter().map(|code| rule(code)).collect::<Vec<_>>(),
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    super::text::json(&log)
}

fn rule(code: &Code) -> Value {
    json!({
        "id": code.id,
        "shortDescription": {"text": code.title},
        "fullDescription": {"text": code.page},
        "help": {"text": code.page},
        "defaultConfiguration": {"level": code.severity.word()},
    })
}

fn result(sources: &Sources, rules: &[&Code], finding: &Diagnostic) -> Value {
    let text = match finding.help.as_str() {
        "" => finding.message.clone(),
        help => format!("{}\nhelp: {help}", finding.message),
    };
    let primary = finding.place.and_then(|place| location(sources, place, &finding.label));
    let related: Vec<Value> = finding
        .related
        .iter()
        .filter_map(|(place, label)| location(sources, *place, label))
        .collect();
    json!({
        "ruleId": finding.code.id,
        "ruleIndex": rules.iter().position(|rule| *rule == finding.code),
        "level": finding.severity().word(),
        "message": {"text": text},
        "locations": primary.or_else(|| nowhere(sources)).into_iter().collect::<Vec<_>>(),
        "relatedLocations": related,
    })
}

fn location(sources: &Sources, place: Place, label: &str) -> Option<Value> {
    let (source, region) = sources.region(place)?;
    if !source.is_file() {
        return None;
    }
    let mut location = json!({
        "physicalLocation": {
            "artifactLocation": artifact(&source.name),
            "region": {
                "startLine": region.line,
                "startColumn": region.column,
                "endLine": region.end_line,
                "endColumn": region.end_column,
            },
        },
    });
    if !label.is_empty() {
        location["message"] = json!({"text": label});
    }
    Some(location)
}

/// The location of a finding without a place: the first file of the run. Services refuse results without a location.
fn nowhere(sources: &Sources) -> Option<Value> {
    let source = sources.first().filter(|source| source.is_file())?;
    Some(json!({"physicalLocation": {"artifactLocation": artifact(&source.name)}}))
}

fn artifact(name: &str) -> Value {
    let name = name.strip_prefix("./").unwrap_or(name);
    if name.starts_with('/') {
        return json!({"uri": format!("file://{}", uri(name))});
    }
    json!({"uri": uri(name), "uriBaseId": "%SRCROOT%"})
}

/// A path as URI reference: everything but unreserved characters and slashes is percent-encoded.
fn uri(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            let _ = write!(out, "%{byte:02X}");
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::super::text::tests::{assert_harmless, hostile};
    use super::*;
    use crate::diagnostic::Origin;

    fn read(sources: &Sources, report: &Report) -> Value {
        serde_json::from_str(&render(sources, report)).expect("JSON")
    }

    #[test]
    fn rules_are_those_found_in_pipeline_order() {
        let mut sources = Sources::default();
        let file = sources.add("./my previews.yaml", "a: 1\nb: 2\n");
        let mut report = Report::default();
        report.push(Diagnostic::new(&code::NAMESPACE_MISSING, "no Namespace", "add it"));
        report.push(
            Diagnostic::new(&code::BAD_NAME, "bad", "rename it")
                .at(Place::new(file, 5, 6), "here")
                .also(Place::new(file, 0, 1), "there"),
        );
        let log = read(&sources, &report);
        let run = &log["runs"][0];
        let rules = run["tool"]["driver"]["rules"].as_array().expect("rules");
        assert_eq!(rules.len(), 2);
        assert_eq!(rules[0]["id"], "bad-name");
        assert_eq!(rules[0]["fullDescription"]["text"], code::BAD_NAME.page);
        let results = run["results"].as_array().expect("results");
        assert_eq!(
            (&results[0]["ruleIndex"], &results[0]["level"]),
            (&json!(1), &json!("warning"))
        );
        assert_eq!(
            results[0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"],
            "my%20previews.yaml"
        );
        let region = &results[1]["locations"][0]["physicalLocation"]["region"];
        assert_eq!(
            region,
            &json!({"startLine": 2, "startColumn": 1, "endLine": 2, "endColumn": 2})
        );
        assert_eq!(results[1]["relatedLocations"][0]["message"]["text"], "there");
        assert_eq!(results[1]["message"]["text"], "bad\nhelp: rename it");
    }

    #[test]
    fn texts_without_a_file_have_no_location() {
        let build = Origin::Build("apps".into());
        for (origin, name) in [(Origin::Stdin, "<stdin>"), (build, "kustomize build apps")] {
            let mut sources = Sources::default();
            let file = sources.add_from(origin, name, "a: 1\n");
            let mut report = Report::default();
            let place = Place::new(file, 0, 1);
            report.push(Diagnostic::new(&code::BAD_NAME, "bad", "").at(place, "here"));
            let log = read(&sources, &report);
            assert_eq!(log["runs"][0]["results"][0]["locations"], json!([]));
        }
    }

    #[test]
    fn hostile_text_is_harmless_on_a_terminal() {
        let (sources, report) = hostile();
        let text = render(&sources, &report);
        assert_harmless(&text);
        assert_eq!(text, render(&sources, &report));
    }
}
