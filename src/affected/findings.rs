//! Findings about the map, and about the paths that it is asked about.

use std::collections::{BTreeMap, BTreeSet};

use super::git::PathStatus;
use super::glob::{Glob, literal};
use super::map::{Map, MapGlob, Owner};
use crate::diagnostic::{Code, Diagnostic, code, some_of};
use crate::spec::Unmapped;
use crate::yaml::write_string;

/// How many more places of one cause are shown.
const SHOWN: usize = 4;

/// How many lines a remedy has at most.
const LINES: usize = 1_000;

/// The services that the map still has although a change deletes all their files.
pub(super) fn gone<'m>(map: &'m Map, changed: &BTreeMap<String, PathStatus>) -> Vec<&'m Owner> {
    let mut deleted = BTreeSet::new();
    for (path, status) in changed {
        if *status == PathStatus::Deleted {
            deleted.extend(map.ask(path).owners.iter().map(|(owner, _)| *owner));
        }
    }
    let is_left = |entry: &MapGlob| entry.is_used.get() && !entry.takes_out;
    let deleted = deleted.into_iter().map(|index| &map.owners[index]);
    deleted.filter(|one| one.is_service && !one.paths.0.iter().any(is_left)).collect()
}

/// The finding about services whose name cannot be that of a target of docker buildx bake: see
/// `validTargetNameChars` in its `bake/bake.go`. Bake replaces `.` by `_`, and so would build another target.
pub(super) fn no_targets(map: &Map) -> Option<Diagnostic> {
    let is_target = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == '-';
    let services = map.owners.iter().filter(|owner| owner.is_service);
    let others: Vec<&Owner> = services.filter(|one| !one.name.chars().all(is_target)).collect();
    let (first, more) = others.split_first()?;
    let names = some_of(others.iter().map(|one| format!("`{}`", one.name)));
    let (are, them) = match more {
        [] => ("is no target", "the service"),
        _ => ("are no targets", "the services"),
    };
    let message = format!(
        "{names} {are} of docker buildx bake, whose names have ASCII letters, digits, `-` and `_`"
    );
    let help = format!(
        "rename {them} in the map and in previews, or build from `--format json` or `names`, with targets of other names"
    );
    let finding = Diagnostic::new(&code::BAD_NAME, message, help).at(first.place, "");
    Some(
        more.iter()
            .take(SHOWN)
            .fold(finding, |finding, one| finding.also(one.place, "and this one")),
    )
}

pub(super) fn say_gone(service: &Owner) -> Diagnostic {
    let message =
        format!("no file of service `{}` is left, and the map still has it", service.name);
    let help = "take it out of the map, and out of previews that name it";
    Diagnostic::new(&code::SERVICE_GONE, message, help).at(service.place, "no file is left")
}

/// The finding that the map comes from another commit than the end of the change.
pub(super) fn other_map(map: &Map, head: &str, has_one: bool) -> Diagnostic {
    let message = match has_one {
        true => format!("the map in use is that of the checkout, and {head} has another one"),
        false => format!("the map in use is that of the checkout, and {head} has none"),
    };
    let help = format!("`git switch --detach {head}` before, so that the change's own map answers");
    Diagnostic::new(&code::MAP_OF_CHECKOUT, message, help).at(map.place, "this map answers")
}

/// The findings about services of an earlier map whose files are among the deleted ones, and that the map no longer
/// has.
pub(super) fn taken_out(map: &Map, earlier: &Map, deleted: BTreeSet<&str>) -> Vec<Diagnostic> {
    let owners = deleted.into_iter().flat_map(|path| earlier.ask(path).owners);
    let owners: BTreeSet<usize> = owners.map(|(owner, _)| owner).collect();
    let is_gone = |one: &&Owner| {
        one.is_service && !map.owners.iter().any(|now| now.is_service && now.name == one.name)
    };
    let gone = owners.into_iter().map(|index| &earlier.owners[index]).filter(is_gone);
    gone.map(|service| {
        let message =
            format!("the change removes service `{}` from the map, and files of it", service.name);
        let help = "take it out of previews that name it";
        Diagnostic::new(&code::SERVICE_GONE, message, help).at(map.place, "not in here any more")
    })
    .collect()
}

/// The findings about globs that cover none of the files, except those of services that are gone, which are reported
/// as such.
pub(super) fn unused(
    map: &Map,
    files: &[String],
    gone: &[&Owner],
    code: &'static Code,
) -> Vec<Diagnostic> {
    let is_gone = |owner: Option<&Owner>| owner.is_some_and(|owner| is_among(gone, owner));
    let lists = map.lists().filter(|(_, owner, _)| !is_gone(*owner));
    let unused = lists.flat_map(|(field, _, globs)| {
        globs.0.iter().filter(|glob| !glob.is_used.get()).map(move |glob| (field.clone(), glob))
    });
    let finding = |(field, glob): (String, &MapGlob)| {
        let message = format!("`{}` covers no tracked file", glob.text);
        let finding = Diagnostic::new(code, message, help_for(&glob.text, files));
        finding.at(glob.place, "no such file").field(field)
    };
    unused.map(finding).collect()
}

fn is_among(owners: &[&Owner], owner: &Owner) -> bool {
    owners.iter().any(|one| std::ptr::eq(*one, owner))
}

fn help_for(text: &str, files: &[String]) -> String {
    let (sign, glob) = text.strip_prefix('!').map_or(("", text), |glob| ("!", glob));
    let plain = glob.trim_start_matches("./").trim_start_matches('/').trim_end_matches('/');
    let folder = format!("{plain}/");
    if !plain.is_empty() && files.iter().any(|file| file.starts_with(&folder)) {
        return format!("a folder is written as `{sign}{plain}/**`");
    }
    let covers =
        |glob: &str| Glob::new(glob).is_ok_and(|glob| files.iter().any(|file| glob.covers(file)));
    if plain != glob && covers(plain) {
        return format!("paths count from the root of the repository: write `{sign}{plain}`");
    }
    "mend it, or take it out; paths count from the root of the repository".to_owned()
}

/// The finding with all paths that the map does not name: an error, or a note if the map says what such paths mean.
pub(super) fn unmapped(map: &Map, paths: &[String], what: &str) -> Option<Diagnostic> {
    let (first, rest) = paths.split_first()?;
    let named = match rest.len() {
        0 => format!("the {what} `{first}` is not in the map"),
        more => format!("the {what} `{first}`, and {more} more, are not in the map"),
    };
    let means = match map.unmapped {
        Unmapped::All => "by `unmapped: all` a change of these affects every service",
        Unmapped::Ignore => "by `unmapped: ignore` a change of these affects nothing",
        Unmapped::Error => {
            let finding = Diagnostic::new(&code::UNMAPPED_PATH, named, lines_to_add(paths));
            return Some(finding.at(map.place, "in no list here"));
        }
    };
    let help = format!("{means}: {}", some_of(paths));
    Some(Diagnostic::new(&code::UNMAPPED_ALLOWED, named, help))
}

/// The remedy for paths that the map does not name: a glob for each.
fn lines_to_add(paths: &[String]) -> String {
    let mut help =
        "add each to the `paths` of the service or module that is made of it, or to `ignore` \
                    where it affects nothing:"
            .to_owned();
    for path in paths.iter().take(LINES) {
        help.push_str("\n  - ");
        write_string(&mut help, &as_glob(path), None);
    }
    if paths.len() > LINES {
        help.push_str(&format!("\nand {} more", paths.len() - LINES));
    }
    help
}

/// A path as a glob. A path that ends in `/**` is a glob already.
fn as_glob(path: &str) -> String {
    match path.strip_suffix("/**") {
        Some(folder) => format!("{}/**", literal(folder)),
        None => literal(path),
    }
}

/// Some of the files, shortened: a whole folder is one entry, `folder/**`.
pub(super) fn folders(some: &[String], files: &[String]) -> Vec<String> {
    let of_some: BTreeSet<&str> = some.iter().map(String::as_str).collect();
    let others = files.iter().map(String::as_str).filter(|file| !of_some.contains(file));
    let mixed: BTreeSet<&str> = others.flat_map(above).collect();
    let shown: BTreeSet<String> = of_some
        .iter()
        .map(|file| match above(file).filter(|folder| !mixed.contains(folder)).last() {
            Some(folder) => format!("{folder}/**"),
            None => (*file).to_owned(),
        })
        .collect();
    shown.into_iter().collect()
}

/// The folders around a file, the innermost first.
fn above(file: &str) -> impl Iterator<Item = &str> {
    std::iter::successors(file.rsplit_once('/').map(|(folder, _)| folder), |folder| {
        folder.rsplit_once('/').map(|(above, _)| above)
    })
}
