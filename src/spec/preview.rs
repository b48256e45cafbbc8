//! One entry of `spec.previews`: a preview, and what it changes.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::pattern;

/// One preview.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Preview {
    /// Its name: namespace, header value and label value at once.
    #[schemars(with = "String", extend("pattern" = pattern::NAME, "maxLength" = 40))]
    pub name: SmolStr,
    /// The pull requests it stands for.
    #[serde(default)]
    pub changes: Vec<Change>,
    /// The services it changes.
    #[schemars(extend("minItems" = 1))]
    pub services: Vec<ServiceChange>,
    /// When it may go: an RFC 3339 time. Only `anabranch prune` acts on it.
    #[serde(default)]
    #[schemars(extend("pattern" = pattern::TIME))]
    pub expires: String,
}

/// A pull request, and the commit it is at.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Change {
    /// URL of the repository.
    #[schemars(extend("pattern" = pattern::URL))]
    pub repository: String,
    /// Number of the pull request.
    #[schemars(extend("minimum" = 1))]
    pub number: u64,
    /// Full id of the head commit.
    #[schemars(extend("pattern" = pattern::COMMIT))]
    pub commit: String,
    /// When the pull request was in this state: an RFC 3339 time, by which `anabranch set --if-newer` knows a
    /// build that ends late.
    #[serde(default)]
    #[schemars(extend("pattern" = pattern::TIME))]
    pub updated: String,
    /// Who opened it. What a `fork` brings is an image by digest, and nothing else.
    #[serde(default)]
    pub trust: Trust,
}

/// Who opened a pull request.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Trust {
    /// Somebody who may push to the repository.
    #[default]
    Team,
    /// Anybody.
    Fork,
}

impl Preview {
    /// The index of its first change that a fork brings: then the whole preview runs code of strangers.
    #[must_use]
    pub fn fork(&self) -> Option<usize> {
        self.changes.iter().position(|change| change.trust == Trust::Fork)
    }
}

/// What a repository is known by, however its URL is spelt: a slash or `.git` at the end and large letters lead to
/// the same one.
#[must_use]
pub(crate) fn known_by(repository: &str) -> String {
    repository.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase()
}

/// A preview whose pull request is closed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Closed {
    /// Its name.
    pub name: String,
    /// When it was closed: an RFC 3339 time.
    pub at: String,
}

/// What a preview changes about one service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceChange {
    /// Name of the Service, or of a workload that has none.
    #[schemars(with = "String")]
    pub name: SmolStr,
    /// Its namespace, where several of the baseline have one of that name.
    #[serde(default)]
    #[schemars(with = "String")]
    pub namespace: SmolStr,
    /// Image of the main container, and of every container of the same repository.
    #[serde(default)]
    #[schemars(extend("pattern" = pattern::IMAGE_OR_NONE))]
    pub image: String,
    /// Images by container, where a pod has several.
    #[serde(default)]
    pub containers: Vec<ContainerImage>,
    /// Images by workload, where a Service has several.
    #[serde(default)]
    pub workloads: Vec<WorkloadImage>,
    /// Environment variables of the main container; one of the same name is replaced.
    #[serde(default)]
    pub env: Vec<EnvVar>,
    /// Replicas of the copy, within `limits.replicas`.
    #[serde(default = "default_replicas")]
    #[schemars(range(max = 2_147_483_647))]
    pub replicas: u32,
    /// Strategic merge or JSON 6902 patches of the copied objects, as kustomize writes them.
    #[serde(default)]
    pub patches: Vec<Patch>,
}

fn default_replicas() -> u32 {
    1
}

/// The image of one container.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ContainerImage {
    /// Name of the container or init container.
    #[schemars(with = "String")]
    pub name: SmolStr,
    /// Its image.
    #[schemars(extend("pattern" = pattern::IMAGE))]
    pub image: String,
}

/// The image of one workload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct WorkloadImage {
    /// Name of the workload.
    #[schemars(with = "String")]
    pub name: SmolStr,
    /// Image of its main container.
    #[schemars(extend("pattern" = pattern::IMAGE))]
    pub image: String,
}

/// An environment variable.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct EnvVar {
    /// Its name: printable ASCII without `=`.
    #[schemars(with = "String")]
    pub name: SmolStr,
    /// Its value.
    #[serde(default)]
    pub value: String,
}

/// A patch of copied objects, in kustomize's form.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Patch {
    /// The patch itself, as text: a strategic merge patch, or a list of JSON 6902 operations.
    pub patch: String,
    /// Which copies it applies to; absent: those its own kind and name select, or the workloads.
    #[serde(default)]
    pub target: Option<PatchTarget>,
}

/// Which copies a patch applies to: those for which every given field holds.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct PatchTarget {
    /// API group.
    pub group: String,
    /// API version.
    pub version: String,
    /// Kind.
    pub kind: String,
    /// Name, or an anchored regular expression in kustomize; here a name.
    pub name: String,
}
