//! Finds namespaces that may be Istio's root namespace under another name. `meshConfig.rootNamespace` says so, but is
//! seldom part of the input.

use std::collections::BTreeMap;

use super::has_target_refs;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Object;
use crate::kube::istio::{self, ROOT_NAMESPACE};
use crate::model::{Catalog, Mesh};

/// The kinds that hold for the whole mesh if they are in the root namespace: group and kind.
const MESH_WIDE: [(&str, &str); 6] = [
    (istio::GROUP, "EnvoyFilter"),
    (istio::GROUP, "Sidecar"),
    (super::authorization::GROUP, "PeerAuthentication"),
    (super::authorization::GROUP, "RequestAuthentication"),
    (super::authorization::GROUP, super::authorization::KIND),
    ("telemetry.istio.io", "Telemetry"),
];

/// Reports each namespace with namespace-wide policies and nothing but configuration of Istio.
pub(super) fn check(catalog: &Catalog<'_>, report: &mut Report) {
    if !matches!(catalog.mesh, Mesh::Sidecars | Mesh::Ambient) {
        return;
    }
    let mut candidates: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for policy in MESH_WIDE.iter().flat_map(|(group, kind)| catalog.of_kind(group, kind)) {
        let namespace = policy.id.namespace.as_str();
        let is_elsewhere = namespace != ROOT_NAMESPACE && !catalog.home.includes(namespace);
        if is_elsewhere && is_namespace_wide(policy) {
            candidates.entry(namespace).or_default().push(policy);
        }
    }
    if candidates.is_empty() {
        return;
    }
    for object in catalog.objects().filter(|one| !is_of_istio(one)) {
        candidates.remove(object.id.namespace.as_str());
    }
    report.extend(candidates.into_iter().filter_map(|(namespace, policies)| {
        let names = first_of(5, ", ", policies.iter().map(|policy| policy.id.to_string()));
        let message = format!(
            "`{namespace}` has only policies without a selector: if it is Istio's root namespace, {names} also hold for \
             previews, and this has not been checked"
        );
        let help = "nothing to do if it is not; otherwise let these policies treat previews' namespaces as the baseline's";
        let finding = Diagnostic::new(&code::ROOT_NAMESPACE, message, help);
        Some(finding.at(policies.first()?.place(), "holds for the whole mesh in a root namespace"))
    }));
}

/// Whether a policy applies to everything in its namespace.
fn is_namespace_wide(policy: &Object) -> bool {
    let spec = |key: &str| policy.node.at(&["spec", key]);
    let selectors = ["selector", "workloadSelector"].into_iter().filter_map(spec);
    !has_target_refs(policy) && selectors.flat_map(|one| one.entries()).next().is_none()
}

fn is_of_istio(object: &Object) -> bool {
    object.id.group.ends_with(".istio.io") || object.is("", "ConfigMap")
}
