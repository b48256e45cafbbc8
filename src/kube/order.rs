//! The order in which objects are written: what others need comes first, then by namespace and name.

use super::Id;

/// Sorts objects, in whatever form, by rank of kind, namespace, kind, group and name.
pub fn sort_by_id<T>(objects: &mut [T], id: impl Fn(&T) -> &Id) {
    objects.sort_by(|a, b| {
        let (a, b) = (id(a), id(b));
        rank(&a.kind).cmp(&rank(&b.kind)).then_with(|| {
            (&a.namespace, &a.kind, &a.group, &a.name).cmp(&(
                &b.namespace,
                &b.kind,
                &b.group,
                &b.name,
            ))
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
