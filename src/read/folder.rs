//! Folders: every manifest below, in sorted order; one with a kustomization.yaml is built instead.
//!
//! A sub-folder with a kustomization.yaml is built too, as Flux does when it finds one on its way.

use std::path::{Path, PathBuf};
use std::process::Command;

use walkdir::{DirEntry, WalkDir};

use super::baseline::{add, read_file};
use super::inside::{check_file, repository};
use super::text_of;
use crate::diagnostic::{Diagnostic, FileId, Sources, code};
use crate::yaml::Budget;

/// The names by which kustomize knows its file.
const KUSTOMIZATION: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Reads a folder into `sources`: one text per manifest, or one per kustomize build.
pub(super) fn read_folder(
    folder: &Path,
    sources: &mut Sources,
    budget: &Budget,
    errors: &mut Vec<Diagnostic>,
) -> Vec<FileId> {
    let root = repository(folder);
    let mut files = Vec::new();
    let mut walk = WalkDir::new(folder).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let read = match entry {
            Err(error) => Err(Diagnostic::new(
                &code::UNREADABLE,
                format!("{} cannot be read: {error}", folder.display()),
                "check the path and its permissions",
            )),
            Ok(entry) if entry.depth() > 0 && is_hidden(entry.path()) => {
                if entry.file_type().is_dir() {
                    walk.skip_current_dir();
                }
                continue;
            }
            Ok(entry) if entry.file_type().is_dir() => {
                if !has_kustomization(entry.path()) {
                    continue;
                }
                walk.skip_current_dir();
                build(entry.path())
                    .and_then(|text| add(built_name(entry.path()), text, sources, budget))
            }
            Ok(entry) if is_manifest(entry.path()) || is_link_to_folder(&entry) => {
                check_file(&entry, &root)
                    .map_err(|why| {
                        Diagnostic::new(
                            &code::UNREADABLE,
                            format!("{} is not read: {why}", entry.path().display()),
                            "remove it from the folder, or pass what it leads to with --baseline",
                        )
                    })
                    .and_then(|()| read_file(entry.path(), sources, budget))
            }
            Ok(_) => continue,
        };
        match read {
            Ok(file) => files.push(file),
            Err(error) => errors.push(error),
        }
    }
    files
}

fn built_name(folder: &Path) -> String {
    format!("kustomize build {}", folder.display())
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_some_and(|name| name.to_string_lossy().starts_with('.'))
}

fn is_manifest(path: &Path) -> bool {
    path.extension()
        .is_some_and(|extension| ["yaml", "yml", "json"].iter().any(|e| extension == *e))
}

fn is_link_to_folder(entry: &DirEntry) -> bool {
    entry.path_is_symlink() && entry.path().is_dir()
}

fn has_kustomization(folder: &Path) -> bool {
    KUSTOMIZATION.iter().any(|name| folder.join(name).is_file())
}

/// Runs `kustomize build`, or `kubectl kustomize` where there is no kustomize.
fn build(folder: &Path) -> Result<String, Diagnostic> {
    let failed = |message: String, help: &str| Diagnostic::new(&code::UNREADABLE, message, help);
    let tries: [(&str, &[&str]); 2] = [("kustomize", &["build"]), ("kubectl", &["kustomize"])];
    for (program, arguments) in tries {
        let output = match Command::new(program).args(arguments).arg(absolute(folder)).output() {
            Ok(output) => output,
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(failed(format!("{program} cannot be run: {error}"), "reinstall it"));
            }
        };
        if !output.status.success() {
            let words = String::from_utf8_lossy(&output.stderr);
            let message = format!("{}: {}", built_name(folder), words.trim());
            return Err(failed(message, "mend the kustomization; it must build by itself"));
        }
        return text_of(&built_name(folder), output.stdout);
    }
    Err(failed(
        format!(
            "{} holds a kustomization, and neither kustomize nor kubectl is on PATH",
            folder.display()
        ),
        "install kustomize, or build it yourself and pass the result with `--baseline -`",
    ))
}

fn absolute(folder: &Path) -> PathBuf {
    std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned())
}
