//! Policies that apply to a copied workload and are not copied, each named in a warning; and objects that mean nothing
//! in a preview, each named in a note.

use std::collections::BTreeSet;

use super::reach::Targets;
use super::{destinations, names_targets};
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Object;
use crate::kube::kinds::{self, PolicyFate};
use crate::kube::meta::{CHOOSING, PUBLISHING, SPREADING};
use crate::model::{Catalog, Mesh};
use crate::plan::environment::Environment;
use crate::spec::Config;

/// What selects pods and is left out on purpose, and why.
pub(in crate::plan) const BUDGETS: (&str, &str, &str) =
    ("policy", "PodDisruptionBudget", "previews may be disrupted");

/// What changes the number of pods or their resources, how it names them, and why previews do without.
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

/// Reports what applies to the copies of these previews and is left behind.
pub(in crate::plan) fn check(
    config: &Config,
    catalog: &Catalog<'_>,
    environments: &[Environment<'_>],
    report: &mut Report,
) {
    // A patch may take a copy out of what selects the original, which the copy is to be like.
    let mut originals = vec![None; catalog.objects().count()];
    for copy in environments.iter().flat_map(|env| &env.copies) {
        originals[copy.original.number] = Some(copy.original);
    }
    let is_copied: Vec<bool> = originals.iter().map(Option::is_some).collect();
    let originals: Vec<&Object> = originals.into_iter().flatten().collect();
    let homes = catalog.home.namespaces.iter();
    let copies = homes.map(|home| Targets::of(catalog, home, originals.iter().copied()));
    let copies: Vec<Targets<'_>> = copies.collect();
    // Of a kind that `limits.quota` makes, previews have one of their own.
    let is_made = |policy: &Object| {
        let field = if policy.is("", "ResourceQuota") { "hard" } else { "limitRange" };
        let is_bound = policy.is("", "ResourceQuota") || policy.is("", "LimitRange");
        is_bound && config.quota(field).is_some()
    };
    let is_copied = |object: &Object| is_copied[object.number];
    let is_there = |policy: &Object| is_copied(policy) || is_made(policy);
    not_copied(catalog, &copies, is_there, report);
    copies.iter().for_each(|copies| left_out(copies, report));
    left_out_of_copies(catalog.objects().filter(|object| is_copied(object)), report);
}

/// Warns of every policy that applies to a copied workload, once each.
fn not_copied(
    catalog: &Catalog<'_>,
    all: &[Targets<'_>],
    is_copied: impl Fn(&Object) -> bool,
    report: &mut Report,
) {
    for policy in catalog.objects().filter(|object| !is_copied(object)) {
        let Some(kind) = kinds::find(&policy.id.group, &policy.id.kind) else { continue };
        let is_followed = kind.group == "security.istio.io" || !names_targets(policy);
        // The baseline's waypoints follow it for the original, and not for copies.
        let is_lost =
            catalog.mesh == Mesh::Ambient && policy.is(destinations::GROUP, destinations::KIND);
        if kind.policy_fate == PolicyFate::Copied && is_followed && !is_lost {
            continue;
        }
        let is_of = |copies: &&Targets<'_>| match kind.is_cluster_scoped {
            false => policy.id.namespace == copies.home,
            true => policy.node.any_text(&|text| names(text, copies.home)),
        };
        let under = all.iter().filter(is_of);
        let touched: Vec<&Object> =
            under.flat_map(|copies| copies.touched(policy, kind.policy)).collect();
        if !touched.is_empty() {
            let names: BTreeSet<&str> = touched.iter().map(|one| one.id.name.as_str()).collect();
            let names = first_of(5, ", ", names);
            report.push(
                Diagnostic::new(
                    &code::POLICY_NOT_COPIED,
                    format!("{} applies to {names}, but previews do not get a copy of it", policy.id),
                    "policies of this kind are not copied: add one for the previews' namespaces where it matters",
                )
                .at(policy.place(), "not copied"),
            );
        }
    }
}

/// Whether a text is the name of a namespace, or a selector of Calico's that names it.
fn names(text: &str, namespace: &str) -> bool {
    text == namespace
        || ['\'', '"'].iter().any(|quote| text.contains(&format!("{quote}{namespace}{quote}")))
}

/// Notes what is left out on purpose, once for each object of the baseline.
fn left_out(copies: &Targets<'_>, report: &mut Report) {
    let mut note = |object: &Object, what: String, label: &str| {
        let help = "nothing to do; add it to the previews' namespaces yourself if they need it";
        report.push(Diagnostic::new(&code::DROPPED, what, help).at(object.place(), label));
    };
    for (group, kind, reference, why) in SCALERS {
        for scaler in copies.of_kind(group, kind) {
            let target = |key| scaler.node.text_at(&["spec", reference, key]);
            let (kind, name) = (target("kind").unwrap_or("Deployment"), target("name"));
            if copies.contains(kind, name.unwrap_or_default()) {
                note(scaler, format!("{} is not copied: {why}", scaler.id), "not copied");
            }
        }
    }
    for budget in copies.of_kind(BUDGETS.0, BUDGETS.1) {
        if !copies.selected(budget.node.at(&["spec", "selector"])).is_empty() {
            note(budget, format!("{} is not copied: {}", budget.id, BUDGETS.2), "not copied");
        }
    }
}

/// Notes annotations that copies do not have, once for each original.
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
