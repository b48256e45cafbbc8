//! Finds storage that a copy cannot have: content of claims in the baseline's namespace, and devices whose claim became
//! an empty directory.

use smol_str::SmolStr;

use super::lacks::What;
use super::requirements::Requirements;
use crate::kube::Id;
use crate::model::{claim_templates, containers, data_source, pod_spec};
use crate::yaml::Node;

/// Adds storage that the pods of a workload cannot have.
pub(super) fn follow(requirements: &mut Requirements<'_>, id: &Id, body: &Node) {
    let Some(pod) = pod_spec(body) else { return };
    for claim in claim_templates(body) {
        if let Some(name) = data_source(claim) {
            requirements.lack(What::Claim(source(claim, id)), id, name.place);
        }
    }
    for device in devices(pod) {
        let name = device.text().unwrap_or_default();
        if is_emptied(pod, name) {
            requirements.lack(What::Device(name.to_owned()), id, device.place);
        }
    }
}

/// The identity of the object from which a claim takes its content.
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
    let devices = containers(pod).flat_map(|container| container.items_at(&["volumeDevices"]));
    devices.filter_map(|device| device.get("name"))
}

/// Whether the volume of this name is an empty directory, which is no device. The API server accepts only claims as
/// devices, so it was a claim before `volumes: empty`.
fn is_emptied(pod: &Node, name: &str) -> bool {
    let mut volumes = pod.items_at(&["volumes"]).iter();
    volumes.any(|one| one.text_at(&["name"]) == Some(name) && one.get("emptyDir").is_some())
}
