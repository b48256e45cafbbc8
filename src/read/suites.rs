//! Reads the folders of suites, which the tree contains byte for byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::baseline::read_bytes;
use super::discover::from_here;
use super::folder::OUTPUT_LIST;
use super::inside::{check_below, check_file, folded, git_root, is_carried, is_inside, real};
use crate::diagnostic::{Diagnostic, Report, Sources, code};
use crate::limits::{InputLimits, too_many_bytes};
use crate::spec::{Config, Suite};

/// The content of every file of every suite, by its path below `tests/`. Left out are Git's own files, and folders
/// that `render -o` wrote, which would include themselves.
pub(crate) fn read_suites(
    config: &Config,
    root: &Path,
    sources: &Sources,
    limits: &InputLimits,
    report: &mut Report,
) -> BTreeMap<String, Vec<u8>> {
    let left = limits.bytes.saturating_sub(sources.bytes());
    let mut reader = Reader { config, root, left, files: BTreeMap::new(), report };
    for (index, suite) in config.previews.spec.tests.iter().enumerate() {
        // Validation reports other paths.
        if is_inside(&suite.path) && reader.read(index, suite).is_none() {
            reader.report.push(too_many_bytes(&format!("the suite `{}`", suite.name), limits));
            break;
        }
    }
    reader.files
}

/// Reads suites.
struct Reader<'a> {
    config: &'a Config,
    root: &'a Path,
    /// The number of bytes that may still be read.
    left: usize,
    files: BTreeMap<String, Vec<u8>>,
    report: &'a mut Report,
}

impl Reader<'_> {
    /// Reads a suite. `None` if it has more bytes than are left.
    fn read(&mut self, index: usize, suite: &Suite) -> Option<()> {
        let missing = |message: String, help: &str| {
            let field = format_args!("spec.tests[{index}].path");
            self.config.finding(&code::SUITE_MISSING, field, message, help)
        };
        let folder = self.root.join(&suite.path);
        if let Err(why) = check_suite(&folder, self.root) {
            self.report.push(missing(
                format!("the suite `{}` is not read: {why}", suite.name),
                "create it, or say with --source-root what suite paths are relative to",
            ));
            return Some(());
        }
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for entry in walk(&folder) {
            let read = entry.map_err(|error| error.to_string()).and_then(|entry| {
                if entry.file_type().is_dir() || entry.depth() == 0 {
                    return Ok(None);
                }
                let most = (self.left as u64).saturating_add(1);
                let read = read_carried(&entry, &folder, self.root, most);
                read.map(Some).map_err(|why| format!("{}: {why}", entry.path().display()))
            });
            match read {
                Ok(None) => {}
                Ok(Some((path, content))) => {
                    // Empty files cost memory and time too.
                    self.left = self.left.checked_sub(path.len() + content.len())?;
                    if let Some((other, path)) = clash(&path, &mut names) {
                        let message = format!(
                            "to some file systems `{other}` and `{path}` of the suite `{}` are one",
                            suite.name
                        );
                        self.report.push(missing(message, "rename one of the two"));
                    }
                    self.files.insert(format!("{}/{path}", suite.name), content);
                }
                Err(error) => self.report.push(missing(
                    format!("a file of the suite `{}` cannot be read: {error}", suite.name),
                    "make it a file of the suite's folder that may be read",
                )),
            }
        }
        Some(())
    }
}

/// Whether an entry of a suite's folder is part of the suite.
fn is_part(entry: &DirEntry) -> bool {
    entry.file_name() != ".git" && !entry.path().join(OUTPUT_LIST).is_file()
}

/// Finds two names in one folder that a file system may take for one: a part of this path, and one of the `names`
/// seen before.
fn clash<'p>(path: &'p str, names: &mut BTreeMap<String, String>) -> Option<(String, &'p str)> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.map(|end| &path[..end]).find_map(|name| {
        let before = names.entry(folded(name)).or_insert_with(|| name.to_owned());
        (before != name).then(|| (before.clone(), name))
    })
}

/// Checks that a suite's folder is a folder of the source and holds some file. Git has no empty folders, and Flux
/// applies an empty one without an error.
fn check_suite(folder: &Path, root: &Path) -> Result<(), String> {
    if !folder.is_dir() {
        return Err(format!("there is no folder {}", from_here(folder).display()));
    }
    check_below(&real(folder)?, root)?;
    let is_file = |entry: &DirEntry| entry.depth() > 0 && !entry.file_type().is_dir();
    if walk(folder).any(|entry| entry.as_ref().map_or(true, is_file)) {
        return Ok(());
    }
    Err(format!("there is no file in {}", from_here(folder).display()))
}

/// Walks through a suite.
fn walk(folder: &Path) -> impl Iterator<Item = walkdir::Result<DirEntry>> {
    let all = WalkDir::new(folder).sort_by_file_name().into_iter();
    all.filter_entry(|entry| entry.depth() == 0 || is_part(entry))
}

/// The path of a file below its suite's folder, and the first bytes of its content.
fn read_carried(
    entry: &DirEntry,
    folder: &Path,
    root: &Path,
    most: u64,
) -> Result<(String, Vec<u8>), String> {
    let path = entry.path();
    let below = path.strip_prefix(folder).unwrap_or(path);
    let parts = below.iter().map(|part| part.to_str().filter(|part| is_carried(part)));
    let parts: Option<Vec<&str>> = parts.collect();
    let parts = parts.ok_or("its name would not be the same everywhere: rename it")?;
    check_file(entry, root)?;
    let content = read_bytes(path, most).map_err(|error| error.to_string())?;
    Ok((parts.join("/"), content))
}

/// The finding about the folder for gates, if suites need gates.
#[must_use]
pub(crate) fn check_gate(config: &Config, root: &Path) -> Option<Diagnostic> {
    let spec = &config.previews.spec;
    let gate = &spec.flux.gate;
    // Artifacts need a tree, which has no gates; validation reports a wrong path.
    let has_gates = !spec.tests.is_empty() && config.flux("artifacts").is_none();
    if !has_gates || spec.previews.is_empty() || !is_inside(gate) {
        return None;
    }
    let folder = root.join(gate);
    // Git has no empty folders.
    if folder.read_dir().is_ok_and(|mut entries| entries.next().is_some()) {
        return None;
    }
    let shown = from_here(&folder);
    Some(config.finding(
        &code::GATE_MISSING,
        "spec.flux.gate",
        format!("there is no folder {}, for which the suites of every preview wait", shown.display()),
        "make it, with a kustomization.yaml that says `resources: []`, or name another in spec.flux.gate; \
         --source-root says what its path is relative to",
    ))
}

/// What suite paths are relative to: the Git root above previews.yaml, else its folder.
#[must_use]
pub(crate) fn source_root(previews: &Path) -> PathBuf {
    let absolute = std::path::absolute(previews).unwrap_or_else(|_| previews.to_owned());
    git_root(absolute.parent().unwrap_or(Path::new(".")))
}
