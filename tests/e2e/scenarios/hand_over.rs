//! The delivery of the baseline changes hands, to an old Kustomization and back, in the steps of
//! docs/guide/adopting.md: at the end every object is the one that it was.

use std::time::Duration;

use serde_json::Value;

use crate::books::{BASELINE, Books, SET};
use crate::delivery::root_kustomization;
use crate::lab::{Outcome, apply, ensure, get, kubectl, list, push, ready, wait};

/// The Kustomization that applied the baseline before there was anabranch.
const OLD: &str = "estate";
/// How long an owner may take to take over, or to go.
const PATIENCE: Duration = Duration::from_secs(120);
/// What Flux would delete if it deleted something.
const KINDS: &str = "namespaces,deployments,services,configmaps,serviceaccounts,roles,rolebindings,poddisruptionbudgets,\
                     httproutes,grpcroutes,virtualservices";

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    let ours = format!("{SET}.baseline");
    let before = delivered(&ours)?;
    ensure(before.len() > 20, || format!("only {} objects are delivered", before.len()))?;

    // The way back: ours is suspended, the old one takes over, and ours goes.
    suspend(&ours, "true")?;
    apply(
        &root_kustomization(OLD)?
            .replace("path: ./flux\n  prune: true", "path: ./baseline\n  prune: false"),
    )?;
    push(books.folder(), OLD, &"1".repeat(40))?;
    wait("the old one to take over", PATIENCE, || ready(OLD).and_then(|()| same(&before, OLD)))?;
    books.change("previews.yaml", "stripKey: true", "stripKey: false")?;
    books.change("previews.yaml", "delivery: include", "delivery: external")?;
    books.push(&"2".repeat(40))?;
    wait("ours to be gone", PATIENCE, || gone(&ours))?;
    same(&before, OLD)?;
    patch(OLD, r#"{"spec":{"prune":true}}"#)?;
    wait("the old one to be as it was", PATIENCE, || ready(OLD))?;
    same(&before, OLD)?;

    // The hand-over: the old one is suspended and may not prune, ours takes over, and the old one goes.
    patch(OLD, r#"{"spec":{"suspend":true,"prune":false}}"#)?;
    books.change("previews.yaml", "stripKey: false", "stripKey: true")?;
    books.change("previews.yaml", "delivery: external", "delivery: include")?;
    books.deliver(&[])?;
    same(&before, &ours)?;
    kubectl(&["-n", "flux-system", "delete", "kustomization", OLD])?;
    wait("the old one to be gone", PATIENCE, || gone(OLD))?;
    same(&before, &ours)?;
    kubectl(&["-n", "flux-system", "delete", "ocirepository", OLD])?;
    let column = ["-L", "kustomize.toolkit.fluxcd.io/name", "deployments,services,virtualservices"];
    let seen = kubectl(&[&["-n", BASELINE, "get"], column.as_slice()].concat())?;
    ensure(seen.contains(&ours) && !seen.contains(OLD), || seen.clone())?;
    Ok(format!("{} objects changed hands twice, none was made anew or deleted", before.len()))
}

/// Identities of the objects that a Kustomization delivers.
fn delivered(owner: &str) -> Outcome<Vec<String>> {
    let label = format!("kustomize.toolkit.fluxcd.io/name={owner}");
    let objects = list(&["-A", "-l", &label, KINDS])?;
    let mut found: Vec<String> = objects.iter().map(identity).collect();
    found.sort();
    Ok(found)
}

fn identity(object: &Value) -> String {
    let metadata = &object["metadata"];
    format!("{} {} {}", object["kind"], metadata["name"], metadata["uid"])
}

/// An error unless a Kustomization owns just these objects, each the one that it was.
fn same(before: &[String], owner: &str) -> Outcome {
    let now = delivered(owner)?;
    let lost = before.iter().find(|object| !now.contains(object));
    ensure(now == before, || {
        format!("{owner} delivers {} of {} objects, without {lost:?}", now.len(), before.len())
    })
}

/// As `flux suspend` does: what the root's manifest says nothing of stays when it is applied again.
fn suspend(kustomization: &str, value: &str) -> Outcome {
    patch(kustomization, &format!(r#"{{"spec":{{"suspend":{value}}}}}"#))
}

fn patch(kustomization: &str, change: &str) -> Outcome {
    let what = ["patch", "kustomization", kustomization, "--type=merge", "-p", change];
    kubectl(&[&["-n", "flux-system"], what.as_slice(), &["--field-manager=flux"]].concat())
        .map(drop)
}

fn gone(kustomization: &str) -> Outcome {
    let all = get(&["-n", "flux-system", "kustomizations"])?;
    let all = all["items"].as_array().cloned().unwrap_or_default();
    let is_there = all.iter().any(|one| one["metadata"]["name"] == kustomization);
    ensure(!is_there, || format!("{kustomization} is still there"))
}
