//! Keeps paths from the input inside: below their folder, and links below the repository. Whoever can write to a
//! branch could otherwise have any file of the machine read into the output.

use std::ffi::OsStr;
use std::fs;
use std::path::{Component, Path, PathBuf};

use unicode_normalization::UnicodeNormalization;
use walkdir::DirEntry;

use crate::diagnostic::text::is_unprintable;

/// Whether a path is relative and never goes up.
#[must_use]
pub(crate) fn is_inside(path: &str) -> bool {
    let mut parts = Path::new(path).components();
    parts.all(|part| matches!(part, Component::CurDir | Component::Normal(_)))
}

/// Whether a text can be one part of a path that is copied: it means the same to every file system, nothing to Git,
/// and fits on a line of a list.
#[must_use]
pub(crate) fn is_carried(part: &str) -> bool {
    !matches!(part, "" | "." | "..")
        && !part.contains(|c: char| matches!(c, '/' | '\\') || is_unprintable(c))
        && !is_of_git(part)
}

/// Whether a file system could take this name for `.git`: some ignore case, or trailing dots and blanks, or have
/// short names beside long ones, or streams behind a colon.
fn is_of_git(part: &str) -> bool {
    let name = part.split(':').next().unwrap_or(part);
    let stem = name.trim_end_matches(['.', ' ']);
    matches!(folded(stem).as_str(), ".git" | "git~1")
}

/// A path in a form that is equal for names that some file system takes for one: case does not matter, nor how an
/// accent is encoded. Two paths that differ here differ everywhere.
pub(super) fn folded(path: &str) -> String {
    if path.is_ascii() {
        return path.to_ascii_lowercase();
    }
    // Upper case first: `ß` and `SS` are then the same, and so are `ı` and `I`.
    let letters: String = path.nfd().collect();
    letters.to_uppercase().to_lowercase().nfd().collect()
}

/// The Git root of a folder: it, or the first above it, that has a `.git`. Else the folder itself.
pub(crate) fn git_root(folder: &Path) -> PathBuf {
    let resolved = without_parents(folder).or_else(|_| std::path::absolute(folder));
    let folder = resolved.unwrap_or_else(|_| folder.to_owned());
    let above = folder.ancestors().find(|folder| is_root(folder));
    above.unwrap_or(&folder).to_owned()
}

fn is_root(folder: &Path) -> bool {
    folder.join(".git").exists()
}

/// Whether a folder is a Git directory under another name than `.git`, such as a bare repository. Work trees can be
/// inside of one; each has a `.git`.
fn is_repository(folder: &Path) -> bool {
    let is_folder = |name: &str| folder.join(name).is_dir();
    folder.join("HEAD").symlink_metadata().is_ok() && is_folder("objects") && is_folder("refs")
}

/// Checks the links on a path of the command line. They may lead to other files of every repository that the path is
/// in, or of its folder if there is none, but not into a `.git` or a bare repository. Devices are not checked:
/// `<(...)` of a shell is one. If the path does not exist, the folders above it are checked.
///
/// # Errors
/// Where it leads instead, in words.
pub(crate) fn check_inside(path: &Path) -> Result<(), String> {
    if is_device(path) {
        return Ok(());
    }
    // Whoever writes `..` means to leave; the rest of the path is checked.
    let below = without_parents(path)?;
    let exists = |path: &&Path| fs::symlink_metadata(path).is_ok();
    let Some(there) = below.ancestors().find(exists) else {
        return Ok(());
    };
    let new = below.strip_prefix(there).unwrap_or(&below);
    if new.iter().any(is_git_name) {
        return Err(OF_GIT.to_owned());
    }
    let folder = below.parent().unwrap_or(&below);
    let mut roots: Vec<&Path> = folder.ancestors().filter(|folder| is_root(folder)).collect();
    if roots.is_empty() && there == below {
        roots.push(folder);
    }
    let leads_to = real(there)?;
    if leads_to.ancestors().take_while(|folder| !is_root(folder)).any(is_repository) {
        return Err(OF_GIT.to_owned());
    }
    roots.into_iter().try_for_each(|root| check_below(&leads_to, root))
}

/// The absolute path, without `..`: what stands up to the last one is resolved, and the rest may have links.
fn without_parents(path: &Path) -> Result<PathBuf, String> {
    let absolute = std::path::absolute(path).map_err(|error| error.to_string())?;
    let parts: Vec<Component<'_>> = absolute.components().collect();
    let up = parts.iter().rposition(|part| *part == Component::ParentDir).map_or(0, |at| at + 1);
    let mut resolved: PathBuf = parts[..up].iter().collect();
    if up > 0 {
        resolved = real(&resolved)?;
    }
    resolved.extend(&parts[up..]);
    Ok(resolved)
}

/// Whether a path is a device, or a pipe of a shell.
pub(super) fn is_device(path: &Path) -> bool {
    path.starts_with("/dev") || path.starts_with("/proc")
}

/// Checks that a path without links is below this folder, and not below a `.git` there.
pub(super) fn check_below(path: &Path, root: &Path) -> Result<(), String> {
    let below = path
        .strip_prefix(real(root)?)
        .map_err(|_| format!("it is a link that leads out of {}", root.display()))?;
    if below.iter().any(is_git_name) {
        return Err(OF_GIT.to_owned());
    }
    Ok(())
}

const OF_GIT: &str = "it leads to what Git keeps for itself";

fn is_git_name(part: &OsStr) -> bool {
    part.to_str().is_some_and(is_of_git)
}

/// Checks that an entry of a folder can be read as a file: it is one, or a link to one below the root.
///
/// # Errors
/// What it is instead, in words.
pub(super) fn check_file(entry: &DirEntry, root: &Path) -> Result<(), String> {
    let path = entry.path();
    if entry.file_type().is_file() {
        return Ok(());
    }
    if !entry.path_is_symlink() {
        return Err(NO_FILE.to_owned());
    }
    let leads_to = real(path)?;
    check_below(&leads_to, root)?;
    if !leads_to.is_file() {
        return Err("it is a link to a folder, or to something that is no file".to_owned());
    }
    Ok(())
}

/// For a FIFO, among others: reading one could wait for ever.
pub(super) const NO_FILE: &str = "it is neither a file nor a folder";

/// Resolves all links of a path.
pub(super) fn real(path: &Path) -> Result<PathBuf, String> {
    path.canonicalize().map_err(|error| error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_that_goes_up_has_the_repository_in_which_it_ends() {
        let scratch = tempfile::tempdir().expect("a temporary folder");
        let scratch = scratch.path().canonicalize().expect("it is there");
        for folder in ["one/.git", "one/a", "two/.git", "two/b", "none"] {
            fs::create_dir_all(scratch.join(folder)).expect("a folder");
        }
        for (path, root) in [
            ("one/a/../../two/b", "two"),
            ("one/a/..", "one"),
            ("one/a/../../none", "none"),
            ("one/a/missing", "one"),
        ] {
            assert_eq!(git_root(&scratch.join(path)), scratch.join(root), "{path}");
        }
        assert!(git_root(Path::new("missing/../a")).is_absolute());
    }

    #[test]
    fn what_could_be_git_to_some_file_system_is_not_carried_along() {
        for good in ["a", "README.md", ".gitignore", ".gitkeep", "ä b", "a..b", "git"] {
            assert!(is_carried(good), "{good}");
        }
        let of_git = [".git", ".GIT", ".git. ", "GIT~1", ".git::$INDEX_ALLOCATION"];
        let bad = ["", ".", "..", "a/b", "a\\b", "a\n", "\u{202e}a"];
        for bad in bad.into_iter().chain(of_git) {
            assert!(!is_carried(bad), "{bad:?}");
        }
    }
}
