//! Cache keys of single objects: what an object depends on besides its values and the preview's names.
//!
//! Whatever else `emit/copy.rs` or `emit/flux` takes from a preview has to be in the key as well, or previews share a
//! template that fits only one of them. Debug builds find that: they compare each filled template with the object made
//! in the ordinary way.

use crate::emit::copy::Accounts;
use crate::emit::flux::Field;
use crate::plan::{Body, Copied, Environment, subject_applies};

/// The key of a copy, for its kind. Its original has a cache of its own, and its changes have a key of their own.
pub(super) fn of_copy<'e: 'a, 'a>(
    env: &'e Environment<'_>,
    accounts: impl FnOnce() -> &'a Accounts<'e>,
    copied: &Copied<'_>,
) -> Vec<&'e str> {
    if copied.original.id.kind == "Sidecar" {
        let room = env.room(copied.home);
        let others = room.other_namespaces.iter().map(String::as_str);
        return [room.baseline].into_iter().chain(others).collect();
    }
    if copied.original.id.kind != "RoleBinding" {
        return Vec::new();
    }
    let accounts = accounts();
    if matches!(copied.body, Body::Changed(_)) {
        // The accounts of the preview decide which subjects stay.
        return accounts.iter().copied().collect();
    }
    let subjects = copied.original.node.items_at(&["subjects"]);
    let stays = |subject| subject_applies(subject, accounts, copied.home);
    subjects.iter().map(|subject| if stays(subject) { "stays" } else { "goes" }).collect()
}

/// The key of a field of a Kustomization: everything but its texts. Names from the user follow a fixed word, so keys of
/// two lists of fields never coincide.
pub(super) fn of_field<'a>(field: &Field<'a>) -> impl Iterator<Item = &'a str> + use<'a> {
    let (word, name) = match field {
        Field::NameSuffix(_) => ("name suffix", None),
        Field::WithoutSecrets => ("without Secrets", None),
        Field::Repository(_) => ("repository", None),
        Field::OfEvents(name, _) => ("of events", Some(*name)),
        Field::Workload(_) => ("workload", None),
        Field::Expires(_) => ("expires", None),
        Field::Shard(_) => ("shard", None),
    };
    std::iter::once(word).chain(name)
}
