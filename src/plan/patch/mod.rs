//! Patches of copied objects, in the two forms of kustomize: strategic merge and JSON 6902.
//!
//! A [`Patch`] is parsed once and applied to any number of copies. It may change anything except the identity of an
//! object. The nodes that it adds have the place of the patch in previews.yaml, so later findings about them point there.

mod json;
mod lookup;
mod merge;
mod merge_keys;
mod pointer;
#[cfg(test)]
mod tests;

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::diagnostic::{Place, Problem, Sources, nearest, some_of};
use crate::kube::meta::is_substituted;
use crate::kube::{Kind, Object, kinds, names};
use crate::limits::{Exceeded, InputLimits, WorkShare, flag, or_raise};
use crate::spec::{self, PatchTarget};
use crate::yaml::{Data, Node, parse_documents};

/// The text of a patch, parsed.
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
    /// Parts that name their object as it was called before kustomize renamed it.
    resolved: SmallVec<[ResolvedName; 1]>,
    /// Where the text stands in previews.yaml.
    place: Place,
    is_substituted: bool,
}

/// The present name of the object that a part of a patch names by an earlier one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct ResolvedName {
    part: usize,
    name: SmolStr,
    /// Part and name, for the cache key of the patch.
    key: SmolStr,
}

impl ResolvedName {
    pub(super) fn new(part: usize, name: &SmolStr) -> Self {
        Self { part, name: name.clone(), key: format!("{part}/{name}").into() }
    }
}

impl<'a> Patch<'a> {
    /// Parses the text of a patch at this place. A list is a JSON 6902 patch, mappings are strategic merge patches.
    ///
    /// # Errors
    /// The text is not YAML, is neither of the two, does not say what it applies to, or has more nodes than are allowed.
    pub(super) fn parse(
        source: &'a spec::Patch,
        place: Place,
        share: &mut WorkShare,
    ) -> Result<Self, Problem> {
        let mut documents = read(&source.patch, place, share)?;
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
            Parsed::Json(json::parse(operations, share)?)
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
        let resolved = SmallVec::new();
        Ok(Self { source, parsed, resolved, place, is_substituted })
    }

    /// The patch with the present names of objects that some parts name by earlier ones.
    pub(super) fn with_names(mut self, resolved: &[ResolvedName]) -> Self {
        for ResolvedName { part, name, .. } in resolved {
            if let (None, Parsed::Strategic(documents)) = (&self.source.target, &mut self.parsed) {
                // With the earlier name, the merge would rename the object.
                let name = Node { place: self.place, ..Node::string(name.clone()) };
                documents[*part].make(&["metadata"]).set("name", name);
            }
        }
        self.resolved.extend(resolved.iter().cloned());
        self
    }

    /// Cache key: patches with equal keys are the same.
    pub(super) fn cache_key(&self) -> impl Iterator<Item = &str> {
        let resolved = self.resolved.iter().flat_map(|name| ["/name", name.key.as_str()]);
        cache_key(self.source).chain(resolved)
    }

    /// Whether Flux would substitute in a text of the patch.
    pub(super) fn is_substituted(&self) -> bool {
        self.is_substituted
    }

    /// Whether the patch may move or copy a value within the object.
    pub(super) fn moves_values(&self) -> bool {
        matches!(&self.parsed, Parsed::Json(patch) if json::moves_values(patch))
    }

    /// Whether the patch applies to the object with this identity.
    #[must_use]
    pub(super) fn applies_to(&self, object: &Identity<'_>) -> bool {
        (0..self.parts()).any(|part| self.part_applies(part, object))
    }

    /// Applies the patch to an object, within the object's share.
    ///
    /// # Errors
    /// The patch does not fit the object, would change its identity, or visits more nodes than are allowed. The object
    /// is then half patched and of no use.
    pub(super) fn apply(&self, object: &mut Node, share: &mut WorkShare) -> Result<(), Problem> {
        for part in 0..self.parts() {
            if self.part_applies(part, &identity(object)) {
                share.take(object.weight())?;
                self.apply_part(part, object, share)?;
            }
        }
        Ok(())
    }

    /// The problems with parts of the patch that apply to none of these objects.
    pub(super) fn unmatched(&self, objects: &[&Object]) -> Vec<Problem> {
        let unmatched = (0..self.parts())
            .filter(|&part| !objects.iter().any(|object| self.matches(part, object)));
        let problem = |part| {
            let renamed = objects.iter().filter(|object| self.matches_earlier(part, object));
            let names: Vec<String> =
                renamed.map(|object| identity(&object.node).to_string()).collect();
            if names.is_empty() {
                return self.no_match(part, objects);
            }
            let message = format!("could mean any of {}", some_of(&names));
            Problem::new(message, "write the whole name of the one that is meant")
        };
        unmatched.map(problem).collect()
    }

    /// Whether a part of the patch applies to an object.
    pub(super) fn matches(&self, part: usize, object: &Object) -> bool {
        self.part_applies(part, &identity(&object.node))
    }

    /// Whether a part of the patch would apply to an object under a name that it had before kustomize renamed it.
    pub(super) fn matches_earlier(&self, part: usize, object: &Object) -> bool {
        let identity = identity(&object.node);
        self.part_fits(part, &identity, |name| names::is_also_called(object, name))
    }

    /// The problem that a part of the patch applies to none of these objects.
    fn no_match(&self, part: usize, objects: &[&Object]) -> Problem {
        let wanted = match (&self.source.target, &self.parsed) {
            (Some(target), _) => describe(target),
            (None, Parsed::Strategic(documents)) => identity(&documents[part]).to_string(),
            (None, Parsed::Json(_)) => "a workload (it has no `target`)".to_owned(),
        };
        // Every such problem compares and sorts them again.
        const COMPARED: usize = 50;
        let first = objects.iter().take(COMPARED);
        let mut names: Vec<String> =
            first.map(|object| identity(&object.node).to_string()).collect();
        names.sort();
        names.dedup();
        let near = nearest(&wanted, names.iter().map(String::as_str));
        let others = objects.iter().skip(COMPARED).map(|_| "");
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

    /// How many parts the patch has: each document of a strategic merge patch is one.
    pub(super) fn parts(&self) -> usize {
        match &self.parsed {
            Parsed::Strategic(documents) => documents.len(),
            Parsed::Json(_) => 1,
        }
    }

    fn part_applies(&self, part: usize, object: &Identity<'_>) -> bool {
        match self.resolved.iter().find(|resolved| resolved.part == part) {
            Some(resolved) => self.part_fits(part, object, |_| resolved.name == object.name),
            None => self.part_fits(part, object, |name| name == object.name),
        }
    }

    /// Whether a part applies to the object with this identity, provided that `is_called` accepts the name in the part.
    fn part_fits(
        &self,
        part: usize,
        object: &Identity<'_>,
        is_called: impl Fn(&str) -> bool,
    ) -> bool {
        let (group, version) = object.group_version();
        match (&self.source.target, &self.parsed) {
            (Some(target), _) => {
                [(&target.group, group), (&target.version, version), (&target.kind, object.kind)]
                    .iter()
                    .all(|(wanted, value)| wanted.is_empty() || wanted == value)
                    && (target.name.is_empty() || is_called(&target.name))
            }
            (None, Parsed::Strategic(documents)) => {
                let wanted = identity(&documents[part]);
                wanted.group_version().0 == group
                    && wanted.kind == object.kind
                    && is_called(wanted.name)
            }
            (None, Parsed::Json(_)) => {
                kinds::find(group, object.kind).is_some_and(Kind::is_copied_workload)
            }
        }
    }

    /// Applies one part to an object.
    fn apply_part(
        &self,
        part: usize,
        object: &mut Node,
        share: &mut WorkShare,
    ) -> Result<(), Problem> {
        // The patch consumes the object, and its identity with it.
        let texts = identity(object).texts().map(SmolStr::from);
        let before = Identity::of(texts.each_ref().map(SmolStr::as_str));
        let notes = names::notes(object);
        let original = std::mem::take(object);
        let patched = match &self.parsed {
            Parsed::Strategic(documents) => merge::apply(original, &documents[part]),
            Parsed::Json(patch) => json::apply(original, patch, self.place, share),
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
        if names::notes(object) != notes {
            return Err(Problem::new(
                format!("changes annotations of {before} in which kustomize notes its names"),
                "leave annotations of internal.config.kubernetes.io out of the patch: a build would \
                 give the copy another name",
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
            Exceeded::Work(limit) => Self::new(
                format!("goes through more than {limit} values, a tenth of {}", flag::PATCH_NODES),
                or_raise("write fewer and smaller patches", flag::PATCH_NODES),
            ),
            Exceeded::Depth(limit) => {
                Self::new(format!("makes more levels than the limit of {limit}"), fewer_levels())
            }
        }
    }
}

fn fewer_levels() -> String {
    or_raise("write it with fewer levels", flag::DEPTH)
}

/// A new node costs as much as this many visited ones, because it is kept in memory.
const NEW: usize = 4;

/// The documents in the text of a patch. All their nodes have the place of the text.
fn read(text: &str, place: Place, share: &mut WorkShare) -> Result<Vec<Node>, Problem> {
    let mut sources = Sources::default();
    let file = sources.add_quotable("patch", text);
    let (nodes, depth) = (share.left() / NEW, share.depth());
    let limits = InputLimits {
        depth,
        nodes,
        documents: nodes,
        alias_nodes: nodes,
        ..InputLimits::default()
    };
    let mut documents = parse_documents(&sources, file, &limits).map_err(|refused| {
        let first = refused.into_first();
        let line = first.place.map_or(1, |place| sources.line_column(place).0);
        let help = match first.exceeded {
            Some(flag::DEPTH) => fewer_levels(),
            Some(_) => return share.exceed().into(),
            None => first.help,
        };
        Problem::new(format!("cannot be read, line {line}: {}", first.message), help)
    })?;
    if documents.is_empty() {
        return Err(Problem::new("is empty", "remove the entry"));
    }
    for document in &mut documents {
        share.take(NEW * document.weight())?;
        relocate(document, place);
    }
    Ok(documents)
}

/// Checks that a strategic merge patch says which object it changes. If a target says so, removes the identity from the
/// patch: kustomize ignores it then, and people write `name: not-used`.
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
    let Identity { api_version, kind, name, .. } = identity(document);
    let missing: Vec<&str> = [("apiVersion", api_version), ("kind", kind), ("metadata.name", name)]
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

/// Gives all nodes and keys of a tree one place.
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

/// The fields by which a patch finds its object, and which it may not change.
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

/// The target of a patch, as text.
fn describe(target: &PatchTarget) -> String {
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
