//! The repositories of a team with their remotes, and act, which runs their workflows.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::{Value, json};

use crate::lab::{Outcome, ensure, run, scratch};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");
/// Where the workflows are, as a team copies them.
const WORKFLOWS: &str = "examples/ci";
const HERE: &str = "tests/e2e/scenarios/workflows";
const REGISTRY: &str = "127.0.0.1:5000";
/// What jobs get as secrets, and nobody may print.
const SECRETS: [(&str, &str); 2] =
    [("GITHUB_TOKEN", "token-of-the-job"), ("GITOPS_TOKEN", "token-of-the-gitops-repository")];

const PREVIEWS: &str = "apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata: {name: workflows}
spec:
  baseline: {namespace: workflows}
  limits: {requireDigest: true, registries: [\"127.0.0.1:5000/shop\"]}
  flux: {sourceRef: {name: workflows}, artifacts: {url: \"oci://127.0.0.1:5000/workflows\"}}
  previews: []
";

const AFFECTED: &str = "apiVersion: anabranch.dev/v1alpha1
kind: Affected
spec:
  ignore: [docs/**]
  all: [.github/**, affected.yaml, docker-bake.json]
  services:
    basket: {paths: [services/basket/**]}
    catalog: {paths: [services/catalog/**], with: [basket]}
";

/// Two repositories, what stands beside them, and how often act ran.
pub(super) struct Stage {
    folder: PathBuf,
    runs: usize,
}

/// What act said of a run.
pub(super) struct Told {
    all_well: bool,
    text: String,
}

impl Told {
    /// An error unless a job of this name ran to a good end.
    pub(super) fn succeeded(&self, job: &str) -> Outcome {
        let ran = self
            .text
            .lines()
            .any(|line| line.contains(&format!("/{job}")) && line.ends_with("Job succeeded"));
        ensure(ran && self.all_well, || format!("{job} did not succeed: {}", self.text))
    }

    /// An error unless the run failed with these words.
    pub(super) fn failed(&self, words: &str) -> Outcome {
        let as_wanted = !self.all_well && self.text.contains(words);
        ensure(as_wanted, || format!("it should fail with {words}: {}", self.text))
    }

    /// An error if any job ran.
    pub(super) fn is_empty(&self) -> Outcome {
        let ran = self.text.contains("Run ");
        ensure(self.all_well && !ran, || format!("a job ran: {}", self.text))
    }
}

impl Stage {
    pub(super) fn new() -> Outcome<Self> {
        let stage = Self { folder: scratch("workflows"), runs: 0 };
        let copy = |from: &str, to: &str| {
            let to = stage.path(to);
            fs::create_dir_all(to.parent().unwrap_or(&to)).map_err(|error| error.to_string())?;
            let from = Path::new(ROOT).join(from);
            run(Command::new("cp").arg("-r").args([&from, &to]), "").map(drop)
        };
        copy("actions", "anabranch/actions")?;
        stage.release()?;
        for (name, remote) in [("app", "shop/shop"), ("gitops", "example/gitops")] {
            fs::create_dir_all(stage.path(name)).map_err(|error| error.to_string())?;
            stage.git(name, &["init", "--quiet", "--initial-branch=main"])?;
            stage
                .git(name, &["remote", "add", "origin", &format!("https://github.com/{remote}")])?;
            let bare = format!("{name}.git");
            stage.git("", &["init", "--quiet", "--bare", "--initial-branch=main", &bare])?;
        }
        copy(&format!("{WORKFLOWS}/application.yaml"), "app/.github/workflows/preview.yaml")?;
        copy(&format!("{WORKFLOWS}/prune.yaml"), "app/.github/workflows/prune.yaml")?;
        copy(&format!("{WORKFLOWS}/gitops.yaml"), "gitops/.github/workflows/previews.yaml")?;
        stage.write("gitops/previews.yaml", PREVIEWS)?;
        stage.write("app/affected.yaml", AFFECTED)?;
        stage.write("app/docs/words.md", "words")?;
        let mut targets = json!({});
        for service in ["basket", "catalog"] {
            stage.write(&format!("app/services/{service}/main"), "1")?;
            stage.write(&format!("gitops/apps/staging/{service}.yaml"), &manifests(service))?;
            let tag = format!("{REGISTRY}/shop/{service}:${{TAG}}");
            targets[service] = json!({"context": format!("services/{service}"), "tags": [tag]});
        }
        let namespace = "apiVersion: v1\nkind: Namespace\nmetadata: {name: workflows, labels: {istio-injection: enabled}}\n";
        stage.write("gitops/apps/staging/namespace.yaml", namespace)?;
        let bake = json!({"variable": {"TAG": {"default": "dev"}}, "target": targets});
        stage.write("app/docker-bake.json", &bake.to_string())?;
        for name in ["app", "gitops"] {
            stage.publish(name, "main", "the beginning")?;
        }
        Ok(stage)
    }

    /// The program under test as a release, and where git finds what is on GitHub.
    fn release(&self) -> Outcome {
        let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
        let (folder, name) = (self.path("releases/v0.1.0"), format!("anabranch-linux-{arch}"));
        fs::create_dir_all(&folder).map_err(|error| error.to_string())?;
        fs::copy(env!("CARGO_BIN_EXE_anabranch"), folder.join(&name))
            .map_err(|error| error.to_string())?;
        let sums = run(Command::new("sha256sum").arg(&name).current_dir(&folder), "")?;
        self.write("releases/v0.1.0/checksums.txt", &sums)?;
        let instead = |name: &str, remote: &str| {
            let file = self.path(&format!("{name}.git"));
            format!(
                "[url \"file://{}\"]\n  insteadOf = https://github.com/{remote}\n",
                file.display()
            )
        };
        let remotes = [instead("app", "shop/shop"), instead("gitops", "example/gitops")].concat();
        self.write(
            "gitconfig",
            &format!("[user]\n  name = t\n  email = t@example.com\n{remotes}"),
        )?;
        self.write("log", "")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    fn write(&self, name: &str, text: &str) -> Outcome {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap_or(&path)).map_err(|error| error.to_string())?;
        fs::write(&path, text).map_err(|error| format!("{}: {error}", path.display()))
    }

    fn git(&self, folder: &str, arguments: &[&str]) -> Outcome<String> {
        let mut git = Command::new("git");
        git.current_dir(self.path(folder)).env("GIT_CONFIG_GLOBAL", self.path("gitconfig"));
        run(git.args(arguments), "").map(|text| text.trim().to_owned())
    }

    /// Commits everything in a repository and pushes it to a branch.
    fn publish(&self, name: &str, branch: &str, message: &str) -> Outcome<String> {
        self.git(name, &["add", "--all"])?;
        self.git(name, &["commit", "--quiet", "--message", message])?;
        self.git(name, &["push", "--quiet", "--force", "origin", &format!("HEAD:{branch}")])?;
        self.git(name, &["rev-parse", "HEAD"])
    }

    /// Changes files on a branch of the application, which leaves main where it does not exist, and returns the commit.
    pub(super) fn commit(&self, branch: &str, files: &[(&str, &str)]) -> Outcome<String> {
        if self.git("app", &["checkout", "--quiet", branch]).is_err() {
            self.git("app", &["checkout", "--quiet", "-b", branch, "main"])?;
        }
        for (file, text) in files {
            self.write(&format!("app/{file}"), text)?;
        }
        self.publish("app", branch, "a change")
    }

    /// An event of a pull request.
    pub(super) fn pull_request(
        &self,
        number: u64,
        action: &str,
        commit: &str,
        at: &str,
    ) -> Outcome<Value> {
        let mut event = event("pull_request")?;
        event["action"] = json!(action);
        event["number"] = json!(number);
        event["pull_request"]["number"] = json!(number);
        event["pull_request"]["updated_at"] = json!(at);
        event["pull_request"]["head"]["sha"] = json!(commit);
        event["pull_request"]["base"]["sha"] = json!(self.git("app", &["rev-parse", "main"])?);
        if action == "closed" {
            event["pull_request"]["state"] = json!("closed");
            event["pull_request"]["closed_at"] = json!(at);
        }
        Ok(event)
    }

    /// Runs the application's workflow on an event of a pull request.
    pub(super) fn preview(&mut self, event: &Value) -> Outcome<Told> {
        self.act("app", "preview.yaml", "pull_request", event)
    }

    /// Runs the application's scheduled workflow.
    pub(super) fn prune(&mut self) -> Outcome<Told> {
        self.act("app", "prune.yaml", "schedule", &event("schedule")?)
    }

    /// Runs the GitOps repository's workflow on what was pushed to its branch last.
    pub(super) fn deliver(&mut self) -> Outcome<Told> {
        self.pull()?;
        let mut event = event("push")?;
        event["after"] = json!(self.git("gitops", &["rev-parse", "HEAD"])?);
        self.act("gitops", "previews.yaml", "push", &event)
    }

    /// Replaces a part of previews.yaml on a branch of the GitOps repository.
    pub(super) fn propose(&self, old: &str, new: &str) -> Outcome {
        self.pull()?;
        let file = self.file()?;
        ensure(file.contains(old), || format!("previews.yaml lacks {old}"))?;
        self.write("gitops/previews.yaml", &file.replace(old, new))?;
        self.publish("gitops", "proposal", "a proposal").map(drop)
    }

    /// Runs the GitOps repository's workflow on a pull request of what was proposed.
    pub(super) fn check(&mut self) -> Outcome<Told> {
        let mut event = event("pull_request")?;
        event["repository"] = self::event("push")?["repository"].clone();
        event["pull_request"]["head"]["sha"] = json!(self.git("gitops", &["rev-parse", "HEAD"])?);
        event["pull_request"]["base"]["sha"] = json!(self.head()?);
        self.act("gitops", "previews.yaml", "pull_request", &event)
    }

    fn act(&mut self, name: &str, workflow: &str, kind: &str, event: &Value) -> Outcome<Told> {
        self.runs += 1;
        self.write("event.json", &event.to_string())?;
        let here = Path::new(ROOT).join(HERE);
        let path = std::env::var("PATH").map_err(|error| error.to_string())?;
        let tools = Path::new(ROOT).join(".tools/bin");
        let path = format!("{}:{}:{path}", here.join("bin").display(), tools.display());
        let mut command = Command::new("act");
        command.current_dir(self.path(name)).env("HOME", self.path("home")).env("PATH", path);
        command.arg(kind).arg("--workflows").arg(format!(".github/workflows/{workflow}"));
        command.arg("--eventpath").arg(self.path("event.json"));
        command.args(["--platform", "ubuntu-24.04=-self-hosted", "--no-skip-checkout"]);
        command.args(["--no-cache-server", "--actor", "anna"]);
        for action in actions(&self.path(&format!("{name}/.github/workflows/{workflow}")))? {
            let folder = match action.split('@').next() {
                Some("actions/checkout") => here.join("checkout"),
                _ => self.path("anabranch"),
            };
            command.arg("--local-repository").arg(format!("{action}={}", folder.display()));
        }
        for (name, secret) in SECRETS {
            command.arg("--secret").arg(format!("{name}={secret}"));
        }
        let releases = format!("file://{}", self.path("releases").display());
        let text = |name: &str| self.path(name).display().to_string();
        for (name, value) in [
            ("RELEASES", releases),
            ("GIT_CONFIG_GLOBAL", text("gitconfig")),
            ("LAB_LOG", text("log")),
            ("LAB_OPEN", text("open")),
            ("ORAS_FLAGS", "--plain-http".to_owned()),
        ] {
            command.arg("--env").arg(format!("{name}={value}"));
        }
        let output = command.output().map_err(|error| format!("act: {error}"))?;
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text).into_owned();
        for (name, secret) in SECRETS {
            ensure(!text.contains(secret), || format!("{workflow} printed the secret {name}"))?;
        }
        Ok(Told { all_well: output.status.success(), text })
    }

    fn pull(&self) -> Outcome {
        self.git("gitops", &["fetch", "--quiet", "origin", "main"])?;
        self.git("gitops", &["reset", "--quiet", "--hard", "FETCH_HEAD"]).map(drop)
    }

    /// The commit of the GitOps repository's branch.
    pub(super) fn head(&self) -> Outcome<String> {
        self.git("gitops.git", &["rev-parse", "main"])
    }

    /// previews.yaml as it is pushed.
    fn file(&self) -> Outcome<String> {
        self.git("gitops.git", &["show", "main:previews.yaml"]).map(|text| text + "\n")
    }

    /// The spec of previews.yaml as it is pushed.
    pub(super) fn spec(&self) -> Outcome<Value> {
        let file: Value = yaml_serde::from_str(&self.file()?).map_err(|error| error.to_string())?;
        Ok(file["spec"].clone())
    }

    /// The entry of a preview.
    pub(super) fn entry(&self, name: &str) -> Outcome<Value> {
        let spec = self.spec()?;
        let mut all = spec["previews"].as_array().into_iter().flatten();
        let found = all.find(|preview| preview["name"] == name).cloned();
        found.ok_or_else(|| format!("there is no entry of {name}: {spec}"))
    }

    /// The image of a service that was pushed last, by its digest.
    pub(super) fn image_of(&self, service: &str) -> Outcome<String> {
        let repository = format!("{REGISTRY}/shop/{service}");
        let tags = oras(&["repo", "tags", "--plain-http", &repository])?;
        let tag = tags.lines().next_back().ok_or_else(|| format!("no image of {service}"))?;
        let digest = oras(&["resolve", "--plain-http", &format!("{repository}:{tag}")])?;
        Ok(format!("{repository}@{}", digest.trim()))
    }

    /// The tags of artifacts, without those that the script keeps for itself.
    pub(super) fn tags(&self) -> Outcome<Vec<String>> {
        let tags = oras(&["repo", "tags", "--plain-http", &format!("{REGISTRY}/workflows")])?;
        let is_ours = |tag: &&str| !tag.starts_with("workflows._");
        Ok(tags.lines().filter(is_ours).map(str::to_owned).collect())
    }

    /// The text of all files in the artifact of a preview.
    pub(super) fn artifact(&self, preview: &str) -> Outcome<String> {
        let folder = self.path("artifact");
        drop(fs::remove_dir_all(&folder));
        fs::create_dir(&folder).map_err(|error| error.to_string())?;
        let artifact = format!("{REGISTRY}/workflows:workflows.{preview}");
        let folder_name = folder.display().to_string();
        oras(&["pull", "--plain-http", "--no-tty", "--output", &folder_name, &artifact])?;
        run(Command::new("tar").current_dir(&folder).args(["-xOzf", "layer.tar.gz"]), "")
    }

    /// How often docker and gh were called with such words.
    pub(super) fn calls(&self, words: &str) -> Outcome<usize> {
        let log = fs::read_to_string(self.path("log")).map_err(|error| error.to_string())?;
        Ok(log.lines().filter(|line| line.contains(words)).count())
    }

    /// The pull requests that GitHub lists.
    pub(super) fn list_open(&self, numbers: &[u64]) -> Outcome {
        let lines: Vec<String> = numbers.iter().map(|number| format!("{number}\n")).collect();
        self.write("open", &lines.concat())
    }

    pub(super) fn runs(&self) -> usize {
        self.runs
    }

    /// Removes what is large.
    pub(super) fn end(&self) -> Outcome {
        fs::remove_dir_all(&self.folder).map_err(|error| error.to_string())
    }
}

/// The event of a name, as GitHub sends it.
fn event(name: &str) -> Outcome<Value> {
    let path = Path::new(ROOT).join(HERE).join(format!("events/{name}.json"));
    let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
    serde_json::from_str(&text).map_err(|error| format!("{}: {error}", path.display()))
}

/// The repositories and commits of the actions that a workflow uses.
fn actions(workflow: &Path) -> Outcome<Vec<String>> {
    let text = fs::read_to_string(workflow).map_err(|error| error.to_string())?;
    let uses =
        text.lines().filter_map(|line| line.trim_start_matches([' ', '-']).strip_prefix("uses: "));
    let mut all: Vec<String> = uses
        .filter_map(|action| action.split(' ').next()?.split_once('@'))
        .map(|(path, commit)| {
            let repository: Vec<&str> = path.split('/').take(2).collect();
            format!("{}@{commit}", repository.join("/"))
        })
        .collect();
    all.sort();
    all.dedup();
    Ok(all)
}

fn oras(arguments: &[&str]) -> Outcome<String> {
    run(Command::new("oras").args(arguments), "")
}

/// A service of the baseline.
fn manifests(name: &str) -> String {
    let digest = "0123456789abcdef".repeat(4);
    format!(
        "apiVersion: apps/v1
kind: Deployment
metadata: {{name: {name}, namespace: workflows}}
spec:
  selector: {{matchLabels: {{app: {name}}}}}
  template:
    metadata: {{labels: {{app: {name}}}}}
    spec:
      containers:
        - name: {name}
          image: {REGISTRY}/shop/{name}@sha256:{digest}
          ports: [{{name: http, containerPort: 8080}}]
---
apiVersion: v1
kind: Service
metadata: {{name: {name}, namespace: workflows}}
spec: {{selector: {{app: {name}}}, ports: [{{name: http, port: 8080, appProtocol: http}}]}}
"
    )
}
