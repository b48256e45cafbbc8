//! Follows the objects that make Secrets to what they need: an ExternalSecret to its stores, generators and templates, and
//! these to their credentials. Also refuses copies of other objects that SOPS has encrypted.

use smol_str::SmolStr;

use super::lacks::What;
use super::requirements::{Finder, Requirements};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::secret::GENERATORS;
use crate::kube::{Id, Object};
use crate::model::{Catalog, Reference, Referent};
use crate::yaml::Node;

const EXTERNAL: &str = "external-secrets.io";

/// The finding that a copied object is encrypted. Secrets and ConfigMaps are reported where they are needed.
pub(super) fn encrypted(id: &Id, body: &Node) -> Option<Diagnostic> {
    let sops = body.get("sops")?;
    if id.group.is_empty() && matches!(id.kind.as_str(), "Secret" | "ConfigMap") {
        return None;
    }
    let message = format!("{id} is encrypted with SOPS, and a copy of it would not decrypt");
    let help = "keep what is secret in a Secret of its own, and this object in the clear";
    Some(
        Diagnostic::new(&code::UNMOVABLE_SECRET, message, help)
            .at(sops.place, "seals it for its namespace"),
    )
}

/// Follows a copied ExternalSecret to its stores, generators and templates, and a store or generator to its credentials.
pub(super) fn follow<'a>(
    finder: &Finder<'a>,
    requirements: &mut Requirements<'a>,
    id: &Id,
    body: &Node,
) {
    match (id.group.as_str(), id.kind.as_str()) {
        (EXTERNAL, "ExternalSecret") => {
            for (source, node) in sources(body) {
                follow_source(finder, requirements, id, source, node);
            }
        }
        (EXTERNAL, "SecretStore") | (GENERATORS, _) => {
            for (referent, node) in credentials(body) {
                require(finder, requirements, id, referent, node);
            }
        }
        _ => {}
    }
}

/// Requires the object that a mapping names in its field `name`.
fn require<'a>(
    finder: &Finder<'a>,
    requirements: &mut Requirements<'a>,
    id: &Id,
    referent: Referent,
    node: &Node,
) {
    if let Some(name) = node.text_at(&["name"]).filter(|name| !name.is_empty()) {
        let (name, place) = (name.to_owned(), node.place);
        let reference = Reference { referent, name, optional: false, place };
        finder.require(requirements, id, reference);
    }
}

/// Where an ExternalSecret takes values from.
#[derive(Clone, Copy)]
enum Source {
    Store,
    Generator,
    Template(Referent),
}

/// The sources of an ExternalSecret: one store for all values or one for each, generators, and templates in ConfigMaps
/// and Secrets.
fn sources(external: &Node) -> Vec<(Source, &Node)> {
    let mut sources = Vec::new();
    external.get("spec").into_iter().for_each(|spec| add_sources(spec, &mut sources));
    sources
}

/// Adds the sources that are named below a node.
fn add_sources<'n>(node: &'n Node, out: &mut Vec<(Source, &'n Node)>) {
    for (key, value) in node.entries() {
        match key.text.as_str() {
            "secretStoreRef" | "storeRef" => out.push((Source::Store, value)),
            "generatorRef" => out.push((Source::Generator, value)),
            "templateFrom" => {
                for (key, referent) in
                    [("configMap", Referent::ConfigMap), ("secret", Referent::Secret)]
                {
                    let templates = value.items().iter().filter_map(|item| item.get(key));
                    out.extend(templates.map(|one| (Source::Template(referent), one)));
                }
            }
            _ => add_sources(value, out),
        }
    }
    node.items().iter().for_each(|item| add_sources(item, out));
}

/// Requires a source of an ExternalSecret.
fn follow_source<'a>(
    finder: &Finder<'a>,
    requirements: &mut Requirements<'a>,
    id: &Id,
    source: Source,
    node: &Node,
) {
    let text = |key| node.text_at(&[key]).filter(|text| !text.is_empty());
    let (group, kind) = match source {
        Source::Template(referent) => return require(finder, requirements, id, referent, node),
        Source::Store => (EXTERNAL, text("kind").unwrap_or("SecretStore")),
        Source::Generator => (GENERATORS, text("kind").unwrap_or_default()),
    };
    let Some(name) = text("name") else { return };
    let is_everywhere = kind.starts_with("Cluster");
    let [group, kind, name] = [group, kind, name].map(SmolStr::from);
    let namespace = if is_everywhere { SmolStr::default() } else { id.namespace.clone() };
    let wanted = Id { group, kind, namespace, name };
    match finder.catalog.find(&wanted) {
        Some(object) if is_everywhere => {
            require_for_cluster_store(finder, requirements, id, &object.node)
        }
        None if is_everywhere => {}
        Some(object) => requirements.objects.push(object),
        None => requirements.lack(What::Missing(wanted), id, node.place),
    }
}

/// Adds the credentials that a ClusterSecretStore names without a namespace: it looks for them in that of the referrer.
/// See <https://external-secrets.io/latest/guides/multi-tenancy/>.
fn require_for_cluster_store<'a>(
    finder: &Finder<'a>,
    requirements: &mut Requirements<'a>,
    id: &Id,
    store: &Node,
) {
    for (referent, node) in credentials(store) {
        if node.get("namespace").is_none() {
            require(finder, requirements, id, referent, node);
        }
    }
}

/// The ClusterSecretStores of the input from which an ExternalSecret takes values.
pub(super) fn cluster_stores<'a>(catalog: &Catalog<'a>, external: &Node) -> Vec<&'a Object> {
    const KIND: &str = "ClusterSecretStore";
    let stores = sources(external).into_iter().filter(|(source, node)| {
        matches!(source, Source::Store) && node.text_at(&["kind"]) == Some(KIND)
    });
    let names = stores.filter_map(|(_, node)| node.text_at(&["name"]));
    names.filter_map(|name| catalog.get("", EXTERNAL, KIND, name)).collect()
}

/// The ExternalSecrets that add values to a Secret that something else makes.
/// See <https://external-secrets.io/latest/guides/ownership-deletion-policy/#merge>.
pub(super) fn merging<'a>(catalog: &'a Catalog<'a>) -> impl Iterator<Item = &'a Object> {
    let all = catalog.of_kind(EXTERNAL, "ExternalSecret");
    all.filter(|one| one.node.text_at(&["spec", "target", "creationPolicy"]) == Some("Merge"))
}

/// Whether an ExternalSecret adds values to this Secret.
pub(super) fn adds_to(external: &Object, secret: &Id) -> bool {
    let target = external.node.text_at(&["spec", "target", "name"]).unwrap_or(&external.id.name);
    secret.kind == "Secret" && external.id.namespace == secret.namespace && target == secret.name
}

/// The credentials of a store or generator: Secrets, ServiceAccounts, and ConfigMaps with certificates.
fn credentials(body: &Node) -> Vec<(Referent, &Node)> {
    let mut credentials = Vec::new();
    body.get("spec").into_iter().for_each(|spec| add_credentials(spec, false, &mut credentials));
    credentials
}

/// Adds the credentials that are named below a node. By convention of the API, a key of a Secret ends in `SecretRef`, or
/// has a `key` and stands below `auth`; accounts have the key `serviceAccountRef` or `serviceAccount`; certificates of
/// authorities stand in a `caProvider`.
fn add_credentials<'n>(node: &'n Node, in_auth: bool, out: &mut Vec<(Referent, &'n Node)>) {
    for (key, value) in node.entries() {
        let lower = key.text.to_ascii_lowercase();
        let is_named = value.get("name").is_some_and(|name| name.text().is_some());
        let is_secret = lower.ends_with("secretref") || in_auth && value.get("key").is_some();
        if lower == "caprovider" && is_named {
            out.push(match value.text_at(&["type"]) {
                Some("ConfigMap") => (Referent::ConfigMap, value),
                _ => (Referent::Secret, value),
            });
        } else if matches!(lower.as_str(), "serviceaccountref" | "serviceaccount") && is_named {
            out.push((Referent::ServiceAccount, value));
        } else if is_secret && is_named {
            out.push((Referent::Secret, value));
        } else {
            let in_auth = in_auth || lower.ends_with("auth") || lower.ends_with("secretref");
            add_credentials(value, in_auth, out);
        }
    }
    node.items().iter().for_each(|item| add_credentials(item, in_auth, out));
}
