//! Finds fields and items of a patched object by key in constant time. A patch of thousands of items for a list of
//! thousands would otherwise take millions of comparisons.

use std::collections::{BTreeSet, HashMap};

use foldhash::fast::RandomState;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::yaml::{Data, Key, Node};

/// The fields of a mapping, in order.
pub(super) struct Fields {
    /// None where one was taken, and nothing put in its place.
    entries: Vec<(Key, Option<Node>)>,
    /// None where a look at each field is quicker.
    indices: Option<HashMap<SmolStr, usize, RandomState>>,
}

/// So many fields are looked through one by one.
const FEW: usize = 16;

impl Fields {
    /// Those of a mapping; none of anything else.
    pub(super) fn of(node: Node) -> Self {
        let entries = match node.data {
            Data::Map(entries) => entries,
            _ => Vec::new(),
        };
        let entries = entries.into_iter().map(|(key, value)| (key, Some(value))).collect();
        let mut fields = Self { entries, indices: None };
        fields.note();
        fields
    }

    /// Notes where each field is once they are many.
    fn note(&mut self) {
        if self.indices.is_none() && self.entries.len() > FEW {
            let keys = self.entries.iter().map(|(key, _)| key.text.clone());
            self.indices = Some(keys.zip(0..).collect());
        }
    }

    fn index(&self, key: &str) -> Option<usize> {
        match &self.indices {
            Some(indices) => indices.get(key).copied(),
            None => self.entries.iter().position(|(found, _)| found.text == key),
        }
    }

    /// Removes all but those for which `keep` holds.
    pub(super) fn retain(&mut self, keep: impl Fn(&str) -> bool) {
        for (_, value) in self.entries.iter_mut().filter(|(key, _)| !keep(&key.text)) {
            *value = None;
        }
    }

    /// Takes the value of a field; its place is kept for what comes of it.
    pub(super) fn take(&mut self, key: &str) -> Option<Node> {
        let index = self.index(key)?;
        self.entries[index].1.take()
    }

    /// Sets a field: in its place, or at the end where it has none.
    pub(super) fn put(&mut self, key: &Key, value: Option<Node>) {
        match self.index(&key.text) {
            Some(index) => self.entries[index].1 = value,
            None => {
                if let Some(indices) = &mut self.indices {
                    indices.insert(key.text.clone(), self.entries.len());
                }
                self.entries.push((key.clone(), value));
                self.note();
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

/// What an item of a list is known by: the values of its keys.
pub(super) type Identity = SmallVec<[Option<SmolStr>; 2]>;

/// What an item is known by; none where it lacks the first key. A port is TCP unless it says otherwise.
pub(super) fn identity(item: &Node, keys: &[&str]) -> Option<Identity> {
    let value = |key: &&str| {
        let default = (*key == "protocol").then_some("TCP");
        item.text_at(&[key]).or(default).map(SmolStr::from)
    };
    let identity: Identity = keys.iter().map(value).collect();
    identity[0].is_some().then_some(identity)
}

/// A text that two trees share where they are the same value.
pub(super) fn canonical(node: &Node) -> String {
    let mut json = node.to_json();
    json.sort_all_objects();
    json.to_string()
}

/// The items of a list that are known by keys, in order.
pub(super) struct Keyed {
    keys: &'static [&'static str],
    /// None where one was taken.
    items: Vec<Option<Node>>,
    same: HashMap<Identity, SmallVec<[usize; 1]>, RandomState>,
    /// Those that are left, by the value of the first key where there are more keys.
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

    /// Takes what a patch's item stands for: what is known by the same values, else the only one that has
    /// the first of them, where the item names no other. A port without a protocol is TCP, but where
    /// only UDP has the number, that is meant.
    pub(super) fn take(&mut self, wanted: &Node) -> Option<Node> {
        let found = self.take_same(wanted);
        if found.is_some() || self.keys[1..].iter().any(|key| wanted.get(key).is_some()) {
            return found;
        }
        let alike = self.alike.get(wanted.text_at(&self.keys[..1])?)?;
        let index = *alike.first().filter(|_| alike.len() == 1)?;
        self.take_at(index)
    }

    /// Takes what is known by the same values; of several the first, and the others go: a list may hold a
    /// key twice, and the patch speaks of both.
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

    /// Those that are left.
    pub(super) fn into_items(self) -> impl Iterator<Item = Node> {
        self.items.into_iter().flatten()
    }
}
