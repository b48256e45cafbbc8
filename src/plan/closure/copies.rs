//! The copies of one preview while they are found.

use std::collections::BTreeMap;

use crate::plan::environment::Copied;

/// Copies by the number of their original.
#[derive(Default)]
pub(super) struct Copies<'a> {
    /// As they were found: they are too large to be moved whenever one comes before them.
    all: Vec<Copied<'a>>,
    /// Indices of copies by the number of their original.
    places: BTreeMap<usize, usize>,
}

impl<'a> Copies<'a> {
    /// With room for what previews of so many services mostly have.
    pub(super) fn of(services: usize) -> Self {
        Self { all: Vec::with_capacity(services * 3), places: BTreeMap::new() }
    }

    /// The numbers of the originals, in order.
    pub(super) fn numbers(&self) -> Vec<usize> {
        self.places.keys().copied().collect()
    }

    /// Every copy, in the order of the originals.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Copied<'a>> + Clone {
        self.places.values().map(|&place| &self.all[place])
    }

    /// Every copy, to change it, in no order.
    pub(super) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Copied<'a>> {
        self.all.iter_mut()
    }

    pub(super) fn get(&self, number: usize) -> Option<&Copied<'a>> {
        self.places.get(&number).map(|&place| &self.all[place])
    }

    pub(super) fn get_mut(&mut self, number: usize) -> Option<&mut Copied<'a>> {
        self.places.get(&number).map(|&place| &mut self.all[place])
    }

    /// The copy of an original, made where there is none yet.
    pub(super) fn get_or_insert(
        &mut self,
        number: usize,
        make: impl FnOnce() -> Copied<'a>,
    ) -> &mut Copied<'a> {
        let place = *self.places.entry(number).or_insert_with(|| {
            self.all.push(make());
            self.all.len() - 1
        });
        &mut self.all[place]
    }

    /// The copies in the order of the originals.
    pub(super) fn into_vec(mut self) -> Vec<Copied<'a>> {
        self.all.sort_unstable_by_key(|copy| copy.original.number);
        self.all.shrink_to_fit();
        self.all
    }
}
