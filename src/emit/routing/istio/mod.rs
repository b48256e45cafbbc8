//! Makes VirtualServices: new ones, the user's with rules of previews in front, and those that are attached to copies.
//!
//! A host has only one VirtualService, so it contains the rules of all previews. The rules of each preview are made
//! separately, so that templates can fill them in.

pub(super) mod entry;

use super::{Moved, baggage};
use crate::emit::meta;
use crate::kube::istio::{API_VERSION, VirtualService, VirtualServiceSpec};
use crate::kube::{Object, marks};
use crate::model::Home;
use crate::plan::routing::CopyRoute;
use crate::plan::routing::istio::{Attached, HostRules, InMesh, RuleSource};
use crate::plan::routing::swap::{Backend, Swapped, Weight};
use crate::plan::{Environment, Plan};
use crate::spec::RoutingKey;
use crate::yaml::{Data, Node};

const KIND: &str = "VirtualService";

/// The VirtualService of a host.
pub(crate) fn virtual_service(plan: &Plan<'_>, rules: &HostRules<'_>) -> Object {
    let previews = rules.previews.iter();
    let derived = previews.flat_map(|&(environment, derived)| {
        of_preview(plan, &plan.environments[environment], rules, derived)
    });
    with_rules(plan, rules, derived.collect())
}

/// The VirtualService of a host, with `previews` as the rules of previews.
pub(crate) fn with_rules(plan: &Plan<'_>, rules: &HostRules<'_>, previews: Vec<Node>) -> Object {
    let mut made = match rules.source {
        RuleSource::Existing(original) => extend(plan, rules, original, previews),
        RuleSource::Wildcard(original) => carry_over(plan, rules, original, previews),
        RuleSource::Nothing => make(plan, rules, previews),
    };
    if let Some(earlier) = rules.earlier {
        marks::keep_additions(&mut made.node, &earlier.node);
    }
    made
}

/// The VirtualService of an earlier run without the rules of this set.
pub(super) fn without_rules(plan: &Plan<'_>, earlier: &Object) -> Object {
    let mut object = earlier.clone();
    if let Some(Data::List(http)) = object.node.at_mut(&["spec", "http"]).map(|http| &mut http.data)
    {
        http.retain(|rule| !marks::is_made_rule(rule, plan.config.set()));
    }
    object
}

/// The rules of one preview. `derived` is their index in [`HostRules::derived`].
pub(crate) fn of_preview(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    rules: &HostRules<'_>,
    derived: usize,
) -> Vec<Node> {
    match rules.source {
        RuleSource::Existing(original) => {
            rules_before_original(plan, env, rules, (original, derived))
        }
        RuleSource::Wildcard(original) => {
            let mut made = rules_before_original(plan, env, rules, (original, derived));
            made.iter_mut().for_each(without_gateways);
            made
        }
        RuleSource::Nothing => per_port(plan, env, rules),
    }
}

/// The rules of a preview in front of an original's.
fn rules_before_original(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    rules: &HostRules<'_>,
    (original, derived): (&Object, usize),
) -> Vec<Node> {
    let key = &plan.config.previews.spec.routing.key;
    let moved = Moved::beside(plan, env, original);
    let set = plan.config.set();
    let name = |number: usize| Node::string(marks::rule(set, env.name, number));
    let derived = &rules.derived[derived];
    let mut made = Vec::new();
    for InMesh { swapped, matches } in &derived.rules {
        let with_key: Vec<Node> =
            matches.iter().flat_map(|one| with_key(one, key, env.name)).collect();
        let name = name(made.len() + 1);
        let mut rule = Node::map([("name", name), ("match", Node::list(with_key))]);
        for (field, value) in swapped.rule.entries() {
            if !matches!(field.text.as_str(), "name" | "match") {
                rule.set(&field.text, value.clone());
            }
        }
        write_routes(&mut rule, swapped, &moved);
        made.push(rule);
    }
    for &port in &derived.ports_without_rule {
        let one = match_on_port(rules, port);
        made.push(Node::map([
            ("name", name(made.len() + 1)),
            ("match", Node::list(with_key(&one, key, env.name))),
            ("route", Node::list([destination(&env.host(rules.service), port)])),
        ]));
    }
    made
}

/// The rules that follow those of an original: one for each port without a rule. Istio routes such a port by itself
/// until rules of previews apply there; then requests without a key need a rule.
fn rules_after_original(plan: &Plan<'_>, rules: &HostRules<'_>) -> Vec<Node> {
    let host = plan.catalog.home.host(rules.service);
    let to_itself = |&port: &u16| {
        Node::map([
            ("name", Node::string(marks::rule_of_port(plan.config.set(), port))),
            ("match", Node::list([match_on_port(rules, port)])),
            ("route", Node::list([destination(&host, port)])),
        ])
    };
    rules.ports_without_rule.iter().map(to_itself).collect()
}

/// The match of a port, for the mesh alone where the original is for Gateways too.
fn match_on_port(rules: &HostRules<'_>, port: u16) -> Node {
    let mut one = Node::map([("port", Node::integer(i64::from(port)))]);
    if rules.names_mesh {
        one.set("gateways", Node::list([Node::string("mesh")]));
    }
    one
}

/// A match and the key: one for the header and, where configured, one for the baggage member.
fn with_key(one: &Node, key: &RoutingKey, preview: &str) -> Vec<Node> {
    let mut keys = vec![(key.header.as_str(), "exact", preview.to_owned())];
    if !key.baggage.is_empty() {
        keys.push(("baggage", "regex", baggage::pattern(&key.baggage, preview)));
    }
    keys.into_iter()
        .map(|(header, how, value)| {
            let mut one = one.clone();
            one.make(&["headers"]).set(header, Node::map([(how, Node::string(value))]));
            one
        })
        .collect()
}

/// Writes the destinations that the plan decided on. A short host name means the namespace of its object, so it is
/// completed if the rule moves to another namespace.
fn write_routes(rule: &mut Node, swapped: &Swapped<'_>, moved: &Moved<'_>) {
    if moved.from != moved.to {
        write_out_hosts(rule, moved.catalog.home, moved.from);
    }
    if let Some(list) = rule.get_mut("route").filter(|_| swapped.chooses_copy()) {
        let routes = swapped.backends.iter().map(|one| write_route(one, moved));
        list.data = Data::List(routes.collect());
    }
}

/// Writes a destination. Copies have no subsets.
fn write_route(backend: &Backend<'_>, moved: &Moved<'_>) -> Node {
    let mut written = backend.node.clone();
    match backend.weight {
        Weight::Written => {}
        Weight::Settled(weight) => written.set("weight", Node::integer(weight)),
        Weight::Whole => drop(written.remove("weight")),
    }
    if let (Some(copy), Some(destination)) = (backend.copy, written.get_mut("destination")) {
        destination.set("host", Node::string(moved.env.host(copy.service)));
        destination.remove("subset");
        if let Some(port) = copy.port {
            let number = Node::map([("number", Node::integer(i64::from(port)))]);
            destination.set("port", number);
        }
    }
    written
}

/// Completes the short host names of a rule, which mean services of this namespace.
fn write_out_hosts(rule: &mut Node, home: Home<'_>, namespace: &str) {
    let full = |destination: Option<&mut Node>| {
        let Some(destination) = destination else {
            return;
        };
        if let Some(host) = destination.text_at(&["host"]) {
            let host = home.full_host(host, namespace);
            destination.set("host", Node::string(host));
        }
    };
    if let Some(routes) = rule.get_mut("route") {
        routes.items_mut().iter_mut().for_each(|route| full(route.get_mut("destination")));
    }
    full(rule.get_mut("mirror"));
    if let Some(mirrors) = rule.get_mut("mirrors") {
        mirrors.items_mut().iter_mut().for_each(|mirror| full(mirror.get_mut("destination")));
    }
}

/// The user's VirtualService with the rules of previews in front. It stays the user's: it gets no label of ours, and
/// an annotation records what else changed.
fn extend(
    plan: &Plan<'_>,
    rules: &HostRules<'_>,
    original: &Object,
    mut http: Vec<Node>,
) -> Object {
    let mut node = original.node.clone();
    let existing = original.node.items_at(&["spec", "http"]);
    http.extend(existing.iter().cloned());
    http.extend(rules_after_original(plan, rules));
    let spec = node.make(&["spec"]);
    // An empty list is removed, so that the new one is at the end: there it is too when the changes of an earlier run
    // are undone and made again.
    if existing.is_empty() {
        spec.remove("http");
    }
    spec.set("http", Node::list(http));
    let absent = spec.get("exportTo").is_none_or(|to| to.items().is_empty());
    if absent {
        spec.remove("exportTo");
        spec.set("exportTo", Node::list([Node::string("*")]));
    }
    let mut changed = vec![marks::HTTP];
    // A set removes what it recorded. If another set added it, this one records it too, so that it stays.
    changed.extend(
        (absent || marks::is_changed(&original.node, marks::EXPORT_TO)).then_some(marks::EXPORT_TO),
    );
    marks::set_changes(&mut node, plan.config.set(), &changed);
    Object { node, ..original.clone() }
}

/// A new VirtualService for a host that only a wildcard covers. The rules of the wildcard follow those of previews.
fn carry_over(
    plan: &Plan<'_>,
    rules: &HostRules<'_>,
    wildcard: &Object,
    mut http: Vec<Node>,
) -> Object {
    let carried = rules.carried.iter().map(|InMesh { swapped, matches }| {
        let mut carried = swapped.rule.clone();
        if carried.get("match").is_some() {
            carried.set("match", Node::list(matches.iter().cloned()));
        }
        write_out_hosts(&mut carried, plan.catalog.home, &wildcard.id.namespace);
        carried
    });
    let carried = carried.chain(rules_after_original(plan, rules));
    http.extend(carried.map(|mut rule| {
        without_gateways(&mut rule);
        rule
    }));
    // The wildcard's tls and tcp rules need not be carried over: Istio reads those of every VirtualService for a host.
    object(plan, rules, http, true)
}

/// Removes the gateways from matches, because our object applies to the mesh alone.
fn without_gateways(rule: &mut Node) {
    let matches = rule.get_mut("match").map(Node::items_mut).unwrap_or_default();
    for one in matches {
        one.remove("gateways");
    }
}

/// A new VirtualService for a host without one: the rules of previews, and a rule to the baseline for each port.
fn make(plan: &Plan<'_>, rules: &HostRules<'_>, mut http: Vec<Node>) -> Object {
    let host = plan.catalog.home.host(rules.service);
    for &port in &rules.ports {
        let mut rule = Node::map([("name", Node::string(format!("baseline.{port}")))]);
        if rules.match_port {
            rule.set("match", Node::list([match_if_several_ports(rules, port)]));
        }
        rule.set("route", Node::list([destination(&host, port)]));
        http.push(rule);
    }
    object(plan, rules, http, false)
}

/// A VirtualService that is ours, for all previews.
fn object(plan: &Plan<'_>, rules: &HostRules<'_>, http: Vec<Node>, is_derived: bool) -> Object {
    let name = marks::virtual_service(plan.config.set(), rules.service.name);
    let (home, namespace) = (plan.catalog.home, rules.service.namespace);
    Object::from_typed(&VirtualService {
        api_version: API_VERSION,
        kind: KIND,
        metadata: match is_derived {
            true => meta::derived(plan.config, &name, namespace, None),
            false => meta::managed(plan.config, &name, namespace, None),
        },
        spec: VirtualServiceSpec {
            hosts: vec![home.host(rules.service)],
            gateways: Vec::new(),
            export_to: vec!["*".to_owned()],
            http,
            tcp: Vec::new(),
        },
    })
}

/// The rules of a preview for a host without an original, per port.
fn per_port(plan: &Plan<'_>, env: &Environment<'_>, rules: &HostRules<'_>) -> Vec<Node> {
    let key = &plan.config.previews.spec.routing.key;
    let rule = |(index, &port): (usize, &u16)| {
        Node::map([
            ("name", Node::string(marks::rule(plan.config.set(), env.name, index + 1))),
            ("match", Node::list(with_key(&match_if_several_ports(rules, port), key, env.name))),
            ("route", Node::list([destination(&env.host(rules.service), port)])),
        ])
    };
    rules.ports.iter().enumerate().map(rule).collect()
}

/// The match of a port, if the Service has several; else that of every request.
fn match_if_several_ports(rules: &HostRules<'_>, port: u16) -> Node {
    match rules.match_port {
        true => Node::map([("port", Node::integer(i64::from(port)))]),
        false => Node::default(),
    }
}

fn destination(host: &str, port: u16) -> Node {
    Node::map([(
        "destination",
        Node::map([
            ("host", Node::string(host)),
            ("port", Node::map([("number", Node::integer(i64::from(port)))])),
        ]),
    )])
}

/// A VirtualService attached to copies: visible in the preview alone.
pub(super) fn attach(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    copy_route: &CopyRoute<'_>,
    attached: &Attached<'_>,
) -> Object {
    let moved = Moved::inside(plan, env, copy_route);
    let inside = |rules: &[InMesh<'_>]| -> Vec<Node> {
        rules.iter().map(|rule| inside(copy_route.home, rule, &moved)).collect()
    };
    Object::from_typed(&VirtualService {
        api_version: API_VERSION,
        kind: KIND,
        metadata: meta::derived(plan.config, &copy_route.name, moved.to, Some(env.name)),
        spec: VirtualServiceSpec {
            hosts: attached.services.iter().map(|service| env.host(*service)).collect(),
            gateways: Vec::new(),
            export_to: vec![".".to_owned()],
            http: inside(&attached.http),
            tcp: inside(&attached.tcp),
        },
    })
}

/// A rule for calls inside a preview, to copies of this namespace of the baseline.
fn inside(home: &str, rule: &InMesh<'_>, moved: &Moved<'_>) -> Node {
    let mut attached = rule.swapped.rule.clone();
    if attached.get("match").is_some() {
        let inside = |one: &Node| {
            let mut one = one.clone();
            one.remove("gateways");
            if one.text_at(&["sourceNamespace"]) == Some(home) {
                one.set("sourceNamespace", Node::string(moved.to));
            }
            one
        };
        attached.set("match", Node::list(rule.matches.iter().map(inside)));
    }
    write_routes(&mut attached, &rule.swapped, moved);
    attached
}
