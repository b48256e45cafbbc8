//! Finds previews.yaml if the user does not name it.

use std::path::{Component, Path, PathBuf};

use super::inside::git_root;
use crate::diagnostic::{Diagnostic, Refused, code};

/// The names that it can have.
const NAMES: [&str; 2] = ["previews.yaml", "previews.yml"];

/// The previews.yaml of this folder, or of the nearest above it up to the Git root.
///
/// # Errors
/// There is none, or one folder has two.
pub(crate) fn discover() -> Result<PathBuf, Refused> {
    let here = std::env::current_dir().unwrap_or_default();
    let root = git_root(&here);
    let mut up = PathBuf::new();
    for folder in here.ancestors() {
        let there = |name: &&str| folder.join(name).symlink_metadata().is_ok();
        match NAMES.iter().filter(|name| there(name)).collect::<Vec<_>>().as_slice() {
            [] if folder == root => break,
            [] => up.push(".."),
            [name] => return Ok(up.join(name)),
            _ => {
                let message = format!("{} and {} are both there", NAMES[0], NAMES[1]);
                let help = "name the one that is meant, or remove the other";
                return Err(Diagnostic::new(&code::UNREADABLE, message, help).into());
            }
        }
    }
    let message = "there is no previews.yaml here, nor in a folder above up to the Git root";
    let help = "name the file, or write a first one with `anabranch init`";
    Err(Diagnostic::new(&code::UNREADABLE, message, help).into())
}

/// The file beside a missing one that has the other ending of YAML.
#[must_use]
pub(crate) fn other_spelling(path: &Path) -> Option<PathBuf> {
    let other = match path.extension()?.to_str()? {
        "yaml" => path.with_extension("yml"),
        "yml" => path.with_extension("yaml"),
        _ => return None,
    };
    (path.symlink_metadata().is_err() && other.is_file()).then_some(other)
}

/// A path relative to the current folder, or as it is if they have nothing in common.
#[must_use]
pub(crate) fn from_here(path: &Path) -> PathBuf {
    let path: PathBuf = path.components().collect();
    let here = std::env::current_dir().unwrap_or_default();
    let shared = path.components().zip(here.components()).take_while(|(a, b)| a == b).count();
    if !path.is_absolute() || shared < 2 {
        return path;
    }
    let up = here.components().skip(shared).map(|_| Component::ParentDir);
    let relative: PathBuf = up.chain(path.components().skip(shared)).collect();
    if relative.as_os_str().is_empty() { PathBuf::from(".") } else { relative }
}
