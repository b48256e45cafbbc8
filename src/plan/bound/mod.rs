//! Follows annotations and labels of pods and ServiceAccounts that name other objects or identities.
//!
//! No field names these objects, but without them an injector, operator or network does nothing, or the pod does not
//! start. [`follow`] adds them to what a copy requires; [`check`] warns of those that are missing, and of identities
//! that only the original has.

mod fields;
mod findings;
mod stores;

pub(super) use fields::FIELDS;
pub(super) use findings::check;

use serde_json::Value;

use super::requirements::{Finder, Requirements};
use crate::diagnostic::Place;
use crate::kube::bindings::{BINDINGS, Binding, Form, On, To};
use crate::kube::{Id, Object};
use crate::model::{
    Catalog, Reference, Referent, pod_annotations, pod_labels, pod_spec, values_of,
    volume_references,
};
use crate::yaml::Node;

/// An annotation or label of an object that binds it to something.
#[derive(Debug, Clone, Copy)]
struct Bound<'n> {
    binding: &'static Binding,
    key: &'n str,
    value: &'n Node,
}

impl Bound<'_> {
    fn text(&self) -> &str {
        self.value.text().unwrap_or_default().trim()
    }
}

/// The bindings of the pods of a workload, or of a ServiceAccount, in this namespace.
fn of<'n>(catalog: &'n Catalog<'_>, home: &str, body: &'n Node) -> Vec<Bound<'n>> {
    let annotations = body.at(&["metadata", "annotations"]);
    let is_pod = pod_spec(body).is_some();
    let is_account = body.text_at(&["kind"]) == Some("ServiceAccount");
    let mut bindings = Vec::new();
    if !is_pod && !is_account {
        return bindings;
    }
    let (of_pod, labels) = (pod_annotations(body), pod_labels(body));
    let of_namespace =
        catalog.namespace(home).and_then(|one| one.node.at(&["metadata", "annotations"]));
    for binding in BINDINGS {
        let places = match binding.on {
            On::Account => [annotations.filter(|_| is_account), None],
            _ if !is_pod => continue,
            On::Pod => [of_pod, None],
            On::PodOrNamespace => [of_pod, of_namespace],
            On::PodLabel => [labels, None],
        };
        for (key, value) in places.into_iter().flatten().flat_map(Node::entries) {
            let is_new = |bound: &Bound<'_>| bound.key != key.text;
            if binding.is(&key.text) && bindings.iter().all(is_new) {
                bindings.push(Bound { binding, key: &key.text, value });
            }
        }
    }
    bindings
}

/// An object that a binding names.
enum Named<'a> {
    /// An object of the input.
    Found(&'a Object),
    /// The name of an object that the input lacks; empty for any object of the kind.
    Missing(String),
}

/// The objects that a binding names, of a kind outside of the core group, as pods of this namespace find them.
fn objects<'a>(
    catalog: &Catalog<'a>,
    home: &str,
    bound: &Bound<'_>,
    (group, kind): (&'static str, &'static str),
    form: Form,
) -> Vec<Named<'a>> {
    let get = |name: &str| match catalog.get(home, group, kind, name) {
        Some(object) => Named::Found(object),
        None => Named::Missing(name.to_owned()),
    };
    let text = bound.text();
    match form {
        Form::Name if text.is_empty() => Vec::new(),
        Form::Name => vec![get(text)],
        Form::NameOrTrue if text.is_empty() || text.eq_ignore_ascii_case("false") => Vec::new(),
        Form::NameOrTrue if text.eq_ignore_ascii_case("true") => {
            let all = catalog.of_kind(group, kind).filter(|object| object.id.namespace == home);
            let all = all.filter(|object| is_injected(object));
            let all: Vec<Named<'a>> = all.map(Named::Found).collect();
            if all.is_empty() { vec![Named::Missing(String::new())] } else { all }
        }
        // With a namespace, the name leads a copy to the same object.
        Form::NameOrTrue if text.contains('/') => Vec::new(),
        Form::NameOrTrue => vec![get(text)],
        Form::List => list(text).iter().map(|name| get(name)).collect(),
        Form::Volumes => Vec::new(),
    }
}

/// Whether an operator puts a program into pods for this object. Of collectors, only sidecars.
fn is_injected(object: &Object) -> bool {
    object.id.kind != "OpenTelemetryCollector"
        || object.node.text_at(&["spec", "mode"]) == Some("sidecar")
}

/// The names without a namespace in a list of networks.
/// See <https://github.com/k8snetworkplumbingwg/multus-cni/blob/master/docs/how-to-use.md>.
fn list(text: &str) -> Vec<String> {
    if text.starts_with(['[', '{']) {
        let values = values_of(text);
        let items = values.iter().flat_map(|value| match value {
            Value::Array(items) => items.as_slice(),
            other => std::slice::from_ref(other),
        });
        let without_namespace = items.filter(|item| item.get("namespace").is_none());
        let names = without_namespace.filter_map(|item| item.get("name")?.as_str());
        return names.map(str::to_owned).collect();
    }
    let items = text.split(',').map(|item| item.split('@').next().unwrap_or_default().trim());
    items.filter(|name| !name.is_empty() && !name.contains('/')).map(str::to_owned).collect()
}

/// Adds the objects that bindings of an object name.
pub(super) fn follow<'a>(
    finder: &Finder<'a>,
    requirements: &mut Requirements<'a>,
    id: &Id,
    body: &Node,
) {
    let home = id.namespace.as_str();
    for bound in of(finder.catalog, home, body) {
        match bound.binding.to {
            To::Object("", kind, form) => {
                for reference in references(&bound, kind, form) {
                    finder.require(requirements, id, reference);
                }
            }
            To::Object(group, kind, form) => {
                let named = objects(finder.catalog, home, &bound, (group, kind), form);
                requirements.objects.extend(named.into_iter().filter_map(|named| match named {
                    Named::Found(object) => Some(object),
                    Named::Missing(_) => None,
                }));
            }
            To::Dapr => requirements.objects.extend(of_dapr(finder.catalog, home, body, &bound)),
            To::Identity(..) | To::Address => {}
        }
    }
    if matches!(id.group.as_str(), "dapr.io" | "opentelemetry.io") {
        named_in(finder, requirements, id, body);
    }
}

/// The ConfigMaps and Secrets that an annotation names.
fn references(bound: &Bound<'_>, kind: &str, form: Form) -> Vec<Reference> {
    let place = bound.value.place;
    if form == Form::Volumes {
        let mut references = Vec::new();
        for value in values_of(bound.text()) {
            let volumes: Vec<Value> = match value {
                Value::Array(items) => items,
                Value::Object(named) => named.into_iter().map(|(_, volume)| volume).collect(),
                _ => Vec::new(),
            };
            let volumes = volumes.into_iter().map(Node::from_json);
            volumes.for_each(|volume| volume_references(&volume, &mut references));
        }
        return references.into_iter().map(|reference| Reference { place, ..reference }).collect();
    }
    let referent = if kind == "Secret" { Referent::Secret } else { Referent::ConfigMap };
    let name = bound.text().to_owned();
    let named = Some(Reference { referent, name, optional: false, place });
    named.into_iter().filter(|reference| !reference.name.is_empty()).collect()
}

/// The objects that Dapr's sidecar loads in a pod: those of its namespace that are for every application, or for this
/// one.
/// See <https://docs.dapr.io/operations/components/component-scopes/>.
fn of_dapr<'a>(
    catalog: &Catalog<'a>,
    home: &str,
    body: &Node,
    enabled: &Bound<'_>,
) -> impl Iterator<Item = &'a Object> {
    let app = pod_annotations(body).and_then(|all| all.text_at(&["dapr.io/app-id"]));
    let app = app.unwrap_or_default().to_owned();
    let kinds = ["Component", "HTTPEndpoint", "Resiliency", "Subscription"];
    let is_on = enabled.text().eq_ignore_ascii_case("true");
    let all: Vec<&'a Object> = kinds
        .into_iter()
        .filter(|_| is_on)
        .flat_map(|kind| catalog.of_kind("dapr.io", kind))
        .filter(|object| object.id.namespace == home)
        .collect();
    all.into_iter().filter(move |object| {
        let scopes = object.node.items_at(&["scopes"]);
        scopes.is_empty() || scopes.iter().any(|scope| scope.text() == Some(&app))
    })
}

/// Adds the ConfigMaps and Secrets that an object of Dapr or OpenTelemetry names in any field.
fn named_in<'a>(finder: &Finder<'a>, requirements: &mut Requirements<'a>, id: &Id, node: &Node) {
    let store = node.at(&["auth", "secretStore"]).and_then(Node::text);
    if store.is_some_and(|store| store != "kubernetes") {
        return;
    }
    let mut named = Vec::new();
    keys(node, &mut named);
    for (referent, name, place) in named {
        let name = name.to_owned();
        finder.require(requirements, id, Reference { referent, name, optional: false, place });
    }
}

/// The ConfigMaps and Secrets that are named below a node, without optional ones.
fn keys<'n>(node: &'n Node, named: &mut Vec<(Referent, &'n str, Place)>) {
    for (key, value) in node.entries() {
        let (referent, name) = match key.text.as_str() {
            "secretKeyRef" | "secretRef" => (Referent::Secret, value.get("name")),
            "configMapKeyRef" | "configMapRef" => (Referent::ConfigMap, value.get("name")),
            "secretName" => (Referent::Secret, Some(value)),
            "configMapName" => (Referent::ConfigMap, Some(value)),
            _ => {
                keys(value, named);
                continue;
            }
        };
        let name = name.and_then(Node::text).filter(|name| !name.is_empty());
        let is_needed = !value.get("optional").is_some_and(Node::is_true);
        named.extend(name.filter(|_| is_needed).map(|name| (referent, name, value.place)));
    }
    node.items().iter().for_each(|item| keys(item, named));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn networks_of_the_pods_namespace_are_read_in_every_form() {
        assert_eq!(list("storage"), ["storage"]);
        assert_eq!(list("storage@net1, infra/shared ,b"), ["storage", "b"]);
        let json = r#"[{"name": "a", "interface": "x"}, {"name": "b", "namespace": "infra"}]"#;
        assert_eq!(list(json), ["a"]);
        assert_eq!(list("- {name: a}\n"), ["- {name: a}"], "what is no list names nothing");
        assert_eq!(list("[broken"), [""; 0]);
    }
}
