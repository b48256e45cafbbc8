//! Warns of objects that grant something to a ServiceAccount by its full name: a copy, in another namespace, does not get
//! it. `access` handles bindings of Roles.

use std::collections::BTreeSet;

use super::originals::Originals;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::{Kind, Object, RouteApi};
use crate::model::Catalog;
use crate::yaml::Node;

/// Warns of each such object once for each namespace.
pub(super) fn check(catalog: &Catalog<'_>, originals: &Originals<'_, '_>, report: &mut Report) {
    for home in catalog.home.namespaces {
        check_namespace(catalog, home, originals, report);
    }
}

/// Warns of objects that name accounts of this namespace.
fn check_namespace(
    catalog: &Catalog<'_>,
    home: &str,
    originals: &Originals<'_, '_>,
    report: &mut Report,
) {
    let accounts = originals.all().iter().filter(|object| object.is("", "ServiceAccount"));
    let accounts = accounts.filter(|account| account.id.namespace == home);
    let accounts: Vec<&str> = accounts.map(|account| account.id.name.as_str()).collect();
    if accounts.is_empty() {
        return;
    }
    let prefixes = [format!("system:serviceaccount:{home}:"), format!("[{home}/")];
    for object in catalog.objects().filter(|object| is_custom(object)) {
        let has_names =
            object.node.any_text(&|text| prefixes.iter().any(|prefix| text.contains(prefix)));
        let is_named = |account: &&&str| {
            has_names && names(&object.node, home, account) || is_associated(object, home, account)
        };
        let named: BTreeSet<&str> = accounts.iter().filter(is_named).copied().collect();
        if !named.is_empty() {
            report.push(finding(object, home, named.into_iter()));
        }
    }
}

/// Whether an object is of a custom kind that is not known otherwise, and so may be about accounts.
fn is_custom(object: &Object) -> bool {
    let group = object.id.group.as_str();
    let is_known = group.ends_with("k8s.io") || group.ends_with("istio.io");
    let is_routing = RouteApi::ALL.iter().any(|api| api.group() == group);
    group.contains('.') && !is_known && !is_routing && !object.row.is_some_and(Kind::is_policy)
}

/// Whether a text of a tree has the full name of an account, as Kubernetes and those who trust its tokens write it, or as
/// Google Cloud does.
fn names(node: &Node, home: &str, account: &str) -> bool {
    let full = [format!("system:serviceaccount:{home}:{account}"), format!("[{home}/{account}]")];
    node.any_text(&|text| {
        full.iter().any(|full| {
            text.match_indices(full.as_str()).any(|(at, _)| {
                let behind = text[at + full.len()..].chars().next();
                !behind.is_some_and(|c| c.is_ascii_alphanumeric() || matches!(c, '-' | '.'))
            })
        })
    })
}

/// Whether an object is an association of EKS for this account, as a controller of AWS or Crossplane has them.
fn is_associated(object: &Object, home: &str, account: &str) -> bool {
    let spec = |keys: &[&str]| {
        let node = object.node.get("spec").and_then(|spec| spec.at(keys))?;
        Some((node.text_at(&["namespace"])?, node.text_at(&["serviceAccount"])?))
    };
    object.id.kind == "PodIdentityAssociation"
        && [&[][..], &["forProvider"]]
            .into_iter()
            .filter_map(spec)
            .any(|one| one == (home, account))
}

fn finding<'n>(object: &Object, home: &str, accounts: impl Iterator<Item = &'n str>) -> Diagnostic {
    let names = first_of(5, ", ", accounts.map(|name| format!("ServiceAccount {home}/{name}")));
    let message = format!("{} is for {names} by full name, and not for copies", object.id);
    let (code, help) = match object.is("security.openshift.io", "SecurityContextConstraints") {
        true => (
            &code::RIGHTS_NOT_COPIED,
            "if a preview needs it, add the ServiceAccounts of its namespace, or bind them to the ClusterRole `use` of it",
        ),
        false => (
            &code::IDENTITY_NOT_GRANTED,
            "if a preview needs it, let it name the ServiceAccounts of previews too",
        ),
    };
    Diagnostic::new(code, message, help).at(object.place(), "holds for the baseline alone")
}
