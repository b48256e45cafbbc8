//! A repository of code and the GitOps repository that its jobs write to. A program stands for docker alone; git, jq, curl and
//! anabranch are the real ones.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

use super::super::orchestrator::{ANABRANCH, run, write_text};
use super::{Copy, template};

/// The services of the template.
pub(super) const SERVICES: [&str; 4] = ["frontend", "catalog", "cart", "checkout"];

/// Says what it built, as `docker buildx bake --push --metadata-file FILE TARGET...` does. The group `service` is all of them.
const DOCKER: &str = r#"#!/bin/sh
if [ "$1" = login ]; then exit; fi
shift 4
file=$1
shift
if [ "$*" = service ]; then set -- frontend catalog cart checkout; fi
for target; do echo "$target sha256:$(cat "services/$target/main" lib/lib | sha256sum | cut -c1-64)"; done |
  jq -Rn '[inputs | split(" ") | {key: .[0], value: {"containerimage.digest": .[1]}}] | from_entries' >"$file"
"#;

/// Both repositories, in a folder of their own.
pub(super) struct Project {
    folder: TempDir,
}

impl Project {
    pub(super) fn new() -> Self {
        let project = Self { folder: tempfile::tempdir().expect("a temporary folder") };
        let gitops = Copy::new();
        gitops.git(&["add", "--all"]);
        commit(&gitops.path("."));
        let mut clone = Command::new("git");
        clone.args(["clone", "--quiet", "--bare"]).arg(gitops.path("."));
        run(clone.arg(project.path("gitops.git")), "").ok();

        let code = project.path("code");
        for service in SERVICES {
            write_text(&code.join(format!("services/{service}/main")), &format!("{service} 1\n"));
        }
        for file in ["affected.yaml", "docker-bake.hcl"] {
            let text = fs::read_to_string(template().join("application").join(file));
            write_text(&code.join(file), &text.expect("it is there"));
        }
        write_text(&code.join("lib/lib"), "1\n");
        write_text(&code.join("README.md"), "1\n");
        git(&code, &["init", "--quiet", "--initial-branch=main"]);
        git(&code, &["add", "--all"]);
        commit(&code);
        project.program("docker", DOCKER);
        fs::copy(ANABRANCH, project.path("bin/anabranch")).expect("the program is copied");
        project
    }

    pub(super) fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    /// Puts a program where jobs find it.
    pub(super) fn program(&self, name: &str, text: &str) {
        let file = self.path("bin").join(name);
        write_text(&file, text);
        fs::set_permissions(&file, fs::Permissions::from_mode(0o755)).expect("it may run");
    }

    /// Commits another text of a file of the code, and returns the commit.
    pub(super) fn change(&self, file: &str) -> String {
        let (code, path) = (self.path("code"), self.path("code").join(file));
        let text = fs::read_to_string(&path).expect("it is there");
        write_text(&path, &(text + "and more\n"));
        git(&code, &["add", "--all"]);
        commit(&code);
        self.head()
    }

    pub(super) fn head(&self) -> String {
        git(&self.path("code"), &["rev-parse", "HEAD"]).trim().to_owned()
    }

    /// A file of the GitOps repository's main branch.
    pub(super) fn delivered(&self, file: &str) -> String {
        git(&self.path("gitops.git"), &["show", &format!("main:{file}")])
    }
}

pub(super) fn git(folder: &Path, arguments: &[&str]) -> String {
    let mut git = Command::new("git");
    git.current_dir(folder).args(["-c", "user.name=t", "-c", "user.email=t@example.com"]);
    run(git.args(arguments), "").ok()
}

fn commit(folder: &Path) {
    git(folder, &["commit", "--quiet", "--message", "one"]);
}
