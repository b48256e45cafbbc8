//! `spec.services` and `spec.external`: facts about services and objects that hold for every preview.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Facts about one service that hold for every preview.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceFacts {
    /// Name of the Service, or of a workload that has none.
    pub(crate) name: String,
    /// Its namespace; needed if several namespaces of the baseline have a service of this name.
    #[serde(default)]
    pub(crate) namespace: String,
    /// Hosts that it calls, even if no manifest defines or names them: `search`, or `otel.tracing` in another
    /// namespace.
    #[serde(default)]
    pub(crate) dependencies: Vec<String>,
    /// Whether only calls from inside the preview reach its copy. Calls from outside keep going to the baseline.
    #[serde(default)]
    pub(crate) unrouted: bool,
    /// What to do with StatefulSets. It has no effect on other workloads.
    #[serde(default)]
    pub(crate) stateful: Stateful,
    /// What to do with PersistentVolumeClaims, also with those that a StatefulSet's templates make.
    #[serde(default)]
    pub(crate) volumes: Volumes,
    /// Protocols of its ports, where the manifest does not say them.
    #[serde(default)]
    pub(crate) ports: Vec<PortFacts>,
}

/// The protocol of a port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PortFacts {
    /// Its number, as in the Service.
    pub(crate) port: u16,
    /// Its protocol.
    #[serde(default)]
    pub(crate) protocol: Speaks,
}

/// The protocol of a port, as far as it matters to routing by header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Speaks {
    /// HTTP of any version: it is routed.
    #[default]
    Http,
    /// gRPC: it is routed.
    Grpc,
    /// A protocol without headers: calls stay in the baseline.
    Tcp,
}

/// What to do with StatefulSets.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Stateful {
    /// An error.
    #[default]
    Refuse,
    /// Copied, with new and empty claims from its templates.
    Copy,
}

/// What to do with PersistentVolumeClaims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Volumes {
    /// Claims that volumes name are an error; templates make new claims.
    #[default]
    Refuse,
    /// They become emptyDir volumes.
    Empty,
}

/// Objects that exist in every preview's namespace by other means.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct External {
    /// Names of Secrets.
    pub(crate) secrets: Vec<String>,
    /// Names of ConfigMaps.
    pub(crate) config_maps: Vec<String>,
}
