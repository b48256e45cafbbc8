//! The folders of suites, which the tree carries along byte for byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use super::baseline::read_bytes;
use super::inside::{check_file, is_inside, real, repository};
use crate::diagnostic::{Diagnostic, Sources, code};
use crate::spec::Config;
use crate::yaml::{Budget, too_many_bytes};

/// Content of every file of every suite, by its path below `tests/`; but for what Git keeps for itself.
pub fn read_suites(
    config: &Config,
    root: &Path,
    sources: &Sources,
    budget: &Budget,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    let mut left = budget.bytes.saturating_sub(sources.bytes());
    for (index, suite) in config.previews.spec.tests.iter().enumerate() {
        if !is_inside(&suite.path) {
            // Validation says so.
            continue;
        }
        let folder = root.join(&suite.path);
        let missing = |message: String, help: &str| {
            config.finding(
                &code::SUITE_MISSING,
                format_args!("spec.tests[{index}].path"),
                message,
                help,
            )
        };
        if !folder.is_dir() {
            found.push(missing(
                format!("the suite `{}` has no folder {}", suite.name, folder.display()),
                "create it, or say with --source-root what suite paths are relative to",
            ));
            continue;
        }
        let is_below = |root: &PathBuf| real(&folder).is_ok_and(|folder| folder.starts_with(root));
        if !real(root).is_ok_and(|root| is_below(&root)) {
            found.push(missing(
                format!("the folder of the suite `{}` is a link out of the source", suite.name),
                "put the suite into the source itself",
            ));
            continue;
        }
        let walk = WalkDir::new(&folder).sort_by_file_name().into_iter();
        for entry in walk.filter_entry(|entry| entry.file_name() != ".git") {
            let read = entry.map_err(|error| error.to_string()).and_then(|entry| {
                if entry.file_type().is_dir() || entry.depth() == 0 {
                    return Ok(None);
                }
                let path = entry.path();
                let content = check_file(&entry, root).and_then(|()| {
                    read_bytes(path, left as u64 + 1).map_err(|error| error.to_string())
                });
                let content = content.map_err(|why| format!("{}: {why}", path.display()))?;
                let below = path.strip_prefix(&folder).unwrap_or(path);
                let parts: Vec<_> =
                    below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
                Ok(Some((format!("{}/{}", suite.name, parts.join("/")), content)))
            });
            match read {
                Ok(Some((path, content))) => {
                    // Files without content are memory and time too.
                    let Some(rest) = left.checked_sub(path.len() + content.len()) else {
                        found.push(too_many_bytes(&format!("the suite `{}`", suite.name), budget));
                        return files;
                    };
                    left = rest;
                    files.insert(path, content);
                }
                Ok(None) => {}
                Err(error) => found.push(missing(
                    format!("a file of the suite `{}` cannot be read: {error}", suite.name),
                    "make it a file of the suite's folder that may be read",
                )),
            }
        }
    }
    files
}

/// What suite paths are relative to: the Git root above previews.yaml, else its folder.
#[must_use]
pub fn source_root(previews: &Path) -> PathBuf {
    let absolute = std::path::absolute(previews).unwrap_or_else(|_| previews.to_owned());
    repository(absolute.parent().unwrap_or(Path::new(".")))
}
