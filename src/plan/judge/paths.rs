//! Finds the nodes of an object whose paths fit a pattern.

use std::fmt::Write;

use crate::diagnostic::text::short;
use crate::kube::{Id, kinds};
use crate::yaml::{Data, Node};

/// All containers of a pod's template.
pub(super) const CONTAINERS: &str = "spec.containers[]|initContainers[]|ephemeralContainers[]";

/// Calls `see` with the path of each node that fits a pattern, and with the node.
///
/// The steps of a pattern have dots between them. `name` is the value of that key, `name[]` each item of the list
/// there, and `*` the value of every key. `name|command[]` is any of these.
pub(super) fn visit<'n>(
    node: &'n Node,
    pattern: &str,
    path: &mut String,
    see: &mut dyn FnMut(&str, &'n Node),
) {
    if pattern.is_empty() {
        return see(path, node);
    }
    let (step, rest) = pattern.split_once('.').unwrap_or((pattern, ""));
    let length = path.len();
    for one in step.split('|') {
        let (wanted, is_list) = match one.strip_suffix("[]") {
            Some(key) => (key, true),
            None => (one, false),
        };
        let fits = |key: &str| wanted == "*" || wanted == key;
        for (key, value) in node.entries().iter().filter(|(key, _)| fits(&key.text)) {
            if !path.is_empty() {
                path.push('.');
            }
            path.push_str(&short(&key.text));
            match is_list {
                true => items(value, rest, path, see),
                false => visit(value, rest, path, see),
            }
            path.truncate(length);
        }
    }
}

/// Visits the items of a list; a path calls them by name where they have one.
fn items<'n>(list: &'n Node, rest: &str, path: &mut String, see: &mut dyn FnMut(&str, &'n Node)) {
    let length = path.len();
    for (index, item) in list.items().iter().enumerate() {
        // Writing to a text does not fail. A scalar is known by its value, wherever in the list it stands.
        let _ = match (&item.data, item.text_at(&["name"])) {
            (Data::Scalar { .. }, _) => Ok(()),
            (_, Some(name)) => write!(path, "[{}]", short(name)),
            (_, None) => write!(path, "[{index}]"),
        };
        visit(item, rest, path, see);
        path.truncate(length);
    }
}

/// The template of an object's pods, and its path.
pub(super) fn template<'n>(id: &Id, body: &'n Node) -> Option<(&'n Node, String)> {
    let path = kinds::template(kinds::find(&id.group, &id.kind));
    Some((body.at(path)?, path.join(".")))
}
