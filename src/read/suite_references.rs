//! Checks what the kustomizations of suites refer to. A tree contains the folder of each suite and nothing beside it.

use std::collections::BTreeMap;
use std::path::{Component, Path};

use super::folder::KUSTOMIZATION;
use super::references::{Kind, References};
use crate::diagnostic::{Place, Problem, Report, code, first_of};
use crate::limits::InputLimits;
use crate::spec::Config;

/// Reports suites whose copies would not build, because they refer to something outside their folders. `files` are
/// those of all suites, by their paths behind the names of the suites.
pub(crate) fn check_references(
    config: &Config,
    files: &BTreeMap<String, Vec<u8>>,
    budget: &InputLimits,
    report: &mut Report,
) {
    for (index, suite) in config.previews.spec.tests.iter().enumerate() {
        let files = files.iter().filter_map(|(path, content)| {
            let below = path.strip_prefix(&suite.name).and_then(|rest| rest.strip_prefix('/'));
            Some((below?, content.as_slice()))
        });
        let files: BTreeMap<&str, &[u8]> = files.collect();
        for (path, content) in &files {
            let Some(folder) = folder_of(path) else {
                continue;
            };
            let (outside, problem) = outside(folder, content, &files, budget);
            let field = format_args!("spec.tests[{index}].path");
            if !outside.is_empty() {
                let message = format!(
                    "{path} of the suite `{}` refers to {}, outside of the suite's folder",
                    suite.name,
                    first_of(5, ", ", outside)
                );
                let help = "a tree carries the suite's folder alone: move it below that folder, or let \
                            spec.tests name a folder that holds both";
                report.push(config.finding(&code::SUITE_OUTSIDE, field, message, help));
            }
            if let Some(Problem { message, help }) = problem {
                let message = format!(
                    "what {path} of the suite `{}` refers to is not known: {message}",
                    suite.name
                );
                report.push(config.finding(&code::SUITE_OUTSIDE, field, message, help));
            }
        }
    }
}

/// The folder of a kustomization.yaml; `None` for other files.
fn folder_of(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    KUSTOMIZATION.contains(&name).then_some(folder)
}

/// What a kustomization refers to outside of its suite, and what hinders to know it.
fn outside(
    folder: &str,
    content: &[u8],
    files: &BTreeMap<&str, &[u8]>,
    budget: &InputLimits,
) -> (Vec<String>, Option<Problem>) {
    let mut all = vec![read(content, |text| References::of_kustomization(text, budget))];
    let mut plugins: Vec<String> = Vec::new();
    let named = all[0].named.iter().filter(|reference| reference.kind == Kind::Plugins);
    plugins.extend(named.filter_map(|reference| below(folder, &reference.path)));
    for path in plugins {
        let is_of = |file: &&str| {
            let rest = file.strip_prefix(path.as_str());
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
        };
        let of_plugins = files.iter().filter(|(file, _)| is_of(file) && folder_of(file).is_none());
        all.extend(
            of_plugins
                .map(|(_, content)| read(content, |text| References::of_plugins(text, budget))),
        );
    }
    let references = all.iter().flat_map(|found| &found.named);
    // A text of several lines is an inline patch.
    let paths = references.filter(|reference| !reference.path.contains('\n'));
    let outside = paths.filter(|reference| below(folder, &reference.path).is_none());
    let outside = outside.map(|reference| reference.shown().to_owned()).collect();
    let problem = all.into_iter().flat_map(|found| found.problems).next();
    (outside, problem.map(|(_, problem)| problem))
}

/// Reads a file of a suite.
fn read(content: &[u8], read: impl Fn(&str) -> References) -> References {
    match str::from_utf8(content) {
        Ok(text) => read(text),
        Err(_) => {
            let problem = Problem::new("it is not UTF-8", "save the file as UTF-8");
            References { problems: vec![(Place::default(), problem)], ..References::default() }
        }
    }
}

/// Where a path leads from a folder of a suite; `None` if out of the suite. An address of a server leads nowhere.
fn below(folder: &str, reference: &str) -> Option<String> {
    if reference.contains("://") || reference.contains('@') || reference.contains("?ref=") {
        return Some(reference.to_owned());
    }
    let mut parts = Vec::new();
    for part in Path::new(folder).components().chain(Path::new(reference).components()) {
        match part {
            Component::Normal(name) => parts.push(name.to_str()?),
            Component::ParentDir => {
                parts.pop()?;
            }
            Component::CurDir => {}
            Component::RootDir | Component::Prefix(_) => return None,
        }
    }
    Some(parts.join("/"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_is_outside_where_it_leaves_the_folder_of_the_suite() {
        for (folder, reference) in
            [("", "../common"), ("a", "../../b"), ("", "/etc"), ("", "a/../../b")]
        {
            assert_eq!(below(folder, reference), None, "{reference}");
        }
        for (folder, reference) in
            [("", "common"), ("a", "../b"), ("", "https://x/../../y"), ("", "git@host:../x")]
        {
            assert!(below(folder, reference).is_some(), "{reference}");
        }
    }
}
