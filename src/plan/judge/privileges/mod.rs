//! Finds changes by patches that may need more privileges than editing previews.yaml.
//!
//! The body of an object before its patches is compared with the body after them. [`table`] lists the fields that may
//! differ. Every other difference is reported, including those in fields that this program does not know. Values are
//! compared as Kubernetes reads them: null counts as absent, `yes` is true, items of lists are matched by their keys.

mod annotations;
mod compare;
pub(in crate::plan) mod injected;
mod own_domains;
mod show;
mod table;
#[cfg(test)]
mod tests;

pub(super) use self::compare::{Change, Step, find};
pub(super) use self::own_domains::OwnDomains;
pub(super) use self::show::describe;

use std::collections::{BTreeMap, BTreeSet};

use crate::kube::{Id, Object};
use crate::model::Catalog;
use crate::plan::policies::{is_in_word, plain_label};
use crate::yaml::Node;

/// The labels by which objects of the input select pods to restrict or change, each with these objects.
pub(super) type PolicyLabels<'a> = BTreeMap<&'a str, BTreeSet<&'a Id>>;

/// The differences between two bodies of an object that the table does not allow.
pub(super) fn compare<'n>(
    id: &Id,
    labels: &PolicyLabels<'_>,
    own: &OwnDomains<'_>,
    before: &'n Node,
    after: &'n Node,
) -> Vec<Change<'n>> {
    let mut comparison = compare::Comparison::new(labels, own, before, after);
    comparison.compare(table::of(id), Some(before), Some(after));
    comparison.changes
}

/// The labels by which objects of the input select pods, also as sources of traffic. No list of all kinds that restrict
/// pods exists, so every kind counts unless its row says that it protects nothing.
pub(crate) fn policy_labels<'a>(catalog: &'a Catalog<'a>) -> PolicyLabels<'a> {
    let mut labels = PolicyLabels::new();
    let may_protect = |one: &&Object| one.row.is_none_or(|kind| !kind.protects_nothing);
    for policy in catalog.objects().filter(may_protect) {
        let mut add = |key: &'a str| {
            labels.entry(plain_label(key)).or_default().insert(&policy.id);
        };
        let fields = policy.node.entries().iter().filter(|(key, _)| key.text != "metadata");
        fields.for_each(|(key, value)| for_each_selected_label(&key.text, value, &mut add));
    }
    labels
}

/// Calls `add` with the key of every label in the pod selectors of a tree. `name` is the key of the tree.
fn for_each_selected_label<'a>(name: &str, node: &'a Node, add: &mut impl FnMut(&'a str)) {
    if selects_no_pods(name) {
        return;
    }
    let selects = is_selector(name);
    if let Some(text) = node.text().filter(|_| selects) {
        // A selector of Calico is an expression: `tier == 'restricted'`.
        text.split(|c| !is_in_word(c)).filter(|word| !word.is_empty()).for_each(&mut *add);
    }
    for (key, value) in node.entries() {
        match key.text.as_str() {
            "matchExpressions" => {
                value.items().iter().filter_map(|one| one.text_at(&["key"])).for_each(&mut *add);
            }
            "labels" if !selects => {}
            "matchLabels" | "labels" => {
                value.entries().iter().for_each(|(key, _)| add(key.text.as_str()));
            }
            // The selector itself maps labels to values, as that of a Service.
            label if selects && value.text().is_some() && !is_selector(label) => add(label),
            key => for_each_selected_label(key, value, add),
        }
    }
    node.items().iter().for_each(|item| for_each_selected_label(name, item, add));
}

/// Whether a key names a selector: `selector`, `podSelector`, `endpointSelectors`.
fn is_selector(key: &str) -> bool {
    let key = key.strip_suffix('s').unwrap_or(key).as_bytes();
    key.len().checked_sub(8).is_some_and(|at| key[at..].eq_ignore_ascii_case(b"selector"))
}

/// Whether the field with this key selects namespaces or nodes, or says where pods run.
fn selects_no_pods(key: &str) -> bool {
    matches!(key, "affinity" | "topologySpreadConstraints")
        || key.starts_with("namespace")
        || key.starts_with("node")
}
