//! Routes of previews: for each host of the baseline, which rules are derived for which preview.
//!
//! In go the baseline's routes and what each preview affects. Out comes a [`Routing`]: the rules of every object to
//! write, and the backends of every rule. This file decides which API a service uses, and which routes contradict each
//! other. `ports` decides which ports can be routed, and `unfollowed` reports routes that previews cannot follow.
//! [`gateway_api`] and [`istio`] derive the rules, [`swap`] decides their backends, and [`entries`] plans the ways in
//! from outside.
//!
//! Always true: a service is routed by one API only, and a rule with a copy as a backend has only copies.

pub(crate) mod entries;
pub(crate) mod gateway_api;
mod hosts;
pub(crate) mod istio;
mod planner;
mod ports;
pub(crate) mod swap;
mod unfollowed;
mod waypoints;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use planner::{Planning, ServiceRoutes, planner};
use swap::Swapped;
use waypoints::Unread;

use super::environment::Environment;
use crate::diagnostic::{Diagnostic, Place, Report, code};
use crate::kube::{Id, Object, RouteApi};
use crate::limits::{OutputLimits, flag, or_raise};
use crate::model::route::Route;
use crate::model::{Catalog, Mesh, Service, ServiceName};
use crate::spec::{Config, RoutingKey};

/// Everything about routes that will be emitted.
#[derive(Debug, Default)]
pub(crate) struct Routing<'a> {
    /// The routes that lead calls inside the mesh to copies, sorted by service.
    pub(crate) mesh: Vec<MeshRoutes<'a>>,
    /// Routes attached to copies.
    pub(crate) copy_routes: Vec<CopyRoute<'a>>,
    /// Ways in from outside.
    pub(crate) entries: entries::Entries<'a>,
    /// VirtualServices of an earlier run that only other sets still need.
    pub(crate) left_to_others: Vec<&'a Object>,
    /// The number of derived rules, with their matches and backends.
    rules: usize,
    /// The number of pairs of matches that were compared.
    pairs: usize,
    /// The VirtualServices that are extended.
    extended: BTreeSet<&'a Id>,
    /// The headless services whose copies get a cluster IP.
    pub(crate) addressed: BTreeSet<ServiceName<'a>>,
}

/// The routes that lead calls of a service to copies.
#[derive(Debug)]
pub(crate) enum MeshRoutes<'a> {
    /// Routes of one service and port, for all previews that affect the same services.
    GatewayApi(gateway_api::PreviewRoutes<'a>),
    /// The VirtualService of one host, with the rules of all previews.
    Istio(istio::HostRules<'a>),
}

impl<'a> MeshRoutes<'a> {
    /// The rules that are derived from those of the user.
    fn derived(&self) -> Vec<&Swapped<'a>> {
        match self {
            Self::GatewayApi(routes) => routes.derived(),
            Self::Istio(rules) => rules.derived(),
        }
    }
}

impl<'a> Routing<'a> {
    /// The VirtualServices that many previews share.
    pub(crate) fn host_rules(&self) -> impl Iterator<Item = &istio::HostRules<'a>> {
        self.mesh.iter().filter_map(|routes| match routes {
            MeshRoutes::GatewayApi(_) => None,
            MeshRoutes::Istio(rules) => Some(rules),
        })
    }

    /// Every rule that is derived from one of the user's.
    pub(crate) fn derived(&self) -> impl Iterator<Item = &Swapped<'a>> {
        let mesh = self.mesh.iter().flat_map(MeshRoutes::derived);
        let to_copies = self.copy_routes.iter().flat_map(CopyRoute::rules);
        mesh.chain(to_copies).chain(self.entries.clones.iter().flat_map(|clone| &clone.rules))
    }

    /// The finding that a limit is exceeded, if one is.
    fn limit_finding(&self, limits: &OutputLimits) -> Option<Diagnostic> {
        let (message, help) = if self.rules > limits.rules {
            (
                format!(
                    "routes need more rules, matches and backends than the limit of {}",
                    limits.rules
                ),
                or_raise(
                    "have fewer previews, or fewer rules and hosts in the routes of what they change",
                    flag::RULES,
                ),
            )
        } else if self.pairs > limits.pairs {
            (
                format!("routes have more pairs of rules than the limit of {}", limits.pairs),
                or_raise("have fewer rules for one service", flag::PAIRS),
            )
        } else {
            return None;
        };
        Some(Diagnostic::new(&code::OUTPUT_LIMIT, message, help))
    }
}

/// A route of the baseline that is attached to copies, for all previews that affect the same of its services.
#[derive(Debug)]
pub(crate) struct CopyRoute<'a> {
    /// The previews, as indices of environments.
    pub(crate) environments: Vec<usize>,
    /// The original.
    pub(crate) route: Route<'a>,
    /// The namespace of the baseline whose copies it is attached to.
    pub(crate) home: &'a str,
    /// The name in the preview.
    pub(crate) name: String,
    /// The attached part.
    pub(crate) attached: Attached<'a>,
}

/// The part of a route that is attached to copies.
#[derive(Debug)]
pub(crate) enum Attached<'a> {
    /// Of an HTTPRoute or GRPCRoute.
    GatewayApi(gateway_api::Attached<'a>),
    /// Of a VirtualService.
    Istio(istio::Attached<'a>),
}

impl<'a> CopyRoute<'a> {
    fn rules(&self) -> Vec<&Swapped<'a>> {
        match &self.attached {
            Attached::GatewayApi(attached) => attached.rules.iter().collect(),
            Attached::Istio(attached) => attached.rules().collect(),
        }
    }
}

/// What routes are planned from: the routes of the baseline by service, and the previews.
pub(super) struct RouteIndex<'a, 'e> {
    pub(super) config: &'a Config,
    pub(super) catalog: &'a Catalog<'a>,
    pub(super) environments: &'e [Environment<'a>],
    limits: &'e OutputLimits,
    /// The previews that each service is affected in.
    affecting: BTreeMap<ServiceName<'a>, Vec<usize>>,
    apis: Vec<(RouteApi, Box<dyn ServiceRoutes<'a> + 'a>)>,
}

/// Plans the routes of every preview.
pub(super) fn plan<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    environments: &[Environment<'a>],
    limits: &OutputLimits,
    report: &mut Report,
) -> Routing<'a> {
    // A hash map while it is filled, because each service is looked up for many previews. It is sorted below.
    let mut affecting: HashMap<ServiceName<'_>, Vec<usize>, RandomState> = HashMap::default();
    for (index, env) in environments.iter().enumerate() {
        for name in &env.affected {
            affecting.entry(*name).or_default().push(index);
        }
    }
    let routes = |api| (api, planner(api).service_routes(catalog));
    let apis = RouteApi::ALL.into_iter().map(routes).collect();
    let affecting = affecting.into_iter().collect();
    let index = RouteIndex { config, catalog, environments, limits, affecting, apis };
    let mut routing = Routing::default();
    if catalog.mesh == Mesh::Absent {
        index.plan_entries(&mut routing, report);
        index.check_without_mesh(&routing, report);
        return routing;
    }
    index.check_ports(&mut routing, report);
    index.check_unfollowed(report);
    let mut unread = Unread::default();
    for service in catalog.services() {
        let involved = index.involved(service);
        if involved.is_empty() || !index.is_read(service, &mut unread, report) {
            continue;
        }
        index.check_controllers(service, report);
        if let Some(routes) = index.routes_of_one_api(service, report) {
            let mut to = Planning { index: &index, routing: &mut routing, report };
            routes.plan(&mut to, service, &involved);
        }
        if let Some(finding) = routing.limit_finding(limits) {
            report.push(finding.at(service.object.place(), "limit reached with this service"));
            return routing;
        }
    }
    index.report_unread(&unread, report);
    routing.left_to_others = istio::left_to_others(config, catalog, &routing);
    index.check_rollouts(&routing, report);
    index.plan_copy_routes(&mut routing, report);
    index.plan_entries(&mut routing, report);
    index.check_unreached(&routing, report);
    routing
}

impl<'a> RouteIndex<'a, '_> {
    /// Plans the ways in from outside.
    fn plan_entries(&self, routing: &mut Routing<'a>, report: &mut Report) {
        let left = self.limits.rules.saturating_sub(routing.rules);
        let left = (left, self.limits.pairs);
        routing.entries = entries::plan(self.config, self.catalog, self.environments, left, report);
        routing.rules = routing.rules.saturating_add(routing.entries.size);
        if let Some(finding) = routing.limit_finding(self.limits) {
            let path = "spec.routing.entries";
            let place = self.config.place(path);
            report.push(finding.at(place, "limit reached with these").field(path));
        }
    }

    /// Whether calls from outside the preview keep going to the baseline's copy.
    pub(super) fn is_unrouted(&self, service: ServiceName<'_>) -> bool {
        self.config.is_unrouted(service.name, service.namespace)
    }

    /// The routes of all APIs that apply to a service for some caller.
    fn routes_of(&self, service: ServiceName<'_>) -> impl Iterator<Item = Route<'a>> {
        self.apis.iter().flat_map(move |(_, routes)| routes.of(service))
    }

    /// The previews for which some rule of this service's host must be derived.
    fn involved(&self, service: &Service<'a>) -> Vec<usize> {
        let is_routable = service.ports.iter().any(|port| port.protocol.is_routable());
        let itself = is_routable.then_some(service.id());
        let chosen = self.apis.iter().flat_map(|(_, routes)| routes.chosen(service.id()));
        let mut involved: Vec<usize> = itself
            .into_iter()
            .chain(chosen)
            .filter(|name| !self.is_unrouted(*name))
            .filter_map(|name| self.affecting.get(&name))
            .flatten()
            .copied()
            .collect();
        involved.sort_unstable();
        involved.dedup();
        involved
    }

    /// The routes of the API that routes a service. If routes contradict each other, that is reported, and there are
    /// none.
    fn routes_of_one_api(
        &self,
        service: &Service<'a>,
        report: &mut Report,
    ) -> Option<&dyn ServiceRoutes<'a>> {
        let name = service.id();
        let required = self.config.previews.spec.routing.api.required();
        let all = self.apis.iter().filter_map(|(api, routes)| {
            routes.of(name).first().map(|first| (*api, routes.as_ref(), first.object))
        });
        let all: Vec<(RouteApi, &dyn ServiceRoutes<'a>, &Object)> = all.collect();
        let finding = match all.as_slice() {
            [] => {
                // Routes that only some callers see do not count, but can still be in the way.
                let mut contradictions =
                    self.apis.iter().filter_map(|(_, routes)| routes.contradiction(service));
                contradictions.next().or_else(|| self.of_another_set(name, required))
            }
            [(api, _, route)] if !self.catalog.mesh.follows(*api) => {
                Some(self.not_followed(name, route))
            }
            [(api, routes, route)] => routes.contradiction(service).or_else(|| {
                required.filter(|required| required != api).map(|required| {
                    let message = format!(
                        "{} routes {name}, but spec.routing.api is {}",
                        route.id,
                        required.names().option
                    );
                    let (this, new) = (api.names().this_route, required.names().new_route);
                    let help = format!("use `api: auto`, or turn {this} into {new}");
                    conflict(message, help, route)
                })
            }),
            [(_, _, first), (_, _, second), ..] => {
                let message = format!("{} and {} both route {name}", first.id, second.id);
                let help = "keep one kind of route for a host: Istio does not define which of the two counts";
                Some(
                    conflict(message, help.to_owned(), first).also(second.place(), "routes it too"),
                )
            }
        };
        if let Some(finding) = finding {
            report.push(finding);
            return None;
        }
        let api = all.first().map(|(api, ..)| *api).or(required).unwrap_or_default();
        self.apis.iter().find(|(other, _)| *other == api).map(|(_, routes)| routes.as_ref())
    }

    /// The finding that a service has a route of an API that the mesh does not follow.
    fn not_followed(&self, service: ServiceName<'_>, route: &Object) -> Diagnostic {
        let mesh = self.catalog.mesh;
        let followed = RouteApi::ALL.into_iter().filter(|api| mesh.follows(*api));
        let (apis, routes): (Vec<&str>, Vec<&str>) =
            followed.map(|api| (api.names().name, api.names().route_of_service)).unzip();
        let message = format!(
            "{} routes {service}, and in {} only routes of {} count",
            route.id,
            mesh.name(),
            apis.join(" and ")
        );
        conflict(message, format!("write it as {}", routes.join(" or ")), route)
    }

    /// The finding that another set routes a service by an API other than the required one.
    fn of_another_set(
        &self,
        service: ServiceName<'_>,
        required: Option<RouteApi>,
    ) -> Option<Diagnostic> {
        let required = required?;
        let mut others = self.apis.iter().filter(|(api, _)| *api != required);
        let route = others.find_map(|(_, routes)| routes.of_others(service))?;
        let message = format!(
            "{} of another set routes {service}, but spec.routing.api is {}",
            route.id,
            required.names().option
        );
        let help = "use the same spec.routing.api in all sets of a baseline";
        Some(conflict(message, help.to_owned(), route))
    }

    /// Plans the routes that are attached to copies: the routes of the affected services.
    ///
    /// In ambient mode there are none, because copies have no waypoint that would read them.
    fn plan_copy_routes(&self, routing: &mut Routing<'a>, report: &mut Report) {
        if self.catalog.mesh == Mesh::Ambient {
            report.extend(self.not_attached());
            return;
        }
        // By the route and the namespace of the baseline whose copies it is attached to.
        let mut attached: BTreeMap<(&Id, &'a str), (Route<'a>, BTreeSet<ServiceName<'a>>)> =
            BTreeMap::new();
        for &service in self.affecting.keys() {
            for route in self.apis.iter().flat_map(|(_, routes)| routes.at_home(service)) {
                let into = (&route.object.id, service.namespace);
                let (_, services) = attached.entry(into).or_insert((route, BTreeSet::new()));
                services.insert(service);
            }
        }
        for ((_, home), (route, services)) in attached {
            let planner = planner(route.api);
            report.extend(planner.not_attached(route.object));
            let name = self.copy_route_name(route.object, home);
            let involved = services.iter().flat_map(|service| &self.affecting[service]).copied();
            let involved: BTreeSet<usize> = involved.collect();
            let mut named = route.chosen(self.catalog.home);
            named.extend(&services);
            for (affected, environments) in group_by_affected(self.environments, involved, &named) {
                // Calls from inside the preview reach copies of `unrouted` services too.
                let is_copied = |name: ServiceName<'_>| affected.binary_search(&name).is_ok();
                let services: BTreeSet<ServiceName<'_>> =
                    affected.iter().copied().filter(|name| services.contains(name)).collect();
                let attached = planner.attach(self, route, &services, &is_copied);
                let name = name.clone();
                let copy_route = |attached| CopyRoute { environments, route, home, name, attached };
                routing.copy_routes.extend(attached.map(copy_route));
            }
        }
    }

    /// The name of a route that is attached to copies of the namespace `home`: that of the original. If the original is
    /// in another namespace and its name is not unique, this namespace is appended.
    fn copy_route_name(&self, route: &Object, home: &str) -> String {
        let (name, namespace) = (&route.id.name, &route.id.namespace);
        let mut all = self.catalog.of_kind(&route.id.group, &route.id.kind);
        let foreign = namespace != home;
        let is_namesake = |one: &Object| one.id.name == *name && one.id.namespace != *namespace;
        match foreign && all.any(is_namesake) {
            true => format!("{name}.{namespace}"),
            false => name.to_string(),
        }
    }
}

/// Whether a header carries the key.
fn carries_key(key: &RoutingKey, header: &str) -> bool {
    header.eq_ignore_ascii_case(&key.header)
        || !key.baggage.is_empty() && header.eq_ignore_ascii_case("baggage")
}

/// The finding that a match of a route names a header that carries the key.
fn matches_key(route: &Object, header: &str, place: Place, label: &str) -> Diagnostic {
    let header = header.to_ascii_lowercase();
    let message = format!("{} matches the header `{header}`, which carries the key", route.id);
    let help = "choose another spec.routing.key, or remove the match from the route";
    Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help).at(place, label)
}

fn conflict(message: String, help: String, route: &Object) -> Diagnostic {
    Diagnostic::new(&code::ROUTE_CONFLICT, message, help).at(route.place(), "routes this host")
}

/// Groups previews by which of these services they affect. Decisions about the services are the same for a whole group.
fn group_by_affected<'a>(
    environments: &[Environment<'a>],
    involved: impl IntoIterator<Item = usize>,
    services: &BTreeSet<ServiceName<'a>>,
) -> BTreeMap<Vec<ServiceName<'a>>, Vec<usize>> {
    let mut groups: BTreeMap<Vec<ServiceName<'_>>, Vec<usize>> = BTreeMap::new();
    for index in involved {
        let affected = &environments[index].affected;
        let some = services.iter().copied().filter(|service| affected.contains(service)).collect();
        groups.entry(some).or_default().push(index);
    }
    groups
}
