//! Runs `kustomize build` of a folder, within limits: a kustomization may name a server that never answers.

use std::io::{ErrorKind, Read};
use std::path::Path;
use std::process::{Command, ExitStatus, Stdio};
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use super::kustomization::LoadRestriction;
use super::{build_errors, text_of};
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::limits::{InputLimits, too_many_bytes, too_many_seconds};

/// The output of a program that ended in time.
pub(crate) struct Said {
    pub(crate) status: ExitStatus,
    /// stdout, up to one byte more than was asked for.
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
}

impl Said {
    /// The output, if the program succeeded.
    pub(crate) fn answer(self) -> Option<Vec<u8>> {
        self.status.success().then_some(self.stdout)
    }

    /// stderr as text.
    pub(crate) fn stderr_text(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }
}

/// The name of a build in messages.
pub(super) fn name_of(folder: &Path) -> String {
    format!("kustomize build {}", folder.display())
}

/// Runs `kustomize build`, or `kubectl kustomize` where there is no kustomize. `left` and `patience` are what
/// remains of the limits of bytes and seconds.
pub(super) fn build(
    folder: &Path,
    restriction: LoadRestriction,
    left: usize,
    patience: Duration,
    limits: &InputLimits,
) -> Result<String, Refused> {
    let failed = |message: String, help: &str| Diagnostic::new(&code::UNREADABLE, message, help);
    let absolute = std::path::absolute(folder).unwrap_or_else(|_| folder.to_owned());
    let tries: [(&str, &[&str]); 2] = [("kustomize", &["build"]), ("kubectl", &["kustomize"])];
    for (program, arguments) in tries {
        let mut command = Command::new(program);
        command.args(arguments).arg(&absolute);
        if restriction == LoadRestriction::Lifted {
            command.args(["--load-restrictor", "LoadRestrictionsNone"]);
        }
        let said = match run(&mut command, left, patience) {
            Ok(Some(said)) => said,
            Ok(None) => return Err(too_many_seconds(&name_of(folder), limits).into()),
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => {
                return Err(
                    failed(format!("{program} cannot be run: {error}"), "reinstall it").into()
                );
            }
        };
        if said.stdout.len() > left {
            return Err(too_many_bytes(&name_of(folder), limits).into());
        }
        if !said.status.success() {
            let stderr = said.stderr_text();
            let shown = build_errors::shown(&stderr).unwrap_or_else(|| NOT_SHOWN.to_owned());
            let message = format!("{}: {shown}", name_of(folder));
            return Err(failed(message, build_errors::help(&stderr)).into());
        }
        return text_of(&name_of(folder), said.stdout);
    }
    Err(failed(
        format!(
            "{} holds a kustomization, and neither kustomize nor kubectl is on PATH",
            folder.display()
        ),
        "install kustomize, or build it yourself and pass the result with `--baseline -`",
    )
    .into())
}

const NOT_SHOWN: &str =
    "its message may quote a Secret and is not shown; build it yourself to see it";

/// Runs a program to its end, or until it wrote one byte more than `most`; `None` if it takes too long.
pub(crate) fn run(
    command: &mut Command,
    most: usize,
    patience: Duration,
) -> std::io::Result<Option<Said>> {
    run_fed(command, Stdio::null(), most, patience)
}

/// Runs a program as [`run`] does, with an input on stdin.
pub(crate) fn run_fed(
    command: &mut Command,
    stdin: Stdio,
    most: usize,
    patience: Duration,
) -> std::io::Result<Option<Said>> {
    /// How much of stderr is read: more than anybody looks at.
    const WORDS: u64 = 64 << 10;
    let mut child = command.stdin(stdin).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (out, err) = (child.stdout.take(), child.stderr.take());
    let (said, heard) = mpsc::channel();
    // These threads are not joined: children of the program may keep its pipes open.
    thread::spawn(move || {
        let err = thread::spawn(move || read(err, WORDS));
        let out = read(out, (most as u64).saturating_add(1));
        let _ = said.send((out, err.join().unwrap_or_default()));
    });
    let heard = heard.recv_timeout(patience);
    if heard.as_ref().map_or(true, |(out, _)| out.len() > most) {
        // It may have ended by itself in the meantime.
        let _ = child.kill();
    }
    let status = child.wait()?;
    Ok(heard.ok().map(|(stdout, stderr)| Said { status, stdout, stderr }))
}

/// Reads the first bytes of a pipe, then closes it. A read error counts as its end.
fn read(pipe: Option<impl Read>, most: u64) -> Vec<u8> {
    let mut bytes = Vec::new();
    if let Some(pipe) = pipe {
        let _ = pipe.take(most).read_to_end(&mut bytes);
    }
    bytes
}
