//! Host names that copies call: which services of the baseline need an alias in the preview.
//!
//! Looked for in env values, args and command of the copied pods and in the data of copied ConfigMaps. A
//! bare word that happens to be a Service's name counts: one alias too many does no harm, one too few
//! breaks a call.

use std::collections::BTreeSet;

use super::environment::Environment;
use super::naming::service_host;
use crate::diagnostic::{Diagnostic, Place, code};
use crate::model::{Catalog, pod_spec};
use crate::spec::Config;
use crate::yaml::{Data, Node};

/// Finds the hosts and plans the aliases.
pub(super) fn find<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    env: &mut Environment<'a>,
    found: &mut Vec<Diagnostic>,
) {
    let mut words: BTreeSet<(String, Place)> = BTreeSet::new();
    for copy in env.copies.values() {
        if let Some(pod) = pod_spec(&copy.node) {
            for list in ["containers", "initContainers", "ephemeralContainers"] {
                for container in pod.get(list).map(Node::items).unwrap_or_default() {
                    for field in ["args", "command"] {
                        container
                            .get(field)
                            .into_iter()
                            .for_each(|node| hosts_in(node, &mut words));
                    }
                    // Values only: a variable may well be named after a service that it does not call.
                    for variable in container.get("env").map(Node::items).unwrap_or_default() {
                        let value = variable.get("value").into_iter();
                        value.for_each(|node| hosts_in(node, &mut words));
                    }
                }
            }
        } else if copy.node.text_at(&["kind"]) == Some("ConfigMap") {
            copy.node.get("data").into_iter().for_each(|node| hosts_in(node, &mut words));
        }
    }
    for facts in &config.previews.spec.services {
        let owned = env.copies.values().any(|copy| copy.owners.contains(&facts.name));
        if owned || env.affected.contains(facts.name.as_str()) {
            words.extend(facts.dependencies.iter().map(|host| (host.clone(), Place::default())));
        }
    }
    let namespaces = catalog.namespaces();
    for (word, place) in &words {
        let labels: Vec<&str> = word.trim_end_matches('.').split('.').collect();
        match labels.as_slice() {
            [name] => alias(catalog, env, name),
            [name, rest @ ..] => {
                let known = namespaces.contains(rest[0]) || rest.get(1) == Some(&"svc");
                if known && rest[0] != catalog.namespace && rest[0] != env.namespace {
                    env.other_namespaces.insert(rest[0].to_owned());
                } else if catalog.service(rest[0]).is_some_and(|s| s.headless) && rest.len() == 1 {
                    pod_host(catalog, env, (name, rest[0]), *place, found);
                }
            }
            [] => {}
        }
    }
}

fn alias<'a>(catalog: &'a Catalog<'a>, env: &mut Environment<'a>, name: &str) {
    let Some(service) = catalog.service(name) else {
        return;
    };
    if !env.affected.contains(name) {
        let host = service.external_name.map_or_else(
            || service_host(name, catalog.namespace),
            // The host behind it is the same from everywhere: no need to go through the baseline.
            str::to_owned,
        );
        env.aliases.insert(name.to_owned(), host);
    }
}

fn pod_host(
    catalog: &Catalog<'_>,
    env: &Environment<'_>,
    (pod, service): (&str, &str),
    place: Place,
    found: &mut Vec<Diagnostic>,
) {
    if env.affected.contains(service) {
        return;
    }
    let message =
        format!("`{pod}.{service}` names a single pod behind the headless Service {service}");
    let help = format!("write `{pod}.{service}.{}`, which resolves everywhere", catalog.namespace);
    found.push(
        Diagnostic::new(&code::POD_HOST, message, help).at(place, "resolves only in the baseline"),
    );
}

/// Words of a text that could be host names.
fn hosts_in(node: &Node, words: &mut BTreeSet<(String, Place)>) {
    match &node.data {
        Data::Scalar { text, .. } => {
            let host = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.');
            for word in text.split(|c: char| !host(c)) {
                let word = word.trim_matches(['.', '-']);
                let starts = word.starts_with(|c: char| c.is_ascii_alphabetic());
                if starts && word.len() <= 253 {
                    words.insert((word.to_ascii_lowercase(), node.place));
                }
            }
        }
        Data::List(items) => items.iter().for_each(|item| hosts_in(item, words)),
        Data::Map(entries) => entries.iter().for_each(|(_, value)| hosts_in(value, words)),
    }
}
