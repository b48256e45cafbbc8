//! `anabranch init`: a first previews.yaml, and the folder that gates name.

use std::path::Path;
use std::process::ExitCode;

use super::{say, say_report};
use crate::diagnostic::{Report, Sources};
use crate::validate::is_dns_label;
use crate::write::in_place;

const GATE: &str = "# The path of every gate: it has no objects of its own, only health checks.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: []
";

pub(super) fn run(folder: &Path, namespace: &str) -> ExitCode {
    let previews = format!(
        "# Which pull requests have a preview. `anabranch schema` prints every field.
apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata:
  name: previews
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
