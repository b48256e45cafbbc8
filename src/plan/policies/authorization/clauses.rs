//! The clauses of an AuthorizationPolicy. A clause is one source of one rule, with the rule's operations and
//! conditions. It matches a call by the identity of the caller and by the rest of the request.
//!
//! Equal requirements on the rest of the request have the same number. So a policy treats two callers alike if the
//! clauses that match them have the same numbers, and requests need not be compared.

use std::collections::{BTreeMap, BTreeSet};

use super::principal::{self, principal_of};
use crate::plan::policies::glob::matches_glob;
use crate::yaml::{Node, write_document};

/// The fields of a source that match the identity of the caller, each with its opposite and the key of conditions that
/// match the same.
const IDENTITY: [([&str; 2], &str); 3] = [
    (["principals", "notPrincipals"], PRINCIPAL),
    (["namespaces", "notNamespaces"], NAMESPACE),
    (["serviceAccounts", "notServiceAccounts"], ACCOUNT),
];

/// The keys of conditions that match the identity of the caller.
pub(super) const PRINCIPAL: &str = "source.principal";
pub(super) const NAMESPACE: &str = "source.namespace";
pub(super) const ACCOUNT: &str = "source.serviceAccount";

/// The identity of a caller.
pub(super) struct Caller<'c> {
    namespace: &'c str,
    account: &'c str,
    principal: String,
}

impl<'c> Caller<'c> {
    /// A service account of a namespace, in a trust domain.
    pub(super) fn new(trust: &str, namespace: &'c str, account: &'c str) -> Self {
        Self { namespace, account, principal: principal_of(trust, namespace, account) }
    }
}

/// The texts of a list.
pub(super) fn texts<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n str> + use<'n> {
    node.items_at(&[key]).iter().filter_map(Node::text)
}

/// The sources of a rule; a single `None` if it has none, and so matches all callers.
pub(super) fn sources(rule: &Node) -> Vec<Option<&Node>> {
    match rule.items_at(&["from"]) {
        [] => vec![None],
        from => from.iter().map(|from| from.get("source")).collect(),
    }
}

/// The clauses of a policy.
#[derive(Debug)]
pub(super) struct Clauses<'n> {
    /// The namespace of the policy. A service account without a namespace is in it.
    namespace: &'n str,
    all: Vec<Clause<'n>>,
    /// The numbers of operations and conditions of rules, by their YAML.
    of_rules: BTreeMap<String, usize>,
    /// The numbers of requirements, each by the number of its rule's part and the YAML of its source.
    numbers: BTreeMap<(usize, String), usize>,
    /// The number of the empty requirement, if a clause has it.
    any_request: Option<usize>,
}

/// One source of one rule.
#[derive(Debug)]
struct Clause<'n> {
    /// The index of the rule.
    rule: usize,
    source: Option<&'n Node>,
    conditions: &'n [Node],
    /// The number of what it requires besides the caller.
    request: usize,
}

impl<'n> Clauses<'n> {
    /// The clauses of the rules of a policy in a namespace.
    pub(super) fn of(rules: &'n [Node], namespace: &'n str) -> Self {
        let (of_rules, numbers) = (BTreeMap::new(), BTreeMap::new());
        let all = Vec::new();
        let mut clauses = Self { namespace, all, of_rules, numbers, any_request: None };
        for (index, rule) in rules.iter().enumerate() {
            let conditions = rule.items_at(&["when"]);
            let operations = Node::list(rule.items_at(&["to"]).iter().cloned());
            let of_request = Node::list(conditions.iter().filter(|one| !is_identity(one)).cloned());
            let takes_all = operations.items().is_empty() && of_request.items().is_empty();
            let of_rule =
                number(&mut clauses.of_rules, yaml(&Node::list([operations, of_request])));
            for source in sources(rule) {
                let mut source_node = source.cloned().unwrap_or_default();
                source_node.retain(|key| !is_identity_field(key));
                let request = number(&mut clauses.numbers, (of_rule, yaml(&source_node)));
                if takes_all && source_node == Node::default() {
                    clauses.any_request = Some(request);
                }
                clauses.all.push(Clause { rule: index, source, conditions, request });
            }
        }
        clauses
    }

    /// The numbers of the clauses that match a caller.
    fn requests_of(&self, caller: &Caller<'_>) -> BTreeSet<usize> {
        let matching = self.all.iter().filter(|clause| self.matches(clause, caller));
        matching.map(|clause| clause.request).collect()
    }

    /// The numbers of the clauses of one rule that match a caller.
    pub(super) fn requests_of_rule(&self, rule: usize, caller: &Caller<'_>) -> BTreeSet<usize> {
        let first = self.all.partition_point(|clause| clause.rule < rule);
        let clauses = self.all[first..].iter().take_while(|clause| clause.rule == rule);
        let matching = clauses.filter(|clause| self.matches(clause, caller));
        matching.map(|clause| clause.request).collect()
    }

    fn matches(&self, clause: &Clause<'_>, caller: &Caller<'_>) -> bool {
        let source_matches = |source: &Node| {
            IDENTITY.iter().all(|(lists, key)| self.lists_match(source, *lists, key, caller))
        };
        let condition_matches = |condition: &Node| {
            let key = condition.text_at(&["key"]).unwrap_or_default();
            !is_identity(condition)
                || self.lists_match(condition, ["values", "notValues"], key, caller)
        };
        clause.source.is_none_or(source_matches) && clause.conditions.iter().all(condition_matches)
    }

    /// Whether a caller is in the first list of a node, unless that is empty, and not in the second.
    fn lists_match(&self, node: &Node, lists: [&str; 2], key: &str, caller: &Caller<'_>) -> bool {
        let is_caller = |value: &str| match key {
            PRINCIPAL => principal::matches(value, &caller.principal),
            NAMESPACE => matches_glob(value, caller.namespace),
            _ => {
                let (namespace, name) = value.split_once('/').unwrap_or((self.namespace, value));
                namespace == caller.namespace && name == caller.account
            }
        };
        let [mut any, mut not] = lists.map(|list| texts(node, list).peekable());
        (any.peek().is_none() || any.any(is_caller)) && !not.any(is_caller)
    }

    /// Whether some request of a caller matches.
    pub(super) fn match_some_request(&self, caller: &Caller<'_>) -> bool {
        self.all.iter().any(|clause| self.matches(clause, caller))
    }

    /// Whether every request of a caller matches.
    pub(super) fn match_any_request(&self, caller: &Caller<'_>) -> bool {
        let mut clauses = self.all.iter().filter(|clause| Some(clause.request) == self.any_request);
        clauses.any(|clause| self.matches(clause, caller))
    }

    /// Whether a request may match if one caller makes it, and not if the other does.
    pub(super) fn match_more_of(&self, one: &Caller<'_>, other: &Caller<'_>) -> bool {
        let of_other = self.requests_of(other);
        !self.requests_of(one).is_subset(&of_other)
            && !self.any_request.is_some_and(|any| of_other.contains(&any))
    }

    /// The trust domains to try callers with: those that principals of the policy name, and in some cases one that
    /// stands for the mesh's own. In a principal with all five parts `cluster.local` means the mesh's own trust
    /// domain, but at the start of a prefix (`cluster.local/*`) only itself. So a prefix may treat the two unlike.
    pub(super) fn trust_domains(&self) -> BTreeSet<String> {
        const MESH: &str = "\0mesh";
        let principals = self.principals();
        let is_prefix = |value: &&str| {
            !value.starts_with('*') && value.ends_with('*') && value.matches('/').count() < 4
        };
        let mesh = principals.iter().any(is_prefix).then_some(MESH);
        let domain = |value: &'n str| value.split('/').next().unwrap_or_default().trim_matches('*');
        let named = principals.into_iter().map(domain).filter(|domain| !domain.is_empty());
        named.chain(mesh).map(str::to_owned).collect()
    }

    /// The service accounts that the policy matches by their full names. It treats all others of a namespace alike.
    /// `None` if a pattern may match any part of a name.
    pub(super) fn named_accounts(&self) -> Option<BTreeSet<&'n str>> {
        let mut named = BTreeSet::new();
        for principal in self.principals() {
            let (before, last) = principal.rsplit_once('/').unwrap_or(("", principal));
            match last.strip_suffix('*') {
                Some("") => {}
                Some(_) if before.matches('/').count() < 3 => {}
                None if !before.is_empty() => {
                    named.insert(last);
                }
                _ => return None,
            }
        }
        let accounts = self.texts(["serviceAccounts", "notServiceAccounts"], ACCOUNT);
        named.extend(accounts.iter().map(|name| name.rsplit('/').next().unwrap_or(name)));
        Some(named)
    }

    fn principals(&self) -> Vec<&'n str> {
        self.texts(["principals", "notPrincipals"], PRINCIPAL)
    }

    /// The values of two fields of sources, and of conditions with a key.
    fn texts(&self, fields: [&'static str; 2], key: &str) -> Vec<&'n str> {
        let mut values = Vec::new();
        for clause in &self.all {
            if let Some(source) = clause.source {
                values.extend(fields.into_iter().flat_map(|field| texts(source, field)));
            }
            let conditions = clause.conditions.iter();
            for one in conditions.filter(|one| one.text_at(&["key"]) == Some(key)) {
                values
                    .extend(["values", "notValues"].into_iter().flat_map(|list| texts(one, list)));
            }
        }
        values
    }
}

/// The number of a key, which is the next one if it is new.
fn number<K: Ord>(numbers: &mut BTreeMap<K, usize>, key: K) -> usize {
    let next = numbers.len();
    *numbers.entry(key).or_insert(next)
}

fn yaml(node: &Node) -> String {
    let mut text = String::new();
    write_document(&mut text, node);
    text
}

/// Whether a field of a source matches the identity of the caller.
pub(super) fn is_identity_field(key: &str) -> bool {
    IDENTITY.iter().any(|(lists, _)| lists.contains(&key))
}

/// Whether a condition matches the identity of the caller.
fn is_identity(condition: &Node) -> bool {
    matches!(condition.text_at(&["key"]), Some(PRINCIPAL | NAMESPACE | ACCOUNT))
}
