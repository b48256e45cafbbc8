//! Gateways: their listeners, and how routes refer to them.
//!
//! A route binds only to a Gateway of its own API: an HTTPRoute to one of the Gateway API, a VirtualService to one of
//! Istio. Both kinds are called Gateway, and two of them can have the same name.

use std::collections::BTreeMap;

use super::reader;
use crate::kube::{Object, RouteApi, gateway};
use crate::model::Catalog;
use crate::yaml::Node;

/// Namespace and name of a Gateway.
pub(crate) type GatewayId<'a> = (&'a str, &'a str);

/// The Gateways of the input, by their name and API.
#[derive(Debug, Default)]
pub(crate) struct Gateways<'a> {
    named: BTreeMap<GatewayId<'a>, BTreeMap<RouteApi, &'a Object>>,
}

/// The result of looking for a Gateway that a route or an entry names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Hit<'a> {
    /// It is in the input.
    Here(&'a Object),
    /// Only a Gateway of another API has this name, which the route cannot bind to.
    OfOtherApi(&'a Object),
    /// It is not in the input. It may be in the cluster.
    Absent,
}

/// A listener of a Gateway: in Istio it is called a server.
#[derive(Debug)]
pub(crate) struct Listener<'a> {
    pub(crate) node: &'a Node,
    /// The names by which a parentRef or an entry can refer to it.
    pub(super) names: [Option<&'a str>; 2],
    /// The hosts that it accepts, exact or with a star in front; empty: all.
    pub(crate) hosts: Vec<&'a str>,
    pub(crate) port: Option<u16>,
    /// Whether clients speak TLS to it.
    pub(crate) secure: bool,
    /// Whether it reads HTTP requests, which routes can tell apart.
    pub(crate) reads_http: bool,
    /// Whether it redirects every client to HTTPS, whatever routes say.
    pub(crate) only_redirects: bool,
}

/// A Gateway that a route binds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct BoundGateway<'a> {
    /// Its namespace and name.
    pub(crate) gateway: GatewayId<'a>,
    /// The listener that a parentRef names.
    pub(crate) section: Option<&'a str>,
    /// The port that a parentRef names.
    pub(crate) port: Option<u16>,
}

impl<'a> Gateways<'a> {
    /// The Gateways of a catalogue.
    pub(crate) fn of(catalog: &'a Catalog<'a>) -> Self {
        let mut named: BTreeMap<GatewayId<'_>, BTreeMap<RouteApi, &Object>> = BTreeMap::new();
        for object in catalog.objects() {
            if let Some(api) = RouteApi::of_gateway(object) {
                let name = (object.id.namespace.as_str(), object.id.name.as_str());
                named.entry(name).or_default().insert(api, object);
            }
        }
        Self { named }
    }

    /// The Gateway of this name that routes of this API can bind to.
    pub(crate) fn find(&self, name: GatewayId<'_>, api: RouteApi) -> Hit<'a> {
        let Some(all) = self.named.get(&name) else {
            return Hit::Absent;
        };
        let other = || all.values().next().map(|object| Hit::OfOtherApi(object));
        all.get(&api).map(|object| Hit::Here(object)).or_else(other).unwrap_or(Hit::Absent)
    }
}

/// Whether Istio serves a Gateway of the Gateway API. The controller of its class decides or, if the class is not in
/// the input, the name of the class.
/// See <https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#automated-deployment>.
pub(crate) fn is_of_istio(gateway: &Object, catalog: &Catalog<'_>) -> bool {
    const CLASSES: [&str; 4] = ["istio", "istio-east-west", "istio-remote", "istio-waypoint"];
    let name = gateway.node.text_at(&["spec", "gatewayClassName"]).unwrap_or_default();
    let mut classes = catalog.of_kind(gateway::GROUP, "GatewayClass");
    let class = classes.find(|class| class.id.name == name);
    let controller = class.and_then(|class| class.node.text_at(&["spec", "controllerName"]));
    controller.map_or(CLASSES.contains(&name), |controller| controller.starts_with("istio.io/"))
}

impl Listener<'_> {
    /// Whether it has this name. Every listener has the empty name.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        name.is_empty() || self.names.contains(&Some(name))
    }

    /// Whether it accepts requests for some host that this host covers, which may be a wildcard.
    pub(crate) fn is_open_to(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|one| meet(one, host))
    }

    /// Whether it accepts all requests for this host.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|one| covers(one, host))
    }
}

/// The HTTP listeners of a Gateway for routes of a namespace.
pub(crate) fn listeners<'a>(gateway: &'a Object, namespace: &str) -> Vec<Listener<'a>> {
    let api = RouteApi::of_gateway(gateway);
    api.map(|api| reader(api).listeners(gateway, namespace)).unwrap_or_default()
}

/// Whether clients speak TLS in this protocol.
pub(super) fn is_secure(protocol: &str) -> bool {
    ["HTTPS", "TLS"].iter().any(|secure| protocol.eq_ignore_ascii_case(secure))
}

/// The number of a port, if it is one.
pub(super) fn port_number(node: Option<&Node>) -> Option<u16> {
    node.and_then(Node::integer_value).and_then(|number| u16::try_from(number).ok())
}

/// Whether a pattern, exact or with a star in front, covers a host. Istio compares them as written; in the Gateway
/// API both are in lower case.
pub(crate) fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => host.len() > end.len() && host.ends_with(end),
        None => pattern == host,
    }
}

/// Whether both patterns cover some common host.
fn meet(one: &str, other: &str) -> bool {
    match (one.strip_prefix('*'), other.strip_prefix('*')) {
        (Some(a), Some(b)) => a.ends_with(b) || b.ends_with(a),
        (None, Some(_)) => covers(other, one),
        _ => covers(one, other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::istio as istio_kind;
    use crate::model::route::Route;
    use serde_json::{Value, json};

    fn object(group: &str, kind: &str, spec: Value) -> Object {
        let node = json!({
            "apiVersion": format!("{group}/v1"), "kind": kind,
            "metadata": {"name": "one", "namespace": "shop"}, "spec": spec
        });
        Object::from_node(Node::from_json(node)).expect("an object")
    }

    #[test]
    fn a_gateway_has_several_spellings() {
        let spec = json!({"gateways": ["mesh", "a", "./b", "infra/c", "d.infra", "e.infra.svc.cluster.local"]});
        let route = object(istio_kind::GROUP, "VirtualService", spec);
        let route = Route::of(&route).expect("a route");
        let names: Vec<GatewayId<'_>> =
            route.bound_gateways().into_iter().map(|one| one.gateway).collect();
        let expected =
            [("shop", "a"), ("shop", "b"), ("infra", "c"), ("infra", "d"), ("infra", "e")];
        assert_eq!(names, expected);
    }

    #[test]
    fn servers_are_open_to_the_namespaces_that_they_name() {
        let server =
            |hosts: Value| json!({"port": {"number": 443, "protocol": "HTTPS"}, "hosts": hosts});
        let spec = json!({"servers": [
            server(json!(["*.a.com"])), server(json!(["web/x.com", "./y.com", "*/z.com"])), server(json!(["web/*"]))
        ]});
        let gateway = object(istio_kind::GROUP, "Gateway", spec);
        let hosts = |namespace| -> Vec<Vec<&str>> {
            listeners(&gateway, namespace).into_iter().map(|one| one.hosts).collect()
        };
        assert_eq!(hosts("web"), [vec!["*.a.com"], vec!["x.com", "z.com"], vec!["*"]]);
        assert_eq!(hosts("shop"), [vec!["*.a.com"], vec!["y.com", "z.com"]]);
    }

    #[test]
    fn a_listener_is_open_where_its_host_and_the_routes_meet() {
        let spec =
            json!({"listeners": [{"hostname": "*.example.com", "port": 80, "protocol": "HTTP"}]});
        let gateway = object(gateway::GROUP, "Gateway", spec);
        let all = listeners(&gateway, "shop");
        let [one] = all.as_slice() else { panic!("one listener") };
        assert!(!one.secure && one.port == Some(80));
        for host in ["a.example.com", "A.b.example.com", "*.a.example.com", "*.com", "*"] {
            assert!(one.is_open_to(host), "{host}");
        }
        for host in ["example.com", "a.Example.com", "a.example.org", "*.org"] {
            assert!(!one.is_open_to(host), "{host}");
        }
    }
}
