//! Reads what a kustomization names: files, folders, and files of its plugins.
//!
//! kustomize reads some texts that no parser of ours reads, and field names in any case. Whoever could name a file so
//! that only kustomize sees it would have any file of the machine read. So what is not read as surely as kustomize
//! reads it is a problem, with its place.

use crate::diagnostic::{Diagnostic, Place, Problem, Sources, unquoted};
use crate::limits::InputLimits;
use crate::yaml::{Data, Node, parse_documents};

/// What a path of a kustomization leads to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    File,
    /// A file with objects, or a folder with a kustomization.
    Resource,
    /// A file with plugins, or a folder whose kustomization lists such files.
    Plugins,
}

/// A path that a kustomization names.
#[derive(Debug)]
pub(super) struct Reference {
    pub(super) kind: Kind,
    pub(super) path: String,
    pub(super) place: Place,
    /// Whether a generator of Secrets names it. Some people write values there by mistake.
    pub(super) may_be_secret: bool,
}

impl Reference {
    /// The path as a message shows it.
    pub(super) fn shown(&self) -> &str {
        if self.may_be_secret { "…" } else { &self.path }
    }
}

/// More files and folders of plugins than anybody has. A limit, as each folder can name another; no flag raises it,
/// because several plugins can be in one file.
pub(super) const MOST_PLUGINS: usize = 1_000;

/// The problem of a kustomization with more plugins than that.
pub(super) fn too_many_plugins() -> Problem {
    let message = format!("its plugins are in more than {MOST_PLUGINS} files and folders");
    Problem::new(message, "write several into one file")
}

/// What a kustomization, or a file with plugins, names.
#[derive(Debug, Default)]
pub(super) struct References {
    pub(super) named: Vec<Reference>,
    /// What kustomize could read in another way. A problem is the end of a sentence.
    pub(super) problems: Vec<(Place, Problem)>,
    /// Whether there is a field, a value or a plugin that kustomize, as far as is known, refuses.
    pub(super) is_unknown: bool,
    /// Where a kustomization does more than to list resources, if it does.
    pub(super) more: Option<Place>,
}

/// Fields that name files. In the last one, the item can also be the patch itself.
const FILES: [&str; 3] = ["configurations", "crds", "patchesStrategicMerge"];

/// Fields that name files, or folders with a kustomization.
const RESOURCES: [&str; 3] = ["bases", "components", "resources"];

/// Fields with plugins, or with files of plugins.
const PLUGINS: [&str; 3] = ["generators", "transformers", "validators"];

/// Fields with mappings or lists of them, and the keys of these. Only those in [`NAMING`] name files.
const MAPPINGS: [(&str, &[&str]); 8] = [
    ("configMapGenerator", GENERATED),
    ("helmCharts", &["additionalValuesFiles", "valuesFile"]),
    ("helmGlobals", &["chartHome"]),
    ("openapi", &["path", "version"]),
    ("patches", PATCH),
    ("patchesJson6902", PATCH),
    ("replacements", REPLACEMENT),
    ("secretGenerator", GENERATED),
];

const PATCH: &[&str] = &["options", "patch", "path", "target"];

const REPLACEMENT: &[&str] = &["path", "source", "targets"];

const GENERATED: &[&str] =
    &["behavior", "env", "envs", "files", "literals", "name", "namespace", "options", "type"];

/// Keys of mappings that name files, or whose items do.
const NAMING: [&str; 10] = [
    "additionalValuesFiles",
    "chartHome",
    "env",
    "envs",
    "files",
    "path",
    "paths",
    "replacements",
    "targetFilePath",
    "valuesFile",
];

/// Fields that name no files.
const OTHERS: [&str; 16] = [
    "apiVersion",
    "buildMetadata",
    "commonAnnotations",
    "commonLabels",
    "generatorOptions",
    "imageTags",
    "images",
    "kind",
    "labels",
    "metadata",
    "namePrefix",
    "nameSuffix",
    "namespace",
    "replicas",
    "sortOptions",
    "vars",
];

/// Plugins that are part of kustomize, and their keys that name files.
const BUILTIN: [(&str, &[&str]); 18] = [
    ("AnnotationsTransformer", &[]),
    ("ConfigMapGenerator", &["env", "envs", "files"]),
    ("HashTransformer", &[]),
    ("IAMPolicyGenerator", &[]),
    ("ImageTagTransformer", &[]),
    ("LabelTransformer", &[]),
    ("NamespaceTransformer", &[]),
    ("PatchJson6902Transformer", &["path"]),
    ("PatchStrategicMergeTransformer", &["paths"]),
    ("PatchTransformer", &["path"]),
    ("PrefixSuffixTransformer", &[]),
    ("PrefixTransformer", &[]),
    ("ReplacementTransformer", &["replacements"]),
    ("ReplicaCountTransformer", &[]),
    ("SecretGenerator", &["env", "envs", "files"]),
    ("SortOrderTransformer", &[]),
    ("SuffixTransformer", &[]),
    ("ValueAddTransformer", &["targetFilePath"]),
];

/// The plugin that is part of kustomize and that it refuses to run in a build.
const CHART: &str = "HelmChartInflationGenerator";

impl References {
    /// Reads a kustomization.
    pub(super) fn of_kustomization(text: &str, limits: &InputLimits) -> Self {
        let mut reader = Reader::new(limits);
        match &reader.documents(text)[..] {
            [] => reader.found.is_unknown = true,
            [document] => reader.kustomization(document),
            [_, second, ..] => {
                let help = "remove it, or make it a kustomization of its own";
                let message = "it has a second document, which kustomize passes over";
                reader.problem(second.place, message, help);
            }
        }
        reader.found
    }

    /// Reads a file with plugins. What it names is relative to the kustomization that runs them.
    pub(super) fn of_plugins(text: &str, limits: &InputLimits) -> Self {
        let mut reader = Reader::new(limits);
        for plugin in reader.documents(text) {
            reader.plugin(&plugin);
        }
        reader.found
    }

    /// Whether it is certain that every file is known.
    pub(super) fn is_clear(&self) -> bool {
        self.problems.is_empty() && !self.is_unknown
    }
}

struct Reader<'b> {
    limits: &'b InputLimits,
    /// The item that holds the text, if it is part of another.
    within: Option<Place>,
    may_be_secret: bool,
    found: References,
}

impl<'b> Reader<'b> {
    fn new(limits: &'b InputLimits) -> Self {
        Self { limits, within: None, may_be_secret: false, found: References::default() }
    }

    fn problem(&mut self, place: Place, message: impl Into<String>, help: impl Into<String>) {
        let place = self.within.unwrap_or(place);
        self.found.problems.push((place, Problem::new(message, help)));
    }

    fn documents(&mut self, text: &str) -> Vec<Node> {
        let mut sources = Sources::default();
        let file = sources.add("kustomization", text);
        parse_documents(&sources, file, self.limits).unwrap_or_else(|refused| {
            let Diagnostic { message, help, place, .. } = refused.into_first();
            let message = format!("it is not read as kustomize reads it: {}", unquoted(&message));
            self.problem(place.unwrap_or_default(), message, help);
            Vec::new()
        })
    }

    fn kustomization(&mut self, document: &Node) {
        self.found.is_unknown |= !matches!(document.data, Data::Map(_));
        let naming = [&FILES[..], &RESOURCES, &PLUGINS].concat();
        let naming = [naming, MAPPINGS.map(|(field, _)| field).to_vec()].concat();
        for (key, value) in document.entries() {
            let name = key.text.as_str();
            self.check_case(name, key.place, &naming);
            if !matches!(name, "apiVersion" | "kind" | "metadata" | "resources") {
                self.found.more = self.found.more.or(Some(key.place));
            }
            if let Some((_, fields)) = MAPPINGS.iter().find(|(field, _)| *field == name) {
                self.may_be_secret = name == "secretGenerator";
                self.mappings(value, fields);
                self.may_be_secret = false;
                // Flux does not render charts in a build, nor do we.
                self.found.is_unknown |= name.starts_with("helm");
            } else if RESOURCES.contains(&name) {
                self.paths(value, Kind::Resource);
            } else if FILES.contains(&name) {
                self.paths(value, Kind::File);
            } else if PLUGINS.contains(&name) {
                value.items().iter().for_each(|item| self.plugins(item));
            } else {
                self.found.is_unknown |= !OTHERS.contains(&name);
            }
        }
    }

    /// Refuses a name that kustomize takes for one of those with which files are named: Go matches names in any case,
    /// and takes two letters that are not ASCII for others.
    fn check_case(&mut self, name: &str, place: Place, naming: &[&str]) {
        let folded =
            |name: &str| name.replace('\u{17f}', "s").replace('\u{212a}', "k").to_ascii_lowercase();
        if naming.contains(&name) {
            return;
        }
        if let Some(meant) = naming.iter().find(|known| folded(known) == folded(name)) {
            let message = format!("kustomize reads `{name}` as `{meant}`, other programs do not");
            self.problem(place, message, format!("write `{meant}`"));
        }
    }

    /// A mapping, or a list of them. A text stands for a file: so patches were written once.
    fn mappings(&mut self, value: &Node, fields: &[&str]) {
        match &value.data {
            Data::List(items) => items.iter().for_each(|item| self.mappings(item, fields)),
            Data::Map(_) => self.mapping(value, fields),
            Data::Scalar { .. } => self.path(value, Kind::File),
        }
    }

    fn mapping(&mut self, mapping: &Node, fields: &[&str]) {
        let naming = fields.iter().copied().filter(|field| NAMING.contains(field));
        let naming: Vec<&str> = naming.collect();
        for (key, value) in mapping.entries() {
            let name = key.text.as_str();
            self.check_case(name, key.place, &naming);
            match name {
                name if !fields.contains(&name) => self.found.is_unknown = true,
                "replacements" => self.mappings(value, REPLACEMENT),
                "files" => value.items().iter().for_each(|item| self.named_file(item)),
                name if NAMING.contains(&name) => self.paths(value, Kind::File),
                _ => {}
            }
        }
    }

    /// A path, or a list of them.
    fn paths(&mut self, value: &Node, kind: Kind) {
        match &value.data {
            Data::List(items) => items.iter().for_each(|item| self.path(item, kind)),
            _ => self.path(value, kind),
        }
    }

    fn path(&mut self, item: &Node, kind: Kind) {
        match item.text() {
            Some(text) => self.name(text, item.place, kind),
            // Empty, or a mistake that kustomize reports.
            None => self.found.is_unknown |= !item.is_null(),
        }
    }

    /// A file that may be given another name: `name=path`.
    fn named_file(&mut self, item: &Node) {
        match item.text() {
            Some(text) => {
                let path = text.split_once('=').map_or(text, |(_, path)| path);
                self.name(path, item.place, Kind::File);
            }
            None => self.found.is_unknown = true,
        }
    }

    fn name(&mut self, path: &str, place: Place, kind: Kind) {
        let place = self.within.unwrap_or(place);
        let may_be_secret = self.may_be_secret;
        // kustomize replaces old names of fields in the whole text of a kustomization, paths included.
        let images = path.replace("imageTags:", "images:");
        let patches = images.replace("patches:", "patchesStrategicMerge:");
        let mut paths = vec![path.to_owned(), images, patches];
        paths.dedup();
        let named = paths.into_iter().map(|path| Reference { kind, path, place, may_be_secret });
        self.found.named.extend(named);
    }

    /// An item of a list of plugins: plugins, or a path to them. As for kustomize, it is a path if it holds no mapping.
    fn plugins(&mut self, item: &Node) {
        let Some(text) = item.text() else {
            self.found.is_unknown = true;
            return;
        };
        if is_path(text) {
            self.name(text, item.place, Kind::Plugins);
            return;
        }
        self.within = Some(item.place);
        let documents = self.documents(text);
        if !documents.iter().any(|document| matches!(document.data, Data::Map(_))) {
            self.name(text, item.place, Kind::Plugins);
        }
        documents.iter().for_each(|plugin| self.plugin(plugin));
        self.within = None;
    }

    fn plugin(&mut self, plugin: &Node) {
        let kind = plugin.text_at(&["kind"]).unwrap_or_default();
        let version = plugin.text_at(&["apiVersion"]).unwrap_or_default();
        let Some((_, naming)) = BUILTIN.iter().find(|(builtin, _)| *builtin == kind) else {
            self.found.is_unknown = true;
            // kustomize refuses to run others.
            if version.contains("builtin") && kind != CHART || kind.ends_with("List") {
                let message = "it is not known which files such a plugin reads";
                self.problem(plugin.place, message, "remove it, or build the folder without it");
            }
            return;
        };
        self.may_be_secret = kind == "SecretGenerator";
        for (key, value) in plugin.entries() {
            let name = key.text.as_str();
            self.check_case(name, key.place, naming);
            if naming.contains(&name) {
                let one = Node::map([(name, value.clone())]);
                self.mapping(&one, naming);
            }
        }
        self.may_be_secret = false;
    }
}

/// Whether kustomize could take a path for the address of a server.
pub(super) fn is_remote(path: &str) -> bool {
    path.contains("://") || path.contains('@') || path.contains("?ref=")
}

/// Whether an item of a list of plugins is clearly a path: no YAML, or a word.
fn is_path(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '.')
        && text.chars().all(|c| c.is_ascii_alphanumeric() || "-_./@+=~".contains(c))
}
