//! Flux objects around artifacts of previews: the OCIRepositories, and the Receiver that is called after a push.

use std::collections::BTreeMap;

use crate::kube::flux::{
    LocalReference, OCI_REPOSITORY, OciReference, OciRepository, OciRepositorySpec, Receiver,
    ReceiverResource, ReceiverSpec, SOURCE,
};
use crate::kube::{Object, ObjectMeta, marks};
use crate::spec::{Config, SourceKind};

use super::meta;

/// The OCIRepository of a preview's artifact. The tag is the name of the object.
pub(super) fn repository(config: &Config, metadata: ObjectMeta) -> Object {
    let artifacts = &config.previews.spec.flux.artifacts;
    let mut object = Object::from_typed(&OciRepository {
        api_version: SOURCE,
        kind: OCI_REPOSITORY,
        spec: OciRepositorySpec {
            url: artifacts.url.clone(),
            reference: OciReference { tag: metadata.name.clone().unwrap_or_default() },
            interval: "1m",
        },
        metadata,
    });
    let more = config.flux("artifacts").map(|artifacts| artifacts.entries_at(&["ociRepository"]));
    for (key, value) in more.unwrap_or_default() {
        object.node.make(&["spec"]).set(&key.text, value.clone());
    }
    object
}

/// The Receiver that is called after a push, if one is configured. The call contains the names of the changed
/// sources: `{"sources": ["shop.pr-42"]}`.
pub(super) fn receiver(config: &Config) -> Option<Object> {
    let flux = &config.previews.spec.flux;
    let secret_ref = &flux.artifacts.receiver.as_ref()?.secret_ref;
    let resource = |name: &str, namespace: &str, labels| ReceiverResource {
        api_version: SOURCE,
        kind: OCI_REPOSITORY,
        name: name.to_owned(),
        namespace: (!namespace.is_empty()).then(|| namespace.to_owned()),
        match_labels: labels,
    };
    let ours = BTreeMap::from([(marks::SET.to_owned(), config.set().to_owned())]);
    let mut resources = vec![resource("*", "", ours)];
    if flux.source_ref.kind == SourceKind::OciRepository {
        let source = &flux.source_ref;
        resources.push(resource(&source.name, &source.namespace, BTreeMap::new()));
    }
    let name = marks::flux(config.set(), "artifacts");
    Some(Object::from_typed(&Receiver {
        api_version: "notification.toolkit.fluxcd.io/v1",
        kind: "Receiver",
        metadata: meta::managed(config, &name, &flux.namespace, None),
        spec: ReceiverSpec {
            type_: "generic-hmac",
            secret_ref: LocalReference { name: secret_ref.name.clone() },
            resources,
            resource_filter: "res.metadata.name in req.sources",
        },
    }))
}
