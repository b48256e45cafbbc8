//! Every service that is named exists, and is named once.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fmt;

use foldhash::fast::RandomState;

use super::{Input, is_dns_label, is_dns_subdomain};
use crate::diagnostic::{Diagnostic, Report, code, nearest, some_of};
use crate::kube::makers::{Certainty, makers};
use crate::kube::{Id, Object, kinds, names};
use crate::spec::{ServiceFacts, Spec};
use crate::yaml::Node;

/// Behind so many findings no more names are suggested.
const SUGGESTIONS: usize = 100;

/// Of what may make a service, so much is shown.
const SHOWN: usize = 5;

pub(super) fn check(input: &Input<'_>, found: &mut Report) {
    let config = input.config;
    let spec = &config.previews.spec;
    let known = known_names(input);
    // Said once, and not of every service.
    let is_elsewhere = known.is_empty() && names_services(spec);
    if is_elsewhere {
        found.push(nothing_in_namespace(input));
    }
    let exists = |path: fmt::Arguments<'_>, name: &str, found: &mut Report| {
        if !is_elsewhere {
            exists(input, &known, path, name, found);
        }
    };
    let facts = spec.services.iter().map(|fact| fact.name.as_str());
    named_once(input, format_args!("spec.services"), facts, found);
    for (i, fact) in spec.services.iter().enumerate() {
        let path = format_args!("spec.services[{i}]");
        exists(format_args!("{path}.name"), &fact.name, found);
        ports(input, &path.to_string(), fact, found);
        for (d, host) in fact.dependencies.iter().enumerate() {
            if !(is_dns_label(host) || host.contains('.') && is_dns_subdomain(host)) {
                found.push(config.finding(
                    &code::BAD_NAME,
                    format_args!("{path}.dependencies[{d}]"),
                    format!("`{host}` is not the host of a service"),
                    "write its name, or its name and namespace such as `otel.tracing`, without a port",
                ));
            }
        }
    }
    for (p, preview) in spec.previews.iter().enumerate() {
        let path = format_args!("spec.previews[{p}].services");
        let names = preview.services.iter().map(|service| service.name.as_str());
        named_once(input, path, names, found);
        for (s, service) in preview.services.iter().enumerate() {
            let path = format_args!("{path}[{s}]");
            exists(format_args!("{path}.name"), &service.name, found);
            let names = service.env.iter().map(|env| env.name.as_str());
            named_once(input, format_args!("{path}.env"), names, found);
            let names = service.containers.iter().map(|container| container.name.as_str());
            named_once(input, format_args!("{path}.containers"), names, found);
            let names = service.workloads.iter().map(|workload| workload.name.as_str());
            named_once(input, format_args!("{path}.workloads"), names, found);
        }
        if preview.services.is_empty() {
            found.push(config.finding(
                &code::CONFIG_FIELD,
                path,
                format!("the preview `{}` changes no service", preview.name),
                "list the services it changes, or remove the preview",
            ));
        }
    }
}

/// Reports ports of a service that it does not have. Whether there is such a service is said elsewhere.
fn ports(input: &Input<'_>, path: &str, fact: &ServiceFacts, found: &mut Report) {
    if fact.ports.is_empty() {
        return;
    }
    let namespace = &input.config.previews.spec.baseline.namespace;
    let named = |object: &&Object| object.id.name == fact.name && object.id.namespace == *namespace;
    let numbers: Vec<String> = fact.ports.iter().map(|port| port.port.to_string()).collect();
    let list = format_args!("{path}.ports");
    let mut seen = BTreeSet::new();
    for (index, number) in numbers.iter().enumerate().filter(|(_, number)| !seen.insert(*number)) {
        found.push(input.config.finding(
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
            found.push(finding.also(workload.place(), "the workload is here"));
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
            found.push(finding.also(service.place(), "the service is here"));
        }
    }
}

/// Reports items of a list whose name another has had before.
fn named_once<'a>(
    input: &Input<'_>,
    list: fmt::Arguments<'_>,
    names: impl Iterator<Item = &'a str>,
    found: &mut Report,
) {
    let mut first = BTreeMap::new();
    for (index, name) in names.enumerate() {
        let Some(&earlier) = first.get(name) else {
            first.insert(name, index);
            continue;
        };
        let finding = input.config.finding(
            &code::DUPLICATE_NAME,
            format_args!("{list}[{index}].name"),
            format!("`{name}` is listed twice"),
            "merge the two entries",
        );
        let place = input.config.place(&format!("{list}[{earlier}].name"));
        found.push(finding.also(place, "first listed here"));
    }
}

/// Names that are there.
type Names<'a> = HashSet<&'a str, RandomState>;

/// Whether a file names any service.
pub(super) fn names_services(spec: &Spec) -> bool {
    !spec.services.is_empty() || spec.previews.iter().any(|preview| !preview.services.is_empty())
}

/// The objects whose names a preview may give, in any namespace: Services, and workloads that have none.
fn nameable<'a>(input: &Input<'a>) -> impl Iterator<Item = &'a Object> + Clone {
    input.objects.iter().filter(|object| {
        object.is("", "Service") || kinds::is_workload(&object.id.group, &object.id.kind)
    })
}

/// Names that a preview may give: Services and workloads of the baseline's namespace.
fn known_names<'a>(input: &Input<'a>) -> Names<'a> {
    let namespace = &input.config.previews.spec.baseline.namespace;
    let names = nameable(input).filter(|object| object.id.namespace == *namespace);
    names.map(|object| object.id.name.as_str()).collect()
}

/// Says that the baseline's namespace has no service at all, and which namespaces have.
fn nothing_in_namespace(input: &Input<'_>) -> Diagnostic {
    let namespace = &input.config.previews.spec.baseline.namespace;
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
    let message = format!("the input has no service or workload in the baseline `{namespace}`");
    let (group, kind) = ("".into(), "Service".into());
    let any = Id { group, kind, namespace: namespace.as_str().into(), name: "".into() };
    let made = makers(input.objects, &any);
    let help = match made.first() {
        Some(made) => format!("{help}; {}: {}", made.says(), made.remedy("Service", "")),
        None => help,
    };
    let path = "spec.baseline.namespace";
    let finding = input.config.finding(&code::UNKNOWN_SERVICE, path, message, help);
    made.iter()
        .take(SHOWN)
        .fold(finding, |finding, made| finding.also(made.by.place(), made.label()))
}

fn exists(
    input: &Input<'_>,
    known: &Names<'_>,
    path: fmt::Arguments<'_>,
    name: &str,
    found: &mut Report,
) {
    if known.contains(name) {
        return;
    }
    let namespace = &input.config.previews.spec.baseline.namespace;
    // Nobody reads on and on, and every name takes a look at all others.
    let near = (found.len() < SUGGESTIONS)
        .then(|| {
            let is_renamed = |object: &&Object| names::is_also_called(object, name);
            let renamed = nameable(input).filter(|object| object.id.namespace == *namespace);
            let renamed = renamed.filter(is_renamed).map(|object| object.id.name.as_str());
            let mut names: Vec<&str> = known.iter().copied().collect();
            names.sort_unstable();
            renamed.min().or_else(|| nearest(name, names))
        })
        .flatten();
    let message = format!("no service or workload `{name}` in the baseline `{namespace}`");
    let wanted = |kind: &str| Id {
        group: "".into(),
        kind: kind.into(),
        namespace: namespace.as_str().into(),
        name: name.into(),
    };
    let mut made = match found.len() < SUGGESTIONS {
        true => makers(input.objects, &wanted("Service")),
        false => Vec::new(),
    };
    // What may hold anything says nothing against a slip of the pen.
    made.retain(|made| near.is_none() || made.certainty > Certainty::Possible);
    let help = match (&made[..], near) {
        ([made, ..], _) => format!("{}: {}", made.says(), made.remedy("Service", name)),
        ([], Some(near)) => format!("did you mean `{near}`?"),
        ([], None) => "pass every file of the baseline with --baseline".to_owned(),
    };
    let finding = input.config.finding(&code::UNKNOWN_SERVICE, path, message, help);
    found.push(
        made.iter()
            .take(SHOWN)
            .fold(finding, |finding, made| finding.also(made.by.place(), made.label())),
    );
}
