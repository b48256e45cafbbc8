//! The namespaces that an object names: as places of something else that it uses, admits or makes.

use super::patterns::{NamespacePattern, Syntax};
use crate::diagnostic::Place;
use crate::kube::meta::NAMESPACE_NAME;
use crate::kube::secret::is_secret;
use crate::kube::{Kind, Object};
use crate::yaml::{Data, Node};

/// Kinds besides policies whose objects grant something to the namespaces that they name, or watch them. `None` stands
/// for all kinds of the group.
const GRANTS: [(&str, Option<&str>); 6] = [
    ("external-secrets.io", Some("ClusterSecretStore")),
    ("gateway.networking.k8s.io", Some("ReferenceGrant")),
    ("monitoring.coreos.com", None),
    ("rbac.authorization.k8s.io", Some("ClusterRoleBinding")),
    ("rbac.authorization.k8s.io", Some("RoleBinding")),
    ("security.openshift.io", Some("SecurityContextConstraints")),
];

/// Whether the namespaces that an object names may be previews on purpose, as their users wrote it for them.
pub(super) fn is_grant(object: &Object) -> bool {
    let (group, kind) = (object.id.group.as_str(), object.id.kind.as_str());
    let is_listed =
        GRANTS.iter().any(|(of, one)| *of == group && one.is_none_or(|one| one == kind));
    is_listed || object.row.is_some_and(Kind::is_policy)
}

/// What an object says of namespaces.
#[derive(Debug)]
pub(super) enum NamedNamespace<'n> {
    /// The name of one.
    Namespace(&'n str),
    /// Those that get something, by their names or by a pattern.
    Like(NamespacePattern<'n>),
}

/// Hands over each namespace that an object names: in fields such as `targetNamespace` or `namespaces`, in selectors of
/// Namespaces, in hosts of Services, in identities, and in annotations by which something is copied to other
/// namespaces. No list of kinds is asked, as every kind has such fields. Of Secrets only those annotations are read.
pub(super) fn named_by<'n>(object: &'n Object, add: &mut impl FnMut(NamedNamespace<'n>, Place)) {
    for (key, value) in object.node.entries_at(&["metadata", "annotations"]) {
        named_in_annotation(&key.text, value, add);
    }
    if is_secret(&object.id) {
        return;
    }
    let is_settings = object.is("", "ConfigMap");
    for (key, value) in object.node.entries() {
        match key.text.as_str() {
            "apiVersion" | "kind" | "metadata" | "status" => {}
            // Keys of settings are those of some program.
            _ if is_settings => {
                value.entries().iter().for_each(|(_, text)| named_in(text, add));
            }
            key => {
                named_by_key(key, value, add);
                named_in(value, add);
            }
        }
    }
}

fn named_in<'n>(node: &'n Node, add: &mut impl FnMut(NamedNamespace<'n>, Place)) {
    match &node.data {
        // Nothing that names a namespace is shorter than a host.
        Data::Scalar { text, .. } if text.len() < "a.b.svc".len() => {}
        Data::Scalar { text, .. } => {
            let found = namespace_in(text).into_iter().chain(namespace_of_identity(text));
            found.for_each(|namespace| add(name_or_glob(namespace), node.place));
        }
        Data::List(items) => items.iter().for_each(|item| named_in(item, add)),
        Data::Map(entries) => {
            for (key, value) in entries {
                match key.text.as_str() {
                    "values" if selects_namespaces(node) => {
                        texts(value, &mut |text, place| add(name_or_glob(text), place));
                    }
                    key => named_by_key(key, value, add),
                }
                named_in(value, add);
            }
        }
    }
}

/// Hands over what a value names because of its key.
fn named_by_key<'n>(key: &str, value: &'n Node, add: &mut impl FnMut(NamedNamespace<'n>, Place)) {
    if key == "hosts" {
        // Istio's form with a namespace before the host: `tools/mail.example.com`.
        for host in value.items() {
            let namespace = host.text().and_then(|host| Some(host.split_once('/')?.0));
            namespace.into_iter().for_each(|namespace| add(name_or_glob(namespace), host.place));
        }
    } else if key.len() < "namespace".len() {
        // Most keys are shorter than all others that matter.
    } else if is_of_patterns(key) {
        texts(value, &mut |text, place| add(like(text, Syntax::Part), place));
    } else if key != NAMESPACE_NAME && key.contains('/') {
        // In a template of a Secret, as that of a Certificate.
        named_in_annotation(key, value, add);
    } else if is_of_namespaces(key) {
        texts(value, &mut |text, place| add(name_or_glob(text), place));
    }
}

/// Hands over a text, or each of a list.
fn texts<'n>(value: &'n Node, add: &mut dyn FnMut(&'n str, Place)) {
    let all = std::iter::once(value).chain(value.items());
    for (text, place) in all.filter_map(|one| Some((one.text()?, one.place))) {
        add(text, place);
    }
}

/// Hands over the namespaces in an annotation that has an object copied to them, or lets it be copied:
/// - those of [kubernetes-replicator](https://github.com/mittwald/kubernetes-replicator) (`replicate-to`,
///   `replication-allowed-namespaces`) and of [Reflector](https://github.com/emberstack/kubernetes-reflector)
///   (`reflection-auto-namespaces`) list names and regular expressions for whole names;
/// - other values are selectors of Namespaces, as that of [Kubed](https://github.com/kubeops/config-syncer).
fn named_in_annotation<'n>(
    key: &str,
    value: &'n Node,
    add: &mut impl FnMut(NamedNamespace<'n>, Place),
) {
    let Some((_, name)) = key.split_once('/') else { return };
    let Some(text) = value.text() else { return };
    if name == "replicate-to" || name.ends_with("amespaces") {
        let items = text.split(',').map(str::trim).filter(|item| !item.is_empty());
        let syntax = |item| if item == "*" { Syntax::Glob } else { Syntax::Whole };
        items.for_each(|item| add(like(item, syntax(item)), value.place));
    } else if text.contains(NAMESPACE_NAME) && !text.contains('{') {
        let is_in_word = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/' | '_');
        let words = text.split(|c| !is_in_word(c));
        let words = words.filter(|word| !matches!(*word, "" | "in" | NAMESPACE_NAME));
        words.for_each(|word| add(like(word, Syntax::Whole), value.place));
    }
}

fn like(text: &str, syntax: Syntax) -> NamedNamespace<'_> {
    NamedNamespace::Like(NamespacePattern { text, syntax })
}

fn name_or_glob(text: &str) -> NamedNamespace<'_> {
    NamespacePattern::of_name(text).map_or(NamedNamespace::Namespace(text), NamedNamespace::Like)
}

/// Whether the `values` in a mapping are names of namespaces: of a selector, or of a condition of Istio.
fn selects_namespaces(node: &Node) -> bool {
    matches!(node.text_at(&["key"]), Some(NAMESPACE_NAME | "source.namespace"))
}

/// Whether the values of a key are regular expressions for names of namespaces: `namespaceRegexes`.
fn is_of_patterns(key: &str) -> bool {
    // Most keys are shorter than any of these.
    if key.len() < "namespaceRegex".len() {
        return false;
    }
    let ends = ["Regexes", "Regexps", "Patterns", "Regex", "Regexp", "Pattern"];
    let name = ends.iter().find_map(|end| key.strip_suffix(end));
    name.is_some_and(is_of_namespaces)
}

/// Whether the values of a key are names of namespaces: `namespace`, `notNamespaces`, `storageNamespace`, or those of
/// the selector of a monitor.
fn is_of_namespaces(key: &str) -> bool {
    let one = key.strip_suffix('s').unwrap_or(key);
    one.ends_with("amespace") || key == NAMESPACE_NAME || key == "matchNames"
}

/// The namespace in the host of a Service, as people shorten it: `mail.tools`, `mail.tools.svc`, with a domain behind it.
pub(super) fn namespace_of_host(host: &str) -> Option<&str> {
    let mut labels = host.split('.');
    let (_, namespace) = (labels.next()?, labels.next()?);
    labels.next().is_none_or(|label| label == "svc").then_some(namespace)
}

/// The namespace in the first host of a Service within a text, such as a URL.
fn namespace_in(text: &str) -> Option<&str> {
    let is_of_label = |c: char| c.is_ascii_alphanumeric() || c == '-';
    let mut parts = text.split('.');
    let (mut before, mut namespace) = (parts.next()?, parts.next()?);
    for part in parts {
        let is_svc = part.strip_prefix("svc").is_some_and(|rest| !rest.starts_with(is_of_label));
        let is_service = before.ends_with(is_of_label) || before.ends_with('*');
        if is_svc && is_service && namespace.chars().all(is_of_label) {
            return Some(namespace);
        }
        (before, namespace) = (namespace, part);
    }
    None
}

/// The namespace in the identity of an account, `cluster.local/ns/tools/sa/mail`, or in its name as a user or group,
/// `system:serviceaccount:tools:mail`.
fn namespace_of_identity(text: &str) -> Option<&str> {
    if let Some(rest) = text.strip_prefix("system:serviceaccount") {
        let rest = rest.strip_prefix('s').unwrap_or(rest).strip_prefix(':')?;
        return rest.split(':').next();
    }
    // Most texts have no slash, and one character is looked for much faster.
    let identity = text.contains('/').then(|| text.split_once("/ns/"))??.1;
    match identity.split_once('/') {
        Some((namespace, rest)) => rest.starts_with("sa/").then_some(namespace),
        // Istio takes a `*` at the end of an identity for any text.
        None => identity.ends_with('*').then_some(identity),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn named(kind: &str, body: Value) -> Vec<String> {
        let mut object = json!({"apiVersion": "v1", "kind": kind, "metadata": {"name": "a"}});
        object.as_object_mut().expect("a mapping").extend(body.as_object().expect("one").clone());
        let object = Object::from_node(Node::from_json(object)).expect("an object");
        let mut all = Vec::new();
        named_by(&object, &mut |named, _| {
            all.push(match named {
                NamedNamespace::Namespace(name) => name.to_owned(),
                NamedNamespace::Like(pattern) => format!("{:?} {}", pattern.syntax, pattern.text),
            });
        });
        all
    }

    #[test]
    fn namespaces_are_found_in_fields_selectors_hosts_and_identities() {
        let expression = json!({"key": NAMESPACE_NAME, "operator": "In", "values": ["b", "c"]});
        for (body, wanted) in [
            (json!({"spec": {"targetNamespace": "b", "storageNamespace": "c"}}), &["b", "c"][..]),
            (json!({"spec": {"sourceRef": {"name": "x", "namespace": "b"}}}), &["b"]),
            (json!({"subjects": [{"kind": "ServiceAccount", "namespace": "b"}]}), &["b"]),
            (json!({"spec": {"notNamespaces": ["b", "c"]}}), &["b", "c"]),
            (json!({"spec": {"matchLabels": {NAMESPACE_NAME: "b"}}}), &["b"]),
            (json!({"spec": {"matchExpressions": [expression]}}), &["b", "c"]),
            (json!({"spec": {"externalName": "mail.b.svc.cluster.local"}}), &["b"]),
            (json!({"spec": {"args": ["--to=http://mail.b.svc:80/x"]}}), &["b"]),
            (json!({"spec": {"principals": ["cluster.local/ns/b/sa/mail"]}}), &["b"]),
            (json!({"spec": {"principals": ["*/ns/b/sa/mail"]}}), &["b"]),
            (
                json!({"spec": {"hosts": ["mail.b.svc.example.com", "*.c.svc", "svc.d", "a.svc"]}}),
                &["b", "c"],
            ),
            (json!({"spec": {"egress": [{"hosts": ["b/*", "c/mail.example.com"]}]}}), &["b", "c"]),
            (json!({"users": ["system:serviceaccount:b:mail"]}), &["b"]),
            (json!({"groups": ["system:serviceaccounts:b", "system:serviceaccounts"]}), &["b"]),
            (json!({"spec": {"namespaceSelector": {"matchNames": ["b"]}}}), &["b"]),
            (
                json!({"status": {"namespace": "b"}, "spec": {"namespaces": "", "x": "a.b.service"}}),
                &[""],
            ),
        ] {
            assert_eq!(named("Anything", body.clone()), wanted, "{body}");
        }
    }

    #[test]
    fn namespaces_that_get_something_are_found_in_patterns_and_annotations() {
        for (body, wanted) in [
            (
                json!({"spec": {"conditions": [{"namespaceRegexes": ["b.*", "c"]}]}}),
                &["Part b.*", "Part c"][..],
            ),
            (json!({"spec": {"namespacePattern": "b"}}), &["Part b"]),
            (
                json!({"spec": {"from": [{"source": {"namespaces": ["b*", "c"]}}]}}),
                &["Glob b*", "c"],
            ),
            (
                json!({"spec": {"namespaces": ["b?", "b-(c|d)", "${B}-(c)"]}}),
                &["Glob b?", "Whole b-(c|d)", "${B}-(c)"],
            ),
            (json!({"matchNamespace": ["b[a-z]*"]}), &["Whole b[a-z]*"]),
            (json!({"spec": {"principals": ["cluster.local/ns/b-*"]}}), &["Glob b-*"]),
            (json!({"spec": {"when": [{"key": "source.namespace", "values": ["b"]}]}}), &["b"]),
            (
                json!({"spec": {"secretTemplate": {"annotations": {
                    "reflector.v1.k8s.emberstack.com/reflection-auto-namespaces": "b,c"
                }}}}),
                &["Whole b", "Whole c"],
            ),
        ] {
            assert_eq!(named("Anything", body.clone()), wanted, "{body}");
        }
        for (key, value, wanted) in [
            ("replicator.v1.mittwald.de/replicate-to", "b, c-.*,", &["Whole b", "Whole c-.*"][..]),
            ("replicator.v1.mittwald.de/replication-allowed-namespaces", "b", &["Whole b"]),
            ("replicator.v1.mittwald.de/replicate-to", "*", &["Glob *"]),
            ("reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces", "b", &["Whole b"]),
            ("example.com/replicate-from", "b/c", &[]),
            ("kubectl.kubernetes.io/last-applied-configuration", r#"{"metadata.name": "b"}"#, &[]),
        ] {
            let body = json!({"metadata": {"name": "a", "annotations": {key: value}}, "data": {"namespace": "x"}});
            assert_eq!(named("Secret", body), wanted, "{key}");
        }
        let selector = format!("{NAMESPACE_NAME} in (b,c)");
        let body = json!({"metadata": {"name": "a", "annotations": {"kubed.appscode.com/sync": selector}}});
        assert_eq!(named("Secret", body), ["Whole b", "Whole c"]);
    }

    #[test]
    fn of_settings_hosts_are_read_and_of_secrets_nothing() {
        let body = json!({"data": {"namespace": "b", "url": "http://mail.c.svc"}});
        assert_eq!(named("ConfigMap", body.clone()), ["c"]);
        assert!(named("Secret", body).is_empty());
    }

    #[test]
    fn a_declared_dependency_names_a_namespace_behind_its_first_dot() {
        assert_eq!(namespace_of_host("mail.tools"), Some("tools"));
        assert_eq!(namespace_of_host("mail.tools.svc.cluster.local"), Some("tools"));
        assert_eq!(namespace_of_host("mail"), None);
        assert_eq!(namespace_of_host("api.example.com"), None);
    }
}
