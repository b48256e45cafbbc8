//! Warns of ClusterSecretStores that may not serve the namespaces of previews: ExternalSecrets of previews would get
//! nothing from them.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::SHOWN;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Object;
use crate::kube::meta::NAMESPACE_NAME;
use crate::model::selects;
use crate::plan::Plan;
use crate::plan::environment::Room;
use crate::plan::originals::Originals;
use crate::plan::secrets::cluster_stores;
use crate::yaml::Node;

/// Warns of each such store once, with the ExternalSecrets that use it.
pub(super) fn check(plan: &Plan<'_>, originals: &Originals<'_, '_>, report: &mut Report) {
    let mut refusing: BTreeMap<usize, (&Object, BTreeSet<String>)> = BTreeMap::new();
    let all = originals.all().iter();
    for external in all.filter(|object| object.is("external-secrets.io", "ExternalSecret")) {
        for store in cluster_stores(plan.catalog, &external.node) {
            if !serves(plan, &external.id.namespace, store) {
                let refused =
                    refusing.entry(store.number).or_insert_with(|| (store, BTreeSet::new()));
                refused.1.insert(external.id.to_string());
            }
        }
    }
    report.extend(refusing.values().map(|(store, refused)| finding(plan, store, refused)));
}

/// Whether a store serves the previews of a namespace of the baseline, as far as its conditions tell. One of them must
/// hold.
/// See <https://external-secrets.io/latest/api/clustersecretstore/>.
fn serves(plan: &Plan<'_>, home: &str, store: &Object) -> bool {
    let conditions = store.node.items_at(&["spec", "conditions"]);
    conditions.is_empty()
        || conditions.iter().any(|condition| {
            let names = condition.items_at(&["namespaces"]);
            let patterns = condition.items_at(&["namespaceRegexes"]).iter();
            !names.is_empty() && lists_all(plan, home, names)
                || patterns.filter_map(Node::text).any(|pattern| may_match(plan, pattern))
                || condition.get("namespaceSelector").is_some_and(|one| is_chosen(plan, home, one))
        })
}

/// Whether the names include every room for a namespace of the baseline.
fn lists_all(plan: &Plan<'_>, home: &str, names: &[Node]) -> bool {
    let is_listed = |room: &Room<'_>| names.iter().any(|name| name.text() == Some(&room.namespace));
    plan.environments.iter().filter_map(|env| env.find_room(home)).all(is_listed)
}

/// Whether a pattern begins like the namespaces of previews, or with `.*`. Regular expressions are not evaluated.
fn may_match(plan: &Plan<'_>, pattern: &str) -> bool {
    let pattern = pattern.trim_start_matches('^');
    pattern.starts_with(plan.config.previews.spec.prefix.as_str()) || pattern.starts_with(".*")
}

/// Whether a selector chooses the Namespace of the baseline by labels that those of previews have too.
fn is_chosen(plan: &Plan<'_>, home: &str, selector: &Node) -> bool {
    let labels = plan.catalog.namespace(home).and_then(|one| one.node.at(&["metadata", "labels"]));
    !selector.any_text(&|text| text == NAMESPACE_NAME) && selects(Some(selector), labels)
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
