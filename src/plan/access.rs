//! ServiceAccounts: the Secrets they name, and the Roles and RoleBindings that give them rights.
//!
//! A preview gains rights only in its own namespace. Bindings for the whole cluster or in other
//! namespaces stay with the original, and a warning names them.

use std::collections::BTreeSet;

use super::closure::Closure;
use crate::diagnostic::{Diagnostic, code};
use crate::kube::Object;
use crate::model::{Reference, Referent};
use crate::yaml::Node;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Follows a copied ServiceAccount.
pub(super) fn follow<'a>(
    closure: &mut Closure<'a, '_>,
    account: &'a Object,
    owners: &BTreeSet<String>,
) {
    for list in ["imagePullSecrets", "secrets"] {
        for secret in account.node.get(list).map(Node::items).unwrap_or_default() {
            let Some(name) = secret.text_at(&["name"]) else {
                continue;
            };
            let reference = Reference {
                referent: Referent::Secret,
                name: name.to_owned(),
                optional: false,
                place: secret.place,
            };
            closure.need(&account.id, owners, &reference);
        }
    }
    let catalog = closure.catalog;
    let home = catalog.namespace;
    for binding in catalog.own(RBAC, "RoleBinding") {
        if subjects(binding).any(|subject| applies(subject, &account.id.name, home)) {
            copy_binding(closure, binding, owners);
        }
    }
    let elsewhere = catalog
        .of_kind(RBAC, "ClusterRoleBinding")
        .chain(catalog.of_kind(RBAC, "RoleBinding").filter(|binding| binding.id.namespace != home));
    for binding in elsewhere {
        let named = |subject: &Node| {
            subject.text_at(&["kind"]) == Some("ServiceAccount")
                && subject.text_at(&["namespace"]) == Some(home)
                && subject.text_at(&["name"]) == Some(&account.id.name)
        };
        if subjects(binding).any(named) {
            closure.found.push(
                Diagnostic::new(
                    &code::RIGHTS_NOT_COPIED,
                    format!(
                        "{} gives {} rights that its copies do not have",
                        binding.id, account.id
                    ),
                    "if a preview needs them, bind the ServiceAccount of its namespace yourself",
                )
                .at(binding.place(), "not copied"),
            );
        }
    }
}

fn copy_binding<'a>(closure: &mut Closure<'a, '_>, binding: &'a Object, owners: &BTreeSet<String>) {
    let role = binding.node.at(&["roleRef"]);
    let role_name = role.and_then(|role| role.text_at(&["name"])).unwrap_or_default();
    if role.and_then(|role| role.text_at(&["kind"])) == Some("Role") {
        match closure.catalog.get(RBAC, "Role", role_name) {
            Some(role) => closure.copy(role, owners),
            None => closure.found.push(
                Diagnostic::new(
                    &code::MISSING_OBJECT,
                    format!("{} needs Role {role_name}, which is not in the input", binding.id),
                    "pass the file that holds it with --baseline",
                )
                .at(binding.place(), "names a Role that is not in the input"),
            ),
        }
    }
    closure.copy(binding, owners);
}

fn subjects(binding: &Object) -> impl Iterator<Item = &Node> {
    binding.node.get("subjects").map(Node::items).unwrap_or_default().iter()
}

/// Whether a subject of a binding in the baseline's namespace is, or includes, a ServiceAccount of it.
pub(crate) fn applies(subject: &Node, account: &str, namespace: &str) -> bool {
    let name = subject.text_at(&["name"]).unwrap_or_default();
    match subject.text_at(&["kind"]) {
        Some("ServiceAccount") => {
            name == account
                && subject.text_at(&["namespace"]).is_none_or(|other| other == namespace)
        }
        Some("User") => name == format!("system:serviceaccount:{namespace}:{account}"),
        Some("Group") => {
            matches!(name, "system:serviceaccounts" | "system:authenticated")
                || name == format!("system:serviceaccounts:{namespace}")
        }
        _ => false,
    }
}
