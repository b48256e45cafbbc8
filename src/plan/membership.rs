//! Whether the pods of previews, and those that call them, are in the mesh that leads requests to copies, and whether
//! that is the mesh which spec.routing.dataPlane says.

use super::{Plan, callers};
use crate::diagnostic::{Diagnostic, Place, Report, code};
use crate::kube::Object;
use crate::model::mesh::{
    DATA_PLANE_MODE, INJECT, INJECTION, REVISION, asks_for_sidecar, injects, is_ambient,
};
use crate::model::{Catalog, Mesh, pod_labels, pod_spec};
use crate::yaml::Node;

/// Where the Namespace of a baseline is named.
const FIELD: &str = "spec.baseline.namespace";
/// Where the mesh is named.
const DATA_PLANE: &str = "spec.routing.dataPlane";

/// Reports it, once for all previews of a plan.
pub(super) fn check(plan: &Plan<'_>, originals: &[&Object], report: &mut Report) {
    let mut pods = originals.iter().filter(|object| pod_spec(&object.node).is_some()).copied();
    let lacks = match plan.catalog.mesh {
        Mesh::Sidecars => of_sidecars(plan, &mut pods),
        Mesh::Ambient => of_ambient(plan, &mut pods),
        Mesh::Other => missing(plan, "without the proxy of the mesh"),
        Mesh::Absent => None,
    };
    report.extend(lacks);
    callers::check(plan, originals, report);
}

/// What is said where the baseline's Namespace is not in the input. `without` is how pods of previews may run.
fn missing(plan: &Plan<'_>, without: &str) -> Option<Diagnostic> {
    let home = plan.catalog.namespace;
    if plan.catalog.own_namespace().is_some() {
        return None;
    }
    let mut message =
        format!("the Namespace `{home}` is not in the input, so nothing is known of its labels");
    if !without.is_empty() {
        message +=
            &format!(": pods of previews may run {without}, and then nothing routes to them");
    }
    let help = "pass it with --baseline: previews get its labels and annotations";
    Some(plan.config.finding(&code::NAMESPACE_MISSING, FIELD, message, help))
}

/// Where pods of previews may run without a sidecar, without which nothing in a preview is routed.
/// See <https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/>.
fn of_sidecars<'a>(
    plan: &Plan<'_>,
    pods: &mut impl Iterator<Item = &'a Object>,
) -> Option<Diagnostic> {
    let namespace = plan.catalog.own_namespace();
    let off = namespace.is_some_and(|one| one.label(INJECTION) == Some("disabled"));
    let on = namespace.and_then(injects).is_some();
    let asks =
        |labels: &Node| labels.text_at(&[INJECT]) == Some("true") || labels.get(REVISION).is_some();
    let all_ask = pods.all(|object| pod_labels(&object.node).is_some_and(asks));
    let sure = on || all_ask && !off || plan.routing.mesh.is_empty();
    let Some(namespace) = namespace else {
        return missing(plan, if sure { "" } else { "without a sidecar" });
    };
    if let Some(label) = is_ambient(namespace).filter(|_| !on) {
        let message =
            format!("{} is in Istio's ambient mode, and dataPlane is `sidecar`", namespace.id);
        let help = "set `spec.routing.dataPlane: ambient`, or have sidecars injected";
        return Some(contradiction(plan, message, help, label.place));
    }
    if sure {
        return None;
    }
    let (says, help) = if off {
        (
            "switches sidecar injection off",
            "label it `istio-injection: enabled`, or `istio.io/rev` without `istio-injection`; with another mesh, \
             or none, say so in spec.routing.dataPlane",
        )
    } else {
        (
            "says nothing of sidecar injection",
            "label it `istio-injection: enabled` or `istio.io/rev`, or each pod template \
             `sidecar.istio.io/inject: \"true\"`; an annotation of that name does not count; with another mesh, or \
             none, say so in spec.routing.dataPlane",
        )
    };
    let message = format!(
        "{} {says}: pods of previews may run without a sidecar, and then nothing routes to them",
        namespace.id
    );
    let finding = Diagnostic::new(&code::INJECTION_UNKNOWN, message, help);
    Some(finding.at(namespace.place(), "previews get its labels"))
}

/// Where the baseline is not, or not surely, in ambient mode.
/// See <https://istio.io/latest/docs/ambient/usage/add-workloads/>.
fn of_ambient<'a>(
    plan: &Plan<'_>,
    pods: &mut impl Iterator<Item = &'a Object>,
) -> Option<Diagnostic> {
    let namespace = plan.catalog.own_namespace();
    if let Some((namespace, label)) = namespace.and_then(|one| Some((one, injects(one)?))) {
        let message = format!("{} has sidecars injected, and dataPlane is `ambient`", namespace.id);
        let help = "leave dataPlane out, or take the label of injection off the Namespace";
        return Some(contradiction(plan, message, help, label.place));
    }
    // Whose Namespace says nothing of injection, or switches it off.
    let sidecar = pods.find_map(|object| Some((object, asks_for_sidecar(&object.node)?)));
    let off = namespace.is_some_and(|one| one.label(INJECTION) == Some("disabled"));
    if let Some((object, label)) = sidecar.filter(|_| !off) {
        let message = format!(
            "pods of {} have a sidecar, and dataPlane is `ambient`: it would not find the names of the baseline",
            object.id
        );
        let help = "take the label off, so that its pods are in ambient mode as others are, or leave the service out of \
                    previews";
        return Some(contradiction(plan, message, help, label.place));
    }
    let namespace = match namespace {
        Some(namespace) => namespace,
        None => return missing(plan, ""),
    };
    if is_ambient(namespace).is_some() || is_said_by_pods(plan.catalog) {
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

/// Whether every workload of the baseline is in ambient mode by itself.
fn is_said_by_pods(catalog: &Catalog<'_>) -> bool {
    let is_in = |object: &Object| {
        let mode = pod_labels(&object.node).and_then(|labels| labels.text_at(&[DATA_PLANE_MODE]));
        mode == Some("ambient")
    };
    catalog.workloads().iter().all(|workload| is_in(workload.object))
}

fn contradiction(plan: &Plan<'_>, message: String, help: &str, place: Place) -> Diagnostic {
    let finding = plan.config.finding(&code::DATA_PLANE, DATA_PLANE, message, help);
    finding.also(place, "says so")
}
