//! Compares what two sets of policies allow each caller, and finds a call as proof of each difference.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::callers::CallerPair;
use super::calls;
use super::evaluate::{Call, CallerRules, Clauses, Decision, Requirements};

/// A call that is decided differently with previews.
pub(super) struct Witness<'p> {
    pub(super) call: Call,
    pub(super) old: Decision<'p>,
    pub(super) new: Decision<'p>,
}

/// The first witnesses for a caller, if its access differs.
#[derive(Default)]
pub(super) struct Outcome<'p> {
    /// A call that is no longer allowed.
    pub(super) narrowed: Option<Witness<'p>>,
    /// A call that was not allowed before.
    pub(super) widened: Option<Witness<'p>>,
}

/// Tries every pair of callers with the calls that the policies may treat differently.
pub(super) fn outcomes<'p>(
    [before, now]: [&Clauses<'p>; 2],
    pairs: &[CallerPair<'_>],
    requirements: &Requirements<'p>,
) -> Vec<Arc<Outcome<'p>>> {
    let rules = pairs.par_iter().map(|CallerPair { original, copy, .. }| {
        let original = original.as_ref();
        (before.for_caller(original), now.for_caller(copy.as_ref().or(original)))
    });
    let rules: Vec<(CallerRules<'_>, CallerRules<'_>)> = rules.collect();
    // Many callers have the same rules, and so the same outcome.
    let mut known = BTreeMap::new();
    let outcomes = rules.iter().map(|(old, new)| {
        let outcome = known.entry((old.key(), new.key()));
        outcome.or_insert_with(|| Arc::new(outcome_of(old, new, requirements))).clone()
    });
    outcomes.collect()
}

fn outcome_of<'p>(
    old: &CallerRules<'p>,
    new: &CallerRules<'p>,
    requirements: &Requirements<'p>,
) -> Outcome<'p> {
    let mut outcome = Outcome::default();
    let differences = old.differences(new);
    let has_same_default = old.allows_by_default() == new.allows_by_default();
    if differences.is_empty() && has_same_default {
        return outcome;
    }
    for call in calls_for(old.requirements().chain(new.requirements()), requirements) {
        let (mut differing, mut compared) = (differences.iter(), 0);
        let mut differs = |number: &usize| requirements.match_call(*number, &call, &mut compared);
        let is_alike = has_same_default && !differing.any(&mut differs);
        if !requirements.comparisons.count(std::mem::take(&mut compared)) {
            break;
        }
        if is_alike {
            continue;
        }
        let [old, new] = [old, new].map(|rules| rules.decide(requirements, &call, &mut compared));
        requirements.comparisons.count(compared);
        if old.is_allowed != new.is_allowed {
            let witness = match new.is_allowed {
                true => &mut outcome.widened,
                false => &mut outcome.narrowed,
            };
            witness.get_or_insert(Witness { call, old, new });
        }
        if outcome.widened.is_some() && outcome.narrowed.is_some() {
            break;
        }
    }
    outcome
}

/// Whether a caller with these rules may make any call.
pub(super) fn may_call(rules: &CallerRules<'_>, requirements: &Requirements<'_>) -> bool {
    let calls = calls_for(rules.requirements(), requirements);
    calls.iter().any(|call| {
        let mut compared = 0;
        let decision = rules.decide(requirements, call, &mut compared);
        !requirements.comparisons.count(compared) || decision.is_allowed
    })
}

fn calls_for(numbers: impl Iterator<Item = usize>, requirements: &Requirements<'_>) -> Vec<Call> {
    let numbers: BTreeSet<usize> = numbers.collect();
    calls::representatives(&numbers, requirements)
}
