//! Signatures with a key of the team's own, by README's commands: what is not signed is not applied.

use std::process::Command;

use serde_json::Value;

use super::forge::OWNER;
use super::{PREVIEW, PUSH, Team, walk};
use crate::lab::{Outcome, PATIENCE, ensure, get, kubectl, run as program, wait};

/// The part of README that is followed.
const FROM: &str = "- **Signatures**";
const TO: &str = "- **Who may do what**";
const PASSWORD: &str = "known-to-the-workflow";
const REPOSITORY: &str = "registry.lab.test/team/previews";

pub(super) fn run(team: &mut Team) -> Outcome<String> {
    team.gitops.git(&["checkout", "--quiet", "main"])?;
    team.gitops.git(&["pull", "--quiet", "--rebase", "origin", "main"])?;
    // Gitea has no `gh`.
    let typed: String = walk::typed(FROM, TO)?
        .lines()
        .filter(|line| !line.trim_start().starts_with("gh "))
        .flat_map(|line| [line, "\n"])
        .collect();
    let (keys, rest) = typed.split_once("  sed ").ok_or("README has other commands")?;
    follow(team, keys)?;
    let key = team.gitops.folder.join("cosign.key");
    let key = std::fs::read_to_string(key).map_err(|error| error.to_string())?;
    team.forge.secret("gitops", "COSIGN_PRIVATE_KEY", &key)?;
    team.forge.secret("gitops", "COSIGN_PASSWORD", PASSWORD)?;
    follow(team, &format!("  sed {rest}"))?;
    team.forge.settled(&team.gitops, PUSH)?;
    is_verified("previews")?;

    // A preview has its own artifact, and the same rule holds for it.
    let commit = team.shop.branch("signed", "services/cart/main.txt")?;
    team.shop.push("signed")?;
    let before = team.forge.newest("shop")?;
    let number = team.forge.open("shop", OWNER, "signed")?;
    team.forge.succeeded("shop", PREVIEW, before)?;
    team.forge.settled(&team.gitops, PUSH)?;
    team.await_statuses(&commit, "success")?;
    let preview = format!("pr-{number}");
    is_verified(&format!("shop.{preview}"))?;

    // Whoever may write into the registry changes what runs, and does not have the key.
    let (name, tag) = (format!("shop.{preview}"), format!("{REPOSITORY}:shop.{preview}"));
    let good = oras(team, &["resolve", &tag])?;
    oras(team, &["push", "--no-tty", &tag, "README.md:text/markdown"])?;
    look(&name)?;
    wait("an artifact without a signature to be refused", PATIENCE, || {
        let found = source(&name)?;
        let words = condition(&found, "SourceVerified", "False");
        ensure(words.contains("signature"), || found["status"].to_string())
    })?;
    oras(team, &["tag", &format!("{REPOSITORY}@{}", good.trim()), &name])?;
    look(&name)?;
    is_verified(&name)?;
    team.close(number)?;
    team.await_gone(&preview)?;
    Ok("with a key pair, by README's commands, the workflow signs, Flux verifies the artifact of the previews and that of each, \
        and refuses one that somebody else pushed"
        .to_owned())
}

/// Types commands where the team has the repository.
fn follow(team: &Team, commands: &str) -> Outcome {
    let script = format!("eval \"$(scripts/configure.sh --shell)\"\n{commands}");
    let mut bash = Command::new("bash");
    bash.current_dir(&team.gitops.folder).args(["-euo", "pipefail", "-c", &script]);
    bash.env("COSIGN_PASSWORD", PASSWORD).env("HOME", team.forge.folder().join("home"));
    for (key, value) in [("GIT_AUTHOR", "newcomer"), ("GIT_COMMITTER", "newcomer")] {
        bash.env(format!("{key}_NAME"), value).env(format!("{key}_EMAIL"), "newcomer@example.com");
    }
    program(&mut bash, "").map(drop)
}

fn oras(team: &Team, arguments: &[&str]) -> Outcome<String> {
    program(Command::new("oras").current_dir(&team.gitops.folder).args(arguments), "")
}

fn source(name: &str) -> Outcome<Value> {
    get(&["-n", "previews", "ocirepository", name])
}

/// The words of a condition that has this status.
fn condition(object: &Value, kind: &str, status: &str) -> String {
    let all = object["status"]["conditions"].as_array().into_iter().flatten();
    let mut found = all.filter(|one| one["type"] == kind && one["status"] == status);
    found.next().and_then(|one| one["message"].as_str()).unwrap_or_default().to_owned()
}

fn is_verified(name: &str) -> Outcome {
    wait(&format!("the signature of {name}"), PATIENCE, || {
        let found = source(name)?;
        let current = found["status"]["observedGeneration"] == found["metadata"]["generation"];
        let words = condition(&found, "SourceVerified", "True");
        ensure(current && !words.is_empty(), || found["status"].to_string())
    })
}

/// Asks Flux to look now.
fn look(name: &str) -> Outcome {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    let now = now.map_err(|error| error.to_string())?.as_nanos();
    let word = format!("reconcile.fluxcd.io/requestedAt={now}");
    kubectl(&["-n", "previews", "annotate", "--overwrite", "ocirepository", name, &word]).map(drop)
}
