//! `reserved.yaml` of `gitops-template/`, at a real API server: only the account of previews makes namespaces that
//! begin with the prefix, and gives namespaces our labels. `limits.quota` holds where it made one.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::{Value, json};

use crate::books::Books;
use crate::lab::{self, Outcome, apply, ensure, kubectl, stream, wait};

/// The account of previews, and somebody who may otherwise do everything.
const ACCOUNT: &str = "--as=system:serviceaccount:previews:previews";
const ADMIN: &str = "--as=admin-of-a-team";
/// No preview of another scenario has this name.
const PREVIEW: &str = "pr-9931";
const MARK: &str = "anabranch.dev/previews";

pub(crate) fn run(_: &mut Books) -> Outcome<String> {
    let cluster = Path::new(env!("CARGO_MANIFEST_DIR")).join("gitops-template/previews/cluster");
    let read = |file: &str| fs::read_to_string(cluster.join(file)).map_err(|e| e.to_string());
    apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: previews}\n")?;
    apply(&read("account.yaml")?)?;
    apply(ADMINS)?;
    apply(&read("reserved.yaml")?)?;
    // A policy takes a moment from the store to where it is asked.
    wait("the policy", lab::PATIENCE, || refused("its name", &namespace("pr-9930", json!({}))))?;

    let outcome = attempts();
    for arguments in [
        &[
            "delete",
            "--wait=false",
            "--ignore-not-found",
            "namespace",
            PREVIEW,
            "team-a",
            "previews",
        ][..],
        &["delete", "--ignore-not-found", "clusterrolebinding", "admins-of-teams"],
    ] {
        kubectl(arguments)?;
    }
    kubectl(&["delete", "-f", &cluster.join("reserved.yaml").display().to_string()])?;
    // Nor is it forgotten at once, and the next scenario makes namespaces with the prefix.
    let anybody = || attempt(&[], &namespace("pr-9930", json!({})));
    wait("the policy to be forgotten", lab::PATIENCE, anybody)?;
    outcome
}

const ADMINS: &str = "apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata: {name: admins-of-teams}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: ClusterRole, name: cluster-admin}
subjects: [{apiGroup: rbac.authorization.k8s.io, kind: User, name: admin-of-a-team}]
";

fn attempts() -> Outcome<String> {
    refused(
        "a generated name",
        &json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"generateName": "pr-"}}),
    )?;
    refused("a label", &namespace("team-a", json!({MARK: "shop"})))?;
    create(ADMIN, &namespace("team-a", json!({"team": "a"})))?;
    label(ADMIN, "team-a", &["team=b"])?;
    told("a label of an old namespace", label(ADMIN, "team-a", &["anabranch.dev/preview=pr-1"]))?;
    create(ACCOUNT, &namespace(PREVIEW, json!({MARK: "shop", "anabranch.dev/trust": "fork"})))?;
    label(ADMIN, PREVIEW, &["team=a"])?;
    told("a mark that is taken away", label(ADMIN, PREVIEW, &["anabranch.dev/trust-"]))?;
    told("a mark that is changed", label(ADMIN, PREVIEW, &["anabranch.dev/previews=other"]))?;

    let quota = json!({"apiVersion": "v1", "kind": "ResourceQuota", "metadata": {"name": "anabranch", "namespace": PREVIEW},
        "spec": {"hard": {"count/secrets": "1"}}});
    create(ACCOUNT, &quota)?;
    let counted = || {
        let found = lab::get(&["-n", PREVIEW, "resourcequota", "anabranch"])?;
        ensure(found["status"]["hard"]["count/secrets"] == "1", || found["status"].to_string())
    };
    wait("the quota", lab::PATIENCE, counted)?;
    create(ACCOUNT, &secret("one"))?;
    match create(ACCOUNT, &secret("two")) {
        Err(words) if words.contains("exceeded quota") => {}
        other => return Err(format!("a second Secret: {other:?}")),
    }
    kubectl(&[ADMIN, "delete", "--wait=false", "namespace", PREVIEW])?;
    Ok("an administrator was refused a namespace with the prefix, by name and by generateName, and our labels, new, changed \
        and removed; other labels and the removal of a preview stayed theirs; the account of previews made its namespace, \
        whose quota then refused one Secret too many"
        .to_owned())
}

fn namespace(name: &str, labels: Value) -> Value {
    json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": name, "labels": labels}})
}

fn secret(name: &str) -> Value {
    json!({"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name, "namespace": PREVIEW}})
}

fn create(who: &str, object: &Value) -> Outcome {
    lab::run(
        Command::new("kubectl").args([who, "create", "-f", "-"]),
        &stream(std::slice::from_ref(object)),
    )
    .map(drop)
}

fn label(who: &str, namespace: &str, labels: &[&str]) -> Outcome {
    kubectl(&[&[who, "label", "--overwrite", "namespace", namespace][..], labels].concat())
        .map(drop)
}

/// Fails where an administrator may make this.
fn refused(what: &str, object: &Value) -> Outcome {
    told(what, attempt(&[ADMIN], object))
}

/// Whether somebody may make this, of which nothing stays.
fn attempt(who: &[&str], object: &Value) -> Outcome {
    let mut command = Command::new("kubectl");
    command.args(who).args(["create", "--dry-run=server", "-f", "-"]);
    lab::run(&mut command, &stream(std::slice::from_ref(object))).map(drop)
}

/// Fails where something was not refused in the policy's words.
fn told(what: &str, outcome: Outcome) -> Outcome {
    match outcome {
        Ok(()) => Err(format!("{what} was not refused")),
        Err(words) if words.contains("belong to previews") => Ok(()),
        Err(words) => Err(format!("{what}: {words}")),
    }
}
