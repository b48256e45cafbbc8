//! Decides which routes a listener of the Gateway API accepts, apart from their hosts: by its protocol and
//! `allowedRoutes`.
//! See <https://gateway-api.sigs.k8s.io/reference/spec/#allowedroutes>.

use super::Ignored;
use crate::kube::meta::{NAMESPACE_NAME, asks_for_substitution};
use crate::kube::{Object, gateway};
use crate::model::{Catalog, selector};
use crate::yaml::Node;

/// Why a listener of a Gateway refuses a route, if it does. The text follows the name of the Gateway. What is not known
/// counts as accepted: the labels of a Namespace that is not in the input, and labels with a variable of Flux.
pub(crate) fn refusal<'a>(
    listener: &'a Node,
    gateway: &Object,
    route: &Object,
    catalog: &Catalog<'_>,
) -> Option<Ignored<'a>> {
    let (kind, home) = (&route.id.kind, &route.id.namespace);
    let refuse = |node, why, help| Some(Ignored { node, why, help });
    let protocol = listener.get("protocol");
    if let Some((node, name)) = protocol.and_then(|node| Some((node, node.text()?)))
        && is_raw(name)
    {
        let help = "name a listener of the protocol HTTP or HTTPS";
        return refuse(node, format!("speaks {name}, which takes no {kind}"), help);
    }
    let kinds = listener.at(&["allowedRoutes", "kinds"]);
    let is_this_kind = |one: &Node| {
        one.text_at(&["kind"]) == Some(kind)
            && one.text_at(&["group"]).unwrap_or(gateway::GROUP) == gateway::GROUP
    };
    if let Some(kinds) =
        kinds.filter(|kinds| !kinds.items().is_empty() && !kinds.items().iter().any(is_this_kind))
    {
        let help = "add the kind to `allowedRoutes.kinds`, or name another Gateway or section";
        return refuse(kinds, format!("has no {kind} among its `allowedRoutes.kinds`"), help);
    }
    let namespaces = listener.at(&["allowedRoutes", "namespaces"]);
    let from = namespaces.and_then(|namespaces| namespaces.text_at(&["from"])).unwrap_or("Same");
    let node = namespaces.unwrap_or(listener);
    match from {
        "Same" if gateway.id.namespace != *home => refuse(
            node,
            format!("takes routes of its own namespace alone, and {} is in {home}", route.id),
            "set `allowedRoutes.namespaces.from: All`, or name another Gateway or section",
        ),
        "Selector" => {
            let mut all = catalog.of_kind("", "Namespace");
            let mut labels = all.find(|one| one.id.name == *home)?.node.clone();
            let labels = labels.make(&["metadata", "labels"]);
            labels.set(NAMESPACE_NAME, Node::string(home.as_str()));
            let selector = node.get("selector");
            if is_variable(selector, labels) {
                return None;
            }
            let selects = selector.is_some() && selector::selects(selector, Some(labels));
            let why = format!("has an `allowedRoutes` whose selector leaves out Namespace {home}");
            let help = "give the Namespace the labels, or name another Gateway or section";
            if selects { None } else { refuse(node, why, help) }
        }
        _ => None,
    }
}

/// Whether a listener of this protocol reads no HTTP requests.
pub(super) fn is_raw(protocol: &str) -> bool {
    ["TLS", "TCP", "UDP"].contains(&protocol)
}

/// Whether a label that a selector needs, or the value it wants, contains a variable.
fn is_variable(selector: Option<&Node>, labels: &Node) -> bool {
    let is_asked = |key: &str| {
        let one = |field: &str| selector.and_then(|selector| selector.get(field));
        let mut expressions = one("matchExpressions").map(Node::items).unwrap_or_default().iter();
        one("matchLabels").is_some_and(|wanted| wanted.get(key).is_some())
            || expressions.any(|expression| expression.text_at(&["key"]) == Some(key))
    };
    let mut entries = labels.entries().iter();
    selector.is_some_and(asks_for_substitution)
        || entries.any(|(key, value)| asks_for_substitution(value) && is_asked(&key.text))
}
