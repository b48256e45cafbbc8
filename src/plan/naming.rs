//! Hashes, shards and labels that are made from names, always the same from the same names.

use sha2::{Digest, Sha256};

/// The alphabet of Kubernetes' generated names: no vowels, so no words, and no digits that look like letters.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A hash of several texts, in `length` characters of the safe alphabet. It covers the length of each text, so moving a
/// character from one to the next changes it.
#[must_use]
pub(crate) fn safe_hash<T: AsRef<[u8]>>(
    texts: impl IntoIterator<Item = T>,
    length: usize,
) -> String {
    let mut hasher = Sha256::new();
    for text in texts {
        let text = text.as_ref();
        hasher.update(text.len().to_le_bytes());
        hasher.update(text);
    }
    let digest = hasher.finalize();
    digest
        .iter()
        .take(length)
        .map(|&byte| char::from(SAFE[usize::from(byte) % SAFE.len()]))
        .collect()
}

/// The shard of a name, from 1 to `shards`.
#[must_use]
pub(crate) fn shard(name: &str, shards: u32) -> u32 {
    let digest = Sha256::digest(name);
    let first = digest.iter().take(4).fold(0, |number: u32, &byte| number << 8 | u32::from(byte));
    first % shards.max(1) + 1
}

/// The value of the label by which Alerts select the suites of a repository: the last segment of its path for people, and
/// a hash of the whole URL, which is unique.
#[must_use]
pub(crate) fn repository_label(url: &str) -> String {
    let last = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let mut name: String = last
        .trim_end_matches(".git")
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(30)
        .collect();
    name = name.trim_matches('-').to_owned();
    if !name.starts_with(|c: char| c.is_ascii_lowercase()) {
        name.insert_str(0, "repo");
    }
    format!("{name}-{}", safe_hash([url], 8))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hashes_use_only_the_safe_alphabet_and_tell_texts_apart() {
        let hash = safe_hash(["a", "bc"], 10);
        assert_eq!(hash.len(), 10);
        assert!(hash.bytes().all(|byte| SAFE.contains(&byte)));
        assert_ne!(hash, safe_hash(["ab", "c"], 10));
    }

    #[test]
    fn every_share_gets_about_as_many_names() {
        let mut counts = [0; 4];
        for number in 0..1000 {
            counts[shard(&format!("pr-{number}"), 4) as usize - 1] += 1;
        }
        assert!(counts.iter().all(|count| (200..300).contains(count)), "{counts:?}");
        assert_eq!(shard("pr-42", 4), shard("pr-42", 4));
        assert_eq!(shard("pr-42", 1), 1);
    }

    #[test]
    fn repository_labels_are_labels() {
        let label = repository_label("https://github.com/shop/My_Shop.git");
        assert!(label.starts_with("my-shop-"), "{label}");
        assert_ne!(label, repository_label("https://gitlab.com/shop/My_Shop.git"));
    }
}
