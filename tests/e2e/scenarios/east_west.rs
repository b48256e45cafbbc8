//! Calls between services, through the sidecars of several pods: the pod that answers is the one that
//! the evaluator of routes predicts.

use std::collections::BTreeMap;

use crate::books::{BASELINE, Books};
use crate::dice::Dice;
use crate::evaluator::{Answer, Call, Mesh, Request};
use crate::judge::agree;
use crate::lab::{Outcome, wait};
use crate::traffic::{Endpoints, Envoy, Pod, Probe, Question, SETTLING, Told, endpoints};

/// Requests per caller.
const REQUESTS: usize = 2500;

/// The previews of the routing scenarios, with names that begin alike.
pub(super) const PREVIEWS: [(&str, &[&str]); 6] = [
    ("pr-4", &["picks"]),
    ("pr-42", &["catalog", "basket"]),
    ("pr-421", &["pricing"]),
    ("pr-5", &["search"]),
    ("pr-6", &["search-next", "stock"]),
    ("pr-7", &["checkout"]),
];

/// What a service can be asked for.
struct Target {
    service: &'static str,
    port: u16,
    grpc: bool,
    /// How it is routed, for the figures.
    kind: &'static str,
    paths: &'static [&'static str],
}

const fn http(service: &'static str, kind: &'static str, paths: &'static [&'static str]) -> Target {
    Target { service, port: 8080, grpc: false, kind, paths }
}

const fn grpc(service: &'static str, kind: &'static str, paths: &'static [&'static str]) -> Target {
    Target { service, port: 50051, grpc: true, kind, paths }
}

const TARGETS: [Target; 7] = [
    http(
        "catalog",
        "HTTPRoute with a rewrite",
        &[
            "/",
            "/v1/books",
            "/v1/books/7",
            "/v1/booksellers",
            "/v1/export",
            "/v1/export/all",
            "/v2",
        ],
    ),
    http(
        "basket",
        "VirtualService with a rewrite",
        &["/", "/cart", "/cart/", "/cart/7", "/basket"],
    ),
    http("checkout", "no routes", &["/", "/pay", "/pay/now"]),
    http(
        "search",
        "HTTPRoute with weights",
        &["/", "/find", "/find/it", "/old", "/old/x", "/gone"],
    ),
    http("stock", "VirtualService with weights", &["/", "/stock", "/stock/7", "/other"]),
    grpc(
        "pricing",
        "GRPCRoute with a filter",
        &[
            "/books.pricing.v1.Pricing/Quote",
            "/books.pricing.v1.Pricing/List",
            "/other.v1.Other/Get",
        ],
    ),
    grpc(
        "picks",
        "gRPC without routes",
        &["/books.picks.v1.Picks/Get", "/books.picks.v1.Picks/Put"],
    ),
];

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    deliver(books)?;
    let mesh = books.mesh()?;
    let callers = [
        (BASELINE, "storefront"),
        (BASELINE, "checkout"),
        ("pr-42", "catalog"),
        ("pr-7", "checkout"),
    ];
    let mut figures = BTreeMap::new();
    let mut total = 0;
    for (number, (namespace, app)) in callers.into_iter().enumerate() {
        let mut caller = Caller::new(namespace, app, &mesh)?;
        caller.settle()?;
        let mut dice = Dice(number as u64);
        for _ in 0..REQUESTS {
            let target = &TARGETS[dice.roll(TARGETS.len())];
            let request = random_request(&mut dice, target);
            let host = caller.random_host(&mut dice, target);
            caller.check(target, &host, &request)?;
            *figures.entry(target.kind).or_insert(0) += 1;
            total += 1;
        }
    }
    let figures: Vec<String> =
        figures.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    Ok(format!(
        "{total} random requests from {} sidecars in 3 namespaces, 0 disagreements with the evaluator ({})",
        callers.len(),
        figures.join(", ")
    ))
}

/// Delivers the previews of the routing scenarios.
pub(super) fn deliver(books: &mut Books) -> Outcome {
    for (preview, services) in PREVIEWS {
        books.set(preview, services)?;
    }
    books.deliver(&PREVIEWS.map(|(preview, _)| preview))
}

/// A pod with its proxy.
struct Caller<'a> {
    pod: Pod,
    probe: Probe,
    mesh: &'a Mesh,
    endpoints: Endpoints,
    _envoy: Envoy,
}

impl<'a> Caller<'a> {
    fn new(namespace: &str, app: &str, mesh: &'a Mesh) -> Outcome<Self> {
        let pod = Pod::of(namespace, &format!("app.kubernetes.io/name={app}"))?;
        let mut probe = Probe::new()?;
        let envoy = Envoy::sidecar(&pod, &mut probe)?;
        Ok(Self { pod, probe, mesh, endpoints: endpoints()?, _envoy: envoy })
    }

    /// Waits until the proxy has heard of every service and preview.
    fn settle(&mut self) -> Outcome {
        for target in &TARGETS {
            for preview in ["none"].into_iter().chain(PREVIEWS.map(|(preview, _)| preview)) {
                let request = Request::new("POST", target.paths[0]).header("x-preview-id", preview);
                let host = format!("{}.{BASELINE}", target.service);
                let what = format!("{host} for {preview} from {}", self.pod.name);
                wait(&what, SETTLING, || self.check(target, &host, &request))?;
            }
        }
        Ok(())
    }

    /// A spelling of a service's host. Inside a preview the short name is that of a copy or of an
    /// alias, where there is one.
    fn random_host(&self, dice: &mut Dice, target: &Target) -> String {
        let service = target.service;
        let spellings = [
            format!("{service}.{BASELINE}"),
            format!("{service}.{BASELINE}.svc.cluster.local"),
            service.to_owned(),
        ];
        let short = Request::new("GET", "/");
        let short = self.predict(service, target.port, &short);
        let known = !matches!(short, Answer::Failed(_));
        spellings[dice.roll(if known { 3 } else { 2 })].clone()
    }

    fn predict(&self, host: &str, port: u16, request: &Request) -> Answer {
        let (from, host) = (self.pod.namespace.clone(), host.to_owned());
        self.mesh.call(&Call { from, host, port, request: request.clone() })
    }

    /// One request, and whether the right pod answered.
    fn check(&mut self, target: &Target, host: &str, request: &Request) -> Outcome {
        let Target { port, grpc, .. } = *target;
        let predicted = self.predict(host, port, request);
        let authority = format!("{host}:{port}");
        let question = Question::new(&format!("127.0.0.1:{port}"), &authority, request, grpc);
        let told: Told = self.probe.ask(&question)?;
        agree(&predicted, &question, &told, &self.endpoints).map_err(|error| {
            format!(
                "{}/{} asks {authority} {request:?}: {error}; predicted {predicted:?}",
                self.pod.namespace, self.pod.name
            )
        })
    }
}

/// A request over the alphabet of the shop's routes, with a key, a near miss, or neither.
fn random_request(dice: &mut Dice, target: &Target) -> Request {
    let method = if target.grpc { "POST" } else { dice.pick(&["GET", "POST"]) };
    let mut request = Request::new(method, dice.pick(target.paths));
    if !target.grpc {
        for (name, value) in [("beta", "1"), ("v", "2"), ("beta", "12")] {
            if dice.one_in(5) {
                request = request.param(name, value);
                break;
            }
        }
    }
    for (name, value) in
        [("x-tenant", "a"), ("x-tenant", "abc"), ("x-tenant", "d"), ("x-debug", "1")]
    {
        if dice.one_in(6) {
            request = request.header(name, value);
            break;
        }
    }
    let (preview, _) = PREVIEWS[dice.roll(PREVIEWS.len())];
    let (name, value) = match dice.roll(12) {
        0..=2 => return request,
        3..=5 => ("x-preview-id", preview.to_owned()),
        6 => ("X-Preview-ID", preview.to_owned()),
        7 => ("baggage", format!("preview={preview}")),
        8 => ("baggage", format!("a=1, preview = {preview} ;ttl=3,b=2")),
        9 => (
            "x-preview-id",
            dice.pick(&["pr-4x", "PR-42", "xpr-4", "pr-", "pr-4,pr-42", "pr-9"]).to_owned(),
        ),
        10 => ("baggage", format!("xpreview={preview},a=preview={preview}")),
        _ => ("baggage", format!("Preview={preview},preview={preview}x,preview=pr%2D4")),
    };
    // gRPC's metadata has lower-case keys.
    let name = if target.grpc { name.to_lowercase() } else { name.to_owned() };
    request.header(&name, &value)
}
