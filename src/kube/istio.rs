//! Istio objects that anabranch makes. HTTP rules stay trees: they are derived from rules that
//! the user wrote. See <https://istio.io/latest/docs/reference/config/networking/>.

use serde::Serialize;

use super::ObjectMeta;
use crate::yaml::Node;

/// The API group.
pub(crate) const GROUP: &str = "networking.istio.io";
/// v1 is served by every supported release.
pub(crate) const API_VERSION: &str = "networking.istio.io/v1";

/// Istio's root namespace, whose policies and settings hold for the whole mesh. This is its default.
pub(crate) const ROOT_NAMESPACE: &str = "istio-system";

/// The label of a Namespace or a pod with the revision of istiod that injects its sidecars, and of a policy with the
/// revision that alone follows it.
pub(crate) const REVISION: &str = "istio.io/rev";

/// The annotation of a Service with the namespaces that see it.
pub(crate) const EXPORT_ANNOTATION: &str = "networking.istio.io/exportTo";

/// A VirtualService.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VirtualService {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: ObjectMeta,
    pub spec: VirtualServiceSpec,
}

/// The spec of a VirtualService.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VirtualServiceSpec {
    /// Hosts it answers for.
    pub hosts: Vec<String>,
    /// Gateways it is bound to; empty: the mesh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gateways: Vec<String>,
    /// Namespaces that see it. Always written: the mesh may default to something narrower.
    pub export_to: Vec<String>,
    /// Its HTTP rules; the first that matches counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub http: Vec<Node>,
    /// Rules for ports that do not speak HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub tcp: Vec<Node>,
}

/// A Sidecar: the hosts that the proxies of a namespace know.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sidecar {
    pub api_version: &'static str,
    pub kind: &'static str,
    pub metadata: ObjectMeta,
    pub spec: SidecarSpec,
}

/// The spec of a Sidecar.
#[derive(Debug, Serialize)]
pub(crate) struct SidecarSpec {
    /// One listener for all ports.
    pub egress: Vec<Egress>,
}

/// Hosts that a proxy knows, as `namespace/dns-name`.
#[derive(Debug, Serialize)]
pub(crate) struct Egress {
    pub hosts: Vec<String>,
}
