//! The folder that `render -o` writes: planned whole in memory, then written; what an earlier run
//! wrote and is no longer planned is removed, and nothing else is ever touched.

use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs;
use std::path::{Path, PathBuf};

use super::stream::append;
use crate::diagnostic::{Diagnostic, code};
use crate::emit::{Common, Draft, Preview, Words};
use crate::read::is_inside;
use crate::yaml::{Node, write_document};

/// The list of what was written, in the folder itself.
const LIST: &str = ".anabranch";

/// A folder as it will be: content by path, with `/` between the parts.
#[derive(Debug, Default)]
pub struct Tree {
    /// Content by path.
    pub files: BTreeMap<String, Vec<u8>>,
}

impl Tree {
    /// Lays out what belongs to no single preview. `baseline` are the objects to deliver, and
    /// `suites` the files of the suites by their path below `tests/`.
    #[must_use]
    pub fn new(
        previews: Vec<Self>,
        common: &Common<Draft<'_>>,
        baseline: &[Draft<'_>],
        suites: BTreeMap<String, Vec<u8>>,
    ) -> Self {
        let mut tree = Self::default();
        tree.files.extend(previews.into_iter().flat_map(|preview| preview.files));
        for (folder, objects) in [("shared", common.shared.as_slice()), ("baseline", baseline)] {
            let mut files: BTreeMap<String, Vec<&Draft<'_>>> = BTreeMap::new();
            for object in objects {
                let name = format!("{}.yaml", object.id(Words::NONE).kind.to_lowercase());
                files.entry(name).or_default().push(object);
            }
            if !files.is_empty() {
                let content = kustomization(files.keys().map(String::as_str));
                tree.files.insert(format!("{folder}/kustomization.yaml"), content);
            }
            for (name, objects) in files {
                tree.file(format!("{folder}/{name}"), Words::NONE, objects);
            }
        }
        for (name, objects) in &common.flux {
            tree.file(format!("flux/{name}"), Words::NONE, objects);
        }
        // Always there: it is the path that the user's own Kustomization names.
        let flux = tree.files.keys().filter_map(|path| path.strip_prefix("flux/"));
        let kustomization = kustomization(flux);
        tree.files.insert("flux/kustomization.yaml".to_owned(), kustomization);
        let suites = suites.into_iter().map(|(path, content)| (format!("tests/{path}"), content));
        tree.files.extend(suites);
        tree
    }

    /// Lays out one preview.
    #[must_use]
    pub fn of_preview(preview: &Preview<'_, Draft<'_>>) -> Self {
        let mut tree = Self::default();
        let folder = format!("previews/{}", preview.name);
        let mut files: BTreeMap<String, Vec<&Draft<'_>>> = BTreeMap::new();
        for (file, draft) in &preview.own {
            files.entry(format!("{}.yaml", file.name())).or_default().push(draft);
        }
        let content = kustomization(files.keys().map(String::as_str));
        tree.files.insert(format!("{folder}/kustomization.yaml"), content);
        let files = files.into_iter().map(|(name, drafts)| (format!("{folder}/{name}"), drafts));
        let flux = (format!("flux/{}.yaml", preview.name), preview.flux.iter().collect());
        for (path, drafts) in files.chain([flux]) {
            tree.file(path, preview.words(), drafts);
        }
        tree
    }

    fn file<'d>(
        &mut self,
        path: String,
        words: Words<'_>,
        drafts: impl IntoIterator<Item = &'d Draft<'d>>,
    ) {
        let mut content = String::new();
        append(&mut content, words, drafts);
        self.files.insert(path, content.into_bytes());
    }
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

/// Writes a tree into a folder that is empty, missing, or was written before.
///
/// # Errors
/// The folder holds files of someone else where ours would go, or the system refuses.
pub fn write_tree(folder: &Path, tree: &Tree) -> Result<(), Diagnostic> {
    let earlier = check_folder(folder, tree)?;
    let failed = |path: &Path, error: &std::io::Error| {
        Diagnostic::new(
            &code::OUTPUT_FOLDER,
            format!("{} cannot be written: {error}", path.display()),
            "check the path and its permissions",
        )
    };
    // The list first, and of both runs: should the machine stop half-way, the next run knows every
    // file that may be there.
    let mut listed: BTreeSet<&str> = tree.files.keys().map(String::as_str).collect();
    listed.extend(earlier.iter().map(String::as_str));
    let list = folder.join(LIST);
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    fs::write(&list, lines(&listed)).map_err(|error| failed(&list, &error))?;
    for (path, content) in &tree.files {
        let path = folder.join(path);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent).map_err(|error| failed(parent, &error))?;
        }
        if fs::read(&path).is_ok_and(|existing| existing == *content) {
            continue;
        }
        fs::write(&path, content).map_err(|error| failed(&path, &error))?;
    }
    for path in earlier.iter().filter(|path| !tree.files.contains_key(*path)) {
        remove(folder, path).map_err(|error| failed(&folder.join(path), &error))?;
    }
    let now: BTreeSet<&str> = tree.files.keys().map(String::as_str).collect();
    fs::write(&list, lines(&now)).map_err(|error| failed(&list, &error))
}

fn lines(paths: &BTreeSet<&str>) -> String {
    paths.iter().flat_map(|path| [*path, "\n"]).collect()
}

/// Checks that the folder may be written and returns what an earlier run wrote.
fn check_folder(folder: &Path, tree: &Tree) -> Result<BTreeSet<String>, Diagnostic> {
    let refuse = |message: String| {
        let help = "name an empty folder, or one that `anabranch render -o` wrote before";
        Diagnostic::new(&code::OUTPUT_FOLDER, message, help)
    };
    let list = folder.join(LIST);
    let earlier: BTreeSet<String> = match fs::read_to_string(&list) {
        Ok(text) => text
            .lines()
            .filter(|line| !line.is_empty() && is_inside(line))
            .map(str::to_owned)
            .collect(),
        Err(_) => {
            let occupied = match fs::read_dir(folder) {
                Ok(mut entries) => entries.next().is_some(),
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => false,
                Err(error) => {
                    return Err(refuse(format!("{} cannot be read: {error}", folder.display())));
                }
            };
            if occupied {
                return Err(refuse(format!(
                    "{} is not empty and holds no {LIST}: it is not ours",
                    folder.display()
                )));
            }
            BTreeSet::new()
        }
    };
    for path in tree.files.keys() {
        if !earlier.contains(path) && folder.join(path).exists() {
            return Err(refuse(format!(
                "{} exists and was not written by anabranch",
                folder.join(path).display()
            )));
        }
    }
    let paths = tree.files.keys().chain(&earlier).map(String::as_str);
    if let Some(link) = find_link(folder, paths.chain([LIST])) {
        return Err(Diagnostic::new(
            &code::OUTPUT_FOLDER,
            format!("{} is a link, and what is written there lands elsewhere", link.display()),
            "remove it: everything below the folder is written by anabranch",
        ));
    }
    Ok(earlier)
}

/// The first link among these paths below a folder, and the folders on their way.
fn find_link<'p>(folder: &Path, paths: impl Iterator<Item = &'p str>) -> Option<PathBuf> {
    let mut seen: HashSet<&Path> = HashSet::new();
    let parts = paths.flat_map(|path| Path::new(path).ancestors()).filter(|part| seen.insert(part));
    parts.map(|part| folder.join(part)).find(|path| path != folder && path.is_symlink())
}

/// Removes a file and the folders that it leaves empty.
fn remove(folder: &Path, path: &str) -> std::io::Result<()> {
    let file = folder.join(path);
    match fs::remove_file(&file) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    let mut parent: PathBuf = file;
    while parent.pop() && parent != folder {
        if fs::remove_dir(&parent).is_err() {
            break;
        }
    }
    Ok(())
}
