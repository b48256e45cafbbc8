//! What applies to a copied workload and is not copied: policies, not yet, each named in a warning;
//! and what means nothing in a preview, each named in a note.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::environment::{Body, Environment};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::meta::DNS_ANNOTATIONS;
use crate::kube::{Id, Object};
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

/// What selects pods and is left out on purpose.
const BUDGETS: (&str, &str) = ("policy", "PodDisruptionBudget");

/// Reports what applies to the copies of these previews and is left behind.
pub(super) fn check(catalog: &Catalog<'_>, environments: &[Environment<'_>], found: &mut Report) {
    let mut kinds = POLICIES.iter().map(|&(group, kind, _)| (group, kind)).chain([BUDGETS]);
    let selecting = kinds.any(|(group, kind)| catalog.own(group, kind).next().is_some());
    let distinct = distinct(environments, selecting);
    let copies = Copies::of(&distinct);
    not_copied(catalog, &copies, found);
    left_out(catalog, &copies, found);
}

/// Warns of every policy that applies to a copied workload, once each.
fn not_copied(catalog: &Catalog<'_>, copies: &Copies<'_>, found: &mut Report) {
    for (group, kind, selector) in POLICIES {
        for policy in catalog.own(group, kind) {
            let touched = copies.touched(policy, selector);
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
fn left_out(catalog: &Catalog<'_>, copies: &Copies<'_>, found: &mut Report) {
    let copied = |kind, name| copies.names.contains(&(kind, name));
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
    for budget in catalog.own(BUDGETS.0, BUDGETS.1) {
        if !copies.touched(budget, &["spec", "selector"]).is_empty() {
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

/// Copies, with the labels of their pods where something may select them; those that are alike once, for
/// there may be thousands of each.
fn distinct<'p>(
    environments: &'p [Environment<'_>],
    selecting: bool,
) -> Vec<(&'p Id, Option<Cow<'p, Node>>)> {
    let mut seen = BTreeSet::new();
    let mut distinct = Vec::new();
    for copy in environments.iter().flat_map(|env| &env.copies) {
        let patches = match &copy.body {
            // Nothing else changes labels.
            Body::Changed(changes) if selecting => changes.patches(),
            _ => SmallVec::new(),
        };
        let patched = !patches.is_empty();
        if seen.insert((copy.original.number, patches)) {
            let labels = ["spec", "template", "metadata", "labels"];
            let labels = if patched {
                copy.node().at(&labels).cloned().map(Cow::Owned)
            } else {
                copy.original.node.at(&labels).map(Cow::Borrowed)
            };
            distinct.push((&copy.original.id, labels));
        }
    }
    distinct
}

/// The copies of all previews.
#[derive(Default)]
struct Copies<'a> {
    /// Kind and name of everything that is copied.
    names: BTreeSet<(&'a str, &'a str)>,
    /// Names of workloads, with the labels of their pods.
    workloads: Vec<(&'a str, &'a Node)>,
    /// Indices of workloads, by a label and its value: policies are many too.
    by_label: BTreeMap<(&'a str, &'a str), Vec<usize>>,
}

impl<'a> Copies<'a> {
    fn of(distinct: &'a [(&Id, Option<Cow<'_, Node>>)]) -> Self {
        let mut copies = Self::default();
        for (id, labels) in distinct {
            copies.names.insert((&id.kind, &id.name));
            let Some(labels) = labels else {
                continue;
            };
            for (key, value) in labels.entries() {
                let value = value.text().unwrap_or_default();
                let workloads = copies.by_label.entry((&key.text, value)).or_default();
                workloads.push(copies.workloads.len());
            }
            copies.workloads.push((&id.name, labels));
        }
        copies
    }

    /// Names of the workloads, or Services, that a policy of the baseline applies to.
    fn touched(&self, policy: &Object, selector: &[&str]) -> BTreeSet<&'a str> {
        let spec = |keys: &[&str]| policy.node.at(keys);
        let targets = spec(&["spec", "targetRefs"]).map(Node::items).unwrap_or_default();
        let targets = spec(&["spec", "targetRef"]).into_iter().chain(targets);
        let mut targets = targets.filter_map(|target| target.text_at(&["name"])).peekable();
        let services = || self.names.iter().filter(|(kind, _)| *kind == "Service");
        if let Some(host) = spec(&["spec", "host"]).and_then(Node::text) {
            let host = host.split('.').next().unwrap_or(host);
            let meant = services().filter(|(_, name)| host == "*" || host == *name);
            return meant.map(|(_, name)| *name).collect();
        }
        if targets.peek().is_some() {
            let targets: BTreeSet<&str> = targets.collect();
            let meant = services().filter(|(_, name)| targets.contains(name));
            return meant.map(|(_, name)| *name).collect();
        }
        let selector = if selector.is_empty() { None } else { spec(selector) };
        // Istio writes `matchLabels` for security policies and `labels` for networking ones.
        let labels = selector.and_then(|selector| selector.get("labels"));
        let applies = |pod: &Node| match labels {
            Some(labels) => {
                let mut labels = labels.entries().iter();
                labels.all(|(key, want)| pod.text_at(&[&key.text]) == want.text())
            }
            None => selects(selector, Some(pod)),
        };
        let wanted = labels.or_else(|| selector.and_then(|one| one.get("matchLabels")));
        let wanted = wanted.and_then(|labels| labels.entries().first());
        let label = wanted.and_then(|(key, value)| Some((key.text.as_str(), value.text()?)));
        let candidates = match label {
            Some(label) => self.by_label.get(&label).cloned().unwrap_or_default(),
            None => (0..self.workloads.len()).collect(),
        };
        let candidates = candidates.into_iter().map(|index| self.workloads[index]);
        candidates.filter(|(_, pod)| applies(pod)).map(|(name, _)| name).collect()
    }
}
