//! The objects that any preview copies, for findings that are reported once for all previews.

use std::collections::BTreeMap;

use super::Plan;
use super::environment::{Body, Copied};
use crate::kube::Object;
use crate::yaml::Node;

/// The originals of copies.
pub(super) struct Copies<'a, 'p> {
    /// In the order of identity.
    originals: Vec<&'a Object>,
    /// Copies with patches or emptied claims, by the number of their original, where it has no other copies.
    patched: BTreeMap<usize, Vec<&'p Copied<'a>>>,
}

impl<'a, 'p> Copies<'a, 'p> {
    /// Those of a plan.
    pub(super) fn of(plan: &'p Plan<'a>) -> Self {
        let mut originals = vec![None; plan.catalog.objects().count()];
        let mut is_plain = vec![false; originals.len()];
        // Where claims alone are emptied, one copy is as good as another.
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
        Self { originals: originals.into_iter().flatten().collect(), patched }
    }

    /// The originals, in the order of identity.
    pub(super) fn originals(&self) -> &[&'a Object] {
        &self.originals
    }

    /// Whether something that holds for an original still holds for some copy: a patch may have corrected it.
    pub(super) fn keep(&self, original: &Object, holds: impl Fn(&Node) -> bool) -> bool {
        let Some(patched) = self.patched.get(&original.number) else { return true };
        patched.iter().any(|copy| holds(&copy.node()))
    }
}
