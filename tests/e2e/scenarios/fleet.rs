//! A GitOps repository whose previews are artifacts of their own, pushed by the script that CI runs.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use serde_json::Value;

use crate::delivery::account;
use crate::lab::{
    Outcome, anabranch, apply, condition, ensure, get, kubectl, list, ready, run, scratch, wait,
};

/// The set and the baseline's namespace.
pub(crate) const SET: &str = "fleet";
/// How long Flux may take for all previews.
const DELIVERY: Duration = Duration::from_secs(600);
const TOKEN: &str = "not-much-of-a-secret";
const REGISTRY: &str = "127.0.0.1:5000/fleet";

const CLUSTER: &str = "apiVersion: v1
kind: Secret
metadata: {name: push, namespace: flux-system}
stringData: {token: not-much-of-a-secret}
---
apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {name: fleet, namespace: flux-system}
spec: {interval: 1h, url: \"oci://127.0.0.1:5000/fleet\", ref: {tag: fleet}, insecure: true}
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {name: fleet, namespace: flux-system}
spec: {interval: 1h, retryInterval: 5s, sourceRef: {kind: OCIRepository, name: fleet}, path: ./flux, serviceAccountName: previews, prune: true,
  wait: false}
";

const BASELINE: &str = "apiVersion: v1
kind: Namespace
metadata: {name: fleet}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: web, namespace: fleet}
spec:
  selector: {matchLabels: {app: web}}
  template:
    metadata: {labels: {app: web}}
    spec: {containers: [{name: web, image: \"registry.example.com/web:1\", ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: fleet}
spec: {selector: {app: web}, ports: [{name: http, port: 8080, appProtocol: http}]}
";

const JOB: &str = "apiVersion: batch/v1
kind: Job
metadata: {name: smoke}
spec:
  template:
    metadata: {labels: {app: smoke}}
    spec: {restartPolicy: Never, containers: [{name: smoke, image: \"registry.example.com/smoke:1\"}]}
";

/// The repository, and what it wants.
pub(crate) struct Fleet {
    folder: PathBuf,
    /// The tag of the image of each preview, by its name.
    pub(crate) previews: Vec<(String, u32)>,
    /// Whether each preview has a suite.
    pub(crate) suite: bool,
    /// Over how many kustomize-controllers previews are spread.
    shards: u32,
    /// The address of the Receiver, once there is one.
    receiver: Option<String>,
}

impl Fleet {
    /// An empty repository, its baseline in the cluster, and what a user of Flux writes once.
    pub(crate) fn new(suite: bool, shards: u32) -> Outcome<Self> {
        let folder = scratch(SET);
        let write = |name: &str, text: &str| {
            fs::write(folder.join(name), text).map_err(|error| error.to_string())
        };
        fs::create_dir_all(folder.join("tests/smoke")).map_err(|error| error.to_string())?;
        write("baseline.yaml", BASELINE)?;
        write("tests/smoke/job.yaml", JOB)?;
        write("tests/smoke/kustomization.yaml", "resources: [job.yaml]\n")?;
        write(".gitignore", "out\n")?;
        let fleet = Self { folder, previews: Vec::new(), suite, shards, receiver: None };
        fleet.git(&["init", "--quiet", "--initial-branch=main"])?;
        apply(BASELINE)?;
        apply(&account()?)?;
        apply(CLUSTER)?;
        Ok(fleet)
    }

    fn git(&self, arguments: &[&str]) -> Outcome<String> {
        let mut git = Command::new("git");
        git.current_dir(&self.folder).args([
            "-c",
            "user.name=ci",
            "-c",
            "user.email=ci@example.com",
        ]);
        run(git.args(arguments), "")
    }

    /// Commits what is wanted, renders it and pushes it as CI would. Returns what the script said.
    pub(crate) fn push(&mut self) -> Outcome<Vec<String>> {
        let mut file = format!(
            "apiVersion: anabranch.dev/v1alpha1\nkind: Previews\nmetadata: {{name: {SET}}}\nspec:\n  \
             baseline: {{namespace: {SET}}}\n  limits: {{previews: 1000}}\n  \
             flux:\n    shards: {}\n    sourceRef: {{name: {SET}}}\n    serviceAccountName: previews\n    artifacts:\n      url: oci://{REGISTRY}\n      \
             receiver: {{secretRef: {{name: push}}}}\n      ociRepository: {{interval: 1h, insecure: true}}\n",
            self.shards
        );
        if self.suite {
            file.push_str("  tests:\n    - {name: smoke, path: ./tests/smoke}\n");
        }
        file.push_str("  previews:\n");
        for (name, tag) in &self.previews {
            let image = format!("registry.example.com/web:{tag}");
            let _ = writeln!(
                file,
                "    - {{name: {name}, services: [{{name: web, image: \"{image}\"}}]}}"
            );
        }
        fs::write(self.folder.join("previews.yaml"), file).map_err(|error| error.to_string())?;
        self.git(&["add", "--all"])?;
        self.git(&["commit", "--quiet", "--allow-empty", "--message", "previews"])?;
        self.push_checkout()
    }

    /// Renders and pushes the checkout as it is.
    pub(crate) fn push_checkout(&self) -> Outcome<Vec<String>> {
        let render = ["render", "--baseline", "baseline.yaml", "--source-root", "."];
        anabranch(&self.folder, &[&render[..], &["--artifacts", "each", "-o", "out"]].concat())?;
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("actions/push/push.sh");
        let mut command = Command::new(script);
        command.current_dir(&self.folder).arg("out").env("ORAS_FLAGS", "--plain-http");
        command.env("SOURCE", "https://git.example.com/fleet");
        if let Some(receiver) = &self.receiver {
            command.env("RECEIVER_URL", receiver).env("RECEIVER_TOKEN", TOKEN);
        }
        Ok(run(&mut command, "")?.lines().map(str::to_owned).collect())
    }

    /// Makes an earlier commit the checkout.
    pub(crate) fn go_back(&self) -> Outcome {
        self.git(&["checkout", "--quiet", "HEAD~1"]).map(drop)
    }

    /// The tags in the registry.
    pub(crate) fn tags(&self) -> Outcome<Vec<String>> {
        let tags = run(Command::new("oras").args(["repo", "tags", "--plain-http", REGISTRY]), "")?;
        Ok(tags.lines().map(str::to_owned).collect())
    }

    /// Tells Flux by hand until there is a Receiver, and finds its address.
    pub(crate) fn introduce(&mut self) -> Outcome {
        let now =
            ["annotate", "--overwrite", "ocirepository", SET, "reconcile.fluxcd.io/requestedAt=1"];
        kubectl(&[&["-n", "flux-system"], now.as_slice()].concat())?;
        let path = wait("the address of the Receiver", DELIVERY, || {
            let receiver = get(&["-n", "flux-system", "receiver", "fleet.artifacts"])?;
            let path = receiver["status"]["webhookPath"].as_str().map(str::to_owned);
            path.ok_or_else(|| format!("its status is {}", receiver["status"]))
        })?;
        self.receiver = Some(format!("http://127.0.0.1:9293{path}"));
        Ok(())
    }

    /// Waits until everything of these previews is healthy at the image that is wanted, and their suites have
    /// ended.
    pub(crate) fn settle(&self, previews: &[&str]) -> Outcome {
        for name in previews {
            wait(name, DELIVERY, || self.is_settled(name))?;
        }
        Ok(())
    }

    /// Waits until all previews are healthy at the images that are wanted, and their suites have ended.
    pub(crate) fn settle_all(&self) -> Outcome {
        let each = if self.suite { 3 } else { 2 };
        wait("the fleet", DELIVERY, || {
            let ours =
                ["-n", "flux-system", "-l", "anabranch.dev/previews=fleet,anabranch.dev/preview"];
            let all = list(&[&ours[..], &["kustomizations.kustomize.toolkit.fluxcd.io"]].concat())?;
            let done = |one: &&Value| {
                one["status"]["observedGeneration"] == one["metadata"]["generation"]
                    && condition(one, "Ready").is_some_and(|(status, _)| status == "True")
            };
            let (done, wanted) = (all.iter().filter(done).count(), each * self.previews.len());
            ensure(done == wanted && all.len() == wanted, || {
                format!("{done} of {} Kustomizations are ready, {wanted} are wanted", all.len())
            })
        })?;
        let ends = [self.previews.first(), self.previews.last()];
        ends.into_iter().flatten().try_for_each(|(name, _)| self.runs(name))
    }

    /// An error unless a preview is healthy at its image.
    pub(crate) fn is_settled(&self, preview: &str) -> Outcome {
        self.runs(preview)?;
        ready(&format!("{SET}.{preview}"))?;
        if self.suite { self.is_tested(preview) } else { Ok(()) }
    }

    /// An error unless the Deployment of a preview has the image that is wanted.
    pub(crate) fn runs(&self, preview: &str) -> Outcome {
        let wanted = self.previews.iter().find(|(name, _)| name == preview).map(|(_, tag)| tag);
        let wanted = wanted.map(|tag| format!("registry.example.com/web:{tag}"));
        let found = get(&["-n", preview, "deployment", "web"])?;
        let image = found["spec"]["template"]["spec"]["containers"][0]["image"].as_str();
        if image == wanted.as_deref() { Ok(()) } else { Err(format!("{preview} runs {image:?}")) }
    }

    /// An error unless the suite has ended well on the revision that runs.
    fn is_tested(&self, preview: &str) -> Outcome {
        let suite = format!("{SET}.{preview}.smoke");
        ready(&suite)?;
        let (tested, runs) = (revision(&suite)?, revision(&format!("{SET}.{preview}"))?);
        if tested == runs { Ok(()) } else { Err(format!("{tested} is tested and {runs} runs")) }
    }
}

/// A second kustomize-controller and more, each for one shard of the previews.
pub(crate) struct Shard {
    child: Child,
    metrics: u16,
}

impl Shard {
    /// Starts the controller of a shard, from 1 on.
    pub(crate) fn start(number: u16) -> Outcome<Self> {
        let log = PathBuf::from(env::var_os("RUN").ok_or("run.sh says where")?);
        let log = fs::File::create(log.join(format!("kustomize-controller-{number}.log")));
        let log = log.map_err(|error| error.to_string())?;
        let metrics = 8300 + number;
        let mut command = Command::new("kustomize-controller");
        command
            .arg(format!("--watch-label-selector=sharding.fluxcd.io/key=previews-{number}"))
            .arg("--events-addr=http://127.0.0.1:9292/")
            .arg(format!("--metrics-addr=127.0.0.1:{metrics}"))
            .arg(format!("--health-addr=127.0.0.1:{}", 8400 + number))
            .args(["--requeue-dependency=2s", "--concurrent=10"]);
        let child = command.stdout(Stdio::null()).stderr(log).spawn();
        Ok(Self { child: child.map_err(|error| error.to_string())?, metrics })
    }

    /// How many times it has looked at a Kustomization.
    pub(crate) fn reconciliations(&self) -> Outcome<f64> {
        metric(self.metrics, "controller_runtime_reconcile_total")
    }
}

impl Drop for Shard {
    fn drop(&mut self) {
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// The revision that a Kustomization has applied last.
pub(crate) fn revision(kustomization: &str) -> Outcome<String> {
    let found = get(&["-n", "flux-system", "kustomization", kustomization])?;
    let revision = found["status"]["lastAppliedRevision"].as_str().map(str::to_owned);
    revision.ok_or_else(|| format!("{kustomization} has applied nothing"))
}

/// What a controller of Flux tells of itself, summed over all labels.
pub(crate) fn metric(port: u16, name: &str) -> Outcome<f64> {
    let url = format!("http://127.0.0.1:{port}/metrics");
    let page = run(Command::new("curl").args(["--silent", "--fail", &url]), "")?;
    let values = page
        .lines()
        .filter(|line| line.strip_prefix(name).is_some_and(|rest| rest.starts_with([' ', '{'])));
    Ok(values.filter_map(|line| line.rsplit(' ').next()?.parse::<f64>().ok()).sum())
}

/// Names of previews. The first three do not all belong to one of two shards.
pub(crate) fn name(number: usize) -> String {
    format!("pr-{}", 4000 + number)
}

/// Whatever is left of a preview.
pub(crate) fn left_of(preview: &str) -> Outcome<Vec<Value>> {
    let kinds = "namespaces,kustomizations.kustomize.toolkit.fluxcd.io,ocirepositories.source.toolkit.fluxcd.io,httproutes";
    let selector = format!("anabranch.dev/preview={preview}");
    list(&["-A", "-l", &selector, kinds])
}
