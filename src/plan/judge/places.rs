//! Goes through an object to the places that a path means.

use std::fmt::Write;

use crate::diagnostic::text::short;
use crate::kube::{Id, kinds};
use crate::yaml::{Data, Node};

/// All containers of a pod's template.
pub(super) const CONTAINERS: &str = "spec.containers[]|initContainers[]|ephemeralContainers[]";

/// Calls `see` with each node to which a path leads, and with the place of the node in words.
///
/// The steps of a path have dots between them. `name` is the value of that key, `name[]` each item of the list there,
/// and `*` the value of every key. `name|command[]` is any of these.
pub(super) fn visit<'n>(
    node: &'n Node,
    path: &str,
    place: &mut String,
    see: &mut dyn FnMut(&str, &'n Node),
) {
    if path.is_empty() {
        return see(place, node);
    }
    let (step, rest) = path.split_once('.').unwrap_or((path, ""));
    let length = place.len();
    for one in step.split('|') {
        let (wanted, is_list) = match one.strip_suffix("[]") {
            Some(key) => (key, true),
            None => (one, false),
        };
        let fits = |key: &str| wanted == "*" || wanted == key;
        for (key, value) in node.entries().iter().filter(|(key, _)| fits(&key.text)) {
            if !place.is_empty() {
                place.push('.');
            }
            place.push_str(&short(&key.text));
            match is_list {
                true => items(value, rest, place, see),
                false => visit(value, rest, place, see),
            }
            place.truncate(length);
        }
    }
}

/// Visits the items of a list; places call them by name where they have one.
fn items<'n>(list: &'n Node, rest: &str, place: &mut String, see: &mut dyn FnMut(&str, &'n Node)) {
    let length = place.len();
    for (index, item) in list.items().iter().enumerate() {
        // Writing to a text does not fail. A scalar is known by its value, wherever in the list it stands.
        let _ = match (&item.data, item.text_at(&["name"])) {
            (Data::Scalar { .. }, _) => Ok(()),
            (_, Some(name)) => write!(place, "[{}]", short(name)),
            (_, None) => write!(place, "[{index}]"),
        };
        visit(item, rest, place, see);
        place.truncate(length);
    }
}

/// The template of an object's pods, and its place in words.
pub(super) fn template<'n>(id: &Id, body: &'n Node) -> Option<(&'n Node, String)> {
    let path = kinds::template(kinds::find(&id.group, &id.kind));
    Some((body.at(path)?, path.join(".")))
}
