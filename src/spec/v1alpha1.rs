//! The fields of `anabranch.dev/v1alpha1`, kind `Previews`: documentation and defaults in one place.
//!
//! The JSON Schema is made from these types, and the strict reader checks against that schema, so a
//! field exists here or nowhere.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::Value;

use super::affected::PathMap;
use super::flux::{Flux, SecretRef};
use super::pattern;
use super::preview::{Closed, Preview};
use super::registries::Registries;
use crate::kube::RouteApi;

/// The one file a team edits: which previews exist, and what holds for all of them.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Previews {
    /// `anabranch.dev/v1alpha1`.
    pub api_version: String,
    /// `Previews`.
    pub kind: String,
    /// Name and annotations; the name tells several files of one cluster apart.
    #[serde(default)]
    pub metadata: Metadata,
    /// What is wanted.
    pub spec: Spec,
}

/// Kubernetes' object metadata, as far as a file needs it.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Metadata {
    /// Name of this set of previews.
    #[schemars(extend("pattern" = pattern::LABEL, "maxLength" = 63))]
    pub name: String,
    /// Ignored; kustomize sets it.
    pub namespace: String,
    /// Labels are allowed and ignored.
    pub labels: BTreeMap<String, String>,
    /// Annotations for kustomize and kpt; ignored otherwise.
    pub annotations: BTreeMap<String, String>,
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

/// What is wanted.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Spec {
    /// The namespace, or the namespaces, in which every service runs in its merged state.
    pub baseline: Baseline,
    /// Every preview's name begins with it; no other namespace of the cluster may.
    #[serde(default = "default_prefix")]
    #[schemars(extend("pattern" = pattern::PREFIX, "maxLength" = 39))]
    pub prefix: String,
    /// Template of a preview's namespace; `{preview}` is its name, `{baseline}` the namespace of the baseline. With
    /// several of these it is `{preview}-{baseline}` where nothing else is said.
    #[serde(default = "default_namespace")]
    #[schemars(extend("pattern" = pattern::TEMPLATE))]
    pub namespace: String,
    /// The domain of the cluster, with which the full names of services end.
    #[serde(default = "default_cluster_domain")]
    pub cluster_domain: String,
    /// Which services of the baseline a preview reaches by their short names.
    #[serde(default)]
    pub dependencies: Dependencies,
    /// Facts about services that hold for every preview.
    #[serde(default)]
    pub services: Vec<ServiceFacts>,
    /// Objects that exist in every preview's namespace by other means.
    #[serde(default)]
    pub external: External,
    /// How requests find a preview.
    #[serde(default)]
    pub routing: Routing,
    /// Suites that Flux runs once per preview and commit.
    #[serde(default)]
    pub tests: Vec<Suite>,
    /// The Flux objects around the previews.
    #[serde(default)]
    pub flux: Flux,
    /// Repositories whose pull requests hear of the suites' results.
    #[serde(default)]
    pub notify: Vec<Notify>,
    /// Pages about each preview, such as a dashboard: comments on pull requests show them, and so does `show`.
    #[serde(default)]
    pub links: Vec<Link>,
    /// What a preview may not exceed.
    #[serde(default)]
    pub limits: Limits,
    /// Previews whose pull requests are closed: a build that ends late does not bring one back. `anabranch
    /// remove --closed` adds to them, `anabranch prune` forgets those of more than a month ago.
    #[serde(default)]
    pub closed: Vec<Closed>,
    /// Which paths of this repository belong to which service, where the code lives beside this file.
    #[serde(default)]
    pub affected: Option<PathMap>,
    /// The previews, one per pull request or group of them.
    #[serde(default)]
    pub previews: Vec<Preview>,
}

impl Spec {
    /// The namespace that a preview has for one of the baseline.
    #[must_use]
    pub fn namespace_of(&self, preview: &str, baseline: &str) -> String {
        self.namespace.replace("{baseline}", baseline).replace("{preview}", preview)
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
pub struct Baseline {
    /// Its namespace. Manifests without a namespace belong to it.
    #[serde(default)]
    #[schemars(extend("pattern" = pattern::LABEL, "maxLength" = 63))]
    pub namespace: String,
    /// Its namespaces, in place of `namespace`, where a system lives in several.
    #[serde(default)]
    #[schemars(extend("minItems" = 1))]
    pub namespaces: Vec<String>,
    /// Where its manifests are, relative to the Git root: a file, or a folder. `--baseline` comes before it,
    /// and the function, which gets them from kustomize, does not look at it.
    #[serde(default)]
    pub path: String,
    /// Who applies the baseline's objects.
    #[serde(default)]
    pub delivery: Delivery,
}

impl Baseline {
    /// Its namespaces, as they are written.
    #[must_use]
    pub fn all(&self) -> &[String] {
        match self.namespaces.as_slice() {
            [] => std::slice::from_ref(&self.namespace),
            several => several,
        }
    }

    /// Whether this is one of its namespaces.
    #[must_use]
    pub fn includes(&self, namespace: &str) -> bool {
        self.all().iter().any(|one| one == namespace)
    }

    /// The namespace of what names none; none where there are several.
    #[must_use]
    pub fn only(&self) -> Option<&str> {
        match self.all() {
            [only] => Some(only),
            _ => None,
        }
    }

    /// The field that says them.
    #[must_use]
    pub fn field(&self) -> &'static str {
        match self.namespaces.as_slice() {
            [] => "spec.baseline.namespace",
            _ => "spec.baseline.namespaces",
        }
    }
}

/// Who applies the baseline's objects.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Delivery {
    /// Something else does; the output leaves them out.
    #[default]
    External,
    /// The output carries them.
    Include,
}

/// Which services of the baseline a preview reaches by their short names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Dependencies {
    /// All of them: whatever the baseline reaches.
    #[default]
    All,
    /// Those that the texts of its copies name, or that are declared.
    Found,
}

/// Facts about one service that hold for every preview.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceFacts {
    /// Name of the Service, or of a workload that has none.
    pub name: String,
    /// Its namespace, where several of the baseline have one of that name.
    #[serde(default)]
    pub namespace: String,
    /// Hosts it calls, whoever makes them: `search`, or `otel.tracing` of another namespace.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// Copied, but calls from outside the preview keep going to the baseline.
    #[serde(default)]
    pub unrouted: bool,
    /// What to do with StatefulSets.
    #[serde(default)]
    pub stateful: Stateful,
    /// What to do with PersistentVolumeClaims.
    #[serde(default)]
    pub volumes: Volumes,
    /// What its ports speak, where the manifest does not say it.
    #[serde(default)]
    pub ports: Vec<PortFacts>,
}

/// What a port of a service speaks.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PortFacts {
    /// Its number, as in the Service.
    pub port: u16,
    /// What it speaks.
    #[serde(default)]
    pub protocol: Speaks,
}

/// What a port speaks, as far as routing by header is concerned.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Speaks {
    /// HTTP of any version: it is routed.
    #[default]
    Http,
    /// gRPC: it is routed.
    Grpc,
    /// Something without headers: it is left to the baseline.
    Tcp,
}

/// What to do with StatefulSets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Stateful {
    /// An error.
    #[default]
    Refuse,
    /// Copied, with storage of its own.
    Copy,
}

/// What to do with PersistentVolumeClaims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Volumes {
    /// An error.
    #[default]
    Refuse,
    /// They become emptyDir volumes.
    Empty,
}

/// Objects that exist in every preview's namespace by other means.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct External {
    /// Names of Secrets.
    pub secrets: Vec<String>,
    /// Names of ConfigMaps.
    pub config_maps: Vec<String>,
}

/// How requests find a preview.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Routing {
    /// The API that routes are written in.
    pub api: Api,
    /// What leads requests inside the cluster.
    pub data_plane: DataPlane,
    /// What marks a request as belonging to a preview.
    pub key: RoutingKey,
    /// How a preview is reached from outside.
    pub entries: Vec<Entry>,
}

/// The API that routes are written in.
#[expect(clippy::enum_variant_names, reason = "the Gateway API has that name")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Api {
    /// Per service: what it already uses, else the Gateway API.
    #[default]
    Auto,
    /// HTTPRoute and GRPCRoute.
    GatewayApi,
    /// VirtualService.
    Istio,
}

impl Api {
    /// The API that all services must use; none where each may use its own.
    pub(crate) fn required(self) -> Option<RouteApi> {
        match self {
            Self::Auto => None,
            Self::GatewayApi => Some(RouteApi::GatewayApi),
            Self::Istio => Some(RouteApi::Istio),
        }
    }
}

/// What leads requests inside the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum DataPlane {
    /// A proxy beside every pod: Istio's, or that of Linkerd or Kuma where Namespace or pods say so.
    #[default]
    Sidecar,
    /// Istio's waypoints.
    Ambient,
    /// Another mesh that follows routes of the Gateway API, such as Cilium.
    Other,
    /// Nothing: only requests through entries are led to copies.
    None,
}

impl DataPlane {
    /// How it is written.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sidecar => "`sidecar`",
            Self::Ambient => "`ambient`",
            Self::Other => "`other`",
            Self::None => "`none`",
        }
    }
}

/// What marks a request as belonging to a preview.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct RoutingKey {
    /// Header whose value is the preview's name.
    pub header: String,
    /// Member of the W3C baggage header that also marks a request; empty: none.
    pub baggage: String,
}

impl Default for RoutingKey {
    fn default() -> Self {
        Self { header: "x-preview-id".to_owned(), baggage: String::new() }
    }
}

/// How a preview is reached from outside.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Entry {
    /// The Gateway that serves the preview hosts.
    pub gateway: GatewayRef,
    /// The Gateways that it stands for: their routes get preview hosts, those of others do not. Empty: all.
    #[serde(default)]
    pub of: Vec<GatewayName>,
    /// Template of the host: `{preview}`, `{host}` (first label of the original host), `{hash}` (of
    /// the original host).
    pub host: String,
    /// The original routes drop the key that a client sends. Changes objects of the baseline.
    #[serde(default)]
    pub strip_key: bool,
}

/// A Gateway and, optionally, one of its listeners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GatewayRef {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
    /// One of its listeners; absent: all.
    #[serde(default)]
    pub section_name: String,
}

/// A Gateway to which routes of the baseline are attached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct GatewayName {
    /// Its namespace.
    pub namespace: String,
    /// Its name.
    pub name: String,
}

/// A folder of test Jobs that Flux runs once per preview and commit.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Suite {
    /// Its name; the status on the pull request is `<set>/<name>`, with the set's `metadata.name`.
    #[schemars(extend("pattern" = pattern::LABEL, "maxLength" = 20))]
    pub name: String,
    /// Its folder in the Flux source.
    pub path: String,
    /// How long it may run: a duration such as `15m`.
    #[serde(default = "default_suite_timeout")]
    #[schemars(extend("pattern" = pattern::DURATION))]
    pub timeout: String,
    /// Template of a link to its report: `{preview}`, `{commit}`, `{suite}`.
    #[serde(default)]
    pub report: String,
}

fn default_suite_timeout() -> String {
    "15m".to_owned()
}

/// A repository whose pull requests hear of the suites' results.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Notify {
    /// Its URL, as in `changes[].repository`.
    #[schemars(extend("pattern" = pattern::URL))]
    pub repository: String,
    /// Its kind of host.
    pub provider: ProviderKind,
    /// Secret with the credentials, in the namespace of the Flux objects.
    pub secret_ref: SecretRef,
}

/// A page about each preview.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct Link {
    /// What it is called.
    #[schemars(extend("pattern" = pattern::LABEL, "maxLength" = 63))]
    pub name: String,
    /// Template of its URL: `{preview}` and `{namespace}` of the preview, `{baseline}` for the baseline's namespace; of
    /// several, those of the preview's first service.
    pub url: String,
}

impl Link {
    /// The URL for a preview.
    #[must_use]
    pub fn url(&self, preview: &str, namespace: &str, baseline: &str) -> String {
        let url = self.url.replace("{preview}", preview).replace("{namespace}", namespace);
        url.replace("{baseline}", baseline)
    }
}

/// Hosts of repositories for which notification-controller has a commit-status provider.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ProviderKind {
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

/// What a preview may not exceed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Limits {
    /// How many previews there may be.
    pub previews: u32,
    /// How many aliases `dependencies: all` may make over all previews: each costs memory in every sidecar.
    pub aliases: u32,
    /// How many replicas a copy may have, whether `replicas` or a patch gives them.
    #[schemars(range(max = 2_147_483_647))]
    pub replicas: u32,
    /// Registries that images may come from, or parts of them such as `ghcr.io/shop`: all below it, and
    /// nothing whose name only begins alike. Without a host it is a folder of Docker Hub. Empty: any image.
    #[schemars(with = "Vec<String>")]
    pub registries: Registries,
    /// Images must name a digest.
    pub require_digest: bool,
    /// What the namespace of each preview may use.
    pub quota: Quota,
}

/// What the namespace of a preview may use, in Kubernetes' words.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub struct Quota {
    /// `spec.hard` of a ResourceQuota, such as `{requests.cpu: "4", pods: 20}`. Absent: no ResourceQuota.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub hard: IgnoredAny,
    /// `spec` of a LimitRange, with its list `limits`: what containers get that ask for nothing. Absent: no
    /// LimitRange.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub limit_range: IgnoredAny,
}

impl Default for Limits {
    fn default() -> Self {
        // A preview is looked at by a few people. Ten replicas each are more than any needs, and a typing
        // error does not fill a cluster.
        Self {
            previews: 100,
            // About 1.4 MB of configuration in each sidecar that sees them all.
            aliases: 10_000,
            replicas: 10,
            registries: Registries::default(),
            require_digest: false,
            quota: Quota::default(),
        }
    }
}
