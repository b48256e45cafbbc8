//! Who applies previews in the lab: a root Kustomization that acts as an account, and this account's rights.

use std::fs;
use std::path::Path;

use serde_json::{Value, json};

use crate::books::documents;
use crate::lab::{Outcome, stream};

/// What a user of Flux writes once: the source, the root Kustomization, and who applies.
pub(crate) fn root_kustomization(name: &str) -> Outcome<String> {
    let root = format!(
        "apiVersion: source.toolkit.fluxcd.io/v1
kind: OCIRepository
metadata: {{name: {name}, namespace: flux-system}}
spec:
  interval: 1h
  url: oci://127.0.0.1:5000/{name}
  ref: {{tag: latest}}
  insecure: true
---
apiVersion: kustomize.toolkit.fluxcd.io/v1
kind: Kustomization
metadata: {{name: {name}, namespace: flux-system}}
spec:
  interval: 1h
  sourceRef: {{kind: OCIRepository, name: {name}}}
  serviceAccountName: previews
  path: ./flux
  prune: true
  wait: false
"
    );
    Ok(format!("{}---\n{root}", account()?))
}

/// The account `previews` of `gitops-template/`, in Flux's own namespace: whatever Flux applies here, it may do no more
/// than what the template lets it. No account of the lab is a cluster-admin.
pub(crate) fn account() -> Outcome<String> {
    const HOME: &str = "flux-system";
    let file =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("gitops-template/previews/cluster/account.yaml");
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let mut objects = documents(&text);
    for object in &mut objects {
        if object["metadata"]["namespace"].is_string() {
            object["metadata"]["namespace"] = json!(HOME);
        } else {
            // Two scenarios make those of the template itself, and take them away.
            object["metadata"]["name"] = json!("previews-of-the-lab");
            if let Some(role) = object.get_mut("roleRef") {
                role["name"] = json!("previews-of-the-lab");
            }
        }
        let subjects = object.get_mut("subjects").and_then(Value::as_array_mut);
        for subject in subjects.into_iter().flatten() {
            subject["namespace"] = json!(HOME);
        }
        if object["kind"] == "ClusterRole" {
            // The shop's baseline is delivered with the previews, by the same account, and has a budget. The
            // template's baseline is delivered by somebody else.
            let budgets = json!({
                "apiGroups": ["policy"], "resources": ["poddisruptionbudgets"],
                "verbs": ["get", "list", "watch", "create", "update", "patch", "delete"],
            });
            object["rules"].as_array_mut().ok_or("a ClusterRole has rules")?.push(budgets);
        }
    }
    Ok(stream(&objects))
}
