//! Stores of the cluster that serve some namespaces alone: an ExternalSecret of a preview gets nothing from one that does
//! not know its namespace.

use std::collections::{BTreeMap, BTreeSet};

use super::words::SHOWN;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Object;
use crate::model::selects;
use crate::plan::Plan;
use crate::plan::copied::Copies;
use crate::plan::secrets::stores_of_the_cluster;
use crate::yaml::Node;

/// Warns of each such store once.
pub(super) fn check(plan: &Plan<'_>, copies: &Copies<'_, '_>, report: &mut Report) {
    let mut refusing: BTreeMap<usize, (&Object, BTreeSet<String>)> = BTreeMap::new();
    let all = copies.originals().iter();
    for external in all.filter(|object| object.is("external-secrets.io", "ExternalSecret")) {
        for store in stores_of_the_cluster(plan.catalog, &external.node) {
            if !serves(plan, &external.id.namespace, store) {
                let refused =
                    refusing.entry(store.number).or_insert_with(|| (store, BTreeSet::new()));
                refused.1.insert(external.id.to_string());
            }
        }
    }
    report.extend(refusing.values().map(|(store, refused)| finding(plan, store, refused)));
}

/// Whether a store serves previews of a namespace of the baseline, as far as its conditions tell: one of them has to hold.
/// See <https://external-secrets.io/latest/api/clustersecretstore/>.
fn serves(plan: &Plan<'_>, home: &str, store: &Object) -> bool {
    let conditions = store.node.at(&["spec", "conditions"]).map(Node::items).unwrap_or_default();
    let items = |condition: &Node, list: &str| -> Vec<String> {
        let texts = condition.get(list).map(Node::items).unwrap_or_default().iter();
        texts.filter_map(Node::text).map(str::to_owned).collect()
    };
    conditions.is_empty()
        || conditions.iter().any(|condition| {
            let names = items(condition, "namespaces");
            let patterns = items(condition, "namespaceRegexes");
            !names.is_empty() && lists_all(plan, home, &names)
                || patterns.iter().any(|pattern| begins_with_prefix(plan, pattern))
                || condition.get("namespaceSelector").is_some_and(|one| is_chosen(plan, home, one))
        })
}

fn lists_all(plan: &Plan<'_>, home: &str, names: &[String]) -> bool {
    let rooms = plan.environments.iter().flat_map(|env| &env.rooms);
    rooms.filter(|room| room.baseline == home).all(|room| names.contains(&room.namespace))
}

/// Whether a pattern is made for names with the prefix, or for all. Nothing here can match one.
fn begins_with_prefix(plan: &Plan<'_>, pattern: &str) -> bool {
    let pattern = pattern.trim_start_matches('^');
    pattern.starts_with(plan.config.previews.spec.prefix.as_str()) || pattern.starts_with(".*")
}

/// Whether a selector chooses Namespaces with the labels of the baseline's, which those of previews have too.
fn is_chosen(plan: &Plan<'_>, home: &str, selector: &Node) -> bool {
    const OF_ONE: &str = "kubernetes.io/metadata.name";
    let labels = plan.catalog.namespace(home).and_then(|one| one.node.at(&["metadata", "labels"]));
    !selector.any_text(&|text| text == OF_ONE) && selects(Some(selector), labels)
}

fn finding(plan: &Plan<'_>, store: &Object, refused: &BTreeSet<String>) -> Diagnostic {
    let names = first_of(SHOWN, ", ", refused);
    let message = format!(
        "`conditions` of {}: it serves some namespaces, and those of previews may not be among them; copies of {names} would \
         get nothing from it",
        store.id
    );
    let prefix = &plan.config.previews.spec.prefix;
    let help = format!("add a condition for previews, such as `namespaceRegexes: [\"^{prefix}\"]`");
    let place = store.node.at(&["spec", "conditions"]).map_or(store.place(), |one| one.place);
    Diagnostic::new(&code::IDENTITY_NOT_GRANTED, message, help)
        .at(place, "holds for the baseline alone")
}
