//! compose.yaml: the build context that a Dockerfile copies from. See
//! <https://docs.docker.com/reference/compose-file/build/>.

use super::{By, Claims, Manifest, Manifests, folder_of, join};
use crate::diagnostic::Place;
use crate::yaml::Node;

pub(super) fn has(name: &str) -> bool {
    let stem = name.strip_suffix(".yaml").or_else(|| name.strip_suffix(".yml"));
    let stem = stem.map(|stem| stem.strip_prefix("docker-").unwrap_or(stem));
    stem.is_some_and(|stem| stem == "compose" || stem.starts_with("compose."))
}

pub(super) fn read(manifests: &Manifests<'_>, claims: &mut Claims) {
    for manifest in manifests.named(has) {
        for document in manifests.documents(&manifest, claims) {
            for (name, service) in document.get("services").map(Node::entries).unwrap_or_default() {
                if let Some(build) = service.get("build") {
                    read_build(manifests, &manifest, (&name.text, build), claims);
                }
            }
        }
    }
}

fn read_build(
    manifests: &Manifests<'_>,
    manifest: &Manifest<'_>,
    (service, build): (&str, &Node),
    claims: &mut Claims,
) {
    let context = build.text().or_else(|| build.text_at(&["context"])).unwrap_or(".");
    if context.contains('$') {
        return claims.unread(
            manifest,
            &format!("`{context}`, whose variable"),
            UNKNOWN,
            build.place,
        );
    }
    // The URL of a repository is not a folder.
    let is_folder = !context.contains("://") && !context.starts_with("git@");
    let Some(context) = join(folder_of(manifest.path), context).filter(|_| is_folder) else {
        return;
    };
    let by = match build.text_at(&["dockerfile"]) {
        _ if build.get("dockerfile_inline").is_some() => {
            let what = format!("an inline Dockerfile of `{service}`, which");
            claims.unread(manifest, &what, "is not read", build.place);
            By::Service(service.to_owned())
        }
        other => {
            let Some(dockerfile) = join(&context, other.unwrap_or("Dockerfile")) else { return };
            let image = (dockerfile.as_str(), context, service);
            claims.build(manifests, manifest, image, build.place);
            By::File(dockerfile)
        }
    };
    let is_folder = |(text, _): &(&str, Place)| !text.contains(':');
    for (folder, place) in additional(build).filter(is_folder) {
        if let Some(claim) = claims.add(manifest, "builds with", folder, place) {
            claim.by = by.clone();
        }
    }
}

const UNKNOWN: &str = "the audit does not know";

/// The folders of `additional_contexts`, which is a mapping or a list of `name=folder`.
fn additional(build: &Node) -> impl Iterator<Item = (&str, Place)> {
    let contexts = build.get("additional_contexts");
    let entries = contexts.map(Node::entries).unwrap_or_default().iter();
    let of_map = entries.filter_map(|(_, node)| Some((node.text()?, node.place)));
    let items = contexts.map(Node::items).unwrap_or_default().iter();
    let of_list = items.filter_map(|node| Some((node.text()?.split_once('=')?.1, node.place)));
    of_map.chain(of_list)
}
