//! Copies that no request reaches: the route of their service sends every request elsewhere.

use std::collections::BTreeSet;

use super::super::swap::Swapped;
use super::super::{Routing, Table, gateway_api, istio};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::model::Service;

impl<'a> Table<'a, '_> {
    /// Warns of services of which no rule and no way in chooses a copy, once for all previews. Rules that
    /// were refused say nothing of that.
    pub(in super::super) fn check_unreached(&self, routing: &Routing<'a>, found: &mut Report) {
        if found.has_errors() {
            return;
        }
        let reached = reached(routing);
        for service in self.catalog.services() {
            let is_meant = self.is_previewed(service.name()) && !service.routable().is_empty();
            // Pods that another Service selects too are reached by way of that one.
            let selected = self.catalog.selected(service);
            let mut same = selected.flat_map(|one| self.catalog.selecting(one.object));
            if is_meant
                && !reached.contains(service.name())
                && !same.any(|name| reached.contains(name))
            {
                found.extend(self.unreached(service));
            }
        }
    }

    fn unreached(&self, service: &Service<'a>) -> Option<Diagnostic> {
        let name = service.name();
        let routes = self.routes.of(name).iter().map(|(route, _)| *route);
        let route = routes.chain(self.virtual_services.of(name)).next()?;
        let message = format!(
            "{} routes {name} and sends every request elsewhere: no request reaches its copies",
            route.id
        );
        let help = format!(
            "choose {name} as a backend of the route, or preview the services that the route chooses"
        );
        let finding = Diagnostic::new(&code::ROUTE_NOT_PREVIEWED, message, help);
        Some(finding.at(route.place(), format!("takes the place of {name}")))
    }
}

/// The services of which some rule chooses a copy.
fn reached<'a>(routing: &Routing<'a>) -> BTreeSet<&'a str> {
    fn copies<'a>(rule: &Swapped<'a>) -> impl Iterator<Item = &'a str> {
        rule.backends.iter().filter_map(|backend| backend.copy)
    }
    let mut reached = BTreeSet::new();
    for table in &routing.gateway_api {
        for rule in &table.rules {
            match rule {
                gateway_api::Rule::Derived { rule, .. } => reached.extend(copies(rule)),
                gateway_api::Rule::Preview(_) => reached.extend([table.service.name()]),
                gateway_api::Rule::Baseline(_) => {}
            }
        }
    }
    for table in &routing.istio {
        reached.extend(table.derived.iter().flatten().flat_map(copies));
        if matches!(table.source, istio::Source::Nothing) || !table.bare.is_empty() {
            reached.insert(table.service);
        }
    }
    let clones = routing.entries.clones.iter();
    reached.extend(clones.flat_map(|clone| &clone.backends).flat_map(copies));
    reached
}
