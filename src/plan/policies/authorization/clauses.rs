//! The clauses of an AuthorizationPolicy: which callers each of them means, and what else it asks for. Two callers
//! may do the same by a policy where it says the same of both, whatever it asks for besides.

use std::collections::{BTreeMap, BTreeSet};

use super::principal::{means, principal_of};
use crate::plan::policies::glob::fits;
use crate::yaml::{Node, write_document};

/// The fields of a source that say who calls. All of them have to hold.
pub(super) const WHO: [&str; 6] = [
    "principals",
    "notPrincipals",
    "namespaces",
    "notNamespaces",
    "serviceAccounts",
    "notServiceAccounts",
];

/// The keys of conditions that say who calls.
pub(super) const PRINCIPAL: &str = "source.principal";
pub(super) const NAMESPACE: &str = "source.namespace";
pub(super) const ACCOUNT: &str = "source.serviceAccount";

/// Who calls.
pub(super) struct Caller<'c> {
    namespace: &'c str,
    account: &'c str,
    principal: String,
}

impl<'c> Caller<'c> {
    /// An account of a namespace, in a trust domain.
    pub(super) fn new(trust: &str, namespace: &'c str, account: &'c str) -> Self {
        Self { namespace, account, principal: principal_of(trust, namespace, account) }
    }
}

/// The texts of a list.
pub(super) fn texts<'n>(node: &'n Node, key: &str) -> impl Iterator<Item = &'n str> + use<'n> {
    node.get(key).map(Node::items).unwrap_or_default().iter().filter_map(Node::text)
}

/// The items of a list.
pub(super) fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

/// The sources of a rule; none where it is for all callers.
pub(super) fn sources(rule: &Node) -> impl Iterator<Item = Option<&Node>> {
    items(rule, "from").iter().map(|from| from.get("source"))
}

/// The clauses of a policy.
#[derive(Debug)]
pub(super) struct Clauses<'n> {
    /// The namespace of the policy, which accounts without one are in.
    namespace: &'n str,
    all: Vec<Clause<'n>>,
    /// What clauses ask for besides the caller, each once.
    besides: Vec<Node>,
    /// The indices of these, by what they are as YAML.
    known: BTreeMap<String, usize>,
}

/// One source of one rule.
#[derive(Debug)]
struct Clause<'n> {
    /// The index of the rule.
    rule: usize,
    source: Option<&'n Node>,
    conditions: &'n [Node],
    /// The index of what it asks for besides the caller.
    besides: usize,
}

impl<'n> Clauses<'n> {
    /// The clauses of the rules of a policy of this namespace.
    pub(super) fn of(rules: &'n [Node], namespace: &'n str) -> Self {
        let mut clauses =
            Self { namespace, all: Vec::new(), besides: Vec::new(), known: BTreeMap::new() };
        for (index, rule) in rules.iter().enumerate() {
            let mut sources: Vec<Option<&Node>> = sources(rule).collect();
            if sources.is_empty() {
                sources.push(None);
            }
            for source in sources {
                let besides = clauses.besides_of(rule, source);
                let conditions = items(rule, "when");
                clauses.all.push(Clause { rule: index, source, conditions, besides });
            }
        }
        clauses
    }

    fn besides_of(&mut self, rule: &Node, source: Option<&Node>) -> usize {
        let mut source = source.cloned().unwrap_or_default();
        source.retain(|key| !WHO.contains(&key));
        let conditions = items(rule, "when").iter().filter(|one| !is_about_callers(one)).cloned();
        let operations = items(rule, "to").iter().cloned();
        let besides = Node::list([source, Node::list(operations), Node::list(conditions)]);
        let mut text = String::new();
        write_document(&mut text, &besides);
        *self.known.entry(text).or_insert_with(|| {
            self.besides.push(besides);
            self.besides.len() - 1
        })
    }

    /// What a rule says of a caller: what it asks for besides, by each clause that means the caller.
    pub(super) fn rule_says(&self, rule: usize, caller: &Caller<'_>) -> BTreeSet<usize> {
        let first = self.all.partition_point(|clause| clause.rule < rule);
        let clauses = self.all[first..].iter().take_while(|clause| clause.rule == rule);
        let means = clauses.filter(|clause| self.means(clause, caller));
        means.map(|clause| clause.besides).collect()
    }

    fn means(&self, clause: &Clause<'_>, caller: &Caller<'_>) -> bool {
        clause.source.is_none_or(|source| self.source_means(source, caller))
            && clause.conditions.iter().all(|one| self.condition_holds(one, caller))
    }

    /// Whether a source means a caller, by the fields that say who calls.
    pub(super) fn source_means(&self, source: &Node, caller: &Caller<'_>) -> bool {
        WHO.iter().all(|field| {
            let mut values = texts(source, field).peekable();
            if values.peek().is_none() {
                return true;
            }
            let plain = field.strip_prefix("not").unwrap_or(field);
            let any = match plain {
                "principals" | "Principals" => values.any(|value| means(value, &caller.principal)),
                "namespaces" | "Namespaces" => values.any(|value| fits(value, caller.namespace)),
                _ => values.any(|value| self.is_account(value, caller)),
            };
            any != field.starts_with("not")
        })
    }

    /// Whether a condition holds for a caller; one about something else does.
    fn condition_holds(&self, condition: &Node, caller: &Caller<'_>) -> bool {
        let is = |value: &str| match condition.text_at(&["key"]) {
            Some(PRINCIPAL) => means(value, &caller.principal),
            Some(NAMESPACE) => fits(value, caller.namespace),
            _ => self.is_account(value, caller),
        };
        let mut values = texts(condition, "values").peekable();
        !is_about_callers(condition)
            || (values.peek().is_none() || values.any(is)) && !texts(condition, "notValues").any(is)
    }

    fn is_account(&self, value: &str, caller: &Caller<'_>) -> bool {
        let (of, name) = value.split_once('/').unwrap_or((self.namespace, value));
        of == caller.namespace && name == caller.account
    }

    /// Whether some clause means a caller; with `whatever`, one that asks for nothing besides.
    pub(super) fn mean(&self, caller: &Caller<'_>, whatever: bool) -> bool {
        let asks_nothing = |clause: &Clause<'_>| self.besides[clause.besides] == asking_nothing();
        let mut clauses = self.all.iter().filter(|clause| self.means(clause, caller));
        clauses.any(|clause| !whatever || asks_nothing(clause))
    }

    /// Whether the policy says something of the one caller that it does not say of the other.
    pub(super) fn says_more_of(&self, one: &Caller<'_>, other: &Caller<'_>) -> bool {
        let of = |caller: &Caller<'_>| -> BTreeSet<usize> {
            let means = self.all.iter().filter(|clause| self.means(clause, caller));
            means.map(|clause| clause.besides).collect()
        };
        let (of_one, of_other) = (of(one), of(other));
        let asks_nothing = |index: &usize| self.besides[*index] == asking_nothing();
        !of_one.is_subset(&of_other) && !of_other.iter().any(asks_nothing)
    }

    /// The trust domains that the policy names, and the mesh's own where that may be treated otherwise: in principals
    /// with all their parts `cluster.local` stands for it, and in the beginning of one for itself.
    pub(super) fn trusts(&self) -> BTreeSet<String> {
        const OWN: &str = "\0own";
        let trust = |value: &'n str| value.split('/').next().unwrap_or_default().trim_matches('*');
        let principals = self.principals();
        let begins = |value: &&str| {
            !value.starts_with('*') && value.ends_with('*') && value.matches('/').count() < 4
        };
        let own = principals.iter().any(begins).then_some(OWN);
        let named = principals.into_iter().map(trust).filter(|trust| !trust.is_empty());
        named.chain(own).map(str::to_owned).collect()
    }

    /// The accounts that the policy tells from others by their names; none where it may tell any two apart.
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

    /// The texts of two lists of sources, and of conditions with a key.
    fn texts(&self, lists: [&'static str; 2], about: &str) -> Vec<&'n str> {
        let mut found = Vec::new();
        for clause in &self.all {
            if let Some(source) = clause.source {
                found.extend(lists.into_iter().flat_map(|list| texts(source, list)));
            }
            let conditions = clause.conditions.iter();
            for one in conditions.filter(|one| one.text_at(&["key"]) == Some(about)) {
                found.extend(["values", "notValues"].into_iter().flat_map(|list| texts(one, list)));
            }
        }
        found
    }
}

fn asking_nothing() -> Node {
    Node::list([Node::default(), Node::list([]), Node::list([])])
}

/// Whether a condition is about who calls.
pub(super) fn is_about_callers(condition: &Node) -> bool {
    matches!(condition.text_at(&["key"]), Some(PRINCIPAL | NAMESPACE | ACCOUNT))
}
