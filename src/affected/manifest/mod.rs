//! Reads from manifests of build tools what a service or module is built from. One file per format; no tool is run.

mod cargo;
mod compose;
mod dockerfile;
mod dotnet;
mod go;
mod maven;
mod npm;
mod python;
mod skaffold;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::rc::Rc;

use super::glob::Glob;
use crate::diagnostic::{Diagnostic, FileId, Place, Sources, code};
use crate::limits::InputLimits;
use crate::yaml::{Data, Key, Node, parse_documents};

/// A format: which files have it, by their names, and what reads all of them.
pub(super) struct Reader {
    pub(super) has: fn(&str) -> bool,
    read: fn(&Manifests<'_>, &mut Claims),
}

/// Compose files and Skaffold say from which folders Dockerfiles copy, so they come before those.
pub(super) const READERS: &[Reader] = &[
    Reader { has: compose::has, read: compose::read },
    Reader { has: skaffold::has, read: skaffold::read },
    Reader { has: dockerfile::has, read: dockerfile::read },
    Reader { has: cargo::has, read: cargo::read },
    Reader { has: dotnet::has, read: dotnet::read },
    Reader { has: go::has, read: go::read },
    Reader { has: maven::has, read: maven::read },
    Reader { has: npm::has, read: npm::read },
    Reader { has: python::has, read: python::read },
];

/// Reads what all manifests say.
pub(super) fn read(manifests: &Manifests<'_>) -> Claims {
    let mut claims = Claims::default();
    READERS.iter().for_each(|reader| (reader.read)(manifests, &mut claims));
    claims
}

/// The owners that a claim is about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum By {
    /// The owners of this file: the manifest, or the Dockerfile that it builds.
    File(String),
    /// The service of this name, if there is one.
    Service(String),
}

/// A statement of a manifest: owners are built from a path.
#[derive(Debug)]
pub(super) struct Claim {
    pub(super) by: By,
    /// The manifest.
    pub(super) manifest: String,
    /// The verb for the message, such as `copies`, and its object if that is more than the path.
    pub(super) verb: String,
    pub(super) place: Place,
    /// A file, or a folder with all that is in it; empty for the root.
    pub(super) path: String,
    /// Whether the file is the manifest of a package, which is built from the folder around it.
    pub(super) is_package: bool,
    /// The patterns of files that are left out of the folder.
    pub(super) ignored: Option<Rc<Ignored>>,
}

/// The claims of all manifests.
#[derive(Debug, Default)]
pub(super) struct Claims {
    pub(super) read: Vec<Claim>,
    pub(super) unread: Vec<Diagnostic>,
    /// The build contexts that manifests give for a Dockerfile, each with the service that is built.
    contexts: BTreeMap<String, BTreeSet<(String, String)>>,
}

impl Claims {
    /// Adds a claim about a path, which is relative to the manifest's folder, and returns it. The owners of the
    /// manifest are built from the path, unless the caller says otherwise.
    fn add(
        &mut self,
        manifest: &Manifest<'_>,
        verb: &str,
        relative: &str,
        place: Place,
    ) -> Option<&mut Claim> {
        if relative.contains('$') {
            let text = format!("`{relative}`, whose variable");
            self.unread(manifest, &text, "the audit does not know", place);
            return None;
        }
        // A path outside of the repository is none of its files.
        let path = join(folder_of(manifest.path), relative)?;
        let (manifest, verb) = (manifest.path.to_owned(), verb.to_owned());
        let (by, is_package, ignored) = (By::File(manifest.clone()), false, None);
        self.read.push(Claim { by, manifest, verb, place, path, is_package, ignored });
        self.read.last_mut()
    }

    /// Adds the claim that a tracked link leads to a path, which is relative to the link's folder.
    pub(super) fn add_link(&mut self, link: &str, target: &str, place: Place) {
        if let Some(path) = join(folder_of(link), target) {
            let (manifest, verb) = (link.to_owned(), "is a link to".to_owned());
            let (by, is_package, ignored) = (By::File(manifest.clone()), false, None);
            self.read.push(Claim { by, manifest, verb, place, path, is_package, ignored });
        }
    }

    /// Adds a claim about a package, which is named by the path of its own manifest.
    fn add_package(&mut self, manifest: &Manifest<'_>, verb: &str, relative: &str, place: Place) {
        if let Some(claim) = self.add(manifest, verb, relative, place) {
            claim.is_package = true;
        }
    }

    /// Notes that a Dockerfile is built from a folder, for a service.
    fn build(
        &mut self,
        manifests: &Manifests<'_>,
        manifest: &Manifest<'_>,
        (dockerfile, context, service): (&str, String, &str),
        place: Place,
    ) {
        if manifests.has_file(dockerfile) && manifests.at(dockerfile).is_none() {
            let what = format!("`{dockerfile}`, whose name is not that of a Dockerfile,");
            self.unread(manifest, &what, "and not read", place);
        }
        let of_service = (context, service.to_owned());
        self.contexts.entry(dockerfile.to_owned()).or_default().insert(of_service);
    }

    fn unread(&mut self, manifest: &Manifest<'_>, what: &str, why: &str, place: Place) {
        let message = format!("{} names {what} {why}", manifest.path);
        let help = "see that the map has what it stands for";
        self.unread.push(Diagnostic::new(&code::MANIFEST_UNREAD, message, help).at(place, ""));
    }

    fn broken(&mut self, manifest: &Manifest<'_>, why: &str) {
        let message = format!("{} cannot be read: {why}", manifest.path);
        let help = "mend it; the audit does not know what it says";
        let place = Place::new(manifest.file, 0, 0);
        self.unread.push(Diagnostic::new(&code::MANIFEST_UNREAD, message, help).at(place, ""));
    }
}

/// One manifest.
#[derive(Debug, Clone, Copy)]
pub(super) struct Manifest<'a> {
    /// From the root of the repository.
    pub(super) path: &'a str,
    pub(super) text: &'a str,
    pub(super) file: FileId,
}

impl Manifest<'_> {
    fn place(&self, start: usize, end: usize) -> Place {
        Place::new(self.file, start, end)
    }
}

/// All manifests, and the names of all tracked files.
pub(super) struct Manifests<'a> {
    /// Sorted.
    pub(super) files: &'a [String],
    pub(super) manifests: Vec<(&'a str, FileId)>,
    pub(super) sources: &'a Sources,
}

impl<'a> Manifests<'a> {
    /// The manifests with such a name.
    fn named(&self, has: fn(&str) -> bool) -> impl Iterator<Item = Manifest<'a>> {
        let named = self.manifests.iter().filter(move |(path, _)| has(name_of(path)));
        let sources = self.sources;
        named.map(move |&(path, file)| Manifest { path, text: &sources.get(file).text, file })
    }

    fn at(&self, path: &str) -> Option<Manifest<'a>> {
        let found = self.manifests.iter().find(|(one, _)| *one == path);
        found.map(|&(path, file)| Manifest { path, text: &self.sources.get(file).text, file })
    }

    /// Whether this is a tracked file.
    fn has_file(&self, path: &str) -> bool {
        self.files.binary_search_by(|file| file.as_str().cmp(path)).is_ok()
    }

    /// The tracked file of this path, or those in the folder; all for the root.
    pub(super) fn below(&self, path: &str) -> &'a [String] {
        if path.is_empty() {
            return self.files;
        }
        if let Ok(at) = self.files.binary_search_by(|file| file.as_str().cmp(path)) {
            return &self.files[at..=at];
        }
        let folder = format!("{path}/");
        let start = self.files.partition_point(|file| file.as_str() < folder.as_str());
        let rest = &self.files[start..];
        let length = rest.partition_point(|file| file.starts_with(&folder));
        &rest[..length]
    }

    /// The documents of a manifest in YAML or JSON. Mistakes in it become a finding.
    fn documents(&self, manifest: &Manifest<'a>, claims: &mut Claims) -> Vec<Node> {
        let read = parse_documents(self.sources, manifest.file, &InputLimits::default());
        read.unwrap_or_else(|refused| {
            claims.broken(manifest, &refused.first().message);
            Vec::new()
        })
    }

    /// The tree of a manifest in TOML. Mistakes in it become a finding.
    fn toml(&self, manifest: &Manifest<'a>, claims: &mut Claims) -> Option<Node> {
        match toml::de::DeTable::parse(manifest.text) {
            Ok(table) => {
                let value = toml::de::DeValue::Table(table.into_inner());
                Some(node_of(manifest.file, 0..manifest.text.len(), &value))
            }
            Err(error) => {
                claims.broken(manifest, error.message());
                None
            }
        }
    }
}

/// The tree of a value in TOML. Values other than texts become `0`, as no reader looks at them.
fn node_of(file: FileId, span: std::ops::Range<usize>, value: &toml::de::DeValue<'_>) -> Node {
    use toml::de::DeValue;
    let data = match value {
        DeValue::Table(table) => Data::Map(
            table
                .iter()
                .map(|(key, value)| {
                    let place = Place::new(file, key.span().start, key.span().end);
                    let key = Key { text: key.get_ref().as_ref().into(), place };
                    (key, node_of(file, value.span(), value.get_ref()))
                })
                .collect(),
        ),
        DeValue::Array(items) => Data::List(
            items.iter().map(|item| node_of(file, item.span(), item.get_ref())).collect(),
        ),
        DeValue::String(text) => Data::Scalar { text: text.as_ref().into(), plain: false },
        DeValue::Boolean(value) => Data::Scalar { text: value.to_string().into(), plain: true },
        _ => Data::Scalar { text: "0".into(), plain: true },
    };
    Node { data, place: Place::new(file, span.start, span.end) }
}

/// The patterns of a `.dockerignore`. The last line that covers a path decides.
#[derive(Debug, Default)]
pub(super) struct Ignored {
    /// The folder that its paths are relative to.
    folder: String,
    /// Whether a line leaves out what it covers, and its glob.
    lines: Vec<(bool, Glob)>,
}

impl Ignored {
    pub(super) fn has(&self, path: &str) -> bool {
        let folder =
            if self.folder.is_empty() { Some(path) } else { path.strip_prefix(&self.folder) };
        let Some(path) = folder.map(|path| path.trim_start_matches('/')) else { return false };
        let last = self.lines.iter().rev().find(|(_, glob)| glob.covers(path));
        last.is_some_and(|(leaves_out, _)| *leaves_out)
    }
}

/// The last part of a path.
pub(super) fn name_of(path: &str) -> &str {
    path.rsplit_once('/').map_or(path, |(_, name)| name)
}

/// The folder of a path; empty for the root.
fn folder_of(path: &str) -> &str {
    path.rsplit_once('/').map_or("", |(folder, _)| folder)
}

/// A path from the root of the repository, relative to the folder of a file.
fn relative(file: &str, path: &str) -> String {
    "../".repeat(file.matches('/').count()) + path
}

/// A relative path from a folder, with its dots resolved; `None` if it leaves the repository.
fn join(folder: &str, relative: &str) -> Option<String> {
    if relative.starts_with('/') {
        return None;
    }
    let mut parts: Vec<&str> = folder.split('/').filter(|part| !part.is_empty()).collect();
    for part in relative.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop()?;
            }
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}
