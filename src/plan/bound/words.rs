//! Findings about annotations: those that name missing objects, and those that bind only the original.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::FIELDS;
use super::{Bound, Named, objects, of, stores};
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::Object;
use crate::kube::bindings::To;
use crate::model::{Catalog, Referent, pod_annotations, pod_spec, references};
use crate::plan::Plan;
use crate::plan::copied::Copies;
use crate::yaml::Node;

/// So many places are shown, and so many objects are named.
pub(super) const SHOWN: usize = 5;

/// Those of whom the same is true.
#[derive(Default)]
struct Who<'a> {
    keys: BTreeSet<&'a str>,
    objects: Vec<&'a Object>,
    places: Vec<Place>,
}

/// Says each thing once, with all whose copies it is true of.
pub(in crate::plan) fn check(plan: &Plan<'_>, copies: &Copies<'_, '_>, report: &mut Report) {
    let catalog = plan.catalog;
    let mut granted: BTreeMap<(&str, &str), Who<'_>> = BTreeMap::new();
    let mut missing: BTreeMap<(&str, String), Who<'_>> = BTreeMap::new();
    for &original in copies.originals() {
        let home = original.id.namespace.as_str();
        for bound in of(catalog, home, &original.node) {
            if !copies.keep(original, |body| has(catalog, home, body, &bound)) {
                continue;
            }
            match bound.binding.to {
                To::Identity(..) if bound.text().eq_ignore_ascii_case("false") => {}
                To::Identity(says, help) => {
                    let who = granted.entry((says, help)).or_default();
                    who.add(original, bound.key, bound.value.place);
                }
                To::Object(group, kind, form) if !group.is_empty() => {
                    let named = objects(catalog, home, &bound, (group, kind), form);
                    for name in named.into_iter().filter_map(missing_name) {
                        let who = missing.entry((kind, name)).or_default();
                        who.add(original, bound.key, bound.value.place);
                    }
                }
                To::Object(..) | To::Dapr | To::Address => {}
            }
        }
        for field in FIELDS {
            for value in field.values(&original.node) {
                let is_same = |one: &&Node| one.text() == value.text();
                if copies.keep(original, |body| field.values(body).iter().any(is_same)) {
                    let who = granted.entry((field.says, field.help)).or_default();
                    for asking in who_asks(copies, original) {
                        who.add(asking, field.key, value.place);
                    }
                }
            }
        }
    }
    report.extend(granted.iter().map(|(says, who)| not_granted(*says, who)));
    report.extend(missing.iter().map(|((kind, name), who)| names_nothing(kind, name, who)));
    stores::check(plan, copies, report);
    dapr(copies, report);
}

/// The name of an object that the input does not have; empty where any of the kind is meant.
fn missing_name(named: Named<'_>) -> Option<String> {
    match named {
        Named::Missing(name) => Some(name.unwrap_or_default()),
        Named::Found(_) => None,
    }
}

/// Who asks for something by the field of an object: of a class, the workloads that mount it.
fn who_asks<'a>(copies: &Copies<'a, '_>, object: &'a Object) -> Vec<&'a Object> {
    if object.id.kind != "SecretProviderClass" {
        return vec![object];
    }
    let mounts = |one: &&&Object| {
        let named = pod_spec(&one.node).map(references).unwrap_or_default();
        one.id.namespace == object.id.namespace
            && named.iter().any(|reference| {
                reference.referent == Referent::SecretProviderClass
                    && object.id.name == reference.name
            })
    };
    copies.originals().iter().filter(mounts).copied().collect()
}

/// Whether a body is still bound like this.
fn has(catalog: &Catalog<'_>, home: &str, body: &Node, bound: &Bound<'_>) -> bool {
    of(catalog, home, body).iter().any(|one| one.key == bound.key && one.text() == bound.text())
}

impl<'a> Who<'a> {
    fn add(&mut self, object: &'a Object, key: &'a str, place: Place) {
        self.keys.insert(key);
        self.objects.push(object);
        // That of the Namespace is one place, for all workloads.
        if !self.places.contains(&place) {
            self.places.push(place);
        }
    }

    /// The keys, and whose they are.
    fn names(&self) -> String {
        let keys = first_of(SHOWN, ", ", self.keys.iter().map(|key| format!("`{key}`")));
        let mut objects = self.objects.clone();
        objects.dedup_by_key(|object| object.number);
        let objects = first_of(SHOWN, ", ", objects.iter().map(|object| object.id.to_string()));
        format!("{keys} of {objects}")
    }

    /// Points to the first places.
    fn at(&self, finding: Diagnostic, label: &str) -> Diagnostic {
        let mut places = self.places.iter().take(SHOWN);
        let finding = finding.at(places.next().copied().unwrap_or_default(), label);
        places.fold(finding, |finding, place| finding.also(*place, "and here"))
    }
}

fn not_granted((says, help): (&str, &str), who: &Who<'_>) -> Diagnostic {
    let message = format!("{}: {says}, and copies have another namespace", who.names());
    who.at(
        Diagnostic::new(&code::IDENTITY_NOT_GRANTED, message, help),
        "holds for the baseline alone",
    )
}

fn names_nothing(kind: &str, name: &str, who: &Who<'_>) -> Diagnostic {
    let what = match name {
        "" if kind.starts_with(['I', 'O']) => format!("an {kind}"),
        "" => format!("a {kind}"),
        name => format!("{kind} {name}"),
    };
    let message = format!(
        "{} asks for {what} in the namespace of the pods, and the input has none",
        who.names()
    );
    let help = format!(
        "pass the file that holds the {kind} with --baseline: it is copied; nothing to do where something makes one in the \
         namespaces of previews"
    );
    let finding = Diagnostic::new(&code::ANNOTATION_NAMES_NOTHING, message, help);
    who.at(finding, "names what is not in the input")
}

/// Components by which Dapr takes messages for an application: copies have its name, and take them too.
fn dapr(copies: &Copies<'_, '_>, report: &mut Report) {
    let calls = |object: &&&Object| {
        let on = pod_annotations(&object.node).and_then(|all| all.text_at(&["dapr.io/enabled"]));
        on.is_some_and(|on| on.eq_ignore_ascii_case("true"))
    };
    let callers: Vec<&&Object> = copies.originals().iter().filter(calls).collect();
    if let Some(first) = callers.first() {
        let names = first_of(SHOWN, ", ", callers.iter().map(|object| object.id.to_string()));
        let message = format!(
            "Dapr looks for an app id in the namespace of who calls: copies of {names} reach no app of the baseline by its id \
             alone"
        );
        let help = format!(
            "call them by `APP-ID.{}`, or over Services: these have aliases, and their routes know the key",
            first.id.namespace
        );
        let finding = Diagnostic::new(&code::DAPR_APP_ID, message, help);
        report.push(finding.at(first.place(), "is called and calls through Dapr"));
    }
    for component in copies.originals().iter().filter(|object| object.is("dapr.io", "Component")) {
        let of_type = component.node.text_at(&["spec", "type"]).unwrap_or_default();
        if of_type.starts_with("pubsub.") || of_type.starts_with("bindings.") {
            let message = format!(
                "{} is copied: copies of an application take its messages under the same app id",
                component.id
            );
            let help = "give previews a Component of their own by a patch, such as another `consumerID` or topic, if the \
                        baseline must get all messages";
            let finding = Diagnostic::new(&code::QUEUE_CONSUMER, message, help);
            report.push(finding.at(component.place(), "competes for the same work"));
        }
    }
}
