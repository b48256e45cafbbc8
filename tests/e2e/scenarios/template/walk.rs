//! The README of the template, followed by a newcomer: its own commands, in a fresh folder, until the repository is pushed.
//! tests/suite/template/readme.rs reads the rest of it.

use std::fs;
use std::process::Command;

use super::cluster::RECEIVER_TOKEN;
use super::forge::{Clone, Forge, OWNER};
use super::{VALUES, root, write};
use crate::books::copy;
use crate::lab::{Outcome, ensure, run};

/// The part of README that is followed.
const FROM: &str = "### 1. A repository of yours";
const TO: &str = "**With the Flux CLI.**";
/// The lab has this namespace already.
const NOT_HERE: &str = "kubectl create namespace flux-system\n";
const ANABRANCH: &str = "https://github.com/anabranch/anabranch";

/// The repository, with its first commit pushed, and the key of its Secrets in the cluster.
pub(super) fn repository(forge: &Forge) -> Outcome<Clone> {
    let folder = forge.folder();
    let published = published(forge)?;
    write(&folder.join("values.yaml"), VALUES)?;
    let mut bash = Command::new("bash");
    bash.current_dir(folder).args(["-euo", "pipefail", "-c", &commands()?]);
    // Whatever the newcomer has on the machine beside what README asks for.
    bash.env("HOME", folder.join("home"));
    bash.env("EDITOR", format!("cp {}", folder.join("values.yaml").display()));
    let token = forge.gitea.token();
    let told = [
        ("REGISTRY_USER", "flux"),
        ("REGISTRY_TOKEN", "flux"),
        ("RECEIVER_TOKEN", RECEIVER_TOKEN),
        ("PULL_REQUESTS_TOKEN", token),
        ("REPORTS_ID", "key"),
        ("REPORTS_KEY", "secret"),
        ("REPORTS_REGION", "us-east-1"),
        ("DNS_TOKEN", "token"),
    ];
    bash.envs(told);
    let remote = forge.remote(OWNER, "gitops");
    let settings = [
        (format!("url.{published}.insteadOf"), ANABRANCH),
        (format!("url.{remote}.insteadOf"), "https://gitea.lab.test/team/gitops"),
        ("user.name".to_owned(), "newcomer"),
        ("user.email".to_owned(), "newcomer@example.com"),
    ];
    bash.env("GIT_CONFIG_COUNT", settings.len().to_string());
    for (place, (key, value)) in settings.iter().enumerate() {
        bash.env(format!("GIT_CONFIG_KEY_{place}"), key);
        bash.env(format!("GIT_CONFIG_VALUE_{place}"), value);
    }
    let said = run(&mut bash, "")?;
    let is_done = said.contains("everything is valid") && !said.contains("not done yet");
    ensure(is_done, || said)?;

    let gitops = folder.join("gitops");
    fs::rename(folder.join("shop-gitops"), &gitops).map_err(|error| error.to_string())?;
    let gitops = Clone { folder: gitops };
    gitops.git(&["remote", "set-url", "origin", &remote])?;
    let pushed = gitops.git(&["ls-files"])?;
    ensure(!pushed.contains("agekey"), || "the key of the Secrets is in Git".to_owned())?;
    Ok(gitops)
}

/// What README says to type.
fn commands() -> Outcome<String> {
    let typed = typed(FROM, TO)?;
    ensure(typed.contains(NOT_HERE), || format!("README does not say `{NOT_HERE}`"))?;
    Ok(typed.replace(NOT_HERE, ""))
}

/// The blocks of commands in a part of README.
pub(super) fn typed(from: &str, to: &str) -> Outcome<String> {
    let text = fs::read_to_string(root().join("gitops-template/README.md"));
    let text = text.map_err(|error| error.to_string())?;
    let part = text.split_once(from).and_then(|(_, rest)| rest.split_once(to));
    let (part, _) = part.ok_or_else(|| format!("README has no part from `{from}` to `{to}`"))?;
    Ok(part.split("```sh\n").skip(1).filter_map(|block| block.split("```").next()).collect())
}

/// A repository with a release of the template, in place of the one on GitHub. Returns its URL.
fn published(forge: &Forge) -> Outcome<String> {
    let folder = forge.folder().join("published");
    copy(&root().join("gitops-template"), &folder.join("gitops-template"))?;
    let clone = Clone { folder };
    clone.git(&["init", "--quiet", "--initial-branch=main"])?;
    clone.commit("Release")?;
    clone.git(&["tag", "--annotate", "--message", "v0.1.0", "v0.1.0"])?;
    Ok(format!("file://{}", clone.folder.display()))
}
