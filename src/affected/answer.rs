//! Changed paths to services, each with the chain of reasons.
//!
//! Every owner of a path counts, and only `uses` and `with` lead further. So one more path never takes a
//! service away, and the order of paths and of the map's entries changes nothing.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use super::map::Map;
use crate::spec::Unmapped;

/// The services that a change affects.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Answer {
    /// Sorted by name.
    pub(crate) services: BTreeMap<String, Affected>,
    /// Changed paths that the map does not name.
    pub(crate) unmapped: Vec<String>,
}

/// Why a service is affected.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Affected {
    /// Whether its image must be built; otherwise it goes with another service.
    pub(crate) build: bool,
    /// Chains from a changed path to the service, step by step.
    pub(crate) reasons: Vec<Vec<String>>,
    /// Chains beyond those that are kept.
    pub(crate) left_out: usize,
}

impl Affected {
    /// Chains of one service that are kept: more than anybody reads.
    const KEPT: usize = 1_000;

    fn add(&mut self, reason: impl FnOnce() -> Vec<String>) {
        self.build = true;
        if self.reasons.len() < Self::KEPT {
            self.reasons.push(reason());
        } else {
            self.left_out += 1;
        }
    }
}

/// Finds the services that these changed paths affect.
pub(crate) fn answer<'p>(map: &Map, paths: impl IntoIterator<Item = &'p str>) -> Answer {
    let paths: BTreeSet<&str> = paths.into_iter().collect();
    let users = reversed(map, |index| &map.owners[index].uses);
    let services: Vec<usize> =
        (0..map.owners.len()).filter(|&index| map.owners[index].is_service).collect();
    let mut reached: BTreeMap<usize, Vec<Vec<usize>>> = BTreeMap::new();
    let mut built: BTreeMap<usize, Affected> = BTreeMap::new();
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
                built.entry(service).or_default().add(reason);
            }
        }
        for (owner, entry) in verdict.owners {
            let chains = reached.entry(owner).or_insert_with(|| reach(&users, owner));
            for chain in chains.iter() {
                let last = chain.last().copied().unwrap_or(owner);
                if map.owners[last].is_service {
                    let reason = || reason(map, path, &entry.text, chain);
                    built.entry(last).or_default().add(reason);
                }
            }
        }
        if is_unmapped {
            unmapped.push(path.to_owned());
        }
    }
    take_along(map, &mut built);
    let named = |(index, affected): (usize, Affected)| (map.owners[index].name.clone(), affected);
    Answer { services: built.into_iter().map(named).collect(), unmapped }
}

/// Who names an owner, for each owner, in the order of names.
fn reversed<'m>(map: &'m Map, named: impl Fn(usize) -> &'m Vec<usize>) -> Vec<Vec<usize>> {
    let mut reversed = vec![Vec::new(); map.owners.len()];
    for index in 0..map.owners.len() {
        for &other in named(index) {
            reversed[other].push(index);
        }
    }
    reversed
}

/// The shortest chain from an owner to each that is built from it, itself among them.
fn reach(users: &[Vec<usize>], from: usize) -> Vec<Vec<usize>> {
    let mut seen = BTreeSet::from([from]);
    let mut chains = vec![vec![from]];
    let mut next = 0;
    while let Some(chain) = chains.get(next).cloned() {
        let last = chain.last().copied().unwrap_or(from);
        for &user in users[last].iter().filter(|&&user| seen.insert(user)) {
            chains.push(chain.iter().copied().chain([user]).collect());
        }
        next += 1;
    }
    chains
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

/// Adds the services that go with those that are built, and with these in turn.
fn take_along(map: &Map, affected: &mut BTreeMap<usize, Affected>) {
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
            let reasons = of_service.reasons.iter().map(|chain| {
                let mut chain = chain.clone();
                chain.push(step.clone());
                chain
            });
            let left_out = of_service.left_out;
            let added = Affected { build: false, reasons: reasons.collect(), left_out };
            affected.insert(other, added);
            queue.push_back(other);
        }
    }
}
