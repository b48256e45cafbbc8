//! The folders of suites, which the tree carries along byte for byte.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use walkdir::WalkDir;

use crate::diagnostic::{Diagnostic, code};
use crate::spec::Config;

/// Content of every file of every suite, by its path below `tests/`.
pub fn read_suites(
    config: &Config,
    root: &Path,
    found: &mut Vec<Diagnostic>,
) -> BTreeMap<String, Vec<u8>> {
    let mut files = BTreeMap::new();
    for (index, suite) in config.previews.spec.tests.iter().enumerate() {
        let folder = root.join(&suite.path);
        let path = format!("spec.tests[{index}].path");
        if !folder.is_dir() {
            found.push(config.finding(
                &code::SUITE_MISSING,
                &path,
                format!("the suite `{}` has no folder {}", suite.name, folder.display()),
                "create it, or say with --source-root what suite paths are relative to",
            ));
            continue;
        }
        for entry in WalkDir::new(&folder).sort_by_file_name() {
            let read = entry.map_err(|error| error.to_string()).and_then(|entry| {
                if !entry.file_type().is_file() {
                    return Ok(None);
                }
                let content = std::fs::read(entry.path()).map_err(|error| error.to_string())?;
                let below = entry.path().strip_prefix(&folder).unwrap_or(entry.path());
                let parts: Vec<_> =
                    below.components().map(|part| part.as_os_str().to_string_lossy()).collect();
                Ok(Some((format!("{}/{}", suite.name, parts.join("/")), content)))
            });
            match read {
                Ok(file) => files.extend(file),
                Err(error) => found.push(config.finding(
                    &code::SUITE_MISSING,
                    &path,
                    format!("a file of the suite `{}` cannot be read: {error}", suite.name),
                    "check its permissions",
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
    let folder = absolute.parent().unwrap_or(Path::new("."));
    let above = folder.ancestors().find(|folder| folder.join(".git").exists());
    above.unwrap_or(folder).to_owned()
}
