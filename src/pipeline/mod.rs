//! The stages in order: objects and a configuration in, the drafts of all previews out.
//!
//! [`compile`] calls every stage. `namespaces` completes the objects of the input before the first, and `drafts` checks
//! the objects behind the last, where all previews are together.

mod drafts;
mod namespaces;

use std::collections::BTreeMap;

use crate::diagnostic::{Report, code, nearest, stage};
use crate::emit::{Common, Draft, Emission, HoleValues, Preview};
use crate::kube::{Id, Order};
use crate::limits::OutputLimits;
use crate::model::Catalog;
use crate::plan::plan;
use crate::validate::validate;

pub use crate::emit::OutputShape;
pub use crate::kube::Object;
pub use crate::read::Parted;
pub use crate::spec::Config;
pub(crate) use crate::write::append;

/// The result of compiling a configuration without errors.
#[derive(Debug)]
pub struct Compiled<'c, 'p> {
    /// The maker of all objects.
    pub(crate) emission: &'c Emission<'p>,
    /// The previews to write, sorted by name.
    pub(crate) previews: Vec<Preview<'p, 'c>>,
    /// The objects that belong to no single preview.
    pub(crate) common: Common<'c>,
    /// The objects of the input, without those that an earlier run made.
    pub(crate) input: &'p Parted,
    /// Warnings and notes.
    pub report: &'c Report,
}

impl Compiled<'_, '_> {
    /// The objects of each preview as a YAML stream, by the names of the previews.
    pub fn texts(&self) -> impl Iterator<Item = (&str, String)> {
        self.previews.iter().map(|preview| {
            let mut text = String::new();
            append(&mut text, preview.values(), preview.all());
            (preview.name, text)
        })
    }
}

/// What to compile.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The shape of the output.
    pub shape: OutputShape<'a>,
    /// The limits of the output.
    pub limits: OutputLimits,
    /// Names of previews to make; empty for all.
    pub only: &'a [String],
}

impl Request<'_> {
    fn includes(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Reports names that no preview has.
    fn check(&self, config: &Config, report: &mut Report) {
        let names = || config.previews.spec.previews.iter().map(|preview| preview.name.as_str());
        for only in self.only.iter().filter(|only| !names().any(|name| name == **only)) {
            let help = nearest(only, names()).map_or_else(
                || "name a preview that spec.previews lists".to_owned(),
                |name| format!("did you mean `{name}`?"),
            );
            let message = format!("there is no preview `{only}`");
            report.push(config.finding(&code::UNKNOWN_PREVIEW, "spec.previews", message, help));
        }
    }
}

/// Compiles a configuration and the objects of an input, and passes the result to `finish`. Returns `None` if the
/// report has errors.
///
/// Sorts the input, and gives its objects without a namespace that of the baseline if there is only one. Once `finish`
/// is called, no more errors can occur.
pub fn compile<T>(
    config: &Config,
    input: &mut Parted,
    request: &Request<'_>,
    report: &mut Report,
    finish: impl FnOnce(Compiled<'_, '_>) -> T,
) -> Option<T> {
    report.extend(namespaces::complete(config, input));
    let input = &*input;
    let whole = !report.has_errors();
    stage::enter("checking");
    report.absorb(validate(config, input, whole));
    if report.has_errors() {
        return None;
    }
    request.check(config, report);
    let catalog = report.keep(Catalog::new(&config.previews.spec, input, request.limits.pairs))?;
    stage::enter("planning");
    let plan = plan(config, &catalog, &request.limits, &|name| request.includes(name), report);
    if report.has_errors() {
        return None;
    }
    stage::enter("making objects");
    let emission = Emission::new(&plan, &request.shape);
    let common = emission.common();
    let previews = report.keep(drafts::draft_all(&emission, &common, input, &request.limits))?;
    if report.is_refused() {
        return None;
    }
    Some(finish(Compiled { emission: &emission, previews, common, input, report }))
}

/// The input as the output delivers it: complete and sorted, with the changes that routes need.
#[must_use]
pub(crate) fn delivered<'e>(input: &Parted, changed: BTreeMap<Id, Draft<'e>>) -> Vec<Draft<'e>> {
    let unchanged = input.all().filter(|object| !changed.contains_key(&object.id));
    let mut all: Vec<Draft<'_>> = unchanged.map(|object| Draft::from(object.clone())).collect();
    all.extend(changed.into_values());
    Order::by(all.iter().map(|draft| draft.key(HoleValues::NONE))).put(&mut all);
    all
}
