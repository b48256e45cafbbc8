//! The namespaces that an object names: as places of something else that it uses, admits or makes.

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

/// Hands over each namespace that an object names outside of its metadata: in fields such as `targetNamespace` or
/// `namespaces`, in selectors of Namespaces, in hosts of Services, and in identities. No list of kinds is asked, as
/// every kind has such fields. The text of Secrets is not read.
pub(super) fn named_by<'n>(object: &'n Object, add: &mut impl FnMut(&'n str, Place)) {
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
            _ => named_in(value, add),
        }
    }
}

fn named_in<'n>(node: &'n Node, add: &mut impl FnMut(&'n str, Place)) {
    match &node.data {
        // Nothing that names a namespace is shorter than a host.
        Data::Scalar { text, .. } if text.len() < "a.b.svc".len() => {}
        Data::Scalar { text, .. } => {
            let found = namespace_in(text).into_iter().chain(namespace_of_identity(text));
            found.for_each(|namespace| add(namespace, node.place));
        }
        Data::List(items) => items.iter().for_each(|item| named_in(item, add)),
        Data::Map(entries) => {
            for (key, value) in entries {
                let is_name = is_of_namespaces(&key.text)
                    || key.text == "values" && node.text_at(&["key"]) == Some(NAMESPACE_NAME);
                if is_name {
                    let one = value.text().map(|text| (text, value.place));
                    let several = value.items().iter();
                    let several = several.filter_map(|item| Some((item.text()?, item.place)));
                    one.into_iter().chain(several).for_each(|(text, place)| add(text, place));
                }
                // Istio's form with a namespace before the host: `tools/mail.example.com`.
                for host in value.items().iter().filter(|_| key.text == "hosts") {
                    let namespace = host.text().and_then(|host| Some(host.split_once('/')?.0));
                    namespace.into_iter().for_each(|namespace| add(namespace, host.place));
                }
                named_in(value, add);
            }
        }
    }
}

/// Whether the values of a key are names of namespaces: `namespace`, `notNamespaces`, `storageNamespace`, or those of
/// the selector of a monitor.
fn is_of_namespaces(key: &str) -> bool {
    let one = key.strip_suffix('s').unwrap_or(key);
    let is_named_so = || one.ends_with("amespace") || key == NAMESPACE_NAME || key == "matchNames";
    // Most keys are shorter than any of these.
    key.len() >= "namespace".len() && is_named_so()
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
    let (namespace, rest) = identity.split_once('/')?;
    rest.starts_with("sa/").then_some(namespace)
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
        named_by(&object, &mut |namespace, _| all.push(namespace.to_owned()));
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
