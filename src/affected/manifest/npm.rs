//! package.json: dependencies on packages of the same repository, by folder or by the name of a workspace.
//! See <https://docs.npmjs.com/cli/using-npm/workspaces>; yarn and pnpm do alike.

use std::collections::BTreeMap;

use super::{Claims, Manifest, Manifests, folder_of, join, relative};
use crate::affected::glob::Glob;
use crate::ordered::ordered;
use crate::yaml::Node;

pub(super) fn has(name: &str) -> bool {
    matches!(name, "package.json" | "pnpm-workspace.yaml")
}

pub(super) fn read(manifests: &Manifests<'_>, claims: &mut Claims) {
    let mut packages = Vec::new();
    let mut workspaces = Vec::new();
    for manifest in manifests.named(has) {
        let Some(node) = manifests.documents(&manifest, claims).into_iter().next() else {
            continue;
        };
        let list = match manifest.path.ends_with(".yaml") {
            true => node.get("packages"),
            // Yarn's older form has the list one level deeper.
            false => node.at(&["workspaces", "packages"]).or_else(|| node.get("workspaces")),
        };
        let globs = list.map(Node::items).unwrap_or_default().iter().filter_map(Node::text);
        workspaces.extend(globs.filter_map(|text| member(manifest.path, text)));
        if manifest.path.ends_with(".json") {
            packages.push((manifest, node));
        }
    }
    let is_member = |path: &str| {
        let folder = folder_of(path);
        let mut last = workspaces.iter().rev().filter(|(_, glob)| glob.covers(folder));
        last.next().is_some_and(|(is_in, _)| *is_in)
    };
    let members = packages.iter().filter(|(manifest, _)| is_member(manifest.path));
    let names = ordered(
        members.filter_map(|(manifest, node)| Some((node.text_at(&["name"])?, manifest.path))),
    );
    for (manifest, node) in &packages {
        for (name, wanted) in KINDS.iter().filter_map(|kind| node.get(kind)).flat_map(Node::entries)
        {
            let dependency = (name.text.as_str(), wanted);
            read_dependency(manifest, dependency, &names, claims);
        }
        // An override can replace a package by a folder, also for packages that depend on it indirectly. Versions do not
        // matter here.
        for (name, wanted) in
            OVERRIDES.iter().filter_map(|key| node.get(key)).flat_map(Node::entries)
        {
            read_dependency(manifest, (&name.text, wanted), &BTreeMap::new(), claims);
        }
    }
}

const KINDS: [&str; 4] =
    ["dependencies", "devDependencies", "optionalDependencies", "peerDependencies"];

const OVERRIDES: [&str; 2] = ["overrides", "resolutions"];

/// A pattern of a list of workspaces: whether it includes or excludes, and the folders.
fn member(manifest: &str, text: &str) -> Option<(bool, Glob)> {
    let (is_in, text) = text.strip_prefix('!').map_or((true, text), |text| (false, text));
    let folder = join(folder_of(manifest), text)?;
    Some((is_in, Glob::new(&folder).ok()?))
}

fn read_dependency(
    manifest: &Manifest<'_>,
    (name, wanted): (&str, &Node),
    names: &BTreeMap<&str, &str>,
    claims: &mut Claims,
) {
    let verb = format!("depends on package `{name}`,");
    let text = wanted.text().unwrap_or_default();
    let local = ["file:", "link:", "portal:"].iter().find_map(|kind| text.strip_prefix(kind));
    // `workspace:../ui` names a folder, `workspace:*` takes the name, `workspace:ui@*` another name.
    let of_workspace = text.strip_prefix("workspace:");
    let is_folder = |text: &&str| text.starts_with("./") || text.starts_with("../");
    let local = local.or(of_workspace.or(Some(text)).filter(is_folder));
    if let Some(folder) = local.filter(|folder| !folder.ends_with(".tgz")) {
        let file = format!("{folder}/package.json");
        return claims.add_package(manifest, &verb, &file, wanted.place);
    }
    let alias = of_workspace.and_then(|text| text.rsplit_once('@')).map(|(name, _)| name);
    let alias = alias.filter(|name| !name.is_empty());
    // A version is resolved from the workspace; a URL or an alias never is.
    let is_version = of_workspace.is_some() || !text.contains(':');
    if let Some(path) = names.get(alias.unwrap_or(name)).filter(|_| is_version) {
        claims.add_package(manifest, &verb, &relative(manifest.path, path), wanted.place);
    }
}
