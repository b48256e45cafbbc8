//! Finds out which files the build of a folder would read.
//!
//! Flux builds kustomizations whose files are beside their folder, because it sets `LoadRestrictionsNone`. kustomize
//! alone refuses them, as without its restriction a file can be any on the machine. So the restriction is lifted only
//! if it is in the way, if every field that can name a file is known, and if every file is in the repository.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use super::baseline::read_bytes;
use super::discover::from_here;
use super::folder::KUSTOMIZATION;
use super::inside::{check_below, git_root, real};
use crate::diagnostic::{Diagnostic, Place, Refused, Sources, code};
use crate::limits::InputLimits;
use crate::yaml::{Data, Node, parse_documents};

/// What kustomize may read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Reach {
    /// What is below the folder of each kustomization: kustomize's own rule.
    OwnFolders,
    /// Everything that the kustomizations name, all of which is in the repository.
    Repository,
}

impl Reach {
    /// What the build of a folder has to read. Without Git, the folder of previews.yaml counts as the repository.
    ///
    /// # Errors
    /// Each file outside of the repository.
    pub(super) fn of(
        folder: &Path,
        source_root: &Path,
        sources: &mut Sources,
        budget: &InputLimits,
    ) -> Result<Self, Refused> {
        let Some(survey) = Survey::of(folder, source_root, sources, budget) else {
            return Ok(Self::OwnFolders);
        };
        let reach = match survey.is_beside && survey.is_clear {
            true => Self::Repository,
            false => Self::OwnFolders,
        };
        Refused::unless_none(survey.findings, reach)
    }
}

/// The folders whose kustomizations a folder builds upon, links followed: its bases and components.
pub(crate) fn built_upon(folder: &Path, source_root: &Path) -> BTreeSet<PathBuf> {
    let (mut sources, budget) = (Sources::default(), InputLimits::default());
    let survey = Survey::of(folder, source_root, &mut sources, &budget);
    let mut seen = survey.map(|survey| survey.seen).unwrap_or_default();
    if let Ok(itself) = real(folder) {
        seen.remove(&itself);
    }
    seen
}

/// The repository of a folder: its Git root, or without Git the root of previews.yaml, if the folder is below it.
fn repository_of(folder: &Path, source_root: &Path) -> Option<PathBuf> {
    let root = git_root(folder);
    if root.join(".git").exists() {
        return real(&root).ok();
    }
    let (folder, root) = (real(folder).ok()?, real(source_root).ok()?);
    folder.starts_with(&root).then_some(root)
}

/// Fields that name files. In the last one, the item can also be the patch itself.
const FILES: [&str; 3] = ["configurations", "crds", "patchesStrategicMerge"];

/// Fields that name files, or folders with a kustomization.
const RESOURCES: [&str; 3] = ["bases", "components", "resources"];

/// Fields with plugins, or with files of plugins.
const PLUGINS: [&str; 3] = ["generators", "transformers", "validators"];

/// Fields with lists of mappings, and the keys of these. Only `path`, `files`, `env` and `envs` name files.
const MAPPINGS: [(&str, &[&str]); 5] = [
    ("configMapGenerator", GENERATED),
    ("patches", PATCH),
    ("patchesJson6902", PATCH),
    ("replacements", &["path", "source", "targets"]),
    ("secretGenerator", GENERATED),
];

const PATCH: &[&str] = &["options", "patch", "path", "target"];

const GENERATED: &[&str] =
    &["behavior", "env", "envs", "files", "literals", "name", "namespace", "options", "type"];

/// Fields that name no files. Charts are not among them: Flux does not render them in a build, nor do we.
const OTHERS: [&str; 16] = [
    "apiVersion",
    "buildMetadata",
    "commonAnnotations",
    "commonLabels",
    "generatorOptions",
    "imageTags",
    "images",
    "kind",
    "labels",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "replicas",
    "sortOptions",
    "vars",
];

/// Plugins that are part of kustomize and name no files.
const PLAIN_PLUGINS: [&str; 10] = [
    "AnnotationsTransformer",
    "HashTransformer",
    "IAMPolicyGenerator",
    "ImageTagTransformer",
    "LabelTransformer",
    "NamespaceTransformer",
    "PrefixSuffixTransformer",
    "PrefixTransformer",
    "ReplicaCountTransformer",
    "SuffixTransformer",
];

struct Survey<'s> {
    repository: PathBuf,
    budget: &'s InputLimits,
    /// Bytes that may still be read.
    left: usize,
    /// Folders still to be read, with all links resolved.
    waiting: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
    /// Whether some file is not below the folder of its kustomization.
    is_beside: bool,
    /// Whether every field that could name a file is known.
    is_clear: bool,
    sources: &'s mut Sources,
    findings: Vec<Diagnostic>,
}

/// A kustomization that is being read.
struct File<'f> {
    /// Its folder, which paths in it are relative to.
    folder: &'f Path,
    path: PathBuf,
    text: &'f str,
}

impl<'s> Survey<'s> {
    /// Reads a folder and all that it builds upon. `None` if no repository holds it.
    fn of(
        folder: &Path,
        source_root: &Path,
        sources: &'s mut Sources,
        budget: &'s InputLimits,
    ) -> Option<Self> {
        let (repository, folder) = (repository_of(folder, source_root)?, real(folder).ok()?);
        let left = budget.bytes.saturating_sub(sources.bytes());
        let mut survey = Survey {
            repository,
            budget,
            left,
            waiting: vec![folder],
            seen: BTreeSet::new(),
            is_beside: false,
            is_clear: true,
            sources,
            findings: Vec::new(),
        };
        while let Some(folder) = survey.waiting.pop() {
            if survey.seen.insert(folder.clone()) {
                survey.folder(&folder);
            }
        }
        Some(survey)
    }

    fn folder(&mut self, folder: &Path) {
        let mut paths = KUSTOMIZATION.iter().map(|name| folder.join(name));
        let Some(path) = paths.find(|path| path.is_file()) else {
            // kustomize reports it.
            return;
        };
        let Some(text) = self.read(&path) else {
            self.is_clear = false;
            return;
        };
        let file = File { folder, path, text: &text };
        if let Err(why) = self.check(&file.path, folder) {
            self.refuse(&file, &file.path.display().to_string(), Place::default(), &why);
            return;
        }
        match &self.documents(&text)[..] {
            [document] => self.kustomization(&file, document),
            _ => self.is_clear = false,
        }
    }

    /// The text of a file; `None` if it is not text, or too large, which kustomize would report.
    fn read(&mut self, path: &Path) -> Option<String> {
        let bytes = read_bytes(path, (self.left as u64).saturating_add(1)).ok()?;
        self.left = self.left.checked_sub(bytes.len())?;
        String::from_utf8(bytes).ok()
    }

    fn documents(&self, text: &str) -> Vec<Node> {
        let mut sources = Sources::default();
        let file = sources.add("kustomization", text);
        parse_documents(&sources, file, self.budget).unwrap_or_default()
    }

    /// Reads each field. Go matches names of fields in any case, so an unknown field can be one that names files.
    fn kustomization(&mut self, file: &File<'_>, document: &Node) {
        for (key, value) in document.entries() {
            let key = key.text.as_str();
            let of_mapping = MAPPINGS.iter().find(|(field, _)| *field == key);
            if RESOURCES.contains(&key) {
                self.each(value, |survey, item| survey.resource(file, item));
            } else if FILES.contains(&key) {
                self.each(value, |survey, item| survey.file(file, item, false));
            } else if PLUGINS.contains(&key) {
                self.each(value, |survey, item| survey.plugins(file, item));
            } else if key == "openapi" {
                self.mapping(file, value, &["path", "version"]);
            } else if let Some((_, fields)) = of_mapping {
                self.each(value, |survey, item| survey.mapping(file, item, fields));
            } else if !OTHERS.contains(&key) {
                self.is_clear = false;
            }
        }
        self.is_clear &= matches!(document.data, Data::Map(_));
    }

    fn each(&mut self, list: &Node, mut look: impl FnMut(&mut Self, &Node)) {
        self.is_clear &= matches!(list.data, Data::List(_)) || list.is_null();
        list.items().iter().for_each(|item| look(self, item));
    }

    fn mapping(&mut self, file: &File<'_>, mapping: &Node, fields: &[&str]) {
        self.is_clear &= matches!(mapping.data, Data::Map(_));
        for (key, value) in mapping.entries() {
            match key.text.as_str() {
                key if !fields.contains(&key) => self.is_clear = false,
                "path" | "env" => self.file(file, value, false),
                "envs" => self.each(value, |survey, item| survey.file(file, item, false)),
                "files" => self.each(value, |survey, item| survey.file(file, item, true)),
                _ => {}
            }
        }
    }

    /// A file with objects, or a folder with a kustomization.
    fn resource(&mut self, file: &File<'_>, item: &Node) {
        let Some(text) = item.text() else {
            self.is_clear = false;
            return;
        };
        match self.resolve(file, item, text) {
            Some(real) if real.is_dir() => self.waiting.push(real),
            _ => {}
        }
    }

    /// A file. In a list of `files` it can be given another name: `name=path`.
    fn file(&mut self, file: &File<'_>, item: &Node, is_named: bool) {
        let Some(text) = item.text() else {
            // Empty, or a mistake that kustomize reports.
            self.is_clear &= item.is_null();
            return;
        };
        let path =
            if is_named { text.split_once('=').map_or(text, |(_, path)| path) } else { text };
        self.resolve(file, item, path);
    }

    /// Plugins, or a file with plugins. It is unknown which files an unknown plugin reads.
    fn plugins(&mut self, file: &File<'_>, item: &Node) {
        // A text that is not YAML of plugins is a path to a file with them.
        let real = item.text().and_then(|text| self.resolve(file, item, text));
        let text = match real {
            Some(real) if real.is_file() => self.read(&real),
            _ => item.text().filter(|_| is_inline(item)).map(str::to_owned),
        };
        let documents = text.map(|text| self.documents(&text)).unwrap_or_default();
        let is_plain =
            |one: &Node| one.text_at(&["kind"]).is_some_and(|kind| PLAIN_PLUGINS.contains(&kind));
        self.is_clear &= !documents.is_empty() && documents.iter().all(is_plain);
    }

    /// Resolves a path of a kustomization, links included. `None` if it is on a server, does not exist, or is outside
    /// of the repository, which is reported.
    fn resolve(&mut self, file: &File<'_>, item: &Node, text: &str) -> Option<PathBuf> {
        let path = joined(file.folder, text);
        let leads_out = !path.starts_with(&self.repository);
        let Ok(real) = real(&path) else {
            // kustomize would clone such a URL.
            let is_of_machine = text.to_ascii_lowercase().contains("file://");
            if is_of_machine || leads_out && !is_remote(text) && !is_inline(item) {
                self.refuse(file, text, item.place, OUTSIDE);
            }
            return None;
        };
        let is_moved = Path::new(text).is_absolute() && !real.starts_with(file.folder);
        let checked = self.check(&path, file.folder);
        match checked.and_then(|()| if is_moved { Err(ABSOLUTE.to_owned()) } else { Ok(()) }) {
            Ok(()) => Some(real),
            Err(why) => {
                self.refuse(file, text, item.place, &why);
                None
            }
        }
    }

    /// Checks that a path leads into the repository, and notes whether it leads out of its folder.
    fn check(&mut self, path: &Path, folder: &Path) -> Result<(), String> {
        let leads_to = real(path)?;
        if !leads_to.starts_with(&self.repository) {
            let is_link = path.starts_with(&self.repository);
            return Err(if is_link { LINK } else { OUTSIDE }.to_owned());
        }
        check_below(&leads_to, &self.repository)?;
        // A folder has its own kustomization, and kustomize accepts it wherever it is.
        self.is_beside |= !leads_to.is_dir() && !leads_to.starts_with(folder);
        Ok(())
    }

    fn refuse(&mut self, file: &File<'_>, named: &str, place: Place, why: &str) {
        let shown = from_here(&file.path).display().to_string();
        let help = "a baseline is built from files of its repository: move this one there, or build the folder \
                    yourself and pass the result with `--baseline -`";
        let message = format!("{shown} names `{named}`, and {why}");
        // Literals of a generator can be secret, and only the place is needed.
        let blank = |c: char| if c.is_ascii() && c != '\n' { ' ' } else { c };
        let text: String = file.text.chars().map(blank).collect();
        let id = self.sources.add(&shown, text);
        let range = place.range();
        let place = Place::new(id, range.start, range.end);
        self.findings.push(Diagnostic::new(&code::UNREADABLE, message, help).at(place, ""));
    }
}

const OUTSIDE: &str = "that is outside of the repository";
const ABSOLUTE: &str = "that is the path of one machine";
const LINK: &str = "that is a link which leads out of the repository";

/// Whether an item looks like inline YAML, and not like a path.
fn is_inline(item: &Node) -> bool {
    item.text().is_some_and(|text| text.contains('\n') || text.trim_start().starts_with('{'))
}

/// Whether kustomize could take a path for the address of a server.
fn is_remote(text: &str) -> bool {
    text.contains("://") || text.contains('@') || text.contains("?ref=")
}

/// Joins a path as kustomize does: `a/../b` is `b`, whatever `a` is. An absolute path stays as it is.
fn joined(folder: &Path, text: &str) -> PathBuf {
    if Path::new(text).is_absolute() {
        return PathBuf::from(text);
    }
    let mut path = folder.to_owned();
    for part in Path::new(text).components() {
        match part {
            Component::ParentDir => {
                path.pop();
            }
            part => path.push(part),
        }
    }
    path
}
