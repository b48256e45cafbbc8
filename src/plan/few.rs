//! Lists that mostly have one item.

use std::ops::{Deref, DerefMut};

/// A list that needs no allocation for a single item, which saves a tenth of the memory of 1,000 previews.
///
/// `SmallVec` does not fit: it is invariant in its item, so a plan with such lists could not be borrowed for less than
/// the life of its input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Few<T> {
    One(T),
    /// None, or several.
    Others(Vec<T>),
}

impl<T> Default for Few<T> {
    fn default() -> Self {
        Self::Others(Vec::new())
    }
}

impl<T> Deref for Few<T> {
    type Target = [T];

    fn deref(&self) -> &[T] {
        match self {
            Self::One(item) => std::slice::from_ref(item),
            Self::Others(items) => items,
        }
    }
}

impl<T> DerefMut for Few<T> {
    fn deref_mut(&mut self) -> &mut [T] {
        match self {
            Self::One(item) => std::slice::from_mut(item),
            Self::Others(items) => items,
        }
    }
}

impl<T> Few<T> {
    /// Adds an item at the end.
    pub(super) fn push(&mut self, item: T) {
        *self = match std::mem::take(self) {
            Self::Others(items) if items.is_empty() => Self::One(item),
            Self::Others(mut items) => {
                items.push(item);
                Self::Others(items)
            }
            Self::One(first) => Self::Others(vec![first, item]),
        };
    }
}

impl<T> FromIterator<T> for Few<T> {
    fn from_iter<I: IntoIterator<Item = T>>(items: I) -> Self {
        let mut few = Self::default();
        items.into_iter().for_each(|item| few.push(item));
        few
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn items_stand_in_the_order_in_which_they_came() {
        for count in 0..4 {
            let few: Few<usize> = (0..count).collect();
            assert_eq!(*few, *(0..count).collect::<Vec<_>>());
        }
    }
}
