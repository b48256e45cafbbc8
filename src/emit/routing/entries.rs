//! Parts of entry clones that are the same in all APIs: they replace original hosts by preview hosts, and set the key.

use crate::kube::{Object, RouteApi, marks};
use crate::plan::Plan;
use crate::plan::routing::entries::{CloneRule, CorsOrigin, RedirectTarget};
use crate::yaml::Node;

/// The baggage member with a preview's key; `None` if baggage is not used.
pub(super) fn member(plan: &Plan<'_>, preview: &str) -> Option<String> {
    let key = &plan.config.previews.spec.routing.key.baggage;
    (!key.is_empty()).then(|| format!("{key}={preview}"))
}

pub(super) fn key_header<'p>(plan: &'p Plan<'_>) -> &'p str {
    &plan.config.previews.spec.routing.key.header
}

/// Removes changes of the key's headers from a rule and its backends. The clone sets the key in the rule, and changes
/// of backends are applied after those of their rule.
pub(super) fn drop_key_changes(api: RouteApi, rule: &mut Node, key: &str, member: Option<&str>) {
    const ALL: [&str; 3] = ["set", "add", "remove"];
    api.drop_header_changes(rule, &ALL, key);
    for backend in api.form().backends(rule) {
        api.drop_header_changes(backend, &ALL, key);
        if let Some(member) = member {
            api.drop_header_changes(backend, &["remove"], "baggage");
            for change in api.form().request_changes(backend) {
                add_to_baggage(api, change, &["set"], member);
            }
        }
    }
}

/// Adds a member to the baggage header in the first of these lists that has it. Returns whether one has.
pub(super) fn add_to_baggage(
    api: RouteApi,
    change: &mut Node,
    lists: &[&str],
    member: &str,
) -> bool {
    let is_baggage = |name: &str| name.eq_ignore_ascii_case("baggage");
    lists.iter().any(|list| {
        let list = change.get_mut(list).into_iter();
        let Some(baggage) = list.flat_map(|list| api.form().values(list, &is_baggage)).next()
        else {
            return false;
        };
        let both = format!("{},{member}", baggage.text().unwrap_or_default());
        *baggage = Node::string(both);
        true
    })
}

/// Changes a redirect to lead to a preview's host, with the scheme and port of the entry's listener. The fields for
/// these two are the same in all APIs.
pub(super) fn rewrite_redirect(
    redirect: &mut Node,
    host_field: &str,
    to: &RedirectTarget,
    preview: &str,
) {
    if let Some(host) = &to.host {
        redirect.set(host_field, Node::string(host.of(preview)));
    }
    if redirect.get("scheme").is_some() {
        redirect.set("scheme", Node::string(to.scheme));
    }
    redirect.remove("port");
    if let Some(port) = to.port {
        redirect.set("port", Node::integer(i64::from(port)));
    }
}

/// The origins of a CORS policy: those that stay, and those of preview hosts.
pub(super) fn cors_origins(
    origins: &[CorsOrigin<'_>],
    preview: &str,
    form: impl Fn(String) -> Node,
) -> Vec<Node> {
    let one = |origin: &CorsOrigin<'_>| match origin {
        CorsOrigin::Kept(node) => (*node).clone(),
        CorsOrigin::Preview(url) => form(url.of(preview)),
    };
    origins.iter().map(one).collect()
}

/// Changes URLs in the response headers of a rule and its backends to lead to a preview's host.
pub(super) fn rewrite_response_urls(
    api: RouteApi,
    rule: &mut Node,
    planned: &CloneRule<'_>,
    preview: &str,
) {
    if planned.response_values.is_empty() {
        return;
    }
    let rewrite = |value: &mut Node| {
        if let Some(url) = value.text().and_then(|text| planned.response_values.get(text)) {
            *value = Node::string(url.of(preview));
        }
    };
    let each = |node: &mut Node| {
        for change in api.form().response_changes(node) {
            for list in ["set", "add"] {
                let list = change.get_mut(list).into_iter();
                list.flat_map(|list| api.form().values(list, &|_| true)).for_each(rewrite);
            }
        }
    };
    each(rule);
    api.form().backends(rule).iter_mut().for_each(each);
}

/// Makes a change of request headers remove the key that a client sends.
pub(super) fn remove_key(plan: &Plan<'_>, api: RouteApi, change: &mut Node) {
    for header in key_headers(plan) {
        api.drop_header(change, "remove", header);
        match change.get_mut("remove") {
            Some(list) => list.push(Node::string(header)),
            None => change.set("remove", Node::list([Node::string(header)])),
        }
    }
}

/// Records in an annotation which headers an original removes, so that the next run can undo it.
pub(super) fn mark_stripped(plan: &Plan<'_>, object: &mut Object) {
    let removed: Vec<String> =
        key_headers(plan).into_iter().map(|header| format!("-{header}")).collect();
    marks::set_changes(&mut object.node, plan.config.set(), &removed);
}

/// The headers that carry the key.
fn key_headers<'p>(plan: &'p Plan<'_>) -> Vec<&'p str> {
    let key = &plan.config.previews.spec.routing.key;
    let baggage = (!key.baggage.is_empty()).then_some("baggage");
    [key.header.as_str()].into_iter().chain(baggage).collect()
}
