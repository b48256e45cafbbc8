//! Makes HTTPRoutes and GRPCRoutes: for a service and port in the mesh, and attached to copies.
//!
//! Rules stay trees, so that unknown fields survive. Defaults of the API server are written out: otherwise Flux would
//! find a difference to the object in the cluster.

pub(super) mod entry;
pub(super) mod grants;

use super::{Moved, baggage};
use crate::emit::meta;
use crate::kube::gateway::{API_VERSION, ParentRef, Route, RouteKind, RouteSpec};
use crate::kube::{Object, ObjectMeta};
use crate::model::ServiceName;
use crate::model::route::gateway_api::{backends, filters, is_hostname, kind_of_backend};
use crate::plan::routing::CopyRoute;
use crate::plan::routing::gateway_api::{Attached, PreviewRoutes, Rule};
use crate::plan::routing::swap::{Backend, Swapped, Weight};
use crate::plan::{Environment, Plan};
use crate::spec::RoutingKey;
use crate::yaml::{Data, Node};

/// Limits of HTTPRoute and GRPCRoute, from their CRDs.
const RULES: usize = 16;
const MATCHES_PER_RULE: usize = 64;
const MATCHES_PER_ROUTE: usize = 128;

/// A route of the baseline, attached to the copies of its services.
pub(super) fn attach(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    copy_route: &CopyRoute<'_>,
    attached: &Attached<'_>,
) -> Object {
    let original = copy_route.route.object;
    let moved = Moved::inside(plan, env, copy_route);
    let kind = RouteKind::of(original);
    let rules = attached.rules.iter().map(|swapped| {
        let mut rule = swapped.rule.clone();
        complete_matches(&mut rule, kind);
        write_backends(&mut rule, swapped, &moved);
        rule
    });
    let parents = attached.parents.iter().map(|parent| ParentRef {
        section_name: parent.section.map(str::to_owned),
        ..parent_service(parent.service.name, parent.port)
    });
    Object::from_typed(&Route {
        api_version: API_VERSION,
        kind: kind.name(),
        metadata: meta::derived(plan.config, &copy_route.name, moved.to, Some(env.name)),
        spec: RouteSpec {
            parent_refs: parents.collect(),
            hostnames: Vec::new(),
            rules: rules.collect(),
        },
    })
}

fn parent_service(name: &str, port: Option<u16>) -> ParentRef {
    ParentRef {
        group: String::new(),
        kind: "Service".to_owned(),
        namespace: None,
        name: name.to_owned(),
        section_name: None,
        port,
    }
}

/// The routes of one preview for a service and port: one, or several if it would exceed a limit.
pub(super) fn mesh_routes(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    routes: &PreviewRoutes<'_>,
) -> Vec<Object> {
    let baseline = routes.service.id().namespace;
    let is_derived = routes.rules.iter().any(|rule| matches!(rule, Rule::Derived { .. }));
    let metadata = |name: &str| -> ObjectMeta {
        match is_derived {
            true => meta::derived(plan.config, name, baseline, Some(env.name)),
            false => meta::managed(plan.config, name, baseline, Some(env.name)),
        }
    };
    let route = |(part, rules)| {
        Object::from_typed(&Route {
            api_version: API_VERSION,
            kind: routes.kind.name(),
            metadata: metadata(&route_name(routes, env.name, part)),
            spec: RouteSpec {
                parent_refs: vec![parent_service(routes.service.name(), routes.port)],
                hostnames: Vec::new(),
                rules,
            },
        })
    };
    split_into_routes(mesh_rules(plan, env, routes)).into_iter().enumerate().map(route).collect()
}

/// The rules for a preview, by descending precedence.
fn mesh_rules(plan: &Plan<'_>, env: &Environment<'_>, routes: &PreviewRoutes<'_>) -> Vec<Node> {
    let ServiceName { name: service, namespace: baseline } = routes.service.id();
    let moved = Moved { env, catalog: plan.catalog, from: baseline, to: baseline };
    let key = &plan.config.previews.spec.routing.key;
    let rule = |matches: Vec<Node>, backend: Node| {
        let backends = Node::list([backend]);
        Node::map([("matches", Node::list(matches)), ("backendRefs", backends)])
    };
    let mut written: Vec<Node> = Vec::new();
    for planned in &routes.rules {
        match planned {
            Rule::Derived { rule: swapped, matches } => {
                let matches = matches.iter();
                let matches: Vec<Node> =
                    matches.flat_map(|one| with_key(*one, key, env.name, routes.kind)).collect();
                let most = if replaces_prefix(swapped.rule) { 1 } else { MATCHES_PER_RULE };
                for matches in matches.chunks(most) {
                    let mut derived =
                        with_first("matches", Node::list(matches.to_vec()), swapped.rule);
                    derived.remove("name");
                    write_backends(&mut derived, swapped, &moved);
                    written.push(derived);
                }
            }
            Rule::Preview(port) => {
                let copy = backend(service, Some(&env.room(baseline).namespace), *port);
                written.push(rule(with_key(None, key, env.name, routes.kind), copy));
            }
            Rule::Baseline(port) => {
                written.push(rule(vec![any_path()], backend(service, None, *port)));
            }
        }
    }
    written
}

/// Whether a rule replaces the matched prefix. It can then have only one match.
fn replaces_prefix(rule: &Node) -> bool {
    let mut filters = [rule].into_iter().chain(backends(rule)).flat_map(filters);
    filters.any(|filter| {
        ["urlRewrite", "requestRedirect"]
            .iter()
            .any(|kind| filter.at(&[kind, "path", "replacePrefixMatch"]).is_some())
    })
}

/// The name of a route: `cart.pr-42`, with the port if the service has several, and a number from the second route
/// on. Of rules with equal precedence, those of the route with the smaller name come first, so `part-x10` follows
/// `part-9`.
fn route_name(routes: &PreviewRoutes<'_>, preview: &str, part: usize) -> String {
    let mut name = format!("{}.{preview}", routes.service.name());
    if let Some(port) = routes.port.filter(|_| routes.port_in_name) {
        name.push_str(&format!(".{port}"));
    }
    if part > 0 {
        let number = (part + 1).to_string();
        name.push_str(&format!(".part-{}{number}", "x".repeat(number.len() - 1)));
    }
    name
}

/// Divides rules into routes within the limits.
fn split_into_routes(rules: Vec<Node>) -> Vec<Vec<Node>> {
    let mut routes: Vec<(usize, Vec<Node>)> = Vec::new();
    for rule in rules {
        let matches = rule.get("matches").map_or(1, |matches| matches.items().len().max(1));
        match routes.last_mut() {
            Some((used, route)) if route.len() < RULES && *used + matches <= MATCHES_PER_ROUTE => {
                *used += matches;
                route.push(rule);
            }
            _ => routes.push((matches, vec![rule])),
        }
    }
    routes.into_iter().map(|(_, route)| route).collect()
}

fn any_path() -> Node {
    Node::map([(
        "path",
        Node::map([("type", Node::string("PathPrefix")), ("value", Node::string("/"))]),
    )])
}

/// A match and the key: one for the header and, where configured, one for the baggage member.
fn with_key(one: Option<&Node>, key: &RoutingKey, preview: &str, kind: RouteKind) -> Vec<Node> {
    let header = |how: &str, name: &str, value: &str| {
        Node::map([
            ("type", Node::string(how)),
            ("name", Node::string(name)),
            ("value", Node::string(value)),
        ])
    };
    let mut keys = vec![header("Exact", &key.header, preview)];
    if !key.baggage.is_empty() {
        keys.push(header("RegularExpression", "baggage", &baggage::pattern(&key.baggage, preview)));
    }
    keys.into_iter()
        .map(|header| {
            let mut one = one.cloned().unwrap_or_default();
            complete_match(&mut one, kind);
            match one.get_mut("headers") {
                Some(headers) => headers.push(header),
                None => one.set("headers", Node::list([header])),
            }
            one
        })
        .collect()
}

/// Writes out what the API server would default in the matches of a rule.
fn complete_matches(rule: &mut Node, kind: RouteKind) {
    let default = match kind {
        RouteKind::Http => Some(any_path()),
        RouteKind::Grpc => None,
    };
    let is_empty = rule.get("matches").is_none_or(|matches| matches.items().is_empty());
    if let Some(default) = default.filter(|_| is_empty) {
        *rule = with_first("matches", Node::list([default]), rule);
    }
    if let Some(matches) = rule.get_mut("matches") {
        matches.items_mut().iter_mut().for_each(|one| complete_match(one, kind));
    }
}

fn complete_match(one: &mut Node, kind: RouteKind) {
    let default = |node: &mut Node, field: &str, value: &str| {
        if node.get(field).is_none() {
            *node = with_first(field, Node::string(value), node);
        }
    };
    match kind {
        RouteKind::Http => match one.get_mut("path") {
            Some(path) => {
                default(path, "value", "/");
                default(path, "type", "PathPrefix");
            }
            None => *one = with_first("path", any_path().remove("path").unwrap_or_default(), one),
        },
        RouteKind::Grpc => {
            let method = one.get_mut("method").filter(|method| !method.entries().is_empty());
            method.into_iter().for_each(|method| default(method, "type", "Exact"));
        }
    }
    for list in ["headers", "queryParams"] {
        if let Some(list) = one.get_mut(list) {
            list.items_mut().iter_mut().for_each(|item| default(item, "type", "Exact"));
        }
    }
}

/// A copy of a mapping with this field in front. It replaces a field of the same name.
fn with_first(field: &str, value: Node, node: &Node) -> Node {
    let mut entries = vec![(field.into(), value)];
    entries.extend(node.entries().iter().filter(|(key, _)| key.text != field).cloned());
    Node { data: Data::Map(entries), place: node.place }
}

fn backend(name: &str, namespace: Option<&str>, port: u16) -> Node {
    let mut entries = vec![
        ("group", Node::string("")),
        ("kind", Node::string("Service")),
        ("name", Node::string(name)),
    ];
    entries.extend(namespace.map(|namespace| ("namespace", Node::string(namespace))));
    entries.push(("port", Node::integer(i64::from(port))));
    entries.push(("weight", Node::integer(1)));
    Node::map(entries)
}

/// Writes the backends that the plan decided on. Filters and targets of mirrors stay.
fn write_backends(rule: &mut Node, swapped: &Swapped<'_>, moved: &Moved<'_>) {
    if let Some(list) = rule.get_mut("backendRefs") {
        let backends = swapped.backends.iter().map(|one| write_backend(one, moved));
        list.data = Data::List(backends.collect());
    }
    qualify_mirrors(rule, moved);
}

/// A backendRef with all defaults written out.
fn write_backend(backend: &Backend<'_>, moved: &Moved<'_>) -> Node {
    let node = backend.node;
    let (group, kind) = kind_of_backend(node);
    let name = match backend.copy {
        Some(copy) if is_hostname(node) => moved.env.host(copy.service),
        _ => node.text_at(&["name"]).unwrap_or_default().to_owned(),
    };
    let mut written = Node::map([
        ("group", Node::string(group)),
        ("kind", Node::string(kind)),
        ("name", Node::string(name)),
    ]);
    let namespace = match backend.copy {
        Some(copy) => moved.env.room(copy.service.namespace).namespace.as_str(),
        None => node.text_at(&["namespace"]).unwrap_or(moved.from),
    };
    if namespace != moved.to && !is_hostname(node) {
        written.set("namespace", Node::string(namespace));
    }
    for (key, value) in node.entries() {
        if !matches!(key.text.as_str(), "group" | "kind" | "name" | "namespace") {
            written.set(&key.text, value.clone());
        }
    }
    match backend.weight {
        Weight::Settled(weight) => written.set("weight", Node::integer(weight)),
        Weight::Written | Weight::Whole if written.get("weight").is_none() => {
            written.set("weight", Node::integer(1));
        }
        Weight::Written | Weight::Whole => {}
    }
    qualify_mirrors(&mut written, moved);
    written
}

/// Writes out the namespaces of mirror targets if the route moves to another namespace.
fn qualify_mirrors(node: &mut Node, moved: &Moved<'_>) {
    let Some(filters) = node.get_mut("filters").filter(|_| moved.from != moved.to) else {
        return;
    };
    for filter in filters.items_mut() {
        if let Some(target) = filter.at_mut(&["requestMirror", "backendRef"])
            && target.text_at(&["namespace"]).is_none()
            && !is_hostname(target)
        {
            target.set("namespace", Node::string(moved.from));
        }
    }
}
