//! Checks that the pods of previews, and those that call them, are in the mesh of spec.routing.dataPlane: it routes
//! requests to copies.

use super::injection::{self, all_ask, missing};
use super::{Plan, callers};
use crate::diagnostic::{Diagnostic, Place, Report, code};
use crate::kube::Object;
use crate::kube::meta::mentions_variable;
use crate::model::mesh::{DATA_PLANE_MODE, INJECTION, asks_for_sidecar, injects, is_ambient};
use crate::model::{Catalog, Mesh, pod_labels, pod_of};

/// The field that names the mesh.
const DATA_PLANE: &str = "spec.routing.dataPlane";

/// Reports pods that are not in the mesh, once for all previews. `originals` are the copied objects.
pub(super) fn check(plan: &Plan<'_>, originals: &[&Object], report: &mut Report) {
    let homes = plan.catalog.home.namespaces;
    for home in homes {
        let is_used = plan.environments.iter().any(|env| env.find_room(home).is_some());
        if is_used || homes.len() == 1 {
            let of_home = originals.iter().filter(|object| object.id.namespace == *home);
            let of_home: Vec<&Object> = of_home.copied().collect();
            report.extend(of_namespace(plan, home, &of_home));
        }
    }
    callers::check(plan, originals, report);
}

fn of_namespace(plan: &Plan<'_>, home: &str, originals: &[&Object]) -> Option<Diagnostic> {
    let namespace = plan.catalog.namespace(home);
    match plan.catalog.mesh {
        Mesh::Sidecars => match namespace.and_then(|one| without_sidecars(plan, one, originals)) {
            Some(finding) => Some(finding),
            None => injection::check(plan, home, originals),
        },
        Mesh::Ambient => of_ambient(plan, home, originals),
        Mesh::Other if namespace.is_none() => Some(missing(plan, home, Some(WITHOUT_PROXY))),
        Mesh::Other | Mesh::Absent => None,
    }
}

const WITHOUT_PROXY: &str =
    "pods of previews may run outside of the mesh, and then nothing routes to them";

/// The finding that the Namespace is in ambient mode, although dataPlane is `sidecar`. Injection takes precedence, whether
/// the Namespace or every pod asks for it; a variable may ask for it too.
fn without_sidecars(
    plan: &Plan<'_>,
    namespace: &Object,
    originals: &[&Object],
) -> Option<Diagnostic> {
    let label = is_ambient(namespace)?;
    let injection = namespace.label(INJECTION);
    let may_inject = injection.is_some_and(|value| value == "enabled" || mentions_variable(value));
    if may_inject || injects(namespace).is_some() || injection.is_none() && all_ask(originals) {
        return None;
    }
    let message =
        format!("{} is in Istio's ambient mode, and dataPlane is `sidecar`", namespace.id);
    let help = "set `spec.routing.dataPlane: ambient`, or have sidecars injected";
    Some(contradiction(plan, message, help, label.place))
}

/// The finding that pods of a namespace are not in ambient mode, or may not be.
/// See <https://istio.io/latest/docs/ambient/usage/add-workloads/>.
fn of_ambient(plan: &Plan<'_>, home: &str, originals: &[&Object]) -> Option<Diagnostic> {
    let mut pods = originals.iter().filter(|object| pod_of(object).is_some());
    let namespace = plan.catalog.namespace(home);
    if let Some((namespace, label)) = namespace.and_then(|one| Some((one, injects(one)?))) {
        let message = format!("{} has sidecars injected, and dataPlane is `ambient`", namespace.id);
        let help = "leave dataPlane out, or take the label of injection off the Namespace";
        return Some(contradiction(plan, message, help, label.place));
    }
    let sidecar = pods.find_map(|object| Some((object, asks_for_sidecar(&object.node)?)));
    // If the Namespace switches injection off, labels of its pods do not count.
    let is_off = namespace.is_some_and(|one| one.label(INJECTION).is_some());
    if let Some((object, label)) = sidecar.filter(|_| !is_off) {
        let message = format!(
            "pods of {} have a sidecar, and dataPlane is `ambient`: it would not find the names of the baseline",
            object.id
        );
        let help = "take the label off, so that its pods are in ambient mode as others are, or leave the service out of \
                    previews";
        return Some(contradiction(plan, message, help, label.place));
    }
    let Some(namespace) = namespace else { return Some(missing(plan, home, None)) };
    if is_ambient(namespace).is_some() || all_pods_ask(plan.catalog, home) {
        return None;
    }
    let message = format!(
        "{} has no label `{DATA_PLANE_MODE}: ambient`: calls from its pods may pass no waypoint, and then nothing routes \
         to previews",
        namespace.id
    );
    let help = format!("label it `{DATA_PLANE_MODE}: ambient`");
    let finding = Diagnostic::new(&code::AMBIENT_UNKNOWN, message, help);
    Some(finding.at(namespace.place(), "says nothing of ambient mode"))
}

/// Whether the pods of every workload in a namespace ask for ambient mode themselves.
fn all_pods_ask(catalog: &Catalog<'_>, home: &str) -> bool {
    let asks = |object: &Object| {
        let mode = pod_labels(&object.node).and_then(|labels| labels.text_at(&[DATA_PLANE_MODE]));
        mode == Some("ambient")
    };
    let workloads = catalog.workloads().iter().map(|workload| workload.object);
    workloads.filter(|one| one.id.namespace == home).all(asks)
}

/// The finding that a label contradicts dataPlane.
fn contradiction(plan: &Plan<'_>, message: String, help: &str, place: Place) -> Diagnostic {
    let finding = plan.config.finding(&code::DATA_PLANE, DATA_PLANE, message, help);
    finding.also(place, "says so")
}
