//! Compares the map with manifests: an owner that is built from files of another owner must list it in `uses`.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use super::glob::literal;
use super::manifest::{self, By, Claim, Manifests, READERS, name_of};
use super::map::{Map, Verdict};
use crate::diagnostic::{Diagnostic, FileId, Place, Report, Sources, code, some_of};
use crate::limits::InputLimits;
use crate::read::read_argument;
use crate::yaml::write_string;

/// Reports uses that manifests show and the map lacks.
pub(super) fn check_edges(
    map: &Map,
    root: &Path,
    files: &[String],
    sources: &mut Sources,
    report: &mut Report,
) {
    let manifests = open(root, files, sources, report);
    let links = links(root, files, sources);
    let manifests = Manifests { files, manifests, sources };
    let mut claims = manifest::read(&manifests);
    links.iter().for_each(|(link, target, place)| claims.add_link(link, target, *place));
    report.extend(claims.unread);
    let mut audit =
        Audit { map, verdicts: BTreeMap::new(), reach: reach(map), said: BTreeSet::new() };
    for claim in &claims.read {
        report.extend(audit.check(&manifests, claim));
    }
}

/// Reads the manifests among the files, from the worktree.
fn open<'f>(
    root: &Path,
    files: &'f [String],
    sources: &mut Sources,
    report: &mut Report,
) -> Vec<(&'f str, FileId)> {
    let is_manifest = |path: &&String| READERS.iter().any(|reader| (reader.has)(name_of(path)));
    let mut manifests = Vec::new();
    for path in files.iter().filter(is_manifest) {
        match read_argument(&root.join(path), sources, &InputLimits::default()) {
            Ok(file) => manifests.push((path.as_str(), file)),
            Err(refused) => {
                let help = "the audit does not know what it says";
                let message = refused.into_first().message;
                report.push(Diagnostic::new(&code::MANIFEST_UNREAD, message, help));
            }
        }
    }
    manifests
}

/// The symbolic links among the files, and where they lead.
fn links<'f>(
    root: &Path,
    files: &'f [String],
    sources: &mut Sources,
) -> Vec<(&'f str, String, Place)> {
    let targets = files.iter().filter_map(|path| {
        let target = fs::read_link(root.join(path)).ok()?.to_str()?.to_owned();
        let place = Place::new(sources.add(path.as_str(), target.as_str()), 0, target.len());
        Some((path.as_str(), target, place))
    });
    targets.collect()
}

/// The owners that each owner is built from, itself included.
fn reach(map: &Map) -> Vec<BTreeSet<usize>> {
    let of = |from: usize| {
        let mut reached = BTreeSet::new();
        let mut open = vec![from];
        while let Some(next) = open.pop() {
            if reached.insert(next) {
                open.extend(&map.owners[next].uses);
            }
        }
        reached
    };
    (0..map.owners.len()).map(of).collect()
}

struct Audit<'m> {
    map: &'m Map,
    verdicts: BTreeMap<String, Verdict<'m>>,
    reach: Vec<BTreeSet<usize>>,
    /// Missing uses that were reported: the owner that lacks one, and the owner or path that it lacks.
    said: BTreeSet<(usize, String)>,
}

impl<'m> Audit<'m> {
    fn ask(&mut self, path: &str) -> &Verdict<'m> {
        let map = self.map;
        self.verdicts.entry(path.to_owned()).or_insert_with(|| map.ask(path))
    }

    /// Reports what the owners of a claim lack in their `uses`.
    fn check(&mut self, manifests: &Manifests<'_>, claim: &Claim) -> Vec<Diagnostic> {
        let files = self.files_of(manifests, claim);
        let users = self.users(claim);
        users.into_iter().filter_map(|user| self.check_user(user, claim, &files)).collect()
    }

    /// The owners that are built from the path of the claim. A manifest that affects everything has none: all services
    /// are built again with it.
    fn users(&mut self, claim: &Claim) -> Vec<usize> {
        match &claim.by {
            By::File(path) => {
                let verdict = self.ask(path);
                let owners = verdict.owners.iter().map(|(owner, _)| *owner).collect();
                if verdict.all.is_some() { Vec::new() } else { owners }
            }
            By::Service(name) => {
                let is_it = |&index: &usize| {
                    self.map.owners[index].is_service && self.map.owners[index].name == *name
                };
                (0..self.map.owners.len()).filter(is_it).collect()
            }
        }
    }

    fn files_of<'f>(&mut self, manifests: &Manifests<'f>, claim: &Claim) -> Vec<&'f String> {
        let mut path = claim.path.as_str();
        if claim.is_package && self.ask(path).owners.is_empty() {
            // The map can make all manifests global. Then the files beside this one show whose package it is.
            path = path.rsplit_once('/').map_or(path, |(folder, _)| folder);
        }
        let is_left =
            |file: &&String| claim.ignored.as_ref().is_none_or(|ignored| !ignored.has(file));
        manifests.below(path).iter().filter(is_left).collect()
    }

    fn check_user(&mut self, user: usize, claim: &Claim, files: &[&String]) -> Option<Diagnostic> {
        let mut lacking = BTreeSet::new();
        let mut is_unowned = false;
        for file in files {
            let verdict = self.ask(file);
            let is_global = verdict.all.is_some();
            let owners: Vec<usize> = verdict.owners.iter().map(|(owner, _)| *owner).collect();
            if is_global || owners.iter().any(|owner| self.reach[user].contains(owner)) {
                continue;
            }
            is_unowned |= owners.is_empty() && files.len() == 1 && **file == claim.path;
            lacking.extend(owners);
        }
        lacking.retain(|&owner| self.said.insert((user, self.map.owners[owner].name.clone())));
        if !lacking.is_empty() {
            return Some(self.missing_edge(user, claim, &lacking));
        }
        // Unmapped files have a finding of their own.
        let is_ignored = is_unowned && !self.ask(&claim.path).is_unmapped();
        let is_new = is_ignored && self.said.insert((user, format!("/{}", claim.path)));
        is_new.then(|| self.ignored_file(user, claim))
    }

    fn missing_edge(&self, user: usize, claim: &Claim, lacking: &BTreeSet<usize>) -> Diagnostic {
        let owner = &self.map.owners[user];
        let titles = lacking.iter().map(|&index| self.map.owners[index].title());
        let path = if claim.path.is_empty() { "the whole repository" } else { &claim.path };
        let message = format!(
            "{} {} `{path}` of {}, which {} does not use",
            claim.manifest,
            claim.verb,
            some_of(titles),
            owner.title(),
        );
        let all = owner.uses.iter().chain(lacking).collect::<BTreeSet<_>>().into_iter();
        let names = all.map(|&index| self.map.owners[index].name.as_str());
        let mut help = format!("add to {}: {}", self.field(user), flow("uses", names));
        if lacking.len() > 2 && claim.ignored.is_some() {
            help = format!(
                "copy less, or leave out with a .dockerignore what is not needed; else {help}"
            );
        }
        Diagnostic::new(&code::MISSING_EDGE, message, help).at(claim.place, "")
    }

    fn ignored_file(&self, user: usize, claim: &Claim) -> Diagnostic {
        let (owner, path) = (&self.map.owners[user], &claim.path);
        let message = format!(
            "{} {} `{path}`, which is ignored, so that a change of it does not build {}",
            claim.manifest,
            claim.verb,
            owner.title(),
        );
        let globs = owner.paths.0.iter().map(|entry| entry.text.clone()).chain([literal(path)]);
        let help = format!("write in {}: {}", self.field(user), flow("paths", globs));
        Diagnostic::new(&code::MISSING_EDGE, message, help).at(claim.place, "")
    }

    fn field(&self, owner: usize) -> String {
        let owner = &self.map.owners[owner];
        format!("`{}.{}`", if owner.is_service { "services" } else { "modules" }, owner.name)
    }
}

/// A field with a list in brackets.
fn flow(field: &str, items: impl Iterator<Item = impl AsRef<str>>) -> String {
    let mut text = format!("`{field}: [");
    for (index, item) in items.enumerate() {
        if index > 0 {
            text.push_str(", ");
        }
        let item = item.as_ref();
        // A comma or a bracket would end the item.
        if item.contains([',', '[', ']', '{', '}']) {
            text.push_str(&serde_json::Value::from(item).to_string());
        } else {
            write_string(&mut text, item, None);
        }
    }
    text + "]`"
}
