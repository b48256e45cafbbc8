//! A pull request from its opening to its end: what its author sees, and that no status is green
//! before its suite has ended well.

use std::time::{Duration, Instant};

use serde_json::Value;

use crate::books::{BASELINE, Books, REPOSITORY, SET, environment, image};
use crate::gitea::{Gitea, Status};
use crate::lab::{Outcome, PATIENCE, ensure, get, kubectl, list, ready, wait};

/// From a push to a finished suite.
const SUITE: Duration = Duration::from_secs(90);
const GREEN: &str = "success";
const RED: &str = "failure";

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    // Controllers write into objects until they have done their work.
    let available = ["wait", "--for=condition=Available", "--timeout=60s", "deployments", "--all"];
    kubectl(&[&["-n", BASELINE], available.as_slice()].concat())?;
    let before = snapshot()?;
    let mut gitea = Gitea::new()?;
    let mut pull = Pull::open(&mut gitea)?;

    let green = pull.push(books, &mut gitea, GREEN)?;
    let comments = gitea.comments(pull.number)?;
    let url = format!("https://{}.preview.example.com/", pull.name);
    ensure(matches!(comments.as_slice(), [only] if only.contains(&url)), || {
        format!("one comment with {url} is wanted, there are {comments:?}")
    })?;
    let first = pull.jobs()?;

    pull.move_on(&mut gitea)?;
    pull.push(books, &mut gitea, GREEN)?;
    let second = pull.jobs()?;
    ensure(first.len() == 1 && second.len() == 1 && first != second, || {
        format!("a new commit is a new Job and the old one goes: {first:?}, then {second:?}")
    })?;

    // The third commit breaks what the suite tests.
    let (good, bad) = (
        "        app.kubernetes.io/name: smoke\n",
        "        app.kubernetes.io/name: smoke\n        lab-fail: \"true\"\n",
    );
    books.change("tests/smoke/job.yaml", good, bad)?;
    pull.move_on(&mut gitea)?;
    let red = pull.push(books, &mut gitea, RED)?;
    books.change("tests/smoke/job.yaml", bad, good)?;
    let comments = gitea.comments(pull.number)?;
    ensure(comments.len() == 1, || format!("the comment is edited, not repeated: {comments:?}"))?;

    gitea.close(pull.number)?;
    books.edit(&["remove", &pull.name])?;
    let closed = Instant::now();
    books.deliver(&[])?;
    wait("everything of the preview to be gone", PATIENCE, || gone(&pull.name))?;
    let removal = closed.elapsed().as_secs();
    let after = snapshot()?;
    ensure(before == after, || {
        let differing = before.iter().zip(&after).find(|(a, b)| a != b);
        format!("the baseline is not as it was: {differing:?}")
    })?;
    for (commit, wanted) in pull.commits.iter().zip([GREEN, GREEN, RED]) {
        let found = gitea.statuses(commit)?;
        let verdicts: Vec<&str> = found.iter().map(|status| status.state.as_str()).collect();
        ensure(verdicts.iter().all(|state| *state == wanted || *state == "pending"), || {
            format!("{commit} should end as {wanted}, it was {verdicts:?}")
        })?;
    }
    Ok(format!(
        "success on the head commit {green} s after the push, failure after {red} s, all gone {removal} s after the end; \
         {} looks at the statuses, none green before its Job was complete; one comment with the URL; \
         {} objects of the baseline as before",
        pull.looks,
        after.len()
    ))
}

/// The pull request.
struct Pull {
    number: u64,
    name: String,
    commits: Vec<String>,
    looks: u32,
}

impl Pull {
    fn open(gitea: &mut Gitea) -> Outcome<Self> {
        let commit = gitea.commit("feature", "one.txt", true)?;
        let number = gitea.open("feature")?;
        Ok(Self { number, name: format!("pr-{number}"), commits: vec![commit], looks: 0 })
    }

    fn move_on(&mut self, gitea: &mut Gitea) -> Outcome {
        let file = format!("more-{}.txt", self.commits.len());
        self.commits.push(gitea.commit("feature", &file, false)?);
        Ok(())
    }

    fn head(&self) -> &str {
        self.commits.last().map_or("", String::as_str)
    }

    /// Sets, renders and pushes the head commit, then looks at the statuses of every commit until
    /// the head has the wanted one. Returns the seconds that it took.
    fn push(&mut self, books: &mut Books, gitea: &mut Gitea, wanted: &str) -> Outcome<u64> {
        let change = format!("{REPOSITORY}#{}@{}", self.number, self.head());
        let picture = format!("catalog={}", image("catalog"));
        books.edit(&["set", &self.name, "--image", &picture, "--change", &change])?;
        books.push(self.head())?;
        let begun = Instant::now();
        wait(&format!("status {wanted} on {}", self.head()), SUITE, || {
            self.looks += 1;
            let statuses = gitea.statuses(self.head())?;
            let Some(verdict) = statuses.iter().find(|status| status.state != "pending") else {
                return Err(format!("it has {statuses:?}"));
            };
            self.judge(verdict, wanted)
        })??;
        ready(&environment(&self.name))?;
        Ok(begun.elapsed().as_secs())
    }

    /// The first verdict on a commit: the right one, about the right suite, and not before the Job.
    fn judge(&self, verdict: &Status, wanted: &str) -> Outcome<Outcome> {
        let right = verdict.state == wanted && verdict.context == format!("{SET}/smoke");
        let jobs = list(&["-n", &self.name, "jobs"])?;
        let ended = if wanted == GREEN { "Complete" } else { "Failed" };
        let done = jobs.iter().any(|job| {
            crate::lab::condition(job, ended).is_some_and(|(status, _)| status == "True")
        });
        Ok(ensure(right && done, || {
            format!(
                "{verdict:?} on {} while its Job is {:?}",
                self.head(),
                jobs.first().map(|job| &job["status"])
            )
        }))
    }

    fn jobs(&self) -> Outcome<Vec<String>> {
        let jobs = list(&["-n", &self.name, "jobs"])?;
        Ok(jobs
            .iter()
            .filter_map(|job| job["metadata"]["name"].as_str().map(str::to_owned))
            .collect())
    }
}

/// An error that names what is left of a preview.
fn gone(name: &str) -> Outcome {
    let selector = format!("anabranch.dev/preview={name}");
    let left = kubectl(&[
        "get",
        "-A",
        "-l",
        &selector,
        "-o",
        "name",
        "namespaces,kustomizations.kustomize.toolkit.fluxcd.io,httproutes,grpcroutes,virtualservices,deployments,services,jobs,configmaps,serviceaccounts,referencegrants",
    ])?;
    ensure(left.is_empty(), || left)?;
    let namespace = get(&["namespaces"])?;
    let names = namespace["items"].as_array().cloned().unwrap_or_default();
    ensure(!names.iter().any(|one| one["metadata"]["name"] == name), || format!("namespace {name}"))
}

/// Everything that somebody wrote into the baseline's namespace, without what the cluster adds.
fn snapshot() -> Outcome<Vec<Value>> {
    let kinds = "deployments,services,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets,\
                 httproutes,grpcroutes,virtualservices,destinationrules,referencegrants,sidecars.networking.istio.io";
    let mut objects = list(&["-n", BASELINE, kinds])?;
    for object in &mut objects {
        if let Some(object) = object.as_object_mut() {
            object.remove("status");
        }
        if let Some(metadata) = object["metadata"].as_object_mut() {
            metadata.retain(|field, _| {
                matches!(field.as_str(), "name" | "labels" | "annotations" | "uid")
            });
        }
    }
    Ok(objects)
}
