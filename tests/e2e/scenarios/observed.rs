//! What gitops-template watches, and how its suites ask: the smoke suite through a real proxy, reports into a real bucket,
//! `exercised` and every query of the dashboard and the rules at a real Prometheus.
//!
//! A stock Envoy does not count as Istio's proxy does. So the queries of its own counters have to return data here, and
//! those of Istio's have to be understood; what they mean is proved by promtool, with series as Istio labels them.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::books::{BASELINE, Books, documents};
use crate::evaluator::Request;
use crate::lab::{
    Outcome, PATIENCE, apply, ensure, get, kubectl, run as ask, scratch, stream, wait,
};
use crate::traffic::{ADMIN, Envoy, Pod, Probe, Question};

use super::clear;

const PREVIEW: &str = "pr-90";
const CHANGED: [&str; 2] = ["basket", "catalog"];
/// Which paths of them the suite asks for.
const SERVICES: &str = "basket 8080 /cart\ncatalog 8080 /v1/books\nstorefront 8080 /\n";
const PROMETHEUS: &str = "127.0.0.1:9090";
/// Where the series of Istio's proxies would come from.
const SERIES: &str = "127.0.0.1:9900";
const BUCKET: &str = "127.0.0.1:8333";

/// A program in the background; it ends when this is dropped.
struct Server(Child);

impl Server {
    fn new(folder: &Path, words: &[&str]) -> Outcome<Self> {
        let log = fs::File::create(folder.join(format!("{}.log", words[0])));
        let log = log.map_err(|error| error.to_string())?;
        let mut command = Command::new(words[0]);
        command.args(&words[1..]).current_dir(folder).stdin(Stdio::null()).stdout(Stdio::null());
        command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", "secret");
        let child = command.env("S3_BUCKET", "reports").stderr(log).spawn();
        child.map(Self).map_err(|error| format!("{}: {error}", words[0]))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.0.kill());
        drop(self.0.wait());
    }
}

fn template(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("gitops-template").join(path)
}

fn write(file: &Path, text: &str) -> Outcome {
    fs::write(file, text).map_err(|error| format!("{}: {error}", file.display()))
}

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    clear(books)?;
    let folder = scratch("observed");
    let manifests = is_admitted()?;
    books.set(PREVIEW, &CHANGED)?;
    books.deliver(&[PREVIEW])?;
    let mut probe = Probe::new()?;
    let pod = Pod::of(PREVIEW, "app.kubernetes.io/name=catalog")?;
    let _envoy = Envoy::sidecar(&pod, &mut probe)?;
    write(&folder.join("istio.txt"), "")?;
    let port = SERIES.rsplit(':').next().unwrap_or_default();
    let _series =
        Server::new(&folder, &["python3", "-m", "http.server", port, "--bind", "127.0.0.1"])?;
    let mut prometheus = Prometheus::new(&folder)?;
    let _bucket = Server::new(
        &folder,
        &[
            "weed",
            "mini",
            "-dir=bucket",
            "-ip=127.0.0.1",
            "-ip.bind=127.0.0.1",
            "-s3.port=8333",
            "-admin.ui=false",
            "-webdav=false",
        ],
    )?;

    let smoke = Suite::new("smoke", &folder)?;
    write(&smoke.folder.join("services.txt"), SERVICES)?;
    let green = smoke.run(&CHANGED.join(" "))?;
    ensure(green.passed, || format!("smoke is red: {}", green.log))?;
    // A service that the preview does not change: whoever asks for it with the key gets the baseline's.
    let red = smoke.run("storefront")?;
    ensure(!red.passed && red.log.contains("✖ with the key the preview answers"), || {
        format!("smoke is green where the baseline answers: {}", red.log)
    })?;
    smoke.upload(&red)?;

    let exercised = exercised(&folder)?;
    let queries = queries(&mut prometheus, &mut probe, &folder)?;
    let told = ask(
        Command::new("promtool").current_dir(&folder).args(["test", "rules", "rules_test.yaml"]),
        "",
    )?;
    ensure(told.contains("SUCCESS"), || told)?;
    kubectl(&["-n", "istio-system", "delete", "envoyfilter", "answered-by"])?;
    clear(books)?;
    Ok(format!(
        "the template's smoke suite, run as its Job runs it behind a real proxy: {} checks of {} services green, red where \
         the baseline answers for the preview; its report in a real bucket, which refuses a wrong key; {exercised}; {queries}; \
         the rules pass promtool's tests with series as Istio and kube-state-metrics label them; {manifests} manifests \
         admitted by the API server and istiod",
        green.log.matches('✔').count(),
        CHANGED.len()
    ))
}

/// Applies what the suites need and lets the API server judge the rest. Returns how many objects it saw.
fn is_admitted() -> Outcome<usize> {
    let mut objects = Vec::new();
    let folders = [
        "monitoring",
        "tests/smoke",
        "tests/http",
        "tests/browser",
        "tests/load",
        "tests/exercised",
    ];
    for folder in folders {
        let built = ask(Command::new("kustomize").arg("build").arg(template(folder)), "")?;
        // The definitions of the Prometheus operator are in no module; `make test` reads those objects with its types.
        objects.extend(
            documents(&built)
                .into_iter()
                .filter(|object| object["apiVersion"] != "monitoring.coreos.com/v1"),
        );
    }
    apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: monitoring}\n")?;
    let mut dry = Command::new("kubectl");
    dry.args([
        "apply",
        "--server-side",
        "--validate=strict",
        "--warnings-as-errors",
        "--dry-run=server",
        "-f",
        "-",
    ]);
    ask(&mut dry, &stream(&objects))?;
    kubectl(&["delete", "namespace", "monitoring", "--wait=false"])?;
    let count = objects.len();
    objects.retain(|object| object["kind"] == "EnvoyFilter");
    apply(&stream(&objects))?;
    Ok(count)
}

/// A suite of the template, in a folder of its own.
struct Suite {
    name: &'static str,
    folder: PathBuf,
    results: PathBuf,
}

/// How tests ended, and what they said.
struct Ended {
    passed: bool,
    log: String,
}

impl Suite {
    fn new(name: &'static str, scratch: &Path) -> Outcome<Self> {
        let (folder, results) = (scratch.join(name), scratch.join(format!("{name}-results")));
        for folder in [&folder, &results] {
            fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        ask(
            Command::new("cp").arg("-r").arg(template(&format!("tests/{name}/."))).arg(&folder),
            "",
        )?;
        Ok(Self { name, folder, results })
    }

    /// The command that the Job names, behind this proxy: names of services lead to it, as iptables would.
    fn run(&self, services: &str) -> Outcome<Ended> {
        self.start(services, &[])?.end(self)
    }

    fn start(&self, services: &str, more: &[(&str, &str)]) -> Outcome<Running> {
        let built = ask(
            Command::new("kustomize").arg("build").arg(template(&format!("tests/{}", self.name))),
            "",
        )?;
        let all = documents(&built);
        let job = all.iter().find(|object| object["kind"] == "Job").ok_or("a suite has a Job")?;
        let containers = &job["spec"]["template"]["spec"]["initContainers"];
        let words = containers[0]["command"].as_array().ok_or("the tests have a command")?;
        let (suite, results) =
            (format!("{}/", self.folder.display()), format!("{}/", self.results.display()));
        let words = words.iter().filter_map(Value::as_str);
        let words =
            words.map(|word| word.replace("/suite/", &suite).replace("/results/", &results));
        let names: String = ["basket", "catalog", "storefront"]
            .map(|service| format!("127.0.0.1 {service}.{BASELINE}.svc.cluster.local\n"))
            .concat();
        let hosts = self.results.join("hosts");
        write(&hosts, &names)?;
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "sh",
                "-c",
                "mount --bind \"$HOSTS\" /etc/hosts && exec \"$@\"",
                "sh",
            ])
            .args(words);
        command.env("HOSTS", hosts).env("RESULTS", &self.results).env("PREVIEW_SERVICES", services);
        // What the preview says of itself.
        let facts = get(&["-n", PREVIEW, "configmap", "anabranch"])?;
        for (key, value) in facts["data"].as_object().into_iter().flatten() {
            if key != "PREVIEW_SERVICES" && !key.starts_with("PREVIEW_URL") {
                command.env(key, value.as_str().unwrap_or_default());
            }
        }
        command
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().map(Running).map_err(|error| error.to_string())
    }

    /// Uploads the report as the Job does, with the key and with a wrong one.
    fn upload(&self, ended: &Ended) -> Outcome {
        let report = |secret: &str| {
            let mut command = Command::new(self.folder.join("suite.sh"));
            command
                .args(["report", self.name])
                .env("RESULTS", &self.results)
                .env("PREVIEW", PREVIEW);
            command
                .env("PREVIEW_COMMIT", "c0ffee")
                .env("REPORTS_URL", format!("http://{BUCKET}/reports"));
            command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", secret);
            let output = command.output().map_err(|error| error.to_string())?;
            Ok::<_, String>((
                output.status.code(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ))
        };
        let wanted = Some(i32::from(!ended.passed));
        wait("the bucket", PATIENCE, || {
            let (code, words) = report("secret")?;
            ensure(words.is_empty() && code == wanted, || words)
        })?;
        let mut page = Command::new("curl");
        page.args(["--fail", "--silent", "--show-error", "--user", "key:secret"]);
        page.args(["--aws-sigv4", "aws:amz:us-east-1:s3"]);
        page.arg(format!("http://{BUCKET}/reports/{PREVIEW}/c0ffee/{}/index.html", self.name));
        let page = ask(&mut page, "")?;
        ensure(page.contains(&format!("{PREVIEW}, {}: failed", self.name)), || page)?;
        let (code, words) = report("wrong")?;
        ensure(code == Some(1) && words.contains("could not be uploaded"), || {
            format!("{code:?} {words}")
        })
    }
}

/// Tests that run.
struct Running(Child);

impl Running {
    fn end(mut self, suite: &Suite) -> Outcome<Ended> {
        self.0.wait().map_err(|error| error.to_string())?;
        let read = |name: &str| {
            fs::read_to_string(suite.results.join(name)).map_err(|error| format!("{name}: {error}"))
        };
        Ok(Ended { passed: read("exit-code")?.trim() == "0", log: read("log.txt")? })
    }
}

/// `exercised` at a real Prometheus, with series such as Istio's proxies have.
fn exercised(folder: &Path) -> Outcome<String> {
    let series = |lines: &[(&str, &str, u32)]| {
        let line = |(service, source, count): &(&str, &str, u32)| {
            format!(
                "istio_requests_total{{reporter=\"destination\",destination_workload_namespace=\"{PREVIEW}\",\
                 destination_service_name=\"{service}\",source_canonical_service=\"{source}\",preview=\"{PREVIEW}\"}} {count}\n"
            )
        };
        let text = lines.iter().map(line).collect::<String>();
        // In one piece: Prometheus may look at any moment.
        write(&folder.join("istio.new"), &text)?;
        fs::rename(folder.join("istio.new"), folder.join("istio.txt"))
            .map_err(|error| error.to_string())
    };
    let suite = Suite::new("exercised", folder)?;
    let url = format!("http://{PROMETHEUS}");
    let settings = |seconds| {
        [
            ("PROMETHEUS_URL", url.as_str()),
            ("GRACE_SECONDS", "0"),
            ("PAUSE_SECONDS", "0.5"),
            ("WAIT_SECONDS", seconds),
        ]
    };
    // What was before the tests does not count, nor what the smoke suite asks.
    series(&[("catalog", "storefront", 5)])?;
    std::thread::sleep(Duration::from_secs(3));
    let begun = suite.start("basket catalog", &settings("6"))?;
    std::thread::sleep(Duration::from_secs(2));
    series(&[("catalog", "storefront", 5), ("basket", "suite-smoke", 1)])?;
    let red = begun.end(&suite)?;
    let untouched = |service| {
        red.log.contains(&format!(
            "{service} of {PREVIEW} got no request with x-preview-id: {PREVIEW}"
        ))
    };
    ensure(!red.passed && untouched("basket") && untouched("catalog"), || {
        format!("exercised should be red for both: {}", red.log)
    })?;
    let begun = suite.start("basket catalog", &settings("30"))?;
    std::thread::sleep(Duration::from_secs(2));
    // A counter that grows, and one that Prometheus first sees at 1.
    series(&[
        ("catalog", "storefront", 6),
        ("basket", "suite-smoke", 1),
        ("basket", "storefront", 1),
    ])?;
    let green = begun.end(&suite)?;
    ensure(green.passed, || format!("exercised should be green: {}", green.log))?;
    Ok("`exercised` red for services that only the smoke suite asked or nobody since it began, green after one request each".to_owned())
}

/// A Prometheus that looks at the proxy, at Flux and at the series that stand for Istio's.
struct Prometheus(Server);

impl Prometheus {
    fn new(folder: &Path) -> Outcome<Self> {
        let rules = fs::read_to_string(template("monitoring/rules.yaml"))
            .map_err(|error| error.to_string())?;
        let rules = documents(&rules);
        // JSON is YAML.
        write(&folder.join("previews-rules.yaml"), &rules[0]["spec"].to_string())?;
        ask(Command::new("cp").arg(template("monitoring/rules_test.yaml")).arg(folder), "")?;
        ask(
            Command::new("promtool").current_dir(folder).args([
                "check",
                "rules",
                "previews-rules.yaml",
            ]),
            "",
        )?;
        let job = |name: &str, path: &str, targets: &[&str]| serde_json::json!({"job_name": name, "metrics_path": path, "static_configs": [{"targets": targets}]});
        let config = serde_json::json!({
            "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
            "rule_files": ["previews-rules.yaml"],
            "scrape_configs": [
                job("proxy", "/stats/prometheus", &[ADMIN]),
                job("flux", "/metrics", &["127.0.0.1:8181", "127.0.0.1:8182", "127.0.0.1:8183"]),
                job("istio", "/istio.txt", &[SERIES]),
            ],
        });
        write(&folder.join("prometheus.yml"), &config.to_string())?;
        let listen = format!("--web.listen-address={PROMETHEUS}");
        let server = Server::new(
            folder,
            &["prometheus", "--config.file=prometheus.yml", "--storage.tsdb.path=tsdb", &listen],
        )?;
        let mut prometheus = Self(server);
        wait("Prometheus", PATIENCE, || {
            prometheus
                .query("count(up == 1) == 5")
                .and_then(|found| ensure(found == 1, || "not everything is up".to_owned()))
        })?;
        Ok(prometheus)
    }

    /// How many series a query returns.
    fn query(&mut self, query: &str) -> Outcome<usize> {
        let url = format!("http://{PROMETHEUS}/api/v1/query");
        let mut curl = Command::new("curl");
        curl.args(["--silent", "--show-error", "--data-urlencode"])
            .arg(format!("query={query}"))
            .arg(url);
        let answer: Value =
            serde_json::from_str(&ask(&mut curl, "")?).map_err(|error| error.to_string())?;
        ensure(answer["status"] == "success", || format!("{query}: {}", answer["error"]))?;
        Ok(answer["data"]["result"].as_array().map_or(0, Vec::len))
    }
}

/// Sends every query of the dashboard and of the rules; those of Envoy and of Flux have to return data.
fn queries(prometheus: &mut Prometheus, probe: &mut Probe, folder: &Path) -> Outcome<String> {
    // Some answers that are errors: nothing is left behind the preview's basket.
    kubectl(&["-n", PREVIEW, "scale", "deployment", "basket", "--replicas=0"])?;
    let mut traffic = |host: String, path: &str| {
        let request = Request::new("GET", path).header("x-preview-id", PREVIEW);
        probe.ask(&Question::new("127.0.0.1:8080", &host, &request, false))
    };
    wait("an error", PATIENCE, || {
        let told = traffic(format!("basket.{BASELINE}:8080"), "/cart")?;
        ensure(told.status == 503, || format!("status {}", told.status))
    })?;
    let board = fs::read_to_string(template("monitoring/previews.json"))
        .map_err(|error| error.to_string())?;
    let board: Value = serde_json::from_str(&board).map_err(|error| error.to_string())?;
    let rules = fs::read_to_string(folder.join("previews-rules.yaml"))
        .map_err(|error| error.to_string())?;
    let rules: Value = serde_json::from_str(&rules).map_err(|error| error.to_string())?;
    let targets = items(&board["panels"]).flat_map(|panel| items(&panel["targets"]));
    let rules = items(&rules["groups"]).flat_map(|group| items(&group["rules"]));
    let mut all: Vec<String> =
        targets.chain(rules).filter_map(|one| one["expr"].as_str().map(str::to_owned)).collect();
    let values = [
        ("$preview", PREVIEW),
        ("$baseline", BASELINE),
        ("$service", ".+"),
        ("$__rate_interval", "30s"),
    ];
    for query in &mut all {
        *query =
            values.iter().fold(query.clone(), |query, (name, value)| query.replace(name, value));
    }
    let (mut returned, mut understood) = (0, 0);
    for query in &all {
        let has_data = (query.contains("envoy_") || query.contains("gotk_"))
            // No answer of the baseline is an error.
            && !(query.contains("5xx") && query.contains(&format!("[.]{BASELINE}[.]")));
        if !has_data {
            prometheus.query(query)?;
            understood += 1;
            continue;
        }
        wait(query, PATIENCE, || {
            for (host, path) in [("basket", "/cart"), ("catalog", "/v1/books"), ("storefront", "/")]
            {
                traffic(format!("{host}.{BASELINE}:8080"), path)?;
            }
            ensure(prometheus.query(query)? > 0, || "it returns nothing".to_owned())
        })?;
        returned += 1;
    }
    Ok(format!(
        "of {} queries of the dashboard and the rules, {returned} of Envoy's and Flux's own counters return data, {understood} \
         of Istio's and kube-state-metrics' are understood",
        all.len()
    ))
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
