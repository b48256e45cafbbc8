//! Monitors of Prometheus: which ones select a copy, and the Secrets and ConfigMaps that they need.

use super::requirements::{Finder, Requirements};
use crate::kube::{Id, Object};
use crate::model::{Reference, Referent, pod_labels, pod_spec, selects};
use crate::yaml::Node;

/// The kinds of monitors.
pub(super) const KINDS: [&str; 2] = ["ServiceMonitor", "PodMonitor"];

/// Whether a ServiceMonitor selects this Service, or a PodMonitor the pods of this workload.
pub(super) fn is_monitored(monitor: &Object, body: &Node) -> bool {
    let selector = monitor.node.at(&["spec", "selector"]);
    if monitor.id.kind == "PodMonitor" {
        return pod_spec(body).is_some() && selects(selector, pod_labels(body));
    }
    body.text_at(&["kind"]) == Some("Service")
        && selects(selector, body.at(&["metadata", "labels"]))
}

/// Adds the Secrets and ConfigMaps that the endpoints of a monitor name. Prometheus' operator rejects a monitor whose
/// Secret is missing.
pub(super) fn follow<'a>(
    finder: &Finder<'a>,
    requirements: &mut Requirements<'a>,
    id: &Id,
    body: &Node,
) {
    if id.group != "monitoring.coreos.com" || !KINDS.contains(&id.kind.as_str()) {
        return;
    }
    let mut named = Vec::new();
    for list in ["endpoints", "podMetricsEndpoints"] {
        body.at(&["spec", list]).into_iter().for_each(|list| keys(list, false, &mut named));
    }
    named.into_iter().for_each(|reference| finder.require(requirements, id, reference));
}

/// Adds the Secrets and ConfigMaps that are named below a node. A mapping with the texts `name` and `key` names one: no
/// other mapping of an endpoint has both, whatever ways of signing in are added.
/// See <https://prometheus-operator.dev/docs/api-reference/api/#monitoring.coreos.com/v1.Endpoint>.
fn keys(node: &Node, is_config: bool, named: &mut Vec<Reference>) {
    let text = |key| node.text_at(&[key]).filter(|text| !text.is_empty());
    if let (Some(name), Some(_)) = (text("name"), text("key")) {
        named.push(Reference {
            referent: if is_config { Referent::ConfigMap } else { Referent::Secret },
            name: name.to_owned(),
            optional: node.get("optional").is_some_and(Node::is_true),
            place: node.get("name").map_or(node.place, |name| name.place),
        });
        return;
    }
    for (key, value) in node.entries() {
        keys(value, key.text == "configMap", named);
    }
    node.items().iter().for_each(|item| keys(item, false, named));
}
