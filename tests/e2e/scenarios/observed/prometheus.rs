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

/// A query of a panel of the dashboard, or of a rule.
struct Query {
    /// The panel's title, or what the rule records or is called.
    name: String,
    text: String,
    is_rule: bool,
}

impl Query {
    /// Whether the lab has what it asks for: Envoy's own counters, or Flux's.
    fn has_data(&self) -> bool {
        (self.text.contains("envoy_") || self.text.contains("gotk_"))
            // No answer of the baseline is an error.
            && !(self.text.contains("5xx") && self.text.contains("[.]$baseline[.]"))
    }

    /// The text with values for the dashboard's variables.
    fn with(&self, preview: &str, baseline: &str, interval: &str) -> String {
        let values = [
            ("$preview", preview),
            ("$baseline", baseline),
            ("$service", ".+"),
            ("$__rate_interval", interval),
        ];
        values.iter().fold(self.text.clone(), |text, (name, value)| text.replace(name, value))
    }

    /// Whether promtool's tests say what it finds.
    fn is_tested(&self, tests: &str) -> bool {
        match self.is_rule {
            true => ["expr", "alertname"]
                .iter()
                .any(|key| tests.contains(&format!("{key}: {}", self.name))),
            false => tests.contains(&format!("expr: '{}'", self.with("pr-42", "shop", "5m"))),
        }
    }
}

/// Every query of the dashboard and of the rules.
fn all(folder: &Path) -> Outcome<Vec<Query>> {
    let read = |path: &Path| -> Outcome<Value> {
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        serde_json::from_str(&text).map_err(|error| error.to_string())
    };
    let text = |one: &Value| one.as_str().map(str::to_owned);
    let (board, rules) =
        (read(&template("monitoring/previews.json"))?, read(&folder.join("previews-rules.yaml"))?);
    let panels = items(&board["panels"]).flat_map(|panel| {
        items(&panel["targets"]).filter_map(move |target| {
            let text = text(&target["expr"])?;
            let whose = if text.contains("$baseline") { " of the baseline" } else { "" };
            let name = format!("{}{whose}", panel["title"].as_str()?);
            Some(Query { name, text, is_rule: false })
        })
    });
    let rules = items(&rules["groups"]).flat_map(|group| items(&group["rules"]));
    let rules = rules.filter_map(|rule| {
        let name = text(&rule["record"]).or_else(|| text(&rule["alert"]))?;
        Some(Query { name, text: text(&rule["expr"])?, is_rule: true })
    });
    Ok(panels.chain(rules).collect())
}

/// Sends every query of the dashboard and of the rules. Those of Envoy and of Flux have to return data, the others to be in
/// promtool's tests. Returns which is which.
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
    let tests = fs::read_to_string(folder.join("rules_test.yaml"));
    let tests = tests.map_err(|error| error.to_string())?;
    let all = all(folder)?;
    for query in &all {
        let text = query.with(PREVIEW, BASELINE, "30s");
        if !query.has_data() {
            prometheus.query(&text)?;
            ensure(query.is_tested(&tests), || {
                format!("rules_test.yaml does not have `{}` of {}", query.text, query.name)
            })?;
            continue;
        }
        wait(&text, PATIENCE, || {
            for (host, path) in
                [("basket", "/cart"), ("catalog", "/v1/books"), ("checkout", "/pay")]
            {
                traffic(format!("{host}.{BASELINE}:8080"), path)?;
            }
            ensure(prometheus.query(&text)? > 0, || "it returns nothing".to_owned())
        })?;
    }
    let (with, without): (Vec<&Query>, Vec<&Query>) = all.iter().partition(|one| one.has_data());
    Ok(format!(
        "of {} queries of the dashboard and the rules, {} return data of a real Envoy and of Flux ({}), the others are understood \
         by Prometheus and answered right with promtool's series ({})",
        all.len(),
        with.len(),
        names(&with),
        names(&without)
    ))
}

/// The names of queries, each once.
fn names(queries: &[&Query]) -> String {
    let mut names: Vec<String> = queries.iter().map(|query| format!("`{}`", query.name)).collect();
    names.dedup();
    names.join(", ")
}

fn items(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}
