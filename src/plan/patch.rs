//! stub
use super::environment::Environment;
use crate::diagnostic::Diagnostic;
use crate::spec::{Config, ServiceChange};
pub(super) fn apply_all(
    _c: &Config,
    _s: &ServiceChange,
    _p: &str,
    _e: &mut Environment<'_>,
    _f: &mut Vec<Diagnostic>,
) {
}
