//! Checks what the kustomizations of suites refer to. A tree contains the folder of each suite and nothing beside it.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use crate::diagnostic::{Report, Sources, code, first_of};
use crate::limits::InputLimits;
use crate::spec::Config;
use crate::yaml::{Data, Node, parse_documents};

/// Fields of a kustomization.yaml that name files or folders.
/// See <https://kubectl.docs.kubernetes.io/references/kustomize/kustomization/>.
const FIELDS: [&str; 17] = [
    "additionalValuesFiles",
    "bases",
    "chartHome",
    "components",
    "configurations",
    "crds",
    "env",
    "envs",
    "files",
    "generators",
    "patches",
    "patchesStrategicMerge",
    "path",
    "resources",
    "transformers",
    "validators",
    "valuesFile",
];

/// Reports suites whose copies would not build, because they refer to something outside their folders. `files` are
/// those of all suites, by their paths behind the names of the suites.
pub(crate) fn check_references(
    config: &Config,
    files: &BTreeMap<String, Vec<u8>>,
    budget: &InputLimits,
    report: &mut Report,
) {
    for (index, suite) in config.previews.spec.tests.iter().enumerate() {
        for (path, content) in files {
            let below = path.strip_prefix(&suite.name).and_then(|rest| rest.strip_prefix('/'));
            let Some((folder, text)) = below.and_then(folder_of).zip(str::from_utf8(content).ok())
            else {
                continue;
            };
            let mut sources = Sources::default();
            let file = sources.add(path, text);
            // A text that is not YAML is for kustomize to report.
            for document in parse_documents(&sources, file, budget).unwrap_or_default() {
                let mut outside = Vec::new();
                references(&document, &mut |reference| {
                    if leads_outside(folder, reference) {
                        outside.push(reference.to_owned());
                    }
                });
                if outside.is_empty() {
                    continue;
                }
                let message = format!(
                    "{} of the suite `{}` refers to {}, outside of the suite's folder",
                    below.unwrap_or_default(),
                    suite.name,
                    first_of(5, ", ", outside)
                );
                let help = "a tree carries the suite's folder alone: move it below that folder, or let \
                            spec.tests name a folder that holds both";
                let field = format_args!("spec.tests[{index}].path");
                report.push(config.finding(&code::SUITE_OUTSIDE, field, message, help));
            }
        }
    }
}

/// The folder of a kustomization.yaml; `None` for other files.
fn folder_of(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    matches!(name, "kustomization.yaml" | "kustomization.yml" | "Kustomization").then_some(folder)
}

/// Calls `take` with each text of a kustomization that can be a path.
fn references<'n>(node: &'n Node, take: &mut impl FnMut(&'n str)) {
    for (key, value) in node.entries() {
        if FIELDS.contains(&key.text.as_str()) {
            texts(value, take);
        }
        references(value, take);
    }
    node.items().iter().for_each(|item| references(item, take));
}

fn texts<'n>(node: &'n Node, take: &mut impl FnMut(&'n str)) {
    match &node.data {
        // A text of several lines is an inline patch.
        Data::Scalar { text, .. } if !text.contains('\n') => {
            take(text.split_once('=').map_or(text.as_str(), |(_, path)| path));
        }
        Data::List(items) => items.iter().for_each(|item| texts(item, take)),
        _ => {}
    }
}

/// Whether a path leads from a folder of a suite out of the suite.
fn leads_outside(folder: &str, reference: &str) -> bool {
    if reference.contains("://") || reference.contains('@') || reference.contains("?ref=") {
        return false;
    }
    let mut depth = 0_usize;
    for part in Path::new(folder).components().chain(Path::new(reference).components()) {
        match part {
            Component::Normal(_) => depth += 1,
            Component::ParentDir => match depth.checked_sub(1) {
                Some(less) => depth = less,
                None => return true,
            },
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return true,
        }
    }
    false
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_outside_where_it_leaves_the_folder_of_the_suite() {
        for (folder, reference) in
            [("", "../common"), ("a", "../../b"), ("", "/etc"), ("", "a/../../b")]
        {
            assert!(leads_outside(folder, reference), "{reference}");
        }
        for (folder, reference) in
            [("", "common"), ("a", "../b"), ("", "https://x/../../y"), ("", "git@host:../x")]
        {
            assert!(!leads_outside(folder, reference), "{reference}");
        }
    }
}
