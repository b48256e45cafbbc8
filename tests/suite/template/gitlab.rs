//! The example for GitLab: the scripts of its jobs, run as GitLab's runner runs them, in one shell each.

use std::fs;
use std::process::Command;

use serde_json::Value;

use super::super::orchestrator::{Answer, run_with};
use super::project::{Project, git};
use super::template;

/// The job of a pipeline of the merge request.
fn job(project: &Project, name: &str, more: &[(&str, &str)]) -> Answer {
    let text = fs::read_to_string(template().join("application/.gitlab-ci.yml"));
    let jobs: Value = yaml_serde::from_str(&text.expect("it is there")).expect("it is YAML");
    let lines = jobs[name]["script"].as_array().expect("a job has a script");
    let mut script = "set -e\n".to_owned();
    // GitLab flattens lists in lists. The first one is what installs anabranch from its releases.
    for line in lines.iter().filter_map(Value::as_str) {
        script += line;
        script += "\n";
    }
    project.program("apk", "#!/bin/sh\n");
    let mut shell = Command::new("sh");
    let base = git(&project.path("code"), &["rev-list", "--max-parents=0", "HEAD"]);
    shell.current_dir(project.path("code")).args(["-c", &script]);
    shell.env("GITOPS", project.path("gitops.git")).env("GITOPS_TOKEN", "secret");
    shell.env("REGISTRY", "ghcr.io/acme").env("CI_REGISTRY_PASSWORD", "secret");
    shell.env("CI_REGISTRY_USER", "bot").env("CI_PROJECT_URL", "https://gitlab.com/acme/shop");
    shell.env("CI_MERGE_REQUEST_IID", "42").env("CI_COMMIT_SHA", project.head());
    shell.env("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.trim());
    shell.envs(more.iter().copied());
    run_with(&mut shell, &project.path("bin"))
}

fn previews(project: &Project) -> String {
    project.delivered("previews/previews.yaml")
}

#[test]
fn a_merge_request_has_its_preview_from_opening_to_closing() {
    let project = Project::new();
    project.change("services/cart/main");
    let first = ("CI_PIPELINE_CREATED_AT", "2026-11-29T10:00:00Z");
    job(&project, "preview", &[first]).ok();
    let file = previews(&project);
    assert!(
        file.contains("- name: pr-42\n") && file.contains("ghcr.io/acme/cart@sha256:"),
        "{file}"
    );
    assert!(file.contains("repository: https://gitlab.com/acme/shop\n"), "{file}");
    assert!(!file.contains("ghcr.io/acme/catalog@"), "{file}");

    // What all services are built from.
    project.change("lib/lib");
    job(&project, "preview", &[("CI_PIPELINE_CREATED_AT", "2026-11-29T10:05:00Z")]).ok();
    let file = previews(&project);
    assert!(file.contains("ghcr.io/acme/catalog@sha256:"), "{file}");
    // The pipeline before comes last.
    job(&project, "preview", &[first]).ok();
    assert_eq!(previews(&project), file);

    job(&project, "close", &[("CI_JOB_STARTED_AT", "2026-11-29T10:10:00Z")]).ok();
    assert!(!previews(&project).contains("ghcr.io/acme/cart@"), "{}", previews(&project));
}

#[test]
fn a_merge_request_that_affects_no_service_has_none() {
    let project = Project::new();
    project.change("README.md");
    job(&project, "preview", &[("CI_PIPELINE_CREATED_AT", "2026-11-29T10:00:00Z")]).ok();
    assert!(previews(&project).contains("previews: []"), "{}", previews(&project));
}
