//! The originals of all copies, for findings that are reported once for all previews.

use std::collections::BTreeMap;

use super::Plan;
use super::environment::{Body, Copied};
use crate::kube::Object;
use crate::yaml::Node;

/// The objects that at least one preview copies.
pub(super) struct Originals<'a, 'p> {
    /// In the order of identity.
    all: Vec<&'a Object>,
    /// Copies with patches or emptied claims, by the number of an original that has no other copies.
    patched: BTreeMap<usize, Vec<&'p Copied<'a>>>,
}

impl<'a, 'p> Originals<'a, 'p> {
    /// Collects the originals of all copies of a plan.
    pub(super) fn of(plan: &'p Plan<'a>) -> Self {
        let mut originals = vec![None; plan.catalog.objects().count()];
        let mut is_plain = vec![false; originals.len()];
        // Copies with emptied claims and no patches are equal, so one of them is kept.
        let mut is_emptied = is_plain.clone();
        let mut patched: BTreeMap<usize, Vec<&'p Copied<'a>>> = BTreeMap::new();
        for copy in plan.environments.iter().flat_map(|env| &env.copies) {
            let number = copy.original.number;
            originals[number] = Some(copy.original);
            match &copy.body {
                Body::Changed(changes) if changes.has_patches() => {
                    patched.entry(number).or_default().push(copy);
                }
                Body::Changed(changes) if changes.empty_volumes => {
                    if !std::mem::replace(&mut is_emptied[number], true) {
                        patched.entry(number).or_default().push(copy);
                    }
                }
                _ => is_plain[number] = true,
            }
        }
        patched.retain(|number, _| !is_plain[*number]);
        Self { all: originals.into_iter().flatten().collect(), patched }
    }

    /// All originals, in the order of identity.
    pub(super) fn all(&self) -> &[&'a Object] {
        &self.all
    }

    /// Whether something that holds for an original holds for one of its copies too. A patch may have changed it in all
    /// of them.
    pub(super) fn holds_for_copy(&self, original: &Object, holds: impl Fn(&Node) -> bool) -> bool {
        let Some(patched) = self.patched.get(&original.number) else { return true };
        patched.iter().any(|copy| holds(&copy.node()))
    }
}
