//! `spec.services` and `spec.external`: facts about services and objects that hold for every preview.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Facts about one service that hold for every preview.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct ServiceFacts {
    /// Name of the Service, or of a workload that has none.
    pub name: String,
    /// Its namespace; needed if several namespaces of the baseline have a service of this name.
    #[serde(default)]
    pub namespace: String,
    /// Hosts that it calls, even if no manifest defines or names them: `search`, or `otel.tracing` in another
    /// namespace.
    #[serde(default)]
    pub dependencies: Vec<String>,
    /// Whether only calls from inside the preview reach its copy. Calls from outside keep going to the baseline.
    #[serde(default)]
    pub unrouted: bool,
    /// What to do with StatefulSets. It has no effect on other workloads.
    #[serde(default)]
    pub stateful: Stateful,
    /// What to do with PersistentVolumeClaims, also with those that a StatefulSet's templates make.
    #[serde(default)]
    pub volumes: Volumes,
    /// Protocols of its ports, where the manifest does not say them.
    #[serde(default)]
    pub ports: Vec<PortFacts>,
}

/// The protocol of a port.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub struct PortFacts {
    /// Its number, as in the Service.
    pub port: u16,
    /// Its protocol.
    #[serde(default)]
    pub protocol: Speaks,
}

/// The protocol of a port, as far as it matters to routing by header.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Speaks {
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
pub enum Stateful {
    /// An error.
    #[default]
    Refuse,
    /// Copied, with new and empty claims from its templates.
    Copy,
}

/// What to do with PersistentVolumeClaims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Volumes {
    /// Claims that volumes name are an error; templates make new claims.
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
