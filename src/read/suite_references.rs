//! Checks what the kustomizations of suites refer to. A tree contains the folder of each suite and nothing beside it.

use std::collections::{BTreeMap, BTreeSet};
use std::iter;
use std::path::{Component, Path};

use super::folder::KUSTOMIZATION;
use super::references::{Kind, MOST_PLUGINS, Reference, References, is_remote, too_many_plugins};
use crate::diagnostic::{Place, Problem, Report, code, first_of};
use crate::limits::InputLimits;
use crate::ordered::ordered;
use crate::spec::Config;

/// Reports suites whose copies would not build, because they refer to something outside their folders. `files` are
/// those of all suites, by their paths behind the names of the suites.
pub(crate) fn check_references(
    config: &Config,
    files: &BTreeMap<String, Vec<u8>>,
    limits: &InputLimits,
    report: &mut Report,
) {
    for (index, suite) in config.previews.spec.tests.iter().enumerate() {
        let files = files.iter().filter_map(|(path, content)| {
            let below = path.strip_prefix(&suite.name).and_then(|rest| rest.strip_prefix('/'));
            Some((below?, content.as_slice()))
        });
        check_suite(config, index, &Files::new(&ordered(files), limits), report);
    }
}

/// Reports what the kustomizations of one suite refer to outside of it, and those of which that cannot be known. The
/// suite is the item `index` of `spec.tests`.
fn check_suite(config: &Config, index: usize, all: &Files<'_>, report: &mut Report) {
    let name = &config.previews.spec.tests[index].name;
    let field = format_args!("spec.tests[{index}].path");
    let finding = |message, help: &str| config.finding(&code::SUITE_OUTSIDE, field, message, help);
    let built = all.built();
    let mut seen = BTreeSet::new();
    for (path, list) in &all.lists {
        let folder = folder_of(path).unwrap_or_default();
        let plugins = all.plugins(path, list);
        let of_plugins = plugins.iter().map(|(path, found)| (*path, found));
        for (path, found) in iter::once((*path, list)).chain(of_plugins) {
            let outside = outside(folder, found);
            if !outside.is_empty() {
                let outside = first_of(5, ", ", outside);
                let message = format!(
                    "{path} of the suite `{name}` refers to {outside}, outside of the suite's folder"
                );
                let help = "a tree carries the suite's folder alone: move it below that folder, or let \
                            spec.tests name a folder that holds both";
                report.push(finding(message, help));
            }
            if let Some((_, Problem { message, help })) = found.problems.first()
                && built.contains(folder)
                && seen.insert(path)
            {
                let message =
                    format!("what {path} of the suite `{name}` refers to is not known: {message}");
                report.push(finding(message, help));
            }
        }
    }
}

/// The folder of a kustomization.yaml; `None` for other files.
fn folder_of(path: &str) -> Option<&str> {
    let (folder, name) = path.rsplit_once('/').unwrap_or(("", path));
    KUSTOMIZATION.contains(&name).then_some(folder)
}

/// The files of a suite.
struct Files<'f> {
    files: &'f BTreeMap<&'f str, &'f [u8]>,
    /// Its kustomizations, by their paths.
    lists: BTreeMap<&'f str, References>,
    limits: &'f InputLimits,
}

impl<'f> Files<'f> {
    fn new(files: &'f BTreeMap<&'f str, &'f [u8]>, limits: &'f InputLimits) -> Self {
        let lists = files.iter().filter(|(path, _)| folder_of(path).is_some());
        let lists = lists.map(|(path, content)| {
            (*path, read(content, |text| References::of_kustomization(text, limits)))
        });
        Self { files, lists: ordered(lists), limits }
    }

    /// What the kustomization of a folder names.
    fn named_in(&self, folder: &str) -> impl Iterator<Item = &Reference> {
        let path = move |name: &str| match folder {
            "" => name.to_owned(),
            folder => format!("{folder}/{name}"),
        };
        let paths = KUSTOMIZATION.into_iter().map(path);
        let lists = paths.filter_map(move |path| self.lists.get(path.as_str()));
        lists.flat_map(|list| &list.named)
    }

    /// The folders whose kustomizations are built with the suite: that of the suite, and all that it leads to. Flux
    /// builds all of them if the suite itself has none.
    fn built(&self) -> BTreeSet<String> {
        let folders = self.lists.keys().filter_map(|path| folder_of(path));
        let mut waiting: Vec<String> = folders.map(str::to_owned).collect();
        if waiting.iter().any(String::is_empty) {
            waiting = vec![String::new()];
        }
        let mut built = BTreeSet::new();
        while let Some(folder) = waiting.pop() {
            if built.insert(folder.clone()) {
                let named = self.named_in(&folder).filter(|named| named.kind != Kind::File);
                waiting.extend(named.filter_map(|named| below(&folder, &named.path)));
            }
        }
        built
    }

    /// The plugins that the kustomization of a folder runs, by the paths of their files: those that it names, and
    /// those that kustomizations of folders list that it names.
    fn plugins(&self, list_path: &'f str, list: &References) -> Vec<(&'f str, References)> {
        let folder = folder_of(list_path).unwrap_or_default();
        let named = list.named.iter().filter(|named| named.kind == Kind::Plugins);
        let mut waiting: Vec<String> =
            named.filter_map(|named| below(folder, &named.path)).collect();
        let mut seen = BTreeSet::new();
        let mut plugins = Vec::new();
        while let Some(path) = waiting.pop() {
            if !seen.insert(path.clone()) {
                continue;
            }
            if seen.len() > MOST_PLUGINS {
                let problems = vec![(Place::default(), too_many_plugins())];
                plugins.push((list_path, References { problems, ..References::default() }));
                break;
            }
            if let Some((file, content)) = self.files.get_key_value(path.as_str()) {
                let found = read(content, |text| References::of_plugins(text, self.limits));
                plugins.push((*file, found));
            }
            let listed = self.named_in(&path).filter(|named| named.kind == Kind::Resource);
            waiting.extend(listed.filter_map(|named| below(&path, &named.path)));
        }
        plugins
    }
}

/// What a file names outside of its suite, relative to a folder.
fn outside(folder: &str, found: &References) -> Vec<String> {
    // A text of several lines is an inline patch.
    let paths = found.named.iter().filter(|reference| !reference.path.contains('\n'));
    let outside = paths.filter(|reference| below(folder, &reference.path).is_none());
    outside.map(|reference| reference.shown().to_owned()).collect()
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
    if is_remote(reference) {
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
