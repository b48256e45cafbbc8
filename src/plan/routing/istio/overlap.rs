//! Whether some request can satisfy two rules of VirtualServices.

use crate::model::route::istio::matches;
use crate::yaml::Node;

/// Whether some request can satisfy both rules. Errs on the side of yes.
pub(super) fn may_overlap(a: &Node, b: &Node) -> bool {
    let (a, b) = (matches(a), matches(b));
    // A rule without matches is for everything.
    a.is_empty() || b.is_empty() || a.iter().any(|a| b.iter().any(|b| !disjoint(a, b)))
}

/// Whether two matches contradict each other in their path, method, port or an exact header.
fn disjoint(a: &Node, b: &Node) -> bool {
    fn uri(node: &Node) -> Option<(bool, &str)> {
        let uri = node.get("uri")?;
        let exact = uri.text_at(&["exact"]).map(|text| (true, text));
        exact.or_else(|| uri.text_at(&["prefix"]).map(|text| (false, text)))
    }
    let folds = |node: &Node| node.get("ignoreUriCase").is_some_and(Node::is_true);
    let paths = match (uri(a), uri(b)) {
        _ if folds(a) || folds(b) => false,
        (Some((true, a)), Some((true, b))) => a != b,
        (Some((true, exact)), Some((false, prefix)))
        | (Some((false, prefix)), Some((true, exact))) => !exact.starts_with(prefix),
        (Some((false, a)), Some((false, b))) => !a.starts_with(b) && !b.starts_with(a),
        _ => false,
    };
    let differ =
        |keys: &[&str]| matches!((a.text_at(keys), b.text_at(keys)), (Some(a), Some(b)) if a != b);
    let headers = a.entries_at(&["headers"]);
    let by_header = headers.iter().any(|(name, _)| differ(&["headers", &name.text, "exact"]));
    paths || differ(&["method", "exact"]) || differ(&["port"]) || by_header
}
