//! docs/evidence.md, written by a run that passed, so that it cannot say more than was seen.

use crate::lab::Outcome;

/// One scenario of the run.
pub(crate) struct Line {
    pub(crate) name: &'static str,
    pub(crate) outcome: Outcome<String>,
    pub(crate) seconds: f64,
}

pub(crate) fn write(_lines: &[Line], _seconds: u64) {}
