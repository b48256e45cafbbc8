//! Who calls the pods of a copied StatefulSet by name. Whoever names those of the original reaches them and not the copy's,
//! since no route leads from one to the other; and a set that names more pods than it has waits for them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Plan;
use super::environment::{Body, Copied, Environment};
use super::hosts;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::Object;
use crate::model::{Mesh, Referent, pod_spec, references};
use crate::yaml::Node;

/// So many names, callers and previews are shown.
const SHOWN: usize = 5;

/// Words that could be hosts, and where they stand.
type Words = BTreeMap<String, Place>;

/// What copies call of one set.
#[derive(Default)]
struct Calls<'p> {
    /// Names of the original's pods or of its Service that its own copies call.
    by_itself: Words,
    /// Those that others call.
    by_others: Words,
    callers: BTreeSet<String>,
    /// Names of pods that the set has not in some preview, and these previews.
    of_nobody: Words,
    previews: BTreeSet<&'p str>,
}

/// Warns once for each set.
pub(super) fn check(plan: &Plan<'_>, report: &mut Report) {
    let mut all: BTreeMap<usize, (&Object, Calls<'_>)> = BTreeMap::new();
    let mut of_originals = BTreeMap::new();
    for env in &plan.environments {
        let sets = env.copies.iter().filter(|copy| copy.original.is("apps", "StatefulSet"));
        let sets: Vec<Set<'_>> = sets.filter_map(|copy| Set::of(plan, copy)).collect();
        if sets.is_empty() {
            continue;
        }
        for caller in env.copies.iter().filter(|copy| pod_spec(&copy.original.node).is_some()) {
            let words = words(env, caller, &mut of_originals);
            for set in &sets {
                let (_, calls) = all
                    .entry(set.original.number)
                    .or_insert_with(|| (set.original, Calls::default()));
                let known = words.iter().filter_map(|word| Some((word, set.meaning(word.0)?)));
                known.for_each(|(word, meaning)| calls.add(set, caller, word, meaning, env.name));
            }
        }
    }
    for (set, calls) in all.values() {
        report.extend(calls.findings(set));
    }
}

/// The hosts that a workload's pods call, as its texts and its ConfigMaps say. What is not changed is read once.
fn words(
    env: &Environment<'_>,
    caller: &Copied<'_>,
    of_originals: &mut BTreeMap<usize, Words>,
) -> Words {
    let body = caller.node();
    let mut words = hosts_of(&body);
    let named = pod_spec(&body).map(references).unwrap_or_default().into_iter();
    let named = named.filter(|one| one.referent == Referent::ConfigMap).map(|one| one.name);
    let named: BTreeSet<String> = named.collect();
    let is_named = |copy: &&Copied<'_>| {
        let id = &copy.original.id;
        copy.original.is("", "ConfigMap")
            && copy.home == caller.home
            && named.contains(id.name.as_str())
    };
    for config in env.copies.iter().filter(is_named) {
        if let Body::Changed(_) = config.body {
            words.extend(hosts_of(&config.node()));
            continue;
        }
        let known = of_originals.entry(config.original.number);
        let known: &Words = known.or_insert_with(|| hosts_of(&config.original.node));
        words.extend(known.iter().map(|(word, place)| (word.clone(), *place)));
    }
    words
}

fn hosts_of(body: &Node) -> Words {
    let mut words = Words::new();
    hosts::find(body, |word, place| {
        if word.text.contains('.') {
            words.insert(word.text.to_owned(), place);
        }
    });
    words
}

/// A copied set, and how its pods are called.
struct Set<'s> {
    original: &'s Object,
    /// Services that no route leads from to the copy: the governing one, and those without routes.
    services: Vec<&'s str>,
    home: &'s str,
    /// The numbers of its pods.
    pods: Range<i64>,
    /// Whether a name that the preview does not have is looked up in the baseline.
    searches_baseline: bool,
}

/// Whose name a word is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Meaning {
    /// Pods of the original.
    Original,
    /// A pod that the copy does not have.
    Nobody,
}

impl<'s> Set<'s> {
    fn of(plan: &'s Plan<'_>, copy: &'s Copied<'_>) -> Option<Self> {
        let (original, catalog) = (copy.original, plan.catalog);
        let is_unrouted =
            |name: &str| plan.config.facts(name, copy.home).is_some_and(|facts| facts.unrouted);
        let selecting = catalog.selecting(original).iter().filter(|name| {
            let is_headless = catalog.service(**name).is_some_and(|service| service.headless);
            is_headless || is_unrouted(name.name)
        });
        let mut services: Vec<&str> = selecting.map(|name| name.name).collect();
        services.extend(original.node.text_at(&["spec", "serviceName"]));
        let body = copy.node();
        let number = |keys: &[&str]| body.at(keys).and_then(Node::integer_value);
        let first = number(&["spec", "ordinals", "start"]).unwrap_or(0);
        let pods = first..first.saturating_add(number(&["spec", "replicas"]).unwrap_or(1));
        let searches_baseline = catalog.mesh == Mesh::Ambient;
        let has_services = !services.is_empty();
        has_services.then_some(Self {
            original,
            services,
            home: copy.home,
            pods,
            searches_baseline,
        })
    }

    /// Whose name a word is; none where it names no pod of the set, or one of the copy's own.
    fn meaning(&self, word: &str) -> Option<Meaning> {
        let labels: Vec<&str> = word.split('.').collect();
        let is_service = |label: &str| self.services.contains(&label);
        match labels[..] {
            [service, namespace, ..] if is_service(service) && namespace == self.home => {
                Some(Meaning::Original)
            }
            [pod, service] if is_service(service) => {
                let is_own = self.pods.contains(&self.number(pod)?);
                let elsewhere =
                    if self.searches_baseline { Meaning::Original } else { Meaning::Nobody };
                (!is_own).then_some(elsewhere)
            }
            [pod, service, namespace, ..] if is_service(service) && namespace == self.home => {
                self.number(pod).map(|_| Meaning::Original)
            }
            _ => None,
        }
    }

    /// The number of a pod of the set.
    fn number(&self, pod: &str) -> Option<i64> {
        pod.strip_prefix(self.original.id.name.as_str())?.strip_prefix('-')?.parse().ok()
    }
}

impl<'p> Calls<'p> {
    fn add(
        &mut self,
        set: &Set<'_>,
        caller: &Copied<'_>,
        (word, place): (&String, &Place),
        meaning: Meaning,
        preview: &'p str,
    ) {
        let is_itself = caller.original.number == set.original.number;
        let words = match meaning {
            Meaning::Original if is_itself => &mut self.by_itself,
            Meaning::Original => {
                self.callers.insert(caller.original.id.to_string());
                &mut self.by_others
            }
            // Others get along with the members that are there.
            Meaning::Nobody if !is_itself => return,
            Meaning::Nobody => {
                self.previews.insert(preview);
                &mut self.of_nobody
            }
        };
        words.entry(word.clone()).or_insert(*place);
    }

    fn findings(&self, set: &Object) -> Vec<Diagnostic> {
        let names = |all: &Words| first_of(SHOWN, ", ", all.keys().map(|name| format!("`{name}`")));
        let make = |all: &Words, code, message: String, help: &str, label: &str| {
            let place = all.values().next().copied();
            place.map(|place| Diagnostic::new(code, message, help).at(place, label))
        };
        let by_itself = make(
            &self.by_itself,
            &code::SHARED_WITH_ORIGINAL,
            format!(
                "copies of {} share with it: its pods, which they call as {}",
                set.id,
                names(&self.by_itself)
            ),
            "a member that joins others takes and changes their data: write names without the namespace, which in a preview \
             are those of its own pods, or give previews others through `env`",
            "the same in a copy",
        );
        let by_others = make(
            &self.by_others,
            &code::SHARED_WITH_ORIGINAL,
            format!(
                "copies of {} call {}, which is {} itself, although previews have a copy of it",
                first_of(SHOWN, ", ", &self.callers),
                names(&self.by_others),
                set.id
            ),
            "no route leads from there to the copy: write the name without the namespace, or give previews another through \
             `env`",
            "leads to the original",
        );
        let of_nobody = make(
            &self.of_nobody,
            &code::POD_HOST,
            format!(
                "copies of {} call {}, which they have not in {}",
                set.id,
                names(&self.of_nobody),
                first_of(SHOWN, ", ", &self.previews)
            ),
            "give the preview as many `replicas`, or other names through `env`: a copy may wait for its peers",
            "no pod of this name",
        );
        [by_itself, by_others, of_nobody].into_iter().flatten().collect()
    }
}
