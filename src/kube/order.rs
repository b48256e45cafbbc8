//! The order in which objects are written: what others need comes first, then by namespace and name.

use super::Object;

/// Sorts objects by rank of kind, namespace, kind, group and name.
pub fn sort(objects: &mut [Object]) {
    objects.sort_by(|a, b| {
        let key = |object: &Object| (rank(&object.id.kind), object.id.namespace.clone());
        key(a).cmp(&key(b)).then_with(|| {
            (&a.id.kind, &a.id.group, &a.id.name).cmp(&(&b.id.kind, &b.id.group, &b.id.name))
        })
    });
}

fn rank(kind: &str) -> usize {
    const FIRST: [&str; 16] = [
        "Namespace",
        "CustomResourceDefinition",
        "ServiceAccount",
        "Role",
        "ClusterRole",
        "RoleBinding",
        "ClusterRoleBinding",
        "ConfigMap",
        "Secret",
        "SecretStore",
        "ExternalSecret",
        "SecretProviderClass",
        "Service",
        "Deployment",
        "StatefulSet",
        "Sidecar",
    ];
    const LAST: [&str; 3] = ["Provider", "Alert", "Kustomization"];
    let middle = FIRST.len();
    FIRST.iter().position(|first| *first == kind).unwrap_or_else(|| {
        LAST.iter().position(|last| *last == kind).map_or(middle, |index| middle + 1 + index)
    })
}
