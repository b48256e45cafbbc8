//! The whole road, as a team walks it that took gitops-template/ and changed nothing but its five values: from a push of
//! the application's code, through the template's own workflow files, the registry and Flux, to a green status and a
//! comment on the pull request, and to nothing after its close. Then strangers, and runs that race.
//!
//! What is not as on GitHub, besides what tests/lab/README.md says of the lab:
//!
//! - Workflows run in Gitea, by the lab's runner, on this machine. They are the files of the template, without a change.
//!   Gitea 1.25 has no `concurrency` and no `permissions`: so runs of one pull request really overlap here, and what a
//!   token may do is not proved.
//! - tests/lab/programs and tests/lab/actions stand for docker, for `gh` and for actions/checkout. Images are real ones in
//!   a real registry, though nobody built them. Of the release that actions/setup installs, the checksum is checked and the
//!   attestation is not.
//! - Helm's charts are left out, which come from outside, and Telemetry, which a stock Envoy cannot read (sync.yaml). What
//!   their controllers would do with certificates, Secrets and monitors, nobody does. The Gateways speak HTTP, with TLS in
//!   front of them.
//! - A suite's Job ends well by itself, since no container runs. So the commands of the smoke suite are taken from its Job in
//!   the cluster and run here, through a sidecar of the Job's pod and through the Gateways; they keep no report. The other
//!   suites are run elsewhere (tests/suite, `observed`).

mod admitted;
mod cluster;
mod forge;
mod merge;
mod races;
mod signed;
mod strangers;
mod suite;
mod walk;

use std::fs;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::books::copy;
use crate::gitea::Status;
use crate::lab::{Outcome, ensure, run as program, wait};
use cluster::{BASELINE, Cluster, RECEIVER_TOKEN};
use forge::{Clone, Forge, OWNER};

/// The workflows of the template, by file and event.
const MAIN: (&str, &str) = ("main.yaml", "push");
const PREVIEW: (&str, &str) = ("preview.yaml", "pull_request");
const PUSH: (&str, &str) = ("previews.yaml", "push");
const CHECK: (&str, &str) = ("previews.yaml", "pull_request");
const PRUNE: (&str, &str) = ("prune.yaml", "workflow_dispatch");
/// What the team puts into values.yaml: the one file that it changes.
const VALUES: &str = "gitops: https://gitea.lab.test/team/gitops
application: https://gitea.lab.test/team/shop
registry: registry.lab.test/team
domain: lab.test
reports: https://reports.lab.test
";
const SERVICES: [&str; 4] = ["frontend", "catalog", "cart", "checkout"];
/// The suites, each with a status and a comment of its own.
const SUITES: [&str; 4] = ["smoke", "http", "browser", "exercised"];
/// From the end of the workflows to the end of the suite, and to the end of everything.
const DELIVERY: Duration = Duration::from_secs(90);

pub(crate) fn run() -> Outcome<String> {
    // Whatever happens, the next scenario finds an empty cluster.
    let outcome = walk();
    let emptied = cluster::empty();
    outcome.and_then(|seen| emptied.map(|()| seen))
}

fn walk() -> Outcome<String> {
    let begun = Instant::now();
    let mut team = Team::new()?;
    let ready = begun.elapsed().as_secs();
    let seen = [
        team.a_pull_request()?,
        merge::run(&mut team)?,
        races::run(&mut team)?,
        strangers::run(&mut team)?,
        admitted::run(&team.gitops)?,
        signed::run(&mut team)?,
    ];
    Ok(format!(
        "README's own commands made a GitOps repository of five values, with Secrets that sops encrypted, and an empty cluster \
         became a baseline in {ready} s, through source-watcher's artifacts; {}",
        seen.join("; ")
    ))
}

/// Where the team's code is, and what Flux made of it.
struct Team {
    forge: Forge,
    shop: Clone,
    gitops: Clone,
    cluster: Cluster,
}

impl Team {
    fn new() -> Outcome<Self> {
        let mut forge = Forge::new()?;
        let gitops = walk::repository(&forge)?;
        let shop = forge.folder().join("shop");
        copy(&gitops.folder.join("application"), &shop)?;
        for service in SERVICES {
            let folder = shop.join("services").join(service);
            write(&folder.join("Dockerfile"), "FROM scratch\nCOPY . /\n")?;
            write(&folder.join("main.txt"), &format!("{service}\n"))?;
        }
        write(&shop.join("lib/all.txt"), "what all of them use\n")?;
        let token = forge.gitea.token().to_owned();
        forge.secret("shop", "GITOPS_TOKEN", &token)?;
        forge.succeeded("gitops", PUSH, 0)?;
        let shop = Clone::first(&shop, &forge.remote(OWNER, "shop"))?;
        merge::first(&mut forge, &shop, &gitops)?;
        let cluster = Cluster::bootstrap(&forge, &gitops)?;
        forge.secret("gitops", "RECEIVER_URL", &cluster.receiver()?)?;
        forge.secret("gitops", "RECEIVER_TOKEN", RECEIVER_TOKEN)?;
        Ok(Self { forge, shop, gitops, cluster })
    }

    /// One pull request from its push to its end.
    fn a_pull_request(&mut self) -> Outcome<String> {
        let begun = Instant::now();
        let commit = self.shop.branch("change-cart", "services/cart/main.txt")?;
        self.shop.push("change-cart")?;
        let number = self.forge.open("shop", OWNER, "change-cart")?;
        let preview = format!("pr-{number}");
        self.forge.succeeded("shop", PREVIEW, 0)?;
        let entry = self.entry(&preview)?.ok_or("the preview has no entry")?;
        ensure(entry["changes"][0]["commit"] == commit, || format!("the entry is {entry}"))?;
        let services = entry["services"].as_array().cloned().unwrap_or_default();
        let images: Vec<&str> = services.iter().filter_map(|one| one["image"].as_str()).collect();
        let [image] = images.as_slice() else {
            return Err(format!("only cart is affected, and the entry has {images:?}"));
        };
        ensure(image.starts_with("registry.lab.test/team/cart@sha256:"), || (*image).to_owned())?;
        program(Command::new("oras").args(["manifest", "fetch", image]), "")?;
        self.forge.settled(&self.gitops, PUSH)?;
        self.await_statuses(&commit, "success")?;
        let green = begun.elapsed().as_secs();
        let url = format!("https://{preview}.preview.lab.test/");
        let comments = self.forge.gitea.comments_in("team/shop", number)?;
        let told = comments.iter().filter(|comment| comment.contains(&url)).count();
        ensure(told == SUITES.len() && comments.len() == told, || {
            format!("a comment of each suite with {url} is wanted, there are {comments:?}")
        })?;

        self.cluster.answers(&format!("{url}api/cart/"), "cart", &preview)?;
        self.cluster.answers(&url, "frontend", BASELINE)?;
        self.cluster.answers("https://shop.staging.lab.test/api/cart/", "cart", BASELINE)?;
        let tests = suite::passes(&preview, "smoke")?;
        self.a_change_of_the_baseline(&preview)?;

        let closed = Instant::now();
        self.close(number)?;
        self.await_gone(&preview)?;
        Ok(format!(
            "a push to a pull request had {} green statuses after {green} s, with comments, an image of the one service that it \
             affects, and the preview at {url}; a pull request of the GitOps repository was told what it means for that \
             preview; the smoke suite's own commands passed through the proxies ({}); closed, nothing \
             was left after {} s",
            SUITES.len(),
            passed(&tests),
            closed.elapsed().as_secs()
        ))
    }

    /// A pull request of the GitOps repository: its workflow checks it, and says what it changes in the preview.
    fn a_change_of_the_baseline(&mut self, preview: &str) -> Outcome {
        let before = self.forge.newest("gitops")?;
        self.gitops.git(&["checkout", "--quiet", "-B", "memory", "main"])?;
        self.gitops.git(&["pull", "--quiet", "--rebase", "origin", "main"])?;
        let path = self.gitops.folder.join("apps/base/cart.yaml");
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        write(&path, &text.replace("memory: 128Mi", "memory: 256Mi"))?;
        self.gitops.commit("More memory for cart")?;
        self.gitops.push("memory")?;
        self.gitops.git(&["checkout", "--quiet", "main"])?;
        let number = self.forge.open("gitops", OWNER, "memory")?;
        self.forge.succeeded("gitops", CHECK, before)?;
        let comments = self.forge.gitea.comments_in("team/gitops", number)?;
        let told =
            |text: &String| ["256Mi", "cart", preview].iter().all(|word| text.contains(word));
        ensure(comments.len() == 1 && told(&comments[0]), || {
            format!("one comment that says what changes in {preview} is wanted: {comments:?}")
        })?;
        self.forge.close("gitops", number)
    }

    /// Closes a pull request and waits for its workflow and for the one of the GitOps repository.
    fn close(&mut self, number: u64) -> Outcome {
        let shop = self.forge.newest("shop")?;
        self.forge.close("shop", number)?;
        self.forge.succeeded("shop", PREVIEW, shop)?;
        let entry = self.entry(&format!("pr-{number}"))?;
        ensure(entry.is_none(), || format!("closed, and its entry is {entry:?}"))?;
        self.forge.settled(&self.gitops, PUSH)
    }

    /// The entry of a preview in the GitOps repository, as it is now.
    fn entry(&self, preview: &str) -> Outcome<Option<Value>> {
        let text = self.gitops.now("previews/previews.yaml")?;
        let file: Value = yaml_serde::from_str(&text).map_err(|error| error.to_string())?;
        let all = file["spec"]["previews"].as_array().cloned().unwrap_or_default();
        Ok(all.into_iter().find(|one| one["name"] == preview))
    }

    /// Waits for the first verdict of each suite on a commit, which must be this one.
    fn await_statuses(&mut self, commit: &str, wanted: &str) -> Outcome {
        for suite in SUITES {
            let context = format!("shop/{suite}");
            wait(&format!("{context} of {commit}"), DELIVERY, || {
                let all = self.forge.gitea.statuses_in("team/shop", commit)?;
                let verdict = |one: &&Status| one.context == context && one.state != "pending";
                let verdict =
                    all.iter().find(verdict).ok_or_else(|| format!("there is {all:?}"))?;
                Ok(ensure(verdict.state == wanted, || format!("it is {verdict:?}")))
            })??;
        }
        Ok(())
    }

    /// Waits until neither the cluster nor the registry has anything of a preview.
    fn await_gone(&self, preview: &str) -> Outcome {
        wait(&format!("{preview} to be gone"), DELIVERY, || {
            let left = cluster::left_of(preview)?;
            ensure(left.is_empty(), || left)?;
            let tags = artifacts()?;
            let tag = format!("shop.{preview}");
            ensure(!tags.contains(&tag), || format!("the registry has {tags:?}"))
        })
    }
}

/// The tags of the artifacts in the registry.
fn artifacts() -> Outcome<Vec<String>> {
    let tags = program(
        Command::new("oras").args(["repo", "tags", "registry.lab.test/team/previews"]),
        "",
    )?;
    Ok(tags.lines().map(str::to_owned).collect())
}

/// What node says of its tests.
fn passed(tests: &str) -> String {
    let count = tests.lines().find_map(|line| line.strip_prefix("ℹ pass "));
    count.map_or_else(|| "its end".to_owned(), |count| format!("{count} tests"))
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn write(path: &Path, text: &str) -> Outcome {
    let folder = path.parent().ok_or("a file lies in a folder")?;
    fs::create_dir_all(folder).map_err(|error| error.to_string())?;
    fs::write(path, text).map_err(|error| error.to_string())
}
