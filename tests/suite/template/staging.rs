//! The workflow that delivers to staging: its steps, run one after the other as GitHub's runner runs them.

use std::fs;
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::super::orchestrator::{Answer, run_with};
use super::project::{Project, SERVICES, git};
use super::template;

/// A run of the workflow on a commit.
struct Run<'a> {
    project: &'a Project,
    folder: TempDir,
    commit: String,
}

impl<'a> Run<'a> {
    fn new(project: &'a Project, commit: &str) -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let code = project.path("code").display().to_string();
        git(folder.path(), &["clone", "--quiet", &code, "code"]);
        git(&folder.path().join("code"), &["checkout", "--quiet", "--detach", commit]);
        Self { project, folder, commit: commit.to_owned() }
    }

    fn step(&self, name: &str) -> Answer {
        let text = fs::read_to_string(template().join("application/.github/workflows/main.yaml"));
        let workflow: Value = yaml_serde::from_str(&text.expect("it is there")).expect("YAML");
        let steps = workflow["jobs"]["staging"]["steps"].as_array().expect("it has steps");
        let called = |step: &&Value| step["name"].as_str().is_some_and(|it| it.starts_with(name));
        let step = steps.iter().find(called).expect("there is such a step");
        let mut bash = Command::new("bash");
        bash.args(["-e", "-c", step["run"].as_str().expect("it runs something")]);
        bash.current_dir(self.folder.path().join("code")).env("RUNNER_TEMP", self.folder.path());
        bash.env("GITOPS", self.project.path("gitops.git")).env("REGISTRY", "ghcr.io/acme");
        bash.env("GITOPS_TOKEN", "secret").env("TOKEN", "secret").env("ACTOR", "somebody");
        bash.env("TAG", "main-1").env("COMMIT", &self.commit);
        run_with(&mut bash, &self.project.path("bin"))
    }

    fn build(&self) -> String {
        self.step("Find and build").ok()
    }

    fn write(&self) -> String {
        self.step("Write the digests").ok()
    }
}

/// The workflow from its beginning to its end; returns what it says.
fn push(project: &Project) -> String {
    let run = Run::new(project, &project.head());
    run.build() + &run.write()
}

/// What staging has of a service.
fn digest(project: &Project, service: &str) -> String {
    let text = project.delivered("apps/staging/kustomization.yaml");
    let entry =
        text.split(&format!("- name: {service}\n")).nth(1).expect("it is listed").to_owned();
    entry.lines().nth(1).unwrap_or_default().trim().to_owned()
}

fn digests(project: &Project) -> Vec<String> {
    SERVICES.iter().map(|service| digest(project, service)).collect()
}

fn commit(project: &Project) -> String {
    project.delivered("apps/staging/commit").trim().to_owned()
}

#[test]
fn the_first_push_builds_everything_and_later_ones_what_changed() {
    let project = Project::new();
    assert!(push(&project).contains("everything is built"));
    let first = digests(&project);
    assert!(first.iter().all(|digest| digest.starts_with("digest: \"sha256:")), "{first:?}");
    assert_eq!(commit(&project), project.head());

    project.change("services/cart/main");
    push(&project);
    let second = digests(&project);
    for (place, service) in SERVICES.iter().enumerate() {
        assert_eq!(first[place] != second[place], *service == "cart", "{service}");
    }
    assert_eq!(commit(&project), project.head());
    // Where nothing is affected, nothing is written.
    let delivered = git(&project.path("gitops.git"), &["rev-parse", "main"]);
    project.change("README.md");
    push(&project);
    assert_eq!(git(&project.path("gitops.git"), &["rev-parse", "main"]), delivered);
}

#[test]
fn what_a_run_that_was_dropped_would_have_built_is_built_by_the_next() {
    let project = Project::new();
    push(&project);
    let before = digests(&project);
    project.change("services/catalog/main");
    project.change("services/cart/main");
    push(&project);
    let after = digests(&project);
    let changed = SERVICES.iter().enumerate().filter(|(place, _)| before[*place] != after[*place]);
    assert_eq!(changed.map(|(_, service)| *service).collect::<Vec<_>>(), ["catalog", "cart"]);
}

#[test]
fn a_run_of_an_earlier_commit_that_comes_late_takes_nothing_back() {
    let project = Project::new();
    let first = project.head();
    push(&project);
    // Its build ends after that of the next push.
    let late = Run::new(&project, &project.change("services/cart/main"));
    late.build();
    let newest = project.change("services/cart/main");
    push(&project);
    let delivered = digests(&project);
    assert!(late.write().contains("which is later"));
    assert_eq!((digests(&project), commit(&project)), (delivered.clone(), newest.clone()));
    // Somebody runs the first one again.
    let again = Run::new(&project, &first);
    assert!(again.build().contains("staging has this commit, or a later one"));
    again.write();
    assert_eq!((digests(&project), commit(&project)), (delivered, newest));
}

#[test]
fn a_branch_that_was_rewritten_is_built_as_a_whole() {
    let project = Project::new();
    project.change("services/cart/main");
    push(&project);
    let code = project.path("code");
    git(&code, &["reset", "--quiet", "--hard", "HEAD~1"]);
    git(&code, &["commit", "--quiet", "--amend", "--message", "another"]);
    assert!(push(&project).contains("everything is built"));
    assert_eq!(commit(&project), project.head());
    assert!(!digest(&project, "cart").is_empty());
}
