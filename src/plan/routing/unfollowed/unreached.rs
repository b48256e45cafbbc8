//! Reports copies that no request reaches: the route of their service sends all requests elsewhere.

use std::collections::BTreeSet;

use super::super::swap::Swapped;
use super::super::{MeshRoutes, RouteIndex, Routing};
use crate::diagnostic::{Diagnostic, Report, code, some_of};
use crate::model::{Service, ServiceName};

impl<'a> RouteIndex<'a, '_> {
    /// Warns of services whose copies no rule has as a backend, once for all previews. After an error some rules are
    /// missing, so nothing is reported then.
    pub(in super::super) fn check_unreached(&self, routing: &Routing<'a>, report: &mut Report) {
        if report.has_errors() {
            return;
        }
        let reached = reached(routing);
        for service in self.catalog.services() {
            let is_routed = self.is_previewed(service.id()) && !service.routable().is_empty();
            // Pods that another Service selects too may be reached through that one.
            let selected = self.catalog.selected(service);
            let mut same = selected.flat_map(|one| self.catalog.selecting(one.object));
            if is_routed
                && !reached.contains(&service.id())
                && !same.any(|name| reached.contains(name))
            {
                report.extend(self.unreached(service));
            }
        }
    }

    /// Reports what previews can do without a mesh: which copies an entry leads to, and which ones nothing does.
    pub(in super::super) fn check_without_mesh(&self, routing: &Routing<'a>, report: &mut Report) {
        let reached = reached(routing);
        let affected = self.affecting.keys().filter(|name| self.is_previewed(**name));
        let (by_entry, by_nothing): (Vec<ServiceName<'_>>, Vec<ServiceName<'_>>) =
            affected.copied().partition(|name| reached.contains(name));
        let named = |all: &[ServiceName<'_>]| some_of(all.iter().map(|one| one.name));
        if by_entry.is_empty() && by_nothing.is_empty() {
            return;
        }
        let mut message = "without a mesh no call inside the cluster is led to a copy: ".to_owned();
        if !by_entry.is_empty() {
            let names = named(&by_entry);
            message +=
                &format!("copies of {names} get the requests that an entry leads to them itself");
        }
        if !by_nothing.is_empty() {
            let but = if by_entry.is_empty() { "" } else { ", and " };
            let names = named(&by_nothing);
            message +=
                &format!("{but}no request from outside of a preview reaches a copy of {names}");
        }
        let help = "preview the services on the way from the entry to these as well: a copy calls the copies beside it by \
                    their short names; or join a mesh, and say which in spec.routing.dataPlane";
        let path = "spec.routing.dataPlane";
        report.push(self.config.finding(&code::NO_MESH, path, message, help));
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

/// The services whose copies are a backend of some rule.
fn reached<'a>(routing: &Routing<'a>) -> BTreeSet<ServiceName<'a>> {
    let made = routing.mesh.iter().filter_map(|routes| match routes {
        MeshRoutes::GatewayApi(routes) => routes.leads_to_copy().then(|| routes.service.id()),
        MeshRoutes::Istio(rules) => rules.leads_to_copy().then_some(rules.service),
    });
    // Routes that are attached to copies are for calls from inside the preview.
    let derived = routing.mesh.iter().flat_map(MeshRoutes::derived);
    let clones = routing.entries.clones.iter().flat_map(|clone| &clone.rules);
    made.chain(derived.chain(clones).flat_map(Swapped::copies)).collect()
}
