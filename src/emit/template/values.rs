//! The values that stencils are filled with.

use std::fmt::Display;
use std::fmt::Write as _;

use crate::kube::Id;
use crate::yaml::write_string;

/// The values of a preview.
#[derive(Debug, Clone, Copy)]
pub struct HoleValues<'a> {
    /// The name of the preview.
    pub name: &'a str,
    /// Its namespace.
    pub namespace: &'a str,
    /// What its drafts have of their own.
    pub own: &'a OwnValues,
}

impl HoleValues<'_> {
    /// Those of what belongs to no single preview.
    pub const NONE: Self = Self { name: "", namespace: "", own: &NOTHING };
}

static NOTHING: OwnValues = OwnValues { text: String::new(), ends: Vec::new(), ids: Vec::new() };

/// What the drafts of a preview have that neither their stencils nor its name tell: in a few pieces of
/// memory for all of them, since there are thousands of previews.
#[derive(Debug, Default)]
pub struct OwnValues {
    /// Whole scalars as YAML writes them, at column 0 where they have several lines.
    text: String,
    /// Where each of them ends.
    ends: Vec<usize>,
    /// Identities that do not follow from the namespace of the preview.
    ids: Vec<Id>,
}

impl OwnValues {
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

    /// How many scalars there are.
    pub(in crate::emit) fn scalars(&self) -> usize {
        self.ends.len()
    }

    /// The scalar of this number.
    pub(in crate::emit) fn scalar(&self, number: usize) -> &str {
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

    /// Takes back all scalars but the first so many.
    pub(in crate::emit) fn truncate(&mut self, scalars: usize) {
        self.ends.truncate(scalars);
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
    fn scalars_stand_as_yaml_writes_them_until_they_are_taken_back() {
        let mut own = OwnValues::default();
        own.add_string("a");
        own.add_string("");
        own.add_string("1");
        own.add_plain(1);
        own.add_string("b\nc");
        let all: Vec<&str> = (0..own.scalars()).map(|number| own.scalar(number)).collect();
        assert_eq!(all, ["a", "\"\"", "\"1\"", "1", "|-\nb\nc"]);
        own.truncate(1);
        own.add_plain(2);
        let taken = own.take();
        assert_eq!((taken.scalar(0), taken.scalar(1), taken.scalars()), ("a", "2", 2));
        own.add_plain(3);
        assert_eq!((own.scalar(0), own.scalars()), ("3", 1));
    }
}
