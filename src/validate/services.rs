//! Checks that every service that previews.yaml names exists, and is listed once.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::fmt;

use foldhash::fast::RandomState;

use super::{Input, is_dns_label, is_dns_subdomain};
use crate::diagnostic::{Diagnostic, Report, code, nearest, some_of};
use crate::kube::makers::{Certainty, makers};
use crate::kube::{Id, Kind, Object, names};
use crate::spec::{ServiceFacts, Spec};
use crate::yaml::Node;

/// After this many findings no more names are suggested.
const SUGGESTIONS: usize = 100;

/// How many possible makers of a service are shown.
const SHOWN: usize = 5;

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    let config = input.config;
    let spec = &config.previews.spec;
    let known = known_names(input);
    // Reported once, and not for every service.
    let is_elsewhere = known.is_empty() && names_services(spec);
    if is_elsewhere {
        report.push(nothing_in_namespace(input));
    }
    let exists = |path: fmt::Arguments<'_>, name: [&str; 2], report: &mut Report| {
        if !is_elsewhere {
            exists(input, &known, path, name, report);
        }
    };
    let facts = spec.services.iter().map(|fact| meant(&known, &fact.name, &fact.namespace));
    named_once(input, format_args!("spec.services"), facts, report);
    for (index, fact) in spec.services.iter().enumerate() {
        let path = format_args!("spec.services[{index}]");
        exists(path, [&fact.name, &fact.namespace], report);
        ports(input, &path.to_string(), fact, report);
        for (position, host) in fact.dependencies.iter().enumerate() {
            if !(is_dns_label(host) || host.contains('.') && is_dns_subdomain(host)) {
                report.push(config.finding(
                    &code::BAD_NAME,
                    format_args!("{path}.dependencies[{position}]"),
                    format!("`{host}` is not the host of a service"),
                    "write its name, or its name and namespace such as `otel.tracing`, without a port",
                ));
            }
        }
    }
    for (index, preview) in spec.previews.iter().enumerate() {
        let path = format_args!("spec.previews[{index}].services");
        let names = preview.services.iter();
        let names = names.map(|service| meant(&known, &service.name, &service.namespace));
        named_once(input, path, names, report);
        for (position, service) in preview.services.iter().enumerate() {
            let path = format_args!("{path}[{position}]");
            exists(path, [&service.name, &service.namespace], report);
            let names = service.env.iter().map(|env| [env.name.as_str(), ""]);
            named_once(input, format_args!("{path}.env"), names, report);
            let names = service.containers.iter().map(|container| [container.name.as_str(), ""]);
            named_once(input, format_args!("{path}.containers"), names, report);
            let names = service.workloads.iter().map(|workload| [workload.name.as_str(), ""]);
            named_once(input, format_args!("{path}.workloads"), names, report);
        }
        if preview.services.is_empty() {
            report.push(config.finding(
                &code::CONFIG_FIELD,
                path,
                format!("the preview `{}` changes no service", preview.name),
                "list the services it changes, or remove the preview",
            ));
        }
    }
}

/// Reports ports that a service does not have. A missing service is reported elsewhere.
fn ports(input: &Input<'_>, path: &str, fact: &ServiceFacts, report: &mut Report) {
    if fact.ports.is_empty() {
        return;
    }
    let named = |object: &&Object| {
        let Id { name, namespace, .. } = &object.id;
        let is_near = fact.namespace.is_empty() || *namespace == fact.namespace;
        *name == fact.name && is_near && is_of_baseline(input, object)
    };
    let numbers: Vec<String> = fact.ports.iter().map(|port| port.port.to_string()).collect();
    let list = format_args!("{path}.ports");
    let mut seen = BTreeSet::new();
    for (index, number) in numbers.iter().enumerate().filter(|(_, number)| !seen.insert(*number)) {
        report.push(input.config.finding(
            &code::DUPLICATE_NAME,
            format_args!("{list}[{index}].port"),
            format!("port {number} is listed twice"),
            "remove one of the two",
        ));
    }
    let mut all = nameable(input).filter(named);
    let Some(service) = all.clone().find(|object| object.is("", "Service")) else {
        if let Some(workload) = all.next() {
            let message = format!("`{}` has no Service whose ports could be named", fact.name);
            let help = "leave `ports` out: nothing is routed to a workload without a Service";
            let finding = input.config.finding(&code::CONFIG_FIELD, list, message, help);
            report.push(finding.also(workload.place(), "the workload is here"));
        }
        return;
    };
    let there = service.node.at(&["spec", "ports"]).map(Node::items).unwrap_or_default();
    let there: Vec<&str> = there.iter().filter_map(|port| port.text_at(&["port"])).collect();
    for (index, number) in numbers.iter().enumerate() {
        if !there.contains(&number.as_str()) {
            let finding = input.config.finding(
                &code::CONFIG_FIELD,
                format_args!("{list}[{index}].port"),
                format!("{} has no port {number}", service.id),
                format!(
                    "its ports are {}: name the port of the Service, not of the container",
                    some_of(&there)
                ),
            );
            report.push(finding.also(service.place(), "the service is here"));
        }
    }
}

/// Reports items of a list with the name and namespace of an earlier one.
fn named_once<'a>(
    input: &Input<'_>,
    list: fmt::Arguments<'_>,
    names: impl Iterator<Item = [&'a str; 2]>,
    report: &mut Report,
) {
    let mut first = BTreeMap::new();
    for (index, names) in names.enumerate() {
        let Some(&earlier) = first.get(&names) else {
            first.insert(names, index);
            continue;
        };
        let [name, _] = names;
        let finding = input.config.finding(
            &code::DUPLICATE_NAME,
            format_args!("{list}[{index}].name"),
            format!("`{name}` is listed twice"),
            "merge the two entries",
        );
        let place = input.config.place(&format!("{list}[{earlier}].name"));
        report.push(finding.also(place, "first listed here"));
    }
}

/// Existing names, each with the namespaces of the baseline that have it.
type Names<'a> = HashMap<&'a str, BTreeSet<&'a str>, RandomState>;

/// A name and its namespace, if that is known.
fn meant<'a>(known: &Names<'a>, name: &'a str, namespace: &'a str) -> [&'a str; 2] {
    let mut there = known.get(name).into_iter().flatten();
    match (there.next(), there.next()) {
        (Some(only), None) if namespace.is_empty() => [name, only],
        _ => [name, namespace],
    }
}

fn is_of_baseline(input: &Input<'_>, object: &Object) -> bool {
    input.config.previews.spec.baseline.includes(&object.id.namespace)
}

/// Whether a file names any service.
pub(super) fn names_services(spec: &Spec) -> bool {
    !spec.services.is_empty() || spec.previews.iter().any(|preview| !preview.services.is_empty())
}

/// The objects that a preview can name, in any namespace: Services, and workloads without one.
fn nameable<'a>(input: &Input<'a>) -> impl Iterator<Item = &'a Object> + Clone {
    input
        .objects
        .iter()
        .filter(|object| object.is("", "Service") || object.row.is_some_and(Kind::is_workload))
}

/// Names that a preview can use: of Services and workloads of the baseline.
fn known_names<'a>(input: &Input<'a>) -> Names<'a> {
    let mut known = Names::default();
    for object in nameable(input).filter(|object| is_of_baseline(input, object)) {
        known.entry(object.id.name.as_str()).or_default().insert(&object.id.namespace);
    }
    known
}

/// The finding that the baseline has no service at all, with the namespaces that have some.
fn nothing_in_namespace(input: &Input<'_>) -> Diagnostic {
    let baseline = &input.config.previews.spec.baseline;
    let namespace = baseline.all().first().map(String::as_str).unwrap_or_default();
    let others: BTreeSet<&str> =
        nameable(input).map(|object| object.id.namespace.as_str()).collect();
    let help = match nearest(namespace, others.iter().copied()) {
        Some(near) => {
            format!("did you mean `{near}`? the input has services in {}", some_of(&others))
        }
        None if others.is_empty() => {
            "the input has no service in any namespace: check --baseline".to_owned()
        }
        None => format!("the input has services in {}: name one of these", some_of(&others)),
    };
    let names = of_baseline(input);
    let message = format!("the input has no service or workload in the baseline {names}");
    let (group, kind) = ("".into(), "Service".into());
    let any = Id { group, kind, namespace: namespace.into(), name: "".into() };
    let made = makers(input.objects, &any);
    let help = match made.first() {
        Some(made) => format!("{help}; {}: {}", made.says(), made.remedy("Service", "")),
        None => help,
    };
    let path = baseline.field();
    let finding = input.config.finding(&code::UNKNOWN_SERVICE, path, message, help);
    made.iter()
        .take(SHOWN)
        .fold(finding, |finding, made| finding.also(made.by.place(), made.label()))
}

/// The baseline's namespaces, for a sentence.
fn of_baseline(input: &Input<'_>) -> String {
    let all = input.config.previews.spec.baseline.all();
    all.iter().map(|namespace| format!("`{namespace}`")).collect::<Vec<_>>().join(", ")
}

/// Reports a service that does not exist, or that is ambiguous.
fn exists(
    input: &Input<'_>,
    known: &Names<'_>,
    path: fmt::Arguments<'_>,
    [name, namespace]: [&str; 2],
    report: &mut Report,
) {
    let baseline = &input.config.previews.spec.baseline;
    if !namespace.is_empty() && !baseline.includes(namespace) {
        let path = format_args!("{path}.namespace");
        let message = format!("`{namespace}` is no namespace of the baseline");
        let help = format!("name one of {}", of_baseline(input));
        report.push(input.config.finding(&code::UNKNOWN_SERVICE, path, message, help));
        return;
    }
    let path = format_args!("{path}.name");
    match known.get(name) {
        Some(all) if all.contains(namespace) || namespace.is_empty() && all.len() == 1 => return,
        Some(all) if namespace.is_empty() => {
            let message = format!("several namespaces have `{name}`: {}", some_of(all));
            let help = "write its `namespace` beside the name";
            report.push(input.config.finding(&code::AMBIGUOUS_NAMESPACE, path, message, help));
            return;
        }
        _ => {}
    }
    not_there(input, known, path, [name, namespace], report);
}

/// Reports a service that does not exist, with similar names and possible makers.
fn not_there(
    input: &Input<'_>,
    known: &Names<'_>,
    path: fmt::Arguments<'_>,
    [name, namespace]: [&str; 2],
    report: &mut Report,
) {
    let baseline = &input.config.previews.spec.baseline;
    let is_near = |other: &str| match namespace {
        "" => baseline.includes(other),
        namespace => other == namespace,
    };
    // Each suggestion compares with all names, and nobody reads that many.
    let near = (report.len() < SUGGESTIONS)
        .then(|| {
            let is_renamed = |object: &&Object| names::is_also_called(object, name);
            let renamed = nameable(input).filter(|object| is_near(&object.id.namespace));
            let renamed = renamed.filter(is_renamed).map(|object| object.id.name.as_str());
            let near = known.iter().filter(|(_, all)| all.iter().any(|one| is_near(one)));
            let mut names: Vec<&str> = near.map(|(name, _)| *name).collect();
            names.sort_unstable();
            renamed.min().or_else(|| nearest(name, names))
        })
        .flatten();
    let message = match namespace {
        "" => format!("no service or workload `{name}` in the baseline {}", of_baseline(input)),
        namespace => format!("no service or workload `{name}` in the namespace `{namespace}`"),
    };
    let wanted = |namespace: &String| Id {
        group: "".into(),
        kind: "Service".into(),
        namespace: namespace.as_str().into(),
        name: name.into(),
    };
    let mut made = Vec::new();
    for near in baseline.all().iter().filter(|one| is_near(one)) {
        if report.len() < SUGGESTIONS {
            made.extend(makers(input.objects, &wanted(near)));
        }
    }
    let elsewhere = known.get(name);
    // An object that may contain anything does not rule out a typing error.
    let is_slip = near.is_some() || elsewhere.is_some();
    made.retain(|made| !is_slip || made.certainty > Certainty::Possible);
    let help = match (&made[..], elsewhere, near) {
        ([made, ..], ..) => format!("{}: {}", made.says(), made.remedy("Service", name)),
        ([], Some(all), _) => format!("`{name}` is in {}: write that namespace", some_of(all)),
        ([], None, Some(near)) => format!("did you mean `{near}`?"),
        ([], None, None) => "pass every file of the baseline with --baseline".to_owned(),
    };
    let finding = input.config.finding(&code::UNKNOWN_SERVICE, path, message, help);
    report.push(
        made.iter()
            .take(SHOWN)
            .fold(finding, |finding, made| finding.also(made.by.place(), made.label())),
    );
}
