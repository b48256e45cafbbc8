//! Checks copies whose patches change the labels of pods or the service account.
//!
//! Policies select pods by labels. So a patch may take a copy out of a policy that applies to its original, or make it a
//! peer that a policy lets in. Such a copy is checked as if a pod of the baseline had the new labels: the copies and
//! siblings of policies treat previews as their originals treat the baseline. A copy with another service account is
//! compared with its original as a caller.
//!
//! If a copy may call, or be called, more than its original, that is an error. If less, it is a warning, and only calls
//! through the mesh are checked.

mod accounts;
mod callers;
mod connections;
mod proxies;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rayon::prelude::*;
use smallvec::SmallVec;

use super::{Checker, NETWORK, is_enforced};
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::{Kind, Object};
use crate::model::{Catalog, pod_labels, selects};
use crate::plan::Plan;
use crate::plan::environment::{Body, Copied, Environment};
use crate::plan::policies::has_target_refs;
use crate::spec::ServicePath;
use crate::yaml::Node;

const AUTHORIZATION: (&str, &str) = (super::GROUP, super::KIND);
const PEER_AUTHENTICATION: (&str, &str) = ("security.istio.io", "PeerAuthentication");
const REQUEST_AUTHENTICATION: (&str, &str) = ("security.istio.io", "RequestAuthentication");

/// The kinds of policies that are checked.
pub(super) const CHECKED: [(&str, &str); 4] =
    [AUTHORIZATION, PEER_AUTHENTICATION, REQUEST_AUTHENTICATION, NETWORK];

/// A copy whose pods have other labels than those of its original.
struct Relabelled<'p, 'a> {
    plan: &'p Plan<'a>,
    env: &'p Environment<'a>,
    copy: &'p Copied<'a>,
    /// The labels of the original's pods.
    old: Node,
    /// The labels of the copy's pods.
    new: Node,
    /// The numbers of the policies that the preview copies.
    policies: BTreeSet<usize>,
}

/// Reports patches of labels and service accounts that change access.
pub(super) fn check<'p, 'a>(
    plan: &'p Plan<'a>,
    checker: &LazyLock<Checker<'p, 'a>, impl FnOnce() -> Checker<'p, 'a>>,
    report: &mut Report,
) {
    if !CHECKED.iter().any(|(group, kind)| plan.catalog.of_kind(group, kind).next().is_some()) {
        return;
    }
    let patched = patched(plan);
    let (relabelled, account_changes) = (relabelled(plan, &patched), accounts::changes(&patched));
    if relabelled.is_empty() && account_changes.is_empty() {
        return;
    }
    let checker: &Checker<'_, '_> = checker;
    let of_callers = callers::check(checker, &relabelled);
    let of_labels = relabelled.iter().zip(of_callers).flat_map(|(copy, of_callers)| {
        let of_callers = of_callers.into_iter();
        of_callers.chain(proxies::check(copy)).chain(connections::check(checker, copy))
    });
    let findings = of_labels.chain(accounts::check(checker, &account_changes));
    // A finding that repeats for many previews is reported once, at the first of them.
    let mut reported = BTreeSet::new();
    report.extend(findings.filter(|one| reported.insert((one.code.id, one.message.clone()))));
}

/// Copies of one original, each with its preview, in the order of previews.yaml.
type Copies<'p, 'a> = Vec<(&'p Environment<'a>, &'p Copied<'a>)>;

/// Copies of one original with the same patches.
struct Patched<'p, 'a> {
    original: &'a Object,
    copies: Copies<'p, 'a>,
    /// The body of the first copy.
    body: Node,
}

/// The patched workloads. Patches are applied once, however many previews share them.
fn patched<'p, 'a>(plan: &'p Plan<'a>) -> Vec<Patched<'p, 'a>> {
    let mut all: BTreeMap<(usize, SmallVec<[&str; 4]>), Copies<'p, 'a>> = BTreeMap::new();
    for env in &plan.environments {
        for copy in &env.copies {
            let Body::Changed(changes) = &copy.body else { continue };
            let is_workload = || copy.original.row.is_some_and(Kind::is_workload);
            if changes.has_patches() && is_workload() {
                let key = (copy.original.number, changes.key_of_patches());
                all.entry(key).or_default().push((env, copy));
            }
        }
    }
    let all: Vec<_> = all.into_values().collect();
    let patched = all.into_par_iter().filter_map(|mut copies| {
        copies.sort_by_key(|(env, _)| env.index);
        let &(_, first) = copies.first()?;
        Some(Patched { original: first.original, copies, body: first.node().into_owned() })
    });
    patched.collect()
}

/// The copies with other labels. Of several with the same labels and policies, only the first.
fn relabelled<'p, 'a>(plan: &'p Plan<'a>, patched: &[Patched<'p, 'a>]) -> Vec<Relabelled<'p, 'a>> {
    let labels = |body: &Node| pod_labels(body).cloned().unwrap_or_default();
    let mut all = Vec::new();
    for Patched { original, copies, body } in patched {
        let (old, new) = (labels(&original.node), labels(body));
        if old == new {
            continue;
        }
        all.extend(copies.iter().map(|&(env, copy)| {
            let copied = env.copies.iter().map(|copy| copy.original);
            let policies = copied.filter(|object| is_checked(object)).map(|policy| policy.number);
            let (old, new) = (old.clone(), new.clone());
            Relabelled { plan, env, copy, old, new, policies: policies.collect() }
        }));
    }
    all.sort_by_key(|one| (one.env.index, one.original().number));
    let mut known = BTreeSet::new();
    all.retain(|one| {
        let labels = one.new.entries().iter();
        let labels = labels.map(|(key, value)| (key.text.clone(), value.text().map(str::to_owned)));
        let labels: Vec<_> = labels.collect();
        known.insert((one.original().number, labels, one.policies.clone()))
    });
    all
}

impl<'a> Relabelled<'_, 'a> {
    fn catalog(&self) -> &'a Catalog<'a> {
        self.plan.catalog
    }

    fn original(&self) -> &'a Object {
        self.copy.original
    }

    /// The namespace of the baseline that the original is in.
    fn home(&self) -> &'a str {
        &self.original().id.namespace
    }

    /// The policies of a kind that apply to the original.
    fn applied(&self, kind: (&'a str, &'a str)) -> Vec<&'a Object> {
        let is_near =
            |policy: &Object| policy.id.namespace == self.home() || is_in_root_namespace(policy);
        self.selecting(kind, &self.old, &is_near)
    }

    /// The policies of a kind that apply to the copy, each by its original. The preview has copies of some.
    fn applied_to_copy(&self, kind: (&'a str, &'a str)) -> Vec<&'a Object> {
        let is_near = |policy: &Object| match policy.id.namespace == self.home() {
            true => self.policies.contains(&policy.number),
            false => is_in_root_namespace(policy),
        };
        self.selecting(kind, &self.new, &is_near)
    }

    fn selecting(
        &self,
        (group, kind): (&'a str, &'a str),
        labels: &Node,
        is_near: &dyn Fn(&Object) -> bool,
    ) -> Vec<&'a Object> {
        let selector = if (group, kind) == NETWORK { "podSelector" } else { "selector" };
        let applies = |policy: &&Object| {
            is_near(policy)
                && is_enforced(policy)
                && !has_target_refs(policy)
                && selects(policy.node.at(&["spec", selector]), Some(labels))
        };
        self.catalog().of_kind(group, kind).filter(applies).collect()
    }

    /// The finding that the copy has more access than its original, or less, by a policy. `difference` completes the
    /// sentence "the copy ...".
    fn finding(&self, is_wider: bool, difference: &str, policy: &Object) -> Diagnostic {
        let id = &self.original().id;
        let code = if is_wider { &code::ACCESS_WIDENED } else { &code::ACCESS_NARROWED };
        let message = format!(
            "with the labels that a patch gives to its pods, the copy of {id} {difference}: by {}",
            policy.id
        );
        let changed: Vec<String> = self.changed().map(|label| format!("`{label}`")).collect();
        let help = format!(
            "leave {} of its pods as the original has it, or change the policy, for the baseline too",
            first_of(5, ", ", changed)
        );
        let mentions = |text: &str| self.changed().any(|label| text.contains(label));
        let field = patch_field(self.plan, self.env, self.copy, mentions);
        let place = self.plan.config.place(&field);
        let finding = Diagnostic::new(code, message, help).field(field).at(place, "this patch");
        finding.also(policy.place(), "decides by the labels of pods")
    }

    /// The keys of the labels that differ.
    fn changed(&self) -> impl Iterator<Item = &str> {
        let differs = |key: &str| self.old.text_at(&[key]) != self.new.text_at(&[key]);
        let old = self.old.entries().iter();
        let new = self.new.entries().iter().filter(|(key, _)| self.old.get(&key.text).is_none());
        old.chain(new).map(|(key, _)| key.text.as_str()).filter(move |key| differs(key))
    }
}

/// The field of the last patch of a copy whose text passes `mentions`.
fn patch_field(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    copy: &Copied<'_>,
    mentions: impl Fn(&str) -> bool,
) -> String {
    let services = env.preview.services.iter().enumerate();
    let owners = services.filter(|(_, service)| {
        copy.owners.contains(plan.catalog.resolve(&service.name, &service.namespace))
    });
    let mut patches = owners.flat_map(|(at, service)| {
        service.patches.iter().enumerate().map(move |(index, patch)| (at, index, patch))
    });
    let last = patches.rfind(|(.., patch)| mentions(&patch.patch));
    let (service, patch) = last.map_or((0, 0), |(service, patch, _)| (service, patch));
    format!("{}.patches[{patch}].patch", ServicePath(env.index, service))
}

fn is_checked(object: &Object) -> bool {
    CHECKED.iter().any(|(group, kind)| object.is(group, kind))
}

fn contains(policies: &[&Object], policy: &Object) -> bool {
    policies.iter().any(|one| one.number == policy.number)
}

/// Whether a policy of Istio applies in all namespaces.
fn is_in_root_namespace(policy: &Object) -> bool {
    policy.id.namespace == ROOT_NAMESPACE && policy.id.group == super::GROUP
}
