//! Replaces a file that others may read and edit at the same time.
//!
//! Readers see the old file or the new one, and no edit is lost: each holds a lock on the file itself, which leaves
//! nothing behind, writes a new file beside it under a name that nobody can guess, and renames that over it. No link
//! is followed on the way.

use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, Read};
use std::os::unix::fs::{MetadataExt, fchown};
use std::path::{Component, Path, PathBuf};
use std::thread::sleep;
use std::time::{Duration, Instant};

use tempfile::NamedTempFile;

use super::new_file::{PRIVATE, USUAL, is_same, new_file, remove_unfinished};
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::read::{check_inside, git_root};

/// How long to wait for others who edit the same file.
const PATIENCE: Duration = Duration::from_secs(60);

/// A locked file, so that edits of it wait for each other. The lock ends with the value.
#[derive(Debug)]
pub(crate) struct Held {
    path: PathBuf,
    file: File,
    metadata: Metadata,
}

impl Held {
    /// Opens a file and waits for its lock.
    ///
    /// # Errors
    /// It is not a plain file, has a second hard link, or is behind a link; it cannot be opened; others hold the lock
    /// for too long.
    pub(crate) fn open(path: &Path) -> Result<Self, Refused> {
        check_way(path)?;
        let start = Instant::now();
        loop {
            check_file(path)?;
            let failed = |error: io::Error| cannot(path, "opened", &error);
            let file = File::open(path).map_err(failed)?;
            // The metadata of the open file: the path may lead to another one by now.
            let metadata = file.metadata().map_err(failed)?;
            match file.try_lock() {
                // The previous holder may have replaced the file.
                Ok(()) if is_same(&metadata, &check_file(path)?) => {
                    return Ok(Self { path: path.to_owned(), file, metadata });
                }
                Ok(()) => continue,
                Err(TryLockError::WouldBlock) if start.elapsed() < PATIENCE => {}
                Err(TryLockError::WouldBlock) => {
                    let message = format!("{} is held by another program", path.display());
                    let help = "wait until it has ended, or end it; then run the command again";
                    return Err(Diagnostic::new(&code::EDIT_REFUSED, message, help).into());
                }
                Err(TryLockError::Error(error)) => return Err(cannot(path, "locked", &error)),
            }
            sleep(Duration::from_millis(2));
        }
    }

    /// Reads the file, up to this many bytes.
    ///
    /// # Errors
    /// The system refuses.
    pub(crate) fn read(&mut self, most: u64) -> Result<Vec<u8>, Refused> {
        let mut bytes = Vec::new();
        let read = (&mut self.file).take(most).read_to_end(&mut bytes);
        read.map_err(|error| cannot(&self.path, "read", &error))?;
        Ok(bytes)
    }

    /// Replaces the file, which held `before`, by one with this text. Mode and owner stay; the result says if the
    /// owner could not be kept.
    ///
    /// # Errors
    /// The system refuses, or something else changed the file. It is then left alone.
    pub(crate) fn replace(self, before: &str, text: &str) -> Result<Option<String>, Refused> {
        let failed = |error: io::Error| cannot(&self.path, "written", &error);
        let folder = folder_of(&self.path);
        // Temporary files of stopped runs. One that cannot be removed is no reason to stop.
        let _ = remove_unfinished(folder);
        let new = new_file(folder, PRIVATE, text.as_bytes()).map_err(failed)?;
        let made = new.as_file().metadata().map_err(failed)?;
        let (owner, group) = (self.metadata.uid(), self.metadata.gid());
        let is_kept = (made.uid(), made.gid()) == (owner, group)
            || fchown(new.as_file(), Some(owner), Some(group)).is_ok()
            || (made.uid() == owner && fchown(new.as_file(), None, Some(group)).is_ok());
        // Set after the owner, as changing the owner can clear bits of the mode.
        new.as_file().set_permissions(self.metadata.permissions()).map_err(failed)?;
        new.as_file().sync_all().map_err(failed)?;
        let now = check_file(&self.path)?;
        if !is_same(&now, &self.metadata)
            || fs::read(&self.path).map_err(failed)? != before.as_bytes()
        {
            let message = format!("{} has changed meanwhile", self.path.display());
            let help = "something edits it without asking for a lock; run the command again";
            return Err(Diagnostic::new(&code::EDIT_REFUSED, message, help).into());
        }
        new.persist(&self.path).map_err(|error| failed(error.error))?;
        // The edit is done whether this works or not; some file systems cannot do it.
        let _ = File::open(folder).and_then(|folder| folder.sync_all());
        let name = self.path.display();
        Ok((!is_kept).then(|| {
            format!("{name} belonged to {owner}:{group}, which only its owner and root can keep")
        }))
    }
}

/// Creates files below a folder: all of them, or none.
///
/// # Errors
/// One of them exists, is behind a link, or the system refuses.
pub(crate) fn create(root: &Path, files: &[(PathBuf, &str)]) -> Result<(), Refused> {
    for (path, _) in files {
        check_below(path, root)?;
        if fs::symlink_metadata(path).is_ok() {
            let message = format!("{} exists; nothing was written", path.display());
            let help = "name another folder, or edit the file";
            return Err(Diagnostic::new(&code::EDIT_REFUSED, message, help).into());
        }
    }
    let mut written: Vec<&Path> = Vec::new();
    for (path, new) in made(files)? {
        if let Err(error) = new.persist_noclobber(path) {
            for path in written {
                // Undo. If a file cannot be removed, the message names it.
                let _ = fs::remove_file(path);
            }
            return Err(cannot(path, "written", &error.error));
        }
        written.push(path);
    }
    Ok(())
}

/// Writes files below a folder, replacing those of an earlier run.
///
/// # Errors
/// A path is not a plain file with one link, or is behind a link, or the system refuses.
pub(crate) fn overwrite(root: &Path, files: &[(PathBuf, &str)]) -> Result<(), Refused> {
    for (path, _) in files {
        check_below(path, root)?;
        let is_plain = |found: Metadata| found.is_file() && found.nlink() == 1;
        if !fs::symlink_metadata(path).map_or(true, is_plain) {
            let message = format!("{} is no plain file; nothing was written", path.display());
            let help = "name another folder, or remove it";
            return Err(Diagnostic::new(&code::EDIT_REFUSED, message, help).into());
        }
    }
    made(files)?.into_iter().try_for_each(|(path, new)| {
        let persisted = new.persist(path).map(drop);
        persisted.map_err(|error| cannot(path, "written", &error.error))
    })
}

/// Writes the files to temporary ones beside their paths.
fn made<'f>(files: &'f [(PathBuf, &str)]) -> Result<Vec<(&'f Path, NamedTempFile)>, Refused> {
    let made = files.iter().map(|(path, content)| {
        let folder = folder_of(path);
        let new = fs::create_dir_all(folder).and_then(|()| {
            let new = new_file(folder, USUAL, content.as_bytes())?;
            new.as_file().sync_all()?;
            Ok(new)
        });
        new.map(|new| (path.as_path(), new)).map_err(|error| cannot(path, "written", &error))
    });
    made.collect()
}

fn folder_of(path: &Path) -> &Path {
    path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."))
}

/// Checks that a path is a plain file with one hard link.
fn check_file(path: &Path) -> Result<Metadata, Refused> {
    let metadata = fs::symlink_metadata(path).map_err(|error| {
        let message = format!("{} cannot be read: {error}", path.display());
        Diagnostic::new(&code::UNREADABLE, message, "check the path and its permissions")
    })?;
    let (what, help) = if metadata.is_symlink() {
        ("is a link, which could lead anywhere", "name the file itself with --file")
    } else if !metadata.is_file() {
        ("is no file", "name a file with --file, or `-` for stdin")
    } else if metadata.nlink() > 1 {
        (
            "has another name, a hard link, under which it would stay as it is",
            "copy it to a file of its own",
        )
    } else {
        return Ok(metadata);
    };
    let message = format!("{} {what}", path.display());
    Err(Diagnostic::new(&code::EDIT_REFUSED, message, help).into())
}

/// Checks that no folder on the way to a file is a link: the whole of a relative path, the part below the Git root of
/// an absolute one.
fn check_way(path: &Path) -> Result<(), Refused> {
    let folder = folder_of(path);
    check_below(path, &if path.is_absolute() { git_root(folder) } else { PathBuf::new() })
}

/// Checks that no folder between `outer` and a file is a link, and that the file is not one of Git's own.
fn check_below(path: &Path, outer: &Path) -> Result<(), Refused> {
    for part in folder_of(path).ancestors().take_while(|part| *part != outer) {
        let is_named = matches!(part.components().next_back(), Some(Component::Normal(_)));
        if is_named && fs::symlink_metadata(part).is_ok_and(|found| found.is_symlink()) {
            let message = format!("{} stands behind the link {}", path.display(), part.display());
            let help = "name the file by its path without links";
            return Err(Diagnostic::new(&code::EDIT_REFUSED, message, help).into());
        }
    }
    check_inside(folder_of(path)).map_err(|why| {
        let message = format!("{} is not written: {why}", path.display());
        Diagnostic::new(&code::EDIT_REFUSED, message, "name a file that Git tracks").into()
    })
}

fn cannot(path: &Path, done: &str, error: &io::Error) -> Refused {
    let message = format!("{} cannot be {done}: {error}", path.display());
    Diagnostic::new(
        &code::UNREADABLE,
        message,
        "check the path, its permissions and the room on its disk",
    )
    .into()
}
