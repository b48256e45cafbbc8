//! AuthorizationPolicies: previews may do, and be asked, what their originals may.
//!
//! A copy has its original's account in another namespace, so whatever names the baseline's namespace, principals or
//! accounts no longer means it. Beside an original an added policy says of previews what it says of the baseline;
//! in a copy of a policy both stand in one. Added rules can give a policy more callers, and take none away: where
//! a policy means previews that it should not, it is refused with the rules that it needs.
//! See <https://istio.io/latest/docs/reference/config/security/authorization-policy/>.

mod clauses;
mod principal;
mod rules;
mod said;
mod says;

pub(super) use self::said::{Holds, Said};

use std::collections::BTreeSet;

use self::clauses::{Caller, Clauses};
use self::rules::{Maker, Unsayable};
use super::Treated;
use super::estate::{Estate, Site};
use crate::diagnostic::Report;
use crate::kube::Object;
use crate::yaml::Node;

/// The API group.
pub(super) const GROUP: &str = "security.istio.io";
pub(super) const KIND: &str = "AuthorizationPolicy";

/// An account that no input names, for what is said of all others.
const STRANGER: &str = "\0stranger";

/// What an AuthorizationPolicy does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Action {
    Allow,
    Deny,
    Audit,
    Custom,
}

impl Action {
    fn of(policy: &Object) -> Self {
        match policy.node.text_at(&["spec", "action"]) {
            Some("DENY") => Self::Deny,
            Some("AUDIT") => Self::Audit,
            Some("CUSTOM") => Self::Custom,
            _ => Self::Allow,
        }
    }
}

/// A policy of the input, and what it says.
struct Policy<'p> {
    object: &'p Object,
    action: Action,
    site: Site,
    rules: &'p [Node],
    clauses: Clauses<'p>,
    /// The trust domains that callers may have.
    trusts: BTreeSet<String>,
}

/// Says what becomes of an AuthorizationPolicy.
pub(super) fn treat(estate: &Estate<'_>, object: &Object, report: &mut Report) -> Treated {
    let rules = object.node.at(&["spec", "rules"]).map(Node::items).unwrap_or_default();
    let clauses = Clauses::of(rules, &object.id.namespace);
    let mut trusts = clauses.trusts();
    trusts.insert("cluster.local".to_owned());
    let (action, site) = (Action::of(object), estate.site(object));
    let policy = Policy { object, action, site, rules, clauses, trusts };
    if action == Action::Custom {
        report.extend(says::decided_outside(estate, &policy));
        return Treated::default();
    }
    policy.treat(estate, report).unwrap_or_else(|unsayable| {
        report.push(says::unsayable(&policy, &unsayable));
        Treated::default()
    })
}

impl Policy<'_> {
    fn treat(&self, estate: &Estate<'_>, report: &mut Report) -> Result<Treated, Unsayable> {
        let copy = match estate.copies(self.object) {
            true => Some(self.with_rules(self.rewritten(estate, true)?)),
            false => None,
        };
        let mut treated = Treated { copy, sibling: None };
        if Self::is_dry(self.object) {
            return Ok(treated);
        }
        let callers = match self.site {
            Site::Home => estate.callers(self.object),
            Site::Root | Site::Elsewhere => estate.copied_accounts.clone(),
        };
        let those = |holds: &dyn Fn(Caller<'_>, Caller<'_>) -> bool| -> BTreeSet<&str> {
            let differing = callers.iter().filter(|account| self.differs(estate, account, holds));
            differing.copied().collect()
        };
        let lacks = those(&|original, preview| self.clauses.says_more_of(original, preview));
        let exceeds = those(&|original, preview| self.clauses.says_more_of(preview, original));
        let (is_ours, is_noted) = (self.site == Site::Home, self.action == Action::Audit);
        let is_unlike = !exceeds.is_empty() || !lacks.is_empty() && !is_ours;
        if is_unlike && !is_noted {
            let rules = self.with_rules(self.rewritten(estate, false)?);
            report.push(says::unlike(self, &lacks, &exceeds, &rules));
        } else if !lacks.is_empty() && is_ours {
            treated.sibling = Some(self.with_rules(self.added(estate)?));
        }
        Ok(treated)
    }

    /// Whether Istio only notes what a policy would do.
    fn is_dry(policy: &Object) -> bool {
        policy.annotation("istio.io/dry-run") == Some("true")
    }

    /// Whether something holds of an account as a caller of the baseline and as one of a preview.
    fn differs(
        &self,
        estate: &Estate<'_>,
        account: &str,
        holds: &dyn Fn(Caller<'_>, Caller<'_>) -> bool,
    ) -> bool {
        estate.homes.iter().any(|home| {
            let preview = home.any_preview();
            self.trusts
                .iter()
                .any(|trust| holds([trust, home.namespace, account], [trust, &preview, account]))
        })
    }

    /// Whether a rule by itself means previews just where it means their originals; or where it does not.
    fn rule_differs(
        &self,
        estate: &Estate<'_>,
        rule: usize,
        differs: fn(bool, bool) -> bool,
    ) -> bool {
        let holds = |original: Caller<'_>, preview: Caller<'_>| {
            let means = |caller| self.clauses.rule_means(rule, caller);
            differs(means(original), means(preview))
        };
        let mut accounts = estate.accounts.keys().copied().chain([STRANGER]);
        accounts.any(|account| self.differs(estate, account, &holds))
    }

    /// The rules of a policy that says of previews what this one says of the baseline.
    fn rewritten(&self, estate: &Estate<'_>, moves: bool) -> Result<Vec<Node>, Unsayable> {
        let mut all = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let is_wide =
                self.rule_differs(estate, index, |original, preview| preview && !original);
            let kept = match is_wide {
                true => rules::but_previews(rule, &estate.homes, &self.object.id.namespace),
                false => rule.clone(),
            };
            all.push(if moves { rules::in_full(&kept, &self.object.id.namespace) } else { kept });
            if self.rule_differs(estate, index, |original, preview| original != preview) {
                all.extend(self.for_previews(estate, rule)?);
            }
        }
        Ok(all)
    }

    /// The rules that are added for previews.
    fn added(&self, estate: &Estate<'_>) -> Result<Vec<Node>, Unsayable> {
        let mut all = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if self.rule_differs(estate, index, |original, preview| original && !preview) {
                all.extend(self.for_previews(estate, rule)?);
            }
        }
        Ok(all)
    }

    fn for_previews(&self, estate: &Estate<'_>, rule: &Node) -> Result<Vec<Node>, Unsayable> {
        let mut all = Vec::new();
        for home in &estate.homes {
            let namespace = &self.object.id.namespace;
            all.extend(Maker { namespace, home, accounts: &estate.accounts }.for_previews(rule)?);
        }
        Ok(all)
    }

    /// The policy's spec with other rules.
    fn with_rules(&self, rules: Vec<Node>) -> Node {
        let mut spec = self.object.node.get("spec").cloned().unwrap_or_default();
        // Without rules a policy allows nothing, and says so in the words that it has.
        if !rules.is_empty() {
            spec.set("rules", Node::list(rules));
        }
        spec
    }
}
