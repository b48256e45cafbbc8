//! Names that anabranch makes. Two names are joined with a dot, which neither can contain, so that
//! `a-b` and `c` never meet `a` and `b-c`.

use sha2::{Digest, Sha256};

/// Kubernetes' safe alphabet: no vowels, no digit that looks like a letter, nothing that YAML could
/// read as a number.
const SAFE: &[u8; 27] = b"bcdfghjklmnpqrstvwxz2456789";

/// A hash of several texts, `length` characters of the safe alphabet. The texts are told apart by
/// their lengths, so moving a character from one to the next changes the hash.
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

/// Which of so many shares a name belongs to, from 1 on: always the same one.
#[must_use]
pub(crate) fn share(name: &str, shares: u32) -> u32 {
    let digest = Sha256::digest(name);
    let first = digest.iter().take(4).fold(0, |number: u32, &byte| number << 8 | u32::from(byte));
    first % shares.max(1) + 1
}

/// The label by which Alerts know the suites of a repository: its last path segment for people, a
/// hash of the whole URL for certainty.
#[must_use]
pub(crate) fn repository_label(url: &str) -> String {
    let last = url.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
    let mut word: String = last
        .trim_end_matches(".git")
        .to_ascii_lowercase()
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .take(30)
        .collect();
    word = word.trim_matches('-').to_owned();
    if !word.starts_with(|c: char| c.is_ascii_lowercase()) {
        word.insert_str(0, "repo");
    }
    format!("{word}-{}", safe_hash([url], 8))
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
            counts[share(&format!("pr-{number}"), 4) as usize - 1] += 1;
        }
        assert!(counts.iter().all(|count| (200..300).contains(count)), "{counts:?}");
        assert_eq!(share("pr-42", 4), share("pr-42", 4));
        assert_eq!(share("pr-42", 1), 1);
    }

    #[test]
    fn repository_labels_are_labels() {
        let label = repository_label("https://github.com/shop/My_Shop.git");
        assert!(label.starts_with("my-shop-"), "{label}");
        assert_ne!(label, repository_label("https://gitlab.com/shop/My_Shop.git"));
    }
}
