//! Every service that is named exists, and is named once.

use std::collections::{BTreeMap, BTreeSet};

use super::Input;
use crate::diagnostic::{Diagnostic, code, nearest};

pub(super) fn check(input: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let config = input.config;
    let spec = &config.previews.spec;
    let known = known_names(input);
    let named_once = |names: Vec<(String, &str)>, found: &mut Vec<Diagnostic>| {
        let mut first = BTreeMap::new();
        for (path, name) in names {
            if let Some(earlier) = first.insert(name, path.clone()) {
                let finding = config.finding(
                    &code::DUPLICATE_NAME,
                    &path,
                    format!("`{name}` is listed twice"),
                    "merge the two entries",
                );
                found.push(finding.also(config.place(&earlier), "first listed here"));
            }
        }
    };
    let facts = spec.services.iter().enumerate();
    named_once(
        facts.map(|(i, fact)| (format!("spec.services[{i}].name"), fact.name.as_str())).collect(),
        found,
    );
    for (i, fact) in spec.services.iter().enumerate() {
        exists(input, &known, &format!("spec.services[{i}].name"), &fact.name, found);
        for (d, host) in fact.dependencies.iter().enumerate() {
            let path = format!("spec.services[{i}].dependencies[{d}]");
            if !host.contains('.') {
                exists(input, &known, &path, host, found);
            }
        }
    }
    for (p, preview) in spec.previews.iter().enumerate() {
        let path = |s: usize| format!("spec.previews[{p}].services[{s}].name");
        let services = preview.services.iter().enumerate();
        named_once(services.map(|(s, service)| (path(s), service.name.as_str())).collect(), found);
        for (s, service) in preview.services.iter().enumerate() {
            exists(input, &known, &path(s), &service.name, found);
            named_once(
                service
                    .env
                    .iter()
                    .enumerate()
                    .map(|(e, env)| {
                        let path = format!("spec.previews[{p}].services[{s}].env[{e}].name");
                        (path, env.name.as_str())
                    })
                    .collect(),
                found,
            );
        }
        if preview.services.is_empty() {
            found.push(config.finding(
                &code::CONFIG_FIELD,
                &format!("spec.previews[{p}].services"),
                format!("the preview `{}` changes no service", preview.name),
                "list the services it changes, or remove the preview",
            ));
        }
    }
}

/// Names that a preview may give: Services and workloads of the baseline's namespace.
fn known_names<'a>(input: &Input<'a>) -> BTreeSet<&'a str> {
    const KINDS: [&str; 9] = [
        "Service",
        "Deployment",
        "StatefulSet",
        "DaemonSet",
        "ReplicaSet",
        "Rollout",
        "Job",
        "CronJob",
        "Pod",
    ];
    input
        .objects
        .iter()
        .filter(|object| object.id.namespace == input.config.previews.spec.baseline.namespace)
        .filter(|object| KINDS.contains(&object.id.kind.as_str()))
        .map(|object| object.id.name.as_str())
        .collect()
}

fn exists(
    input: &Input<'_>,
    known: &BTreeSet<&str>,
    path: &str,
    name: &str,
    found: &mut Vec<Diagnostic>,
) {
    if known.contains(name) {
        return;
    }
    let namespace = &input.config.previews.spec.baseline.namespace;
    let help = match nearest(name, known.iter().copied()) {
        Some(near) => format!("did you mean `{near}`?"),
        None if known.is_empty() => {
            format!("the input holds no Service in the namespace `{namespace}`: check --baseline")
        }
        None => "pass every file of the baseline with --baseline".to_owned(),
    };
    let message = format!("no service or workload `{name}` in the baseline `{namespace}`");
    found.push(input.config.finding(&code::UNKNOWN_SERVICE, path, message, help));
}
