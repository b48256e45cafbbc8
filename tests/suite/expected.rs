//! Expected files: found by walking, compared with a readable difference, rewritten on request.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use similar::TextDiff;

/// Files by their path below a folder, with `/` on every system.
pub(crate) type Files = BTreeMap<String, Vec<u8>>;

/// The golden folder of the repository.
pub(crate) fn golden() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
}

/// Whether `GOLDEN=bless` asks to rewrite what is expected.
pub(crate) fn bless() -> bool {
    std::env::var("GOLDEN").is_ok_and(|value| value == "bless")
}

/// The folders directly below a folder, sorted.
pub(crate) fn folders(parent: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(parent).expect("the golden folder exists");
    let mut found: Vec<PathBuf> = entries
        .map(|entry| entry.expect("the folder can be read").path())
        .filter(|path| path.is_dir())
        .collect();
    found.sort();
    found
}

/// The last part of a path.
pub(crate) fn name(path: &Path) -> String {
    path.file_name().expect("a folder has a name").to_string_lossy().into_owned()
}

/// Every file below a folder; none where it does not exist.
pub(crate) fn files(folder: &Path) -> Files {
    walkdir::WalkDir::new(folder)
        .into_iter()
        .filter_map(Result::ok)
        .filter(|entry| entry.file_type().is_file())
        .map(|entry| {
            let below = entry.path().strip_prefix(folder).expect("it was found below");
            let path = below.to_string_lossy().replace('\\', "/");
            (path, fs::read(entry.path()).expect("the file can be read"))
        })
        .collect()
}

/// The arguments that a case adds: the lines of its file `args`.
pub(crate) fn extra_args(case: &Path) -> Vec<String> {
    let text = fs::read_to_string(case.join("args")).unwrap_or_default();
    text.lines().map(str::to_owned).collect()
}

/// Runs the binary in a folder, with an environment that holds nothing but PATH.
pub(crate) fn anabranch<S: AsRef<std::ffi::OsStr>>(folder: &Path, args: &[S]) -> Output {
    command(folder, args).output().expect("the binary runs")
}

/// The same before it runs, with an empty stdin.
pub(crate) fn command<S: AsRef<std::ffi::OsStr>>(folder: &Path, args: &[S]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
    command
        .args(args)
        .current_dir(folder)
        .env_clear()
        .envs(std::env::var_os("PATH").map(|path| ("PATH", path)))
        .stdin(std::process::Stdio::null());
    command
}

/// The paragraph that says what a case shows.
pub(crate) fn check_readme(case: &Path, problems: &mut Vec<String>) {
    let text = fs::read_to_string(case.join("README.md")).unwrap_or_default();
    if text.trim().len() < 20 {
        problems.push(format!("{}: README.md says nothing", name(case)));
    }
}

/// Compares what was produced with what is expected below a folder, or rewrites that. What is
/// expected and was not produced is a problem too. `ours` says which files of the folder belong to
/// the comparison.
pub(crate) fn compare(
    case: &Path,
    folder: &Path,
    produced: &Files,
    ours: impl Fn(&str) -> bool,
    problems: &mut Vec<String>,
) {
    let expected: Files = files(folder).into_iter().filter(|(path, _)| ours(path)).collect();
    if bless() {
        for path in expected.keys().filter(|path| !produced.contains_key(*path)) {
            fs::remove_file(folder.join(path)).expect("an orphan can be removed");
        }
        for (path, bytes) in produced {
            let path = folder.join(path);
            fs::create_dir_all(path.parent().expect("a file has a folder")).expect("it is made");
            fs::write(path, bytes).expect("what is expected can be written");
        }
        return;
    }
    for path in expected.keys().filter(|path| !produced.contains_key(*path)) {
        problems.push(format!("{}: {path} is expected, and nothing produced it", name(case)));
    }
    for (path, bytes) in produced {
        match expected.get(path) {
            None => {
                problems.push(format!("{}: {path} was produced and is not expected", name(case)))
            }
            Some(wanted) if wanted != bytes => {
                problems.push(difference(&name(case), path, wanted, bytes))
            }
            Some(_) => {}
        }
    }
}

fn difference(case: &str, path: &str, wanted: &[u8], found: &[u8]) -> String {
    let (wanted, found) = (String::from_utf8_lossy(wanted), String::from_utf8_lossy(found));
    let diff = TextDiff::from_lines(&wanted, &found);
    let diff = diff.unified_diff().context_radius(3).header("expected", "produced").to_string();
    let mut out = format!("{case}: {path} differs\n");
    for line in diff.lines().take(80) {
        let _ = writeln!(out, "    {line}");
    }
    out
}

/// Fails with every problem of a run and the way to accept them.
#[track_caller]
pub(crate) fn settle(problems: &[String]) {
    assert!(
        problems.is_empty(),
        "\n{}\n\n{} problems. If the new output is right: GOLDEN=bless cargo test --test suite",
        problems.join("\n"),
        problems.len()
    );
}
