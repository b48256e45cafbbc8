//! pom.xml: modules, parents and dependencies on projects of the same repository.
//! See <https://maven.apache.org/pom.html>.

use roxmltree::{Document, Node};

use super::{Claims, Manifest, Manifests, folder_of, join, relative};
use crate::diagnostic::Place;

pub(super) fn has(name: &str) -> bool {
    name == "pom.xml"
}

pub(super) fn read(manifests: &Manifests<'_>, claims: &mut Claims) {
    let mut projects = Vec::new();
    for manifest in manifests.named(has) {
        match Document::parse(manifest.text) {
            Ok(document) => projects.push((manifest, document)),
            Err(error) => claims.broken(&manifest, &error.to_string()),
        }
    }
    let names: Vec<((String, String), &str)> = projects
        .iter()
        .map(|(manifest, document)| (name_of(document.root_element()), manifest.path))
        .collect();
    for (manifest, document) in &projects {
        let project = document.root_element();
        for node in children(project, "modules").flat_map(|modules| children(modules, "module")) {
            let file = pom(node.text().unwrap_or_default().trim());
            claims.add_package(manifest, "lists module", &file, place(manifest, node));
        }
        for parent in children(project, "parent") {
            read_parent(manifests, manifest, parent, claims);
        }
        let of_project = |node: &Node<'_, '_>| {
            matches!(node.tag_name().name(), "dependency" | "plugin" | "extension")
                && text(*node, "artifactId").is_some()
        };
        for node in document.descendants().filter(of_project) {
            let name = (text(node, "groupId"), text(node, "artifactId"));
            let (group, artifact) = (name.0.unwrap_or_default(), name.1.unwrap_or_default());
            let group = if group == "${project.groupId}" { name_of(project).0 } else { group };
            let sibling = names.iter().find(|(name, _)| *name == (group.clone(), artifact.clone()));
            if let Some((_, path)) = sibling {
                // Plugins and extensions of the build are projects, too.
                let does = if node.tag_name().name() == "dependency" {
                    "depends on"
                } else {
                    "builds with"
                };
                let verb = format!("{does} `{artifact}`,");
                let path = relative(manifest.path, path);
                claims.add_package(manifest, &verb, &path, place(manifest, node));
            }
        }
    }
}

/// Reads the parent, which is in the repository if `relativePath` leads to a file. The default is `../pom.xml`.
fn read_parent(
    manifests: &Manifests<'_>,
    manifest: &Manifest<'_>,
    parent: Node<'_, '_>,
    claims: &mut Claims,
) {
    let path = match children(parent, "relativePath").next() {
        Some(node) => node.text().unwrap_or_default().trim().to_owned(),
        None => "../pom.xml".to_owned(),
    };
    if path.is_empty() {
        return;
    }
    let path = pom(&path);
    let is_there =
        join(folder_of(manifest.path), &path).is_some_and(|path| manifests.has_file(&path));
    if is_there || path.contains('$') {
        claims.add(manifest, "has as its parent", &path, place(manifest, parent));
    }
}

/// The pom.xml of a path, which can be a folder.
fn pom(path: &str) -> String {
    if path.ends_with(".xml") { path.to_owned() } else { format!("{path}/pom.xml") }
}

/// The group and artifact of a project. The group can be inherited from the parent.
fn name_of(project: Node<'_, '_>) -> (String, String) {
    let parent = children(project, "parent").next();
    let group = text(project, "groupId").or_else(|| text(parent?, "groupId"));
    (group.unwrap_or_default(), text(project, "artifactId").unwrap_or_default())
}

fn children<'a, 'i>(node: Node<'a, 'i>, name: &'a str) -> impl Iterator<Item = Node<'a, 'i>> {
    node.children().filter(move |child| child.tag_name().name() == name)
}

fn text(node: Node<'_, '_>, name: &str) -> Option<String> {
    let child = node.children().find(|child| child.tag_name().name() == name)?;
    Some(child.text()?.trim().to_owned())
}

fn place(manifest: &Manifest<'_>, node: Node<'_, '_>) -> Place {
    manifest.place(node.range().start, node.range().end)
}
