//! What istiod tells a waypoint in ambient mode, beside what the evaluator predicts: on the example of ambient mode and on
//! random shops. No request is sent: no ztunnel runs here, and a stock Envoy takes no listener of a waypoint.
//!
//! A second istiod has ambient mode switched on. It is asked, on its pages for people, what it has computed for a proxy that
//! says of itself that it is the waypoint.

mod table;

use std::env;
use std::fs;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use self::table::{Led, Table};
use crate::books::{Books, documents};
use crate::evaluator::{Answer, Call, Mesh, Request, fqdn};
use crate::lab::{
    Outcome, PATIENCE, anabranch, apply, ensure, get, kubectl, run as run_program, scratch, wait,
};
use crate::shop::{BASELINE, Shop};
use crate::traffic::{Envoy, Pod};

/// How many random shops.
const SHOPS: usize = 4;
/// Where the second istiod answers.
const PAGES: &str = "127.0.0.1:18081";
const XDS: &str = "127.0.0.1:15020";
/// How long istiod may take to compute what it is told.
const SETTLING: Duration = Duration::from_secs(60);

/// How many requests were compared, and how many of them lead to a copy.
#[derive(Default)]
struct Count {
    compared: usize,
    to_copies: usize,
}

impl Count {
    fn add(&mut self, other: &Self) {
        self.compared += other.compared;
        self.to_copies += other.to_copies;
    }
}

/// The second istiod; it ends when this is dropped.
struct Istiod(Child);

impl Drop for Istiod {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

impl Istiod {
    fn start() -> Outcome<Self> {
        let folder = env::var("RUN").map_err(|error| error.to_string())?;
        let log = fs::File::create(format!("{folder}/istiod-ambient.log"));
        let log = log.map_err(|error| error.to_string())?;
        let errors = log.try_clone().map_err(|error| error.to_string())?;
        let child = Command::new("pilot-discovery")
            .args([
                "discovery",
                "--kubeconfig",
                &format!("{folder}/kubeconfig"),
                "--httpAddr",
                PAGES,
            ])
            .args(["--httpsAddr=", "--grpcAddr", XDS, "--secureGRPCAddr=", "--ctrlz_port=0"])
            .args([
                "--monitoringAddr=127.0.0.1:15024",
                "--meshConfig",
                &format!("{folder}/mesh.yaml"),
            ])
            .envs([("PILOT_ENABLE_AMBIENT", "true"), ("POD_NAMESPACE", "istio-system")])
            .envs([
                ("POD_NAME", "istiod-ambient"),
                ("REVISION", "default"),
                ("CLUSTER_ID", "Kubernetes"),
            ])
            .envs([("PILOT_CERT_PROVIDER", "istiod"), ("INJECTION_WEBHOOK_CONFIG_NAME", "")])
            .env("VALIDATION_WEBHOOK_CONFIG_NAME", "")
            .stdout(log)
            .stderr(errors)
            .stdin(Stdio::null())
            .spawn()
            .map_err(|error| format!("pilot-discovery: {error}"))?;
        let istiod = Self(child);
        wait("the second istiod", PATIENCE, || page("/ready").map(drop))?;
        Ok(istiod)
    }
}

/// What a page of the second istiod says.
fn page(path: &str) -> Outcome<String> {
    run_program(
        Command::new("curl").args(["--silent", "--fail", &format!("http://{PAGES}{path}")]),
        "",
    )
}

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    let _istiod = Istiod::start()?;
    let (objects, previews, requests) = example()?;
    let mut count =
        judge(&objects, &previews, &requests).map_err(|error| format!("the example: {error}"))?;
    clear(&previews)?;
    let (mut shops, mut refused, mut seed) = (0, 0, 100);
    while shops < SHOPS {
        let shop = Shop::random(seed);
        let (objects, previews) = shop.in_ambient_mode(documents(&shop.baseline()));
        // A baseline that the API server does not take is nobody's baseline.
        if apply(&listed(&objects)).is_ok() {
            let one = judge(&objects, &previews, &shop.requests);
            count.add(&one.map_err(|error| format!("shop {seed}: {error}"))?);
            shops += 1;
        } else {
            refused += 1;
        }
        clear(&previews)?;
        seed += 1;
    }
    let Count { compared, to_copies } = count;
    ensure(to_copies > 0, || "no request leads to a copy".to_owned())?;
    Ok(format!(
        "istiod's configuration of the waypoint decides {compared} requests to the example and to {shops} random shops as the \
         evaluator predicts, {to_copies} of them for copies ({refused} shops more had a baseline that the API server refuses)"
    ))
}

/// The example of ambient mode, in the lab's namespace, and requests for it.
fn example() -> Outcome<(Vec<Value>, Value, Vec<Request>)> {
    const OBJECTS: &str = include_str!("../../../../golden/ambient/input/baseline/all.yaml");
    const PREVIEWS: &str = include_str!("../../../../golden/ambient/input/previews.yaml");
    let mut objects = documents(&OBJECTS.replace("shop", BASELINE));
    // Gateways of other namespaces are the lab's own.
    objects.retain(|object| object["metadata"]["namespace"] != "infra");
    // Its pods are not what pod security wants, and warnings are errors here.
    if let Some(labels) = objects[0]["metadata"]["labels"].as_object_mut() {
        labels.remove("pod-security.kubernetes.io/enforce");
    }
    for name in ["web", "cart"] {
        objects.push(json!({
            "apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": name, "namespace": BASELINE}
        }));
    }
    let previews =
        documents(&PREVIEWS.replace("namespace: shop", &format!("namespace: {BASELINE}")));
    let mut previews = previews.into_iter().next().ok_or("there is a file of previews")?;
    previews["spec"]["baseline"]["delivery"] = json!("include");
    previews["spec"]["routing"]["entries"] = json!([]);
    let paths = ["/", "/v1", "/v1/items", "/v10", "/other"];
    Ok((objects, previews, paths.map(|path| Request::new("GET", path)).to_vec()))
}

/// Applies a baseline and its previews, and compares every request to every service with and without a key.
fn judge(objects: &[Value], previews: &Value, requests: &[Request]) -> Outcome<Count> {
    let folder = scratch("ambient");
    let write =
        |name: &str, text: &str| fs::write(folder.join(name), text).map_err(|e| e.to_string());
    write("baseline.yaml", &listed(objects))?;
    write("previews.yaml", &previews.to_string())?;
    apply(&listed(objects))?;
    let stream = anabranch(&folder, &["render", "--baseline", "baseline.yaml"])?;
    apply(&stream)?;
    let pod = waypoint()?;
    let _envoy = Envoy::of_istiod("waypoint", &pod, XDS)?;
    let mesh = Mesh::new(&documents(&stream));
    let keys: Vec<Option<String>> = [None, Some("pr-4x".to_owned())]
        .into_iter()
        .chain(names(previews).into_iter().map(Some))
        .collect();
    wait("istiod to tell the waypoint what is predicted", SETTLING, || {
        let dump = page(&format!("/debug/config_dump?proxyID={}.{}", pod.name, pod.namespace))?;
        write("dump.json", &dump)?;
        let table = Table::read(&serde_json::from_str(&dump).map_err(|error| error.to_string())?)?;
        let mut count = Count::default();
        for (service, port) in services(objects) {
            for request in requests {
                for key in &keys {
                    let request = match key {
                        Some(key) => request.clone().header("x-preview-id", key),
                        None => request.clone(),
                    };
                    count.add(&compare(&mesh, &table, &service, port, &request)?);
                }
            }
        }
        Ok(count)
    })
}

/// Fails where istiod leads a request elsewhere than is predicted.
fn compare(
    mesh: &Mesh,
    table: &Table,
    service: &str,
    port: u16,
    request: &Request,
) -> Outcome<Count> {
    let host = fqdn(service, BASELINE);
    let call =
        Call { from: BASELINE.to_owned(), host: host.clone(), port, request: request.clone() };
    let predicted = match mesh.call_by_waypoint(&call, BASELINE).normal() {
        Answer::Undefined(_) | Answer::Failed(_) => return Ok(Count::default()),
        Answer::Backends { destinations, .. } => {
            Led::to(destinations.into_iter().map(|(to, share)| {
                // Nobody answers for what is not there.
                let host = if to.exists { to.host } else { String::new() };
                (host, to.port, [share.0, share.1])
            }))
        }
        Answer::Direct(_) => Led::Answered,
        Answer::NotFound | Answer::Default(_) => Led::NotFound,
    };
    let told = table.answer(&host, port, request)?;
    ensure(told == predicted, || {
        format!("{service}:{port} {request:?}: istiod says {told:?}, predicted is {predicted:?}")
    })?;
    let baseline = format!(".{BASELINE}.svc.cluster.local");
    let is_copy = |host: &String| !host.is_empty() && !host.ends_with(&baseline);
    let to_copies = matches!(&told, Led::To(all) if all.keys().any(|(host, _)| is_copy(host)));
    Ok(Count { compared: 1, to_copies: usize::from(to_copies) })
}

/// The pod of the waypoint, and what makes istiod take its Gateway for ready: nothing here deploys Gateways.
fn waypoint() -> Outcome<Pod> {
    const LABEL: &str = "gateway.networking.k8s.io/gateway-name";
    let labels = json!({LABEL: "waypoint", "gateway.istio.io/managed": "istio.io-mesh-controller"});
    let metadata = json!({"name": "waypoint", "namespace": BASELINE, "labels": labels});
    let container = json!({"name": "proxy", "image": "proxy"});
    let deployment = json!({
        "apiVersion": "apps/v1", "kind": "Deployment", "metadata": metadata,
        "spec": {
            "selector": {"matchLabels": {LABEL: "waypoint"}},
            "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}}
        }
    });
    let service = json!({
        "apiVersion": "v1", "kind": "Service", "metadata": metadata,
        "spec": {"selector": {LABEL: "waypoint"}, "ports": [{"name": "mesh", "port": 15008, "appProtocol": "hbone"}]}
    });
    apply(&listed(&[deployment, service]))?;
    let service = get(&["-n", BASELINE, "service", "waypoint"])?;
    let address = json!({"type": "IPAddress", "value": service["spec"]["clusterIP"]});
    let status = json!({"status": {"addresses": [address]}}).to_string();
    let patch = [
        "-n",
        BASELINE,
        "patch",
        "gateway",
        "waypoint",
        "--subresource=status",
        "--type=merge",
        "-p",
    ];
    kubectl(&[&patch[..], &[status.as_str()]].concat())?;
    Pod::of(BASELINE, &format!("{LABEL}=waypoint"))
}

fn listed(objects: &[Value]) -> String {
    json!({"apiVersion": "v1", "kind": "List", "items": objects}).to_string()
}

fn names(previews: &Value) -> Vec<String> {
    let all = previews["spec"]["previews"].as_array().into_iter().flatten();
    all.filter_map(|preview| Some(preview["name"].as_str()?.to_owned())).collect()
}

/// The services of a baseline, each with each of its ports.
fn services(objects: &[Value]) -> Vec<(String, u16)> {
    let services = objects.iter().filter(|object| object["kind"] == "Service");
    let ports = services.flat_map(|service| {
        let name = service["metadata"]["name"].as_str().unwrap_or_default().to_owned();
        let ports = service["spec"]["ports"].as_array().cloned().unwrap_or_default();
        ports.into_iter().filter_map(move |port| {
            Some((name.clone(), u16::try_from(port["port"].as_u64()?).ok()?))
        })
    });
    ports.collect()
}

fn clear(previews: &Value) -> Outcome {
    let mut arguments =
        vec!["delete", "--ignore-not-found", "--timeout=90s", "namespaces", BASELINE];
    let names = names(previews);
    arguments.extend(names.iter().map(String::as_str));
    kubectl(&arguments).map(drop)
}
