//! Why something could not be made.

use std::ops::Deref;

use super::Diagnostic;

/// The findings for which something could not be made: one or more, and never none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refused(Vec<Diagnostic>);

impl Refused {
    /// Passes a value on, unless there are findings.
    ///
    /// # Errors
    /// There are.
    pub(crate) fn unless_none<T>(findings: Vec<Diagnostic>, value: T) -> Result<T, Self> {
        if findings.is_empty() { Ok(value) } else { Err(Self(findings)) }
    }

    /// The first of them.
    pub(crate) fn first(&self) -> &Diagnostic {
        &self.0[0]
    }

    /// The first of them, for a caller that shows no more.
    pub(crate) fn into_first(mut self) -> Diagnostic {
        self.0.swap_remove(0)
    }

    /// All of them, to be said in other words.
    pub(crate) fn iter_mut(&mut self) -> impl Iterator<Item = &mut Diagnostic> {
        self.0.iter_mut()
    }

    /// The same with another remedy.
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

/// What is wrong with a text, and what to do, said by a function that does not know where the text stands.
/// Its caller makes a finding of it.
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
