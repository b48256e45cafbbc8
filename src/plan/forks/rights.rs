//! Finds rights by which the code of a fork could read Secrets that only the kubelet should: those to pull images.
//!
//! The account of a copy has the Roles of its original. Who may read Secrets of a namespace, or run pods or take accounts
//! in it, has them all. See <https://kubernetes.io/docs/concepts/security/rbac-good-practices/>.

use std::collections::{BTreeMap, BTreeSet};

use super::{secret_name, shown};
use crate::diagnostic::{Diagnostic, Report, code, some_of};
use crate::kube::{Id, Object};
use crate::model::Catalog;
use crate::plan::environment::{Copied, Environment};
use crate::yaml::Node;

const RBAC: &str = "rbac.authorization.k8s.io";

/// ClusterRoles that Kubernetes has: whether they open Secrets. The input need not have them.
const KNOWN: &[(&str, bool)] =
    &[("admin", true), ("cluster-admin", true), ("edit", true), ("view", false)];

/// Rights that open the Secrets of a namespace: a group, resources of it, and verbs of which one is enough.
const OPENING: &[(&str, &[&str], &[&str])] = &[
    ("", &["secrets"], &["get", "list", "watch"]),
    ("", &["pods"], &["create"]),
    ("", &["pods/exec"], &["create", "get"]),
    ("", &["pods/ephemeralcontainers"], &["patch", "update"]),
    ("", &["serviceaccounts/token"], &["create"]),
    ("", &["serviceaccounts", "users", "groups"], &["impersonate"]),
    ("", &["replicationcontrollers"], WRITES),
    ("apps", &["deployments", "statefulsets", "daemonsets", "replicasets"], WRITES),
    ("batch", &["jobs", "cronjobs"], WRITES),
    (RBAC, &["roles", "clusterroles"], &["bind", "escalate"]),
];

/// Verbs by which somebody decides what an object is.
const WRITES: &[&str] = &["create", "patch", "update"];

/// Bindings that open Secrets to the code of forks.
pub(super) struct Rights<'a, 'p> {
    catalog: &'a Catalog<'a>,
    /// Bindings for the whole cluster that hold for every account, those of previews too.
    of_all: Vec<&'a Object>,
    /// The right by which a binding opens a Secret, by their numbers.
    known: BTreeMap<(usize, usize), Option<String>>,
    opened: BTreeMap<usize, Opened<'a, 'p>>,
}

/// What a binding opens.
struct Opened<'a, 'p> {
    binding: &'a Object,
    right: String,
    secrets: BTreeSet<&'a Id>,
    previews: Vec<&'p str>,
}

impl<'a, 'p> Rights<'a, 'p> {
    pub(super) fn new(catalog: &'a Catalog<'a>) -> Self {
        let bindings = catalog.of_kind(RBAC, "ClusterRoleBinding");
        let of_all = bindings.filter(|binding| is_for_all(binding)).collect();
        Self { catalog, of_all, known: BTreeMap::new(), opened: BTreeMap::new() }
    }

    /// Notes the bindings that open one of these copies to the preview's accounts. `pulling` are the Secrets to pull
    /// images, or what makes them.
    pub(super) fn add(&mut self, env: &'p Environment<'a>, pulling: &[&Copied<'a>]) {
        if pulling.is_empty() {
            return;
        }
        let copied = env.copies.iter().filter(|copy| copy.original.is(RBAC, "RoleBinding"));
        let copied = copied.map(|copy| (copy.original, Some(copy.home)));
        let of_all = self.of_all.clone();
        for (binding, home) in copied.chain(of_all.into_iter().map(|binding| (binding, None))) {
            for secret in pulling.iter().filter(|one| home.is_none_or(|home| home == one.home)) {
                self.add_one(binding, secret.original, env.name);
            }
        }
    }

    fn add_one(&mut self, binding: &'a Object, secret: &'a Object, preview: &'p str) {
        let key = (binding.number, secret.number);
        let catalog = self.catalog;
        let right = self.known.entry(key).or_insert_with(|| right(catalog, binding, secret));
        let Some(right) = right else { return };
        let opened = self.opened.entry(binding.number).or_insert_with(|| Opened {
            binding,
            right: right.clone(),
            secrets: BTreeSet::new(),
            previews: Vec::new(),
        });
        opened.secrets.insert(&secret.id);
        if opened.previews.last() != Some(&preview) {
            opened.previews.push(preview);
        }
    }

    /// Reports each binding once.
    pub(super) fn report(self, report: &mut Report) {
        report.extend(self.opened.into_values().map(|one| {
            let message = format!(
                "code of a fork could read {}, there to pull images: {} gives it {}: in {}",
                some_of(one.secrets.iter().map(ToString::to_string)),
                one.binding.id,
                one.right,
                shown(&one.previews)
            );
            let help = "take the right from the account, or name the Secrets that it may read in `resourceNames`; or \
                        let nodes have the credentials of the registry, and no Secret; or review the code and push it \
                        to the repository itself";
            Diagnostic::new(&code::UNTRUSTED_CHANGE, message, help)
                .at(one.binding.place(), "holds in previews")
        }));
    }
}

/// Whether a binding for the whole cluster gives its rights to every account.
fn is_for_all(binding: &Object) -> bool {
    binding.node.items_at(&["subjects"]).iter().any(|subject| {
        let name = subject.text_at(&["name"]);
        subject.text_at(&["kind"]) == Some("Group")
            && matches!(name, Some("system:serviceaccounts" | "system:authenticated"))
    })
}

/// The right by which a binding opens a Secret. What a role allows that the input does not have is not known.
fn right(catalog: &Catalog<'_>, binding: &Object, secret: &Object) -> Option<String> {
    let role = |key| binding.node.text_at(&["roleRef", key]).unwrap_or_default();
    let (kind, name) = (role("kind"), role("name"));
    let namespace = if kind == "Role" { binding.id.namespace.as_str() } else { "" };
    if let Some(role) = catalog.get(namespace, RBAC, kind, name) {
        let mut rules = role.node.items_at(&["rules"]).iter();
        let opens = rules.find_map(|rule| opens(rule, secret_name(secret)));
        let is_whole = role.node.get("aggregationRule").is_none();
        if opens.is_some() || is_whole {
            return opens.map(|right| format!("{right} by {}", role.id));
        }
    }
    if kind == "Role" {
        // Reported as missing.
        return None;
    }
    match KNOWN.iter().find(|(known, _)| *known == name) {
        Some((_, opens)) => opens.then(|| format!("what ClusterRole {name} allows")),
        // Clusters give some roles of their own to everybody.
        None if binding.id.kind == "ClusterRoleBinding" => None,
        None => {
            Some(format!("what ClusterRole {name} allows, whose rules the input does not have"))
        }
    }
}

/// The first right of a rule that opens the Secret of this name: "`get` of `secrets`".
fn opens(rule: &Node, secret: &str) -> Option<String> {
    let names = rule.items_at(&["resourceNames"]);
    let is_named = names.is_empty() || names.iter().any(|name| name.text() == Some(secret));
    let list = |field: &str| rule.items_at(&[field]).iter().filter_map(Node::text);
    let has = |field: &str, wanted: &str| list(field).any(|one| one == wanted || one == "*");
    for (group, resources, verbs) in OPENING {
        if !has("apiGroups", group) {
            continue;
        }
        for resource in *resources {
            let any = resource.split_once('/').map(|(_, part)| format!("*/{part}"));
            let is_of = has("resources", resource)
                || any.is_some_and(|any| list("resources").any(|one| one == any));
            let verb = verbs.iter().find(|verb| has("verbs", verb));
            if let (true, Some(verb)) = (is_of && (is_named || *resource != "secrets"), verb) {
                return Some(format!("`{verb}` of `{resource}`"));
            }
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn rights_that_open_a_secret_are_told_from_others() {
        let rule = |groups: &[&str], resources: &[&str], verbs: &[&str], names: &[&str]| {
            let rule = json!({"apiGroups": groups, "resources": resources, "verbs": verbs, "resourceNames": names});
            opens(&Node::from_json(rule), "pull")
        };
        for (groups, resources, verbs, names, right) in [
            (
                &[""],
                &["configmaps", "secrets"][..],
                &["watch"][..],
                &[][..],
                "`watch` of `secrets`",
            ),
            (&[""], &["secrets"], &["get"], &["other", "pull"], "`get` of `secrets`"),
            (&["*"], &["*"], &["*"], &[], "`get` of `secrets`"),
            (&[""], &["*"], &["create"], &[], "`create` of `pods`"),
            (&[""], &["*/exec"], &["create"], &[], "`create` of `pods/exec`"),
            (
                &[""],
                &["serviceaccounts/token"],
                &["create"],
                &["cart"],
                "`create` of `serviceaccounts/token`",
            ),
            (&["apps"], &["deployments"], &["patch"], &["cart"], "`patch` of `deployments`"),
        ] {
            assert_eq!(rule(groups, resources, verbs, names).as_deref(), Some(right));
        }
        for (groups, resources, verbs, names) in [
            (&[""], &["secrets"], &["get"][..], &["other"][..]),
            (&[""], &["secrets"], &["create", "delete"], &[]),
            (&["apps"], &["secrets"], &["get"], &[]),
            (&[""], &["pods"], &["get", "list", "patch"], &[]),
            (&[""], &["configmaps"], &["*"], &[]),
            (&["apps"], &["deployments"], &["get"], &[]),
        ] {
            assert_eq!(rule(groups, resources, verbs, names), None, "{resources:?} {verbs:?}");
        }
    }
}
