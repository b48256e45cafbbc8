//! The stages called in order: the table of contents of the program.

use std::collections::HashMap;

use rayon::prelude::*;

use crate::diagnostic::{Diagnostic, Report, code};
use crate::emit::{Common, Emission, Preview, Shape};
use crate::kube::{Id, Object, is_cluster_scoped};
use crate::model::Catalog;
use crate::plan::plan;
use crate::spec::Config;
use crate::validate::validate;

/// What became of a configuration: each preview as the caller wants it, in the order of their names,
/// and what belongs to none.
#[derive(Debug)]
pub struct Compiled<T> {
    /// What the caller made of each preview.
    pub previews: Vec<T>,
    /// What belongs to no single preview.
    pub common: Common,
}

/// Compiles a configuration and the objects of its baseline, of which earlier output was set aside.
/// Previews are handed to `consume` one by one, on every core. None where the report has errors.
pub fn compile<T: Send>(
    config: &Config,
    objects: &[Object],
    shape: &Shape<'_>,
    report: &mut Report,
    consume: impl Fn(Preview) -> T + Sync,
) -> Option<Compiled<T>> {
    let objects = at_home(objects, &config.previews.spec.baseline.namespace);
    let whole = !report.has_errors();
    validate(config, &objects, whole).into_iter().for_each(|found| report.push(found));
    if report.has_errors() {
        return None;
    }
    let catalog = Catalog::new(&config.previews.spec.baseline.namespace, &objects);
    let mut found = Vec::new();
    let plan = plan(config, &catalog, &mut found);
    found.into_iter().for_each(|found| report.push(found));
    if report.has_errors() {
        return None;
    }
    let emission = Emission::new(&plan, shape);
    let (ids, previews): (Vec<Vec<Id>>, Vec<T>) = (0..emission.previews())
        .into_par_iter()
        .map(|index| {
            let preview = emission.preview(index);
            let own = preview.files.values().flatten().chain(&preview.flux);
            (own.map(|object| object.id.clone()).collect(), consume(preview))
        })
        .unzip();
    let common = emission.common;
    let shared = common.shared.iter().chain(common.flux.values().flatten());
    let ids = ids.iter().flatten().chain(shared.map(|object| &object.id));
    check_names(ids, &objects, report);
    (!report.has_errors()).then_some(Compiled { previews, common })
}

/// The objects, with the baseline's namespace where a namespaced one names none.
fn at_home(objects: &[Object], namespace: &str) -> Vec<Object> {
    let mut objects = objects.to_vec();
    for object in &mut objects {
        if object.id.namespace.is_empty() && !is_cluster_scoped(&object.id.group, &object.id.kind) {
            namespace.clone_into(&mut object.id.namespace);
        }
    }
    objects
}

/// The baseline as it is delivered with the output: complete, each object with its namespace, and
/// with the changes that routes need.
#[must_use]
pub fn delivered(config: &Config, objects: &[Object], common: &Common) -> Vec<Object> {
    let mut objects = at_home(objects, &config.previews.spec.baseline.namespace);
    for object in &mut objects {
        if let Some(changed) = common.changed.get(&object.id) {
            *object = changed.clone();
        }
        let metadata = object.node.make(&["metadata"]);
        if metadata.get("namespace").is_none() && !object.id.namespace.is_empty() {
            metadata.set("namespace", crate::yaml::Node::string(&object.id.namespace));
        }
    }
    objects
}

/// No object of ours may have the identity of another, of the user or of ours.
fn check_names<'a>(ids: impl Iterator<Item = &'a Id>, objects: &'a [Object], report: &mut Report) {
    let mut taken: HashMap<&Id, Option<&Object>> =
        objects.iter().map(|object| (&object.id, Some(object))).collect();
    for id in ids {
        let Some(other) = taken.insert(id, None) else {
            continue;
        };
        let help = "rename yours: the name follows from that of a service or preview";
        let message = match other {
            Some(_) => format!("{id} of the input has a name that anabranch needs"),
            None => format!("{id} would be made twice"),
        };
        let mut finding = Diagnostic::new(&code::NAME_TAKEN, message, help);
        if let Some(other) = other {
            finding = finding.at(other.place(), "this name is needed");
        }
        report.push(finding);
    }
}
