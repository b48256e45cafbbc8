//! The Gateway API in the mesh: which rules of a service's HTTPRoutes or GRPCRoutes are derived.
//!
//! Precedence decides: exact path, longest prefix, method, number of headers, number of query parameters. `derive`
//! explains what that means for derived rules.
//! See <https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule>.

mod derive;
mod precedence;

use std::collections::{BTreeMap, BTreeSet};

use self::derive::Rules;
use super::entries::{self, Applicable, HostContext};
use super::hosts::of_parents;
use super::planner::{Planner, Planning, ServiceRoutes};
use super::swap::{Backend, Swapped};
use super::{Attached as AnyAttached, MeshRoutes, RouteIndex, group_by_affected};
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::kube::gateway::{GROUP, RouteKind};
use crate::kube::{Object, RouteApi};
use crate::model::route::Route;
use crate::model::route::gateway_api::{
    backends, dropped, filters, ignored_parent, is_hostname, kind_of_parent, namespace_of, parents,
    port_of, rules, service_parents,
};
use crate::model::route::gateways::GatewayId;
use crate::model::{Catalog, Service, ServiceName};
use crate::spec::RoutingKey;
use crate::yaml::Node;

/// Routes of one service and port, for all previews that affect the same of the services that their rules have as
/// backends.
#[derive(Debug)]
pub(crate) struct PreviewRoutes<'a> {
    /// The previews, as indices of environments.
    pub(crate) environments: Vec<usize>,
    /// The service whose host is routed.
    pub(crate) service: &'a Service<'a>,
    /// The port in the parentRef; `None` if the parentRefs of the service's routes have none.
    pub(crate) port: Option<u16>,
    /// Whether the name contains the port, because the service has several.
    pub(crate) port_in_name: bool,
    /// The kind of the routes.
    pub(crate) kind: RouteKind,
    /// The rules, the more important first.
    pub(crate) rules: Vec<Rule<'a>>,
}

/// A rule to make.
#[derive(Debug, Clone)]
pub(crate) enum Rule<'a> {
    /// A rule of the user with the key added to some of its matches. Affected backends are swapped.
    Derived {
        /// The rule.
        rule: Swapped<'a>,
        /// The matches. `None` stands for the match of a rule that has none.
        matches: Vec<Option<&'a Node>>,
    },
    /// Requests with the key go to the preview's copy at this port.
    Preview(u16),
    /// Everything else goes to the baseline at this port.
    Baseline(u16),
}

impl Rule<'_> {
    /// What it counts towards the limit of rules: itself, its matches and its backends.
    fn size(&self) -> usize {
        match self {
            Self::Derived { rule, matches } => 1 + matches.len() + backends(rule.rule).len(),
            Self::Preview(_) | Self::Baseline(_) => 3,
        }
    }
}

impl<'a> PreviewRoutes<'a> {
    /// The rules that are derived from those of the user.
    pub(crate) fn derived(&self) -> Vec<&Swapped<'a>> {
        let derived = self.rules.iter().filter_map(|rule| match rule {
            Rule::Derived { rule, .. } => Some(rule),
            Rule::Preview(_) | Rule::Baseline(_) => None,
        });
        derived.collect()
    }

    /// Whether it has a rule of our own that leads to the copy of the service.
    pub(super) fn leads_to_copy(&self) -> bool {
        self.rules.iter().any(|rule| matches!(rule, Rule::Preview(_)))
    }

    /// The services whose copies are backends of its rules, for which it needs a ReferenceGrant.
    pub(crate) fn needing_grant(&self) -> BTreeSet<ServiceName<'a>> {
        let itself = self.leads_to_copy().then(|| self.service.id());
        itself.into_iter().chain(self.derived().into_iter().flat_map(named_copies)).collect()
    }
}

/// The services whose copies are backends of a rule, for which it needs a ReferenceGrant. Istio's kind `Hostname` has
/// no namespace and needs none.
pub(crate) fn named_copies<'a>(rule: &Swapped<'a>) -> impl Iterator<Item = ServiceName<'a>> {
    let backends = rule.backends.iter().filter(|backend| !is_hostname(backend.node));
    backends.filter_map(|backend| Some(backend.copy?.service))
}

/// The part of a route that is attached to copies.
#[derive(Debug)]
pub(crate) struct Attached<'a> {
    /// The services that it is attached to.
    pub(crate) parents: Vec<Parent<'a>>,
    /// Its rules.
    pub(crate) rules: Vec<Swapped<'a>>,
    /// The namespaces of the baseline whose Services its rules name, for which it needs a ReferenceGrant.
    pub(crate) needing_grant: BTreeSet<&'a str>,
}

/// A parentRef to the copy of a service.
#[derive(Debug)]
pub(crate) struct Parent<'a> {
    /// The service.
    pub(crate) service: ServiceName<'a>,
    /// The port, if one is written.
    pub(crate) port: Option<u16>,
    /// The name of the port, if several parentRefs of the route are to this service. The API server does not accept two
    /// that differ only in their port.
    pub(crate) section: Option<&'a str>,
}

/// Plans HTTPRoutes and GRPCRoutes.
pub(super) struct GatewayApi;

impl Planner for GatewayApi {
    fn service_routes<'a>(&self, catalog: &'a Catalog<'a>) -> Box<dyn ServiceRoutes<'a> + 'a> {
        Box::new(ParentedRoutes::of(catalog))
    }

    fn merge<'a>(&self, backends: Vec<Backend<'a>>, _: usize, _: &Catalog<'_>) -> Vec<Backend<'a>> {
        backends
    }

    fn attach<'a>(
        &self,
        index: &RouteIndex<'a, '_>,
        route: Route<'a>,
        services: &BTreeSet<ServiceName<'a>>,
        is_copied: &dyn Fn(ServiceName<'_>) -> bool,
    ) -> Option<AnyAttached<'a>> {
        Some(AnyAttached::GatewayApi(attach(index, route, services, is_copied)))
    }

    fn not_attached(&self, _: &Object) -> Option<Diagnostic> {
        None
    }

    fn unfollowed<'a>(&self, index: &RouteIndex<'a, '_>, route: Route<'a>) -> Option<Diagnostic> {
        index.unfollowed_route(route)
    }

    fn private<'o>(&self, index: &RouteIndex<'_, '_>, route: &'o Object) -> Option<&'o Node> {
        let services = parents(route).iter().filter(|one| kind_of_parent(one) == ("", "Service"));
        let mut elsewhere =
            services.filter(|one| namespace_of(one, route) != route.id.namespace.as_str());
        elsewhere.next().filter(|_| index.catalog.home.includes(&route.id.namespace))
    }

    fn leads_in(&self, route: &Object, catalog: &Catalog<'_>) -> bool {
        let mut backends = rules(route).iter().flat_map(backends);
        catalog.home.includes(&route.id.namespace)
            || backends.any(|backend| catalog.home.includes(namespace_of(backend, route)))
    }

    fn can_set_key(&self, _: &Object) -> bool {
        true
    }

    fn applicable<'a>(
        &self,
        route: &'a Object,
        context: &HostContext<'_>,
    ) -> Result<Applicable<'a>, Refused> {
        entries::rules_of_http_route(route, context)
    }

    fn full_for_clone(
        &self,
        route: &Object,
        rule: &entries::CloneRule<'_>,
        key: &RoutingKey,
    ) -> Vec<Diagnostic> {
        entries::full_for_clone(route, rule, key)
    }

    fn full_for_strip(&self, route: &Object, key: &RoutingKey) -> Vec<Diagnostic> {
        entries::full_for_strip(route, key)
    }

    fn hosts_at_gateways<'a>(
        &self,
        catalog: &'a Catalog<'a>,
        route: &'a Object,
    ) -> Vec<(GatewayId<'a>, Vec<&'a str>)> {
        of_parents(catalog, route)
    }
}

/// Attaches a route to the copies of these services.
fn attach<'a>(
    index: &RouteIndex<'a, '_>,
    route: Route<'a>,
    services: &BTreeSet<ServiceName<'a>>,
    is_copied: impl Fn(ServiceName<'_>) -> bool,
) -> Attached<'a> {
    let followed = followed_parents(route.object, index.catalog);
    let parents = followed.iter().filter(|(service, _)| services.contains(service));
    let parents = parents.map(|&(service, port)| {
        let section = section(index.catalog, &followed, (service, port));
        Parent { service, port, section }
    });
    let parents = parents.collect();
    let swapped = |rule| Swapped::of(rule, route, index.catalog, &is_copied);
    let rules: Vec<Swapped<'_>> = rules(route.object).iter().map(swapped).collect();
    let stay = |rule: &Swapped<'a>| -> Vec<&'a Node> {
        let backends = rule.backends.iter().filter(|backend| backend.copy.is_none());
        backends.map(|backend| backend.node).chain(mirrors(rule.rule)).collect()
    };
    let staying = rules.iter().flat_map(stay).filter(|node| !is_hostname(node));
    let namespaces = staying.map(|node| namespace_of(node, route.object));
    let needing_grant =
        namespaces.filter(|namespace| index.catalog.home.includes(namespace)).collect();
    Attached { parents, rules, needing_grant }
}

/// The targets of the mirrors of a rule.
fn mirrors(rule: &Node) -> impl Iterator<Item = &Node> {
    filters(rule).iter().filter_map(|filter| filter.at(&["requestMirror", "backendRef"]))
}

/// The section name that tells a parentRef apart from others to the same Service: the name of its port.
fn section<'a>(
    catalog: &'a Catalog<'a>,
    parents: &[(ServiceName<'_>, Option<u16>)],
    (service, port): (ServiceName<'_>, Option<u16>),
) -> Option<&'a str> {
    let several = parents.iter().filter(|(other, _)| *other == service).count() > 1;
    let mut ports = catalog.service(service).filter(|_| several)?.ports.iter();
    ports.find(|one| Some(one.number) == port && one.protocol.is_routable())?.name
}

/// The Services of its namespace that a route is attached to in the mesh, each with the port of its parentRef. Several
/// parentRefs may say the same: Istio does not look at their `sectionName`, and the namespace need not be written.
fn followed_parents<'a>(
    route: &'a Object,
    catalog: &'a Catalog<'a>,
) -> Vec<(ServiceName<'a>, Option<u16>)> {
    let mut seen = BTreeSet::new();
    let parents = service_parents(route, catalog.home);
    let parents = parents.filter(|(_, service)| service.namespace == route.id.namespace);
    parents
        .filter(|(parent, _)| ignored_parent(parent, route, catalog).is_none())
        .map(|(parent, service)| (service, port_of(parent)))
        .filter(|parent| seen.insert(*parent))
        .collect()
}

/// HTTPRoutes and GRPCRoutes of the baseline, by the Service in their parentRefs.
#[derive(Debug)]
pub(super) struct ParentedRoutes<'a> {
    catalog: &'a Catalog<'a>,
    by_service: BTreeMap<ServiceName<'a>, Vec<(&'a Object, Option<u16>)>>,
    /// A route of another set for each service that has one.
    of_others: BTreeMap<ServiceName<'a>, &'a Object>,
}

impl<'a> ParentedRoutes<'a> {
    /// Collects the routes that are attached to Services of the baseline and that Istio follows.
    pub(super) fn of(catalog: &'a Catalog<'a>) -> Self {
        let mut by_service: BTreeMap<ServiceName<'_>, Vec<_>> = BTreeMap::new();
        for kind in RouteKind::ALL.map(RouteKind::name) {
            for route in catalog.in_baseline(GROUP, kind).filter(|route| dropped(route).is_none()) {
                for (service, port) in followed_parents(route, catalog) {
                    by_service.entry(service).or_default().push((route, port));
                }
            }
        }
        let others = catalog.others().iter().filter(|object| object.id.group == GROUP);
        let named =
            |route| service_parents(route, catalog.home).map(move |(_, service)| (service, route));
        Self { catalog, by_service, of_others: others.flat_map(named).collect() }
    }

    /// The routes of a service, each with the port of its parentRef.
    fn attached<'s>(&'s self, service: ServiceName<'s>) -> &'s [(&'a Object, Option<u16>)] {
        self.by_service.get(&service).map(Vec::as_slice).unwrap_or_default()
    }

    /// The routes of a service by the port of their parentRef.
    fn by_port(&self, service: ServiceName<'_>) -> BTreeMap<Option<u16>, Vec<&'a Object>> {
        let mut by_port: BTreeMap<Option<u16>, Vec<&Object>> = BTreeMap::new();
        for (route, port) in self.attached(service) {
            by_port.entry(*port).or_default().push(route);
        }
        by_port
    }
}

impl<'a> ServiceRoutes<'a> for ParentedRoutes<'a> {
    fn of(&self, service: ServiceName<'_>) -> Vec<Route<'a>> {
        let routes = self.attached(service).iter();
        routes.map(|(object, _)| Route { api: RouteApi::GatewayApi, object }).collect()
    }

    fn at_home(&self, service: ServiceName<'_>) -> Vec<Route<'a>> {
        self.of(service)
    }

    fn chosen(&self, service: ServiceName<'_>) -> BTreeSet<ServiceName<'a>> {
        self.of(service).iter().flat_map(|route| route.chosen(self.catalog.home)).collect()
    }

    fn contradiction(&self, service: &Service<'a>) -> Option<Diagnostic> {
        contradiction(service, self.attached(service.id()))
    }

    fn of_others(&self, service: ServiceName<'_>) -> Option<&'a Object> {
        self.of_others.get(&service).copied()
    }

    fn plan(&self, to: &mut Planning<'_, 'a, '_>, service: &'a Service<'a>, involved: &[usize]) {
        let by_port = self.by_port(service.id());
        let chosen = self.chosen(service.id());
        let groups = group_by_affected(to.index.environments, involved.iter().copied(), &chosen);
        for (port, routes) in &by_port {
            let list = Rules::of(routes);
            to.routing.pairs += list.matches.len().pow(2) / 2;
            if to.is_over_limit() {
                return;
            }
            list.check_order(service.name(), to.report);
            for (affected, environments) in &groups {
                let rules = list.derive(to, affected);
                if rules.is_empty() {
                    continue;
                }
                to.push(PreviewRoutes {
                    environments: environments.clone(),
                    service,
                    port: *port,
                    port_in_name: port.is_some() && service.ports.len() > 1,
                    kind: RouteKind::of(routes[0]),
                    rules,
                });
                if to.is_over_limit() {
                    return;
                }
            }
        }
        if !by_port.contains_key(&None) && !to.index.is_unrouted(service.id()) {
            let routed = |port: u16| by_port.contains_key(&Some(port));
            plan_unwritten(to, service, routed);
        }
    }
}

/// Plans routes for the ports for which the user has none.
fn plan_unwritten<'a>(
    to: &mut Planning<'_, 'a, '_>,
    service: &'a Service<'a>,
    is_routed: impl Fn(u16) -> bool,
) {
    let environments = to.index.affecting.get(&service.id()).cloned().unwrap_or_default();
    if environments.is_empty() {
        return;
    }
    for port in service.ports.iter().filter(|port| port.protocol.is_routable()) {
        if is_routed(port.number) {
            continue;
        }
        let rules = vec![Rule::Preview(port.number), Rule::Baseline(port.number)];
        to.push(PreviewRoutes {
            environments: environments.clone(),
            service,
            port: Some(port.number),
            port_in_name: service.ports.len() > 1,
            kind: RouteKind::Http,
            rules,
        });
    }
}

impl<'a> Planning<'_, 'a, '_> {
    fn push(&mut self, routes: PreviewRoutes<'a>) {
        let size: usize = routes.rules.iter().map(Rule::size).sum();
        self.routing.rules += size * routes.environments.len();
        self.routing.mesh.push(MeshRoutes::GatewayApi(routes));
    }
}

/// The finding that the routes of one service contradict each other: in ports, or in kinds for a port.
fn contradiction(service: &Service<'_>, routes: &[(&Object, Option<u16>)]) -> Option<Diagnostic> {
    let mut kinds = BTreeMap::new();
    let mut ported: [Option<&Object>; 2] = [None, None];
    for (route, port) in routes {
        ported[usize::from(port.is_some())] = Some(route);
        let first = kinds.entry(*port).or_insert(*route);
        if first.id.kind != route.id.kind {
            let message = format!("{} and {} both route {}", first.id, route.id, service.name());
            let help = "use one kind of route for a port";
            let finding = Diagnostic::new(&code::ROUTE_CONFLICT, message, help)
                .at(route.place(), "routes the same port");
            return Some(finding.also(first.place(), "as this one"));
        }
    }
    let [Some(without), Some(with)] = ported else {
        return None;
    };
    let message = format!(
        "{} is attached to {} without a port and {} with one",
        without.id,
        service.name(),
        with.id
    );
    let help = "write the port in the parentRefs of all routes of the service, or of none";
    let finding = Diagnostic::new(&code::ROUTE_CONFLICT, message, help)
        .at(without.place(), "attached without a port");
    Some(finding.also(with.place(), "attached with a port"))
}
