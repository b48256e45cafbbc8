//! Requests through real proxies: an Envoy that istiod configures as the proxy of one pod, and the
//! probe that asks as its application.

use std::collections::{BTreeMap, BTreeSet};
use std::env;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};

use crate::evaluator::Request;
use crate::identity::Identity;
use crate::lab::{Outcome, PATIENCE, ensure, list, wait};

/// Where Envoy's own pages are.
pub(crate) const ADMIN: &str = "127.0.0.1:15000";

/// An Envoy; it ends when this is dropped.
pub(crate) struct Envoy(Child);

impl Drop for Envoy {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

/// What istiod has to know about the pod of a proxy.
pub(crate) struct Pod {
    pub(crate) namespace: String,
    pub(crate) name: String,
    pub(crate) ip: String,
    /// The service account that it runs as.
    pub(crate) account: String,
    labels: Value,
}

impl Pod {
    /// A pod that need not run any more, with an address that nobody else has.
    pub(crate) fn past(namespace: &str, name: &str, labels: Value) -> Self {
        let (namespace, name) = (namespace.to_owned(), name.to_owned());
        let (ip, account) = ("10.244.255.253".to_owned(), "default".to_owned());
        Self { namespace, name, ip, account, labels }
    }

    /// The first running pod with a label such as `app=cart`.
    pub(crate) fn of(namespace: &str, label: &str) -> Outcome<Self> {
        wait(&format!("a pod with {label} in {namespace}"), PATIENCE, || {
            let pods = list(&["-n", namespace, "pods", "-l", label])?;
            let running = pods.iter().find(|pod| pod["status"]["phase"] == "Running");
            let pod = running.ok_or("none runs")?;
            let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
            Ok(Self {
                namespace: namespace.to_owned(),
                name: text(&pod["metadata"]["name"]),
                ip: text(&pod["status"]["podIP"]),
                account: text(&pod["spec"]["serviceAccountName"]),
                labels: pod["metadata"]["labels"].clone(),
            })
        })
    }
}

impl Envoy {
    /// Starts the sidecar of a pod. istiod binds its outbound listeners to 127.0.0.1, one per port.
    pub(crate) fn sidecar(pod: &Pod, probe: &mut Probe) -> Outcome<Self> {
        Self::start("sidecar", pod, ADMIN, json!({"INTERCEPTION_MODE": "NONE"}), probe)
    }

    /// Starts the proxy of a Gateway.
    pub(crate) fn gateway(pod: &Pod, probe: &mut Probe) -> Outcome<Self> {
        Self::router(pod, ADMIN, probe)
    }

    /// The same beside others: its own pages are at `admin`.
    pub(crate) fn router(pod: &Pod, admin: &str, probe: &mut Probe) -> Outcome<Self> {
        Self::start("router", pod, admin, json!({}), probe)
    }

    fn start(
        role: &str,
        pod: &Pod,
        admin: &str,
        metadata: Value,
        probe: &mut Probe,
    ) -> Outcome<Self> {
        let envoy = Self::spawn(pod, &bootstrap(role, pod, admin, metadata))?;
        live(&pod.name, admin, probe)?;
        Ok(envoy)
    }

    /// Starts the sidecar of a pod that has an identity, with its own pages at `admin`. [`live`] says when it is
    /// there.
    pub(crate) fn with_identity(pod: &Pod, admin: &str, identity: &Identity) -> Outcome<Self> {
        let mut all = bootstrap("sidecar", pod, admin, json!({"INTERCEPTION_MODE": "NONE"}));
        let agent = json!({"pipe": {"path": identity.socket}});
        let clusters = all["static_resources"]["clusters"].as_array_mut();
        clusters.ok_or("clusters are a list")?.push(grpc_cluster("sds-grpc", &agent));
        Self::spawn(pod, &all)
    }

    /// Starts a proxy of this role that asks another istiod for its listeners. It need not take what it is told.
    pub(crate) fn of_istiod(role: &str, pod: &Pod, istiod: &str) -> Outcome<Self> {
        let mut all = bootstrap(role, pod, ADMIN, json!({}));
        // A proxy asks for listeners once it has its clusters, and those of a waypoint wait for certificates.
        all["dynamic_resources"]["cds_config"] = Value::Null;
        all["static_resources"]["clusters"][0] = grpc_cluster("istiod", &address(istiod));
        Self::spawn(pod, &all)
    }

    fn spawn(pod: &Pod, bootstrap: &Value) -> Outcome<Self> {
        let run = env::var("RUN").map_err(|error| error.to_string())?;
        let path = format!("{run}/envoy-{}.json", pod.name);
        fs::write(&path, bootstrap.to_string()).map_err(|error| error.to_string())?;
        let log = fs::File::create(format!("{run}/envoy-{}.log", pod.name));
        let log = log.map_err(|error| error.to_string())?;
        let child = Command::new("envoy")
            .args(["-c", &path, "--log-level", "warn", "--concurrency", "1"])
            .args(["--use-dynamic-base-id"])
            .stdout(Stdio::null())
            .stderr(log)
            .spawn()
            .map_err(|error| format!("envoy: {error}"))?;
        Ok(Self(child))
    }
}

/// Waits until a proxy has its configuration.
pub(crate) fn live(name: &str, admin: &str, probe: &mut Probe) -> Outcome {
    wait(&format!("the proxy of {name}"), PATIENCE, || {
        let told = probe.ask(&Question::plain(admin, "/ready"))?;
        ensure(told.body.trim() == "LIVE", || format!("it is {}", told.body.trim()))
    })
}

/// What an Envoy is told when it starts; istiod tells it the rest.
fn bootstrap(role: &str, pod: &Pod, admin: &str, mut metadata: Value) -> Value {
    let Pod { namespace, name, ip, labels, .. } = pod;
    metadata["NAMESPACE"] = json!(namespace);
    metadata["LABELS"] = labels.clone();
    metadata["WORKLOAD_NAME"] = json!(name);
    metadata["CLUSTER_ID"] = json!("Kubernetes");
    metadata["ISTIO_VERSION"] = json!("1.30.0");
    let ads = json!({"ads": {}, "initial_fetch_timeout": "0s", "resource_api_version": "V3"});
    json!({
        "node": {
            "id": format!("{role}~{ip}~{name}.{namespace}~{namespace}.svc.cluster.local"),
            "cluster": format!("{name}.{namespace}"),
            "metadata": metadata,
        },
        "admin": {"address": address(admin)},
        // As Istio's own bootstrap: without it the names of clusters end up in the names of metrics.
        "stats_config": {
            "use_all_default_tags": false,
            "stats_tags": [
                {"tag_name": "cluster_name", "regex": r"^cluster(\.(.+);)"},
                {"tag_name": "response_code_class", "regex": r"_rq(_(\dxx))$"},
                {"tag_name": "response_code", "regex": r"_rq(_(\d{3}))$"},
            ],
        },
        "dynamic_resources": {
            "lds_config": ads, "cds_config": ads,
            "ads_config": {
                "api_type": "DELTA_GRPC", "transport_api_version": "V3",
                "set_node_on_first_message_only": true,
                "grpc_services": [{"envoy_grpc": {"cluster_name": "istiod"}}],
            },
        },
        "static_resources": {"clusters": [grpc_cluster("istiod", &address("127.0.0.1:15010"))]},
    })
}

/// Where a proxy asks by gRPC.
fn grpc_cluster(name: &str, address: &Value) -> Value {
    let options = "envoy.extensions.upstreams.http.v3.HttpProtocolOptions";
    json!({
        "name": name, "type": "STATIC", "connect_timeout": "1s",
        "typed_extension_protocol_options": {options: {
            "@type": format!("type.googleapis.com/{options}"),
            "explicit_http_config": {"http2_protocol_options": {}},
        }},
        "load_assignment": {"cluster_name": name, "endpoints": [
            {"lb_endpoints": [{"endpoint": {"address": address}}]}
        ]},
    })
}

fn address(text: &str) -> Value {
    let (host, port) = text.split_once(':').unwrap_or((text, "0"));
    let port: u16 = port.parse().unwrap_or_default();
    json!({"socket_address": {"address": host, "port_value": port}})
}

/// One request for the probe: where to connect, and what the client believes to call.
#[derive(Debug, Clone)]
pub(crate) struct Question(Value);

impl Question {
    /// A GET without ado.
    pub(crate) fn plain(address: &str, path: &str) -> Self {
        Self::new(address, address, &Request::new("GET", path), false)
    }

    /// A request; with `grpc`, a call of the method that its path names.
    pub(crate) fn new(address: &str, host: &str, request: &Request, grpc: bool) -> Self {
        let query: Vec<String> =
            request.query.iter().map(|(key, value)| format!("{key}={value}")).collect();
        let path = match query.is_empty() {
            true => request.path.clone(),
            false => format!("{}?{}", request.path, query.join("&")),
        };
        Self(json!({
            "method": request.method, "address": address, "host": host, "path": path,
            "headers": request.headers, "grpc": grpc,
        }))
    }

    /// The host that the client believes to call, without its port.
    pub(crate) fn host(&self) -> &str {
        let host = self.0["host"].as_str().unwrap_or_default();
        host.split(':').next().unwrap_or_default()
    }

    /// The path that it asks for, without the query.
    pub(crate) fn path(&self) -> &str {
        self.0["path"].as_str().unwrap_or_default().split('?').next().unwrap_or_default()
    }

    /// Whether it is a call of gRPC.
    pub(crate) fn is_grpc(&self) -> bool {
        self.0["grpc"] == true
    }

    /// The same, asked once and then so often again, with a clock.
    pub(crate) fn again(mut self, times: usize) -> Self {
        self.0["again"] = json!(times);
        self
    }

    /// A call of an API: JSON, with a token.
    pub(crate) fn api(method: &str, address: &str, path: &str, token: &str, body: &Value) -> Self {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let headers =
            [["Authorization", &format!("token {token}")], ["Content-Type", "application/json"]];
        Self(json!({
            "method": method, "address": address, "host": address, "path": path,
            "headers": headers, "body": body,
        }))
    }
}

/// What came back.
#[derive(Debug, Deserialize)]
pub(crate) struct Told {
    /// HTTP's status, or gRPC's.
    pub(crate) status: u16,
    pub(crate) body: String,
    error: String,
    /// Where a redirect leads to, as a URL.
    #[serde(default)]
    location: String,
    /// How long each of the repeated requests took.
    #[serde(default)]
    pub(crate) nanos: Vec<u64>,
}

/// What a pod says of the request that reached it.
#[derive(Debug, Deserialize)]
pub(crate) struct Echo {
    pub(crate) pod: String,
    pub(crate) path: String,
    pub(crate) headers: BTreeMap<String, Vec<String>>,
}

impl Told {
    /// The pod's words, where a pod answered.
    pub(crate) fn echo(&self) -> Outcome<Echo> {
        serde_json::from_str(&self.body)
            .map_err(|_| format!("no pod answered: status {}, {}", self.status, self.body.trim()))
    }

    /// The host and the path that a redirect leads to, without port and query.
    pub(crate) fn leads_to(&self) -> Option<(String, String)> {
        let (_, rest) = self.location.split_once("://")?;
        let (authority, path) = rest.split_at(rest.find('/').unwrap_or(rest.len()));
        let host = authority.split(':').next().unwrap_or_default();
        Some((host.to_owned(), path.split('?').next().unwrap_or_default().to_owned()))
    }
}

/// The client.
pub(crate) struct Probe {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
}

impl Probe {
    pub(crate) fn new() -> Outcome<Self> {
        let mut child = Command::new("probe")
            .arg("ask")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|error| format!("probe: {error}"))?;
        let input = child.stdin.take().ok_or("stdin is piped")?;
        let output = BufReader::new(child.stdout.take().ok_or("stdout is piped")?);
        Ok(Self { child, input, output })
    }

    /// Asks and waits for the answer; an answer of any status is one.
    pub(crate) fn ask(&mut self, question: &Question) -> Outcome<Told> {
        writeln!(self.input, "{}", question.0).map_err(|error| error.to_string())?;
        let mut line = String::new();
        self.output.read_line(&mut line).map_err(|error| error.to_string())?;
        let told: Told = serde_json::from_str(&line).map_err(|error| format!("{line}: {error}"))?;
        match told.error.is_empty() {
            true => Ok(told),
            false => Err(told.error),
        }
    }
}

impl Drop for Probe {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Which pods stand behind a Service's full host name.
pub(crate) type Endpoints = BTreeMap<String, BTreeSet<String>>;

/// The endpoints of all Services, as the cluster itself computed them.
pub(crate) fn endpoints() -> Outcome<Endpoints> {
    let mut found = Endpoints::new();
    for slice in list(&["-A", "endpointslices"])? {
        let metadata = &slice["metadata"];
        let service = metadata["labels"]["kubernetes.io/service-name"].as_str().unwrap_or_default();
        let namespace = metadata["namespace"].as_str().unwrap_or_default();
        let host = crate::evaluator::fqdn(service, namespace);
        let endpoints = slice["endpoints"].as_array().cloned().unwrap_or_default();
        let ready = endpoints.iter().filter(|endpoint| endpoint["conditions"]["ready"] == true);
        let addresses = ready.flat_map(|endpoint| {
            let all = endpoint["addresses"].as_array().cloned().unwrap_or_default();
            all.into_iter().filter_map(|address| address.as_str().map(str::to_owned))
        });
        found.entry(host).or_default().extend(addresses);
    }
    Ok(found)
}

/// How long istiod and Envoy may take to hear of a change.
pub(crate) const SETTLING: Duration = Duration::from_secs(30);
