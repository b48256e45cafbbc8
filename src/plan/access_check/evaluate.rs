//! What AuthorizationPolicies make of one call, as Istio says it: no word here is shared with what rewrites them.
//! See <https://istio.io/latest/docs/concepts/security/#implicit-enablement>.

use std::collections::BTreeMap;
use std::net::IpAddr;

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
}

/// A field, its opposite, and the key of what both ask for.
pub(super) type Field = (&'static str, &'static str, &'static str);

/// What a call is besides its caller: host, method, path, port, and what conditions ask for, by their keys.
pub(super) type Call = BTreeMap<String, String>;

pub(super) const HOST: &str = "host";
pub(super) const METHOD: &str = "method";
pub(super) const PATH: &str = "path";
pub(super) const PORT: &str = "destination.port";

/// The fields of an operation.
pub(super) const OPERATION: [Field; 4] = [
    ("hosts", "notHosts", HOST),
    ("methods", "notMethods", METHOD),
    ("paths", "notPaths", PATH),
    ("ports", "notPorts", PORT),
];

/// The fields of a source that say nothing of the caller's identity.
pub(super) const OF_REQUEST: [Field; 3] = [
    ("requestPrincipals", "notRequestPrincipals", "request.auth.principal"),
    ("ipBlocks", "notIpBlocks", "source.ip"),
    ("remoteIpBlocks", "notRemoteIpBlocks", "remote.ip"),
];

/// Whether a call is allowed, and a policy by which it is so.
#[derive(Debug)]
pub(super) struct Verdict<'p> {
    pub(super) is_allowed: bool,
    pub(super) by: Option<&'p Object>,
}

/// What policies make of a call.
pub(super) fn verdict<'p>(
    policies: &[Followed<'p>],
    caller: Caller<'_>,
    call: &Call,
) -> Verdict<'p> {
    let matches = |one: &Followed<'_>| one.rules.iter().any(|rule| holds(one, rule, caller, call));
    let mut denying = policies.iter().filter(|one| action(one) == Some("DENY"));
    if let Some(denying) = denying.find(|one| matches(one)) {
        return Verdict { is_allowed: false, by: Some(denying.policy) };
    }
    let mut allowing = policies.iter().filter(|one| matches!(action(one), None | Some("ALLOW")));
    let first = allowing.clone().next();
    let allows = allowing.find(|one| matches(one));
    let is_allowed = first.is_none() || allows.is_some();
    Verdict { is_allowed, by: allows.or(first).map(|one| one.policy) }
}

fn action<'p>(followed: &Followed<'p>) -> Option<&'p str> {
    followed.policy.node.text_at(&["spec", "action"])
}

/// Whether a rule holds.
fn holds(followed: &Followed<'_>, rule: &Node, caller: Caller<'_>, call: &Call) -> bool {
    let any = |list: &str, inner: &str, holds: &dyn Fn(&Node) -> bool| {
        let items = items(rule, list);
        items.is_empty() || items.iter().any(|item| item.get(inner).is_none_or(holds))
    };
    let of_source = |source: &Node| {
        is_of(followed, source, caller) && OF_REQUEST.iter().all(|field| asks(source, *field, call))
    };
    let of_operation =
        |operation: &Node| OPERATION.iter().all(|field| asks(operation, *field, call));
    any("from", "source", &of_source)
        && any("to", "operation", &of_operation)
        && items(rule, "when").iter().all(|one| condition_holds(followed, one, caller, call))
}

/// Whether the identity of a caller is one that a source names.
pub(super) fn is_of(followed: &Followed<'_>, source: &Node, caller: Caller<'_>) -> bool {
    both(source, "principals", "notPrincipals", &|one| is_principal(one, caller))
        && both(source, "namespaces", "notNamespaces", &|one| is_namespace(one, caller))
        && both(source, "serviceAccounts", "notServiceAccounts", &|one| {
            is_account(followed, one, caller)
        })
}

/// Whether something is in a list, where that has items, and not in its opposite.
fn both(node: &Node, field: &str, not: &str, is: &dyn Fn(&str) -> bool) -> bool {
    let any = |field: &str| texts(node, field).any(is);
    (texts(node, field).next().is_none() || any(field)) && !any(not)
}

/// Whether a condition holds of a caller and a call.
pub(super) fn condition_holds(
    followed: &Followed<'_>,
    condition: &Node,
    caller: Caller<'_>,
    call: &Call,
) -> bool {
    let key = condition.text_at(&["key"]).unwrap_or_default();
    let is = |one: &str| match key {
        "source.principal" => is_principal(one, caller),
        "source.namespace" => is_namespace(one, caller),
        "source.serviceAccount" => is_account(followed, one, caller),
        _ => call.get(key).is_some_and(|value| is_value(key, one, value)),
    };
    both(condition, "values", "notValues", &is)
}

/// Whether what a call has is what a field asks for, and not what its opposite excludes.
fn asks(node: &Node, (field, not, key): Field, call: &Call) -> bool {
    let has = call.get(key);
    both(node, field, not, &|one| has.is_some_and(|value| is_value(key, one, value)))
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

/// A namespace may have `*` anywhere.
fn is_namespace(pattern: &str, caller: Caller<'_>) -> bool {
    let Some(&Identity { namespace, .. }) = caller else { return false };
    let parts: Vec<&str> = pattern.split('*').collect();
    let [first, middle @ .., last] = parts.as_slice() else { return pattern == namespace };
    let Some(mut rest) = namespace.strip_prefix(first) else { return false };
    for part in middle {
        let Some(at) = rest.find(part) else { return false };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

fn is_account(followed: &Followed<'_>, pattern: &str, caller: Caller<'_>) -> bool {
    let Some(&Identity { namespace, account, .. }) = caller else { return false };
    let (of, name) = pattern.split_once('/').unwrap_or((followed.namespace, pattern));
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
