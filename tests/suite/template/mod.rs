//! The template of a GitOps repository, `gitops-template/`: its scripts are run for real, in a copy that is a Git repository
//! of its own, as a team has it.

mod comment;
mod gitlab;
mod manifests;
mod project;
mod readme;
mod rendered;
mod rights;
mod schemas;
mod staging;
mod values;
mod workflows;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use tempfile::TempDir;

use super::expected::files;
use super::orchestrator::{ANABRANCH, Answer, root, run, run_with, write_text};

fn template() -> PathBuf {
    root().join("gitops-template")
}

/// A copy of the template.
struct Copy {
    folder: TempDir,
}

impl Copy {
    fn new() -> Self {
        let copy = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let (from, to) = (template(), copy.path("."));
        let mut cp = Command::new("cp");
        run(cp.arg("-R").arg(from.join(".")).arg(to), "").ok();
        copy.git(&["init", "--quiet", "--initial-branch=main"]);
        copy
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn git(&self, arguments: &[&str]) {
        let mut git = Command::new("git");
        git.current_dir(self.folder.path()).args(arguments);
        run(&mut git, "").ok();
    }

    fn text(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap_or_else(|error| panic!("{name}: {error}"))
    }

    /// Puts another text into a file, at the one place where it stands.
    #[track_caller]
    fn replace(&self, name: &str, old: &str, new: &str) {
        let text = self.text(name);
        assert_eq!(text.matches(old).count(), 1, "{name} has `{old}` once");
        write_text(&self.path(name), &text.replace(old, new));
    }

    /// Runs one of the scripts, or anabranch.
    fn run(&self, program: &str, arguments: &[&str]) -> Answer {
        let program = if program == "anabranch" { ANABRANCH.into() } else { self.path(program) };
        let mut command = Command::new(program);
        command.current_dir(self.folder.path()).args(arguments);
        let programs = Path::new(ANABRANCH).parent().expect("the program lies in a folder");
        run_with(&mut command, programs)
    }

    /// All files with their texts.
    fn files(&self) -> super::expected::Files {
        let mut files = files(self.folder.path());
        files.retain(|name, _| !name.starts_with(".git/"));
        files
    }
}

/// A text at a path of an object.
fn text<'a>(object: &'a Value, pointer: &str) -> &'a str {
    object.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}
