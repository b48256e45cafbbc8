//! Reports routes of the input that previews cannot follow.
//!
//! A route that the mesh ignores counts as absent. A route that leads to an affected service, but is attached to
//! something that previews derive no rules for, leads to the baseline even with the key.

mod key_lost;
mod nowhere;
mod private;
mod unreached;
mod virtual_service;

pub(super) use virtual_service::exported_to_nobody;

use super::RouteIndex;
use super::entries::is_dropped_way_in;
use super::planner::planner;
use crate::diagnostic::{Diagnostic, Place, Report, code};
use crate::kube::{Object, RouteApi, gateway, istio as istio_kind};
use crate::model::ServiceName;
use crate::model::route::Route;
use crate::model::route::gateway_api::{
    backends, dropped, ignored_parent, kind_of_backend, kind_of_parent, named, parents, required,
    rules,
};
use crate::model::route::istio::hosts;
use crate::yaml::Node;

impl<'a> RouteIndex<'a, '_> {
    /// Reports what previews cannot follow in each route of the input.
    pub(super) fn check_unfollowed(&self, report: &mut Report) {
        if self.environments.is_empty() {
            return;
        }
        let answering = self.answering();
        for object in self.catalog.objects() {
            let Some(route) = Route::of(object) else {
                report.extend(self.unfollowed_stream_route(object));
                continue;
            };
            report.extend(planner(route.api).unfollowed(self, route));
            report.extend(self.without_answer(route, &answering));
        }
        report.extend(self.private_rules());
        self.check_key_lost(report);
    }

    /// Whether some preview has a copy of the service that calls from outside the preview can reach.
    pub(super) fn is_previewed(&self, service: ServiceName<'_>) -> bool {
        self.affecting.contains_key(&service) && !self.is_unrouted(service)
    }

    /// A previewed service that a rule of a route has as a backend.
    fn chooses_previewed(&self, route: Route<'a>) -> Option<ServiceName<'a>> {
        let chosen = route.chosen(self.catalog.home);
        chosen.into_iter().find(|name| self.is_previewed(*name))
    }

    /// The finding that a TCPRoute, TLSRoute or UDPRoute has a previewed service as a backend. It cannot match the key.
    fn unfollowed_stream_route(&self, object: &'a Object) -> Option<Diagnostic> {
        const KINDS: [&str; 3] = ["TCPRoute", "TLSRoute", "UDPRoute"];
        let is_one = KINDS.iter().any(|kind| object.is(gateway::GROUP, kind));
        // Its rules and backends are written as those of an HTTPRoute. It has no `RouteKind`, so nothing may ask for one.
        let route = Route { api: RouteApi::GatewayApi, object };
        let service = is_one.then(|| self.chooses_previewed(route)).flatten();
        service.filter(|_| is_mesh(object)).map(|name| not_previewed(object, name, object.place()))
    }

    /// The finding about what previews cannot follow in an HTTPRoute or GRPCRoute.
    pub(super) fn unfollowed_route(&self, as_route: Route<'a>) -> Option<Diagnostic> {
        let route = as_route.object;
        let has_entries = !self.config.previews.spec.routing.entries.is_empty();
        if has_entries && is_dropped_way_in(as_route, self.catalog) {
            // Reported with the entry routes.
            return None;
        }
        let home = self.catalog.home;
        let services = parents(route).iter().filter(|one| kind_of_parent(one).1 == "Service");
        let names = services.filter_map(|parent| named(parent, route, home));
        let chooses = self.chooses_previewed(as_route);
        if chooses.is_some() || names.clone().any(|name| self.is_previewed(name)) {
            let replaced = { names }.find(|one| one.namespace != route.id.namespace);
            let way_out = match home.namespaces {
                [_] => "move the route to the baseline's namespace",
                _ => "move the route to the namespace of the service",
            };
            let finding = self
                .ignored(route)
                .or_else(|| self.unsure(route))
                .or_else(|| replaced.map(|service| replaces(route, service, way_out)))
                .or_else(|| Some(not_previewed(route, chooses?, self.underived(route)?.place)));
            if finding.is_some() {
                return finding;
            }
        }
        let (service, backend) = self.import(route).filter(|_| is_mesh(route) || has_entries)?;
        Some(not_previewed(route, service, backend.place))
    }

    /// The finding that Istio does not follow a route in the mesh.
    fn ignored(&self, route: &'a Object) -> Option<Diagnostic> {
        let of_parent = |parent| ignored_parent(parent, route, self.catalog);
        let whole = dropped(route).filter(|_| is_mesh(route));
        let ignored = whole.or_else(|| parents(route).iter().find_map(of_parent))?;
        let message = format!("{} {}, so the mesh does not follow it", route.id, ignored.why);
        let help = format!("{}: previews are made as if it were not there", ignored.help);
        let finding = Diagnostic::new(&code::ROUTE_IGNORED, message, help);
        Some(finding.at(ignored.node.place, "for this reason"))
    }

    /// The finding that Istio follows a route only if an object exists that is not in the input.
    fn unsure(&self, route: &'a Object) -> Option<Diagnostic> {
        let counts = is_mesh(route) && self.catalog.home.includes(&route.id.namespace);
        let mut needed = required(route).filter(|_| counts);
        let target = needed.find(|target| !self.is_there(target, route))?;
        let message = format!(
            "{} mirrors requests to `{}`, which is not in the input: Istio drops a {} whose mirror is not there",
            route.id,
            target.text_at(&["name"]).unwrap_or_default(),
            route.id.kind
        );
        let help = "pass it with --baseline, or take the mirror out of the route";
        let finding = Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help);
        Some(finding.at(target.place, "may be in the cluster or not"))
    }

    /// Whether the target of a mirror is in the input.
    fn is_there(&self, target: &Node, route: &Object) -> bool {
        let name = target.text_at(&["name"]).unwrap_or_default();
        let namespace = target.text_at(&["namespace"]).unwrap_or(&route.id.namespace);
        let host = self.catalog.home.full_host(name, namespace);
        let mut services = self.catalog.of_kind("", "Service");
        let mut entries = self.catalog.of_kind(istio_kind::GROUP, "ServiceEntry");
        services.any(|one| self.catalog.home.full_host(&one.id.name, &one.id.namespace) == host)
            || entries.any(|one| hosts(one).any(|one| one == host))
    }

    /// A parent of a route for which previews derive no rules.
    fn underived(&self, route: &'a Object) -> Option<&'a Node> {
        let has_entries = !self.config.previews.spec.routing.entries.is_empty();
        let is_cloned =
            || parents(route).iter().any(|one| kind_of_parent(one) == (gateway::GROUP, "Gateway"));
        parents(route).iter().find(|parent| match kind_of_parent(parent) {
            ("", "Service") => {
                let name = named(parent, route, self.catalog.home);
                name.and_then(|name| self.catalog.service(name)).is_none()
            }
            (istio_kind::GROUP, "ServiceEntry") => true,
            (gateway::GROUP, "ListenerSet") | (gateway::EXPERIMENTS, "XListenerSet") => {
                has_entries && !is_cloned()
            }
            _ => false,
        })
    }

    /// A ServiceImport backend with the name of a previewed service. The configuration of the mesh decides whether it
    /// is that service.
    fn import(&self, route: &'a Object) -> Option<(ServiceName<'a>, &'a Node)> {
        let imports = rules(route).iter().flat_map(backends);
        let mut imports = imports.filter(|backend| kind_of_backend(backend).1 == "ServiceImport");
        imports.find_map(|backend| {
            let name = named(backend, route, self.catalog.home)?;
            self.is_previewed(name).then_some((name, backend))
        })
    }
}

/// Whether a route is meant for calls inside the mesh.
fn is_mesh(route: &Object) -> bool {
    parents(route).iter().any(|parent| kind_of_parent(parent).1 == "Service")
}

fn replaces(route: &Object, service: ServiceName<'_>, way_out: &str) -> Diagnostic {
    let message = format!("{} replaces the routes of {service} for its namespace", route.id);
    let help = format!("callers there do not see previews; {way_out}");
    Diagnostic::new(&code::CONSUMER_ROUTE, message, help)
        .at(route.place(), "routes a service of another namespace")
}

fn not_previewed(route: &Object, service: ServiceName<'_>, place: Place) -> Diagnostic {
    let message = format!(
        "{} leads to {service}, and previews derive no rules from it: requests with the key still reach the \
         baseline",
        route.id
    );
    let help = format!("let a route of a Service of the baseline lead to {service}");
    Diagnostic::new(&code::ROUTE_NOT_PREVIEWED, message, help).at(place, "leads to the baseline")
}
