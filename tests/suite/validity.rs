//! A second judge of everything that is written: every object of both shapes is valid against the
//! schemas of the APIs it is for, and kustomize loads every folder of the tree.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

use super::estate::Estate;
use super::expected::{extra_args, files, folders, golden, name};
use super::orchestrator::{ANABRANCH, kustomize, root, run};
use super::schema::{Schemas, documents};

/// A render: its name, the folder it runs in, and its arguments.
struct Case {
    name: String,
    folder: PathBuf,
    arguments: Vec<String>,
}

/// The example, every golden case, and the estates.
fn cases() -> Vec<Case> {
    let words = |text: &str| text.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let mut cases = vec![Case {
        name: "examples/shop".to_owned(),
        folder: root().join("examples/shop"),
        arguments: words("render previews.yaml --baseline baseline --source-root ."),
    }];
    // `unknown-fields` shows that a field nobody has heard of survives, which no schema allows.
    let skipped = ["mistakes", "unknown-fields"];
    let golden = folders(&golden());
    for case in golden.into_iter().filter(|case| !skipped.contains(&&*name(case))) {
        let mut arguments = words("render input/previews.yaml --baseline input/baseline");
        arguments.extend(extra_args(&case));
        cases.push(Case { name: name(&case), folder: case, arguments });
    }
    cases.extend(Estate::all().into_iter().map(|estate| Case {
        name: estate.name(),
        folder: estate.folder,
        arguments: words("render previews.yaml --baseline baseline"),
    }));
    cases
}

fn render(case: &Case, more: &[&str]) -> String {
    let mut command = Command::new(ANABRANCH);
    command.current_dir(&case.folder).args(&case.arguments).args(more);
    run(&mut command, "").ok()
}

fn identity(object: &Value) -> String {
    let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
    let group = text(&object["apiVersion"]);
    let group = group.split_once('/').map_or("", |(group, _)| group).to_owned();
    let metadata = &object["metadata"];
    let (kind, namespace) = (text(&object["kind"]), text(&metadata["namespace"]));
    format!("{group}/{kind} {namespace}/{}", text(&metadata["name"]))
}

/// The user's own objects may be of kinds that no schema is here for.
fn is_ours(object: &Value) -> bool {
    object["metadata"]["labels"]["app.kubernetes.io/managed-by"] == "anabranch"
}

/// Kinds that only users bring along: copied, but judged by whoever defines them.
const FOREIGN: [&str; 7] = [
    "dapr.io",
    "example.com",
    "external-secrets.io",
    "k8s.cni.cncf.io",
    "monitoring.coreos.com",
    "opentelemetry.io",
    "secrets-store.csi.x-k8s.io",
];

fn judge(name: &str, objects: &[Value], problems: &mut Vec<String>) {
    let mut seen = BTreeSet::new();
    for object in objects {
        let id = identity(object);
        if !seen.insert(id.clone()) {
            problems.push(format!("{name}: {id} is written twice"));
        }
        let foreign = FOREIGN
            .iter()
            .any(|group| object["apiVersion"].as_str().unwrap_or_default().contains(group));
        if !is_ours(object) || foreign {
            continue;
        }
        let found = Schemas::load().violations(object);
        problems.extend(found.into_iter().map(|one| format!("{name}: {id}: {one}")));
        if object["metadata"]["namespace"].is_null() && object["kind"] != "Namespace" {
            problems.push(format!("{name}: {id} has no namespace"));
        }
    }
}

fn settle(problems: Vec<String>) {
    assert!(problems.is_empty(), "{}", problems.join("\n"));
}

/// The objects of a folder as kustomize reads them: the reader that Flux uses, to which `0444` is a
/// number as it is to the API server.
fn build(folder: &Path) -> Vec<Value> {
    documents(&run(kustomize().arg("build").arg(folder), "").ok())
}

#[test]
fn every_object_of_the_stream_is_valid() {
    let mut problems = Vec::new();
    for case in cases() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let write = |name: &str, text: &str| {
            fs::write(scratch.path().join(name), text).expect("the folder can be written");
        };
        let stream = render(&case, &[]);
        let resources = if stream.is_empty() { "[]" } else { "[stream.yaml]" };
        write("stream.yaml", &stream);
        write("kustomization.yaml", &format!("resources: {resources}\n"));
        judge(&case.name, &build(scratch.path()), &mut problems);
    }
    settle(problems);
}

#[test]
fn every_object_of_the_tree_is_valid_and_every_folder_builds() {
    let mut problems = Vec::new();
    for case in cases() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let out = scratch.path().join("out");
        render(&case, &["-o", &out.display().to_string()]);
        for folder in built_folders(&out) {
            let name = format!("{} {}", case.name, folder.display());
            let built = build(&out.join(&folder));
            judge(&name, &built, &mut problems);
            let written = files(&out.join(&folder))
                .into_iter()
                .filter(|(file, _)| file != "kustomization.yaml")
                .flat_map(|(_, bytes)| documents(&String::from_utf8_lossy(&bytes)));
            let written: BTreeSet<String> = written.map(|object| identity(&object)).collect();
            if written != built.iter().map(identity).collect() {
                problems.push(format!("{name}: kustomize builds other objects"));
            }
        }
    }
    settle(problems);
}

/// The folders of a tree that Flux Kustomizations name; suites are the user's.
fn built_folders(out: &Path) -> Vec<PathBuf> {
    let mut found: Vec<PathBuf> = ["flux", "shared", "baseline"].map(PathBuf::from).into();
    if let Ok(previews) = fs::read_dir(out.join("previews")) {
        found.extend(previews.map(|entry| {
            PathBuf::from("previews").join(entry.expect("the tree can be read").file_name())
        }));
    }
    found.retain(|folder| out.join(folder).is_dir());
    found.sort();
    found
}

#[test]
fn the_objects_of_the_example_that_are_the_users_are_valid_too() {
    let case = &cases()[0];
    let objects = documents(&render(case, &[]));
    let problems = objects.iter().flat_map(|object| {
        let found = Schemas::load().violations(object);
        found.into_iter().map(|one| format!("{}: {one}", identity(object)))
    });
    settle(problems.collect());
}
