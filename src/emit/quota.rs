//! Makes the ResourceQuota and LimitRange of a preview's namespace, as previews.yaml says. Quantities are written as
//! strings.

use super::meta;
use crate::kube::Object;
use crate::kube::quota::QuotaObject;
use crate::plan::{Environment, Plan, Room};
use crate::spec::Config;
use crate::yaml::{Data, Node};

/// The name of both.
const NAME: &str = "anabranch";

/// What `limits.quota` says: the limits of the ResourceQuota, and the spec of the LimitRange.
fn asked_for(config: &Config) -> [Option<&Node>; 2] {
    ["hard", "limitRange"].map(|field| config.quota(field))
}

/// Whether `limits.quota` asks for an object.
pub(super) fn is_asked_for(config: &Config) -> bool {
    asked_for(config).iter().any(Option::is_some)
}

/// The objects that `limits.quota` asks for.
pub(super) fn emit(plan: &Plan<'_>, env: &Environment<'_>, room: &Room<'_>) -> Vec<Object> {
    let object = |kind, spec| {
        let metadata = meta::managed(plan.config, NAME, &room.namespace, Some(env.name));
        Object::from_typed(&QuotaObject { api_version: "v1", kind, metadata, spec })
    };
    let [hard, range] = asked_for(plan.config);
    let hard = hard.map(|hard| object("ResourceQuota", Node::map([("hard", as_text(hard))])));
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
