//! Copies that a patch gives another account: what they may call by it, and their originals may not.

use std::collections::BTreeSet;

use super::super::callers::Pair;
use super::super::evaluate::{Asks, Clauses, Followed, Identity};
use super::super::outcomes::{Witness, outcomes};
use super::super::{TRUST, World, calls, original};
use super::{Patched, field};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::Object;
use crate::plan::policies::Estate;

/// A copy with another account.
pub(super) struct Renamed<'c, 'p, 'a> {
    one: &'c Patched<'p, 'a>,
    original: &'a Object,
    old: &'a str,
    new: &'c str,
}

/// The copies with other accounts, each once.
pub(super) fn renamed<'c, 'p, 'a>(patched: &'c [Patched<'p, 'a>]) -> Vec<Renamed<'c, 'p, 'a>> {
    let mut known = BTreeSet::new();
    let of_one = |one: &'c Patched<'p, 'a>| {
        let original: &'a Object = one.copies.first()?.1.original;
        let (old, new) = (Estate::account(&original.node), Estate::account(&one.body));
        Some(Renamed { one, original, old, new }).filter(|_| old != new)
    };
    let all = patched.iter().filter_map(of_one);
    all.filter(|one| known.insert((one.original.number, one.new))).collect()
}

/// What is found first of each kind, for each copy and account.
pub(super) fn check<'p, 'a: 'p>(
    world: &'p World<'p, 'a>,
    renamed: &[Renamed<'_, '_, 'a>],
) -> Vec<Diagnostic> {
    renamed.iter().flat_map(|one| of_one(world, one)).collect()
}

fn of_one<'p, 'a: 'p>(
    world: &'p World<'p, 'a>,
    &Renamed { one, original: caller, old, new }: &Renamed<'_, '_, 'a>,
) -> Vec<Diagnostic> {
    let (mut widened, mut narrowed) = (None, None);
    for workloads in world.groups() {
        let mut others = workloads.into_iter().filter(|workload| workload.number != caller.number);
        let Some(called) = others.next() else { continue };
        let followed = &world.followed[called.number];
        let refused = &world.plan.policies.refused;
        if followed.is_empty() || followed.iter().any(|one| refused.contains(&one.number)) {
            continue;
        }
        let before: Vec<Followed<'_>> = followed.iter().map(|policy| original(policy)).collect();
        let now = world.with_siblings(followed);
        let mut asks = Asks::default();
        let [before, now] =
            [before, now].map(|policies| Clauses::of(&policies, world.follower(), &mut asks));
        let preview = world.preview_of(caller).unwrap_or_default();
        let was = Some(Identity::new(TRUST, &caller.id.namespace, old));
        let is = Some(Identity::new(TRUST, preview, new));
        let outcomes = outcomes([&before, &now], &[Pair { was, is, own: None }], &asks);
        let Some(outcome) = outcomes.first() else { continue };
        let told = |witness: &Witness<'_>| finding(world, one, [caller, called], new, witness);
        widened = widened.or_else(|| outcome.widened.as_ref().and_then(told));
        narrowed = narrowed.or_else(|| outcome.narrowed.as_ref().and_then(told));
    }
    widened.into_iter().chain(narrowed).collect()
}

fn finding(
    world: &World<'_, '_>,
    one: &Patched<'_, '_>,
    [caller, called]: [&Object; 2],
    account: &str,
    Witness { call, old, new }: &Witness<'_>,
) -> Option<Diagnostic> {
    let (code, can, cannot) = match new.is_allowed {
        true => (&code::ACCESS_WIDENED, "may", "may not"),
        false => (&code::ACCESS_NARROWED, "may not", "may"),
    };
    let policy = new.by.or(old.by)?;
    let message = format!(
        "with the account `{account}` that a patch gives to its pods, the copy of {} {can} call {} ({}), and its original \
         {cannot}: by {}",
        caller.id,
        called.id,
        calls::shown(call),
        policy.id
    );
    let help = "leave the account of its pods as the original has it, or change the policy, for the baseline too";
    let &(env, copy) = one.copies.first()?;
    let field = field(world.plan, env, copy, |text| text.contains("serviceAccount"));
    let place = world.plan.config.place(&field);
    let finding = Diagnostic::new(code, message, help).field(field).at(place, "this patch");
    Some(finding.also(policy.place(), "decides by accounts"))
}
