//! Policies: makes previews subject to the same policies as the baseline.
//!
//! Input: the baseline and the copies of all previews. Output: [`Policies`], with the specs of copied policies where
//! they differ from the originals, and the policies that are added beside originals.
//!
//! The row of a kind says whether its policies are copied (`policy_fate` in `kube/kinds.rs`). `closure` then copies
//! each policy together with the workloads that it applies to ([`copied_with`]). Most copies equal their originals. A
//! kind whose copies must differ, or that needs an added policy, has a module here and a row in [`TREATMENTS`].
//!
//! The result is the same for all previews, so it is made once.

mod authorization;
mod calico;
mod context;
mod destinations;
mod glob;
mod left_behind;
mod network;
mod preview_hosts;
mod reach;
mod root;
mod waypoint;

pub(super) use calico::is_in_word;
pub(super) use context::{BaselineNamespace, PolicyContext, Site};
pub(super) use left_behind::{BUDGETS, SCALERS, check as check_left_behind};
pub(super) use preview_hosts::check as check_preview_hosts;
pub(super) use reach::plain_label;
pub(crate) use waypoint::Guard;
pub(super) use waypoint::is_enforced_by as is_enforced_by_waypoint;

use std::collections::{BTreeMap, BTreeSet};

use self::reach::SelectionIndex;
use super::environment::{Copied, Environment};
use super::routing::Routing;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, istio, marks};
use crate::model::{Catalog, Mesh, ServiceName};
use crate::ordered::ordered;
use crate::spec::Config;
use crate::yaml::{Node, write_document};

/// How policies of the input hold for previews. Maps have the number of the original as their key.
#[derive(Debug, Default)]
pub(crate) struct Policies<'a> {
    /// The specs of copies that differ from their originals.
    rewritten: BTreeMap<usize, Node>,
    /// A service, and the spec of the copy in previews that call this service without changing it.
    for_callers: BTreeMap<usize, (ServiceName<'a>, Node)>,
    /// The policies that were reported as errors.
    pub(super) refused: BTreeSet<usize>,
    /// The added policies, in the order of their originals.
    pub(crate) siblings: Vec<Sibling<'a>>,
    /// The policies that stop calls from bypassing a waypoint.
    pub(crate) guards: Vec<Guard<'a>>,
}

impl<'a> Policies<'a> {
    /// The guards of the services that a preview copies.
    pub(crate) fn guards_of(&self, env: &Environment<'a>) -> impl Iterator<Item = &Guard<'a>> {
        self.guards.iter().filter(|guard| env.affected.contains(&guard.service.id()))
    }

    /// The spec of the copies of a policy, if it differs from the original's.
    pub(super) fn rewritten_spec(&self, original: &Object) -> Option<&Node> {
        self.rewritten.get(&original.number)
    }

    /// The spec of the copy of a DestinationRule in a preview that does not change the service of its host.
    pub(crate) fn for_callers(&self, env: &Environment<'_>, original: &Object) -> Option<&Node> {
        let (service, spec) = self.for_callers.get(&original.number)?;
        (!env.affected.contains(service)).then_some(spec)
    }

    /// The body of a copy that no patch changes.
    pub(crate) fn body(&self, env: &Environment<'_>, copied: &Copied<'_>) -> Node {
        let mut node = copied.node().into_owned();
        let for_callers = self.for_callers(env, copied.original);
        if let Some(spec) = for_callers.or_else(|| self.rewritten_spec(copied.original)) {
            node.set("spec", spec.clone());
        }
        node
    }
}

/// A policy that is added beside one of the input. It is one for all previews: it makes the original's rules hold for
/// the pods of previews too.
#[derive(Debug)]
pub(crate) struct Sibling<'a> {
    /// The policy of the input.
    pub(crate) original: &'a Object,
    /// The spec of the added policy.
    pub(crate) spec: Node,
}

/// What becomes of one policy.
#[derive(Debug, Default)]
struct Treatment {
    /// The spec of its copies, if it differs from the original's.
    copy: Option<Node>,
    /// The spec of its copies in previews that do not change the service of its host, if it is a DestinationRule.
    for_callers: Option<Node>,
    /// The spec of the policy that is added beside it, if one is needed.
    sibling: Option<Node>,
    /// It was reported as an error.
    is_refused: bool,
}

/// Decides what becomes of a policy in any namespace of the input, and reports what cannot be done.
type Treat = fn(&PolicyContext<'_>, &Object, &mut Report) -> Treatment;

/// The kinds whose policies are not simply copied: group, kind, and the function that decides about them.
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
    let context = PolicyContext::new(config, catalog, environments);
    for (original, treat) in originals {
        let treatment = treat(&context, original, report);
        policies.refused.extend(treatment.is_refused.then_some(original.number));
        report.extend(unknown_to_ztunnel(&context, original, &treatment));
        let service = || destinations::private_service(catalog, original);
        let for_callers = treatment.for_callers.and_then(|spec| Some((service()?, spec)));
        policies.for_callers.extend(for_callers.map(|of| (original.number, of)));
        policies.rewritten.extend(treatment.copy.map(|spec| (original.number, spec)));
        let sibling = treatment.sibling.map(|spec| Sibling { original, spec });
        report.extend(sibling.as_ref().and_then(|sibling| name_too_long(config, sibling)));
        policies.siblings.extend(sibling);
    }
    policies
}

/// The policies that are copied with each object of the baseline, by the number of the object.
pub(super) fn copied_with<'a>(catalog: &'a Catalog<'a>) -> Vec<Vec<&'a Object>> {
    let mut policies_of = vec![Vec::new(); catalog.objects().count()];
    let copied = |policy: &'a Object| {
        let kind = policy.row?;
        kind.is_copied_policy().then_some((policy, kind))
    };
    let mut policies = catalog.objects().filter_map(copied).peekable();
    if policies.peek().is_none() {
        return policies_of;
    }
    let indexes = ordered(selection_indexes(catalog));
    for (policy, kind) in policies {
        let Some(index) = indexes.get(policy.id.namespace.as_str()) else { continue };
        let is_for_callers = destinations::is_for_callers(catalog, policy);
        // A waypoint or a Gateway enforces a policy with targetRefs, and previews have neither.
        if has_target_refs(policy)
            || destinations::sets_nothing(policy) && !is_for_callers
            || is_for_missing_sidecars(catalog, policy)
        {
            continue;
        }
        // The labels of a suite's pods are unknown. A policy that may select them is copied into every preview.
        let reached = match network::may_hold_for_suites(policy) || is_for_callers {
            true => index.workloads().collect(),
            false => index.reached_by(policy, kind.policy),
        };
        for object in reached {
            policies_of[object.number].push(policy);
        }
    }
    policies_of
}

/// Each namespace of the baseline, with its workloads and Services.
fn selection_indexes<'a>(
    catalog: &'a Catalog<'a>,
) -> impl Iterator<Item = (&'a str, SelectionIndex<'a>)> {
    catalog.home.namespaces.iter().map(|home| {
        let workloads = catalog.workloads().iter().map(|workload| workload.object);
        let services = catalog.services().map(|service| service.object);
        (home.as_str(), SelectionIndex::of(catalog, home, workloads.chain(services)))
    })
}

/// A node as YAML, for messages.
fn text_of(node: &Node) -> String {
    let mut text = String::new();
    write_document(&mut text, node);
    text.trim_end().trim_start_matches("---\n").to_owned()
}

/// The `targetRef` and the `targetRefs` of a policy.
fn target_refs(policy: &Object) -> impl Iterator<Item = &Node> {
    let one = policy.node.at(&["spec", "targetRef"]).filter(|one| !one.entries().is_empty());
    one.into_iter().chain(policy.node.items_at(&["spec", "targetRefs"]))
}

/// Whether a policy has a `targetRef` or `targetRefs`.
pub(super) fn has_target_refs(policy: &Object) -> bool {
    target_refs(policy).next().is_some()
}

/// Whether a policy configures proxies, in ambient mode: pods have no sidecars there, and previews no waypoints.
fn is_for_missing_sidecars(catalog: &Catalog<'_>, policy: &Object) -> bool {
    const PROXY_GROUPS: [&str; 3] = ["extensions.istio.io", istio::GROUP, "telemetry.istio.io"];
    catalog.mesh == Mesh::Ambient && PROXY_GROUPS.contains(&policy.id.group.as_str())
}

/// The finding that ztunnel cannot match the pattern for previews' namespaces: it supports `*` at the ends of a name
/// only. Sidecars and waypoints support it anywhere. See `stringToMatch` in istiod's index for ambient mode.
fn unknown_to_ztunnel(
    context: &PolicyContext<'_>,
    original: &Object,
    treatment: &Treatment,
) -> Option<Diagnostic> {
    if context.catalog.mesh != Mesh::Ambient || has_target_refs(original) {
        return None;
    }
    let specs = || [&treatment.copy, &treatment.sibling].into_iter().flatten();
    let is_unknown = |pattern: &str| {
        let is_inside = !pattern.starts_with('*') && !pattern.ends_with('*');
        is_inside && specs().any(|spec| spec.any_text(&|text| text == pattern))
    };
    let mut patterns = context.homes.iter().map(|home| &home.preview_pattern);
    let pattern = patterns.find(|pattern| is_unknown(pattern))?;
    let message = format!(
        "{} would name previews by `{pattern}`, and ztunnel, which follows it, knows no `*` inside of a name",
        original.id
    );
    let help = "set `spec.namespace: \"{baseline}-{preview}\"`: then the namespaces of previews begin alike";
    let finding = Diagnostic::new(&code::POLICY_UNLIKE, message, help);
    Some(finding.at(original.place(), "has no targetRefs, so ztunnel follows it"))
}

/// The finding that the name of an added policy is too long.
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
