//! Lets a copy stand near the pods that its original stands near.

use crate::model::{pod_labels, pod_spec_mut, selects};
use crate::plan::Room;
use crate::yaml::Node;

/// Lets the terms of a copy's pod affinity and anti-affinity look in the baseline as well. A term without namespaces
/// looks in the pod's own, which has few of the baseline's pods: a copy that must run beside others would stay Pending.
/// A term that selects the pod itself is about pods of one workload and stays as it is.
/// See <https://kubernetes.io/docs/concepts/scheduling-eviction/assign-pod-node/#namespace-selector>.
pub(super) fn look_in_baseline(workload: &mut Node, room: &Room<'_>) {
    let labels = pod_labels(workload).cloned();
    let affinity = pod_spec_mut(workload).and_then(|pod| pod.get_mut("affinity"));
    let Some(affinity) = affinity else { return };
    for kind in ["podAffinity", "podAntiAffinity"] {
        for (list, path) in TERMS {
            let terms = affinity.at_mut(&[kind, list]).map(Node::items_mut).unwrap_or_default();
            for term in terms.iter_mut().filter_map(|term| term.at_mut(path)) {
                let is_empty = |list: &Node| list.items().is_empty();
                let is_near = term.get("namespaces").is_none_or(is_empty)
                    && term.get("namespaceSelector").is_none_or(Node::is_null);
                // Without a selector a term selects nothing.
                let selector = term.get("labelSelector").filter(|selector| !selector.is_null());
                if is_near && selector.is_some_and(|_| !selects(selector, labels.as_ref())) {
                    let namespaces = [room.baseline, &room.namespace];
                    term.set("namespaces", Node::list(namespaces.map(Node::string)));
                }
            }
        }
    }
}

/// The lists of terms, and where a term is in an item.
const TERMS: [(&str, &[&str]); 2] = [
    ("requiredDuringSchedulingIgnoredDuringExecution", &[]),
    ("preferredDuringSchedulingIgnoredDuringExecution", &["podAffinityTerm"]),
];
