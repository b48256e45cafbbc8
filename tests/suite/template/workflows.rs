//! The workflows of the template: what they may do, what they run, and that they name what exists.

use std::collections::BTreeMap;
use std::fs;

use serde_json::Value;

use super::super::expected::files;
use super::super::orchestrator::root;
use super::template;

fn workflows() -> BTreeMap<String, Value> {
    let all = files(&template());
    let workflows = all.into_iter().filter(|(name, _)| name.contains(".github/workflows/"));
    workflows
        .map(|(name, bytes)| {
            let text = String::from_utf8(bytes).expect("a workflow is text");
            (name, yaml_serde::from_str(&text).expect("a workflow is YAML"))
        })
        .collect()
}

fn steps(workflow: &Value) -> impl Iterator<Item = &Value> {
    let jobs = workflow["jobs"].as_object().expect("a workflow has jobs");
    jobs.values().flat_map(|job| job["steps"].as_array().expect("a job has steps"))
}

#[test]
fn workflows_have_no_rights_but_those_of_their_jobs() {
    let all = workflows();
    assert_eq!(all.len(), 4, "{:?}", all.keys());
    for (name, workflow) in &all {
        assert_eq!(workflow["permissions"].to_string(), "{}", "{name}");
        assert!(!workflow.to_string().contains("pull_request_target"), "{name}");
        for (job, content) in workflow["jobs"].as_object().expect("it has jobs") {
            assert!(content["permissions"].is_object(), "{name}: {job}");
            assert!(content["timeout-minutes"].is_number(), "{name}: {job}");
        }
        for step in steps(workflow).filter(|step| step["uses"].is_string()) {
            let action = step["uses"].as_str().unwrap_or_default();
            let (action, commit) = action.split_once('@').expect("an action has a version");
            let is_commit = commit.len() == 40 && commit.chars().all(|c| c.is_ascii_hexdigit());
            assert!(is_commit, "{name}: {action}");
            if action == "actions/checkout" {
                assert_eq!(step["with"]["persist-credentials"], false, "{name}");
            }
        }
    }
}

#[test]
fn workflows_give_our_actions_what_these_know() {
    for (name, workflow) in workflows() {
        for step in steps(&workflow).filter(|step| step["uses"].is_string()) {
            let action = step["uses"].as_str().unwrap_or_default();
            let Some(path) = action.strip_prefix("anabranch/anabranch/") else { continue };
            let path = path.split('@').next().unwrap_or_default();
            let file = fs::read_to_string(root().join(path).join("action.yml"));
            let file: Value =
                yaml_serde::from_str(&file.expect("the action exists")).expect("YAML");
            let inputs = file["inputs"].as_object().expect("it has inputs");
            let given = step["with"].as_object().cloned().unwrap_or_default();
            for input in given.keys() {
                assert!(inputs.contains_key(input), "{name}: {path} has no input {input}");
            }
            for (input, content) in inputs.iter().filter(|(_, one)| one["required"] == true) {
                assert!(given.contains_key(input), "{name}: {path} needs {input}: {content}");
            }
        }
    }
}

#[test]
fn scripts_that_workflows_run_are_there_and_may_run() {
    use std::os::unix::fs::PermissionsExt as _;
    let mut seen = 0;
    for (name, workflow) in workflows() {
        for run in steps(&workflow).filter_map(|step| step["run"].as_str()) {
            for word in run.split([' ', '\n', '"']).filter(|word| word.contains("scripts/")) {
                let script = word.trim_start_matches("gitops/");
                let file = fs::metadata(template().join(script));
                let mode =
                    file.unwrap_or_else(|_| panic!("{name}: no {script}")).permissions().mode();
                assert!(mode & 0o111 != 0, "{name}: {script} may not run");
                seen += 1;
            }
        }
    }
    assert!(seen >= 4, "{seen} scripts");
}
