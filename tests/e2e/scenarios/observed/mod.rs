//! What gitops-template watches, and how its suites ask: the smoke suite through a real proxy, reports into a real bucket,
//! `exercised` and every query of the dashboard and the rules at a real Prometheus.
//!
//! A stock Envoy does not count as Istio's proxy does. So the queries of its own counters have to return data here, and
//! those of Istio's have to be understood; what they mean is proved by promtool, with series as Istio labels them.

mod prometheus;
mod suite;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use self::prometheus::{Prometheus, queries};
use self::suite::Suite;
use super::clear;
use crate::books::{Books, documents};
use crate::lab::{Outcome, apply, ensure, kubectl, run as ask, scratch, stream};
use crate::traffic::{Envoy, Pod, Probe};

const PREVIEW: &str = "pr-90";
const CHANGED: [&str; 2] = ["basket", "catalog"];
/// Which paths of them the suite asks for.
const SERVICES: &str = "basket 8080 /cart\ncatalog 8080 /v1/books\ncheckout 8080 /pay\n";
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
    ensure(green.code == 0, || format!("smoke is red: {}", green.log))?;
    // A service that the preview does not change: whoever asks for it with the key gets the baseline's.
    let red = smoke.run("checkout")?;
    ensure(red.code == 1 && red.log.contains("✖ with the key the preview answers"), || {
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
         {manifests} manifests admitted by the API server and istiod",
        green.log.lines().filter(|line| line.starts_with("  ✔")).count(),
        CHANGED.len()
    ))
}

/// Applies what the suites need and lets the API server judge the rest. Returns how many objects it saw.
fn is_admitted() -> Outcome<usize> {
    let mut objects: Vec<Value> = Vec::new();
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
        objects.extend(documents(&built));
    }
    apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: monitoring}\n")?;
    // istiod warns of every EnvoyFilter: what it changes is Envoy's and may change with Envoy.
    let (filters, rest): (Vec<Value>, Vec<Value>) =
        objects.into_iter().partition(|object| object["kind"] == "EnvoyFilter");
    let admit = |objects: &[Value], more: &[&str]| {
        let mut command = Command::new("kubectl");
        command.args(["apply", "--server-side", "--validate=strict", "-f", "-"]).args(more);
        ask(&mut command, &stream(objects))
    };
    admit(&rest, &["--warnings-as-errors", "--dry-run=server"])?;
    admit(&filters, &[])?;
    kubectl(&["delete", "namespace", "monitoring", "--wait=false"])?;
    let count = filters.len() + rest.len();
    Ok(count)
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
    ensure(red.code == 1 && untouched("basket") && untouched("catalog"), || {
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
    ensure(green.code == 0, || format!("exercised should be green: {}", green.log))?;
    Ok("`exercised` red for services that only the smoke suite asked or nobody since it began, green after one request each".to_owned())
}
