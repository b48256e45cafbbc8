//! Gateways of both APIs: their listeners, and how routes name them.
//!
//! A route binds to a Gateway of its own API alone: an HTTPRoute to one of the Gateway API, a
//! VirtualService to one of Istio. Both kinds are called Gateway, and may have one name.

use std::collections::BTreeMap;

use super::{gateway_api, istio};
use crate::kube::{Object, gateway, istio as istio_kind};
use crate::model::Catalog;
use crate::yaml::Node;

/// Namespace and name of a Gateway.
pub(crate) type Name<'a> = (&'a str, &'a str);

/// The Gateways of the input, by name: those of the Gateway API and those of Istio.
#[derive(Debug, Default)]
pub(crate) struct Gateways<'a> {
    named: BTreeMap<Name<'a>, [Option<&'a Object>; 2]>,
}

/// What the input has of a Gateway that a route or an entry names.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Found<'a> {
    /// The Gateway.
    Here(&'a Object),
    /// Only one of the other API, which the route cannot bind to.
    OfOtherApi(&'a Object),
    /// Nothing: it may be in the cluster all the same.
    Absent,
}

/// Where requests come in at a Gateway: a listener of the Gateway API, or a server of Istio.
#[derive(Debug)]
pub(crate) struct Listener<'a> {
    /// As it is written.
    pub(crate) node: &'a Node,
    names: [Option<&'a str>; 2],
    /// Hosts that it is open to, exact or with a star in front; none: all.
    pub(crate) hosts: Vec<&'a str>,
    /// Its port.
    pub(crate) port: Option<u16>,
    /// Whether clients speak TLS to it.
    pub(crate) secure: bool,
}

/// A Gateway that a route binds to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Binding<'a> {
    /// The Gateway.
    pub(crate) gateway: Name<'a>,
    /// The listener that a parentRef names.
    pub(crate) section: Option<&'a str>,
    /// The port that a parentRef names.
    pub(crate) port: Option<u16>,
}

impl<'a> Gateways<'a> {
    /// Those of a catalogue.
    pub(crate) fn of(catalog: &'a Catalog<'a>) -> Self {
        let mut named: BTreeMap<Name<'_>, [Option<&Object>; 2]> = BTreeMap::new();
        for (index, group) in [gateway::GROUP, istio_kind::GROUP].into_iter().enumerate() {
            for object in catalog.of_kind(group, "Gateway") {
                let name = (object.id.namespace.as_str(), object.id.name.as_str());
                named.entry(name).or_default()[index] = Some(object);
            }
        }
        Self { named }
    }

    /// The Gateway of this name that routes of this group can bind to.
    pub(crate) fn find(&self, name: Name<'_>, group: &str) -> Found<'a> {
        let [of_gateway_api, of_istio] = self.named.get(&name).copied().unwrap_or_default();
        let (own, other) = match group == gateway::GROUP {
            true => (of_gateway_api, of_istio),
            false => (of_istio, of_gateway_api),
        };
        own.map(Found::Here).or(other.map(Found::OfOtherApi)).unwrap_or(Found::Absent)
    }
}

impl Listener<'_> {
    /// Whether it has this name; every listener has the empty one.
    pub(crate) fn is_named(&self, name: &str) -> bool {
        name.is_empty() || self.names.contains(&Some(name))
    }

    /// Whether it takes requests for some host that this one, exact or a wildcard, covers.
    pub(crate) fn is_open_to(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|own| meet(own, host))
    }

    /// Whether it takes every request for this host.
    pub(crate) fn covers(&self, host: &str) -> bool {
        self.hosts.is_empty() || self.hosts.iter().any(|own| covers(own, host))
    }
}

/// The listeners of a Gateway that speak HTTP with routes of a namespace.
pub(crate) fn listeners<'a>(gateway: &'a Object, namespace: &str) -> Vec<Listener<'a>> {
    let (field, is_istio) = match gateway.id.group == istio_kind::GROUP {
        true => ("servers", true),
        false => ("listeners", false),
    };
    let all = gateway.node.at(&["spec", field]).map(Node::items).unwrap_or_default();
    let read = |node: &'a Node| match is_istio {
        true => server(node, gateway, namespace),
        false => Some(listener(node)),
    };
    all.iter().filter_map(read).collect()
}

fn listener(node: &Node) -> Listener<'_> {
    Listener {
        node,
        names: [node.text_at(&["name"]), None],
        hosts: node.text_at(&["hostname"]).into_iter().filter(|host| !host.is_empty()).collect(),
        port: number(node.get("port")),
        secure: is_secure(node.text_at(&["protocol"]).unwrap_or("HTTPS")),
    }
}

/// A server of an Istio Gateway. None where it is open to no VirtualService of this namespace.
fn server<'a>(node: &'a Node, gateway: &Object, namespace: &str) -> Option<Listener<'a>> {
    let all = node.get("hosts").map(Node::items).unwrap_or_default().iter().filter_map(Node::text);
    let own = all.filter_map(|host| match host.split_once('/') {
        None => Some(host),
        Some(("*", host)) => Some(host),
        Some((".", host)) => (gateway.id.namespace == namespace).then_some(host),
        Some((only, host)) => (only == namespace).then_some(host),
    });
    let hosts: Vec<&str> = own.collect();
    let names = [node.text_at(&["name"]), node.text_at(&["port", "name"])];
    let secure = is_secure(node.text_at(&["port", "protocol"]).unwrap_or_default());
    let port = number(node.at(&["port", "number"]));
    (!hosts.is_empty()).then_some(Listener { node, names, hosts, port, secure })
}

fn is_secure(protocol: &str) -> bool {
    ["HTTPS", "TLS"].iter().any(|secure| protocol.eq_ignore_ascii_case(secure))
}

fn number(node: Option<&Node>) -> Option<u16> {
    node.and_then(Node::integer_value).and_then(|number| u16::try_from(number).ok())
}

/// Whether a host, exact or with a star in front, has this one among it. Istio compares the two as they are
/// written, and the Gateway API has no capitals in either.
pub(crate) fn covers(pattern: &str, host: &str) -> bool {
    match pattern.strip_prefix('*') {
        Some(end) => host.len() > end.len() && host.ends_with(end),
        None => pattern == host,
    }
}

/// Whether some host is meant by both.
fn meet(one: &str, other: &str) -> bool {
    match (one.strip_prefix('*'), other.strip_prefix('*')) {
        (Some(a), Some(b)) => a.ends_with(b) || b.ends_with(a),
        (None, Some(_)) => covers(other, one),
        _ => covers(one, other),
    }
}

/// The Gateways that a route binds to.
pub(crate) fn bindings(route: &Object) -> Vec<Binding<'_>> {
    if route.id.group == istio_kind::GROUP {
        let gateways = route.node.at(&["spec", "gateways"]).map(Node::items).unwrap_or_default();
        let names = gateways.iter().filter_map(Node::text).filter(|name| *name != istio::MESH);
        let bound = names.map(|name| resolved(name, route));
        return bound.map(|gateway| Binding { gateway, section: None, port: None }).collect();
    }
    let parents = gateway_api::parents(route).iter();
    let parents =
        parents.filter(|one| gateway_api::kind_of_parent(one) == (gateway::GROUP, "Gateway"));
    let bound = parents.filter_map(|one| {
        let namespace = one.text_at(&["namespace"]).unwrap_or(&route.id.namespace);
        Some(Binding {
            gateway: (namespace, one.text_at(&["name"])?),
            section: one.text_at(&["sectionName"]),
            port: gateway_api::port_of(one),
        })
    });
    bound.collect()
}

/// The Gateway that a VirtualService means: `namespace/name`, `./name`, a name of its own namespace, or, of
/// old, `name.namespace` with the rest of a service's host. See `resolveGatewayName` in Istio.
pub(crate) fn resolved<'a>(name: &'a str, route: &'a Object) -> Name<'a> {
    let own = route.id.namespace.as_str();
    match (name.split_once('/'), name.split_once('.')) {
        (Some((".", name)), _) => (own, name),
        (Some(both), _) => both,
        (None, Some((name, rest))) => (rest.split('.').next().unwrap_or(rest), name),
        (None, None) => (own, name),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
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
        let found: Vec<Name<'_>> = bindings(&route).into_iter().map(|one| one.gateway).collect();
        let expected =
            [("shop", "a"), ("shop", "b"), ("infra", "c"), ("infra", "d"), ("infra", "e")];
        assert_eq!(found, expected);
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
