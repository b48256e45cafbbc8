//! Compares two outputs of anabranch: by previews, objects and fields.
//!
//! The input is the files of two trees, as `render -o` writes them. Equal files are not read. Objects of the others are
//! matched by identity, in whichever file they are. Values of Secrets, values of other kinds that may become one, and
//! users and passwords in URLs are hidden.

mod fields;
mod json;
mod markdown;
mod previews;
mod text;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use crate::diagnostic::{Diagnostic, Refused, Report, Sources};
use crate::kube::marks::PREVIEW;
use crate::kube::secret::holds_secret;
use crate::kube::{Id, Object};
use crate::limits::InputLimits;
use crate::yaml::parse_documents;

pub(crate) use fields::Field;
use fields::Hidden;
pub(crate) use json::render as json;
pub(crate) use markdown::render as markdown;
pub(crate) use text::render as text;

/// The files of a tree, by path.
pub(crate) type Files<'a> = BTreeMap<String, Cow<'a, [u8]>>;

/// How something changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Change {
    Added,
    Changed,
    Removed,
}

impl Change {
    /// The word for it.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Added => "added",
            Self::Changed => "changed",
            Self::Removed => "removed",
        }
    }

    /// The sign for it, as in a diff.
    fn sign(self) -> char {
        match self {
            Self::Added => '+',
            Self::Changed => '~',
            Self::Removed => '-',
        }
    }

    fn of<T>(old: Option<&T>, new: Option<&T>) -> Self {
        match (old, new) {
            (None, _) => Self::Added,
            (_, None) => Self::Removed,
            _ => Self::Changed,
        }
    }
}

/// An object that is in one output only, or differs.
#[derive(Debug)]
pub(crate) struct ObjectChange {
    pub(crate) id: Id,
    /// The preview that it belongs to, if any.
    pub(crate) preview: Option<String>,
    pub(crate) change: Change,
    /// The fields that differ; empty if it is in one output only.
    pub(crate) fields: Vec<Field>,
    /// Whether some of its values are hidden.
    hides: bool,
    /// The old and the new object, if they exist.
    old: Option<Object>,
    new: Option<Object>,
}

/// The difference of two outputs.
#[derive(Debug)]
pub(crate) struct Difference {
    pub(crate) previews: Vec<previews::PreviewChange>,
    /// Sorted by preview, shared objects last, then by identity.
    pub(crate) objects: Vec<ObjectChange>,
    /// Files that hold no objects, such as those of suites.
    pub(crate) files: Vec<(String, Change)>,
    /// New findings, which the old side does not have.
    pub(crate) findings: Vec<Diagnostic>,
    /// Why the old side is unknown, if it is. Everything then counts as added.
    pub(crate) caveat: Option<String>,
}

/// Why two outputs cannot be compared: a file of one of them is not what anabranch writes.
#[derive(Debug)]
pub(crate) struct Unreadable {
    /// The texts that the findings are about.
    pub(crate) sources: Sources,
    pub(crate) refused: Refused,
}

impl Unreadable {
    /// The first finding as a part of a sentence, with the path of the file below the folder of the output.
    pub(crate) fn first_in(&self, folder: &Path) -> String {
        let first = self.refused.first();
        let name = first.place.map(|place| &self.sources.get(place.file()).name);
        let name = name.map_or(String::new(), |name| format!("{}: ", folder.join(name).display()));
        format!("{name}{}", first.message)
    }
}

impl Difference {
    /// Compares two trees, and their findings by code and message, if these are known of both.
    ///
    /// # Errors
    /// A file of either cannot be read as YAML.
    pub(crate) fn between(
        old: &Files<'_>,
        new: &Files<'_>,
        before: Option<&Report>,
        now: &Report,
        limits: &InputLimits,
    ) -> Result<Self, Unreadable> {
        let paths: BTreeSet<&str> = old.keys().chain(new.keys()).map(String::as_str).collect();
        let differs = |path: &&str| old.get(*path) != new.get(*path);
        let (mut manifests, others): (Vec<&str>, Vec<&str>) =
            paths.iter().filter(|path| differs(path)).partition(|path| holds_objects(path));
        // The facts about a preview are beside its Namespace, whether they differ or not.
        let touched: BTreeSet<&str> =
            manifests.iter().filter_map(|path| preview_of(path)).collect();
        let about = paths.iter().filter(|path| path.ends_with("/namespace.yaml") && !differs(path));
        manifests
            .extend(about.filter(|path| preview_of(path).is_some_and(|one| touched.contains(one))));
        let (old_objects, new_objects) =
            (read(old, &manifests, limits)?, read(new, &manifests, limits)?);
        let ids: BTreeSet<&Id> = old_objects.keys().chain(new_objects.keys()).collect();
        let mut objects: Vec<ObjectChange> = ids
            .into_iter()
            .filter_map(|id| compare(id, old_objects.get(id), new_objects.get(id)))
            .collect();
        objects.sort_by(|a, b| a.order().cmp(&b.order()));
        let files = others.into_iter().filter(|path| is_of_suite(path));
        let files = files.map(|path| (path.to_owned(), Change::of(old.get(path), new.get(path))));
        let known: Option<BTreeSet<(&str, &str)>> = before.map(|before| {
            before.sorted().into_iter().map(|one| (one.code.id, &*one.message)).collect()
        });
        let is_new = |one: &&Diagnostic| {
            known.as_ref().is_some_and(|known| !known.contains(&(one.code.id, &*one.message)))
        };
        let findings = now.sorted().into_iter().filter(is_new);
        Ok(Self {
            previews: previews::changes(&objects, &old_objects, &new_objects),
            files: files.collect(),
            findings: findings.cloned().collect(),
            objects,
            caveat: None,
        })
    }

    /// Whether the outputs are the same.
    pub(crate) fn is_empty(&self) -> bool {
        self.objects.is_empty() && self.files.is_empty()
    }

    /// How many objects changed in this way.
    fn count(&self, change: Change) -> usize {
        self.objects.iter().filter(|object| object.change == change).count()
    }

    /// A summary: `previews: 1 added; objects: 10 added, 3 changed, 1 removed`.
    fn summary(&self) -> String {
        if self.is_empty() {
            let is_known = self.caveat.is_none();
            return if is_known { "nothing changes" } else { "what changes is not known" }
                .to_owned();
        }
        let counts = |all: &mut dyn FnMut(Change) -> usize| {
            let each = [Change::Added, Change::Changed, Change::Removed].into_iter();
            let counted = each.map(|change| (all(change), change.word()));
            let some = counted.filter(|(count, _)| *count > 0);
            some.map(|(count, word)| format!("{count} {word}")).collect::<Vec<_>>().join(", ")
        };
        let previews =
            counts(&mut |change| self.previews.iter().filter(|one| one.change == change).count());
        let objects = counts(&mut |change| self.count(change));
        let files = counts(&mut |change| self.files.iter().filter(|one| one.1 == change).count());
        let parts = [("previews", previews), ("objects", objects), ("files of suites", files)];
        let some = parts.into_iter().filter(|(_, counted)| !counted.is_empty());
        some.map(|(what, counted)| format!("{what}: {counted}")).collect::<Vec<_>>().join("; ")
    }
}

impl ObjectChange {
    fn order(&self) -> impl Ord {
        (self.preview.is_none(), &self.preview, &self.id)
    }
}

/// Whether a file of a tree contains objects.
fn holds_objects(path: &str) -> bool {
    path.ends_with(".yaml") && !path.ends_with("/kustomization.yaml") && !is_of_suite(path)
}

/// The preview that a file belongs to, if it is a single one.
fn preview_of(path: &str) -> Option<&str> {
    let mut parts = path.split('/').peekable();
    parts.next_if_eq(&"root");
    match (parts.next()?, parts.next()?) {
        ("previews", preview) => Some(preview),
        ("flux", file) => file.strip_suffix(".yaml"),
        _ => None,
    }
}

/// Whether a file of a tree belongs to a suite.
fn is_of_suite(path: &str) -> bool {
    path.starts_with("tests/") || path.split('/').nth(2) == Some("tests")
}

fn compare(id: &Id, old: Option<&Object>, new: Option<&Object>) -> Option<ObjectChange> {
    let hidden = old.into_iter().chain(new).map(Hidden::of).max().unwrap_or(Hidden::None);
    let fields = match (old, new) {
        (Some(old), Some(new)) => {
            let fields = fields::compare(&old.node, &new.node, hidden);
            if fields.is_empty() {
                return None;
            }
            fields
        }
        _ => Vec::new(),
    };
    let preview = new.or(old).and_then(|object| object.label(PREVIEW)).map(str::to_owned);
    let (change, old, new) = (Change::of(old, new), old.cloned(), new.cloned());
    let hides =
        hidden != Hidden::None || old.iter().chain(&new).any(|object| holds_secret(&object.node));
    Some(ObjectChange { id: id.clone(), preview, change, fields, hides, old, new })
}

/// The objects of some files of a tree. A Namespace is in two files; the one in `flux/` is its owner's.
fn read(
    files: &Files<'_>,
    paths: &[&str],
    limits: &InputLimits,
) -> Result<BTreeMap<Id, Object>, Unreadable> {
    let mut sources = Sources::default();
    let mut by_id = BTreeMap::new();
    for (path, content) in paths.iter().filter_map(|path| Some((path, files.get(*path)?))) {
        let file = sources.add(*path, String::from_utf8_lossy(content).as_ref());
        let objects = parse_documents(&sources, file, limits)
            .and_then(|nodes| nodes.into_iter().map(Object::from_node).collect());
        let objects: Vec<Object> = match objects {
            Ok(objects) => objects,
            Err(mut refused) => {
                sources.unquote(refused.iter_mut());
                return Err(Unreadable { sources, refused });
            }
        };
        for object in objects {
            by_id.entry(object.id.clone()).or_insert(object);
        }
    }
    Ok(by_id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn files<'a>(all: &[(&str, &'a str)]) -> Files<'a> {
        all.iter().map(|(path, text)| ((*path).to_owned(), text.as_bytes().into())).collect()
    }

    fn between(old: &[(&str, &str)], new: &[(&str, &str)]) -> Difference {
        let report = Report::default();
        let (old, new) = (files(old), files(new));
        let limits = InputLimits::default();
        Difference::between(&old, &new, Some(&report), &report, &limits).expect("YAML")
    }

    const CART: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: cart, namespace: pr-1}\n";

    #[test]
    fn an_object_that_moves_to_another_file_does_not_change() {
        let found = between(&[("previews/pr-1/a.yaml", CART)], &[("previews/pr-1/b.yaml", CART)]);
        assert!(found.is_empty(), "{found:?}");
        assert_eq!(found.summary(), "nothing changes");
    }

    #[test]
    fn what_may_be_secret_is_not_shown() {
        for (kind, name, fields) in [
            ("v1\nkind: Secret", "data.key", "data: {key: VALUE}"),
            ("example.com/v1\nkind: Vault", "data.key", "spec: {a: 1}\ndata: {key: VALUE}"),
            (
                "external-secrets.io/v1\nkind: ExternalSecret",
                "spec.target.template.data.p",
                "spec: {target: {name: a, template: {data: {p: VALUE}}}}",
            ),
            (
                "external-secrets.io/v1\nkind: SecretStore",
                "spec.provider.fake",
                "spec: {provider: {fake: {data: [{key: p, value: VALUE}]}}}",
            ),
            (
                "apps/v1\nkind: Deployment",
                "URL",
                "spec: {env: [{name: URL, value: 'http://bob:VALUE@db/shop'}]}",
            ),
            ("v1\nkind: ConfigMap", "url", "data: {url: 'http://bob:VALUE@db/shop'}"),
        ] {
            let object = |value: &str, more: &str| {
                let fields = fields.replace("VALUE", value);
                let head = format!("apiVersion: {kind}\nmetadata: {{name: a, namespace: pr-1}}");
                format!("{head}\n{fields}\nmore: {more}\n")
            };
            let told = |old: &str, new: &str| {
                let file = "previews/pr-1/a.yaml";
                let found = between(&[(file, old)], &[(file, new)]);
                [text(&found, false), json(&found), markdown(&found)]
            };
            for shown in told(&object("b2xk", "1"), &object("bmV3", "1")) {
                assert!(shown.contains(name), "{shown}");
                assert!(!shown.contains("b2xk") && !shown.contains("bmV3"), "{shown}");
            }
            // What stays is not shown beside what changes.
            for shown in told(&object("b2xk", "1"), &object("b2xk", "2")) {
                assert!(shown.contains("more") && !shown.contains("b2xk"), "{shown}");
            }
        }
    }

    #[test]
    fn files_of_suites_are_named_and_not_read() {
        let path = "tests/e2e/data.yaml";
        let found = between(&[(path, "a: [")], &[(path, "b: [")]);
        assert_eq!(found.files, [(path.to_owned(), Change::Changed)]);
        assert_eq!(found.summary(), "files of suites: 1 changed");
    }
}
