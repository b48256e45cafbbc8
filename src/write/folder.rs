//! Writes a tree to a folder. Files of an earlier run that are no longer planned are removed; nothing else is ever
//! touched.
//!
//! The list `.anabranch` in the folder names our files. It is replaced as a whole before the first file is touched
//! and again after the last, so that whenever a run stops, the list names every file of ours that may be there. No
//! link is followed, only plain files are opened, and a file with a second hard link is refused.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use std::fs::{self, File, Metadata, TryLockError};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use super::new_file::{USUAL, is_unfinished, new_file, remove_unfinished};
use super::tree::{Tree, is_ours};
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::read::{OUTPUT_LIST, check_inside};

/// The list of written files, in the folder itself.
const LIST: &str = OUTPUT_LIST;
/// A longer list was not written by anabranch.
const LONGEST: u64 = 256 << 20;

/// What writing a tree does to a folder.
#[derive(Debug, Default)]
pub(crate) struct Written {
    /// Files that were not there.
    pub(crate) new: Vec<String>,
    /// Files whose content changes.
    pub(crate) changed: Vec<String>,
    /// Files of an earlier run that are no longer planned.
    pub(crate) removed: Vec<String>,
    /// How many files stay as they are.
    pub(crate) unchanged: usize,
}

/// Writes a tree into a folder that is empty, missing, or written by an earlier run.
///
/// # Errors
/// Files of somebody else are in the way, or the system refuses.
pub(crate) fn write_tree(folder: &Path, tree: &Tree<'_>) -> Result<Written, Refused> {
    let folder = &checked(folder)?;
    let failed = |path: &Path, error: &io::Error| cannot(path, "written", error);
    fs::create_dir_all(folder).map_err(|error| failed(folder, &error))?;
    let _lock = lock(folder)?;
    let earlier = read_list(folder)?;
    check_names(folder, check_way(folder, tree.files(), &earlier)?)?;
    remove_unfinished(folder).map_err(|error| failed(folder, &error))?;
    let list = folder.join(LIST);
    let now: BTreeSet<&str> = tree.files().keys().map(String::as_str).collect();
    let mut both = now.clone();
    both.extend(earlier.iter().map(String::as_str));
    // The list names the files of both runs: if this one is stopped, the next knows every file that may be there.
    if both.len() > earlier.len() {
        write_list(folder, &both).map_err(|error| failed(&list, &error))?;
    }
    let mut written = Written::default();
    // Removals come first, because a file can take the place of a folder, and the other way round.
    for path in earlier.iter().filter(|path| !now.contains(path.as_str())) {
        remove(folder, path).map_err(|error| cannot(&folder.join(path), "removed", &error))?;
        written.removed.push(path.clone());
    }
    let mut parent = None;
    for (name, content) in tree.files() {
        let path = folder.join(name);
        if path.parent() != parent.as_deref() {
            parent = path.parent().map(Path::to_owned);
            parent
                .iter()
                .try_for_each(fs::create_dir_all)
                .map_err(|error| failed(&path, &error))?;
        }
        let there = compare(&path, content).map_err(|error| failed(&path, &error))?;
        match there {
            There::Nothing => File::create_new(&path).and_then(|mut file| file.write_all(content)),
            There::Same => Ok(()),
            There::Another => replace(folder, &path, content),
        }
        .map_err(|error| failed(&path, &error))?;
        written.count(name, &there);
    }
    if now.len() < both.len() {
        write_list(folder, &now).map_err(|error| failed(&list, &error))?;
    }
    Ok(written)
}

/// Returns what [`write_tree`] would do, and writes nothing.
///
/// # Errors
/// Those of [`write_tree`] that can be seen without writing.
pub(crate) fn compare_tree(folder: &Path, tree: &Tree<'_>) -> Result<Written, Refused> {
    let folder = &checked(folder)?;
    let earlier = match what_is(folder)? {
        Some(_) => read_list(folder)?,
        None => BTreeSet::new(),
    };
    check_names(folder, check_way(folder, tree.files(), &earlier)?)?;
    let mut written = Written::default();
    let gone = earlier.into_iter().filter(|path| !tree.files().contains_key(path));
    written.removed.extend(gone);
    for (name, content) in tree.files() {
        let path = folder.join(name);
        let there = compare(&path, content).map_err(|error| cannot(&path, "read", &error))?;
        written.count(name, &there);
    }
    Ok(written)
}

impl Written {
    fn count(&mut self, name: &str, there: &There) {
        match there {
            There::Nothing => self.new.push(name.to_owned()),
            There::Another => self.changed.push(name.to_owned()),
            There::Same => self.unchanged += 1,
        }
    }
}

/// Removes a slash at the end of a folder's path, behind which a link would be followed.
fn checked(folder: &Path) -> Result<PathBuf, Refused> {
    let folder: PathBuf = folder.components().collect();
    check_inside(&folder)
        .map_err(|why| refuse(format!("{} is not written: {why}", folder.display())))?;
    if folder.is_symlink() {
        return Err(is_link(&folder, "name the folder that it leads to"));
    }
    Ok(folder)
}

/// Reads a tree that was written before: content by path.
///
/// # Errors
/// The folder was not written by `render -o`, or a file of it cannot be read.
pub(crate) fn read_tree(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Refused> {
    let list = folder.join(LIST);
    if what_is(&list)?.is_none() {
        let message =
            format!("{} is no folder that `render -o` wrote: it holds no {LIST}", folder.display());
        let help = "name one, or compare with another revision by --base";
        return Err(Diagnostic::new(&code::OUTPUT_FOLDER, message, help).into());
    }
    let paths = read_list(folder)?;
    check_way(folder, &BTreeMap::new(), &paths)?;
    let read = |path: String| {
        let content = fs::read(folder.join(&path));
        let content = content.map_err(|error| cannot(&folder.join(&path), "read", &error))?;
        Ok((path, content))
    };
    paths.into_iter().map(read).collect()
}

/// Reads the files of an earlier run: content by path. Empty if there was none.
///
/// # Errors
/// A file cannot be read.
pub(crate) fn read_earlier(folder: &Path) -> Result<BTreeMap<String, Vec<u8>>, Refused> {
    let folder = &checked(folder)?;
    if what_is(folder)?.is_none() {
        return Ok(BTreeMap::new());
    }
    let mut files = BTreeMap::new();
    for path in read_list(folder)? {
        let is_file = what_is(&folder.join(&path))?.is_some_and(|kind| kind.is_file());
        if is_file {
            let content = fs::read(folder.join(&path));
            let content = content.map_err(|error| cannot(&folder.join(&path), "read", &error))?;
            files.insert(path, content);
        }
    }
    Ok(files)
}

fn cannot(path: &Path, done: &str, error: &io::Error) -> Refused {
    let message = format!("{} cannot be {done}: {error}", path.display());
    let help = "check the path and its permissions, and render again: what was written is known";
    Diagnostic::new(&code::OUTPUT_FOLDER, message, help).into()
}

fn refuse(message: String) -> Refused {
    let help = "name an empty folder, or one that `anabranch render -o` wrote before";
    Diagnostic::new(&code::OUTPUT_FOLDER, message, help).into()
}

/// Locks the folder for this run. The system releases the lock with the file, however the run ends.
fn lock(folder: &Path) -> Result<Option<File>, Refused> {
    let file = File::open(folder).map_err(|error| cannot(folder, "read", &error))?;
    match file.try_lock() {
        Ok(()) => Ok(Some(file)),
        Err(TryLockError::WouldBlock) => {
            let message = format!("another run is writing {}", folder.display());
            let help = "wait for its end, or name another folder";
            Err(Diagnostic::new(&code::OUTPUT_FOLDER, message, help).into())
        }
        // Some file systems have no locks.
        Err(TryLockError::Error(_)) => Ok(None),
    }
}

/// The metadata of a path, without following a link; `None` if nothing is there.
fn what_is(path: &Path) -> Result<Option<Metadata>, Refused> {
    match fs::symlink_metadata(path) {
        Ok(metadata) => Ok(Some(metadata)),
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(None)
        }
        Err(error) => Err(cannot(path, "read", &error)),
    }
}

/// Reads the list of an earlier run.
fn read_list(folder: &Path) -> Result<BTreeSet<String>, Refused> {
    let list = folder.join(LIST);
    match what_is(&list)? {
        None => {
            let entries = fs::read_dir(folder).map_err(|error| cannot(folder, "read", &error))?;
            let mut names = entries.filter_map(Result::ok).map(|entry| entry.file_name());
            if names.any(|name| !is_unfinished(&name.to_string_lossy())) {
                let folder = folder.display();
                return Err(refuse(format!(
                    "{folder} is not empty and holds no {LIST}: it is not ours"
                )));
            }
            return Ok(BTreeSet::new());
        }
        Some(found) if found.is_file() => {}
        Some(_) => return Err(in_the_way(&list)),
    }
    let mut bytes = Vec::new();
    let read = File::open(&list).and_then(|file| file.take(LONGEST).read_to_end(&mut bytes));
    read.map_err(|error| cannot(&list, "read", &error))?;
    let lines =
        bytes.split(|&byte| byte == b'\n').map(|line| line.strip_suffix(b"\r").unwrap_or(line));
    let paths: Vec<Option<&str>> = lines
        .map(|line| str::from_utf8(line).ok().filter(|path| path.is_empty() || is_ours(path)))
        .collect();
    if let Some(first) = paths.iter().position(Option::is_none) {
        let count = paths.iter().filter(|path| path.is_none()).count();
        // The text of the list is not shown: whoever can write the list could point it at any file.
        let message = format!(
            "{}:{} names a path that anabranch never writes{}",
            list.display(),
            first + 1,
            if count > 1 { format!(", and so do {} more lines", count - 1) } else { String::new() },
        );
        let help = "remove the line; files that the list names are removed when they are no longer planned";
        return Err(Diagnostic::new(&code::OUTPUT_FOLDER, message, help).into());
    }
    Ok(paths.into_iter().flatten().filter(|path| !path.is_empty()).map(str::to_owned).collect())
}

/// Checks that no file of somebody else is where files of this run or an earlier one are, nor on the way there.
/// Returns the files that have a second hard link.
fn check_way(
    folder: &Path,
    planned: &BTreeMap<String, Cow<'_, [u8]>>,
    earlier: &BTreeSet<String>,
) -> Result<Vec<PathBuf>, Refused> {
    let mut twice = Vec::new();
    let mut seen: HashSet<&Path> = HashSet::from([Path::new("")]);
    let paths = planned.keys().chain(earlier).map(String::as_str);
    for part in paths.flat_map(|path| Path::new(path).ancestors()) {
        if !seen.insert(part) {
            continue;
        }
        let path = folder.join(part);
        let Some(found) = what_is(&path)? else {
            continue;
        };
        let name = part.to_str().unwrap_or_default();
        let (comes, was) = (planned.contains_key(name), earlier.contains(name));
        let below = || {
            let folder = format!("{name}/");
            earlier.range(folder.clone()..).next().is_some_and(|path| path.starts_with(&folder))
        };
        match () {
            () if found.is_symlink() => {
                return Err(is_link(&path, REMOVE));
            }
            () if !found.is_file() && !found.is_dir() => return Err(in_the_way(&path)),
            () if found.is_file() && !was || found.is_dir() && comes && !below() => {
                let path = path.display();
                return Err(refuse(format!("{path} exists and was not written by anabranch")));
            }
            () if has_two_names(&found) => twice.push(path),
            () => {}
        }
    }
    Ok(twice)
}

fn has_two_names(found: &Metadata) -> bool {
    found.is_file() && found.nlink() > 1
}

/// Checks that no file has a second hard link, through which it would keep its old content: neither the files in
/// `twice`, nor the list.
fn check_names(folder: &Path, mut twice: Vec<PathBuf>) -> Result<(), Refused> {
    let list = folder.join(LIST);
    if what_is(&list)?.is_some_and(|found| has_two_names(&found)) {
        twice.insert(0, list);
    }
    let Some(first) = twice.first() else { return Ok(()) };
    let more = match twice.len() - 1 {
        0 => String::new(),
        more => format!(", and so do {more} more files there"),
    };
    let message = format!(
        "{} has another name, a hard link, under which it would stay as it is{more}",
        first.display()
    );
    let help = format!(
        "give the folder files of its own: `cp -R {0} NEW`, and put NEW in its place; if this comes of a \
         backup by `cp -al`, make the next one by `cp -a`, whose files are its own",
        folder.display()
    );
    Err(Diagnostic::new(&code::OUTPUT_FOLDER, message, help).into())
}

const REMOVE: &str = "remove it: everything below the folder is written by anabranch";

fn is_link(path: &Path, help: &str) -> Refused {
    let message =
        format!("{} is a link, and what is written there lands elsewhere", path.display());
    Diagnostic::new(&code::OUTPUT_FOLDER, message, help).into()
}

fn in_the_way(path: &Path) -> Refused {
    let message = format!("{} is no file, and a file of anabranch belongs there", path.display());
    Diagnostic::new(&code::OUTPUT_FOLDER, message, REMOVE).into()
}

/// What exists at the path of a file.
enum There {
    Nothing,
    Same,
    Another,
}

fn compare(path: &Path, content: &[u8]) -> io::Result<There> {
    match fs::symlink_metadata(path) {
        Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            Ok(There::Nothing)
        }
        Err(error) => Err(error),
        // A folder of an earlier run is removed before the file is written.
        Ok(existing) if existing.is_dir() => Ok(There::Nothing),
        Ok(existing) if existing.len() != content.len() as u64 => Ok(There::Another),
        Ok(_) if fs::read(path)? == content => Ok(There::Same),
        Ok(_) => Ok(There::Another),
    }
}

fn replace(folder: &Path, path: &Path, content: &[u8]) -> io::Result<()> {
    new_file(folder, USUAL, content)?.persist(path).map(|_| ()).map_err(Into::into)
}

fn write_list(folder: &Path, paths: &BTreeSet<&str>) -> io::Result<()> {
    let text: String = paths.iter().flat_map(|path| [*path, "\n"]).collect();
    let file = new_file(folder, USUAL, text.as_bytes())?;
    file.as_file().sync_all()?;
    file.persist(folder.join(LIST))?;
    Ok(())
}

/// Removes a file and the folders that it leaves empty.
fn remove(folder: &Path, path: &str) -> io::Result<()> {
    let mut path = folder.join(path);
    match fs::symlink_metadata(&path) {
        Ok(metadata) if metadata.is_file() => fs::remove_file(&path)?,
        Err(error) if !matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {
            return Err(error);
        }
        _ => {}
    }
    while path.pop() && path != folder {
        match fs::remove_dir(&path) {
            Err(error) if error.kind() != ErrorKind::NotFound => break,
            _ => {}
        }
    }
    Ok(())
}
