//! `spec.services` and `spec.external`: what holds for a service, or for objects it needs, in every preview.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

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
    /// What to do with StatefulSets. Other workloads take no notice of it.
    #[serde(default)]
    pub stateful: Stateful,
    /// What to do with PersistentVolumeClaims, those among them that a StatefulSet's templates make.
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
    /// Copied; what its templates claim is new and empty.
    Copy,
}

/// What to do with PersistentVolumeClaims.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub enum Volumes {
    /// Claims that volumes name are an error; those of templates are made anew.
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
