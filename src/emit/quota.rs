//! Makes the ResourceQuota and LimitRange of a preview's namespace, as previews.yaml says. Quantities are written as
//! strings.

use super::meta;
use crate::kube::Object;
use crate::kube::quota::QuotaObject;
use crate::plan::{Environment, Plan, Room};
use crate::yaml::{Data, Node};

/// The name of both.
const NAME: &str = "anabranch";

/// The objects that `limits.quota` asks for.
pub(super) fn emit(plan: &Plan<'_>, env: &Environment<'_>, room: &Room<'_>) -> Vec<Object> {
    let object = |kind, spec| {
        let metadata = meta::managed(plan.config, NAME, &room.namespace, Some(env.name));
        Object::from_typed(&QuotaObject { api_version: "v1", kind, metadata, spec })
    };
    let hard = plan.config.quota("hard");
    let hard = hard.map(|hard| object("ResourceQuota", Node::map([("hard", as_text(hard))])));
    let range = plan.config.quota("limitRange");
    let range = range.map(|range| object("LimitRange", as_text(range)));
    // The order of kinds within the file.
    range.into_iter().chain(hard).collect()
}

/// Turns all scalars into strings, as the API server writes quantities. People write `pods: 20` as well.
fn as_text(node: &Node) -> Node {
    match &node.data {
        Data::Map(entries) => {
            Node::map(entries.iter().map(|(key, value)| (key.text.as_str(), as_text(value))))
        }
        Data::List(items) => Node::list(items.iter().map(as_text)),
        _ => Node::string(node.text().unwrap_or_default()),
    }
}
