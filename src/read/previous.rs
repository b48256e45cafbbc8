//! What an earlier run left in the input: its own objects, which are set aside, and entries in
//! VirtualServices of the user, which are taken out again.

use crate::kube::{Object, meta};
use crate::yaml::{Data, Node};

/// Takes back what an earlier run did to an object of the user.
pub fn restore(node: &mut Node) {
    if node.text_at(&["kind"]) == Some("VirtualService")
        && let Some(Data::List(entries)) = node.at_mut(&["spec", "http"]).map(|node| &mut node.data)
    {
        entries.retain(|entry| !is_our_entry(entry));
    }
    let Some(annotations) = node.at_mut(&["metadata", "annotations"]) else {
        return;
    };
    let Some(restored) = annotations.remove(meta::RESTORE) else {
        return;
    };
    if annotations.entries().is_empty() {
        node.at_mut(&["metadata"]).and_then(|metadata| metadata.remove("annotations"));
    }
    let Some(spec) = node.get_mut("spec") else {
        return;
    };
    for change in restored.text().unwrap_or_default().split(',') {
        match change.strip_prefix('-') {
            Some(header) => keep_header(spec, header),
            None => {
                spec.remove("exportTo");
            }
        }
    }
}

/// Rules and entries no longer remove this request header.
fn keep_header(spec: &mut Node, header: &str) {
    for rule in spec.get_mut("rules").map(Node::items_mut).unwrap_or_default() {
        let Some(filters) = rule.get_mut("filters") else {
            continue;
        };
        for filter in filters.items_mut() {
            if let Some(modifier) = filter.get_mut("requestHeaderModifier") {
                meta::without(modifier, "remove", header);
            }
        }
        if let Data::List(filters) = &mut filters.data {
            let is_empty = |filter: &Node| {
                filter.get("requestHeaderModifier").is_some_and(|m| m.entries().is_empty())
            };
            filters.retain(|filter| !is_empty(filter));
        }
        if filters.items().is_empty() {
            rule.remove("filters");
        }
    }
    for entry in spec.get_mut("http").map(Node::items_mut).unwrap_or_default() {
        if let Some(request) = entry.at_mut(&["headers", "request"]) {
            meta::without(request, "remove", header);
        }
        drop_empty(entry, &["headers", "request"]);
        drop_empty(entry, &["headers"]);
    }
}

/// Removes the mapping behind a chain of keys if nothing is in it.
fn drop_empty(node: &mut Node, keys: &[&str]) {
    let Some((last, above)) = keys.split_last() else {
        return;
    };
    if node.at(keys).is_some_and(|node| node.entries().is_empty())
        && let Some(parent) = node.at_mut(above)
    {
        parent.remove(last);
    }
}

fn is_our_entry(entry: &Node) -> bool {
    entry.text_at(&["name"]).is_some_and(|name| name.starts_with("anabranch."))
}

/// Splits objects into those of the user, restored, and those that an earlier run made from the
/// previews.yaml of this name.
#[must_use]
pub fn set_aside(objects: Vec<Object>, set: &str) -> (Vec<Object>, Vec<Object>) {
    let (own, mut users): (Vec<_>, Vec<_>) =
        objects.into_iter().partition(|object| meta::is_of_set(object, set));
    users.iter_mut().for_each(|object| restore(&mut object.node));
    (users, own)
}
