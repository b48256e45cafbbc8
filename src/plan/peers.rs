//! Members of a set that call each other by name. A copied StatefulSet whose texts name the original's pods may join them,
//! and one that names more pods than it has waits for them.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use super::environment::{Body, Copied, Environment};
use super::hosts;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::Object;
use crate::model::{Mesh, Referent, pod_spec, references};
use crate::yaml::Node;

/// So many names, and so many previews, are shown.
const SHOWN: usize = 5;

/// What the copies of one set call.
#[derive(Default)]
struct Calls<'p> {
    /// Names of the original's pods or of its Service, and where they stand.
    of_original: BTreeMap<String, Place>,
    /// Names of pods that some preview does not have.
    of_nobody: BTreeMap<String, Place>,
    /// Those previews.
    previews: BTreeSet<&'p str>,
}

/// Warns once for each set.
pub(super) fn check(plan: &Plan<'_>, report: &mut Report) {
    let mut sets: BTreeMap<usize, (&Object, Calls<'_>)> = BTreeMap::new();
    let mut words_of_originals = BTreeMap::new();
    for env in &plan.environments {
        for copy in env.copies.iter().filter(|copy| copy.original.is("apps", "StatefulSet")) {
            let body = copy.node();
            let Some(set) = Set::of(copy, &body, plan.catalog.mesh) else { continue };
            let (_, calls) = sets
                .entry(copy.original.number)
                .or_insert_with(|| (copy.original, Calls::default()));
            let mut words = hosts_of(&body);
            for one in config_maps(env, copy, &body) {
                match one.body {
                    Body::Changed(_) => words.extend(hosts_of(&one.node())),
                    _ => {
                        let known = words_of_originals.entry(one.original.number);
                        let known: &Words = known.or_insert_with(|| hosts_of(&one.original.node));
                        words.extend(known.iter().map(|(word, place)| (word.clone(), *place)));
                    }
                }
            }
            for (word, place) in words {
                set.take(word, place, env.name, calls);
            }
        }
    }
    for (set, calls) in sets.values() {
        report.extend(calls.findings(set));
    }
}

/// Words that could be hosts, and where they stand.
type Words = BTreeMap<String, Place>;

fn hosts_of(body: &Node) -> Words {
    let mut words = Words::new();
    hosts::find(body, |word, place| {
        if word.text.contains('.') {
            words.insert(word.text.to_owned(), place);
        }
    });
    words
}

/// The copies of the ConfigMaps that a set's pods name.
fn config_maps<'e, 'a>(
    env: &'e Environment<'a>,
    set: &Copied<'_>,
    body: &Node,
) -> impl Iterator<Item = &'e Copied<'a>> {
    let named = pod_spec(body).map(references).unwrap_or_default().into_iter();
    let named = named.filter(|one| one.referent == Referent::ConfigMap).map(|one| one.name);
    let (named, home): (BTreeSet<String>, _) = (named.collect(), set.home.to_owned());
    env.copies.iter().filter(move |copy| {
        let id = &copy.original.id;
        copy.original.is("", "ConfigMap") && copy.home == home && named.contains(id.name.as_str())
    })
}

/// How the pods of a copied set are called.
struct Set<'s> {
    name: &'s str,
    /// Its governing Service.
    service: &'s str,
    home: &'s str,
    /// The numbers of its pods.
    pods: std::ops::Range<i64>,
    /// Whether a name that the preview does not have is looked up in the baseline.
    searches_baseline: bool,
}

impl<'s> Set<'s> {
    fn of(copy: &'s Copied<'_>, body: &'s Node, mesh: Mesh) -> Option<Self> {
        let service = body.text_at(&["spec", "serviceName"]).filter(|name| !name.is_empty())?;
        let number = |keys: &[&str]| body.at(keys).and_then(Node::integer_value);
        let first = number(&["spec", "ordinals", "start"]).unwrap_or(0);
        let replicas = number(&["spec", "replicas"]).unwrap_or(1);
        let searches_baseline = mesh == Mesh::Ambient;
        let name = copy.original.id.name.as_str();
        let pods = first..first.saturating_add(replicas);
        Some(Self { name, service, home: copy.home, pods, searches_baseline })
    }

    /// Notes what a word means that the set's pods call.
    fn take<'p>(&self, word: String, place: Place, preview: &'p str, calls: &mut Calls<'p>) {
        let labels: Vec<&str> = word.split('.').collect();
        let is_far = match labels[..] {
            [service, namespace, ..] if service == self.service && namespace == self.home => true,
            [pod, service, ref rest @ ..] if service == self.service => {
                let Some(number) = self.number(pod) else { return };
                match rest {
                    [namespace, ..] => *namespace == self.home,
                    [] if self.pods.contains(&number) => return,
                    [] => self.searches_baseline,
                }
            }
            _ => return,
        };
        let has_namespace = labels.len() > 2 || labels.last() == Some(&self.home);
        if is_far {
            calls.of_original.entry(word).or_insert(place);
        } else if !has_namespace {
            calls.of_nobody.entry(word).or_insert(place);
            calls.previews.insert(preview);
        }
    }

    /// The number of a pod of the set.
    fn number(&self, pod: &str) -> Option<i64> {
        pod.strip_prefix(self.name)?.strip_prefix('-')?.parse().ok()
    }
}

impl Calls<'_> {
    fn findings(&self, set: &Object) -> impl Iterator<Item = Diagnostic> {
        let names = |all: &Words| first_of(SHOWN, ", ", all.keys().map(|name| format!("`{name}`")));
        let place = |all: &Words| all.values().next().copied().unwrap_or_default();
        let of_original = (!self.of_original.is_empty()).then(|| {
            let message = format!(
                "copies of {} share with it: its pods, which they call as {}",
                set.id,
                names(&self.of_original)
            );
            let help = "a member that joins others takes and changes their data: write names without the namespace, which in a \
                        preview are those of its own pods, or give previews others through `env`";
            let finding = Diagnostic::new(&code::SHARED_WITH_ORIGINAL, message, help);
            finding.at(place(&self.of_original), "the same in a copy")
        });
        let of_nobody = (!self.of_nobody.is_empty()).then(|| {
            let message = format!(
                "copies of {} call {}, which they have not in {}",
                set.id,
                names(&self.of_nobody),
                first_of(SHOWN, ", ", &self.previews)
            );
            let help = "give the preview as many `replicas`, or other names through `env`: a copy may wait for its peers";
            let finding = Diagnostic::new(&code::POD_HOST, message, help);
            finding.at(place(&self.of_nobody), "no pod of this name")
        });
        [of_original, of_nobody].into_iter().flatten()
    }
}
