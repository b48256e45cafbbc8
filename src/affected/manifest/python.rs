//! pyproject.toml: sources of uv and dependencies of Poetry in the same repository.
//! See <https://docs.astral.sh/uv/concepts/projects/dependencies/> and
//! <https://python-poetry.org/docs/dependency-specification/>.

use std::collections::BTreeMap;

use super::{Claims, Manifest, Manifests, relative};
use crate::yaml::Node;

pub(super) fn has(name: &str) -> bool {
    name == "pyproject.toml"
}

pub(super) fn read(manifests: &Manifests<'_>, claims: &mut Claims) {
    let mut projects = Vec::new();
    for manifest in manifests.named(has) {
        if let Some(node) = manifests.toml(&manifest, claims) {
            projects.push((manifest, node));
        }
    }
    let name = |node: &Node| {
        let name = node.text_at(&["project", "name"]);
        name.or_else(|| node.text_at(&["tool", "poetry", "name"])).map(normal)
    };
    let names: BTreeMap<String, &str> =
        projects.iter().filter_map(|(manifest, node)| Some((name(node)?, manifest.path))).collect();
    for (manifest, node) in &projects {
        for (name, source) in tables(node).into_iter().flat_map(Node::entries) {
            let words = format!("depends on project `{}`,", name.text);
            // A source may be a list, for several platforms.
            let listed = source.items().iter();
            for source in [source].into_iter().chain(listed) {
                if let Some(path) = source.get("path") {
                    add_path(manifests, manifest, &words, path, claims);
                }
                if source.get("workspace").is_some_and(Node::is_true)
                    && let Some(path) = names.get(&normal(&name.text))
                {
                    let path = relative(manifest.path, path);
                    claims.add_package(manifest, &words, &path, name.place);
                }
            }
        }
    }
}

/// A path may be a project's folder, one without pyproject.toml, or a file such as a wheel.
fn add_path(
    manifests: &Manifests<'_>,
    manifest: &Manifest<'_>,
    words: &str,
    path: &Node,
    claims: &mut Claims,
) {
    let text = path.text().unwrap_or_default();
    let file = format!("{text}/pyproject.toml");
    let found = super::join(super::folder_of(manifest.path), &file);
    if found.is_some_and(|file| manifests.has_file(&file)) {
        claims.add_package(manifest, words, &file, path.place);
    } else {
        claims.add(manifest, words, text, path.place);
    }
}

/// All tables that say where a dependency comes from.
fn tables(node: &Node) -> Vec<&Node> {
    let poetry = node.at(&["tool", "poetry"]);
    let groups = poetry.and_then(|poetry| poetry.get("group")).map(Node::entries);
    let of_groups = groups.unwrap_or_default().iter().map(|(_, group)| group);
    let of_poetry = poetry.into_iter().chain(of_groups);
    let tables = of_poetry.flat_map(|place| {
        ["dependencies", "dev-dependencies"].into_iter().filter_map(|kind| place.get(kind))
    });
    node.at(&["tool", "uv", "sources"]).into_iter().chain(tables).collect()
}

/// Normalizes a name: case does not matter, and `-`, `_` and `.` are the same.
fn normal(name: &str) -> String {
    name.to_lowercase().replace(['_', '.'], "-")
}
