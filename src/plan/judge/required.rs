//! Finds fields that a patch takes away although Kubernetes requires them.

use std::collections::BTreeSet;

use super::fit::{added, problem};
use super::paths::{self, CONTAINERS, visit};
use crate::diagnostic::{Diagnostic, first_of};
use crate::kube::{Id, Object};
use crate::yaml::{Data, Node};

/// Patterns of paths of mappings, each with fields that none of these mappings may lack.
type Rows = &'static [(&'static str, &'static [&'static str])];

/// Required fields of workloads of the group `apps`.
const WORKLOAD: Rows = &[("spec", &["selector", "template"]), ("spec.template", &["spec"])];

/// Required fields of a pod template. `fit.rs` checks what mounts name.
const TEMPLATE: Rows = &[
    ("spec", &["containers"]),
    ("spec.hostAliases[]", &["ip"]),
    ("spec.readinessGates[]", &["conditionType"]),
    ("spec.topologySpreadConstraints[]", &["maxSkew", "topologyKey", "whenUnsatisfiable"]),
    ("spec.volumes[]", &["name"]),
    ("spec.volumes[].hostPath", &["path"]),
    ("spec.volumes[].persistentVolumeClaim", &["claimName"]),
    ("spec.volumes[].csi", &["driver"]),
    ("spec.volumes[].nfs", &["server", "path"]),
    ("spec.volumes[].configMap|secret.items[]", &["key", "path"]),
];

/// Required fields of a container. `values.rs` checks names of variables.
const CONTAINER: Rows = &[
    ("", &["name", "image"]),
    ("ports[]", &["containerPort"]),
    ("volumeMounts[]", &["mountPath"]),
    ("volumeDevices[]", &["devicePath"]),
    ("env[].valueFrom.configMapKeyRef|secretKeyRef", &["key"]),
    ("env[].valueFrom.fieldRef", &["fieldPath"]),
    ("env[].valueFrom.resourceFieldRef", &["resource"]),
    ("livenessProbe|readinessProbe|startupProbe.httpGet|tcpSocket|grpc", &["port"]),
    ("lifecycle.postStart|preStop.httpGet|tcpSocket", &["port"]),
];

/// Required fields of roles and their bindings.
const RBAC: Rows =
    &[("rules[]", &["verbs"]), ("roleRef", &["kind", "name"]), ("subjects[]", &["kind", "name"])];

/// Required fields that an object lacks after the patches, and did not lack before them.
pub(super) fn taken(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let id = &original.id;
    let help = "give it a value, or leave it out of the patch: then it stays as in the original";
    problem(stages, help, |body| {
        let fields = added(&stages[0], body, |body| missing(id, body));
        (!fields.is_empty()).then(|| {
            let fields = first_of(5, ", ", fields.iter().map(|one| format!("`{one}`")));
            format!("a patch leaves {id} without {fields}, which the API server requires")
        })
    })
}

/// The paths of required fields that an object lacks.
fn missing(id: &Id, body: &Node) -> BTreeSet<String> {
    let mut missing = BTreeSet::new();
    if id.group == "rbac.authorization.k8s.io" {
        look(body, RBAC, "", &mut missing);
        if id.kind.ends_with("Binding") && !has(body, "roleRef") {
            missing.insert("roleRef".to_owned());
        }
    }
    if id.group == "apps" {
        look(body, WORKLOAD, "", &mut missing);
    }
    if let Some((template, path)) = paths::template(id, body) {
        look(template, TEMPLATE, &path, &mut missing);
        visit(template, CONTAINERS, &mut path.clone(), &mut |path, container| {
            look(container, CONTAINER, path, &mut missing);
        });
    }
    missing
}

/// Looks for the fields of rows, which begin at a node and its path.
fn look(node: &Node, rows: Rows, path: &str, missing: &mut BTreeSet<String>) {
    for (pattern, fields) in rows {
        visit(node, pattern, &mut path.to_owned(), &mut |path, parent| {
            // A parent that is null is absent, and an absent parent lacks nothing.
            let lacking = fields.iter().filter(|field| !parent.is_null() && !has(parent, field));
            missing.extend(lacking.map(|field| format!("{path}.{field}")));
        });
    }
}

/// Whether a field has a value. The API server treats an empty value as none. An empty image counts here, because it is
/// reported where images are checked.
fn has(parent: &Node, field: &str) -> bool {
    parent.get(field).is_some_and(|value| match &value.data {
        Data::Scalar { text, .. } => !value.is_null() && (!text.is_empty() || field == "image"),
        Data::List(items) => !items.is_empty(),
        // Fields that an empty spec lacks are reported one by one.
        Data::Map(fields) => !fields.is_empty() || field != "selector",
    })
}
