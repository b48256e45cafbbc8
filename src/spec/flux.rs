//! `spec.flux`: the Flux objects around the previews, and where artifacts are pushed to.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// The Flux objects around the previews.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Flux {
    /// Namespace of all Flux objects.
    pub(crate) namespace: String,
    /// The source that holds anabranch's output.
    pub(crate) source_ref: SourceRef,
    /// ServiceAccount that Flux impersonates; empty: that of the controller.
    pub(crate) service_account_name: String,
    /// `postBuild` of the Kustomization that applies the baseline today; those of previews get the same.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(crate) post_build: IgnoredAny,
    /// `decryption` of the Kustomization that applies the baseline today; those of previews get the same.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(crate) decryption: IgnoredAny,
    /// Where the artifacts of `render --artifacts each` are pushed to.
    pub(crate) artifacts: Artifacts,
    /// Number of kustomize-controllers that share the previews. Each takes those whose label `sharding.fluxcd.io/key`
    /// has its value, `previews-1` and so on; 0: no such label.
    #[schemars(range(max = 100))]
    pub(crate) shards: u32,
    /// For the stream: the Kustomization that applies anabranch's output. It must have `wait: false`.
    pub(crate) parent: String,
    /// For the stream: a folder of the source with an empty kustomization.yaml.
    pub(crate) gate: String,
}

impl Default for Flux {
    fn default() -> Self {
        Self {
            namespace: "flux-system".to_owned(),
            source_ref: SourceRef::default(),
            service_account_name: String::new(),
            post_build: IgnoredAny,
            decryption: IgnoredAny,
            artifacts: Artifacts::default(),
            shards: 0,
            parent: "previews".to_owned(),
            gate: "./previews/gate".to_owned(),
        }
    }
}

/// Where the artifacts of `render --artifacts each` are pushed to.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Artifacts {
    /// The repository, such as `oci://ghcr.io/shop/previews`: each artifact is a tag of it.
    pub(crate) url: String,
    /// How the tag of a preview's artifact is formed.
    pub(crate) tags: Tags,
    /// Further fields of each OCIRepository, such as `interval`, `secretRef`, `provider` or `verify`.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(crate) oci_repository: IgnoredAny,
    /// The Receiver that is called after a push, so that Flux looks at once; absent: Flux looks once per interval.
    pub(crate) receiver: Option<Receiver>,
}

/// The Receiver of Flux that is called after a push.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Receiver {
    /// Secret with the `token` that calls are signed with, in the namespace of the Flux objects.
    pub(crate) secret_ref: SecretRef,
}

/// How the tag of a preview's artifact is formed.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Tags {
    /// From the names of the set and the preview. A push costs the same however many previews there are.
    #[default]
    Fixed,
    /// With a hash of the content as well. The artifact of the root then names exactly what runs.
    Content,
}

/// A Flux source.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct SourceRef {
    /// The kind of the source.
    pub(crate) kind: SourceKind,
    /// The name of the source.
    pub(crate) name: String,
    /// The namespace of the source; empty: that of the Flux objects.
    pub(crate) namespace: String,
}

impl Default for SourceRef {
    fn default() -> Self {
        Self { kind: SourceKind::default(), name: "previews".to_owned(), namespace: String::new() }
    }
}

/// The kinds of Flux sources that a Kustomization can use.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub(crate) enum SourceKind {
    /// An OCI artifact.
    #[default]
    #[serde(rename = "OCIRepository")]
    OciRepository,
    /// A Git repository.
    GitRepository,
    /// An S3-compatible bucket.
    Bucket,
    /// An artifact made by another controller.
    ExternalArtifact,
}

impl SourceKind {
    /// The Kubernetes kind.
    #[must_use]
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::OciRepository => "OCIRepository",
            Self::GitRepository => "GitRepository",
            Self::Bucket => "Bucket",
            Self::ExternalArtifact => "ExternalArtifact",
        }
    }
}

/// The name of a Secret.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct SecretRef {
    /// The name of the Secret.
    pub(crate) name: String,
}
