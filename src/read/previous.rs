//! What an earlier run left in the input: its own objects, which are set aside, and entries in
//! VirtualServices of the user, which are taken out again.

use crate::kube::{Object, meta};
use crate::yaml::{Data, Node};

/// Takes back what an earlier run did to an object of the user.
pub fn restore(node: &mut Node) {
    if node.text_at(&["kind"]) != Some("VirtualService") {
        return;
    }
    if let Some(Data::List(entries)) = node.at_mut(&["spec", "http"]).map(|node| &mut node.data) {
        entries.retain(|entry| !is_our_entry(entry));
    }
    let Some(annotations) = node.at_mut(&["metadata", "annotations"]) else {
        return;
    };
    let Some(restored) = annotations.remove(meta::RESTORE) else {
        return;
    };
    if annotations.entries().is_empty() {
        node.at_mut(&["metadata"])
            .and_then(|metadata| metadata.remove("annotations"));
    }
    if restored.text() == Some("exportTo") {
        node.at_mut(&["spec"])
            .and_then(|spec| spec.remove("exportTo"));
    }
}

fn is_our_entry(entry: &Node) -> bool {
    entry
        .text_at(&["name"])
        .is_some_and(|name| name.starts_with("anabranch."))
}

/// Splits objects into those of the user, restored, and those that an earlier run made from the
/// previews.yaml of this name.
#[must_use]
pub fn set_aside(objects: Vec<Object>, set: &str) -> (Vec<Object>, Vec<Object>) {
    let (own, mut users): (Vec<_>, Vec<_>) = objects
        .into_iter()
        .partition(|object| meta::is_of_set(object, set));
    users
        .iter_mut()
        .for_each(|object| restore(&mut object.node));
    (users, own)
}
