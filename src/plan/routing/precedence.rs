//! Precedence of matches in the Gateway API, and whether two of them can meet in one request.
//!
//! As the specification orders them, and Istio where it leaves room: an exact path before a prefix
//! before a regular expression, the longer first, then the method, then headers and parameters.
//! See <https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule>.

use std::collections::BTreeMap;

use crate::yaml::Node;

/// Precedence, the greater first: kind and length of the path, method, headers, query parameters.
pub(super) type Rank = (u8, usize, bool, usize, usize);

/// Path of a match as (kind, value): what decides precedence and overlap.
fn path(node: Option<&Node>) -> (u8, String) {
    let Some(node) = node else {
        return (2, "/".to_owned());
    };
    if let Some(method) = node.get("method").filter(|method| !method.entries().is_empty()) {
        let text = |key| method.text_at(&[key]).unwrap_or_default();
        let exact = method.text_at(&["type"]) != Some("RegularExpression");
        return match (text("service"), text("method")) {
            (service, name) if !exact => (1, format!("/{service}/{name}")),
            (service, "") => (2, format!("/{service}")),
            ("", name) => (1, format!("/[^/]+/{name}")),
            (service, name) => (3, format!("/{service}/{name}")),
        };
    }
    let value = node.text_at(&["path", "value"]).unwrap_or("/").to_owned();
    match node.text_at(&["path", "type"]).unwrap_or("PathPrefix") {
        "Exact" => (3, value),
        "RegularExpression" => (1, value),
        _ if value.len() > 1 => (2, value.trim_end_matches('/').to_owned()),
        _ => (2, value),
    }
}

/// The precedence of a match of an HTTPRoute or GRPCRoute.
pub(super) fn rank(node: Option<&Node>, grpc: bool) -> Rank {
    let (kind, value) = path(node);
    let count = |key| node.and_then(|node| node.get(key)).map_or(0, |list| list.items().len());
    let method = node.and_then(|node| node.get("method"));
    if grpc && method.is_none() {
        return (0, 0, false, count("headers"), 0);
    }
    (kind, value.len(), !grpc && method.is_some(), count("headers"), count("queryParams"))
}

/// Whether some request can satisfy both matches. Errs on the side of yes.
pub(super) fn may_overlap(a: Option<&Node>, b: Option<&Node>) -> bool {
    let under = |path: &str, prefix: &str| {
        prefix == "/"
            || path == prefix
            || path.strip_prefix(prefix).is_some_and(|r| r.starts_with('/'))
    };
    let paths = match (path(a), path(b)) {
        ((1, _), _) | (_, (1, _)) => true,
        ((3, a), (3, b)) => a == b,
        ((3, exact), (_, prefix)) | ((_, prefix), (3, exact)) => under(&exact, &prefix),
        ((_, a), (_, b)) => under(&a, &b) || under(&b, &a),
    };
    let method = |node: Option<&Node>| node.and_then(|n| n.text_at(&["method"])).map(str::to_owned);
    let methods = match (method(a), method(b)) {
        (Some(a), Some(b)) => a == b,
        _ => true,
    };
    paths && methods && !contradict(a, b, "headers") && !contradict(a, b, "queryParams")
}

/// Whether both demand an exact value of the same header or parameter, and not the same one.
fn contradict(a: Option<&Node>, b: Option<&Node>, key: &str) -> bool {
    let list = |node: Option<&Node>| {
        let items = node.and_then(|node| node.get(key)).map(Node::items).unwrap_or_default();
        let exact =
            items.iter().filter(|item| item.text_at(&["type"]).is_none_or(|t| t == "Exact"));
        exact
            .filter_map(|item| {
                let name = item.text_at(&["name"])?.to_ascii_lowercase();
                Some((name, item.text_at(&["value"])?.to_owned()))
            })
            .collect::<BTreeMap<_, _>>()
    };
    let (a, b) = (list(a), list(b));
    a.iter().any(|(name, value)| b.get(name).is_some_and(|other| other != value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn node(value: serde_json::Value) -> Node {
        Node::from_json(value)
    }

    #[test]
    fn path_goes_before_headers_and_length_before_method() {
        let rank = |value| rank(Some(&node(value)), false);
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
}
