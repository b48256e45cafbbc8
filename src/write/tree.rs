//! Plans the folder that `render -o` writes: which file holds which objects. The whole of it is in memory.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

use super::artifacts;
use super::stream::append;
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::emit::{Common, Draft, HoleValues, Preview};
use crate::read::is_carried;
use crate::validate::is_dns_label;
use crate::yaml::{Node, write_document};

/// The planned folder: content by path, with `/` between the parts.
#[derive(Debug, Default)]
pub(crate) struct Tree<'a> {
    files: BTreeMap<String, Cow<'a, [u8]>>,
    /// Findings about objects that got no file.
    refused: Vec<Diagnostic>,
}

/// The files of the suites, by their path below `tests/`.
pub(crate) type SuiteFiles = BTreeMap<String, Vec<u8>>;

impl<'a> Tree<'a> {
    /// Lays out shared objects beside the previews, all in one artifact. `baseline` holds the objects to deliver.
    ///
    /// # Errors
    /// An object has no valid file name, or shares one with another object.
    pub(crate) fn new(
        previews: Vec<Self>,
        common: &Common<'_>,
        baseline: &[Draft<'_>],
        suites: &'a SuiteFiles,
    ) -> Result<Self, Refused> {
        let mut tree = Self::together(previews);
        tree.common("", common, baseline);
        tree.suites("", suites);
        tree.checked()
    }

    /// Merges the trees of previews.
    pub(super) fn together(previews: Vec<Self>) -> Self {
        let mut tree = Self::default();
        for preview in previews {
            tree.refused.extend(preview.refused);
            for (path, content) in preview.files {
                tree.insert(path, content, || "what belongs to a preview".to_owned());
            }
        }
        tree
    }

    /// Returns the tree, if everything has a file of its own.
    pub(super) fn checked(self) -> Result<Self, Refused> {
        let Self { files, refused } = self;
        Refused::unless_none(refused, Self { files, refused: Vec::new() })
    }

    /// Lays out shared objects below the folder `root`, which ends in `/` unless it is empty. Flux objects of
    /// previews are there already.
    pub(super) fn common(&mut self, root: &str, common: &Common<'_>, baseline: &[Draft<'_>]) {
        for (folder, objects) in [("shared", common.shared.as_slice()), ("baseline", baseline)] {
            let mut files: BTreeMap<String, Vec<&Draft<'_>>> = BTreeMap::new();
            for object in objects {
                let name = file_of_kind(&object.id(HoleValues::NONE).kind);
                files.entry(name).or_default().push(object);
            }
            if !files.is_empty() {
                self.index(&format!("{root}{folder}"), files.keys().map(String::as_str));
            }
            for (name, objects) in files {
                self.file(format!("{root}{folder}/{name}"), HoleValues::NONE, objects);
            }
        }
        for (name, objects) in &common.flux {
            self.file(format!("{root}flux/{name}"), HoleValues::NONE, objects);
        }
        // Always written: it is the path that the user's own Kustomization names.
        let flux = format!("{root}flux/");
        let files =
            self.files.range(flux.clone()..).map_while(|(path, _)| path.strip_prefix(&flux));
        let content = kustomization(files);
        self.insert(format!("{flux}kustomization.yaml"), content.into(), || INDEX.to_owned());
    }

    /// Adds the suites below `folder`, which ends in `/` unless it is empty.
    pub(super) fn suites(&mut self, folder: &str, suites: &'a SuiteFiles) {
        for (path, content) in suites {
            let owner = || "a file of a suite".to_owned();
            self.insert(format!("{folder}tests/{path}"), content.into(), owner);
        }
    }

    /// Lays out one preview of a tree that is one artifact.
    #[must_use]
    pub(crate) fn of_preview(preview: &Preview<'_, '_>) -> Self {
        let mut tree = Self::default();
        tree.environment(&format!("previews/{}", preview.name), preview);
        tree.file(format!("flux/{}.yaml", preview.name), preview.values(), &preview.flux);
        tree
    }

    /// Lays out the environment of a preview in a folder.
    pub(super) fn environment(&mut self, folder: &str, preview: &Preview<'_, '_>) {
        let mut files: BTreeMap<String, Vec<&Draft<'_>>> = BTreeMap::new();
        for (file, draft) in &preview.environment {
            files.entry(format!("{}.yaml", file.name())).or_default().push(draft);
        }
        self.index(folder, files.keys().map(String::as_str));
        for (name, drafts) in files {
            self.file(format!("{folder}/{name}"), preview.values(), drafts);
        }
    }

    pub(super) fn file<'d>(
        &mut self,
        path: String,
        values: HoleValues<'_>,
        drafts: impl IntoIterator<Item = &'d Draft<'d>>,
    ) {
        let mut drafts = drafts.into_iter().peekable();
        let first = drafts.peek().copied();
        let mut content = String::new();
        append(&mut content, values, drafts);
        let owner = || first.map_or(String::new(), |draft| draft.id(values).to_string());
        self.insert(path, content.into_bytes().into(), owner);
    }

    /// Adds the kustomization.yaml of a folder with these files.
    pub(super) fn index<'n>(&mut self, folder: &str, names: impl Iterator<Item = &'n str>) {
        let path = format!("{folder}/kustomization.yaml");
        self.insert(path, kustomization(names).into(), || INDEX.to_owned());
    }

    /// Adds a file. All files go through here, so that each path has a form that [`is_ours`] recognizes, and no two
    /// files share one.
    pub(super) fn insert(
        &mut self,
        path: String,
        content: Cow<'a, [u8]>,
        owner: impl FnOnce() -> String,
    ) {
        let problem = match self.files.entry(path) {
            Entry::Vacant(free) if is_ours(free.key()) => {
                free.insert(content);
                return;
            }
            Entry::Vacant(free) => format!("{}, which cannot be a file name", free.key()),
            Entry::Occupied(taken) => format!("{}, which is another's file", taken.key()),
        };
        let message = format!("{} would be written to {problem}", owner());
        self.refused.push(Diagnostic::new(&code::BAD_NAME, message, RENAME));
    }

    /// Content by path.
    #[must_use]
    pub(crate) fn files(&self) -> &BTreeMap<String, Cow<'a, [u8]>> {
        &self.files
    }
}

const INDEX: &str = "the index of a folder";
const RENAME: &str =
    "rename the object: files are named after it, in lower-case letters, digits, `-` and `.`";

/// The file name for objects of a kind. kustomization.yaml is taken: kustomize reads the list of files from it.
fn file_of_kind(kind: &str) -> String {
    match kind.to_lowercase().as_str() {
        "kustomization" => "kind-kustomization.yaml".to_owned(),
        kind => format!("{kind}.yaml"),
    }
}

/// Whether a path has the form of our files. Nothing else is ever written, nor removed because a list names it.
pub(super) fn is_ours(path: &str) -> bool {
    let parts: Vec<&str> = path.split('/').collect();
    match parts.as_slice() {
        [artifacts::LIST] => true,
        ["flux" | "shared" | "baseline", file] | ["root", "flux" | "shared" | "baseline", file] => {
            is_file_name(file)
        }
        ["previews", preview, file] | ["previews", preview, "flux" | "objects", file] => {
            is_dns_label(preview) && is_file_name(file)
        }
        ["previews", preview, "tests", parts @ ..] => is_dns_label(preview) && is_of_suite(parts),
        ["tests", parts @ ..] => is_of_suite(parts),
        _ => false,
    }
}

/// Whether these parts are a suite and the path of a file in it.
fn is_of_suite(parts: &[&str]) -> bool {
    parts.split_first().is_some_and(|(suite, path)| {
        is_dns_label(suite) && !path.is_empty() && path.iter().all(|part| is_carried(part))
    })
}

/// Whether this can be the name of a file of ours. It has no upper-case letters, because some file systems ignore
/// case.
fn is_file_name(name: &str) -> bool {
    let fits =
        |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte);
    name.strip_suffix(".yaml").is_some_and(|stem| {
        name.len() <= 255 && !stem.is_empty() && !stem.starts_with('.') && stem.bytes().all(fits)
    })
}

/// A kustomization.yaml of these files.
fn kustomization<'a>(names: impl Iterator<Item = &'a str>) -> Vec<u8> {
    let mut resources: Vec<&str> = names.collect();
    resources.sort_unstable();
    let node = Node::map([
        ("apiVersion", Node::string("kustomize.config.k8s.io/v1beta1")),
        ("kind", Node::string("Kustomization")),
        ("resources", Node::list(resources.into_iter().map(Node::string))),
    ]);
    let mut text = String::new();
    write_document(&mut text, &node);
    text.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_paths_of_the_form_of_ours_are_written_or_removed() {
        for ours in [
            "flux/pr-1.yaml",
            "flux/kustomization.yaml",
            "previews/pr-1/service-routes.yaml",
            "shared/virtualservice.yaml",
            "baseline/kind-kustomization.yaml",
            "tests/e2e/README.md",
            "tests/e2e/Deep/er/ä b.sh",
            "artifacts.json",
            "root/flux/pr-1.yaml",
            "root/shared/virtualservice.yaml",
            "previews/pr-1/objects/service-routes.yaml",
            "previews/pr-1/flux/pr-1.yaml",
            "previews/pr-1/tests/e2e/README.md",
        ] {
            assert!(is_ours(ours), "{ours}");
        }
        for foreign in [
            "",
            ".anabranch",
            "README.md",
            "kustomization.yaml",
            ".git/config",
            ".github/workflows/ci.yaml",
            "docs/notes.yaml",
            "flux",
            "flux/",
            "flux/.yaml",
            "flux/..yaml",
            "flux/a.yml",
            "flux/A.yaml",
            "flux/a/b.yaml",
            "flux/../x.yaml",
            "/flux/a.yaml",
            "./flux/a.yaml",
            "flux//a.yaml",
            "previews/a.yaml",
            "previews/../a.yaml",
            "previews/PR-1/a.yaml",
            "previews/pr-1/a\\b.yaml",
            "previews/pr-1/kustomization.yml",
            "tests/e2e",
            "tests/e2e/",
            "tests/e2e/../x",
            "tests/e2e/.git/config",
            "tests/e2e/.GIT/config",
            "tests/e2e/a\rb",
            "tests/E2E/a",
            "root/a.yaml",
            "root/flux/a/b.yaml",
            "root/tests/e2e/a",
            "previews/pr-1/shared/a.yaml",
            "previews/pr-1/flux/a.json",
            "previews/pr-1/tests/e2e",
            "previews/artifacts.json",
            "../precious",
        ] {
            assert!(!is_ours(foreign), "{foreign}");
        }
        let long = format!("flux/{}.yaml", "x".repeat(251));
        assert!(!is_ours(&long));
    }

    #[test]
    fn no_two_files_share_a_path() {
        let mut tree = Tree::default();
        tree.insert("flux/shared.yaml".to_owned(), b"a"[..].into(), String::new);
        tree.insert("flux/shared.yaml".to_owned(), b"b"[..].into(), || "Alert b".to_owned());
        tree.insert("flux/../b.yaml".to_owned(), b"c"[..].into(), || "Widget c".to_owned());
        let words: Vec<&str> = tree.refused.iter().map(|one| one.message.as_str()).collect();
        let wanted = [
            "Alert b would be written to flux/shared.yaml, which is another's file",
            "Widget c would be written to flux/../b.yaml, which cannot be a file name",
        ];
        assert_eq!(words, wanted);
        assert_eq!(tree.files()["flux/shared.yaml"].as_ref(), b"a");
    }
}
