//! Findings about Gateways: those that entries name for clones, and those whose routes are cloned.

use std::collections::{BTreeMap, BTreeSet};

use super::Planned;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::RouteApi;
use crate::model::Catalog;
use crate::model::route::gateways::{GatewayName, Gateways, Hit, is_of_istio};
use crate::model::route::{Route, reader};
use crate::spec::{Config, Entry};

/// Refuses clones that would be bound to a Gateway of another API.
pub(super) fn check(
    config: &Config,
    gateways: &Gateways<'_>,
    all: &[Planned<'_>],
    report: &mut Report,
) {
    for (number, Planned { entry, ways }) in all.iter().enumerate() {
        let name = (entry.gateway.namespace.as_str(), entry.gateway.name.as_str());
        let mut first: BTreeMap<RouteApi, Route<'_>> = BTreeMap::new();
        for way in ways {
            first.entry(way.route.api).or_insert(way.route);
        }
        for (api, route) in first {
            let Hit::OfOtherApi(other) = gateways.find(name, api) else {
                continue;
            };
            let api = api.names().name;
            let message = format!(
                "{} is for a Gateway of {api}, and {}/{} is one of {}",
                route.id, name.0, name.1, other.id.group
            );
            let help = format!(
                "name a Gateway of {api}, or say with `of` which routes the entry stands for"
            );
            let path = format!("spec.routing.entries[{number}].gateway");
            let finding = config.finding(&code::ENTRY_GATEWAY, path, message, help);
            report.push(
                finding.also(other.place(), "the Gateway is here").also(route.place(), "the route"),
            );
        }
    }
}

/// The finding that clones of a route have no effect at the Gateway of an entry: Istio serves it and cannot convert
/// the route, while something else follows it at its own Gateway.
pub(super) fn dropped(
    entry: &Entry,
    route: Route<'_>,
    gateways: &Gateways<'_>,
    catalog: &Catalog<'_>,
) -> Option<Diagnostic> {
    let ignored = reader(route.api).dropped(route.object)?;
    let (namespace, name) = (entry.gateway.namespace.as_str(), entry.gateway.name.as_str());
    let is_served = match gateways.find((namespace, name), route.api) {
        Hit::Here(gateway) => is_of_istio(gateway, catalog),
        Hit::OfOtherApi(_) => false,
        Hit::Absent => true,
    };
    let message = format!(
        "{} {}: it has no preview host, since Gateway {namespace}/{name} is Istio's and would not follow a clone",
        route.id, ignored.why
    );
    let finding = Diagnostic::new(&code::ENTRY_NOT_CLONED, message, ignored.help);
    is_served.then(|| finding.at(ignored.node.place, "for this reason"))
}

/// How many Gateways are named; the rest is counted.
const SHOWN: usize = 50;

/// The note that lists the Gateways whose routes previews publish, if no entry names them.
pub(super) fn published(config: &Config, all: &[Planned<'_>]) -> Option<Diagnostic> {
    let open = all.iter().filter(|planned| planned.entry.of.is_empty());
    let is_new = |planned: &Planned<'_>| {
        let named = (planned.entry.gateway.namespace.as_str(), planned.entry.gateway.name.as_str());
        planned.ways.iter().any(|way| way.gateways.iter().any(|one| *one != named))
    };
    let first = all.iter().position(|one| one.entry.of.is_empty() && is_new(one))?;
    let names: BTreeSet<GatewayName<'_>> =
        open.flat_map(|planned| &planned.ways).flat_map(|way| &way.gateways).copied().collect();
    let shown = names.iter().take(SHOWN).map(|(namespace, name)| format!("{namespace}/{name}"));
    let mut listed = shown.collect::<Vec<_>>().join(", ");
    if let Some(more) = names.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        listed += &format!(" and {more} more");
    }
    let message = format!("preview hosts publish what is served at {listed}");
    let help = "nothing to do, unless some of them are not for everybody who can reach preview hosts: \
                name the others with `of: [{namespace, name}]`";
    let path = format!("spec.routing.entries[{first}]");
    Some(config.finding(&code::ENTRY_GATEWAYS, path, message, help))
}
