//! NetworkPolicies: what may connect to a copy with other labels and to what it may connect, and where others let it in
//! by these labels.

use super::super::World;
use super::super::evaluate::items;
use super::{NETWORK, Relabelled};
use crate::diagnostic::Diagnostic;
use crate::kube::Object;
use crate::model::{pod_labels, selects};
use crate::plan::policies::Home;
use crate::yaml::Node;

/// One of the two directions of connections: how `policyTypes` calls it, the list of rules, and the list of peers in
/// each of them.
type Side = (&'static str, &'static str, &'static str);

const INGRESS: Side = ("Ingress", "ingress", "from");
const EGRESS: Side = ("Egress", "egress", "to");

/// What is found first for each direction, at the copy and at others.
pub(super) fn check(world: &World<'_, '_>, one: &Relabelled<'_, '_>) -> Vec<Diagnostic> {
    let Some(home) = world.estate.homes.iter().find(|home| home.namespace == one.home()) else {
        return Vec::new();
    };
    let sides = [INGRESS, EGRESS].into_iter();
    sides
        .flat_map(|side| at_copy(one, side).into_iter().chain(elsewhere(world, one, home, side)))
        .collect()
}

/// What the copy is let through for that its original is not.
fn at_copy(one: &Relabelled<'_, '_>, side: Side) -> Option<Diagnostic> {
    let mut before = one.followed(NETWORK, "podSelector");
    before.retain(|policy| is_closed_by(side, policy));
    let mut after = one.followed_by_copy(NETWORK, "podSelector");
    after.retain(|policy| is_closed_by(side, policy));
    let &first = before.first()?;
    if before.iter().any(|policy| rules(side, policy).iter().any(|rule| lets_all(side, rule))) {
        return None;
    }
    let does = |what: &str| match side {
        EGRESS => format!("may connect to {what}, and its original may not"),
        _ => format!("may be connected to by {what}, and its original may not"),
    };
    if after.is_empty() {
        return Some(one.finding(true, &does("anything"), first));
    }
    let is_new = |rule: &Node| {
        let known = || before.iter().flat_map(|policy| rules(side, policy));
        !known().any(|other| covers(other, rule, side))
    };
    let policy = after.into_iter().find(|policy| rules(side, policy).iter().any(is_new))?;
    Some(one.finding(true, &does("more"), policy))
}

/// Whether one rule lets through whatever another does.
fn covers(one: &Node, other: &Node, (.., peers): Side) -> bool {
    [peers, "ports"].into_iter().all(|list| {
        let (of_one, of_other) = (items(one, list), items(other, list));
        let is_known = |item: &Node| of_one.contains(item);
        of_one.is_empty() || !of_other.is_empty() && of_other.iter().all(is_known)
    })
}

fn lets_all((.., peers): Side, rule: &Node) -> bool {
    items(rule, peers).is_empty() && items(rule, "ports").is_empty()
}

/// What lets the copy through elsewhere by its new labels, and not its original.
fn elsewhere(
    world: &World<'_, '_>,
    one: &Relabelled<'_, '_>,
    home: &Home<'_>,
    side: Side,
) -> Option<Diagnostic> {
    let all = one.catalog().of_kind(NETWORK.0, NETWORK.1);
    let mut closing = all.filter(|policy| is_closed_by(side, policy));
    let policy = closing.find(|policy| {
        let sibling = world.siblings.get(&policy.number).map(|spec| items(spec, side.1));
        let all = rules(side, policy).iter().chain(sibling.unwrap_or_default());
        let mut gained = all.filter(|rule| is_gained(one, home, policy, items(rule, side.2)));
        gained.any(|rule| {
            let ports = items(rule, "ports");
            let targets = world.estate.workloads_under(policy);
            let lets_original = |policies: &[&Object]| {
                policies.iter().any(|policy| lets(one, home, policy, side, ports))
            };
            if targets.is_empty() {
                return !lets_original(&[*policy]);
            }
            targets.into_iter().any(|target| !lets_original(&at(one, target, policy, side)))
        })
    })?;
    let gain = match side {
        INGRESS => "may connect to pods to which its original may not",
        _ => "may be connected to by pods that may not connect to its original",
    };
    Some(one.finding(true, gain, policy))
}

/// The policies that close a direction of a workload of the baseline.
fn at<'a>(one: &Relabelled<'_, 'a>, target: usize, under: &Object, side: Side) -> Vec<&'a Object> {
    let workload = one.catalog().workloads().iter().find(|one| one.object.number == target);
    let labels = workload.and_then(|workload| pod_labels(&workload.object.node));
    let all = one.catalog().of_kind(NETWORK.0, NETWORK.1);
    let holds = |policy: &&Object| {
        policy.id.namespace == under.id.namespace
            && is_closed_by(side, policy)
            && selects(policy.node.at(&["spec", "podSelector"]), labels)
    };
    all.filter(holds).collect()
}

/// Whether some of these peers mean the copy, by its new labels and not by the old ones.
fn is_gained(one: &Relabelled<'_, '_>, home: &Home<'_>, policy: &Object, peers: &[Node]) -> bool {
    peers.iter().filter(|peer| peer.get("ipBlock").is_none()).any(|peer| {
        let is_near = match peer.get("namespaceSelector") {
            Some(namespaces) => selects(Some(namespaces), Some(&home.labels.of_previews)),
            None => policy.id.namespace == home.namespace && one.policies.contains(&policy.number),
        };
        let pods = |labels: &Node| selects(peer.get("podSelector"), Some(labels));
        is_near && pods(&one.new) && !pods(&one.old)
    })
}

/// Whether a policy of the baseline lets the original through at these ports.
fn lets(
    one: &Relabelled<'_, '_>,
    home: &Home<'_>,
    policy: &Object,
    side: Side,
    ports: &[Node],
) -> bool {
    rules(side, policy).iter().any(|rule| {
        let (peers, of_rule) = (items(rule, side.2), items(rule, "ports"));
        let has_ports = of_rule.is_empty()
            || !ports.is_empty() && ports.iter().all(|port| of_rule.contains(port));
        let means = |peer: &Node| {
            let is_near = match peer.get("namespaceSelector") {
                Some(namespaces) => selects(Some(namespaces), Some(&home.labels.of_baseline)),
                None => policy.id.namespace == home.namespace,
            };
            let pods = selects(peer.get("podSelector"), Some(&one.old));
            peer.get("ipBlock").is_none() && is_near && pods
        };
        has_ports && (peers.is_empty() || peers.iter().any(means))
    })
}

/// Whether a policy closes a direction, but for what its rules let through.
fn is_closed_by(side: Side, policy: &Object) -> bool {
    let Some(spec) = policy.node.get("spec") else { return side == INGRESS };
    let types = items(spec, "policyTypes");
    match types.is_empty() {
        true => side == INGRESS || !items(spec, "egress").is_empty(),
        false => types.iter().any(|one| one.text() == Some(side.0)),
    }
}

fn rules(side: Side, policy: &Object) -> &[Node] {
    policy.node.get("spec").map(|spec| items(spec, side.1)).unwrap_or_default()
}
