//! Secrets: what the objects that make them need in a preview, and which ones SOPS has encrypted.

use smol_str::SmolStr;

use super::lacks::{Lack, What};
use super::needs::{Finder, Needs};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::{Id, Object};
use crate::model::{Catalog, Reference, Referent};
use crate::yaml::Node;

const EXTERNAL: &str = "external-secrets.io";
const GENERATORS: &str = "generators.external-secrets.io";

/// The finding that an object of another kind, which is copied, is encrypted.
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

/// Follows a copied ExternalSecret to its stores, generators and templates, and a store or generator to what
/// it signs in with.
pub(super) fn follow<'a>(finder: &Finder<'a>, needs: &mut Needs<'a>, id: &Id, body: &Node) {
    match (id.group.as_str(), id.kind.as_str()) {
        (EXTERNAL, "ExternalSecret") => {
            let mut named = Vec::new();
            if let Some(spec) = body.get("spec") {
                sources(spec, &mut named);
            }
            for (source, node) in named {
                source_of(finder, needs, id, source, node);
            }
        }
        (EXTERNAL, "SecretStore") | (GENERATORS, _) => {
            let mut named = Vec::new();
            if let Some(spec) = body.get("spec") {
                credentials(spec, false, &mut named);
            }
            for (referent, node) in named {
                need(finder, needs, id, referent, node);
            }
        }
        _ => {}
    }
}

/// Finds what has the name that a mapping gives.
fn need<'a>(finder: &Finder<'a>, needs: &mut Needs<'a>, id: &Id, referent: Referent, node: &Node) {
    if let Some(name) = node.text_at(&["name"]).filter(|name| !name.is_empty()) {
        let name = name.to_owned();
        finder.need(needs, id, Reference { referent, name, optional: false, place: node.place });
    }
}

/// What an ExternalSecret takes its values from.
#[derive(Clone, Copy)]
enum Source {
    Store,
    Generator,
    Template(Referent),
}

/// The sources below a part of an ExternalSecret: one store for all values or one for each, generators, and
/// templates in ConfigMaps and Secrets.
fn sources<'n>(node: &'n Node, out: &mut Vec<(Source, &'n Node)>) {
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
            _ => sources(value, out),
        }
    }
    node.items().iter().for_each(|item| sources(item, out));
}

fn source_of<'a>(finder: &Finder<'a>, needs: &mut Needs<'a>, id: &Id, source: Source, node: &Node) {
    let text = |key| node.text_at(&[key]).filter(|text| !text.is_empty());
    let (group, kind) = match source {
        Source::Template(referent) => return need(finder, needs, id, referent, node),
        Source::Store => (EXTERNAL, text("kind").unwrap_or("SecretStore")),
        Source::Generator => (GENERATORS, text("kind").unwrap_or_default()),
    };
    let Some(name) = text("name") else { return };
    let is_everywhere = kind.starts_with("Cluster");
    let [group, kind, name] = [group, kind, name].map(SmolStr::from);
    let namespace = if is_everywhere { SmolStr::default() } else { id.namespace.clone() };
    let wanted = Id { group, kind, namespace, name };
    match finder.catalog.find(&wanted) {
        Some(object) if is_everywhere => of_referrer(finder, needs, id, &object.node),
        None if is_everywhere => {}
        Some(object) => needs.objects.push(object),
        None => needs.lacks.push(Lack {
            what: What::Missing(wanted),
            referrer: id.clone(),
            place: node.place,
        }),
    }
}

/// Adds what a store of the cluster looks for beside who refers to it: whatever it names without a namespace.
/// See <https://external-secrets.io/latest/guides/multi-tenancy/>.
fn of_referrer<'a>(finder: &Finder<'a>, needs: &mut Needs<'a>, id: &Id, store: &Node) {
    let mut named = Vec::new();
    if let Some(spec) = store.get("spec") {
        credentials(spec, false, &mut named);
    }
    for (referent, node) in named {
        if node.get("namespace").is_none() {
            need(finder, needs, id, referent, node);
        }
    }
}

/// The stores of the cluster that an ExternalSecret takes values from, of those in the input.
pub(super) fn stores_of_the_cluster<'a>(catalog: &Catalog<'a>, external: &Node) -> Vec<&'a Object> {
    const KIND: &str = "ClusterSecretStore";
    let mut named = Vec::new();
    if let Some(spec) = external.get("spec") {
        sources(spec, &mut named);
    }
    let stores = named.into_iter().filter(|(source, node)| {
        matches!(source, Source::Store) && node.text_at(&["kind"]) == Some(KIND)
    });
    let names = stores.filter_map(|(_, node)| node.text_at(&["name"]));
    names.filter_map(|name| catalog.get("", EXTERNAL, KIND, name)).collect()
}

/// The ExternalSecrets that add to a Secret that others make.
/// See <https://external-secrets.io/latest/guides/ownership-deletion-policy/#merge>.
pub(super) fn merging<'a>(catalog: &'a Catalog<'a>) -> impl Iterator<Item = &'a Object> {
    let all = catalog.of_kind(EXTERNAL, "ExternalSecret");
    all.filter(|one| one.node.text_at(&["spec", "target", "creationPolicy"]) == Some("Merge"))
}

/// Whether an ExternalSecret writes into this Secret.
pub(super) fn adds_to(external: &Object, secret: &Id) -> bool {
    let target = external.node.text_at(&["spec", "target", "name"]).unwrap_or(&external.id.name);
    secret.kind == "Secret" && external.id.namespace == secret.namespace && target == secret.name
}

/// What a store or generator names to sign in: by convention below keys that end in `SecretRef`, or with a
/// `key` of a Secret below `auth`; accounts are called `serviceAccountRef` or `serviceAccount`, and
/// certificates of authorities stand in a `caProvider`.
fn credentials<'n>(node: &'n Node, in_auth: bool, out: &mut Vec<(Referent, &'n Node)>) {
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
            credentials(value, in_auth, out);
        }
    }
    node.items().iter().for_each(|item| credentials(item, in_auth, out));
}
