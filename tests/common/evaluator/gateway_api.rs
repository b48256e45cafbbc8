//! HTTPRoute and GRPCRoute, from <https://gateway-api.sigs.k8s.io/reference/spec/>.
//!
//! At a Service, routes of the service's namespace count for everybody; those of the caller's own
//! namespace replace them for that caller (GEP-1294).

use serde_json::{Value, json};

use super::answer::{canonical, shares};
use super::gateway::Door;
use super::{Answer, Destination, Effects, Mesh, Request};
use super::{fqdn, full_match, host_rank, items, name, namespace, number, only, text};

const GROUP: &str = "gateway.networking.k8s.io";

/// An HTTPRoute or a GRPCRoute.
#[derive(Debug)]
pub(super) struct Route {
    /// Namespace and name, which decide between rules of equal precedence.
    pub(super) id: (String, String),
    grpc: bool,
    parents: Vec<Parent>,
    hostnames: Vec<String>,
    rules: Vec<Value>,
}

#[derive(Debug)]
struct Parent {
    /// Group and kind. Without a group the API's own is meant, of which there is no Service.
    kind: (String, String),
    namespace: String,
    name: String,
    section: String,
    port: Option<u16>,
}

impl Route {
    /// Reads a route.
    #[track_caller]
    pub(super) fn read(object: &Value) -> Self {
        let spec = &object["spec"];
        only(spec, "a route", &["parentRefs", "hostnames", "rules"]);
        let home = namespace(object);
        let parents = items(spec, "parentRefs").iter().map(|parent| {
            let known = ["group", "kind", "namespace", "name", "port", "sectionName"];
            only(parent, "a parentRef", &known);
            Parent {
                kind: (
                    parent["group"].as_str().unwrap_or(GROUP).to_owned(),
                    parent["kind"].as_str().unwrap_or("Gateway").to_owned(),
                ),
                namespace: parent["namespace"].as_str().unwrap_or(home).to_owned(),
                name: text(parent, "name").to_owned(),
                section: text(parent, "sectionName").to_owned(),
                port: parent.get("port").map(number),
            }
        });
        Self {
            id: (home.to_owned(), name(object).to_owned()),
            grpc: text(object, "kind") == "GRPCRoute",
            parents: parents.collect(),
            hostnames: items(spec, "hostnames")
                .iter()
                .map(|host| host.as_str().unwrap_or_default().to_owned())
                .collect(),
            rules: items(spec, "rules").to_vec(),
        }
    }

    fn parents_at(&self, host: &str) -> impl Iterator<Item = &Parent> {
        self.parents.iter().filter(move |parent| {
            parent.is("", "Service") && fqdn(&parent.name, &parent.namespace) == host
        })
    }
}

impl Parent {
    fn is(&self, group: &str, kind: &str) -> bool {
        self.kind.0 == group && self.kind.1 == kind
    }
}

impl Route {
    /// Whether Istio converts it: a filter or a backend that it cannot convert drops the whole route, and so does
    /// a mirror of a GRPCRoute that leads nowhere. See `convertHTTPRoute`, `convertGRPCRoute`, `createHeadersFilter`
    /// and `buildDestination` in Istio.
    fn is_converted(&self, mesh: &Mesh) -> bool {
        let headers = ["RequestHeaderModifier", "ResponseHeaderModifier"];
        let mut of_rules = headers.to_vec();
        of_rules.push("RequestMirror");
        if !self.grpc {
            of_rules.extend(["RequestRedirect", "URLRewrite", "CORS"]);
        }
        let converts = |node: &Value, kinds: &[&str]| {
            items(node, "filters")
                .iter()
                .all(|filter| kinds.contains(&text(filter, "type")) && has_sound_headers(filter))
        };
        self.rules.iter().all(|rule| {
            let mut backends = items(rule, "backendRefs").iter();
            let mut mirrors = items(rule, "filters").iter().map(|one| &one["requestMirror"]);
            converts(rule, &of_rules)
                && backends.all(|backend| {
                    let nothing = backend.get("weight").is_some_and(|weight| weight == 0);
                    nothing || named(backend) != Named::Badly && converts(backend, &headers)
                })
                && (!self.grpc || mirrors.all(|one| one.is_null() || self.resolves(mesh, one)))
        })
    }

    /// Whether the target of a mirror is there.
    fn resolves(&self, mesh: &Mesh, mirror: &Value) -> bool {
        let target = &mirror["backendRef"];
        let host = match text(target, "kind") {
            "Hostname" => text(target, "name").to_owned(),
            _ => fqdn(text(target, "name"), target["namespace"].as_str().unwrap_or(&self.id.0)),
        };
        named(target) == Named::Well && mesh.services.contains_key(&host)
    }
}

/// How a backend is named.
#[derive(PartialEq, Eq)]
enum Named {
    Well,
    /// By a kind that Istio does not know.
    Strangely,
    /// In a way that Istio does not put up with.
    Badly,
}

fn named(backend: &Value) -> Named {
    let kind = backend["kind"].as_str().unwrap_or("Service");
    let sound = match (text(backend, "group"), kind) {
        ("", "Service") => !text(backend, "name").contains('.'),
        ("networking.istio.io", "Hostname") => backend.get("namespace").is_none(),
        ("multicluster.x-k8s.io", "ServiceImport") => true,
        _ => return Named::Strangely,
    };
    if sound && backend.get("port").is_some() { Named::Well } else { Named::Badly }
}

/// Whether every value that a header modifier writes can be sent: no control character but the tab.
fn has_sound_headers(filter: &Value) -> bool {
    ["requestHeaderModifier", "responseHeaderModifier"].iter().all(|modifier| {
        ["set", "add"].iter().flat_map(|list| items(&filter[modifier], list)).all(|header| {
            text(header, "value").chars().all(|one| one == '\t' || !one.is_ascii_control())
        })
    })
}

/// A route that counts for a request, and how specific the host is under which it does.
pub(super) type Counting<'a> = (&'a Route, usize);

impl Mesh {
    /// The routes that count when this service is called from this namespace.
    pub(super) fn attached(
        &self,
        host: &str,
        from: &str,
        port: u16,
    ) -> Result<Vec<Counting<'_>>, String> {
        let own = |route: &Route| fqdn("", &route.id.0) == host[host.find('.').unwrap_or(0)..];
        let attached = |consumer: bool| {
            self.routes.iter().filter(|route| route.is_converted(self)).filter(move |route| {
                let counts = if consumer { !own(route) && route.id.0 == from } else { own(route) };
                counts && route.parents_at(host).next().is_some()
            })
        };
        let consumer = attached(true).next().is_some();
        let (mut found, mut ports) = (Vec::new(), Vec::new());
        // Hostnames mean nothing at a Service.
        for route in attached(consumer) {
            let on_port = |parent: &&Parent| parent.port.is_none_or(|one| one == port);
            let parents = || route.parents_at(host).filter(on_port);
            ports.extend(parents().map(|parent| parent.port.is_some()));
            if parents().next().is_some() {
                found.push((route, 0));
            }
        }
        if ports.contains(&true) && ports.contains(&false) {
            return Err(format!("{host}: parentRefs with and without port"));
        }
        if found.iter().any(|(route, _)| route.grpc) && found.iter().any(|(route, _)| !route.grpc) {
            return Err(format!("{host}:{port}: HTTPRoute and GRPCRoute"));
        }
        Ok(found)
    }

    /// The routes of a Gateway that count for a host: those of the most specific hostname.
    pub(super) fn entries(&self, door: &Door<'_>) -> Vec<Counting<'_>> {
        // The Gateways are Istio's.
        let converted = self.routes.iter().filter(|route| route.is_converted(self));
        let attached = converted.filter(|route| {
            let mut parents = route.parents.iter();
            parents.any(|one| {
                one.is(GROUP, "Gateway")
                    && format!("{}/{}", one.namespace, one.name) == door.gateway
                    && one.port.is_none_or(|port| port == door.port)
                    && self.lets_in(door, GROUP, &route.id.0, &one.section)
            })
        });
        attached
            .filter_map(|route| {
                let ranks = route.hostnames.iter().filter_map(|one| host_rank(one, door.host));
                let any = route.hostnames.is_empty().then_some(0);
                Some((route, ranks.max().or(any)?))
            })
            .collect()
    }

    /// Whether a route may send requests to a Service of another namespace.
    fn granted(&self, route: &Route, target: &str) -> bool {
        let kind = if route.grpc { "GRPCRoute" } else { "HTTPRoute" };
        self.grants.iter().any(|grant| {
            namespace(grant) == target
                && items(&grant["spec"], "from")
                    .iter()
                    .any(|from| text(from, "kind") == kind && text(from, "namespace") == route.id.0)
                && items(&grant["spec"], "to")
                    .iter()
                    .any(|to| text(to, "kind") == "Service" && to.get("name").is_none())
        })
    }
}

/// Precedence, the greater first: host, path, method, headers, query parameters.
type Rank = (usize, u8, usize, usize, bool, usize, usize);

/// A request that a match holds for.
struct Held {
    rank: Rank,
    /// The prefix by which the path matched.
    prefix: Option<String>,
}

/// The answer of these routes, which are in the order that decides ties.
#[track_caller]
pub(super) fn answer(
    mesh: &Mesh,
    routes: &[Counting<'_>],
    request: &Request,
    enforce_grants: bool,
) -> Answer {
    let mut best: Option<(Held, &Route, &Value)> = None;
    for (route, host) in routes {
        for rule in &route.rules {
            let catch_all = [Value::Null];
            let matches = match items(rule, "matches") {
                [] => &catch_all,
                matches => matches,
            };
            for one in matches {
                let held =
                    if route.grpc { grpc_match(one, request) } else { http_match(one, request) };
                let Some(mut held) = held else { continue };
                held.rank.0 = *host;
                if best.as_ref().is_none_or(|(first, ..)| held.rank > first.rank) {
                    best = Some((held, route, rule));
                }
            }
        }
    }
    match best {
        None => Answer::NotFound,
        Some((held, route, rule)) => choose(mesh, route, rule, &held, request, enforce_grants),
    }
}

fn http_match(one: &Value, request: &Request) -> Option<Held> {
    only(one, "a match", &["path", "method", "headers", "queryParams"]);
    let path = &one["path"];
    only(path, "a path match", &["type", "value"]);
    let value = path["value"].as_str().unwrap_or("/");
    let kind = path["type"].as_str().unwrap_or("PathPrefix");
    let (holds, rank, prefix) = match kind {
        "Exact" => (request.path == value, 3, None),
        "PathPrefix" => {
            let trimmed = value.trim_end_matches('/');
            let rest = request.path.strip_prefix(trimmed);
            let holds = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
            (holds, 2, Some(trimmed.to_owned()))
        }
        "RegularExpression" => (full_match(value, &request.path), 1, None),
        other => panic!("a path match has the type {other}, which is not judged"),
    };
    let method = one.get("method").and_then(Value::as_str);
    let holds = holds
        && method.is_none_or(|method| method == request.method)
        && headers_match(one, request)
        && items(one, "queryParams").iter().all(|param| {
            let found = request.param_value(text(param, "name"));
            found.is_some_and(|found| value_match(param, found))
        });
    let rank = (
        0,
        rank,
        value.len(),
        0,
        method.is_some(),
        items(one, "headers").len(),
        items(one, "queryParams").len(),
    );
    holds.then_some(Held { rank, prefix })
}

/// A gRPC call of `Method` of `a.Service` is a POST for `/a.Service/Method`.
fn grpc_match(one: &Value, request: &Request) -> Option<Held> {
    only(one, "a match", &["method", "headers"]);
    let called = &one["method"];
    only(called, "a method match", &["type", "service", "method"]);
    let mut parts = request.path.trim_start_matches('/').splitn(2, '/');
    let (service, method) = (parts.next().unwrap_or(""), parts.next().unwrap_or(""));
    let holds = |field: &str, value: &str| {
        called[field].as_str().is_none_or(|wanted| {
            match called["type"].as_str().unwrap_or("Exact") {
                "Exact" => wanted == value,
                "RegularExpression" => full_match(wanted, value),
                other => panic!("a method match has the type {other}, which is not judged"),
            }
        })
    };
    // Istio makes paths of them, and ranks those: exact ones, then prefixes, then regular expressions, the
    // longer first; without a method last. See `createGRPCURIMatch`.
    let regex = called["type"] == "RegularExpression";
    let (service_text, method_text) = (text(called, "service"), text(called, "method"));
    let (kind, length) = match (called["service"].is_string(), called["method"].is_string()) {
        (false, false) => (0, 0),
        (true, true) if !regex => (3, 2 + service_text.len() + method_text.len()),
        (true, false) if !regex => (2, 2 + service_text.len()),
        (true, true) => (1, 2 + service_text.len() + method_text.len()),
        (true, false) => (1, 4 + service_text.len()),
        (false, true) => (1, "/[^/]+/".len() + method_text.len()),
    };
    let rank = (0, kind, length, 0, false, items(one, "headers").len(), 0);
    let holds = holds("service", service) && holds("method", method) && headers_match(one, request);
    holds.then_some(Held { rank, prefix: None })
}

fn headers_match(one: &Value, request: &Request) -> bool {
    items(one, "headers").iter().enumerate().all(|(index, header)| {
        let name = text(header, "name");
        // Of several entries with equivalent names only the first counts.
        let earlier = &items(one, "headers")[..index];
        earlier.iter().any(|earlier| text(earlier, "name").eq_ignore_ascii_case(name))
            || request.header_value(name).is_some_and(|found| value_match(header, &found))
    })
}

fn value_match(wanted: &Value, found: &str) -> bool {
    only(wanted, "a match of a value", &["type", "name", "value"]);
    match wanted["type"].as_str().unwrap_or("Exact") {
        "Exact" => text(wanted, "value") == found,
        "RegularExpression" => full_match(text(wanted, "value"), found),
        other => panic!("a match has the type {other}, which is not judged"),
    }
}

/// What a rule does with a request.
fn choose(
    mesh: &Mesh,
    route: &Route,
    rule: &Value,
    held: &Held,
    request: &Request,
    enforce_grants: bool,
) -> Answer {
    let known = ["name", "matches", "filters", "backendRefs", "timeouts", "retry"];
    only(rule, "a rule", &known);
    let mut effects = Effects::new();
    let mut redirect = false;
    for filter in items(rule, "filters") {
        redirect |= text(filter, "type") == "RequestRedirect";
        add_filter(&mut effects, mesh, route, filter, held, request);
    }
    for field in ["timeouts", "retry"] {
        if let Some(value) = rule.get(field) {
            effects.insert(field.to_owned(), value.clone());
        }
    }
    if redirect {
        return Answer::Direct(canonical(&effects));
    }
    let backends = items(rule, "backendRefs").iter().map(|backend| {
        let mut destination = backend_ref(mesh, route, backend);
        let target = backend["namespace"].as_str().unwrap_or(&route.id.0);
        if enforce_grants && target != route.id.0 && !mesh.granted(route, target) {
            destination.exists = false;
        }
        let mut own = Effects::new();
        for filter in items(backend, "filters") {
            add_filter(&mut own, mesh, route, filter, held, request);
        }
        if !own.is_empty() {
            destination.effects = canonical(&own);
        }
        (destination, backend.get("weight").map_or(1, number::<u64>))
    });
    Answer::Backends { destinations: shares(backends), effects: canonical(&effects) }
}

fn backend_ref(mesh: &Mesh, route: &Route, backend: &Value) -> Destination {
    let known = ["group", "kind", "name", "namespace", "port", "weight", "filters"];
    only(backend, "a backendRef", &known);
    let kind = backend["kind"].as_str().unwrap_or("Service");
    if (text(backend, "group"), kind) == ("networking.istio.io", "Hostname") {
        return mesh.destination(text(backend, "name"), number(&backend["port"]), None);
    }
    assert_eq!((text(backend, "group"), kind), ("", "Service"), "a backend that is not judged");
    let namespace = backend["namespace"].as_str().unwrap_or(&route.id.0);
    mesh.destination(&fqdn(text(backend, "name"), namespace), number(&backend["port"]), None)
}

/// Adds what a filter does. Two header modifiers do what one with both their lists does.
fn add_filter(
    effects: &mut Effects,
    mesh: &Mesh,
    route: &Route,
    filter: &Value,
    held: &Held,
    request: &Request,
) {
    let (kind, field) = match text(filter, "type") {
        "RequestHeaderModifier" => ("RequestHeaderModifier", "requestHeaderModifier"),
        "ResponseHeaderModifier" => ("ResponseHeaderModifier", "responseHeaderModifier"),
        "URLRewrite" => ("URLRewrite", "urlRewrite"),
        "RequestRedirect" => ("RequestRedirect", "requestRedirect"),
        "RequestMirror" => ("RequestMirror", "requestMirror"),
        "CORS" => ("CORS", "cors"),
        other => panic!("a filter has the type {other}, which is not judged"),
    };
    only(filter, "a filter", &["type", field]);
    let body = &filter[field];
    match kind {
        "RequestHeaderModifier" | "ResponseHeaderModifier" => {
            only(body, "a header modifier", &["set", "add", "remove"]);
            let mut change = |operation: &str, name: &str, value: &Value| {
                let key = format!("{kind}.{operation}.{}", name.to_ascii_lowercase());
                let earlier = effects.insert(key.clone(), value.clone());
                assert!(earlier.is_none(), "{key} twice");
            };
            for operation in ["set", "add"] {
                for header in items(body, operation) {
                    change(operation, text(header, "name"), &header["value"]);
                }
            }
            for header in items(body, "remove") {
                change("remove", header.as_str().unwrap_or_default(), &Value::Bool(true));
            }
        }
        "RequestMirror" => {
            only(body, "a mirror", &["backendRef", "percent", "fraction"]);
            let target = backend_ref(mesh, route, &body["backendRef"]);
            let key = format!("RequestMirror.{}.{}", target.host, target.port);
            effects.insert(key, json!([body["percent"], body["fraction"], target.exists]));
        }
        "URLRewrite" | "RequestRedirect" => {
            let earlier = effects.insert(kind.to_owned(), body.clone());
            assert!(earlier.is_none(), "{kind} twice");
            if let Some(path) = replaced(&body["path"], held, request) {
                effects.insert(format!("{kind}.path"), json!(path));
            }
        }
        _ => {
            effects.insert(kind.to_owned(), body.clone());
        }
    }
}

/// The path that a rewrite or a redirect leads to.
fn replaced(path: &Value, held: &Held, request: &Request) -> Option<String> {
    match path["type"].as_str()? {
        "ReplaceFullPath" => Some(text(path, "replaceFullPath").to_owned()),
        "ReplacePrefixMatch" => {
            let prefix = held.prefix.as_ref().expect("ReplacePrefixMatch needs a PathPrefix");
            let rest = request.path.strip_prefix(prefix.as_str()).expect("the prefix holds");
            let new = text(path, "replacePrefixMatch").trim_end_matches('/');
            let joined = format!("{new}{rest}");
            Some(if joined.is_empty() { "/".to_owned() } else { joined })
        }
        other => panic!("a path modifier has the type {other}, which is not judged"),
    }
}
