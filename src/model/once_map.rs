//! A map whose values are made once, by whichever thread comes first.

use std::hash::BuildHasher;
use std::sync::{LazyLock, OnceLock};

use foldhash::fast::RandomState;
use smol_str::SmolStr;

/// Values by cache key, a list of texts. Values are never removed, so lookups need no lock: it is a [hash
/// trie](https://en.wikipedia.org/wiki/Hash_array_mapped_trie) with four branches.
#[derive(Debug)]
pub(crate) struct OnceMap<T>(OnceLock<Box<Entry<T>>>);

#[derive(Debug)]
struct Entry<T> {
    key: Box<[SmolStr]>,
    value: T,
    below: [OnceMap<T>; BRANCHES],
}

const BRANCHES: usize = 4;

impl<T> Default for OnceMap<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> OnceMap<T> {
    /// The value for a key, made by `make` if there is none yet.
    pub(crate) fn get(&self, key: &[&str], make: impl Fn() -> T) -> &T {
        static HASHER: LazyLock<RandomState> = LazyLock::new(RandomState::default);
        let (mut slot, mut hash) = (self, None);
        loop {
            let entry = slot.0.get_or_init(|| {
                let key = key.iter().copied().map(SmolStr::from).collect();
                Box::new(Entry { key, value: make(), below: Default::default() })
            });
            if entry.key.iter().eq(key) {
                return &entry.value;
            }
            // Hashed only now, because the first entry is mostly the right one.
            let rest = hash.unwrap_or_else(|| HASHER.hash_one(key));
            slot = &entry.below[rest as usize % BRANCHES];
            hash = Some(rest / BRANCHES as u64);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_for_a_key() {
        let map = OnceMap::default();
        assert_eq!(map.get(&["a"], || 1), &1);
        assert_eq!(map.get(&["b"], || 2), &2);
        assert_eq!(map.get(&["a", "b"], || 3), &3);
        assert_eq!(map.get(&["a"], || 4), &1);
        for number in 4..1_000 {
            assert_eq!(map.get(&[&number.to_string()], || number), &number);
        }
        for number in 4..1_000 {
            assert_eq!(map.get(&[&number.to_string()], || 0), &number);
        }
        assert_eq!(map.get(&["b"], || 0), &2);
    }
}
