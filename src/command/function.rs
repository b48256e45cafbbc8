//! The KRM function: a ResourceList in, a ResourceList out; and kustomize's legacy exec plugin.
//!
//! Items of the user pass through as they came, annotations included: without kustomize's internal
//! ones it loses hash suffixes. The whole answer is made before the first byte is written, and on an
//! error it is every item that came in, with `results`, and exit 1.
//! See <https://github.com/kubernetes-sigs/kustomize/blob/master/cmd/config/docs/api-conventions/functions-spec.md>.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::voice::say;
use super::{work_on_this_thread, write_out};
use crate::diagnostic::{Diagnostic, FileId, Origin, Report, Severity, Sources, code, terminal};
use crate::emit::{HoleValues, OutputShape};
use crate::kube::{Id, Object};
use crate::limits::{InputLimits, OutputLimits, RAISE};
use crate::pipeline::{Compiled, Request, compile};
use crate::read::{
    Owner, Owners, Parted, ResourceList, adapt_references, open_list, read_config, read_file,
    read_resource_list, restored,
};
use crate::spec::{API_VERSION, Config, Delivery, KIND};
use crate::write::{Items, Layout, in_order, results, write_answer};
use crate::yaml::{Data, Node};

/// An annotation of previews.yaml. In the mode `validate` the function checks and returns no items, which is what
/// kustomize accepts from a validator.
const MODE: &str = "anabranch.dev/mode";

/// Annotations by which orchestrators know the file that an item came from.
const FILE_ANNOTATIONS: [&str; 8] = [
    "internal.config.kubernetes.io/path",
    "internal.config.kubernetes.io/index",
    "internal.config.kubernetes.io/package-path",
    "internal.config.kubernetes.io/seqindent",
    "internal.config.kubernetes.io/id",
    "config.kubernetes.io/path",
    "config.kubernetes.io/index",
    "config.k8s.io/id",
];

/// Runs as a function on stdin and stdout.
#[must_use]
pub fn run() -> ExitCode {
    work_on_this_thread();
    let mut run = Run::default();
    let list = run.read(Path::new("-"));
    let (text, ok) = run.respond(list);
    run.say();
    let written = write_out(text.as_bytes());
    if ok { written } else { ExitCode::FAILURE }
}

/// Answers the text of a ResourceList. The second value says whether the run succeeded.
#[must_use]
pub fn respond(text: &str) -> (String, bool) {
    let mut run = Run::default();
    let file = run.sources.add_from(Origin::Stdin, "<stdin>", text);
    let list = run.parse(file);
    run.respond(list)
}

/// The configuration file of a legacy exec plugin, if that is how this process was started: kustomize
/// passes the path as the only argument and sets a variable.
#[must_use]
pub fn legacy_plugin_config() -> Option<PathBuf> {
    std::env::var_os("KUSTOMIZE_PLUGIN_CONFIG_ROOT")?;
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    match arguments.as_slice() {
        [only] if Path::new(only).is_file() => Some(PathBuf::from(only)),
        _ => None,
    }
}

/// Runs as a legacy exec plugin: bare documents on stdin and stdout.
#[must_use]
pub fn run_legacy_plugin(config: &Path) -> ExitCode {
    let mut run = Run::default();
    let list = run.read(Path::new("-"));
    let config = read_config(config, &mut run.sources, &InputLimits::default());
    let config = run.report.keep(config);
    let (items, ok) = run.answer(list, config, Layout::Documents);
    run.say();
    if !ok {
        return ExitCode::FAILURE;
    }
    write_out(items.text().as_bytes())
}

#[derive(Default)]
struct Run {
    sources: Sources,
    report: Report,
}

impl Run {
    fn read(&mut self, path: &Path) -> ResourceList {
        let file = read_file(path, &mut self.sources, &InputLimits::default());
        self.report.keep(file).map_or_else(ResourceList::default, |file| self.parse(file))
    }

    fn parse(&mut self, file: FileId) -> ResourceList {
        read_resource_list(&self.sources, file, &InputLimits::of_list(), &mut self.report)
    }

    /// The text of the answer, and whether the run succeeded.
    fn respond(&mut self, mut list: ResourceList) -> (String, bool) {
        let api_version = std::mem::take(&mut list.api_version);
        let config = list.function_config.clone();
        let name = config.as_ref().and_then(|node| node.text_at(&["metadata", "name"]));
        let name = name.unwrap_or_default().to_owned();
        let (items, ok) = self.answer(list, config.clone(), Layout::List);
        let subject = results::Subject { api_version: API_VERSION, kind: KIND, name: &name };
        let results = (!self.report.sorted().is_empty())
            .then(|| results::render(&self.sources, &self.report, subject));
        (write_answer(&api_version, &items, config, results), ok)
    }

    /// One line per finding: kustomize shows nothing else.
    fn say(&self) {
        for finding in self.report.sorted() {
            if finding.severity() != Severity::Note {
                say(&format!("{}\n", terminal::one_line(finding)));
            }
        }
    }

    /// The items of the answer, and whether the run succeeded. If not, they are the items of the input.
    fn answer(
        &mut self,
        list: ResourceList,
        config: Option<Node>,
        layout: Layout,
    ) -> (Items, bool) {
        let items = self.transform(&list, config, layout);
        // Neither kustomize nor kpt passes flags.
        self.report.reword_help(RAISE, "run `anabranch render`, which has flags, and raise --max-");
        match items {
            Some(items) => (items, true),
            None => {
                let mut items = Items::new(layout);
                list.items.iter().for_each(|item| items.push_node(item));
                (items, false)
            }
        }
    }

    fn transform(
        &mut self,
        list: &ResourceList,
        config: Option<Node>,
        layout: Layout,
    ) -> Option<Items> {
        if self.report.has_errors() {
            return None;
        }
        let Some(node) = config else {
            self.report.push(Diagnostic::new(
                &code::CONFIG_FIELD,
                "the function has no functionConfig",
                "pass previews.yaml as its configuration",
            ));
            return None;
        };
        if is_generator(&list.items, &node) {
            self.report.push(Diagnostic::new(
                &code::PLACEMENT,
                "the function got no objects: it stands under `generators:`, or in an empty layer",
                "list previews.yaml under `transformers:` in the layer that has the baseline under \
                 `resources:`",
            ));
            return None;
        }
        let validator = node.text_at(&["metadata", "annotations", MODE]) == Some("validate");
        let mut config = self.report.keep(Config::read(node))?;
        // What passes through is delivered with our output, whatever the file says.
        config.previews.spec.baseline.delivery = Delivery::Include;
        let items = self.expand(list, &config, layout)?;
        Some(if validator { Items::new(layout) } else { items })
    }

    fn expand(&mut self, list: &ResourceList, config: &Config, layout: Layout) -> Option<Items> {
        let Sorted { passing, mut input, earlier } = Sorted::of(list, config);
        let baseline = &config.previews.spec.baseline;
        let is_of_baseline = |namespace: &str| baseline.includes(namespace);
        adapt_references(&mut input.users, is_of_baseline, &mut self.report);
        let limits = OutputLimits::default();
        let request = Request { shape: OutputShape::Stream, limits, only: &[] };
        let namespace = config.previews.spec.baseline.only().unwrap_or_default();
        compile(config, &mut input, &request, &mut self.report, |compiled| {
            let Compiled { previews, common, .. } = compiled;
            let mut items = Items::new(layout);
            for (node, id) in &passing {
                let changed = id.as_ref().and_then(|id| {
                    let mut id = id.clone();
                    if id.namespace.is_empty() {
                        id.namespace = namespace.into();
                    }
                    common.changed.get(&id)
                });
                match changed {
                    Some(changed) => items.push_draft(changed, HoleValues::NONE),
                    None => items.push_node(node),
                }
            }
            for (draft, values) in in_order(&previews, Some(&common)) {
                let earlier =
                    if earlier.is_empty() { None } else { earlier.get(&draft.id(values)) };
                match earlier
                    .and_then(|earlier| Some(with_file_annotations(draft.read(values)?, earlier)))
                {
                    Some(node) => items.push_node(&node),
                    None => items.push_draft(draft, values),
                }
            }
            items
        })
    }
}

/// The items of a list, sorted by what happens to them.
#[derive(Default)]
struct Sorted {
    /// Items that pass through. Those with an identity can be replaced by a version that routes changed.
    passing: Vec<(Node, Option<Id>)>,
    /// What is compiled.
    input: Parted,
    /// Output of an earlier run, which is made anew.
    earlier: BTreeMap<Id, Node>,
}

impl Sorted {
    fn of(list: &ResourceList, config: &Config) -> Self {
        let object = |item: &Node| Object::from_node(item.clone()).and_then(Object::checked).ok();
        let items: Vec<(Cow<'_, Node>, Option<Object>)> = list
            .items
            .iter()
            .flat_map(opened)
            .map(|item| {
                let object = object(&item);
                (item, object)
            })
            .collect();
        let owners = Owners::new(config, items.iter().filter_map(|(_, object)| object.as_ref()));
        let Self { mut passing, mut input, mut earlier } = Self::default();
        for (item, object) in items {
            // kpt passes every file, also a kustomization.yaml, which has no name.
            let Some(object) = object else {
                passing.push((item.into_owned(), None));
                continue;
            };
            if object.is_local_config() || object.id.kind == KIND {
                passing.push((object.node, None));
                continue;
            }
            match owners.owner(&object) {
                Owner::ThisSet => {
                    earlier.insert(object.id.clone(), object.node.clone());
                    input.keep_extended(object, config.set());
                }
                Owner::AnotherSet => {
                    passing.push((item.into_owned(), None));
                    input.others.push(object);
                }
                Owner::User => {
                    let Some(object) = restored(object, config.set()) else {
                        continue;
                    };
                    passing.push((object.node.clone(), Some(object.id.clone())));
                    input.users.push(object);
                }
            }
        }
        Self { passing, input, earlier }
    }
}

/// An item, or its items if it is a list of objects. kustomize opens such lists itself, kpt does not. Items of a list
/// stay in the file of the list.
fn opened(item: &Node) -> Vec<Cow<'_, Node>> {
    if !item.text_at(&["kind"]).is_some_and(|kind| kind.ends_with("List")) {
        return vec![Cow::Borrowed(item)];
    }
    match open_list(item.clone()) {
        Ok(items) => items
            .into_iter()
            .map(|inner| in_file_of(inner, item))
            .flat_map(|inner| opened(&inner).into_iter().map(Cow::into_owned).collect::<Vec<_>>())
            .map(Cow::Owned)
            .collect(),
        Err(_) => vec![Cow::Borrowed(item)],
    }
}

/// Gives an item of a list the file of the list, but not its index there, which only one object can have.
fn in_file_of(mut item: Node, list: &Node) -> Node {
    let annotations = list.at(&["metadata", "annotations"]).map(Node::entries).unwrap_or_default();
    let is_file = |key: &str| FILE_ANNOTATIONS.contains(&key) && key.ends_with("path");
    for (key, value) in annotations.iter().filter(|(key, _)| is_file(&key.text)) {
        item.make(&["metadata", "annotations"]).set(&key.text, value.clone());
    }
    item
}

/// Gives an object of ours the annotations about its file that it came in with.
fn with_file_annotations(mut node: Node, earlier: &Node) -> Node {
    let annotations = earlier.at(&["metadata", "annotations"]);
    for (key, value) in annotations.map(Node::entries).unwrap_or_default() {
        if FILE_ANNOTATIONS.contains(&key.text.as_str()) {
            node.make(&["metadata", "annotations"]).set(&key.text, value.clone());
        }
    }
    node
}

/// Whether the items are those that kustomize passes to a generator: none, or the configuration alone, without the
/// annotations of an item from a file.
fn is_generator(items: &[Node], config: &Node) -> bool {
    let identity = |node: &Node| {
        [&["apiVersion"][..], &["kind"], &["metadata", "name"]]
            .map(|keys| node.text_at(keys).map(str::to_owned))
    };
    match items {
        [] => true,
        [only] => {
            let annotations = only.at(&["metadata", "annotations"]);
            let from_file = annotations.is_some_and(|annotations| match &annotations.data {
                Data::Map(entries) => entries.iter().any(|(key, _)| {
                    key.text.ends_with("config.kubernetes.io/path")
                        || key.text == "kustomize.config.k8s.io/id"
                }),
                _ => false,
            });
            identity(only) == identity(config) && !from_file
        }
        _ => false,
    }
}
