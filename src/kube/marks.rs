//! The marks by which anabranch knows what it made: labels, annotations, and the names of objects and
//! of entries in objects of the user. They are written and read here alone.
//!
//! What two sets could both make has the set in its name: Flux objects, VirtualServices, and entries.
//! Names are joined with a dot, which none of them contains, so that `a-b` and `c` never meet `a` and
//! `b-c`.

use super::Object;
use crate::yaml::Node;

/// Standard label; its value on our objects is [`MANAGER`].
pub const MANAGED_BY: &str = "app.kubernetes.io/managed-by";
/// The value of [`MANAGED_BY`] on every object that anabranch makes.
pub const MANAGER: &str = "anabranch";
/// The preview an object belongs to.
pub const PREVIEW: &str = "anabranch.dev/preview";
/// The set an object belongs to: the `metadata.name` of the previews.yaml that it was made from.
pub const SET: &str = "anabranch.dev/previews";
/// The suite that a Flux Kustomization runs.
pub const SUITE: &str = "anabranch.dev/suite";
/// The repository whose pull request hears of a suite; Alerts select by it.
pub const REPOSITORY: &str = "anabranch.dev/repository";

/// What the annotation begins with that says what a set, whose name follows, changed in an object of
/// the user: [`HTTP`], [`EXPORT_TO`], and `-name` for a header that is now removed.
const RESTORE: &str = "restore.anabranch.dev/";
/// Entries of the set were added.
pub(crate) const HTTP: &str = "http";
/// `exportTo` was added.
pub(crate) const EXPORT_TO: &str = "exportTo";

/// Notes what a set changed in an object of the user.
pub(crate) fn set_changes<T: AsRef<str>>(node: &mut Node, set: &str, changes: &[T]) {
    let changes: Vec<&str> = changes.iter().map(AsRef::as_ref).collect();
    let annotations = node.make(&["metadata", "annotations"]);
    annotations.set(&format!("{RESTORE}{set}"), Node::string(changes.join(",")));
}

/// What a set changed in an object of the user; the note of it is removed.
pub(crate) fn take_changes(node: &mut Node, set: &str) -> Option<Vec<String>> {
    let metadata = node.get_mut("metadata")?;
    let annotations = metadata.get_mut("annotations")?;
    let changes = annotations.remove(&format!("{RESTORE}{set}"))?;
    if annotations.entries().is_empty() {
        metadata.remove("annotations");
    }
    Some(changes.text()?.split(',').map(str::to_owned).collect())
}

/// The sets that changed an object of the user, each with one change.
fn changes(node: &Node) -> impl Iterator<Item = (&str, &str)> {
    let annotations = node.at(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    let noted = annotations
        .iter()
        .filter_map(|(key, value)| Some((key.text.strip_prefix(RESTORE)?, value.text()?)));
    noted.flat_map(|(set, changes)| changes.split(',').map(move |change| (set, change)))
}

/// Whether some set noted this change of an object of the user.
pub(crate) fn is_changed(node: &Node, change: &str) -> bool {
    changes(node).any(|(_, noted)| noted == change)
}

/// Whether an annotation or label is one of ours.
pub(crate) fn is_key(key: &str) -> bool {
    key.starts_with("anabranch.dev/") || key.starts_with(RESTORE)
}

/// What the names of a set's entries in a VirtualService begin with.
pub(crate) fn entry_prefix(set: &str) -> String {
    format!("anabranch.{set}.")
}

/// The name of an entry of a preview, by its number.
pub(crate) fn entry(set: &str, preview: &str, number: usize) -> String {
    format!("anabranch.{set}.{preview}.{number}")
}

/// The name of the entry that leads a port to the baseline. No preview's name begins with a digit.
pub(crate) fn entry_of_port(set: &str, port: u16) -> String {
    format!("anabranch.{set}.{port}")
}

/// The name of the VirtualService of a service that had none.
pub(crate) fn virtual_service(set: &str, service: &str) -> String {
    format!("anabranch.{set}.{service}")
}

/// The name of the ReferenceGrant of a preview outside of its namespace.
pub(crate) fn grant(set: &str, preview: &str) -> String {
    format!("anabranch.{set}.{preview}")
}

/// The name of a Flux object of a set: that of a preview's environment, of a folder that belongs to no
/// single preview, or of what tells a repository.
pub(crate) fn flux(set: &str, part: &str) -> String {
    format!("{set}.{part}")
}

/// The name of a preview's gate, which no suite may have.
pub(crate) const GATE: &str = "gate";

/// The name of a preview's Flux object beside its environment: of a suite, or [`GATE`].
pub(crate) fn flux_of_preview(set: &str, preview: &str, part: &str) -> String {
    format!("{set}.{preview}.{part}")
}

/// The CEL expression by which Flux names the status of a suite on a commit.
pub(crate) fn commit_status(set: &str) -> String {
    format!("'{set}/' + event.metadata.suite")
}

/// Whether anabranch made this object from any previews.yaml.
#[must_use]
pub fn is_ours(object: &Object) -> bool {
    object.label(MANAGED_BY) == Some(MANAGER) && object.label(SET).is_some()
}

/// Whether anabranch made this object from the previews.yaml of this name.
#[must_use]
pub fn is_of_set(object: &Object, set: &str) -> bool {
    is_ours(object) && object.label(SET) == Some(set)
}
