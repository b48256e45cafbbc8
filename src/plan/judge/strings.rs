//! Finds values of patches that are read as numbers or booleans where Kubernetes takes text alone.

use std::collections::BTreeSet;

use super::fit::{added, problem};
use super::paths::{self, CONTAINERS, visit};
use crate::diagnostic::text::short;
use crate::diagnostic::{Diagnostic, first_of};
use crate::kube::secret::{is_secret, makes_secrets};
use crate::kube::{Id, Object};
use crate::spec::misread;
use crate::yaml::{Data, Node};

/// Paths of fields of every object that take only text.
const OBJECT: &[&str] = &["metadata.labels|annotations.*"];

/// Paths of fields of a ConfigMap or a Secret that take only text.
const DATA: &[&str] = &["data|binaryData|stringData.*", "type"];

/// Paths of fields of a Service that take only text.
const SERVICE: &[&str] = &[
    "spec.selector.*",
    "spec.type|sessionAffinity|clusterIP|externalName|externalTrafficPolicy",
    "spec.ports[].name|protocol|appProtocol",
];

/// Paths of fields of roles and their bindings that take only text.
const RBAC: &[&str] = &[
    "rules[].apiGroups[]|resources[]|resourceNames[]|verbs[]",
    "roleRef.kind|name",
    "subjects[].kind|name|namespace",
];

/// Paths of fields of other objects that take only text.
const OTHER: &[&str] = &[
    "spec.selector|podSelector.matchLabels.*",
    "spec.selector|podSelector.matchExpressions[].key|operator|values[]",
    "imagePullSecrets[].name",
];

/// Paths of fields of a pod template that take only text.
const TEMPLATE: &[&str] = &[
    "metadata.labels|annotations.*",
    "spec.nodeSelector.*",
    "spec.serviceAccountName|serviceAccount|hostname|subdomain|nodeName|schedulerName",
    "spec.priorityClassName|runtimeClassName|dnsPolicy|restartPolicy",
    "spec.dnsConfig.nameservers[]|searches[]",
    "spec.dnsConfig.options[].name|value",
    "spec.hostAliases[].ip|hostnames[]",
    "spec.imagePullSecrets[].name",
    "spec.tolerations[].key|operator|value|effect",
    "spec.topologySpreadConstraints[].topologyKey|whenUnsatisfiable",
    "spec.topologySpreadConstraints[].labelSelector.matchLabels.*",
    "spec.topologySpreadConstraints[].labelSelector.matchExpressions[].key|operator|values[]",
    "spec.affinity.podAffinity|podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[].topologyKey",
    "spec.affinity.podAffinity|podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[].labelSelector.matchLabels.*",
    "spec.affinity.podAffinity|podAntiAffinity.requiredDuringSchedulingIgnoredDuringExecution[].labelSelector.matchExpressions[].key|operator|values[]",
    "spec.affinity.podAffinity|podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[].podAffinityTerm.topologyKey",
    "spec.affinity.podAffinity|podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[].podAffinityTerm.labelSelector.matchLabels.*",
    "spec.affinity.podAffinity|podAntiAffinity.preferredDuringSchedulingIgnoredDuringExecution[].podAffinityTerm.labelSelector.matchExpressions[].key|operator|values[]",
    "spec.affinity.nodeAffinity.requiredDuringSchedulingIgnoredDuringExecution.nodeSelectorTerms[].matchExpressions[].key|operator|values[]",
    "spec.affinity.nodeAffinity.preferredDuringSchedulingIgnoredDuringExecution[].preference.matchExpressions[].key|operator|values[]",
    "spec.securityContext.seLinuxOptions.*",
    "spec.securityContext.seccompProfile|appArmorProfile.type|localhostProfile",
    "spec.securityContext.sysctls[].name|value",
    "spec.volumes[].name",
    "spec.volumes[].hostPath.path|type",
    "spec.volumes[].configMap|secret|persistentVolumeClaim.name|secretName|claimName",
    "spec.volumes[].configMap|secret.items[].key|path",
    "spec.volumes[].csi.volumeAttributes.*",
    "spec.volumes[].emptyDir.medium",
];

/// Paths of fields of a container that take only text.
const CONTAINER: &[&str] = &[
    "name|image|imagePullPolicy|workingDir|terminationMessagePath|command[]|args[]",
    "securityContext.capabilities.add[]|drop[]",
    "securityContext.seLinuxOptions.*",
    "securityContext.seccompProfile|appArmorProfile.type|localhostProfile",
    "env[].name|value",
    "env[].valueFrom.configMapKeyRef|secretKeyRef|fieldRef.name|key|fieldPath",
    "envFrom[].prefix",
    "envFrom[].configMapRef|secretRef.name",
    "ports[].name|protocol|hostIP",
    "volumeMounts[].name|mountPath|subPath|subPathExpr",
    "livenessProbe|readinessProbe|startupProbe.exec.command[]",
    "livenessProbe|readinessProbe|startupProbe.httpGet.path|host|scheme",
    "livenessProbe|readinessProbe|startupProbe.httpGet.httpHeaders[].name|value",
    "lifecycle.postStart|preStop.exec.command[]",
    "lifecycle.postStart|preStop.httpGet.path|host|scheme",
    "lifecycle.postStart|preStop.httpGet.httpHeaders[].name|value",
];

/// The finding about values that patches write into text fields and that are read as something else. Values of the
/// original are not reported.
pub(super) fn not_text(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let id = &original.id;
    let help = "write it with quotes, as in `\"1.10\"`; a mapping or a list cannot stand there";
    problem(stages, help, |body| {
        let values = added(&stages[0], body, |body| wrong(id, body));
        if values.is_empty() {
            return None;
        }
        let values = first_of(5, ", ", values);
        Some(format!("a patch writes something other than text into text fields of {id}: {values}"))
    })
}

/// The values in text fields of an object that are read as something else, as texts for a message.
fn wrong(id: &Id, body: &Node) -> BTreeSet<String> {
    let mut wrong = BTreeSet::new();
    // A patch can copy a value of a Secret to any place of it.
    let may_show = !(is_secret(id) || makes_secrets(id) || id.kind == "Fake");
    let mut see = |path: &str, node: &Node| {
        wrong.extend(what_it_is(node).map(|read| match &node.data {
            Data::Scalar { text, .. } if may_show => {
                format!("`{path}: {}` is read as {read}", short(text))
            }
            Data::Scalar { .. } => format!("`{path}` is not read as text"),
            _ => format!("`{path}` is {read}"),
        }));
    };
    let rows = match (id.group.as_str(), id.kind.as_str()) {
        ("", "ConfigMap" | "Secret") => DATA,
        ("", "Service") => SERVICE,
        ("rbac.authorization.k8s.io", _) => RBAC,
        _ => OTHER,
    };
    for pattern in OBJECT.iter().chain(rows) {
        visit(body, pattern, &mut String::new(), &mut see);
    }
    if let Some((template, path)) = paths::template(id, body) {
        for pattern in TEMPLATE {
            visit(template, pattern, &mut path.clone(), &mut see);
        }
        visit(template, CONTAINERS, &mut path.clone(), &mut |path, container| {
            for pattern in CONTAINER {
                visit(container, pattern, &mut path.to_owned(), &mut see);
            }
        });
    }
    wrong
}

/// The type that a value has instead of text; `None` if it is text or null.
fn what_it_is(node: &Node) -> Option<String> {
    match &node.data {
        Data::Map(_) => Some("a mapping".to_owned()),
        Data::List(_) => Some("a list".to_owned()),
        Data::Scalar { .. } if node.is_null() => None,
        Data::Scalar { .. } => misread(node),
    }
}
