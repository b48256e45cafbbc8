//! Gateway API objects that anabranch makes, and how rules of routes are written. Rules stay trees: they are derived
//! from rules that the user wrote. See <https://gateway-api.sigs.k8s.io/reference/spec/>.

use serde::Serialize;

use super::{Object, ObjectMeta, RouteForm};
use crate::yaml::{Data, Node};

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

/// A kind of routes from which rules are derived.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum RouteKind {
    /// HTTPRoute.
    Http,
    /// GRPCRoute.
    Grpc,
}

impl RouteKind {
    /// All of them.
    pub(crate) const ALL: [Self; 2] = [Self::Http, Self::Grpc];

    /// The kind of a route of [`RouteApi::GatewayApi`](super::RouteApi).
    pub(crate) fn of(route: &Object) -> Self {
        let mut all = Self::ALL.into_iter();
        all.find(|kind| kind.name() == route.id.kind).expect("these are all kinds of its routes")
    }

    /// Its name in manifests.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Http => "HTTPRoute",
            Self::Grpc => "GRPCRoute",
        }
    }
}

/// An HTTPRoute or GRPCRoute.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Route {
    pub(crate) api_version: &'static str,
    /// `HTTPRoute` or `GRPCRoute`.
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    pub(crate) spec: RouteSpec,
}

/// The spec of a route.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct RouteSpec {
    /// What it is attached to.
    pub(crate) parent_refs: Vec<ParentRef>,
    /// Hosts it serves; for the mesh none.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) hostnames: Vec<String>,
    /// Its rules, in order. Omitted if there are none: the API server refuses an empty list, and adds its default
    /// rule to a missing one.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(crate) rules: Vec<Node>,
}

/// A parent of a route. Fields with a default of the API server are written out.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ParentRef {
    /// Group of the parent; empty for a Service.
    pub(crate) group: String,
    /// `Service` or `Gateway`.
    pub(crate) kind: String,
    /// Namespace, if it is not the route's own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) namespace: Option<String>,
    pub(crate) name: String,
    /// Listener of a Gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) section_name: Option<String>,
    /// Port of a Service.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) port: Option<u16>,
}

/// A ReferenceGrant: allows routes of other namespaces to have Services of its namespace as backends.
/// v1beta1 is the storage version and served everywhere.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct ReferenceGrant {
    /// `gateway.networking.k8s.io/v1beta1`.
    pub(crate) api_version: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) metadata: ObjectMeta,
    /// Who may refer to what.
    pub(crate) spec: ReferenceGrantSpec,
}

/// Who may refer to what.
#[derive(Debug, Serialize)]
pub(crate) struct ReferenceGrantSpec {
    /// Kinds and namespaces of the routes.
    pub(crate) from: Vec<GrantFrom>,
    /// Kinds they may refer to.
    pub(crate) to: Vec<GrantTo>,
}

/// Routes of one kind and namespace.
#[derive(Debug, Serialize)]
pub(crate) struct GrantFrom {
    /// Group of the routes.
    pub(crate) group: &'static str,
    pub(crate) kind: &'static str,
    pub(crate) namespace: String,
}

/// A kind that may be referred to.
#[derive(Debug, Serialize)]
pub(crate) struct GrantTo {
    /// Its group; empty for the core group.
    pub(crate) group: &'static str,
    pub(crate) kind: &'static str,
}

/// How HTTPRoutes and GRPCRoutes are written: changes of headers are filters, and their lists are of names, or of names
/// and values.
pub(super) struct Form;

impl RouteForm for Form {
    fn rules<'n>(&self, route: &'n mut Node) -> &'n mut [Node] {
        route.at_mut(&["spec", "rules"]).map(Node::items_mut).unwrap_or_default()
    }

    fn backends<'n>(&self, rule: &'n mut Node) -> &'n mut [Node] {
        rule.get_mut("backendRefs").map(Node::items_mut).unwrap_or_default()
    }

    fn request_changes<'n>(&self, node: &'n mut Node) -> Vec<&'n mut Node> {
        modifiers(node, "requestHeaderModifier")
    }

    fn response_changes<'n>(&self, node: &'n mut Node) -> Vec<&'n mut Node> {
        modifiers(node, "responseHeaderModifier")
    }

    fn drop_empty_changes(&self, node: &mut Node) {
        let Some(filters) = node.get_mut("filters") else {
            return;
        };
        if let Data::List(filters) = &mut filters.data {
            filters.retain(|filter| {
                let modifier = filter.get("requestHeaderModifier");
                modifier.is_none_or(|modifier| !modifier.entries().is_empty())
            });
        }
        if filters.items().is_empty() {
            node.remove("filters");
        }
    }

    fn headers<'n>(&self, list: &'n Node) -> Vec<(&'n str, Option<&'n Node>)> {
        let items = list.items().iter();
        items.filter_map(|item| Some((name_of(item)?, item.get("value")))).collect()
    }

    fn values<'n>(&self, list: &'n mut Node, of: &dyn Fn(&str) -> bool) -> Vec<&'n mut Node> {
        let items = list.items_mut().iter_mut().filter(|item| name_of(item).is_some_and(of));
        items.filter_map(|item| item.get_mut("value")).collect()
    }

    fn retain_headers(&self, list: &mut Node, keep: &dyn Fn(&str) -> bool) {
        if let Data::List(items) = &mut list.data {
            items.retain(|item| name_of(item).is_none_or(keep));
        }
    }
}

/// The filters of this type of a rule or a backend itself.
fn modifiers<'n>(node: &'n mut Node, kind: &str) -> Vec<&'n mut Node> {
    let filters = node.get_mut("filters").map(Node::items_mut).unwrap_or_default();
    filters.iter_mut().filter_map(|filter| filter.get_mut(kind)).collect()
}

/// The name in an item of a header modifier.
pub(crate) fn name_of(item: &Node) -> Option<&str> {
    item.text().or(item.text_at(&["name"]))
}
