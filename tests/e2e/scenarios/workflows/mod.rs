//! The workflows of examples/ci, byte for byte, run by act on events of GitHub: from a pull request to its preview in the
//! GitOps repository, to its artifact in the registry, and back.
//!
//! act runs jobs on this machine. What it does not have is not shown here: permissions, environments, concurrency, and the
//! filters of `on`. Repositories are real ones of git, the registry is the lab's. Three programs stand in for what the lab
//! cannot have (`bin`, `checkout`): docker, whose images are the folders of the targets; gh, which asks GitHub; and
//! actions/checkout.

mod stage;

use std::time::Instant;

use serde_json::{Value, json};

use crate::books::Books;
use crate::lab::{Outcome, ensure};
use stage::Stage;

const OPENED: &str = "2026-11-29T10:00:00Z";
const PUSHED: &str = "2026-11-29T11:00:00Z";
const CLOSED: &str = "2026-11-29T12:00:00Z";

pub(crate) fn run(_: &mut Books) -> Outcome<String> {
    let begun = Instant::now();
    let mut stage = Stage::new()?;

    // A change of one service, with which another one goes.
    let first = stage.commit("feature", &[("services/basket/main", "2")])?;
    let opened = stage.pull_request(42, "opened", &first, OPENED)?;
    stage.preview(&opened)?.succeeded("Preview")?;
    let preview = stage.entry("pr-42")?;
    let basket = stage.image_of("basket")?;
    ensure(preview["changes"][0]["commit"] == json!(first), || format!("{preview}"))?;
    let wanted = json!([{"name": "basket", "image": basket}, {"name": "catalog"}]);
    let services = sorted(&preview["services"]);
    ensure(services == wanted, || format!("{services} instead of {wanted}"))?;
    ensure(stage.calls("gh attestation verify anabranch-linux")? > 0, || {
        "the provenance of the release was not asked for".to_owned()
    })?;

    // The push to the GitOps repository that this was.
    stage.deliver()?.succeeded("Push")?;
    ensure(stage.tags()? == ["workflows", "workflows.pr-42"], || "tags".to_owned())?;
    ensure(stage.artifact("pr-42")?.contains(&basket), || {
        format!("the artifact does not have {basket}")
    })?;

    // The next push undoes that and changes another service.
    let changes = [("services/basket/main", "1"), ("services/catalog/main", "2")];
    let second = stage.commit("feature", &changes)?;
    let pushed = stage.pull_request(42, "synchronize", &second, PUSHED)?;
    stage.preview(&pushed)?.succeeded("Preview")?;
    let catalog = stage.image_of("catalog")?;
    let wanted = json!([{"name": "catalog", "image": catalog}]);
    let services = sorted(&stage.entry("pr-42")?["services"]);
    ensure(services == wanted, || format!("{services} instead of {wanted}"))?;
    stage.deliver()?.succeeded("Push")?;
    let artifact = stage.artifact("pr-42")?;
    ensure(artifact.contains(&catalog) && !artifact.contains(&basket), || {
        format!("the artifact does not have {catalog} alone")
    })?;

    nothing_changes(&mut stage, &opened)?;
    removal(&mut stage, &pushed, &catalog)?;
    review(&mut stage)?;

    stage.end()?;
    Ok(format!(
        "opened, synchronize, closed, reopened, schedule, and a push to the GitOps repository, {} runs in {} s: previews.yaml and \
         the artifacts say each time what the event means; an older run that ends late, a pull request that affects no \
         service, and those of a fork and of Dependabot, for which no job runs, change nothing; a change that is wrong is refused at review",
        stage.runs(),
        begun.elapsed().as_secs()
    ))
}

/// Events that mean nothing for previews.
fn nothing_changes(stage: &mut Stage, opened: &Value) -> Outcome {
    let before = stage.head()?;
    stage.preview(opened)?.succeeded("Preview")?;
    let docs = stage.commit("words", &[("docs/words.md", "more")])?;
    let words = stage.pull_request(43, "opened", &docs, OPENED)?;
    let built = stage.calls("buildx bake")?;
    stage.preview(&words)?.succeeded("Preview")?;
    ensure(stage.calls("buildx bake")? == built, || "documents were built".to_owned())?;
    // A fork's code runs nowhere, and so meets no secret.
    let mut fork = stage.pull_request(44, "opened", &docs, OPENED)?;
    fork["pull_request"]["head"]["repo"]["full_name"] = json!("stranger/shop");
    fork["pull_request"]["head"]["repo"]["fork"] = json!(true);
    for action in ["opened", "synchronize", "closed"] {
        fork["action"] = json!(action);
        stage.preview(&fork)?.is_empty()?;
    }
    // Nor does Dependabot's, which GitHub gives no secrets.
    let mut dependabot = stage.pull_request(45, "opened", &docs, OPENED)?;
    dependabot["pull_request"]["user"]["login"] = json!("dependabot[bot]");
    stage.preview(&dependabot)?.is_empty()?;
    ensure(stage.head()? == before, || "something was pushed to the GitOps repository".to_owned())
}

/// A close, a build that ends after it, the pull request opened again, and a close that got lost.
fn removal(stage: &mut Stage, pushed: &Value, catalog: &str) -> Outcome {
    let commit = pushed["pull_request"]["head"]["sha"].as_str().unwrap_or_default();
    let closed = stage.pull_request(42, "closed", commit, CLOSED)?;
    stage.preview(&closed)?.succeeded("Preview")?;
    let tombstone = json!([{"name": "pr-42", "at": CLOSED}]);
    ensure(stage.spec()?["closed"] == tombstone, || {
        "it is not noted that pr-42 is closed".to_owned()
    })?;
    ensure(stage.entry("pr-42").is_err(), || "pr-42 is closed and has its entry".to_owned())?;
    stage.deliver()?.succeeded("Push")?;
    ensure(stage.tags()? == ["workflows"], || "the artifact of pr-42 is there".to_owned())?;

    let before = stage.head()?;
    stage.preview(pushed)?.succeeded("Preview")?;
    ensure(stage.head()? == before, || "a late build has brought pr-42 back".to_owned())?;

    let again = stage.pull_request(42, "reopened", commit, "2026-11-29T13:00:00Z")?;
    stage.preview(&again)?.succeeded("Preview")?;
    let image = &stage.entry("pr-42")?["services"][0]["image"];
    ensure(image == catalog, || format!("{image} instead of {catalog}"))?;
    ensure(stage.spec()?.get("closed").is_none_or(|closed| closed == &json!([])), || {
        "pr-42 is open and counts as closed".to_owned()
    })?;

    // GitHub lists it as open, and then only another one.
    stage.list_open(&[42, 45])?;
    stage.prune()?.succeeded("Prune")?;
    stage.entry("pr-42")?;
    stage.list_open(&[45])?;
    stage.prune()?.succeeded("Prune")?;
    ensure(stage.entry("pr-42").is_err(), || "nobody has removed pr-42".to_owned())
}

/// A pull request in the GitOps repository is checked, and a wrong one fails.
fn review(stage: &mut Stage) -> Outcome {
    stage.propose("limits: {requireDigest: true", "limits: {previews: 3, requireDigest: true")?;
    stage.check()?.succeeded("Check")?;
    stage.propose("limits: {requireDigest: true", "limits: {requireDigests: true")?;
    stage.check()?.failed("requireDigests")
}

/// Services in the order of their names.
fn sorted(services: &Value) -> Value {
    let mut all = services.as_array().cloned().unwrap_or_default();
    all.sort_by_key(|service| service["name"].to_string());
    Value::Array(all)
}
