//! `spec.routing`: the key that marks the requests of a preview, the API of its routes, and its ways in from outside.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::kube::RouteApi;

/// How requests find a preview.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct Routing {
    /// The API that routes are written in.
    pub(crate) api: Api,
    /// What routes requests between services in the cluster.
    pub(crate) data_plane: DataPlane,
    /// What marks a request as belonging to a preview.
    pub(crate) key: RoutingKey,
    /// How a preview is reached from outside.
    pub(crate) entries: Vec<Entry>,
}

/// The API that routes are written in.
#[expect(clippy::enum_variant_names, reason = "the Gateway API has that name")]
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(crate) enum Api {
    /// For each service the API that it already uses, else the Gateway API.
    #[default]
    Auto,
    /// HTTPRoute and GRPCRoute.
    GatewayApi,
    /// VirtualService.
    Istio,
}

impl Api {
    /// The API that all services must use; `None` if each may use its own.
    pub(crate) fn required(self) -> Option<RouteApi> {
        match self {
            Self::Auto => None,
            Self::GatewayApi => Some(RouteApi::GatewayApi),
            Self::Istio => Some(RouteApi::Istio),
        }
    }
}

/// What routes requests between services in the cluster.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum DataPlane {
    /// A proxy beside every pod: Istio's, or that of Linkerd or Kuma if a Namespace or pods ask for one.
    #[default]
    Sidecar,
    /// Istio's waypoints.
    Ambient,
    /// Another mesh that follows routes of the Gateway API, such as Cilium.
    Other,
    /// Nothing: only requests that come in through an entry reach copies.
    None,
}

impl DataPlane {
    /// Its value in previews.yaml.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Sidecar => "`sidecar`",
            Self::Ambient => "`ambient`",
            Self::Other => "`other`",
            Self::None => "`none`",
        }
    }

    /// Whether such a mesh may follow routes of an API for calls inside the cluster: of meshes with sidecars only Istio
    /// follows its own API. Waypoints follow VirtualServices too, but Istio calls that alpha.
    pub(crate) fn may_follow(self, api: RouteApi) -> bool {
        match api {
            RouteApi::GatewayApi => self != Self::None,
            RouteApi::Istio => self == Self::Sidecar,
        }
    }
}

/// What marks a request as belonging to a preview.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase", default)]
pub(crate) struct RoutingKey {
    /// Header whose value is the preview's name.
    pub(crate) header: String,
    /// Member of the W3C baggage header that also marks a request; empty: none.
    pub(crate) baggage: String,
}

impl Default for RoutingKey {
    fn default() -> Self {
        Self { header: "x-preview-id".to_owned(), baggage: String::new() }
    }
}

/// How a preview is reached from outside.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Entry {
    /// The Gateway that serves the preview hosts.
    pub(crate) gateway: GatewayRef,
    /// The public Gateways whose routes get preview hosts here. Empty: all.
    #[serde(default)]
    pub(crate) of: Vec<GatewayName>,
    /// Template of the host: `{preview}`, `{host}` (first label of the original host), `{hash}` (of
    /// the original host).
    pub(crate) host: String,
    /// Whether the original routes remove the key that a client sends. This changes objects of the baseline.
    #[serde(default)]
    pub(crate) strip_key: bool,
}

/// A Gateway and, optionally, one of its listeners.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GatewayRef {
    /// The namespace of the Gateway.
    pub(crate) namespace: String,
    /// The name of the Gateway.
    pub(crate) name: String,
    /// The name of a listener of the Gateway; absent: all listeners.
    #[serde(default)]
    pub(crate) section_name: String,
}

/// A Gateway to which routes of the baseline are attached.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct GatewayName {
    /// The namespace of the Gateway.
    pub(crate) namespace: String,
    /// The name of the Gateway.
    pub(crate) name: String,
}
