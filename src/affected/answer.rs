//! Finds the services that changed paths affect, each with the chain of reasons.
//!
//! Every owner of a path counts, and only `uses` and `with` lead further. So one more path never removes a service,
//! and neither the order of paths nor that of the map matters.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::map::Map;
use crate::ordered::ordered;
use crate::spec::Unmapped;

/// The services that a change affects.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// The affected services, sorted by name.
    pub(crate) services: BTreeMap<String, Affected>,
    /// Changed paths that the map does not name.
    pub(crate) unmapped: Vec<String>,
}

/// Why a service is affected.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Affected {
    /// Whether its image must be built; otherwise it goes with another service.
    pub(crate) build: bool,
    /// Chains from a changed path to the service, step by step, in order.
    pub(crate) reasons: Vec<Vec<String>>,
    /// Chains beyond those that are kept.
    pub(crate) left_out: usize,
}

/// How many more chains of reasons may be kept. There can be one for each path, service and way between them, and
/// nobody reads them all. Each service keeps at least one.
struct ReasonsLeft(usize);

impl ReasonsLeft {
    /// Chains that are kept in all.
    const ALL: usize = 10_000;
    /// Chains that are kept for one service.
    const OF_ONE: usize = 1_000;
    /// Steps of a chain that are kept: the first and the last.
    const STEPS: usize = 20;

    fn keep(&mut self, affected: &mut Affected, reason: impl FnOnce() -> Vec<String>) {
        let kept = affected.reasons.len();
        if kept > 0 && (kept >= Self::OF_ONE || self.0 == 0) {
            affected.left_out += 1;
            return;
        }
        self.0 = self.0.saturating_sub(1);
        affected.reasons.push(shortened(reason()));
    }
}

/// Removes the middle of a very long chain.
fn shortened(mut chain: Vec<String>) -> Vec<String> {
    const HALF: usize = ReasonsLeft::STEPS / 2;
    if chain.len() > 2 * HALF {
        let end = chain.len() - HALF;
        chain.splice(HALF..end, ["...".to_owned()]);
    }
    chain
}

/// Finds the services that these changed paths affect.
pub(crate) fn answer<'p>(map: &Map, paths: impl IntoIterator<Item = &'p str>) -> Answer {
    let paths: BTreeSet<&str> = paths.into_iter().collect();
    let users = reversed(map, |index| &map.owners[index].uses);
    let services: Vec<usize> =
        (0..map.owners.len()).filter(|&index| map.owners[index].is_service).collect();
    let mut touched: BTreeMap<usize, Vec<(&str, &str)>> = BTreeMap::new();
    let mut built: BTreeMap<usize, Affected> = BTreeMap::new();
    let mut left = ReasonsLeft(ReasonsLeft::ALL);
    let mut unmapped = Vec::new();
    for path in paths {
        let verdict = map.ask(path);
        let is_unmapped = verdict.is_unmapped();
        let global = match verdict.all {
            Some(entry) => Some(format!("all ({})", entry.text)),
            None => (is_unmapped && map.unmapped == Unmapped::All)
                .then(|| "unmapped, which means all".to_owned()),
        };
        if let Some(step) = global {
            for &service in &services {
                let last = map.owners[service].title();
                let reason = || vec![path.to_owned(), step.clone(), last];
                let affected = built.entry(service).or_default();
                affected.build = true;
                left.keep(affected, reason);
            }
        }
        for (owner, entry) in verdict.owners {
            touched.entry(owner).or_default().push((path, &entry.text));
        }
        if is_unmapped {
            unmapped.push(path.to_owned());
        }
    }
    for (owner, paths) in touched {
        let reached = reach(&users, owner);
        for &(service, _) in reached.iter().filter(|(index, _)| map.owners[*index].is_service) {
            let affected = built.entry(service).or_default();
            affected.build = true;
            for (path, glob) in &paths {
                left.keep(affected, || reason(map, path, glob, &chain(&reached, service)));
            }
        }
    }
    built.values_mut().for_each(|affected| affected.reasons.sort());
    take_along(map, &mut built, &mut left);
    let named = |(index, affected): (usize, Affected)| (map.owners[index].name.clone(), affected);
    Answer { services: ordered(built.into_iter().map(named)), unmapped }
}

impl Answer {
    /// Adds the services that deleted paths affect by an earlier map, as far as this map still has them.
    pub(crate) fn add_earlier(&mut self, map: &Map, earlier: Self) {
        for (name, mut affected) in earlier.services {
            let is_known = map.owners.iter().any(|owner| owner.is_service && owner.name == name);
            let is_told = self.services.get(&name).is_some_and(|one| one.build || !affected.build);
            if is_known && !is_told {
                for chain in &mut affected.reasons {
                    chain.insert(1, "deleted, by the map of the merge base".to_owned());
                }
                self.services.insert(name, affected);
            }
        }
    }
}

/// For each owner the owners that name it, in the order of names.
fn reversed<'m>(map: &'m Map, named: impl Fn(usize) -> &'m Vec<usize>) -> Vec<Vec<usize>> {
    let mut reversed = vec![Vec::new(); map.owners.len()];
    for index in 0..map.owners.len() {
        for &other in named(index) {
            reversed[other].push(index);
        }
    }
    reversed
}

/// Everything that is built from an owner: the owner first, then the nearest. Each comes with what it uses on the
/// shortest path to the owner.
fn reach(users: &[Vec<usize>], from: usize) -> Vec<(usize, usize)> {
    let mut seen = BTreeSet::from([from]);
    let mut reached = vec![(from, from)];
    let mut next = 0;
    while let Some(&(last, _)) = reached.get(next) {
        let new = users[last].iter().filter(|&&user| seen.insert(user));
        reached.extend(new.map(|&user| (user, last)));
        next += 1;
    }
    reached
}

/// The path to an owner that was reached.
fn chain(reached: &[(usize, usize)], to: usize) -> Vec<usize> {
    let mut chain = vec![to];
    // The used owner was reached before its user.
    for &(owner, used) in reached.iter().rev() {
        if chain.last() == Some(&owner) && owner != used {
            chain.push(used);
        }
    }
    chain.reverse();
    chain
}

fn reason(map: &Map, path: &str, glob: &str, chain: &[usize]) -> Vec<String> {
    let first =
        chain.iter().take(1).map(|&owner| format!("{} ({glob})", map.owners[owner].title()));
    let uses = chain.windows(2).map(|two| {
        let (used, user) = (&map.owners[two[0]], &map.owners[two[1]]);
        format!("{} uses {}", user.title(), used.name)
    });
    [path.to_owned()].into_iter().chain(first).chain(uses).collect()
}

/// Adds the services that `with` brings along, transitively.
fn take_along(map: &Map, affected: &mut BTreeMap<usize, Affected>, left: &mut ReasonsLeft) {
    let companions = reversed(map, |index| &map.owners[index].with);
    let mut queue: VecDeque<usize> = affected.keys().copied().collect();
    while let Some(service) = queue.pop_front() {
        for &other in &companions[service] {
            if affected.contains_key(&other) {
                continue;
            }
            let step =
                format!("{} goes with {}", map.owners[other].title(), map.owners[service].name);
            let of_service = &affected[&service];
            let mut added = Affected { left_out: of_service.left_out, ..Affected::default() };
            for reason in &of_service.reasons {
                left.keep(&mut added, || [reason.as_slice(), std::slice::from_ref(&step)].concat());
            }
            affected.insert(other, added);
            queue.push_back(other);
        }
    }
}
