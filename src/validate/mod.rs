//! What can be said about the input before anything is planned: one file per subject, each a list of
//! findings. Nothing here stops at the first mistake.

mod changes;
mod flux;
mod forks;
mod images;
mod marks;
mod names;
mod namespaces;
mod objects;
mod quota;
mod routing;
mod services;
mod urls;
mod values;

pub(crate) use flux::{is_source_path, no_place_for_artifacts};
pub(crate) use images::problems as image_problems;
pub(crate) use names::{is_dns_label, is_dns_subdomain, is_label_text};
pub(crate) use values::is_env_name;

use rayon::prelude::*;

use crate::diagnostic::Report;
use crate::kube::Object;
use crate::read::Parted;
use crate::spec::Config;

/// What every rule sees: the configuration and the objects of the baseline, namespaces filled in, in
/// the order of identity.
pub(crate) struct Input<'a> {
    pub(crate) config: &'a Config,
    pub(crate) objects: &'a [Object],
    /// What other sets made.
    pub(crate) others: &'a [Object],
}

/// A rule: adds what it finds.
type Rule = fn(&Input<'_>, &mut Report);

/// Rules that compare previews.yaml with the objects of the baseline.
const OF_OBJECTS: &[Rule] = &[objects::check, marks::check, services::check];

/// Rules that hold whatever the baseline is.
const OF_CONFIG: &[Rule] = &[
    names::check,
    images::check,
    values::check,
    changes::check,
    forks::check,
    quota::check,
    routing::check,
    flux::check,
];

/// Checks a configuration against an input. Where the baseline was not read whole,
/// rules that would miss what is not there are left out.
#[must_use]
pub(crate) fn validate(config: &Config, input: &Parted, whole: bool) -> Report {
    let input = Input { config, objects: &input.users, others: &input.others };
    let rules: Vec<&Rule> = OF_OBJECTS.iter().filter(|_| whole).chain(OF_CONFIG).collect();
    let judge = |rule: &Rule| {
        let mut found = Report::default();
        rule(&input, &mut found);
        found
    };
    rules.into_par_iter().map(judge).reduce(Report::default, |mut all, found| {
        all.absorb(found);
        all
    })
}
