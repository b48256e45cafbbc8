//! The copies of one preview, while they are collected.

use crate::kube::Order;
use crate::plan::environment::Copied;

/// Index from original to copy. Each thread has one for all of its previews. Its items carry the serial number of a
/// preview, so nothing clears them.
#[derive(Debug, Default)]
pub(crate) struct CopyIndex {
    /// For each original: the serial number of the last preview that copied it, from 1, and the index of that copy.
    last: Vec<(usize, usize)>,
    /// How many previews the thread has begun.
    previews: usize,
}

impl CopyIndex {
    /// An index for a baseline with this number of objects.
    pub(crate) fn of(objects: usize) -> Self {
        Self { last: vec![(0, 0); objects], previews: 0 }
    }
}

/// Copies of one preview, with an index by the number of the original.
pub(super) struct Copies<'a, 's> {
    /// The copies, in the order in which they were added.
    all: Vec<Copied<'a>>,
    copy_index: &'s mut CopyIndex,
}

impl<'a, 's> Copies<'a, 's> {
    /// Makes an empty collection with room for the copies of this number of services.
    pub(super) fn new(copy_index: &'s mut CopyIndex, services: usize) -> Self {
        copy_index.previews += 1;
        Self { all: Vec::with_capacity(services * 4), copy_index }
    }

    /// Every copy, in the order in which they were added.
    pub(super) fn all(&self) -> &[Copied<'a>] {
        &self.all
    }

    /// Every copy, mutable.
    pub(super) fn all_mut(&mut self) -> &mut [Copied<'a>] {
        &mut self.all
    }

    /// The copy of the original with this number.
    pub(super) fn get(&self, number: usize) -> Option<&Copied<'a>> {
        let (preview, index) = self.copy_index.last[number];
        (preview == self.copy_index.previews).then(|| &self.all[index])
    }

    /// The copy of the original with this number, added if there is none, and whether it is new.
    pub(super) fn get_or_make(
        &mut self,
        number: usize,
        make: impl FnOnce() -> Copied<'a>,
    ) -> (&mut Copied<'a>, bool) {
        let (preview, index) = &mut self.copy_index.last[number];
        let is_new = *preview != self.copy_index.previews;
        if is_new {
            (*preview, *index) = (self.copy_index.previews, self.all.len());
            self.all.push(make());
        }
        (&mut self.all[*index], is_new)
    }

    /// Adds another copy of an original. [`get`](Self::get) does not find it.
    pub(super) fn push(&mut self, copy: Copied<'a>) {
        self.all.push(copy);
    }

    /// The copies, sorted by originals.
    pub(super) fn into_vec(mut self) -> Vec<Copied<'a>> {
        Order::by(self.all.iter().map(|copy| (copy.original.number, copy.home))).put(&mut self.all);
        self.all.shrink_to_fit();
        self.all
    }
}
