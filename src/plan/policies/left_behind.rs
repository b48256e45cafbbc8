//! Reports what previews do without: policies that apply to a copied workload and are not copied (a warning each),
//! and objects and annotations that are left out on purpose (a note each).

use std::collections::BTreeSet;

use super::reach::SelectionIndex;
use super::{destinations, has_target_refs};
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Object;
use crate::kube::meta::{CHOOSING, PUBLISHING, SPREADING};
use crate::model::{Catalog, Mesh};
use crate::plan::environment::Environment;
use crate::spec::Config;

/// A kind that selects pods and is left out on purpose: group, kind, and the reason.
pub(in crate::plan) const BUDGETS: (&str, &str, &str) =
    ("policy", "PodDisruptionBudget", "previews may be disrupted");

/// The kinds that scale workloads and are left out on purpose: group, kind, the field of `spec` that names the
/// workload, and the reason.
pub(in crate::plan) const SCALERS: [(&str, &str, &str, &str); 3] = [
    ("autoscaling", "HorizontalPodAutoscaler", "scaleTargetRef", "previews have fixed replicas"),
    (
        "autoscaling.k8s.io",
        "VerticalPodAutoscaler",
        "targetRef",
        "previews have the resources that are written",
    ),
    ("keda.sh", "ScaledObject", "scaleTargetRef", "previews have fixed replicas"),
];

/// Reports what applies to the originals of copies and is left behind.
pub(in crate::plan) fn check(
    config: &Config,
    catalog: &Catalog<'_>,
    environments: &[Environment<'_>],
    report: &mut Report,
) {
    // Originals count and not their copies: a patch may change the labels of a copy, by which policies select.
    let mut is_copied = vec![false; catalog.objects().count()];
    for copy in environments.iter().flat_map(|env| &env.copies) {
        is_copied[copy.original.number] = true;
    }
    let is_copied = |object: &Object| is_copied[object.number];
    let originals = || catalog.objects().filter(|object| is_copied(object));
    let homes = catalog.home.namespaces.iter();
    let indexes: Vec<SelectionIndex<'_>> =
        homes.map(|home| SelectionIndex::of(catalog, home, originals())).collect();
    // `limits.quota` gives every preview an object of its own in place of the baseline's.
    let is_replaced = |policy: &Object| {
        policy.is("", "ResourceQuota") && config.quota("hard").is_some()
            || policy.is("", "LimitRange") && config.quota("limitRange").is_some()
    };
    let has_counterpart = |policy: &Object| is_copied(policy) || is_replaced(policy);
    not_copied(catalog, &indexes, has_counterpart, report);
    indexes.iter().for_each(|index| left_out(index, report));
    left_out_of_copies(originals(), report);
}

/// Warns of every policy that applies to an indexed workload and has no counterpart in previews.
fn not_copied(
    catalog: &Catalog<'_>,
    indexes: &[SelectionIndex<'_>],
    has_counterpart: impl Fn(&Object) -> bool,
    report: &mut Report,
) {
    for policy in catalog.objects().filter(|object| !has_counterpart(object)) {
        let Some(kind) = policy.row else { continue };
        let is_handled = kind.group == "security.istio.io" || !has_target_refs(policy);
        // In ambient mode a waypoint applies it to the original's host. Copies have other hosts.
        let is_lost =
            catalog.mesh == Mesh::Ambient && policy.is(destinations::GROUP, destinations::KIND);
        if kind.is_copied_policy() && is_handled && !is_lost {
            continue;
        }
        let may_apply_in = |home: &str| match kind.is_cluster_scoped {
            false => policy.id.namespace == home,
            true => policy.node.any_text(&|text| names_namespace(text, home)),
        };
        let near = indexes.iter().filter(|index| may_apply_in(index.home));
        let names: BTreeSet<&str> = near
            .flat_map(|index| index.reached_by(policy, kind.policy))
            .map(|object| object.id.name.as_str())
            .collect();
        if names.is_empty() {
            continue;
        }
        let message = format!(
            "{} applies to {}, but previews do not get a copy of it",
            policy.id,
            first_of(5, ", ", names)
        );
        let help = "policies of this kind are not copied: add one for the previews' namespaces where it matters";
        let finding = Diagnostic::new(&code::POLICY_NOT_COPIED, message, help);
        report.push(finding.at(policy.place(), "not copied"));
    }
}

/// Whether a text is the name of a namespace, or an expression of Calico that contains it.
fn names_namespace(text: &str, namespace: &str) -> bool {
    text == namespace
        || ['\'', '"'].iter().any(|quote| text.contains(&format!("{quote}{namespace}{quote}")))
}

/// Notes the objects that are left out on purpose.
fn left_out(index: &SelectionIndex<'_>, report: &mut Report) {
    let mut note = |object: &Object, what: String, label: &str| {
        let help = "nothing to do; add it to the previews' namespaces yourself if they need it";
        report.push(Diagnostic::new(&code::DROPPED, what, help).at(object.place(), label));
    };
    for (group, kind, reference, why) in SCALERS {
        for scaler in index.of_kind(group, kind) {
            let target = |key| scaler.node.text_at(&["spec", reference, key]);
            let (kind, name) = (target("kind").unwrap_or("Deployment"), target("name"));
            if index.contains(kind, name.unwrap_or_default()) {
                note(scaler, format!("{} is not copied: {why}", scaler.id), "not copied");
            }
        }
    }
    for budget in index.of_kind(BUDGETS.0, BUDGETS.1) {
        if !index.selected(budget.node.at(&["spec", "selector"])).is_empty() {
            note(budget, format!("{} is not copied: {}", budget.id, BUDGETS.2), "not copied");
        }
    }
}

/// Notes the annotations that copies do not have: one note for each original, about the first sort that it has.
fn left_out_of_copies<'a>(originals: impl Iterator<Item = &'a Object>, report: &mut Report) {
    const HOOK: &str = "helm.sh/hook";
    for original in originals {
        let has = |key: &&&str| original.annotation(key).is_some();
        let chosen = |key: &&&str| has(key) || original.label(key).is_some();
        let chosen: Vec<String> =
            CHOOSING.iter().filter(chosen).map(|key| format!("`{key}`")).collect();
        let id = &original.id;
        let what = if let Some(key) = PUBLISHING.iter().find(has) {
            format!("the copies of {id} have no `{key}`: the name is the original's")
        } else if let Some(key) = SPREADING.iter().find(has) {
            format!("the copies of {id} have no `{key}`: they are for their previews alone")
        } else if !chosen.is_empty() {
            let keys = chosen.join(" and no ");
            format!("the copies of {id} have no {keys}: their image is that of the preview")
        } else if original.annotation(HOOK).is_some() {
            format!("the copies of {id} have no `{HOOK}`: they come and go with their previews")
        } else {
            continue;
        };
        let help = "nothing to do; add it to the previews' namespaces yourself if they need it";
        let note = Diagnostic::new(&code::DROPPED, what, help);
        report.push(note.at(original.place(), "not copied with it"));
    }
}
