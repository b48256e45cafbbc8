//! Namespaces that may be Istio's root namespace although it is not called so: `meshConfig.rootNamespace` is seldom in the
//! input.

use std::collections::BTreeMap;

use super::names_targets;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Object;
use crate::kube::istio::{self, ROOT_NAMESPACE};
use crate::model::{Catalog, Mesh};

/// What holds for the whole mesh in the root namespace.
const FOR_ALL: [(&str, &str); 6] = [
    (istio::GROUP, "EnvoyFilter"),
    (istio::GROUP, "Sidecar"),
    (super::authorization::GROUP, "PeerAuthentication"),
    (super::authorization::GROUP, "RequestAuthentication"),
    (super::authorization::GROUP, super::authorization::KIND),
    ("telemetry.istio.io", "Telemetry"),
];

/// Names each namespace that has policies for all that is in it, and nothing but configuration of Istio.
pub(super) fn check(catalog: &Catalog<'_>, report: &mut Report) {
    if !matches!(catalog.mesh, Mesh::Sidecars | Mesh::Ambient) {
        return;
    }
    let mut found: BTreeMap<&str, Vec<&Object>> = BTreeMap::new();
    for policy in FOR_ALL.iter().flat_map(|(group, kind)| catalog.of_kind(group, kind)) {
        let namespace = policy.id.namespace.as_str();
        let is_of_others = namespace != ROOT_NAMESPACE && !catalog.home.includes(namespace);
        if is_of_others && is_for_all(policy) {
            found.entry(namespace).or_default().push(policy);
        }
    }
    if found.is_empty() {
        return;
    }
    for object in catalog.objects().filter(|one| !is_of_istio(one)) {
        found.remove(object.id.namespace.as_str());
    }
    report.extend(found.into_iter().filter_map(|(namespace, policies)| {
        let names = first_of(5, ", ", policies.iter().map(|policy| policy.id.to_string()));
        let message = format!(
            "`{namespace}` has policies for all that is in it, and nothing else: if it is Istio's root namespace, {names} hold \
             for previews, and nobody has looked at what they say of them"
        );
        let help = "nothing to do where it is not; else let them say of previews' namespaces what they say of the baseline's";
        let finding = Diagnostic::new(&code::ROOT_NAMESPACE, message, help);
        Some(finding.at(policies.first()?.place(), "holds for the whole mesh in a root namespace"))
    }));
}

fn is_for_all(policy: &Object) -> bool {
    let spec = |key: &str| policy.node.at(&["spec", key]);
    let selectors = ["selector", "workloadSelector"].into_iter().filter_map(spec);
    !names_targets(policy) && selectors.flat_map(|one| one.entries()).next().is_none()
}

fn is_of_istio(object: &Object) -> bool {
    object.id.group.ends_with(".istio.io") || object.is("", "ConfigMap")
}
