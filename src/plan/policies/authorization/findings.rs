//! Findings about AuthorizationPolicies that cannot be made to hold for previews.

use std::collections::BTreeSet;

use super::rules::Inexpressible;
use super::{Action, Policy};
use crate::diagnostic::{Diagnostic, code, first_of};
use crate::plan::policies::context::{PolicyContext, Site};
use crate::plan::policies::text_of;
use crate::yaml::Node;

/// The finding that a policy treats previews unlike the baseline, with the rules that it needs. `lacks` are accounts of
/// originals that it matches and whose copies it does not; `exceeds`, the reverse.
pub(super) fn unlike(
    policy: &Policy<'_>,
    lacks: &BTreeSet<&str>,
    exceeds: &BTreeSet<&str>,
    spec: &Node,
) -> Diagnostic {
    let accounts = |set: &BTreeSet<&str>| {
        let names = set.iter().map(|name| format!("`{name}`"));
        format!("previews' copies that run as {}", first_of(5, ", ", names))
    };
    let id = &policy.object.id;
    let is_deny = policy.action == Action::Deny;
    // What previews may do and the baseline may not comes first: it is the more dangerous.
    let (opens, closes) = match is_deny {
        true => (lacks, exceeds),
        false => (exceeds, lacks),
    };
    let message = match (is_deny, opens.is_empty()) {
        (true, false) => {
            format!("{id} denies the baseline what it does not deny {}", accounts(opens))
        }
        (false, false) => {
            format!("{id} allows {} what it does not allow the baseline", accounts(opens))
        }
        (true, true) => {
            format!("{id} denies {} what it does not deny the baseline", accounts(closes))
        }
        (false, true) => {
            format!("{id} allows the baseline what it does not allow {}", accounts(closes))
        }
    };
    let why = match policy.site {
        Site::Baseline => "no policy that is added can take this back",
        Site::Root => "it holds for all of the mesh, and nothing is added for that here",
        Site::Elsewhere => "it is in another namespace, and nothing is added there",
    };
    let rules = Node::map([("rules", spec.get("rules").cloned().unwrap_or_default())]);
    let help = format!(
        "{why}: let it say of previews what it says of the baseline, by these rules:\n{}",
        text_of(&rules)
    );
    let is_refused = policy.site != Site::Elsewhere || !opens.is_empty();
    let code = if is_refused { &code::POLICY_UNLIKE } else { &code::POLICY_ELSEWHERE };
    Diagnostic::new(code, message, help).at(policy.object.place(), "holds for the baseline alone")
}

/// The finding that something in a policy cannot be written for previews.
pub(super) fn inexpressible(policy: &Policy<'_>, inexpressible: &Inexpressible) -> Diagnostic {
    match inexpressible {
        Inexpressible::Pattern(principal) => cannot_be_extended(
            policy,
            &format!(
                "names callers by `{principal}`, and no rule can say the same of previews' namespaces"
            ),
            "write the trust domain in full, or `*/ns/<namespace>/sa/<account>` for all of them",
        ),
        Inexpressible::Conditions => cannot_be_extended(
            policy,
            &format!(
                "would need more than {MOST} rules for previews by the conditions of one: Istio takes {MOST}"
            ),
            "name fewer values in the conditions (`when`) of one rule",
        ),
    }
}

/// The most rules of a policy, and the most sources of a rule, that Istio takes.
pub(super) const MOST: usize = 512;

/// The finding that a copy or sibling of a policy has more rules, or sources in a rule, than Istio takes.
pub(super) fn too_many(policy: &Policy<'_>, spec: &Node) -> Option<Diagnostic> {
    let rules = spec.items_at(&["rules"]);
    let sources = rules.iter().map(|rule| rule.items_at(&["from"]).len()).max().unwrap_or_default();
    let (count, what, help) = if rules.len() > MOST {
        let help = "divide its rules among two policies with the same action and selector";
        (rules.len(), "rules", help)
    } else if sources > MOST {
        let help = "divide the sources of the rule among two rules that ask for the same";
        (sources, "sources in a rule", help)
    } else {
        return None;
    };
    let why = format!("would have {count} {what} with those for previews: Istio takes {MOST}");
    Some(cannot_be_extended(policy, &why, help))
}

/// The finding that a policy names callers of too many trust domains: each is tried with each account.
pub(super) fn too_many_trust_domains(policy: &Policy<'_>) -> Option<Diagnostic> {
    const MOST_TRUST_DOMAINS: usize = 100;
    let count = policy.trust_domains.len();
    let why =
        format!("names callers of {count} trust domains: only {MOST_TRUST_DOMAINS} are compared");
    let help = "divide its rules among several policies, or name accounts of all trust domains: \
                `*/ns/<namespace>/sa/<account>`";
    (count > MOST_TRUST_DOMAINS).then(|| cannot_be_extended(policy, &why, help))
}

/// The finding that no rules for previews can be added to a policy. `why` follows its name.
fn cannot_be_extended(policy: &Policy<'_>, why: &str, help: &str) -> Diagnostic {
    let message = format!("{} {why}", policy.object.id);
    let finding = Diagnostic::new(&code::POLICY_UNLIKE, message, help);
    finding.at(policy.object.place(), "cannot be extended")
}

/// The finding about a policy with the action CUSTOM: a program outside of the mesh decides, and its answers for previews
/// are not known.
pub(super) fn decided_outside(
    context: &PolicyContext<'_>,
    policy: &Policy<'_>,
) -> Option<Diagnostic> {
    let object = policy.object;
    let provider = object.node.text_at(&["spec", "provider", "name"]).unwrap_or("its provider");
    let id = &object.id;
    if policy.site == Site::Baseline && context.applies_to_copies(object) {
        let message = format!(
            "{id} lets `{provider}` decide about calls of what previews copy, and a copy has another name and another \
             namespace"
        );
        let help = format!(
            "let `{provider}` decide about previews too, and move the policy to Istio's root namespace, where it holds \
             for copies as it is; or change only services that it does not select"
        );
        let finding = Diagnostic::new(&code::POLICY_UNLIKE, message, help);
        return Some(finding.at(object.place(), "decided outside of the mesh"));
    }
    if policy.site == Site::Elsewhere || context.workloads_reached_by(object).is_empty() {
        return None;
    }
    let message = format!("{id} lets `{provider}` decide about calls of previews");
    let help = format!(
        "see that `{provider}` answers callers of `{}` as it answers those of the baseline",
        context
            .homes
            .iter()
            .map(|home| home.preview_pattern.as_str())
            .collect::<Vec<_>>()
            .join("`, `")
    );
    let finding = Diagnostic::new(&code::POLICY_ELSEWHERE, message, help);
    Some(finding.at(object.place(), "decided outside of the mesh"))
}
