//! Secrets: which can move to another namespace, and what makes those that are not in the input.

use super::needs::{Finder, Needs};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::{Id, Object};
use crate::model::{Reference, Referent};
use crate::yaml::Node;

const EXTERNAL: &str = "external-secrets.io";

/// The finding that an object is encrypted for its place: SOPS seals the metadata with the data.
pub(super) fn unmovable(object: &Object, referrer: &Id) -> Option<Diagnostic> {
    object.node.get("sops")?;
    let finding = Diagnostic::new(
        &code::UNMOVABLE_SECRET,
        format!("{}, which {referrer} needs, is encrypted with SOPS", object.id),
        format!(
            "use an ExternalSecret, or create it in every preview by other means and list `{}` \
             under spec.external.secrets",
            object.id.name
        ),
    );
    Some(finding.at(object.place(), "its MAC covers the namespace"))
}

/// Whether something of the input makes a Secret that is not in it; if so, that is copied or refused.
pub(super) fn provided<'a>(
    finder: &Finder<'a>,
    needs: &mut Needs<'a>,
    referrer: &Id,
    reference: &Reference,
) -> bool {
    let catalog = finder.catalog;
    let sealed = catalog.own("bitnami.com", "SealedSecret").find(|sealed| {
        let template = sealed.node.text_at(&["spec", "template", "metadata", "name"]);
        template.unwrap_or(&sealed.id.name) == reference.name
    });
    let is_external = finder.config.previews.spec.external.secrets.contains(&reference.name);
    if let Some(sealed) = sealed.filter(|_| !is_external) {
        needs.found.push(
            Diagnostic::new(
                &code::UNMOVABLE_SECRET,
                format!("{}, which {referrer} needs, is sealed for its namespace", sealed.id),
                format!(
                    "use an ExternalSecret, or create it in every preview by other means and list \
                     `{}` under spec.external.secrets",
                    reference.name
                ),
            )
            .at(sealed.place(), "bound to its namespace"),
        );
        return true;
    }
    let external = catalog.own(EXTERNAL, "ExternalSecret").find(|external| {
        let target = external.node.text_at(&["spec", "target", "name"]);
        target.unwrap_or(&external.id.name) == reference.name
    });
    if let Some(external) = external.filter(|_| !is_external) {
        needs.objects.push(external);
        return true;
    }
    // A SecretProviderClass that the same pods mount may write the Secret.
    catalog.own("secrets-store.csi.x-k8s.io", "SecretProviderClass").any(|class| {
        let objects = class.node.at(&["spec", "secretObjects"]).map(Node::items);
        objects
            .unwrap_or_default()
            .iter()
            .any(|o| o.text_at(&["secretName"]) == Some(&reference.name))
    })
}

/// Follows a copied ExternalSecret to its store, and a store to the Secrets it signs in with.
pub(super) fn follow<'a>(finder: &Finder<'a>, needs: &mut Needs<'a>, id: &Id, body: &Node) {
    if id.group != EXTERNAL {
        return;
    }
    if id.kind == "ExternalSecret" {
        let store = body.at(&["spec", "secretStoreRef"]);
        let kind = store.and_then(|store| store.text_at(&["kind"])).unwrap_or("SecretStore");
        let name = store.and_then(|store| store.text_at(&["name"])).unwrap_or_default();
        if kind == "SecretStore" && !name.is_empty() {
            match finder.catalog.get(EXTERNAL, "SecretStore", name) {
                Some(store) => needs.objects.push(store),
                None => needs.found.push(
                    Diagnostic::new(
                        &code::MISSING_OBJECT,
                        format!("{id} needs SecretStore {name}, which is not in the input"),
                        "pass the file that holds it with --baseline, or use a ClusterSecretStore",
                    )
                    .at(
                        crate::kube::name_place(body),
                        "names a SecretStore that is not in the input",
                    ),
                ),
            }
        }
    }
    if id.kind == "SecretStore" {
        let mut names = Vec::new();
        secret_refs(body, &mut names);
        for (referent, node) in names {
            if let Some(name) = node.text_at(&["name"]) {
                let name = name.to_owned();
                let reference = Reference { referent, name, optional: false, place: node.place };
                finder.need(needs, id, reference);
            }
        }
    }
}

/// Fields of a SecretStore that name a Secret or a ServiceAccount: by convention they end in
/// `SecretRef` or are called `serviceAccountRef`.
fn secret_refs<'a>(node: &'a Node, found: &mut Vec<(Referent, &'a Node)>) {
    for (key, value) in node.entries() {
        if key.text.ends_with("SecretRef") || key.text == "secretRef" && value.get("name").is_some()
        {
            found.push((Referent::Secret, value));
        } else if key.text == "serviceAccountRef" {
            found.push((Referent::ServiceAccount, value));
        } else {
            secret_refs(value, found);
        }
    }
    for item in node.items() {
        secret_refs(item, found);
    }
}
