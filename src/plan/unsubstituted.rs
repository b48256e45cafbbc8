//! Warns of variables that Flux substitutes in the baseline and nothing substitutes in previews: a copy would silently
//! lack their values.

use std::collections::{BTreeSet, HashSet};

use super::Plan;
use super::routing::Routing;
use crate::diagnostic::{Diagnostic, Report, code, some_of};
use crate::kube::Object;
use crate::kube::meta::{
    has_substitutes, keeps_namespace_annotation, keeps_namespace_label, variables,
};
use crate::model::route::Route;
use crate::spec::Delivery;
use crate::yaml::Node;

/// Where text of an object of the baseline appears in the output.
enum Kept<'a> {
    /// In its copies.
    Copied,
    /// In the baseline that is delivered.
    Delivered,
    /// In routes of previews, which have these rules.
    Derived(Vec<&'a Node>),
    /// In the Namespaces of previews, which have these labels and annotations.
    Carried(Vec<&'a Node>),
}

/// Reports each object with such variables once for all previews. `originals` are the copied objects.
pub(super) fn check(plan: &Plan<'_>, originals: &[&Object], report: &mut Report) {
    let config = plan.config;
    let is_function =
        config.previews.spec.baseline.delivery == Delivery::Include && !config.says_include();
    let post_build = config.flux("postBuild");
    let list = |field: &str| post_build.and_then(|it| it.get(field));
    if is_function || list("substituteFrom").is_some_and(|from| !from.items().is_empty()) {
        return;
    }
    // Without any value Flux substitutes nothing, not even defaults.
    let values = list("substitute").map(Node::entries).unwrap_or_default();
    let known: BTreeSet<&str> = values.iter().map(|(key, _)| key.text.as_str()).collect();
    let copied: BTreeSet<usize> = originals.iter().map(|object| object.number).collect();
    let may_be_kept = |object: &&Object| {
        config.says_include()
            || copied.contains(&object.number)
            || object.is("", "Namespace")
            || Route::of(object).is_some()
    };
    let objects = plan.catalog.objects().filter(may_be_kept);
    let objects: Vec<&Object> = objects.filter(|object| has_substitutes(&object.node)).collect();
    if objects.is_empty() {
        return;
    }
    let derived = derived(&plan.routing);
    for object in objects {
        let kept = match copied.contains(&object.number) {
            true => Kept::Copied,
            false => kept_of_original(plan, object, &derived),
        };
        let mut names = BTreeSet::new();
        match &kept {
            Kept::Copied | Kept::Delivered => variables(&object.node, &mut names),
            Kept::Derived(nodes) | Kept::Carried(nodes) => {
                nodes.iter().for_each(|node| variables(node, &mut names));
            }
        }
        if !known.is_empty() {
            names.retain(|one| !one.has_default && !known.contains(one.name));
        }
        let names: BTreeSet<&str> = names.into_iter().map(|one| one.name).collect();
        if !names.is_empty() {
            report.push(variable_left(object, &kept, &names, known.is_empty()));
        }
    }
}

/// Where text of an object that is not copied appears.
fn kept_of_original<'a>(
    plan: &Plan<'a>,
    object: &'a Object,
    derived: &HashSet<*const Node>,
) -> Kept<'a> {
    if plan.config.says_include() {
        return Kept::Delivered;
    }
    if object.is("", "Namespace") {
        let is_home = plan.catalog.home.includes(&object.id.name);
        return Kept::Carried(if is_home { carried(object) } else { Vec::new() });
    }
    let rules = Route::of(object).map(|route| route.all_rules()).unwrap_or_default().into_iter();
    let is_derived = |rule: &&Node| derived.contains(&std::ptr::from_ref(*rule));
    Kept::Derived(rules.filter(is_derived).collect())
}

/// The labels and annotations of the baseline's Namespace that previews have too.
fn carried(namespace: &Object) -> Vec<&Node> {
    type Keeps = fn(&str) -> bool;
    let fields: [(&str, Keeps); 2] =
        [("labels", keeps_namespace_label), ("annotations", keeps_namespace_annotation)];
    let all = fields.into_iter().flat_map(|(field, keeps)| {
        let texts = namespace.node.at(&["metadata", field]).map(Node::entries).unwrap_or_default();
        texts.iter().filter(move |(key, _)| keeps(&key.text)).map(|(_, value)| value)
    });
    all.collect()
}

/// The rules of the baseline's routes from which rules of previews are derived.
fn derived(routing: &Routing<'_>) -> HashSet<*const Node> {
    routing.derived().map(|swapped| std::ptr::from_ref(swapped.rule)).collect()
}

/// The finding about an object with variables. `has_no_values` says that none are configured at all.
fn variable_left(
    object: &Object,
    kept: &Kept<'_>,
    names: &BTreeSet<&str>,
    has_no_values: bool,
) -> Diagnostic {
    // What looks like a variable may be part of a password.
    let names = match object.is("", "Secret") {
        true if has_no_values => "what it says".to_owned(),
        true => "them".to_owned(),
        false => some_of(names.iter().map(|name| format!("`${{{name}}}`"))),
    };
    let id = &object.id;
    let (message, help) = match has_no_values {
        true => {
            let say = match kept {
                Kept::Copied => "its copies say",
                Kept::Delivered => "it is delivered and says",
                Kept::Derived(_) => "routes of previews say",
                Kept::Carried(_) => "the Namespaces of previews say",
            };
            (
                format!(
                    "nothing substitutes the variables of {id}: {say} {names} as it stands here"
                ),
                "set spec.flux.postBuild as on the Flux Kustomization that applies the baseline; where \
                 nothing substitutes them there either, annotate the object \
                 `kustomize.toolkit.fluxcd.io/substitute: disabled`",
            )
        }
        false => {
            let miss = match kept {
                Kept::Copied => "in its copies",
                Kept::Delivered => "where it is delivered",
                Kept::Derived(_) => "in routes of previews",
                Kept::Carried(_) => "in the Namespaces of previews",
            };
            (
                format!(
                    "nothing says the value of variables of {id}: {miss} Flux puts nothing in place of {names}"
                ),
                "list them in spec.flux.postBuild.substitute, or name where they stand in substituteFrom, as on \
                 the Flux Kustomization that applies the baseline; or write a default, as in `${NAME:=value}`",
            )
        }
    };
    Diagnostic::new(&code::VARIABLE_LEFT, message, help).at(object.place(), "has variables")
}
