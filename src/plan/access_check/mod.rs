//! Checks that previews give nobody more access than the baseline, and nobody less.
//!
//! Input: the whole plan. Output: findings, each with a call as proof. For every workload of the baseline, callers and
//! calls that its AuthorizationPolicies may treat differently are tried three times: at the original without previews,
//! at the original with previews, and at its copies. Callers are the service accounts of the input, those of copies,
//! and one in plain text. A call that becomes allowed is an error; one that is no longer allowed is a warning.
//!
//! [`evaluate`] decides about calls. It shares no code with `plan/policies`, so that a fault there is found here. Which
//! policies reach which workloads is taken from there.

mod callers;
mod calls;
mod evaluate;
mod gateways;
mod outcomes;
mod relabelled;
mod values;
mod waypoints;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, LazyLock};

use rayon::prelude::*;

use self::callers::CallerPair;
use self::evaluate::{AppliedPolicy, Caller, Clauses, Enforcer, Identity, Requirements};
use self::outcomes::{Outcome, Witness, may_call, outcomes};
use self::relabelled::CHECKED;
use super::Plan;
use super::policies::{PolicyContext, Site, has_target_refs};
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Object;
use crate::limits::{Counter, OutputLimits, flag, or_raise};
use crate::model::Mesh;
use crate::ordered::ordered;
use crate::yaml::Node;

const GROUP: &str = "security.istio.io";
const KIND: &str = "AuthorizationPolicy";

/// Group and kind of NetworkPolicies.
const NETWORK: (&str, &str) = ("networking.k8s.io", "NetworkPolicy");

/// The usual trust domain of a mesh.
const TRUST: &str = "cluster.local";

/// The service account of a suite's pods, which are no copies.
const SUITE: &str = "suite";

/// This many comparisons of a pattern with a value count as one pair.
const CALLS_PER_PAIR: usize = 16;

/// Reports access that previews change.
pub(super) fn check(plan: &Plan<'_>, limits: &OutputLimits, report: &mut Report) {
    let comparisons = Counter::new(limits.pairs.saturating_mul(CALLS_PER_PAIR));
    let mut found = Report::default();
    check_counted(plan, &comparisons, &mut found);
    if !comparisons.is_over() {
        return report.absorb(found);
    }
    // Timing decides where the threads stopped, so nothing that they found is kept.
    let message = format!(
        "policies need more comparisons, with callers and their calls, than the limit of {} pairs",
        limits.pairs
    );
    let help = or_raise("have fewer rules, and rules of fewer callers and paths", flag::PAIRS);
    let finding = Diagnostic::new(&code::OUTPUT_LIMIT, message, help);
    let policy = CHECKED.iter().find_map(|(group, kind)| plan.catalog.of_kind(group, kind).next());
    report.push(match policy {
        Some(policy) => finding.at(policy.place(), "the first of them"),
        None => finding,
    });
}

fn check_counted(plan: &Plan<'_>, comparisons: &Counter, report: &mut Report) {
    let checker = LazyLock::new(|| Checker::new(plan, comparisons));
    relabelled::check(plan, &checker, report);
    if !plan.routing.entries.clones.is_empty() {
        gateways::check(plan, &checker, report);
    }
    if plan.environments.is_empty() || plan.catalog.of_kind(GROUP, KIND).next().is_none() {
        return;
    }
    let groups = checker.groups();
    let checked: Vec<_> = groups.par_iter().map(|workloads| checker.check(workloads)).collect();
    let mut checked: Vec<WorkloadFindings<'_>> = checked.into_iter().flatten().collect();
    checked.sort_by_key(|one| one.workload);
    let closed: Vec<&Object> = checked.iter().filter_map(|one| one.closed_to_suites).collect();
    report.extend(suites_refused(plan, &checker, &closed));
    let findings = checked.into_iter().flat_map(|one| one.findings);
    let findings = findings.chain(waypoints::check(&checker));
    // A policy may apply to many workloads. One finding of each code is enough.
    let mut reported = BTreeSet::new();
    report.extend(findings.filter(|one| reported.insert((one.code.id, one.place))));
}

/// The findings about a workload.
struct WorkloadFindings<'a> {
    /// The number of the workload.
    workload: usize,
    findings: Vec<Diagnostic>,
    /// The workload, if its copies refuse every call from pods in the preview that are no copies.
    closed_to_suites: Option<&'a Object>,
}

/// The finding that pods of suites may not call copies.
fn suites_refused(
    plan: &Plan<'_>,
    checker: &Checker<'_, '_>,
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
    let previews = &checker.context.homes.first()?.preview_pattern;
    let help = format!(
        "nothing to do where suites enter by the preview's host; else admit an account of theirs by a policy of your \
         own, with `namespaces: [\"{previews}\"]` and `principals: [\"*/sa/<account>\"]` in one source"
    );
    Some(plan.config.finding(&code::SUITE_REFUSED, "spec.tests", message, help))
}

/// What is prepared once for all checks.
struct Checker<'p, 'a> {
    plan: &'p Plan<'a>,
    /// Counts what is compared.
    comparisons: &'p Counter,
    context: PolicyContext<'a>,
    /// By the number of a workload: the AuthorizationPolicies of the input that apply to it.
    applied: Vec<Vec<&'a Object>>,
    /// The specs of siblings, by the number of the original.
    siblings: BTreeMap<usize, &'p Node>,
    /// The accounts of namespaces outside of the baseline.
    other_accounts: BTreeMap<&'a str, BTreeSet<&'a str>>,
    /// A namespace of the baseline, and a namespace of previews for it to try. The first for each namespace is made up,
    /// the others are real ones that may be mistaken for previews of another namespace.
    previews: Vec<(&'a str, String)>,
}

impl<'p, 'a: 'p> Checker<'p, 'a> {
    fn new(plan: &'p Plan<'a>, comparisons: &'p Counter) -> Self {
        let catalog = plan.catalog;
        let context = PolicyContext::new(plan.config, catalog, &plan.environments);
        let mut applied = vec![Vec::new(); catalog.objects().count()];
        for policy in catalog.of_kind(GROUP, KIND).filter(|policy| is_enforced(policy)) {
            // Waypoints and Gateways enforce policies with targetRefs. They are checked apart.
            if context.site(policy) != Site::Elsewhere && !has_target_refs(policy) {
                for number in context.workloads_reached_by(policy) {
                    applied[number].push(policy);
                }
            }
        }
        let siblings = plan.policies.siblings.iter();
        let siblings = ordered(siblings.map(|one| (one.original.number, &one.spec)));
        let other_accounts = callers::outside_of_baseline(&context);
        let samples = context.homes.iter();
        let samples = samples.map(|home| (home.namespace, home.preview_pattern.replace('*', "0")));
        let previews = samples.chain(mistakable(plan, &context)).collect();
        Self { plan, comparisons, context, applied, siblings, other_accounts, previews }
    }

    /// What enforces the policies that apply to workloads.
    fn enforcer(&self) -> Enforcer {
        match self.plan.catalog.mesh {
            Mesh::Ambient => Enforcer::Ztunnel,
            Mesh::Sidecars | Mesh::Other | Mesh::Absent => Enforcer::Proxy,
        }
    }

    /// The workloads, grouped by namespace and policies: all workloads of a group treat callers alike.
    fn groups(&self) -> Vec<Vec<&'a Object>> {
        let mut groups: BTreeMap<(&str, Vec<usize>), Vec<&Object>> = BTreeMap::new();
        for object in self.plan.catalog.workloads().iter().map(|workload| workload.object) {
            let applied = self.applied[object.number].iter().map(|policy| policy.number);
            let key = (object.id.namespace.as_str(), applied.collect());
            groups.entry(key).or_default().push(object);
        }
        groups.into_values().collect()
    }

    /// Whether one of these policies was already reported as an error. Their results are not checked.
    fn is_any_refused(&self, policies: &[&Object]) -> bool {
        policies.iter().any(|policy| self.plan.policies.refused.contains(&policy.number))
    }

    /// Checks each workload of a group, and its copies.
    fn check(&'p self, workloads: &[&'a Object]) -> Vec<WorkloadFindings<'a>> {
        let Some(&first) = workloads.first() else { return Vec::new() };
        let applied = &self.applied[first.number];
        if applied.is_empty() || self.is_any_refused(applied) {
            return Vec::new();
        }
        let before = originals(applied);
        let now = self.with_siblings(applied);
        let copied: Vec<AppliedPolicy<'_>> =
            applied.iter().map(|policy| self.copy_of(policy, first)).collect();
        let pairs = callers::representatives(self, workloads, &before);
        let mut requirements = Requirements::new(self.comparisons);
        let [before, now, copied] = [before, now, copied]
            .map(|policies| Clauses::of(&policies, self.enforcer(), &mut requirements));
        let at_originals = outcomes([&before, &now], &pairs, &requirements);
        let at_copies = outcomes([&before, &copied], &pairs, &requirements);
        let suite = self.preview_of(first).map(|preview| Identity::new(TRUST, preview, SUITE));
        let is_closed = !may_call(&copied.for_caller(suite.as_ref()), &requirements);
        let checked = workloads.iter().map(|&workload| {
            let id = &workload.id;
            let is_copied = self.context.copies(workload);
            let mut all = findings(&id.to_string(), workload.number, &pairs, &at_originals);
            if is_copied {
                let target = format!("the copy of {id}");
                all.extend(findings(&target, workload.number, &pairs, &at_copies));
            }
            let closed_to_suites = (is_copied && is_closed).then_some(workload);
            WorkloadFindings { workload: workload.number, findings: all, closed_to_suites }
        });
        checked.collect()
    }

    /// These policies and their siblings.
    fn with_siblings(&'p self, policies: &[&'a Object]) -> Vec<AppliedPolicy<'p>> {
        let mut all: Vec<AppliedPolicy<'p>> = originals(policies);
        all.extend(policies.iter().filter_map(|policy| {
            let spec = self.siblings.get(&policy.number)?;
            Some(AppliedPolicy { rules: spec.items_at(&["rules"]), ..original(policy) })
        }));
        all
    }

    /// A namespace of a preview that has copies of a workload.
    fn preview_of(&self, workload: &Object) -> Option<&str> {
        let mut previews = self.previews.iter();
        let (_, preview) = previews.find(|(home, _)| *home == workload.id.namespace)?;
        Some(preview)
    }

    /// A policy as it applies to copies of a workload. A policy of the root namespace applies to them as it is.
    fn copy_of(&'p self, policy: &'a Object, workload: &Object) -> AppliedPolicy<'p> {
        if policy.id.namespace != workload.id.namespace {
            return original(policy);
        }
        let spec = self.plan.policies.rewritten_spec(policy);
        let rules = spec.map_or(original(policy).rules, |spec| spec.items_at(&["rules"]));
        AppliedPolicy { policy, namespace: self.preview_of(workload).unwrap_or_default(), rules }
    }
}

/// Namespaces of previews that match the pattern of another namespace of the baseline, at most one for each pair of
/// namespaces. Preview `pr-1-a` of `shop` has the namespace `pr-1-a-shop`, and so has preview `pr-1` of `a-shop`.
fn mistakable<'a>(plan: &Plan<'a>, context: &PolicyContext<'a>) -> Vec<(&'a str, String)> {
    let mut namespaces = Vec::new();
    for home in &context.homes {
        let others = context.homes.iter().filter(|other| other.namespace != home.namespace);
        // If every preview matches, the rules for the other namespace already exclude those of this one.
        let any = home.unnamed_preview();
        for other in others.filter(|other| !other.may_be_preview(&any)) {
            let rooms = plan.environments.iter().filter_map(|env| env.find_room(home.namespace));
            let mut names = rooms.map(|room| room.namespace.as_str());
            let mistakable = names.find(|name| other.may_be_preview(name));
            namespaces.extend(mistakable.map(|name| (home.namespace, name.to_owned())));
        }
    }
    namespaces
}

/// Whether Istio enforces a policy, and does not only log what it would do.
fn is_enforced(policy: &Object) -> bool {
    policy.annotation("istio.io/dry-run") != Some("true")
}

/// A policy as it is in the input.
fn original(policy: &Object) -> AppliedPolicy<'_> {
    let rules = policy.node.items_at(&["spec", "rules"]);
    AppliedPolicy { policy, namespace: &policy.id.namespace, rules }
}

fn originals<'p>(policies: &[&'p Object]) -> Vec<AppliedPolicy<'p>> {
    policies.iter().map(|policy| original(policy)).collect()
}

/// The first finding of each sort about a target, which is a workload or its copies.
fn findings(
    target: &str,
    workload: usize,
    pairs: &[CallerPair<'_>],
    outcomes: &[Arc<Outcome<'_>>],
) -> Vec<Diagnostic> {
    let finding = |pair: &CallerPair<'_>, witness: Option<&Witness<'_>>| {
        let original = pair.original.as_ref();
        finding(target, [original, pair.copy.as_ref().or(original)], witness?)
    };
    let mut all = pairs.iter().zip(outcomes);
    let mut others = all.clone().filter(|(pair, _)| pair.calls_itself != Some(workload));
    let narrowed = others.find_map(|(pair, outcome)| finding(pair, outcome.narrowed.as_ref()));
    let widened = all.find_map(|(pair, outcome)| finding(pair, outcome.widened.as_ref()));
    narrowed.into_iter().chain(widened).collect()
}

/// A caller in words.
fn name_of(caller: Caller<'_>) -> String {
    match caller {
        Some(Identity { namespace, account, .. }) => format!("`{namespace}/{account}`"),
        None => "a caller in plain text".to_owned(),
    }
}

/// The finding that a call is allowed and was not before, or the reverse. Its place is the policy that decides.
fn finding(
    target: &str,
    [original, caller]: [Caller<'_>; 2],
    Witness { call, old, new }: &Witness<'_>,
) -> Option<Diagnostic> {
    let policy = new.by.or(old.by)?;
    let (code, now, before) = match new.is_allowed {
        true => (&code::ACCESS_WIDENED, "may", "may not"),
        false => (&code::ACCESS_NARROWED, "may not", "may"),
    };
    let call = calls::describe(call);
    let message = match original == caller {
        true => format!(
            "with previews {} {now} call {target} ({call}), and without them it {before}: by {}",
            name_of(caller),
            policy.id
        ),
        false => format!(
            "the copy of {} {now} call {target} ({call}), and its original {before}: by {}",
            name_of(original),
            policy.id
        ),
    };
    let help = "give previews a prefix that no other namespace begins with, or let the policy name callers so that \
                previews and others differ";
    Some(Diagnostic::new(code, message, help).at(policy.place(), "this decides"))
}
