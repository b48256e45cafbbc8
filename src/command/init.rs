//! `anabranch init`: a first previews.yaml, and the folder that gates name.

use std::fs;
use std::path::Path;
use std::process::ExitCode;

use super::say;

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
    let files = [("previews.yaml", previews.as_str()), ("previews/gate/kustomization.yaml", GATE)];
    let existing = files.iter().find(|(path, _)| folder.join(path).exists());
    if let Some((path, _)) = existing {
        say(&format!("error: {} exists; nothing was written\n", folder.join(path).display()));
        return ExitCode::FAILURE;
    }
    for (path, content) in files {
        let path = folder.join(path);
        let made = path.parent().map_or(Ok(()), fs::create_dir_all);
        if let Err(error) = made.and_then(|()| fs::write(&path, content)) {
            say(&format!("error: {} cannot be written: {error}\n", path.display()));
            return ExitCode::FAILURE;
        }
        say(&format!("wrote {}\n", path.display()));
    }
    ExitCode::SUCCESS
}
