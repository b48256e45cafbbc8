//! Gateways of both APIs: who may come in where.
//!
//! A route binds to a Gateway of its own API alone; one that is not among the objects lets everybody in.

use serde_json::Value;

use super::{Mesh, host_rank, items, name, namespace, number, text};

/// A Gateway.
#[derive(Debug)]
pub(super) struct Gateway {
    /// `networking.istio.io`, or the group of the Gateway API.
    group: String,
    /// `namespace/name`.
    id: String,
    listeners: Vec<Listener>,
}

#[derive(Debug)]
struct Listener {
    name: String,
    port: u16,
    scheme: &'static str,
    /// With a namespace in front, those that only routes of that namespace may have. None: all hosts.
    hosts: Vec<String>,
}

/// Where a client from outside knocks.
pub(super) struct Door<'a> {
    pub(super) gateway: &'a str,
    pub(super) scheme: &'a str,
    pub(super) port: u16,
    pub(super) host: &'a str,
}

impl Gateway {
    #[track_caller]
    pub(super) fn read(object: &Value) -> Self {
        let group = text(object, "apiVersion").split('/').next().unwrap_or_default();
        let spec = &object["spec"];
        let scheme = |node: &Value| match node["protocol"].as_str() {
            Some("HTTPS" | "TLS") => "https",
            Some("HTTP" | "HTTP2" | "GRPC") => "http",
            other => panic!("a listener speaks {other:?}, which is not judged"),
        };
        let of_gateway_api = items(spec, "listeners").iter().map(|one| Listener {
            name: text(one, "name").to_owned(),
            port: number(&one["port"]),
            scheme: scheme(one),
            hosts: one["hostname"].as_str().map(str::to_owned).into_iter().collect(),
        });
        let of_istio = items(spec, "servers").iter().map(|one| Listener {
            name: String::new(),
            port: number(&one["port"]["number"]),
            scheme: scheme(&one["port"]),
            hosts: items(one, "hosts")
                .iter()
                .map(|host| {
                    host.as_str()
                        .unwrap_or_default()
                        .replace("./", &format!("{}/", namespace(object)))
                })
                .collect(),
        });
        Self {
            group: group.to_owned(),
            id: format!("{}/{}", namespace(object), name(object)),
            listeners: of_gateway_api.chain(of_istio).collect(),
        }
    }
}

impl Listener {
    fn is_open_to(&self, door: &Door<'_>, route_namespace: &str) -> bool {
        let covers = |host: &String| match host.split_once('/') {
            Some((only, _)) if only != "*" && only != route_namespace => false,
            Some((_, host)) => host_rank(host, door.host).is_some(),
            None => host_rank(host, door.host).is_some(),
        };
        self.port == door.port
            && self.scheme == door.scheme
            && (self.hosts.is_empty() || self.hosts.iter().any(covers))
    }
}

impl Mesh {
    /// Whether a route of this group and namespace, bound to this listener, hears who knocks.
    pub(super) fn lets_in(&self, door: &Door<'_>, group: &str, home: &str, section: &str) -> bool {
        let named = || self.gateways.iter().filter(|gateway| gateway.id == door.gateway);
        let Some(gateway) = named().find(|gateway| gateway.group == group) else {
            return named().next().is_none();
        };
        let mut listeners = gateway.listeners.iter();
        listeners
            .any(|one| (section.is_empty() || one.name == section) && one.is_open_to(door, home))
    }
}
