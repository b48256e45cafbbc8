//! The judge of routes: where a request goes, according to the specifications of Gateway API and of
//! Istio's VirtualService.
//!
//! It knows Kubernetes objects and nothing of anabranch, so that it can disagree with it. What it does
//! not understand it refuses with a panic: a field that is passed over would be a field that nobody
//! judges.

mod admission;
mod answer;
mod gateway;
mod gateway_api;
mod istio;
mod waypoint;

pub(crate) use answer::{Answer, Destination, Effects, Share};

use std::collections::{BTreeMap, BTreeSet};

use regex::Regex;
use serde_json::Value;

const DOMAIN: &str = ".svc.cluster.local";

/// An HTTP request, without its host.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Request {
    pub(crate) method: String,
    /// Without the query.
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
}

impl Request {
    /// A request of this method for this path.
    pub(crate) fn new(method: &str, path: &str) -> Self {
        Self { method: method.to_owned(), path: path.to_owned(), ..Self::default() }
    }

    /// The request with one more header line.
    pub(crate) fn header(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The request with one more query parameter.
    pub(crate) fn param(mut self, name: &str, value: &str) -> Self {
        self.query.push((name.to_owned(), value.to_owned()));
        self
    }

    /// The value of a header: all lines of that name, joined with a comma as Envoy does.
    fn header_value(&self, name: &str) -> Option<String> {
        let lines: Vec<&str> = self
            .headers
            .iter()
            .filter(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
            .collect();
        (!lines.is_empty()).then(|| lines.join(","))
    }

    /// The first value of a query parameter.
    fn param_value(&self, name: &str) -> Option<&str> {
        let mut params = self.query.iter();
        params.find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }
}

/// A call inside the mesh.
#[derive(Debug, Clone)]
pub(crate) struct Call {
    /// The caller's namespace.
    pub(crate) from: String,
    /// As the client wrote it: `cart`, `cart.shop` or longer.
    pub(crate) host: String,
    pub(crate) port: u16,
    pub(crate) request: Request,
}

/// A Service.
#[derive(Debug)]
struct Service {
    namespace: String,
    ports: Vec<u16>,
    external: Option<String>,
    /// `clusterIP: None`.
    headless: bool,
    /// The namespaces whose sidecars know it, as its annotation lists them; none: all.
    export_to: Option<String>,
}

impl Service {
    /// Whether sidecars of this namespace know it.
    fn is_seen(&self, from: &str) -> bool {
        self.export_to.as_deref().is_none_or(|to| {
            to.split(',').map(str::trim).any(|to| match to {
                "*" => true,
                "." => self.namespace == from,
                other => other == from,
            })
        })
    }
}

/// Everything that decides where a request goes.
#[derive(Debug, Default)]
pub(crate) struct Mesh {
    /// By the full host name.
    services: BTreeMap<String, Service>,
    /// The full host names of those that have a waypoint.
    waypoints: BTreeSet<String>,
    routes: Vec<gateway_api::Route>,
    virtual_services: Vec<istio::VirtualService>,
    grants: Vec<Value>,
    gateways: Vec<gateway::Gateway>,
}

impl Mesh {
    /// A mesh with these objects; those that do not route are passed over.
    #[track_caller]
    pub(crate) fn new(objects: &[Value]) -> Self {
        let mut mesh = Self { waypoints: waypoint::served(objects).collect(), ..Self::default() };
        for object in objects {
            let group = text(object, "apiVersion").split('/').next().unwrap_or("");
            match (group, text(object, "kind")) {
                ("v1", "Service") => {
                    let annotations = &object["metadata"]["annotations"];
                    let service = Service {
                        namespace: namespace(object).to_owned(),
                        headless: object["spec"]["clusterIP"] == "None",
                        export_to: annotations["networking.istio.io/exportTo"]
                            .as_str()
                            .map(str::to_owned),
                        ports: items(&object["spec"], "ports")
                            .iter()
                            .map(|port| number(&port["port"]))
                            .collect(),
                        external: object["spec"]["externalName"].as_str().map(str::to_owned),
                    };
                    let host = fqdn(name(object), namespace(object));
                    let earlier = mesh.services.insert(host.clone(), service);
                    assert!(earlier.is_none(), "two Services {host}");
                }
                ("gateway.networking.k8s.io", "HTTPRoute" | "GRPCRoute") => {
                    admission::check(object);
                    mesh.routes.push(gateway_api::Route::read(object));
                }
                // Nobody comes in from outside there.
                ("gateway.networking.k8s.io", "Gateway")
                    if object["spec"]["gatewayClassName"] == "istio-waypoint" => {}
                ("gateway.networking.k8s.io" | "networking.istio.io", "Gateway") => {
                    mesh.gateways.push(gateway::Gateway::read(object));
                }
                ("gateway.networking.k8s.io", "ReferenceGrant") => {
                    admission::check(object);
                    mesh.grants.push(object.clone());
                }
                ("gateway.networking.k8s.io", kind @ ("TCPRoute" | "TLSRoute" | "UDPRoute")) => {
                    panic!("{kind} is not judged")
                }
                ("networking.istio.io", "VirtualService") => {
                    let read = istio::VirtualService::read(object);
                    mesh.virtual_services.push(read);
                }
                _ => {}
            }
        }
        mesh.routes.sort_by(|a, b| a.id.cmp(&b.id));
        mesh
    }

    /// Where a call inside the mesh goes.
    pub(crate) fn call(&self, call: &Call) -> Answer {
        let mut host = qualified(&call.host, &call.from);
        let mut hops = 0;
        while let Some(target) =
            self.services.get(&host).and_then(|service| service.external.as_deref())
        {
            host = target.to_owned();
            hops += 1;
            assert!(hops < 8, "{}: aliases in a circle", call.host);
        }
        let Some(service) = self.services.get(&host) else {
            return Answer::Failed(format!("no Service {host}"));
        };
        if !service.is_seen(&call.from) {
            return Answer::Failed(format!("{host} is hidden from {}", call.from));
        }
        if !service.ports.contains(&call.port) {
            return Answer::Failed(format!("{host} has no port {}", call.port));
        }
        let virtual_services = match self.bound(&host, &call.from) {
            Ok(found) => found,
            Err(reason) => return Answer::Undefined(reason),
        };
        let routes = match self.attached(&host, &call.from, call.port) {
            Ok(routes) => routes,
            Err(reason) => return Answer::Undefined(reason),
        };
        let answer = match (virtual_services.as_slice(), routes.as_slice()) {
            ([_, ..], [_, ..]) => {
                Answer::Undefined(format!("{host} has a VirtualService and routes"))
            }
            ([], []) => Answer::Default(Destination::new(&host, call.port)),
            ([], routes) => gateway_api::answer(self, routes, &call.request, false),
            (found, []) => {
                let client = istio::Client {
                    gateway: "mesh",
                    namespace: Some(&call.from),
                    port: call.port,
                    host: &call.host,
                    scheme: "http",
                };
                let mut answers = found.iter();
                let answer = answers.find_map(|one| one.answer(self, &client, &call.request));
                answer.unwrap_or_else(|| Answer::Default(Destination::new(&host, call.port)))
            }
        };
        self.reached(answer, &host, &call.from)
    }

    /// The answer with destinations marked that a sidecar does not reach: Services that it does not see,
    /// and headless ones, for which a request goes to the address that the client looked up.
    fn reached(&self, answer: Answer, called: &str, from: &str) -> Answer {
        let Answer::Backends { destinations, effects } = answer else {
            return answer;
        };
        let one = |(mut destination, share): (Destination, Share)| {
            if let Some(service) = self.services.get(&destination.host) {
                let strays = service.headless && destination.host != called;
                destination.exists &= !strays && service.is_seen(from);
            }
            (destination, share)
        };
        Answer::Backends { destinations: destinations.into_iter().map(one).collect(), effects }
    }

    /// Where a request goes that comes in by TLS through a Gateway, written `namespace/name`.
    pub(crate) fn enter(&self, gateway: &str, host: &str, request: &Request) -> Answer {
        self.enter_by(gateway, "https", 443, host, request)
    }

    /// The same by this scheme and port.
    pub(crate) fn enter_by(
        &self,
        gateway: &str,
        scheme: &str,
        port: u16,
        host: &str,
        request: &Request,
    ) -> Answer {
        let door = gateway::Door { gateway, scheme, port, host };
        let routes = self.entries(&door);
        let client = istio::Client { gateway, namespace: None, port, host, scheme };
        match (self.bound_at(&door).as_slice(), routes.as_slice()) {
            ([], []) => Answer::NotFound,
            ([], routes) => gateway_api::answer(self, routes, request, true),
            (found, []) => istio::merged(self, found, &client, request),
            ([..], [..]) => {
                Answer::Undefined(format!("{host} has a VirtualService and routes at {gateway}"))
            }
        }
    }

    /// A destination, marked where nothing answers there.
    fn destination(&self, host: &str, port: u16, subset: Option<&str>) -> Destination {
        let service = self.services.get(host);
        Destination {
            host: host.to_owned(),
            port,
            subset: subset.map(str::to_owned),
            effects: String::new(),
            exists: service.is_some_and(|service| service.ports.contains(&port)),
        }
    }

    /// The only port of a service.
    fn only_port(&self, host: &str) -> Option<u16> {
        match self.services.get(host)?.ports.as_slice() {
            [port] => Some(*port),
            _ => None,
        }
    }
}

/// The full host name of a Service.
pub(crate) fn fqdn(name: &str, namespace: &str) -> String {
    format!("{name}.{namespace}{DOMAIN}")
}

/// A host as a pod of this namespace resolves it.
fn qualified(host: &str, namespace: &str) -> String {
    match host.split('.').count() {
        1 => fqdn(host, namespace),
        2 => format!("{host}{DOMAIN}"),
        3 if host.ends_with(".svc") => format!("{host}.cluster.local"),
        _ => host.to_owned(),
    }
}

/// Whether a pattern of hosts, exact or `*.suffix`, covers a host; the greater number is the more
/// specific: exact hosts first, then the longest suffix.
fn host_rank(pattern: &str, host: &str) -> Option<usize> {
    match pattern.strip_prefix('*') {
        None => pattern.eq_ignore_ascii_case(host).then_some(usize::MAX),
        Some(suffix) => {
            (host.len() > suffix.len() && host.ends_with(suffix)).then_some(suffix.len())
        }
    }
}

/// RE2's full match, which is how Envoy matches.
#[track_caller]
fn full_match(pattern: &str, value: &str) -> bool {
    Regex::new(&format!("^(?:{pattern})$"))
        .unwrap_or_else(|error| panic!("{pattern}: {error}"))
        .is_match(value)
}

/// Refuses fields that the judge does not understand.
#[track_caller]
fn only(value: &Value, what: &str, known: &[&str]) {
    let Some(fields) = value.as_object() else {
        assert!(value.is_null(), "{what} is not an object: {value}");
        return;
    };
    for field in fields.keys() {
        assert!(known.contains(&field.as_str()), "{what} has a field {field} that is not judged");
    }
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap_or_default()
}

/// A list, or nothing where it is absent.
#[track_caller]
fn items<'a>(value: &'a Value, field: &str) -> &'a [Value] {
    match &value[field] {
        Value::Null => &[],
        Value::Array(items) => items,
        other => panic!("{field} is not a list: {other}"),
    }
}

/// A whole number that fits.
#[track_caller]
fn number<T: TryFrom<u64>>(value: &Value) -> T {
    value
        .as_u64()
        .and_then(|number| T::try_from(number).ok())
        .unwrap_or_else(|| panic!("not a number in range: {value}"))
}

fn name(object: &Value) -> &str {
    text(&object["metadata"], "name")
}

fn namespace(object: &Value) -> &str {
    text(&object["metadata"], "namespace")
}
