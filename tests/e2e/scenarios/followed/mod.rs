//! Routes as the mesh follows them, where they are easily misread. Each fact stands here in plain words,
//! and the evaluator of routes has to predict it too.

mod outside;

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::books::{Books, documents};
use crate::evaluator::{Call, Mesh, Request, fqdn};
use crate::judge::agree;
use crate::lab::{
    Outcome, PATIENCE, anabranch, apply, ensure, kubectl, run as program, scratch, wait,
};
use crate::traffic::{Endpoints, Envoy, Pod, Probe, Question, SETTLING, endpoints};

const BASELINE: &str = "inn";
/// Istio has a kind of that name too.
const GATEWAYS: &str = "gateways.gateway.networking.k8s.io";
const HEADLESS: [&str; 2] = ["rooms", "cellar"];
/// Where the client of a headless Service says which address it looked up: what iptables would tell.
const LOOKED_UP: &str = "x-envoy-original-dst-host";

/// A call of a service: whom it has to reach, by the namespace.
struct Fact {
    host: &'static str,
    path: &'static str,
    /// The preview whose key the call carries; empty: none.
    key: &'static str,
    reaches: &'static str,
}

const fn fact(
    host: &'static str,
    path: &'static str,
    key: &'static str,
    reaches: &'static str,
) -> Fact {
    Fact { host, path, key, reaches }
}

/// Without a key, before there is a preview and after.
const KEYLESS: [Fact; 17] = [
    // The mesh ignores menu's route for /menu: there is no 404.
    fact("menu", "/", "", BASELINE),
    fact("menu", "/menu", "", BASELINE),
    fact("menu.inn", "/other", "pr-nobody", BASELINE),
    fact("rooms", "/", "", BASELINE),
    fact("cellar", "/", "", BASELINE),
    fact("rooms.inn", "/", "pr-nobody", BASELINE),
    fact("bills", "/old/1", "", BASELINE),
    fact("bills.inn", "/old/1", "", BASELINE),
    fact("bills.inn.svc.cluster.local", "/old/1", "", BASELINE),
    fact("bills.inn", "/", "", BASELINE),
    fact("guide", "/", "", BASELINE),
    fact("guide.inn.svc.cluster.local", "/", "", BASELINE),
    fact("guide.inn", "/", "", BASELINE),
    // Nor of post, whose route is dropped for one header.
    fact("post", "/", "", BASELINE),
    fact("post", "/letters", "", BASELINE),
    fact("attic", "/", "", BASELINE),
    fact("attic", "/trunk", "", BASELINE),
];

const KEYED: [Fact; 15] = [
    fact("menu", "/", "pr-90", "pr-90"),
    fact("menu", "/menu", "pr-90", "pr-90"),
    fact("rooms", "/", "pr-90", "pr-90"),
    fact("cellar", "/", "pr-90", "pr-90"),
    fact("bills", "/old/1", "pr-91", "pr-91"),
    fact("bills.inn", "/", "pr-91", "pr-91"),
    fact("bills.inn.svc.cluster.local", "/old/1", "pr-91", "pr-91"),
    fact("bills", "/", "pr-90", BASELINE),
    fact("guide", "/", "pr-91", "pr-91"),
    fact("guide.inn.svc.cluster.local", "/", "pr-91", "pr-91"),
    fact("guide.inn", "/", "pr-91", "pr-91"),
    fact("post", "/", "pr-90", "pr-90"),
    fact("post", "/letters", "pr-90", "pr-90"),
    fact("attic", "/", "pr-91", "pr-91"),
    fact("attic", "/trunk", "pr-91", "pr-91"),
];

/// From a pod of a preview: short names are its own copies and its aliases.
const INSIDE: [Fact; 7] = [
    fact("bills", "/", "", "pr-91"),
    fact("bills", "/old/1", "pr-91", "pr-91"),
    fact("bills.inn", "/old/1", "", BASELINE),
    fact("menu", "/menu", "", BASELINE),
    fact("menu", "/menu", "pr-90", "pr-90"),
    fact("attic", "/trunk", "", "pr-91"),
    fact("post", "/letters", "pr-90", "pr-90"),
];

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    let refused = refused_by_the_webhook()?;
    let (baseline, stream) = render()?;
    apply(&baseline)?;
    available(&[BASELINE])?;
    // Not `apply`: istiod warns of every EnvoyFilter.
    program(
        Command::new("kubectl").args(["apply", "-f", "-"]),
        &looked_up_addresses().to_string(),
    )?;
    let mut asked = 0;
    {
        let mut caller = Caller::new(BASELINE, "caller", &baseline)?;
        asked += caller.expect(&KEYLESS)?;
        // istiod's webhook and the API server take every object.
        apply(&stream)?;
        available(&["pr-90", "pr-91"])?;
        caller.learn(&stream)?;
        asked += caller.expect(&KEYED)? + caller.expect(&KEYLESS)?;
    }
    asked += Caller::new("pr-91", "bills", &stream)?.expect(&INSIDE)?;
    let entered = outside::expect(&stream)?;
    kubectl(&["-n", "infra", "delete", GATEWAYS, "inn-public", "inn-internal"])?;
    kubectl(&[
        "delete",
        "--ignore-not-found",
        "--timeout=90s",
        "namespaces",
        "inn",
        "pr-90",
        "pr-91",
    ])?;
    Ok(format!(
        "{asked} calls and {entered} requests from outside, each answered as expected and as the evaluator predicts: beside a route that the mesh \
         ignores and one that it drops, under two parentRefs, of headless services, under three spellings in one VirtualService, beside an internal Gateway, \
         and through a redirect, which leads to a preview's host; istiod's webhook takes \
         every object that is written, and refuses what it should ({refused})"
    ))
}

/// Renders the inn: its baseline, and all objects as one stream.
fn render() -> Outcome<(String, String)> {
    let folder = scratch("followed");
    let baseline = include_str!("baseline.yaml");
    let files = [("baseline.yaml", baseline), ("previews.yaml", include_str!("previews.yaml"))];
    for (name, text) in files {
        fs::write(folder.join(name), text).map_err(|error| error.to_string())?;
    }
    let stream = anabranch(&folder, &["render", "--baseline", "baseline.yaml"])?;
    Ok((baseline.to_owned(), stream))
}

/// The API server asks istiod about every object of Istio's: two hosts that meet are refused.
fn refused_by_the_webhook() -> Outcome<String> {
    let invalid = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
        "metadata": {"name": "invalid", "namespace": "default"},
        "spec": {"hosts": ["a.example.com", "*.example.com"], "http": [{"redirect": {"uri": "/"}}]},
    });
    let Err(words) = apply(&invalid.to_string()) else {
        return Err("a VirtualService with hosts that meet was taken: no webhook".to_owned());
    };
    let said = words.split_once("validation.istio.io").map(|(_, said)| said.to_owned());
    let said = said.ok_or_else(|| format!("not the webhook refused it: {words}"))?;
    ensure(said.contains("duplicate hosts"), || format!("refused for another reason: {said}"))?;
    Ok(said
        .split_once("denied the request: ")
        .map_or(said.trim(), |(_, why)| why.trim())
        .to_owned())
}

/// A sidecar learns from iptables which address its client looked up. There is no iptables here: a
/// header says it.
fn looked_up_addresses() -> Value {
    let patch = |service: &str| {
        json!({
            "applyTo": "CLUSTER",
            "match": {"context": "SIDECAR_OUTBOUND", "cluster": {"service": fqdn(service, BASELINE)}},
            "patch": {"operation": "MERGE", "value": {"original_dst_lb_config": {"use_http_header": true}}},
        })
    };
    json!({
        "apiVersion": "networking.istio.io/v1alpha3", "kind": "EnvoyFilter",
        "metadata": {"name": "looked-up", "namespace": BASELINE},
        "spec": {"configPatches": HEADLESS.map(patch)},
    })
}

fn available(namespaces: &[&str]) -> Outcome {
    namespaces.iter().try_for_each(|namespace| {
        let wanted = ["--for=condition=Available", "--timeout=1s", "deployments", "--all"];
        let arguments = [&["-n", namespace, "wait"][..], &wanted].concat();
        wait(namespace, PATIENCE, || kubectl(&arguments).map(drop))
    })
}

/// A pod with its proxy, and what there is to know.
struct Caller {
    namespace: &'static str,
    probe: Probe,
    mesh: Mesh,
    endpoints: Endpoints,
    _envoy: Envoy,
}

impl Caller {
    fn new(namespace: &'static str, app: &str, objects: &str) -> Outcome<Self> {
        let pod = Pod::of(namespace, &format!("app={app}"))?;
        let mut probe = Probe::new()?;
        let envoy = Envoy::sidecar(&pod, &mut probe)?;
        let mesh = Mesh::new(&documents(objects));
        Ok(Self { namespace, probe, mesh, endpoints: endpoints()?, _envoy: envoy })
    }

    fn learn(&mut self, objects: &str) -> Outcome {
        self.mesh = Mesh::new(&documents(objects));
        self.endpoints = endpoints()?;
        Ok(())
    }

    /// Waits until the proxy has heard of everything, and returns how many calls were right.
    fn expect(&mut self, facts: &[Fact]) -> Outcome<usize> {
        for one in facts {
            let what =
                format!("{}{} with `{}` from {}", one.host, one.path, one.key, self.namespace);
            wait(&what, SETTLING, || self.check(one))?;
        }
        // Once more, now that nothing changes any longer.
        facts.iter().try_for_each(|one| self.check(one))?;
        Ok(facts.len())
    }

    fn check(&mut self, one: &Fact) -> Outcome {
        let mut request = Request::new("GET", one.path);
        if !one.key.is_empty() {
            request = request.header("x-preview-id", one.key);
        }
        let (from, host) = (self.namespace.to_owned(), one.host.to_owned());
        let predicted = self.mesh.call(&Call { from, host, port: 8080, request: request.clone() });
        let service = one.host.split('.').next().unwrap_or_default();
        if HEADLESS.contains(&service) {
            let pods = self.endpoints.get(&fqdn(service, BASELINE));
            let pod = pods.and_then(|pods| pods.first()).ok_or("the baseline has no pod")?;
            request = request.header(LOOKED_UP, &format!("{pod}:8080"));
        }
        let authority = format!("{}:8080", one.host);
        let question = Question::new("127.0.0.1:8080", &authority, &request, false);
        let told = self.probe.ask(&question)?;
        let wrong = |error| format!("{error}; predicted {predicted:?}");
        agree(&predicted, &question, &told, &self.endpoints).map_err(wrong)?;
        let echo = told.echo()?;
        let pods = self.endpoints.get(&fqdn(service, one.reaches));
        ensure(pods.is_some_and(|pods| pods.contains(&echo.pod)), || {
            wrong(format!("{} answered instead of {service} in {}", echo.pod, one.reaches))
        })
    }
}
