//! Findings about Gateways: those that entries name for clones, and those whose routes are cloned.

use std::collections::{BTreeMap, BTreeSet};

use super::Planned;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::RouteApi;
use crate::model::Catalog;
use crate::model::route::gateways::{GatewayId, Gateways, Hit, is_of_istio};
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

/// The finding that clones of a route would have no effect. Istio serves the Gateway of the entry and drops the route;
/// the route's own Gateway is served by something else, which follows it.
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

/// How many Gateways a finding names; the others are counted.
const SHOWN: usize = 50;

/// The note that lists the Gateways whose routes get preview hosts although no entry names them with `of`.
pub(super) fn published(config: &Config, all: &[Planned<'_>]) -> Option<Diagnostic> {
    let for_all = all.iter().filter(|planned| planned.entry.of.is_empty());
    let is_new = |planned: &Planned<'_>| {
        let named = (planned.entry.gateway.namespace.as_str(), planned.entry.gateway.name.as_str());
        planned.ways.iter().any(|way| way.gateways.iter().any(|one| *one != named))
    };
    let first = all.iter().position(|one| one.entry.of.is_empty() && is_new(one))?;
    let names: BTreeSet<GatewayId<'_>> =
        for_all.flat_map(|planned| &planned.ways).flat_map(|way| &way.gateways).copied().collect();
    let names = names.iter().map(|(namespace, name)| format!("{namespace}/{name}"));
    let message =
        format!("preview hosts publish what is served at {}", first_of(SHOWN, ", ", names));
    let help = "nothing to do, unless some of them are not for everybody who can reach preview hosts: \
                name the others with `of: [{namespace, name}]`";
    let path = format!("spec.routing.entries[{first}]");
    Some(config.finding(&code::ENTRY_GATEWAYS, path, message, help))
}
