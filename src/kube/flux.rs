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
    pub api_version: &'static str,
    /// `Kustomization`.
    pub kind: &'static str,
    /// Name, namespace, labels, annotations.
    pub metadata: ObjectMeta,
    /// What it says.
    pub spec: KustomizationSpec,
}

/// What a Kustomization says. Durations are Go durations.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct KustomizationSpec {
    /// Kustomizations that must be ready, at the same revision of the same source.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub depends_on: Vec<Name>,
    /// Where the objects come from.
    pub source_ref: SourceReference,
    /// Their folder in the source.
    pub path: String,
    /// Namespace forced on all of them.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub target_namespace: Option<String>,
    /// Suffix of all their names.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name_suffix: Option<String>,
    /// How often drift is mended.
    pub interval: &'static str,
    /// How soon a failure is tried again.
    pub retry_interval: &'static str,
    /// How long readiness may take.
    pub timeout: String,
    /// What is no longer in the source is deleted.
    pub prune: bool,
    /// Readiness means that all objects are healthy.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub wait: Option<bool>,
    /// Objects whose health counts, where `wait` is not set.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub health_checks: Vec<HealthCheck>,
    /// Whom Flux acts as.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub service_account_name: Option<String>,
    /// How encrypted objects are read.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decryption: Option<Node>,
    /// Which variables are substituted.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub post_build: Option<Node>,
    /// What is changed of what kustomize builds.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub patches: Vec<Patch>,
}

/// A patch of a Kustomization.
#[derive(Debug, Serialize)]
pub(crate) struct Patch {
    /// Objects of which kinds.
    pub target: PatchedKinds,
    /// A strategic merge patch.
    pub patch: &'static str,
}

/// Objects that a patch changes.
#[derive(Debug, Serialize)]
pub(crate) struct PatchedKinds {
    /// An anchored regular expression.
    pub kind: &'static str,
}

impl Patch {
    /// Takes away every object whose kind holds `Secret`: Secrets, and what makes them.
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
    pub api_version: &'static str,
    /// [`OCI_REPOSITORY`].
    pub kind: &'static str,
    /// Name, namespace, labels, annotations.
    pub metadata: ObjectMeta,
    /// What it says.
    pub spec: OciRepositorySpec,
}

/// The kind of an [`OciRepository`].
pub(crate) const OCI_REPOSITORY: &str = "OCIRepository";
/// The API version of sources.
pub(crate) const SOURCE: &str = "source.toolkit.fluxcd.io/v1";

/// What an OCIRepository says.
#[derive(Debug, Serialize)]
pub(crate) struct OciRepositorySpec {
    /// The repository, from `oci://` on.
    pub url: String,
    /// Which artifact of it.
    #[serde(rename = "ref")]
    pub reference: OciReference,
    /// How often Flux looks by itself.
    pub interval: &'static str,
}

/// An artifact of a repository.
#[derive(Debug, Serialize)]
pub(crate) struct OciReference {
    /// Its tag.
    pub tag: String,
}

/// A notification Receiver: an address where Flux is told to look at sources.
/// See <https://fluxcd.io/flux/components/notification/receivers/>.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Receiver {
    /// `notification.toolkit.fluxcd.io/v1`.
    pub api_version: &'static str,
    /// `Receiver`.
    pub kind: &'static str,
    /// Name, namespace, labels, annotations.
    pub metadata: ObjectMeta,
    /// What it says.
    pub spec: ReceiverSpec,
}

/// What a Receiver says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiverSpec {
    /// Its type, which says how a call proves where it comes from.
    #[serde(rename = "type")]
    pub type_: &'static str,
    /// Secret with the `token` that calls are signed with.
    pub secret_ref: Name,
    /// Objects it may tell.
    pub resources: Vec<ReceiverResource>,
    /// CEL expression that says which of them a call is for.
    pub resource_filter: &'static str,
}

/// Objects that a Receiver may tell.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReceiverResource {
    /// [`SOURCE`].
    pub api_version: &'static str,
    /// [`OCI_REPOSITORY`].
    pub kind: &'static str,
    /// Their name, or `*`.
    pub name: String,
    /// Their namespace, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    /// Labels they must have, where the name is `*`.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub match_labels: BTreeMap<String, String>,
}

/// A reference by name in the same namespace.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Name {
    /// The name.
    pub name: String,
}

/// A Flux source.
#[derive(Debug, Clone, Default, Serialize)]
pub(crate) struct SourceReference {
    /// Its kind.
    pub kind: &'static str,
    /// Its name.
    pub name: String,
    /// Its namespace, where it is another one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
}

/// An object whose health counts.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct HealthCheck {
    /// Its API version.
    pub api_version: String,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace.
    pub namespace: String,
}

/// A notification Provider.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Provider {
    /// [`NOTIFICATION`].
    pub api_version: &'static str,
    /// `Provider`.
    pub kind: &'static str,
    /// Name, namespace, labels, annotations.
    pub metadata: ObjectMeta,
    /// What it says.
    pub spec: ProviderSpec,
}

/// The API version of Provider and Alert: v1beta3 is the only one served.
pub(crate) const NOTIFICATION: &str = "notification.toolkit.fluxcd.io/v1beta3";

/// What a Provider says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ProviderSpec {
    /// Its type.
    #[serde(rename = "type")]
    pub type_: &'static str,
    /// URL of the repository.
    pub address: String,
    /// Secret with the credentials.
    pub secret_ref: Name,
    /// CEL expression that gives the name of a commit status.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub commit_status_expr: Option<String>,
}

/// An Alert.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Alert {
    /// [`NOTIFICATION`].
    pub api_version: &'static str,
    /// `Alert`.
    pub kind: &'static str,
    /// Name, namespace, labels, annotations.
    pub metadata: ObjectMeta,
    /// What it says.
    pub spec: AlertSpec,
}

/// What an Alert says.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct AlertSpec {
    /// Whom it tells.
    pub provider_ref: Name,
    /// Severity from which on events count.
    pub event_severity: &'static str,
    /// Whose events count.
    pub event_sources: Vec<EventSource>,
    /// Go regular expressions of which a message must match one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub inclusion_list: Vec<&'static str>,
}

/// Objects whose events count.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct EventSource {
    /// Their kind.
    pub kind: &'static str,
    /// Their name, or `*`.
    pub name: &'static str,
    /// Labels they must have.
    pub match_labels: BTreeMap<String, String>,
}
