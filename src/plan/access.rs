//! ServiceAccounts: the Secrets they name, and the Roles and RoleBindings that give them rights.
//!
//! A preview gains rights only in its own namespace. Bindings for the whole cluster or in other
//! namespaces stay with the original, and a warning names them.

use super::needs::{Finder, Needs};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::{Id, Object};
use crate::model::{Reference, Referent};
use crate::yaml::Node;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Follows a copied ServiceAccount.
pub(super) fn follow<'a>(finder: &Finder<'a>, needs: &mut Needs<'a>, account: &Id, body: &Node) {
    for list in ["imagePullSecrets", "secrets"] {
        for secret in body.get(list).map(Node::items).unwrap_or_default() {
            let Some(name) = secret.text_at(&["name"]) else {
                continue;
            };
            let reference = Reference {
                referent: Referent::Secret,
                name: name.to_owned(),
                optional: false,
                place: secret.place,
            };
            finder.need(needs, account, reference);
        }
    }
    let catalog = finder.catalog;
    let home = catalog.namespace;
    for binding in catalog.own(RBAC, "RoleBinding") {
        if subjects(binding).any(|subject| applies(subject, &account.name, home)) {
            needs_of_binding(finder, needs, binding);
        }
    }
    let elsewhere = catalog
        .of_kind(RBAC, "ClusterRoleBinding")
        .chain(catalog.of_kind(RBAC, "RoleBinding").filter(|binding| binding.id.namespace != home));
    for binding in elsewhere {
        let named = |subject: &Node| {
            subject.text_at(&["kind"]) == Some("ServiceAccount")
                && subject.text_at(&["namespace"]) == Some(home)
                && subject.text_at(&["name"]) == Some(&account.name)
        };
        if subjects(binding).any(named) {
            needs.found.push(
                Diagnostic::new(
                    &code::RIGHTS_NOT_COPIED,
                    format!("{} gives {account} rights that its copies do not have", binding.id),
                    "if a preview needs them, bind the ServiceAccount of its namespace yourself",
                )
                .at(binding.place(), "not copied"),
            );
        }
    }
}

fn needs_of_binding<'a>(finder: &Finder<'a>, needs: &mut Needs<'a>, binding: &'a Object) {
    let role = binding.node.at(&["roleRef"]);
    let role_name = role.and_then(|role| role.text_at(&["name"])).unwrap_or_default();
    if role.and_then(|role| role.text_at(&["kind"])) == Some("Role") {
        match finder.catalog.get(RBAC, "Role", role_name) {
            Some(role) => needs.objects.push(role),
            None => needs.found.push(
                Diagnostic::new(
                    &code::MISSING_OBJECT,
                    format!("{} needs Role {role_name}, which is not in the input", binding.id),
                    "pass the file that holds it with --baseline",
                )
                .at(binding.place(), "names a Role that is not in the input"),
            ),
        }
    }
    needs.objects.push(binding);
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
