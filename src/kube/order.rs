//! The order in which objects are written: what others need comes first, then by namespace and name.

use std::cmp::Ordering;

use smallvec::SmallVec;

use super::Id;
use super::kind::Rank;
use super::kinds::rank;

/// The sort key of objects: rank of kind, namespace, kind, group and name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Key<'k> {
    /// The rank of the kind.
    pub(crate) rank: Rank,
    /// Namespace; empty if there is none.
    pub(crate) namespace: &'k str,
    pub(crate) kind: &'k str,
    pub(crate) group: &'k str,
    pub(crate) name: &'k str,
}

impl<'k> From<&'k Id> for Key<'k> {
    fn from(id: &'k Id) -> Self {
        let Id { group, kind, namespace, name } = id;
        Self { rank: rank(group, kind), namespace, kind, group, name }
    }
}

impl Ord for Key<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        let (a, b) = (self, other);
        a.rank.cmp(&b.rank).then_with(|| {
            // Neighbours mostly differ only in their names, and equality is checked quickly.
            let same_namespace =
                std::ptr::eq(a.namespace, b.namespace) || a.namespace == b.namespace;
            let same_kind = a.rank != Rank::Other || a.kind == b.kind;
            if same_namespace && same_kind && a.group == b.group {
                return a.name.cmp(b.name);
            }
            (a.namespace, a.kind, a.group).cmp(&(b.namespace, b.kind, b.group))
        })
    }
}

impl PartialOrd for Key<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

/// An order of objects: the index of the object that belongs at each position.
#[derive(Debug)]
pub(crate) struct Order(Indices);

/// Indices of objects, without an allocation for the number that most previews have.
type Indices = SmallVec<[usize; 64]>;

impl Order {
    /// The order of objects with these keys.
    pub(crate) fn by<K: Ord>(keys: impl Iterator<Item = K>) -> Self {
        let keys: SmallVec<[K; 64]> = keys.collect();
        let mut order: Indices = (0..keys.len()).collect();
        order.sort_by(|&a, &b| keys[a].cmp(&keys[b]));
        Self(order)
    }

    /// Sorts the objects whose keys were given, in place.
    pub(crate) fn put<T>(self, objects: &mut [T]) {
        // Objects are large, so each is moved once.
        for to in 0..self.0.len() {
            // The object of a finished index was swapped to where its replacement came from.
            let mut from = self.0[to];
            while from < to {
                from = self.0[from];
            }
            objects.swap(to, from);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kinds_come_by_rank_and_what_is_alike_by_namespace_kind_group_and_name() {
        let id = |(group, kind, namespace, name): (&str, &str, &str, &str)| Id {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        let wanted = [
            ("", "Namespace", "", "shop"),
            ("", "Service", "a", "z"),
            ("", "Service", "b", "a"),
            ("", "Service", "b", "b"),
            ("serving.knative.dev", "Service", "b", "a"),
            ("apps", "Deployment", "a", "a"),
            ("x", "Alpha", "b", "z"),
            ("x", "Beta", "b", "a"),
        ]
        .map(id);
        for turn in 0..wanted.len() {
            let mut mixed = wanted.clone();
            mixed.reverse();
            mixed.rotate_left(turn);
            Order::by(mixed.iter().map(Key::from)).put(&mut mixed);
            assert_eq!(mixed, wanted, "turned by {turn}");
        }
    }
}
