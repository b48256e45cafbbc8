//! Policies at Gateways that say something of hosts: a preview's host is another than its original's.
//! See <https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation>.

use std::collections::{BTreeMap, BTreeSet};

use super::authorization::{GROUP, KIND};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::{Object, gateway};
use crate::model::Catalog;
use crate::plan::Plan;
use crate::plan::routing::entries::{EntryClone, fill};
use crate::yaml::Node;

/// An original host and what previews have for it, with `{preview}` in it.
type Pair<'p> = (&'p str, &'p str);

/// Reports each policy of a Gateway that treats preview hosts unlike the original ones, once.
pub(in crate::plan) fn check(plan: &Plan<'_>, report: &mut Report) {
    let mut at: BTreeMap<(&str, &str), (BTreeSet<Pair<'_>>, &str)> = BTreeMap::new();
    for clone in &plan.routing.entries.clones {
        let Some(preview) = first_preview(plan, clone) else { continue };
        let gateway = (clone.entry.gateway.namespace.as_str(), clone.entry.gateway.name.as_str());
        let (pairs, _) = at.entry(gateway).or_insert_with(|| (BTreeSet::new(), preview));
        pairs.extend(clone.renamed_hosts().filter(|(original, _)| *original != "*"));
    }
    for policy in plan.catalog.of_kind(GROUP, KIND).filter(|policy| mentions_hosts(policy)) {
        for (gateway, (pairs, preview)) in &at {
            if applies(plan.catalog, policy, *gateway) {
                let mut found = pairs.iter().filter_map(|pair| finding(policy, *pair, preview));
                report.extend(found.next());
            }
        }
    }
}

fn first_preview<'p>(plan: &'p Plan<'_>, clone: &EntryClone<'_>) -> Option<&'p str> {
    clone.environments.first().map(|&index| plan.environments[index].name)
}

fn operations(policy: &Object) -> impl Iterator<Item = (&Node, Option<&Node>)> {
    let rules = policy.node.at(&["spec", "rules"]).map(Node::items).unwrap_or_default().iter();
    rules.flat_map(|rule| {
        let to = rule.get("to").map(Node::items).unwrap_or_default();
        let operations = to.iter().map(move |one| (rule, one.get("operation")));
        operations.chain(to.is_empty().then_some((rule, None)))
    })
}

fn mentions_hosts(policy: &Object) -> bool {
    let is_host = |key: &str| matches!(key, "hosts" | "notHosts");
    operations(policy).any(|(_, one)| {
        one.is_some_and(|one| one.entries().iter().any(|(key, _)| is_host(&key.text)))
    })
}

/// Whether the pods of a Gateway follow a policy.
fn applies(catalog: &Catalog<'_>, policy: &Object, (namespace, name): (&str, &str)) -> bool {
    let spec = policy.node.get("spec");
    let of_spec = |key: &str| spec.and_then(|spec| spec.get(key));
    let refs = of_spec("targetRefs").map(Node::items).unwrap_or_default().iter();
    let mut refs = refs.chain(of_spec("targetRef")).peekable();
    let own = policy.id.namespace.as_str();
    if refs.peek().is_some() {
        let is_named = |one: &Node| {
            one.text_at(&["kind"]) == Some("Gateway") && one.text_at(&["name"]) == Some(name)
        };
        return own == namespace && refs.any(is_named);
    }
    let is = |object: &&Object| object.id.namespace == namespace && object.id.name == name;
    let of_istio = catalog.of_kind(crate::kube::istio::GROUP, "Gateway").find(is);
    // Pods of a Gateway of Istio are wherever its selector finds them, mostly in the root namespace.
    if own != ROOT_NAMESPACE && own != namespace {
        return false;
    }
    let wanted = of_spec("selector").and_then(|selector| selector.get("matchLabels"));
    let has = |key: &str, value: Option<&str>| match of_istio {
        Some(one) => one.node.text_at(&["spec", "selector", key]) == value,
        None => key == gateway::NAME_LABEL && value == Some(name),
    };
    let wanted = wanted.map(Node::entries).unwrap_or_default();
    wanted.iter().all(|(key, value)| has(&key.text, value.text()))
}

/// The finding that a policy treats a preview host unlike the original one.
fn finding(policy: &Object, (original, made): Pair<'_>, preview: &str) -> Option<Diagnostic> {
    let host = fill(made, preview);
    let (of_original, of_preview) = (says_of(policy, original), says_of(policy, &host));
    let only = |these: &[Node], others: &[Node]| these.iter().any(|one| !others.contains(one));
    let asks = match policy.node.text_at(&["spec", "action"]) {
        Some("AUDIT") => return None,
        Some("DENY" | "CUSTOM") => true,
        _ => false,
    };
    let (lacks, exceeds) = (only(&of_original, &of_preview), only(&of_preview, &of_original));
    let opens = if asks { lacks } else { exceeds };
    if !lacks && !exceeds {
        return None;
    }
    let (code, does, than) = match opens {
        true => (&code::POLICY_UNLIKE, "lets pass", "stops"),
        false => (&code::POLICY_ELSEWHERE, "stops", "lets pass"),
    };
    let message = format!(
        "{} {does} requests for preview hosts, such as `{host}`, that it {than} for `{original}`",
        policy.id
    );
    let (_, behind) = made.rsplit_once("{preview}").unwrap_or(("", made));
    let help = format!("wherever it lists a host for `{original}`, list `*{behind}` as well");
    let label = "says nothing of preview hosts";
    Some(Diagnostic::new(code, message, help).at(policy.place(), label))
}

/// What a policy says of requests for a host, whatever else they are: the rules that hold, without their hosts.
fn says_of(policy: &Object, host: &str) -> Vec<Node> {
    let mut said = Vec::new();
    for (rule, operation) in operations(policy) {
        let mut operation = operation.cloned().unwrap_or_default();
        let list = |node: Option<Node>| -> Option<bool> {
            let node = node?;
            let any = |one: &Node| one.text().is_some_and(|pattern| fits(pattern, host));
            (!node.items().is_empty()).then(|| node.items().iter().any(any))
        };
        let (hosts, not) = (list(operation.remove("hosts")), list(operation.remove("notHosts")));
        if hosts != Some(false) && not != Some(true) {
            let mut rest = rule.clone();
            rest.remove("to");
            said.push(Node::list([operation, rest]));
        }
    }
    said
}

/// Whether a host fits what a policy lists, in whatever case.
fn fits(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    // Clients may write the port behind the host.
    let pattern = pattern.strip_suffix(":*").unwrap_or(&pattern);
    match (pattern.strip_prefix('*'), pattern.strip_suffix('*')) {
        (Some(end), _) => host.ends_with(end),
        (None, Some(beginning)) => host.starts_with(beginning),
        (None, None) => pattern == host,
    }
}
