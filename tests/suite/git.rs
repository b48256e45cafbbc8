//! Repositories made for tests. Nothing of the machine's own configuration reaches them.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A repository with its files.
pub(crate) struct Git {
    pub(crate) folder: PathBuf,
}

impl Git {
    /// Makes a repository of a folder; its branch is `main`.
    pub(crate) fn init(folder: &Path) -> Self {
        let git = Self { folder: folder.to_owned() };
        git.run(&["init", "--quiet", "--initial-branch=main", "--template=", "."]);
        git
    }

    fn command(&self) -> Command {
        let mut command = Command::new("git");
        command.current_dir(&self.folder).env_clear();
        command.envs(std::env::var_os("PATH").map(|path| ("PATH", path)));
        command.envs([("GIT_CONFIG_NOSYSTEM", "1"), ("GIT_CONFIG_GLOBAL", "/dev/null")]);
        command
    }

    /// Runs git, which must succeed: what it prints.
    #[track_caller]
    pub(crate) fn run(&self, arguments: &[&str]) -> String {
        let output = self.command().args(arguments).output().expect("git is installed");
        let words = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "git {arguments:?}: {words}");
        String::from_utf8(output.stdout).expect("what git prints is text").trim().to_owned()
    }

    /// Adds a commit to a branch, which begins at a revision where it is named.
    pub(crate) fn commit(
        &self,
        branch: &str,
        from: Option<&str>,
        files: &[(&str, &str)],
        deleted: &[&str],
    ) {
        let mut stream = format!(
            "commit refs/heads/{branch}\ncommitter A <a@example.com> 1700000000 +0000\ndata 2\nc\n"
        );
        if let Some(from) = from {
            stream.push_str(&format!("from {}\n", self.run(&["rev-parse", from])));
        }
        deleted.iter().for_each(|path| stream.push_str(&format!("D {path}\n")));
        for (path, text) in files {
            let path = path.replace('"', "\\\"").replace('\n', "\\n");
            stream.push_str(&format!("M 100644 inline \"{path}\"\ndata {}\n{text}\n", text.len()));
        }
        self.import(stream.as_bytes());
    }

    /// Adds the commits of a stream as `git fast-export` writes it.
    pub(crate) fn import(&self, stream: &[u8]) {
        let mut command = self.command();
        command.args(["fast-import", "--quiet", "--force"]).stdin(Stdio::piped());
        let mut import = command.spawn().expect("git is installed");
        let written = import.stdin.take().map(|mut stdin| stdin.write_all(stream));
        written.expect("there is a pipe").expect("git reads the stream");
        assert!(import.wait().expect("git ends").success(), "git fast-import refuses the stream");
    }
}
