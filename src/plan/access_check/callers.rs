//! Callers that some policies tell apart: of all others, one of each namespace.

use std::collections::{BTreeMap, BTreeSet};

use super::evaluate::{Followed, Identity, is_identity, items, texts};
use super::{TRUST, World};
use crate::kube::Object;
use crate::model::pod_spec;
use crate::plan::policies::Estate;

/// A caller before there are previews, and the one that stands for it with them where that is another.
pub(super) struct Pair<'c> {
    pub(super) was: Option<Identity<'c>>,
    pub(super) is: Option<Identity<'c>>,
    /// The workload that calls itself as it, where one alone runs as the account. Such calls stay within a preview, so
    /// the original may refuse them.
    pub(super) own: Option<usize>,
}

/// The accounts of namespaces that are not the baseline's, and one of which the input says nothing.
pub(super) fn elsewhere<'a>(estate: &Estate<'a>) -> BTreeMap<&'a str, BTreeSet<&'a str>> {
    let mut found = BTreeMap::from([("elsewhere", BTreeSet::from(["default"]))]);
    for object in estate.catalog.objects().filter(|one| !estate.is_home(&one.id.namespace)) {
        let account = match object.is("", "ServiceAccount") {
            true => Some(object.id.name.as_str()),
            false => pod_spec(&object.node).map(|_| Estate::account(&object.node)),
        };
        if let Some(account) = account.filter(|_| !object.id.namespace.is_empty()) {
            found.entry(object.id.namespace.as_str()).or_default().insert(account);
        }
    }
    found
}

/// The callers to try at workloads that follow some policies.
pub(super) fn told_apart<'p, 'a: 'p>(
    world: &'p World<'p, 'a>,
    workloads: &[&Object],
    policies: &[Followed<'p>],
) -> Vec<Pair<'p>> {
    let texts = identity_texts(policies);
    let named = named_accounts(&texts);
    let called: BTreeSet<usize> = workloads.iter().map(|workload| workload.number).collect();
    let mut of_accounts: Vec<(&str, &str, Option<&str>, Option<usize>)> = Vec::new();
    for (namespace, accounts) in &world.others {
        let some = some_of(named.as_ref(), accounts.iter().copied());
        of_accounts.extend(some.map(|account| (*namespace, account, None, None)));
    }
    for home in &world.estate.homes {
        let some = some_of(named.as_ref(), home.accounts.keys().copied());
        of_accounts.extend(some.map(|account| (home.namespace, account, None, None)));
        let own = |account: &str| match home.accounts.get(account)?.as_slice() {
            [one] => called.get(one).copied(),
            _ => None,
        };
        // One that calls itself somewhere stands for no others there.
        let others = home.copied_accounts.iter().copied().filter(|one| own(one).is_none());
        let own = home.copied_accounts.iter().filter_map(|one| Some((*one, Some(own(one)?))));
        let some = some_of(named.as_ref(), others).map(|account| (account, None));
        let previews = || world.previews.iter().filter(|(of, _)| *of == home.namespace);
        for (account, own) in some.chain(own) {
            let of_account = |(_, preview): &'p (_, String)| {
                (home.namespace, account, Some(preview.as_str()), own)
            };
            of_accounts.extend(previews().map(of_account));
        }
    }
    let mut pairs = vec![Pair { was: None, is: None, own: None }];
    let domains = trust_domains(policies);
    for trust in trusts(&texts).into_iter().chain(domains.iter().map(String::as_str)) {
        pairs.extend(of_accounts.iter().map(|&(namespace, account, preview, own)| {
            let is = preview.map(|preview| Identity::new(trust, preview, account));
            Pair { was: Some(Identity::new(trust, namespace, account)), is, own }
        }));
    }
    pairs
}

/// Of some accounts those that are named, and the first other one; all where any may be meant.
fn some_of<'c>(
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

/// What policies say of the identities of callers.
fn identity_texts<'p>(policies: &[Followed<'p>]) -> BTreeSet<&'p str> {
    const FIELDS: [&str; 4] =
        ["principals", "notPrincipals", "serviceAccounts", "notServiceAccounts"];
    let mut found = BTreeSet::new();
    for rule in policies.iter().flat_map(|one| one.rules) {
        for source in items(rule, "from").iter().filter_map(|from| from.get("source")) {
            found.extend(FIELDS.into_iter().flat_map(|field| texts(source, field)));
        }
        for condition in items(rule, "when") {
            if condition.text_at(&["key"]).is_some_and(is_identity) {
                let lists = ["values", "notValues"].into_iter();
                found.extend(lists.flat_map(|list| texts(condition, list)));
            }
        }
    }
    found
}

/// Trust domains that sources name, but for the usual one.
fn trust_domains(policies: &[Followed<'_>]) -> BTreeSet<String> {
    let rules = policies.iter().flat_map(|one| one.rules);
    let sources = rules.flat_map(|rule| items(rule, "from")).filter_map(|from| from.get("source"));
    let lists = ["trustDomains", "notTrustDomains"];
    let named = sources.flat_map(|source| lists.into_iter().flat_map(|list| texts(source, list)));
    named.map(|one| one.replace('*', "any")).filter(|one| one != TRUST).collect()
}

/// The accounts that principals and accounts of policies name; none where a pattern may mean any.
fn named_accounts<'p>(texts: &BTreeSet<&'p str>) -> Option<BTreeSet<&'p str>> {
    let last = |text: &&'p str| text.rsplit('/').next().unwrap_or(text);
    let is_exact = |text: &&'p str| last(text) == "*" || !last(text).contains('*');
    texts.iter().all(is_exact).then(|| texts.iter().map(last).collect())
}

/// The trust domains that principals name, and the usual one; and one that stands for the mesh's own, where the usual one
/// means that in some principals and itself in the beginning of others.
fn trusts<'p>(texts: &BTreeSet<&'p str>) -> BTreeSet<&'p str> {
    const OWN: &str = "own.anabranch.example";
    let slashes = |text: &str| text.matches('/').count();
    // An account with its namespace is no principal.
    let principals = || texts.iter().filter(|text| text.contains('*') || slashes(text) != 1);
    let begins = |text: &&str| !text.starts_with('*') && text.ends_with('*') && slashes(text) < 4;
    let own = principals().any(begins).then_some(OWN);
    let named = principals().filter_map(|text| text.split_once('/'));
    let named = named.map(|(trust, _)| trust).filter(|trust| !trust.contains('*'));
    named.filter(|trust| !trust.is_empty()).chain([TRUST]).chain(own).collect()
}
