//! The orchestrators that run anabranch as a function: where their programs are, how they are
//! called, and the fixture that they are given.
//!
//! kustomize is required, in the version that `make tools` pins. A test that needs another program
//! says `skipped: ...` where it is missing; CONTRIBUTING.md says how to get it.

use std::env;
use std::fs;
use std::io::{Write, stderr};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Mutex;
use std::thread;

use tempfile::TempDir;

use crate::objects::{Objects, documents, objects, resource_list};

/// The program under test.
pub(crate) const ANABRANCH: &str = env!("CARGO_BIN_EXE_anabranch");
const ROOT: &str = env!("CARGO_MANIFEST_DIR");

/// A baseline of one service, `cart` in the namespace `shop`.
pub(crate) const CART: &str = "\
apiVersion: v1
kind: Service
metadata: {name: cart, namespace: shop}
spec: {selector: {app: cart}, ports: [{name: http, port: 80}]}
---
apiVersion: apps/v1
kind: Deployment
metadata: {name: cart, namespace: shop}
spec:
  selector: {matchLabels: {app: cart}}
  template:
    metadata: {labels: {app: cart}}
    spec: {containers: [{name: server, image: cart:1}]}
";

/// What a program answered.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Answer {
    /// The output of a program that must have succeeded.
    #[track_caller]
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "{}", self.stderr);
        self.stdout
    }

    /// The words of a program that must have failed.
    #[track_caller]
    pub(crate) fn failed(self) -> String {
        assert_ne!(self.code, Some(0), "succeeded with: {}", self.stdout);
        self.stderr
    }
}

/// Writes a file, with the folders that it lies in.
#[track_caller]
pub(crate) fn write_text(file: &Path, text: &str) {
    fs::create_dir_all(file.parent().expect("a file is in a folder"))
        .and_then(|()| fs::write(file, text))
        .unwrap_or_else(|error| panic!("{}: {error}", file.display()));
}

/// Runs a command with this text on stdin. The tools' folder comes first in its PATH.
#[track_caller]
pub(crate) fn run(command: &mut Command, stdin: &str) -> Answer {
    run_in_path(command, stdin, &[tools()])
}

/// Runs a command that finds programs of this folder too.
#[track_caller]
pub(crate) fn run_with(command: &mut Command, programs: &Path) -> Answer {
    run_in_path(command, "", &[tools(), programs.to_owned()])
}

#[track_caller]
fn run_in_path(command: &mut Command, stdin: &str, first: &[PathBuf]) -> Answer {
    let inherited = env::var_os("PATH").unwrap_or_default();
    let folders = first
        .iter()
        .cloned()
        .chain(env::split_paths(&inherited))
        .filter(|folder| folder.is_absolute());
    let path = env::join_paths(folders).expect("folders of PATH hold no separator");
    let mut child = command
        .env("PATH", path)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap_or_else(|error| panic!("{command:?}: {error}"));
    let mut pipe = child.stdin.take().expect("stdin is piped");
    let stdin = stdin.to_owned();
    // Beside the reading: a pipe holds less than a large list. A program may stop reading early.
    let writer = thread::spawn(move || drop(pipe.write_all(stdin.as_bytes())));
    let output = child.wait_with_output().expect("the program can be waited for");
    writer.join().expect("writing does not panic");
    Answer {
        code: output.status.code(),
        stdout: String::from_utf8(output.stdout).expect("stdout is UTF-8"),
        stderr: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}

/// Runs anabranch as an orchestrator does: without arguments, a ResourceList on stdin.
#[track_caller]
pub(crate) fn function(resource_list: &str) -> Answer {
    run(&mut Command::new(ANABRANCH), resource_list)
}

/// Renders these objects as the baseline of a previews file.
pub(crate) fn render(objects: &[serde_json::Value], previews: &str) -> Answer {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let baseline: Vec<String> = objects.iter().map(ToString::to_string).collect();
    write_text(&folder.path().join("baseline.yaml"), &baseline.join("\n---\n"));
    write_text(&folder.path().join("previews.yaml"), previews);
    let mut command = Command::new(ANABRANCH);
    command.current_dir(folder.path());
    run(command.args(["render", "previews.yaml", "--baseline", "baseline.yaml"]), "")
}

/// `kustomize`, the pinned one.
pub(crate) fn kustomize() -> Command {
    let program = tools().join("kustomize");
    assert!(program.is_file(), "{} is missing: run `make tools`", program.display());
    Command::new(program)
}

/// A program from PATH, or a line that says that the test is skipped.
pub(crate) fn program(name: &str) -> Option<Command> {
    let path = env::var_os("PATH").unwrap_or_default();
    let found = env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.is_file());
    if found.is_none() {
        skipped(&format!("{name} is not installed; see CONTRIBUTING.md"));
    }
    found.map(Command::new)
}

/// Says why a test does not run, past the test runner's capture.
pub(crate) fn skipped(why: &str) {
    let test = thread::current().name().unwrap_or("a test").to_owned();
    // In one piece, because tests run side by side.
    let line = format!("skipped: {test}: {why}\n");
    stderr().write_all(line.as_bytes()).expect("stderr can be written");
}

/// Runs a target of the Makefile, one at a time: all of them write into `dist`.
#[track_caller]
pub(crate) fn make(arguments: &[&str]) {
    static DIST: Mutex<()> = Mutex::new(());
    let _turn = DIST.lock();
    let mut make = Command::new("make");
    // Not as a part of the make that may run these tests.
    make.env_remove("MAKEFLAGS").env_remove("MAKELEVEL");
    run(make.current_dir(root()).args(arguments), "").ok();
}

pub(crate) fn root() -> &'static Path {
    Path::new(ROOT)
}

pub(crate) fn tools() -> PathBuf {
    root().join(".tools/bin")
}

/// A copy of the fixture in a folder of its own.
pub(crate) struct Workspace(TempDir);

impl Workspace {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        copy(&root().join("tests/suite/fixtures/function"), folder.path());
        Self(folder)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn write(&self, name: &str, text: &str) {
        write_text(&self.path().join(name), text);
    }

    /// previews.yaml, of which anabranch is told on the command line.
    pub(crate) fn previews(&self) -> String {
        fs::read_to_string(self.path().join("previews.yaml"))
            .expect("the fixture has previews.yaml")
    }

    /// Makes this folder an overlay that lists previews.yaml under `field`, with annotations.
    pub(crate) fn overlay(&self, field: &str, annotations: &str) {
        self.write(
            "kustomization.yaml",
            &format!("resources: [baseline]\n{field}: [previews.yaml]\n"),
        );
        self.annotate(annotations);
    }

    /// Adds annotations, lines of `key: value`, to previews.yaml.
    pub(crate) fn annotate(&self, annotations: &str) {
        let lines: String = annotations.lines().map(|line| format!("    {line}\n")).collect();
        let metadata = format!("metadata:\n  annotations:\n{lines}");
        self.write("previews.yaml", &self.previews().replacen("metadata:\n", &metadata, 1));
    }

    /// Replaces text in previews.yaml.
    #[track_caller]
    pub(crate) fn edit(&self, from: &str, to: &str) {
        let text = self.previews();
        assert!(text.contains(from), "previews.yaml has no {from:?}");
        self.write("previews.yaml", &text.replace(from, to));
    }

    /// `kustomize build` of a folder in here.
    #[track_caller]
    pub(crate) fn build(&self, folder: &str, flags: &[&str]) -> Answer {
        run(kustomize().arg("build").args(flags).arg(folder).current_dir(self.path()), "")
    }

    /// The baseline as kustomize alone builds it.
    #[track_caller]
    pub(crate) fn baseline(&self) -> Objects {
        objects(&self.build("baseline", &[]).ok())
    }

    /// The stream of `anabranch render`.
    #[track_caller]
    pub(crate) fn rendered(&self) -> Objects {
        let mut command = Command::new(ANABRANCH);
        command.args(["render", "previews.yaml", "--baseline", "baseline"]);
        objects(&run(command.current_dir(self.path()), "").ok())
    }

    /// The ResourceList that kustomize would send, without its bookkeeping.
    #[track_caller]
    pub(crate) fn resource_list(&self) -> String {
        let items = documents(&self.build("baseline", &[]).ok());
        resource_list(&items, &self.previews())
    }
}

/// What makes kustomize run the program under test by itself.
pub(crate) fn exec_annotation() -> String {
    format!("config.kubernetes.io/function: 'exec: {{path: \"{ANABRANCH}\"}}'")
}

pub(crate) fn copy(from: &Path, to: &Path) {
    for entry in walkdir::WalkDir::new(from).min_depth(1) {
        let entry = entry.expect("the fixture can be read");
        let place = to.join(entry.path().strip_prefix(from).expect("entries are below the folder"));
        if entry.file_type().is_dir() {
            fs::create_dir(&place).expect("a folder can be made");
        } else {
            fs::copy(entry.path(), &place).expect("a file can be copied");
        }
    }
}

/// What the YAML reader of kubectl, pinned, makes of each of these texts of one document.
#[track_caller]
pub(crate) fn yaml2json(texts: &[String]) -> Vec<Result<serde_json::Value, String>> {
    let program = tools().join("yaml2json");
    assert!(program.is_file(), "{} is missing: run `make tools`", program.display());
    let answer = run(&mut Command::new(program), &texts.join("\n--- # next\n")).ok();
    let read = |line: &str| match line.strip_prefix("error: ") {
        Some(why) => Err(why.to_owned()),
        None => Ok(serde_json::from_str(line).expect("one line of JSON")),
    };
    let found: Vec<_> = answer.lines().map(read).collect();
    assert_eq!(found.len(), texts.len(), "one answer for each text");
    found
}
