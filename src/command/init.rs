//! `anabranch init`: a first previews.yaml, and the folder that gates name.

use std::path::Path;
use std::process::ExitCode;

use super::{say, say_report};
use crate::diagnostic::{Report, Sources};
use crate::read::git_root;
use crate::validate::is_dns_label;
use crate::write::in_place;

const GATE: &str = "# The path of every gate: it has no objects of its own, only health checks.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: []
";

pub(super) fn run(folder: &Path, namespace: &str, name: Option<&str>) -> ExitCode {
    let name = name.map_or_else(|| name_of(folder), str::to_owned);
    let previews = format!(
        "# Which pull requests have a preview. `anabranch schema` prints every field.
apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata:
  name: {name}
  annotations:
    config.kubernetes.io/local-config: \"true\"
spec:
  baseline:
    namespace: {namespace}
  previews: []
"
    );
    if !is_dns_label(namespace) {
        say(&format!("error: `{namespace}` is not the name of a namespace; nothing was written\n"));
        return ExitCode::FAILURE;
    }
    if !is_dns_label(&name) {
        say(&format!("error: `{name}` is not the name of a set; nothing was written\n"));
        return ExitCode::FAILURE;
    }
    let files = [
        (folder.join("previews.yaml"), previews.as_str()),
        (folder.join("previews/gate/kustomization.yaml"), GATE),
    ];
    if let Err(error) = in_place::create(folder, &files) {
        let mut report = Report::default();
        report.push(error);
        say_report(&Sources::default(), &report);
        return ExitCode::FAILURE;
    }
    for (path, _) in files {
        say(&format!("wrote {}\n", path.display()));
    }
    ExitCode::SUCCESS
}

/// The name of a new set: Flux objects of all sets of a cluster carry it, so that of the repository tells
/// them apart. Without one that fits, `previews`.
fn name_of(folder: &Path) -> String {
    // Names of Flux objects, of 63 characters at most, hold those of previews and suites too.
    const LONGEST: usize = 20;
    let root = git_root(folder);
    let root = root.file_name().filter(|_| root.join(".git").exists()).unwrap_or_default();
    let root = root.to_string_lossy().to_ascii_lowercase();
    let words = root.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-");
    name.truncate(LONGEST);
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-');
    if name.is_empty() { "previews".to_owned() } else { name.to_owned() }
}
