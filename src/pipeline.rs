//! The stages called in order: the table of contents of the program.

use std::collections::BTreeMap;

use crate::diagnostic::{Diagnostic, Report, code};
use crate::emit::{Output, Shape, emit};
use crate::kube::{Id, Object, is_cluster_scoped};
use crate::model::Catalog;
use crate::plan::plan;
use crate::spec::Config;
use crate::validate::validate;

/// Compiles a configuration and the objects of its baseline, of which earlier output was set aside.
/// None where the report has errors.
pub fn compile(
    config: &Config,
    objects: &[Object],
    shape: &Shape<'_>,
    report: &mut Report,
) -> Option<Output> {
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
    let output = emit(&plan, shape);
    check_names(&output, &objects, report);
    (!report.has_errors()).then_some(output)
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
pub fn delivered(config: &Config, objects: &[Object], output: &Output) -> Vec<Object> {
    let mut objects = at_home(objects, &config.previews.spec.baseline.namespace);
    for object in &mut objects {
        if let Some(changed) = output.changed.get(&object.id) {
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
fn check_names(output: &Output, objects: &[Object], report: &mut Report) {
    let mut taken: BTreeMap<&Id, Option<&Object>> =
        objects.iter().map(|object| (&object.id, Some(object))).collect();
    let own = output.environments.iter().flat_map(|env| env.files.values());
    let flux = output.flux.iter().map(|(_, objects)| objects);
    let all = own.chain([&output.shared]).chain(flux).chain(output.flux_shared.values()).flatten();
    for object in all {
        let Some(other) = taken.insert(&object.id, None) else {
            continue;
        };
        let help = "rename yours: the name follows from that of a service or preview";
        let message = match other {
            Some(_) => format!("{} of the input has a name that anabranch needs", object.id),
            None => format!("{} would be made twice", object.id),
        };
        let mut finding = Diagnostic::new(&code::NAME_TAKEN, message, help);
        if let Some(other) = other {
            finding = finding.at(other.place(), "this name is needed");
        }
        report.push(finding);
    }
}
