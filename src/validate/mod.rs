//! What can be said about the input before anything is planned: one file per subject, each a list of
//! findings. Nothing here stops at the first mistake.

mod changes;
mod flux;
mod images;
mod names;
mod objects;
mod routing;
mod services;

pub(crate) use names::is_dns_label;

use crate::diagnostic::Diagnostic;
use crate::kube::Object;
use crate::spec::Config;

/// What every rule sees: the configuration and the objects of the baseline, namespaces filled in.
pub(crate) struct Input<'a> {
    pub(crate) config: &'a Config,
    pub(crate) objects: &'a [Object],
}

/// A rule: adds what it finds.
type Rule = fn(&Input<'_>, &mut Vec<Diagnostic>);

/// Every rule, in the order of the pipeline.
const RULES: &[Rule] = &[
    objects::check,
    names::check,
    services::check,
    images::check,
    changes::check,
    routing::check,
    flux::check,
];

/// Checks a configuration against the objects of its baseline.
#[must_use]
pub fn validate(config: &Config, objects: &[Object]) -> Vec<Diagnostic> {
    let input = Input { config, objects };
    let mut found = Vec::new();
    for rule in RULES {
        rule(&input, &mut found);
    }
    found
}
