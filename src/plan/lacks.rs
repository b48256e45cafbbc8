//! Reports objects that copies need and cannot have: one finding for each object, however many copies and previews need
//! it.

use std::collections::{BTreeMap, BTreeSet};

use super::environment::Owners;
use crate::diagnostic::{Diagnostic, Place, code, first_of};
use crate::kube::makers::{self, Certainty, Made};
use crate::kube::{Id, Object, names};
use crate::model::{Catalog, ServiceName};

/// How many places a finding shows, and how many objects it names.
const SHOWN: usize = 5;
/// Makers are looked up for this many findings. Each look-up goes through all of them.
const LOOKED_UP: usize = 100;

/// Something that a copy needs and cannot have.
#[derive(Debug, Clone)]
pub(super) struct Lack {
    pub(super) what: What,
    /// The object that needs it.
    pub(super) referrer: Id,
    /// Where the referrer names it.
    pub(super) place: Place,
}

/// What a copy cannot have, and why.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum What {
    /// An object that the input lacks.
    Missing(Id),
    /// A claim, or the source of its content: a preview has no storage of its own.
    Claim(Id),
    /// The volume with this name as a device: in a copy it is an empty directory.
    Device(String),
    /// An object that SOPS has encrypted.
    Encrypted(Id),
    /// The Secret with this name: the object with this identity makes it, and is sealed for its namespace.
    Sealed(Id, String),
}

/// Everything that copies cannot have, with the objects that need it.
#[derive(Debug, Default)]
pub(super) struct Lacks<'a>(BTreeMap<What, NeededBy<'a>>);

/// The objects that need something.
#[derive(Debug, Default)]
struct NeededBy<'a> {
    referrers: BTreeMap<Place, Id>,
    /// The services for which the referrers are copied.
    owners: BTreeSet<ServiceName<'a>>,
}

impl<'a> Lacks<'a> {
    pub(super) fn add(&mut self, lack: &Lack, owners: &Owners<'a>) {
        let needed_by = self.0.entry(lack.what.clone()).or_default();
        needed_by.referrers.entry(lack.place).or_insert_with(|| lack.referrer.clone());
        needed_by.owners.extend(owners.names());
    }

    pub(super) fn absorb(&mut self, other: Self) {
        for (what, needed_by) in other.0 {
            let all = self.0.entry(what).or_default();
            all.referrers.extend(needed_by.referrers);
            all.owners.extend(needed_by.owners);
        }
    }

    pub(super) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// A finding for each thing that is lacking, with those of `makers` that may make it.
    pub(super) fn findings(
        &self,
        catalog: &Catalog<'_>,
        makers: &[&Object],
    ) -> impl Iterator<Item = Diagnostic> {
        self.0.iter().enumerate().map(move |(index, (what, needed_by))| {
            let makers = if index < LOOKED_UP { makers } else { &[] };
            let makers_of = |wanted: &Id| makers::makers(makers.iter().copied(), wanted);
            let object = |id: &Id| catalog.find(id).expect("it was found in the catalogue");
            match what {
                What::Missing(wanted) => {
                    let is_meant = |object: &&Object| {
                        object.id.namespace == wanted.namespace
                            && names::is_also_called(object, &wanted.name)
                    };
                    let mut all = catalog.of_kind(&wanted.group, &wanted.kind);
                    let renamed = all.find(is_meant).map(|object| object.id.name.as_str());
                    needed_by.missing(wanted, renamed, &makers_of(wanted))
                }
                What::Claim(wanted) => needed_by.claim(wanted, &makers_of(wanted)),
                What::Device(name) => needed_by.device(name),
                What::Encrypted(id) => needed_by.encrypted(object(id)),
                What::Sealed(id, name) => needed_by.sealed(object(id), name),
            }
        })
    }
}

/// Adds the places of objects that may make it to a finding.
fn also_by(finding: Diagnostic, made: &[Made<'_>]) -> Diagnostic {
    let made = made.iter().take(SHOWN);
    made.fold(finding, |finding, made| finding.also(made.by.place(), made.label()))
}

impl NeededBy<'_> {
    /// The objects that need it in the order of their places, with one of two verbs: for one object, or for several.
    fn subject(&self, verb: &str, plural: &str) -> String {
        let mut seen = BTreeSet::new();
        let names = self.referrers.values().filter(|id| seen.insert(*id));
        let names: Vec<String> = names.map(Id::to_string).collect();
        match &names[..] {
            [name] => format!("{name} {verb}"),
            [first, second] => format!("{first} and {second} {plural}"),
            names => format!("{} {plural}", first_of(SHOWN, ", ", names)),
        }
    }

    /// Adds the first places to a finding.
    fn at(&self, finding: Diagnostic, label: &str) -> Diagnostic {
        finding.at_all(self.referrers.keys().copied().take(SHOWN), label, "needed here as well")
    }

    /// The finding about an object that the input lacks. `renamed` is the present name of one that had this name before
    /// kustomize renamed it.
    fn missing(
        &self,
        Id { group, kind, name, .. }: &Id,
        renamed: Option<&str>,
        makers: &[Made<'_>],
    ) -> Diagnostic {
        let subject = self.subject("needs", "need");
        let message = format!("{subject} {kind} {name}, which is not in the input");
        let pass = match kind.as_str() {
            "ConfigMap" => {
                "pass the file that holds it with --baseline, or list it under spec.external.configMaps".to_owned()
            }
            "Secret" => {
                "pass the file that holds it with --baseline, or list it under spec.external.secrets".to_owned()
            }
            _ if group.ends_with("external-secrets.io") => {
                format!("pass the file that holds it with --baseline, or use a Cluster{kind}")
            }
            _ => "pass the file that holds it with --baseline".to_owned(),
        };
        let renamed = renamed.map(|name| format!("did you mean {name}, as kustomize calls it?"));
        let help = match makers {
            _ if let Some(renamed) = renamed => renamed,
            [] => pass,
            [made, others @ ..] => {
                let who = match others.len() {
                    0 => made.says(),
                    more => format!("{}, or one of {more} others", made.says()),
                };
                let remedy = made.remedy(kind, name);
                match made.certainty {
                    Certainty::Sure | Certainty::Likely => format!("{who}: {remedy}"),
                    Certainty::Possible | Certainty::Conceivable => {
                        format!("{pass}; {who}: then {remedy}")
                    }
                }
            }
        };
        let finding = Diagnostic::new(&code::MISSING_OBJECT, message, help);
        let finding = self.at(finding, &format!("this {kind} is not in the input"));
        also_by(finding, makers)
    }

    /// The finding about a claim.
    fn claim(&self, Id { kind, name, .. }: &Id, makers: &[Made<'_>]) -> Diagnostic {
        let owners: Vec<String> = self.owners.iter().map(|owner| format!("`{owner}`")).collect();
        let owners = first_of(SHOWN, ", ", owners);
        let finding = Diagnostic::new(
            &code::VOLUME_CLAIM,
            format!("{} {kind} {name}", self.subject("uses", "use")),
            format!(
                "set `volumes: empty` for {owners} in spec.services to give previews an empty directory instead"
            ),
        );
        let finding = self.at(finding, "a preview has no storage of its own");
        match makers.first() {
            Some(made) if made.certainty > Certainty::Conceivable => also_by(finding, makers),
            _ => finding,
        }
    }

    /// The finding about a device.
    fn device(&self, name: &str) -> Diagnostic {
        let finding = Diagnostic::new(
            &code::VOLUME_CLAIM,
            format!(
                "{} the volume `{name}` as a device, and its copy has an empty directory there",
                self.subject("uses", "use")
            ),
            "a directory is mounted and is no device: let a patch take `volumeDevices` away in previews, or leave \
             `volumes: empty` out where a template makes the claim",
        );
        self.at(finding, "no device in a copy")
    }

    /// The finding about an encrypted object. SOPS authenticates the metadata with the data, and a generator takes the
    /// ciphertext of an encrypted file.
    fn encrypted(&self, object: &Object) -> Diagnostic {
        let (way, list) = match object.id.kind.as_str() {
            "ConfigMap" => ("", "configMaps"),
            _ => ("use an ExternalSecret, or ", "secrets"),
        };
        let label = match object.node.get("sops") {
            Some(_) => "its MAC covers the namespace",
            None => "its data is ciphertext",
        };
        let finding = Diagnostic::new(
            &code::UNMOVABLE_SECRET,
            format!(
                "{}, which {}, is encrypted with SOPS",
                object.id,
                self.subject("needs", "need")
            ),
            format!(
                "{way}create it in every preview by other means and list `{}` under spec.external.{list}",
                object.id.name
            ),
        );
        finding.at(object.place(), label)
    }

    /// The finding about a Secret that a sealed object makes.
    fn sealed(&self, object: &Object, name: &str) -> Diagnostic {
        let finding = Diagnostic::new(
            &code::UNMOVABLE_SECRET,
            format!(
                "{}, which {}, is sealed for its namespace",
                object.id,
                self.subject("needs", "need")
            ),
            format!(
                "use an ExternalSecret, or create it in every preview by other means and list `{name}` under \
                 spec.external.secrets"
            ),
        );
        finding.at(object.place(), "bound to its namespace")
    }
}
