//! Asks git: for revisions, for the files that a change touches, and for the files that are tracked.
//!
//! git runs as a process that only reads. Whoever wrote the branch wrote its configuration too, so nothing that the
//! configuration or the environment names is run or fetched, and no text of a user becomes an option.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Seek, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use crate::diagnostic::text::short;
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::limits::InputLimits;
use crate::read::{Said, git_root, run_program};

/// Settings that name programs, or change the output of git. On the command line they outrank every configuration
/// file.
const SETTINGS: &[&str] = &[
    "core.fsmonitor=false",
    "core.hooksPath=/dev/null",
    "core.attributesFile=/dev/null",
    "core.untrackedCache=false",
    "core.pager=cat",
    "core.editor=false",
    "core.askPass=false",
    "core.sshCommand=false",
    "core.gitProxy=false",
    "core.alternateRefsCommand=false",
    "core.quotePath=false",
    "core.precomposeUnicode=false",
    "color.ui=false",
    "credential.helper=",
    "diff.external=false",
    "diff.orderFile=/dev/null",
    "diff.ignoreSubmodules=none",
    "diff.renames=false",
    "gc.auto=0",
    "gpg.program=false",
    "log.showSignature=false",
    "maintenance.auto=false",
    "protocol.allow=never",
    // A folder in the repository that looks like a bare repository is not treated as one.
    "safe.bareRepository=explicit",
    "submodule.recurse=false",
];

/// How many bytes git may answer with: the names of some ten million files.
const ANSWER: usize = 1 << 30;

/// A repository with its files.
#[derive(Debug)]
pub(crate) struct Repository {
    /// The folder that paths are relative to.
    pub(crate) root: PathBuf,
}

/// What a changed path is at the end of the change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PathStatus {
    /// A file, changed or new.
    Present,
    /// Deleted.
    Deleted,
}

impl Repository {
    /// The repository that a folder lies in.
    pub(crate) fn open(folder: &Path) -> Result<Self, Refused> {
        let root = git_root(folder);
        if !root.join(".git").exists() {
            let message = "the current folder is in no git repository".to_owned();
            return Err(no_repository(message, "run it in a checkout of the repository"));
        }
        let repository = Self { root };
        repository.said(&["rev-parse", "--git-dir"])?;
        Ok(repository)
    }

    /// The full hash of the commit that a revision names.
    pub(crate) fn commit(&self, revision: &str) -> Result<String, Refused> {
        let is_one = !revision.is_empty()
            && !revision.starts_with(['-', '^'])
            && !revision.contains(|c: char| c.is_control() || c == ':')
            && !revision.contains("..");
        if is_one {
            let commit = format!("{revision}^{{commit}}");
            let asked = ["rev-parse", "--verify", "--quiet", "--end-of-options", &commit];
            let hash = self.run(&asked)?.answer().map(|bytes| text(&bytes));
            if let Some(hash) = hash
                && let Some(hash) = Some(hash.trim()).filter(|hash| is_hash(hash))
            {
                return Ok(hash.to_owned());
            }
        }
        Err(self.unknown(revision, is_one).into())
    }

    fn unknown(&self, revision: &str, is_one: bool) -> Diagnostic {
        let shown = short(revision);
        let message = format!("`{shown}` names no commit of this clone");
        let help = if !is_one {
            "name one commit: a branch such as `origin/main`, a tag, or a hash".to_owned()
        } else if revision.bytes().all(|byte| byte == b'0') {
            "a row of zeros stands for no commit, as of a branch that was just made: name the branch \
             that the change is meant for, such as `origin/main`"
                .to_owned()
        } else if revision == "HEAD" {
            "nothing is committed here yet: commit what is there".to_owned()
        } else {
            fetch(revision, self.is_shallow())
        };
        Diagnostic::new(&code::UNKNOWN_REVISION, message, help)
    }

    /// The merge base of two commits, from which a change counts. Messages use the names that the user gave.
    pub(crate) fn merge_base(
        &self,
        (base, base_name): (&str, &str),
        (head, head_name): (&str, &str),
    ) -> Result<String, Refused> {
        let answer = self.run(&["merge-base", base, head])?.answer().map(|bytes| text(&bytes));
        let merge_base =
            answer.as_deref().and_then(|text| text.lines().next()).filter(|one| is_hash(one));
        let is_cut = self.is_shallow()
            && match merge_base {
                None => true,
                Some(merge_base) => {
                    merge_base != base
                        && merge_base != head
                        && self.is_cut(base, head, merge_base)?
                }
            };
        if is_cut {
            let message =
                format!("this clone is too shallow to tell where `{head_name}` left `{base_name}`");
            let help = "bring the history, with `git fetch --unshallow`, or with `fetch-depth: 0` of \
                        actions/checkout; `git fetch --deepen=100` brings a part";
            return Err(Diagnostic::new(&code::SHALLOW_CLONE, message, help).into());
        }
        merge_base.map(str::to_owned).ok_or_else(|| {
            let message = format!("`{base_name}` and `{head_name}` have no common history");
            let help = format!(
                "name the branch that the change was made from; \
                 `git log --max-parents=0 {base} {head}` shows where each begins"
            );
            Diagnostic::new(&code::NO_COMMON_HISTORY, message, help).into()
        })
    }

    /// Whether the clone is shallow between a merge base and the ends, so that a nearer merge base may be missing.
    fn is_cut(&self, base: &str, head: &str, merge_base: &str) -> Result<bool, Refused> {
        let asked =
            ["rev-list", "--max-parents=0", "--max-count=1", base, head, "--not", merge_base];
        Ok(!self.said(&asked)?.is_empty())
    }

    fn is_shallow(&self) -> bool {
        let said = self.said(&["rev-parse", "--is-shallow-repository"]);
        said.is_ok_and(|said| said.starts_with(b"true"))
    }

    /// The paths that differ between two commits. A path that moved is there twice.
    pub(crate) fn changed(
        &self,
        base: &str,
        head: &str,
    ) -> Result<BTreeMap<String, PathStatus>, Refused> {
        let said = self.said(&[
            "diff-tree",
            "-r",
            "-z",
            "--raw",
            "--no-renames",
            "--no-relative",
            "--ignore-submodules=none",
            "--no-ext-diff",
            "--no-textconv",
            base,
            head,
            "--",
        ])?;
        let mut fields = said.split(|&byte| byte == 0);
        let mut changed = BTreeMap::new();
        // `:100644 000000 hash hash D`, and the path.
        while let (Some([b':', about @ ..]), Some(path)) = (fields.next(), fields.next()) {
            let is_deleted = about.last() == Some(&b'D');
            let status = if is_deleted { PathStatus::Deleted } else { PathStatus::Present };
            changed.insert(text(path), status);
        }
        Ok(changed)
    }

    /// The files of a commit.
    pub(crate) fn files(&self, commit: &str) -> Result<Vec<String>, Refused> {
        let said = self.said(&["ls-tree", "-r", "-z", "--name-only", "--full-tree", commit])?;
        Ok(names(&said))
    }

    /// The text of a file of a commit; `None` if there is no such file, or if it is not text.
    pub(crate) fn content(&self, commit: &str, path: &str) -> Option<String> {
        let said = self.run(&["cat-file", "blob", &format!("{commit}:{path}")]).ok()?.answer()?;
        String::from_utf8(said).ok()
    }

    /// When these commits were made, in seconds since 1970, as far as the clone has them.
    pub(crate) fn times(&self, commits: &[&str]) -> BTreeMap<String, i64> {
        let mut times = BTreeMap::new();
        // As many names as one command line holds.
        for some in commits.chunks(500) {
            let mut asked =
                vec!["rev-list", "--no-walk=unsorted", "--ignore-missing", "--format=%H %ct"];
            asked.extend(some.iter().filter(|one| is_hash(one)));
            let said = self.run(&asked).ok().and_then(Said::answer).unwrap_or_default();
            let lines = text(&said);
            let pairs = lines.lines().filter_map(|line| line.split_once(' '));
            times.extend(
                pairs.filter_map(|(hash, time)| Some((hash.to_owned(), time.parse().ok()?))),
            );
        }
        times
    }

    /// Writes the files of a commit into a folder, byte for byte, without the filters of attributes. Symbolic links
    /// stay links; submodules are left out.
    pub(crate) fn export(&self, commit: &str, folder: &Path) -> Result<(), Refused> {
        let listed = self.said(&["ls-tree", "-r", "-z", "--full-tree", commit])?;
        // `100644 blob hash<TAB>path`.
        let files: Vec<(String, String, String)> = listed
            .split(|&byte| byte == 0)
            .filter_map(|entry| {
                let (about, path) =
                    text(entry).split_once('\t').map(|(a, p)| (a.to_owned(), p.to_owned()))?;
                let mut about = about.split(' ');
                let (mode, kind, hash) = (about.next()?, about.next()?, about.next()?);
                (kind == "blob").then(|| (mode.to_owned(), hash.to_owned(), path))
            })
            .collect();
        let cannot = |error: &std::io::Error| {
            let message = format!("{} cannot be written: {error}", folder.display());
            no_repository(message, "give the system room for temporary files")
        };
        let cannot_write = |path: &str, error: &std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => {
                let message = format!(
                    "the commit has {} twice, below a link, or beside a name that differs in case alone",
                    short(path)
                );
                no_repository(
                    message,
                    "`git fsck` names what is wrong with its trees; names that differ in case alone need a file system that tells them apart",
                )
            }
            _ => cannot(error),
        };
        let asked: String = files.iter().flat_map(|(_, hash, _)| [hash.as_str(), "\n"]).collect();
        let mut list = tempfile::tempfile().map_err(|error| cannot(&error))?;
        list.write_all(asked.as_bytes())
            .and_then(|()| list.rewind())
            .map_err(|error| cannot(&error))?;
        let said = self.run_fed(&["cat-file", "--batch"], Stdio::from(list))?;
        let said = match said.status.success() {
            true => said.stdout,
            false => return Err(no_repository(said.stderr_text(), "mend what git says")),
        };
        let mut rest = said.as_slice();
        let mut links = Vec::new();
        for (mode, hash, path) in &files {
            let content = next_object(&mut rest, hash).filter(|_| is_plain(path));
            let Some(content) = content else {
                let message = format!("git does not have the content of {}", short(path));
                return Err(no_repository(message, "bring it with `git fetch`, without a filter"));
            };
            if mode == "120000" {
                links.push((path, content));
            } else {
                write_file(folder, path, content).map_err(|error| cannot_write(path, &error))?;
            }
        }
        // Links come last. Only in trees made by hand is a path below one.
        links.into_iter().try_for_each(|(path, target)| {
            write_link(folder, path, target).map_err(|error| cannot_write(path, &error))
        })
    }

    /// The files in the index, which the next commit is made of.
    pub(crate) fn tracked(&self) -> Result<Vec<String>, Refused> {
        let mut files = names(&self.said(&["ls-files", "-z", "--cached", "--full-name"])?);
        files.sort();
        files.dedup();
        Ok(files)
    }

    /// Runs git and returns its output. A failure of git is an error.
    fn said(&self, arguments: &[&str]) -> Result<Vec<u8>, Refused> {
        let said = self.run(arguments)?;
        if said.status.success() {
            return Ok(said.stdout);
        }
        let stderr = said.stderr_text();
        let lines = stderr.lines().map(str::trim).filter(|line| !line.is_empty());
        let message = format!("git {}: {}", arguments[0], lines.collect::<Vec<_>>().join("; "));
        // A partial clone lacks objects, and they are not fetched here.
        let help = if stderr.contains("promisor remote") {
            "bring what the clone left behind, with `git fetch --refetch --filter=blob:none`"
        } else {
            "mend what git says; run it in a checkout of the repository"
        };
        Err(no_repository(message, help))
    }

    /// Runs git to its end and returns its output, also if it fails.
    fn run(&self, arguments: &[&str]) -> Result<Said, Refused> {
        self.run_fed(arguments, Stdio::null())
    }

    fn run_fed(&self, arguments: &[&str], stdin: Stdio) -> Result<Said, Refused> {
        let mut command = Command::new("git");
        command.arg("-C").arg(&self.root);
        command.args(["--no-pager", "--no-optional-locks", "--no-replace-objects"]);
        SETTINGS.iter().for_each(|setting| {
            command.args(["-c", setting]);
        });
        command.args(arguments);
        let of_git = std::env::vars_os()
            .map(|(name, _)| name)
            .filter(|name| name.as_encoded_bytes().starts_with(b"GIT_"));
        of_git.for_each(|name| {
            command.env_remove(name);
        });
        // A partial clone would fetch missing objects on access. So no protocol is allowed.
        command.envs([
            ("GIT_ALLOW_PROTOCOL", ""),
            ("GIT_NO_LAZY_FETCH", "1"),
            ("GIT_TERMINAL_PROMPT", "0"),
            ("GIT_ATTR_NOSYSTEM", "1"),
            ("LC_ALL", "C"),
        ]);
        let patience = InputLimits::default().build_seconds;
        match run_program(&mut command, stdin, ANSWER, Duration::from_secs(patience)) {
            Ok(Some(said)) if said.stdout.len() <= ANSWER => Ok(said),
            Ok(Some(_)) => {
                let message = format!("git {} has no end", arguments[0]);
                Err(no_repository(message, "look at the repository"))
            }
            Ok(None) => {
                let message = format!("git {} took longer than {patience} s", arguments[0]);
                Err(no_repository(message, "look at the repository: `git fsck` checks it"))
            }
            Err(error) => {
                let message = format!("git cannot be run: {error}");
                Err(no_repository(message, "install git, and see that it is on PATH"))
            }
        }
    }
}

/// The next content of `git cat-file --batch`: `hash blob size`, a line break, the content, a line break.
fn next_object<'a>(rest: &mut &'a [u8], hash: &str) -> Option<&'a [u8]> {
    let line = rest.iter().position(|&byte| byte == b'\n')?;
    let (head, behind) = (text(&rest[..line]), &rest[line + 1..]);
    let size: usize = head.strip_prefix(hash)?.strip_prefix(" blob ")?.parse().ok()?;
    let content = behind.get(..size)?;
    *rest = behind.get(size + 1..)?;
    Some(content)
}

/// Whether a path of a commit stays below its root. Git makes only such paths, but objects can be made by hand.
fn is_plain(path: &str) -> bool {
    Path::new(path).components().all(|part| matches!(part, std::path::Component::Normal(_)))
}

fn write_file(root: &Path, path: &str, content: &[u8]) -> std::io::Result<()> {
    make_folders(root, path)?;
    std::fs::File::create_new(root.join(path))?.write_all(content)
}

fn write_link(root: &Path, path: &str, target: &[u8]) -> std::io::Result<()> {
    make_folders(root, path)?;
    std::os::unix::fs::symlink(text(target), root.join(path))
}

/// Makes the folders above a path, through no link.
fn make_folders(root: &Path, path: &str) -> std::io::Result<()> {
    let mut folder = root.to_path_buf();
    for part in Path::new(path).parent().into_iter().flat_map(Path::components) {
        folder.push(part);
        match std::fs::create_dir(&folder) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {
                if !folder.symlink_metadata()?.is_dir() {
                    return Err(error);
                }
            }
            made => made?,
        }
    }
    Ok(())
}

fn no_repository(message: String, help: &str) -> Refused {
    Diagnostic::new(&code::NO_REPOSITORY, message, help).into()
}

/// Names in git are bytes. Invalid UTF-8 is replaced, which still tells names apart well enough.
fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn names(said: &[u8]) -> Vec<String> {
    said.split(|&byte| byte == 0).filter(|name| !name.is_empty()).map(text).collect()
}

fn is_hash(text: &str) -> bool {
    matches!(text.len(), 40 | 64) && text.bytes().all(|byte| byte.is_ascii_hexdigit())
}

/// A remedy for a missing revision: the command that may fetch it.
fn fetch(revision: &str, is_shallow: bool) -> String {
    let (name, steps) = match revision.find(['~', '^', '@']) {
        Some(at) => revision.split_at(at),
        None => (revision, ""),
    };
    if name.is_empty() {
        return "`git branch --all` lists the branches of this clone".to_owned();
    }
    if name == "HEAD" {
        return match is_shallow {
            true => "this clone is shallow: `git fetch --unshallow` brings the history".to_owned(),
            false => {
                "history does not go back so far: name a commit that `git log` shows".to_owned()
            }
        };
    }
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    // The user copies the command into a shell, where a name from a pull request could inject another one.
    if !name.chars().all(is_plain) {
        return "`git fetch origin` brings the branches of the remote; `git branch --all` lists them"
            .to_owned();
    }
    let deep = if is_shallow && !steps.is_empty() { "--unshallow " } else { "" };
    match name.strip_prefix("origin/") {
        _ if is_hash(name) => format!("bring it with `git fetch {deep}origin {name}`"),
        _ if name.starts_with("refs/") => {
            format!("bring it with `git fetch {deep}origin +{name}:{name}`")
        }
        Some(branch) => {
            format!("bring it with `git fetch {deep}origin +{branch}:refs/remotes/origin/{branch}`")
        }
        None => format!(
            "bring it with `git fetch {deep}origin +{name}:refs/remotes/origin/{name}` and name it \
             `origin/{name}`; a tag with `git fetch origin tag {name}`"
        ),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_that_brings_a_revision_fits_what_it_is() {
        for (revision, command) in [
            ("origin/main", "git fetch origin +main:refs/remotes/origin/main`"),
            ("main", "git fetch origin +main:refs/remotes/origin/main` and name it `origin/main`"),
            ("refs/pull/7/merge", "git fetch origin +refs/pull/7/merge:refs/pull/7/merge`"),
            (&"5f".repeat(20), "git fetch origin 5f5f"),
            ("origin/main~3", "git fetch origin +main:"),
            ("$(x)", "`git fetch origin` brings"),
            ("HEAD~40", "`git log`"),
            ("@{upstream}", "git branch --all"),
        ] {
            assert!(
                fetch(revision, false).contains(command),
                "{revision}: {}",
                fetch(revision, false)
            );
        }
        assert!(fetch("HEAD~40", true).contains("git fetch --unshallow"));
    }
}
