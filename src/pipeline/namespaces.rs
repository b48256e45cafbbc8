//! Completes the objects of the input: each gets its namespace, its number, and its place in the order of identity.

use std::collections::BTreeMap;

use smol_str::SmolStr;

use crate::diagnostic::{Diagnostic, code, first_of};
use crate::kube::{Id, Object, is_cluster_scoped};
use crate::ordered::ordered;
use crate::read::Parted;
use crate::spec::Config;
use crate::yaml::Node;

/// How many objects a finding names.
const SHOWN: usize = 5;

/// Whether kinds are cluster-scoped, by group and kind.
type Scopes = BTreeMap<(SmolStr, SmolStr), bool>;

/// Sorts the objects, and gives those without a namespace that of the baseline. If the baseline has several, returns the
/// finding that names these objects.
pub(super) fn complete(config: &Config, input: &mut Parted) -> Option<Diagnostic> {
    let scopes = scopes(input);
    let namespace = config.previews.spec.baseline.only();
    fill_in(&mut input.users, namespace, &scopes);
    fill_in(&mut input.others, namespace, &scopes);
    if namespace.is_some() { None } else { ambiguous(&input.users, &scopes) }
}

/// The scopes of the kinds that CustomResourceDefinitions of the input define.
fn scopes(input: &Parted) -> Scopes {
    let is_definition =
        |object: &&Object| object.is("apiextensions.k8s.io", "CustomResourceDefinition");
    ordered(input.all().filter(is_definition).filter_map(|object| {
        let text = |keys: &[&str]| object.node.at(&["spec"])?.text_at(keys);
        let kind = (text(&["group"])?.into(), text(&["names", "kind"])?.into());
        Some((kind, text(&["scope"])? == "Cluster"))
    }))
}

/// Fills in missing namespaces, sorts the objects and numbers them. The text of objects that SOPS encrypted stays, as its
/// MAC covers the metadata.
fn fill_in(objects: &mut [Object], namespace: Option<&str>, scopes: &Scopes) {
    if let Some(namespace) = namespace {
        for object in objects.iter_mut().filter(|object| lacks_namespace(&object.id, scopes)) {
            object.id.namespace = namespace.into();
            if object.node.get("sops").is_none() {
                object.node.make(&["metadata"]).set("namespace", Node::string(namespace));
            }
        }
    }
    objects.sort_by(|a, b| a.id.cmp(&b.id));
    objects.iter_mut().enumerate().for_each(|(number, object)| object.number = number);
}

/// Whether an object of a namespaced kind has no namespace.
fn lacks_namespace(id: &Id, scopes: &Scopes) -> bool {
    let is_namespaced = || {
        let is_cluster = scopes.get(&(id.group.clone(), id.kind.clone())).copied();
        !is_cluster.unwrap_or_else(|| is_cluster_scoped(&id.group, &id.kind))
    };
    id.namespace.is_empty() && is_namespaced()
}

/// The finding that objects have no namespace, where the baseline has several.
fn ambiguous(objects: &[Object], scopes: &Scopes) -> Option<Diagnostic> {
    let lacking = objects.iter().filter(|object| lacks_namespace(&object.id, scopes));
    let lacking: Vec<&Object> = lacking.collect();
    let message = match &lacking[..] {
        [] => return None,
        [object] => format!("{} names no namespace, and the baseline has several", object.id),
        all => format!(
            "{} name no namespace, and the baseline has several",
            first_of(SHOWN, ", ", all.iter().map(|object| object.id.to_string()))
        ),
    };
    let help = "write `metadata.namespace`, or let the kustomization of their folder say it";
    let places = lacking.iter().map(|object| object.place()).take(SHOWN);
    let finding = Diagnostic::new(&code::AMBIGUOUS_NAMESPACE, message, help);
    Some(finding.at_all(places, "may be of any of them", "and this"))
}
