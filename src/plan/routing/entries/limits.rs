//! Reports lists of HTTPRoutes and GRPCRoutes that are too full for what clones and `stripKey` add. The limits are
//! those in the CRDs of the Gateway API. VirtualServices have none.

use super::super::carries_key;
use super::super::planner::planner;
use super::{CloneRule, Entries};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::Object;
use crate::kube::gateway::name_of;
use crate::model::route::Route;
use crate::model::route::gateway_api::{backends, filters, rules};
use crate::spec::RoutingKey;
use crate::yaml::Node;

/// `filters` of a rule.
const FILTERS: usize = 16;
/// `set`, `add` and `remove` of a header modifier, each.
const HEADERS: usize = 16;
/// `allowOrigins` of a CORS filter.
const ORIGINS: usize = 64;

/// Reports the lists that would be too long.
pub(super) fn check(planned: &Entries<'_>, key: &RoutingKey, report: &mut Report) {
    for clone in &planned.clones {
        let Route { api, object } = clone.way.route;
        for rule in &clone.way.rules {
            report.extend(planner(api).full_for_clone(object, rule, key));
        }
    }
    for Route { api, object } in &planned.stripped {
        report.extend(planner(*api).full_for_strip(object, key));
    }
}

/// Findings about the lists of a rule that have no room for what a clone adds.
pub(in super::super) fn full_for_clone(
    route: &Object,
    rule: &CloneRule<'_>,
    key: &RoutingKey,
) -> Vec<Diagnostic> {
    let mut findings = Vec::new();
    let origins = rule.origins.as_ref().filter(|origins| origins.len() > ORIGINS);
    let written = filters(rule.node).iter().find_map(|it| it.at(&["cors", "allowOrigins"]));
    if let (Some(origins), Some(written)) = (origins, written) {
        let message = format!(
            "clones of {} would allow {} origins, with those of preview hosts: {ORIGINS} are possible",
            route.id,
            origins.len()
        );
        let help = "allow the hosts of one domain by a wildcard";
        let finding = Diagnostic::new(&code::ROUTE_LIMIT, message, help);
        findings.push(finding.at(written.place, "has no room for them"));
    }
    if backends(rule.node).is_empty() {
        return findings;
    }
    let Some(modifier) = modifier(rule.node) else {
        findings.extend(without_modifier(route, rule.node));
        return findings;
    };
    let of_key = |name: &str| name.eq_ignore_ascii_case(&key.header);
    let names = |list: &str, header: &str| {
        let mut names = modifier.items_at(&[list]).iter().filter_map(name_of);
        names.any(|name| name.eq_ignore_ascii_case(header))
    };
    findings.extend(full(route, (modifier, "set"), ("sets", 1, "for the key"), of_key));
    let is_joined = key.baggage.is_empty() || names("set", "baggage") || names("add", "baggage");
    if !is_joined {
        let more = ("adds", 1, "for the baggage that carries the key");
        findings.extend(full(route, (modifier, "add"), more, of_key));
    }
    findings
}

/// Findings about the lists of a route that have no room for what `stripKey` adds.
pub(in super::super) fn full_for_strip(route: &Object, key: &RoutingKey) -> Vec<Diagnostic> {
    rules(route).iter().filter_map(|rule| of_stripped(route, rule, key)).collect()
}

/// The finding about such a list in one rule.
fn of_stripped(route: &Object, rule: &Node, key: &RoutingKey) -> Option<Diagnostic> {
    if backends(rule).is_empty() {
        return None;
    }
    let Some(modifier) = modifier(rule) else {
        return without_modifier(route, rule);
    };
    let added = if key.baggage.is_empty() { 1 } else { 2 };
    full(route, (modifier, "remove"), ("removes", added, "for what stripKey removes"), |name| {
        carries_key(key, name)
    })
}

/// The finding that a list of a header modifier has no room for what is added. Headers that are replaced do not count.
fn full(
    route: &Object,
    (modifier, list): (&Node, &str),
    (verb, added, what): (&str, usize, &str),
    is_replaced: impl Fn(&str) -> bool,
) -> Option<Diagnostic> {
    let all = modifier.items_at(&[list]);
    let others = all.iter().filter(|one| !name_of(one).is_some_and(&is_replaced)).count();
    if others + added <= HEADERS {
        return None;
    }
    let message =
        format!("{} {verb} {} headers in a rule: there is no room {what}", route.id, all.len());
    let help = "leave one of them to the filters of the rule's backends";
    let place = modifier.get(list).unwrap_or(modifier).place;
    let finding = Diagnostic::new(&code::ROUTE_LIMIT, message, help);
    Some(finding.at(place, format!("{HEADERS} headers are possible")))
}

/// The finding that a rule without a filter for request headers has no room for one.
fn without_modifier(route: &Object, rule: &Node) -> Option<Diagnostic> {
    let written = rule.get("filters").filter(|_| filters(rule).len() >= FILTERS)?;
    let message = format!(
        "{} has a rule of {} filters, none of them for the headers of requests: there is no room for the key",
        route.id,
        filters(rule).len()
    );
    let help = "take out a filter, or let one of them be a RequestHeaderModifier";
    let finding = Diagnostic::new(&code::ROUTE_LIMIT, message, help);
    Some(finding.at(written.place, format!("{FILTERS} filters are possible")))
}

/// The RequestHeaderModifier of a rule. There is at most one.
fn modifier(rule: &Node) -> Option<&Node> {
    let mut filters = filters(rule).iter();
    let filter =
        filters.find(|filter| filter.text_at(&["type"]) == Some("RequestHeaderModifier"))?;
    Some(filter.get("requestHeaderModifier").unwrap_or(filter))
}
