//! A suite of gitops-template, run as its Job runs it.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use serde_json::Value;

use super::{BUCKET, PREVIEW, template, write};
use crate::books::{BASELINE, documents};
use crate::lab::{Outcome, PATIENCE, ensure, get, run as ask, wait};

/// A suite of the template, in a folder of its own.
pub(super) struct Suite {
    name: &'static str,
    pub(super) folder: PathBuf,
    results: PathBuf,
}

/// How tests ended, and what they said.
pub(super) struct Ended {
    pub(super) code: i32,
    pub(super) log: String,
}

impl Suite {
    pub(super) fn new(name: &'static str, scratch: &Path) -> Outcome<Self> {
        let (folder, results) = (scratch.join(name), scratch.join(format!("{name}-results")));
        for folder in [&folder, &results] {
            fs::create_dir_all(folder).map_err(|error| error.to_string())?;
        }
        ask(
            Command::new("cp").arg("-r").arg(template(&format!("tests/{name}/."))).arg(&folder),
            "",
        )?;
        Ok(Self { name, folder, results })
    }

    /// The command that the Job names, behind this proxy: names of services lead to it, as iptables would.
    pub(super) fn run(&self, services: &str) -> Outcome<Ended> {
        self.start(services, &[("PATIENCE_SECONDS", "20")])?.end(self)
    }

    pub(super) fn start(&self, services: &str, more: &[(&str, &str)]) -> Outcome<Running> {
        let built = ask(
            Command::new("kustomize").arg("build").arg(template(&format!("tests/{}", self.name))),
            "",
        )?;
        let all = documents(&built);
        let job = all.iter().find(|object| object["kind"] == "Job").ok_or("a suite has a Job")?;
        let containers = &job["spec"]["template"]["spec"]["initContainers"];
        let words = containers[0]["command"].as_array().ok_or("the tests have a command")?;
        let (suite, results) =
            (format!("{}/", self.folder.display()), format!("{}/", self.results.display()));
        let words = words.iter().filter_map(Value::as_str);
        let words =
            words.map(|word| word.replace("/suite/", &suite).replace("/results/", &results));
        let names: String = ["basket", "catalog", "checkout"]
            .map(|service| format!("127.0.0.1 {service}.{BASELINE}.svc.cluster.local\n"))
            .concat();
        let hosts = self.results.join("hosts");
        write(&hosts, &names)?;
        let mut command = Command::new("unshare");
        command
            .args([
                "--mount",
                "sh",
                "-c",
                "mount --bind \"$HOSTS\" /etc/hosts && exec \"$@\"",
                "sh",
            ])
            .args(words);
        command.env("HOSTS", hosts).env("RESULTS", &self.results).env("PREVIEW_SERVICES", services);
        // What the preview says of itself.
        let facts = get(&["-n", PREVIEW, "configmap", "anabranch"])?;
        for (key, value) in facts["data"].as_object().into_iter().flatten() {
            if key != "PREVIEW_SERVICES" && !key.starts_with("PREVIEW_URL") {
                command.env(key, value.as_str().unwrap_or_default());
            }
        }
        command
            .envs(more.iter().copied())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null());
        command.spawn().map(Running).map_err(|error| error.to_string())
    }

    /// Uploads the report as the Job does, with the key and with a wrong one.
    pub(super) fn upload(&self, ended: &Ended) -> Outcome {
        let report = |secret: &str| {
            let mut command = Command::new(self.folder.join("suite.sh"));
            command
                .args(["report", self.name])
                .env("RESULTS", &self.results)
                .env("PREVIEW", PREVIEW);
            command
                .env("PREVIEW_COMMIT", "c0ffee")
                .env("REPORTS_URL", format!("http://{BUCKET}/reports"));
            command.env("AWS_ACCESS_KEY_ID", "key").env("AWS_SECRET_ACCESS_KEY", secret);
            let output = command.output().map_err(|error| error.to_string())?;
            Ok::<_, String>((
                output.status.code(),
                String::from_utf8_lossy(&output.stderr).into_owned(),
            ))
        };
        let wanted = Some(ended.code);
        wait("the bucket", PATIENCE, || {
            let (code, words) = report("secret")?;
            ensure(words.is_empty() && code == wanted, || words)
        })?;
        let mut page = Command::new("curl");
        page.args(["--fail", "--silent", "--show-error", "--user", "key:secret"]);
        page.args(["--aws-sigv4", "aws:amz:us-east-1:s3"]);
        page.arg(format!("http://{BUCKET}/reports/{PREVIEW}/c0ffee/{}/index.html", self.name));
        let page = ask(&mut page, "")?;
        ensure(page.contains(&format!("{PREVIEW}, {}: failed", self.name)), || page)?;
        let (code, words) = report("wrong")?;
        ensure(code == Some(1) && words.contains("could not be uploaded"), || {
            format!("{code:?} {words}")
        })
    }
}

/// Tests that run.
pub(super) struct Running(Child);

impl Running {
    pub(super) fn end(mut self, suite: &Suite) -> Outcome<Ended> {
        self.0.wait().map_err(|error| error.to_string())?;
        let read = |name: &str| {
            fs::read_to_string(suite.results.join(name)).map_err(|error| format!("{name}: {error}"))
        };
        Ok(Ended { code: read("exit-code")?.trim().parse().unwrap_or(-1), log: read("log.txt")? })
    }
}
