//! Compares the AuthorizationPolicies that apply to a relabelled copy with those that apply to its original.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::callers::CallerPair;
use super::super::evaluate::{AppliedPolicy, Caller, Clauses, Requirements};
use super::super::outcomes::{Outcome, Witness, outcomes};
use super::super::{Checker, callers, calls, name_of, originals};
use super::{AUTHORIZATION, Relabelled, contains};
use crate::diagnostic::Diagnostic;
use crate::kube::Object;

/// Copies of one namespace with the same policies before and after. Callers are compared once for all of them.
struct Group<'c, 'p, 'a> {
    before: Vec<&'a Object>,
    after: Vec<&'a Object>,
    /// The copies, by index.
    copies: Vec<(usize, &'c Relabelled<'p, 'a>)>,
}

/// For each copy, the first caller who may call it and not the original, and the first one of the reverse.
pub(super) fn check<'p, 'a: 'p>(
    checker: &'p Checker<'p, 'a>,
    copies: &[Relabelled<'p, 'a>],
) -> Vec<Vec<Diagnostic>> {
    let numbers = |all: &[&Object]| all.iter().map(|policy| policy.number).collect::<Vec<_>>();
    let mut groups: BTreeMap<_, Group<'_, '_, '_>> = BTreeMap::new();
    for (index, copy) in copies.iter().enumerate() {
        let (before, after) = (copy.applied(AUTHORIZATION), copy.applied_to_copy(AUTHORIZATION));
        let key = (copy.home(), numbers(&before), numbers(&after));
        if key.1 != key.2 && !checker.is_any_refused(&before) && !checker.is_any_refused(&after) {
            let group = groups.entry(key);
            let group = group.or_insert_with(|| Group { before, after, copies: Vec::new() });
            group.copies.push((index, copy));
        }
    }
    let mut findings = vec![Vec::new(); copies.len()];
    for group in groups.values() {
        for (index, of_copy) in group.check(checker) {
            findings[index] = of_copy;
        }
    }
    findings
}

impl<'p, 'a: 'p> Group<'_, 'p, 'a> {
    /// The findings about each copy, with its index.
    fn check(&self, checker: &'p Checker<'p, 'a>) -> Vec<(usize, Vec<Diagnostic>)> {
        let is_custom =
            |policy: &Object| policy.node.text_at(&["spec", "action"]) == Some("CUSTOM");
        let mut custom = self.before.iter().filter(|policy| is_custom(policy));
        if let Some(lost) = custom.find(|policy| self.is_lost(policy)) {
            let difference =
                "is called without the program that decides about calls of the original";
            let copies = self.copies.iter();
            let lost = copies.map(|(at, copy)| (*at, vec![copy.finding(true, difference, lost)]));
            return lost.collect();
        }
        let workloads: Vec<&Object> = self.copies.iter().map(|(_, copy)| copy.original()).collect();
        let Some(&workload) = workloads.first() else { return Vec::new() };
        let new: Vec<AppliedPolicy<'_>> =
            self.after.iter().map(|policy| checker.copy_of(policy, workload)).collect();
        let all = [originals(&self.before), originals(&self.after)].concat();
        let pairs = callers::representatives(checker, &workloads, &all);
        let mut requirements = Requirements::new(checker.comparisons);
        let [old, new] = [originals(&self.before), new]
            .map(|policies| Clauses::of(&policies, checker.enforcer(), &mut requirements));
        let outcomes = outcomes([&old, &new], &pairs, &requirements);
        let copies = self.copies.iter();
        copies.map(|(at, copy)| (*at, self.findings(copy, &pairs, &outcomes))).collect()
    }

    fn is_lost(&self, policy: &Object) -> bool {
        !contains(&self.after, policy)
    }

    /// The first finding of each sort about a copy.
    fn findings(
        &self,
        copy: &Relabelled<'_, '_>,
        pairs: &[CallerPair<'_>],
        outcomes: &[Arc<Outcome<'_>>],
    ) -> Vec<Diagnostic> {
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
            let policy = old.by.filter(|policy| self.is_lost(policy)).or(new.by).or(old.by)?;
            Some(copy.finding(new.is_allowed, &difference, policy))
        };
        let mut all = pairs.iter().zip(outcomes);
        let itself = copy.original().number;
        let mut others = all.clone().filter(|(pair, _)| pair.calls_itself != Some(itself));
        let widened = all
            .find_map(|(pair, outcome)| finding(pair.original.as_ref(), outcome.widened.as_ref()));
        let narrowed = others
            .find_map(|(pair, outcome)| finding(pair.original.as_ref(), outcome.narrowed.as_ref()));
        widened.into_iter().chain(narrowed).collect()
    }
}
