//! Cargo.toml: dependencies on crates of the same repository.
//! See <https://doc.rust-lang.org/cargo/reference/specifying-dependencies.html>.

use super::{Claims, Manifest, Manifests, folder_of, join, relative};
use crate::yaml::Node;

pub(super) fn has(name: &str) -> bool {
    name == "Cargo.toml"
}

pub(super) fn read(manifests: &Manifests<'_>, claims: &mut Claims) {
    let mut crates = Vec::new();
    for manifest in manifests.named(has) {
        if let Some(node) = manifests.toml(&manifest, claims) {
            crates.push((manifest, node));
        }
    }
    for (manifest, node) in &crates {
        let workspace = workspace_of(manifest.path, &crates);
        for (name, value) in tables(node).into_iter().flat_map(Node::entries) {
            let verb = format!("depends on crate `{}`,", name.text);
            if let Some(path) = value.get("path") {
                let file = format!("{}/Cargo.toml", path.text().unwrap_or_default());
                claims.add_package(manifest, &verb, &file, path.place);
                continue;
            }
            let Some((root, workspace)) = workspace else { continue };
            let inherited = workspace.at(&["workspace", "dependencies", &name.text]);
            let inherited = inherited.filter(|_| value.get("workspace").is_some_and(Node::is_true));
            let of_root = inherited.and_then(|one| one.text_at(&["path"]));
            let package = inherited.unwrap_or(value).text_at(&["package"]).unwrap_or(&name.text);
            let Some(path) = of_root.or_else(|| patched(workspace, package)) else { continue };
            if let Some(path) = join(folder_of(root.path), &format!("{path}/Cargo.toml")) {
                claims.add_package(manifest, &verb, &relative(manifest.path, &path), name.place);
            }
        }
    }
}

/// The workspace that a crate is a member of: the nearest above it.
fn workspace_of<'c, 'a>(
    path: &str,
    crates: &'c [(Manifest<'a>, Node)],
) -> Option<(&'c Manifest<'a>, &'c Node)> {
    let above = crates.iter().filter(|(one, node)| {
        let folder = folder_of(one.path);
        let is_above = folder.is_empty() || path.starts_with(&format!("{folder}/"));
        is_above && node.get("workspace").is_some()
    });
    above.max_by_key(|(one, _)| one.path.len()).map(|(one, node)| (one, node))
}

/// The folder by which a workspace replaces a package for all of its members (`[patch]`).
fn patched<'n>(workspace: &'n Node, package: &str) -> Option<&'n str> {
    let registries = workspace.get("patch").map(Node::entries).unwrap_or_default().iter();
    let patches = registries.flat_map(|(_, registry)| registry.entries());
    let mut named = patches
        .filter(|(name, patch)| patch.text_at(&["package"]).unwrap_or(&name.text) == package);
    named.find_map(|(_, patch)| patch.text_at(&["path"]))
}

/// All tables of dependencies.
fn tables(node: &Node) -> Vec<&Node> {
    const KINDS: [&str; 3] = ["dependencies", "dev-dependencies", "build-dependencies"];
    let targets = node.get("target").map(Node::entries).unwrap_or_default();
    let places = [node].into_iter().chain(targets.iter().map(|(_, target)| target));
    let of_places = places.flat_map(|place| KINDS.iter().filter_map(|kind| place.get(kind)));
    let patches = node.get("patch").map(Node::entries).unwrap_or_default();
    of_places.chain(patches.iter().map(|(_, registry)| registry)).collect()
}
