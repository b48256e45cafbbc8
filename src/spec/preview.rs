//! One preview, an item of `spec.previews`, and what it changes.

use std::fmt::{self, Display, Formatter};

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use smol_str::SmolStr;

use super::pattern;

/// One preview.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Preview {
    /// Its name: the value of the routing key and of a label and, unless `spec.namespace` differs, its namespace.
    #[schemars(with = "String", extend("pattern" = pattern::NAME, "maxLength" = 40))]
    pub(crate) name: SmolStr,
    /// Its pull requests.
    #[serde(default)]
    pub(crate) changes: Vec<Change>,
    /// The services it changes.
    #[schemars(extend("minItems" = 1))]
    pub(crate) services: Vec<ServiceChange>,
    /// When it expires: an RFC 3339 time. Only `anabranch prune` acts on it.
    #[serde(default)]
    #[schemars(extend("pattern" = pattern::TIME))]
    pub(crate) expires: String,
}

/// The path of a change in previews.yaml, by the index of the preview and that of the service in it:
/// `spec.previews[2].services[0]`.
#[derive(Debug, Clone, Copy)]
pub(crate) struct ServicePath(pub(crate) usize, pub(crate) usize);

impl Display for ServicePath {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Self(preview, service) = self;
        write!(f, "spec.previews[{preview}].services[{service}]")
    }
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
    /// When the pull request came to this state: an RFC 3339 time. `anabranch set --if-newer` changes nothing if its
    /// own time is earlier.
    #[serde(default)]
    #[schemars(extend("pattern" = pattern::TIME))]
    pub updated: String,
    /// Who opened it. A preview with a `fork` may set images by digest, and nothing else.
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
    /// Anybody: it comes from a fork.
    Fork,
}

impl Preview {
    /// The index of its first change from a fork, if there is one. The whole preview then runs untrusted code.
    #[must_use]
    pub(crate) fn fork(&self) -> Option<usize> {
        self.changes.iter().position(|change| change.trust == Trust::Fork)
    }
}

/// A URL in the form by which repositories are compared: with https and in lower case, without the port that the scheme
/// means anyway, and without `.git` or a slash at the end.
#[must_use]
pub(crate) fn known_by(repository: &str) -> String {
    let url = repository.trim_end_matches('/').trim_end_matches(".git").to_ascii_lowercase();
    let web = [("https://", ":443"), ("http://", ":80")];
    let parts = web.into_iter().find_map(|(scheme, port)| Some((url.strip_prefix(scheme)?, port)));
    let Some((rest, port)) = parts else { return url };
    let (host, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
    format!("https://{}{path}", host.strip_suffix(port).unwrap_or(host))
}

/// A preview whose pull request is closed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Closed {
    /// The name of the preview.
    pub(crate) name: String,
    /// When it was closed: an RFC 3339 time.
    pub(crate) at: String,
}

/// What a preview changes about one service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ServiceChange {
    /// Name of the Service, or of a workload that has none.
    #[schemars(with = "String")]
    pub(crate) name: SmolStr,
    /// Its namespace; needed if several namespaces of the baseline have a service of this name.
    #[serde(default)]
    #[schemars(with = "String")]
    pub(crate) namespace: SmolStr,
    /// Image of the main container, and of every container of the same repository.
    #[serde(default)]
    #[schemars(extend("pattern" = pattern::IMAGE_OR_NONE))]
    pub(crate) image: String,
    /// Images by container, where a pod has several.
    #[serde(default)]
    pub(crate) containers: Vec<ContainerImage>,
    /// Images by workload, where a Service has several.
    #[serde(default)]
    pub(crate) workloads: Vec<WorkloadImage>,
    /// Environment variables of the main container; one of the same name is replaced.
    #[serde(default)]
    pub(crate) env: Vec<EnvVar>,
    /// Replicas of the copy, within `limits.replicas`.
    #[serde(default = "default_replicas")]
    #[schemars(range(max = 2_147_483_647))]
    pub(crate) replicas: u32,
    /// Strategic merge or JSON 6902 patches of the copied objects, as kustomize writes them.
    #[serde(default)]
    pub(crate) patches: Vec<Patch>,
}

fn default_replicas() -> u32 {
    1
}

/// The image of one container.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct ContainerImage {
    /// Name of the container or init container.
    #[schemars(with = "String")]
    pub(crate) name: SmolStr,
    /// Its image.
    #[schemars(extend("pattern" = pattern::IMAGE))]
    pub(crate) image: String,
}

/// The image of one workload.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct WorkloadImage {
    /// Name of the workload.
    #[schemars(with = "String")]
    pub(crate) name: SmolStr,
    /// Image of its main container.
    #[schemars(extend("pattern" = pattern::IMAGE))]
    pub(crate) image: String,
}

/// An environment variable.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct EnvVar {
    /// Its name: printable ASCII without `=`.
    #[schemars(with = "String")]
    pub(crate) name: SmolStr,
    /// Its value.
    #[serde(default)]
    pub(crate) value: String,
}

/// A patch of copied objects, in kustomize's form.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Patch {
    /// The patch itself, as text: a strategic merge patch, or a list of JSON 6902 operations.
    pub(crate) patch: String,
    /// Which copies it applies to. Absent: JSON 6902 operations apply to the workloads, and a merge patch to the object
    /// that it identifies by `apiVersion`, `kind` and `metadata.name`; without these it is refused.
    #[serde(default)]
    pub(crate) target: Option<PatchTarget>,
}

/// Which copies a patch applies to: every field that is given has to match.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct PatchTarget {
    /// API group.
    pub(crate) group: String,
    /// API version.
    pub(crate) version: String,
    /// Kind.
    pub(crate) kind: String,
    /// Name. kustomize reads an anchored regular expression here; anabranch takes a name only.
    pub(crate) name: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_repository_is_known_by_one_url_however_it_is_written() {
        for same in [
            "https://github.com/a/b",
            "https://GitHub.com/A/b/",
            "https://github.com/a/b.git",
            "https://github.com:443/a/b",
            "http://github.com/a/b",
            "HTTP://github.com:80/a/b.git/",
        ] {
            assert_eq!(known_by(same), "https://github.com/a/b", "{same}");
        }
        for other in
            ["https://github.com:8443/a/b", "https://github.com/a/bc", "ssh://github.com/a/b"]
        {
            assert_ne!(known_by(other), "https://github.com/a/b", "{other}");
        }
    }
}
