//! Findings about bindings: those that name missing objects, and those that hold only for the original.

use std::collections::{BTreeMap, BTreeSet};

use super::fields::FIELDS;
use super::{Bound, Named, objects, of, stores};
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::Object;
use crate::kube::bindings::To;
use crate::model::{Catalog, Referent, pod_annotations, pod_of, references};
use crate::plan::Plan;
use crate::plan::originals::Originals;
use crate::yaml::Node;

/// How many places a finding shows, and how many objects it names.
pub(super) const SHOWN: usize = 5;

/// The occurrences of one cause.
#[derive(Default)]
struct Occurrences<'a> {
    /// The annotations, labels or fields.
    keys: BTreeSet<&'a str>,
    /// The objects that have them.
    objects: Vec<&'a Object>,
    places: Vec<Place>,
}

/// Identities that only originals have, by what is said of them and the remedy.
type NotGranted<'a> = BTreeMap<(&'a str, &'a str), Occurrences<'a>>;

/// Reports each cause once, with all objects whose copies have it.
pub(in crate::plan) fn check(plan: &Plan<'_>, originals: &Originals<'_, '_>, report: &mut Report) {
    let mut not_granted = NotGranted::new();
    let mut missing: BTreeMap<(&str, String), Occurrences<'_>> = BTreeMap::new();
    for &original in originals.all() {
        let (catalog, home) = (plan.catalog, original.id.namespace.as_str());
        let bindings = of(catalog, home, &original.node).into_iter().filter(|bound| {
            originals.holds_for_copy(original, |body| has(catalog, home, body, bound))
        });
        for bound in bindings {
            let (text, place) = (bound.text(), bound.value.place);
            let names = match bound.binding.to {
                To::Identity(says, help) if !text.eq_ignore_ascii_case("false") => {
                    let all = not_granted.entry((says, help)).or_default();
                    all.add(original, bound.key, place);
                    continue;
                }
                To::Object(group, kind, form) if !group.is_empty() => {
                    let named = objects(catalog, home, &bound, (group, kind), form);
                    named.into_iter().filter_map(missing_name).map(move |name| (kind, name))
                }
                To::Identity(..) | To::Object(..) | To::Dapr | To::Address => continue,
            };
            for name in names {
                missing.entry(name).or_default().add(original, bound.key, place);
            }
        }
        add_fields(&mut not_granted, originals, original);
    }
    report.extend(not_granted.iter().map(|(says, all)| identity_not_granted(*says, all)));
    report.extend(missing.iter().map(|((kind, name), all)| names_nothing(kind, name, all)));
    stores::check(plan, originals, report);
    dapr(originals, report);
}

/// Adds the identities in [`FIELDS`] of an object.
fn add_fields<'a>(
    not_granted: &mut NotGranted<'a>,
    originals: &Originals<'a, '_>,
    original: &'a Object,
) {
    for field in FIELDS {
        for value in (field.values)(&original.node) {
            let is_same = |one: &&Node| one.text() == value.text();
            let has_value = |body: &Node| (field.values)(body).iter().any(is_same);
            if originals.holds_for_copy(original, has_value) {
                let all = not_granted.entry((field.says, field.help)).or_default();
                for user in users(originals, original) {
                    all.add(user, field.key, value.place);
                }
            }
        }
    }
}

/// The name of an object that the input lacks.
fn missing_name(named: Named<'_>) -> Option<String> {
    match named {
        Named::Missing(name) => Some(name),
        Named::Found(_) => None,
    }
}

/// The objects that use the identity of an object: of a SecretProviderClass, the workloads that mount it.
fn users<'a>(originals: &Originals<'a, '_>, object: &'a Object) -> Vec<&'a Object> {
    if object.id.kind != "SecretProviderClass" {
        return vec![object];
    }
    let mounts = |one: &&&Object| {
        let named = pod_of(one).map(references).unwrap_or_default();
        one.id.namespace == object.id.namespace
            && named.iter().any(|reference| {
                reference.referent == Referent::SecretProviderClass
                    && object.id.name == reference.name
            })
    };
    originals.all().iter().filter(mounts).copied().collect()
}

/// Whether a body has this binding.
fn has(catalog: &Catalog<'_>, home: &str, body: &Node, bound: &Bound<'_>) -> bool {
    of(catalog, home, body).iter().any(|one| one.key == bound.key && one.text() == bound.text())
}

impl<'a> Occurrences<'a> {
    fn add(&mut self, object: &'a Object, key: &'a str, place: Place) {
        self.keys.insert(key);
        self.objects.push(object);
        // Workloads of a namespace share the annotation of the Namespace.
        if !self.places.contains(&place) {
            self.places.push(place);
        }
    }

    /// The keys and objects, as text.
    fn names(&self) -> String {
        let keys = first_of(SHOWN, ", ", self.keys.iter().map(|key| format!("`{key}`")));
        let mut objects = self.objects.clone();
        objects.dedup_by_key(|object| object.number);
        let objects = first_of(SHOWN, ", ", objects.iter().map(|object| object.id.to_string()));
        format!("{keys} of {objects}")
    }

    /// Adds the first places to a finding.
    fn at(&self, finding: Diagnostic, label: &str) -> Diagnostic {
        finding.at_all(self.places.iter().copied().take(SHOWN), label, "and here")
    }
}

fn identity_not_granted((says, help): (&str, &str), all: &Occurrences<'_>) -> Diagnostic {
    let message = format!("{}: {says}, and copies have another namespace", all.names());
    all.at(
        Diagnostic::new(&code::IDENTITY_NOT_GRANTED, message, help),
        "holds for the baseline alone",
    )
}

fn names_nothing(kind: &str, name: &str, all: &Occurrences<'_>) -> Diagnostic {
    let what = match name {
        "" if kind.starts_with(['I', 'O']) => format!("an {kind}"),
        "" => format!("a {kind}"),
        name => format!("{kind} {name}"),
    };
    let message = format!(
        "{} asks for {what} in the namespace of the pods, and the input has none",
        all.names()
    );
    let help = format!(
        "pass the file that holds the {kind} with --baseline: it is copied; nothing to do where something makes one in the \
         namespaces of previews"
    );
    let finding = Diagnostic::new(&code::ANNOTATION_NAMES_NOTHING, message, help);
    all.at(finding, "names what is not in the input")
}

/// Warns of what Dapr does differently for copies: they find no app of the baseline by its id alone, and they take
/// messages for the app that is copied.
fn dapr(originals: &Originals<'_, '_>, report: &mut Report) {
    let calls = |object: &&&Object| {
        let on = pod_annotations(&object.node).and_then(|all| all.text_at(&["dapr.io/enabled"]));
        on.is_some_and(|on| on.eq_ignore_ascii_case("true"))
    };
    let callers: Vec<&&Object> = originals.all().iter().filter(calls).collect();
    if let Some(first) = callers.first() {
        let names = first_of(SHOWN, ", ", callers.iter().map(|object| object.id.to_string()));
        let message = format!(
            "Dapr looks for an app id in the namespace of the caller: copies of {names} reach no app of the baseline by its id \
             alone"
        );
        let help = format!(
            "call them by `APP-ID.{}`, or over Services: these have aliases, and their routes know the key",
            first.id.namespace
        );
        let finding = Diagnostic::new(&code::DAPR_APP_ID, message, help);
        report.push(finding.at(first.place(), "is called and calls through Dapr"));
    }
    for component in originals.all().iter().filter(|object| object.is("dapr.io", "Component")) {
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
