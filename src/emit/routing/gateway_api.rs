//! HTTPRoutes, GRPCRoutes and ReferenceGrants.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::Moved;
use crate::emit::meta;
use crate::kube::gateway::{
    API_VERSION, GROUP, GrantFrom, GrantTo, ParentRef, ReferenceGrant, ReferenceGrantSpec, Route,
    RouteSpec,
};
use crate::kube::{Object, ObjectMeta, marks};
use crate::model::Catalog;
use crate::model::route::gateway_api::{backends, filters, kind_of_backend, rules};
use crate::plan::routing::Local;
use crate::plan::routing::gateway_api::{Rule, Table, followed_parents};
use crate::plan::routing::swap::Backend;
use crate::plan::{Environment, Plan};
use crate::spec::RoutingKey;
use crate::yaml::{Data, Node};

/// Limits of HTTPRoute and GRPCRoute, from their CRDs.
const RULES: usize = 16;
const MATCHES_PER_RULE: usize = 64;
const MATCHES_PER_ROUTE: usize = 128;

/// The same of ReferenceGrant.
const FROM_PER_GRANT: usize = 16;
/// The kinds of routes that a grant is for.
const ROUTE_KINDS: [&str; 2] = ["HTTPRoute", "GRPCRoute"];

/// Istio's kind of a backend that is known by its full host. It is of no namespace, and Istio drops a
/// route that gives it one.
const HOSTNAME: &str = "Hostname";

/// The regular expression of one member of the W3C baggage header. Envoy matches the whole value.
/// See <https://www.w3.org/TR/baggage/>.
pub(super) fn baggage_member(key: &str, value: &str) -> String {
    let key = escaped(key);
    format!(r"(?:.*,)?\s*{key}\s*=\s*{value}\s*(?:[,;].*)?")
}

/// A text as a regular expression that matches nothing else. Of a token these have a meaning in RE2.
fn escaped(token: &str) -> String {
    let mut escaped = String::with_capacity(token.len());
    for c in token.chars() {
        if matches!(c, '.' | '+' | '*' | '^' | '$' | '|') {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    escaped
}

/// A route of the baseline, attached to the copies of its services.
pub(super) fn attach(plan: &Plan<'_>, env: &Environment<'_>, local: &Local<'_>) -> Object {
    let (from, catalog) = (local.route.id.namespace.as_str(), plan.catalog);
    let moved = Moved { env, catalog, from, to: &env.namespace };
    let followed = followed_parents(local.route, catalog);
    let parents = followed.iter().filter(|(name, _)| local.services.contains(name));
    let parents = parents.map(|&(name, port)| ParentRef {
        section_name: section(catalog, &followed, (name, port)),
        ..parent_service(name, port)
    });
    let rules = local.rules.iter().map(|rule| {
        let mut written = rule.rule.clone();
        complete_matches(&mut written, kind_of(local.route));
        write_backends(&mut written, &rule.backends, &moved);
        written
    });
    Object::from_typed(&Route {
        api_version: API_VERSION,
        kind: kind_of(local.route),
        metadata: meta::derived(plan.config, &local.name, &env.namespace, Some(env.name)),
        spec: RouteSpec {
            parent_refs: parents.collect(),
            hostnames: Vec::new(),
            rules: rules.collect(),
        },
    })
}

/// What tells two parentRefs to one Service apart, which the API server wants: the name of the port.
fn section(
    catalog: &Catalog<'_>,
    parents: &[(&str, Option<u16>)],
    (name, port): (&str, Option<u16>),
) -> Option<String> {
    let several = parents.iter().filter(|(other, _)| *other == name).count() > 1;
    let mut ports = catalog.service(name).filter(|_| several)?.ports.iter();
    let named = ports.find(|one| Some(one.number) == port && one.protocol.is_routable())?.name?;
    Some(named.to_owned())
}

/// `HTTPRoute` or `GRPCRoute`.
pub(super) fn kind_of(route: &Object) -> &'static str {
    if route.id.kind == "GRPCRoute" { "GRPCRoute" } else { "HTTPRoute" }
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

/// One route for one preview, service and port; several where a limit would be exceeded.
pub(crate) fn mesh_routes(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    table: &Table<'_>,
) -> Vec<Object> {
    let baseline = plan.catalog.namespace;
    let moved = Moved { env, catalog: plan.catalog, from: baseline, to: baseline };
    let key = &plan.config.previews.spec.routing.key;
    let mut written: Vec<Node> = Vec::new();
    for rule in &table.rules {
        match rule {
            Rule::Derived { rule, matches } => {
                let matches: Vec<Node> = matches
                    .iter()
                    .flat_map(|one| with_key(*one, key, env.name, table.kind))
                    .collect();
                let most = if replaces_prefix(rule.rule) { 1 } else { MATCHES_PER_RULE };
                for matches in matches.chunks(most) {
                    let mut derived = first("matches", Node::list(matches.to_vec()), rule.rule);
                    derived.remove("name");
                    write_backends(&mut derived, &rule.backends, &moved);
                    written.push(derived);
                }
            }
            Rule::Preview(port) => written.push(Node::map([
                ("matches", Node::list(with_key(None, key, env.name, table.kind))),
                (
                    "backendRefs",
                    Node::list([backend(table.service.name(), Some(&env.namespace), *port)]),
                ),
            ])),
            Rule::Baseline(port) => written.push(Node::map([
                ("matches", Node::list([any_path()])),
                ("backendRefs", Node::list([backend(table.service.name(), None, *port)])),
            ])),
        }
    }
    let derived = table.rules.iter().any(|rule| matches!(rule, Rule::Derived { .. }));
    split(written)
        .into_iter()
        .enumerate()
        .map(|(part, rules)| {
            let name = route_name(table, env.name, part);
            let metadata: ObjectMeta = if derived {
                meta::derived(plan.config, &name, baseline, Some(env.name))
            } else {
                meta::own(plan.config, &name, baseline, Some(env.name))
            };
            Object::from_typed(&Route {
                api_version: API_VERSION,
                kind: table.kind,
                metadata,
                spec: RouteSpec {
                    parent_refs: vec![parent_service(table.service.name(), table.port)],
                    hostnames: Vec::new(),
                    rules,
                },
            })
        })
        .collect()
}

/// Whether a rule replaces the prefix that it matched, of which there may only be one.
fn replaces_prefix(rule: &Node) -> bool {
    let mut filters = [rule].into_iter().chain(backends(rule)).flat_map(filters);
    filters.any(|filter| {
        ["urlRewrite", "requestRedirect"]
            .iter()
            .any(|kind| filter.at(&[kind, "path", "replacePrefixMatch"]).is_some())
    })
}

/// `cart.pr-42`; with the port where the service has several, and a number for what did not fit into one
/// route. Of rules of equal precedence those of the route with the smaller name come first, so `part-x10` follows
/// `part-9`.
fn route_name(table: &Table<'_>, preview: &str, part: usize) -> String {
    let mut name = format!("{}.{preview}", table.service.name());
    if let Some(port) = table.port.filter(|_| table.port_in_name) {
        name.push_str(&format!(".{port}"));
    }
    if part > 0 {
        let number = (part + 1).to_string();
        name.push_str(&format!(".part-{}{number}", "x".repeat(number.len() - 1)));
    }
    name
}

/// Rules in routes that respect the limits, in order: names grow with the part, so that of two rules
/// of equal precedence the earlier one stays ahead.
fn split(rules: Vec<Node>) -> Vec<Vec<Node>> {
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
fn with_key(one: Option<&Node>, key: &RoutingKey, preview: &str, kind: &str) -> Vec<Node> {
    let header = |kind: &str, name: &str, value: &str| {
        Node::map([
            ("type", Node::string(kind)),
            ("name", Node::string(name)),
            ("value", Node::string(value)),
        ])
    };
    let mut keys = vec![header("Exact", &key.header, preview)];
    if !key.baggage.is_empty() {
        keys.push(header("RegularExpression", "baggage", &baggage_member(&key.baggage, preview)));
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
pub(super) fn complete_matches(rule: &mut Node, kind: &str) {
    if kind == "HTTPRoute" && rule.get("matches").is_none_or(|matches| matches.items().is_empty()) {
        *rule = first("matches", Node::list([any_path()]), rule);
    }
    if let Some(matches) = rule.get_mut("matches") {
        matches.items_mut().iter_mut().for_each(|one| complete_match(one, kind));
    }
}

fn complete_match(one: &mut Node, kind: &str) {
    let default = |node: &mut Node, field: &str, value: &str| {
        if node.get(field).is_none() {
            *node = first(field, Node::string(value), node);
        }
    };
    if kind == "HTTPRoute" {
        match one.get_mut("path") {
            Some(path) => {
                default(path, "value", "/");
                default(path, "type", "PathPrefix");
            }
            None => *one = first("path", any_path().remove("path").unwrap_or_default(), one),
        }
    } else if let Some(method) = one.get_mut("method").filter(|method| !method.entries().is_empty())
    {
        default(method, "type", "Exact");
    }
    for list in ["headers", "queryParams"] {
        if let Some(list) = one.get_mut(list) {
            list.items_mut().iter_mut().for_each(|item| default(item, "type", "Exact"));
        }
    }
}

/// A mapping with this field in front, in place of one that it may have.
fn first(field: &str, value: Node, node: &Node) -> Node {
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

/// Writes the backends that were decided on; filters stay, and so do the targets of mirrors.
pub(super) fn write_backends(rule: &mut Node, backends: &[Backend<'_>], moved: &Moved<'_>) {
    if let Some(list) = rule.get_mut("backendRefs") {
        list.data = Data::List(backends.iter().map(|one| write_backend(one, moved)).collect());
    }
    qualify_mirrors(rule, moved);
}

/// A backendRef with all defaults written out.
fn write_backend(backend: &Backend<'_>, moved: &Moved<'_>) -> Node {
    let node = backend.node;
    let (group, kind) = kind_of_backend(node);
    let is_hostname = kind == HOSTNAME;
    let name = match backend.copy {
        Some(service) if is_hostname => moved.env.host(service),
        _ => node.text_at(&["name"]).unwrap_or_default().to_owned(),
    };
    let mut written = Node::map([
        ("group", Node::string(group)),
        ("kind", Node::string(kind)),
        ("name", Node::string(name)),
    ]);
    let namespace = match backend.copy {
        Some(_) => moved.env.namespace.as_str(),
        None => node.text_at(&["namespace"]).unwrap_or(moved.from),
    };
    if namespace != moved.to && !is_hostname {
        written.set("namespace", Node::string(namespace));
    }
    for (key, value) in node.entries() {
        if !matches!(key.text.as_str(), "group" | "kind" | "name" | "namespace") {
            written.set(&key.text, value.clone());
        }
    }
    match backend.weight {
        Some(weight) => written.set("weight", Node::integer(weight)),
        None if written.get("weight").is_none() => written.set("weight", Node::integer(1)),
        None => {}
    }
    qualify_mirrors(&mut written, moved);
    written
}

/// The target of a mirror stays what it was, also when the route stands elsewhere.
fn qualify_mirrors(node: &mut Node, moved: &Moved<'_>) {
    let Some(filters) = node.get_mut("filters").filter(|_| moved.from != moved.to) else {
        return;
    };
    for filter in filters.items_mut() {
        if let Some(target) = filter.at_mut(&["requestMirror", "backendRef"])
            && target.text_at(&["namespace"]).is_none()
            && kind_of_backend(target).1 != HOSTNAME
        {
            target.set("namespace", Node::string(moved.from));
        }
    }
}

/// A namespace, as one for all previews.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Space {
    /// The preview's own.
    Own,
    /// Another.
    Other(SmolStr),
}

impl Space {
    fn of(namespace: &str, env: &Environment<'_>) -> Self {
        if namespace == env.namespace { Self::Own } else { Self::Other(namespace.into()) }
    }

    /// Its name; none for the preview's own.
    pub(crate) fn name(&self) -> Option<&str> {
        match self {
            Self::Own => None,
            Self::Other(name) => Some(name),
        }
    }
}

/// Namespaces with a backend of a route, each with the namespace of the route.
pub(crate) type Reaches = BTreeSet<(Space, Space)>;

/// Where a route of the preview, or one that chooses its copies, needs a grant. In other namespaces than
/// the preview's and the baseline's none is written: whoever owns them decides, and in the mesh Istio does
/// not ask for it.
pub(crate) fn reached(baseline: &str, env: &Environment<'_>, route: &Object) -> Reaches {
    if route.id.group != GROUP {
        return Reaches::new();
    }
    let backends = rules(route).iter().flat_map(|rule| {
        let mirrors = rule.get("filters").map(Node::items).unwrap_or_default().iter();
        let mirrors = mirrors.filter_map(|filter| filter.at(&["requestMirror", "backendRef"]));
        rule.get("backendRefs").map(Node::items).unwrap_or_default().iter().chain(mirrors)
    });
    let from = Space::of(&route.id.namespace, env);
    let is_ours = |to: &str| to == env.namespace || from == Space::Own && to == baseline;
    backends
        .filter_map(|backend| backend.text_at(&["namespace"]))
        .filter(|to| is_ours(to))
        .map(|to| (Space::of(to, env), from.clone()))
        .filter(|(to, from)| to != from)
        .collect()
}

/// ReferenceGrants: into the preview for routes that choose its copies, and into the baseline for
/// routes of the preview that choose unaffected services. Several where one would have too many namespaces.
pub(crate) fn grants(plan: &Plan<'_>, env: &Environment<'_>, reaches: &Reaches) -> Vec<Object> {
    let mut targets: Vec<&Space> = reaches.iter().map(|(to, _)| to).collect();
    targets.dedup();
    let of_target = |to: &Space| {
        let from = reaches.iter().filter(|(target, _)| target == to).map(|(_, from)| from);
        let from: Vec<&Space> = from.collect();
        let parts = from.chunks(FROM_PER_GRANT / ROUTE_KINDS.len()).enumerate();
        parts.map(|(part, from)| grant(plan, env, (to, part), from)).collect::<Vec<_>>()
    };
    targets.into_iter().flat_map(of_target).collect()
}

/// A part of the grant into a namespace.
fn grant(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    (to, part): (&Space, usize),
    from: &[&Space],
) -> Object {
    let mut name = match to {
        Space::Own => "anabranch".to_owned(),
        Space::Other(_) => marks::grant(plan.config.set(), env.name),
    };
    if part > 0 {
        name.push_str(&format!(".part-{}", part + 1));
    }
    let from = from.iter().flat_map(|from| {
        let namespace = from.name().unwrap_or(&env.namespace);
        ROUTE_KINDS.map(|kind| GrantFrom { group: GROUP, kind, namespace: namespace.to_owned() })
    });
    let namespace = to.name().unwrap_or(&env.namespace);
    Object::from_typed(&ReferenceGrant {
        api_version: "gateway.networking.k8s.io/v1beta1",
        kind: "ReferenceGrant",
        metadata: meta::own(plan.config, &name, namespace, Some(env.name)),
        spec: ReferenceGrantSpec {
            from: from.collect(),
            to: vec![GrantTo { group: "", kind: "Service" }],
        },
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_baggage_key_means_itself_and_nothing_else() {
        let matches = |key: &str, baggage: &str| {
            let member = format!("^(?:{})$", baggage_member(key, "pr-42"));
            regex::Regex::new(&member).expect("it compiles").is_match(baggage)
        };
        for key in ["com.example.preview", "a+b", "a*", "a|b", "^a", "$a", "preview_id", "Preview"]
        {
            assert!(matches(key, &format!("x=1, {key} = pr-42 ;ttl=3,y=2")), "{key}");
            assert!(
                !matches(key, &format!("{key}=pr-421")) && !matches(key, &format!("x{key}=pr-42"))
            );
        }
        assert!(!matches("com.example.preview", "comXexample.preview=pr-42"));
        assert!(!matches("a|b", "a") && !matches("a+b", "aab=pr-42"));
        assert!(!matches("Preview", "preview=pr-42"));
    }
}
