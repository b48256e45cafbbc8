//! The errors of functions that could not make their result.

use std::ops::Deref;

use super::Diagnostic;

/// The findings that explain why a result could not be made: at least one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(Vec<Diagnostic>);

impl Refused {
    /// Returns a value, unless there are findings.
    ///
    /// # Errors
    /// The findings.
    pub(crate) fn unless_none<T>(findings: Vec<Diagnostic>, value: T) -> Result<T, Self> {
        if findings.is_empty() { Ok(value) } else { Err(Self(findings)) }
    }

    /// The first finding.
    pub(crate) fn first(&self) -> &Diagnostic {
        &self.0[0]
    }

    /// The first finding, for a caller that shows no more.
    pub(crate) fn into_first(mut self) -> Diagnostic {
        self.0.swap_remove(0)
    }

    /// All findings, to rephrase them.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Diagnostic> {
        self.0.iter_mut()
    }

    /// Replaces the remedy.
    pub(crate) fn with_help(mut self, help: &str) -> Self {
        self.iter_mut().for_each(|finding| help.clone_into(&mut finding.help));
        self
    }
}

impl From<Diagnostic> for Refused {
    fn from(finding: Diagnostic) -> Self {
        Self(vec![finding])
    }
}

impl Deref for Refused {
    type Target = [Diagnostic];

    fn deref(&self) -> &[Diagnostic] {
        &self.0
    }
}

impl IntoIterator for Refused {
    type Item = Diagnostic;
    type IntoIter = std::vec::IntoIter<Diagnostic>;

    fn into_iter(self) -> Self::IntoIter {
        self.0.into_iter()
    }
}

/// A problem with a text and its remedy, from a function that does not know the place of the text. The caller makes a
/// finding of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Problem {
    /// What is wrong. It may be the end of a sentence whose beginning names the text.
    pub(crate) message: String,
    /// What to do about it.
    pub(crate) help: String,
}

impl Problem {
    pub(crate) fn new(message: impl Into<String>, help: impl Into<String>) -> Self {
        Self { message: message.into(), help: help.into() }
    }
}
