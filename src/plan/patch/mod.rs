//! Patches of copied objects, as kustomize writes them: strategic merge or JSON 6902.
//!
//! A [`Patch`] is parsed once and applied to any number of copies. It may change anything but the
//! identity of a copy. Values it brings stand at the place of the patch in previews.yaml, so a later
//! finding about one of them leads there.

mod json;
mod lookup;
mod merge;
mod merge_keys;
mod pointer;
#[cfg(test)]
mod tests;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::diagnostic::{Place, Problem, Sources, code, nearest, some_of};
use crate::kube::meta::is_substituted;
use crate::kube::{Object, kinds, names};
use crate::limits::{Allowance, Exceeded, InputLimits, flag, is_over, or_raise};
use crate::spec::{self, PatchTarget};
use crate::yaml::{Data, Node, parse_documents};

/// What the text of a patch turned out to be.
#[derive(Debug, Clone)]
enum Parsed {
    /// Strategic merge patches, one per document.
    Strategic(Vec<Node>),
    /// JSON 6902 operations.
    Json(Vec<json::Operation>),
}

/// A patch, parsed.
#[derive(Debug, Clone)]
pub(super) struct Patch<'a> {
    source: &'a spec::Patch,
    parsed: Parsed,
    /// Parts that mean an object by another name, and the name that it has.
    aims: SmallVec<[Aim; 1]>,
    /// Where the text stands in previews.yaml.
    place: Place,
    is_substituted: bool,
}

/// What a part of a patch means.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Aim {
    part: usize,
    name: SmolStr,
    /// Part and name in one word.
    word: SmolStr,
}

impl Aim {
    /// That this part means the object of this name.
    pub(super) fn at(part: usize, name: &SmolStr) -> Self {
        let word = format!("{part}/{name}").into();
        Self { part, name: name.clone(), word }
    }
}

impl<'a> Patch<'a> {
    /// Parses the text of a patch, which stands there: a list is JSON 6902, mappings are strategic merge
    /// patches.
    ///
    /// # Errors
    /// The text is not YAML, is neither of the two, does not say what it applies to, or has more nodes than
    /// the allowance.
    pub(super) fn parse(
        source: &'a spec::Patch,
        place: Place,
        allowance: &mut Allowance,
    ) -> Result<Self, Problem> {
        let mut documents = read(&source.patch, place, allowance)?;
        let is_substituted = documents.iter().any(|one| one.any_text(&is_substituted));
        let has_target = source.target.is_some();
        let is_list = |node: &Node| matches!(node.data, Data::List(_));
        let parsed = if documents.iter().any(is_list) {
            let [operations] = &documents[..] else {
                return Err(Problem::new(
                    "mixes a list of operations with other documents",
                    "write one JSON 6902 patch per entry of `patches`",
                ));
            };
            Parsed::Json(json::parse(operations, allowance)?)
        } else {
            for document in &mut documents {
                prepare(document, has_target)?;
            }
            if has_target && documents.len() > 1 {
                return Err(Problem::new(
                    "has several documents and a target",
                    "write one document per entry of `patches`, or leave `target` out",
                ));
            }
            Parsed::Strategic(documents)
        };
        let aims = SmallVec::new();
        Ok(Self { source, parsed, aims, place, is_substituted })
    }

    /// The patch with parts that mean objects by the names that these have.
    pub(super) fn aimed(mut self, aims: &[Aim]) -> Self {
        for aim in aims {
            if let (None, Parsed::Strategic(documents)) = (&self.source.target, &mut self.parsed) {
                // It would change the name.
                let name = Node { place: self.place, ..Node::string(aim.name.clone()) };
                documents[aim.part].make(&["metadata"]).set("name", name);
            }
        }
        self.aims.extend(aims.iter().cloned());
        self
    }

    /// Cache key: patches with equal keys are the same.
    pub(super) fn cache_key(&self) -> impl Iterator<Item = &str> {
        let aims = self.aims.iter().flat_map(|aim| ["/aim", aim.word.as_str()]);
        cache_key(self.source).chain(aims)
    }

    /// Whether the patch holds text in which Flux would substitute.
    pub(super) fn is_substituted(&self) -> bool {
        self.is_substituted
    }

    /// Whether the patch may take values of the object to other places in it.
    pub(super) fn moves_values(&self) -> bool {
        matches!(&self.parsed, Parsed::Json(patch) if json::moves_values(patch))
    }

    /// Whether the patch changes the object of this identity.
    #[must_use]
    pub(super) fn applies_to(&self, object: &Identity<'_>) -> bool {
        (0..self.parts()).any(|part| self.part_applies(part, object))
    }

    /// Changes an object that the patch applies to, within the allowance for all patches of it.
    ///
    /// # Errors
    /// The patch does not fit the object, would change its identity, or goes through more nodes than are
    /// allowed. What is left of the object is then of no use.
    pub(super) fn apply(
        &self,
        object: &mut Node,
        allowance: &mut Allowance,
    ) -> Result<(), Problem> {
        for part in 0..self.parts() {
            if self.part_applies(part, &identity(object)) {
                allowance.take(object.weight())?;
                self.apply_part(part, object, allowance)?;
            }
        }
        Ok(())
    }

    /// A problem for each part of the patch that applies to none of these objects.
    pub(super) fn unmatched<'o>(
        &self,
        objects: impl IntoIterator<Item = &'o Object> + Clone,
    ) -> Vec<Problem> {
        (0..self.parts())
            .filter(|&part| !objects.clone().into_iter().any(|one| self.names(part, one)))
            .map(|part| {
                let meant = objects.clone().into_iter().filter(|one| self.means(part, one));
                let meant: Vec<String> = meant.map(|one| identity(&one.node).to_string()).collect();
                match meant.len() {
                    0 => self.no_match(part, objects.clone().into_iter().map(|one| &one.node)),
                    _ => Problem::new(
                        format!("could mean any of {}", some_of(&meant)),
                        "write the whole name of the one that is meant",
                    ),
                }
            })
            .collect()
    }

    /// Whether a part of the patch is about an object by its name.
    pub(super) fn names(&self, part: usize, object: &Object) -> bool {
        self.part_applies(part, &identity(&object.node))
    }

    /// Whether a part of the patch is about an object by another name that this has for kustomize.
    pub(super) fn means(&self, part: usize, object: &Object) -> bool {
        let identity = identity(&object.node);
        self.part_fits(part, &identity, |name| names::is_also_called(object, name))
    }

    /// The problem that a part of the patch applies to none of these objects.
    fn no_match<'o>(&self, part: usize, candidates: impl IntoIterator<Item = &'o Node>) -> Problem {
        let wanted = match (&self.source.target, &self.parsed) {
            (Some(target), _) => in_words(target),
            (None, Parsed::Strategic(documents)) => identity(&documents[part]).to_string(),
            (None, Parsed::Json(_)) => "a workload (it has no `target`)".to_owned(),
        };
        // Each finding compares and sorts them again.
        const COMPARED: usize = 50;
        let mut candidates = candidates.into_iter();
        let first = candidates.by_ref().take(COMPARED);
        let mut names: Vec<String> = first.map(|object| identity(object).to_string()).collect();
        names.sort();
        names.dedup();
        let near = nearest(&wanted, names.iter().map(String::as_str));
        let others = candidates.map(|_| "");
        let copies = some_of(names.iter().map(String::as_str).chain(others));
        let help = match near {
            Some(name) => format!("did you mean {name}? the copies are: {copies}"),
            None if names.is_empty() => {
                "the service has no copies that could be patched".to_owned()
            }
            None => format!("the copies are: {copies}"),
        };
        Problem::new(format!("finds nothing to change: no copy is {wanted}"), help)
    }

    /// How many patches the text holds: each document is one.
    pub(super) fn parts(&self) -> usize {
        match &self.parsed {
            Parsed::Strategic(documents) => documents.len(),
            Parsed::Json(_) => 1,
        }
    }

    fn part_applies(&self, part: usize, found: &Identity<'_>) -> bool {
        match self.aims.iter().find(|aim| aim.part == part) {
            Some(aim) => self.part_fits(part, found, |_| aim.name == found.name),
            None => self.part_fits(part, found, |name| name == found.name),
        }
    }

    /// Whether a part is about an object of this identity, if that is called as the part says.
    fn part_fits(
        &self,
        part: usize,
        found: &Identity<'_>,
        is_called: impl Fn(&str) -> bool,
    ) -> bool {
        match (&self.source.target, &self.parsed) {
            (Some(target), _) => {
                let (group, version) = found.group_version();
                [(&target.group, group), (&target.version, version), (&target.kind, found.kind)]
                    .iter()
                    .all(|(wanted, found)| wanted.is_empty() || wanted == found)
                    && (target.name.is_empty() || is_called(&target.name))
            }
            (None, Parsed::Strategic(documents)) => {
                let wanted = identity(&documents[part]);
                wanted.group_version().0 == found.group_version().0
                    && wanted.kind == found.kind
                    && is_called(wanted.name)
            }
            (None, Parsed::Json(_)) => {
                kinds::is_copied_workload(found.group_version().0, found.kind)
            }
        }
    }

    fn apply_part(
        &self,
        part: usize,
        object: &mut Node,
        allowance: &mut Allowance,
    ) -> Result<(), Problem> {
        let texts = identity(object).texts().map(SmolStr::from);
        let before = Identity::of(texts.each_ref().map(SmolStr::as_str));
        let original = std::mem::take(object);
        let patched = match &self.parsed {
            Parsed::Strategic(documents) => merge::apply(original, &documents[part]),
            Parsed::Json(patch) => json::apply(original, patch, self.place, allowance),
        };
        *object = patched.map_err(|problem| {
            let text = format!("does not fit {before}: {}", problem.message);
            Problem::new(text, problem.help)
        })?;
        let after = identity(object);
        if let Some((field, from, to)) = before.difference(&after) {
            return Err(Problem::new(
                format!("changes {field} of {before} from `{from}` to `{to}`"),
                "leave apiVersion, kind, metadata.name and metadata.namespace as they are: a copy \
                 is known by them",
            ));
        }
        Ok(())
    }
}

/// Cache key: patches with equal keys are the same.
pub(super) fn cache_key(source: &spec::Patch) -> impl Iterator<Item = &str> {
    let target = source
        .target
        .iter()
        .flat_map(|target| ["/target", &target.group, &target.version, &target.kind, &target.name]);
    ["/patch", &source.patch].into_iter().chain(target)
}

impl From<Exceeded> for Problem {
    fn from(exceeded: Exceeded) -> Self {
        match exceeded {
            Exceeded::Work(most) => Self::new(
                format!("goes through more than {most} values, a tenth of {}", flag::PATCH_NODES),
                or_raise("write fewer and smaller patches", flag::PATCH_NODES),
            ),
            Exceeded::Depth(most) => {
                Self::new(format!("makes more levels than the limit of {most}"), fewer_levels())
            }
        }
    }
}

fn fewer_levels() -> String {
    or_raise("write it with fewer levels", flag::DEPTH)
}

/// A node of a patch counts as this many: it is held in memory, where nodes of objects are only visited.
const NEW: usize = 4;

/// The documents of a patch's text, every node at the place of the text.
fn read(text: &str, place: Place, allowance: &mut Allowance) -> Result<Vec<Node>, Problem> {
    let mut sources = Sources::default();
    let file = sources.add_quotable("patch", text);
    let default = InputLimits::default();
    let most = allowance.left() / NEW;
    let depth = allowance.depth();
    let budget = InputLimits { depth, nodes: most, documents: most, alias_nodes: most, ..default };
    let mut documents = parse_documents(&sources, file, &budget).map_err(|refused| {
        let first = refused.into_first();
        let line = first.place.map_or(1, |place| sources.line_column(place).0);
        let help = match first.code == &code::INPUT_LIMIT {
            true if is_over(&first, flag::DEPTH) => fewer_levels(),
            true => return allowance.exceed().into(),
            false => first.help,
        };
        Problem::new(format!("cannot be read, line {line}: {}", first.message), help)
    })?;
    if documents.is_empty() {
        return Err(Problem::new("is empty", "remove the entry"));
    }
    for document in &mut documents {
        allowance.take(NEW * document.weight())?;
        relocate(document, place);
    }
    Ok(documents)
}

/// Checks that a strategic merge patch says what it changes, or, where a target does, takes out its
/// own identity: kustomize ignores it then, and people write `name: not-used`.
fn prepare(document: &mut Node, has_target: bool) -> Result<(), Problem> {
    let neither = "is neither a strategic merge patch nor a list of JSON 6902 operations";
    if !matches!(document.data, Data::Map(_)) {
        return Err(Problem::new(neither, "write a partial object, or `- op: replace …`"));
    }
    if document.get("op").is_some() && document.get("path").is_some() {
        return Err(Problem::new(neither, "JSON 6902 operations are a list: begin with `- op:`"));
    }
    if has_target {
        document.remove("apiVersion");
        document.remove("kind");
        if let Some(metadata) = document.get_mut("metadata") {
            metadata.remove("name");
            metadata.remove("namespace");
        }
        return Ok(());
    }
    let found = identity(document);
    let missing: Vec<&str> =
        [("apiVersion", found.api_version), ("kind", found.kind), ("metadata.name", found.name)]
            .into_iter()
            .filter(|(_, value)| value.is_empty())
            .map(|(field, _)| field)
            .collect();
    if missing.is_empty() {
        return Ok(());
    }
    Err(Problem::new(
        format!("does not say which object it changes: it has no {}", missing.join(", ")),
        "write the identity of the copy into the patch, or give the patch a `target`",
    ))
}

/// Gives a tree and its keys one place.
fn relocate(node: &mut Node, place: Place) {
    node.place = place;
    match &mut node.data {
        Data::Scalar { .. } => {}
        Data::List(items) => items.iter_mut().for_each(|item| relocate(item, place)),
        Data::Map(entries) => {
            for (key, value) in entries {
                key.place = place;
                relocate(value, place);
            }
        }
    }
}

/// What a patch may not change, and is found by.
#[derive(PartialEq, Eq)]
pub(super) struct Identity<'a> {
    api_version: &'a str,
    kind: &'a str,
    name: &'a str,
    namespace: &'a str,
}

pub(super) fn identity(object: &Node) -> Identity<'_> {
    let text = |keys: &[&str]| object.text_at(keys).unwrap_or_default();
    Identity::of([
        text(&["apiVersion"]),
        text(&["kind"]),
        text(&["metadata", "name"]),
        text(&["metadata", "namespace"]),
    ])
}

impl<'a> Identity<'a> {
    fn of([api_version, kind, name, namespace]: [&'a str; 4]) -> Self {
        Self { api_version, kind, name, namespace }
    }

    fn texts(&self) -> [&'a str; 4] {
        [self.api_version, self.kind, self.name, self.namespace]
    }

    fn group_version(&self) -> (&'a str, &'a str) {
        self.api_version.split_once('/').unwrap_or(("", self.api_version))
    }

    /// The first field in which two identities differ, with its two values.
    fn difference(&self, other: &Self) -> Option<(&'static str, String, String)> {
        [
            ("apiVersion", self.api_version, other.api_version),
            ("kind", self.kind, other.kind),
            ("metadata.name", self.name, other.name),
            ("metadata.namespace", self.namespace, other.namespace),
        ]
        .into_iter()
        .find(|(_, one, two)| one != two)
        .map(|(field, one, two)| (field, one.to_owned(), two.to_owned()))
    }
}

impl std::fmt::Display for Identity<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.kind, self.name)
    }
}

fn in_words(target: &PatchTarget) -> String {
    let fields = [
        ("group", &target.group),
        ("version", &target.version),
        ("kind", &target.kind),
        ("name", &target.name),
    ];
    let given: Vec<String> = fields
        .into_iter()
        .filter(|(_, value)| !value.is_empty())
        .map(|(field, value)| format!("{field} {value}"))
        .collect();
    format!("of {}", given.join(", "))
}
