//! A new file that takes its place only once it is whole.

use std::fs::Permissions;
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use tempfile::NamedTempFile;

/// How names of files begin and end that are not in their place yet; between the two they are random.
const UNFINISHED: (&str, &str) = (".anabranch-", ".tmp");

/// Whoever may read what the user makes, as the mask of the process says.
pub(super) const USUAL: u32 = 0o666;
/// Nobody but the user.
pub(super) const PRIVATE: u32 = 0o600;

/// Writes a file of this content and mode into a folder. It goes again unless it is put in its place.
pub(super) fn new_file(folder: &Path, mode: u32, content: &[u8]) -> io::Result<NamedTempFile> {
    let (prefix, suffix) = UNFINISHED;
    let mut builder = tempfile::Builder::new();
    builder.prefix(prefix).suffix(suffix).permissions(Permissions::from_mode(mode));
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(content)?;
    Ok(file)
}

/// Whether a file of this name was left by a run that was stopped.
pub(super) fn is_unfinished(name: &str) -> bool {
    name.strip_prefix(UNFINISHED.0).is_some_and(|rest| rest.ends_with(UNFINISHED.1))
}
