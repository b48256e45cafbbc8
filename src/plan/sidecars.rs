//! Finds the Sidecars of the baseline that apply to a workload. They limit what proxies know, and are copied so that
//! previews have the same limits.

use crate::kube::Object;
use crate::kube::istio::{GROUP, ROOT_NAMESPACE};
use crate::model::{Catalog, pod_labels};
use crate::yaml::{Key, Node};

/// The Sidecars that apply to pods of the baseline, each with the namespace of these pods.
/// See <https://istio.io/latest/docs/reference/config/networking/sidecar/>.
pub(super) fn of_baseline<'a>(catalog: &'a Catalog<'a>) -> Vec<(&'a str, &'a Object)> {
    let all = |home: &'a str| {
        let in_namespace = |namespace| {
            let sidecars = catalog.of_kind(GROUP, "Sidecar");
            sidecars.filter(move |sidecar| sidecar.id.namespace == namespace)
        };
        let mut sidecars: Vec<&Object> = in_namespace(home).collect();
        if home != ROOT_NAMESPACE && !sidecars.iter().any(|sidecar| is_for_all(sidecar)) {
            sidecars.extend(in_namespace(ROOT_NAMESPACE).find(|sidecar| is_for_all(sidecar)));
        }
        sidecars.into_iter().map(move |sidecar| (home, sidecar))
    };
    catalog.home.namespaces.iter().flat_map(|home| all(home)).collect()
}

/// Whether a Sidecar applies to every pod of its namespace.
pub(super) fn is_for_all(sidecar: &Object) -> bool {
    labels(sidecar).is_none_or(|labels| labels.entries().is_empty())
}

/// Whether a Sidecar applies to the pods of a workload.
pub(super) fn applies_to(sidecar: &Object, workload: &Node) -> bool {
    let have = pod_labels(workload);
    let has = |(key, value): &(Key, Node)| {
        have.and_then(|have| have.text_at(&[&key.text])) == value.text()
    };
    labels(sidecar).is_none_or(|labels| labels.entries().iter().all(has))
}

fn labels(sidecar: &Object) -> Option<&Node> {
    sidecar.node.at(&["spec", "workloadSelector", "labels"])
}
