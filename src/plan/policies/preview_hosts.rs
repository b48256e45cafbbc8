//! Finds AuthorizationPolicies of Gateways that match on hosts and so treat preview hosts unlike the original ones.
//! See <https://istio.io/latest/docs/reference/config/security/authorization-policy/#Operation>.

use std::collections::{BTreeMap, BTreeSet};

use super::authorization::{GROUP, KIND};
use super::glob::matches_affix;
use super::{has_target_refs, target_refs};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::{Object, RouteApi, gateway};
use crate::model::Catalog;
use crate::plan::Plan;
use crate::plan::routing::entries::fill;
use crate::yaml::Node;

/// An original host and the template of its preview hosts, with `{preview}` in it.
type HostPair<'p> = (&'p str, &'p str);

/// Reports each policy of a Gateway that treats preview hosts unlike the original ones, once.
pub(in crate::plan) fn check(plan: &Plan<'_>, report: &mut Report) {
    // By Gateway: the hosts of its entries, and a preview that has them.
    let mut gateways: BTreeMap<(&str, &str), (BTreeSet<HostPair<'_>>, &str)> = BTreeMap::new();
    for clone in &plan.routing.entries.clones {
        let Some(&first) = clone.environments.first() else { continue };
        let gateway = (clone.entry.gateway.namespace.as_str(), clone.entry.gateway.name.as_str());
        let preview = plan.environments[first].name;
        let (pairs, _) = gateways.entry(gateway).or_insert_with(|| (BTreeSet::new(), preview));
        pairs.extend(clone.renamed_hosts().filter(|(original, _)| *original != "*"));
    }
    for policy in plan.catalog.of_kind(GROUP, KIND).filter(|policy| mentions_hosts(policy)) {
        for (gateway, (pairs, preview)) in &gateways {
            if applies(plan.catalog, policy, *gateway) {
                report.extend(pairs.iter().find_map(|pair| finding(policy, *pair, preview)));
            }
        }
    }
}

/// The operations of a policy, each with its rule; `None` for a rule without operations.
fn operations(policy: &Object) -> impl Iterator<Item = (&Node, Option<&Node>)> {
    policy.node.items_at(&["spec", "rules"]).iter().flat_map(|rule| {
        let to = rule.items_at(&["to"]);
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

/// Whether a policy applies to the pods of a Gateway.
fn applies(catalog: &Catalog<'_>, policy: &Object, (namespace, name): (&str, &str)) -> bool {
    let home = policy.id.namespace.as_str();
    if has_target_refs(policy) {
        let is_named = |one: &Node| {
            one.text_at(&["kind"]) == Some("Gateway") && one.text_at(&["name"]) == Some(name)
        };
        return home == namespace && target_refs(policy).any(is_named);
    }
    // The selector of an Istio Gateway finds pods in any namespace, mostly in the root namespace.
    if home != ROOT_NAMESPACE && home != namespace {
        return false;
    }
    let is_it = |object: &&Object| object.id.namespace == namespace && object.id.name == name;
    let of_api = |api: RouteApi| Some((api, catalog.of_kind(api.group(), "Gateway").find(is_it)?));
    // Of two with the same name that with a selector counts.
    let gateway = RouteApi::ALL.into_iter().filter_map(of_api).max_by_key(|(api, _)| match api {
        RouteApi::GatewayApi => false,
        RouteApi::Istio => true,
    });
    let has_label = |key: &str, value: Option<&str>| match gateway {
        Some((RouteApi::Istio, gateway)) => {
            gateway.node.text_at(&["spec", "selector", key]) == value
        }
        Some((RouteApi::GatewayApi, _)) | None => key == gateway::NAME_LABEL && value == Some(name),
    };
    let labels = policy.node.at(&["spec", "selector", "matchLabels"]);
    let labels = labels.map(Node::entries).unwrap_or_default();
    labels.iter().all(|(key, value)| has_label(&key.text, value.text()))
}

/// The finding that a policy treats a preview host unlike the original one.
fn finding(
    policy: &Object,
    (original, template): HostPair<'_>,
    preview: &str,
) -> Option<Diagnostic> {
    let denies = match policy.node.text_at(&["spec", "action"]) {
        Some("AUDIT") => return None,
        Some("DENY" | "CUSTOM") => true,
        _ => false,
    };
    let host = fill(template, preview);
    let (of_original, of_preview) = (rules_for(policy, original), rules_for(policy, &host));
    let has_more = |these: &[Node], others: &[Node]| these.iter().any(|one| !others.contains(one));
    let (lacks, exceeds) =
        (has_more(&of_original, &of_preview), has_more(&of_preview, &of_original));
    if !lacks && !exceeds {
        return None;
    }
    let opens = if denies { lacks } else { exceeds };
    let (code, does, than) = match opens {
        true => (&code::POLICY_UNLIKE, "lets pass", "stops"),
        false => (&code::POLICY_ELSEWHERE, "stops", "lets pass"),
    };
    let message = format!(
        "{} {does} requests for preview hosts, such as `{host}`, that it {than} for `{original}`",
        policy.id
    );
    let (_, suffix) = template.rsplit_once("{preview}").unwrap_or(("", template));
    let help = format!("wherever it lists a host for `{original}`, list `*{suffix}` as well");
    let label = "says nothing of preview hosts";
    Some(Diagnostic::new(code, message, help).at(policy.place(), label))
}

/// The rules that may match requests for a host, each without its hosts.
fn rules_for(policy: &Object, host: &str) -> Vec<Node> {
    let lists_host = |list: &Node| {
        list.items().iter().filter_map(Node::text).any(|pattern| matches_host(pattern, host))
    };
    let mut rules = Vec::new();
    for (rule, operation) in operations(policy) {
        let mut operation = operation.cloned().unwrap_or_default();
        let hosts = operation.remove("hosts").filter(|list| !list.items().is_empty());
        let not_hosts = operation.remove("notHosts");
        if hosts.is_none_or(|list| lists_host(&list))
            && !not_hosts.is_some_and(|list| lists_host(&list))
        {
            let mut rest = rule.clone();
            rest.remove("to");
            rules.push(Node::list([operation, rest]));
        }
    }
    rules
}

/// Whether a pattern of a policy matches a host. Case does not count.
fn matches_host(pattern: &str, host: &str) -> bool {
    let (pattern, host) = (pattern.to_ascii_lowercase(), host.to_ascii_lowercase());
    // `:*` allows for a port in the Host header.
    matches_affix(pattern.strip_suffix(":*").unwrap_or(&pattern), &host)
}
