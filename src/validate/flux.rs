//! Suites and the Flux objects around them.

use std::collections::BTreeMap;

use super::changes::is_url;
use super::{Input, is_dns_label};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::marks;
use crate::read::is_inside;

pub(super) fn check(input: &Input<'_>, found: &mut Report) {
    let config = input.config;
    let spec = &config.previews.spec;
    let mut first = BTreeMap::new();
    for (t, suite) in spec.tests.iter().enumerate() {
        let path = format!("spec.tests[{t}]");
        if !is_dns_label(&suite.name) || suite.name.len() > 20 || suite.name == marks::GATE {
            found.push(config.finding(
                &code::BAD_NAME,
                format_args!("{path}.name"),
                format!("`{}` cannot name a suite", suite.name),
                "use at most 20 lower-case letters, digits and `-`, and not `gate`",
            ));
        }
        if let Some(earlier) = first.insert(&suite.name, t) {
            let finding = config.finding(
                &code::DUPLICATE_NAME,
                format_args!("{path}.name"),
                format!("two suites are called `{}`", suite.name),
                "give the second a name of its own",
            );
            let place = config.place(&format!("spec.tests[{earlier}].name"));
            found.push(finding.also(place, "first used here"));
        }
        check_path(input, &format!("{path}.path"), &suite.path, found);
        if !is_duration(&suite.timeout) {
            found.push(config.finding(
                &code::CONFIG_FIELD,
                format_args!("{path}.timeout"),
                format!("`{}` is not a duration", suite.timeout),
                "write a Go duration such as 15m or 1h30m",
            ));
        }
        if !suite.report.is_empty() && !is_url(&suite.report) {
            found.push(config.finding(
                &code::CONFIG_FIELD,
                format_args!("{path}.report"),
                format!("`{}` is not a URL", suite.report),
                "write https:// and a path, with {preview}, {commit} and {suite} where you need them",
            ));
        }
    }
    check_path(input, "spec.flux.gate", &spec.flux.gate, found);
    if !spec.tests.is_empty() {
        check_parent(input, found);
    }
    let names = [
        ("spec.flux.namespace", &spec.flux.namespace, false),
        ("spec.flux.parent", &spec.flux.parent, false),
        ("spec.flux.sourceRef.name", &spec.flux.source_ref.name, false),
        ("spec.flux.sourceRef.namespace", &spec.flux.source_ref.namespace, true),
        ("spec.flux.serviceAccountName", &spec.flux.service_account_name, true),
        ("metadata.name", &config.previews.metadata.name, false),
    ];
    for (path, name, optional) in names {
        let absent = optional && name.is_empty();
        if !absent && !is_dns_label(name) {
            found.push(config.finding(
                &code::BAD_NAME,
                path,
                format!("`{name}` is not a name"),
                "use lower-case letters, digits and `-`, at most 63 characters",
            ));
        }
    }
}

/// The gates of a stream wait for the Kustomization that applies it; if that one waits for them,
/// neither is ever ready.
fn check_parent(input: &Input<'_>, found: &mut Report) {
    let flux = &input.config.previews.spec.flux;
    let parent = input.objects.iter().find(|object| {
        object.is("kustomize.toolkit.fluxcd.io", "Kustomization")
            && object.id.name == flux.parent
            && object.id.namespace == flux.namespace
    });
    let Some(parent) = parent else { return };
    if let Some(wait) = parent.node.at(&["spec", "wait"]).filter(|wait| wait.is_true()) {
        found.push(
            Diagnostic::new(
                &code::PARENT_WAITS,
                format!("{} waits for the gates that wait for it", parent.id),
                "set `wait: false` on it; every preview and suite reports for itself",
            )
            .at(wait.place, "must be false"),
        );
    }
}

fn check_path(input: &Input<'_>, field: &str, path: &str, found: &mut Report) {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    if path.is_empty() || !is_inside(path) || !path.chars().all(fits) {
        found.push(input.config.finding(
            &code::CONFIG_FIELD,
            field,
            format!("`{path}` is not a folder inside the source"),
            "write a path relative to the source's root, such as ./tests/e2e",
        ));
    }
}

/// Whether a text is a Go duration of hours, minutes and seconds, as Flux takes it.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    for unit in ['h', 'm', 's'] {
        let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
        if digits > 0 && rest[digits..].starts_with(unit) {
            rest = &rest[digits + 1..];
        }
    }
    rest.is_empty() && !text.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_gos() {
        for good in ["15m", "1h", "1h30m", "90s"] {
            assert!(is_duration(good), "{good}");
        }
        for bad in ["", "15", "m", "15 m", "1d", "-1m"] {
            assert!(!is_duration(bad), "{bad}");
        }
    }
}
