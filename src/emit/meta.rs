//! Metadata of what anabranch makes.

use std::collections::BTreeMap;

use crate::kube::{ObjectMeta, meta};
use crate::spec::Config;

/// Labels of an object of one preview, or of none.
pub(super) fn labels(config: &Config, preview: Option<&str>) -> BTreeMap<String, String> {
    let mut labels = BTreeMap::from([
        (meta::MANAGED_BY.to_owned(), meta::MANAGER.to_owned()),
        (meta::SET.to_owned(), config.previews.metadata.name.clone()),
    ]);
    if let Some(preview) = preview {
        labels.insert(meta::PREVIEW.to_owned(), preview.to_owned());
    }
    labels
}

/// Metadata of an object that holds nothing of the user's: Flux must not substitute in it.
pub(super) fn own(
    config: &Config,
    name: &str,
    namespace: &str,
    preview: Option<&str>,
) -> ObjectMeta {
    ObjectMeta {
        annotations: Some(BTreeMap::from([(meta::SUBSTITUTE.to_owned(), "disabled".to_owned())])),
        ..derived(config, name, namespace, preview)
    }
}

/// Metadata of an object that holds parts of the user's, which may rely on substitution.
pub(super) fn derived(
    config: &Config,
    name: &str,
    namespace: &str,
    preview: Option<&str>,
) -> ObjectMeta {
    ObjectMeta {
        name: Some(name.to_owned()),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        labels: Some(labels(config, preview)),
        ..ObjectMeta::default()
    }
}
