//! The mesh of the baseline: what routes requests inside the cluster, and which routes it follows.
//!
//! `spec.routing.dataPlane` names it. A sidecar can be that of another mesh than Istio, if labels or annotations of
//! the Namespace and the pods say so.

use super::Catalog;
use super::pod::{pod_annotations, pod_labels, pod_of};
use crate::kube::istio::REVISION;
use crate::kube::{Object, RouteApi};
use crate::spec::DataPlane;
use crate::yaml::Node;

/// What routes requests inside the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) enum Mesh {
    /// Istio, with a proxy beside every pod.
    #[default]
    Sidecars,
    /// Istio's ambient mode: a waypoint reads the routes of the services that it serves.
    Ambient,
    /// Another mesh, which follows the Gateway API.
    Other,
    /// None.
    Absent,
}

/// The label that puts a Namespace or a pod into Istio's ambient mode.
pub(crate) const DATA_PLANE_MODE: &str = "istio.io/dataplane-mode";
/// The label of pods that switches the injection of a sidecar on or off.
pub(crate) const INJECT: &str = "sidecar.istio.io/inject";
/// The label of a Namespace that switches the injection of sidecars on or off.
pub(crate) const INJECTION: &str = "istio-injection";

/// Labels or annotations that make other meshes inject a proxy, with the values that do.
/// See <https://linkerd.io/2/features/proxy-injection/> and
/// <https://kuma.io/docs/latest/production/dp-config/dpp-on-kubernetes/>.
const INJECTORS: [(&str, &[&str]); 2] =
    [("linkerd.io/inject", &["enabled", "ingress"]), ("kuma.io/sidecar-injection", &["enabled"])];

impl Mesh {
    /// The mesh of a baseline.
    pub(super) fn of(data_plane: DataPlane, catalog: &Catalog<'_>) -> Self {
        match data_plane {
            DataPlane::Ambient => Self::Ambient,
            DataPlane::Other => Self::Other,
            DataPlane::None => Self::Absent,
            DataPlane::Sidecar if is_of_another(catalog) => Self::Other,
            DataPlane::Sidecar => Self::Sidecars,
        }
    }

    /// Whether the mesh follows routes of an API for calls inside the cluster.
    pub(crate) fn follows(self, api: RouteApi) -> bool {
        let data_plane = match self {
            Self::Sidecars => DataPlane::Sidecar,
            Self::Ambient => DataPlane::Ambient,
            Self::Other => DataPlane::Other,
            Self::Absent => DataPlane::None,
        };
        data_plane.may_follow(api)
    }

    /// The mesh in a sentence.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sidecars => "Istio with sidecars",
            Self::Ambient => "ambient mode",
            Self::Other => "another mesh than Istio",
            Self::Absent => "no mesh",
        }
    }
}

/// The label of a Namespace that makes Istio inject sidecars into its pods.
/// See <https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy>.
pub(crate) fn injects(namespace: &Object) -> Option<&Node> {
    let labels = namespace.node.at(&["metadata", "labels"])?;
    match labels.get(INJECTION) {
        // With this label, that of the revision is ignored.
        Some(injection) => Some(injection).filter(|node| node.text() == Some("enabled")),
        None => labels.get(REVISION),
    }
}

/// The label of a Namespace that puts its pods into ambient mode.
pub(crate) fn is_ambient(namespace: &Object) -> Option<&Node> {
    let label = namespace.node.at(&["metadata", "labels", DATA_PLANE_MODE])?;
    (label.text() == Some("ambient")).then_some(label)
}

/// The label that requests a sidecar for the pods of a workload, whatever their Namespace says.
pub(crate) fn asks_for_sidecar(workload: &Node) -> Option<&Node> {
    let labels = pod_labels(workload)?;
    match labels.get(INJECT) {
        Some(inject) => Some(inject).filter(|node| node.text() == Some("true")),
        None => labels.get(REVISION),
    }
}

/// The label or annotation by which pods of a workload refuse the proxy of another mesh than Istio.
pub(crate) fn refuses_proxy(workload: &Node) -> Option<&Node> {
    let all = [pod_labels(workload), pod_annotations(workload)].into_iter().flatten();
    let mut said = all.flat_map(|texts| INJECTORS.iter().filter_map(|(key, _)| texts.get(key)));
    said.find(|node| node.text() == Some("disabled"))
}

/// Whether the Namespace requests the proxy of another mesh than Istio, or a pod does if the Namespace says nothing.
fn is_of_another(catalog: &Catalog<'_>) -> bool {
    let has_mark = |node: &Node| {
        INJECTORS
            .iter()
            .any(|(key, values)| node.text_at(&[key]).is_some_and(|value| values.contains(&value)))
    };
    if catalog.baseline_namespaces().any(|namespace| injects(namespace).is_some()) {
        return false;
    }
    let mut of_namespaces = catalog.baseline_namespaces().flat_map(|namespace| {
        let fields = ["labels", "annotations"].into_iter();
        fields.filter_map(move |field| namespace.node.at(&["metadata", field]))
    });
    let of_pods = |workload: &Object| {
        let node = &workload.node;
        [pod_labels(node), pod_annotations(node)].into_iter().flatten().any(has_mark)
    };
    of_namespaces.any(has_mark) || catalog.workloads().iter().any(|one| of_pods(one.object))
}

/// Whether anything in the input shows that Istio is there: the Namespace, a pod, or an object of Istio's kinds. A
/// label that switches Istio off shows it too.
pub(super) fn shows_istio(catalog: &Catalog<'_>) -> bool {
    let labels = [INJECTION, REVISION, DATA_PLANE_MODE];
    let says = |namespace: &Object| labels.iter().any(|label| namespace.label(label).is_some());
    catalog.baseline_namespaces().any(says)
        || catalog.objects().any(|object| {
            object.id.group.ends_with("istio.io")
                || pod_of(object).is_some() && asks_for_sidecar(&object.node).is_some()
        })
}
