//! Metadata of objects that anabranch makes.

use std::collections::BTreeMap;

use crate::kube::meta::SUBSTITUTE;
use crate::kube::{ObjectMeta, marks};
use crate::ordered::ordered;
use crate::spec::Config;

/// The labels of an object, of one preview or shared, in order.
pub(super) fn labels<'l>(
    config: &'l Config,
    preview: Option<&'l str>,
) -> impl Iterator<Item = (&'static str, &'l str)> {
    let always = [(marks::SET, config.set()), (marks::MANAGED_BY, marks::MANAGER)];
    preview.map(|preview| (marks::PREVIEW, preview)).into_iter().chain(always)
}

/// Metadata of an object without content of the user. Flux must not substitute in it.
pub(super) fn managed(
    config: &Config,
    name: &str,
    namespace: &str,
    preview: Option<&str>,
) -> ObjectMeta {
    ObjectMeta {
        annotations: Some(BTreeMap::from([(SUBSTITUTE.to_owned(), "disabled".to_owned())])),
        ..derived(config, name, namespace, preview)
    }
}

/// Metadata of an object with content of the user, which may rely on substitution.
pub(super) fn derived(
    config: &Config,
    name: &str,
    namespace: &str,
    preview: Option<&str>,
) -> ObjectMeta {
    let labels = labels(config, preview);
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        labels: Some(ordered(labels.map(|(key, value)| (key.to_owned(), value.to_owned())))),
        ..ObjectMeta::default()
    }
}
