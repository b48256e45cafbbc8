//! Findings about NetworkPolicies that cannot be made to hold for previews, or that also select pods of suites.

use super::{Direction, Policy, may_select_unknown_pods};
use crate::diagnostic::{Diagnostic, code};
use crate::plan::policies::text_of;
use crate::yaml::Node;

/// The finding that peers let pods of previews through and not their originals. With each peer comes one that leaves
/// these pods out.
pub(super) fn exceeds(policy: &Policy<'_>, peers: &[(&Node, Node)]) -> Diagnostic {
    let id = &policy.object.id;
    let message = format!("{id} lets pods of previews through, and not those of the baseline");
    let mended = Node::list(peers.iter().map(|(_, mended)| mended.clone()));
    let help = format!(
        "no policy that is added can take this back: let the policy leave out previews, by these peers:\n{}",
        text_of(&mended)
    );
    let place = peers.first().map_or(policy.object.place(), |(peer, _)| peer.place);
    Diagnostic::new(&code::POLICY_UNLIKE, message, help).at(place, "previews have these labels")
}

/// The finding that a policy of another namespace lets pods of the baseline through and not their copies. `spec` is
/// that of the policy to add.
pub(super) fn elsewhere(policy: &Policy<'_>, spec: &Node) -> Diagnostic {
    let id = &policy.object.id;
    let message =
        format!("{id} lets pods of the baseline through, and not their copies in previews");
    let help = format!(
        "nothing is added in `{}`: add a NetworkPolicy there where previews should be let through:\n{}",
        id.namespace,
        text_of(spec)
    );
    Diagnostic::new(&code::POLICY_ELSEWHERE, message, help)
        .at(policy.object.place(), "holds for the baseline alone")
}

/// The warning that a copied policy isolates the pods of suites, or does not let them call the pods that it selects.
pub(super) fn isolates_suites(policy: &Policy<'_>) -> Option<Diagnostic> {
    if !policy.context.has_suites {
        return None;
    }
    let isolates = |direction: Direction| {
        let lets_all = |rule: &Node| direction.peers(rule).is_empty();
        direction.is_isolated_by(policy.spec) && !direction.rules(policy.spec).iter().any(lets_all)
    };
    let id = &policy.object.id;
    let place = policy.object.place();
    if may_select_unknown_pods(policy.spec.get("podSelector")) && isolates(Direction::Egress) {
        let message = format!(
            "{id} holds for suites in previews: their pods reach what its rules name, and no more"
        );
        let help = "if they reach too little, add to the suite's folder a NetworkPolicy for the labels of its pods:\n\
                    {podSelector: {matchLabels: {app: NAME}}, policyTypes: [Egress], egress: [{}]}";
        return Some(Diagnostic::new(&code::SUITES_BOUND, message, help).at(place, "copied"));
    }
    let lets_unknown_pods = |peer: &Node| {
        policy.meaning(peer).is_some_and(|meaning| {
            may_select_unknown_pods(meaning.pods)
                && meaning.namespaces.iter().any(|one| one.baseline || one.previews)
        })
    };
    let rules = Direction::Ingress.rules(policy.spec).iter();
    let mut peers = rules.flat_map(|rule| Direction::Ingress.peers(rule));
    // Suites that call through a Gateway are let in as the Gateway is.
    if policy.context.has_entries || !isolates(Direction::Ingress) || peers.any(lets_unknown_pods) {
        return None;
    }
    let message = format!("{id} keeps suites in previews from calling what it selects");
    let help = "give the pods of suites labels that it lets through, add a NetworkPolicy to the suite's folder that \
                lets them, or call through a Gateway (spec.routing.entries)";
    Some(Diagnostic::new(&code::SUITES_BOUND, message, help).at(place, "copied"))
}
