//! pyproject.toml: sources of uv and dependencies of Poetry in the same repository.
//! See <https://docs.astral.sh/uv/concepts/projects/dependencies/> and
//! <https://python-poetry.org/docs/dependency-specification/>.

use super::{Claims, Manifest, Manifests, relative};
use crate::ordered::ordered;
use crate::yaml::{Key, Node};

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
    let names =
        projects.iter().filter_map(|(manifest, node)| Some((name_of(node)?, manifest.path)));
    let names = ordered(names);
    for (manifest, node) in &projects {
        read_shared(manifest, node, &projects, claims);
        for (name, source) in tables(node).into_iter().flat_map(Node::entries) {
            let verb = format!("depends on project `{}`,", name.text);
            // A source may be a list, for several platforms.
            let listed = source.items().iter();
            for source in [source].into_iter().chain(listed) {
                if let Some(path) = source.get("path") {
                    add_path(manifests, manifest, &verb, path, claims);
                }
                if source.get("workspace").is_some_and(Node::is_true)
                    && let Some(path) = names.get(&normal(&name.text))
                {
                    let path = relative(manifest.path, path);
                    claims.add_package(manifest, &verb, &path, name.place);
                }
            }
        }
    }
}

/// Reads dependencies whose source is in the root of uv's workspace: it holds for all members, the projects below the
/// root.
fn read_shared(
    manifest: &Manifest<'_>,
    node: &Node,
    projects: &[(Manifest<'_>, Node)],
    claims: &mut Claims,
) {
    let is_root = |(root, of_root): &&(Manifest<'_>, Node)| {
        let folder = super::folder_of(root.path);
        let is_above = folder.is_empty() || manifest.path.starts_with(&format!("{folder}/"));
        is_above && root.path != manifest.path && of_root.at(&["tool", "uv", "workspace"]).is_some()
    };
    let Some((root, of_root)) =
        projects.iter().filter(is_root).max_by_key(|(one, _)| one.path.len())
    else {
        return;
    };
    let of_project = node.at(&["tool", "uv", "sources"]);
    let sources = of_root.at(&["tool", "uv", "sources"]).map(Node::entries).unwrap_or_default();
    for requirement in requirements(node) {
        let text = requirement.text().unwrap_or_default();
        let end = text.find(|c: char| !c.is_alphanumeric() && !"._-".contains(c));
        let name = normal(&text[..end.unwrap_or(text.len())]);
        let is_it = |(key, _): &&(Key, Node)| normal(&key.text) == name;
        if of_project.is_some_and(|sources| sources.entries().iter().any(|one| is_it(&one))) {
            continue;
        }
        let Some((_, source)) = sources.iter().find(is_it) else { continue };
        let folder = source.text_at(&["path"]);
        let path = folder.and_then(|path| {
            super::join(super::folder_of(root.path), &format!("{path}/pyproject.toml"))
        });
        let of_workspace = || {
            let is_member = source.get("workspace").is_some_and(Node::is_true);
            let mut named = projects.iter().filter(|_| is_member);
            let named = named.find(|(_, node)| name_of(node).as_deref() == Some(name.as_str()));
            named.map(|(member, _)| member.path.to_owned())
        };
        if let Some(path) = path.or_else(of_workspace) {
            let verb = format!("depends on project `{name}`,");
            claims.add_package(manifest, &verb, &relative(manifest.path, &path), requirement.place);
        }
    }
}

/// What a project requires: always, with extras, and in groups.
fn requirements(node: &Node) -> impl Iterator<Item = &Node> {
    let always = node.at(&["project", "dependencies"]);
    let tables = [node.at(&["project", "optional-dependencies"]), node.get("dependency-groups")];
    let lists = tables.into_iter().flatten().flat_map(Node::entries).map(|(_, list)| list);
    always.into_iter().chain(lists).flat_map(Node::items)
}

/// The normal form of a project's name.
fn name_of(node: &Node) -> Option<String> {
    let name = node.text_at(&["project", "name"]);
    name.or_else(|| node.text_at(&["tool", "poetry", "name"])).map(normal)
}

/// A path may be a project's folder, one without pyproject.toml, or a file such as a wheel.
fn add_path(
    manifests: &Manifests<'_>,
    manifest: &Manifest<'_>,
    verb: &str,
    path: &Node,
    claims: &mut Claims,
) {
    let text = path.text().unwrap_or_default();
    let file = format!("{text}/pyproject.toml");
    let found = super::join(super::folder_of(manifest.path), &file);
    if found.is_some_and(|file| manifests.has_file(&file)) {
        claims.add_package(manifest, verb, &file, path.place);
    } else {
        claims.add(manifest, verb, text, path.place);
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
