//! The running lab: its API server, its registry, and its clock.

use std::env;
use std::fmt::Write as _;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use serde_json::Value;

/// How a scenario fails: with words.
pub(crate) type Outcome<T = ()> = Result<T, String>;

/// How long anything may take that is not told otherwise.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// Runs a program and returns what it wrote to stdout; what it wrote to stderr is the error.
pub(crate) fn run(command: &mut Command, stdin: &str) -> Outcome<String> {
    let mut child = command
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{command:?}: {error}"))?;
    let mut pipe = child.stdin.take().ok_or("stdin is piped")?;
    let text = stdin.to_owned();
    let writer = thread::spawn(move || drop(pipe.write_all(text.as_bytes())));
    let output = child.wait_with_output().map_err(|error| error.to_string())?;
    drop(writer.join());
    if !output.status.success() {
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        return Err(format!("{:?}: {words}", command.get_program()));
    }
    String::from_utf8(output.stdout).map_err(|error| error.to_string())
}

/// The program under test.
pub(crate) fn anabranch(folder: &Path, arguments: &[&str]) -> Outcome<String> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_anabranch"));
    run(command.current_dir(folder).args(arguments), "")
}

/// A folder for what this run makes.
pub(crate) fn scratch(name: &str) -> PathBuf {
    let folder =
        PathBuf::from(env::var_os("RUN").expect("run.sh says where")).join("work").join(name);
    drop(fs::remove_dir_all(&folder));
    fs::create_dir_all(&folder).expect("the lab's folder can be written");
    folder
}

pub(crate) fn kubectl(arguments: &[&str]) -> Outcome<String> {
    run(Command::new("kubectl").args(arguments), "")
}

/// Applies objects as `kubectl apply --server-side` does, refusing unknown fields. Warnings of the
/// API server are errors.
pub(crate) fn apply(objects: &str) -> Outcome {
    let mut command = Command::new("kubectl");
    command.args(["apply", "--server-side", "--force-conflicts", "--validate=strict", "-f", "-"]);
    command.args(["--warnings-as-errors"]);
    run(&mut command, objects).map(drop)
}

/// What `kubectl get ... -o json` prints.
pub(crate) fn get(arguments: &[&str]) -> Outcome<Value> {
    let mut all = vec!["get", "-o", "json"];
    all.extend(arguments);
    serde_json::from_str(&kubectl(&all)?).map_err(|error| error.to_string())
}

/// The items of a list.
pub(crate) fn list(arguments: &[&str]) -> Outcome<Vec<Value>> {
    Ok(get(arguments)?["items"].as_array().cloned().unwrap_or_default())
}

/// Asks again until it succeeds; the last error is the error.
pub(crate) fn wait<T>(
    what: &str,
    patience: Duration,
    mut ask: impl FnMut() -> Outcome<T>,
) -> Outcome<T> {
    let start = Instant::now();
    loop {
        match ask() {
            Ok(found) => return Ok(found),
            Err(error) if start.elapsed() > patience => {
                return Err(format!("{what}: not after {} s: {error}", patience.as_secs()));
            }
            Err(_) => thread::sleep(Duration::from_millis(200)),
        }
    }
}

/// An error unless it holds.
pub(crate) fn ensure(holds: bool, otherwise: impl FnOnce() -> String) -> Outcome {
    if holds { Ok(()) } else { Err(otherwise()) }
}

/// Pushes a rendered tree to the registry, as CI would, and tells Flux to look. Returns the digest.
pub(crate) fn push(folder: &Path, name: &str, revision: &str) -> Outcome<String> {
    let url = format!("oci://127.0.0.1:5000/{name}:latest");
    let source = "http://127.0.0.1:3000/bot/shop";
    let mut command = Command::new("probe");
    command.arg("push").arg(folder).args([&url, &format!("main@sha1:{revision}"), source]);
    let pushed = run(&mut command, "")?;
    let now = format!("reconcile.fluxcd.io/requestedAt={}", nanos());
    kubectl(&["-n", "flux-system", "annotate", "--overwrite", "ocirepository", name, &now])?;
    Ok(pushed.trim().rsplit('@').next().unwrap_or_default().to_owned())
}

/// A number that grows.
fn nanos() -> u128 {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH);
    now.map_or(0, |now| now.as_nanos())
}

/// Whether a Kustomization is ready, and else what it says of itself.
pub(crate) fn ready(kustomization: &str) -> Outcome {
    let found = get(&["-n", "flux-system", "kustomization", kustomization])?;
    let observed = found["status"]["observedGeneration"] == found["metadata"]["generation"];
    match condition(&found, "Ready") {
        Some(("True", _)) if observed => Ok(()),
        Some((status, message)) => Err(format!("{kustomization} is {status}: {message}")),
        None => Err(format!("{kustomization} says nothing yet")),
    }
}

/// Status and message of a condition.
pub(crate) fn condition<'a>(object: &'a Value, kind: &str) -> Option<(&'a str, &'a str)> {
    let all = object["status"]["conditions"].as_array()?;
    let found = all.iter().find(|condition| condition["type"] == kind)?;
    Some((found["status"].as_str()?, found["message"].as_str().unwrap_or_default()))
}

/// Objects as one stream.
pub(crate) fn stream(objects: &[Value]) -> String {
    let mut text = String::new();
    for object in objects {
        // JSON is YAML.
        let _ = writeln!(text, "---\n{object}");
    }
    text
}
