//! Which findings whoever runs the program takes for errors, and which are not wanted.

use super::{Code, Severity};

/// What `--deny` and `--allow` say. Errors are errors in any case.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    /// Codes whose findings are errors.
    pub deny: Vec<&'static Code>,
    /// Codes whose findings are left out.
    pub allow: Vec<&'static Code>,
    /// Every warning that is not allowed is an error.
    pub deny_warnings: bool,
}

/// What becomes of a finding.
pub(super) enum Level {
    Kept,
    Denied,
    Allowed,
}

impl Levels {
    /// What becomes of findings of a code. What names the code counts before what names all warnings.
    pub(super) fn of(&self, code: &'static Code) -> Level {
        match code.severity {
            Severity::Error => Level::Kept,
            _ if self.deny.contains(&code) => Level::Denied,
            _ if self.allow.contains(&code) => Level::Allowed,
            Severity::Warning if self.deny_warnings => Level::Denied,
            _ => Level::Kept,
        }
    }
}
