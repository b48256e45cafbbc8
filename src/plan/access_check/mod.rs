//! The proof that previews get no more access than the baseline has, and no less.
//!
//! For each workload of the baseline every caller is tried with every call that its policies tell apart: what may
//! each do before there are previews, and what with them, at the original and at its copies. Callers are the accounts
//! of the whole input, those of copies, and one in plain text. A call that is allowed now and was not before is an
//! error, one that was and is not any more a warning; both come with a witness. The policies are
//! evaluated as Istio does it ([`evaluate`]), by no code that has rewritten them.

mod callers;
mod calls;
mod evaluate;
mod gateways;
mod outcomes;
mod relabelled;
mod waypoints;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use rayon::prelude::*;

use self::callers::Pair;
use self::evaluate::{Asks, Caller, Clauses, Followed, Follower, Identity, items};
use self::outcomes::{Outcome, Witness, may_ask, outcomes};
use super::Plan;
use super::policies::{Estate, names_targets};
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Object;
use crate::model::Mesh;
use crate::yaml::Node;

const GROUP: &str = "security.istio.io";
const KIND: &str = "AuthorizationPolicy";

/// The trust domain of a mesh that has no other.
const TRUST: &str = "cluster.local";

/// The account of a pod that is no copy.
const SUITE: &str = "suite";

/// Reports access that previews change.
pub(super) fn check(plan: &Plan<'_>, report: &mut Report) {
    let world = LazyLock::new(|| World::new(plan));
    relabelled::check(plan, &world, report);
    if !plan.routing.entries.clones.is_empty() {
        gateways::check(plan, &world, report);
    }
    if plan.environments.is_empty() || plan.catalog.of_kind(GROUP, KIND).next().is_none() {
        return;
    }
    let groups = world.groups();
    let found: Vec<_> = groups.par_iter().map(|workloads| world.check(workloads)).collect();
    let mut found: Vec<Found<'_>> = found.into_iter().flatten().collect();
    found.sort_by_key(|found| found.workload);
    let closed: Vec<&Object> = found.iter().filter_map(|found| found.closed_to_suites).collect();
    report.extend(suites_refused(plan, &world, &closed));
    // Many workloads may follow one policy, of which one word is enough.
    let mut said = BTreeSet::new();
    let findings = found.into_iter().flat_map(|found| found.findings);
    let findings = findings.chain(waypoints::check(&world));
    report.extend(findings.filter(|one| said.insert((one.code.id, one.place))));
}

/// What is found at a workload.
struct Found<'a> {
    /// Its number.
    workload: usize,
    findings: Vec<Diagnostic>,
    /// The workload, where its copies refuse every call of a pod of the preview that is no copy.
    closed_to_suites: Option<&'a Object>,
}

/// The finding that pods of suites may not call copies.
fn suites_refused(
    plan: &Plan<'_>,
    world: &World<'_, '_>,
    closed: &[&Object],
) -> Option<Diagnostic> {
    if closed.is_empty() || plan.config.previews.spec.tests.is_empty() {
        return None;
    }
    let message = format!(
        "AuthorizationPolicies refuse every call of a suite's pods to copies of {}, unless they run as an account that \
         these admit",
        first_of(5, ", ", closed.iter().map(|workload| workload.id.to_string()))
    );
    let previews = &world.estate.homes.first()?.previews;
    let help = format!(
        "nothing to do where suites enter by the preview's host; else admit an account of theirs by a policy of your \
         own, with `namespaces: [\"{previews}\"]` and `principals: [\"*/sa/<account>\"]` in one source"
    );
    Some(plan.config.finding(&code::SUITE_REFUSED, "spec.tests", message, help))
}

/// What the check knows.
struct World<'p, 'a> {
    plan: &'p Plan<'a>,
    estate: Estate<'a>,
    /// The policies of the input that each workload follows, by its number.
    followed: Vec<Vec<&'a Object>>,
    /// Which of the additions belong to a policy, by its number.
    siblings: BTreeMap<usize, &'p Node>,
    /// Accounts of other namespaces of the input, by these.
    others: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// Namespaces of previews for those of the baseline: first one that can be, then those that are there and look like
    /// one for another namespace of the baseline.
    previews: Vec<(&'a str, String)>,
}

impl<'p, 'a: 'p> World<'p, 'a> {
    fn new(plan: &'p Plan<'a>) -> Self {
        let catalog = plan.catalog;
        let estate = Estate::new(plan.config, catalog, &plan.environments);
        let mut followed = vec![Vec::new(); catalog.objects().count()];
        for policy in catalog.of_kind(GROUP, KIND).filter(|policy| is_enforced(policy)) {
            // What names its targets is followed by waypoints and Gateways.
            if estate.may_hold_for_home(policy) && !names_targets(policy) {
                for number in estate.workloads_under(policy) {
                    followed[number].push(policy);
                }
            }
        }
        let siblings = plan.policies.siblings.iter();
        let siblings = siblings.map(|one| (one.original.number, &one.spec)).collect();
        let others = callers::elsewhere(&estate);
        let homes = estate.homes.iter();
        let sample = |previews: &str| previews.replace('*', "0");
        let samples = homes.map(|home| (home.namespace, sample(&home.previews)));
        let previews = samples.chain(mistakable(plan, &estate)).collect();
        Self { plan, estate, followed, siblings, others, previews }
    }

    /// Who follows the policies of workloads: what of those of Services waypoints make is looked at apart.
    fn follower(&self) -> Follower {
        match self.plan.catalog.mesh {
            Mesh::Ambient => Follower::Ztunnel,
            Mesh::Sidecars | Mesh::Other | Mesh::Absent => Follower::Proxy,
        }
    }

    /// Workloads of one namespace that follow the same policies: what is said of callers is the same for all of them.
    fn groups(&self) -> Vec<Vec<&'a Object>> {
        let mut groups: BTreeMap<(&str, Vec<usize>), Vec<&Object>> = BTreeMap::new();
        for object in self.plan.catalog.workloads().iter().map(|workload| workload.object) {
            let followed = self.followed[object.number].iter().map(|policy| policy.number);
            let of = (object.id.namespace.as_str(), followed.collect());
            groups.entry(of).or_default().push(object);
        }
        groups.into_values().collect()
    }

    /// What is found at each workload of a group: at the original, and at its copies.
    fn check(&'p self, workloads: &[&'a Object]) -> Vec<Found<'a>> {
        let Some(&first) = workloads.first() else { return Vec::new() };
        let followed = &self.followed[first.number];
        let refused = &self.plan.policies.refused;
        if followed.is_empty() || followed.iter().any(|one| refused.contains(&one.number)) {
            return Vec::new();
        }
        let before: Vec<Followed<'p>> = followed.iter().map(|policy| original(policy)).collect();
        let now = self.with_siblings(followed);
        let copied: Vec<Followed<'_>> =
            followed.iter().map(|policy| self.copy_of(policy, first)).collect();
        let pairs = callers::told_apart(self, workloads, &before);
        let mut asks = Asks::default();
        let [before, now, copied] = [before, now, copied]
            .map(|policies| Clauses::of(&policies, self.follower(), &mut asks));
        let of_originals = outcomes([&before, &now], &pairs, &asks);
        let of_copies = outcomes([&before, &copied], &pairs, &asks);
        let stranger = self.preview_of(first).map(|preview| Identity::new(TRUST, preview, SUITE));
        let is_closed = !may_ask(&copied.says(stranger.as_ref()), &asks);
        let found = workloads.iter().map(|&workload| {
            let id = &workload.id;
            let at = |target: String, all| findings(&target, workload.number, &pairs, all);
            let mut findings = at(id.to_string(), &of_originals);
            let is_copied = self.estate.copies(workload);
            if is_copied {
                findings.extend(at(format!("the copy of {id}"), &of_copies));
            }
            let closed_to_suites = (is_copied && is_closed).then_some(workload);
            Found { workload: workload.number, findings, closed_to_suites }
        });
        found.collect()
    }

    /// Policies with what is added beside them.
    fn with_siblings(&'p self, followed: &[&'a Object]) -> Vec<Followed<'p>> {
        let mut all: Vec<Followed<'p>> = followed.iter().map(|policy| original(policy)).collect();
        all.extend(followed.iter().filter_map(|policy| {
            let spec = self.siblings.get(&policy.number)?;
            Some(Followed { rules: items(spec, "rules"), ..original(policy) })
        }));
        all
    }

    /// A namespace of a preview that has copies of a workload.
    fn preview_of(&self, workload: &Object) -> Option<&str> {
        let mut previews = self.previews.iter();
        let (_, preview) = previews.find(|(home, _)| *home == workload.id.namespace)?;
        Some(preview)
    }

    /// A policy as copies of a workload follow it: those of the root namespace hold as they are.
    fn copy_of(&'p self, policy: &'a Object, workload: &Object) -> Followed<'p> {
        if policy.id.namespace != workload.id.namespace {
            return original(policy);
        }
        let spec = self.plan.policies.rewritten_spec(policy);
        let rules = spec.map_or(original(policy).rules, |spec| items(spec, "rules"));
        Followed { policy, namespace: self.preview_of(workload).unwrap_or_default(), rules }
    }
}

/// Namespaces of previews that look like ones for another namespace of the baseline, one for each two of these: that of
/// `pr-1-a` for `shop` is `pr-1-a-shop`, and so is that of `pr-1` for `a-shop`.
fn mistakable<'a>(plan: &Plan<'a>, estate: &Estate<'a>) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    for home in &estate.homes {
        let others = estate.homes.iter().filter(|other| other.namespace != home.namespace);
        // Where any of its namespaces looks so, the rules for the others leave them out.
        let any = home.any_preview();
        for other in others.filter(|other| !other.is_of_previews(&any)) {
            let rooms = plan.environments.iter().filter_map(|env| env.find_room(home.namespace));
            let looks_so = |name: &&str| other.is_of_previews(name);
            let looking_so = rooms.map(|room| room.namespace.as_str()).find(looks_so);
            found.extend(looking_so.map(|name| (home.namespace, name.to_owned())));
        }
    }
    found
}

/// Whether Istio follows a policy, and not only notes what it would do.
fn is_enforced(policy: &Object) -> bool {
    policy.annotation("istio.io/dry-run") != Some("true")
}

fn original(policy: &Object) -> Followed<'_> {
    let spec = policy.node.get("spec");
    let rules = spec.map(|spec| items(spec, "rules")).unwrap_or_default();
    Followed { policy, namespace: &policy.id.namespace, rules }
}

/// What is found first of each kind at a target, which is a workload or its copies.
fn findings(
    target: &str,
    workload: usize,
    pairs: &[Pair<'_>],
    outcomes: &[Arc<Outcome<'_>>],
) -> Vec<Diagnostic> {
    let told = |pair: &Pair<'_>, witness: Option<&Witness<'_>>| {
        let was = pair.was.as_ref();
        finding(target, [was, pair.is.as_ref().or(was)], witness?)
    };
    let mut all = pairs.iter().zip(outcomes);
    let mut of_others = all.clone().filter(|(pair, _)| pair.own != Some(workload));
    let narrowed = of_others.find_map(|(pair, outcome)| told(pair, outcome.narrowed.as_ref()));
    let widened = all.find_map(|(pair, outcome)| told(pair, outcome.widened.as_ref()));
    narrowed.into_iter().chain(widened).collect()
}

/// A caller in words.
fn name_of(caller: Caller<'_>) -> String {
    match caller {
        Some(Identity { namespace, account, .. }) => format!("`{namespace}/{account}`"),
        None => "a caller in plain text".to_owned(),
    }
}

/// The finding that a call is allowed now and was not, or the other way round, at the policy by which it is so.
fn finding(
    target: &str,
    [was, is]: [Caller<'_>; 2],
    Witness { call, old, new }: &Witness<'_>,
) -> Option<Diagnostic> {
    let policy = new.by.or(old.by)?;
    let (code, now, before) = match new.is_allowed {
        true => (&code::ACCESS_WIDENED, "may", "may not"),
        false => (&code::ACCESS_NARROWED, "may not", "may"),
    };
    let call = calls::shown(call);
    let message = match was == is {
        true => format!(
            "with previews {} {now} call {target} ({call}), and without them it {before}: by {}",
            name_of(is),
            policy.id
        ),
        false => format!(
            "the copy of {} {now} call {target} ({call}), and its original {before}: by {}",
            name_of(was),
            policy.id
        ),
    };
    let help = "give previews a prefix that no other namespace begins with, or let the policy name callers so that \
                previews and others differ";
    Some(Diagnostic::new(code, message, help).at(policy.place(), "this decides"))
}
