//! What is shipped beside the binary, its bill of materials, and how a release comes about.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::process::Command;

use serde_json::Value;

use crate::orchestrator::{Answer, make, root, run, run_with, skipped};

type Crates = BTreeSet<(String, String)>;

fn triple() -> String {
    format!("{}-unknown-linux-musl", std::env::consts::ARCH)
}

/// Whether the static binary can be compiled here and its bill written.
fn can_compile() -> bool {
    let sysroot = run(Command::new("rustc").args(["--print", "sysroot"]), "").ok();
    let target = format!("{}/lib/rustlib/{}", sysroot.trim(), triple());
    let python = Command::new("python3").arg("--version").output();
    let there = fs::metadata(target).is_ok() && python.is_ok_and(|told| told.status.success());
    if !there {
        skipped("Python or Rust's musl target is missing");
    }
    there
}

/// The crates of a graph that cargo resolves for the release, this one left out.
fn tree(edges: &str) -> Crates {
    let mut cargo = Command::new("cargo");
    cargo.current_dir(root()).args(["tree", "--locked", "--prefix", "none", "--format", "{p}"]);
    let text = run(cargo.args(["--edges", edges, "--target", &triple()]), "").ok();
    let mut crates = Crates::new();
    for line in text.lines() {
        let mut words = line.split(' ');
        if let (Some(name), Some(version)) = (words.next(), words.next())
            && name != "anabranch"
        {
            crates.insert((name.to_owned(), version.trim_start_matches('v').to_owned()));
        }
    }
    crates
}

#[test]
fn the_bill_of_materials_lists_exactly_the_crates_in_the_binary() {
    if !can_compile() {
        return;
    }
    make(&["sbom"]);
    let arch = if std::env::consts::ARCH == "aarch64" { "arm64" } else { "amd64" };
    let path = root().join("dist/linux").join(arch).join("anabranch.cdx.json");
    let text = fs::read_to_string(path).expect("make sbom writes it");
    let bill: Value = serde_json::from_str(&text).expect("it is JSON");
    let listed = |scope: &str| -> Crates {
        let components = bill["components"].as_array().expect("there are components");
        let of_scope = components.iter().filter(|component| component["scope"] == scope);
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        of_scope.map(|component| (text(&component["name"]), text(&component["version"]))).collect()
    };
    let (linked, ran) = (listed("required"), listed("excluded"));

    // The bill is made of what cargo compiled; this is what cargo resolves.
    assert_eq!(linked, tree("normal,no-proc-macro"));
    let all: Crates = linked.union(&ran).cloned().collect();
    assert_eq!(all, tree("normal,build"));
    for tested in ["json-patch", "jsonschema", "proptest", "yaml_serde"] {
        assert!(!text.contains(&format!("pkg:cargo/{tested}@")), "{tested} is for tests only");
    }
    assert!(!text.contains(&root().display().to_string()), "it names a folder of this machine");
}

/// The workflows of the repository by file name.
fn workflows() -> BTreeMap<String, Value> {
    let folder = root().join(".github/workflows");
    let files = fs::read_dir(folder).expect("there are workflows");
    files
        .map(|file| {
            let path = file.expect("the folder can be read").path();
            let text = fs::read_to_string(&path).expect("a workflow is text");
            let name = path.file_name().expect("a file has a name").to_string_lossy().into_owned();
            (name, yaml_serde::from_str(&text).expect("a workflow is YAML"))
        })
        .collect()
}

/// The jobs of a workflow by name.
fn jobs(workflow: &Value) -> impl Iterator<Item = (&String, &Value)> {
    workflow["jobs"].as_object().expect("a workflow has jobs").iter()
}

fn steps(job: &Value) -> impl Iterator<Item = &Value> {
    job["steps"].as_array().expect("a job has steps").iter()
}

/// What a job runs: its scripts and the names of its actions.
fn work(job: &Value) -> String {
    let texts = steps(job).flat_map(|step| [&step["run"], &step["uses"]]);
    texts.filter_map(Value::as_str).collect::<Vec<_>>().join("\n")
}

#[test]
fn a_job_that_may_write_or_sign_has_no_source_and_compiles_nothing() {
    let mut trusted = Vec::new();
    for (file, workflow) in workflows() {
        assert_eq!(workflow["permissions"].to_string(), "{}", "{file} gives nothing to all jobs");
        for (name, job) in jobs(&workflow) {
            let permissions = job["permissions"].as_object().expect("each job says what it may do");
            if permissions.values().all(|access| access == "read") {
                continue;
            }
            trusted.push(name.clone());
            let work = work(job);
            for tool in ["checkout", "make", "cargo", "npm", "pip", "setup-", "buildx", "cache"] {
                assert!(!work.contains(tool), "{file}: {name} runs {tool}");
            }
            assert!(work.contains("actions/download-artifact@"), "{file}: {name} publishes files");
        }
    }
    assert_eq!(trusted, ["publish", "publish-image"]);
}

#[test]
fn a_release_waits_for_ci_and_tests_and_reads_no_cache() {
    let workflows = workflows();
    let release = &workflows["release.yaml"];
    for (name, job) in jobs(release) {
        assert!(!work(job).contains("cache"), "{name}");
        let needs: Vec<&str> =
            job["needs"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        match name.as_str() {
            "ci" => assert!(work(job).contains(".ci/green")),
            "publish" => assert_eq!(needs, ["ci", "test", "build"]),
            "publish-image" => assert_eq!(needs, ["ci", "test", "image"]),
            "image" => assert_eq!(needs, ["build"]),
            "success" => assert_eq!(needs.len(), jobs(release).count() - 1),
            _ => assert_eq!(needs, ["ci"], "{name}"),
        }
    }
}

#[test]
fn strangers_get_no_secrets_and_actions_are_named_by_commit() {
    for (file, workflow) in workflows() {
        let text = workflow.to_string();
        assert!(!text.contains("pull_request_target") && !text.contains("secrets."), "{file}");
        for (name, job) in jobs(&workflow) {
            for action in steps(job).filter_map(|step| step["uses"].as_str()) {
                let (_, commit) = action.split_once('@').expect("an action has a version");
                let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
                assert!(is_commit, "{file}: {name} uses {action}");
            }
        }
    }
}

/// Runs `.ci/green` with a `gh` that answers with these states, one after the other.
fn green(states: &[&str]) -> Answer {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let gh = folder.path().join("gh");
    fs::write(folder.path().join("states"), states.join("\n") + "\n").expect("written");
    let script =
        format!("#!/bin/sh\ncd {}\nhead -n 1 states\nsed -i 1d states\n", folder.path().display());
    fs::write(&gh, script).expect("written");
    fs::set_permissions(&gh, fs::Permissions::from_mode(0o755)).expect("it may run");
    let mut command = Command::new(root().join(".ci/green"));
    command.env("POLL_SECONDS", "0").env("GITHUB_REPOSITORY", "anabranch/anabranch");
    run_with(command.arg("90d51dc"), folder.path())
}

#[test]
fn a_release_waits_until_ci_has_ended_well() {
    let told = green(&["not there", "queued", "in_progress", "success", "failure"]).ok();
    assert_eq!(told.lines().count(), 4, "{told}");
    for state in ["failure", "cancelled", "timed_out", "skipped"] {
        green(&["in_progress", state, "success"]).failed();
    }
    green(&["queued"; 121]).failed();
}

#[test]
fn python_packages_are_installed_by_digest() {
    for (script, list) in [
        ("tests/lab/build.sh", "tests/lab/requirements.txt"),
        ("tests/tools/install.sh", "tests/tools/requirements.txt"),
    ] {
        let script = fs::read_to_string(root().join(script)).expect("the script is there");
        let installs = script.matches("pip install").count();
        assert_eq!(installs, 1);
        assert_eq!(script.matches("--require-hashes").count(), installs);
        let list = fs::read_to_string(root().join(list)).expect("the list is there");
        assert!(list.contains("--hash=sha256:"));
    }
}

/// The crates that a manifest names, in every table of dependencies.
fn named_in(manifest: &str) -> BTreeSet<String> {
    let table = toml::de::DeTable::parse(manifest).expect("Cargo.toml is TOML").into_inner();
    let mut found = BTreeSet::new();
    let mut open = vec![table];
    while let Some(table) = open.pop() {
        for (key, value) in table {
            let toml::de::DeValue::Table(inner) = value.into_inner() else { continue };
            if key.get_ref().ends_with("dependencies") {
                found.extend(inner.keys().map(|name| name.get_ref().to_string()));
            } else {
                open.push(inner);
            }
        }
    }
    found
}

#[test]
fn every_dependency_has_a_line_that_says_what_it_is_for() {
    let read = |path: &str| fs::read_to_string(root().join(path)).expect("the file is there");
    let page = read("docs/dependencies.md");
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("| `")).collect();
    let described: Vec<String> =
        lines.iter().filter_map(|line| line.split('`').nth(1)).map(str::to_owned).collect();
    assert_eq!(described.iter().cloned().collect::<BTreeSet<_>>(), named_in(&read("Cargo.toml")));
    assert_eq!(described.len(), described.iter().collect::<BTreeSet<_>>().len(), "one line each");
    for line in lines {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        assert!(cells.len() == 4 && cells.iter().all(|cell| !cell.is_empty()), "{line}");
    }
}
