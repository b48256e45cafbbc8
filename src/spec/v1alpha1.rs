//! The fields of `anabranch.dev/v1alpha1`, kind `Previews`: documentation and defaults in one place.
//!
//! The JSON Schema is made from these types, and the strict reader checks against that schema, so a
//! field exists here or nowhere.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::affected::PathMap;
use super::flux::{Flux, SecretRef};
use super::limits::Limits;
use super::pattern;
use super::preview::{Closed, Preview};
use super::routing::Routing;
use super::services::{External, ServiceFacts};

/// The one file a team edits: which previews exist, and what holds for all of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Previews {
    /// `anabranch.dev/v1alpha1`.
    #[expect(dead_code, reason = "for the schema; it is read before the document is")]
    pub(crate) api_version: String,
    /// `Previews`.
    #[expect(dead_code, reason = "for the schema; it is read before the document is")]
    pub(crate) kind: String,
    /// Name and annotations; the name tells several files of one cluster apart.
    #[serde(default)]
    pub(crate) metadata: Metadata,
    /// The previews, and what holds for all of them.
    pub(crate) spec: Spec,
}

/// Kubernetes' object metadata, as far as a file needs it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Metadata {
    /// Name of this set of previews.
    #[schemars(extend("pattern" = pattern::LABEL, "maxLength" = 63))]
    pub(crate) name: String,
    /// Ignored; kustomize sets it.
    pub(crate) namespace: String,
    /// Labels are allowed and ignored.
    pub(crate) labels: BTreeMap<String, String>,
    /// Annotations for kustomize and kpt; ignored otherwise.
    pub(crate) annotations: BTreeMap<String, String>,
}

impl Default for Metadata {
    fn default() -> Self {
        Self {
            name: "previews".to_owned(),
            namespace: String::new(),
            labels: BTreeMap::new(),
            annotations: BTreeMap::new(),
        }
    }
}

/// The previews, and what holds for all of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Spec {
    /// The namespace, or the namespaces, in which every service runs in its merged state.
    pub(crate) baseline: Baseline,
    /// The prefix of every preview's name. No other namespace of the cluster may begin with it.
    #[serde(default = "default_prefix")]
    #[schemars(extend("pattern" = pattern::PREFIX, "maxLength" = 39))]
    pub(crate) prefix: String,
    /// Template of a preview's namespace: `{preview}` is its name, `{baseline}` the namespace of the baseline. If the
    /// baseline has several, the default is `{preview}-{baseline}`.
    #[serde(default = "default_namespace")]
    #[schemars(extend("pattern" = pattern::TEMPLATE))]
    pub(crate) namespace: String,
    /// The DNS domain of the cluster, in which the full names of services end.
    #[serde(default = "default_cluster_domain")]
    pub(crate) cluster_domain: String,
    /// Which services of the baseline a preview reaches by their short names.
    #[serde(default)]
    pub(crate) dependencies: Dependencies,
    /// Facts about services that hold for every preview.
    #[serde(default)]
    pub(crate) services: Vec<ServiceFacts>,
    /// Objects that exist in every preview's namespace by other means.
    #[serde(default)]
    pub(crate) external: External,
    /// How requests find a preview.
    #[serde(default)]
    pub(crate) routing: Routing,
    /// Suites that Flux runs once per preview and commit.
    #[serde(default)]
    pub(crate) tests: Vec<Suite>,
    /// The Flux objects around the previews.
    #[serde(default)]
    pub(crate) flux: Flux,
    /// Repositories to whose pull requests the results of suites are reported.
    #[serde(default)]
    pub(crate) notify: Vec<Notify>,
    /// Pages about each preview, such as a dashboard: comments on pull requests show them, and so does `show`.
    #[serde(default)]
    pub(crate) links: Vec<Link>,
    /// What a preview may not exceed.
    #[serde(default)]
    pub(crate) limits: Limits,
    /// Previews whose pull requests are closed, so that a build which ends late does not bring one back. `anabranch
    /// remove --closed` adds to them, `anabranch prune` drops those closed over a month ago.
    #[serde(default)]
    pub(crate) closed: Vec<Closed>,
    /// Which paths of this repository belong to which service, where the code lives beside this file.
    #[serde(default)]
    pub(crate) affected: Option<PathMap>,
    /// The previews, one per pull request or group of them.
    #[serde(default)]
    pub(crate) previews: Vec<Preview>,
}

impl Spec {
    /// The namespace of a preview for a namespace of the baseline.
    #[must_use]
    pub(crate) fn namespace_of(&self, preview: &str, baseline: &str) -> String {
        match self.namespace.as_str() {
            "{preview}" => preview.to_owned(),
            template => template.replace("{baseline}", baseline).replace("{preview}", preview),
        }
    }
}

fn default_prefix() -> String {
    "pr-".to_owned()
}

fn default_namespace() -> String {
    "{preview}".to_owned()
}

fn default_cluster_domain() -> String {
    "cluster.local".to_owned()
}

/// The baseline.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Baseline {
    /// The namespace of the baseline. Manifests without a namespace belong to it.
    #[serde(default)]
    #[schemars(extend("pattern" = pattern::LABEL, "maxLength" = 63))]
    pub(crate) namespace: String,
    /// The namespaces of the baseline, instead of `namespace`, if there are several.
    #[serde(default)]
    #[schemars(extend("minItems" = 1))]
    pub(crate) namespaces: Vec<String>,
    /// Where its manifests are, relative to the Git root: a file or a folder. `--baseline` overrides it. The function
    /// ignores it, since kustomize passes the manifests.
    #[serde(default)]
    pub(crate) path: String,
    /// Who applies the baseline's objects.
    #[serde(default)]
    pub(crate) delivery: Delivery,
}

impl Baseline {
    /// Its namespaces, in the order of the file.
    #[must_use]
    pub(crate) fn all(&self) -> &[String] {
        match self.namespaces.as_slice() {
            [] => std::slice::from_ref(&self.namespace),
            several => several,
        }
    }

    /// Whether this is one of its namespaces.
    #[must_use]
    pub(crate) fn includes(&self, namespace: &str) -> bool {
        self.all().iter().any(|one| one == namespace)
    }

    /// The namespace of objects that name none; `None` if there are several.
    #[must_use]
    pub(crate) fn only(&self) -> Option<&str> {
        match self.all() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The field that lists them.
    #[must_use]
    pub(crate) fn field(&self) -> &'static str {
        match self.namespaces.as_slice() {
            [] => "spec.baseline.namespace",
            _ => "spec.baseline.namespaces",
        }
    }
}

/// Who applies the baseline's objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Delivery {
    /// Something else applies them; the output leaves them out.
    #[default]
    External,
    /// The output includes them.
    Include,
}

/// Which services of the baseline a preview reaches by their short names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Dependencies {
    /// All that the baseline reaches.
    #[default]
    All,
    /// Those that its copies mention in their texts, and those that are declared.
    Found,
}

/// A folder of test Jobs that Flux runs once per preview and commit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Suite {
    /// Its name; the status on the pull request is `<set>/<name>`, with the set's `metadata.name`.
    #[schemars(extend("pattern" = pattern::LABEL, "maxLength" = 20))]
    pub(crate) name: String,
    /// Its folder in the Flux source.
    pub(crate) path: String,
    /// How long it may run: a duration such as `15m`.
    #[serde(default = "default_suite_timeout")]
    #[schemars(extend("pattern" = pattern::DURATION))]
    pub(crate) timeout: String,
    /// Template of a link to its report: `{preview}`, `{commit}`, `{suite}`.
    #[serde(default)]
    pub(crate) report: String,
}

fn default_suite_timeout() -> String {
    "15m".to_owned()
}

/// A repository to whose pull requests the results of suites are reported.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Notify {
    /// Its URL, as in `changes[].repository`.
    #[schemars(extend("pattern" = pattern::URL))]
    pub(crate) repository: String,
    /// The kind of host that it is on.
    pub(crate) provider: ProviderKind,
    /// Secret with the credentials, in the namespace of the Flux objects.
    pub(crate) secret_ref: SecretRef,
}

/// A page about each preview.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Link {
    /// The text of the link.
    #[schemars(extend("pattern" = pattern::LABEL, "maxLength" = 63))]
    pub(crate) name: String,
    /// Template of its URL: `{preview}`, `{namespace}` of the preview, `{baseline}` for the namespace of the
    /// baseline; of several namespaces, those of the preview's first service.
    pub(crate) url: String,
}

impl Link {
    /// The URL for a preview.
    #[must_use]
    pub(crate) fn url(&self, preview: &str, namespace: &str, baseline: &str) -> String {
        let url = self.url.replace("{preview}", preview).replace("{namespace}", namespace);
        url.replace("{baseline}", baseline)
    }
}

/// Hosts of repositories for which notification-controller has a commit-status provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum ProviderKind {
    /// GitHub: status and comments.
    Github,
    /// GitLab: status and comments.
    Gitlab,
    /// Gitea and Forgejo: status and comments.
    Gitea,
    /// Bitbucket Cloud: status.
    Bitbucket,
    /// Bitbucket Server and Data Center: status.
    Bitbucketserver,
    /// Azure DevOps: status.
    Azuredevops,
}
