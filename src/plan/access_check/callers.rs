//! Callers to try: one for each group of callers that some policies treat alike.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::{AppliedPolicy, Identity, is_identity, texts};
use super::{Checker, TRUST};
use crate::kube::Object;
use crate::model::{pod_of, service_account};
use crate::plan::policies::PolicyContext;

/// To make a pair of callers is as much work as this many comparisons.
const CALLER_COST: usize = 8;

/// A caller, and its counterpart once there are previews.
pub(super) struct CallerPair<'c> {
    /// The caller; `None` for a call in plain text.
    pub(super) original: Option<Identity<'c>>,
    /// Its copy in a preview; `None` if the caller stays the same.
    pub(super) copy: Option<Identity<'c>>,
    /// The called workload, if it alone runs as the account. Copies of it call themselves and never the original, so the
    /// original may refuse them.
    pub(super) calls_itself: Option<usize>,
}

/// A service account to try.
struct TriedAccount<'c> {
    namespace: &'c str,
    name: &'c str,
    /// The namespace of a preview with copies that run as it.
    preview: Option<&'c str>,
    calls_itself: Option<usize>,
}

/// The accounts of namespaces outside of the baseline, and one that the input does not name.
pub(super) fn outside_of_baseline<'a>(
    context: &PolicyContext<'a>,
) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let home = context.catalog.home;
    let mut accounts = BTreeMap::from([("elsewhere", BTreeSet::from(["default"]))]);
    for object in context.catalog.objects().filter(|one| !home.includes(&one.id.namespace)) {
        let account = match object.is("", "ServiceAccount") {
            true => Some(object.id.name.as_str()),
            false => pod_of(object).map(|_| service_account(&object.node)),
        };
        if let Some(account) = account.filter(|_| !object.id.namespace.is_empty()) {
            accounts.entry(object.id.namespace.as_str()).or_default().insert(account);
        }
    }
    accounts
}

/// The callers to try at workloads that some policies apply to.
pub(super) fn representatives<'p, 'a: 'p>(
    checker: &'p Checker<'p, 'a>,
    workloads: &[&Object],
    policies: &[AppliedPolicy<'p>],
) -> Vec<CallerPair<'p>> {
    let patterns = identity_patterns(policies);
    let accounts = accounts(checker, workloads, named_accounts(&patterns).as_ref());
    let mut pairs = vec![CallerPair { original: None, copy: None, calls_itself: None }];
    let listed = listed_trust_domains(policies);
    let trust_domains =
        trust_domains_of(&patterns).into_iter().chain(listed.iter().map(String::as_str));
    let trust_domains: Vec<&str> = trust_domains.collect();
    if !checker.comparisons.count(CALLER_COST * trust_domains.len() * accounts.len()) {
        return pairs;
    }
    for trust in trust_domains {
        pairs.extend(accounts.iter().map(|account| CallerPair {
            original: Some(Identity::new(trust, account.namespace, account.name)),
            copy: account.preview.map(|preview| Identity::new(trust, preview, account.name)),
            calls_itself: account.calls_itself,
        }));
    }
    pairs
}

fn accounts<'p, 'a: 'p>(
    checker: &'p Checker<'p, 'a>,
    workloads: &[&Object],
    named: Option<&BTreeSet<&str>>,
) -> Vec<TriedAccount<'p>> {
    let called: BTreeSet<usize> = workloads.iter().map(|workload| workload.number).collect();
    let original =
        |namespace| move |name| TriedAccount { namespace, name, preview: None, calls_itself: None };
    let mut accounts = Vec::new();
    for (namespace, names) in &checker.other_accounts {
        let names = named_or_first(named, names.iter().copied());
        accounts.extend(names.map(original(*namespace)));
    }
    for home in &checker.context.homes {
        let namespace = home.namespace;
        let names = named_or_first(named, home.accounts.keys().copied());
        accounts.extend(names.map(original(namespace)));
        let calls_itself = |name: &str| match home.accounts.get(name)?.as_slice() {
            [only] => called.get(only).copied(),
            _ => None,
        };
        // An account that calls itself is treated unlike all others, so it represents none of them.
        let copied = home.copied_accounts.iter().copied();
        let (selves, others): (Vec<&str>, Vec<&str>) =
            copied.partition(|name| calls_itself(name).is_some());
        for name in named_or_first(named, others.into_iter()).chain(selves) {
            let previews = checker.previews.iter().filter(|(home, _)| *home == namespace);
            accounts.extend(previews.map(|(_, preview)| TriedAccount {
                namespace,
                name,
                preview: Some(preview),
                calls_itself: calls_itself(name),
            }));
        }
    }
    accounts
}

/// The accounts that policies name, and the first other one as a representative. All accounts if policies may match
/// any part of a name.
fn named_or_first<'c>(
    named: Option<&BTreeSet<&str>>,
    accounts: impl Iterator<Item = &'c str>,
) -> impl Iterator<Item = &'c str> {
    let mut others = 0;
    accounts.filter(move |account| {
        let is_named = named.is_none_or(|named| named.contains(account));
        others += usize::from(!is_named);
        is_named || others == 1
    })
}

/// The patterns for principals and accounts in policies.
fn identity_patterns<'p>(policies: &[AppliedPolicy<'p>]) -> BTreeSet<&'p str> {
    const FIELDS: [&str; 4] =
        ["principals", "notPrincipals", "serviceAccounts", "notServiceAccounts"];
    let mut patterns = BTreeSet::new();
    for rule in policies.iter().flat_map(|one| one.rules) {
        for source in rule.items_at(&["from"]).iter().filter_map(|from| from.get("source")) {
            patterns.extend(FIELDS.into_iter().flat_map(|field| texts(source, field)));
        }
        for condition in rule.items_at(&["when"]) {
            if condition.text_at(&["key"]).is_some_and(is_identity) {
                let lists = ["values", "notValues"].into_iter();
                patterns.extend(lists.flat_map(|list| texts(condition, list)));
            }
        }
    }
    patterns
}

/// The trust domains that sources list by themselves, without the usual one.
fn listed_trust_domains(policies: &[AppliedPolicy<'_>]) -> BTreeSet<String> {
    let rules = policies.iter().flat_map(|one| one.rules);
    let sources =
        rules.flat_map(|rule| rule.items_at(&["from"])).filter_map(|from| from.get("source"));
    let lists = ["trustDomains", "notTrustDomains"];
    let listed = sources.flat_map(|source| lists.into_iter().flat_map(|list| texts(source, list)));
    listed.map(|one| one.replace('*', "any")).filter(|one| one != TRUST).collect()
}

/// The accounts that patterns name; `None` if a pattern may match any part of a name.
fn named_accounts<'p>(patterns: &BTreeSet<&'p str>) -> Option<BTreeSet<&'p str>> {
    let last = |text: &&'p str| text.rsplit('/').next().unwrap_or(text);
    let is_exact = |text: &&'p str| last(text) == "*" || !last(text).contains('*');
    patterns.iter().all(is_exact).then(|| patterns.iter().map(last).collect())
}

/// The trust domains that patterns for principals name, the usual one, and in some cases one that stands for the mesh's
/// own. The usual one means the mesh's own in a principal with all five parts, and only itself in a prefix. So with a
/// prefix the two may be treated unlike.
fn trust_domains_of<'p>(patterns: &BTreeSet<&'p str>) -> BTreeSet<&'p str> {
    const MESH: &str = "own.anabranch.example";
    let slashes = |text: &str| text.matches('/').count();
    // `namespace/account` is no principal.
    let principals = || patterns.iter().filter(|text| text.contains('*') || slashes(text) != 1);
    let is_prefix =
        |text: &&str| !text.starts_with('*') && text.ends_with('*') && slashes(text) < 4;
    let mesh = principals().any(is_prefix).then_some(MESH);
    let named = principals().filter_map(|text| text.split_once('/'));
    let named = named.map(|(trust, _)| trust).filter(|trust| !trust.contains('*'));
    named.filter(|trust| !trust.is_empty()).chain([TRUST]).chain(mesh).collect()
}
