//! What many previews of one service cost: objects, route tables, and requests through a real Envoy.
//!
//! Every figure of docs/scale.md is of one run. Latencies are compared with requests to a service
//! without routes through the same Envoy at the same time, so that a busy machine shows in both.

mod aliases;
mod report;
mod wide;

use std::thread;
use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::books::Books;
use crate::evaluator::Request;
use crate::lab::{Outcome, apply, ensure, kubectl, stream, wait};
use crate::traffic::{ADMIN, Envoy, Pod, Probe, Question};
use wide::{BASELINE, Objects, Shape};

const PREVIEWS: [usize; 4] = [0, 10, 100, 1_000];
/// Requests of a kind come in rounds with those of all other kinds in between.
const ROUNDS: usize = 30;
const EACH_ROUND: usize = 100;
/// How long to wait for calm, per preview.
const CALM: Duration = Duration::from_millis(15);
/// Until istiod has told a change.
const HEARD: Duration = Duration::from_secs(2);
const PATIENCE: Duration = Duration::from_secs(120);
/// Baggage as instrumentation sends it, without a word of previews.
const FOREIGN: &str = "userId=alice,serverNode=DF%2028,isProduction=false";

/// What was measured with so many previews in one shape.
struct Step {
    previews: usize,
    shape: Shape,
    /// Objects of all previews together, and their bytes as compact JSON.
    objects: (usize, usize),
    /// The largest object that routes: as the program writes it, and as the API server keeps it.
    largest: (usize, usize),
    /// From the API server's answer to the last preview's route until the sidecar follows it.
    follows: Option<Duration>,
    proxy: Proxy,
    requests: Vec<(&'static str, Latency)>,
}

/// A sidecar as its own pages tell.
struct Proxy {
    routes: usize,
    route_bytes: usize,
    clusters: usize,
    cluster_bytes: usize,
    memory: u64,
    /// By how many names it knows the service without routes.
    names: usize,
}

#[derive(Clone, Copy)]
struct Latency {
    median: f64,
    p99: f64,
}

/// Everything, for the report.
struct Figures {
    aliases: Vec<aliases::Cost>,
    steps: Vec<Step>,
    /// The sidecar of a caller that names the one service which it calls, with most previews.
    scoped: Vec<(&'static str, Proxy)>,
    /// How many previews one VirtualService holds, by its keys, and what the API server said to more.
    limits: Vec<(Shape, usize, String)>,
}

pub(crate) fn run(_: &mut Books) -> Outcome<String> {
    let mut probe = Probe::new()?;
    let first = Objects::of(&wide::render(0, Shape::ALL[0])?);
    wide::apply_all(&first.baseline)?;
    let pod = Pod::of(BASELINE, "app=caller")?;
    Pod::of(BASELINE, "app=web")?;
    Pod::of(BASELINE, "app=plain")?;
    let aliases = aliases::measure(&pod, &mut probe)?;
    let mut steps = Vec::new();
    let mut scoped = Vec::new();
    let mut there = 0;
    for previews in PREVIEWS {
        let all = Objects::of(&wide::render(previews, Shape::ALL[0])?);
        let mut fresh = all.of_previews(there..previews);
        fresh.extend(wide::endpoints(there..previews));
        wide::apply_all(&fresh)?;
        there = previews;
        for shape in Shape::ALL {
            let step = step(previews, shape, &pod, &mut probe)?;
            if previews == PREVIEWS[3] && shape == Shape::ALL[0] {
                for service in ["plain", "web"] {
                    let hosts = format!("./{service}.{BASELINE}.svc.cluster.local");
                    let fewer = fewer_clusters(step.proxy.clusters);
                    let proxy = restricted(&hosts, service, &pod, &mut probe, fewer)?;
                    scoped.push((service, proxy));
                }
            }
            steps.push(step);
            wide::remove_routes()?;
        }
    }
    let limits = limits()?;
    let figures = Figures { aliases, steps, scoped, limits };
    report::write(&figures)?;
    Ok("docs/scale.md is written".to_owned())
}

fn step(previews: usize, shape: Shape, pod: &Pod, probe: &mut Probe) -> Outcome<Step> {
    let all = Objects::of(&wide::render(previews, shape)?);
    let (before, last) = match shape.virtual_service {
        // All but the last preview, and then all: one object that is replaced.
        true if previews > 0 => {
            (Objects::of(&wide::render(previews - 1, shape)?).routes, all.routes.clone())
        }
        true => (all.routes.clone(), Vec::new()),
        false => {
            let (before, last) = all.routes.split_at(previews.saturating_sub(1));
            (before.to_vec(), last.to_vec())
        }
    };
    wide::apply_all(&before)?;
    let envoy = Envoy::sidecar(pod, probe)?;
    wait("the caller's listener", PATIENCE, || {
        let told = probe.ask(&question("plain", &[]))?;
        told.echo().map(drop)
    })?;
    if previews > 1 {
        reaches(previews - 2, probe)?;
    }
    let mut follows = None;
    if previews > 0 {
        apply(&stream(&last))?;
        let start = Instant::now();
        reaches(previews - 1, probe)?;
        follows = Some(start.elapsed());
        reaches(0, probe)?;
    }
    let largest = all.routes.iter().map(|route| route.to_string().len()).max();
    let kept = all.routes.iter().max_by_key(|route| route.to_string().len());
    let kept = kept.map_or(Ok(0), stored)?;
    // The API server and its controllers are still busy with what was applied.
    thread::sleep(CALM * u32::try_from(previews).unwrap_or(0));
    let requests = latencies(previews, shape, probe)?;
    let routed = if shape.virtual_service {
        all.routes.iter().map(|route| route.to_string().len()).sum()
    } else {
        0
    };
    let step = Step {
        previews,
        shape,
        objects: (all.count, all.bytes + routed),
        largest: (largest.unwrap_or(0), kept),
        follows,
        proxy: look(probe)?,
        requests,
    };
    drop(envoy);
    Ok(step)
}

/// The size of an object in the API server, with what it adds.
fn stored(route: &Value) -> Outcome<usize> {
    let name = route["metadata"]["name"].as_str().unwrap_or_default();
    let (group, plural) = match route["kind"].as_str() {
        Some("VirtualService") => ("networking.istio.io", "virtualservices"),
        _ => ("gateway.networking.k8s.io", "httproutes"),
    };
    let path = format!("/apis/{group}/v1/namespaces/{BASELINE}/{plural}/{name}");
    Ok(kubectl(&["get", "--raw", &path])?.len())
}

/// A request of the caller for a service, with these headers.
fn question(service: &str, headers: &[(&str, &str)]) -> Question {
    let start = Request::new("GET", "/");
    let request = headers.iter().fold(start, |request, (name, value)| request.header(name, value));
    Question::new("127.0.0.1:8080", &format!("{service}:8080"), &request, false)
}

/// Waits until the key of a preview reaches its copy.
fn reaches(number: usize, probe: &mut Probe) -> Outcome {
    let name = wide::name(number);
    let asked = question("web", &[("x-preview-id", &name)]);
    let start = Instant::now();
    loop {
        let pod = probe.ask(&asked)?.echo().map(|echo| echo.pod);
        match pod {
            Ok(pod) if pod == wide::address(number) => return Ok(()),
            other if start.elapsed() > PATIENCE => {
                return Err(format!("{name} was answered by {other:?}"));
            }
            _ => thread::sleep(Duration::from_millis(5)),
        }
    }
}

/// Asks in all ways, in turns.
fn latencies(
    previews: usize,
    shape: Shape,
    probe: &mut Probe,
) -> Outcome<Vec<(&'static str, Latency)>> {
    let (first, last) = (wide::name(0), wide::name(previews.saturating_sub(1)));
    let member = |name: &str| format!("{FOREIGN},preview={name}");
    let (early, late) = (member(&first), member(&last));
    let mut ways: Vec<(&'static str, Question)> = vec![
        (report::PLAIN, question("plain", &[])),
        ("no key", question("web", &[])),
        ("foreign baggage", question("web", &[("baggage", FOREIGN)])),
        ("a key that nobody has", question("web", &[("x-preview-id", "pr-nobody")])),
    ];
    if previews > 0 {
        ways.push(("first key, header", question("web", &[("x-preview-id", &first)])));
        ways.push(("last key, header", question("web", &[("x-preview-id", &last)])));
    }
    if previews > 0 && shape.baggage {
        ways.push(("first key, baggage", question("web", &[("baggage", &early)])));
        ways.push(("last key, baggage", question("web", &[("baggage", &late)])));
    }
    let mut nanos = vec![Vec::new(); ways.len()];
    for round in 0..=ROUNDS {
        for ((way, asked), nanos) in ways.iter().zip(&mut nanos) {
            let told = probe.ask(&asked.clone().again(EACH_ROUND))?;
            let pod = told.echo()?.pod;
            let wanted = match *way {
                way if way.starts_with("first") => Some(0),
                way if way.starts_with("last") => Some(previews - 1),
                _ => None,
            };
            let right =
                wanted.map_or(!pod.starts_with("10.244.1"), |number| pod == wide::address(number));
            ensure(right, || format!("{way} was answered by {pod}"))?;
            // The first round opens connections.
            if round > 0 {
                nanos.extend(told.nanos);
            }
        }
    }
    let summed = nanos.into_iter().map(|mut nanos| {
        nanos.sort_unstable();
        let at = |part: f64| nanos[(nanos.len() as f64 * part) as usize] as f64 / 1e3;
        Latency { median: at(0.5), p99: at(0.99) }
    });
    Ok(ways.iter().map(|(way, _)| *way).zip(summed).collect())
}

/// Reads the sidecar's own pages.
fn look(probe: &mut Probe) -> Outcome<Proxy> {
    let mut page = |path: &str| -> Outcome<Value> {
        let told = probe.ask(&Question::plain(ADMIN, path))?;
        serde_json::from_str(&told.body).map_err(|error| format!("{path}: {error}"))
    };
    let routes = page("/config_dump?resource=dynamic_route_configs")?;
    let clusters = page("/config_dump?resource=dynamic_active_clusters")?;
    let endpoints = page("/config_dump?include_eds&resource=dynamic_endpoint_configs")?;
    let memory = page("/memory")?;
    let list = |value: &Value| value.as_array().cloned().unwrap_or_default();
    let hosts = list(&routes["configs"])
        .iter()
        .flat_map(|config| list(&config["route_config"]["virtual_hosts"]))
        .collect::<Vec<_>>();
    let many = |service: &str, field: &str| {
        let name = format!("{service}.{BASELINE}.svc.cluster.local:8080");
        let host = hosts.iter().find(|host| host["name"] == name.as_str());
        host.map_or(0, |host| list(&host[field]).len())
    };
    Ok(Proxy {
        routes: many("web", "routes"),
        names: many("plain", "domains"),
        route_bytes: routes.to_string().len(),
        clusters: list(&clusters["configs"]).len(),
        cluster_bytes: clusters.to_string().len() + endpoints.to_string().len(),
        memory: memory["allocated"].as_str().and_then(|text| text.parse().ok()).unwrap_or(0),
    })
}

/// The sidecar of the caller of a service, as soon as it is as expected.
fn unrestricted(
    service: &str,
    pod: &Pod,
    probe: &mut Probe,
    expected: impl Fn(&Proxy) -> Outcome,
) -> Outcome<Proxy> {
    let _envoy = Envoy::sidecar(pod, probe)?;
    wait("the sidecar to be as expected", PATIENCE, || {
        probe.ask(&question(service, &[]))?.echo()?;
        let proxy = look(probe)?;
        expected(&proxy).map(|()| proxy)
    })
}

/// The same, of a caller whose Sidecar imports nothing but these hosts.
fn restricted(
    hosts: &str,
    service: &str,
    pod: &Pod,
    probe: &mut Probe,
    expected: impl Fn(&Proxy) -> Outcome,
) -> Outcome<Proxy> {
    let sidecar = json!({
        "apiVersion": "networking.istio.io/v1", "kind": "Sidecar",
        "metadata": {"name": "caller", "namespace": BASELINE},
        "spec": {
            "workloadSelector": {"labels": {"app": "caller"}},
            "egress": [{"hosts": [hosts]}],
        },
    });
    apply(&sidecar.to_string())?;
    let found = unrestricted(service, pod, probe, expected);
    kubectl(&["-n", BASELINE, "delete", "sidecars.networking.istio.io", "caller"])?;
    // What is measured next is to be without it, and istiod waits for more changes before it tells.
    thread::sleep(HEARD);
    found
}

/// Until istiod has heard of a Sidecar, it sends everything: `all` clusters.
fn fewer_clusters(all: usize) -> impl Fn(&Proxy) -> Outcome {
    move |proxy| ensure(proxy.clusters < all, || format!("{} clusters", proxy.clusters))
}

/// How many previews of a service fit into its VirtualService, to the next hundred.
fn limits() -> Outcome<Vec<(Shape, usize, String)>> {
    let mut found = Vec::new();
    for shape in Shape::ALL.into_iter().filter(|shape| shape.virtual_service) {
        let (mut fits, mut refused) = (PREVIEWS[3], 12_000);
        let mut words = String::new();
        while refused - fits > 100 {
            let middle = usize::midpoint(fits, refused) / 100 * 100;
            let text = wide::render(middle, shape)?;
            let is_route = |document: &&str| {
                document
                    .contains("kind: VirtualService\nmetadata:\n  name: web\n  namespace: wide\n")
            };
            let route = text.split("---\n").find(is_route).ok_or("no VirtualService")?;
            match apply(route) {
                Ok(()) => fits = middle,
                Err(error) => (refused, words) = (middle, error),
            }
        }
        wide::remove_routes()?;
        found.push((shape, fits, words));
    }
    Ok(found)
}
