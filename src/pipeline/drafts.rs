//! Drafts all previews, and checks what no stage can see alone: no two objects of the output and the input have the same
//! identity, and the output is within the limit of bytes.

use std::collections::{HashMap, HashSet};
use std::sync::atomic::{AtomicUsize, Ordering};

use foldhash::fast::RandomState;
use rayon::prelude::*;

use crate::diagnostic::{Diagnostic, Refused, code};
use crate::emit::{Common, Draft, Emission, HoleValues, Preview, PreviewValues};
use crate::kube::{Id, Object};
use crate::limits::{OutputLimits, flag, or_raise};
use crate::read::Parted;

const RENAME: &str = "rename yours: the name follows from that of a service or preview";

/// Drafts every preview. Refuses the output if a name clashes, or if it is too large.
pub(super) fn draft_all<'e, 'p>(
    emission: &'e Emission<'p>,
    common: &Common<'_>,
    input: &Parted,
    limits: &OutputLimits,
) -> Result<Vec<Preview<'p, 'e>>, Refused> {
    let names = Names::new(input);
    let common_bytes =
        common.all().chain(common.changed.values()).map(|one| one.length(HoleValues::NONE));
    let bytes = AtomicUsize::new(common_bytes.sum());
    let draft_one = |values: &mut PreviewValues, index| {
        // Beyond the limit nothing more is made.
        (bytes.load(Ordering::Relaxed) <= limits.bytes).then(|| {
            let preview: Preview<'p, 'e> = emission.preview(index, values);
            let values = preview.values();
            let length = preview.all().map(|draft| draft.length(values)).sum();
            bytes.fetch_add(length, Ordering::Relaxed);
            let findings = names.check_preview(&preview);
            (preview, findings)
        })
    };
    let drafted: Vec<Option<(Preview<'p, 'e>, Vec<Diagnostic>)>> = (0..emission.previews())
        .into_par_iter()
        .map_init(PreviewValues::default, draft_one)
        .collect();
    if bytes.into_inner() > limits.bytes {
        let message = format!("the previews have more bytes than the limit of {}", limits.bytes);
        let help = or_raise("have fewer previews", flag::OUTPUT_BYTES);
        return Err(Diagnostic::new(&code::OUTPUT_LIMIT, message, help).into());
    }
    let (previews, findings): (Vec<_>, Vec<_>) = drafted.into_iter().flatten().unzip();
    let mut findings: Vec<Diagnostic> = findings.into_iter().flatten().collect();
    let shared: Vec<&Id> =
        common.all().filter_map(|draft| draft.kept_id(HoleValues::NONE)).collect();
    findings.extend(shared.iter().filter_map(|id| names.taken(id)));
    findings.extend(made_twice(previews.iter().flat_map(elsewhere).chain(shared)));
    Refused::unless_none(findings, previews)
}

/// The identities and namespaces of the input.
struct Names<'a> {
    of_input: HashMap<&'a Id, &'a Object, RandomState>,
    namespaces: HashSet<&'a str, RandomState>,
}

impl<'a> Names<'a> {
    fn new(input: &'a Parted) -> Self {
        Self {
            of_input: input.all().map(|object| (&object.id, object)).collect(),
            namespaces: input.all().map(|object| object.id.namespace.as_str()).collect(),
        }
    }

    /// Clashes with the input or within the preview. Clashes between previews can only be outside of their namespaces;
    /// [`made_twice`] finds these.
    fn check_preview(&self, preview: &Preview<'_, '_>) -> Vec<Diagnostic> {
        let values = preview.values();
        let mut rooms = preview.rooms.iter();
        let is_used = rooms.any(|room| self.namespaces.contains(room.namespace.as_str()));
        let mut findings: Vec<Diagnostic> =
            elsewhere(preview).filter_map(|id| self.taken(id)).collect();
        let mut before = None;
        for draft in drafts(preview) {
            let key = draft.key(values);
            if preview.has(key.namespace) {
                // Drafts are sorted, so equal ones are neighbours.
                findings.extend((before.as_ref() == Some(&key)).then(|| twice(&draft.id(values))));
                findings.extend(is_used.then(|| self.taken(&draft.id(values))).flatten());
                before = Some(key);
            }
        }
        findings
    }

    /// The finding that an object of the input has this identity.
    fn taken(&self, id: &Id) -> Option<Diagnostic> {
        let object = self.of_input.get(id)?;
        let message = format!("{id} of the input has a name that anabranch needs");
        let finding = Diagnostic::new(&code::NAME_TAKEN, message, RENAME);
        Some(finding.at(object.place(), "this name is needed"))
    }
}

/// The drafts of a preview, each object once: a tree has the Namespace in two files.
fn drafts<'d, 'e>(preview: &'d Preview<'_, 'e>) -> impl Iterator<Item = &'d Draft<'e>> {
    let values = preview.values();
    let flux = preview.flux.iter().filter(move |draft| draft.key(values).kind != "Namespace");
    preview.environment.iter().map(|(_, draft)| draft).chain(flux)
}

/// The identities of a preview's objects outside of its namespaces.
fn elsewhere<'d>(preview: &'d Preview<'_, '_>) -> impl Iterator<Item = &'d Id> {
    let values = preview.values();
    let kept = drafts(preview).filter_map(move |draft| draft.kept_id(values));
    let kept = kept.chain(preview.root_objects.iter().map(|object| &object.id));
    kept.filter(|id| !preview.has(&id.namespace))
}

/// A finding for each identity that more than one object has.
fn made_twice<'i>(ids: impl Iterator<Item = &'i Id>) -> impl Iterator<Item = Diagnostic> {
    let mut made: HashSet<&Id, RandomState> = HashSet::default();
    ids.filter(move |id| !made.insert(*id)).map(twice)
}

fn twice(id: &Id) -> Diagnostic {
    Diagnostic::new(&code::NAME_TAKEN, format!("{id} would be made twice"), RENAME)
}
