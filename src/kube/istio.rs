//! Istio objects that anabranch makes, and how rules of routes are written. HTTP rules stay trees: they are derived from
//! rules that the user wrote. See <https://istio.io/latest/docs/reference/config/networking/>.

use serde::Serialize;

use super::{ObjectMeta, RouteForm};
use crate::yaml::{Data, Node};

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
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: VirtualServiceSpec,
}

/// The spec of a VirtualService.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VirtualServiceSpec {
    /// Hosts it answers for.
    pub(crate) hosts: Vec<String>,
    /// Gateways it is bound to; empty: the mesh.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) gateways: Vec<String>,
    /// Namespaces that see it. Always written: the mesh may default to something narrower.
    pub(crate) export_to: Vec<String>,
    /// Its HTTP rules; the first that matches counts.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) http: Vec<Node>,
    /// Rules for ports that do not speak HTTP.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) tcp: Vec<Node>,
}

/// A Sidecar: the hosts that the proxies of a namespace know.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Sidecar {
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: SidecarSpec,
}

/// The spec of a Sidecar.
#[derive(Debug, Serialize)]
pub(crate) struct SidecarSpec {
    /// One listener for all ports.
    pub(crate) egress: Vec<Egress>,
}

/// Hosts that a proxy knows, as `namespace/dns-name`.
#[derive(Debug, Serialize)]
pub(crate) struct Egress {
    pub(crate) hosts: Vec<String>,
}

/// How VirtualServices are written: changes of headers are below `headers`. In `set` and `add` headers are keys, and
/// `remove` is a list of names.
pub(super) struct Form;

impl RouteForm for Form {
    fn rules<'n>(&self, route: &'n mut Node) -> &'n mut [Node] {
        route.at_mut(&["spec", "http"]).map(Node::items_mut).unwrap_or_default()
    }

    fn backends<'n>(&self, rule: &'n mut Node) -> &'n mut [Node] {
        rule.get_mut("route").map(Node::items_mut).unwrap_or_default()
    }

    fn request_changes<'n>(&self, node: &'n mut Node) -> Vec<&'n mut Node> {
        node.at_mut(&["headers", "request"]).into_iter().collect()
    }

    fn response_changes<'n>(&self, node: &'n mut Node) -> Vec<&'n mut Node> {
        node.at_mut(&["headers", "response"]).into_iter().collect()
    }

    fn drop_empty_changes(&self, node: &mut Node) {
        let Some(headers) = node.get_mut("headers") else {
            return;
        };
        if headers.get("request").is_some_and(|request| request.entries().is_empty()) {
            headers.remove("request");
        }
        if headers.entries().is_empty() {
            node.remove("headers");
        }
    }

    fn headers<'n>(&self, list: &'n Node) -> Vec<(&'n str, Option<&'n Node>)> {
        let names = list.items().iter().filter_map(|name| Some((name.text()?, None)));
        let pairs = list.entries().iter().map(|(name, value)| (name.text.as_str(), Some(value)));
        names.chain(pairs).collect()
    }

    fn values<'n>(&self, list: &'n mut Node, of: &dyn Fn(&str) -> bool) -> Vec<&'n mut Node> {
        let Data::Map(entries) = &mut list.data else {
            return Vec::new();
        };
        let wanted = entries.iter_mut().filter(|(name, _)| of(&name.text));
        wanted.map(|(_, value)| value).collect()
    }

    fn retain_headers(&self, list: &mut Node, keep: &dyn Fn(&str) -> bool) {
        match &mut list.data {
            Data::List(names) => names.retain(|name| name.text().is_none_or(keep)),
            Data::Map(entries) => entries.retain(|(name, _)| keep(&name.text)),
            Data::Scalar { .. } => {}
        }
    }
}
