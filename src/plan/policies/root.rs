//! Finds namespaces that may be Istio's root namespace under another name. `meshConfig.rootNamespace` says so, but is
//! seldom part of the input.

use std::collections::BTreeMap;

use super::has_target_refs;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Object;
use crate::kube::istio::ROOT_NAMESPACE;
use crate::model::{Catalog, Mesh};

/// Reports each namespace with namespace-wide policies and nothing but configuration of Istio.
pub(super) fn check(catalog: &Catalog<'_>, report: &mut Report) {
    if !matches!(catalog.mesh, Mesh::Sidecars | Mesh::Ambient) {
        return;
    }
    let mut candidates: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for policy in catalog.objects().filter(|one| is_mesh_wide_in_root(one)) {
        let namespace = policy.id.namespace.as_str();
        if namespace != ROOT_NAMESPACE && !catalog.home.includes(namespace) {
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

/// Whether a policy would apply to the whole mesh if its namespace were the root namespace.
fn is_mesh_wide_in_root(policy: &Object) -> bool {
    if !policy.row.is_some_and(|kind| kind.is_mesh_wide_in_root) {
        return false;
    }
    let spec = |key: &str| policy.node.at(&["spec", key]);
    let selectors = ["selector", "workloadSelector"].into_iter().filter_map(spec);
    !has_target_refs(policy) && selectors.flat_map(|one| one.entries()).next().is_none()
}

fn is_of_istio(object: &Object) -> bool {
    object.id.group.ends_with(".istio.io") || object.is("", "ConfigMap")
}
