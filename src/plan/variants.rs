//! Values that are made once for all who have something alike, from many threads.

use std::sync::OnceLock;

/// So many values are kept in one place: to look through more would take longer than to make one.
const MOST: usize = 16;

/// Values of one sort, each known by a list of words. They are only ever added, behind those that there
/// are, so that looking takes no lock.
#[derive(Debug)]
pub(crate) struct Variants<T>(OnceLock<Box<Variant<T>>>);

#[derive(Debug)]
struct Variant<T> {
    words: Vec<String>,
    value: T,
    next: Variants<T>,
}

impl<T> Default for Variants<T> {
    fn default() -> Self {
        Self(OnceLock::new())
    }
}

impl<T> Variants<T> {
    /// The value for these words, made where there is none yet. None where too many are kept.
    pub(crate) fn get(&self, words: &[&str], make: impl Fn() -> T) -> Option<&T> {
        let mut place = self;
        for _ in 0..MOST {
            let variant = place.0.get_or_init(|| {
                let words = words.iter().map(|&word| word.to_owned()).collect();
                Box::new(Variant { words, value: make(), next: Self::default() })
            });
            if variant.words == words {
                return Some(&variant.value);
            }
            place = &variant.next;
        }
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_value_is_made_once_for_the_same_words_and_at_most_so_many_are_kept() {
        let variants = Variants::default();
        assert_eq!(variants.get(&["a"], || 1), Some(&1));
        assert_eq!(variants.get(&["b"], || 2), Some(&2));
        assert_eq!(variants.get(&["a", "b"], || 3), Some(&3));
        assert_eq!(variants.get(&["a"], || 4), Some(&1));
        for number in 3..MOST {
            assert!(variants.get(&[&number.to_string()], || number).is_some());
        }
        assert_eq!(variants.get(&["one more"], || 5), None);
        assert_eq!(variants.get(&["b"], || 6), Some(&2));
    }
}
