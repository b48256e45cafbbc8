//! Rules that say of previews what a rule says of the baseline.
//!
//! A preview's caller has the baseline's account in another namespace. `for_previews` makes of a rule those that
//! mean just the previews' callers whose originals it means; `but_previews` leaves a rule to all others. With both
//! in place of the rule, previews are treated as the baseline is.

use std::collections::{BTreeMap, BTreeSet};

use super::clauses::{self, ACCOUNT, NAMESPACE, PRINCIPAL, WHO, items, texts};
use super::principal::{Accounts, Reading, read};
use crate::plan::policies::estate::Home;
use crate::plan::policies::glob::fits;
use crate::yaml::Node;

/// A principal that cannot be said of accounts of another namespace.
#[derive(Debug)]
pub(super) struct Unsayable(pub(super) String);

/// A principal that all accounts of a trust domain have, where that matters.
type Trust = Option<String>;

/// What rules are made for.
pub(super) struct Maker<'m> {
    /// The namespace of the policy.
    pub(super) namespace: &'m str,
    /// The namespace of the baseline whose previews are meant.
    pub(super) home: &'m Home<'m>,
    /// All namespaces of the baseline.
    pub(super) homes: &'m [Home<'m>],
}

/// Which accounts a list means, in any namespace, by their trust domain.
type Meant = BTreeMap<Trust, Principals>;

/// Principals of a trust domain: all of them, or those that fit one of these.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Principals {
    All,
    Some(BTreeSet<String>),
}

impl Maker<'_> {
    /// The rules that mean the previews' callers whose originals a rule means, with all else that it asks for.
    pub(super) fn for_previews(&self, rule: &Node) -> Result<Vec<Node>, Unsayable> {
        let Some(conditions) = self.conditions(rule)? else { return Ok(Vec::new()) };
        let mut by_trust: BTreeMap<Trust, Vec<Node>> = BTreeMap::new();
        for (trust, source) in self.sources(rule)? {
            let sources = by_trust.entry(trust).or_default();
            if !sources.contains(&source) {
                sources.push(source);
            }
        }
        let mut rules = Vec::new();
        for (trust, sources) in by_trust {
            for conditions in &conditions {
                let of_trust = trust.iter().map(|trust| condition(PRINCIPAL, [trust.as_str()]));
                let when: Vec<Node> = conditions.iter().cloned().chain(of_trust).collect();
                rules.push(with(rule, &sources, when));
            }
        }
        Ok(rules)
    }

    /// The sources of a rule, for previews; none where it means none of their originals.
    fn sources(&self, rule: &Node) -> Result<Vec<(Trust, Node)>, Unsayable> {
        let mut all = Vec::new();
        let mut is_for_all = true;
        for source in clauses::sources(rule) {
            is_for_all = false;
            all.extend(self.source(source.unwrap_or(&Node::default()))?);
        }
        if is_for_all {
            all.push((None, self.previews()));
        }
        Ok(all)
    }

    fn source(&self, source: &Node) -> Result<Vec<(Trust, Node)>, Unsayable> {
        let home = self.home.namespace;
        let names_home = |key: &str| texts(source, key).any(|pattern| fits(pattern, home));
        let has = |key: &str| texts(source, key).next().is_some();
        if has("namespaces") && !names_home("namespaces") || names_home("notNamespaces") {
            return Ok(Vec::new());
        }
        let mut kept = source.clone();
        kept.retain(|key| !WHO.contains(&key));
        let Some(not) = self.excluded(source, "notPrincipals", "notServiceAccounts")? else {
            return Ok(Vec::new());
        };
        let meant = self.meant(source, "principals", "serviceAccounts")?;
        let all = BTreeMap::from([(None, Principals::All)]);
        let sources = meant.unwrap_or(all).into_iter().map(|(trust, principals)| {
            let (trust, principals) = match principals {
                // A principal of the trust domain says it in the source itself.
                Principals::All => (None, trust.into_iter().collect()),
                Principals::Some(principals) => (trust, principals),
            };
            let mut source = self.previews();
            set_texts(&mut source, "principals", &principals);
            set_texts(&mut source, "notPrincipals", &not);
            for (key, value) in kept.entries() {
                source.set(&key.text, value.clone());
            }
            (trust, source)
        });
        Ok(sources.collect())
    }

    /// The conditions of a rule, for previews: alternatives; none at all where no original fulfils them.
    fn conditions(&self, rule: &Node) -> Result<Option<Vec<Vec<Node>>>, Unsayable> {
        let mut alternatives: Vec<Vec<Node>> = vec![Vec::new()];
        for when in items(rule, "when") {
            let choices = match when.text_at(&["key"]) {
                Some(NAMESPACE) => self.namespace_holds(when).then(|| vec![Vec::new()]),
                Some(PRINCIPAL) => self.principals_of(when, ["values", "notValues", "", ""])?,
                Some(ACCOUNT) => self.principals_of(when, ["", "", "values", "notValues"])?,
                _ => Some(vec![vec![when.clone()]]),
            };
            let Some(choices) = choices else { return Ok(None) };
            let both = alternatives.iter().flat_map(|before| {
                choices.iter().map(|choice| [before.as_slice(), choice].concat())
            });
            alternatives = both.collect();
        }
        Ok(Some(alternatives))
    }

    /// Whether a condition on the namespace of the caller holds for the originals.
    fn namespace_holds(&self, when: &Node) -> bool {
        let names = |key| texts(when, key).any(|pattern| fits(pattern, self.home.namespace));
        (texts(when, "values").next().is_none() || names("values")) && !names("notValues")
    }

    /// A condition on the principal or the account of the caller, for previews.
    fn principals_of(
        &self,
        when: &Node,
        [principals, not_principals, accounts, not_accounts]: [&str; 4],
    ) -> Result<Option<Vec<Vec<Node>>>, Unsayable> {
        let Some(not) = self.excluded(when, not_principals, not_accounts)? else {
            return Ok(None);
        };
        let not = (!not.is_empty()).then(|| {
            let values = Node::list(not.into_iter().map(Node::string));
            Node::map([("key", Node::string(PRINCIPAL)), ("notValues", values)])
        });
        let meant = self.meant(when, principals, accounts)?;
        let Some(meant) = meant else { return Ok(Some(vec![not.into_iter().collect()])) };
        let choices = meant.into_iter().map(|(trust, principals)| {
            let principals = match principals {
                Principals::All => None,
                Principals::Some(principals) => {
                    Some(condition(PRINCIPAL, principals.iter().map(String::as_str)))
                }
            };
            let trust = trust.map(|trust| condition(PRINCIPAL, [trust.as_str()]));
            principals.into_iter().chain(trust).chain(not.clone()).collect::<Vec<Node>>()
        });
        let choices: Vec<Vec<Node>> = choices.collect();
        Ok((!choices.is_empty()).then_some(choices))
    }

    /// Which accounts two lists name, one of principals and one of accounts; none where both are empty. Istio accepts
    /// no source that has both.
    fn meant(
        &self,
        node: &Node,
        principals: &str,
        accounts: &str,
    ) -> Result<Option<Meant>, Unsayable> {
        if texts(node, principals).next().is_some()
            && let Some(account) = texts(node, accounts).next()
        {
            return Err(Unsayable(account.to_owned()));
        }
        let mut any = false;
        let mut meant = Meant::new();
        let mut add = |reading: Reading, text: &str| {
            any = true;
            let (trust, accounts) = match reading {
                Reading::Nobody => return Ok(()),
                Reading::TrustWithEnd => return Err(Unsayable(text.to_owned())),
                Reading::Some { trust, accounts } => (trust, accounts),
            };
            let known = meant.entry(trust).or_insert_with(|| Principals::Some(BTreeSet::new()));
            match (self.patterns(accounts), &mut *known) {
                (None, known) => *known = Principals::All,
                (Some(more), Principals::Some(patterns)) => patterns.extend(more),
                (Some(_), Principals::All) => {}
            }
            Ok(())
        };
        for principal in texts(node, principals) {
            add(read(principal, self.home.namespace), principal)?;
        }
        for account in texts(node, accounts) {
            add(self.read_account(account), account)?;
        }
        meant.retain(|_, principals| *principals != Principals::Some(BTreeSet::new()));
        Ok(any.then_some(meant))
    }

    /// The principals that two lists exclude; none where they exclude all originals.
    fn excluded(
        &self,
        node: &Node,
        principals: &str,
        accounts: &str,
    ) -> Result<Option<BTreeSet<String>>, Unsayable> {
        let mut excluded = BTreeSet::new();
        for (trust, principals) in self.meant(node, principals, accounts)?.unwrap_or_default() {
            match (trust, principals) {
                (None, Principals::All) => return Ok(None),
                (None, Principals::Some(patterns)) => excluded.extend(patterns),
                (Some(trust), Principals::All) => {
                    excluded.insert(trust);
                }
                // Not this account of that trust domain: no list says so.
                (Some(trust), Principals::Some(_)) => return Err(Unsayable(trust)),
            }
        }
        Ok(Some(excluded))
    }

    /// Principals that accounts of any namespace have if these are meant; none for all accounts.
    fn patterns(&self, accounts: Accounts) -> Option<BTreeSet<String>> {
        match accounts {
            Accounts::All => None,
            Accounts::Fitting(pattern) => Some(BTreeSet::from([pattern])),
            // A pattern has one `*`, and the namespace needs it.
            Accounts::BeginningWith(beginning) => {
                let named = self.home.accounts.keys().filter(|name| name.starts_with(&beginning));
                Some(named.map(|name| format!("*/sa/{name}")).collect())
            }
        }
    }

    fn read_account(&self, account: &str) -> Reading {
        let (of, name) = account.split_once('/').unwrap_or((self.namespace, account));
        match of == self.home.namespace {
            true => {
                Reading::Some { trust: None, accounts: Accounts::Fitting(format!("*/sa/{name}")) }
            }
            false => Reading::Nobody,
        }
    }

    /// A source that means all of the previews' namespaces, and not those for another namespace of the baseline whose
    /// names fit as well: `pr-1-a-shop` fits `pr-*-shop`.
    fn previews(&self) -> Node {
        let mine = self.home.previews.as_str();
        let mut source = Node::map([("namespaces", Node::list([Node::string(mine)]))]);
        let others = self.homes.iter().filter(|other| other.previews != mine);
        let others = others.filter(|other| fits(mine, &other.any_preview()));
        let not = others.map(|other| other.previews.clone()).collect();
        set_texts(&mut source, "notNamespaces", &not);
        source
    }
}

/// A rule for all callers that it means but those of previews.
pub(super) fn but_previews(rule: &Node, homes: &[Home<'_>], namespace: &str) -> Node {
    let without = |source: &Node| {
        let others = texts(source, "notNamespaces");
        let not = others.chain(homes.iter().map(|home| home.previews.as_str()));
        let not = Node::list(not.map(Node::string));
        let mut source = source.clone();
        as_principals(&mut source, namespace);
        source.set("notNamespaces", not);
        source
    };
    let mut sources: Vec<Node> = clauses::sources(rule).flatten().map(without).collect();
    if sources.is_empty() {
        sources.push(without(&Node::default()));
    }
    with(rule, &sources, items(rule, "when").to_vec())
}

/// Accounts of a source as principals: Istio takes them beside no namespaces.
fn as_principals(source: &mut Node, namespace: &str) {
    for (accounts, principals) in
        [("serviceAccounts", "principals"), ("notServiceAccounts", "notPrincipals")]
    {
        let Some(list) = source.remove(accounts) else { continue };
        for account in list.items().iter().filter_map(Node::text) {
            let (of, name) = account.split_once('/').unwrap_or((namespace, account));
            let principal = Node::string(format!("*/ns/{of}/sa/{name}"));
            match source.get_mut(principals) {
                Some(known) => known.push(principal),
                None => source.set(principals, Node::list([principal])),
            }
        }
    }
}

/// A rule with accounts in full: one without a namespace would be of the copy's.
pub(super) fn in_full(rule: &Node, namespace: &str) -> Node {
    let full = |node: &mut Node, key: &str| {
        for account in node.get_mut(key).map(Node::items_mut).unwrap_or_default() {
            if let Some(name) = account.text().filter(|name| !name.contains('/')) {
                *account = Node::string(format!("{namespace}/{name}"));
            }
        }
    };
    let mut rule = rule.clone();
    for from in rule.get_mut("from").map(Node::items_mut).unwrap_or_default() {
        if let Some(source) = from.get_mut("source") {
            full(source, "serviceAccounts");
            full(source, "notServiceAccounts");
        }
    }
    for when in rule.get_mut("when").map(Node::items_mut).unwrap_or_default() {
        if when.text_at(&["key"]) == Some(ACCOUNT) {
            full(when, "values");
            full(when, "notValues");
        }
    }
    rule
}

/// A rule with other sources and conditions.
fn with(rule: &Node, sources: &[Node], when: Vec<Node>) -> Node {
    let from = sources.iter().map(|source| Node::map([("source", source.clone())]));
    let mut made = Node::map([("from", Node::list(from))]);
    for (key, value) in rule.entries() {
        if !matches!(key.text.as_str(), "from" | "when") {
            made.set(&key.text, value.clone());
        }
    }
    if !when.is_empty() {
        made.set("when", Node::list(when));
    }
    made
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
