//! Ordered maps.

use std::collections::BTreeMap;

/// Collects entries into a map; of two with one key the later one counts.
///
/// `collect` does the same. But it sorts first, so that each kind of iterator brings a sort of its own into the binary.
/// Here all maps of one type share their `insert`.
pub(crate) fn ordered<K: Ord, V>(entries: impl IntoIterator<Item = (K, V)>) -> BTreeMap<K, V> {
    let mut map = BTreeMap::new();
    map.extend(entries);
    map
}
