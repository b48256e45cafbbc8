//! HTTPRoute and GRPCRoute, as <https://gateway-api.sigs.k8s.io/reference/spec/> words it.
//!
//! All matches that hold are collected and sorted by the list of the specification, from the first
//! criterion to the last. Paths by regular expression are left out: their precedence is up to the
//! implementation.

use std::cmp::Reverse;
use std::collections::BTreeSet;

use arbitrary::Arbitrary;
use serde_json::{Value, json};

use crate::evaluator::{Call, Mesh};
use crate::world::{Ask, Method, Name, Path, Word, chosen, service};

#[derive(Debug, Clone, Arbitrary)]
struct Match {
    /// The path, and whether it must be exactly this one.
    path: Option<(Path, bool)>,
    method: Option<Method>,
    headers: Vec<(Name, Wanted)>,
    params: Vec<(Name, Wanted)>,
}

#[derive(Debug, Clone, Copy, Arbitrary)]
enum Wanted {
    Exact(Word),
    /// A regular expression: what begins with the word.
    Begins(Word),
}

impl Wanted {
    fn entry(self, name: &str) -> Value {
        match self {
            Self::Exact(word) => json!({"name": name, "value": word.text()}),
            Self::Begins(word) => json!({
                "type": "RegularExpression", "name": name, "value": format!("{}.*", word.text()),
            }),
        }
    }

    fn holds(self, found: Option<&str>) -> bool {
        match (self, found) {
            (_, None) => false,
            (Self::Exact(word), Some(found)) => found == word.text(),
            (Self::Begins(word), Some(found)) => found.starts_with(word.text()),
        }
    }
}

#[derive(Debug, Clone, Arbitrary)]
struct Route {
    /// Decides ties: the first by name wins.
    name: Name,
    rules: Vec<Vec<Match>>,
    /// In the caller's namespace and not in the service's.
    consumer: bool,
    host: Option<Host>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Arbitrary)]
enum Host {
    Exact,
    Other,
    Wildcard,
    ShortWildcard,
}

impl Host {
    fn text(self) -> &'static str {
        match self {
            Self::Exact => "a.shop.example",
            Self::Other => "b.shop.example",
            Self::Wildcard => "*.shop.example",
            Self::ShortWildcard => "*.example",
        }
    }
}

/// Where the host of a request ranks among the hostnames of routes; the smaller, the better.
fn host_order(host: Option<Host>) -> Option<usize> {
    match host {
        Some(Host::Exact) => Some(0),
        Some(Host::Wildcard) => Some(1),
        Some(Host::ShortWildcard) => Some(2),
        None => Some(3),
        Some(Host::Other) => None,
    }
}

#[derive(Debug, Arbitrary)]
pub(crate) struct Case {
    routes: Vec<Route>,
    grpc: bool,
    /// At a Gateway, and not at a Service.
    gateway: bool,
    ask: Ask,
    /// How the routes are shuffled for the second question.
    turn: u8,
}

impl Match {
    fn json(&self, grpc: bool, upper: bool) -> Value {
        let name = |name: Name| {
            if upper { name.text().to_uppercase() } else { name.text().to_owned() }
        };
        let mut one = json!({});
        let headers = distinct(&self.headers);
        if !headers.is_empty() {
            one["headers"] =
                headers.iter().map(|(header, wanted)| wanted.entry(&name(*header))).collect();
        }
        if grpc {
            if let Some((path, _)) = &self.path {
                let (service, method) = grpc_parts(&path.text());
                let mut wanted = json!({});
                if !service.is_empty() {
                    wanted["service"] = json!(service);
                }
                if !method.is_empty() {
                    wanted["method"] = json!(method);
                }
                one["method"] = wanted;
            }
            return one;
        }
        if let Some((path, exact)) = &self.path {
            let kind = if *exact { "Exact" } else { "PathPrefix" };
            one["path"] = json!({"type": kind, "value": path.text()});
        }
        if let Some(method) = self.method {
            one["method"] = json!(method.text());
        }
        let params = distinct(&self.params);
        if !params.is_empty() {
            one["queryParams"] =
                params.iter().map(|(param, wanted)| wanted.entry(param.text())).collect();
        }
        one
    }

    /// "Proxy or Load Balancer routing configuration generated from HTTPRoutes MUST prioritize
    /// matches based on the following criteria, continuing on ties": none where it does not hold.
    fn order(&self, ask: &Ask, grpc: bool) -> Option<impl Ord + use<>> {
        let headers = distinct(&self.headers);
        let params = distinct(&self.params);
        let held = headers.iter().all(|(name, wanted)| wanted.holds(ask.header(*name).as_deref()));
        if grpc {
            let (service, method) = grpc_parts(&ask.path.text());
            let (wanted_service, wanted_method) = match &self.path {
                Some((path, _)) => grpc_parts(&path.text()),
                None => Default::default(),
            };
            let same = |wanted: &str, found: &str| wanted.is_empty() || wanted == found;
            let holds = held && same(&wanted_service, &service) && same(&wanted_method, &method);
            let characters = (Reverse(wanted_service.len()), Reverse(wanted_method.len()));
            let order = (false, characters.0, characters.1, Reverse(headers.len()), Reverse(0));
            return holds.then_some(order);
        }
        let (path, exact) = match &self.path {
            Some((path, exact)) => (path.text(), *exact),
            None => ("/".to_owned(), false),
        };
        let asked = ask.path.text();
        let path_holds = if exact { asked == path } else { has_prefix(&asked, &path) };
        let holds = held
            && path_holds
            && (self.method.is_none() || self.method == Some(ask.method))
            && params.iter().all(|(name, wanted)| wanted.holds(ask.param(*name)));
        // "Exact" first, then the longest prefix, a method, the most headers, the most parameters.
        holds.then_some((
            !exact,
            Reverse(path.len()),
            Reverse(usize::from(self.method.is_some())),
            Reverse(headers.len()),
            Reverse(params.len()),
        ))
    }
}

/// The first entry of each name: a list of matches is a map by name.
fn distinct(entries: &[(Name, Wanted)]) -> Vec<(Name, Wanted)> {
    let mut seen = BTreeSet::new();
    entries.iter().filter(|(name, _)| seen.insert(*name)).copied().collect()
}

/// "Matches based on a URL path prefix split by `/`. Matching is case-sensitive and done on a path
/// element by element basis", a trailing slash of the prefix ignored.
fn has_prefix(path: &str, prefix: &str) -> bool {
    let elements = |text: &str| -> Vec<String> {
        text.trim_matches('/')
            .split('/')
            .filter(|part| !part.is_empty())
            .map(str::to_owned)
            .collect()
    };
    elements(path).starts_with(&elements(prefix))
}

/// Service and method of a gRPC call.
fn grpc_parts(path: &str) -> (String, String) {
    let rest = &path[1..];
    let (service, method) = rest.split_once('/').unwrap_or((rest, ""));
    (service.to_owned(), method.to_owned())
}

impl Case {
    /// The routes that one route is of a name: a second one could not exist in a cluster.
    fn routes(&self) -> Vec<&Route> {
        let mut seen = BTreeSet::new();
        let key = |route: &&Route| (!self.gateway && route.consumer, route.name);
        self.routes.iter().filter(|route| seen.insert(key(route))).take(6).collect()
    }

    fn objects(&self, upper: bool) -> Vec<Value> {
        let kind = if self.grpc { "GRPCRoute" } else { "HTTPRoute" };
        let routes = self.routes();
        let mut objects: Vec<Value> = routes
            .iter()
            .enumerate()
            .map(|(index, route)| {
                let rules = route.rules.iter().enumerate().map(|(rule, matches)| {
                    let backend = format!("r{index}-{rule}");
                    let mut value =
                        json!({"backendRefs": [{"name": backend, "namespace": "shop", "port": 80}]});
                    if !matches.is_empty() {
                        value["matches"] =
                            matches.iter().map(|one| one.json(self.grpc, upper)).collect();
                    }
                    value
                });
                let parent = if self.gateway {
                    json!({"name": "entry", "namespace": "shop"})
                } else {
                    json!({"group": "", "kind": "Service", "name": "cart", "namespace": "shop"})
                };
                let mut spec = json!({"parentRefs": [parent], "rules": rules.collect::<Value>()});
                if let (true, Some(host)) = (self.gateway, route.host) {
                    spec["hostnames"] = json!([host.text()]);
                }
                let consumer = !self.gateway && route.consumer;
                json!({
                    "apiVersion": "gateway.networking.k8s.io/v1", "kind": kind,
                    "metadata": {
                        "name": route.name.text(),
                        "namespace": if consumer { "caller" } else { "shop" },
                    },
                    "spec": spec,
                })
            })
            .collect();
        objects.push(service("cart", "shop"));
        objects
    }

    fn ask(&self, objects: &[Value], upper: bool) -> Option<String> {
        let mesh = Mesh::new(objects);
        let request = self.ask.request(upper);
        if self.gateway {
            return chosen(&mesh.enter("shop/entry", "a.shop.example", &request));
        }
        let host = "cart.shop".to_owned();
        let call = Call { from: "caller".to_owned(), host, port: 80, request };
        let answer = mesh.call(&call).normal();
        let rule = chosen(&answer);
        // Without any route the service itself answers.
        rule.filter(|rule| rule != "cart")
    }

    /// The rule that the specification gives the request.
    fn expected(&self) -> Option<String> {
        let routes = self.routes();
        let own = routes.iter().any(|route| !self.gateway && route.consumer);
        let mut holding = Vec::new();
        for (index, route) in routes.iter().enumerate() {
            // GEP-1294: a caller's own routes replace those of the service.
            if !self.gateway && route.consumer != own {
                continue;
            }
            let Some(host) = (if self.gateway { host_order(route.host) } else { Some(0) }) else {
                continue;
            };
            for (rule, matches) in route.rules.iter().enumerate() {
                let all = Match { path: None, method: None, headers: vec![], params: vec![] };
                let all = [all];
                let matches = if matches.is_empty() { &all[..] } else { matches };
                for one in matches {
                    if let Some(order) = one.order(&self.ask, self.grpc) {
                        holding.push(((host, order, route.name, rule), format!("r{index}-{rule}")));
                    }
                }
            }
        }
        holding.into_iter().min_by(|(a, _), (b, _)| a.cmp(b)).map(|(_, rule)| rule)
    }

    /// Whether the API server takes the routes: the CRDs of the Gateway API say how long their lists may be.
    fn is_admitted(&self) -> bool {
        self.routes().iter().all(|route| {
            let mut all = route.rules.iter().flatten();
            route.rules.len() <= 16
                && route.rules.iter().all(|matches| matches.len() <= 64)
                && route.rules.iter().map(Vec::len).sum::<usize>() <= 128
                && all.all(|one| one.headers.len() <= 16 && one.params.len() <= 16)
        })
    }

    pub(crate) fn check(&self) {
        if !self.is_admitted() {
            return;
        }
        let mut objects = self.objects(false);
        let answer = self.ask(&objects, false);
        assert_eq!(answer, self.expected(), "by the specification");
        assert_eq!(answer, self.ask(&objects, true), "names of headers have no case");
        assert_eq!(answer, self.ask(&self.objects(true), false), "names of headers have no case");
        let turn = usize::from(self.turn) % objects.len();
        objects.rotate_left(turn);
        assert_eq!(answer, self.ask(&objects, false), "the order of objects does not count");
    }
}
