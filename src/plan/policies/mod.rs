//! Policies: which of them hold for previews as they do for the baseline, and how.
//!
//! Out of the objects of the input and the copies of all previews come [`Policies`]: what the copies of policies say,
//! and what is added beside policies of the baseline. Which policies are copied is said by their kinds
//! (`policy_fate` in `kube/kinds.rs`) and followed in `closure`: those of a workload's namespace that apply to it.
//! A kind whose copies say something else than the originals, or that needs an addition, has a module here and a
//! row in [`TREATMENTS`]; all others are copied as they are.
//!
//! Everything here depends on the baseline and on what any preview copies, so it is done once for all of them.

mod authorization;
mod calico;
mod destinations;
mod estate;
mod glob;
mod left_behind;
mod network;
mod preview_hosts;
mod reach;
mod root;
mod waypoint;

pub(super) use calico::is_in_word;
pub(super) use estate::{Estate, Home};
pub(super) use left_behind::{BUDGETS, SCALERS, check as check_left_behind};
pub(super) use preview_hosts::check as check_preview_hosts;
pub(super) use reach::plain_label;
pub(super) use waypoint::holds_for as waypoint_follows;
pub(crate) use waypoint::{Account, Guard};

use std::collections::{BTreeMap, BTreeSet};

use self::reach::Targets;
use super::environment::{Copied, Environment};
use super::routing::Routing;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, istio, kinds, marks};
use crate::model::{Catalog, Mesh, ServiceName};
use crate::spec::Config;
use crate::yaml::Node;

/// What the policies of the baseline come to for its previews.
#[derive(Debug, Default)]
pub(crate) struct Policies<'a> {
    /// What the copies of a policy say, by the number of the original, where that is something else.
    rewritten: BTreeMap<usize, Node>,
    /// What they say in previews that do not change this service, by the number of the original.
    for_callers: BTreeMap<usize, (ServiceName<'a>, Node)>,
    /// Policies that were refused, by their numbers.
    pub(super) refused: BTreeSet<usize>,
    /// What is added beside policies of the input, in the order of these.
    pub(crate) siblings: Vec<Sibling<'a>>,
    /// What keeps copies to the waypoints of their services.
    pub(crate) guards: Vec<Guard<'a>>,
}

impl<'a> Policies<'a> {
    /// The guards of a preview's copies.
    pub(crate) fn guards_of(&self, env: &Environment<'a>) -> impl Iterator<Item = &Guard<'a>> {
        self.guards.iter().filter(|guard| env.affected.contains(&guard.service.id()))
    }

    /// What the copies of a policy say, where that is something else than the original.
    pub(super) fn rewritten_spec(&self, original: &Object) -> Option<&Node> {
        self.rewritten.get(&original.number)
    }

    /// What the copy of a rule for calls of a service says in a preview that does not change the service.
    pub(crate) fn for_callers(&self, env: &Environment<'_>, original: &Object) -> Option<&Node> {
        let (service, spec) = self.for_callers.get(&original.number)?;
        (!env.affected.contains(service)).then_some(spec)
    }

    /// The body of an unchanged copy.
    pub(crate) fn body(&self, env: &Environment<'_>, copied: &Copied<'_>) -> Node {
        let mut node = copied.node().into_owned();
        let for_callers = self.for_callers(env, copied.original);
        if let Some(spec) = for_callers.or_else(|| self.rewritten_spec(copied.original)) {
            node.set("spec", spec.clone());
        }
        node
    }
}

/// A policy that is added beside one of the input, for all previews together: it lets them do there what their
/// originals do, or keeps them from what these may not do.
#[derive(Debug)]
pub(crate) struct Sibling<'a> {
    /// The policy of the input.
    pub(crate) original: &'a Object,
    /// What the added one says.
    pub(crate) spec: Node,
}

/// What becomes of one policy.
#[derive(Debug, Default)]
struct Treated {
    /// The spec of its copies, where it is not the original's.
    copy: Option<Node>,
    /// The same in previews that do not change the service that it is about.
    for_callers: Option<Node>,
    /// The spec of what is added beside it, where some preview needs that.
    sibling: Option<Node>,
    /// Whether it was reported that it cannot hold for previews.
    is_refused: bool,
}

/// Says what becomes of a policy, of whatever namespace it is, and reports what cannot be done for it.
type Treat = fn(&Estate<'_>, &Object, &mut Report) -> Treated;

/// The kinds of policies of which more is to be said than that they are copied: group, kind, and what says it.
const TREATMENTS: &[(&str, &str, Treat)] = &[
    (authorization::GROUP, authorization::KIND, authorization::treat),
    (destinations::GROUP, destinations::KIND, destinations::treat),
    (network::GROUP, network::KIND, network::treat),
];

/// Decides what becomes of all policies of the input, for all previews at once.
pub(super) fn plan<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    environments: &[Environment<'a>],
    routing: &Routing<'a>,
    report: &mut Report,
) -> Policies<'a> {
    let guards = waypoint::guards(catalog, environments, routing, report);
    let mut policies = Policies { guards, ..Policies::default() };
    if !environments.is_empty() {
        root::check(catalog, report);
    }
    let originals = TREATMENTS.iter().flat_map(|&(group, kind, treat)| {
        catalog.of_kind(group, kind).map(move |original| (original, treat))
    });
    let mut originals = originals.peekable();
    if environments.is_empty() || originals.peek().is_none() {
        return policies;
    }
    let estate = Estate::new(config, catalog, environments);
    for (original, treat) in originals {
        let treated = treat(&estate, original, report);
        policies.refused.extend(treated.is_refused.then_some(original.number));
        report.extend(unknown_to_ztunnel(&estate, original, &treated));
        let service = || destinations::private_service(catalog, original);
        let for_callers = treated.for_callers.and_then(|spec| Some((service()?, spec)));
        policies.for_callers.extend(for_callers.map(|of| (original.number, of)));
        policies.rewritten.extend(treated.copy.map(|spec| (original.number, spec)));
        let sibling = treated.sibling.map(|spec| Sibling { original, spec });
        report.extend(sibling.as_ref().and_then(|sibling| name_too_long(config, sibling)));
        policies.siblings.extend(sibling);
    }
    policies
}

/// The policies that are copied with each object of the baseline, by its number.
pub(super) fn copied_with<'a>(catalog: &'a Catalog<'a>) -> Vec<Vec<&'a Object>> {
    let mut with = vec![Vec::new(); catalog.objects().count()];
    let copied = |policy: &'a Object| {
        let kind = kinds::find(&policy.id.group, &policy.id.kind)?;
        (kind.policy_fate == kinds::PolicyFate::Copied).then_some((policy, kind))
    };
    let mut policies = catalog.objects().filter_map(copied).peekable();
    if policies.peek().is_none() {
        return with;
    }
    let targets: BTreeMap<&str, Targets<'_>> = targets(catalog).collect();
    for (policy, kind) in policies {
        let Some(targets) = targets.get(policy.id.namespace.as_str()) else { continue };
        // What names its targets is followed by a waypoint or a Gateway, and previews have neither.
        let is_of_callers = destinations::is_of_callers(catalog, policy);
        let is_empty = names_targets(policy)
            || destinations::sets_nothing(policy) && !is_of_callers
            || is_for_missing_sidecars(catalog, policy);
        if !is_empty {
            // Pods of suites have labels that nobody knows here, and what binds all pods binds them.
            let touched = match network::binds_strangers(policy) || is_of_callers {
                true => targets.workloads().collect(),
                false => targets.touched(policy, kind.policy),
            };
            for object in touched {
                with[object.number].push(policy);
            }
        }
    }
    with
}

/// The workloads and Services of each namespace of the baseline.
fn targets<'a>(catalog: &'a Catalog<'a>) -> impl Iterator<Item = (&'a str, Targets<'a>)> {
    catalog.home.namespaces.iter().map(|home| {
        let workloads = catalog.workloads().iter().map(|workload| workload.object);
        let services = catalog.services().map(|service| service.object);
        (home.as_str(), Targets::of(catalog, home, workloads.chain(services)))
    })
}

/// Whether a policy names what it applies to by references.
pub(super) fn names_targets(policy: &Object) -> bool {
    let spec = |key: &str| policy.node.at(&["spec", key]);
    spec("targetRef").is_some_and(|one| !one.entries().is_empty())
        || spec("targetRefs").is_some_and(|all| !all.items().is_empty())
}

/// Whether a policy sets up sidecars where there are none, in ambient mode. Waypoints, which follow some of these
/// kinds, are the baseline's alone.
fn is_for_missing_sidecars(catalog: &Catalog<'_>, policy: &Object) -> bool {
    const OF_PROXIES: [&str; 3] = ["extensions.istio.io", istio::GROUP, "telemetry.istio.io"];
    catalog.mesh == Mesh::Ambient && OF_PROXIES.contains(&policy.id.group.as_str())
}

/// The finding that a policy would name the namespaces of previews by a pattern that ztunnel does not know. It takes a
/// `*` at an end of a name alone, where sidecars and waypoints take it anywhere (`stringToMatch` of istiod's index for
/// ambient mode).
fn unknown_to_ztunnel(
    estate: &Estate<'_>,
    original: &Object,
    treated: &Treated,
) -> Option<Diagnostic> {
    if estate.catalog.mesh != Mesh::Ambient || names_targets(original) {
        return None;
    }
    let specs = || [&treated.copy, &treated.sibling].into_iter().flatten();
    let is_unknown = |pattern: &str| {
        let is_inside = !pattern.starts_with('*') && !pattern.ends_with('*');
        is_inside && specs().any(|spec| spec.any_text(&|text| text == pattern))
    };
    let pattern = estate.homes.iter().map(|home| &home.previews).find(|one| is_unknown(one))?;
    let message = format!(
        "{} would name previews by `{pattern}`, and ztunnel, which follows it, knows no `*` inside of a name",
        original.id
    );
    let help = "set `spec.namespace: \"{baseline}-{preview}\"`: then the namespaces of previews begin alike";
    let finding = Diagnostic::new(&code::POLICY_UNLIKE, message, help);
    Some(finding.at(original.place(), "has no targetRefs, so ztunnel follows it"))
}

/// The finding that what is added beside a policy cannot have its name.
fn name_too_long(config: &Config, sibling: &Sibling<'_>) -> Option<Diagnostic> {
    const LONGEST: usize = 253;
    let name = marks::sibling(config.set(), &sibling.original.id.name);
    let message = format!(
        "what is added beside {} would be called `{name}`, which is longer than {LONGEST} characters",
        sibling.original.id
    );
    let finding = Diagnostic::new(&code::BAD_NAME, message, "give the policy a shorter name");
    (name.len() > LONGEST)
        .then(|| finding.at(sibling.original.place(), "too long with an addition"))
}
