//! An object as it was read or will be written: its identity and its body.

use serde::Serialize;
use smol_str::{SmolStr, ToSmolStr};

use super::kind::Kind;
use super::kinds;
use crate::diagnostic::{Diagnostic, Place, Refused, code};
use crate::yaml::{Data, Node, to_node};

/// What makes an object unique in a cluster. The version is not part of it: `apps/v1` and
/// `apps/v1beta1` of one name are one object.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Id {
    /// API group; empty for the core group.
    pub group: SmolStr,
    /// Kind.
    pub kind: SmolStr,
    /// Namespace; empty for cluster-scoped objects, and where the manifest names none.
    pub namespace: SmolStr,
    /// Name.
    pub name: SmolStr,
}

impl std::fmt::Display for Id {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} ", self.kind)?;
        if !self.namespace.is_empty() {
            write!(f, "{}/", self.namespace)?;
        }
        f.write_str(&self.name)
    }
}

/// An object: identity and body. The body of a copied object is a tree and never converted to a type.
#[derive(Debug, Clone)]
pub struct Object {
    /// Its identity. The namespace may be filled in where the body names none.
    pub id: Id,
    /// Its body.
    pub node: Node,
    /// Its index among the objects of a run, sorted by identity, once it has one. What is known of an object is
    /// stored by this index.
    pub(crate) number: usize,
    /// What is known of its kind; nothing if the kind has no row. Kept here as it is needed many times.
    pub(crate) row: Option<&'static Kind>,
    /// Names that the object had earlier in its kustomizations, except those in annotations of the body.
    pub(crate) earlier_names: Box<[SmolStr]>,
}

impl Object {
    /// Takes the identity from a document.
    ///
    /// # Errors
    /// `apiVersion`, `kind` or `metadata.name` is missing or no string.
    pub fn from_node(node: Node) -> Result<Self, Refused> {
        // Null counts as absent, as it does to the API server.
        let value = |keys: &[&str]| node.at(keys).filter(|value| !value.is_null());
        let text = |keys: &[&str]| match &value(keys)?.data {
            Data::Scalar { text, .. } if !text.is_empty() => Some(text.clone()),
            _ => None,
        };
        let (Some(api_version), Some(kind), Some(name)) =
            (text(&["apiVersion"]), text(&["kind"]), text(&["metadata", "name"]))
        else {
            let missing = [&["apiVersion"][..], &["kind"], &["metadata", "name"]]
                .iter()
                .filter(|keys| text(keys).is_none())
                .map(|keys| keys.join("."))
                .collect::<Vec<_>>()
                .join(", ");
            return Err(Diagnostic::new(
                &code::NOT_AN_OBJECT,
                format!("this document is not a Kubernetes object: {missing} missing"),
                "a baseline holds complete objects; pass the folder with the kustomization.yaml if \
                 these are parts of one, or leave the file out",
            )
            .at(first_line(node.place), "expected apiVersion, kind and metadata.name")
            .into());
        };
        let namespace = text(&["metadata", "namespace"]).unwrap_or_default();
        let group = api_version.split_once('/').map_or("", |(group, _)| group).to_smolstr();
        let row = kinds::find(&group, &kind);
        let id = Id { group, kind, namespace, name };
        Ok(Self { id, node, number: 0, row, earlier_names: Box::default() })
    }

    /// Returns the object, if an API server could have one with this identity.
    ///
    /// # Errors
    /// The kind is not CamelCase, or a name cannot be part of a path.
    pub fn checked(self) -> Result<Self, Refused> {
        let Id { kind, namespace, name, .. } = &self.id;
        let parts: [(&[&str], &str, bool); 3] = [
            (&["kind"], kind, is_kind(kind)),
            (&["metadata", "name"], name, is_path_segment(name)),
            (&["metadata", "namespace"], namespace, is_path_segment(namespace)),
        ];
        let wrong = parts.into_iter().find(|(.., fits)| !fits).map(|(keys, text, _)| {
            let place = self.node.at(keys).map_or(self.node.place, |value| value.place);
            impossible(&keys.join("."), text, place)
        });
        wrong.map_or(Ok(self), |error| Err(error.into()))
    }

    /// Converts a typed value to an object.
    ///
    /// # Panics
    /// Never for the types of this crate: they serialize to objects with a name.
    #[must_use]
    pub fn from_typed(value: &impl Serialize) -> Self {
        let mut node = to_node(value).expect("our own types have string keys only");
        // k8s-openapi sorts fields by name; people expect kind and name first.
        in_front(&mut node, &["apiVersion", "kind", "metadata"]);
        if let Some(metadata) = node.get_mut("metadata") {
            in_front(metadata, &["name", "namespace", "labels", "annotations"]);
        }
        Self::from_node(node).expect("our own objects have a kind and a name")
    }

    /// Whether the object is of this group and kind.
    #[must_use]
    pub fn is(&self, group: &str, kind: &str) -> bool {
        self.id.kind == kind && self.id.group == group
    }

    /// A label.
    #[must_use]
    pub fn label(&self, key: &str) -> Option<&str> {
        self.node.text_at(&["metadata", "labels", key])
    }

    /// An annotation.
    #[must_use]
    pub fn annotation(&self, key: &str) -> Option<&str> {
        self.node.text_at(&["metadata", "annotations", key])
    }

    /// The place of the object's name.
    #[must_use]
    pub fn place(&self) -> Place {
        name_place(&self.node)
    }

    /// Whether the object is for tools alone (`config.kubernetes.io/local-config`): kustomize drops it from its
    /// output.
    #[must_use]
    pub fn is_local_config(&self) -> bool {
        self.annotation("config.kubernetes.io/local-config").is_some_and(|value| value != "false")
    }
}

/// Whether an API server could have a kind of this name: CamelCase, which is a DNS label in lower case.
fn is_kind(text: &str) -> bool {
    text.len() <= 63
        && text.starts_with(|c: char| c.is_ascii_alphabetic())
        && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// Whether a text can be one part of a path in the API, as the name of every object is.
/// See <https://kubernetes.io/docs/concepts/overview/working-with-objects/names/#path-segment-names>.
fn is_path_segment(text: &str) -> bool {
    !matches!(text, "." | "..")
        && !text.contains(|c: char| matches!(c, '/' | '%') || c.is_control())
}

fn impossible(field: &str, text: &str, place: Place) -> Diagnostic {
    let (wanted, help) = match field {
        "kind" => {
            ("the kind of an object", "a kind has letters, digits and `-`, such as Deployment")
        }
        _ => ("part of a path in the API", "write a name without `/`, `%` and control characters"),
    };
    Diagnostic::new(&code::NOT_AN_OBJECT, format!("{field} `{text}` cannot be {wanted}"), help)
        .at(place, "no API server takes this")
}

/// The place of the name in an object's body.
fn name_place(body: &Node) -> Place {
    body.at(&["metadata", "name"]).map_or(body.place, |name| name.place)
}

/// Moves these entries of a mapping to its front, in this order.
pub(crate) fn in_front(node: &mut Node, keys: &[&str]) {
    if let Data::Map(entries) = &mut node.data {
        entries.sort_by_key(|(key, _)| {
            keys.iter().position(|wanted| *wanted == key.text).unwrap_or(keys.len())
        });
    }
}

fn first_line(place: Place) -> Place {
    Place::new(place.file(), place.range().start, place.range().start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn null_is_no_name_and_no_namespace() {
        let read = |metadata: Node| {
            let entries = [("apiVersion", "v1"), ("kind", "Service")];
            let entries = entries.map(|(key, value)| (key, Node::string(value)));
            Object::from_node(Node::map(entries.into_iter().chain([("metadata", metadata)])))
        };
        let null = || Node::from_json(serde_json::Value::Null);
        let cart = Node::map([("name", Node::string("cart")), ("namespace", null())]);
        assert_eq!(read(cart).expect("a name is enough").id.namespace, "");
        let nameless = read(Node::map([("name", null())])).expect_err("null names nothing");
        assert!(
            nameless.first().message.contains("metadata.name missing"),
            "{}",
            nameless.first().message
        );
    }

    #[test]
    fn what_no_api_server_takes_is_no_object() {
        let read = |kind: &str, name: &str| {
            let name = Node::map([("name", Node::string(name))]);
            let entries = [("apiVersion", Node::string("v1")), ("kind", Node::string(kind))];
            Object::from_node(Node::map(entries.into_iter().chain([("metadata", name)])))
                .expect("it has all that an object needs")
                .checked()
        };
        for (kind, name) in [("Service", "cart"), ("Foo-Bar2", "system:a.b_C"), ("Role", "${X}-a")]
        {
            assert!(read(kind, name).is_ok(), "{kind} {name}");
        }
        for kind in ["../../evil", "a/b", "..", ".", "a\nb", "Ev il", "4th", "Ä", &"x".repeat(64)]
        {
            let error = read(kind, "cart").expect_err(kind);
            assert!(error.first().message.starts_with("kind `"), "{}", error.first().message);
        }
        for name in ["..", ".", "../a", "a/b", "a%2fb", "a\nb", "a\0"] {
            let error = read("Service", name).expect_err(name);
            assert!(
                error.first().message.starts_with("metadata.name `"),
                "{}",
                error.first().message
            );
        }
    }

    #[test]
    fn typed_objects_begin_with_kind_and_name() {
        let namespace = crate::kube::Namespace {
            metadata: crate::kube::ObjectMeta {
                name: Some("pr-42".to_owned()),
                labels: Some([("a".to_owned(), "b".to_owned())].into()),
                ..Default::default()
            },
            ..Default::default()
        };
        let object = Object::from_typed(&namespace);
        assert_eq!(object.id.to_string(), "Namespace pr-42");
        let mut out = String::new();
        crate::yaml::write_document(&mut out, &object.node);
        let wanted =
            "apiVersion: v1\nkind: Namespace\nmetadata:\n  name: pr-42\n  labels:\n    a: b\n";
        assert_eq!(out, wanted);
    }
}
