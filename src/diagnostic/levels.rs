//! The levels that the user gives to findings: which are errors, and which are not reported.

use super::{Code, Severity};

/// The values of `--deny` and `--allow`. Errors stay errors.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    /// Codes whose findings are errors.
    pub deny: Vec<&'static Code>,
    /// Codes whose findings are left out.
    pub allow: Vec<&'static Code>,
    /// Every warning that is not allowed is an error.
    pub deny_warnings: bool,
}

/// How a finding is treated.
pub(super) enum Level {
    Kept,
    Denied,
    Allowed,
}

impl Levels {
    /// How findings of a code are treated. An option that names the code outranks one about all warnings.
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
