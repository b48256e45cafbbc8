//! A real Prometheus, and every query that the template has for it.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::{PREVIEW, PROMETHEUS, SERIES, Server, template, write};
use crate::books::{BASELINE, documents};
use crate::evaluator::Request;
use crate::lab::{Outcome, PATIENCE, ensure, kubectl, run as ask, wait};
use crate::traffic::{ADMIN, Probe, Question};

/// A Prometheus that looks at the proxy, at Flux and at the series that stand for Istio's.
pub(super) struct Prometheus {
    _server: Server,
}

impl Prometheus {
    pub(super) fn new(folder: &Path) -> Outcome<Self> {
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
        let mut prometheus = Self { _server: server };
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
pub(super) fn queries(
    prometheus: &mut Prometheus,
    probe: &mut Probe,
    folder: &Path,
) -> Outcome<String> {
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
            for (host, path) in
                [("basket", "/cart"), ("catalog", "/v1/books"), ("checkout", "/pay")]
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
