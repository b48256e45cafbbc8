//! Evaluates AuthorizationPolicies for one call, as Istio does.
//!
//! This is a second implementation on purpose: it shares no code with `plan/policies`, whose results it checks.
//! See <https://istio.io/latest/docs/concepts/security/#implicit-enablement>.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use super::values::{is_account, is_glob, is_principal, is_template, is_value};
use crate::kube::Object;
use crate::limits::Counter;
use crate::yaml::Node;

/// A policy that applies to a workload, with the rules that it has there.
#[derive(Debug, Clone, Copy)]
pub(super) struct AppliedPolicy<'p> {
    /// The policy of the input that the rules come from.
    pub(super) policy: &'p Object,
    /// The namespace that the rules are in.
    pub(super) namespace: &'p str,
    pub(super) rules: &'p [Node],
}

/// A caller; `None` if it calls in plain text and so has no identity.
pub(super) type Caller<'c> = Option<&'c Identity<'c>>;

/// The identity of a caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity<'c> {
    pub(super) namespace: &'c str,
    pub(super) account: &'c str,
    pub(super) principal: String,
}

impl<'c> Identity<'c> {
    /// A service account of a namespace, in a trust domain.
    pub(super) fn new(trust: &str, namespace: &'c str, account: &'c str) -> Self {
        Self { namespace, account, principal: format!("{trust}/ns/{namespace}/sa/{account}") }
    }

    fn trust_domain(&self) -> &str {
        self.principal.split('/').next().unwrap_or_default()
    }
}

/// A call without its caller: host, method, path, port, and the attributes that conditions name, by key.
pub(super) type Call = BTreeMap<String, String>;

pub(super) const HOST: &str = "host";
pub(super) const METHOD: &str = "method";
pub(super) const PATH: &str = "path";
pub(super) const PORT: &str = "destination.port";

/// A field, its opposite, and the key of the attribute that both match.
type Field = (&'static str, &'static str, &'static str);

/// The fields of an operation.
const OPERATION: [Field; 4] = [
    ("hosts", "notHosts", HOST),
    ("methods", "notMethods", METHOD),
    ("paths", "notPaths", PATH),
    ("ports", "notPorts", PORT),
];

/// The fields of a source that do not match the identity of the caller.
const REQUEST: [Field; 3] = [
    ("requestPrincipals", "notRequestPrincipals", "request.auth.principal"),
    ("ipBlocks", "notIpBlocks", "source.ip"),
    ("remoteIpBlocks", "notRemoteIpBlocks", "remote.ip"),
];

/// The fields of a source that match the identity of the caller.
const IDENTITY: [Field; 4] = [
    ("principals", "notPrincipals", PRINCIPAL),
    ("namespaces", "notNamespaces", NAMESPACE),
    ("serviceAccounts", "notServiceAccounts", ACCOUNT),
    ("trustDomains", "notTrustDomains", TRUST_DOMAIN),
];

const PRINCIPAL: &str = "source.principal";
const NAMESPACE: &str = "source.namespace";
const ACCOUNT: &str = "source.serviceAccount";
/// A key of our own. No condition has it.
const TRUST_DOMAIN: &str = "trust domain";

/// Whether a condition with this key matches the identity of the caller.
pub(super) fn is_identity(key: &str) -> bool {
    matches!(key, PRINCIPAL | NAMESPACE | ACCOUNT)
}

/// Patterns for one attribute: one of `any` has to match, if there are any, and none of `not`.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct FieldMatch<'p> {
    pub(super) key: &'p str,
    pub(super) any: Vec<&'p str>,
    pub(super) not: Vec<&'p str>,
    size: PatternSize,
}

/// How much work it is to compare some patterns with a value, in comparisons of short texts.
#[derive(Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
struct PatternSize {
    fixed: usize,
    /// For each byte of the value. Path templates are tried at every byte.
    each_byte: usize,
}

impl PatternSize {
    fn of<'p>(key: &str, patterns: impl Iterator<Item = &'p &'p str>) -> Self {
        patterns.fold(Self::default(), |mut size, pattern| {
            size.fixed += 1 + pattern.len() / 64;
            if is_template(key, pattern) {
                size.each_byte += 1 + pattern.len() / 64;
            }
            size
        })
    }
}

impl<'p> FieldMatch<'p> {
    /// The patterns of these fields that a node has.
    fn all(node: Option<&'p Node>, fields: &[Field]) -> Vec<Self> {
        let Some(node) = node else { return Vec::new() };
        let matches = fields.iter().map(|&(field, not, key)| {
            let [any, not] = [field, not].map(|list| texts(node, list).collect());
            Self::new(key, any, not)
        });
        matches.filter(|one: &Self| !one.any.is_empty() || !one.not.is_empty()).collect()
    }

    fn of_condition(condition: &'p Node) -> Self {
        let [any, not] = ["values", "notValues"].map(|list| texts(condition, list).collect());
        Self::new(condition.text_at(&["key"]).unwrap_or_default(), any, not)
    }

    fn new(key: &'p str, any: Vec<&'p str>, not: Vec<&'p str>) -> Self {
        let size = PatternSize::of(key, any.iter().chain(&not));
        Self { key, any, not, size }
    }

    fn matches(&self, is_match: impl Fn(&str) -> bool) -> bool {
        (self.any.is_empty() || self.any.iter().any(|pattern| is_match(pattern)))
            && !self.not.iter().any(|pattern| is_match(pattern))
    }

    /// Adds its comparisons to `compared`.
    fn matches_call(&self, call: &Call, compared: &mut usize) -> bool {
        let value = call.get(self.key);
        *compared += 1 + self.size.fixed + self.size.each_byte * value.map_or(0, String::len);
        self.matches(|pattern| value.is_some_and(|value| is_value(self.key, pattern, value)))
    }
}

/// What enforces policies, and so which attributes of a call they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Enforcer {
    /// A proxy that reads requests: a sidecar or a waypoint.
    Proxy,
    /// The ztunnel of a node, which sees connections only. For it a rule with attributes of requests never matches if
    /// the policy allows, and matches without these attributes if the policy denies.
    /// See <https://istio.io/latest/docs/ambient/usage/l4-policy/>.
    Ztunnel,
}

/// Whether an attribute belongs to the connection and not to a request.
fn is_of_connection(key: &str) -> bool {
    matches!(key, PORT | "source.ip" | "destination.ip")
}

/// Removes the fields that an enforcer does not see. Returns whether it sees all of them.
fn keep_seen(fields: &mut Vec<FieldMatch<'_>>, enforcer: Enforcer) -> bool {
    let all = fields.len();
    fields.retain(|one| enforcer == Enforcer::Proxy || is_of_connection(one.key));
    fields.len() == all
}

/// What all clauses of a rule require of a call.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct RuleRequirement<'p> {
    /// The conditions. All have to match.
    conditions: Vec<FieldMatch<'p>>,
    /// The operations. One of them has to match, if there are any.
    operations: Vec<Vec<FieldMatch<'p>>>,
}

impl<'p> RuleRequirement<'p> {
    /// The requirement as an enforcer sees it, and whether it sees all of it.
    fn of(rule: &'p Node, enforcer: Enforcer) -> (Self, bool) {
        let conditions = rule.items_at(&["when"]).iter().map(FieldMatch::of_condition);
        let mut conditions: Vec<_> = conditions.filter(|one| !is_identity(one.key)).collect();
        let operations = rule.items_at(&["to"]).iter();
        let operations = operations.map(|to| FieldMatch::all(to.get("operation"), &OPERATION));
        let mut operations: Vec<_> = operations.collect();
        let mut sees_all = keep_seen(&mut conditions, enforcer);
        for operation in &mut operations {
            sees_all &= keep_seen(operation, enforcer);
        }
        (Self { conditions, operations }, sees_all)
    }
}

/// What a clause requires of a call besides its caller.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Requirement<'p> {
    /// The number of what its rule requires.
    rule: usize,
    /// The fields of the source. All have to match.
    source: Vec<FieldMatch<'p>>,
}

/// Values, each once and with a number.
#[derive(Debug)]
struct Numbered<T> {
    numbers: BTreeMap<Arc<T>, usize>,
    all: Vec<Arc<T>>,
}

impl<T: Ord> Numbered<T> {
    const fn new() -> Self {
        Self { numbers: BTreeMap::new(), all: Vec::new() }
    }

    fn number(&mut self, value: T) -> usize {
        if let Some(&known) = self.numbers.get(&value) {
            return known;
        }
        let value = Arc::new(value);
        self.all.push(value.clone());
        *self.numbers.entry(value).or_insert(self.all.len() - 1)
    }
}

/// The requirements of clauses, each once and with a number.
#[derive(Debug)]
pub(super) struct Requirements<'p> {
    rules: Numbered<RuleRequirement<'p>>,
    all: Numbered<Requirement<'p>>,
    /// Counts what is compared.
    pub(super) comparisons: &'p Counter,
}

impl<'p> Requirements<'p> {
    pub(super) const fn new(comparisons: &'p Counter) -> Self {
        Self { rules: Numbered::new(), all: Numbered::new(), comparisons }
    }

    fn rule(&self, number: usize) -> &RuleRequirement<'p> {
        &self.rules.all[self.all.all[number].rule]
    }

    /// The conditions and the fields of the source in the requirement with a number.
    pub(super) fn conditions(&self, number: usize) -> impl Iterator<Item = &FieldMatch<'p>> {
        self.rule(number).conditions.iter().chain(&self.all.all[number].source)
    }

    /// The operations in the requirement with a number.
    pub(super) fn operations(&self, number: usize) -> &[Vec<FieldMatch<'p>>] {
        &self.rule(number).operations
    }

    /// Whether a call fulfils the requirement with a number. Adds the comparisons to `compared`.
    pub(super) fn match_call(&self, number: usize, call: &Call, compared: &mut usize) -> bool {
        let operations = self.operations(number);
        self.conditions(number).all(|one| one.matches_call(call, compared))
            && (operations.is_empty()
                || operations
                    .iter()
                    .any(|fields| fields.iter().all(|one| one.matches_call(call, compared))))
    }
}

/// One source of one rule, with the rule's operations and conditions.
#[derive(Debug)]
struct Clause<'p> {
    policy: &'p Object,
    /// The namespace that the rule is in.
    namespace: &'p str,
    /// What the source requires of the caller.
    source: Vec<FieldMatch<'p>>,
    /// What the conditions of the rule require of the caller.
    conditions: Arc<Vec<FieldMatch<'p>>>,
    /// The number of what it requires besides the caller.
    requirement: usize,
}

impl<'p> Clause<'p> {
    /// The fields that match the caller.
    fn identity(&self) -> impl Iterator<Item = &FieldMatch<'p>> {
        self.source.iter().chain(self.conditions.iter())
    }

    fn matches(&self, caller: Caller<'_>) -> bool {
        self.identity().all(|field| {
            field.matches(|pattern| match field.key {
                PRINCIPAL => is_principal(pattern, caller),
                NAMESPACE => caller.is_some_and(|caller| is_glob(pattern, caller.namespace)),
                TRUST_DOMAIN => {
                    caller.is_some_and(|caller| is_glob(pattern, caller.trust_domain()))
                }
                _ => is_account(self.namespace, pattern, caller),
            })
        })
    }
}

/// The clauses of the policies that apply to a workload.
#[derive(Debug)]
pub(super) struct Clauses<'p> {
    denying: Vec<Clause<'p>>,
    allowing: Vec<Clause<'p>>,
    /// The first policy with the action ALLOW. Without any, everything is allowed that is not denied.
    first_allow: Option<&'p Object>,
    /// How many patterns each caller is compared with, and what counts them.
    size: usize,
    comparisons: &'p Counter,
}

impl<'p> Clauses<'p> {
    pub(super) fn of(
        policies: &[AppliedPolicy<'p>],
        enforcer: Enforcer,
        requirements: &mut Requirements<'p>,
    ) -> Self {
        let (denying, allowing) = (Vec::new(), Vec::new());
        let comparisons = requirements.comparisons;
        let mut all = Self { denying, allowing, first_allow: None, size: 0, comparisons };
        for one in policies {
            let (clauses, allows) = match one.policy.node.text_at(&["spec", "action"]) {
                Some("DENY") => (&mut all.denying, false),
                None | Some("ALLOW") => {
                    all.first_allow.get_or_insert(one.policy);
                    (&mut all.allowing, true)
                }
                _ => continue,
            };
            for rule in one.rules {
                clauses.extend(clauses_of(one, rule, (enforcer, allows), requirements));
            }
        }
        let fields = all.denying.iter().chain(&all.allowing).flat_map(Clause::identity);
        all.size = fields.map(|one| one.size.fixed).sum();
        all
    }

    /// The clauses that match a caller.
    pub(super) fn for_caller(&self, caller: Caller<'_>) -> CallerRules<'p> {
        let is_counted = self.comparisons.count(self.size);
        let matching = |clauses: &[Clause<'p>]| {
            if !is_counted {
                return Vec::new();
            }
            let mut seen = BTreeSet::new();
            let matching = clauses.iter().filter(|clause| clause.matches(caller));
            let matching = matching.map(|clause| (clause.requirement, clause.policy));
            matching.filter(|(requirement, _)| seen.insert(*requirement)).collect()
        };
        CallerRules {
            denies: matching(&self.denying),
            allows: matching(&self.allowing),
            first_allow: self.first_allow,
        }
    }
}

/// The clauses of a rule, one for each of its sources. A clause that never matches where the enforcer is is left out.
fn clauses_of<'p>(
    &AppliedPolicy { policy, namespace, .. }: &AppliedPolicy<'p>,
    rule: &'p Node,
    (enforcer, allows): (Enforcer, bool),
    requirements: &mut Requirements<'p>,
) -> Vec<Clause<'p>> {
    let conditions = rule.items_at(&["when"]).iter().map(FieldMatch::of_condition);
    let conditions = Arc::new(conditions.filter(|one| is_identity(one.key)).collect());
    let (of_rule, sees_rule) = RuleRequirement::of(rule, enforcer);
    let of_rule = requirements.rules.number(of_rule);
    let from = rule.items_at(&["from"]);
    let sources = from.iter().map(|from| from.get("source"));
    let all = sources.chain(from.is_empty().then_some(None)).filter_map(|source| {
        let mut of_source = FieldMatch::all(source, &REQUEST);
        let sees_all = keep_seen(&mut of_source, enforcer) && sees_rule;
        if allows && !sees_all {
            return None;
        }
        let requirement = Requirement { rule: of_rule, source: of_source };
        let requirement = requirements.all.number(requirement);
        let (source, conditions) = (FieldMatch::all(source, &IDENTITY), Arc::clone(&conditions));
        Some(Clause { policy, namespace, source, conditions, requirement })
    });
    all.collect()
}

/// The clauses that match one caller: the number of each requirement, with the first policy that has it.
#[derive(Debug)]
pub(super) struct CallerRules<'p> {
    denies: Vec<(usize, &'p Object)>,
    allows: Vec<(usize, &'p Object)>,
    /// The first policy with the action ALLOW, as in [`Clauses`].
    first_allow: Option<&'p Object>,
}

impl<'p> CallerRules<'p> {
    /// The numbers of all requirements.
    pub(super) fn requirements(&self) -> impl Iterator<Item = usize> {
        self.denies.iter().chain(&self.allows).map(|(requirement, _)| *requirement)
    }

    /// Cache key: callers of the same [`Clauses`] with equal keys get the same decision about every call.
    pub(super) fn key(&self) -> [Vec<(usize, usize)>; 2] {
        [&self.denies, &self.allows]
            .map(|rules| rules.iter().map(|(number, policy)| (*number, policy.number)).collect())
    }

    /// Whether everything is allowed that is not denied.
    pub(super) fn allows_by_default(&self) -> bool {
        self.first_allow.is_none()
    }

    /// Requirements by which only one of the two callers is denied or allowed. A call that fulfils none of them is
    /// treated alike for both, if both or none [allow by default](Self::allows_by_default).
    pub(super) fn differences(&self, other: &Self) -> BTreeSet<usize> {
        let numbers = |rules: &[(usize, &Object)]| -> BTreeSet<usize> {
            rules.iter().map(|(requirement, _)| *requirement).collect()
        };
        let [denies, allows] = [(&self.denies, &other.denies), (&self.allows, &other.allows)]
            .map(|(one, other)| &numbers(one) ^ &numbers(other));
        &denies | &allows
    }

    /// Decides about a call. Adds the comparisons to `compared`.
    pub(super) fn decide(
        &self,
        requirements: &Requirements<'p>,
        call: &Call,
        compared: &mut usize,
    ) -> Decision<'p> {
        let mut first = |rules: &[(usize, &'p Object)]| {
            let mut rules = rules.iter();
            let mut matches = |number: usize| requirements.match_call(number, call, compared);
            rules.find(|(number, _)| matches(*number)).map(|(_, one)| *one)
        };
        if let Some(policy) = first(&self.denies) {
            return Decision { is_allowed: false, by: Some(policy) };
        }
        let allows = first(&self.allows);
        let is_allowed = self.first_allow.is_none() || allows.is_some();
        Decision { is_allowed, by: allows.or(self.first_allow) }
    }
}

/// Whether a call is allowed, and the policy that decides.
#[derive(Debug)]
pub(super) struct Decision<'p> {
    pub(super) is_allowed: bool,
    pub(super) by: Option<&'p Object>,
}

/// The texts of a list.
pub(super) fn texts<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n str> + use<'n> {
    node.items_at(&[key]).iter().filter_map(Node::text)
}
