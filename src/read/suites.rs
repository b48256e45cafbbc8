//! The folders of suites, which the tree carries along byte for byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::{DirEntry, WalkDir};

use super::baseline::read_bytes;
use super::discover::from_here;
use super::folder::OUTPUT_LIST;
use super::inside::{check_below, check_file, folded, git_root, is_carried, is_inside, real};
use crate::diagnostic::{Diagnostic, Sources, code};
use crate::spec::Config;
use crate::yaml::{InputLimits, too_many_bytes};

/// Content of every file of every suite, by its path below `tests/`; but for what Git keeps for itself, and for folders
/// that `render -o` wrote, which would carry themselves along.
pub fn read_suites(
    config: &Config,
    root: &Path,
    sources: &Sources,
    budget: &InputLimits,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut left = budget.bytes.saturating_sub(sources.bytes());
    for (index, suite) in config.previews.spec.tests.iter().enumerate() {
        if !is_inside(&suite.path) {
            // Validation says so.
            continue;
        }
        let missing = |message: String, help: &str| {
            let field = format_args!("spec.tests[{index}].path");
            config.finding(&code::SUITE_MISSING, field, message, help)
        };
        let folder = root.join(&suite.path);
        if let Err(why) = check_suite(&folder, root) {
            found.push(missing(
                format!("the suite `{}` is not read: {why}", suite.name),
                "create it, or say with --source-root what suite paths are relative to",
            ));
            continue;
        }
        let walk = WalkDir::new(&folder).sort_by_file_name().into_iter();
        let mut names: BTreeMap<String, String> = BTreeMap::new();
        for entry in walk.filter_entry(|entry| entry.depth() == 0 || is_part(entry)) {
            let read = entry.map_err(|error| error.to_string()).and_then(|entry| {
                if entry.file_type().is_dir() || entry.depth() == 0 {
                    return Ok(None);
                }
                let most = (left as u64).saturating_add(1);
                let read = read_carried(&entry, &folder, root, most);
                read.map(Some).map_err(|why| format!("{}: {why}", entry.path().display()))
            });
            match read {
                Ok(None) => {}
                Ok(Some((path, content))) => {
                    // Files without content are memory and time too.
                    let Some(rest) = left.checked_sub(path.len() + content.len()) else {
                        found.push(too_many_bytes(&format!("the suite `{}`", suite.name), budget));
                        return files;
                    };
                    left = rest;
                    if let Some((other, path)) = clash(&path, &mut names) {
                        let message = format!(
                            "to some file systems `{other}` and `{path}` of the suite `{}` are one",
                            suite.name
                        );
                        found.push(missing(message, "rename one of the two"));
                    }
                    files.insert(format!("{}/{path}", suite.name), content);
                }
                Err(error) => found.push(missing(
                    format!("a file of the suite `{}` cannot be read: {error}", suite.name),
                    "make it a file of the suite's folder that may be read",
                )),
            }
        }
    }
    files
}

/// Whether what lies in a suite's folder is part of the suite.
fn is_part(entry: &DirEntry) -> bool {
    entry.file_name() != ".git" && !entry.path().join(OUTPUT_LIST).is_file()
}

/// Two names of one folder that a file system may take for one: that of a path, or of a folder on it, and
/// one of those `names` that came before.
fn clash<'p>(path: &'p str, names: &mut BTreeMap<String, String>) -> Option<(String, &'p str)> {
    let ends = path.match_indices('/').map(|(at, _)| at).chain([path.len()]);
    ends.map(|end| &path[..end]).find_map(|name| {
        let before = names.entry(folded(name)).or_insert_with(|| name.to_owned());
        (before != name).then(|| (before.clone(), name))
    })
}

/// Checks that a suite's folder is one, and in the source.
fn check_suite(folder: &Path, root: &Path) -> Result<(), String> {
    if !folder.is_dir() {
        return Err(format!("there is no folder {}", from_here(folder).display()));
    }
    check_below(&real(folder)?, root)
}

/// The path of a file below the folder of its suite, and the first bytes of its content.
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

/// What is wrong with the folder of the gates, where suites wait for any.
#[must_use]
pub fn check_gate(config: &Config, root: &Path) -> Option<Diagnostic> {
    let spec = &config.previews.spec;
    let gate = &spec.flux.gate;
    // Artifacts of previews are made of a tree; what is wrong with the path is said by validation.
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
pub fn source_root(previews: &Path) -> PathBuf {
    let absolute = std::path::absolute(previews).unwrap_or_else(|_| previews.to_owned());
    git_root(absolute.parent().unwrap_or(Path::new(".")))
}
