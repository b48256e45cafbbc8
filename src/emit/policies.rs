//! What is added beside policies of the baseline: one object for all previews, in the namespace of the policy.

use super::meta::derived;
use crate::kube::{Object, in_front, marks};
use crate::plan::Plan;
use crate::plan::policies::Sibling;
use crate::yaml::{Node, to_node};

/// The label by which a policy is for one revision of Istio alone.
const REVISION: &str = "istio.io/rev";

/// The object of a sibling. Its rules are parts of the user's, in which Flux may substitute.
pub(super) fn sibling(plan: &Plan<'_>, sibling: &Sibling<'_>) -> Object {
    let original = sibling.original;
    let name = marks::sibling(plan.config.set(), &original.id.name);
    let metadata = derived(plan.config, &name, &original.id.namespace, None);
    let mut metadata = to_node(&metadata).expect("our own types have string keys only");
    in_front(&mut metadata, &["name", "namespace", "labels"]);
    if let Some(revision) = original.label(REVISION) {
        metadata.make(&["labels"]).set(REVISION, Node::string(revision));
    }
    let text = |key: &str| Node::string(original.node.text_at(&[key]).unwrap_or_default());
    let node = Node::map([
        ("apiVersion", text("apiVersion")),
        ("kind", text("kind")),
        ("metadata", metadata),
        ("spec", sibling.spec.clone()),
    ]);
    Object::from_node(node).expect("a policy keeps the kind that it was read with")
}
