//! State: what becomes in a copy of every kind of workload, of every type of volume and of what pods name. The tables
//! that the guide shows are made of the program's own lists; a row without a case here fails.

mod annotations;
mod peers;
mod pods;
mod references;
mod stores;
mod volumes;
mod workloads;

use std::collections::BTreeSet;
use std::process::Command;

use serde_json::{Value, json};

use super::orchestrator::{ANABRANCH, run, write_text};
use super::schema::{Schemas, documents};

const PREVIEW: &str = "pr-1";

/// What the program makes of a baseline with one preview of the service `cart`.
struct Outcome {
    objects: Vec<Value>,
    words: String,
    /// Whether it was refused.
    failed: bool,
}

/// Renders. `facts` are of the service, `more` is what else the spec has.
fn outcome(baseline: &[Value], facts: &Value, more: &Value) -> Outcome {
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let mut service = json!({"name": "cart"});
    for (key, value) in facts.as_object().expect("facts are fields") {
        service[key] = value.clone();
    }
    let mut previews = json!({
        "apiVersion": "anabranch.dev/v1alpha1", "kind": "Previews", "metadata": {"name": "shop"},
        "spec": {
            "baseline": {"namespace": "shop"}, "services": [service],
            "previews": [{"name": PREVIEW, "services": [{"name": "cart"}]}],
        },
    });
    for (key, value) in more.as_object().expect("a spec has fields") {
        previews["spec"][key] = value.clone();
    }
    let namespace = json!({"apiVersion": "v1", "kind": "Namespace",
        "metadata": {"name": "shop", "labels": {"istio-injection": "enabled", "team": "shop"}}});
    let has_one = baseline.iter().any(|object| object["kind"] == "Namespace");
    let all = if has_one { baseline.to_vec() } else { [&[namespace], baseline].concat() };
    let text: Vec<String> = all.iter().map(|object| format!("{object}\n")).collect();
    write_text(&scratch.path().join("previews.yaml"), &previews.to_string());
    write_text(&scratch.path().join("baseline.yaml"), &text.join("---\n"));
    let mut command = Command::new(ANABRANCH);
    command.current_dir(scratch.path()).args(["render", "previews.yaml", "-b", "baseline.yaml"]);
    let answer = run(&mut command, "");
    Outcome {
        objects: documents(&answer.stdout),
        words: answer.stderr,
        failed: answer.code != Some(0),
    }
}

impl Outcome {
    /// The copy of this kind and name.
    #[track_caller]
    fn copy(&self, kind: &str, name: &str) -> &Value {
        self.find(kind, name).unwrap_or_else(|| panic!("no copy of {kind} {name}: {}", self.words))
    }

    fn find(&self, kind: &str, name: &str) -> Option<&Value> {
        self.objects.iter().find(|object| {
            let metadata = &object["metadata"];
            object["kind"] == kind && metadata["name"] == name && metadata["namespace"] == PREVIEW
        })
    }

    /// What a strict API server would refuse of the workload's copy.
    fn violations(&self) -> Vec<String> {
        let kinds = ["Deployment", "StatefulSet"];
        let copies = kinds.iter().filter_map(|kind| self.find(kind, "cart"));
        copies.flat_map(|copy| Schemas::load().violations(copy)).collect()
    }

    /// Whether a finding of this code has these words.
    fn says(&self, code: &str, words: &str) -> bool {
        let mut findings = self.words.split("\n\n");
        findings.any(|one| one.contains(&format!("[{code}]")) && one.contains(words))
    }
}

/// The first cells of a table of the guide, without their marks, with the last ones.
fn rows(table: &str) -> Vec<(String, String)> {
    let tables = anabranch::treatment::tables();
    let (_, _, rows) =
        tables.into_iter().find(|one| one.0 == table).expect("there is such a table");
    rows.into_iter().map(|[name, _, what]| (name.replace('`', ""), what)).collect()
}

/// Each row has a case, and each case a row.
#[track_caller]
fn assert_covered<'c>(table: &str, cases: impl Iterator<Item = &'c str>) {
    let rows: BTreeSet<String> = rows(table).into_iter().map(|(name, _)| name).collect();
    let cases: BTreeSet<String> = cases.map(str::to_owned).collect();
    assert_eq!(rows, cases, "the rows of `{table}`, and those that a test tries");
}

fn service() -> Value {
    json!({"apiVersion": "v1", "kind": "Service", "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"selector": {"app": "cart"}, "ports": [{"name": "http", "port": 80}]}})
}

/// A workload of this pod, with labels that the service selects.
fn workload(kind: &str, pod: &Value) -> Value {
    json!({"apiVersion": "apps/v1", "kind": kind, "metadata": {"name": "cart", "namespace": "shop"},
        "spec": {"selector": {"matchLabels": {"app": "cart"}},
            "template": {"metadata": {"labels": {"app": "cart"}}, "spec": pod}}})
}

fn pod(fields: &Value) -> Value {
    let mut pod = json!({"containers": [{"name": "cart", "image": "registry.example.com/cart:1"}]});
    for (key, value) in fields.as_object().expect("a pod has fields") {
        pod[key] = value.clone();
    }
    pod
}

/// An object of the namespace.
fn object(api_version: &str, kind: &str, name: &str) -> Value {
    json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": name, "namespace": "shop"}})
}
