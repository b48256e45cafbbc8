//! The order in which objects are written: what others need comes first, then by namespace and name.

use super::Id;

/// Sorts objects, in whatever form, by rank of kind, namespace, kind, group and name.
pub fn sort_by_id<T>(objects: &mut [T], id: impl Fn(&T) -> &Id) {
    // Only their order is sorted: objects are too large to be moved about.
    let mut order: Vec<(u8, usize)> =
        objects.iter().enumerate().map(|(at, object)| (rank(&id(object).kind), at)).collect();
    order.sort_by(|(rank_a, a), (rank_b, b)| {
        rank_a.cmp(rank_b).then_with(|| {
            let (a, b) = (id(&objects[*a]), id(&objects[*b]));
            // Neighbours mostly differ in nothing but their name, and equality is quickly seen.
            if a.kind == b.kind && a.namespace == b.namespace && a.group == b.group {
                return a.name.cmp(&b.name);
            }
            (&a.namespace, &a.kind, &a.group).cmp(&(&b.namespace, &b.kind, &b.group))
        })
    });
    for to in 0..order.len() {
        // Whatever stood at an earlier place has since been swapped to where its own stood.
        let mut from = order[to].1;
        while from < to {
            from = order[from].1;
        }
        objects.swap(to, from);
    }
}

fn rank(kind: &str) -> u8 {
    match kind {
        "Namespace" => 0,
        "CustomResourceDefinition" => 1,
        "ServiceAccount" => 2,
        "Role" => 3,
        "ClusterRole" => 4,
        "RoleBinding" => 5,
        "ClusterRoleBinding" => 6,
        "ConfigMap" => 7,
        "Secret" => 8,
        "SecretStore" => 9,
        "ExternalSecret" => 10,
        "SecretProviderClass" => 11,
        "Service" => 12,
        "Deployment" => 13,
        "StatefulSet" => 14,
        "Sidecar" => 15,
        "Provider" => 17,
        "Alert" => 18,
        "Kustomization" => 19,
        _ => 16,
    }
}
