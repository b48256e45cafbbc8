//! Flux objects that anabranch makes.
//! See <https://fluxcd.io/flux/components/kustomize/kustomizations/> and
//! <https://fluxcd.io/flux/components/notification/>.

use std::collections::BTreeMap;

use serde::Serialize;

use super::ObjectMeta;
use crate::yaml::Node;

/// A Flux Kustomization.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Kustomization {
    /// `kustomize.toolkit.fluxcd.io/v1`.
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: KustomizationSpec,
}

/// The spec of a Kustomization. Durations are Go durations.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KustomizationSpec {
    /// Kustomizations that must be ready, at the same revision of the same source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) depends_on: Vec<LocalReference>,
    /// Where the objects come from.
    pub(crate) source_ref: SourceReference,
    /// Their folder in the source.
    pub(crate) path: String,
    /// Namespace forced on all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) target_namespace: Option<String>,
    /// Suffix of all their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) name_suffix: Option<String>,
    /// How often drift is corrected.
    pub(crate) interval: &'static str,
    /// How soon it is retried after a failure.
    pub(crate) retry_interval: &'static str,
    /// How long readiness may take.
    pub(crate) timeout: String,
    /// Whether objects that are no longer in the source are deleted.
    pub(crate) prune: bool,
    /// Whether readiness means that all objects are healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) wait: Option<bool>,
    /// Objects whose health counts if `wait` is not set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) health_checks: Vec<HealthCheck>,
    /// The ServiceAccount that Flux impersonates.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) service_account_name: Option<String>,
    /// How encrypted objects are decrypted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) decryption: Option<Node>,
    /// Which variables are substituted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) post_build: Option<Node>,
    /// Patches of the output of kustomize.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) patches: Vec<Patch>,
}

/// A patch of a Kustomization.
#[derive(Debug, Serialize)]
pub(crate) struct Patch {
    /// The kinds that it applies to.
    pub(crate) target: PatchedKinds,
    /// A strategic merge patch.
    pub(crate) patch: &'static str,
}

/// Objects that a patch changes.
#[derive(Debug, Serialize)]
pub(crate) struct PatchedKinds {
    /// An anchored regular expression.
    pub(crate) kind: &'static str,
}

impl Patch {
    /// Deletes every object whose kind contains `Secret`: Secrets, and objects that make them.
    pub(crate) const WITHOUT_SECRETS: Self = Self {
        target: PatchedKinds { kind: ".*Secret.*" },
        patch: "$patch: delete\napiVersion: v1\nkind: Secret\nmetadata:\n  name: any\n",
    };
}

/// A Flux OCIRepository: an artifact in a registry.
/// See <https://fluxcd.io/flux/components/source/ocirepositories/>.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct OciRepository {
    /// `source.toolkit.fluxcd.io/v1`.
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: OciRepositorySpec,
}

/// The kind of an [`OciRepository`].
pub(crate) const OCI_REPOSITORY: &str = "OCIRepository";
/// The API version of sources.
pub(crate) const SOURCE: &str = "source.toolkit.fluxcd.io/v1";

/// The spec of an OCIRepository.
#[derive(Debug, Serialize)]
pub(crate) struct OciRepositorySpec {
    /// The URL of the repository, with `oci://`.
    pub(crate) url: String,
    /// Which artifact in it.
    #[serde(rename = "ref")]
    pub(crate) reference: OciReference,
    /// How often Flux looks without a call of the Receiver.
    pub(crate) interval: &'static str,
}

/// An artifact of a repository.
#[derive(Debug, Serialize)]
pub(crate) struct OciReference {
    pub(crate) tag: String,
}

/// A notification Receiver: a URL that makes Flux look at sources when it is called.
/// See <https://fluxcd.io/flux/components/notification/receivers/>.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receiver {
    /// `notification.toolkit.fluxcd.io/v1`.
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: ReceiverSpec,
}

/// The spec of a Receiver.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiverSpec {
    /// Its type: how callers authenticate.
    #[serde(rename = "type")]
    pub(crate) type_: &'static str,
    /// Secret with the `token` that calls are signed with.
    pub(crate) secret_ref: LocalReference,
    /// Objects that a call can trigger.
    pub(crate) resources: Vec<ReceiverResource>,
    /// CEL expression that selects the objects of a call.
    pub(crate) resource_filter: &'static str,
}

/// Objects that a Receiver can trigger.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiverResource {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    /// Their name, or `*`.
    pub(crate) name: String,
    /// Their namespace, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    /// Labels they must have, if the name is `*`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub(crate) match_labels: BTreeMap<String, String>,
}

/// A reference by name in the same namespace.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct LocalReference {
    pub(crate) name: String,
}

/// A Flux source.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct SourceReference {
    pub(crate) kind: &'static str,
    pub(crate) name: String,
    /// Its namespace, if it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
}

/// An object whose health counts.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthCheck {
    pub(crate) api_version: String,
    pub(crate) kind: String,
    pub(crate) name: String,
    pub(crate) namespace: String,
}

/// A notification Provider.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Provider {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: ProviderSpec,
}

/// The API version of Provider and Alert: v1beta3 is the only one served.
pub(crate) const NOTIFICATION: &str = "notification.toolkit.fluxcd.io/v1beta3";

/// The spec of a Provider.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProviderSpec {
    #[serde(rename = "type")]
    pub(crate) type_: &'static str,
    /// URL of the repository.
    pub(crate) address: String,
    /// Secret with the credentials.
    pub(crate) secret_ref: LocalReference,
    /// CEL expression that gives the name of a commit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) commit_status_expr: Option<String>,
}

/// An Alert.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: AlertSpec,
}

/// The spec of an Alert.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertSpec {
    /// The Provider that it notifies.
    pub(crate) provider_ref: LocalReference,
    /// The lowest severity that counts.
    pub(crate) event_severity: &'static str,
    /// Objects whose events count.
    pub(crate) event_sources: Vec<EventSource>,
    /// Go regular expressions; a message must match one of them.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) inclusion_list: Vec<&'static str>,
}

/// Objects whose events count.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventSource {
    pub(crate) kind: &'static str,
    /// Their name, or `*`.
    pub(crate) name: &'static str,
    /// Labels they must have.
    pub(crate) match_labels: BTreeMap<String, String>,
}
