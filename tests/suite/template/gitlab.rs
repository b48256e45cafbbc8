//! The example for GitLab: the scripts of its jobs, run as GitLab's runner runs them, in one shell each. A program stands for
//! docker alone; git, jq, curl and anabranch are the real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::super::orchestrator::{ANABRANCH, Answer, run, run_with, write_text};
use super::{Copy, template};

/// A project with a merge request, and the GitOps repository.
struct Project {
    folder: TempDir,
}

impl Project {
    fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let gitops = Copy::new();
        gitops.git(&["add", "--all"]);
        commit(&gitops.path("."));
        let mut clone = Command::new("git");
        clone.args(["clone", "--quiet", "--bare"]).arg(gitops.path("."));
        run(clone.arg(project.path("gitops.git")), "").ok();

        let code = project.path("code");
        for service in ["frontend", "catalog", "cart", "checkout"] {
            write_text(&code.join(format!("services/{service}/main")), "1\n");
        }
        let map = fs::read_to_string(template().join("application/affected.yaml"));
        write_text(&code.join("affected.yaml"), &map.expect("it is there"));
        write_text(&code.join("lib/lib"), "1\n");
        write_text(&code.join("README.md"), "1\n");
        write_text(&code.join("docker-bake.hcl"), "\n");
        git(&code, &["init", "--quiet", "--initial-branch=main"]);
        git(&code, &["add", "--all"]);
        commit(&code);
        // Says what it built, as `docker buildx bake --metadata-file` does.
        let docker = "#!/bin/sh\nif [ \"$1\" = login ]; then exit; fi\nshift 4\nfile=$1\nshift\n\
            for target; do printf '%s %s\\n' \"$target\" \"sha256:$(echo \"$target\" | sha256sum | cut -c1-64)\"; done |\n\
            jq -Rn '[inputs | split(\" \") | {key: .[0], value: {\"containerimage.digest\": .[1]}}] | from_entries' >\"$file\"\n";
        project.program("docker", docker);
        project.program("apk", "#!/bin/sh\n");
        project
    }

    fn path(&self, name: &str) -> std::path::PathBuf {
        self.folder.path().join(name)
    }

    fn program(&self, name: &str, text: &str) {
        let file = self.path("bin").join(name);
        write_text(&file, text);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it may run");
        let program = self.path("bin/anabranch");
        if !program.exists() {
            fs::copy(ANABRANCH, program).expect("the program is copied");
        }
    }

    fn change(&self, file: &str) {
        write_text(&self.path("code").join(file), "2\n");
        git(&self.path("code"), &["add", "--all"]);
        commit(&self.path("code"));
    }

    fn job(&self, name: &str, more: &[(&str, &str)]) -> Answer {
        let text = fs::read_to_string(template().join("application/.gitlab-ci.yml"));
        let jobs: Value = yaml_serde::from_str(&text.expect("it is there")).expect("it is YAML");
        let lines = jobs[name]["script"].as_array().expect("a job has a script");
        let mut script = "set -e\n".to_owned();
        // GitLab flattens lists in lists. The first one is what installs anabranch from its releases.
        for line in lines.iter().filter_map(Value::as_str) {
            script += line;
            script += "\n";
        }
        let mut shell = Command::new("sh");
        let head = git(&self.path("code"), &["rev-parse", "HEAD"]);
        let base = git(&self.path("code"), &["rev-list", "--max-parents=0", "HEAD"]);
        shell.current_dir(self.path("code")).args(["-c", &script]);
        shell.env("GITOPS", self.path("gitops.git")).env("GITOPS_TOKEN", "secret");
        shell.env("REGISTRY", "ghcr.io/acme").env("CI_REGISTRY_PASSWORD", "secret");
        shell.env("CI_REGISTRY_USER", "bot").env("CI_PROJECT_URL", "https://gitlab.com/acme/shop");
        shell.env("CI_MERGE_REQUEST_IID", "42").env("CI_COMMIT_SHA", head.trim());
        shell.env("CI_MERGE_REQUEST_DIFF_BASE_SHA", base.trim());
        shell.envs(more.iter().copied());
        run_with(&mut shell, &self.path("bin"))
    }

    fn previews(&self) -> String {
        git(&self.path("gitops.git"), &["show", "main:previews/previews.yaml"])
    }
}

fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
    run(git.args(arguments), "").ok()
}

fn commit(folder: &Path) {
    git(folder, &["commit", "--quiet", "--message", "one"]);
}

#[test]
fn a_merge_request_has_its_preview_from_opening_to_closing() {
    let project = Project::new();
    project.change("services/cart/main");
    let first = ("CI_PIPELINE_CREATED_AT", "2026-11-29T10:00:00Z");
    project.job("preview", &[first]).ok();
    let file = project.previews();
    assert!(
        file.contains("- name: pr-42\n") && file.contains("ghcr.io/acme/cart@sha256:"),
        "{file}"
    );
    assert!(file.contains("repository: https://gitlab.com/acme/shop\n"), "{file}");
    assert!(!file.contains("ghcr.io/acme/catalog@"), "{file}");

    // What all services are built from.
    project.change("lib/lib");
    project.job("preview", &[("CI_PIPELINE_CREATED_AT", "2026-11-29T10:05:00Z")]).ok();
    let file = project.previews();
    assert!(file.contains("ghcr.io/acme/catalog@sha256:"), "{file}");
    // The pipeline before comes last.
    project.job("preview", &[first]).ok();
    assert_eq!(project.previews(), file);

    project.job("close", &[("CI_JOB_STARTED_AT", "2026-11-29T10:10:00Z")]).ok();
    assert!(!project.previews().contains("ghcr.io/acme/cart@"), "{}", project.previews());
}

#[test]
fn a_merge_request_that_affects_no_service_has_none() {
    let project = Project::new();
    project.change("README.md");
    project.job("preview", &[("CI_PIPELINE_CREATED_AT", "2026-11-29T10:00:00Z")]).ok();
    assert!(project.previews().contains("previews: []"), "{}", project.previews());
}
