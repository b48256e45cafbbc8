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
pub struct HoleValues<'a> {
    /// The name of the preview.
    pub name: &'a str,
    /// Its namespace, where it has one alone.
    pub namespace: &'a str,
    /// All others.
    pub others: &'a PreviewValues,
}

/// The values of a preview for holes of names alone. Where it may have several namespaces, none of these is a hole: see
/// [`Parts::marked`](super::Parts::marked).
pub(in crate::emit) fn names_of<'e>(env: &'e Environment<'_>) -> HoleValues<'e> {
    let namespace = env.rooms.first().map_or("", |room| &room.namespace);
    HoleValues { name: env.name, namespace, ..HoleValues::NONE }
}

impl HoleValues<'_> {
    /// Those of what belongs to no single preview.
    pub const NONE: Self = Self { name: "", namespace: "", others: &NOTHING };
}

static NOTHING: PreviewValues =
    PreviewValues { text: String::new(), ends: Vec::new(), ids: Vec::new() };

/// What fills the holes of one preview's drafts besides its name and namespace: in a few pieces of memory for
/// all of them, since there are thousands of previews.
#[derive(Debug, Default)]
pub struct PreviewValues {
    /// Values as YAML writes them, at column 0 where they have several lines.
    text: String,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Identities that do not follow from the namespace of the preview.
    ids: Vec<Id>,
}

impl PreviewValues {
    /// Takes out all that was added, in as much memory as it needs; the room for it stays.
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

    /// The value of this number.
    pub(in crate::emit) fn value(&self, number: usize) -> &str {
        let start = number.checked_sub(1).map_or(0, |before| self.ends[before]);
        &self.text[start..self.ends[number]]
    }

    /// Adds a string.
    pub(in crate::emit) fn add_string(&mut self, text: &str) {
        write_string(&mut self.text, text, Some(0));
        self.ends.push(self.text.len());
    }

    /// Adds what is no string, and so is not quoted.
    pub(in crate::emit) fn add_plain(&mut self, value: impl Display) {
        // A string takes everything.
        let _ = write!(self.text, "{value}");
        self.ends.push(self.text.len());
    }

    /// Takes back all values but the first so many.
    pub(in crate::emit) fn truncate(&mut self, values: usize) {
        self.ends.truncate(values);
        self.text.truncate(self.ends.last().copied().unwrap_or(0));
    }

    /// Adds an identity, and returns its number.
    pub(in crate::emit) fn add_id(&mut self, id: Id) -> usize {
        self.ids.push(id);
        self.ids.len() - 1
    }

    /// The identity of this number.
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
