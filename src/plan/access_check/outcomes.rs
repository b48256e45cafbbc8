//! What differs for callers between some policies and others, each with a call that shows it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use rayon::prelude::*;

use super::callers::Pair;
use super::calls;
use super::evaluate::{Asks, Call, Clauses, Says, Verdict};

/// A call that is treated otherwise with previews.
pub(super) struct Witness<'p> {
    pub(super) call: Call,
    pub(super) old: Verdict<'p>,
    pub(super) new: Verdict<'p>,
}

/// What is found first for a pair of callers: a call that is not allowed any more, and one that was not before.
#[derive(Default)]
pub(super) struct Outcome<'p> {
    pub(super) narrowed: Option<Witness<'p>>,
    pub(super) widened: Option<Witness<'p>>,
}

/// Tries every pair of callers with the calls that what is said of the two tells apart.
pub(super) fn outcomes<'p>(
    [before, now]: [&Clauses<'p>; 2],
    pairs: &[Pair<'_>],
    asks: &Asks<'p>,
) -> Vec<Arc<Outcome<'p>>> {
    let said = pairs.par_iter().map(|Pair { was, is, .. }| {
        let was = was.as_ref();
        (before.says(was), now.says(is.as_ref().or(was)))
    });
    let said: Vec<(Says<'_>, Says<'_>)> = said.collect();
    // Callers of whom the same is said may do the same.
    let mut known = BTreeMap::new();
    let outcomes = said.iter().map(|(old, new)| {
        let outcome = known.entry((old.key(), new.key()));
        outcome.or_insert_with(|| Arc::new(outcome_of(old, new, asks))).clone()
    });
    outcomes.collect()
}

/// What differs in what is said of a caller and of the one that stands for it.
fn outcome_of<'p>(old: &Says<'p>, new: &Says<'p>, asks: &Asks<'p>) -> Outcome<'p> {
    let mut found = Outcome::default();
    let differences = old.differences(new);
    let is_open_alike = old.is_open() == new.is_open();
    if differences.is_empty() && is_open_alike {
        return found;
    }
    let all: BTreeSet<usize> = old.asks().chain(new.asks()).collect();
    for call in calls::told_apart(all.into_iter().map(|ask| asks.get(ask))) {
        if is_open_alike && !differences.iter().any(|ask| asks.holds(*ask, &call)) {
            continue;
        }
        let (old, new) = (old.verdict(asks, &call), new.verdict(asks, &call));
        if old.is_allowed != new.is_allowed {
            let of_kind = match new.is_allowed {
                true => &mut found.widened,
                false => &mut found.narrowed,
            };
            of_kind.get_or_insert(Witness { call, old, new });
        }
        if found.widened.is_some() && found.narrowed.is_some() {
            break;
        }
    }
    found
}

/// Whether something may be asked by one of whom this is said.
pub(super) fn may_ask(says: &Says<'_>, asks: &Asks<'_>) -> bool {
    let all: BTreeSet<usize> = says.asks().collect();
    let calls = calls::told_apart(all.into_iter().map(|ask| asks.get(ask)));
    calls.iter().any(|call| says.verdict(asks, call).is_allowed)
}
