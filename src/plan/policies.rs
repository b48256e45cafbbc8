//! What applies to a copied workload and is not copied: policies, not yet, each named in a warning;
//! and what means nothing in a preview, each named in a note.

use std::collections::BTreeSet;

use super::environment::Environment;
use smol_str::SmolStr;

use crate::diagnostic::{Diagnostic, code};
use crate::kube::Object;
use crate::kube::meta::DNS_ANNOTATIONS;
use crate::model::{Catalog, selects};
use crate::yaml::Node;

/// Kinds that restrict or configure traffic of the workloads they select, and the fields that hold
/// their selector.
const POLICIES: &[(&str, &str, &[&str])] = &[
    ("security.istio.io", "AuthorizationPolicy", &["spec", "selector"]),
    ("security.istio.io", "RequestAuthentication", &["spec", "selector"]),
    ("security.istio.io", "PeerAuthentication", &["spec", "selector"]),
    ("networking.istio.io", "DestinationRule", &["spec", "workloadSelector"]),
    ("networking.istio.io", "Sidecar", &["spec", "workloadSelector"]),
    ("networking.istio.io", "EnvoyFilter", &["spec", "workloadSelector"]),
    ("telemetry.istio.io", "Telemetry", &["spec", "selector"]),
    ("extensions.istio.io", "WasmPlugin", &["spec", "selector"]),
    ("networking.k8s.io", "NetworkPolicy", &["spec", "podSelector"]),
    ("cilium.io", "CiliumNetworkPolicy", &["spec", "endpointSelector"]),
    ("gateway.networking.k8s.io", "BackendTLSPolicy", &[]),
];

/// Warns of every policy that applies to a copied workload, once each.
pub(super) fn check(
    catalog: &Catalog<'_>,
    environments: &[Environment<'_>],
    found: &mut Vec<Diagnostic>,
) {
    for (group, kind, selector) in POLICIES {
        for policy in catalog.own(group, kind) {
            let mut touched = BTreeSet::new();
            for env in environments {
                touched.extend(copies_touched(policy, selector, env));
            }
            if touched.is_empty() {
                continue;
            }
            let names = touched.into_iter().collect::<Vec<_>>().join(", ");
            found.push(
                Diagnostic::new(
                    &code::POLICY_NOT_COPIED,
                    format!("{} applies to {names}, but previews do not get a copy of it", policy.id),
                    "policies are not copied yet: add one for the previews' namespaces where it matters",
                )
                .at(policy.place(), "not copied"),
            );
        }
    }
}

/// Notes what is left out on purpose, once for each object of the baseline.
pub(super) fn left_out(
    catalog: &Catalog<'_>,
    environments: &[Environment<'_>],
    found: &mut Vec<Diagnostic>,
) {
    let copied = |kind: &str, name: &str| {
        let ids = environments.iter().flat_map(|env| &env.copies).map(|copy| &copy.original.id);
        ids.into_iter().any(|id| id.kind == kind && id.name == name)
    };
    let mut note = |object: &Object, what: String, label: &str| {
        let help = "nothing to do; add it to the previews' namespaces yourself if they need it";
        found.push(Diagnostic::new(&code::DROPPED, what, help).at(object.place(), label));
    };
    for scaler in catalog.own("autoscaling", "HorizontalPodAutoscaler") {
        let target =
            |key| scaler.node.text_at(&["spec", "scaleTargetRef", key]).unwrap_or_default();
        if copied(target("kind"), target("name")) {
            note(
                scaler,
                format!("{} is not copied: previews have fixed replicas", scaler.id),
                "not copied",
            );
        }
    }
    for budget in catalog.own("policy", "PodDisruptionBudget") {
        let touches = |env| !copies_touched(budget, &["spec", "selector"], env).is_empty();
        if environments.iter().any(touches) {
            note(
                budget,
                format!("{} is not copied: previews may be disrupted", budget.id),
                "not copied",
            );
        }
    }
    for service in catalog.services() {
        let mut keys = DNS_ANNOTATIONS.iter();
        let key = keys.find(|key| service.object.annotation(key).is_some());
        if let Some(key) = key.filter(|_| copied("Service", service.name())) {
            let what = format!(
                "the copies of {} have no `{key}`: the name is the original's",
                service.object.id
            );
            note(service.object, what, "not copied with it");
        }
    }
}

/// The copied workloads, or Services, of a preview that a policy of the baseline applies to.
fn copies_touched(policy: &Object, selector: &[&str], env: &Environment<'_>) -> Vec<SmolStr> {
    let spec = |keys: &[&str]| policy.node.at(keys);
    let label_selector = if selector.is_empty() { None } else { spec(selector) };
    // Istio writes `matchLabels` for security policies and `labels` for networking ones.
    let labels = label_selector.and_then(|selector| selector.get("labels"));
    let host = policy
        .node
        .text_at(&["spec", "host"])
        .map(|host| host.split('.').next().unwrap_or(host).to_owned());
    let targets = spec(&["spec", "targetRefs"]).map(Node::items).unwrap_or_default();
    let target = spec(&["spec", "targetRef"]).into_iter().chain(targets);
    let targets: Vec<&str> = target.filter_map(|target| target.text_at(&["name"])).collect();
    let mut touched = Vec::new();
    for copy in &env.copies {
        let id = &copy.original.id;
        let pod = copy.frame().at(&["spec", "template", "metadata", "labels"]);
        let applies = match (&host, targets.is_empty(), labels) {
            (Some(host), _, _) => id.kind == "Service" && (*host == id.name || host == "*"),
            (None, false, _) => id.kind == "Service" && targets.contains(&id.name.as_str()),
            (None, true, Some(labels)) => pod.is_some_and(|pod| {
                labels.entries().iter().all(|(key, want)| pod.text_at(&[&key.text]) == want.text())
            }),
            (None, true, None) => pod.is_some_and(|pod| selects(label_selector, Some(pod))),
        };
        if applies {
            touched.push(id.name.clone());
        }
    }
    touched
}
