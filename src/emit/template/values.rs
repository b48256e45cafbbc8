//! The values that stencils are filled with.
//!
//! A value is text as YAML writes it, quotes included, so that filling is copying.

use std::fmt::Display;
use std::fmt::Write as _;

use crate::kube::Id;
use crate::plan::Environment;
use crate::yaml::write_string;

/// The values of a preview.
#[derive(Debug, Clone, Copy)]
pub(crate) struct HoleValues<'a> {
    /// The name of the preview.
    pub(crate) name: &'a str,
    /// Its namespace, if it has only one.
    pub(crate) namespace: &'a str,
    /// All others.
    pub(crate) others: &'a PreviewValues,
}

/// The values of a preview for templates that have only holes for names. If it has several namespaces, none of them
/// is a hole: see [`Parts::with_placeholders`](super::Parts::with_placeholders).
pub(in crate::emit) fn names_of<'e>(env: &'e Environment<'_>) -> HoleValues<'e> {
    let namespace = env.rooms.first().map_or("", |room| &room.namespace);
    HoleValues { name: env.name, namespace, ..HoleValues::NONE }
}

impl HoleValues<'_> {
    /// The values of a shared object: none.
    pub(crate) const NONE: Self = Self { name: "", namespace: "", others: &NOTHING };
}

static NOTHING: PreviewValues =
    PreviewValues { text: String::new(), ends: Vec::new(), ids: Vec::new() };

/// The values of one preview besides name and namespace, in a few allocations for all of them, since there are
/// thousands of previews.
#[derive(Debug, Default)]
pub(crate) struct PreviewValues {
    /// The values one after the other, as YAML, without indentation.
    text: String,
    /// The end of each value.
    ends: Vec<usize>,
    /// Identities that do not follow from the namespace of the preview.
    ids: Vec<Id>,
}

impl PreviewValues {
    /// Moves all values out, into memory of exactly their size. The capacity stays here.
    pub(in crate::emit) fn take(&mut self) -> Self {
        let taken = Self {
            text: self.text.as_str().to_owned(),
            ends: self.ends.clone(),
            ids: self.ids.drain(..).collect(),
        };
        self.truncate(0);
        taken
    }

    /// How many values there are.
    pub(in crate::emit) fn count(&self) -> usize {
        self.ends.len()
    }

    /// The value with this index.
    pub(in crate::emit) fn value(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[number]]
    }

    /// Adds a string.
    pub(in crate::emit) fn add_string(&mut self, text: &str) {
        write_string(&mut self.text, text, Some(0));
        self.ends.push(self.text.len());
    }

    /// Adds a value that is not a string, and so not quoted.
    pub(in crate::emit) fn add_plain(&mut self, value: impl Display) {
        // Writing to a string cannot fail.
        let _ = write!(self.text, "{value}");
        self.ends.push(self.text.len());
    }

    /// Removes all but the first values.
    pub(in crate::emit) fn truncate(&mut self, values: usize) {
        self.ends.truncate(values);
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Adds an identity and returns its index.
    pub(in crate::emit) fn add_id(&mut self, id: Id) -> usize {
        self.ids.push(id);
        self.ids.len() - 1
    }

    /// The identity with this index.
    pub(in crate::emit) fn id(&self, number: usize) -> &Id {
        &self.ids[number]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_stand_as_yaml_writes_them_until_they_are_taken_back() {
        let mut values = PreviewValues::default();
        values.add_string("a");
        values.add_string("");
        values.add_string("1");
        values.add_plain(1);
        values.add_string("b\nc");
        let all: Vec<&str> = (0..values.count()).map(|number| values.value(number)).collect();
        assert_eq!(all, ["a", "\"\"", "\"1\"", "1", "|-\nb\nc"]);
        values.truncate(1);
        values.add_plain(2);
        let taken = values.take();
        assert_eq!((taken.value(0), taken.value(1), taken.count()), ("a", "2", 2));
        values.add_plain(3);
        assert_eq!((values.value(0), values.count()), ("3", 1));
    }
}
