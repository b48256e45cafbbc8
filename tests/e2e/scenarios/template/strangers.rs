//! Pull requests of people who are nobody here: their code runs only where a maintainer says so, and then without secrets.

use std::process::Command;
use std::thread;
use std::time::Duration;

use super::forge::{Clone, OWNER};
use super::{PREVIEW, Team, artifacts, write};
use crate::lab::{Outcome, ensure, run as program};

const STRANGER: &str = "mallory";
/// What a stranger adds: a workflow that takes what it can get.
const STEAL: (&str, &str) = ("steal.yaml", "pull_request");
const WORKFLOW: &str = "name: Steal
on: pull_request
jobs:
  steal:
    runs-on: ubuntu-24.04
    steps:
      - env:
          SECRET: ${{ secrets.GITOPS_TOKEN }}
          TOKEN: ${{ github.token }}
        run: |
          echo \"the secret has ${#SECRET} characters\"
          git init --quiet stolen
          cd stolen
          git -c user.name=m -c user.email=m@example.com commit --quiet --allow-empty --message Stolen
          git push \"${GITHUB_SERVER_URL/:\\/\\//:\\/\\/x:$TOKEN@}/$GITHUB_REPOSITORY\" HEAD:refs/heads/stolen || echo \"may not push\"
";
/// How long a job would need to begin.
const MOMENT: Duration = Duration::from_secs(3);

pub(crate) fn run(team: &mut Team) -> Outcome<String> {
    team.forge.stranger(STRANGER)?;
    let (head, tags) = (team.gitops.head()?, artifacts()?);
    let fork = team.forge.folder().join("fork");
    let remote = team.forge.remote(STRANGER, "shop");
    program(Command::new("git").args(["clone", "--quiet", &remote]).arg(&fork), "")?;
    let fork = Clone { folder: fork };
    write(&fork.folder.join(".github/workflows").join(STEAL.0), WORKFLOW)?;
    fork.branch("helpful", "services/cart/main.txt")?;
    fork.push("helpful")?;
    let before = team.forge.newest("shop")?;
    let number = team.forge.open("shop", STRANGER, "helpful")?;

    // Nothing runs before somebody has looked at it.
    thread::sleep(MOMENT);
    let runs = team.forge.runs("shop", ("", "pull_request"))?;
    let waiting: Vec<_> = runs.into_iter().filter(|run| run.number > before).collect();
    ensure(waiting.len() == 2 && waiting.iter().all(|run| run.conclusion.is_empty()), || {
        format!("two runs should wait for approval: {waiting:?}")
    })?;
    for run in &waiting {
        let log = team.forge.log("shop", run)?;
        ensure(!log.contains("characters"), || format!("{run:?} ran unapproved:\n{log}"))?;
        team.forge.press("approve", run)?;
    }
    let preview = team.forge.ended("shop", PREVIEW, before)?;
    ensure(preview.conclusion == "skipped", || {
        format!("the template's job should not run for a fork: {preview:?}")
    })?;
    let steal = team.forge.succeeded("shop", STEAL, before)?;
    let log = team.forge.log("shop", &steal)?;
    for told in ["the secret has 0 characters", "may not push"] {
        ensure(log.contains(told), || {
            format!("`{told}` is not what a stranger's job says:\n{log}")
        })?;
    }
    let branches =
        program(Command::new("git").args(["ls-remote", &team.forge.remote(OWNER, "shop")]), "")?;
    ensure(!branches.contains("refs/heads/stolen"), || "a stranger has pushed".to_owned())?;
    team.forge.close("shop", number)?;
    team.forge.quiet("shop")?;
    ensure(head == team.gitops.head()? && tags == artifacts()?, || {
        "a stranger's pull request has changed the GitOps repository or the registry".to_owned()
    })?;
    ensure(team.entry(&format!("pr-{number}"))?.is_none(), || format!("#{number} has a preview"))?;
    Ok("a stranger's pull request waited for approval; approved, its own workflow found no secret and could not push, and \
        it got no preview"
        .to_owned())
}
