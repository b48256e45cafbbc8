//! The schemas by which scripts/validate.sh works offline: they are made from the definitions that the tests use too.

use serde_json::{Value, json};

use super::super::expected::{Files, bless, files};
use super::super::orchestrator::write_text;
use super::super::schema::Schemas;
use super::template;

/// Kinds of Kubernetes that a GitOps repository holds.
const KUBERNETES: [(&str, &str); 24] = [
    ("v1", "ConfigMap"),
    ("v1", "LimitRange"),
    ("v1", "Namespace"),
    ("v1", "PersistentVolumeClaim"),
    ("v1", "ResourceQuota"),
    ("v1", "Secret"),
    ("v1", "Service"),
    ("v1", "ServiceAccount"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicy"),
    ("admissionregistration.k8s.io/v1", "ValidatingAdmissionPolicyBinding"),
    ("apps/v1", "DaemonSet"),
    ("apps/v1", "Deployment"),
    ("apps/v1", "StatefulSet"),
    ("autoscaling/v2", "HorizontalPodAutoscaler"),
    ("batch/v1", "CronJob"),
    ("batch/v1", "Job"),
    ("networking.k8s.io/v1", "Ingress"),
    ("networking.k8s.io/v1", "NetworkPolicy"),
    ("policy/v1", "PodDisruptionBudget"),
    ("rbac.authorization.k8s.io/v1", "ClusterRole"),
    ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding"),
    ("rbac.authorization.k8s.io/v1", "Role"),
    ("rbac.authorization.k8s.io/v1", "RoleBinding"),
    ("scheduling.k8s.io/v1", "PriorityClass"),
];

/// The folder of schemas, as kubeconform looks for them: group, kind, version.
fn made() -> Files {
    let all = Schemas::of_the_template();
    let of_kubernetes = KUBERNETES.map(|(version, kind)| (version.to_owned(), kind.to_owned()));
    // The operator's own definitions have another licence.
    let defined = all.defined().filter(|(version, _)| !version.starts_with("fluxcd.controlplane"));
    let mut made = Files::new();
    for kind in of_kubernetes.iter().chain(defined) {
        let (api_version, name) = kind;
        let mut schema = all.closed(kind).unwrap_or_else(|| panic!("{api_version} has no {name}"));
        without(&mut schema, "status");
        with_empty_times(&mut schema);
        if name == "Secret" {
            // A Secret in Git is encrypted, and says by which key.
            schema["properties"]["sops"] = json!({"type": "object"});
            schema["required"] = json!(["sops"]);
        }
        let (group, version) = api_version.split_once('/').unwrap_or((api_version, api_version));
        let path = format!("{group}/{}_{version}.json", name.to_lowercase());
        made.insert(path, format!("{schema}\n").into_bytes());
    }
    made
}

/// What a cluster writes is in no file.
fn without(schema: &mut Value, field: &str) {
    if let Some(fields) = schema["properties"].as_object_mut() {
        fields.remove(field);
    }
}

/// kubectl before 1.34 writes `creationTimestamp: null` into what `--dry-run=client` prints, and the API server takes it.
fn with_empty_times(schema: &mut Value) {
    match schema {
        Value::Object(fields) => {
            for (name, value) in fields {
                if name == "creationTimestamp" && value["type"] == "string" {
                    value["type"] = json!(["string", "null"]);
                }
                with_empty_times(value);
            }
        }
        Value::Array(items) => items.iter_mut().for_each(with_empty_times),
        _ => {}
    }
}

#[test]
fn the_schemas_of_validate_sh_are_made_from_the_definitions() {
    let folder = template().join("schemas");
    let (made, there) = (made(), files(&folder));
    if made == there {
        return;
    }
    let names = |files: &Files| files.keys().cloned().collect::<Vec<_>>();
    assert!(
        bless(),
        "run `make bless`: {:?} are there, {:?} are made",
        names(&there),
        names(&made)
    );
    for name in there.keys().filter(|name| !made.contains_key(*name)) {
        std::fs::remove_file(folder.join(name)).expect("it can be removed");
    }
    for (name, bytes) in &made {
        write_text(&folder.join(name), &String::from_utf8_lossy(bytes));
    }
}
