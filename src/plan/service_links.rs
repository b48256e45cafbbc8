//! Warns of pods that use variables of Services, such as `CART_SERVICE_HOST`.
//!
//! Kubernetes gives them to pods for the Services of their own namespace that have an address. An alias has none, so a
//! copy lacks the variables of Services that are not copied.

use std::cell::LazyCell;
use std::collections::BTreeSet;

use super::Plan;
use super::hosts::RUN_INSIDE;
use super::originals::Originals;
use crate::diagnostic::{Diagnostic, Place, Report, code, some_of};
use crate::kube::Object;
use crate::model::{Catalog, Service, ServiceName, containers, pod_spec};
use crate::yaml::Node;

/// A use of a variable of a Service.
/// See <https://kubernetes.io/docs/concepts/services-networking/service/#environment-variables>.
struct Link<'a> {
    variable: String,
    service: &'a Service<'a>,
    place: Place,
}

/// Warns once for each workload.
pub(super) fn check(plan: &Plan<'_>, originals: &Originals<'_, '_>, report: &mut Report) {
    for &original in originals.all() {
        let mut links = of_body(plan.catalog, original, &original.node);
        let mut seen = BTreeSet::new();
        links.retain(|link| seen.insert(link.variable.clone()));
        if links.is_empty() {
            continue;
        }
        let missed = missed(plan, original, &links);
        links.retain(|link| missed.contains(&link.variable));
        if !links.is_empty() {
            report.push(finding(original, &links));
        }
    }
}

/// The variables that copies of an object use in a preview without a copy of the Service.
fn missed(plan: &Plan<'_>, original: &Object, links: &[Link<'_>]) -> BTreeSet<String> {
    let mut missed = BTreeSet::new();
    for env in &plan.environments {
        let lacks = |link: &Link<'_>| !env.affected.contains(&link.service.id());
        let is_new = |link: &Link<'_>| lacks(link) && !missed.contains(&link.variable);
        if !links.iter().any(is_new) {
            continue;
        }
        for copy in env.copies.iter().filter(|copy| copy.original.number == original.number) {
            let of_copy = of_body(plan.catalog, original, &copy.node());
            missed.extend(of_copy.into_iter().filter(lacks).map(|link| link.variable));
        }
    }
    missed
}

fn finding(original: &Object, links: &[Link<'_>]) -> Diagnostic {
    let variables = some_of(links.iter().map(|link| format!("`{}`", link.variable)));
    let hosts = links.iter().map(|link| {
        let port = link.service.ports.first().map(|port| format!(":{}", port.number));
        format!("`{}{}`", link.service.id().name, port.unwrap_or_default())
    });
    let hosts: BTreeSet<String> = hosts.collect();
    let message = format!(
        "copies of {} lack {variables}: Kubernetes makes such variables only for Services of the pod's own namespace",
        original.id
    );
    let help =
        format!("write {} in place of them, or set them by `env` in the preview", some_of(hosts));
    let finding = Diagnostic::new(&code::SERVICE_VARIABLE, message, help);
    finding.at(links[0].place, "is not replaced in a copy")
}

/// The uses of variables of Services in the texts of a workload with this body.
fn of_body<'a>(catalog: &'a Catalog<'a>, workload: &Object, body: &Node) -> Vec<Link<'a>> {
    let home = workload.id.namespace.as_str();
    let mut links = Vec::new();
    let Some(pod) = pod_spec(body) else { return links };
    if pod.get("enableServiceLinks").and_then(Node::text) == Some("false") {
        return links;
    }
    for container in containers(pod) {
        let set = LazyCell::new(|| {
            let names =
                container.items_at(&["env"]).iter().filter_map(|one| one.text_at(&["name"]));
            names.collect::<BTreeSet<&str>>()
        });
        let commands = RUN_INSIDE.iter().filter_map(|path| container.at(path));
        let values = container.items_at(&["env"]).iter().filter_map(|one| one.get("value"));
        for node in commands.flat_map(Node::items).chain(values) {
            for variable in variables(node.text().unwrap_or_default()) {
                let service = service_of(catalog, home, variable);
                let missing = service.filter(|_| {
                    !set.contains(variable) && !is_from_source(catalog, home, container, variable)
                });
                links.extend(missing.map(|service| Link {
                    variable: variable.to_owned(),
                    service,
                    place: node.place,
                }));
            }
        }
    }
    links
}

/// The variables that a text uses, in the syntax of the kubelet, `$(NAME)`, or of a shell, without those that it sets.
fn variables(text: &str) -> impl Iterator<Item = &str> {
    let fits = |c: char| c.is_ascii_uppercase() || c.is_ascii_digit() || c == '_';
    let name_before = |(at, _)| text[..at].rsplit(|c| !fits(c)).next();
    let set: BTreeSet<&str> = match text.contains('$') {
        true => text.match_indices('=').filter_map(name_before).collect(),
        false => BTreeSet::new(),
    };
    text.match_indices('$').filter_map(move |(dollar, _)| {
        let behind = &text[dollar + 1..];
        let (rest, closing) = match behind.chars().next()? {
            '(' => (&behind[1..], ")"),
            '{' => (&behind[1..], "}"),
            _ => (behind, ""),
        };
        let (name, after) = rest.split_at(rest.find(|c| !fits(c)).unwrap_or(rest.len()));
        let is_escaped = text[..dollar].ends_with('$');
        let is_used = after.starts_with(closing) && !is_escaped;
        (is_used && !set.contains(name)).then_some(name)
    })
}

/// The Service of a namespace for which Kubernetes makes this variable.
fn service_of<'a>(catalog: &'a Catalog<'a>, home: &str, name: &str) -> Option<&'a Service<'a>> {
    ["_SERVICE_HOST", "_SERVICE_PORT", "_PORT"].into_iter().find_map(|suffix| {
        let (before, rest) = name.split_once(suffix)?;
        let is_variable = match suffix {
            "_SERVICE_PORT" => rest.is_empty() || rest.starts_with('_'),
            "_PORT" => {
                let number = rest.strip_prefix('_').unwrap_or("0");
                number.starts_with(|c: char| c.is_ascii_digit())
            }
            _ => rest.is_empty(),
        };
        let name = before.to_ascii_lowercase().replace('_', "-");
        let name = ServiceName { name: &name, namespace: home };
        let service = catalog.service(name).filter(|_| is_variable)?;
        // Every pod has the variables of the API server, which is called `kubernetes`.
        let has_address = !service.headless && service.external_name.is_none();
        (has_address && service.id().name != "kubernetes").then_some(service)
    })
}

/// Whether `envFrom` of a container sets a variable, from a ConfigMap or Secret of the input.
fn is_from_source(catalog: &Catalog<'_>, home: &str, container: &Node, variable: &str) -> bool {
    container.items_at(&["envFrom"]).iter().any(|source| {
        let prefix = source.text_at(&["prefix"]).unwrap_or_default();
        let Some(key) = variable.strip_prefix(prefix) else { return false };
        let kinds = [("configMapRef", "ConfigMap"), ("secretRef", "Secret")];
        kinds.into_iter().any(|(field, kind)| {
            let name = source.text_at(&[field, "name"]);
            let from = name.and_then(|name| catalog.get(home, "", kind, name));
            let has = |from: &Object| {
                let mut data = ["data", "stringData"].into_iter();
                data.any(|field| from.node.at(&[field, key]).is_some())
            };
            from.is_some_and(has)
        })
    })
}
