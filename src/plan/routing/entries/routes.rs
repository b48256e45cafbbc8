//! The routes of the input that lead from a Gateway into the baseline.

use super::super::planner::planner;
use super::super::unfollowed::exported_to_nobody;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, gateway, istio as istio_kind};
use crate::model::Catalog;
use crate::model::route::gateways::{BoundGateway, Gateways, Hit, is_of_istio};
use crate::model::route::{Ignored, Route, Visibility, gateway_api, istio, reader};
use crate::yaml::Node;

/// The routes that lead from a Gateway into the baseline.
#[derive(Default)]
pub(super) struct EntryRoutes<'a> {
    pub(super) followed: Vec<Route<'a>>,
    /// Routes that no Gateway follows. They have been reported.
    pub(super) ignored: Vec<Route<'a>>,
}

/// Collects the entry routes of the input. Reports objects that lead in and cannot be cloned.
pub(super) fn entry_routes<'a>(
    catalog: &'a Catalog<'a>,
    gateways: &Gateways<'a>,
    report: &mut Report,
) -> EntryRoutes<'a> {
    let mut routes = EntryRoutes::default();
    for object in catalog.objects() {
        let Some(route) = Route::of(object) else {
            if catalog.home.includes(&object.id.namespace) && leads_in_without_key(object) {
                report.push(not_cloned(object));
            }
            continue;
        };
        let planner = planner(route.api);
        if route.bound_gateways().is_empty() || !planner.leads_in(object, catalog) {
            continue;
        }
        if !planner.can_set_key(object) {
            report.push(not_cloned(object));
        } else if is_ignored(route, gateways, catalog, report) {
            routes.ignored.push(route);
        } else {
            routes.followed.push(route);
        }
    }
    routes
}

/// Whether an object leads from outside into its namespace and cannot set the key.
fn leads_in_without_key(object: &Object) -> bool {
    let parents = || gateway_api::parents(object).iter();
    let is_gateway = |parent: &Node| {
        gateway_api::kind_of_parent(parent) == (gateway::GROUP, "Gateway")
            && parent.get("name").is_some()
    };
    let is_stream = ["TLSRoute", "TCPRoute"].iter().any(|kind| object.is(gateway::GROUP, kind));
    object.is("networking.k8s.io", "Ingress") || is_stream && parents().any(is_gateway)
}

/// Whether a VirtualService, or one that it delegates to, chooses a service of the baseline.
pub(in super::super) fn leads_to_service(object: &Object, catalog: &Catalog<'_>) -> bool {
    let chooses = |object: &Object| {
        let mut hosts = istio::http(object).flat_map(istio::destinations);
        hosts.any(|host| catalog.home.service_of(host, object).is_some())
    };
    let delegates = || istio::http(object).filter_map(|rule| rule.get("delegate"));
    chooses(object)
        || delegates().any(|delegate| {
            let name = delegate.text_at(&["name"]).unwrap_or_default();
            let namespace = delegate.text_at(&["namespace"]).unwrap_or(&object.id.namespace);
            let mut all = catalog.of_kind(istio_kind::GROUP, "VirtualService");
            let target = all.find(|one| one.id.namespace == namespace && one.id.name == name);
            target.is_some_and(|one| catalog.home.includes(namespace) || chooses(one))
        })
}

/// Why Istio drops an entry route, if it does and serves all of the route's Gateways. A Gateway that is not in the
/// input is assumed to be Istio's.
fn dropped<'a>(
    route: Route<'a>,
    gateways: &Gateways<'_>,
    catalog: &Catalog<'_>,
) -> Option<Ignored<'a>> {
    let ignored = reader(route.api).dropped(route.object)?;
    let is_served = |bound: BoundGateway<'_>| match gateways.find(bound.gateway, route.api) {
        Hit::Here(gateway) => is_of_istio(gateway, catalog),
        Hit::OfOtherApi(_) | Hit::Absent => true,
    };
    route.bound_gateways().into_iter().all(is_served).then_some(ignored)
}

/// Whether a route is an entry route that Istio drops.
pub(in super::super) fn is_dropped_way_in(route: Route<'_>, catalog: &Catalog<'_>) -> bool {
    // Few routes are dropped, so the Gateways are collected only for these.
    reader(route.api).dropped(route.object).is_some()
        && !route.bound_gateways().is_empty()
        && planner(route.api).leads_in(route.object, catalog)
        && dropped(route, &Gateways::of(catalog), catalog).is_some()
}

/// Whether no Gateway follows a route: it is exported to nobody, Istio cannot follow it, or every Gateway that it
/// names is one of another API.
fn is_ignored(
    route: Route<'_>,
    gateways: &Gateways<'_>,
    catalog: &Catalog<'_>,
    report: &mut Report,
) -> bool {
    let reader = reader(route.api);
    if reader.visibility(route.object) == Visibility::In(Default::default()) {
        // `unfollowed` reports those that are for the mesh too.
        if !reader.is_for_mesh(route.object) {
            report.push(exported_to_nobody(route.object));
        }
        return true;
    }
    if let Some(ignored) = dropped(route, gateways, catalog) {
        let message = format!("{} {}, so Istio does not follow it", route.id, ignored.why);
        let help = format!("{}: previews are made as if it were not there", ignored.help);
        let finding = Diagnostic::new(&code::ROUTE_IGNORED, message, help);
        report.push(finding.at(ignored.node.place, "for this reason"));
        return true;
    }
    let mut others = Vec::new();
    for bound in route.bound_gateways() {
        match gateways.find(bound.gateway, route.api) {
            Hit::OfOtherApi(other) => others.push(other),
            Hit::Here(_) | Hit::Absent => return false,
        }
    }
    let Some(other) = others.first() else {
        return false;
    };
    let message = format!(
        "{} names {}, which is of another API ({}), so no Gateway follows it",
        route.id, other.id, other.id.group
    );
    let help = "name a Gateway of the route's own API: previews are made as if it were not there";
    let finding = Diagnostic::new(&code::ROUTE_IGNORED, message, help);
    report.push(finding.at(route.place(), "for this reason").also(other.place(), "the Gateway"));
    true
}

fn not_cloned(object: &Object) -> Diagnostic {
    let message = format!(
        "{} leads into the baseline but cannot set the key, so it has no preview host",
        object.id
    );
    let help = "write an HTTPRoute for what previews must reach from outside";
    Diagnostic::new(&code::ENTRY_NOT_CLONED, message, help).at(object.place(), "not cloned")
}

/// Whether some HTTP rule of a VirtualService applies at a Gateway.
pub(in super::super) fn has_gateway_rule(object: &Object) -> bool {
    istio::http(object).any(|rule| {
        let matches = istio::matches(rule);
        matches.is_empty() || matches.iter().any(istio::is_for_gateway)
    })
}
