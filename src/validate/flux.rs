//! Checks suites and the Flux objects around them.

use std::collections::BTreeMap;

use super::urls::{check_url, check_user};
use super::{Input, is_dns_label, is_dns_subdomain};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{ImageName, marks, repository};
use crate::read::is_inside;
use crate::spec::Config;

const LABEL: &str = "use lower-case letters, digits and `-`, at most 63 characters";
const SUBDOMAIN: &str = "use lower-case letters, digits, `-` and `.`, at most 253 characters";

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    let spec = &input.config.previews.spec;
    check_suites(input, report);
    check_links(input, report);
    check_path(input, "spec.flux.gate", &spec.flux.gate, report);
    if !spec.tests.is_empty() {
        check_parent(input, report);
    }
    check_names(input, report);
    check_artifacts(input, report);
}

fn check_suites(input: &Input<'_>, report: &mut Report) {
    let config = input.config;
    let mut first = BTreeMap::new();
    for (t, suite) in config.previews.spec.tests.iter().enumerate() {
        let path = format!("spec.tests[{t}]");
        if !is_dns_label(&suite.name) || suite.name.len() > 20 || is_reserved(&suite.name) {
            report.push(config.finding(
                &code::BAD_NAME,
                format_args!("{path}.name"),
                format!("`{}` cannot name a suite", suite.name),
                "use at most 20 lower-case letters, digits and `-`, and neither `gate` nor `flux`",
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
            report.push(finding.also(place, "first used here"));
        }
        check_path(input, &format!("{path}.path"), &suite.path, report);
        if !is_duration(&suite.timeout) {
            report.push(config.finding(
                &code::CONFIG_FIELD,
                format_args!("{path}.timeout"),
                format!("`{}` is not a duration", suite.timeout),
                "write a duration such as 15m, 1h30m or 500ms, in h, m, s and ms",
            ));
        }
        if !suite.report.is_empty() {
            let help = "write https:// and a path, with {preview}, {commit} and {suite} where you need them";
            let field = format_args!("{path}.report");
            check_url(input, field, &suite.report, ("a URL", help), report);
        }
    }
}

fn check_links(input: &Input<'_>, report: &mut Report) {
    let config = input.config;
    let mut first = BTreeMap::new();
    for (index, link) in config.previews.spec.links.iter().enumerate() {
        let path = format!("spec.links[{index}]");
        if !is_dns_label(&link.name) || is_said_anyway(&link.name) {
            report.push(config.finding(
                &code::BAD_NAME,
                format_args!("{path}.name"),
                format!("`{}` cannot name a link", link.name),
                "use lower-case letters, digits and `-`, and none of commit, suite, report, preview-url, revision and \
                 summary, which comments show anyway",
            ));
        }
        if let Some(earlier) = first.insert(&link.name, index) {
            let finding = config.finding(
                &code::DUPLICATE_NAME,
                format_args!("{path}.name"),
                format!("two links are called `{}`", link.name),
                "give the second a name of its own",
            );
            let place = config.place(&format!("spec.links[{earlier}].name"));
            report.push(finding.also(place, "first used here"));
        }
        let words = (
            "a URL",
            "write https:// and a path, with {preview}, {namespace} and {baseline} where you need them",
        );
        check_url(input, format_args!("{path}.url"), &link.url, words, report);
    }
}

/// Whether comments show a field of this name anyway, so that no link may have it: fields of ours, and those that Flux's
/// controllers would put in its place.
fn is_said_anyway(name: &str) -> bool {
    matches!(name, "commit" | "suite" | "report" | "preview-url" | "revision" | "summary")
}

/// Whether a Flux object of ours that is no suite has this name.
fn is_reserved(name: &str) -> bool {
    matches!(name, marks::GATE | marks::FLUX)
}

fn check_names(input: &Input<'_>, report: &mut Report) {
    let config = input.config;
    let flux = &config.previews.spec.flux;
    let names = [
        ("spec.flux.namespace", &flux.namespace, false),
        ("spec.flux.sourceRef.namespace", &flux.source_ref.namespace, true),
        ("metadata.name", &config.previews.metadata.name, false),
    ];
    let with_dots = [
        ("spec.flux.parent", &flux.parent, false),
        ("spec.flux.sourceRef.name", &flux.source_ref.name, false),
        ("spec.flux.serviceAccountName", &flux.service_account_name, true),
    ];
    let receiver = flux.artifacts.receiver.as_ref();
    let receiver = receiver
        .map(|one| ("spec.flux.artifacts.receiver.secretRef.name", &one.secret_ref.name, false));
    let labels = names.iter().map(|one| (one, is_dns_label as fn(&str) -> bool, LABEL));
    let subdomains = with_dots
        .iter()
        .chain(&receiver)
        .map(|one| (one, is_dns_subdomain as fn(&str) -> bool, SUBDOMAIN));
    for (&(path, name, optional), is_name, help) in labels.chain(subdomains) {
        let absent = optional && name.is_empty();
        if !absent && !is_name(name) {
            let message = format!("`{name}` is not a name");
            report.push(config.finding(&code::BAD_NAME, path, message, help));
        }
    }
}

fn check_artifacts(input: &Input<'_>, report: &mut Report) {
    let config = input.config;
    let url = &config.previews.spec.flux.artifacts.url;
    let name = url.strip_prefix("oci://").filter(|name| repository(name) == *name);
    // Without a path it would be a repository on Docker Hub.
    let name = name.filter(|name| name.contains('/'));
    let is_told = check_user(input, format_args!("spec.flux.artifacts.url"), url, report);
    if !is_told && !url.is_empty() && name.is_none_or(|name| ImageName::read(name).is_err()) {
        report.push(config.finding(
            &code::CONFIG_FIELD,
            "spec.flux.artifacts.url",
            format!("`{url}` is not a repository in a registry"),
            "write oci:// and its name, without a tag: each artifact has a tag of its own",
        ));
    }
    if url.is_empty() && config.flux("artifacts").is_some() {
        report.push(no_place_for_artifacts(config));
    }
    let more = config.flux("artifacts").and_then(|artifacts| artifacts.get("ociRepository"));
    for field in ["url", "ref"] {
        if more.is_some_and(|more| more.get(field).is_some()) {
            report.push(config.finding(
                &code::CONFIG_FIELD,
                format_args!("spec.flux.artifacts.ociRepository.{field}"),
                format!("`{field}` cannot be set here: anabranch sets it for each artifact"),
                "remove it: it comes from spec.flux.artifacts.url and the name of the preview",
            ));
        }
    }
}

/// The finding that `--artifacts each` needs a place to push to.
pub(crate) fn no_place_for_artifacts(config: &Config) -> Diagnostic {
    config.finding(
        &code::CONFIG_FIELD,
        "spec.flux.artifacts.url",
        "spec.flux.artifacts.url is missing: where artifacts of previews are pushed",
        "write oci:// and a repository in a registry, such as oci://ghcr.io/shop/previews",
    )
}

/// Checks the parent of a stream. Gates wait for the Kustomization that applies them; if that one waits for them too,
/// neither is ever ready.
fn check_parent(input: &Input<'_>, report: &mut Report) {
    let flux = &input.config.previews.spec.flux;
    let parent = input.objects.iter().find(|object| {
        object.is("kustomize.toolkit.fluxcd.io", "Kustomization")
            && object.id.name == flux.parent
            && object.id.namespace == flux.namespace
    });
    let Some(parent) = parent else { return };
    if let Some(wait) = parent.node.at(&["spec", "wait"]).filter(|wait| wait.is_true()) {
        report.push(
            Diagnostic::new(
                &code::PARENT_WAITS,
                format!("{} waits for the gates that wait for it", parent.id),
                "set `wait: false` on it; every preview and suite reports for itself",
            )
            .at(wait.place, "must be false"),
        );
    }
}

fn check_path(input: &Input<'_>, field: &str, path: &str, report: &mut Report) {
    if !is_source_path(path) {
        report.push(input.config.finding(
            &code::CONFIG_FIELD,
            field,
            format!("`{path}` is not a folder inside the source"),
            "write a path relative to the source's root, such as ./tests/e2e",
        ));
    }
}

/// Whether a text is a valid path in a source of Flux.
pub(crate) fn is_source_path(path: &str) -> bool {
    let fits = |c: char| c.is_ascii_alphanumeric() || "-_./".contains(c);
    !path.is_empty() && is_inside(path) && path.chars().all(fits)
}

/// Whether a text is a duration of Flux: `^([0-9]+(\.[0-9]+)?(ms|s|m|h))+$`.
/// See <https://fluxcd.io/flux/components/kustomize/kustomizations/#timeout>.
fn is_duration(text: &str) -> bool {
    let mut rest = text;
    while !rest.is_empty() {
        let Some(unit) = after_number(rest) else {
            return false;
        };
        // `ms` before `m`.
        let units = ["ms", "s", "m", "h"].into_iter();
        let Some(behind) = units.filter_map(|one| unit.strip_prefix(one)).next() else {
            return false;
        };
        rest = behind;
    }
    !text.is_empty()
}

/// The rest of a text after the decimal number that it begins with.
fn after_number(text: &str) -> Option<&str> {
    let digits =
        |text: &str| text.len() - text.trim_start_matches(|c: char| c.is_ascii_digit()).len();
    let rest = text.split_at_checked(digits(text)).filter(|(whole, _)| !whole.is_empty())?.1;
    match rest.strip_prefix('.') {
        Some(fraction) => fraction
            .split_at_checked(digits(fraction))
            .filter(|(some, _)| !some.is_empty())
            .map(|(_, rest)| rest),
        None => Some(rest),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_are_those_of_flux() {
        for good in ["15m", "1h", "1h30m", "90s", "1.5h", "500ms", "1h1h", "0.5s1m"] {
            assert!(is_duration(good), "{good}");
        }
        for bad in ["", "15", "m", "15 m", "1d", "-1m", "1.h", ".5h", "1us", "1m2", "1M", "٣m"] {
            assert!(!is_duration(bad), "{bad}");
        }
    }
}
