//! What an earlier run left in the input: its own objects, which are set aside, and entries in
//! VirtualServices of the user, which are taken out again.

use crate::kube::{Object, marks, meta};
use crate::yaml::{Data, Node};

/// Takes back what an earlier run of a set did to an object of the user, as its note says. What another
/// set did as well stays.
pub fn restore(node: &mut Node, set: &str) {
    for change in marks::take_changes(node, set).unwrap_or_default() {
        let stays = change != marks::HTTP && marks::is_changed(node, &change);
        let Some(spec) = node.get_mut("spec").filter(|_| !stays) else {
            continue;
        };
        match change.as_str() {
            marks::HTTP => drop_entries(spec, set),
            marks::EXPORT_TO => {
                spec.remove("exportTo");
            }
            change => {
                change.strip_prefix('-').into_iter().for_each(|header| keep_header(spec, header));
            }
        }
    }
}

/// The entries of a set go, and with the last one the list that was made for them.
fn drop_entries(spec: &mut Node, set: &str) {
    let prefix = marks::entry_prefix(set);
    if let Some(Data::List(entries)) = spec.get_mut("http").map(|node| &mut node.data) {
        entries.retain(|entry| !entry.text_at(&["name"]).unwrap_or_default().starts_with(&prefix));
        if entries.is_empty() {
            spec.remove("http");
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

/// Splits objects into those of the user, restored, and those that an earlier run made from the
/// previews.yaml of this name.
#[must_use]
pub fn set_aside(objects: Vec<Object>, set: &str) -> (Vec<Object>, Vec<Object>) {
    let (own, mut users): (Vec<_>, Vec<_>) =
        objects.into_iter().partition(|object| marks::is_of_set(object, set));
    users.iter_mut().for_each(|object| restore(&mut object.node, set));
    (users, own)
}
