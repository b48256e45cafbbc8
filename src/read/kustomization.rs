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
use super::references::{Kind, MOST_PLUGINS, Reference, References, is_remote, too_many_plugins};
use super::text_of;
use crate::diagnostic::{Diagnostic, Place, Problem, Refused, Sources, code};
use crate::limits::{InputLimits, too_many_bytes};

/// Which files kustomize may read: its `--load-restrictor`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum LoadRestriction {
    /// Those below the folder of each kustomization: what kustomize does by itself.
    OwnFolders,
    /// All that the kustomizations name, which are in the repository: `LoadRestrictionsNone`.
    Lifted,
}

impl LoadRestriction {
    /// The restriction under which a folder can be built. Without Git, the folder of previews.yaml counts as the
    /// repository.
    ///
    /// # Errors
    /// Each file outside of the repository.
    pub(super) fn of(
        folder: &Path,
        source_root: &Path,
        sources: &mut Sources,
        limits: &InputLimits,
    ) -> Result<Self, Refused> {
        let Some(survey) = Survey::of(folder, source_root, sources, limits) else {
            return Ok(Self::OwnFolders);
        };
        let restriction = match survey.is_beside && survey.is_clear && survey.has_repository {
            true => Self::Lifted,
            false => Self::OwnFolders,
        };
        Refused::unless_none(survey.findings, restriction)
    }
}

/// The folders whose kustomizations a folder builds upon, links followed: its bases and components.
pub(crate) fn built_upon(folder: &Path, source_root: &Path) -> BTreeSet<PathBuf> {
    let (mut sources, limits) = (Sources::default(), InputLimits::default());
    let survey = Survey::of(folder, source_root, &mut sources, &limits);
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

struct Survey<'s> {
    /// The repository, or the whole machine: what Git keeps is not read there either.
    repository: PathBuf,
    has_repository: bool,
    limits: &'s InputLimits,
    /// Bytes that may still be read.
    left: usize,
    /// Folders still to be read, with all links resolved.
    waiting: Vec<PathBuf>,
    seen: BTreeSet<PathBuf>,
    /// Plugins that were read: the folder that runs them, and their file or folder.
    plugins: BTreeSet<(PathBuf, PathBuf)>,
    /// Whether some file is not below the folder of its kustomization.
    is_beside: bool,
    /// Whether every file that the build could read is known.
    is_clear: bool,
    sources: &'s mut Sources,
    findings: Vec<Diagnostic>,
}

/// A kustomization, or a file with plugins, that is being read.
struct File<'f> {
    /// The folder that paths in it are relative to.
    folder: &'f Path,
    path: PathBuf,
    text: &'f str,
}

impl<'s> Survey<'s> {
    /// Reads a folder and all that it builds upon. `None` if there is no such folder.
    fn of(
        folder: &Path,
        source_root: &Path,
        sources: &'s mut Sources,
        limits: &'s InputLimits,
    ) -> Option<Self> {
        let (repository, folder) = (repository_of(folder, source_root), real(folder).ok()?);
        let left = limits.bytes.saturating_sub(sources.bytes());
        let mut survey = Survey {
            has_repository: repository.is_some(),
            repository: repository.unwrap_or_else(|| PathBuf::from("/")),
            limits,
            left,
            waiting: vec![folder],
            seen: BTreeSet::new(),
            plugins: BTreeSet::new(),
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
        let Some(path) = kustomization_of(folder) else {
            // kustomize reports it.
            return;
        };
        let Some(text) = self.read(&path, folder) else {
            return;
        };
        let file = File { folder, path, text: &text };
        let found = References::of_kustomization(&text, self.limits);
        self.take(&file, found);
    }

    /// The text of a file; `None` if it cannot be read, which is reported, by kustomize if not here.
    fn read(&mut self, path: &Path, folder: &Path) -> Option<String> {
        if let Err(why) = self.check(path, folder) {
            let file = File { folder, path: path.to_owned(), text: "" };
            self.refuse(&file, &path.display().to_string(), Place::default(), &why);
            return None;
        }
        let Ok(bytes) = read_bytes(path, (self.left as u64).saturating_add(1)) else {
            self.is_clear = false;
            return None;
        };
        let shown = from_here(path).display().to_string();
        let Some(left) = self.left.checked_sub(bytes.len()) else {
            self.findings.push(too_many_bytes(&shown, self.limits));
            return None;
        };
        self.left = left;
        // kustomize reads UTF-16 as well.
        text_of(&shown, bytes).map_err(|refused| self.findings.extend(refused)).ok()
    }

    /// Looks at everything that a file names.
    fn take(&mut self, file: &File<'_>, found: References) {
        self.is_clear &= found.is_clear();
        for (place, problem) in found.problems {
            self.refuse_text(file, place, problem);
        }
        for reference in &found.named {
            let real = self.resolve(file, reference);
            match (reference.kind, real) {
                (Kind::Resource, Some(real)) if real.is_dir() => self.waiting.push(real),
                (Kind::Plugins, Some(real)) => self.plugins(file, &real),
                (Kind::Plugins, None) => self.is_clear = false,
                _ => {}
            }
        }
    }

    /// Reads plugins that the kustomization of a folder runs, from a file, or from a folder whose kustomization lists
    /// such files. Paths in them are relative to the folder that runs them.
    fn plugins(&mut self, runner: &File<'_>, path: &Path) {
        let is_new = self.plugins.len() <= MOST_PLUGINS
            && self.plugins.insert((runner.folder.to_owned(), path.to_owned()));
        if !is_new {
            return;
        }
        if self.plugins.len() > MOST_PLUGINS {
            self.refuse_text(runner, Place::default(), too_many_plugins());
            return;
        }
        if path.is_file() {
            if let Some(text) = self.read(path, runner.folder) {
                let file = File { folder: runner.folder, path: path.to_owned(), text: &text };
                let found = References::of_plugins(&text, self.limits);
                self.take(&file, found);
            }
        } else if let Some(list) = kustomization_of(path) {
            self.plugins_of_folder(runner, path, list);
        }
    }

    /// Reads the plugins that the kustomization of a folder, `list`, lists.
    fn plugins_of_folder(&mut self, runner: &File<'_>, folder: &Path, list: PathBuf) {
        let Some(text) = self.read(&list, folder) else {
            return;
        };
        let file = File { folder, path: list, text: &text };
        let found = References::of_kustomization(&text, self.limits);
        self.is_clear &= found.is_clear();
        if let Some(place) = found.more {
            let message =
                "it may change plugins that are listed there, and so which files they read";
            let help = "let it have `resources` alone, with the files of the plugins";
            self.refuse_text(&file, place, Problem::new(message, help));
        }
        for (place, problem) in found.problems {
            self.refuse_text(&file, place, problem);
        }
        for reference in found.named {
            let reference = Reference { kind: Kind::Plugins, ..reference };
            match self.resolve(&file, &reference) {
                Some(real) => self.plugins(runner, &real),
                None => self.is_clear = false,
            }
        }
    }

    /// Resolves a path of a kustomization, links included. `None` if it is on a server, does not exist, or is outside
    /// of the repository, which is reported.
    fn resolve(&mut self, file: &File<'_>, reference: &Reference) -> Option<PathBuf> {
        let (text, place) = (reference.path.as_str(), reference.place);
        let path = joined(file.folder, text);
        let leads_out = !path.starts_with(&self.repository);
        let Ok(real) = real(&path) else {
            // kustomize would clone such a URL.
            let is_of_machine = text.to_ascii_lowercase().contains("file://");
            if is_of_machine || leads_out && !is_remote(text) && !is_inline(text) {
                self.refuse(file, reference.shown(), place, OUTSIDE);
            } else if reference.kind == Kind::Plugins && is_remote(text) {
                // They could name any file of this repository.
                self.refuse(file, reference.shown(), place, REMOTE);
            } else if reference.may_be_secret && !is_remote_file(text) {
                // kustomize would show it.
                let help = "name a file that exists; a value itself is one of `literals`";
                self.refuse_text(file, place, Problem::new(MISSING, help));
            }
            return None;
        };
        let is_moved = Path::new(text).is_absolute() && !real.starts_with(file.folder);
        let checked = self.check(&path, file.folder);
        match checked.and_then(|()| if is_moved { Err(ABSOLUTE.to_owned()) } else { Ok(()) }) {
            Ok(()) => Some(real),
            Err(why) => {
                self.refuse(file, reference.shown(), place, &why);
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
        let help = "a baseline is built from files of its repository: move this one there, or build the folder \
                    yourself and pass the result with `--baseline -`";
        self.push(file, place, format!("names `{named}`, and {why}"), help);
    }

    fn refuse_text(&mut self, file: &File<'_>, place: Place, problem: Problem) {
        self.push(file, place, format!("is not built: {}", problem.message), &problem.help);
    }

    fn push(&mut self, file: &File<'_>, place: Place, what: String, help: &str) {
        let shown = from_here(&file.path).display().to_string();
        // Literals of a generator can be secret, and only the place is needed.
        let blank = |c: char| if c.is_ascii() && c != '\n' { ' ' } else { c };
        let text: String = file.text.chars().map(blank).collect();
        let id = self.sources.add(&shown, text);
        let range = place.range();
        let place = Place::new(id, range.start, range.end);
        let message = format!("{shown} {what}");
        self.findings.push(Diagnostic::new(&code::UNREADABLE, message, help).at(place, ""));
    }
}

/// The file with the kustomization of a folder.
fn kustomization_of(folder: &Path) -> Option<PathBuf> {
    KUSTOMIZATION.iter().map(|name| folder.join(name)).find(|path| path.is_file())
}

const OUTSIDE: &str = "that is outside of the repository";
const ABSOLUTE: &str = "that is the path of one machine";
const LINK: &str = "that is a link which leads out of the repository";
const REMOTE: &str = "plugins of a server may read any file of the repository";
const MISSING: &str = "a file that `secretGenerator` names does not exist";

/// Whether a text looks like inline YAML, and not like a path.
fn is_inline(text: &str) -> bool {
    text.contains('\n') || text.trim_start().starts_with('{')
}

/// Whether kustomize loads a file from a server. It takes nothing else for an address of a file, so that a value with
/// an `@` is still one.
fn is_remote_file(text: &str) -> bool {
    let text = text.to_ascii_lowercase();
    text.starts_with("http://") || text.starts_with("https://")
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
