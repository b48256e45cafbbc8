//! Routes of the baseline, read as the mesh follows them.

pub(crate) mod admission;
pub(crate) mod gateway_api;
pub(crate) mod gateways;
pub(crate) mod istio;

use crate::kube::{Object, gateway};
use crate::yaml::Node;

/// Every change of request headers that a route makes in the mesh: `set`, `add` and `remove`, of rules and
/// of backends.
pub(crate) fn request_headers(route: &Object) -> Vec<&Node> {
    if route.id.group == gateway::GROUP {
        let rules = gateway_api::rules(route).iter();
        let nodes = rules.flat_map(|rule| gateway_api::backends(rule).iter().chain([rule]));
        let filters = nodes.flat_map(gateway_api::filters);
        return filters.filter_map(|filter| filter.get("requestHeaderModifier")).collect();
    }
    let entries = istio::http(route).filter(|entry| {
        let matches = istio::matches(entry);
        matches.is_empty() || matches.iter().any(istio::is_for_mesh)
    });
    let nodes = entries.flat_map(|entry| istio::routes(entry).iter().chain([entry]));
    nodes.filter_map(|node| node.at(&["headers", "request"])).collect()
}

/// The headers that a rule, of either API, or one of its backends writes into answers, by name.
pub(crate) fn answer_headers(rule: &Node) -> Vec<(&str, &Node)> {
    let nodes = gateway_api::backends(rule).iter().chain(istio::routes(rule)).chain([rule]);
    let changes = nodes.flat_map(|node| {
        let filters = gateway_api::filters(node).iter();
        let modifiers = filters.filter_map(|filter| filter.get("responseHeaderModifier"));
        modifiers.chain(node.at(&["headers", "response"]))
    });
    let lists =
        changes.flat_map(|change| ["set", "add"].into_iter().filter_map(|it| change.get(it)));
    let headers = lists.flat_map(|list| {
        let items = list.items().iter();
        let named = items.filter_map(|one| Some((one.text_at(&["name"])?, one.get("value")?)));
        named.chain(list.entries().iter().map(|(name, value)| (name.text.as_str(), value)))
    });
    headers.collect()
}

/// Whether a match of Istio, `exact`, `prefix` or `regex`, holds for a text; none where its expression cannot
/// be read. The expression is for all of the text, and `*` alone is for any.
pub(crate) fn text_match(wanted: &Node, text: &str) -> Option<bool> {
    if let Some(exact) = wanted.text_at(&["exact"]) {
        return Some(exact == text);
    }
    if let Some(prefix) = wanted.text_at(&["prefix"]) {
        return Some(text.starts_with(prefix));
    }
    match wanted.text_at(&["regex"]) {
        None | Some("*") => Some(true),
        Some(regex) => {
            // As RE2 reads it: classes are those of ASCII.
            let mut regex = regex::bytes::RegexBuilder::new(&format!("^(?:{regex})$"));
            Some(regex.unicode(false).build().ok()?.is_match(text.as_bytes()))
        }
    }
}
