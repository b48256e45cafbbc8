//! Writes a temporary file, which is renamed to its path once it is complete.

use std::fs::{self, File, Metadata, Permissions, TryLockError};
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use tempfile::NamedTempFile;

/// The start and the end of the names of temporary files; the middle is random.
const UNFINISHED: (&str, &str) = (".anabranch-", ".tmp");

/// Readable by whom the umask of the process allows.
pub(super) const USUAL: u32 = 0o666;
/// Readable by the user alone.
pub(super) const PRIVATE: u32 = 0o600;

/// Writes a temporary file of this content and mode into a folder. It is removed again unless it is renamed. It stays
/// locked while it is open, so that nobody takes it for one that was left behind.
pub(super) fn new_file(folder: &Path, mode: u32, content: &[u8]) -> io::Result<NamedTempFile> {
    let (prefix, suffix) = UNFINISHED;
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(suffix).permissions(Permissions::from_mode(mode));
    let mut file = builder.tempfile_in(folder)?;
    // Some file systems have no locks.
    while file.as_file().lock().is_ok() && !is_there(&file)? {
        // Another run found it in the moment before it was locked, and removed it.
        file = builder.tempfile_in(folder)?;
    }
    file.write_all(content)?;
    Ok(file)
}

fn is_there(file: &NamedTempFile) -> io::Result<bool> {
    let made = file.as_file().metadata()?;
    let found = fs::symlink_metadata(file.path());
    Ok(found.is_ok_and(|found| is_same(&found, &made)))
}

/// Whether both are metadata of one file.
pub(super) fn is_same(one: &Metadata, other: &Metadata) -> bool {
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

/// Whether this is the name of a temporary file, of a stopped run or of a running one.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.strip_prefix(UNFINISHED.0).is_some_and(|rest| rest.ends_with(UNFINISHED.1))
}

/// Removes the temporary files of stopped runs from a folder.
pub(super) fn remove_unfinished(folder: &Path) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        if !entry.file_type()?.is_file() || !is_unfinished(&entry.file_name().to_string_lossy()) {
            continue;
        }
        // Locked until it is removed: see above.
        let file = File::open(entry.path());
        let lock = file.as_ref().map(File::try_lock);
        if matches!(lock, Ok(Err(TryLockError::WouldBlock))) {
            continue;
        }
        match fs::remove_file(entry.path()) {
            // Another run was faster.
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_another_run_writes_is_no_file_that_was_left_behind() {
        let folder = tempfile::tempdir().expect("a temporary folder");
        let left = folder.path().join(".anabranch-x.tmp");
        fs::write(&left, "").expect("written");
        let other = folder.path().join(".anabranch.tmp");
        fs::create_dir(folder.path().join(".anabranch-d.tmp")).expect("a folder");
        fs::write(&other, "").expect("written");
        let writing = new_file(folder.path(), PRIVATE, b"a").expect("written");
        remove_unfinished(folder.path()).expect("removed");
        assert!(!left.exists() && other.exists() && writing.path().exists());
        assert_eq!(folder.path().read_dir().expect("a folder").count(), 3);
    }
}
