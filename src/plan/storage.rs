//! What claims of a copy need that stays in the baseline's namespace, and devices that a copy has no claim for.

use smol_str::SmolStr;

use super::lacks::{Lack, What};
use super::needs::Needs;
use crate::kube::Id;
use crate::model::{claim_templates, data_source, pod_spec};
use crate::yaml::Node;

/// Adds what the storage of a workload's pods lacks.
pub(super) fn follow(needs: &mut Needs<'_>, id: &Id, body: &Node) {
    let Some(pod) = pod_spec(body) else { return };
    for claim in claim_templates(body) {
        if let Some(name) = data_source(claim) {
            let what = What::Claim(source(claim, id));
            needs.lacks.push(Lack { what, referrer: id.clone(), place: name.place });
        }
    }
    for device in devices(pod) {
        let name = device.text().unwrap_or_default();
        if is_emptied(pod, name) {
            let what = What::Device(name.to_owned());
            needs.lacks.push(Lack { what, referrer: id.clone(), place: device.place });
        }
    }
}

/// The identity of what a claim takes its content from.
fn source(claim: &Node, id: &Id) -> Id {
    let text = |key| {
        let of = |source| claim.text_at(&[source, key]).filter(|text| !text.is_empty());
        of("dataSourceRef").or_else(|| of("dataSource"))
    };
    let [group, kind, name] =
        ["apiGroup", "kind", "name"].map(|key| SmolStr::from(text(key).unwrap_or_default()));
    let namespace = text("namespace").map_or_else(|| id.namespace.clone(), SmolStr::from);
    Id { group, kind, namespace, name }
}

/// The names of volumes that containers use as devices.
fn devices(pod: &Node) -> impl Iterator<Item = &Node> {
    let lists = ["containers", "initContainers"].into_iter();
    let containers = lists.flat_map(|list| items(pod, list));
    let devices = containers.flat_map(|container| items(container, "volumeDevices"));
    devices.filter_map(|device| device.get("name"))
}

/// Whether the volume of this name is a directory of the node, which is mounted and is no device: in a manifest that a
/// server takes, it was a claim before `volumes: empty`.
fn is_emptied(pod: &Node, name: &str) -> bool {
    let mut volumes = items(pod, "volumes").iter();
    volumes.any(|one| one.text_at(&["name"]) == Some(name) && one.get("emptyDir").is_some())
}

fn items<'n>(node: &'n Node, list: &str) -> &'n [Node] {
    node.get(list).map(Node::items).unwrap_or_default()
}
