//! Warns of copies that call pods of a copied set by name: a StatefulSet, or another kind that names its pods.
//!
//! No route leads from the pods of the original to those of the copy, so a copy that names pods of the original reaches
//! these. And a set whose texts name more pods than it has may wait for them.

use std::collections::{BTreeMap, BTreeSet};
use std::ops::Range;

use super::Plan;
use super::environment::{Body, Copied, Environment};
use super::hosts;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::{Kind, Object};
use crate::model::{Mesh, Referent, pod_of, pod_spec, references};
use crate::yaml::Node;

/// How many hosts, callers and previews a finding names.
const SHOWN: usize = 5;

/// Host names in texts, and their places.
type Hosts = BTreeMap<String, Place>;

/// The calls of copies to one set.
#[derive(Default)]
struct Calls<'p> {
    /// Hosts of the original that copies of the set call.
    by_itself: Hosts,
    /// Hosts of the original that other copies call.
    by_others: Hosts,
    /// These other copies.
    callers: BTreeSet<String>,
    /// Hosts of pods that the set lacks in some previews, called by the set.
    of_nobody: Hosts,
    /// These previews.
    previews: BTreeSet<&'p str>,
}

/// Reports each cause once for each set.
pub(super) fn check(plan: &Plan<'_>, report: &mut Report) {
    let mut all: BTreeMap<usize, (&Object, Calls<'_>)> = BTreeMap::new();
    let mut of_originals = BTreeMap::new();
    for env in &plan.environments {
        let sets = env.copies.iter().filter(|copy| copy.original.row.is_some_and(Kind::names_pods));
        let sets: Vec<Set<'_>> = sets.filter_map(|copy| Set::of(plan, copy)).collect();
        if sets.is_empty() {
            continue;
        }
        for caller in env.copies.iter().filter(|copy| pod_of(copy.original).is_some()) {
            let hosts = hosts_of_caller(env, caller, &mut of_originals);
            for set in &sets {
                let (_, calls) = all
                    .entry(set.original.number)
                    .or_insert_with(|| (set.original, Calls::default()));
                for host in &hosts {
                    calls.add(set, caller, host, env.name);
                }
            }
        }
    }
    for (set, calls) in all.values() {
        report.extend(calls.findings(set));
    }
}

/// The hosts in texts of a workload and of its ConfigMaps. Those of unchanged ConfigMaps are kept in `of_originals`.
fn hosts_of_caller(
    env: &Environment<'_>,
    caller: &Copied<'_>,
    of_originals: &mut BTreeMap<usize, Hosts>,
) -> Hosts {
    let body = caller.node();
    let mut hosts = hosts_of(&body);
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
            hosts.extend(hosts_of(&config.node()));
            continue;
        }
        let known = of_originals.entry(config.original.number);
        let known: &Hosts = known.or_insert_with(|| hosts_of(&config.original.node));
        hosts.extend(known.iter().map(|(host, place)| (host.clone(), *place)));
    }
    hosts
}

/// The words with a dot in texts of an object.
fn hosts_of(body: &Node) -> Hosts {
    let mut hosts = Hosts::new();
    hosts::find(body, |word, place| {
        if word.text.contains('.') {
            hosts.insert(word.text.to_owned(), place);
        }
    });
    hosts
}

/// A copied set, and the names by which its pods are called.
struct Set<'s> {
    original: &'s Object,
    /// Services of the original from which no route leads to the copy: the governing one, and those without routes.
    services: Vec<&'s str>,
    home: &'s str,
    /// The ordinals of its pods.
    pods: Range<i64>,
    /// Whether a name that the preview lacks is looked up in the baseline.
    searches_baseline: bool,
}

/// The owner of a host name.
enum Owner {
    /// A pod, or the Service, of the original.
    Original,
    /// No pod: neither the copy nor the original has it.
    Nobody,
}

impl<'s> Set<'s> {
    fn of(plan: &'s Plan<'_>, copy: &'s Copied<'_>) -> Option<Self> {
        let (original, catalog) = (copy.original, plan.catalog);
        let selecting = catalog.selecting(original).iter().filter(|name| {
            let is_headless = catalog.service(**name).is_some_and(|service| service.headless);
            is_headless || plan.config.is_unrouted(name.name, copy.home)
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

    /// The owner of a host name; `None` if it is no name of the set, or that of a pod of the copy.
    fn owner(&self, host: &str) -> Option<Owner> {
        let labels: Vec<&str> = host.split('.').collect();
        let is_service = |label: &str| self.services.contains(&label);
        match labels[..] {
            [service, namespace, ..] if is_service(service) && namespace == self.home => {
                Some(Owner::Original)
            }
            [pod, service] if is_service(service) => {
                match self.pods.contains(&self.ordinal(pod)?) {
                    true => None,
                    false if self.searches_baseline => Some(Owner::Original),
                    false => Some(Owner::Nobody),
                }
            }
            [pod, service, namespace, ..] if is_service(service) && namespace == self.home => {
                self.ordinal(pod).map(|_| Owner::Original)
            }
            _ => None,
        }
    }

    /// The ordinal in the name of a pod of the set.
    fn ordinal(&self, pod: &str) -> Option<i64> {
        pod.strip_prefix(self.original.id.name.as_str())?.strip_prefix('-')?.parse().ok()
    }
}

impl<'p> Calls<'p> {
    /// Adds a host that a copy calls, if it is one of the set.
    fn add(
        &mut self,
        set: &Set<'_>,
        caller: &Copied<'_>,
        (host, place): (&String, &Place),
        preview: &'p str,
    ) {
        let is_itself = caller.original.number == set.original.number;
        let hosts = match set.owner(host) {
            None => return,
            Some(Owner::Original) if is_itself => &mut self.by_itself,
            Some(Owner::Original) => {
                self.callers.insert(caller.original.id.to_string());
                &mut self.by_others
            }
            // Others get along with the members that are there.
            Some(Owner::Nobody) if !is_itself => return,
            Some(Owner::Nobody) => {
                self.previews.insert(preview);
                &mut self.of_nobody
            }
        };
        hosts.entry(host.clone()).or_insert(*place);
    }

    fn findings(&self, set: &Object) -> Vec<Diagnostic> {
        let names = |all: &Hosts| first_of(SHOWN, ", ", all.keys().map(|name| format!("`{name}`")));
        let make = |all: &Hosts, code, message: String, help: &str, label: &str| {
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
                "copies of {} call {}, which they do not have in {}",
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
