//! HTTPRoutes, GRPCRoutes and ReferenceGrants.

use std::collections::BTreeSet;

use smol_str::SmolStr;

use super::{Swap, settle_weights};
use crate::emit::meta;
use crate::kube::gateway::{
    API_VERSION, GROUP, GrantFrom, GrantTo, ParentRef, ReferenceGrant, ReferenceGrantSpec, Route,
    RouteSpec,
};
use crate::kube::{Object, ObjectMeta};
use crate::model::route::gateway_api::{rules, service_parents};
use crate::plan::routing::Local;
use crate::plan::routing::gateway_api::{Rule, Table};
use crate::plan::{Environment, Plan};
use crate::spec::RoutingKey;
use crate::yaml::{Data, Node};

/// Limits of HTTPRoute and GRPCRoute, from their CRDs.
const RULES: usize = 16;
const MATCHES_PER_RULE: usize = 64;
const MATCHES_PER_ROUTE: usize = 128;

/// The regular expression of one member of the W3C baggage header. Envoy matches the whole value.
/// See <https://www.w3.org/TR/baggage/>.
pub(super) fn baggage_member(key: &str, value: &str) -> String {
    format!(r"(?:.*,)?\s*{key}\s*=\s*{value}\s*(?:[,;].*)?")
}

/// A route of the baseline, attached to the copies of its services.
pub(super) fn attach(plan: &Plan<'_>, env: &Environment<'_>, local: &Local<'_>) -> Object {
    let swap = Swap {
        plan,
        env,
        home: &local.route.id.namespace,
        stands_in: &env.namespace,
        inside: true,
    };
    let parents = service_parents(local.route, plan.catalog.namespace)
        .filter(|parent| {
            parent.text_at(&["name"]).is_some_and(|name| local.services.contains(name))
        })
        .map(|parent| {
            let port = parent.get("port").and_then(Node::integer_value);
            parent_service(
                parent.text_at(&["name"]).unwrap_or_default(),
                port.and_then(|port| u16::try_from(port).ok()),
            )
        });
    let rules = rules(local.route).iter().map(|rule| {
        let mut rule = rule.clone();
        complete_matches(&mut rule, kind_of(local.route));
        swap_rule(&mut rule, &swap);
        rule
    });
    let name = &local.route.id.name;
    Object::from_typed(&Route {
        api_version: API_VERSION,
        kind: kind_of(local.route),
        metadata: meta::derived(plan.config, name, &env.namespace, Some(env.name)),
        spec: RouteSpec {
            parent_refs: parents.collect(),
            hostnames: texts(local.route.node.at(&["spec", "hostnames"])),
            rules: rules.collect(),
        },
    })
}

/// `HTTPRoute` or `GRPCRoute`.
pub(super) fn kind_of(route: &Object) -> &'static str {
    if route.id.kind == "GRPCRoute" { "GRPCRoute" } else { "HTTPRoute" }
}

pub(super) fn texts(list: Option<&Node>) -> Vec<String> {
    let items = list.map(Node::items).unwrap_or_default();
    items.iter().filter_map(Node::text).map(str::to_owned).collect()
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
    let swap = Swap { plan, env, home: baseline, stands_in: baseline, inside: false };
    let key = &plan.config.previews.spec.routing.key;
    let mut written: Vec<Node> = Vec::new();
    for rule in &table.rules {
        match rule {
            Rule::Derived { rule, matches } => {
                let matches: Vec<Node> = matches
                    .iter()
                    .flat_map(|one| with_key(*one, key, env.name, table.kind))
                    .collect();
                let most = if replaces_prefix(rule) { 1 } else { MATCHES_PER_RULE };
                for matches in matches.chunks(most) {
                    let mut derived = first("matches", Node::list(matches.to_vec()), rule);
                    derived.remove("name");
                    swap_rule(&mut derived, &swap);
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
                    hostnames: table.hostnames.clone(),
                    rules,
                },
            })
        })
        .collect()
}

/// Whether a rule replaces the prefix that it matched, of which there may only be one.
fn replaces_prefix(rule: &Node) -> bool {
    let backends = rule.get("backendRefs").map(Node::items).unwrap_or_default();
    let filters = [rule].into_iter().chain(backends).filter_map(|node| node.get("filters"));
    filters.flat_map(Node::items).any(|filter| {
        ["urlRewrite", "requestRedirect"]
            .iter()
            .any(|kind| filter.at(&[kind, "path", "replacePrefixMatch"]).is_some())
    })
}

/// `cart.pr-42`; with the port where the service has several, the hosts where its routes have some,
/// and a number for what did not fit into one route.
fn route_name(table: &Table<'_>, preview: &str, part: usize) -> String {
    let mut name = format!("{}.{preview}", table.service.name());
    if let Some(port) = table.port.filter(|_| table.port_in_name) {
        name.push_str(&format!(".{port}"));
    }
    if !table.hostnames.is_empty() {
        let hosts = table.hostnames.iter().map(String::as_str);
        name.push_str(&format!(".{}", crate::plan::naming::safe_hash(hosts, 8)));
    }
    if part > 0 {
        name.push_str(&format!(".part-{}", part + 1));
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

/// Swaps the affected backends of a rule; filters stay, and the targets of mirrors are not swapped.
pub(super) fn swap_rule(rule: &mut Node, swap: &Swap<'_>) {
    if let Some(list) = rule.get_mut("backendRefs") {
        let items: Vec<(bool, Node)> =
            list.items().iter().map(|backend| swap_backend(backend, swap)).collect();
        let weight =
            |item: &(bool, Node)| item.1.get("weight").and_then(Node::integer_value).unwrap_or(1);
        let set = |item: &mut (bool, Node), weight| item.1.set("weight", Node::integer(weight));
        let settled = settle_weights(items, |item| item.0, weight, set);
        list.data = Data::List(settled.into_iter().map(|(_, backend)| backend).collect());
    }
    qualify_mirrors(rule, swap);
}

/// A backendRef with all defaults written out, and whether it now names a copy.
fn swap_backend(backend: &Node, swap: &Swap<'_>) -> (bool, Node) {
    let name = backend.text_at(&["name"]).unwrap_or_default();
    let namespace = backend.text_at(&["namespace"]).unwrap_or(swap.home);
    let is_service = backend.text_at(&["kind"]).is_none_or(|kind| kind == "Service")
        && backend.text_at(&["group"]).is_none_or(str::is_empty);
    let copied = is_service && swap.applies(name, namespace);
    let target = if copied { swap.env.namespace.as_str() } else { namespace };
    let mut swapped = Node::map([
        ("group", backend.get("group").cloned().unwrap_or_else(|| Node::string(""))),
        ("kind", backend.get("kind").cloned().unwrap_or_else(|| Node::string("Service"))),
        ("name", Node::string(name)),
    ]);
    if target != swap.stands_in {
        swapped.set("namespace", Node::string(target));
    }
    for (key, value) in backend.entries() {
        if !matches!(key.text.as_str(), "group" | "kind" | "name" | "namespace") {
            swapped.set(&key.text, value.clone());
        }
    }
    if swapped.get("weight").is_none() {
        swapped.set("weight", Node::integer(1));
    }
    qualify_mirrors(&mut swapped, swap);
    (copied, swapped)
}

/// The target of a mirror stays what it was, also when the route stands elsewhere.
fn qualify_mirrors(node: &mut Node, swap: &Swap<'_>) {
    let Some(filters) = node.get_mut("filters") else {
        return;
    };
    for filter in filters.items_mut() {
        if let Some(target) = filter.at_mut(&["requestMirror", "backendRef"])
            && target.text_at(&["namespace"]).is_none()
            && swap.home != swap.stands_in
        {
            target.set("namespace", Node::string(swap.home));
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

/// Where a route of the preview, or one that chooses its copies, needs a grant.
pub(crate) fn reached(env: &Environment<'_>, route: &Object) -> Reaches {
    if route.id.group != GROUP {
        return Reaches::new();
    }
    let backends = rules(route).iter().flat_map(|rule| {
        let mirrors = rule.get("filters").map(Node::items).unwrap_or_default().iter();
        let mirrors = mirrors.filter_map(|filter| filter.at(&["requestMirror", "backendRef"]));
        rule.get("backendRefs").map(Node::items).unwrap_or_default().iter().chain(mirrors)
    });
    let from = Space::of(&route.id.namespace, env);
    backends
        .filter_map(|backend| backend.text_at(&["namespace"]))
        .map(|to| (Space::of(to, env), from.clone()))
        .filter(|(to, from)| to != from && (*to == Space::Own || *from == Space::Own))
        .collect()
}

/// ReferenceGrants: into the preview for routes that choose its copies, and into the baseline for
/// routes of the preview that choose unaffected services.
pub(crate) fn grants(plan: &Plan<'_>, env: &Environment<'_>, reaches: &Reaches) -> Vec<Object> {
    let mut targets: Vec<&Space> = reaches.iter().map(|(to, _)| to).collect();
    targets.dedup();
    targets
        .into_iter()
        .map(|to| {
            let name = match to {
                Space::Own => "anabranch".to_owned(),
                Space::Other(_) => format!("anabranch.{}", env.name),
            };
            let from = reaches.iter().filter(|(target, _)| target == to).flat_map(|(_, from)| {
                ["HTTPRoute", "GRPCRoute"].map(|kind| GrantFrom {
                    group: GROUP,
                    kind,
                    namespace: from.name().unwrap_or(&env.namespace).to_owned(),
                })
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
        })
        .collect()
}
