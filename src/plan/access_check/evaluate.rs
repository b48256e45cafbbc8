//! Evaluates AuthorizationPolicies for one call, as Istio does.
//!
//! This is a second implementation on purpose: it shares no code with `plan/policies`, whose results it checks.
//! See <https://istio.io/latest/docs/concepts/security/#implicit-enablement>.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::kube::Object;
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
    principal: String,
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
}

impl<'p> FieldMatch<'p> {
    /// The patterns of these fields that a node has.
    fn all(node: Option<&'p Node>, fields: &[Field]) -> Vec<Self> {
        let Some(node) = node else { return Vec::new() };
        let matches = fields.iter().map(|&(field, not, key)| {
            let [any, not] = [field, not].map(|list| texts(node, list).collect());
            Self { key, any, not }
        });
        matches.filter(|one: &Self| !one.any.is_empty() || !one.not.is_empty()).collect()
    }

    fn of_condition(condition: &'p Node) -> Self {
        let [any, not] = ["values", "notValues"].map(|list| texts(condition, list).collect());
        Self { key: condition.text_at(&["key"]).unwrap_or_default(), any, not }
    }

    fn matches(&self, is_match: impl Fn(&str) -> bool) -> bool {
        (self.any.is_empty() || self.any.iter().any(|pattern| is_match(pattern)))
            && !self.not.iter().any(|pattern| is_match(pattern))
    }

    fn matches_call(&self, call: &Call) -> bool {
        let value = call.get(self.key);
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

/// What a clause requires of a call besides its caller.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Requirement<'p> {
    /// The conditions and the fields of the source. All have to match.
    pub(super) conditions: Vec<FieldMatch<'p>>,
    /// The operations. One of them has to match, if there are any.
    pub(super) operations: Vec<Vec<FieldMatch<'p>>>,
}

impl<'p> Requirement<'p> {
    fn of(rule: &'p Node, source: Option<&'p Node>) -> Self {
        let conditions = rule.items_at(&["when"]).iter().map(FieldMatch::of_condition);
        let mut conditions: Vec<_> = conditions.filter(|one| !is_identity(one.key)).collect();
        conditions.extend(FieldMatch::all(source, &REQUEST));
        let operations = rule.items_at(&["to"]).iter();
        let operations = operations.map(|to| FieldMatch::all(to.get("operation"), &OPERATION));
        Self { conditions, operations: operations.collect() }
    }

    /// The requirement as an enforcer sees it; `None` if its clause never matches there.
    fn seen_by(mut self, enforcer: Enforcer, allows: bool) -> Option<Self> {
        let mut all = self.conditions.iter().chain(self.operations.iter().flatten());
        if enforcer == Enforcer::Proxy || all.all(|one| is_of_connection(one.key)) {
            return Some(self);
        }
        self.conditions.retain(|one| is_of_connection(one.key));
        for operation in &mut self.operations {
            operation.retain(|one| is_of_connection(one.key));
        }
        (!allows).then_some(self)
    }

    fn matches(&self, call: &Call) -> bool {
        let all = |fields: &[FieldMatch<'_>]| fields.iter().all(|one| one.matches_call(call));
        all(&self.conditions)
            && (self.operations.is_empty() || self.operations.iter().any(|one| all(one)))
    }
}

/// The requirements of clauses, each once and with a number.
#[derive(Debug, Default)]
pub(super) struct Requirements<'p> {
    numbers: BTreeMap<Arc<Requirement<'p>>, usize>,
    all: Vec<Arc<Requirement<'p>>>,
}

impl<'p> Requirements<'p> {
    fn number(&mut self, requirement: Requirement<'p>) -> usize {
        if let Some(&known) = self.numbers.get(&requirement) {
            return known;
        }
        let requirement = Arc::new(requirement);
        self.all.push(requirement.clone());
        *self.numbers.entry(requirement).or_insert(self.all.len() - 1)
    }

    /// The requirement with a number.
    pub(super) fn get(&self, number: usize) -> &Requirement<'p> {
        &self.all[number]
    }

    /// Whether a call fulfils the requirement with a number.
    pub(super) fn match_call(&self, number: usize, call: &Call) -> bool {
        self.get(number).matches(call)
    }
}

/// One source of one rule, with the rule's operations and conditions.
#[derive(Debug)]
struct Clause<'p> {
    policy: &'p Object,
    /// The namespace that the rule is in.
    namespace: &'p str,
    identity: Vec<FieldMatch<'p>>,
    /// The number of what it requires besides the caller.
    requirement: usize,
}

impl Clause<'_> {
    fn matches(&self, caller: Caller<'_>) -> bool {
        self.identity.iter().all(|field| {
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
}

impl<'p> Clauses<'p> {
    pub(super) fn of(
        policies: &[AppliedPolicy<'p>],
        enforcer: Enforcer,
        requirements: &mut Requirements<'p>,
    ) -> Self {
        let mut all = Self { denying: Vec::new(), allowing: Vec::new(), first_allow: None };
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
                let mut sources: Vec<_> =
                    rule.items_at(&["from"]).iter().map(|from| from.get("source")).collect();
                if sources.is_empty() {
                    sources.push(None);
                }
                clauses.extend(sources.into_iter().filter_map(|source| {
                    let conditions = rule.items_at(&["when"]).iter().map(FieldMatch::of_condition);
                    let mut identity = FieldMatch::all(source, &IDENTITY);
                    identity.extend(conditions.filter(|one| is_identity(one.key)));
                    let requirement = Requirement::of(rule, source).seen_by(enforcer, allows)?;
                    let requirement = requirements.number(requirement);
                    let (policy, namespace) = (one.policy, one.namespace);
                    Some(Clause { policy, namespace, identity, requirement })
                }));
            }
        }
        all
    }

    /// The clauses that match a caller.
    pub(super) fn for_caller(&self, caller: Caller<'_>) -> CallerRules<'p> {
        let matching = |clauses: &[Clause<'p>]| {
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

    /// Decides about a call.
    pub(super) fn decide(&self, requirements: &Requirements<'p>, call: &Call) -> Decision<'p> {
        let first = |rules: &[(usize, &'p Object)]| {
            let mut rules = rules.iter();
            rules.find(|(number, _)| requirements.match_call(*number, call)).map(|(_, one)| *one)
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

fn is_value(key: &str, pattern: &str, value: &str) -> bool {
    match key {
        // The hosts of calls are in lower case.
        HOST => is_like(&pattern.to_ascii_lowercase(), value),
        PATH if pattern.contains('{') => is_path(pattern, value),
        PORT => pattern == value,
        "source.ip" | "remote.ip" | "destination.ip" => is_in_block(pattern, value),
        _ => is_like(pattern, value),
    }
}

/// Matches an exact text, a prefix (`x*`), a suffix (`*x`), or any text but the empty one (`*`).
fn is_like(pattern: &str, value: &str) -> bool {
    if pattern == "*" {
        return !value.is_empty();
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(suffix), _) => value.ends_with(suffix),
        (None, Some(prefix)) => value.starts_with(prefix),
        (None, None) => pattern == value,
    }
}

/// Matches a path template, with `{*}` for one segment and `{**}` for any number of segments.
fn is_path(pattern: &str, path: &str) -> bool {
    if let Some((before, after)) = pattern.split_once("{**}") {
        let Some(rest) = path.strip_prefix(before) else { return false };
        return (0..=rest.len())
            .filter(|&at| rest.is_char_boundary(at))
            .any(|at| is_path(after, &rest[at..]));
    }
    let (mut wanted, mut has) = (pattern.split('/'), path.split('/'));
    loop {
        match (wanted.next(), has.next()) {
            (None, None) => return true,
            (Some("{*}"), Some(segment)) if !segment.is_empty() => {}
            (Some(one), Some(other)) if one == other => {}
            _ => return false,
        }
    }
}

fn is_in_block(block: &str, address: &str) -> bool {
    let bits = |text: &str| -> Option<(u128, u32)> {
        Some(match text.parse().ok()? {
            IpAddr::V4(one) => (u128::from(u32::from(one)), 32),
            IpAddr::V6(one) => (u128::from(one), 128),
        })
    };
    let (base, length) =
        block.split_once('/').map_or((block, None), |(base, length)| (base, Some(length)));
    let (Some((base, width)), Some((address, other))) = (bits(base), bits(address)) else {
        return false;
    };
    let length = length.map_or(Some(width), |length| length.parse::<u32>().ok()).unwrap_or(width);
    let shift = width.saturating_sub(length);
    width == other
        && base.checked_shr(shift).unwrap_or(0) == address.checked_shr(shift).unwrap_or(0)
}

fn is_principal(pattern: &str, caller: Caller<'_>) -> bool {
    let Some(Identity { principal, .. }) = caller else { return false };
    // With all five parts, this trust domain stands for the mesh's own and its aliases.
    let of_mesh =
        pattern.strip_prefix("cluster.local/").filter(|rest| rest.matches('/').count() == 3);
    match (of_mesh, principal.split_once('/')) {
        (Some(pattern), Some((_, rest))) => is_like(pattern, rest),
        _ => is_like(pattern, principal),
    }
}

/// Matches a text with `*` anywhere, as for namespaces and trust domains.
fn is_glob(pattern: &str, text: &str) -> bool {
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == text };
    let Some(mut rest) = text.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn is_account(here: &str, pattern: &str, caller: Caller<'_>) -> bool {
    let Some(&Identity { namespace, account, .. }) = caller else { return false };
    let (of_pattern, name) = pattern.split_once('/').unwrap_or((here, pattern));
    of_pattern == namespace && name == account
}

/// The texts of a list.
pub(super) fn texts<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n str> + use<'n> {
    node.items_at(&[key]).iter().filter_map(Node::text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_and_addresses_are_compared_as_istio_does() {
        for (pattern, path, wanted) in [
            ("/admin/{*}", "/admin/x", true),
            ("/admin/{*}", "/admin/x/y", false),
            ("/admin/{*}", "/admin/", false),
            ("/a/{**}/z", "/a/b/c/z", true),
            ("/a/{**}", "/b", false),
        ] {
            assert_eq!(is_path(pattern, path), wanted, "{pattern} {path}");
        }
        for (block, address, wanted) in [
            ("10.0.0.0/8", "10.1.2.3", true),
            ("10.0.0.0/8", "11.1.2.3", false),
            ("10.0.0.1", "10.0.0.1", true),
            ("0.0.0.0/0", "1.2.3.4", true),
            ("::/0", "1.2.3.4", false),
            ("nonsense", "1.2.3.4", false),
        ] {
            assert_eq!(is_in_block(block, address), wanted, "{block} {address}");
        }
    }
}
