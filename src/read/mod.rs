//! Reads text to objects with places: files, folders, kustomize overlays, stdin and ResourceLists.

mod baseline;
mod build;
mod build_errors;
mod discover;
mod folder;
mod generated;
mod inside;
mod kustomization;
mod previous;
mod references;
mod renamed;
mod resource_list;
mod suite_references;
mod suites;

pub(crate) use baseline::{
    open_baseline, parse_baseline, parse_config, read_argument, read_config, read_file, read_map,
    text_within,
};
pub(crate) use build::{Said, run_fed as run_program};
pub(crate) use discover::{discover, from_here, other_spelling};
pub(crate) use folder::OUTPUT_LIST;
pub(crate) use inside::{check_inside, git_root, is_carried, is_inside};
pub(crate) use kustomization::built_upon;
pub use previous::Parted;
pub(crate) use previous::{Owner, Owners, is_of_namesake, restored, set_aside};
pub(crate) use renamed::adapt_references;
pub(crate) use resource_list::{ResourceList, read_resource_list};
pub(crate) use suite_references::check_references;
pub(crate) use suites::{check_gate, read_suites, source_root};

use crate::diagnostic::{Diagnostic, Place, Refused, Report, code};
use crate::kube::Object;
use crate::yaml::{Data, Node};

/// Opens a list of objects as kubectl and kustomize do: a `List`, or any kind that ends in `List` and has `items`.
/// Returns the document itself if it is not such a list.
pub(crate) fn open_list(mut node: Node) -> Result<Vec<Node>, Node> {
    let item_kind = node.text_at(&["kind"]).and_then(|kind| kind.strip_suffix("List"));
    let Some(item_kind) = item_kind.map(str::to_owned) else {
        return Err(node);
    };
    let api_version = node.text_at(&["apiVersion"]).unwrap_or_default().to_owned();
    let is_list = |items: &Node| matches!(items.data, Data::List(_)) || items.is_null();
    let is_typed = !matches!(item_kind.as_str(), "" | "Resource");
    // An object of a typed kind may be called so and hold other things.
    if !node.get("items").is_some_and(is_list) {
        return Err(node);
    }
    let mut items = match node.remove("items").map(|items| items.data) {
        Some(Data::List(items)) => items,
        _ => Vec::new(),
    };
    // In a typed list the API server omits kind and apiVersion of the items: they follow from the kind of the list.
    for item in items.iter_mut().filter(|item| is_typed && item.get("kind").is_none()) {
        item.set("apiVersion", Node::string(api_version.as_str()));
        item.set("kind", Node::string(item_kind.as_str()));
    }
    Ok(items)
}

/// Adds the objects of a document: itself, or the items of a list. Objects for tools alone (`local-config`,
/// previews.yaml and affected.yaml) are left out.
pub(crate) fn add_objects(node: Node, objects: &mut Vec<Object>, report: &mut Report) {
    let node = match open_list(node) {
        Ok(items) => {
            items.into_iter().for_each(|item| add_objects(item, objects, report));
            return;
        }
        Err(node) => node,
    };
    if let Some(finding) = list_without_items(&node) {
        report.push(finding);
        return;
    }
    if is_of(&node, &[crate::spec::KIND, crate::spec::AFFECTED_KIND]) {
        return;
    }
    match Object::from_node(node).and_then(Object::checked) {
        Ok(object) if object.is_local_config() => {}
        Ok(object) => objects.push(object),
        Err(refused) => report.extend(refused),
    }
}

/// The finding that the `items` of a list of objects are no list. Without any, a document is an object unless it is
/// a plain `List`: kubectl and kustomize see it so too.
fn list_without_items(node: &Node) -> Option<Diagnostic> {
    let kind = node.text_at(&["kind"]).filter(|kind| kind.ends_with("List"))?;
    let is_plain = kind == "List" && node.text_at(&["apiVersion"]).is_none_or(|it| it == "v1");
    let items = node.get("items").filter(|items| !items.is_null());
    let (what, place) = match items.map(|items| (&items.data, items.place)) {
        Some((Data::List(_), _)) => return None,
        Some((Data::Map(_), place)) => ("are a mapping", place),
        Some((Data::Scalar { .. }, place)) => ("are a single value", place),
        None if is_plain && node.get("items").is_none() => ("are missing", node.place),
        None => return None,
    };
    let message = format!("the items of this list of objects {what}, so none of them is read");
    let help =
        "write `items` as a list, each object behind a `-`; `items: []` says that there are none";
    let start = place.range().start;
    let place = Place::new(place.file(), start, start);
    Some(Diagnostic::new(&code::NOT_AN_OBJECT, message, help).at(place, "expected a list"))
}

/// Whether a document is a previews.yaml.
pub(crate) fn is_previews(node: &Node) -> bool {
    is_of(node, &[crate::spec::KIND])
}

fn is_of(node: &Node, kinds: &[&str]) -> bool {
    let is_ours = node.text_at(&["apiVersion"]).is_some_and(|it| it.starts_with("anabranch.dev/"));
    is_ours && node.text_at(&["kind"]).is_some_and(|kind| kinds.contains(&kind))
}

/// Decodes the text of a file, which must be UTF-8.
pub(crate) fn text_of(name: &str, bytes: Vec<u8>) -> Result<String, Refused> {
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let line = error.as_bytes()[..at].iter().filter(|&&byte| byte == b'\n').count() + 1;
        Diagnostic::new(
            &code::UNREADABLE,
            format!("{name}:{line}: this is not UTF-8 (byte {at})"),
            "save the file as UTF-8",
        )
        .into()
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sources;
    use crate::limits::InputLimits;
    use crate::yaml::parse_documents;

    fn objects(text: &str) -> Vec<String> {
        let mut sources = Sources::default();
        let file = sources.add("a.yaml", text);
        let (mut objects, mut report) = (Vec::new(), Report::default());
        for node in parse_documents(&sources, file, &InputLimits::default()).expect("YAML") {
            add_objects(node, &mut objects, &mut report);
        }
        assert!(report.is_empty(), "{text}: {report:?}");
        objects.iter().map(|object| object.id.to_string()).collect()
    }

    #[test]
    fn lists_of_every_kind_are_opened() {
        let whole = "{apiVersion: v1, kind: ConfigMap, metadata: {name: a}}";
        for list in [
            format!("{{kind: List, items: [{whole}]}}"),
            format!(
                "{{apiVersion: v1, kind: ConfigMapList, metadata: {{name: l}}, items: [{whole}]}}"
            ),
            "{apiVersion: v1, kind: ConfigMapList, items: [{metadata: {name: a}}]}".to_owned(),
            format!(
                "{{kind: List, items: [{{kind: List, items: [{whole}]}}, {{kind: List, items: []}}]}}"
            ),
        ] {
            assert_eq!(objects(&list), ["ConfigMap a"], "{list}");
        }
        let none = objects("{apiVersion: v1, kind: SecretList, items: null}");
        assert!(none.is_empty(), "{none:?}");
    }

    #[test]
    fn a_kind_that_ends_in_list_and_has_no_items_is_an_object() {
        let objects = objects("{apiVersion: a.b/v1, kind: AllowList, metadata: {name: a}}");
        assert_eq!(objects, ["AllowList a"]);
    }
}
