//! Reads folders: every manifest below, in sorted order. A folder with a kustomization.yaml is built instead.
//!
//! So is a sub-folder with a kustomization.yaml, as Flux does. A folder that `render -o` wrote is not part of a
//! baseline.

use std::path::Path;
use std::time::{Duration, Instant};

use walkdir::{DirEntry, WalkDir};

use super::baseline::{Opened, read_file};
use super::build::{build, name_of};
use super::generated::Generated;
use super::inside::{check_file, git_root};
use super::kustomization::LoadRestriction;
use crate::diagnostic::{Diagnostic, FileId, Origin, Refused, Report, Sources, code, stage};
use crate::limits::InputLimits;

/// The list that `render -o` keeps in the folder that it writes.
pub(crate) const OUTPUT_LIST: &str = ".anabranch";

/// The names by which kustomize knows its file.
pub(super) const KUSTOMIZATION: [&str; 3] =
    ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// Reads a folder into `sources`: one text per manifest, or one per kustomize build. Without Git, the folder of
/// previews.yaml counts as the repository.
pub(super) fn read_folder(
    folder: &Path,
    source_root: &Path,
    sources: &mut Sources,
    limits: &InputLimits,
    report: &mut Report,
) -> Vec<Opened> {
    let root = git_root(folder);
    let began = Instant::now();
    let mut files = Vec::new();
    let mut walk = WalkDir::new(folder).sort_by_file_name().into_iter();
    while let Some(entry) = walk.next() {
        let read = match entry {
            Err(error) => Err(Diagnostic::new(
                &code::UNREADABLE,
                format!("{} cannot be read: {error}", folder.display()),
                "check the path and its permissions",
            )
            .into()),
            Ok(entry) if entry.depth() > 0 && is_left_out(entry.path()) => {
                if entry.file_type().is_dir() {
                    walk.skip_current_dir();
                }
                continue;
            }
            Ok(entry) if entry.file_type().is_dir() || entry.depth() == 0 => {
                if !has_kustomization(entry.path()) {
                    continue;
                }
                walk.skip_current_dir();
                let patience = Duration::from_secs(limits.build_seconds);
                let patience = patience.saturating_sub(began.elapsed());
                let restriction = LoadRestriction::of(entry.path(), source_root, sources, limits);
                restriction.and_then(|restriction| {
                    let file = built(entry.path(), restriction, patience, sources, limits)?;
                    let generated = Generated::by(entry.path(), limits).into();
                    Ok(Opened { file, is_named: false, generated })
                })
            }
            Ok(entry) if is_manifest(entry.path()) || is_link_to_folder(&entry) => {
                check_file(&entry, &root)
                    .map_err(|why| {
                        Diagnostic::new(
                            &code::UNREADABLE,
                            format!("{} is not read: {why}", entry.path().display()),
                            "remove it from the folder, or pass what it leads to with --baseline",
                        )
                        .into()
                    })
                    .and_then(|()| read_file(entry.path(), sources, limits))
                    .map(|file| Opened::plain(file, false))
            }
            Ok(_) => continue,
        };
        files.extend(report.keep(read));
    }
    files
}

/// Builds a folder with kustomize.
fn built(
    folder: &Path,
    restriction: LoadRestriction,
    patience: Duration,
    sources: &mut Sources,
    limits: &InputLimits,
) -> Result<FileId, Refused> {
    let left = limits.bytes.saturating_sub(sources.bytes());
    stage::enter(name_of(folder));
    let built = build(folder, restriction, left, patience, limits);
    stage::enter("reading");
    Ok(sources.add_from(Origin::Build(folder.to_owned()), name_of(folder), built?))
}

fn is_left_out(path: &Path) -> bool {
    is_hidden(path) || path.join(OUTPUT_LIST).is_file()
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
