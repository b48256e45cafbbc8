//! Fields with an identity that something outside of the namespace grants to the original only: a row for each.

use crate::model::{pod_spec, volume_sources};
use crate::yaml::Node;

/// A field with such an identity.
#[derive(Debug)]
pub(in crate::plan) struct Field {
    /// The name of the field in messages.
    pub(in crate::plan) key: &'static str,
    /// The object or part that has it, for the guide.
    pub(in crate::plan) on: &'static str,
    /// The meaning of the field, for messages.
    pub(in crate::plan) says: &'static str,
    pub(super) help: &'static str,
    /// The values that an object has there.
    pub(super) values: fn(&Node) -> Vec<&Node>,
}

/// All fields, in order.
pub(in crate::plan) static FIELDS: &[Field] = &[
    Field {
        key: "serviceAccountToken.audience",
        on: "a projected volume",
        says: "whoever gets such a token knows the account by its namespace and name",
        help: "let it trust the accounts of previews too, or let previews do without",
        values: audiences,
    },
    Field {
        key: "csi.cert-manager.io/issuer-name",
        on: "a volume of `csi.cert-manager.io`",
        says: "an Issuer serves only its own namespace",
        help: "name a ClusterIssuer, or have an Issuer of this name made in the namespaces of previews: without one, pods do \
               not start",
        values: issuers,
    },
    Field {
        key: "parameters.roleName",
        on: "the SecretProviderClass of Vault that a pod mounts",
        says: ROLE,
        help: ROLE_HELP,
        values: |body| one(body, "SecretProviderClass", &["spec", "parameters", "roleName"]),
    },
    Field {
        key: "spec.provider.vault.auth.kubernetes.role",
        on: "a SecretStore",
        says: ROLE,
        help: ROLE_HELP,
        values: |body| {
            one(body, "SecretStore", &["spec", "provider", "vault", "auth", "kubernetes", "role"])
        },
    },
    Field {
        key: "spec.provider.vault.auth.jwt.role",
        on: "a SecretStore",
        says: ROLE,
        help: ROLE_HELP,
        values: |body| {
            one(body, "SecretStore", &["spec", "provider", "vault", "auth", "jwt", "role"])
        },
    },
];

const ROLE: &str = "a role of Vault is bound to accounts by their namespaces";
const ROLE_HELP: &str = "let the role be bound to the namespaces of previews too";

/// The text behind these keys, in objects of this kind.
fn one<'n>(body: &'n Node, kind: &str, keys: &[&str]) -> Vec<&'n Node> {
    let is_it = body.text_at(&["kind"]) == Some(kind);
    body.at(keys).filter(|node| is_it && node.text().is_some()).into_iter().collect()
}

/// The audiences of the tokens of a pod, except the API server and the authorities of meshes, which trust every
/// namespace.
fn audiences(body: &Node) -> Vec<&Node> {
    const TRUST_ALL: [&str; 4] = ["", "api", "istio-ca", "identity.l5d.io"];
    let trusts_some = |node: &&Node| {
        let text = node.text().unwrap_or_default();
        !TRUST_ALL.contains(&text) && !text.contains("kubernetes.default.svc")
    };
    let Some(pod) = pod_spec(body) else { return Vec::new() };
    let tokens = volume_sources(pod, "projected");
    let tokens = tokens.flat_map(|projected| projected.items_at(&["sources"]));
    let audiences = tokens.filter_map(|source| source.at(&["serviceAccountToken", "audience"]));
    audiences.filter(trusts_some).collect()
}

/// The Issuers, in its namespace, of the certificates of a pod.
/// See <https://cert-manager.io/docs/usage/csi-driver/>.
fn issuers(body: &Node) -> Vec<&Node> {
    let Some(pod) = pod_spec(body) else { return Vec::new() };
    let volumes = volume_sources(pod, "csi");
    let volumes = volumes.filter(|csi| csi.text_at(&["driver"]) == Some("csi.cert-manager.io"));
    let attributes = volumes.filter_map(|csi| csi.get("volumeAttributes"));
    let of_namespace = attributes.filter(|all| {
        matches!(all.text_at(&["csi.cert-manager.io/issuer-kind"]), None | Some("" | "Issuer"))
    });
    of_namespace.filter_map(|all| all.get("csi.cert-manager.io/issuer-name")).collect()
}
