//! Runs that overlap, come late, or never come. Gitea knows no `concurrency`, so here they really do.

use std::fs;
use std::path::PathBuf;

use serde_json::Value;

use super::forge::OWNER;
use super::{PREVIEW, PRUNE, PUSH, Team};
use crate::lab::{Outcome, PATIENCE, ensure, wait};

pub(crate) fn run(team: &mut Team) -> Outcome<String> {
    let [mut one, two] = two_at_once(team)?;
    overtaken(team)?;
    cancelled(team, &mut one)?;
    late_after_the_close(team, &mut one)?;
    lost_close(team, &two)?;
    Ok("two pull requests whose builds ended at once both had their previews; a build that a newer push overtook changed \
        nothing, nor did one that was cancelled, nor one that ended after the close; a preview whose close was lost went \
        with the next prune"
        .to_owned())
}

/// Builds of two pull requests end in the same moment: whoever pushes second finds a branch that has moved.
fn two_at_once(team: &mut Team) -> Outcome<[Pull; 2]> {
    let before = team.forge.newest("shop")?;
    let mut pulls = [Pull::new(team, "catalog")?, Pull::new(team, "checkout")?];
    let holds = [Hold::on(team, &pulls[0].commit)?, Hold::on(team, &pulls[1].commit)?];
    for (pull, hold) in pulls.iter_mut().zip(&holds) {
        pull.open(team)?;
        hold.is_reached()?;
    }
    drop(holds);
    team.forge.quiet("shop")?;
    let runs = team.forge.runs("shop", PREVIEW)?;
    let failed: Vec<_> =
        runs.iter().filter(|run| run.number > before && run.conclusion != "success").collect();
    ensure(failed.is_empty(), || format!("of two at once these failed: {failed:?}"))?;
    for pull in &pulls {
        pull.is_set_to(team, Some(&pull.commit))?;
        team.await_statuses(&pull.commit, "success")?;
    }
    Ok(pulls)
}

/// The build of the first push ends after that of the second one.
fn overtaken(team: &mut Team) -> Outcome {
    let mut pull = Pull::new(team, "frontend")?;
    let hold = Hold::on(team, &pull.commit)?;
    let opened = team.forge.newest("shop")?;
    pull.open(team)?;
    hold.is_reached()?;
    pull.commit(team)?;
    let before = team.forge.newest("shop")?;
    pull.push(team)?;
    team.forge.succeeded("shop", PREVIEW, before)?;
    pull.is_set_to(team, Some(&pull.commit))?;
    drop(hold);
    team.forge.succeeded("shop", PREVIEW, opened)?;
    pull.is_set_to(team, Some(&pull.commit))?;
    team.close(pull.number)
}

/// A build is cancelled, and the next push builds again.
fn cancelled(team: &mut Team, pull: &mut Pull) -> Outcome {
    let set = pull.commit.clone();
    pull.commit(team)?;
    let hold = Hold::on(team, &pull.commit)?;
    let before = team.forge.newest("shop")?;
    pull.push(team)?;
    hold.is_reached()?;
    let run = team.forge.next("shop", PREVIEW, before)?;
    team.forge.press("cancel", &run)?;
    let run = team.forge.ended("shop", PREVIEW, before)?;
    ensure(run.conclusion == "cancelled", || format!("the build is {}", run.conclusion))?;
    drop(hold);
    pull.is_set_to(team, Some(&set))?;
    pull.commit(team)?;
    let before = team.forge.newest("shop")?;
    pull.push(team)?;
    team.forge.succeeded("shop", PREVIEW, before)?;
    pull.is_set_to(team, Some(&pull.commit))
}

/// The pull request is closed while a build of it runs.
fn late_after_the_close(team: &mut Team, pull: &mut Pull) -> Outcome {
    pull.commit(team)?;
    let hold = Hold::on(team, &pull.commit)?;
    let build = team.forge.newest("shop")?;
    pull.push(team)?;
    hold.is_reached()?;
    team.close(pull.number)?;
    drop(hold);
    team.forge.succeeded("shop", PREVIEW, build)?;
    pull.is_set_to(team, None)?;
    team.await_gone(&pull.preview())
}

/// The pull request is closed, and no workflow hears of it.
fn lost_close(team: &mut Team, pull: &Pull) -> Outcome {
    let workflow = format!("repos/{OWNER}/shop/actions/workflows/{}", PREVIEW.0);
    team.forge.gitea.call("PUT", &format!("{workflow}/disable"), &Value::Null)?;
    team.forge.close("shop", pull.number)?;
    team.forge.gitea.call("PUT", &format!("{workflow}/enable"), &Value::Null)?;
    pull.is_set_to(team, Some(&pull.commit))?;
    let shop = team.forge.newest("shop")?;
    team.forge.dispatch("shop", PRUNE.0)?;
    team.forge.succeeded("shop", PRUNE, shop)?;
    pull.is_set_to(team, None)?;
    team.forge.settled(&team.gitops, PUSH)?;
    team.await_gone(&pull.preview())
}

/// A pull request that changes one service.
struct Pull {
    service: &'static str,
    branch: String,
    commit: String,
    number: u64,
}

impl Pull {
    /// Its branch with a first commit, which nobody has yet.
    fn new(team: &Team, service: &'static str) -> Outcome<Self> {
        let branch = format!("another-{service}");
        let commit = team.shop.branch(&branch, &file(service))?;
        Ok(Self { service, branch, commit, number: 0 })
    }

    fn open(&mut self, team: &mut Team) -> Outcome {
        self.push(team)?;
        self.number = team.forge.open("shop", OWNER, &self.branch)?;
        Ok(())
    }

    /// One more commit, which nobody has yet.
    fn commit(&mut self, team: &Team) -> Outcome {
        self.commit = team.shop.change(&self.branch, &file(self.service))?;
        Ok(())
    }

    fn push(&self, team: &Team) -> Outcome {
        team.shop.push(&self.branch)
    }

    fn preview(&self) -> String {
        format!("pr-{}", self.number)
    }

    /// An error unless the preview is set to this commit, or is not there.
    fn is_set_to(&self, team: &Team, commit: Option<&str>) -> Outcome {
        let entry = team.entry(&self.preview())?;
        let found = entry.as_ref().map(|entry| entry["changes"][0]["commit"].as_str());
        ensure(found == commit.map(Some), || {
            format!("{} is at {found:?} instead of {commit:?}", self.preview())
        })
    }
}

fn file(service: &str) -> String {
    format!("services/{service}/main.txt")
}

/// While there is one, the build of its commit does not end.
struct Hold(PathBuf);

impl Hold {
    fn on(team: &Team, commit: &str) -> Outcome<Self> {
        let path = team.forge.hold().join(commit);
        fs::write(&path, "").map_err(|error| error.to_string())?;
        Ok(Self(path))
    }

    /// Waits until the build has come so far.
    fn is_reached(&self) -> Outcome {
        let sign = self.0.with_extension("waits");
        wait("a build that is held", PATIENCE, || {
            ensure(sign.exists(), || format!("{} is not there", sign.display()))
        })
    }
}

impl Drop for Hold {
    fn drop(&mut self) {
        drop(fs::remove_file(&self.0));
    }
}
