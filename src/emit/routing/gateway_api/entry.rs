//! Makes entry clones of HTTPRoutes and GRPCRoutes, and originals that remove the key.

use super::{complete_matches, write_backends};
use crate::emit::meta;
use crate::emit::routing::Moved;
use crate::emit::routing::entries::{
    add_to_baggage, cors_origins, drop_key_changes, key_header, mark_stripped, member, remove_key,
    rewrite_redirect, rewrite_response_urls,
};
use crate::kube::gateway::{API_VERSION, GROUP, ParentRef, Route, RouteKind, RouteSpec};
use crate::kube::{Object, RouteApi};
use crate::plan::routing::entries::{CloneRule, EntryClone};
use crate::plan::routing::swap::Swapped;
use crate::plan::{Environment, Plan};
use crate::yaml::Node;

const API: RouteApi = RouteApi::GatewayApi;

/// The clone of an entry route for one preview.
pub(in super::super) fn clone(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    clone: &EntryClone<'_>,
) -> Object {
    let original = clone.way.route.object;
    let moved = Moved::beside(plan, env, original);
    let gateway = &clone.entry.gateway;
    let namespace = original.id.namespace.as_str();
    let kind = RouteKind::of(original);
    let rules = clone.way.rules.iter().zip(&clone.rules);
    Object::from_typed(&Route {
        api_version: API_VERSION,
        kind: kind.name(),
        metadata: meta::derived(plan.config, &clone.name(env.name), namespace, Some(env.name)),
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
            rules: rules
                .map(|(planned, swapped)| {
                    let mut rule = swapped.rule.clone();
                    complete_matches(&mut rule, kind);
                    clone_rule(plan, planned, swapped, &moved, rule)
                })
                .collect(),
        },
    })
}

fn clone_rule(
    plan: &Plan<'_>,
    planned: &CloneRule<'_>,
    swapped: &Swapped<'_>,
    moved: &Moved<'_>,
    mut rule: Node,
) -> Node {
    let preview = moved.env.name;
    write_backends(&mut rule, swapped, moved);
    for filter in rule.get_mut("filters").map(Node::items_mut).unwrap_or_default() {
        if let (Some(to), Some(redirect)) = (&planned.redirect, filter.get_mut("requestRedirect")) {
            rewrite_redirect(redirect, "hostname", to, preview);
        }
        if let (Some(origins), Some(cors)) = (&planned.origins, filter.get_mut("cors")) {
            cors.set("allowOrigins", Node::list(cors_origins(origins, preview, Node::string)));
        }
    }
    rewrite_response_urls(API, &mut rule, planned, preview);
    if has_backends(&rule) {
        let (key, member) = (key_header(plan), member(plan, preview));
        drop_key_changes(API, &mut rule, key, member.as_deref());
        let modifier = header_modifier(&mut rule);
        push_header(modifier, "set", key, preview);
        if let Some(member) = member
            && !add_to_baggage(API, modifier, &["set", "add"], &member)
        {
            // Appended to what the client sends.
            push_header(modifier, "add", "baggage", &member);
        }
    }
    rule
}

/// An original whose rules remove the key that a client sends.
pub(in super::super) fn strip(plan: &Plan<'_>, original: &Object) -> Object {
    let mut object = original.clone();
    let rules = API.form().rules(&mut object.node).iter_mut();
    for rule in rules.filter(|rule| has_backends(rule)) {
        remove_key(plan, API, header_modifier(rule));
    }
    mark_stripped(plan, &mut object);
    object
}

fn has_backends(rule: &Node) -> bool {
    rule.get("backendRefs").is_some_and(|backends| !backends.items().is_empty())
}

/// The RequestHeaderModifier of a rule, created if needed. A rule can have only one.
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

/// Adds a header to a list of an HTTPRoute's modifier.
fn push_header(modifier: &mut Node, list: &str, name: &str, value: &str) {
    let header = Node::map([("name", Node::string(name)), ("value", Node::string(value))]);
    match modifier.get_mut(list) {
        Some(list) => list.push(header),
        None => modifier.set(list, Node::list([header])),
    }
}
