//! HTTPRoutes and GRPCRoutes as they are written: parents, rules and backends.

use crate::kube::Object;
use crate::yaml::Node;

/// The parentRefs of a route that name a Service of this namespace.
pub(crate) fn service_parents<'a>(
    route: &'a Object,
    namespace: &str,
) -> impl Iterator<Item = &'a Node> {
    let parents = route.node.at(&["spec", "parentRefs"]).map(Node::items).unwrap_or_default();
    parents.iter().filter(move |parent| {
        parent.text_at(&["kind"]) == Some("Service")
            && parent.text_at(&["group"]).is_none_or(|group| matches!(group, "" | "core"))
            && parent.text_at(&["namespace"]).unwrap_or(&route.id.namespace) == namespace
    })
}

/// The rules of a route.
pub(crate) fn rules(route: &Object) -> &[Node] {
    route.node.at(&["spec", "rules"]).map(Node::items).unwrap_or_default()
}

/// The backends of a rule.
pub(crate) fn backends(rule: &Node) -> &[Node] {
    rule.get("backendRefs").map(Node::items).unwrap_or_default()
}

/// The name of the Service that a backendRef of a route in `home` means, if it means one of the
/// namespace `home`; an empty `home` accepts only references without a namespace or with any.
pub(crate) fn service_backend<'a>(backend: &'a Node, home: &str) -> Option<&'a str> {
    let is_service = backend.text_at(&["kind"]).is_none_or(|kind| kind == "Service")
        && backend.text_at(&["group"]).is_none_or(str::is_empty);
    let namespace = backend.text_at(&["namespace"]).unwrap_or(home);
    (is_service && (home.is_empty() || namespace == home)).then(|| backend.text_at(&["name"]))?
}
