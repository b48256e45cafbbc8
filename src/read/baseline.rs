//! The two inputs of the command line: previews.yaml, and the paths of a baseline.

use std::io::Read;
use std::path::Path;

use super::{add_objects, documents, folder, text_of};
use crate::diagnostic::{Diagnostic, Sources, code};
use crate::kube::Object;
use crate::yaml::Node;

/// Reads a file, or stdin for `-`, into `sources`.
///
/// # Errors
/// The file cannot be read or is not UTF-8.
pub fn read_file(
    path: &Path,
    sources: &mut Sources,
) -> Result<crate::diagnostic::FileId, Diagnostic> {
    let name =
        if path == Path::new("-") { "<stdin>".to_owned() } else { path.display().to_string() };
    let bytes = if path == Path::new("-") {
        let mut bytes = Vec::new();
        std::io::stdin().read_to_end(&mut bytes).map(|_| bytes)
    } else {
        std::fs::read(path)
    };
    let bytes = bytes.map_err(|error| {
        Diagnostic::new(
            &code::UNREADABLE,
            format!("{name} cannot be read: {error}"),
            "check the path and its permissions",
        )
    })?;
    let text = text_of(&name, bytes)?;
    Ok(sources.add(name, text))
}

/// Reads previews.yaml: exactly one document.
pub fn read_config(
    path: &Path,
    sources: &mut Sources,
    errors: &mut Vec<Diagnostic>,
) -> Option<Node> {
    let file = match read_file(path, sources) {
        Ok(file) => file,
        Err(mut error) => {
            error.help.push_str(
                "; previews.yaml is named before --baseline, which takes every path after it",
            );
            errors.push(error);
            return None;
        }
    };
    let before = errors.len();
    let mut found = documents(sources, file, errors);
    if errors.len() > before {
        return None;
    }
    if found.len() != 1 {
        let name = &sources.get(file).name;
        let message = match found.len() {
            0 => format!("{name} is empty"),
            count => format!("{name} holds {count} documents"),
        };
        let mut error = Diagnostic::new(
            &code::CONFIG_FIELD,
            message,
            "write exactly one document of apiVersion anabranch.dev/v1alpha1, kind Previews",
        );
        if let Some(second) = found.get(1) {
            error = error.at(second.place, "a second document begins here");
        }
        errors.push(error);
        return None;
    }
    found.pop()
}

/// Reads the objects of a baseline: each path is a file, a folder, a folder with a
/// kustomization.yaml, or `-` for stdin.
pub fn read_baseline(
    paths: &[impl AsRef<Path>],
    sources: &mut Sources,
    errors: &mut Vec<Diagnostic>,
) -> Vec<Object> {
    let mut objects = Vec::new();
    for path in paths.iter().map(AsRef::as_ref) {
        let texts = if path.is_dir() {
            folder::read_folder(path, sources, errors)
        } else {
            match read_file(path, sources) {
                Ok(file) => vec![file],
                Err(error) => {
                    errors.push(error);
                    continue;
                }
            }
        };
        for file in texts {
            for node in documents(sources, file, errors) {
                add_objects(node, &mut objects, errors);
            }
        }
    }
    if objects.is_empty() && errors.is_empty() {
        errors.push(Diagnostic::new(
            &code::UNREADABLE,
            "the baseline holds no objects",
            "pass the manifests of the baseline with --baseline: files, folders, or `-` for stdin",
        ));
    }
    objects
}
