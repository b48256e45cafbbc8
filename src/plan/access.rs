//! Follows ServiceAccounts to the Secrets that they name, and to the Roles and RoleBindings that give them rights.
//!
//! Copies of accounts get rights only in their own namespace. Bindings for the whole cluster or in other namespaces are
//! not copied, and a warning names them.

use std::collections::{BTreeMap, BTreeSet};

use super::lacks::What;
use super::requirements::{Finder, Requirements};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::{Id, Object};
use crate::model::{AccountName, Catalog, Reference, Referent};
use crate::yaml::Node;

const RBAC: &str = "rbac.authorization.k8s.io";

/// Adds what a copied ServiceAccount requires.
pub(super) fn follow<'a>(
    finder: &Finder<'a>,
    requirements: &mut Requirements<'a>,
    account: &Id,
    body: &Node,
) {
    for list in ["imagePullSecrets", "secrets"] {
        for secret in body.items_at(&[list]) {
            let Some(name) = secret.text_at(&["name"]) else { continue };
            let (referent, name, place) = (Referent::Secret, name.to_owned(), secret.place);
            let reference = Reference { referent, name, optional: false, place };
            finder.require(requirements, account, reference);
        }
    }
    let home = account.namespace.as_str();
    for binding in finder.bindings.of(account) {
        if subjects(binding).any(|subject| applies(subject, &account.name, home)) {
            follow_binding(finder, requirements, binding);
        }
    }
    for binding in finder.bindings.elsewhere(account) {
        let message = format!(
            "{} gives {account} {}, which its copies do not have",
            binding.id,
            rights(binding)
        );
        requirements.findings.push(not_copied(binding, message));
    }
    for binding in finder.bindings.elsewhere_of_group(home) {
        let message = format!(
            "{} gives every ServiceAccount of {home} {}, which those of previews do not have",
            binding.id,
            rights(binding)
        );
        requirements.findings.push(not_copied(binding, message));
    }
}

/// The rights that a binding gives, as text: `the rights of ClusterRole view`.
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

/// The bindings of the input, indexed by the ServiceAccounts of the baseline that they name: there may be thousands of
/// each.
#[derive(Debug, Default)]
pub(super) struct Bindings<'a> {
    /// RoleBindings in the namespace of the account.
    named: BTreeMap<AccountName<'a>, Vec<&'a Object>>,
    /// RoleBindings with a group, which may include every account, by namespace.
    of_groups: BTreeMap<&'a str, Vec<&'a Object>>,
    /// Bindings for the whole cluster, and in other namespaces.
    elsewhere: BTreeMap<AccountName<'a>, Vec<&'a Object>>,
    /// Bindings for the whole cluster and in other namespaces that name the group of a namespace's accounts, by that
    /// namespace. Accounts of previews are in the groups of all accounts and of all users too.
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

    /// Adds the bindings that give rights to accounts of a namespace.
    fn add(&mut self, catalog: &'a Catalog<'a>, home: &'a str) {
        let user = format!("system:serviceaccount:{home}:");
        let group = format!("system:serviceaccounts:{home}");
        let (in_namespace, others): (Vec<_>, Vec<_>) =
            catalog.of_kind(RBAC, "RoleBinding").partition(|binding| binding.id.namespace == home);
        for binding in in_namespace {
            if subjects(binding).any(|subject| subject.text_at(&["kind"]) == Some("Group")) {
                self.of_groups.entry(home).or_default().push(binding);
                continue;
            }
            let names = subjects(binding).filter_map(|subject| subject.text_at(&["name"]));
            let accounts = names.map(|name| name.strip_prefix(&user).unwrap_or(name));
            for name in accounts.collect::<BTreeSet<_>>() {
                let account = AccountName { namespace: home, name };
                self.named.entry(account).or_default().push(binding);
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
            for name in accounts.collect::<BTreeSet<_>>() {
                let account = AccountName { namespace: home, name };
                self.elsewhere.entry(account).or_default().push(binding);
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

    /// Bindings in the namespace of an account that may apply to it.
    fn of<'s>(&'s self, account: &'s Id) -> impl Iterator<Item = &'a Object> {
        let named = self.named.get(&name_of(account));
        let of_groups = self.of_groups.get(account.namespace.as_str());
        named.into_iter().chain(of_groups).flatten().copied()
    }

    /// Bindings elsewhere that name an account.
    fn elsewhere<'s>(&'s self, account: &'s Id) -> impl Iterator<Item = &'a Object> {
        let bindings = self.elsewhere.get(&name_of(account));
        bindings.into_iter().flatten().copied()
    }

    /// Bindings elsewhere that name the group of a namespace's accounts.
    fn elsewhere_of_group<'s>(&'s self, namespace: &'s str) -> impl Iterator<Item = &'a Object> {
        self.elsewhere_of_group.get(namespace).into_iter().flatten().copied()
    }
}

fn name_of(account: &Id) -> AccountName<'_> {
    AccountName { namespace: &account.namespace, name: &account.name }
}

/// Adds a RoleBinding, and the Role that it names.
fn follow_binding<'a>(
    finder: &Finder<'a>,
    requirements: &mut Requirements<'a>,
    binding: &'a Object,
) {
    let role = binding.node.at(&["roleRef"]);
    let role_name = role.and_then(|role| role.text_at(&["name"])).unwrap_or_default();
    if role.and_then(|role| role.text_at(&["kind"])) == Some("Role") {
        let (group, kind, name) = (RBAC.into(), "Role".into(), role_name.into());
        let wanted = Id { group, kind, namespace: binding.id.namespace.clone(), name };
        match finder.catalog.find(&wanted) {
            Some(role) => requirements.objects.push(role),
            None => {
                let place = role.map_or(binding.place(), |role| role.place);
                requirements.lack(What::Missing(wanted), &binding.id, place);
            }
        }
    }
    requirements.objects.push(binding);
}

fn subjects(binding: &Object) -> impl Iterator<Item = &Node> {
    binding.node.items_at(&["subjects"]).iter()
}

/// Whether a subject of a binding is, or includes, a ServiceAccount of the binding's namespace.
fn applies(subject: &Node, account: &str, namespace: &str) -> bool {
    applies_to_some(subject, &BTreeSet::from([account]), namespace)
}

/// Whether a subject of a binding is, or includes, one of these ServiceAccounts of the binding's namespace.
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
