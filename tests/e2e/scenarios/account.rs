//! The account that applies previews in `gitops-template/`: a real API server lets it write what the template renders to, and
//! nothing else.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::json;

use crate::books::Books;
use crate::lab::{self, Outcome, anabranch, apply, ensure, kubectl, scratch, stream, wait};

const ACCOUNT: &str = "--as=system:serviceaccount:previews:previews";
/// No preview of another scenario has this number.
const PREVIEW: &str = "pr-9917";

pub(crate) fn run(_: &mut Books) -> Outcome<String> {
    let folder = rendered()?;
    let cluster = folder.join("previews/cluster");
    apply("apiVersion: v1\nkind: Namespace\nmetadata: {name: previews}\n")?;
    for file in ["account.yaml", "admission.yaml"] {
        apply(&fs::read_to_string(cluster.join(file)).map_err(|error| error.to_string())?)?;
    }
    // A policy takes a moment from the store to where it is asked.
    wait("the policy", lab::PATIENCE, || refused("default", &[config_map("default")]))?;

    let mut written = 0;
    let of_preview = format!("previews/{PREVIEW}");
    for part in [&*format!("{of_preview}/flux"), &format!("{of_preview}/objects"), "root/flux"] {
        written += as_account(&folder.join("out").join(part))?;
    }
    let suite = folder.join("out").join(&of_preview).join("tests/smoke");
    let overlay = format!("namespace: {PREVIEW}\nnameSuffix: -x\nresources: [smoke]\n");
    fs::write(suite.join("../kustomization.yaml"), overlay).map_err(|error| error.to_string())?;
    written += as_account(&suite.join(".."))?;

    let attempts = attempts();
    for (what, object) in &attempts {
        refused(what, std::slice::from_ref(object))?;
    }
    let kept = Command::new("kubectl")
        .args([ACCOUNT, "-n", "shop", "delete", "service", "catalog"])
        .output();
    let kept =
        String::from_utf8_lossy(&kept.map_err(|error| error.to_string())?.stderr).into_owned();
    ensure(kept.contains("previews may not write services in shop"), || kept.clone())?;

    // What it wrote, it may take away.
    let labels = format!("anabranch.dev/preview={PREVIEW}");
    for kinds in [
        "httproutes -n shop",
        "kustomizations.kustomize.toolkit.fluxcd.io,ocirepositories -n previews",
    ] {
        let mut arguments = vec![ACCOUNT, "delete", "--wait=false", "-l", &labels];
        arguments.extend(kinds.split(' '));
        kubectl(&arguments)?;
    }
    kubectl(&[ACCOUNT, "delete", "--wait=false", "namespace", PREVIEW])?;
    kubectl(&["delete", "--wait=false", "namespace", "previews"])?;
    kubectl(&["delete", "-f", &cluster.join("admission.yaml").display().to_string()])?;
    Ok(format!(
        "the account wrote all {written} objects of a preview and removed them; {} other writes were refused, each in words",
        attempts.len() + 1
    ))
}

/// The template with one preview, rendered.
fn rendered() -> Outcome<PathBuf> {
    let folder = scratch("account");
    let template = Path::new(env!("CARGO_MANIFEST_DIR")).join("gitops-template/.");
    lab::run(Command::new("cp").arg("-R").arg(template).arg(&folder), "")?;
    lab::run(Command::new("git").current_dir(&folder).args(["init", "--quiet"]), "")?;
    let image = format!("cart=ghcr.io/acme/cart@sha256:{}", "0".repeat(64));
    anabranch(&folder, &["set", PREVIEW, "--file", "previews/previews.yaml", "--image", &image])?;
    anabranch(&folder, &["render", "previews/previews.yaml", "--artifacts", "each", "-o", "out"])?;
    Ok(folder)
}

/// Applies a folder as Flux does, acting as the account; returns how many objects it has.
fn as_account(folder: &Path) -> Outcome<usize> {
    let built = lab::run(Command::new("kustomize").arg("build").arg(folder), "")?;
    let mut command = Command::new("kubectl");
    command.args([
        ACCOUNT,
        "apply",
        "--server-side",
        "--force-conflicts",
        "--validate=strict",
        "-f",
        "-",
    ]);
    lab::run(&mut command, &built)?;
    Ok(built.split("\n---\n").count())
}

fn config_map(namespace: &str) -> serde_json::Value {
    json!({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "x", "namespace": namespace}})
}

fn kustomization(namespace: &str, spec: &serde_json::Value) -> serde_json::Value {
    let mut all = json!({
        "interval": "1h", "path": "./", "prune": true, "sourceRef": {"kind": "OCIRepository", "name": "previews"}
    });
    for (field, value) in spec.as_object().into_iter().flatten() {
        all[field] = value.clone();
    }
    json!({
        "apiVersion": "kustomize.toolkit.fluxcd.io/v1", "kind": "Kustomization",
        "metadata": {"name": "x", "namespace": namespace}, "spec": all
    })
}

/// What an artifact that somebody has tampered with might hold.
fn attempts() -> Vec<(&'static str, serde_json::Value)> {
    let named = |api_version: &str, kind: &str, namespace: &str| json!({"apiVersion": api_version, "kind": kind, "metadata": {"name": "x", "namespace": namespace}});
    let mut role = named("rbac.authorization.k8s.io/v1", "ClusterRoleBinding", "");
    role["roleRef"] = json!({"apiGroup": "rbac.authorization.k8s.io", "kind": "ClusterRole", "name": "cluster-admin"});
    let mut binding = named("rbac.authorization.k8s.io/v1", "RoleBinding", "kube-system");
    binding["roleRef"] = role["roleRef"].clone();
    let mut route = named("gateway.networking.k8s.io/v1", "HTTPRoute", "infra");
    route["spec"] = json!({});
    vec![
        ("a ConfigMap of the system", config_map("kube-system")),
        ("a ConfigMap of the baseline", config_map("shop")),
        ("a ConfigMap beside the Flux objects", config_map("previews")),
        (
            "a namespace of another name",
            json!({"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "other"}}),
        ),
        ("rights for the cluster", role),
        ("rights in the system's namespace", binding),
        ("a route of another namespace", route),
        ("a Kustomization that acts as Flux", kustomization("previews", &json!({}))),
        (
            "a Kustomization that acts as another account",
            kustomization("previews", &json!({"serviceAccountName": "flux"})),
        ),
        (
            "a Kustomization of another cluster",
            kustomization(
                "previews",
                &json!({"serviceAccountName": "previews", "kubeConfig": {"secretRef": {"name": "x"}}}),
            ),
        ),
        (
            "a Kustomization beside Flux's own",
            kustomization("flux-system", &json!({"serviceAccountName": "previews"})),
        ),
        (
            "a Kustomization in a preview",
            kustomization(PREVIEW, &json!({"serviceAccountName": "previews"})),
        ),
    ]
}

/// Fails where the account may write these.
fn refused(what: &str, objects: &[serde_json::Value]) -> Outcome {
    let mut command = Command::new("kubectl");
    command.args([ACCOUNT, "apply", "--server-side", "--dry-run=server", "-f", "-"]);
    match lab::run(&mut command, &stream(objects)) {
        Ok(_) => Err(format!("{what} was not refused")),
        Err(words) if words.contains("orbidden") || words.contains("denied request") => Ok(()),
        Err(words) => Err(format!("{what}: {words}")),
    }
}
