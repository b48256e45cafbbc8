//! Fields by which something outside the namespace knows the original alone, as annotations do: a row each.

use crate::model::{pod_spec, volume_sources};
use crate::yaml::Node;

/// A field, and what knows by it who asks.
#[derive(Debug)]
pub(in crate::plan) struct Field {
    /// What it is called where it is named.
    pub(in crate::plan) key: &'static str,
    /// What it stands on, in words.
    pub(in crate::plan) on: &'static str,
    /// What is true of it, and what to do.
    pub(in crate::plan) says: &'static str,
    pub(super) help: &'static str,
    /// The values that an object has there.
    of: fn(&Node) -> Vec<&Node>,
}

/// All fields, in order.
pub(in crate::plan) static FIELDS: &[Field] = &[
    Field {
        key: "serviceAccountToken.audience",
        on: "a projected volume",
        says: "who is given such a token knows the account by its namespace and name",
        help: "let it trust the accounts of previews too, or let previews do without",
        of: audiences,
    },
    Field {
        key: "csi.cert-manager.io/issuer-name",
        on: "a volume of `csi.cert-manager.io`",
        says: "an Issuer serves its own namespace alone",
        help: "name a ClusterIssuer, or have an Issuer of this name made in the namespaces of previews: without one, pods do \
               not start",
        of: issuers,
    },
    Field {
        key: "parameters.roleName",
        on: "the SecretProviderClass of Vault that a pod mounts",
        says: ROLE,
        help: ROLE_HELP,
        of: |body| one(body, "SecretProviderClass", &["spec", "parameters", "roleName"]),
    },
    Field {
        key: "spec.provider.vault.auth.kubernetes.role",
        on: "a SecretStore",
        says: ROLE,
        help: ROLE_HELP,
        of: |body| {
            one(body, "SecretStore", &["spec", "provider", "vault", "auth", "kubernetes", "role"])
        },
    },
    Field {
        key: "spec.provider.vault.auth.jwt.role",
        on: "a SecretStore",
        says: ROLE,
        help: ROLE_HELP,
        of: |body| one(body, "SecretStore", &["spec", "provider", "vault", "auth", "jwt", "role"]),
    },
];

const ROLE: &str = "a role of Vault is bound to accounts by their namespaces";
const ROLE_HELP: &str = "let the role be bound to the namespaces of previews too";

impl Field {
    /// The values that an object has there.
    pub(super) fn values<'n>(&self, body: &'n Node) -> Vec<&'n Node> {
        (self.of)(body)
    }
}

/// The value behind these keys, in objects of this kind.
fn one<'n>(body: &'n Node, kind: &str, keys: &[&str]) -> Vec<&'n Node> {
    let is_it = body.text_at(&["kind"]) == Some(kind);
    body.at(keys).filter(|node| is_it && node.text().is_some()).into_iter().collect()
}

/// The audiences of a pod's tokens, but for those that trust every namespace: the API server, and the authorities of
/// meshes.
fn audiences(body: &Node) -> Vec<&Node> {
    const EVERYBODY: [&str; 4] = ["", "api", "istio-ca", "identity.l5d.io"];
    let is_some = |node: &&Node| {
        let text = node.text().unwrap_or_default();
        !EVERYBODY.contains(&text) && !text.contains("kubernetes.default.svc")
    };
    let Some(pod) = pod_spec(body) else { return Vec::new() };
    let tokens = volume_sources(pod, "projected");
    let tokens =
        tokens.flat_map(|projected| projected.get("sources").map(Node::items).unwrap_or_default());
    let audiences = tokens.filter_map(|source| source.at(&["serviceAccountToken", "audience"]));
    audiences.filter(is_some).collect()
}

/// The issuers of a pod's certificates that are of its namespace.
/// See <https://cert-manager.io/docs/usage/csi-driver/>.
fn issuers(body: &Node) -> Vec<&Node> {
    let Some(pod) = pod_spec(body) else { return Vec::new() };
    let volumes = volume_sources(pod, "csi");
    let volumes = volumes.filter(|csi| csi.text_at(&["driver"]) == Some("csi.cert-manager.io"));
    let attributes = volumes.filter_map(|csi| csi.get("volumeAttributes"));
    let near = attributes.filter(|all| {
        matches!(all.text_at(&["csi.cert-manager.io/issuer-kind"]), None | Some("" | "Issuer"))
    });
    near.filter_map(|all| all.get("csi.cert-manager.io/issuer-name")).collect()
}
