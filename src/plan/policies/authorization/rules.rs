//! Writes rules of AuthorizationPolicies that match callers of previews instead of callers of the baseline.
//!
//! A caller of a preview has the service account of its original, in another namespace. From a rule,
//! [`RuleWriter::for_previews`] makes rules that match exactly the callers of previews whose originals the rule
//! matches, and [`except_previews`] one that matches all other callers. With these in place of the rule, previews are
//! treated as the baseline is.

use std::collections::{BTreeMap, BTreeSet};

use super::clauses::{ACCOUNT, NAMESPACE, PRINCIPAL, is_identity_field, sources, texts};
use super::findings::MOST;
use super::principal::{Accounts, Reading, read};
use crate::plan::policies::context::BaselineNamespace;
use crate::plan::policies::glob::matches_glob;
use crate::yaml::Node;

/// What no rules of a policy can express for the namespaces of previews: a pattern for principals, or too many rules.
#[derive(Debug)]
pub(super) enum Inexpressible {
    Pattern(String),
    /// The conditions of a rule, which would become more rules than Istio takes.
    Conditions,
}

/// A pattern that matches all principals of a trust domain; `None` for any trust domain.
type Trust = Option<String>;

/// Writes rules for the callers of the previews for one namespace of the baseline.
pub(super) struct RuleWriter<'m> {
    /// The namespace of the policy.
    pub(super) namespace: &'m str,
    /// The namespace of the baseline.
    pub(super) home: &'m BaselineNamespace<'m>,
    /// All namespaces of the baseline.
    pub(super) homes: &'m [BaselineNamespace<'m>],
}

/// Principals in any namespace, by trust domain.
type ByTrust = BTreeMap<Trust, Principals>;

/// Principals of a trust domain.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Principals {
    All,
    /// Those that match one of these patterns.
    Some(BTreeSet<String>),
}

impl RuleWriter<'_> {
    /// The rules that match the callers of previews whose originals a rule matches, with its other requirements.
    pub(super) fn for_previews(&self, rule: &Node) -> Result<Vec<Node>, Inexpressible> {
        let alternatives = self.conditions(rule)?;
        if alternatives.is_empty() {
            return Ok(Vec::new());
        }
        let mut by_trust: BTreeMap<Trust, Vec<Node>> = BTreeMap::new();
        for source in sources(rule) {
            for (trust, source) in self.sources(source.unwrap_or(&Node::default()))? {
                let sources = by_trust.entry(trust).or_default();
                if !sources.contains(&source) {
                    sources.push(source);
                }
            }
        }
        let mut rules = Vec::new();
        for (trust, sources) in by_trust {
            for conditions in &alternatives {
                let of_trust = trust.iter().map(|trust| condition(PRINCIPAL, [trust.as_str()]));
                let when: Vec<Node> = conditions.iter().cloned().chain(of_trust).collect();
                rules.push(rule_with(rule, &sources, when));
            }
        }
        Ok(rules)
    }

    /// The sources that a source becomes for previews; none if it matches no account of the namespace.
    fn sources(&self, source: &Node) -> Result<Vec<(Trust, Node)>, Inexpressible> {
        if !self.match_home(source, ["namespaces", "notNamespaces"]) {
            return Ok(Vec::new());
        }
        let Some(not) = self.excluded(source, ["notPrincipals", "notServiceAccounts"])? else {
            return Ok(Vec::new());
        };
        let included = self.included(source, ["principals", "serviceAccounts"])?;
        let sources = included.into_iter().map(|(trust, principals)| {
            let (trust, principals) = match principals {
                // The source itself can require the trust domain, which saves a condition.
                Principals::All => (None, trust.into_iter().collect()),
                Principals::Some(principals) => (trust, principals),
            };
            let mut rewritten = self.previews();
            set_texts(&mut rewritten, "principals", &principals);
            set_texts(&mut rewritten, "notPrincipals", &not);
            for (key, value) in source.entries() {
                if !is_identity_field(&key.text) {
                    rewritten.set(&key.text, value.clone());
                }
            }
            (trust, rewritten)
        });
        Ok(sources.collect())
    }

    /// The conditions of a rule for previews, as alternatives: all conditions of one of them have to hold. No alternative
    /// if no account of the namespace fulfils the conditions.
    fn conditions(&self, rule: &Node) -> Result<Vec<Vec<Node>>, Inexpressible> {
        let mut all_choices = Vec::new();
        for when in rule.items_at(&["when"]) {
            let choices = match when.text_at(&["key"]) {
                Some(NAMESPACE) if self.match_home(when, ["values", "notValues"]) => continue,
                Some(NAMESPACE) => Vec::new(),
                // No list has an empty name.
                Some(PRINCIPAL) => self.identity(when, ["values", ""], ["notValues", ""])?,
                Some(ACCOUNT) => self.identity(when, ["", "values"], ["", "notValues"])?,
                _ => vec![vec![when.clone()]],
            };
            if choices.is_empty() {
                return Ok(Vec::new());
            }
            all_choices.push(choices);
        }
        let count = all_choices.iter().fold(1, |count: usize, one| count.saturating_mul(one.len()));
        if count > MOST {
            return Err(Inexpressible::Conditions);
        }
        let mut alternatives: Vec<Vec<Node>> = vec![Vec::new()];
        for choices in all_choices {
            let combined = alternatives.iter().flat_map(|before| {
                choices.iter().map(|choice| [before.as_slice(), choice].concat())
            });
            alternatives = combined.collect();
        }
        Ok(alternatives)
    }

    /// Whether the namespace of the baseline is in the first list, unless that is empty, and not in the second.
    fn match_home(&self, node: &Node, [any, not]: [&str; 2]) -> bool {
        let names =
            |list| texts(node, list).any(|pattern| matches_glob(pattern, self.home.namespace));
        (texts(node, any).next().is_none() || names(any)) && !names(not)
    }

    /// The alternatives for a condition on the principal or the service account. The arrays name its lists, each one of
    /// principals and one of accounts.
    fn identity(
        &self,
        when: &Node,
        included: [&str; 2],
        excluded: [&str; 2],
    ) -> Result<Vec<Vec<Node>>, Inexpressible> {
        let Some(not) = self.excluded(when, excluded)? else { return Ok(Vec::new()) };
        let not = (!not.is_empty()).then(|| {
            let values = Node::list(not.into_iter().map(Node::string));
            Node::map([("key", Node::string(PRINCIPAL)), ("notValues", values)])
        });
        let alternatives = self.included(when, included)?.into_iter().map(|(trust, principals)| {
            let principals = match principals {
                Principals::All => None,
                Principals::Some(principals) => {
                    Some(condition(PRINCIPAL, principals.iter().map(String::as_str)))
                }
            };
            let trust = trust.map(|trust| condition(PRINCIPAL, [trust.as_str()]));
            principals.into_iter().chain(trust).chain(not.clone()).collect()
        });
        Ok(alternatives.collect())
    }

    /// The accounts of the namespace that a list of principals or one of service accounts matches. `None` if both are
    /// empty. Istio refuses both together.
    fn matched(
        &self,
        node: &Node,
        [principals, accounts]: [&str; 2],
    ) -> Result<Option<ByTrust>, Inexpressible> {
        if texts(node, principals).next().is_some()
            && let Some(account) = texts(node, accounts).next()
        {
            return Err(Inexpressible::Pattern(account.to_owned()));
        }
        let of_principals =
            texts(node, principals).map(|text| (text, read(text, self.home.namespace)));
        let of_accounts = texts(node, accounts).map(|text| (text, self.read_account(text)));
        let mut readings = of_principals.chain(of_accounts).peekable();
        if readings.peek().is_none() {
            return Ok(None);
        }
        let mut matched = ByTrust::new();
        for (text, reading) in readings {
            let (trust, accounts) = match reading {
                Reading::Nobody => continue,
                Reading::TrustSuffix => return Err(Inexpressible::Pattern(text.to_owned())),
                Reading::Some { trust, accounts } => (trust, accounts),
            };
            let known = matched.entry(trust).or_insert_with(|| Principals::Some(BTreeSet::new()));
            match (self.patterns(accounts), &mut *known) {
                (None, known) => *known = Principals::All,
                (Some(more), Principals::Some(patterns)) => patterns.extend(more),
                (Some(_), Principals::All) => {}
            }
        }
        matched.retain(|_, principals| *principals != Principals::Some(BTreeSet::new()));
        Ok(Some(matched))
    }

    /// As [`Self::matched`]; if both lists are empty, all accounts.
    fn included(&self, node: &Node, lists: [&str; 2]) -> Result<ByTrust, Inexpressible> {
        let matched = self.matched(node, lists)?;
        Ok(matched.unwrap_or_else(|| ByTrust::from([(None, Principals::All)])))
    }

    /// The principals that two lists exclude; `None` if they exclude all accounts of the namespace.
    fn excluded(
        &self,
        node: &Node,
        lists: [&str; 2],
    ) -> Result<Option<BTreeSet<String>>, Inexpressible> {
        let mut excluded = BTreeSet::new();
        for (trust, principals) in self.matched(node, lists)?.unwrap_or_default() {
            match (trust, principals) {
                (None, Principals::All) => return Ok(None),
                (None, Principals::Some(patterns)) => excluded.extend(patterns),
                (Some(trust), Principals::All) => {
                    excluded.insert(trust);
                }
                // No list excludes one account of one trust domain.
                (Some(trust), Principals::Some(_)) => return Err(Inexpressible::Pattern(trust)),
            }
        }
        Ok(Some(excluded))
    }

    /// Patterns that match the principals of these accounts in any namespace; `None` if all match.
    fn patterns(&self, accounts: Accounts) -> Option<BTreeSet<String>> {
        match accounts {
            Accounts::All => None,
            Accounts::Matching(pattern) => Some(BTreeSet::from([pattern])),
            // A pattern has one `*`, which the namespace needs. So the accounts are listed.
            Accounts::WithPrefix(prefix) => {
                let named = self.home.accounts.keys().filter(|name| name.starts_with(&prefix));
                Some(named.map(|name| format!("*/sa/{name}")).collect())
            }
        }
    }

    fn read_account(&self, account: &str) -> Reading {
        let (namespace, name) = account.split_once('/').unwrap_or((self.namespace, account));
        match namespace == self.home.namespace {
            true => {
                Reading::Some { trust: None, accounts: Accounts::Matching(format!("*/sa/{name}")) }
            }
            false => Reading::Nobody,
        }
    }

    /// A source that matches all previews of the namespace. Patterns of other namespaces of the baseline are excluded if
    /// their previews match too: `pr-1-a-shop`, for `a-shop`, matches `pr-*-shop`.
    fn previews(&self) -> Node {
        let pattern = &self.home.preview_pattern;
        let mut source = Node::map([("namespaces", Node::list([Node::string(pattern)]))]);
        let others = self.homes.iter().filter(|other| other.preview_pattern != *pattern);
        let others = others.filter(|other| matches_glob(pattern, &other.unnamed_preview()));
        let not = others.map(|other| other.preview_pattern.clone()).collect();
        set_texts(&mut source, "notNamespaces", &not);
        source
    }
}

/// A rule for all callers that a rule matches except those of previews.
pub(super) fn except_previews(
    rule: &Node,
    homes: &[BaselineNamespace<'_>],
    namespace: &str,
) -> Node {
    let except = |source: Option<&Node>| {
        let mut source = source.cloned().unwrap_or_default();
        let not = texts(&source, "notNamespaces");
        let not = not.chain(homes.iter().map(|home| home.preview_pattern.as_str()));
        let not = Node::list(not.map(Node::string));
        accounts_to_principals(&mut source, namespace);
        source.set("notNamespaces", not);
        source
    };
    let sources: Vec<Node> = sources(rule).into_iter().map(except).collect();
    rule_with(rule, &sources, rule.items_at(&["when"]).to_vec())
}

/// Replaces service accounts of a source by principals, because Istio refuses service accounts beside namespaces.
fn accounts_to_principals(source: &mut Node, namespace: &str) {
    for (accounts, principals) in
        [("serviceAccounts", "principals"), ("notServiceAccounts", "notPrincipals")]
    {
        let Some(list) = source.remove(accounts) else { continue };
        for account in list.items().iter().filter_map(Node::text) {
            let (namespace, name) = account.split_once('/').unwrap_or((namespace, account));
            let principal = Node::string(format!("*/ns/{namespace}/sa/{name}"));
            match source.get_mut(principals) {
                Some(known) => known.push(principal),
                None => source.set(principals, Node::list([principal])),
            }
        }
    }
}

/// Writes out the namespace of service accounts without one.
pub(super) fn qualify_accounts(rule: &mut Node, namespace: &str) {
    let qualify = |node: &mut Node, key: &str| {
        for account in node.get_mut(key).map(Node::items_mut).unwrap_or_default() {
            if let Some(name) = account.text().filter(|name| !name.contains('/')) {
                *account = Node::string(format!("{namespace}/{name}"));
            }
        }
    };
    for from in rule.get_mut("from").map(Node::items_mut).unwrap_or_default() {
        if let Some(source) = from.get_mut("source") {
            qualify(source, "serviceAccounts");
            qualify(source, "notServiceAccounts");
        }
    }
    for when in rule.get_mut("when").map(Node::items_mut).unwrap_or_default() {
        if when.text_at(&["key"]) == Some(ACCOUNT) {
            qualify(when, "values");
            qualify(when, "notValues");
        }
    }
}

/// A rule with other sources and conditions.
fn rule_with(rule: &Node, sources: &[Node], when: Vec<Node>) -> Node {
    let from = sources.iter().map(|source| Node::map([("source", source.clone())]));
    let mut replaced = Node::map([("from", Node::list(from))]);
    for (key, value) in rule.entries() {
        if !matches!(key.text.as_str(), "from" | "when") {
            replaced.set(&key.text, value.clone());
        }
    }
    if !when.is_empty() {
        replaced.set("when", Node::list(when));
    }
    replaced
}

fn condition<'v>(key: &str, values: impl IntoIterator<Item = &'v str>) -> Node {
    let values = Node::list(values.into_iter().map(Node::string));
    Node::map([("key", Node::string(key)), ("values", values)])
}

fn set_texts(node: &mut Node, key: &str, texts: &BTreeSet<String>) {
    if !texts.is_empty() {
        node.set(key, Node::list(texts.iter().map(Node::string)));
    }
}
