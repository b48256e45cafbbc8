//! Tells which pods are outside of the mesh, so that their calls follow no route.

use std::collections::BTreeMap;

use super::Reason;
use crate::diagnostic::Place;
use crate::kube::Object;
use crate::model::mesh::{
    DATA_PLANE_MODE, INJECT, INJECTION, asks_for_sidecar, injects, is_ambient, refuses_proxy,
};
use crate::model::waypoint::Waypoint;
use crate::model::{Catalog, Mesh, ServiceName, pod_annotations, pod_labels, pod_of};
use crate::ordered::ordered;
use crate::yaml::Node;

/// The parts of the catalogue that decide which pods are outside of the mesh.
pub(super) struct Outside<'c, 'a> {
    catalog: &'c Catalog<'a>,
    /// Namespaces whose pods are outside unless they say otherwise, with the place that says so. Those of the baseline
    /// are left out: `membership` reports them.
    namespaces: BTreeMap<&'a str, Place>,
}

/// Words of findings about such pods.
#[derive(Debug, Clone, Copy)]
pub(super) struct Phrases {
    /// The predicate of the message, such as `have no sidecar`.
    pub(super) what: &'static str,
    pub(super) remedy: &'static str,
}

impl<'c, 'a> Outside<'c, 'a> {
    pub(super) fn of(catalog: &'c Catalog<'a>) -> Self {
        let all = catalog.of_kind("", "Namespace");
        let elsewhere = all.filter(|one| !catalog.home.includes(&one.id.name));
        let outside = elsewhere.filter_map(|namespace| {
            let place = says_outside(catalog.mesh, namespace)?;
            Some((namespace.id.name.as_str(), place))
        });
        Self { catalog, namespaces: ordered(outside) }
    }

    pub(super) fn phrases(&self) -> Phrases {
        match self.catalog.mesh {
            Mesh::Ambient => Phrases {
                what: "are not in ambient mode",
                remedy: "take the pods into ambient mode",
            },
            Mesh::Sidecars | Mesh::Other | Mesh::Absent => {
                Phrases { what: "have no sidecar", remedy: "let the pods have a sidecar" }
            }
        }
    }

    /// Why the pods of an object are outside of the mesh, if they are.
    pub(super) fn reason(&self, object: &Object) -> Option<Reason> {
        let pod = pod_of(object)?;
        let on_host = pod.get("hostNetwork").filter(|host| host.is_true());
        let of_namespace = || self.namespaces.get(object.id.namespace.as_str()).copied();
        let place = match self.catalog.mesh {
            Mesh::Absent => None,
            Mesh::Other => refuses_proxy(&object.node).map(|node| node.place),
            Mesh::Sidecars | Mesh::Ambient if on_host.is_some() => on_host.map(|host| host.place),
            Mesh::Sidecars => match injection(&object.node) {
                Some((node, "false")) => Some(node.place),
                Some((_, "true")) => None,
                _ => of_namespace(),
            },
            Mesh::Ambient => match mode(&object.node) {
                Some((node, "none")) => Some(node.place),
                Some((_, "ambient")) => None,
                _ if asks_for_sidecar(&object.node).is_some() => None,
                _ => of_namespace(),
            },
        };
        place.map(|place| Reason { place, depends: false })
    }

    /// Whether a waypoint applies the routes of a service to calls from an object's pods, which have no sidecar.
    pub(super) fn is_served(&self, object: &Object, service: ServiceName<'_>) -> bool {
        let mut namespaces = self.catalog.of_kind("", "Namespace");
        let namespace = namespaces.find(|one| one.id.name == object.id.namespace);
        self.catalog.mesh == Mesh::Sidecars
            && namespace.is_some_and(|one| is_ambient(one).is_some())
            && self.catalog.service(service).is_some_and(|service| {
                matches!(Waypoint::of(self.catalog, service.object), Waypoint::Named(_))
            })
    }
}

/// The place where a Namespace says that its pods are outside of the mesh.
fn says_outside(mesh: Mesh, namespace: &Object) -> Option<Place> {
    let ambient = is_ambient(namespace);
    match mesh {
        Mesh::Sidecars => {
            let label = namespace.node.at(&["metadata", "labels", INJECTION]);
            let off = label.filter(|label| label.text() == Some("disabled"));
            let without = ambient.filter(|_| injects(namespace).is_none());
            off.or(without).map(|label| label.place)
        }
        Mesh::Ambient => {
            let is_in = ambient.is_some() || injects(namespace).is_some();
            (!is_in).then(|| namespace.place())
        }
        Mesh::Other | Mesh::Absent => None,
    }
}

/// What pods say about injection of a sidecar. A label takes precedence over an annotation.
fn injection(workload: &Node) -> Option<(&Node, &str)> {
    let label = pod_labels(workload).and_then(|labels| labels.get(INJECT));
    let said = label.or_else(|| pod_annotations(workload)?.get(INJECT))?;
    Some((said, said.text()?))
}

/// What pods say about ambient mode.
fn mode(workload: &Node) -> Option<(&Node, &str)> {
    let said = pod_labels(workload)?.get(DATA_PLANE_MODE)?;
    Some((said, said.text()?))
}
