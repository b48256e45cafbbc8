//! The proof that previews get no more access than the baseline has, and no less.
//!
//! For each workload of the baseline every caller is tried with every call that its policies tell apart: what may
//! each do before there are previews, and what with them, at the original and at its copies. Callers are the accounts
//! of the whole input, those of copies, and one in plain text. A call that is allowed now and was not before is an
//! error, one that was and is not any more a warning; both come with a witness. The policies are
//! evaluated as Istio does it ([`evaluate`]), by no code that has rewritten them.

mod calls;
mod evaluate;

use std::collections::{BTreeMap, BTreeSet};

use rayon::prelude::*;

use self::evaluate::{Call, Caller, Followed, Identity, Verdict, is_of, items, texts, verdict};
use super::Plan;
use super::policies::Estate;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::Object;
use crate::model::{Mesh, pod_spec};
use crate::yaml::Node;

const GROUP: &str = "security.istio.io";
const KIND: &str = "AuthorizationPolicy";

/// The trust domain of a mesh that has no other.
const TRUST: &str = "cluster.local";

/// Somebody of whom the input says nothing.
const ELSEWHERE: (&str, &str) = ("elsewhere", "default");

/// A caller before there are previews, and the one that stands for it with them where that is another.
struct Pair<'c> {
    was: Option<Identity<'c>>,
    is: Option<Identity<'c>>,
    /// Whether it calls itself. Such calls stay within a preview, so the original may refuse them.
    is_own: bool,
}

/// Reports access that previews change.
pub(super) fn check(plan: &Plan<'_>, report: &mut Report) {
    // There a waypoint follows some policies and ztunnel others, and a call may pass the first or not. What follows
    // from that is said in `policies/waypoint.rs`.
    if plan.catalog.mesh == Mesh::Ambient {
        return;
    }
    let world = World::new(plan);
    if plan.environments.is_empty() || world.followed.iter().all(Vec::is_empty) {
        return;
    }
    let workloads = plan.catalog.workloads().par_iter();
    let found: Vec<Vec<Diagnostic>> =
        workloads.map(|workload| world.check(workload.object)).collect();
    // Many workloads may follow one policy, of which one word is enough.
    let mut said = BTreeSet::new();
    let found = found.into_iter().flatten();
    report.extend(found.filter(|one| said.insert((one.code.id, one.place))));
}

/// What the check knows.
struct World<'p, 'a> {
    plan: &'p Plan<'a>,
    estate: Estate<'a>,
    /// The policies of the input that each workload follows, by its number.
    followed: Vec<Vec<&'a Object>>,
    /// Which of the additions belong to a policy, by its number.
    siblings: BTreeMap<usize, &'p Node>,
    /// Accounts of other namespaces of the input.
    others: BTreeSet<(&'a str, &'a str)>,
    /// Namespaces of previews for those of the baseline: first one that can be, then those that are there and look like
    /// one for another namespace of the baseline.
    previews: Vec<(&'a str, String)>,
}

impl<'p, 'a: 'p> World<'p, 'a> {
    fn new(plan: &'p Plan<'a>) -> Self {
        let catalog = plan.catalog;
        let estate = Estate::new(plan.config, catalog, &plan.environments);
        let mut followed = vec![Vec::new(); catalog.objects().count()];
        for policy in catalog.of_kind(GROUP, KIND).filter(|policy| is_enforced(policy)) {
            if estate.may_hold_for_home(policy) {
                for number in estate.workloads_under(policy) {
                    followed[number].push(policy);
                }
            }
        }
        let siblings = plan.policies.siblings.iter();
        let siblings = siblings.map(|one| (one.original.number, &one.spec)).collect();
        let mut others = BTreeSet::from([ELSEWHERE]);
        for object in catalog.objects().filter(|one| !estate.is_home(&one.id.namespace)) {
            let namespace = object.id.namespace.as_str();
            if object.is("", "ServiceAccount") {
                others.insert((namespace, object.id.name.as_str()));
            } else if !namespace.is_empty() && pod_spec(&object.node).is_some() {
                others.insert((namespace, Estate::account(&object.node)));
            }
        }
        let homes = estate.homes.iter();
        let sample = |previews: &str| previews.replace('*', "0");
        let samples = homes.map(|home| (home.namespace, sample(&home.previews)));
        let previews = samples.chain(mistakable(plan, &estate)).collect();
        Self { plan, estate, followed, siblings, others, previews }
    }

    /// What is found at a workload: at the original, and at its copies.
    fn check(&'p self, workload: &'a Object) -> Vec<Diagnostic> {
        let followed = &self.followed[workload.number];
        let refused = &self.plan.policies.refused;
        if followed.is_empty() || followed.iter().any(|one| refused.contains(&one.number)) {
            return Vec::new();
        }
        let before: Vec<Followed<'p>> = followed.iter().map(|policy| original(policy)).collect();
        let mut now = before.clone();
        now.extend(followed.iter().filter_map(|policy| {
            let spec = self.siblings.get(&policy.number)?;
            Some(Followed { rules: items(spec, "rules"), ..original(policy) })
        }));
        let calls = calls::told_apart(&before);
        let pairs = self.pairs(workload, &before);
        let mut found = compare(&workload.id.to_string(), [&before, &now], &pairs, &calls);
        if self.estate.copies(workload) {
            let copied: Vec<Followed<'_>> =
                followed.iter().map(|policy| self.copy_of(policy, workload)).collect();
            let target = format!("the copy of {}", workload.id);
            found.extend(compare(&target, [&before, &copied], &pairs, &calls));
        }
        found
    }

    /// A policy as copies of a workload follow it: those of the root namespace hold as they are.
    fn copy_of(&'p self, policy: &'a Object, workload: &Object) -> Followed<'p> {
        if policy.id.namespace != workload.id.namespace {
            return original(policy);
        }
        let spec = self.plan.policies.rewritten_spec(policy);
        let rules = spec.map_or(original(policy).rules, |spec| items(spec, "rules"));
        let of_workload = |(home, _): &&(&str, String)| *home == workload.id.namespace;
        let namespace = self.previews.iter().find(of_workload).map_or("", |(_, name)| name);
        Followed { policy, namespace, rules }
    }

    /// The callers to try: of those that the policies do not tell apart, one.
    fn pairs(&'p self, workload: &Object, policies: &[Followed<'p>]) -> Vec<Pair<'p>> {
        let texts = identity_texts(policies);
        let named = |account: &str| texts.iter().any(|text| may_name(text, account));
        let mut unnamed = BTreeSet::new();
        let mut of_accounts: Vec<(_, Option<&str>, bool)> = Vec::new();
        for &(namespace, account) in &self.others {
            if named(account) || unnamed.insert(namespace) {
                of_accounts.push(((namespace, account), None, false));
            }
        }
        for home in &self.estate.homes {
            let [mut before, mut with] = [false; 2];
            for (account, workloads) in &home.accounts {
                if named(account) || !std::mem::replace(&mut before, true) {
                    of_accounts.push(((home.namespace, *account), None, false));
                }
                let is_own = workloads.as_slice() == [workload.number];
                let is_copied = home.copied_accounts.contains(account);
                if is_copied && (is_own || named(account) || !std::mem::replace(&mut with, true)) {
                    let previews = self.previews.iter().filter(|(of, _)| *of == home.namespace);
                    of_accounts.extend(previews.map(|(_, preview)| {
                        ((home.namespace, *account), Some(preview.as_str()), is_own)
                    }));
                }
            }
        }
        let mut pairs: Vec<Pair<'_>> = vec![Pair { was: None, is: None, is_own: false }];
        for trust in trusts(&texts) {
            pairs.extend(of_accounts.iter().map(|&((namespace, account), preview, is_own)| {
                let is = preview.map(|preview| Identity::new(trust, preview, account));
                Pair { was: Some(Identity::new(trust, namespace, account)), is, is_own }
            }));
        }
        pairs
    }
}

/// Namespaces of previews that look like ones for another namespace of the baseline, one for each two of these: that of
/// `pr-1-a` for `shop` is `pr-1-a-shop`, and so is that of `pr-1` for `a-shop`.
fn mistakable<'a>(plan: &Plan<'a>, estate: &Estate<'a>) -> Vec<(&'a str, String)> {
    let mut found = Vec::new();
    for home in &estate.homes {
        let others = estate.homes.iter().filter(|other| other.namespace != home.namespace);
        // Where any of its namespaces looks so, the rules for the others leave them out.
        let any = home.any_preview();
        for other in others.filter(|other| !other.is_of_previews(&any)) {
            let rooms = plan.environments.iter().filter_map(|env| env.find_room(home.namespace));
            let looks_so = |name: &&str| other.is_of_previews(name);
            let looking_so = rooms.map(|room| room.namespace.as_str()).find(looks_so);
            found.extend(looking_so.map(|name| (home.namespace, name.to_owned())));
        }
    }
    found
}

/// Whether Istio follows a policy, and not only notes what it would do.
fn is_enforced(policy: &Object) -> bool {
    policy.annotation("istio.io/dry-run") != Some("true")
}

fn original(policy: &Object) -> Followed<'_> {
    let spec = policy.node.get("spec");
    let rules = spec.map(|spec| items(spec, "rules")).unwrap_or_default();
    Followed { policy, namespace: &policy.id.namespace, rules }
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
            if condition.text_at(&["key"]).is_some_and(calls::is_identity) {
                found.extend(
                    ["values", "notValues"].into_iter().flat_map(|of| texts(condition, of)),
                );
            }
        }
    }
    found
}

/// Whether a principal or an account of a policy may tell this account from others.
fn may_name(text: &str, account: &str) -> bool {
    let last = text.rsplit('/').next().unwrap_or(text);
    last == account || last.len() > 1 && last.contains('*')
}

/// The trust domains that principals name, and the usual one.
fn trusts<'p>(texts: &BTreeSet<&'p str>) -> BTreeSet<&'p str> {
    let named = texts.iter().filter_map(|text| text.split_once('/'));
    let named = named.map(|(trust, _)| trust).filter(|trust| !trust.contains('*'));
    // An account with its namespace looks like the beginning of a principal, and does no harm as one.
    named.filter(|trust| !trust.is_empty()).chain([TRUST]).collect()
}

/// Tries every pair of callers with every call: what is found first of each kind.
fn compare(
    target: &str,
    [before, now]: [&[Followed<'_>]; 2],
    pairs: &[Pair<'_>],
    calls: &[Call],
) -> Vec<Diagnostic> {
    let mut seen = BTreeSet::new();
    let mut found: BTreeMap<bool, Diagnostic> = BTreeMap::new();
    for Pair { was, is, is_own } in pairs {
        let was = was.as_ref();
        let is = is.as_ref().or(was);
        if !seen.insert((meant(before, was), meant(now, is), *is_own)) {
            continue;
        }
        for call in calls {
            let (old, new) = (verdict(before, was, call), verdict(now, is, call));
            let matters = old.is_allowed != new.is_allowed && (new.is_allowed || !is_own);
            if matters && !found.contains_key(&new.is_allowed) {
                let finding = finding(target, [was, is], call, [&old, &new]);
                found.extend(finding.map(|finding| (new.is_allowed, finding)));
            }
        }
    }
    found.into_values().collect()
}

/// Which sources and conditions of policies mean a caller: two callers with the same may do the same.
fn meant(policies: &[Followed<'_>], caller: Caller<'_>) -> Vec<bool> {
    let nothing = Call::new();
    let mut meant = Vec::new();
    for (followed, rule) in
        policies.iter().flat_map(|one| one.rules.iter().map(move |rule| (one, rule)))
    {
        let sources = items(rule, "from").iter().filter_map(|from| from.get("source"));
        meant.extend(sources.map(|source| is_of(followed, source, caller)));
        let about = items(rule, "when").iter();
        let about = about.filter(|one| one.text_at(&["key"]).is_some_and(calls::is_identity));
        meant.extend(about.map(|one| evaluate::condition_holds(followed, one, caller, &nothing)));
    }
    meant
}

/// The finding that a call is allowed now and was not, or the other way round, at the policy by which it is so.
fn finding(
    target: &str,
    [was, is]: [Caller<'_>; 2],
    call: &Call,
    [old, new]: [&Verdict<'_>; 2],
) -> Option<Diagnostic> {
    let name = |caller: Caller<'_>| match caller {
        Some(Identity { namespace, account, .. }) => format!("`{namespace}/{account}`"),
        None => "a caller in plain text".to_owned(),
    };
    let policy = new.by.or(old.by)?;
    let (code, now, before) = match new.is_allowed {
        true => (&code::ACCESS_WIDENED, "may", "may not"),
        false => (&code::ACCESS_NARROWED, "may not", "may"),
    };
    let call = calls::shown(call);
    let message = match was == is {
        true => format!(
            "with previews {} {now} call {target} ({call}), and without them it {before}: by {}",
            name(is),
            policy.id
        ),
        false => format!(
            "the copy of {} {now} call {target} ({call}), and its original {before}: by {}",
            name(was),
            policy.id
        ),
    };
    let help = "give previews a prefix that no other namespace begins with, or let the policy name callers so that \
                previews and others differ";
    Some(Diagnostic::new(code, message, help).at(policy.place(), "this decides"))
}
