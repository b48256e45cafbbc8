//! Clones of entry routes: the preview's host, every backend resolved, the key set; and originals
//! that drop the key.

use super::Moved;
use super::gateway_api::{complete_matches, kind_of, write_backends};
use super::istio::{write_out_hosts, write_routes};
use crate::emit::meta;
use crate::kube::gateway::{API_VERSION, GROUP, ParentRef, Route, RouteSpec};
use crate::kube::istio::{self, VirtualService, VirtualServiceSpec};
use crate::kube::meta::{answer_changes, keep_header, request_changes, without};
use crate::kube::{Object, marks};
use crate::model::route::istio::export_to;
use crate::plan::routing::entries::{Clone as Entry, Origin, Rule, Target, fill};
use crate::plan::{Environment, Plan};
use crate::yaml::{Data, Node};

/// The clone of an entry route for one preview.
pub(super) fn emit(plan: &Plan<'_>, env: &Environment<'_>, clone: &Entry<'_>) -> Object {
    match clone.way.route.id.group.as_str() {
        GROUP => gateway_route(plan, env, clone),
        _ => virtual_service(plan, env, clone),
    }
}

/// The member of the baggage that carries the key of a preview; none where there is no such key.
fn member(plan: &Plan<'_>, preview: &str) -> Option<String> {
    let key = &plan.config.previews.spec.routing.key.baggage;
    (!key.is_empty()).then(|| format!("{key}={preview}"))
}

fn key_header<'p>(plan: &'p Plan<'_>) -> &'p str {
    &plan.config.previews.spec.routing.key.header
}

/// Takes from a rule and its backends what would undo the key that the clone sets: the original may strip
/// the key, or write one. What backends do comes after what their rule does.
fn leave_key(rule: &mut Node, backends: &str, key: &str, member: Option<&str>) {
    const ALL: [&str; 3] = ["set", "add", "remove"];
    keep_header(rule, &ALL, key);
    for backend in rule.get_mut(backends).map(Node::items_mut).unwrap_or_default() {
        keep_header(backend, &ALL, key);
        if let Some(member) = member {
            keep_header(backend, &["remove"], "baggage");
            for change in request_changes(backend) {
                joined(change, &["set"], member);
            }
        }
    }
}

fn moved<'a>(plan: &'a Plan<'a>, env: &'a Environment<'a>, clone: &'a Entry<'a>) -> Moved<'a> {
    let namespace = clone.way.route.id.namespace.as_str();
    Moved { env, catalog: plan.catalog, from: namespace, to: namespace }
}

fn gateway_route(plan: &Plan<'_>, env: &Environment<'_>, clone: &Entry<'_>) -> Object {
    let moved = moved(plan, env, clone);
    let gateway = &clone.entry.gateway;
    let rules = clone.way.rules.iter().zip(&clone.backends).map(|(planned, swapped)| {
        let mut rule = planned.node.clone();
        complete_matches(&mut rule, kind_of(clone.way.route));
        write_backends(&mut rule, &swapped.backends, &moved);
        for filter in rule.get_mut("filters").map(Node::items_mut).unwrap_or_default() {
            if let (Some(to), Some(redirect)) =
                (&planned.redirect, filter.get_mut("requestRedirect"))
            {
                lead(redirect, "hostname", to, env.name);
            }
            if let (Some(origins), Some(cors)) = (&planned.origins, filter.get_mut("cors")) {
                cors.set("allowOrigins", Node::list(origins_of(origins, env.name, Node::string)));
            }
        }
        lead_answers(&mut rule, "backendRefs", planned, env.name);
        if rule.get("backendRefs").is_some_and(|backends| !backends.items().is_empty()) {
            let (key, member) = (key_header(plan), member(plan, env.name));
            leave_key(&mut rule, "backendRefs", key, member.as_deref());
            let modifier = header_modifier(&mut rule);
            push_header(modifier, "set", key, env.name);
            if let Some(member) = member {
                add_member(modifier, &member);
            }
        }
        rule
    });
    let namespace = clone.way.route.id.namespace.as_str();
    let name = clone.name(env.name);
    Object::from_typed(&Route {
        api_version: API_VERSION,
        kind: kind_of(clone.way.route),
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
            hostnames: clone.hosts(env.name),
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

/// Adds a member to the baggage, behind what the client sends or the original writes.
fn add_member(modifier: &mut Node, member: &str) {
    if !joined(modifier, &["set", "add"], member) {
        push_header(modifier, "add", "baggage", member);
    }
}

/// Joins a member to the baggage that a modifier writes already in one of these lists.
fn joined(modifier: &mut Node, lists: &[&str], member: &str) -> bool {
    lists.iter().any(|list| {
        let Some(found) = value_of(modifier, list, "baggage") else {
            return false;
        };
        let both = format!("{},{member}", found.text().unwrap_or_default());
        *found = Node::string(both);
        true
    })
}

/// Lets a redirect lead to a preview's host, as the listener of the entry serves it.
fn lead(redirect: &mut Node, host_field: &str, to: &Target, preview: &str) {
    if let Some(host) = &to.host {
        redirect.set(host_field, Node::string(host.of(preview)));
    }
    if redirect.get("scheme").is_some() {
        redirect.set("scheme", Node::string(to.scheme));
    }
    for field in ["port", "derivePort"] {
        redirect.remove(field);
    }
    if let Some(port) = to.port {
        redirect.set("port", Node::integer(i64::from(port)));
    }
}

/// The origins of a CORS policy: those that are kept, and those of preview hosts.
fn origins_of(origins: &[Origin<'_>], preview: &str, form: impl Fn(String) -> Node) -> Vec<Node> {
    let one = |origin: &Origin<'_>| match origin {
        Origin::Kept(node) => (*node).clone(),
        Origin::Preview(url) => form(url.of(preview)),
    };
    origins.iter().map(one).collect()
}

/// Lets the headers of answers, those of a rule and of its backends, lead to a preview's host.
fn lead_answers(rule: &mut Node, backends: &str, planned: &Rule<'_>, preview: &str) {
    if planned.answers.is_empty() {
        return;
    }
    let lead = |value: &mut Node| {
        if let Some(led) = value.text().and_then(|text| planned.answers.get(text)) {
            *value = Node::string(led.of(preview));
        }
    };
    let each = |node: &mut Node| {
        for change in answer_changes(node) {
            for list in ["set", "add"] {
                match change.get_mut(list).map(|list| &mut list.data) {
                    Some(Data::List(items)) => {
                        items.iter_mut().filter_map(|one| one.get_mut("value")).for_each(lead);
                    }
                    Some(Data::Map(entries)) => entries.iter_mut().for_each(|(_, it)| lead(it)),
                    Some(Data::Scalar { .. }) | None => {}
                }
            }
        }
    };
    each(rule);
    rule.get_mut(backends).map(Node::items_mut).unwrap_or_default().iter_mut().for_each(each);
}

fn virtual_service(plan: &Plan<'_>, env: &Environment<'_>, clone: &Entry<'_>) -> Object {
    let moved = moved(plan, env, clone);
    let gateway = format!("{}/{}", clone.entry.gateway.namespace, clone.entry.gateway.name);
    let entries = clone.way.rules.iter().zip(&clone.backends).map(|(planned, swapped)| {
        let mut cloned = planned.node.clone();
        write_matches(&mut cloned, planned, env.name);
        write_routes(&mut cloned, &swapped.backends, &moved);
        write_out_hosts(&mut cloned, plan.catalog.home, moved.from);
        if let (Some(to), Some(redirect)) = (&planned.redirect, cloned.get_mut("redirect")) {
            lead(redirect, "authority", to, env.name);
        }
        if let (Some(origins), Some(policy)) = (&planned.origins, cloned.get_mut("corsPolicy")) {
            write_origins(policy, origins, env.name);
        }
        lead_answers(&mut cloned, "route", planned, env.name);
        if cloned.get("route").is_some() {
            let (key, member) = (key_header(plan), member(plan, env.name));
            leave_key(&mut cloned, "route", key, member.as_deref());
            let request = cloned.make(&["headers", "request"]);
            request.make(&["set"]).set(key, Node::string(env.name));
            if let Some(member) = member
                && !joined(request, &["set", "add"], &member)
            {
                request.make(&["add"]).set("baggage", Node::string(member));
            }
        }
        cloned
    });
    Object::from_typed(&VirtualService {
        api_version: istio::API_VERSION,
        kind: "VirtualService",
        metadata: meta::derived(
            plan.config,
            &clone.name(env.name),
            &clone.way.route.id.namespace,
            Some(env.name),
        ),
        spec: VirtualServiceSpec {
            hosts: clone.hosts(env.name),
            gateways: vec![gateway],
            export_to: export_to(clone.way.route),
            http: entries.collect(),
            tcp: Vec::new(),
        },
    })
}

/// Writes the matches that are left of an entry.
fn write_matches(entry: &mut Node, planned: &Rule<'_>, preview: &str) {
    let Some(matches) = &planned.matches else {
        entry.remove("match");
        return;
    };
    let one = |one: &Node| {
        let mut one = one.clone();
        if let Some(authority) = one.get_mut("authority")
            && let Some(host) = authority.text_at(&["prefix"]).map(|text| fill(text, preview))
        {
            authority.set("prefix", Node::string(host));
        }
        one
    };
    entry.set("match", Node::list(matches.iter().map(one)));
}

/// Writes the origins of a policy, which has them as matches or, of old, as texts.
fn write_origins(policy: &mut Node, origins: &[Origin<'_>], preview: &str) {
    if policy.get("allowOrigins").is_some() {
        let exact = |url| Node::map([("exact", Node::string(url))]);
        policy.set("allowOrigins", Node::list(origins_of(origins, preview, exact)));
    } else {
        policy.set("allowOrigin", Node::list(origins_of(origins, preview, Node::string)));
    }
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
