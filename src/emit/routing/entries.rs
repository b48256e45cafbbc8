//! Clones of entry routes: the preview's host, every backend resolved, the key set; and originals
//! that drop the key.

use std::collections::{BTreeMap, BTreeSet};

use super::Moved;
use super::gateway_api::{complete_matches, kind_of, write_backends};
use super::istio::{write_out_hosts, write_routes};
use crate::emit::meta;
use crate::kube::gateway::{API_VERSION, GROUP, ParentRef, Route, RouteSpec};
use crate::kube::istio::{self, VirtualService, VirtualServiceSpec};
use crate::kube::meta::without;
use crate::kube::{Object, marks};
use crate::model::route::istio::is_for_gateway;
use crate::plan::routing::entries::Clone as Entry;
use crate::plan::{Environment, Plan};
use crate::yaml::{Data, Node};

/// The clone of an entry route for one preview.
pub(super) fn emit(plan: &Plan<'_>, env: &Environment<'_>, clone: &Entry<'_>) -> Object {
    let hosts = clone.hosts(env.name);
    match clone.route.id.group.as_str() {
        GROUP => gateway_route(plan, env, clone, &hosts),
        _ => virtual_service(plan, env, clone, &hosts),
    }
}

/// The member of the baggage that carries the key of a preview; none where there is no such key.
fn member(plan: &Plan<'_>, preview: &str) -> Option<String> {
    let key = &plan.config.previews.spec.routing.key.baggage;
    (!key.is_empty()).then(|| format!("{key}={preview}"))
}

/// The hosts of a preview in place of the original ones.
type Hosts<'a> = BTreeMap<&'a str, String>;

/// The hosts of a clone, in the order of the original ones: how a preview's name sorts does not count.
fn preview_hosts(hosts: &Hosts<'_>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    hosts.values().filter(|host| seen.insert(*host)).cloned().collect()
}

fn moved<'a>(plan: &'a Plan<'a>, env: &'a Environment<'a>, clone: &'a Entry<'a>) -> Moved<'a> {
    let namespace = clone.route.id.namespace.as_str();
    Moved { env, catalog: plan.catalog, from: namespace, to: namespace }
}

fn gateway_route(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    clone: &Entry<'_>,
    hosts: &Hosts<'_>,
) -> Object {
    let moved = moved(plan, env, clone);
    let gateway = &clone.entry.gateway;
    let rules = clone.rules.iter().map(|swapped| {
        let mut rule = swapped.rule.clone();
        complete_matches(&mut rule, kind_of(clone.route));
        write_backends(&mut rule, &swapped.backends, &moved);
        redirect_to_preview(&mut rule, hosts);
        if rule.get("backendRefs").is_some_and(|backends| !backends.items().is_empty()) {
            let key = &plan.config.previews.spec.routing.key;
            let modifier = header_modifier(&mut rule);
            // The original may strip the key; the clone must not undo what it sets.
            without(modifier, "remove", &key.header);
            set_header(modifier, &key.header, env.name);
            if let Some(member) = member(plan, env.name) {
                add_member(modifier, &member);
            }
        }
        rule
    });
    let namespace = clone.route.id.namespace.as_str();
    let name = clone.name(env.name);
    Object::from_typed(&Route {
        api_version: API_VERSION,
        kind: kind_of(clone.route),
        metadata: meta::derived(plan.config, &name, namespace, Some(env.name)),
        spec: RouteSpec {
            parent_refs: vec![ParentRef {
                group: GROUP.to_owned(),
                kind: "Gateway".to_owned(),
                namespace: (gateway.namespace != namespace).then(|| gateway.namespace.clone()),
                name: gateway.name.clone(),
                section_name: (!gateway.section_name.is_empty())
                    .then(|| gateway.section_name.clone()),
                port: None,
            }],
            hostnames: preview_hosts(hosts),
            rules: rules.collect(),
        },
    })
}

fn has_backends(rule: &Node) -> bool {
    rule.get("backendRefs").is_some_and(|backends| !backends.items().is_empty())
}

/// The RequestHeaderModifier of a rule, which may have only one; made where there is none.
fn header_modifier(rule: &mut Node) -> &mut Node {
    const TYPE: &str = "RequestHeaderModifier";
    if rule.get("filters").is_none() {
        rule.set("filters", Node::list([]));
    }
    let filters = rule.get_mut("filters").expect("set on the lines above");
    let index = filters.items().iter().position(|filter| filter.text_at(&["type"]) == Some(TYPE));
    let index = index.unwrap_or_else(|| {
        filters.push(Node::map([("type", Node::string(TYPE))]));
        filters.items().len() - 1
    });
    filters.items_mut()[index].make(&["requestHeaderModifier"])
}

/// The value of a header in a list of a header modifier.
fn value_of<'n>(modifier: &'n mut Node, list: &str, header: &str) -> Option<&'n mut Node> {
    let is_same = |name: Option<&str>| name.is_some_and(|name| name.eq_ignore_ascii_case(header));
    match &mut modifier.get_mut(list)?.data {
        Data::List(items) => {
            let item = items.iter_mut().find(|item| is_same(item.text_at(&["name"])))?;
            item.get_mut("value")
        }
        Data::Map(entries) => {
            let entry = entries.iter_mut().find(|(name, _)| is_same(Some(&name.text)))?;
            Some(&mut entry.1)
        }
        Data::Scalar { .. } => None,
    }
}

/// Adds a header to a list of an HTTPRoute's modifier.
fn push_header(modifier: &mut Node, list: &str, name: &str, value: &str) {
    let header = Node::map([("name", Node::string(name)), ("value", Node::string(value))]);
    match modifier.get_mut(list) {
        Some(list) => list.push(header),
        None => modifier.set(list, Node::list([header])),
    }
}

fn set_header(modifier: &mut Node, name: &str, value: &str) {
    match value_of(modifier, "set", name) {
        Some(found) => *found = Node::string(value),
        None => push_header(modifier, "set", name, value),
    }
}

/// Adds a member to the baggage, behind what the client sends or the original writes.
fn add_member(modifier: &mut Node, member: &str) {
    if !joined(modifier, member) {
        push_header(modifier, "add", "baggage", member);
    }
}

/// Joins a member to the baggage that a modifier writes already.
fn joined(modifier: &mut Node, member: &str) -> bool {
    ["set", "add"].iter().any(|list| {
        let Some(found) = value_of(modifier, list, "baggage") else {
            return false;
        };
        let both = format!("{},{member}", found.text().unwrap_or_default());
        *found = Node::string(both);
        true
    })
}

/// A redirect to the original's own host would lead out of the preview.
fn redirect_to_preview(rule: &mut Node, hosts: &Hosts<'_>) {
    let Some(filters) = rule.get_mut("filters") else {
        return;
    };
    for filter in filters.items_mut() {
        if let Some(redirect) = filter.get_mut("requestRedirect")
            && let Some(host) = redirect.text_at(&["hostname"]).and_then(|host| hosts.get(host))
        {
            redirect.set("hostname", Node::string(host));
        }
    }
}

fn virtual_service(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    clone: &Entry<'_>,
    hosts: &Hosts<'_>,
) -> Object {
    let moved = moved(plan, env, clone);
    let gateway = format!("{}/{}", clone.entry.gateway.namespace, clone.entry.gateway.name);
    let entries = clone.rules.iter().filter_map(|swapped| {
        let mut cloned = swapped.rule.clone();
        if let Some(matches) = gateway_matches(swapped.rule, hosts)? {
            cloned.set("match", Node::list(matches));
        }
        write_routes(&mut cloned, &swapped.backends, &moved);
        write_out_hosts(&mut cloned, plan.catalog.home, moved.from);
        if let Some(redirect) = cloned.get_mut("redirect")
            && let Some(host) = redirect.text_at(&["authority"]).and_then(|host| hosts.get(host))
        {
            redirect.set("authority", Node::string(host));
        }
        if cloned.get("route").is_some() {
            let request = cloned.make(&["headers", "request"]);
            let key = &plan.config.previews.spec.routing.key;
            without(request, "remove", &key.header);
            request.make(&["set"]).set(&key.header, Node::string(env.name));
            if let Some(member) = member(plan, env.name)
                && !joined(request, &member)
            {
                request.make(&["add"]).set("baggage", Node::string(member));
            }
        }
        Some(cloned)
    });
    Object::from_typed(&VirtualService {
        api_version: istio::API_VERSION,
        kind: "VirtualService",
        metadata: meta::derived(
            plan.config,
            &clone.name(env.name),
            &clone.route.id.namespace,
            Some(env.name),
        ),
        spec: VirtualServiceSpec {
            hosts: preview_hosts(hosts),
            gateways: vec![gateway],
            export_to: vec!["*".to_owned()],
            http: entries.collect(),
            tcp: Vec::new(),
        },
    })
}

/// The matches of an entry that hold at a gateway, bound to the clone's own: `None` where the entry
/// is for the mesh alone, `Some(None)` where it has no matches.
#[expect(clippy::option_option, reason = "absent entry and absent matches are two things")]
fn gateway_matches(entry: &Node, hosts: &Hosts<'_>) -> Option<Option<Vec<Node>>> {
    let Some(matches) = entry.get("match").filter(|list| !list.items().is_empty()) else {
        return Some(None);
    };
    let kept: Vec<Node> = matches
        .items()
        .iter()
        .filter(|one| is_for_gateway(one))
        .map(|one| {
            let mut one = one.clone();
            one.remove("gateways");
            if let Some(authority) = one.get_mut("authority")
                && let Some(host) = authority.text_at(&["exact"]).and_then(|host| hosts.get(host))
            {
                authority.set("exact", Node::string(host));
            }
            one
        })
        .collect();
    (!kept.is_empty()).then_some(Some(kept))
}

/// An original whose rules remove the key that a client sends; an annotation says so, for the next
/// run to take it back.
pub(super) fn strip(plan: &Plan<'_>, mut object: Object) -> Object {
    let key = &plan.config.previews.spec.routing.key;
    let baggage = (!key.baggage.is_empty()).then_some("baggage");
    let headers: Vec<&str> = [key.header.as_str()].into_iter().chain(baggage).collect();
    let spec = object.node.make(&["spec"]);
    let modifiers: Vec<&mut Node> = if object.id.group == GROUP {
        let rules = spec.get_mut("rules").map(Node::items_mut).unwrap_or_default();
        rules.iter_mut().filter(|rule| has_backends(rule)).map(header_modifier).collect()
    } else {
        let entries = spec.get_mut("http").map(Node::items_mut).unwrap_or_default();
        let routed = entries.iter_mut().filter(|entry| entry.get("route").is_some());
        routed.map(|entry| entry.make(&["headers", "request"])).collect()
    };
    for modifier in modifiers {
        for header in &headers {
            without(modifier, "remove", header);
            match modifier.get_mut("remove") {
                Some(list) => list.push(Node::string(*header)),
                None => modifier.set("remove", Node::list([Node::string(*header)])),
            }
        }
    }
    let removed: Vec<String> = headers.iter().map(|header| format!("-{header}")).collect();
    marks::set_changes(&mut object.node, plan.config.set(), &removed);
    object
}
