//! Makes entry clones of VirtualServices, and originals that remove the key.

use super::{KIND, write_out_hosts, write_routes};
use crate::emit::meta;
use crate::emit::routing::Moved;
use crate::emit::routing::entries::{
    add_to_baggage, cors_origins, drop_key_changes, key_header, mark_stripped, member, remove_key,
    rewrite_redirect, rewrite_response_urls,
};
use crate::kube::istio::{API_VERSION, VirtualService, VirtualServiceSpec};
use crate::kube::{Object, RouteApi};
use crate::model::route::istio::export_to;
use crate::plan::routing::entries::{CloneRule, CorsOrigin, EntryClone, fill};
use crate::plan::routing::swap::Swapped;
use crate::plan::{Environment, Plan};
use crate::yaml::Node;

const API: RouteApi = RouteApi::Istio;

/// The clone of an entry route for one preview.
pub(in super::super) fn clone(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    clone: &EntryClone<'_>,
) -> Object {
    let original = clone.way.route.object;
    let moved = Moved::beside(plan, env, original);
    let gateway = format!("{}/{}", clone.entry.gateway.namespace, clone.entry.gateway.name);
    let rules = clone.way.rules.iter().zip(&clone.rules);
    let rules = rules.map(|(planned, swapped)| clone_rule(plan, planned, swapped, &moved));
    let (name, namespace) = (clone.name(env.name), &original.id.namespace);
    Object::from_typed(&VirtualService {
        api_version: API_VERSION,
        kind: KIND,
        metadata: meta::derived(plan.config, &name, namespace, Some(env.name)),
        spec: VirtualServiceSpec {
            hosts: clone.hosts(env.name),
            gateways: vec![gateway],
            export_to: export_to(original),
            http: rules.collect(),
            tcp: Vec::new(),
        },
    })
}

fn clone_rule(
    plan: &Plan<'_>,
    planned: &CloneRule<'_>,
    swapped: &Swapped<'_>,
    moved: &Moved<'_>,
) -> Node {
    let (mut rule, preview) = (swapped.rule.clone(), moved.env.name);
    write_matches(&mut rule, planned, preview);
    write_routes(&mut rule, swapped, moved);
    write_out_hosts(&mut rule, plan.catalog.home, moved.from);
    if let (Some(to), Some(redirect)) = (&planned.redirect, rule.get_mut("redirect")) {
        redirect.remove("derivePort");
        rewrite_redirect(redirect, "authority", to, preview);
    }
    if let (Some(origins), Some(policy)) = (&planned.origins, rule.get_mut("corsPolicy")) {
        write_origins(policy, origins, preview);
    }
    rewrite_response_urls(API, &mut rule, planned, preview);
    if rule.get("route").is_some() {
        let (key, member) = (key_header(plan), member(plan, preview));
        drop_key_changes(API, &mut rule, key, member.as_deref());
        let request = rule.make(&["headers", "request"]);
        request.make(&["set"]).set(key, Node::string(preview));
        if let Some(member) = member
            && !add_to_baggage(API, request, &["set", "add"], &member)
        {
            request.make(&["add"]).set("baggage", Node::string(member));
        }
    }
    rule
}

/// An original whose rules remove the key that a client sends.
pub(in super::super) fn strip(plan: &Plan<'_>, original: &Object) -> Object {
    let mut object = original.clone();
    let rules = API.form().rules(&mut object.node).iter_mut();
    for rule in rules.filter(|rule| rule.get("route").is_some()) {
        remove_key(plan, API, rule.make(&["headers", "request"]));
    }
    mark_stripped(plan, &mut object);
    object
}

/// Writes the remaining matches of a rule.
fn write_matches(rule: &mut Node, planned: &CloneRule<'_>, preview: &str) {
    let Some(matches) = &planned.matches else {
        rule.remove("match");
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
    rule.set("match", Node::list(matches.iter().map(one)));
}

/// Writes the origins of a CORS policy: as matches or, in the old form, as strings.
fn write_origins(policy: &mut Node, origins: &[CorsOrigin<'_>], preview: &str) {
    if policy.get("allowOrigins").is_some() {
        let exact = |url| Node::map([("exact", Node::string(url))]);
        policy.set("allowOrigins", Node::list(cors_origins(origins, preview, exact)));
    } else {
        policy.set("allowOrigin", Node::list(cors_origins(origins, preview, Node::string)));
    }
}
