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

use std::collections::{BTreeMap, BTreeSet};

use self::clauses::{Caller, Clauses};
use self::rules::{Maker, Unsayable};
use super::Treated;
use super::estate::{Account, Estate, Site};
use crate::diagnostic::Report;
use crate::kube::Object;
use crate::yaml::Node;

/// The API group.
pub(super) const GROUP: &str = "security.istio.io";
pub(super) const KIND: &str = "AuthorizationPolicy";

/// An account that no input names, for what is said of all others.
const STRANGER: &str = "\0stranger";

/// What a rule asks for besides the caller, by each of its clauses that mean the caller.
type Asked = BTreeSet<usize>;

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
    /// The accounts that it tells from others, unless that may be any.
    named: Option<BTreeSet<&'p str>>,
}

/// Says what becomes of an AuthorizationPolicy.
pub(super) fn treat(estate: &Estate<'_>, object: &Object, report: &mut Report) -> Treated {
    let rules = object.node.at(&["spec", "rules"]).map(Node::items).unwrap_or_default();
    let clauses = Clauses::of(rules, &object.id.namespace);
    let mut trusts = clauses.trusts();
    trusts.insert("cluster.local".to_owned());
    let (action, site) = (Action::of(object), estate.site(object));
    let named = clauses.named_accounts();
    let policy = Policy { object, action, site, rules, clauses, trusts, named };
    if action == Action::Custom {
        report.extend(says::decided_outside(estate, &policy));
        return Treated::default();
    }
    let mut treated = policy.treat(estate, report).unwrap_or_else(|unsayable| {
        report.push(says::unsayable(&policy, &unsayable));
        Treated { is_refused: true, ..Treated::default() }
    });
    let made = treated.copy.iter().chain(&treated.sibling);
    if let Some(finding) = made.filter_map(|spec| says::too_many(&policy, spec)).next() {
        report.push(finding);
        treated.is_refused = true;
    }
    treated
}

impl Policy<'_> {
    fn treat(&self, estate: &Estate<'_>, report: &mut Report) -> Result<Treated, Unsayable> {
        let copy = match estate.copies(self.object) {
            true => Some(self.with_rules(self.rewritten(estate, true)?)),
            false => None,
        };
        let mut treated = Treated { copy, ..Treated::default() };
        if Self::is_dry(self.object) {
            return Ok(treated);
        }
        let all: Vec<Account<'_, '_>> = estate.copied_accounts().collect();
        // A copy that calls its own original is not let in, and kept out all the same: nothing holds it to its preview.
        let others = match self.site {
            Site::Home => estate.callers(self.object),
            Site::Root | Site::Elsewhere => all.clone(),
        };
        let (of_lacks, of_exceeds) = match self.action {
            Action::Deny => (&all, &others),
            Action::Allow | Action::Audit | Action::Custom => (&others, &all),
        };
        let lacks =
            self.those(of_lacks, &|original, preview| self.clauses.says_more_of(original, preview));
        let exceeds = self
            .those(of_exceeds, &|original, preview| self.clauses.says_more_of(preview, original));
        let (is_ours, is_noted) = (self.site == Site::Home, self.action == Action::Audit);
        let is_unlike = !exceeds.is_empty() || !lacks.is_empty() && !is_ours;
        if is_unlike && !is_noted {
            let rules = self.with_rules(self.rewritten(estate, false)?);
            report.push(says::unlike(self, &lacks, &exceeds, &rules));
            treated.is_refused = true;
        } else if !lacks.is_empty() && is_ours {
            treated.sibling = Some(self.with_rules(self.added(estate)?));
        }
        Ok(treated)
    }

    /// Whether Istio only notes what a policy would do.
    fn is_dry(policy: &Object) -> bool {
        policy.annotation("istio.io/dry-run") == Some("true")
    }

    /// The accounts of which something holds. Those that the policy does not tell apart are asked for together.
    fn those<'e>(
        &self,
        accounts: &[Account<'_, 'e>],
        holds: &dyn Fn(&Caller<'_>, &Caller<'_>) -> bool,
    ) -> BTreeSet<&'e str> {
        let is_named = |account: &str| self.named.as_ref().is_none_or(|all| all.contains(account));
        let mut of_others: BTreeMap<&str, bool> = BTreeMap::new();
        let mut found = BTreeSet::new();
        for &(home, account) in accounts {
            let differs = match is_named(account) {
                true => self.differs((home, account), holds),
                false => *of_others
                    .entry(home.namespace)
                    .or_insert_with(|| self.differs((home, STRANGER), holds)),
            };
            found.extend(differs.then_some(account));
        }
        found
    }

    /// Whether something holds of an account as a caller of the baseline and as one of a preview.
    fn differs(
        &self,
        (home, account): Account<'_, '_>,
        holds: &dyn Fn(&Caller<'_>, &Caller<'_>) -> bool,
    ) -> bool {
        let preview = home.any_preview();
        self.trusts.iter().any(|trust| {
            let original = Caller::new(trust, home.namespace, account);
            holds(&original, &Caller::new(trust, &preview, account))
        })
    }

    /// Whether what a rule by itself says of some original and of its copies differs, in this way.
    fn rule_differs(
        &self,
        estate: &Estate<'_>,
        rule: usize,
        differs: fn(&Asked, &Asked) -> bool,
    ) -> bool {
        let holds = |original: &Caller<'_>, preview: &Caller<'_>| {
            let says = |caller: &Caller<'_>| self.clauses.rule_says(rule, caller);
            differs(&says(original), &says(preview))
        };
        // Other accounts than those that it names itself a rule does not tell apart.
        let named = Clauses::of(&self.rules[rule..=rule], &self.object.id.namespace);
        let named = named.named_accounts();
        estate.homes.iter().any(|home| {
            let differs = |account: &str| self.differs((home, account), &holds);
            differs(STRANGER)
                || match &named {
                    Some(named) => named.iter().any(|account| differs(account)),
                    None => home.accounts.keys().any(|account| differs(account)),
                }
        })
    }

    /// The rules of a policy that says of previews what this one says of the baseline.
    fn rewritten(&self, estate: &Estate<'_>, moves: bool) -> Result<Vec<Node>, Unsayable> {
        let mut all = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let is_wide =
                self.rule_differs(estate, index, |original, preview| !preview.is_subset(original));
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
            if self.rule_differs(estate, index, |original, preview| !original.is_subset(preview)) {
                all.extend(self.for_previews(estate, rule)?);
            }
        }
        Ok(all)
    }

    fn for_previews(&self, estate: &Estate<'_>, rule: &Node) -> Result<Vec<Node>, Unsayable> {
        let mut all = Vec::new();
        for home in &estate.homes {
            let namespace = &self.object.id.namespace;
            let homes = &estate.homes;
            all.extend(Maker { namespace, home, homes }.for_previews(rule)?);
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
