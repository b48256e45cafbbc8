//! ServiceAccounts: the Secrets they name, and the Roles and RoleBindings that give them rights.
//!
//! A preview gains rights only in its own namespace. Bindings for the whole cluster or in other
//! namespaces stay with the original, and a warning names them.

use std::collections::{BTreeMap, BTreeSet};

use super::lacks::{Lack, What};
use super::needs::{Finder, Needs};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::{Id, Object};
use crate::model::{Catalog, Reference, Referent};
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
    let home = account.namespace.as_str();
    for binding in finder.bindings.of(account) {
        if subjects(binding).any(|subject| applies(subject, &account.name, home)) {
            needs_of_binding(finder, needs, binding);
        }
    }
    for binding in finder.bindings.elsewhere(account) {
        let message = format!(
            "{} gives {account} {}, which its copies do not have",
            binding.id,
            rights(binding)
        );
        needs.findings.push(not_copied(binding, message));
    }
    for binding in finder.bindings.elsewhere_of_group(home) {
        let message = format!(
            "{} gives every ServiceAccount of {home} {}, which those of previews do not have",
            binding.id,
            rights(binding)
        );
        needs.findings.push(not_copied(binding, message));
    }
}

/// The rights that a binding gives, in words: `the rights of ClusterRole view`.
fn rights(binding: &Object) -> String {
    let role = |key| binding.node.text_at(&["roleRef", key]).unwrap_or_default();
    let there = match binding.id.namespace.as_str() {
        "" => String::new(),
        namespace => format!(" in {namespace}"),
    };
    format!("the rights of {} {}{there}", role("kind"), role("name"))
}

fn not_copied(binding: &Object, message: String) -> Diagnostic {
    let help = "if a preview needs them, bind the ServiceAccounts of its namespace yourself";
    Diagnostic::new(&code::RIGHTS_NOT_COPIED, message, help).at(binding.place(), "not copied")
}

/// Namespace and name of a ServiceAccount.
type Account<'a> = (&'a str, &'a str);

/// The bindings of the input by the ServiceAccounts of the baseline that they name: there may be
/// thousands of each.
#[derive(Debug, Default)]
pub(super) struct Bindings<'a> {
    named: BTreeMap<Account<'a>, Vec<&'a Object>>,
    /// Bindings of groups, which may include every account, by namespace.
    of_groups: BTreeMap<&'a str, Vec<&'a Object>>,
    /// Those for the whole cluster, and in other namespaces.
    elsewhere: BTreeMap<Account<'a>, Vec<&'a Object>>,
    /// Of these, the ones for the group of a namespace's accounts, by that namespace. What the groups of all accounts
    /// or all users may do, those of previews may as well.
    elsewhere_of_group: BTreeMap<&'a str, Vec<&'a Object>>,
}

impl<'a> Bindings<'a> {
    pub(super) fn new(catalog: &'a Catalog<'a>) -> Self {
        let mut bindings = Self::default();
        for home in catalog.home.namespaces {
            bindings.add(catalog, home);
        }
        bindings
    }

    /// Adds those that give rights to accounts of a namespace.
    fn add(&mut self, catalog: &'a Catalog<'a>, home: &'a str) {
        let user = format!("system:serviceaccount:{home}:");
        let group = format!("system:serviceaccounts:{home}");
        let (own, others): (Vec<_>, Vec<_>) =
            catalog.of_kind(RBAC, "RoleBinding").partition(|binding| binding.id.namespace == home);
        for binding in own {
            if subjects(binding).any(|subject| subject.text_at(&["kind"]) == Some("Group")) {
                self.of_groups.entry(home).or_default().push(binding);
                continue;
            }
            let names = subjects(binding).filter_map(|subject| subject.text_at(&["name"]));
            let accounts = names.map(|name| name.strip_prefix(&user).unwrap_or(name));
            for account in accounts.collect::<BTreeSet<_>>() {
                self.named.entry((home, account)).or_default().push(binding);
            }
        }
        let elsewhere = catalog.of_kind(RBAC, "ClusterRoleBinding").chain(others);
        for binding in elsewhere {
            let text = |subject: &'a Node, key: &str| subject.text_at(&[key]).unwrap_or_default();
            let accounts = subjects(binding).filter_map(|subject| match text(subject, "kind") {
                "ServiceAccount" if text(subject, "namespace") == home => {
                    Some(text(subject, "name"))
                }
                "User" => text(subject, "name").strip_prefix(&user),
                _ => None,
            });
            for account in accounts.collect::<BTreeSet<_>>() {
                self.elsewhere.entry((home, account)).or_default().push(binding);
            }
            let is_group = |subject: &Node| {
                subject.text_at(&["kind"]) == Some("Group")
                    && subject.text_at(&["name"]) == Some(&group)
            };
            if subjects(binding).any(is_group) {
                self.elsewhere_of_group.entry(home).or_default().push(binding);
            }
        }
    }

    /// Those in its namespace that may apply to an account.
    fn of<'s>(&'s self, account: &'s Id) -> impl Iterator<Item = &'a Object> {
        let (namespace, name) = (account.namespace.as_str(), account.name.as_str());
        let named = some(self.named.get(&(namespace, name)));
        named.iter().chain(some(self.of_groups.get(namespace))).copied()
    }

    /// Those elsewhere that name an account.
    fn elsewhere<'s>(&'s self, account: &'s Id) -> &'s [&'a Object] {
        some(self.elsewhere.get(&(account.namespace.as_str(), account.name.as_str())))
    }

    /// Those elsewhere that name all accounts of a namespace.
    fn elsewhere_of_group<'s>(&'s self, namespace: &'s str) -> &'s [&'a Object] {
        some(self.elsewhere_of_group.get(namespace))
    }
}

fn some<'b, 'a>(bindings: Option<&'b Vec<&'a Object>>) -> &'b [&'a Object] {
    bindings.map(Vec::as_slice).unwrap_or_default()
}

fn needs_of_binding<'a>(finder: &Finder<'a>, needs: &mut Needs<'a>, binding: &'a Object) {
    let role = binding.node.at(&["roleRef"]);
    let role_name = role.and_then(|role| role.text_at(&["name"])).unwrap_or_default();
    if role.and_then(|role| role.text_at(&["kind"])) == Some("Role") {
        let (group, kind, name) = (RBAC.into(), "Role".into(), role_name.into());
        let wanted = Id { group, kind, namespace: binding.id.namespace.clone(), name };
        match finder.catalog.find(&wanted) {
            Some(role) => needs.objects.push(role),
            None => needs.lacks.push(Lack {
                what: What::Missing(wanted),
                referrer: binding.id.clone(),
                place: role.map_or(binding.place(), |role| role.place),
            }),
        }
    }
    needs.objects.push(binding);
}

fn subjects(binding: &Object) -> impl Iterator<Item = &Node> {
    binding.node.get("subjects").map(Node::items).unwrap_or_default().iter()
}

/// Whether a subject of a binding in the baseline's namespace is, or includes, a ServiceAccount of it.
fn applies(subject: &Node, account: &str, namespace: &str) -> bool {
    applies_to_some(subject, &BTreeSet::from([account]), namespace)
}

/// Whether a subject of a binding in the baseline's namespace is, or includes, one of these
/// ServiceAccounts of it.
pub(crate) fn applies_to_some(subject: &Node, accounts: &BTreeSet<&str>, namespace: &str) -> bool {
    let name = subject.text_at(&["name"]).unwrap_or_default();
    match subject.text_at(&["kind"]) {
        Some("ServiceAccount") => {
            accounts.contains(name)
                && subject.text_at(&["namespace"]).is_none_or(|other| other == namespace)
        }
        Some("User") => name
            .strip_prefix("system:serviceaccount:")
            .and_then(|rest| rest.split_once(':'))
            .is_some_and(|(other, name)| other == namespace && accounts.contains(name)),
        Some("Group") => {
            !accounts.is_empty()
                && (matches!(name, "system:serviceaccounts" | "system:authenticated")
                    || name == format!("system:serviceaccounts:{namespace}"))
        }
        _ => false,
    }
}
