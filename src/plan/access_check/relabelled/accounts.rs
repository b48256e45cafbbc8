//! Compares what copies may call as the service account that a patch gives them with what their originals may call.

use std::collections::BTreeSet;

use super::super::callers::CallerPair;
use super::super::evaluate::{Clauses, Identity, Requirements};
use super::super::outcomes::{Witness, outcomes};
use super::super::{Checker, TRUST, calls, originals};
use super::{Patched, patch_field};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::Object;
use crate::model::service_account;

/// A copy that runs as another service account than its original.
pub(super) struct AccountChange<'c, 'p, 'a> {
    patched: &'c Patched<'p, 'a>,
    old: &'a str,
    new: &'c str,
}

/// The copies with other service accounts, each once.
pub(super) fn changes<'c, 'p, 'a>(
    patched: &'c [Patched<'p, 'a>],
) -> Vec<AccountChange<'c, 'p, 'a>> {
    let changes = patched.iter().map(|patched| {
        let old = service_account(&patched.original.node);
        AccountChange { patched, old, new: service_account(&patched.body) }
    });
    let mut known = BTreeSet::new();
    changes
        .filter(|one| one.old != one.new)
        .filter(|one| known.insert((one.patched.original.number, one.new)))
        .collect()
}

/// For each change, the first call that the copy may make and its original may not, and the first one of the reverse.
pub(super) fn check<'p, 'a: 'p>(
    checker: &'p Checker<'p, 'a>,
    changes: &[AccountChange<'_, '_, 'a>],
) -> Vec<Diagnostic> {
    changes.iter().flat_map(|change| check_change(checker, change)).collect()
}

fn check_change<'p, 'a: 'p>(
    checker: &'p Checker<'p, 'a>,
    change: &AccountChange<'_, '_, 'a>,
) -> Vec<Diagnostic> {
    let caller = change.patched.original;
    let preview = checker.preview_of(caller).unwrap_or_default();
    let (mut widened, mut narrowed) = (None, None);
    for workloads in checker.groups() {
        let mut others = workloads.into_iter().filter(|workload| workload.number != caller.number);
        let Some(called) = others.next() else { continue };
        let applied = &checker.applied[called.number];
        if applied.is_empty() || checker.is_any_refused(applied) {
            continue;
        }
        let mut requirements = Requirements::new(checker.comparisons);
        let [before, now] = [originals(applied), checker.with_siblings(applied)]
            .map(|policies| Clauses::of(&policies, checker.enforcer(), &mut requirements));
        let pair = CallerPair {
            original: Some(Identity::new(TRUST, &caller.id.namespace, change.old)),
            copy: Some(Identity::new(TRUST, preview, change.new)),
            calls_itself: None,
        };
        let outcomes = outcomes([&before, &now], &[pair], &requirements);
        let Some(outcome) = outcomes.first() else { continue };
        let finding = |witness: &Witness<'_>| finding(checker, change, called, witness);
        widened = widened.or_else(|| outcome.widened.as_ref().and_then(finding));
        narrowed = narrowed.or_else(|| outcome.narrowed.as_ref().and_then(finding));
    }
    widened.into_iter().chain(narrowed).collect()
}

fn finding(
    checker: &Checker<'_, '_>,
    change: &AccountChange<'_, '_, '_>,
    called: &Object,
    Witness { call, old, new }: &Witness<'_>,
) -> Option<Diagnostic> {
    let (code, can, cannot) = match new.is_allowed {
        true => (&code::ACCESS_WIDENED, "may", "may not"),
        false => (&code::ACCESS_NARROWED, "may not", "may"),
    };
    let policy = new.by.or(old.by)?;
    let message = format!(
        "with the account `{}` that a patch gives to its pods, the copy of {} {can} call {} ({}), and its original \
         {cannot}: by {}",
        change.new,
        change.patched.original.id,
        called.id,
        calls::describe(call),
        policy.id
    );
    let help = "leave the account of its pods as the original has it, or change the policy, for the baseline too";
    let &(env, copy) = change.patched.copies.first()?;
    let field = patch_field(checker.plan, env, copy, |text| text.contains("serviceAccount"));
    let place = checker.plan.config.place(&field);
    let finding = Diagnostic::new(code, message, help).field(field).at(place, "this patch");
    Some(finding.also(policy.place(), "decides by accounts"))
}
