//! Checks NetworkPolicies of relabelled copies, in both directions: those that isolate the copy, and those of other
//! workloads that let it through by its new labels.

use super::super::{Checker, NETWORK};
use super::Relabelled;
use crate::diagnostic::Diagnostic;
use crate::kube::Object;
use crate::model::{pod_labels, selects};
use crate::plan::policies::BaselineNamespace;
use crate::yaml::Node;

/// A direction of connections: its name in `policyTypes`, its list of rules, and the list of peers in a rule.
type Direction = (&'static str, &'static str, &'static str);

const INGRESS: Direction = ("Ingress", "ingress", "from");
const EGRESS: Direction = ("Egress", "egress", "to");

/// The first finding for each direction, at the copy and at other workloads.
pub(super) fn check(checker: &Checker<'_, '_>, copy: &Relabelled<'_, '_>) -> Vec<Diagnostic> {
    let mut homes = checker.context.homes.iter();
    let Some(home) = homes.find(|home| home.namespace == copy.home()) else { return Vec::new() };
    let at_direction = |direction| {
        at_copy(copy, direction).into_iter().chain(at_others(checker, copy, home, direction))
    };
    [INGRESS, EGRESS].into_iter().flat_map(at_direction).collect()
}

/// The finding that the copy is let through to or from more pods than its original.
fn at_copy(copy: &Relabelled<'_, '_>, direction: Direction) -> Option<Diagnostic> {
    let mut before = copy.applied(NETWORK);
    before.retain(|policy| is_isolated_by(direction, policy));
    let mut after = copy.applied_to_copy(NETWORK);
    after.retain(|policy| is_isolated_by(direction, policy));
    let &first = before.first()?;
    let lets_all = |rule: &Node| {
        rule.items_at(&[direction.2]).is_empty() && rule.items_at(&["ports"]).is_empty()
    };
    if before.iter().any(|policy| rules(direction, policy).iter().any(lets_all)) {
        return None;
    }
    let difference = |what: &str| match direction {
        EGRESS => format!("may connect to {what}, and its original may not"),
        _ => format!("may be connected to by {what}, and its original may not"),
    };
    if after.is_empty() {
        return Some(copy.finding(true, &difference("anything"), first));
    }
    let is_new = |rule: &Node| {
        let mut known = before.iter().flat_map(|policy| rules(direction, policy));
        !known.any(|other| covers(other, rule, direction))
    };
    let policy = after.into_iter().find(|policy| rules(direction, policy).iter().any(is_new))?;
    Some(copy.finding(true, &difference("more"), policy))
}

/// Whether a rule lets through whatever another does.
fn covers(rule: &Node, other: &Node, (.., peers): Direction) -> bool {
    [peers, "ports"].into_iter().all(|list| {
        let (of_rule, of_other) = (rule.items_at(&[list]), other.items_at(&[list]));
        let is_known = |item: &Node| of_rule.contains(item);
        of_rule.is_empty() || !of_other.is_empty() && of_other.iter().all(is_known)
    })
}

/// The finding that policies of other workloads let the copy through and not its original.
fn at_others(
    checker: &Checker<'_, '_>,
    copy: &Relabelled<'_, '_>,
    home: &BaselineNamespace<'_>,
    direction: Direction,
) -> Option<Diagnostic> {
    let lets_original = |policies: &[&Object], ports: &[Node]| {
        policies.iter().any(|policy| lets_original(copy, home, policy, direction, ports))
    };
    let admits_copy_only = |policy: &Object, rule: &Node| {
        if !is_gained(copy, home, policy, rule.items_at(&[direction.2])) {
            return false;
        }
        let ports = rule.items_at(&["ports"]);
        let workloads = checker.context.workloads_reached_by(policy);
        if workloads.is_empty() {
            return !lets_original(&[policy], ports);
        }
        workloads
            .into_iter()
            .any(|workload| !lets_original(&isolating(copy, workload, policy, direction), ports))
    };
    let policies = copy.catalog().of_kind(NETWORK.0, NETWORK.1);
    let mut isolating = policies.filter(|policy| is_isolated_by(direction, policy));
    let policy = isolating.find(|policy| {
        let sibling =
            checker.siblings.get(&policy.number).map(|spec| spec.items_at(&[direction.1]));
        let mut all = rules(direction, policy).iter().chain(sibling.unwrap_or_default());
        all.any(|rule| admits_copy_only(policy, rule))
    })?;
    let difference = match direction {
        INGRESS => "may connect to pods to which its original may not",
        _ => "may be connected to by pods that may not connect to its original",
    };
    Some(copy.finding(true, difference, policy))
}

/// The policies that isolate a workload of the baseline in a direction, in the namespace of `near`.
fn isolating<'a>(
    copy: &Relabelled<'_, 'a>,
    workload: usize,
    near: &Object,
    direction: Direction,
) -> Vec<&'a Object> {
    let mut workloads = copy.catalog().workloads().iter();
    let workload = workloads.find(|one| one.object.number == workload);
    let labels = workload.and_then(|workload| pod_labels(&workload.object.node));
    let isolates = |policy: &&Object| {
        policy.id.namespace == near.id.namespace
            && is_isolated_by(direction, policy)
            && selects(policy.node.at(&["spec", "podSelector"]), labels)
    };
    copy.catalog().of_kind(NETWORK.0, NETWORK.1).filter(isolates).collect()
}

/// Whether one of these peers means the copy by its new labels and not by the old ones.
fn is_gained(
    copy: &Relabelled<'_, '_>,
    home: &BaselineNamespace<'_>,
    policy: &Object,
    peers: &[Node],
) -> bool {
    peers.iter().filter(|peer| peer.get("ipBlock").is_none()).any(|peer| {
        let is_near = match peer.get("namespaceSelector") {
            Some(namespaces) => selects(Some(namespaces), Some(&home.labels.of_previews)),
            None => policy.id.namespace == home.namespace && copy.policies.contains(&policy.number),
        };
        let pods = |labels: &Node| selects(peer.get("podSelector"), Some(labels));
        is_near && pods(&copy.new) && !pods(&copy.old)
    })
}

/// Whether a policy of the baseline lets the original through at these ports.
fn lets_original(
    copy: &Relabelled<'_, '_>,
    home: &BaselineNamespace<'_>,
    policy: &Object,
    direction: Direction,
    ports: &[Node],
) -> bool {
    rules(direction, policy).iter().any(|rule| {
        let (peers, of_rule) = (rule.items_at(&[direction.2]), rule.items_at(&["ports"]));
        let has_ports = of_rule.is_empty()
            || !ports.is_empty() && ports.iter().all(|port| of_rule.contains(port));
        let means = |peer: &Node| {
            let is_near = match peer.get("namespaceSelector") {
                Some(namespaces) => selects(Some(namespaces), Some(&home.labels.of_baseline)),
                None => policy.id.namespace == home.namespace,
            };
            let pods = selects(peer.get("podSelector"), Some(&copy.old));
            peer.get("ipBlock").is_none() && is_near && pods
        };
        has_ports && (peers.is_empty() || peers.iter().any(means))
    })
}

/// Whether a policy isolates the pods that it selects in a direction.
fn is_isolated_by(direction: Direction, policy: &Object) -> bool {
    let Some(spec) = policy.node.get("spec") else { return direction == INGRESS };
    let types = spec.items_at(&["policyTypes"]);
    match types.is_empty() {
        true => direction == INGRESS || !spec.items_at(&["egress"]).is_empty(),
        false => types.iter().any(|one| one.text() == Some(direction.0)),
    }
}

fn rules(direction: Direction, policy: &Object) -> &[Node] {
    policy.node.items_at(&["spec", direction.1])
}
