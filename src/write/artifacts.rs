//! A tree divided into artifacts: one for each preview, and one that finds them all.
//!
//! Whoever pushes reads `artifacts.json` and pushes each artifact whose content differs from the registry. `root/`
//! changes only when previews are added or removed, or when shared objects change.

use serde_json::json;

use super::tree::{SuiteFiles, Tree};
use crate::diagnostic::Refused;
use crate::emit::{Common, Draft, HoleValues, Preview, Suites};
use crate::kube::flux::OCI_REPOSITORY;
use crate::kube::{Object, marks};
use crate::plan::naming::safe_hash;
use crate::spec::{Config, Tags};
use crate::yaml::Node;

/// The list of the artifacts, at the top of the tree.
pub(super) const LIST: &str = "artifacts.json";

/// One artifact: a part of the tree with a tag of its own.
#[derive(Debug)]
pub(crate) struct Artifact<'a> {
    tree: Tree<'a>,
    /// The name of its OCIRepository.
    source: String,
    /// Its tag in the registry.
    tag: String,
    /// The name of its preview.
    name: String,
    /// Its folder in the tree.
    path: String,
    /// Hash of its paths and contents.
    content: String,
}

impl<'a> Artifact<'a> {
    /// Lays out the artifact of a preview, and its entry in the root. `hashes` are those of the suites.
    #[must_use]
    pub(crate) fn of_preview(
        config: &Config,
        preview: &Preview<'_, '_>,
        suites: &'a SuiteFiles,
        hashes: &Suites,
    ) -> Self {
        let name = preview.name.to_owned();
        let path = format!("previews/{name}");
        let mut tree = Tree::default();
        tree.environment(&format!("{path}/objects"), preview);
        let flux = format!("{name}.yaml");
        tree.index(&format!("{path}/flux"), [flux.as_str()].into_iter());
        tree.file(format!("{path}/flux/{flux}"), preview.values(), &preview.flux);
        let own = content(&tree, &path, hashes);
        tree.suites(&format!("{path}/"), suites);
        let source = marks::flux(config.set(), &name);
        let tag = match config.previews.spec.flux.artifacts.tags {
            Tags::Fixed => source.clone(),
            Tags::Content => format!("{source}.{own}"),
        };
        let mut root = preview.root_objects.clone();
        root.iter_mut().for_each(|object| set_tag(object, &tag));
        let root: Vec<Draft<'_>> = root.into_iter().map(Draft::from).collect();
        tree.file(format!("root/flux/{name}.yaml"), HoleValues::NONE, &root);
        Self { tree, source, tag, name, path, content: own }
    }
}

/// Lays out a tree of artifacts. `baseline` holds the objects to deliver.
///
/// # Errors
/// An object has no valid file name, or shares one with another object.
pub(crate) fn of_artifacts<'a>(
    config: &Config,
    previews: Vec<Artifact<'a>>,
    common: &Common<'_>,
    baseline: &[Draft<'_>],
) -> Result<Tree<'a>, Refused> {
    let flux = &config.previews.spec.flux;
    let url = &flux.artifacts.url;
    let entry = |name: &str, path: &str, source: &str, tag: &str, content: &str| {
        let url = format!("{url}:{tag}");
        json!({"name": name, "path": path, "url": url, "source": source, "content": content})
    };
    let mut list: Vec<_> = previews
        .iter()
        .map(|one| entry(&one.name, &one.path, &one.source, &one.tag, &one.content))
        .collect();
    let mut tree = Tree::together(previews.into_iter().map(|one| one.tree).collect());
    tree.common("root/", common, baseline);
    let root = content(&tree, "root", &Suites::new());
    // The root comes last, so that a push in this order never names an artifact that is not there yet.
    list.push(entry("root", "root", &flux.source_ref.name, config.set(), &root));
    let mut text = serde_json::to_string_pretty(&json!({ "artifacts": list })).unwrap_or_default();
    text.push('\n');
    tree.insert(LIST.to_owned(), text.into_bytes().into(), || "the list of artifacts".to_owned());
    tree.checked()
}

fn set_tag(object: &mut Object, tag: &str) {
    if object.id.kind == OCI_REPOSITORY {
        object.node.make(&["spec", "ref"]).set("tag", Node::string(tag));
    }
}

/// A hash of the files below a folder of a tree, and of suites that are added later.
fn content(tree: &Tree<'_>, folder: &str, suites: &Suites) -> String {
    let prefix = format!("{folder}/");
    let files = tree.files().range(prefix.clone()..);
    let files = files.take_while(|(path, _)| path.starts_with(&prefix));
    let files = files.flat_map(|(path, content)| [path.as_bytes(), content]);
    let suites = suites.iter().flat_map(|(name, hash)| [name.as_bytes(), hash.as_bytes()]);
    safe_hash(files.chain(suites), 16)
}
