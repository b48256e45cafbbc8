//! `spec.limits`: what previews may not exceed.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;
use serde::de::IgnoredAny;
use serde_json::Value;

use super::registries::Registries;

/// What a preview may not exceed.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Limits {
    /// How many previews the file may list.
    pub(crate) previews: u32,
    /// How many aliases `dependencies: all` may add, all previews together. Each costs memory in every sidecar.
    pub(crate) aliases: u32,
    /// How many replicas a copy may have, set by `replicas` or by a patch.
    #[schemars(range(max = 2_147_483_647))]
    pub(crate) replicas: u32,
    /// Registries that images may come from, or paths in them: `ghcr.io/shop` allows `ghcr.io/shop/cart`, and not
    /// `ghcr.io/shopping/cart`. Without a host it is a path of Docker Hub. Empty: any image.
    #[schemars(with = "Vec<String>")]
    pub(crate) registries: Registries,
    /// Images must name a digest.
    pub(crate) require_digest: bool,
    /// What the namespace of each preview may use.
    pub(crate) quota: Quota,
}

/// What the namespace of a preview may use, in the fields of Kubernetes.
#[derive(Debug, Clone, Copy, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Quota {
    /// `spec.hard` of a ResourceQuota, such as `{requests.cpu: "4", pods: 20}`. Absent: no ResourceQuota.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(crate) hard: IgnoredAny,
    /// `spec` of a LimitRange, with its list `limits`: defaults for containers that ask for nothing. Absent: no
    /// LimitRange.
    #[schemars(with = "BTreeMap<String, Value>")]
    pub(crate) limit_range: IgnoredAny,
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
