//! Gitea as a team has it: two repositories, their secrets, and a runner that runs their workflows.

use std::env;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::{Value, json};

use crate::books::copy;
use crate::gitea::Gitea;
use crate::lab::{Outcome, ensure, run, scratch, wait};

/// How everybody reaches Gitea; tests/lab/names.sh gives it the name.
pub(crate) const GIT: &str = "https://gitea.lab.test";
/// The organisation of both repositories.
pub(crate) const OWNER: &str = "team";
/// How long a workflow may take.
const WORKFLOW: Duration = Duration::from_secs(90);

/// Gitea, and the runner.
pub(crate) struct Forge {
    pub(crate) gitea: Gitea,
    runner: Child,
    folder: PathBuf,
}

/// One run of a workflow.
#[derive(Debug, Clone)]
pub(crate) struct Run {
    pub(crate) id: u64,
    pub(crate) number: u64,
    /// What became of it, such as `success`; empty before its end.
    pub(crate) conclusion: String,
    commit: String,
    /// The file and the event, as Gitea has them.
    workflow: String,
    event: String,
    pub(crate) status: String,
}

impl Forge {
    /// The organisation with its empty repositories, and a runner.
    pub(crate) fn new() -> Outcome<Self> {
        let mut gitea = Gitea::empty()?;
        gitea.call("POST", "orgs", &json!({"username": OWNER}))?;
        for (name, private) in [("shop", false), ("gitops", true)] {
            let repository = json!({"name": name, "private": private, "default_branch": "main"});
            gitea.call("POST", &format!("orgs/{OWNER}/repos"), &repository)?;
        }
        let folder = scratch("template");
        let token = gitea.call("GET", "admin/runners/registration-token", &Value::Null)?;
        let token = token["token"].as_str().ok_or("a runner needs a token")?.to_owned();
        release(&folder)?;
        let runner = start_runner(&token, &folder)?;
        Ok(Self { gitea, runner, folder })
    }

    /// Where builds are held, as tests/lab/programs/docker says.
    pub(crate) fn hold(&self) -> PathBuf {
        self.folder.join("hold")
    }

    /// Where clones lie.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Gives the workflows of a repository a secret.
    pub(crate) fn secret(&mut self, repository: &str, name: &str, value: &str) -> Outcome {
        let path = format!("repos/{OWNER}/{repository}/actions/secrets/{name}");
        self.gitea.call("PUT", &path, &json!({"data": value})).map(drop)
    }

    /// The URL of a repository, with what lets git in.
    pub(crate) fn remote(&self, owner: &str, repository: &str) -> String {
        format!(
            "https://bot:{}@{}/{owner}/{repository}",
            self.gitea.token(),
            &GIT["https://".len()..]
        )
    }

    /// Opens a pull request of a branch in the repository of `from`, and returns its number.
    pub(crate) fn open(&mut self, repository: &str, from: &str, branch: &str) -> Outcome<u64> {
        let (who, head) = match from {
            OWNER => ("bot", branch.to_owned()),
            _ => (from, format!("{from}:{branch}")),
        };
        let body = json!({"title": branch, "head": head, "base": "main"});
        let path = format!("repos/{OWNER}/{repository}/pulls?sudo={who}");
        let made = self.gitea.call("POST", &path, &body)?;
        made["number"].as_u64().ok_or("a pull request has a number".to_owned())
    }

    pub(crate) fn close(&mut self, repository: &str, number: u64) -> Outcome {
        let path = format!("repos/{OWNER}/{repository}/pulls/{number}");
        self.gitea.call("PATCH", &path, &json!({"state": "closed"})).map(drop)
    }

    /// The runs of a workflow's file on an event, newest first; empty names stand for all.
    pub(crate) fn runs(&mut self, repository: &str, of: (&str, &str)) -> Outcome<Vec<Run>> {
        let path = format!("repos/{OWNER}/{repository}/actions/runs?limit=50");
        let found = self.gitea.call("GET", &path, &Value::Null)?;
        let all = found["workflow_runs"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let runs = all.iter().map(|one| Run {
            id: one["id"].as_u64().unwrap_or_default(),
            number: one["run_number"].as_u64().unwrap_or_default(),
            conclusion: text(&one["conclusion"]),
            commit: text(&one["head_sha"]),
            workflow: text(&one["path"]).split('@').next().unwrap_or_default().to_owned(),
            event: text(&one["event"]),
            status: text(&one["status"]),
        });
        let (workflow, event) = of;
        Ok(runs
            .filter(|run| workflow.is_empty() || run.workflow == workflow)
            .filter(|run| run.event.starts_with(event))
            .collect())
    }

    /// The number of a repository's newest run.
    pub(crate) fn newest(&mut self, repository: &str) -> Outcome<u64> {
        let path = format!("repos/{OWNER}/{repository}/actions/runs?limit=1");
        let found = self.gitea.call("GET", &path, &Value::Null)?;
        Ok(found["workflow_runs"][0]["run_number"].as_u64().unwrap_or_default())
    }

    /// The run of a workflow's file that follows on another one.
    pub(crate) fn next(&mut self, repository: &str, of: (&str, &str), after: u64) -> Outcome<Run> {
        let mut runs = self.runs(repository, of)?;
        runs.retain(|run| run.number > after);
        runs.pop().ok_or_else(|| format!("no run of {of:?} follows on {after}"))
    }

    /// Waits until it has ended.
    pub(crate) fn ended(&mut self, repository: &str, of: (&str, &str), after: u64) -> Outcome<Run> {
        wait(&format!("{of:?} of {repository} after run {after}"), WORKFLOW, || {
            let run = self.next(repository, of, after)?;
            ensure(!run.conclusion.is_empty(), || format!("it is {}", run.status))?;
            Ok(run)
        })
    }

    /// The same, which must have succeeded.
    pub(crate) fn succeeded(
        &mut self,
        repository: &str,
        of: (&str, &str),
        after: u64,
    ) -> Outcome<Run> {
        let run = self.ended(repository, of, after)?;
        self.success(repository, of, run)
    }

    /// The run, if it has succeeded; else what its jobs wrote.
    fn success(&mut self, repository: &str, of: (&str, &str), run: Run) -> Outcome<Run> {
        if run.conclusion == "success" {
            return Ok(run);
        }
        let log = self.log(repository, &run)?;
        Err(format!("run {} of {of:?} is {}:\n{log}", run.number, run.conclusion))
    }

    /// Waits until a workflow has run on what the main branch has now, which must have succeeded. Of the runs before it
    /// nothing is asked: Gitea cancels a run on a push when the next push comes.
    pub(crate) fn settled(&mut self, repository: &Clone, of: (&str, &str)) -> Outcome {
        let head = repository.head()?;
        let name = repository.name();
        let run = wait(&format!("{of:?} of {name} on {head}"), WORKFLOW, || {
            let runs = self.runs(&name, of)?;
            let run = runs.into_iter().find(|run| run.commit == head);
            let run = run.ok_or("no run is of this commit")?;
            ensure(!run.conclusion.is_empty(), || format!("it is {}", run.status))?;
            Ok(run)
        })?;
        self.success(&name, of, run).map(drop)
    }

    /// Waits until nothing runs or waits any more in a repository.
    pub(crate) fn quiet(&mut self, repository: &str) -> Outcome {
        wait(&format!("the runs of {repository} to end"), WORKFLOW, || {
            let runs = self.runs(repository, ("", ""))?;
            let left: Vec<_> = runs.iter().filter(|run| run.conclusion.is_empty()).collect();
            ensure(left.is_empty(), || format!("{left:?}"))
        })
    }

    /// What the jobs of a run wrote.
    pub(crate) fn log(&mut self, repository: &str, run: &Run) -> Outcome<String> {
        let path = format!("repos/{OWNER}/{repository}/actions");
        let jobs = self.gitea.call("GET", &format!("{path}/runs/{}/jobs", run.id), &Value::Null)?;
        let mut text = String::new();
        for job in jobs["jobs"].as_array().unwrap_or(&Vec::new()) {
            text.push_str(&format!("{}: {}\n", job["name"], job["conclusion"]));
            if let Ok(log) =
                self.gitea.text("GET", &format!("{path}/jobs/{}/logs", job["id"]), &Value::Null)
            {
                text.push_str(&log);
            }
        }
        Ok(text)
    }

    /// Starts a workflow by hand on main.
    pub(crate) fn dispatch(&mut self, repository: &str, workflow: &str) -> Outcome {
        let path = format!("repos/{OWNER}/{repository}/actions/workflows/{workflow}/dispatches");
        self.gitea.call("POST", &path, &json!({"ref": "main"})).map(drop)
    }

    /// A person who is nobody here, with a fork of the shop.
    pub(crate) fn stranger(&mut self, name: &str) -> Outcome {
        let password = "a-strangers-password-1";
        self.gitea.call(
            "POST",
            "admin/users",
            &json!({"username": name, "email": format!("{name}@example.com"), "password": password,
                    "must_change_password": false}),
        )?;
        let path = format!("repos/{OWNER}/shop/forks?sudo={name}");
        self.gitea.call("POST", &path, &json!({})).map(drop)
    }

    /// Presses a button of a run's page, `approve` or `cancel`, as a maintainer does: Gitea has no API for them.
    pub(crate) fn press(&self, button: &str, of: &Run) -> Outcome {
        let page = format!("{GIT}/{OWNER}/shop/actions/runs/{}/{button}", of.number);
        let jar = self.folder.join("cookies");
        let curl = |arguments: &[&str]| {
            let mut curl = Command::new("curl");
            curl.args(["--silent", "--show-error", "--fail", "--output", "/dev/null"]);
            curl.arg("--cookie").arg(&jar).arg("--cookie-jar").arg(&jar).args(arguments);
            run(&mut curl, "")
        };
        let token = || -> Outcome<String> {
            let text = fs::read_to_string(&jar).map_err(|error| error.to_string())?;
            let line = text.lines().find(|line| line.contains("\t_csrf\t"));
            line.and_then(|line| line.rsplit('\t').next())
                .map(str::to_owned)
                .ok_or_else(|| "Gitea gave no token for its forms".to_owned())
        };
        curl(&[&format!("{GIT}/user/login")])?;
        let form = format!("_csrf={}", token()?);
        let login = ["--data-urlencode", &form, "--data", "user_name=bot&password=botbot123"];
        curl(&[&login[..], &[&format!("{GIT}/user/login")]].concat())?;
        curl(&[&format!("{GIT}/")])?;
        let header = format!("X-Csrf-Token: {}", token()?);
        curl(&["--request", "POST", "--header", &header, &page]).map(drop)
    }
}

impl Drop for Forge {
    fn drop(&mut self) {
        drop(self.runner.kill());
        drop(self.runner.wait());
    }
}

/// Lays out what workflows find on GitHub: actions, programs of its runners, and a release of anabranch.
fn release(folder: &Path) -> Outcome {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    copy(&root.join("tests/lab/actions"), &folder.join("actions/actions"))?;
    copy(&root.join("actions"), &folder.join("actions/anabranch/anabranch/actions"))?;
    copy(&root.join("tests/lab/programs"), &folder.join("programs"))?;
    for name in ["home", "hold"] {
        fs::create_dir_all(folder.join(name)).map_err(|error| error.to_string())?;
    }
    for path in
        [".tools/bin/kustomize", ".tools/bin/kubeconform", ".lab/bin/oras", ".lab/bin/cosign"]
    {
        let name = path.rsplit('/').next().unwrap_or_default();
        let link = symlink(root.join(path), folder.join("programs").join(name));
        link.map_err(|error| error.to_string())?;
    }
    let version = concat!("v", env!("CARGO_PKG_VERSION"));
    let arch = if cfg!(target_arch = "aarch64") { "arm64" } else { "amd64" };
    let (release, name) = (folder.join("release").join(version), format!("anabranch-linux-{arch}"));
    fs::create_dir_all(&release).map_err(|error| error.to_string())?;
    fs::copy(env!("CARGO_BIN_EXE_anabranch"), release.join(&name))
        .map_err(|error| error.to_string())?;
    let sums = run(Command::new("sha256sum").arg(&name).current_dir(&release), "")?;
    fs::write(release.join("checksums.txt"), sums).map_err(|error| error.to_string())
}

/// Starts the runner. Its jobs know nothing of the lab but what is here: no cluster, no token.
fn start_runner(token: &str, folder: &Path) -> Outcome<Child> {
    let lab = env::var("RUN").map_err(|error| error.to_string())?;
    let log = fs::File::create(format!("{lab}/runner.log")).map_err(|error| error.to_string())?;
    let also = log.try_clone().map_err(|error| error.to_string())?;
    let runner = Path::new(env!("CARGO_MANIFEST_DIR")).join(".lab/bin/runner");
    let mut command = Command::new(runner);
    command.args([GIT, token]).arg(folder.join("actions")).arg(folder.join("jobs"));
    let go = run(Command::new("go").args(["env", "GOROOT"]), "")?;
    let programs = folder.join("programs");
    let path = format!("{}:{}/bin:/usr/local/bin:/usr/bin:/bin", programs.display(), go.trim());
    command.env_clear().env("PATH", path).env("HOME", folder.join("home"));
    command.env("XDG_CACHE_HOME", folder.join("cache")).env("LAB_HOLD", folder.join("hold"));
    command.env("RELEASES", format!("file://{}", folder.join("release").display()));
    for name in ["SSL_CERT_FILE", "GIT_SSL_CAINFO"] {
        command.env(name, env::var(name).map_err(|error| format!("{name}: {error}"))?);
    }
    // The runner gives jobs a terminal, which GitHub's does not.
    command.env("NO_COLOR", "1").env("TERM", "dumb").env("PAGER", "cat");
    let child = command.stdin(Stdio::null()).stdout(log).stderr(also).spawn();
    child.map_err(|error| format!("runner: {error}"))
}

/// A clone.
pub(crate) struct Clone {
    pub(crate) folder: PathBuf,
}

impl Clone {
    /// A folder as the first commit of a repository's main branch, which is pushed.
    pub(crate) fn first(folder: &Path, remote: &str) -> Outcome<Self> {
        let clone = Self { folder: folder.to_owned() };
        clone.git(&["init", "--quiet", "--initial-branch=main"])?;
        clone.git(&["remote", "add", "origin", remote])?;
        clone.commit("Begin")?;
        clone.git(&["push", "--quiet", "origin", "main"])?;
        Ok(clone)
    }

    /// What the repository is called, as its folder is.
    fn name(&self) -> String {
        self.folder.file_name().unwrap_or_default().to_string_lossy().into_owned()
    }

    pub(crate) fn git(&self, arguments: &[&str]) -> Outcome<String> {
        let mut git = Command::new("git");
        git.current_dir(&self.folder);
        git.args(["-c", "user.name=dev", "-c", "user.email=dev@example.com"]).args(arguments);
        run(&mut git, "").map(|text| text.trim().to_owned())
    }

    /// Commits everything and returns the commit.
    pub(crate) fn commit(&self, message: &str) -> Outcome<String> {
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--message", message])?;
        self.git(&["rev-parse", "HEAD"])
    }

    /// A branch of main with a changed file, not pushed; returns its commit.
    pub(crate) fn branch(&self, branch: &str, file: &str) -> Outcome<String> {
        self.git(&["checkout", "--quiet", "-B", branch, "main"])?;
        self.change(branch, file)
    }

    /// One more commit on a branch, not pushed.
    pub(crate) fn change(&self, branch: &str, file: &str) -> Outcome<String> {
        self.git(&["checkout", "--quiet", branch])?;
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).map_err(|error| format!("{file}: {error}"))?;
        fs::write(&path, format!("{text}{branch}\n")).map_err(|error| error.to_string())?;
        self.commit(&format!("Change {file}"))
    }

    pub(crate) fn push(&self, branch: &str) -> Outcome {
        self.git(&["push", "--quiet", "origin", branch]).map(drop)
    }

    /// A file of the remote's main branch, as it is now.
    pub(crate) fn now(&self, file: &str) -> Outcome<String> {
        self.git(&["fetch", "--quiet", "origin", "main"])?;
        self.git(&["show", &format!("FETCH_HEAD:{file}")])
    }

    /// The commit of the remote's main branch.
    pub(crate) fn head(&self) -> Outcome<String> {
        self.git(&["fetch", "--quiet", "origin", "main"])?;
        self.git(&["rev-parse", "FETCH_HEAD"])
    }
}
