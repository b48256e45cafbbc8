//! Every manifest of the template, for both clusters and with each kind of signature, before the real API server with the
//! definitions of all kinds, and before istiod's webhook. Unknown fields and warnings are errors.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use super::forge::Clone;
use crate::books::documents;
use crate::lab::{Outcome, ensure, run as program};

/// Folders that kustomize builds. Where `verify` is another one, the account's folder names it.
const FOLDERS: [&str; 12] = [
    "infrastructure/controllers",
    "infrastructure/configs/staging",
    "infrastructure/configs/production",
    "apps/staging",
    "apps/production",
    "previews/cluster",
    "monitoring",
    "tests/smoke",
    "tests/http",
    "tests/browser",
    "tests/load",
    "tests/exercised",
];
/// Folders whose files are applied as they are.
const PLAIN: [&str; 5] = [
    "clusters/staging",
    "clusters/production",
    "bootstrap",
    "secrets/staging",
    "secrets/production",
];

pub(super) fn run(gitops: &Clone) -> Outcome<String> {
    let mut count = 0;
    for folder in PLAIN {
        count += judge(folder, &plain(gitops, folder)?)?;
    }
    for folder in FOLDERS {
        count += judge(folder, &build(&gitops.folder.join(folder))?)?;
    }
    let file = gitops.folder.join("previews/cluster/kustomization.yaml");
    let text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
    for kind in ["keyless", "key"] {
        ensure(text.contains("../verify/none"), || text.clone())?;
        super::write(&file, &text.replace("../verify/none", &format!("../verify/{kind}")))?;
        count += judge(kind, &build(&gitops.folder.join("previews/cluster"))?)?;
    }
    super::write(&file, &text)?;
    Ok(format!(
        "the API server and istiod take all {count} manifests of both clusters, unknown fields refused"
    ))
}

/// The objects of a folder as kustomize builds it.
fn build(folder: &Path) -> Outcome<Vec<Value>> {
    let mut kustomize = Command::new("kustomize");
    kustomize.args(["build", "--load-restrictor", "LoadRestrictionsNone"]).arg(folder);
    Ok(documents(&program(&mut kustomize, "")?))
}

/// The objects in the files of a folder, decrypted with the team's key.
fn plain(gitops: &Clone, folder: &str) -> Outcome<Vec<Value>> {
    let mut objects = Vec::new();
    let files = fs::read_dir(gitops.folder.join(folder)).map_err(|error| error.to_string())?;
    for file in files.flatten().map(|file| file.path()) {
        if !file.is_file() || file.ends_with("kustomization.yaml") {
            continue;
        }
        let mut text = fs::read_to_string(&file).map_err(|error| error.to_string())?;
        if text.contains("\nsops:\n") {
            let mut sops = Command::new("sops");
            sops.arg("decrypt").arg(&file);
            text =
                program(sops.env("SOPS_AGE_KEY_FILE", gitops.folder.join("staging.agekey")), "")?;
        }
        objects.extend(documents(&text));
    }
    Ok(objects)
}

/// Applies objects without keeping them. Returns how many there are.
fn judge(what: &str, objects: &[Value]) -> Outcome<usize> {
    // istiod warns of every EnvoyFilter: what it changes is Envoy's and may change with Envoy.
    let (filters, rest): (Vec<&Value>, Vec<&Value>) =
        objects.iter().partition(|object| object["kind"] == "EnvoyFilter");
    for (some, warnings) in
        [(filters, "--warnings-as-errors=false"), (rest, "--warnings-as-errors")]
    {
        if some.is_empty() {
            continue;
        }
        let text: String = some.iter().map(|object| format!("---\n{object}\n")).collect();
        let mut kubectl = Command::new("kubectl");
        kubectl.args(["apply", "--server-side", "--force-conflicts", "--dry-run=server"]);
        kubectl.args(["--field-manager=judge", "--validate=strict", warnings, "-f", "-"]);
        program(&mut kubectl, &text).map_err(|error| format!("{what}: {error}"))?;
    }
    Ok(objects.len())
}
