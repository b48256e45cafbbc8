//! AuthorizationPolicies that hold for a copy with other labels, and those that hold for its original.

use super::super::callers::told_apart;
use super::super::evaluate::{Asks, Clauses, Followed};
use super::super::outcomes::{Witness, outcomes};
use super::super::{World, calls, name_of, original};
use super::{AUTHORIZATION, Relabelled, contains};
use crate::diagnostic::Diagnostic;
use crate::kube::Object;

/// What is found first of each kind.
pub(super) fn check<'p, 'a: 'p>(
    world: &'p World<'p, 'a>,
    one: &Relabelled<'p, 'a>,
) -> Vec<Diagnostic> {
    let before = one.followed(AUTHORIZATION, "selector");
    let after = one.followed_by_copy(AUTHORIZATION, "selector");
    let refused = &one.plan.policies.refused;
    let numbers = |all: &[&Object]| all.iter().map(|policy| policy.number).collect::<Vec<_>>();
    if numbers(&before) == numbers(&after)
        || before.iter().chain(&after).any(|one| refused.contains(&one.number))
    {
        return Vec::new();
    }
    if let Some(lost) = before.iter().find(|policy| is_custom(policy) && !contains(&after, policy))
    {
        let gain = "is called without the program that decides about calls of the original";
        return vec![one.finding(true, gain, lost)];
    }
    let workload = one.original();
    let old: Vec<Followed<'_>> = before.iter().map(|policy| original(policy)).collect();
    let new: Vec<Followed<'_>> =
        after.iter().map(|policy| world.copy_of(policy, workload)).collect();
    let all: Vec<Followed<'_>> =
        before.iter().chain(&after).map(|policy| original(policy)).collect();
    let pairs = told_apart(world, &[workload], &all);
    let mut asks = Asks::default();
    let [old, new] = [old, new].map(|policies| Clauses::of(&policies, world.follower(), &mut asks));
    let outcomes = outcomes([&old, &new], &pairs, &asks);
    let tried = || pairs.iter().zip(&outcomes);
    let told = |caller, witness: Option<&Witness<'_>>| {
        let Witness { call, old, new } = witness?;
        let (can, cannot) = match new.is_allowed {
            true => ("may be called", "may not"),
            false => ("may not be called", "may"),
        };
        let gain = format!(
            "{can} by {} ({}), and its original {cannot}",
            name_of(caller),
            calls::shown(call)
        );
        let is_lost = |policy: &&Object| !contains(&after, policy);
        let policy = old.by.filter(is_lost).or(new.by).or(old.by)?;
        Some(one.finding(new.is_allowed, &gain, policy))
    };
    let widened =
        tried().find_map(|(pair, outcome)| told(pair.was.as_ref(), outcome.widened.as_ref()));
    let others = tried().filter(|(pair, _)| pair.own.is_none());
    let mut others = others.map(|(pair, outcome)| (pair.was.as_ref(), outcome.narrowed.as_ref()));
    let narrowed = others.find_map(|(caller, witness)| told(caller, witness));
    widened.into_iter().chain(narrowed).collect()
}

fn is_custom(policy: &Object) -> bool {
    policy.node.text_at(&["spec", "action"]) == Some("CUSTOM")
}
