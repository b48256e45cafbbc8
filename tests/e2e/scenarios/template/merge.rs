//! What is merged goes to staging.

use super::forge::{Clone, Forge};
use super::{MAIN, PUSH, SERVICES, Team};
use crate::lab::{Outcome, PATIENCE, ensure, get, wait};

/// What staging runs, and the commit that it was built from.
const STAGING: [&str; 2] = ["apps/staging/kustomization.yaml", "apps/staging/commit"];

/// The first push of the application's code: staging has nothing yet, so everything is built.
pub(super) fn first(forge: &mut Forge, shop: &Clone, gitops: &Clone) -> Outcome {
    forge.succeeded("shop", MAIN, 0)?;
    let digests = gitops.now(STAGING[0])?.matches("digest: \"sha256:").count();
    ensure(digests == SERVICES.len(), || format!("staging has {digests} digests"))?;
    let (built, head) = (gitops.now(STAGING[1])?, shop.head()?);
    ensure(built == head, || format!("staging says that it was built from {built}, not {head}"))?;
    gitops.git(&["pull", "--quiet", "--rebase", "origin", "main"]).map(drop)
}

/// A change of one service comes to main.
pub(super) fn run(team: &mut Team) -> Outcome<String> {
    let before = team.gitops.now(STAGING[0])?;
    let newest = team.forge.newest("shop")?;
    team.shop.change("main", "services/catalog/main.txt")?;
    team.shop.push("main")?;
    team.forge.succeeded("shop", MAIN, newest)?;
    let after = team.gitops.now(STAGING[0])?;
    let changed: Vec<&str> = after
        .lines()
        .zip(before.lines())
        .filter(|(new, old)| new != old)
        .map(|(new, _)| new)
        .collect();
    let [line] = changed.as_slice() else {
        return Err(format!(
            "one service is affected, and staging has these new lines: {changed:?}"
        ));
    };
    let digest = line.trim().trim_start_matches("digest: ").trim_matches('"');
    let wanted = format!("registry.lab.test/team/catalog@{digest}");
    wait(&format!("staging to run {wanted}"), PATIENCE, || {
        let deployment = get(&["-n", "shop", "deployment", "catalog"])?;
        let image = &deployment["spec"]["template"]["spec"]["containers"][0]["image"];
        ensure(*image == wanted, || format!("it runs {image}"))
    })?;
    team.forge.settled(&team.gitops, PUSH)?;
    Ok("the first push of the code brought all four services to staging, and a merge the one that it affects".to_owned())
}
