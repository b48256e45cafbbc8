//! VirtualServices: made, extended in front, and attached to copies.

use std::collections::{BTreeMap, BTreeSet};

use super::Moved;
use super::gateway_api::baggage_member;
use crate::emit::meta;
use crate::kube::istio::{API_VERSION, VirtualService, VirtualServiceSpec};
use crate::kube::{Object, marks};
use crate::model::Home;
use crate::model::route::istio::{hosts, http, is_only_mesh, mesh_matches};
use crate::plan::routing::Local;
use crate::plan::routing::istio::{Source, Table};
use crate::plan::routing::swap::{Backend, Swapped};
use crate::plan::{Environment, Plan};
use crate::spec::RoutingKey;
use crate::yaml::{Data, Node};

const KIND: &str = "VirtualService";

/// The VirtualService of a table.
pub(crate) fn whole(plan: &Plan<'_>, table: &Table<'_>) -> Object {
    let previews = table.previews.iter();
    let entries = previews.flat_map(|&(environment, derived)| {
        of_preview(plan, &plan.environments[environment], table, derived)
    });
    with_entries(plan, table, entries.collect())
}

/// The VirtualService of a table with these entries in place of the previews'.
pub(crate) fn with_entries(plan: &Plan<'_>, table: &Table<'_>, entries: Vec<Node>) -> Object {
    let mut made = match table.source {
        Source::Own(original) => return extend(plan, table, original, entries),
        Source::Wildcard(original) => carry_over(plan, table, original, entries),
        Source::Nothing => make(plan, table, entries),
    };
    let earlier = plan.catalog.extended().iter().find(|earlier| earlier.id == made.id);
    earlier.into_iter().for_each(|earlier| marks::keep_additions(&mut made.node, &earlier.node));
    made
}

/// The entries of one preview: what is derived of an original, by its index, or the ports of a host
/// without one.
pub(crate) fn of_preview(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    table: &Table<'_>,
    derived: usize,
) -> Vec<Node> {
    match table.source {
        Source::Own(original) => in_front(plan, env, table, original, derived),
        Source::Wildcard(original) => {
            let mut entries = in_front(plan, env, table, original, derived);
            entries.iter_mut().for_each(for_mesh_alone);
            entries
        }
        Source::Nothing => per_port(plan, env, table),
    }
}

/// What a preview puts in front of an original's entries.
fn in_front(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    table: &Table<'_>,
    original: &Object,
    derived: usize,
) -> Vec<Node> {
    let key = &plan.config.previews.spec.routing.key;
    let home = original.id.namespace.as_str();
    let moved = Moved { env, catalog: plan.catalog, from: home, to: home };
    let mut entries = Vec::new();
    let set = plan.config.set();
    let name = |number: usize| Node::string(marks::entry(set, env.name, number));
    for swapped in &table.derived[derived] {
        let Some(matches) = mesh_matches(original, swapped.rule) else {
            continue;
        };
        let with_key: Vec<Node> =
            matches.iter().flat_map(|one| with_key(one, key, env.name)).collect();
        let name = name(entries.len() + 1);
        let mut derived = Node::map([("name", name), ("match", Node::list(with_key))]);
        for (field, value) in swapped.rule.entries() {
            if !matches!(field.text.as_str(), "name" | "match") {
                derived.set(&field.text, value.clone());
            }
        }
        write_routes(&mut derived, &swapped.backends, &moved);
        entries.push(derived);
    }
    for &port in table.bare.iter().filter(|_| env.affected.contains(table.service)) {
        let one = bare_match(port, !is_only_mesh(original));
        entries.push(Node::map([
            ("name", name(entries.len() + 1)),
            ("match", Node::list(with_key(&one, key, env.name))),
            ("route", Node::list([destination(&env.host(table.service), port)])),
        ]));
    }
    entries
}

/// What follows the entries of an original: requests without a key on the ports that it leaves to
/// Istio would find no route, now that the entries of previews apply to them.
fn behind(plan: &Plan<'_>, table: &Table<'_>, original: &Object) -> Vec<Node> {
    let host = plan.catalog.home.host(table.service);
    let to_itself = |&port: &u16| {
        Node::map([
            ("name", Node::string(marks::entry_of_port(plan.config.set(), port))),
            ("match", Node::list([bare_match(port, !is_only_mesh(original))])),
            ("route", Node::list([destination(&host, port)])),
        ])
    };
    table.bare.iter().map(to_itself).collect()
}

fn bare_match(port: u16, mixed: bool) -> Node {
    let mut one = Node::map([("port", Node::integer(i64::from(port)))]);
    if mixed {
        one.set("gateways", Node::list([Node::string("mesh")]));
    }
    one
}

/// A match and the key: one for the header and, where configured, one for the baggage member.
fn with_key(one: &Node, key: &RoutingKey, preview: &str) -> Vec<Node> {
    let mut keys = vec![(key.header.as_str(), "exact", preview.to_owned())];
    if !key.baggage.is_empty() {
        keys.push(("baggage", "regex", baggage_member(&key.baggage, preview)));
    }
    keys.into_iter()
        .map(|(header, how, value)| {
            let mut one = one.clone();
            one.make(&["headers"]).set(header, Node::map([(how, Node::string(value))]));
            one
        })
        .collect()
}

/// Writes the destinations that were decided on. Subsets of a swapped host fall away, since a preview has
/// none, and destinations that become the same are merged. Short host names mean the namespace of their
/// object; in another namespace they are written out.
pub(super) fn write_routes(entry: &mut Node, routes: &[Backend<'_>], moved: &Moved<'_>) {
    if moved.from != moved.to {
        write_out_hosts(entry, moved.catalog.home, moved.from);
    }
    let Some(list) = entry.get_mut("route").filter(|_| routes.iter().any(|one| one.copy.is_some()))
    else {
        return;
    };
    let split = list.items().len() > 1;
    let settled = routes.iter().map(|route| write_route(route, moved));
    let mut merged: Vec<Node> = Vec::new();
    // Mostly hosts differ: only destinations of one host are compared whole.
    let mut by_host: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    for route in settled {
        let host = route.text_at(&["destination", "host"]).unwrap_or_default().to_owned();
        let others = by_host.entry(host).or_default();
        let same = others.iter().find(|&&other| is_same_but_for_weight(&merged[other], &route));
        match same {
            Some(&other) => {
                let of =
                    |node: &Node| node.get("weight").and_then(Node::integer_value).unwrap_or(0);
                let weight = of(&merged[other]) + of(&route);
                merged[other].set("weight", Node::integer(weight));
            }
            None => {
                others.push(merged.len());
                merged.push(route);
            }
        }
    }
    if let [only] = merged.as_mut_slice()
        && split
    {
        // A single destination gets everything, whatever its weight was.
        only.remove("weight");
    }
    list.data = Data::List(merged);
}

/// Whether two destinations of an entry differ in nothing but their weight.
fn is_same_but_for_weight(a: &Node, b: &Node) -> bool {
    let rest = |node: &Node| {
        let mut node = node.clone();
        node.remove("weight");
        node
    };
    rest(a) == rest(b)
}

fn write_route(route: &Backend<'_>, moved: &Moved<'_>) -> Node {
    let mut written = route.node.clone();
    if let Some(weight) = route.weight {
        written.set("weight", Node::integer(weight));
    }
    if let (Some(name), Some(destination)) = (route.copy, written.get_mut("destination")) {
        destination.set("host", Node::string(moved.env.host(name)));
        destination.remove("subset");
        let ports = moved.catalog.service(name).map(|s| s.ports.as_slice()).unwrap_or_default();
        if let ([only], None) = (ports, destination.get("port")) {
            // Written out: a destination of another namespace has no listener to take its port from.
            let number = Node::map([("number", Node::integer(i64::from(only.number)))]);
            destination.set("port", number);
        }
    }
    written
}

/// Writes out the short host names of an entry, which mean services of this namespace.
pub(super) fn write_out_hosts(entry: &mut Node, home: Home<'_>, namespace: &str) {
    let full = |destination: Option<&mut Node>| {
        let Some(destination) = destination else {
            return;
        };
        if let Some(host) = destination.text_at(&["host"]) {
            let host = home.full_host(host, namespace);
            destination.set("host", Node::string(host));
        }
    };
    if let Some(routes) = entry.get_mut("route") {
        routes.items_mut().iter_mut().for_each(|route| full(route.get_mut("destination")));
    }
    full(entry.get_mut("mirror"));
    if let Some(mirrors) = entry.get_mut("mirrors") {
        mirrors.items_mut().iter_mut().for_each(|mirror| full(mirror.get_mut("destination")));
    }
}

/// The user's own VirtualService with the entries of previews in front. It stays the user's: no
/// label of ours, and an annotation says what else was changed.
fn extend(plan: &Plan<'_>, table: &Table<'_>, original: &Object, mut entries: Vec<Node>) -> Object {
    let mut node = original.node.clone();
    let existing = original.node.at(&["spec", "http"]).map(Node::items).unwrap_or_default();
    entries.extend(existing.iter().cloned());
    entries.extend(behind(plan, table, original));
    let spec = node.make(&["spec"]);
    spec.set("http", Node::list(entries));
    let absent = spec.get("exportTo").is_none_or(|to| to.items().is_empty());
    if absent {
        spec.set("exportTo", Node::list([Node::string("*")]));
    }
    let mut changed = vec![marks::HTTP];
    // What another set added, it takes away again unless this one adds it too.
    changed.extend(
        (absent || marks::is_changed(&original.node, marks::EXPORT_TO)).then_some(marks::EXPORT_TO),
    );
    marks::set_changes(&mut node, plan.config.set(), &changed);
    Object { node, ..original.clone() }
}

/// A VirtualService for a host that only a wildcard covers, whose entries follow those of previews.
fn carry_over(
    plan: &Plan<'_>,
    table: &Table<'_>,
    wildcard: &Object,
    mut entries: Vec<Node>,
) -> Object {
    let carried = http(wildcard).filter_map(|entry| {
        let matches = mesh_matches(wildcard, entry)?;
        let mut carried = entry.clone();
        if entry.get("match").is_some() {
            carried.set("match", Node::list(matches));
        }
        write_out_hosts(&mut carried, plan.catalog.home, &wildcard.id.namespace);
        Some(carried)
    });
    let mut own: Vec<Node> = carried.chain(behind(plan, table, wildcard)).collect();
    own.iter_mut().for_each(for_mesh_alone);
    entries.extend(own);
    let metadata = meta::derived(plan.config, &name_of(plan, table), plan.catalog.namespace, None);
    // Its tls and tcp sections go on counting: for these Istio reads every one that covers a host.
    let spec = spec_of(plan, table, entries);
    Object::from_typed(&VirtualService { api_version: API_VERSION, kind: KIND, metadata, spec })
}

/// An object of ours is bound to the mesh alone, so its matches need not say so.
fn for_mesh_alone(entry: &mut Node) {
    let matches = entry.get_mut("match").map(Node::items_mut).unwrap_or_default();
    for one in matches {
        one.remove("gateways");
    }
}

/// A VirtualService for a host that has none: entries of previews, and the baseline's own per port.
fn make(plan: &Plan<'_>, table: &Table<'_>, mut entries: Vec<Node>) -> Object {
    let host = plan.catalog.home.host(table.service);
    for &port in &table.ports {
        let mut entry = Node::map([("name", Node::string(format!("baseline.{port}")))]);
        if table.match_port {
            entry.set("match", Node::list([port_match(table, port)]));
        }
        entry.set("route", Node::list([destination(&host, port)]));
        entries.push(entry);
    }
    let metadata = meta::own(plan.config, &name_of(plan, table), plan.catalog.namespace, None);
    let spec = spec_of(plan, table, entries);
    Object::from_typed(&VirtualService { api_version: API_VERSION, kind: KIND, metadata, spec })
}

fn name_of(plan: &Plan<'_>, table: &Table<'_>) -> String {
    marks::virtual_service(plan.config.set(), table.service)
}

/// What every VirtualService of ours has.
fn spec_of(plan: &Plan<'_>, table: &Table<'_>, http: Vec<Node>) -> VirtualServiceSpec {
    VirtualServiceSpec {
        hosts: vec![plan.catalog.home.host(table.service)],
        gateways: Vec::new(),
        export_to: vec!["*".to_owned()],
        http,
        tcp: Vec::new(),
    }
}

/// The entries of a preview for a host without an original, per port.
fn per_port(plan: &Plan<'_>, env: &Environment<'_>, table: &Table<'_>) -> Vec<Node> {
    let key = &plan.config.previews.spec.routing.key;
    let entry = |(index, &port): (usize, &u16)| {
        Node::map([
            ("name", Node::string(marks::entry(plan.config.set(), env.name, index + 1))),
            ("match", Node::list(with_key(&port_match(table, port), key, env.name))),
            ("route", Node::list([destination(&env.host(table.service), port)])),
        ])
    };
    table.ports.iter().enumerate().map(entry).collect()
}

/// What binds an entry to a port, where that is needed.
fn port_match(table: &Table<'_>, port: u16) -> Node {
    match table.match_port {
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

/// A VirtualService attached to the copies of its services: seen by the preview alone. None where nothing
/// of it holds in the mesh.
pub(super) fn attach(plan: &Plan<'_>, env: &Environment<'_>, local: &Local<'_>) -> Option<Object> {
    let original = local.route;
    let home = original.id.namespace.as_str();
    let moved = Moved { env, catalog: plan.catalog, from: home, to: &env.namespace };
    let inside = |rules: &[Swapped<'_>]| -> Vec<Node> {
        rules.iter().filter_map(|rule| attached(plan, original, rule, &moved)).collect()
    };
    let (http, tcp) = (inside(&local.rules), inside(&local.tcp));
    if http.is_empty() && tcp.is_empty() {
        return None;
    }
    // Several spellings of one host are one here.
    let mut seen = BTreeSet::new();
    let mut own_hosts: Vec<String> = hosts(original)
        .filter_map(|host| plan.catalog.home.service_routed(host, original))
        .filter(|name| local.services.contains(name.as_ref()) && seen.insert(name.clone()))
        .map(|name| env.host(&name))
        .collect();
    if own_hosts.is_empty() {
        own_hosts = local.services.iter().map(|name| env.host(name)).collect();
    }
    let metadata = meta::derived(plan.config, &local.name, &env.namespace, Some(env.name));
    Some(Object::from_typed(&VirtualService {
        api_version: API_VERSION,
        kind: KIND,
        metadata,
        spec: VirtualServiceSpec {
            hosts: own_hosts,
            gateways: Vec::new(),
            export_to: vec![".".to_owned()],
            http,
            tcp,
        },
    }))
}

/// An entry as it holds inside a preview, where that is bound to the mesh.
fn attached(
    plan: &Plan<'_>,
    original: &Object,
    swapped: &Swapped<'_>,
    moved: &Moved<'_>,
) -> Option<Node> {
    let matches = mesh_matches(original, swapped.rule)?;
    let mut attached = swapped.rule.clone();
    if attached.get("match").is_some() {
        let inside = |mut one: Node| {
            one.remove("gateways");
            if one.text_at(&["sourceNamespace"]) == Some(plan.catalog.namespace) {
                one.set("sourceNamespace", Node::string(&moved.env.namespace));
            }
            one
        };
        attached.set("match", Node::list(matches.into_iter().map(inside)));
    }
    write_routes(&mut attached, &swapped.backends, moved);
    Some(attached)
}
