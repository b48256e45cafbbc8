//! The precedence of matches in the Gateway API, and whether one request can match both of two.
//!
//! The order is that of the specification, and that of Istio if the specification leaves it open: an exact path before
//! a prefix before a regular expression, the longer first, then the method, then headers and parameters.
//! See <https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule>.

use std::borrow::Cow;
use std::collections::BTreeMap;

use crate::kube::gateway::RouteKind;
use crate::ordered::ordered;
use crate::yaml::Node;

/// Precedence, the greater first. What stands first decides first.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Precedence {
    /// The kind of the path, as in [`Condition`].
    path_kind: u8,
    path_length: usize,
    has_method: bool,
    /// How many headers and query parameters the match names.
    headers: usize,
    params: usize,
}

impl Precedence {
    /// The precedence once the key is added to the match: it is one header more.
    pub(super) fn with_key(self) -> Self {
        Self { headers: self.headers + 1, ..self }
    }
}

/// What decides which requests a match is for, read once: matches are compared in pairs.
#[derive(Debug)]
pub(super) struct Condition<'a> {
    /// The kind of the path (3: exact, 2: prefix, 1: regular expression) and its value.
    path: (u8, Cow<'a, str>),
    method: Option<&'a str>,
    /// Headers and query parameters with an exact value.
    headers: BTreeMap<String, &'a str>,
    params: BTreeMap<String, &'a str>,
}

impl<'a> Condition<'a> {
    pub(super) fn new(node: Option<&'a Node>) -> Self {
        Self {
            path: path(node),
            method: node.and_then(|node| node.text_at(&["method"])),
            headers: exact(node, "headers", |name| name.to_ascii_lowercase()),
            params: exact(node, "queryParams", str::to_owned),
        }
    }

    /// Whether some request can satisfy both matches. Errs on the side of yes.
    pub(super) fn may_overlap(&self, other: &Self) -> bool {
        let under = |path: &str, prefix: &str| {
            let prefix = prefix.strip_suffix('/').unwrap_or(prefix);
            path.strip_suffix('/').unwrap_or(path) == prefix
                || path.strip_prefix(prefix).is_some_and(|rest| rest.starts_with('/'))
        };
        let paths = match (&self.path, &other.path) {
            ((1, _), _) | (_, (1, _)) => true,
            ((3, a), (3, b)) => a == b,
            ((3, exact), (_, prefix)) | ((_, prefix), (3, exact)) => under(exact, prefix),
            ((_, a), (_, b)) => under(a, b) || under(b, a),
        };
        let methods =
            self.method.is_none() || other.method.is_none() || self.method == other.method;
        paths
            && methods
            && !contradict(&self.headers, &other.headers)
            && !contradict(&self.params, &other.params)
    }
}

/// The kind of the path, as in [`Condition`], and its value.
fn path(node: Option<&Node>) -> (u8, Cow<'_, str>) {
    let Some(node) = node else {
        return (2, "/".into());
    };
    if let Some(method) = node.get("method").filter(|method| !method.entries().is_empty()) {
        let text = |key| method.text_at(&[key]).unwrap_or_default();
        let exact = method.text_at(&["type"]) != Some("RegularExpression");
        // Written as Istio does, because the length of the text decides between two of a kind.
        let (kind, path) = match (text("service"), text("method")) {
            ("", name) => (1, format!("/[^/]+/{name}")),
            (service, "") if !exact => (1, format!("/{service}/.+")),
            (service, name) if !exact => (1, format!("/{service}/{name}")),
            (service, "") => (2, format!("/{service}/")),
            (service, name) => (3, format!("/{service}/{name}")),
        };
        return (kind, path.into());
    }
    let value = node.text_at(&["path", "value"]).unwrap_or("/");
    match node.text_at(&["path", "type"]).unwrap_or("PathPrefix") {
        "Exact" => (3, value.into()),
        "RegularExpression" => (1, value.into()),
        _ if value.len() > 1 => (2, value.trim_end_matches('/').into()),
        _ => (2, value.into()),
    }
}

/// The precedence of a match of a route of this kind.
pub(super) fn precedence(node: Option<&Node>, kind: RouteKind) -> Precedence {
    let (path_kind, path) = path(node);
    let count = |key| node.map_or(0, |node| node.items_at(&[key]).len());
    let has_method = node.is_some_and(|node| node.get("method").is_some());
    // The method of gRPC is a path.
    let (has_path, has_method) = match kind {
        RouteKind::Http => (true, has_method),
        RouteKind::Grpc => (has_method, false),
    };
    Precedence {
        path_kind: if has_path { path_kind } else { 0 },
        path_length: if has_path { path.len() } else { 0 },
        has_method,
        headers: count("headers"),
        params: count("queryParams"),
    }
}

/// The headers or query parameters that must have an exact value. `fold` normalizes their names.
fn exact<'a>(
    node: Option<&'a Node>,
    key: &str,
    fold: impl Fn(&str) -> String,
) -> BTreeMap<String, &'a str> {
    let items = node.map(|node| node.items_at(&[key])).unwrap_or_default();
    let exact = items.iter().filter(|item| item.text_at(&["type"]).is_none_or(|t| t == "Exact"));
    ordered(
        exact.filter_map(|item| Some((fold(item.text_at(&["name"])?), item.text_at(&["value"])?))),
    )
}

/// Whether some header or parameter must have one value in `a` and another one in `b`.
fn contradict(a: &BTreeMap<String, &str>, b: &BTreeMap<String, &str>) -> bool {
    a.iter().any(|(name, value)| b.get(name).is_some_and(|other| other != value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(value: serde_json::Value) -> Node {
        Node::from_json(value)
    }

    fn may_overlap(a: Option<&Node>, b: Option<&Node>) -> bool {
        Condition::new(a).may_overlap(&Condition::new(b))
    }

    #[test]
    fn path_goes_before_headers_and_length_before_method() {
        let rank = |value| precedence(Some(&node(value)), RouteKind::Http);
        let api = rank(json!({"path": {"type": "PathPrefix", "value": "/api"}}));
        let header = rank(json!({"headers": [{"name": "a", "value": "b"}]}));
        let exact = rank(json!({"path": {"type": "Exact", "value": "/a"}}));
        let method = rank(json!({"method": "GET"}));
        assert!(exact > api && api > method && method > header);
        assert!(header > rank(json!({})));
    }

    #[test]
    fn prefixes_overlap_by_path_element() {
        let prefix = |value: &str| node(json!({"path": {"type": "PathPrefix", "value": value}}));
        assert!(may_overlap(Some(&prefix("/a")), Some(&prefix("/a/b"))));
        assert!(!may_overlap(Some(&prefix("/a")), Some(&prefix("/ab"))));
        assert!(may_overlap(None, Some(&prefix("/a"))));
        let exact = node(json!({"path": {"type": "Exact", "value": "/ab"}}));
        assert!(!may_overlap(Some(&prefix("/a")), Some(&exact)));
        let header = |v: &str| node(json!({"headers": [{"name": "X", "value": v}]}));
        assert!(!may_overlap(Some(&header("1")), Some(&header("2"))));
    }

    #[test]
    fn names_of_parameters_are_told_apart_by_their_case_and_names_of_headers_are_not() {
        let one =
            |list: &str, name: &str, v: &str| node(json!({list: [{"name": name, "value": v}]}));
        let meet =
            |list: &str| may_overlap(Some(&one(list, "Beta", "1")), Some(&one(list, "beta", "2")));
        assert!(meet("queryParams"));
        assert!(!meet("headers"));
    }

    #[test]
    fn methods_of_grpc_rank_as_the_paths_that_istio_makes_of_them() {
        let rank = |method| precedence(Some(&node(json!({"method": method}))), RouteKind::Grpc);
        let regex = |service: &str| json!({"type": "RegularExpression", "service": service});
        let both = rank(json!({"service": "a.B", "method": "Get"}));
        let service = rank(json!({"service": "a.B"}));
        let method = rank(json!({"method": "Get"}));
        assert!(both > service && service > method);
        // `/a[.]B/.+` is longer than `/[^/]+/Ge`.
        assert!(rank(regex("a[.]B")) == rank(json!({"method": "Ge"})));
        assert!(rank(regex("a[.]Bb")) > rank(json!({"method": "Ge"})));
    }
}
