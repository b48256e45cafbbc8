//! Summarizes the change of each preview, which a reviewer wants first.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, ObjectChange};
use crate::kube::marks::PREVIEW;
use crate::kube::{Id, Object, RouteApi};
use crate::model::pod_of;
use crate::ordered::ordered;

/// A preview that differs.
#[derive(Debug)]
pub(crate) struct PreviewChange {
    pub(crate) name: String,
    pub(crate) change: Change,
    /// The services that it changes, with a space between two.
    pub(crate) services: String,
    /// Its URL from outside; empty if there is none.
    pub(crate) url: String,
    /// Images that differ, with workload and container.
    pub(crate) images: Vec<ImageChange>,
    /// How many routes differ.
    pub(crate) routes: usize,
}

/// An image that differs.
#[derive(Debug)]
pub(crate) struct ImageChange {
    pub(crate) container: String,
    pub(crate) old: Option<String>,
    pub(crate) new: Option<String>,
}

/// The previews with objects that differ, by name.
pub(super) fn changes(
    objects: &[ObjectChange],
    old: &BTreeMap<Id, Object>,
    new: &BTreeMap<Id, Object>,
) -> Vec<PreviewChange> {
    let names: BTreeSet<&str> = objects.iter().filter_map(|one| one.preview.as_deref()).collect();
    let was = with_namespace(old);
    let is = with_namespace(new);
    names
        .into_iter()
        .map(|name| {
            let own: Vec<&ObjectChange> =
                objects.iter().filter(|one| one.preview.as_deref() == Some(name)).collect();
            // A single namespace of several can be added or removed, and in a folder that somebody changed all can be
            // missing.
            let change = match (was.contains(name), is.contains(name)) {
                (false, true) => Change::Added,
                (true, false) => Change::Removed,
                _ => Change::Changed,
            };
            let facts = if change == Change::Removed { old } else { new };
            let fact = |key: &str| fact(facts, name, key);
            let services = fact("PREVIEW_SERVICES");
            PreviewChange {
                name: name.to_owned(),
                change,
                services,
                url: fact("PREVIEW_URL"),
                images: own.iter().flat_map(|one| images(one)).collect(),
                routes: own.iter().filter(|one| is_route(&one.id)).count(),
            }
        })
        .collect()
}

fn with_namespace(objects: &BTreeMap<Id, Object>) -> BTreeSet<&str> {
    let namespaces = objects.values().filter(|object| object.is("", "Namespace"));
    namespaces.filter_map(|namespace| namespace.label(PREVIEW)).collect()
}

/// A value in the ConfigMap `anabranch` of a preview.
fn fact(objects: &BTreeMap<Id, Object>, preview: &str, key: &str) -> String {
    let own = objects.values().filter(|object| object.label(PREVIEW) == Some(preview));
    let facts = own.filter(|object| object.is("", "ConfigMap") && object.id.name == "anabranch");
    let mut texts = facts.filter_map(|facts| facts.node.text_at(&["data", key]));
    texts.next().unwrap_or_default().to_owned()
}

fn is_route(id: &Id) -> bool {
    RouteApi::of_kind(id).is_some() || id.kind == "ReferenceGrant"
}

fn images(object: &ObjectChange) -> Vec<ImageChange> {
    let of = |version: &Option<Object>| -> BTreeMap<String, String> {
        let spec = version.as_ref().and_then(|object| pod_of(object));
        let lists = ["initContainers", "containers"].into_iter().filter_map(|list| spec?.get(list));
        let containers = lists.flat_map(|list| list.items());
        let pairs =
            containers.filter_map(|one| Some((one.text_at(&["name"])?, one.text_at(&["image"])?)));
        ordered(pairs.map(|(name, image)| (name.to_owned(), image.to_owned())))
    };
    let (old, new) = (of(&object.old), of(&object.new));
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let differ = names.into_iter().filter(|name| old.get(*name) != new.get(*name));
    differ
        .map(|name| ImageChange {
            container: match object.id.name.as_str() {
                workload if workload == name => name.clone(),
                workload => format!("{workload}/{name}"),
            },
            old: old.get(name).cloned(),
            new: new.get(name).cloned(),
        })
        .collect()
}
