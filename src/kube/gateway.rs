//! Gateway API objects that anabranch makes. Rules stay trees: they are derived from rules that the
//! user wrote. See <https://gateway-api.sigs.k8s.io/reference/spec/>.

use serde::Serialize;

use super::ObjectMeta;
use crate::yaml::Node;

/// The label of pods that serve a Gateway; its value is the name of the Gateway.
pub(crate) const NAME_LABEL: &str = "gateway.networking.k8s.io/gateway-name";

/// The API group.
pub(crate) const GROUP: &str = "gateway.networking.k8s.io";
/// The group of its experiments, such as XListenerSet.
pub(crate) const EXPERIMENTS: &str = "gateway.networking.x-k8s.io";
/// The group of ServiceImports, which routes can have as backends.
pub(crate) const IMPORTS: &str = "multicluster.x-k8s.io";
/// HTTPRoute and GRPCRoute are v1 in every supported release.
pub(crate) const API_VERSION: &str = "gateway.networking.k8s.io/v1";

/// An HTTPRoute or GRPCRoute.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    pub api_version: &'static str,
    /// `HTTPRoute` or `GRPCRoute`.
    pub kind: &'static str,
    pub metadata: ObjectMeta,
    pub spec: RouteSpec,
}

/// The spec of a route.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteSpec {
    /// What it is attached to.
    pub parent_refs: Vec<ParentRef>,
    /// Hosts it serves; for the mesh none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub hostnames: Vec<String>,
    /// Its rules, in order. Omitted if there are none: the API server refuses an empty list, and adds its default
    /// rule to a missing one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub rules: Vec<Node>,
}

/// A parent of a route. Fields with a default of the API server are written out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParentRef {
    /// Group of the parent; empty for a Service.
    pub group: String,
    /// `Service` or `Gateway`.
    pub kind: String,
    /// Namespace, if it is not the route's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub namespace: Option<String>,
    pub name: String,
    /// Listener of a Gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub section_name: Option<String>,
    /// Port of a Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub port: Option<u16>,
}

/// A ReferenceGrant: allows routes of other namespaces to have Services of its namespace as backends.
/// v1beta1 is the storage version and served everywhere.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReferenceGrant {
    /// `gateway.networking.k8s.io/v1beta1`.
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: ObjectMeta,
    /// Who may refer to what.
    pub spec: ReferenceGrantSpec,
}

/// Who may refer to what.
#[derive(Debug, Serialize)]
pub(crate) struct ReferenceGrantSpec {
    /// Kinds and namespaces of the routes.
    pub from: Vec<GrantFrom>,
    /// Kinds they may refer to.
    pub to: Vec<GrantTo>,
}

/// Routes of one kind and namespace.
#[derive(Debug, Serialize)]
pub(crate) struct GrantFrom {
    /// Group of the routes.
    pub group: &'static str,
    pub kind: &'static str,
    pub namespace: String,
}

/// A kind that may be referred to.
#[derive(Debug, Serialize)]
pub(crate) struct GrantTo {
    /// Its group; empty for the core group.
    pub group: &'static str,
    pub kind: &'static str,
}
