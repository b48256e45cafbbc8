//! Finds the services that a change affects: `anabranch affected`.
//!
//! The map says who owns which path and who is built from whom; git says which paths a change touches. The map must
//! cover every path: one that it does not name is an error, never a guess. The audit compares the map with every
//! tracked file and with the manifests of build tools.

mod answer;
mod audit;
mod findings;
mod git;
mod glob;
mod manifest;
mod map;
mod options;
mod show;
#[cfg(test)]
mod tests;

pub(crate) use git::Repository;
pub(crate) use options::{Format, Options};

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use crate::diagnostic::{Diagnostic, Refused, Report, Sources, code};
use crate::limits::InputLimits;
use crate::read::{self, parse_config};
use crate::spec::{self, Config, read_affected};
use crate::yaml::Node;
use git::PathStatus;
use map::Map;
use show::Span;

/// Finds the services that a change affects, and formats them. `None` if the report has errors.
pub(crate) fn affected(
    options: &Options,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<String> {
    let (repository, path, map) = open(options, sources, report);
    let repository = repository?;
    let base = options.base.as_deref().unwrap_or_default();
    let span = find_span(&repository, base, &options.head, report)?;
    let map = map?;
    if options.format == Format::Bake {
        // Checked for all services, or the fault would show only when one of them changes.
        report.extend(findings::no_targets(&map));
    }
    let changed = report.keep(repository.changed(&span.base, &span.head))?;
    let files = report.keep(repository.files(&span.head))?;
    let has_deleted = changed.values().any(|status| *status == PathStatus::Deleted);
    let path = path.and_then(|path| within(&repository, &path));
    let earlier = path.as_ref().filter(|_| has_deleted);
    let earlier = earlier.and_then(|path| earlier_map(&repository, &span.base, path));
    let earlier = earlier.unwrap_or_default();
    // A service that is deleted together with its entry of the map is in the earlier map alone.
    let deleted = changed.iter().filter(|(_, status)| **status == PathStatus::Deleted);
    let deleted = deleted.map(|(path, _)| path.as_str());
    let known: BTreeSet<&str> = deleted.filter(|path| !earlier.ask(path).is_unmapped()).collect();
    let paths = changed.keys().map(String::as_str);
    let is_left = |path: &&str| !known.contains(path) || !map.ask(path).is_unmapped();
    let mut answer = answer::answer(&map, paths.filter(is_left));
    answer.add_earlier(&map, answer::answer(&earlier, known.iter().copied()));
    map.note(files.iter().map(String::as_str));
    report.extend(path.and_then(|path| other_map(&repository, &span, &path, &map)));
    let gone = findings::gone(&map, &changed);
    report.extend(findings::unused(&map, &files, &gone, &code::UNUSED_GLOB));
    report.extend(gone.into_iter().map(findings::say_gone));
    report.extend(findings::taken_out(&map, &earlier, known));
    report.extend(findings::unmapped(&map, &answer.unmapped, "changed path"));
    (!report.has_errors()).then(|| show::show(&answer, &span, options.format))
}

/// Compares the map with the tracked files and the manifests among them, and returns the number of files. `None` if
/// they cannot be listed, or the map has errors.
pub(crate) fn audit(
    options: &Options,
    sources: &mut Sources,
    report: &mut Report,
) -> Option<usize> {
    let (repository, _, map) = open(options, sources, report);
    let (repository, map) = (repository?, map?);
    let files = report.keep(repository.tracked())?;
    map.note(files.iter().map(String::as_str));
    report.extend(findings::unused(&map, &files, &[], &code::UNUSED_GLOB_IN_AUDIT));
    let is_unmapped = |path: &&String| map.ask(path).is_unmapped();
    let unmapped: Vec<String> = files.iter().filter(is_unmapped).cloned().collect();
    let shown = if unmapped.len() > 50 { findings::folders(&unmapped, &files) } else { unmapped };
    report.extend(findings::unmapped(&map, &shown, "tracked path"));
    audit::check_edges(&map, &from_here(&repository.root)?, &files, sources, report);
    Some(files.len())
}

/// Reports what is wrong with the names and globs of a map that previews.yaml holds.
pub(crate) fn check_map(config: &Config, report: &mut Report) {
    map_of_previews(config, report);
}

/// Opens the repository around the current folder, finds the map, and reads it.
fn open(
    options: &Options,
    sources: &mut Sources,
    report: &mut Report,
) -> (Option<Repository>, Option<PathBuf>, Option<Map>) {
    let repository = report.keep(Repository::open(Path::new(".")));
    let path = options.config.clone().or_else(|| find_map(&repository.as_ref()?.root));
    let map = path.as_ref().and_then(|path| report.keep(read_map(path, sources)));
    (repository, path, map)
}

/// The path of the map as git names it; `None` if it is outside of the repository.
fn within(repository: &Repository, path: &Path) -> Option<String> {
    let path = path.canonicalize().ok()?;
    let inside = path.strip_prefix(repository.root.canonicalize().ok()?).ok()?;
    inside.to_str().map(str::to_owned)
}

/// The map that a commit has at this path; `None` if it has none that can be read.
fn earlier_map(repository: &Repository, commit: &str, path: &str) -> Option<Map> {
    let text = repository.content(commit, path)?;
    let mut sources = Sources::default();
    let file = sources.add(path, text);
    let node = parse_config(&sources, file, &InputLimits::default()).ok()?;
    map_of(node, path).ok()
}

/// The finding that the change ends at a commit which is not checked out and has another map than the one in use.
fn other_map(repository: &Repository, span: &Span, path: &str, map: &Map) -> Option<Diagnostic> {
    let is_checked_out = repository.commit("HEAD").is_ok_and(|commit| commit == span.head);
    if is_checked_out {
        return None;
    }
    let here = std::fs::read_to_string(repository.root.join(path)).ok()?;
    let there = repository.content(&span.head, path);
    (there.as_ref() != Some(&here)).then(|| findings::other_map(map, &span.head, there.is_some()))
}

/// Where the map is looked for: affected.yaml in the root of the repository, or previews.yaml there.
fn find_map(root: &Path) -> Option<PathBuf> {
    let root = from_here(root)?;
    let (affected, previews) = (root.join("affected.yaml"), root.join("previews.yaml"));
    // A broken link counts as well: reading it then fails with a finding.
    let is_there = |path: &Path| path.symlink_metadata().is_ok();
    Some(if is_there(&previews) && !is_there(&affected) { previews } else { affected })
}

/// A folder above the current one as people would write it: nothing, or `..`, or `../..`.
fn from_here(above: &Path) -> Option<PathBuf> {
    let here = std::path::absolute(".").ok()?;
    Some(here.strip_prefix(above).ok()?.iter().map(|_| "..").collect())
}

fn read_map(path: &Path, sources: &mut Sources) -> Result<Map, Refused> {
    let node = read::read_map(path, sources, &InputLimits::default())?;
    map_of(node, &path.display().to_string())
}

/// The map that a document of either kind has.
fn map_of(node: Node, name: &str) -> Result<Map, Refused> {
    let mut report = Report::default();
    if node.text_at(&["kind"]) == Some(spec::KIND) {
        let config = Config::read(node)?;
        let Some(map) = map_of_previews(&config, &mut report) else {
            let message = format!("{name} has no map of paths");
            let help = "add `spec.affected`, or name a file of kind Affected with --config";
            let error = Diagnostic::new(&code::CONFIG_FIELD, message, help);
            return Err(error.at(config.place("spec"), "`affected` is missing here").into());
        };
        return report.unless_errors(map);
    }
    let affected = read_affected(&node)?;
    let map = Map::new(&affected.spec, node.get("spec").unwrap_or(&node), &mut report);
    report.unless_errors(map)
}

fn map_of_previews(config: &Config, report: &mut Report) -> Option<Map> {
    let spec = config.previews.spec.affected.as_ref()?;
    let node: Option<&Node> = config.node().at(&["spec", "affected"]);
    Some(Map::new(spec, node?, report))
}

/// The two ends of a change. Reports what is wrong with either.
fn find_span(repository: &Repository, base: &str, head: &str, report: &mut Report) -> Option<Span> {
    let commits = [base, head].map(|revision| report.keep(repository.commit(revision)));
    let [Some(base_commit), Some(head_commit)] = commits else { return None };
    let merge_base = repository.merge_base((&base_commit, base), (&head_commit, head));
    Some(Span { base: report.keep(merge_base)?, head: head_commit })
}
