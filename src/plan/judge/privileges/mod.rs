//! What a patch changes beyond the fields that anyone who may edit previews.yaml may change.
//!
//! An object is compared as it would be without patches and as patches make it. A closed table
//! ([`table`]) says which fields may differ without a word; every other difference is named, so that a
//! field that this program has never heard of is named as well. The comparison reads values as
//! Kubernetes does: null is as good as nothing, `yes` is true, items of lists are known by their keys.

mod annotations;
mod compare;
mod show;
mod table;
#[cfg(test)]
mod tests;

pub(super) use self::compare::{Change, Step, find};
pub(super) use self::show::in_words;

use std::collections::BTreeMap;

use crate::kube::{Id, kinds};
use crate::model::Catalog;
use crate::plan::policies::{is_in_word, plain_label};
use crate::yaml::Node;

/// The labels of pods by which policies of the input select, each with one of these policies.
pub(super) type PolicyLabels<'a> = BTreeMap<&'a str, &'a Id>;

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

/// The labels by which policies of the input select pods, also as the source of traffic.
pub(crate) fn policy_labels<'a>(catalog: &'a Catalog<'a>) -> PolicyLabels<'a> {
    let mut labels = PolicyLabels::new();
    for policy in
        catalog.objects().filter(|object| kinds::is_policy(&object.id.group, &object.id.kind))
    {
        let mut add = |key: &'a str| {
            labels.entry(plain_label(key)).or_insert(&policy.id);
        };
        let parts = policy.node.entries().iter().filter(|(key, _)| key.text != "metadata");
        parts.for_each(|(key, value)| selecting(&key.text, value, &mut add));
    }
    labels
}

/// Hands over the keys of labels that the selectors in a tree name.
fn selecting<'a>(name: &str, node: &'a Node, add: &mut impl FnMut(&'a str)) {
    let is_selector = name.to_ascii_lowercase().ends_with("selector");
    if let Some(text) = node.text().filter(|_| is_selector) {
        // Calico's selectors are text: `tier == 'restricted'`.
        text.split(|c| !is_in_word(c)).filter(|word| !word.is_empty()).for_each(&mut *add);
    }
    for (key, value) in node.entries() {
        match key.text.as_str() {
            "matchExpressions" => {
                value.items().iter().filter_map(|one| one.text_at(&["key"])).for_each(&mut *add);
            }
            "labels" if !is_selector => {}
            "matchLabels" | "labels" => {
                value.entries().iter().for_each(|(key, _)| add(key.text.as_str()));
            }
            key => selecting(key, value, add),
        }
    }
    node.items().iter().for_each(|item| selecting(name, item, add));
}
