//! Finds fields and list items of a patched object by key, in constant time.
//!
//! Otherwise a patch of thousands of items for a list of thousands would take millions of comparisons.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::yaml::{Data, Key, Node};

/// The fields of a mapping, in order.
pub(super) struct Fields {
    /// Keys with their values; `None` if the value was taken and not put back.
    entries: Vec<(Key, Option<Node>)>,
    /// Indices by key; `None` while the fields are few.
    indices: Option<HashMap<SmolStr, usize, RandomState>>,
}

/// Up to this many fields are searched one by one, which is faster.
const UNINDEXED: usize = 16;

impl Fields {
    /// The fields of a mapping; none for anything else.
    pub(super) fn of(node: Node) -> Self {
        let entries = match node.data {
            Data::Map(entries) => entries,
            _ => Vec::new(),
        };
        let entries = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
        let mut fields = Self { entries, indices: None };
        fields.index_if_many();
        fields
    }

    fn index_if_many(&mut self) {
        if self.indices.is_none() && self.entries.len() > UNINDEXED {
            let keys = self.entries.iter().map(|(key, _)| key.text.clone());
            self.indices = Some(keys.zip(0..).collect());
        }
    }

    fn index(&self, key: &str) -> Option<usize> {
        match &self.indices {
            Some(indices) => indices.get(key).copied(),
            None => self.entries.iter().position(|(existing, _)| existing.text == key),
        }
    }

    /// Removes the fields whose keys `keep` refuses.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        for (_, value) in self.entries.iter_mut().filter(|(key, _)| !keep(&key.text)) {
            *value = None;
        }
    }

    /// Takes the value of a field. The field keeps its position for a new value.
    pub(super) fn take(&mut self, key: &str) -> Option<Node> {
        let index = self.index(key)?;
        self.entries[index].1.take()
    }

    /// Sets the value of a field: at its position, or at the end if it is new.
    pub(super) fn put(&mut self, key: &Key, value: Option<Node>) {
        match self.index(&key.text) {
            Some(index) => self.entries[index].1 = value,
            None => {
                if let Some(indices) = &mut self.indices {
                    indices.insert(key.text.clone(), self.entries.len());
                }
                self.entries.push((key.clone(), value));
                self.index_if_many();
            }
        }
    }

    /// The items of a field that is a list.
    pub(super) fn items_mut(&mut self, key: &str) -> Option<&mut Vec<Node>> {
        let index = self.index(key)?;
        match &mut self.entries[index].1.as_mut()?.data {
            Data::List(items) => Some(items),
            _ => None,
        }
    }

    pub(super) fn into_data(self) -> Data {
        let kept = self.entries.into_iter().filter_map(|(key, value)| Some((key, value?)));
        Data::Map(kept.collect())
    }
}

/// The values of the merge keys of a list item.
pub(super) type Identity = SmallVec<[Option<SmolStr>; 2]>;

/// The identity of a list item; `None` if it lacks the first key. A port without a protocol is TCP.
pub(super) fn identity(item: &Node, keys: &[&str]) -> Option<Identity> {
    let value = |key: &&str| {
        let default = (*key == "protocol").then_some("TCP");
        item.text_at(&[key]).or(default).map(SmolStr::from)
    };
    let identity: Identity = keys.iter().map(value).collect();
    identity[0].is_some().then_some(identity)
}

/// A text that is the same for equal values, however they are written.
pub(super) fn canonical(node: &Node) -> String {
    let mut json = node.to_json();
    json.sort_all_objects();
    json.to_string()
}

/// The items of a list with merge keys, in order.
pub(super) struct Keyed {
    keys: &'static [&'static str],
    /// `None` if the item was taken.
    items: Vec<Option<Node>>,
    /// Indices by identity.
    same: HashMap<Identity, SmallVec<[usize; 1]>, RandomState>,
    /// Indices of remaining items by the value of the first key, if there are several keys.
    alike: HashMap<SmolStr, BTreeSet<usize>, RandomState>,
}

impl Keyed {
    pub(super) fn new(items: Vec<Node>, keys: &'static [&'static str]) -> Self {
        let (same, alike) = (HashMap::default(), HashMap::default());
        let mut new = Self { keys, items: Vec::with_capacity(items.len()), same, alike };
        items.into_iter().for_each(|item| new.push(item));
        new
    }

    pub(super) fn push(&mut self, item: Node) {
        let index = self.items.len();
        if let Some(identity) = identity(&item, self.keys) {
            if self.keys.len() > 1 {
                let first = identity[0].clone().unwrap_or_default();
                self.alike.entry(first).or_default().insert(index);
            }
            self.same.entry(identity).or_default().push(index);
        }
        self.items.push(Some(item));
    }

    /// Takes the item that an item of a patch changes: the one with the same identity. If there is none, and the patch
    /// names only the first key, the only item with that: a port without a protocol is TCP, but if only UDP has the
    /// number, that is meant.
    pub(super) fn take(&mut self, wanted: &Node) -> Option<Node> {
        let taken = self.take_same(wanted);
        if taken.is_some() || self.keys[1..].iter().any(|key| wanted.get(key).is_some()) {
            return taken;
        }
        let alike = self.alike.get(wanted.text_at(&self.keys[..1])?)?;
        let index = *alike.first().filter(|_| alike.len() == 1)?;
        self.take_at(index)
    }

    /// Takes the items with the same identity and returns the first. A list may have several, and a patch means all.
    pub(super) fn take_same(&mut self, wanted: &Node) -> Option<Node> {
        let indices = self.same.remove(&identity(wanted, self.keys)?)?;
        let taken: SmallVec<[Node; 1]> =
            indices.into_iter().filter_map(|index| self.take_at(index)).collect();
        taken.into_iter().next()
    }

    fn take_at(&mut self, index: usize) -> Option<Node> {
        let item = self.items[index].take()?;
        if let Some(alike) =
            item.text_at(&self.keys[..1]).and_then(|first| self.alike.get_mut(first))
        {
            alike.remove(&index);
        }
        Some(item)
    }

    /// The items that were not taken.
    pub(super) fn into_items(self) -> impl Iterator<Item = Node> {
        self.items.into_iter().flatten()
    }
}
