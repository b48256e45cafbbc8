//! The stages in order: objects and a configuration in, the drafts of all previews out.
//!
//! [`compile`] is the table of contents of the program. The rest of this file checks what no stage can see alone,
//! because it holds for all previews together: every identity is unique, and all output fits into the limit of bytes.

use std::collections::{BTreeMap, HashMap, HashSet};
use std::hash::BuildHasher;
use std::mem::ManuallyDrop;
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use rayon::prelude::*;
use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::diagnostic::{Diagnostic, Refused, Report, code, first_of, nearest, stage};
use crate::emit::{Common, Draft, Emission, HoleValues, Preview, PreviewValues};
use crate::kube::{Id, Order, is_cluster_scoped};
use crate::limits::{OutputLimits, flag, or_raise};
use crate::model::{Catalog, Home};
use crate::plan::plan;
use crate::validate::validate;
use crate::yaml::Node;

pub use crate::emit::OutputShape;
pub use crate::kube::Object;
pub use crate::read::Parted;
pub use crate::spec::Config;
pub use crate::write::append;

/// The result of compiling a configuration without errors.
#[derive(Debug)]
pub struct Compiled<'c, 'p> {
    /// The maker of the objects.
    pub emission: &'c Emission<'p>,
    /// The previews in the order of names, to be written.
    pub previews: Vec<Preview<'p, 'c>>,
    /// What belongs to no single preview.
    pub common: Common<'c>,
    /// The objects of the input, without those that an earlier run made.
    pub input: &'p Parted,
    /// Warnings and notes.
    pub report: &'c Report,
}

/// What to compile.
#[derive(Debug, Clone)]
pub struct Request<'a> {
    /// The shape of the output.
    pub shape: OutputShape<'a>,
    /// The limits of the output.
    pub limits: OutputLimits,
    /// Names of previews to make; empty for all.
    pub only: &'a [String],
}

impl Request<'_> {
    fn includes(&self, name: &str) -> bool {
        self.only.is_empty() || self.only.iter().any(|only| only == name)
    }

    /// Reports names that no preview has.
    fn check(&self, config: &Config, report: &mut Report) {
        let names = || config.previews.spec.previews.iter().map(|preview| preview.name.as_str());
        for only in self.only.iter().filter(|only| !names().any(|name| name == **only)) {
            let help = nearest(only, names()).map_or_else(
                || "name a preview that spec.previews lists".to_owned(),
                |name| format!("did you mean `{name}`?"),
            );
            let message = format!("there is no preview `{only}`");
            report.push(config.finding(&code::UNKNOWN_PREVIEW, "spec.previews", message, help));
        }
    }
}

/// Compiles a configuration and the objects of an input, and passes the result to `finish`. Returns `None` if the
/// report has errors.
///
/// The input is sorted, and its objects without a namespace get the baseline's if there is only one. Once `finish` is
/// called, no more errors can occur.
pub fn compile<T>(
    config: &Config,
    input: &mut Parted,
    request: &Request<'_>,
    report: &mut Report,
    finish: impl FnOnce(Compiled<'_, '_>) -> T,
) -> Option<T> {
    let scopes = scopes(input);
    let namespace = config.previews.spec.baseline.only();
    prepare(&mut input.users, namespace, &scopes);
    prepare(&mut input.others, namespace, &scopes);
    report.extend(unplaced(&input.users, config, &scopes));
    let input = &*input;
    let whole = !report.has_errors();
    stage::enter("checking");
    report.absorb(validate(config, input, whole));
    if report.has_errors() {
        return None;
    }
    request.check(config, report);
    let spec = &config.previews.spec;
    let home = Home { namespaces: spec.baseline.all(), domain: &spec.cluster_domain };
    let mut catalog = report.keep(Catalog::new(home, input, request.limits.pairs))?;
    catalog.declare(&spec.services);
    catalog.join(spec.routing.data_plane);
    let wanted = |name: &str| request.includes(name);
    stage::enter("planning");
    // Never dropped: a command ends its process next, and freeing the plan would only take time. A caller that compiles
    // again and again in one process (fuzz targets, benchmarks) loses this memory each time.
    let plan = ManuallyDrop::new(plan(config, &catalog, &request.limits, wanted, report));
    if report.has_errors() {
        return None;
    }
    stage::enter("making objects");
    let emission = ManuallyDrop::new(Emission::new(&plan, &request.shape));
    let common = emission.common();
    let previews = report.keep(draft_all(&emission, &common, input, &request.limits))?;
    if report.is_refused() {
        return None;
    }
    Some(finish(Compiled { emission: &emission, previews, common, input, report }))
}

/// Drafts every preview, and checks names and sizes of all that will be written before anything is.
fn draft_all<'e, 'p>(
    emission: &'e Emission<'p>,
    common: &Common<'_>,
    input: &Parted,
    limits: &OutputLimits,
) -> Result<Vec<Preview<'p, 'e>>, Refused> {
    let names = Names::new(input);
    let common_bytes =
        common.all().chain(common.changed.values()).map(|one| one.length(HoleValues::NONE));
    let bytes = AtomicUsize::new(common_bytes.sum());
    let drafted: Vec<Option<Drafted<'_, '_>>> = (0..emission.previews())
        .into_par_iter()
        .map_init(PreviewValues::default, |room, index| {
            let before = bytes.load(Ordering::Relaxed);
            (before <= limits.bytes).then(|| {
                let preview: Preview<'p, 'e> = emission.preview(index, room);
                let values = preview.values();
                let length = preview.all().map(|draft| draft.length(values)).sum();
                bytes.fetch_add(length, Ordering::Relaxed);
                let findings = names.check_preview(&preview);
                let elsewhere = elsewhere(&preview).map(|id| names.hash(id)).collect();
                Drafted { preview, findings, elsewhere }
            })
        })
        .collect();
    if bytes.into_inner() > limits.bytes {
        let message = format!("the previews have more bytes than the limit of {}", limits.bytes);
        let help = or_raise("have fewer previews", flag::OUTPUT_BYTES);
        return Err(Diagnostic::new(&code::OUTPUT_LIMIT, message, help).into());
    }
    let shared: Vec<&Id> =
        common.all().filter_map(|draft| draft.kept_id(HoleValues::NONE)).collect();
    let (mut previews, mut findings) = (Vec::with_capacity(drafted.len()), Vec::new());
    let mut hashes: HashSet<u64, RandomState> = shared.iter().map(|id| names.hash(id)).collect();
    let mut alike = hashes.len() < shared.len();
    for drafted in drafted.into_iter().flatten() {
        previews.push(drafted.preview);
        findings.extend(drafted.findings);
        alike |= drafted.elsewhere.into_iter().any(|hash| !hashes.insert(hash));
    }
    findings.extend(shared.iter().filter_map(|id| names.of_user(id)));
    // Equal hashes prove nothing, so now the identities are compared.
    if alike {
        findings.extend(made_twice(previews.iter().flat_map(elsewhere).chain(shared)));
    }
    Refused::unless_none(findings, previews)
}

/// The drafts of a preview, with what the comparison with other previews needs.
struct Drafted<'p, 'e> {
    preview: Preview<'p, 'e>,
    /// Clashes of names with the input, or within the preview.
    findings: Vec<Diagnostic>,
    /// Hashes of the identities of objects outside its namespaces. Different hashes prove different objects.
    elsewhere: SmallVec<[u64; 8]>,
}

/// Whether kinds are cluster-scoped, by group and kind.
type Scopes = BTreeMap<(SmolStr, SmolStr), bool>;

/// The scopes of the kinds that CustomResourceDefinitions of the input define.
fn scopes(input: &Parted) -> Scopes {
    let is_definition =
        |object: &&Object| object.is("apiextensions.k8s.io", "CustomResourceDefinition");
    let said = input.all().filter(is_definition).filter_map(|object| {
        let text = |keys: &[&str]| object.node.at(&["spec"])?.text_at(keys);
        let kind = (text(&["group"])?.into(), text(&["names", "kind"])?.into());
        Some((kind, text(&["scope"])? == "Cluster"))
    });
    said.collect()
}

/// Sorts the objects, and fills in the baseline's namespace where one is needed and missing. The text of objects that
/// SOPS encrypted is not changed, as its MAC covers the metadata.
fn prepare(objects: &mut [Object], namespace: Option<&str>, scopes: &Scopes) {
    for object in &mut *objects {
        if !object.id.namespace.is_empty() {
            continue;
        }
        if let Some(namespace) = namespace.filter(|_| is_namespaced(&object.id, scopes)) {
            object.id.namespace = namespace.into();
            if object.node.get("sops").is_none() {
                object.node.make(&["metadata"]).set("namespace", Node::string(namespace));
            }
        }
    }
    objects.sort_by(|a, b| a.id.cmp(&b.id));
    objects.iter_mut().enumerate().for_each(|(number, object)| object.number = number);
}

fn is_namespaced(id: &Id, scopes: &Scopes) -> bool {
    let said = scopes.get(&(id.group.clone(), id.kind.clone())).copied();
    !said.unwrap_or_else(|| is_cluster_scoped(&id.group, &id.kind))
}

/// The finding that objects need a namespace, and that the baseline has several to choose from.
fn unplaced(objects: &[Object], config: &Config, scopes: &Scopes) -> Option<Diagnostic> {
    let is_unplaced =
        |object: &&Object| object.id.namespace.is_empty() && is_namespaced(&object.id, scopes);
    let several = config.previews.spec.baseline.only().is_none();
    let all: Vec<&Object> = objects.iter().filter(|_| several).filter(is_unplaced).collect();
    let (first, others) = all.split_first()?;
    let message = match others {
        [] => format!("{} names no namespace, and the baseline has several", first.id),
        _ => format!(
            "{} name no namespace, and the baseline has several",
            first_of(SHOWN, ", ", all.iter().map(|object| object.id.to_string()))
        ),
    };
    let help = "write `metadata.namespace`, or let the kustomization of their folder say it";
    let finding = Diagnostic::new(&code::AMBIGUOUS_NAMESPACE, message, help);
    let finding = finding.at(first.place(), "may be of any of them");
    let others = others.iter().take(SHOWN - 1);
    Some(others.fold(finding, |finding, one| finding.also(one.place(), "and this")))
}

/// How many objects one finding names.
const SHOWN: usize = 5;

/// The input as the output delivers it: complete, sorted, each object with its namespace, and with the changes that
/// routes need.
#[must_use]
pub fn delivered<'e>(input: &Parted, changed: BTreeMap<Id, Draft<'e>>) -> Vec<Draft<'e>> {
    let unchanged = input.all().filter(|object| !changed.contains_key(&object.id));
    let mut all: Vec<Draft<'_>> = unchanged.map(|object| Draft::from(object.clone())).collect();
    all.extend(changed.into_values());
    Order::by(all.iter().map(|draft| draft.key(HoleValues::NONE))).put(&mut all);
    all
}

/// The identities that are in use. Two objects of the output, or one of the output and one of the user's, must not
/// share one.
struct Names<'a> {
    of_input: HashMap<&'a Id, &'a Object, RandomState>,
    namespaces: HashSet<&'a str>,
}

impl<'a> Names<'a> {
    fn new(input: &'a Parted) -> Self {
        Self {
            of_input: input.all().map(|object| (&object.id, object)).collect(),
            namespaces: input.all().map(|object| object.id.namespace.as_str()).collect(),
        }
    }

    /// Clashes with the input or within the preview. `draft_all` finds those between previews, which can only be
    /// outside of their namespaces.
    fn check_preview(&self, preview: &Preview<'_, '_>) -> Vec<Diagnostic> {
        let values = preview.values();
        let mut rooms = preview.rooms.iter();
        let taken = rooms.any(|room| self.namespaces.contains(room.namespace.as_str()));
        let mut findings: Vec<Diagnostic> =
            elsewhere(preview).filter_map(|id| self.of_user(id)).collect();
        let mut before = None;
        for draft in drafts(preview) {
            let key = draft.key(values);
            if preview.has(key.namespace) {
                // Drafts are in order, so equal ones stand side by side.
                findings.extend((before.as_ref() == Some(&key)).then(|| twice(&draft.id(values))));
                findings.extend(taken.then(|| self.of_user(&draft.id(values))).flatten());
                before = Some(key);
            }
        }
        findings
    }

    fn hash(&self, id: &Id) -> u64 {
        self.of_input.hasher().hash_one(id)
    }

    fn of_user(&self, id: &Id) -> Option<Diagnostic> {
        let other = self.of_input.get(id)?;
        let message = format!("{id} of the input has a name that anabranch needs");
        let finding = Diagnostic::new(&code::NAME_TAKEN, message, RENAME);
        Some(finding.at(other.place(), "this name is needed"))
    }
}

/// The drafts of a preview, each object once: a tree has the Namespace twice, in two files.
fn drafts<'d, 'e>(preview: &'d Preview<'_, 'e>) -> impl Iterator<Item = &'d Draft<'e>> {
    let values = preview.values();
    let flux = preview.flux.iter().filter(move |draft| draft.key(values).kind != "Namespace");
    preview.environment.iter().map(|(_, draft)| draft).chain(flux)
}

/// The identities of a preview's objects that are not in its namespaces.
fn elsewhere<'d>(preview: &'d Preview<'_, '_>) -> impl Iterator<Item = &'d Id> {
    let values = preview.values();
    let kept = drafts(preview).filter_map(move |draft| draft.kept_id(values));
    let kept = kept.chain(preview.root_objects.iter().map(|object| &object.id));
    kept.filter(|id| !preview.has(&id.namespace))
}

/// Identities that more than one made object has.
fn made_twice<'i>(ids: impl Iterator<Item = &'i Id>) -> impl Iterator<Item = Diagnostic> {
    let mut ours: HashSet<&Id, RandomState> = HashSet::default();
    ids.filter(move |id| !ours.insert(*id)).map(twice)
}

const RENAME: &str = "rename yours: the name follows from that of a service or preview";

fn twice(id: &Id) -> Diagnostic {
    Diagnostic::new(&code::NAME_TAKEN, format!("{id} would be made twice"), RENAME)
}
