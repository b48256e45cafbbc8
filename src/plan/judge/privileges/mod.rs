//! Finds changes of a patch that not everybody who may edit previews.yaml may make.
//!
//! An object without patches is compared with the patched one. A closed table ([`table`]) lists the fields that may
//! differ. Every other difference is reported, so that a field that this program has never heard of is reported as
//! well. Values are compared as Kubernetes reads them: null counts as absent, `yes` is true, items of lists are
//! matched by their keys.

mod annotations;
mod compare;
mod injected;
mod show;
mod table;
#[cfg(test)]
mod tests;

pub(super) use self::compare::{Change, Step, find};
pub(super) use self::show::in_words;

use std::collections::{BTreeMap, BTreeSet};

use crate::kube::{Id, Object, kinds};
use crate::model::Catalog;
use crate::plan::policies::{is_in_word, plain_label};
use crate::yaml::Node;

/// The labels by which objects of the input select pods that they restrict or change, each with these objects.
pub(super) type PolicyLabels<'a> = BTreeMap<&'a str, BTreeSet<&'a Id>>;

/// The differences between two bodies of an object that are to be named, in order.
pub(super) fn compare<'n>(
    id: &Id,
    labels: &PolicyLabels<'_>,
    before: &'n Node,
    after: &'n Node,
) -> Vec<Change<'n>> {
    let mut comparison = compare::Comparison::new(labels, before, after);
    comparison.compare(table::of(id), Some(before), Some(after));
    comparison.found
}

/// The labels by which objects of the input select pods, also as the source of traffic. Nobody knows all kinds
/// that restrict pods, so each counts of which it is not known that it protects nothing.
pub(crate) fn policy_labels<'a>(catalog: &'a Catalog<'a>) -> PolicyLabels<'a> {
    let mut labels = PolicyLabels::new();
    let may_protect = |one: &&Object| !kinds::protects_nothing(&one.id.group, &one.id.kind);
    for policy in catalog.objects().filter(may_protect) {
        let mut add = |key: &'a str| {
            labels.entry(plain_label(key)).or_default().insert(&policy.id);
        };
        let parts = policy.node.entries().iter().filter(|(key, _)| key.text != "metadata");
        parts.for_each(|(key, value)| selecting(&key.text, value, &mut add));
    }
    labels
}

/// Hands over the keys of labels that the selectors in a tree name, but for those of other things than pods.
fn selecting<'a>(name: &str, node: &'a Node, add: &mut impl FnMut(&'a str)) {
    if is_of_others(name) {
        return;
    }
    let selects = is_selector(name);
    if let Some(text) = node.text().filter(|_| selects) {
        // Calico's selectors are text: `tier == 'restricted'`.
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
            // A map of labels, as Services have it.
            label if selects && value.text().is_some() && !is_selector(label) => add(label),
            key => selecting(key, value, add),
        }
    }
    node.items().iter().for_each(|item| selecting(name, item, add));
}

/// Whether a key is one of selectors: `selector`, `podSelector`, `endpointSelectors`.
fn is_selector(key: &str) -> bool {
    let key = key.strip_suffix('s').unwrap_or(key).as_bytes();
    key.len().checked_sub(8).is_some_and(|at| key[at..].eq_ignore_ascii_case(b"selector"))
}

/// Whether what is behind a key selects namespaces or nodes, or says where pods run.
fn is_of_others(key: &str) -> bool {
    matches!(key, "affinity" | "topologySpreadConstraints")
        || key.starts_with("namespace")
        || key.starts_with("node")
}
