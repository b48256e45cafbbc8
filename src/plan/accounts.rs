//! Finds objects that grant something to a ServiceAccount by its full name. A copy of the account, in another
//! namespace, does not get it. Bindings of Roles are handled in `access`.

use std::collections::BTreeMap;

use super::copied::Copies;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::{Object, kinds};
use crate::model::Catalog;
use crate::yaml::Node;

/// Warns of each such object, once for all accounts of a namespace.
pub(super) fn check(catalog: &Catalog<'_>, copies: &Copies<'_, '_>, report: &mut Report) {
    for home in catalog.home.namespaces {
        check_of(catalog, home, copies, report);
    }
}

/// Warns of those for accounts of a namespace.
fn check_of(catalog: &Catalog<'_>, home: &str, copies: &Copies<'_, '_>, report: &mut Report) {
    let accounts = copies.originals().iter().filter(|object| object.is("", "ServiceAccount"));
    let accounts = accounts.filter(|account| account.id.namespace == home);
    let accounts: Vec<&str> = accounts.map(|account| account.id.name.as_str()).collect();
    if accounts.is_empty() {
        return;
    }
    let marks = [format!("system:serviceaccount:{home}:"), format!("[{home}/")];
    for object in catalog.objects().filter(|object| is_custom(object)) {
        let mut named: BTreeMap<&str, ()> = BTreeMap::new();
        if object.node.any_text(&|text| marks.iter().any(|mark| text.contains(mark))) {
            let names = accounts.iter().filter(|name| names(&object.node, home, name));
            named.extend(names.map(|name| (*name, ())));
        }
        let of_field = accounts.iter().filter(|name| is_associated(object, home, name));
        named.extend(of_field.map(|name| (*name, ())));
        if !named.is_empty() {
            report.push(finding(object, home, named.into_keys()));
        }
    }
}

/// Whether an object is of a kind that may be about accounts, and of which nothing else is known.
fn is_custom(object: &Object) -> bool {
    let (group, kind) = (object.id.group.as_str(), object.id.kind.as_str());
    let is_routing = group.ends_with("k8s.io") || group.ends_with("istio.io");
    group.contains('.') && !is_routing && !kinds::is_policy(group, kind)
}

/// Whether a text of a tree names an account in full, as Kubernetes, Google Cloud and those who trust tokens write it.
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

/// Whether an association of EKS is of an account, in the form of one of AWS' own controllers or Crossplane's.
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
