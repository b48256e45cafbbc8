//! What AuthorizationPolicies make of one call, as Istio says it: no word here is shared with what rewrites them.
//! See <https://istio.io/latest/docs/concepts/security/#implicit-enablement>.

use std::collections::{BTreeMap, BTreeSet};
use std::net::IpAddr;
use std::sync::Arc;

use crate::kube::Object;
use crate::yaml::Node;

/// A policy that a workload follows, with the rules that it has there.
#[derive(Debug, Clone, Copy)]
pub(super) struct Followed<'p> {
    /// The policy of the input that the rules come from.
    pub(super) policy: &'p Object,
    /// The namespace in which the rules stand.
    pub(super) namespace: &'p str,
    pub(super) rules: &'p [Node],
}

/// Who calls: none where the call comes in plain text.
pub(super) type Caller<'c> = Option<&'c Identity<'c>>;

/// The identity of a caller.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Identity<'c> {
    pub(super) namespace: &'c str,
    pub(super) account: &'c str,
    principal: String,
}

impl<'c> Identity<'c> {
    /// An account of a namespace, in a trust domain.
    pub(super) fn new(trust: &str, namespace: &'c str, account: &'c str) -> Self {
        Self { namespace, account, principal: format!("{trust}/ns/{namespace}/sa/{account}") }
    }

    fn trust(&self) -> &str {
        self.principal.split('/').next().unwrap_or_default()
    }
}

/// A field, its opposite, and the key of what both ask for.
type Field = (&'static str, &'static str, &'static str);

/// What a call is besides its caller: host, method, path, port, and what conditions ask for, by their keys.
pub(super) type Call = BTreeMap<String, String>;

pub(super) const HOST: &str = "host";
pub(super) const METHOD: &str = "method";
pub(super) const PATH: &str = "path";
pub(super) const PORT: &str = "destination.port";

/// The fields of an operation.
const OPERATION: [Field; 4] = [
    ("hosts", "notHosts", HOST),
    ("methods", "notMethods", METHOD),
    ("paths", "notPaths", PATH),
    ("ports", "notPorts", PORT),
];

/// The fields of a source that say nothing of the caller's identity.
const OF_REQUEST: [Field; 3] = [
    ("requestPrincipals", "notRequestPrincipals", "request.auth.principal"),
    ("ipBlocks", "notIpBlocks", "source.ip"),
    ("remoteIpBlocks", "notRemoteIpBlocks", "remote.ip"),
];

/// The fields of a source that say who calls, with the keys of conditions that say the same.
const IDENTITY: [Field; 4] = [
    ("principals", "notPrincipals", PRINCIPAL),
    ("namespaces", "notNamespaces", NAMESPACE),
    ("serviceAccounts", "notServiceAccounts", ACCOUNT),
    ("trustDomains", "notTrustDomains", TRUST_DOMAIN),
];

const PRINCIPAL: &str = "source.principal";
const NAMESPACE: &str = "source.namespace";
const ACCOUNT: &str = "source.serviceAccount";
/// No condition has this key.
const TRUST_DOMAIN: &str = "trust domain";

/// Whether a condition is about the caller.
pub(super) fn is_identity(key: &str) -> bool {
    matches!(key, PRINCIPAL | NAMESPACE | ACCOUNT)
}

/// A list of what is asked for under a key, and one of what is excluded.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Wanted<'p> {
    pub(super) key: &'p str,
    pub(super) any: Vec<&'p str>,
    pub(super) not: Vec<&'p str>,
}

impl<'p> Wanted<'p> {
    /// What fields of a node ask for, as far as they are there.
    fn all(node: Option<&'p Node>, fields: &[Field]) -> Vec<Self> {
        let fields = fields.iter().flat_map(|field| node.map(|node| (node, field)));
        let wanted = fields.map(|(node, &(field, not, key))| {
            let [any, not] = [field, not].map(|list| texts(node, list).collect());
            Self { key, any, not }
        });
        wanted.filter(|one: &Self| !one.any.is_empty() || !one.not.is_empty()).collect()
    }

    fn of_condition(condition: &'p Node) -> Self {
        let [any, not] = ["values", "notValues"].map(|list| texts(condition, list).collect());
        Self { key: condition.text_at(&["key"]).unwrap_or_default(), any, not }
    }

    /// Whether something is in the list, where that has items, and not in its opposite.
    fn holds(&self, is: impl Fn(&str) -> bool) -> bool {
        (self.any.is_empty() || self.any.iter().any(|one| is(one)))
            && !self.not.iter().any(|one| is(one))
    }

    fn holds_of(&self, call: &Call) -> bool {
        let has = call.get(self.key);
        self.holds(|one| has.is_some_and(|value| is_value(self.key, one, value)))
    }
}

/// Who follows policies, and so what of a call they see.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Follower {
    /// A proxy that reads requests: a sidecar, a waypoint.
    Proxy,
    /// The ztunnel of a node, which sees connections alone. To it a rule that asks for something of requests lets nothing
    /// through where it allows, and keeps all back that it would otherwise mean where it denies.
    /// See <https://istio.io/latest/docs/ambient/usage/l4-policy/>.
    Ztunnel,
}

/// Whether something is known of a connection, without its requests.
fn is_of_connection(key: &str) -> bool {
    matches!(key, PORT | "source.ip" | "destination.ip")
}

/// What one source of a rule asks for besides the caller.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Ask<'p> {
    /// What its conditions and its source ask for: all of it.
    pub(super) request: Vec<Wanted<'p>>,
    /// What its operations ask for: one of them, where there are any.
    pub(super) operations: Vec<Vec<Wanted<'p>>>,
}

impl<'p> Ask<'p> {
    fn of(rule: &'p Node, source: Option<&'p Node>) -> Self {
        let conditions = items(rule, "when").iter().map(Wanted::of_condition);
        let mut request: Vec<_> = conditions.filter(|one| !is_identity(one.key)).collect();
        request.extend(Wanted::all(source, &OF_REQUEST));
        let operations = items(rule, "to").iter();
        let operations = operations.map(|to| Wanted::all(to.get("operation"), &OPERATION));
        Self { request, operations: operations.collect() }
    }

    /// What is left of it for a follower; none where it lets nothing through.
    fn seen_by(mut self, follower: Follower, allows: bool) -> Option<Self> {
        let all = self.request.iter().chain(self.operations.iter().flatten());
        if follower == Follower::Proxy || all.clone().all(|one| is_of_connection(one.key)) {
            return Some(self);
        }
        self.request.retain(|one| is_of_connection(one.key));
        for operation in &mut self.operations {
            operation.retain(|one| is_of_connection(one.key));
        }
        (!allows).then_some(self)
    }

    /// Whether a call is what is asked for.
    fn holds(&self, call: &Call) -> bool {
        let all = |wanted: &[Wanted<'_>]| wanted.iter().all(|one| one.holds_of(call));
        all(&self.request)
            && (self.operations.is_empty() || self.operations.iter().any(|one| all(one)))
    }
}

/// What policies ask for, each once, with a number: what has the same number holds of the same calls.
#[derive(Debug, Default)]
pub(super) struct Asks<'p> {
    numbers: BTreeMap<Arc<Ask<'p>>, usize>,
    all: Vec<Arc<Ask<'p>>>,
}

impl<'p> Asks<'p> {
    fn number(&mut self, ask: Ask<'p>) -> usize {
        if let Some(&known) = self.numbers.get(&ask) {
            return known;
        }
        let ask = Arc::new(ask);
        self.all.push(ask.clone());
        *self.numbers.entry(ask).or_insert(self.all.len() - 1)
    }

    /// What has a number.
    pub(super) fn get(&self, number: usize) -> &Ask<'p> {
        &self.all[number]
    }

    /// Whether a call is what the ask of a number asks for.
    pub(super) fn holds(&self, number: usize, call: &Call) -> bool {
        self.get(number).holds(call)
    }
}

/// One source of one rule: whom it means, and what it asks for.
#[derive(Debug)]
struct Clause<'p> {
    policy: &'p Object,
    /// The namespace in which the rule stands.
    namespace: &'p str,
    who: Vec<Wanted<'p>>,
    /// The number of what it asks for.
    ask: usize,
}

impl Clause<'_> {
    /// Whether it means a caller.
    fn means(&self, caller: Caller<'_>) -> bool {
        self.who.iter().all(|wanted| {
            wanted.holds(|one| match wanted.key {
                PRINCIPAL => is_principal(one, caller),
                NAMESPACE => caller.is_some_and(|caller| is_glob(one, caller.namespace)),
                TRUST_DOMAIN => caller.is_some_and(|caller| is_glob(one, caller.trust())),
                _ => is_account(self.namespace, one, caller),
            })
        })
    }
}

/// The clauses of policies that a workload follows.
#[derive(Debug)]
pub(super) struct Clauses<'p> {
    denying: Vec<Clause<'p>>,
    allowing: Vec<Clause<'p>>,
    /// The first policy that allows something: without any, all is allowed.
    first: Option<&'p Object>,
}

impl<'p> Clauses<'p> {
    pub(super) fn of(policies: &[Followed<'p>], follower: Follower, asks: &mut Asks<'p>) -> Self {
        let mut all = Self { denying: Vec::new(), allowing: Vec::new(), first: None };
        for one in policies {
            let (clauses, allows) = match one.policy.node.text_at(&["spec", "action"]) {
                Some("DENY") => (&mut all.denying, false),
                None | Some("ALLOW") => {
                    all.first.get_or_insert(one.policy);
                    (&mut all.allowing, true)
                }
                _ => continue,
            };
            for rule in one.rules {
                let mut sources: Vec<_> =
                    items(rule, "from").iter().map(|from| from.get("source")).collect();
                if sources.is_empty() {
                    sources.push(None);
                }
                clauses.extend(sources.into_iter().filter_map(|source| {
                    let conditions = items(rule, "when").iter().map(Wanted::of_condition);
                    let mut who = Wanted::all(source, &IDENTITY);
                    who.extend(conditions.filter(|one| is_identity(one.key)));
                    let ask = asks.number(Ask::of(rule, source).seen_by(follower, allows)?);
                    Some(Clause { policy: one.policy, namespace: one.namespace, who, ask })
                }));
            }
        }
        all
    }

    /// What is said of a caller.
    pub(super) fn says(&self, caller: Caller<'_>) -> Says<'p> {
        let of = |clauses: &[Clause<'p>]| {
            let mut seen = BTreeSet::new();
            let means = clauses.iter().filter(|clause| clause.means(caller));
            let means = means.map(|clause| (clause.ask, clause.policy));
            means.filter(|(ask, _)| seen.insert(*ask)).collect()
        };
        Says { denies: of(&self.denying), allows: of(&self.allowing), first: self.first }
    }
}

/// What policies say of one caller: the numbers of what it may not ask for and of what it may, each with the first
/// policy by which it is so.
#[derive(Debug)]
pub(super) struct Says<'p> {
    denies: Vec<(usize, &'p Object)>,
    allows: Vec<(usize, &'p Object)>,
    first: Option<&'p Object>,
}

impl<'p> Says<'p> {
    /// The numbers of all that it asks for.
    pub(super) fn asks(&self) -> impl Iterator<Item = usize> {
        self.denies.iter().chain(&self.allows).map(|(ask, _)| *ask)
    }

    /// What tells it from others: numbers of asks, each with that of its policy.
    pub(super) fn key(&self) -> [Vec<(usize, usize)>; 2] {
        [&self.denies, &self.allows]
            .map(|of| of.iter().map(|(ask, policy)| (*ask, policy.number)).collect())
    }

    /// Whether everything is allowed that is not denied.
    pub(super) fn is_open(&self) -> bool {
        self.first.is_none()
    }

    /// The asks that one denies or allows and the other does not: calls that none of them holds of are treated alike,
    /// where both are [open](Self::is_open) or none of them is.
    pub(super) fn differences(&self, other: &Self) -> BTreeSet<usize> {
        let set = |of: &[(usize, _)]| of.iter().map(|(ask, _)| *ask).collect::<BTreeSet<usize>>();
        let [denies, allows] = [(&self.denies, &other.denies), (&self.allows, &other.allows)]
            .map(|(one, other)| &set(one) ^ &set(other));
        &denies | &allows
    }

    /// What becomes of a call.
    pub(super) fn verdict(&self, asks: &Asks<'p>, call: &Call) -> Verdict<'p> {
        let find = |of: &[(usize, &'p Object)]| {
            of.iter().find(|(ask, _)| asks.holds(*ask, call)).map(|(_, policy)| *policy)
        };
        if let Some(policy) = find(&self.denies) {
            return Verdict { is_allowed: false, by: Some(policy) };
        }
        let allows = find(&self.allows);
        let is_allowed = self.first.is_none() || allows.is_some();
        Verdict { is_allowed, by: allows.or(self.first) }
    }
}

/// Whether a call is allowed, and a policy by which it is so.
#[derive(Debug)]
pub(super) struct Verdict<'p> {
    pub(super) is_allowed: bool,
    pub(super) by: Option<&'p Object>,
}

fn is_value(key: &str, pattern: &str, value: &str) -> bool {
    match key {
        // Hosts of calls are written in lower case here.
        HOST => is_like(&pattern.to_ascii_lowercase(), value),
        PATH if pattern.contains('{') => is_path(pattern, value),
        PORT => pattern == value,
        "source.ip" | "remote.ip" | "destination.ip" => is_in_block(pattern, value),
        _ => is_like(pattern, value),
    }
}

/// An exact text, the beginning of one, its end, or any.
fn is_like(pattern: &str, value: &str) -> bool {
    if pattern == "*" {
        return !value.is_empty();
    }
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => value.ends_with(end),
        (None, Some(beginning)) => value.starts_with(beginning),
        (None, None) => pattern == value,
    }
}

/// A path with `{*}` for a segment and `{**}` for any number of them.
fn is_path(pattern: &str, path: &str) -> bool {
    if let Some((before, behind)) = pattern.split_once("{**}") {
        let Some(rest) = path.strip_prefix(before) else { return false };
        return (0..=rest.len())
            .filter(|&at| rest.is_char_boundary(at))
            .any(|at| is_path(behind, &rest[at..]));
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
    // In a principal with all its parts this trust domain stands for the mesh's own and its aliases.
    let own = pattern.strip_prefix("cluster.local/").filter(|rest| rest.matches('/').count() == 3);
    match (own, principal.split_once('/')) {
        (Some(rest), Some((_, behind))) => is_like(rest, behind),
        _ => is_like(pattern, principal),
    }
}

/// Namespaces and trust domains may have `*` anywhere.
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
    let (of, name) = pattern.split_once('/').unwrap_or((here, pattern));
    of == namespace && name == account
}

/// The items of a list.
pub(super) fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

/// The texts of a list.
pub(super) fn texts<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n str> + use<'n> {
    items(node, key).iter().filter_map(Node::text)
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
