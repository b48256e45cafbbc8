//! Copies whose pods have other labels, or another account, than those of their originals. Policies select pods by labels, so a patch of
//! these may take a copy out of what holds for its original, or make it one of those that a policy lets in.
//!
//! Both are judged as if a pod of the baseline had the new labels, by the policies that the preview has: what is said
//! in copies and additions means of previews what the originals mean of the baseline. An account is whom policies know a
//! caller by, so a copy with that of another is held against its original. What a copy may do, or may be
//! asked, and its original not, is an error; the opposite is a warning where it is about callers.

mod accounts;
mod callers;
mod connections;
mod proxies;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use rayon::prelude::*;
use smallvec::SmallVec;

use super::{World, is_enforced};
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::{Object, kinds};
use crate::model::{Catalog, pod_labels, selects};
use crate::plan::Plan;
use crate::plan::environment::{Body, Copied, Environment};
use crate::plan::policies::names_targets;
use crate::yaml::Node;

const AUTHORIZATION: (&str, &str) = (super::GROUP, super::KIND);
const PEERS: (&str, &str) = ("security.istio.io", "PeerAuthentication");
const TOKENS: (&str, &str) = ("security.istio.io", "RequestAuthentication");
const NETWORK: (&str, &str) = ("networking.k8s.io", "NetworkPolicy");

/// The kinds that are judged.
const JUDGED: [(&str, &str); 4] = [AUTHORIZATION, PEERS, TOKENS, NETWORK];

/// A copy with other labels.
struct Relabelled<'p, 'a> {
    plan: &'p Plan<'a>,
    env: &'p Environment<'a>,
    copy: &'p Copied<'a>,
    /// Of the original's pods.
    old: Node,
    /// Of the copy's.
    new: Node,
    /// The policies of which the preview has a copy, by their numbers.
    policies: BTreeSet<usize>,
}

/// Reports what copies with other labels may do, or may be asked, and their originals not.
pub(super) fn check<'p, 'a>(
    plan: &'p Plan<'a>,
    world: &LazyLock<World<'p, 'a>, impl FnOnce() -> World<'p, 'a>>,
    report: &mut Report,
) {
    if !JUDGED.iter().any(|(group, kind)| plan.catalog.of_kind(group, kind).next().is_some()) {
        return;
    }
    let patched = patched(plan);
    let (found, renamed) = (relabelled(plan, &patched), accounts::renamed(&patched));
    if found.is_empty() && renamed.is_empty() {
        return;
    }
    let world: &World<'_, '_> = world;
    // Previews that write the same patch are told once, at the first of them.
    let mut said = BTreeSet::new();
    let of_labels = found.iter().flat_map(|one| {
        let of_callers = callers::check(world, one);
        of_callers.into_iter().chain(proxies::check(one)).chain(connections::check(world, one))
    });
    let all = of_labels.chain(accounts::check(world, &renamed));
    report.extend(all.filter(|one| said.insert((one.code.id, one.message.clone()))));
}

/// Copies of one original, each with its preview, in the order in which these are written.
type Copies<'p, 'a> = Vec<(&'p Environment<'a>, &'p Copied<'a>)>;

/// Copies that have the same patches.
struct Patched<'p, 'a> {
    copies: Copies<'p, 'a>,
    /// What the first of them is.
    body: Node,
}

/// The patched workloads. What patches make of an original is found once, however many previews write them.
fn patched<'p, 'a>(plan: &'p Plan<'a>) -> Vec<Patched<'p, 'a>> {
    let mut all: BTreeMap<(usize, SmallVec<[&str; 4]>), Copies<'p, 'a>> = BTreeMap::new();
    for env in &plan.environments {
        for copy in &env.copies {
            let Body::Changed(changes) = &copy.body else { continue };
            let id = &copy.original.id;
            if changes.has_patches() && kinds::is_workload(&id.group, &id.kind) {
                let key = (copy.original.number, changes.key_of_patches());
                all.entry(key).or_default().push((env, copy));
            }
        }
    }
    let all: Vec<_> = all.into_values().collect();
    let made = all.into_par_iter().filter_map(|mut copies| {
        copies.sort_by_key(|(env, _)| env.index);
        let body = copies.first()?.1.node().into_owned();
        Some(Patched { copies, body })
    });
    made.collect()
}

/// The copies with other labels, each once for the same policies.
fn relabelled<'p, 'a>(plan: &'p Plan<'a>, patched: &[Patched<'p, 'a>]) -> Vec<Relabelled<'p, 'a>> {
    let mut all = Vec::new();
    for Patched { copies, body } in patched {
        let labels = |body: &Node| pod_labels(body).cloned().unwrap_or_default();
        let original = copies.first().map(|(_, copy)| copy.original);
        let (old, new) = (original.map(|one| labels(&one.node)).unwrap_or_default(), labels(body));
        if old != new {
            all.extend(
                copies.iter().map(|(env, copy)| Relabelled::of(plan, env, copy, &old, &new)),
            );
        }
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

impl<'p, 'a> Relabelled<'p, 'a> {
    fn of(
        plan: &'p Plan<'a>,
        env: &'p Environment<'a>,
        copy: &'p Copied<'a>,
        old: &Node,
        new: &Node,
    ) -> Self {
        let originals = env.copies.iter().map(|copy| copy.original);
        let policies = originals.filter(|object| is_judged(object));
        let policies = policies.map(|policy| policy.number).collect();
        Self { plan, env, copy, old: old.clone(), new: new.clone(), policies }
    }

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

    /// The policies of a kind that the pods of the original follow by their labels.
    fn followed(&self, (group, kind): (&'a str, &'a str), selector: &'a str) -> Vec<&'a Object> {
        let is_near = |policy: &Object| policy.id.namespace == self.home() || is_of_root(policy);
        self.selecting((group, kind), selector, &self.old, &is_near)
    }

    /// Those that the pods of the copy follow: of the namespace, those that the preview has a copy of.
    fn followed_by_copy(
        &self,
        (group, kind): (&'a str, &'a str),
        selector: &'a str,
    ) -> Vec<&'a Object> {
        let is_there = |policy: &Object| match policy.id.namespace == self.home() {
            true => self.policies.contains(&policy.number),
            false => is_of_root(policy),
        };
        self.selecting((group, kind), selector, &self.new, &is_there)
    }

    fn selecting(
        &self,
        (group, kind): (&'a str, &'a str),
        selector: &str,
        labels: &Node,
        is_there: &dyn Fn(&Object) -> bool,
    ) -> Vec<&'a Object> {
        let all = self.catalog().of_kind(group, kind);
        let holds = |policy: &&Object| {
            is_there(policy)
                && is_enforced(policy)
                && !names_targets(policy)
                && selects(policy.node.at(&["spec", selector]), Some(labels))
        };
        all.filter(holds).collect()
    }

    /// The finding that the copy may do or be asked something, or not, unlike its original, because of a policy.
    fn finding(&self, is_wider: bool, gain: &str, policy: &Object) -> Diagnostic {
        let id = &self.original().id;
        let code = if is_wider { &code::ACCESS_WIDENED } else { &code::ACCESS_NARROWED };
        let message = format!(
            "with the labels that a patch gives to its pods, the copy of {id} {gain}: by {}",
            policy.id
        );
        let changed: Vec<String> = self.changed().map(|label| format!("`{label}`")).collect();
        let help = format!(
            "leave {} of its pods as the original has it, or change the policy, for the baseline too",
            first_of(5, ", ", changed)
        );
        let mentions = |text: &str| self.changed().any(|label| text.contains(label));
        let field = field(self.plan, self.env, self.copy, mentions);
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

/// Where the patch of a copy stands that changes something: the last one that mentions it.
fn field(
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
    let found = patches.rfind(|(.., patch)| mentions(&patch.patch));
    let (service, patch) = found.map_or((0, 0), |(service, patch, _)| (service, patch));
    format!("spec.previews[{}].services[{service}].patches[{patch}].patch", env.index)
}

fn is_judged(object: &Object) -> bool {
    JUDGED.iter().any(|(group, kind)| object.is(group, kind))
}

/// Whether a policy is among some.
fn contains(some: &[&Object], policy: &Object) -> bool {
    some.iter().any(|one| one.number == policy.number)
}

/// Whether a policy of Istio holds in all namespaces.
fn is_of_root(policy: &Object) -> bool {
    policy.id.namespace == ROOT_NAMESPACE && policy.id.group == super::GROUP
}
