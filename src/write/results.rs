//! Findings as `results` of a ResourceList.
//!
//! See the KRM functions specification,
//! <https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md>.
//! kustomize ignores results, kpt shows them; both show stderr, which gets the same findings from
//! [`crate::diagnostic::terminal::one_line`].

use crate::diagnostic::text::prose;

use crate::diagnostic::{Diagnostic, Report, Severity, Sources};
use crate::yaml::Node;

/// The object that findings with a field are about: the functionConfig.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Subject<'a> {
    /// Its `apiVersion`.
    pub(crate) api_version: &'a str,
    /// Its `kind`.
    pub(crate) kind: &'a str,
    /// Its `metadata.name`.
    pub(crate) name: &'a str,
}

/// The list of results.
#[must_use]
pub(crate) fn render(sources: &Sources, report: &Report, config: Subject<'_>) -> Node {
    Node::list(report.sorted().into_iter().map(|finding| result(sources, finding, config)))
}

fn result(sources: &Sources, finding: &Diagnostic, config: Subject<'_>) -> Node {
    let severity = match finding.severity() {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "info",
    };
    let help = if finding.help.is_empty() { "" } else { "; help: " };
    let message = format!("[{}] {}{help}{}", finding.code.id, finding.message, finding.help);
    let mut out = Node::map([
        ("message", Node::string(prose(&message))),
        ("severity", Node::string(severity)),
    ]);
    // The specification wants the object with the field, which means nothing without it.
    if let Some(field) = &finding.field {
        let object = [
            ("apiVersion", Node::string(config.api_version)),
            ("kind", Node::string(config.kind)),
            ("name", Node::string(config.name)),
        ];
        out.set("resourceRef", Node::map(object));
        out.set("field", Node::map([("path", Node::string(prose(field)))]));
    }
    let source = finding.place.and_then(|place| sources.find(place.file()));
    if let Some(source) = source.filter(|source| source.is_file()) {
        out.set("file", Node::map([("path", Node::string(prose(&source.name)))]));
    }
    out.set("tags", Node::map([("code", Node::string(finding.code.id))]));
    out
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::diagnostic::text::tests::{assert_harmless, hostile};
    use crate::diagnostic::{Origin, Place, code};

    const SHOP: Subject<'_> =
        Subject { api_version: "anabranch.dev/v1alpha1", kind: "Previews", name: "shop" };

    #[test]
    fn a_field_comes_with_its_object_and_stdin_is_no_file() {
        let mut sources = Sources::default();
        let stdin = sources.add_from(Origin::Stdin, "<stdin>", "a: 1\n");
        let file = sources.add("base.yaml", "a: 1\n");
        let mut report = Report::default();
        report.push(
            Diagnostic::new(&code::BAD_NAME, "bad", "rename it")
                .at(Place::new(stdin, 0, 1), "here")
                .field("spec.previews[0].name"),
        );
        report.push(Diagnostic::new(&code::DROPPED, "left", "").at(Place::new(file, 0, 1), "here"));
        assert_eq!(
            render(&sources, &report, SHOP).to_json(),
            json!([
                {"message": "[bad-name] bad; help: rename it", "severity": "error",
                 "resourceRef": {"apiVersion": "anabranch.dev/v1alpha1", "kind": "Previews",
                                 "name": "shop"},
                 "field": {"path": "spec.previews[0].name"}, "tags": {"code": "bad-name"}},
                {"message": "[left-out] left", "severity": "info", "file": {"path": "base.yaml"},
                 "tags": {"code": "left-out"}},
            ])
        );
    }

    #[test]
    fn hostile_text_is_one_harmless_line() {
        let (sources, report) = hostile();
        let results = render(&sources, &report, SHOP);
        let message = results.items()[0].text_at(&["message"]).expect("a message");
        assert_harmless(message);
        assert_eq!(message.lines().count(), 1);
        assert_eq!(results, render(&sources, &report, SHOP));
    }
}
