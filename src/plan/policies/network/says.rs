//! What is said of NetworkPolicies that cannot be made to hold for previews, or that hold for more than copies.

use super::{Policy, Side, items, means_strangers};
use crate::diagnostic::{Diagnostic, code};
use crate::plan::policies::estate::Site;
use crate::yaml::{Node, write_document};

/// The finding that peers mean pods of previews and not their originals.
pub(super) fn exceeds(policy: &Policy<'_>, peers: &[(&Node, Node)]) -> Diagnostic {
    let id = &policy.object.id;
    let message = format!("{id} lets pods of previews through, and not those of the baseline");
    let mended = Node::list(peers.iter().map(|(_, mended)| mended.clone()));
    let help = format!(
        "previews are namespaces of other names, and what is added can take nothing back: let it leave them out:\n{}",
        text_of(&mended)
    );
    let place = peers.first().map_or(policy.object.place(), |(peer, _)| peer.place);
    Diagnostic::new(&code::POLICY_UNLIKE, message, help).at(place, "previews have these labels")
}

/// The finding that a policy of another namespace lets the baseline's pods through and not those of previews.
/// `spec` is what would have to be added.
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

/// The warning that a copied policy binds the pods of suites, whatever labels these have.
pub(super) fn locks_suites_out(policy: &Policy<'_>) -> Option<Diagnostic> {
    let estate = policy.estate;
    debug_assert_eq!(policy.site, Site::Home, "others are not copied");
    if !estate.has_suites {
        return None;
    }
    let lets_all = |side: Side| {
        side.rules(policy.spec).iter().any(|rule| items(rule, side.keys().2).is_empty())
    };
    let closes = |side: Side| side.is_closed_by(policy.spec) && !lets_all(side);
    let binds_all = means_strangers(policy.spec.get("podSelector"));
    let id = &policy.object.id;
    let place = policy.object.place();
    if binds_all && closes(Side::Egress) {
        let message = format!(
            "{id} holds for suites in previews: their pods reach what its rules name, and no more"
        );
        let help = "if they reach too little, add to the suite's folder a NetworkPolicy for the labels of its pods:\n\
                    {podSelector: {matchLabels: {app: NAME}}, policyTypes: [Egress], egress: [{}]}";
        return Some(Diagnostic::new(&code::SUITES_BOUND, message, help).at(place, "copied"));
    }
    // Suites that come in through a Gateway are let in as all who do.
    let lets_strangers = || {
        let rules = Side::Ingress.rules(policy.spec).iter();
        let mut peers = rules.flat_map(|rule| items(rule, "from"));
        peers.any(|peer| {
            let meaning = policy.meaning(peer);
            meaning.is_some_and(|one| {
                let is_near =
                    one.of_homes.iter().any(|(_, baseline, previews)| *baseline || *previews);
                is_near && means_strangers(one.pods)
            })
        })
    };
    if estate.has_entries || !closes(Side::Ingress) || lets_strangers() {
        return None;
    }
    let message = format!("{id} keeps suites in previews from calling what it selects");
    let help = "give the pods of suites labels that it lets through, add a NetworkPolicy to the suite's folder that \
                lets them, or call through a Gateway (spec.routing.entries)";
    Some(Diagnostic::new(&code::SUITES_BOUND, message, help).at(place, "copied"))
}

fn text_of(node: &Node) -> String {
    let mut text = String::new();
    write_document(&mut text, node);
    text.trim_end().trim_start_matches("---\n").to_owned()
}
