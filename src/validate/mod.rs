//! Checks the input before anything is planned. Each subject has a file, each rule is a function, and all rules run
//! whatever the others find.

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

/// The input of every rule: the configuration and the objects of the baseline, namespaces filled in, sorted by
/// identity.
pub(crate) struct Input<'a> {
    pub(crate) config: &'a Config,
    pub(crate) objects: &'a [Object],
    /// Objects of other sets.
    pub(crate) others: &'a [Object],
}

/// A rule: adds its findings to the report.
type Rule = fn(&Input<'_>, &mut Report);

/// Rules that compare previews.yaml with the objects of the baseline.
const OF_OBJECTS: &[Rule] = &[objects::check, marks::check, services::check];

/// Rules that need no baseline.
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

/// Checks a configuration and an input. If the baseline was not read completely, rules that would report the missing
/// part are left out.
#[must_use]
pub(crate) fn validate(config: &Config, input: &Parted, whole: bool) -> Report {
    let input = Input { config, objects: &input.users, others: &input.others };
    let rules: Vec<&Rule> = OF_OBJECTS.iter().filter(|_| whole).chain(OF_CONFIG).collect();
    let judge = |rule: &Rule| {
        let mut report = Report::default();
        rule(&input, &mut report);
        report
    };
    rules.into_par_iter().map(judge).reduce(Report::default, |mut all, report| {
        all.absorb(report);
        all
    })
}
