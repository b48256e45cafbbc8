//! Which backends of a rule become copies: decided here, once for all previews that affect the same
//! services, and only written by `emit`.
//!
//! Where a rule splits between copies and others, the copies get all of it and keep their proportion:
//! a preview that answers now and then would be a silent fallback. The targets of mirrors stay.

use crate::kube::Object;
use crate::model::Home;
use crate::model::route::gateway_api::{backends, service_backend, weight_of};
use crate::model::route::istio::routes;
use crate::yaml::Node;

/// A rule of an HTTPRoute or GRPCRoute, or an entry of a VirtualService, and its backends.
#[derive(Debug, Clone)]
pub struct Swapped<'a> {
    /// The rule.
    pub rule: &'a Node,
    /// What it chooses, in order. Those that get nothing any more are left out.
    pub backends: Vec<Backend<'a>>,
}

/// A backend of a rule.
#[derive(Debug, Clone)]
pub struct Backend<'a> {
    /// The backendRef, or the entry of `route`.
    pub node: &'a Node,
    /// The service whose copy takes its place; none: it stays.
    pub copy: Option<&'a str>,
    /// Its weight, where that is another than the written one.
    pub weight: Option<i64>,
}

impl<'a> Swapped<'a> {
    /// Decides for a rule of an HTTPRoute or GRPCRoute.
    pub(super) fn rule(
        rule: &'a Node,
        route: &Object,
        home: Home<'_>,
        is_copied: impl Fn(&str) -> bool,
    ) -> Self {
        let all = backends(rule).iter().map(|node| {
            let copy = service_backend(node, route, home).filter(|name| is_copied(name));
            Backend { node, copy, weight: None }
        });
        Self { rule, backends: settle(all.collect(), weight_of) }
    }

    /// Decides for an HTTP entry of a VirtualService.
    pub(super) fn entry(
        entry: &'a Node,
        object: &Object,
        home: Home<'_>,
        is_copied: impl Fn(&str) -> bool,
    ) -> Self {
        let all = routes(entry).iter().map(|node| {
            let host = node.text_at(&["destination", "host"]);
            let service = host.and_then(|host| home.service_of(host, object));
            Backend { node, copy: service.filter(|name| is_copied(name)), weight: None }
        });
        let weight = |node: &Node| node.get("weight").and_then(Node::integer_value).unwrap_or(0);
        Self { rule: entry, backends: settle(all.collect(), weight) }
    }

    /// Whether it chooses a copy.
    #[must_use]
    pub fn chooses_copy(&self) -> bool {
        self.backends.iter().any(|backend| backend.copy.is_some())
    }
}

/// Where there are copies and others, the copies alone, in their proportion; equal shares where all of
/// them have weight 0.
fn settle<'a>(mut all: Vec<Backend<'a>>, weight: impl Fn(&Node) -> i64) -> Vec<Backend<'a>> {
    let copies = all.iter().filter(|backend| backend.copy.is_some()).count();
    if copies == 0 || copies == all.len() {
        return all;
    }
    all.retain(|backend| backend.copy.is_some());
    if all.iter().all(|backend| weight(backend.node) == 0) {
        all.iter_mut().for_each(|backend| backend.weight = Some(1));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn weights(weights: [i64; 3], copied: &[&str]) -> Vec<(bool, i64)> {
        let object = json!({
            "apiVersion": "gateway.networking.k8s.io/v1", "kind": "HTTPRoute",
            "metadata": {"name": "r", "namespace": "shop"}
        });
        let object = Object::from_node(Node::from_json(object)).expect("an object");
        let [a, b, c] = weights;
        let rule = Node::from_json(json!({"backendRefs": [
            {"name": "a", "weight": a}, {"name": "b", "weight": b}, {"name": "c", "weight": c}
        ]}));
        let home = Home { namespace: "shop", domain: "cluster.local" };
        let swapped = Swapped::rule(&rule, &object, home, |name| copied.contains(&name));
        let one = |one: &Backend<'_>| {
            (one.copy.is_some(), one.weight.unwrap_or_else(|| weight_of(one.node)))
        };
        swapped.backends.iter().map(one).collect()
    }

    #[test]
    fn copies_get_everything_in_their_proportion() {
        assert_eq!(weights([5, 90, 5], &[]), [(false, 5), (false, 90), (false, 5)]);
        assert_eq!(weights([5, 90, 10], &["a", "c"]), [(true, 5), (true, 10)]);
        assert_eq!(weights([0, 90, 10], &["a"]), [(true, 1)]);
        assert_eq!(weights([0, 0, 0], &["a", "b", "c"]), [(true, 0), (true, 0), (true, 0)]);
    }
}
