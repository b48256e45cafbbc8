//! What comes from input stays inside: paths below their folder, links below the repository. Who can
//! write to a branch could otherwise have any file of the machine read into the output.

use std::path::{Component, Path, PathBuf};

use walkdir::DirEntry;

/// Whether a path has no root and never goes up.
#[must_use]
pub fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    parts.all(|part| matches!(part, Component::CurDir | Component::Normal(_)))
}

/// The Git root of a folder: it, or the first above it, that has a `.git`. Else the folder itself.
pub(crate) fn repository(folder: &Path) -> PathBuf {
    let folder = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let above = folder.ancestors().find(|folder| folder.join(".git").exists());
    above.unwrap_or(&folder).to_owned()
}

/// Checks that what is found in a folder can be read as a file: it is one, or a link to one below the root.
///
/// # Errors
/// In words, what it is instead.
pub(super) fn check_file(entry: &DirEntry, root: &Path) -> Result<(), String> {
    let path = entry.path();
    if entry.file_type().is_file() {
        return Ok(());
    }
    if !entry.path_is_symlink() {
        return Err("it is neither a file nor a folder".to_owned());
    }
    let leads_to = real(path)?;
    if !leads_to.starts_with(real(root)?) {
        return Err(format!("it is a link that leads out of {}", root.display()));
    }
    if !leads_to.is_file() {
        return Err("it is a link to a folder, or to what is no file".to_owned());
    }
    Ok(())
}

/// A path without links.
pub(super) fn real(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| error.to_string())
}
