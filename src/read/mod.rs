//! Text to objects with places: files, folders, kustomize overlays, stdin and ResourceLists.

mod baseline;
mod build;
mod folder;
mod inside;
mod previous;
mod resource_list;
mod suites;

pub use baseline::{add_text, open_baseline, parse_baseline, parse_config, read_config, read_file};
pub use inside::is_inside;
pub(crate) use inside::repository;
pub use previous::{restore, set_aside};
pub use resource_list::{ResourceList, read_resource_list};
pub use suites::{read_suites, source_root};

use crate::diagnostic::{Diagnostic, FileId, Sources, code};
use crate::kube::Object;
use crate::yaml::{Budget, Node, parse_documents};

/// Parses a text that is already in `sources`; mistakes go to `errors`.
pub(crate) fn documents(
    sources: &Sources,
    file: FileId,
    budget: &Budget,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Node> {
    parse_documents(sources, file, budget).unwrap_or_else(|mistakes| {
        errors.extend(mistakes);
        Vec::new()
    })
}

/// Adds the objects of a document: itself, or the items of a `List` or ResourceList. What only tools
/// read (`local-config`, previews.yaml itself) is left out.
pub(crate) fn add_objects(node: Node, objects: &mut Vec<Object>, errors: &mut Vec<Diagnostic>) {
    let kind = node.text_at(&["kind"]).unwrap_or_default();
    if matches!(kind, "List" | "ResourceList") {
        for item in node.get("items").map(Node::items).unwrap_or_default() {
            add_objects(item.clone(), objects, errors);
        }
        return;
    }
    let api_version = node.text_at(&["apiVersion"]).unwrap_or_default();
    if kind == crate::spec::KIND && api_version.starts_with("anabranch.dev/") {
        return;
    }
    match Object::from_node(node) {
        Ok(object) if object.is_local_config() => {}
        Ok(object) => objects.push(object),
        Err(error) => errors.push(error),
    }
}

/// The text of a file, or why there is none.
pub(crate) fn text_of(name: &str, bytes: Vec<u8>) -> Result<String, Diagnostic> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Diagnostic::new(
            &code::UNREADABLE,
            format!("{name}:{line}: this is not UTF-8 (byte {at})"),
            "save the file as UTF-8",
        )
    })
}
