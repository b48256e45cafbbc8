//! Compares the AuthorizationPolicies that apply to a relabelled copy with those that apply to its original.

use super::super::evaluate::{AppliedPolicy, Caller, Clauses, Requirements};
use super::super::outcomes::{Witness, outcomes};
use super::super::{Checker, callers, calls, name_of, originals};
use super::{AUTHORIZATION, Relabelled, contains};
use crate::diagnostic::Diagnostic;
use crate::kube::Object;

/// The first caller who may call the copy and not the original, and the first one of the reverse.
pub(super) fn check<'p, 'a: 'p>(
    checker: &'p Checker<'p, 'a>,
    copy: &Relabelled<'p, 'a>,
) -> Vec<Diagnostic> {
    let before = copy.applied(AUTHORIZATION);
    let after = copy.applied_to_copy(AUTHORIZATION);
    let numbers = |all: &[&Object]| all.iter().map(|policy| policy.number).collect::<Vec<_>>();
    if numbers(&before) == numbers(&after)
        || checker.is_any_refused(&before)
        || checker.is_any_refused(&after)
    {
        return Vec::new();
    }
    let is_custom = |policy: &Object| policy.node.text_at(&["spec", "action"]) == Some("CUSTOM");
    let is_lost = |policy: &Object| !contains(&after, policy);
    if let Some(lost) = before.iter().find(|policy| is_custom(policy) && is_lost(policy)) {
        let difference = "is called without the program that decides about calls of the original";
        return vec![copy.finding(true, difference, lost)];
    }
    let workload = copy.original();
    let new: Vec<AppliedPolicy<'_>> =
        after.iter().map(|policy| checker.copy_of(policy, workload)).collect();
    let all = [originals(&before), originals(&after)].concat();
    let pairs = callers::representatives(checker, &[workload], &all);
    let mut requirements = Requirements::new(checker.comparisons);
    let [old, new] = [originals(&before), new]
        .map(|policies| Clauses::of(&policies, checker.enforcer(), &mut requirements));
    let outcomes = outcomes([&old, &new], &pairs, &requirements);
    let finding = |caller: Caller<'_>, witness: Option<&Witness<'_>>| {
        let Witness { call, old, new } = witness?;
        let (can, cannot) = match new.is_allowed {
            true => ("may be called", "may not"),
            false => ("may not be called", "may"),
        };
        let difference = format!(
            "{can} by {} ({}), and its original {cannot}",
            name_of(caller),
            calls::describe(call)
        );
        let policy = old.by.filter(|policy| is_lost(policy)).or(new.by).or(old.by)?;
        Some(copy.finding(new.is_allowed, &difference, policy))
    };
    let mut all = pairs.iter().zip(&outcomes);
    let mut others = all.clone().filter(|(pair, _)| pair.calls_itself.is_none());
    let widened =
        all.find_map(|(pair, outcome)| finding(pair.original.as_ref(), outcome.widened.as_ref()));
    let narrowed = others
        .find_map(|(pair, outcome)| finding(pair.original.as_ref(), outcome.narrowed.as_ref()));
    widened.into_iter().chain(narrowed).collect()
}
