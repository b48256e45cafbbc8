//! AuthorizationPolicies: copies may call, and be called, exactly as their originals.
//!
//! A copy runs as the service account of its original, in another namespace. So a policy that names namespaces,
//! principals or service accounts of the baseline does not match the copy. This module makes up for it:
//! - Beside a policy of the baseline a sibling is added, with rules that match the callers of previews.
//! - In the copy of a policy both sorts of rules stand together.
//!
//! Added rules can only widen what a policy matches. If a policy matches callers of previews and not their originals,
//! it is refused, and the message shows the rules that it needs.
//! See <https://istio.io/latest/docs/reference/config/security/authorization-policy/>.

mod clauses;
mod findings;
mod policy_set;
mod principal;
mod rules;

pub(super) use self::policy_set::{Access, PolicySet};

use std::collections::{BTreeMap, BTreeSet};

use self::clauses::{Caller, Clauses};
use self::rules::{Inexpressible, RuleWriter};
use super::Treatment;
use super::context::{BaselineAccount, PolicyContext, Site};
use crate::diagnostic::Report;
use crate::kube::Object;
use crate::yaml::Node;

pub(super) const GROUP: &str = "security.istio.io";
pub(super) const KIND: &str = "AuthorizationPolicy";

/// A service account that no policy names. It stands for all such accounts.
const UNNAMED: &str = "\0unnamed";

/// The numbers of the clauses of a rule that match a caller.
type Requests = BTreeSet<usize>;

/// The action of an AuthorizationPolicy.
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

/// A policy of the input.
struct Policy<'p> {
    object: &'p Object,
    action: Action,
    site: Site,
    rules: &'p [Node],
    clauses: Clauses<'p>,
    /// The trust domains to try callers with.
    trust_domains: BTreeSet<String>,
    /// The service accounts that it may treat unlike others of their namespace; `None` if that may be any.
    named: Option<BTreeSet<&'p str>>,
}

/// The rules of a policy.
fn rules_of(policy: &Object) -> &[Node] {
    policy.node.items_at(&["spec", "rules"])
}

/// Whether Istio only logs what a policy would do.
fn is_dry_run(policy: &Object) -> bool {
    policy.annotation("istio.io/dry-run") == Some("true")
}

/// Decides what becomes of an AuthorizationPolicy.
pub(super) fn treat(
    context: &PolicyContext<'_>,
    object: &Object,
    report: &mut Report,
) -> Treatment {
    let rules = rules_of(object);
    let clauses = Clauses::of(rules, &object.id.namespace);
    let mut trust_domains = clauses.trust_domains();
    trust_domains.insert("cluster.local".to_owned());
    let (action, site) = (Action::of(object), context.site(object));
    let named = clauses.named_accounts();
    let policy = Policy { object, action, site, rules, clauses, trust_domains, named };
    if action == Action::Custom {
        report.extend(findings::decided_outside(context, &policy));
        return Treatment::default();
    }
    if let Some(finding) = findings::too_many_trust_domains(&policy) {
        report.push(finding);
        return Treatment { is_refused: true, ..Treatment::default() };
    }
    let mut treatment = policy.treat(context, report).unwrap_or_else(|inexpressible| {
        report.push(findings::inexpressible(&policy, &inexpressible));
        Treatment { is_refused: true, ..Treatment::default() }
    });
    let mut specs = treatment.copy.iter().chain(&treatment.sibling);
    if let Some(finding) = specs.find_map(|spec| findings::too_many(&policy, spec)) {
        report.push(finding);
        treatment.is_refused = true;
    }
    treatment
}

impl Policy<'_> {
    fn treat(
        &self,
        context: &PolicyContext<'_>,
        report: &mut Report,
    ) -> Result<Treatment, Inexpressible> {
        let copy = match context.copies(self.object) {
            true => Some(self.with_rules(self.rules_of_copy(context)?)),
            false => None,
        };
        let mut treatment = Treatment { copy, ..Treatment::default() };
        if is_dry_run(self.object) {
            return Ok(treatment);
        }
        let all: Vec<BaselineAccount<'_, '_>> = context.copied_accounts().collect();
        // Copies call themselves and never their originals, so they need not be allowed to. But nothing stops them
        // from trying, so they are denied what their originals are denied.
        let callers = match self.site {
            Site::Baseline => context.callers(self.object),
            Site::Root | Site::Elsewhere => all.clone(),
        };
        let (may_lack, may_exceed) = match self.action {
            Action::Deny => (&all, &callers),
            Action::Allow | Action::Audit | Action::Custom => (&callers, &all),
        };
        // Accounts of originals that the policy matches in more requests than their copies, and the reverse.
        let lacks = self.accounts_where(may_lack, &|original, preview| {
            self.clauses.match_more_of(original, preview)
        });
        let exceeds = self.accounts_where(may_exceed, &|original, preview| {
            self.clauses.match_more_of(preview, original)
        });
        let may_add = self.site == Site::Baseline;
        let is_unlike = !exceeds.is_empty() || !lacks.is_empty() && !may_add;
        if is_unlike && self.action != Action::Audit {
            let rules = self.with_rules(self.rewritten_rules(context)?);
            report.push(findings::unlike(self, &lacks, &exceeds, &rules));
            treatment.is_refused = true;
        } else if !lacks.is_empty() && may_add {
            treatment.sibling = Some(self.with_rules(self.added_rules(context)?));
        }
        Ok(treatment)
    }

    /// The accounts for which `differs` holds. The policy treats all unnamed accounts of a namespace alike, so one
    /// stands for all.
    fn accounts_where<'c>(
        &self,
        accounts: &[BaselineAccount<'_, 'c>],
        differs: &dyn Fn(&Caller<'_>, &Caller<'_>) -> bool,
    ) -> BTreeSet<&'c str> {
        let is_named = |account: &str| self.named.as_ref().is_none_or(|all| all.contains(account));
        let mut of_unnamed: BTreeMap<&str, bool> = BTreeMap::new();
        let does_differ = |&&(home, account): &&BaselineAccount<'_, 'c>| match is_named(account) {
            true => self.any_trust_domain((home, account), differs),
            false => *of_unnamed
                .entry(home.namespace)
                .or_insert_with(|| self.any_trust_domain((home, UNNAMED), differs)),
        };
        accounts.iter().filter(does_differ).map(|(_, account)| *account).collect()
    }

    /// Whether `differs` holds, in some trust domain, for an account in the baseline and the same in a preview.
    fn any_trust_domain(
        &self,
        (home, account): BaselineAccount<'_, '_>,
        differs: &dyn Fn(&Caller<'_>, &Caller<'_>) -> bool,
    ) -> bool {
        let preview = home.unnamed_preview();
        self.trust_domains.iter().any(|trust| {
            let original = Caller::new(trust, home.namespace, account);
            differs(&original, &Caller::new(trust, &preview, account))
        })
    }

    /// Whether `differs` holds for what a rule matches of some account in the baseline and of the same in a preview.
    fn rule_differs(
        &self,
        context: &PolicyContext<'_>,
        rule: usize,
        differs: fn(&Requests, &Requests) -> bool,
    ) -> bool {
        let requests_differ = |original: &Caller<'_>, preview: &Caller<'_>| {
            let requests_of = |caller: &Caller<'_>| self.clauses.requests_of_rule(rule, caller);
            differs(&requests_of(original), &requests_of(preview))
        };
        let clauses = Clauses::of(&self.rules[rule..=rule], &self.object.id.namespace);
        let named = clauses.named_accounts();
        context.homes.iter().any(|home| {
            let differs = |account: &str| self.any_trust_domain((home, account), &requests_differ);
            differs(UNNAMED)
                || match &named {
                    Some(named) => named.iter().any(|account| differs(account)),
                    None => home.accounts.keys().any(|account| differs(account)),
                }
        })
    }

    /// The rules of the policy, changed so that they treat previews as the baseline.
    fn rewritten_rules(&self, context: &PolicyContext<'_>) -> Result<Vec<Node>, Inexpressible> {
        let mut rewritten = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            let exceeds =
                self.rule_differs(context, index, |original, preview| !preview.is_subset(original));
            rewritten.push(match exceeds {
                true => rules::except_previews(rule, &context.homes, &self.object.id.namespace),
                false => rule.clone(),
            });
            if self.rule_differs(context, index, |original, preview| original != preview) {
                rewritten.extend(self.rules_for_previews(context, rule)?);
            }
        }
        Ok(rewritten)
    }

    /// The rules of a copy. The namespace of the policy is written out, because the copy is in another one.
    fn rules_of_copy(&self, context: &PolicyContext<'_>) -> Result<Vec<Node>, Inexpressible> {
        let mut rules = self.rewritten_rules(context)?;
        for rule in &mut rules {
            rules::qualify_accounts(rule, &self.object.id.namespace);
        }
        Ok(rules)
    }

    /// The rules of the sibling.
    fn added_rules(&self, context: &PolicyContext<'_>) -> Result<Vec<Node>, Inexpressible> {
        let mut added = Vec::new();
        for (index, rule) in self.rules.iter().enumerate() {
            if self.rule_differs(context, index, |original, preview| !original.is_subset(preview)) {
                added.extend(self.rules_for_previews(context, rule)?);
            }
        }
        Ok(added)
    }

    fn rules_for_previews(
        &self,
        context: &PolicyContext<'_>,
        rule: &Node,
    ) -> Result<Vec<Node>, Inexpressible> {
        let (namespace, homes) = (self.object.id.namespace.as_str(), context.homes.as_slice());
        let mut rules = Vec::new();
        for home in homes {
            rules.extend(RuleWriter { namespace, home, homes }.for_previews(rule)?);
        }
        Ok(rules)
    }

    /// The policy's spec with other rules.
    fn with_rules(&self, rules: Vec<Node>) -> Node {
        let mut spec = self.object.node.get("spec").cloned().unwrap_or_default();
        // A policy without rules keeps its spec as it is written: `rules` may be empty or absent.
        if !rules.is_empty() {
            spec.set("rules", Node::list(rules));
        }
        spec
    }
}
