//! The copies of one preview, while they are collected.

use crate::kube::Order;
use crate::plan::environment::Copied;

/// Index from original to copy. A thread uses one for many previews: entries carry the preview's serial number, so
/// it is never cleared.
#[derive(Debug, Default)]
pub(crate) struct CopyIndex {
    /// Which preview it was last copied for, counted from 1, and the index of that copy.
    last: Vec<(usize, usize)>,
    /// How many previews there were.
    previews: usize,
}

impl CopyIndex {
    /// The index for a baseline with so many objects.
    pub(crate) fn of(objects: usize) -> Self {
        Self { last: vec![(0, 0); objects], previews: 0 }
    }
}

/// Copies by the number of their original.
pub(super) struct Copies<'a, 's> {
    /// As they were found.
    all: Vec<Copied<'a>>,
    copy_index: &'s mut CopyIndex,
}

impl<'a, 's> Copies<'a, 's> {
    /// Empty, with capacity for the copies of so many services.
    pub(super) fn new(copy_index: &'s mut CopyIndex, services: usize) -> Self {
        copy_index.previews += 1;
        Self { all: Vec::with_capacity(services * 4), copy_index }
    }

    /// Every copy, as they were found.
    pub(super) fn all(&self) -> &[Copied<'a>] {
        &self.all
    }

    /// Every copy, to change it.
    pub(super) fn all_mut(&mut self) -> &mut [Copied<'a>] {
        &mut self.all
    }

    /// The copy of the original of this number.
    pub(super) fn get(&self, number: usize) -> Option<&Copied<'a>> {
        let (preview, index) = self.copy_index.last[number];
        (preview == self.copy_index.previews).then(|| &self.all[index])
    }

    /// The copy of an original, created if there is none. The second value says whether it was created.
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

    /// Adds a copy of an object that can be copied more than once, without a search.
    pub(super) fn push(&mut self, copy: Copied<'a>) {
        self.all.push(copy);
    }

    /// The copies in the order of the originals.
    pub(super) fn into_vec(mut self) -> Vec<Copied<'a>> {
        Order::by(self.all.iter().map(|copy| (copy.original.number, copy.home))).put(&mut self.all);
        self.all.shrink_to_fit();
        self.all
    }
}
