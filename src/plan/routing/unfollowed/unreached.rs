//! Copies that no request reaches: the route of their service sends every request elsewhere.

use std::collections::BTreeSet;

use super::super::swap::Swapped;
use super::super::{MeshRoutes, RouteIndex, Routing};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::model::{Service, ServiceName};

impl<'a> RouteIndex<'a, '_> {
    /// Warns of services of which no rule and no way in chooses a copy, once for all previews. Rules that
    /// were refused say nothing of that.
    pub(in super::super) fn check_unreached(&self, routing: &Routing<'a>, report: &mut Report) {
        if report.has_errors() {
            return;
        }
        let reached = reached(routing);
        for service in self.catalog.services() {
            let is_meant = self.is_previewed(service.id()) && !service.routable().is_empty();
            // Pods that another Service selects too are reached by way of that one.
            let selected = self.catalog.selected(service);
            let mut same = selected.flat_map(|one| self.catalog.selecting(one.object));
            if is_meant
                && !reached.contains(&service.id())
                && !same.any(|name| reached.contains(name))
            {
                report.extend(self.unreached(service));
            }
        }
    }

    fn unreached(&self, service: &Service<'a>) -> Option<Diagnostic> {
        let name = service.id();
        let route = self.routes_of(name).next()?;
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
fn reached<'a>(routing: &Routing<'a>) -> BTreeSet<ServiceName<'a>> {
    let made = routing.mesh.iter().filter_map(|routes| match routes {
        MeshRoutes::GatewayApi(routes) => routes.leads_to_copy().then(|| routes.service.id()),
        MeshRoutes::Istio(rules) => rules.leads_to_copy().then_some(rules.service),
    });
    // What is attached to copies is for the preview's own calls.
    let derived = routing.mesh.iter().flat_map(MeshRoutes::derived);
    let clones = routing.entries.clones.iter().flat_map(|clone| &clone.rules);
    made.chain(derived.chain(clones).flat_map(Swapped::copies)).collect()
}
