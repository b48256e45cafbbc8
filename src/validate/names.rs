//! Checks that names and namespaces are well-formed, unique, and free.

use std::collections::BTreeMap;

use super::Input;
use super::namespaces::Namespaces;
use crate::diagnostic::{Report, code};
use crate::kube::marks;
use crate::spec::Config;

/// The length limit of a preview's name: 63 of a label, less room for what is joined to it, which
/// [`check_flux_names`] measures.
const LONGEST: usize = 40;

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    let spec = &input.config.previews.spec;
    check_baseline(input, report);
    let prefix_fits = spec.prefix.len() < LONGEST
        && spec.prefix.starts_with(|c: char| c.is_ascii_lowercase())
        && spec.prefix.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-');
    if !prefix_fits {
        report.push(input.config.finding(
            &code::BAD_NAME,
            "spec.prefix",
            format!("`{}` cannot begin a preview's name", spec.prefix),
            "use a prefix such as `pr-`: lower-case letters, digits and `-`",
        ));
    }
    if !spec.namespace.contains("{preview}") {
        report.push(input.config.finding(
            &code::BAD_NAME,
            "spec.namespace",
            "every preview needs a namespace of its own",
            "write a template that contains `{preview}`",
        ));
    }
    if spec.baseline.only().is_none() && !spec.namespace.contains("{baseline}") {
        report.push(input.config.finding(
            &code::BAD_NAME,
            "spec.namespace",
            "a preview needs a namespace for each of the baseline's",
            "write a template that contains `{baseline}` as well, such as `{preview}-{baseline}`",
        ));
    }
    if spec.namespace.starts_with("kube-") {
        report.push(input.config.finding(
            &code::RESERVED_NAMESPACE,
            "spec.namespace",
            "namespaces that begin with `kube-` are reserved for Kubernetes",
            "begin the template with something else, such as `{preview}`",
        ));
    }
    check_previews(input, report);
    check_flux_names(input, report);
    let external = &spec.external;
    check_external(input, "secrets", "Secret", &external.secrets, report);
    check_external(input, "configMaps", "ConfigMap", &external.config_maps, report);
}

/// Reports namespaces of the baseline that are invalid or listed twice.
fn check_baseline(input: &Input<'_>, report: &mut Report) {
    let baseline = &input.config.previews.spec.baseline;
    let field = baseline.field();
    let path = |index: usize| match baseline.namespaces.as_slice() {
        [] => field.to_owned(),
        _ => format!("{field}[{index}]"),
    };
    let mut first = BTreeMap::new();
    for (index, name) in baseline.all().iter().enumerate() {
        if !is_dns_label(name) {
            report.push(input.config.finding(
                &code::BAD_NAME,
                path(index),
                format!("`{name}` is not the name of a namespace"),
                "use lower-case letters, digits and `-`, at most 63 characters",
            ));
        }
        if let Some(earlier) = first.insert(name, index) {
            let message = format!("the namespace `{name}` is listed twice");
            let help = "remove one of the two";
            let finding = input.config.finding(&code::DUPLICATE_NAME, path(index), message, help);
            report.push(finding.also(input.config.place(&path(earlier)), "first listed here"));
        }
    }
}

/// Reports names of external objects that are invalid or listed twice.
fn check_external(
    input: &Input<'_>,
    field: &str,
    kind: &str,
    names: &[String],
    report: &mut Report,
) {
    let mut first = BTreeMap::new();
    for (index, name) in names.iter().enumerate() {
        let path = format!("spec.external.{field}[{index}]");
        if !is_dns_subdomain(name) {
            let message = format!("`{name}` is not the name of a {kind}");
            let help = "write the name alone: lower-case letters, digits, `-` and `.`, at most 253 characters";
            report.push(input.config.finding(&code::BAD_NAME, path, message, help));
            continue;
        }
        let earlier = *first.entry(name).or_insert(index);
        if earlier != index {
            let message = format!("`{name}` is listed twice");
            let finding =
                input.config.finding(&code::DUPLICATE_NAME, path, message, "remove one of the two");
            let place = input.config.place(&format!("spec.external.{field}[{earlier}]"));
            report.push(finding.also(place, "first listed here"));
        }
    }
}

/// Reports names of Flux objects that are too long. Flux puts the name of a Kustomization into a label of everything
/// that it applies.
fn check_flux_names(input: &Input<'_>, report: &mut Report) {
    const MOST: usize = 63;
    let spec = &input.config.previews.spec;
    let set = input.config.set();
    let suites = spec.tests.iter().map(|suite| suite.name.as_str());
    let gate = (!spec.tests.is_empty()).then_some(marks::GATE);
    let of_artifact = input.config.flux("artifacts").map(|_| marks::FLUX);
    let part = suites.chain(gate).chain(of_artifact).max_by_key(|part| part.len());
    let name = |preview: &str| match part {
        Some(part) => marks::flux_of_preview(set, preview, part),
        None => marks::flux(set, preview),
    };
    let longest = spec.previews.iter().enumerate().max_by_key(|(_, preview)| preview.name.len());
    let field = match longest {
        Some((index, preview)) if preview.name.len() > "baseline".len() => {
            (format!("spec.previews[{index}].name"), name(&preview.name))
        }
        _ => ("metadata.name".to_owned(), name("baseline")),
    };
    let (field, name) = field;
    if name.len() > MOST {
        let length = name.len();
        report.push(input.config.finding(
            &code::BAD_NAME,
            field,
            format!("Flux objects would have names such as `{name}`: {length} characters, {MOST} are allowed"),
            "shorten metadata.name, or the names of previews or suites: the three are joined with dots",
        ));
    }
}

fn check_previews(input: &Input<'_>, report: &mut Report) {
    let config = input.config;
    let spec = &config.previews.spec;
    let mut first = BTreeMap::new();
    // Namespaces of previews that are taken.
    let mut had: BTreeMap<String, usize> = BTreeMap::new();
    let taken = Namespaces::new(input);
    taken.check_prefix(input, report);
    check_template(config, report);
    for (index, preview) in spec.previews.iter().enumerate() {
        let path = |index: usize| format!("spec.previews[{index}].name");
        let name = &preview.name;
        if let Some(problem) = name_problem(name, &spec.prefix) {
            report.push(config.finding(
                &code::BAD_NAME,
                path(index),
                format!("`{name}` cannot name a preview: {problem}"),
                format!("use a name such as `{}42`", spec.prefix),
            ));
            continue;
        }
        if let Some(earlier) = first.insert(name, index) {
            let finding = config.finding(
                &code::DUPLICATE_NAME,
                path(index),
                format!("two previews are called `{name}`"),
                "merge the two, or give the second a name of its own",
            );
            report.push(finding.also(config.place(&path(earlier)), "first used here"));
        }
        for baseline in spec.baseline.all() {
            let namespace = spec.namespace_of(name, baseline);
            check_namespace(config, (index, &namespace), &taken, report);
            let Some(earlier) = had.insert(namespace.clone(), index).filter(|had| *had != index)
            else {
                continue;
            };
            let other = &spec.previews[earlier].name;
            let finding = config.finding(
                &code::RESERVED_NAMESPACE,
                path(index),
                format!("`{other}` and `{name}` would both have the namespace `{namespace}`"),
                "rename one of the two, or write a template in spec.namespace that keeps them apart",
            );
            let is_told = other != name;
            let place = config.place(&path(earlier));
            report.extend(is_told.then(|| finding.also(place, "the other preview is here")));
        }
    }
    let limit = spec.limits.previews as usize;
    if spec.previews.len() > limit {
        report.push(config.finding(
            &code::TOO_MANY_PREVIEWS,
            format_args!("spec.previews[{limit}]"),
            format!("{} previews, but the limit is {limit}", spec.previews.len()),
            "remove previews that are done, or raise spec.limits.previews on purpose",
        ));
    }
}

/// Reports a template that gives some preview an invalid namespace, once, with the first such preview.
fn check_template(config: &Config, report: &mut Report) {
    let spec = &config.previews.spec;
    let names = spec.previews.iter().map(|preview| preview.name.as_str());
    let mut names = names.filter(|name| name_problem(name, &spec.prefix).is_none());
    let baselines = || spec.baseline.all().iter().filter(|baseline| is_dns_label(baseline));
    let bad = names.find_map(|name| {
        let mut all = baselines().map(|baseline| spec.namespace_of(name, baseline));
        all.find(|namespace| !is_dns_label(namespace))
    });
    if let Some(namespace) = bad {
        report.push(config.finding(
            &code::BAD_NAME,
            "spec.namespace",
            format!("`{namespace}` is not the name of a namespace"),
            "use lower-case letters, digits and `-` around `{preview}`, at most 63 characters",
        ));
    }
}

/// Reports a namespace that belongs to others. `index` is that of the preview.
fn check_namespace(
    config: &Config,
    (index, namespace): (usize, &str),
    taken: &Namespaces<'_>,
    report: &mut Report,
) {
    let template = &config.previews.spec.namespace;
    let said_of_all = template.starts_with("kube-");
    if let Some((owner, place)) = taken.owner(namespace).filter(|_| !said_of_all) {
        let finding = config.finding(
            &code::RESERVED_NAMESPACE,
            format_args!("spec.previews[{index}].name"),
            format!("the namespace `{namespace}` {owner}"),
            "rename the preview; the namespace of a preview belongs to it alone",
        );
        report.push(match place {
            Some(place) => finding.also(place, "the namespace is used here"),
            None => finding,
        });
    }
}

/// Files of a tree in the folder with one file for each preview.
const FILES: [&str; 3] = ["kustomization", "notifications", "shared"];

/// The name of the artifact that finds all others.
const ROOT: &str = "root";

/// Why a text cannot be the name of a preview, if it cannot.
pub(super) fn name_problem(name: &str, prefix: &str) -> Option<String> {
    let fits = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.bytes().all(fits) {
        return Some(
            "it takes lower-case letters, digits and `-`, and begins with a letter".into(),
        );
    }
    if name.ends_with('-') {
        return Some("it ends with `-`".into());
    }
    if FILES.contains(&name) {
        return Some("a file of anabranch in the folder of Flux objects has that name".into());
    }
    if name == ROOT {
        return Some("the artifact that names all others has that name".into());
    }
    if name.len() > LONGEST {
        return Some(format!("it has {} characters, {LONGEST} are allowed", name.len()));
    }
    (!name.starts_with(prefix)).then(|| format!("it does not begin with the prefix `{prefix}`"))
}

/// Whether a text is a DNS label (RFC 1123), as Kubernetes requires for the name of a namespace.
pub(crate) fn is_dns_label(text: &str) -> bool {
    text.len() <= 63 && is_label_text(text)
}

/// Whether a text is a DNS subdomain (RFC 1123), as Kubernetes requires for the names of most objects: labels with
/// dots between them, 253 characters at most.
pub(crate) fn is_dns_subdomain(text: &str) -> bool {
    text.len() <= 253 && text.split('.').all(is_label_text)
}

/// Whether a text is a DNS label of any length.
pub(crate) fn is_label_text(text: &str) -> bool {
    let alphanumeric = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    match text.as_bytes() {
        [] => false,
        [first, .., last] if !alphanumeric(*first) || !alphanumeric(*last) => false,
        [only] => alphanumeric(*only),
        all => all.iter().all(|&byte| alphanumeric(byte) || byte == b'-'),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preview_names_follow_their_rule() {
        for good in ["pr-4", "pr-42", "pr-a-b", "pr-0"] {
            assert_eq!(name_problem(good, "pr-"), None, "{good}");
        }
        let long = format!("pr-{}", "x".repeat(38));
        for bad in ["", "pr-", "PR-4", "4", "pr_4", "mr-4", "pr-4.", "pr-ä", &long] {
            assert!(name_problem(bad, "pr-").is_some(), "{bad}");
        }
        for taken in FILES.into_iter().chain([ROOT]) {
            assert!(name_problem(taken, &taken[..1]).is_some(), "{taken}");
        }
    }

    #[test]
    fn names_of_objects_may_hold_dots_and_those_of_namespaces_may_not() {
        for good in ["a", "previews", "team.previews", "1.a-b.c", &"x".repeat(253)] {
            assert!(is_dns_subdomain(good), "{good}");
        }
        for bad in ["", ".", "a.", ".a", "a..b", "-a", "a-.b", "A", "a_b", "a/b", &"x".repeat(254)]
        {
            assert!(!is_dns_subdomain(bad), "{bad}");
        }
        assert!(is_dns_label("a-1") && !is_dns_label("a.b") && !is_dns_label(&"x".repeat(64)));
    }
}
