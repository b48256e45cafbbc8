//! skaffold.yaml: what artifacts are built from. See <https://skaffold.dev/docs/references/yaml/>.

use super::{By, Claims, Manifest, Manifests, folder_of, join};
use crate::yaml::Node;

pub(super) fn has(name: &str) -> bool {
    matches!(name, "skaffold.yaml" | "skaffold.yml")
}

pub(super) fn read(manifests: &Manifests<'_>, claims: &mut Claims) {
    for manifest in manifests.named(has) {
        let documents = manifests.documents(&manifest, claims);
        let parts = documents.iter().flat_map(|document| {
            let profiles = document.get("profiles").map(Node::items).unwrap_or_default();
            [document].into_iter().chain(profiles)
        });
        let artifacts: Vec<&Node> = parts
            .flat_map(|part| part.at(&["build", "artifacts"]).map(Node::items).unwrap_or_default())
            .collect();
        for artifact in &artifacts {
            read_artifact(manifests, &manifest, (artifact, &artifacts), claims);
        }
    }
}

fn read_artifact(
    manifests: &Manifests<'_>,
    manifest: &Manifest<'_>,
    (artifact, all): (&Node, &[&Node]),
    claims: &mut Claims,
) {
    let context = artifact.text_at(&["context"]).unwrap_or(".");
    let Some(folder) = join(folder_of(manifest.path), context) else { return };
    let other_builders = ["custom", "buildpacks", "jib", "ko", "bazel", "kaniko"];
    let other = other_builders.into_iter().find_map(|name| artifact.get(name));
    let kaniko = artifact.get("kaniko");
    let by = if other.is_none() || kaniko.is_some() {
        let settings = artifact.get("docker").or(kaniko);
        let dockerfile = settings.and_then(|settings| settings.text_at(&["dockerfile"]));
        let Some(dockerfile) = join(&folder, dockerfile.unwrap_or("Dockerfile")) else { return };
        let image = (dockerfile.as_str(), folder, service_of(artifact));
        claims.build(manifests, manifest, image, artifact.place);
        By::File(dockerfile)
    } else {
        By::Service(service_of(artifact).to_owned())
    };
    if let Some(settings) = other {
        let paths = settings.at(&["dependencies", "paths"]).map(Node::items).unwrap_or_default();
        for path in paths {
            let text = path.text().unwrap_or_default();
            // Everything below the part before the first wildcard of a glob counts as used.
            let plain = text.split(['*', '?', '[']).next().unwrap_or_default();
            let plain = if plain == text { text } else { folder_of(plain) };
            let below = format!("{context}/{plain}");
            if let Some(claim) = claims.add(manifest, "builds with", &below, path.place) {
                claim.by = by.clone();
            }
        }
    }
    for required in artifact.get("requires").map(Node::items).unwrap_or_default() {
        let is_it = |one: &&&Node| one.text_at(&["image"]) == required.text_at(&["image"]);
        if let Some(other) = all.iter().find(is_it) {
            let folder = other.text_at(&["context"]).unwrap_or(".");
            if let Some(claim) = claims.add(manifest, "builds with", folder, required.place) {
                claim.by = by.clone();
            }
        }
    }
}

/// The name of an image without its registry and tag: mostly that of the service.
fn service_of(artifact: &Node) -> &str {
    let image = artifact.text_at(&["image"]).unwrap_or_default();
    let name = super::name_of(image);
    name.split([':', '@']).next().unwrap_or(name)
}
