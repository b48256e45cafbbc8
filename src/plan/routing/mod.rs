//! The routing table: for each host of the baseline, which rules are derived for which preview.
//!
//! Decides per service which API speaks for it and what contradicts what; which ports can be routed stands
//! in `ports`, who speaks for a host in [`bound`], and which routes are not followed in `unfollowed`. The
//! rules themselves are derived in [`gateway_api`] and [`istio`], their backends decided on in [`swap`], the
//! ways in from outside in [`entries`].

pub mod bound;
pub mod entries;
pub mod gateway_api;
mod hosts;
pub mod istio;
mod ports;
mod precedence;
pub mod swap;
mod unfollowed;

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use swap::Swapped;

use super::environment::Environment;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Id, Object};
use crate::limits::OutputLimits;
use crate::model::route::{gateway_api as read_gateway_api, istio as read_istio};
use crate::model::{Catalog, Home, Service};
use crate::spec::{Api, Config};
use crate::yaml::Node;

/// Everything about routes that will be emitted.
#[derive(Debug, Default)]
pub struct Routing<'a> {
    /// HTTPRoutes and GRPCRoutes of the mesh.
    pub gateway_api: Vec<gateway_api::Table<'a>>,
    /// VirtualServices of the mesh, one table per host.
    pub istio: Vec<istio::Table<'a>>,
    /// Routes attached to copies.
    pub local: Vec<Local<'a>>,
    /// Ways in from outside.
    pub entries: entries::Entries<'a>,
    /// How many rules are derived in all, and how many pairs of rules were compared for it.
    rules: usize,
    pairs: usize,
    /// The VirtualServices that are extended.
    extended: BTreeSet<&'a Id>,
    /// The headless services whose copies get a cluster IP.
    pub(crate) addressed: BTreeSet<&'a str>,
}

impl Routing<'_> {
    /// The finding that there is more to derive than the limits allow, where there is.
    fn over(&self, limits: &OutputLimits) -> Option<Diagnostic> {
        let (message, help) = if self.rules > limits.rules {
            (
                format!(
                    "routes need more rules, matches and backends than the limit of {}",
                    limits.rules
                ),
                "have fewer previews, or fewer rules and hosts in the routes of what they change, or \
                 raise --max-rules",
            )
        } else if self.pairs > limits.pairs {
            (
                format!("routes have more pairs of rules than the limit of {}", limits.pairs),
                "have fewer rules for one service, or raise --max-pairs",
            )
        } else {
            return None;
        };
        Some(Diagnostic::new(&code::OUTPUT_LIMIT, message, help))
    }
}

/// A route of affected services, attached to their copies in each of some previews.
#[derive(Debug)]
pub struct Local<'a> {
    /// The previews, by the index of their environment. Of the services that the route answers for or
    /// chooses they affect the same.
    pub environments: Vec<usize>,
    /// The original.
    pub route: &'a Object,
    /// The name in the preview.
    pub name: String,
    /// The affected services it answers for.
    pub services: BTreeSet<&'a str>,
    /// Its rules.
    pub rules: Vec<Swapped<'a>>,
    /// The `tcp` entries of a VirtualService.
    pub tcp: Vec<Swapped<'a>>,
}

/// What the routes of the baseline say about each of its services.
pub(super) struct Table<'a, 'e> {
    pub(super) config: &'a Config,
    pub(super) catalog: &'a Catalog<'a>,
    pub(super) environments: &'e [Environment<'a>],
    limits: &'e OutputLimits,
    /// The previews that each service is affected in.
    affecting: BTreeMap<&'a str, Vec<usize>>,
    pub(super) routes: gateway_api::Attached<'a>,
    pub(super) virtual_services: bound::Bound<'a>,
    /// Routes of other sets, by service.
    routes_of_others: BTreeMap<&'a str, &'a Object>,
}

/// Plans the routes of every preview.
pub(super) fn plan<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    environments: &[Environment<'a>],
    limits: &OutputLimits,
    found: &mut Report,
) -> Routing<'a> {
    // Put in order at last: each is looked up many times before.
    let mut affecting: HashMap<&str, Vec<usize>, RandomState> = HashMap::default();
    for (index, env) in environments.iter().enumerate() {
        for name in &env.affected {
            affecting.entry(name).or_default().push(index);
        }
    }
    let table = Table {
        config,
        catalog,
        environments,
        limits,
        affecting: affecting.into_iter().collect(),
        routes: gateway_api::attached(catalog),
        virtual_services: bound::bound(catalog),
        routes_of_others: gateway_api::attached_by_others(catalog),
    };
    let mut routing = Routing::default();
    table.check_ports(&mut routing, found);
    table.check_unfollowed(found);
    for service in catalog.services() {
        let involved = table.involved(service);
        if involved.is_empty() {
            continue;
        }
        table.check_controllers(service, found);
        let Some(api) = table.api(service, found) else {
            continue;
        };
        match api {
            Api::Istio => istio::plan(&table, service, &involved, &mut routing, found),
            _ => gateway_api::plan(&table, service, &involved, &mut routing, found),
        }
        if let Some(finding) = routing.over(limits) {
            found.push(finding.at(service.object.place(), "limit reached with this service"));
            return routing;
        }
    }
    table.check_rollouts(&routing, found);
    table.plan_local(&mut routing, found);
    let left = limits.rules.saturating_sub(routing.rules);
    routing.entries = entries::plan(config, catalog, environments, left, found);
    routing.rules = routing.rules.saturating_add(routing.entries.size);
    if let Some(finding) = routing.over(limits) {
        let path = "spec.routing.entries";
        found.push(finding.at(config.place(path), "limit reached with these").field(path));
    }
    table.check_unreached(&routing, found);
    routing
}

impl<'a> Table<'a, '_> {
    /// Whether calls from outside the preview keep going to the baseline's copy.
    pub(super) fn is_unrouted(&self, service: &str) -> bool {
        self.config.facts(service).is_some_and(|facts| facts.unrouted)
    }

    /// The previews for which some rule of this service's host must be derived.
    fn involved(&self, service: &Service<'a>) -> Vec<usize> {
        let chosen = self.routes.backends(service.name(), self.catalog.home);
        let destinations = self.virtual_services.destinations(service.name());
        let own = service.ports.iter().any(|port| port.protocol.is_routable());
        let own = own.then_some(service.name());
        let services = own.into_iter().chain(chosen).chain(destinations);
        let mut involved: Vec<usize> = services
            .filter(|name| !self.is_unrouted(name))
            .filter_map(|name| self.affecting.get(name))
            .flatten()
            .copied()
            .collect();
        involved.sort_unstable();
        involved.dedup();
        involved
    }

    /// The API that speaks for a service; none where its routes contradict each other.
    fn api(&self, service: &Service<'a>, found: &mut Report) -> Option<Api> {
        let routes = self.routes.of(service.name());
        let first = self.virtual_services.of(service.name()).next();
        let conflict = |message: String, help: &str, first: &Object, second: Option<&Object>| {
            let mut finding = Diagnostic::new(&code::ROUTE_CONFLICT, message, help)
                .at(first.place(), "routes this host");
            if let Some(second) = second {
                finding = finding.also(second.place(), "routes it too");
            }
            finding
        };
        let name = service.name();
        let shadowed = || self.virtual_services.shadowed(name);
        if let Some(finding) = routes.is_empty().then(shadowed).flatten() {
            found.push(finding);
            return None;
        }
        match (routes.first(), first) {
            (Some((route, _)), Some(virtual_service)) => {
                found.push(conflict(
                    format!("{} and {} both route {name}", route.id, virtual_service.id),
                    "keep one kind of route for a host: Istio does not define which of the two counts",
                    route,
                    Some(virtual_service),
                ));
                None
            }
            (None, Some(first)) => {
                if let Some([first, second]) = self.virtual_services.rivals(name) {
                    found.push(conflict(
                        format!("{} and {} both route {name}", first.id, second.id),
                        "merge them into one: in a sidecar the older one counts and the other is ignored",
                        first,
                        Some(second),
                    ));
                    return None;
                }
                if self.config.previews.spec.routing.api == Api::GatewayApi {
                    found.push(conflict(
                        format!("{} routes {name}, but spec.routing.api is gateway-api", first.id),
                        "use `api: auto`, or turn the VirtualService into HTTPRoutes",
                        first,
                        None,
                    ));
                    return None;
                }
                Some(Api::Istio)
            }
            (Some((first, _)), None) => {
                if self.config.previews.spec.routing.api == Api::Istio {
                    found.push(conflict(
                        format!("{} routes {name}, but spec.routing.api is istio", first.id),
                        "use `api: auto`, or turn the route into a VirtualService",
                        first,
                        None,
                    ));
                    return None;
                }
                self.consistent(service, routes, found).then_some(Api::GatewayApi)
            }
            (None, None) => {
                match (self.config.previews.spec.routing.api, self.routes_of_others.get(name)) {
                    (Api::Istio, Some(route)) => {
                        found.push(conflict(
                            format!(
                                "{} of another set routes {name}, but spec.routing.api is istio",
                                route.id
                            ),
                            "use the same spec.routing.api in all sets of a baseline",
                            route,
                            None,
                        ));
                        None
                    }
                    (Api::Istio, None) => Some(Api::Istio),
                    _ => Some(Api::GatewayApi),
                }
            }
        }
    }

    /// Whether the routes of one service agree on ports and kinds.
    fn consistent(
        &self,
        service: &Service<'a>,
        routes: &[(&'a Object, Option<u16>)],
        found: &mut Report,
    ) -> bool {
        let mut kinds = BTreeMap::new();
        let mut ported: [Option<&Object>; 2] = [None, None];
        for (route, port) in routes {
            ported[usize::from(port.is_some())] = Some(route);
            let first = kinds.entry(*port).or_insert(*route);
            if first.id.kind != route.id.kind {
                found.push(
                    Diagnostic::new(
                        &code::ROUTE_CONFLICT,
                        format!("{} and {} both route {}", first.id, route.id, service.name()),
                        "use one kind of route for a port",
                    )
                    .at(route.place(), "routes the same port")
                    .also(first.place(), "as this one"),
                );
                return false;
            }
        }
        if let [Some(without), Some(with)] = ported {
            found.push(
                Diagnostic::new(
                    &code::ROUTE_CONFLICT,
                    format!(
                        "{} is attached to {} without a port and {} with one",
                        without.id,
                        service.name(),
                        with.id
                    ),
                    "write the port in the parentRefs of all routes of the service, or of none",
                )
                .at(without.place(), "attached without a port")
                .also(with.place(), "attached with a port"),
            );
            return false;
        }
        true
    }

    /// Plans the routes that are attached to copies: those of the affected services themselves.
    fn plan_local(&self, routing: &mut Routing<'a>, found: &mut Report) {
        let mut attached: BTreeMap<&Id, (&'a Object, BTreeSet<&'a str>)> = BTreeMap::new();
        for &service in self.affecting.keys() {
            let gateway = self.routes.of(service).iter().map(|(route, _)| *route);
            let istio = self.virtual_services.at_home(service);
            for route in gateway.chain(istio) {
                let (_, services) = attached.entry(&route.id).or_insert((route, BTreeSet::new()));
                services.insert(service);
            }
        }
        for (route, services) in attached.into_values() {
            istio::check_local(route, found);
            let name = self.local_name(route);
            let involved = services.iter().flat_map(|service| &self.affecting[service]).copied();
            let involved: BTreeSet<usize> = involved.collect();
            let mut named = chosen(route, self.catalog.home);
            named.extend(&services);
            for (affected, environments) in alike(self.environments, involved, &named) {
                // Calls from inside the preview reach copies of `unrouted` services too.
                let is_copied = |name: &str| affected.binary_search(&name).is_ok();
                let rules = swapped(route, self.catalog.home, is_copied);
                let tcp = read_istio::section(route, "tcp").iter();
                let tcp = tcp.map(|one| Swapped::entry(one, route, self.catalog.home, is_copied));
                let tcp = tcp.collect();
                let services = affected.iter().copied().filter(|name| services.contains(name));
                let services = services.collect();
                let name = name.clone();
                routing.local.push(Local { environments, route, name, services, rules, tcp });
            }
        }
    }
}

impl Table<'_, '_> {
    /// The name of a route that is attached to copies: its own. One of another namespace has that behind it where a
    /// namesake may be attached beside it.
    fn local_name(&self, route: &Object) -> String {
        let (name, namespace) = (&route.id.name, &route.id.namespace);
        let mut all = self.catalog.of_kind(&route.id.group, &route.id.kind);
        let foreign = namespace != self.catalog.namespace;
        let is_namesake = |one: &Object| one.id.name == *name && one.id.namespace != *namespace;
        match foreign && all.any(is_namesake) {
            true => format!("{name}.{namespace}"),
            false => name.to_string(),
        }
    }
}

/// The services of the baseline that a route chooses.
fn chosen<'a>(route: &'a Object, home: Home<'a>) -> BTreeSet<&'a str> {
    if route.id.group == crate::kube::gateway::GROUP {
        return gateway_api::chosen(route, home).collect();
    }
    let tcp = read_istio::section(route, "tcp").iter().flat_map(read_istio::destinations);
    let tcp = tcp.filter_map(|host| home.service_of(host, route));
    bound::chosen(route, home).chain(tcp).collect()
}

/// The rules of a route, each with what becomes of its backends.
fn swapped<'a>(
    route: &'a Object,
    home: Home<'_>,
    is_copied: impl Fn(&str) -> bool,
) -> Vec<Swapped<'a>> {
    let one = |rule| swap_one(rule, route, home, &is_copied);
    if route.id.group == crate::kube::gateway::GROUP {
        return read_gateway_api::rules(route).iter().map(one).collect();
    }
    read_istio::http(route).map(one).collect()
}

/// A rule of a route with what becomes of its backends.
fn swap_one<'a>(
    rule: &'a Node,
    route: &Object,
    home: Home<'_>,
    is_copied: impl Fn(&str) -> bool,
) -> Swapped<'a> {
    match route.id.group == crate::kube::gateway::GROUP {
        true => Swapped::rule(rule, route, home, is_copied),
        false => Swapped::entry(rule, route, home, is_copied),
    }
}

/// These previews by which of some services they affect, in order: what is decided of these services
/// is the same for all who affect the same.
fn alike<'a>(
    environments: &[Environment<'a>],
    involved: impl IntoIterator<Item = usize>,
    services: &BTreeSet<&'a str>,
) -> BTreeMap<Vec<&'a str>, Vec<usize>> {
    let mut alike: BTreeMap<Vec<&str>, Vec<usize>> = BTreeMap::new();
    for index in involved {
        let affected = &environments[index].affected;
        let own = services.iter().copied().filter(|service| affected.contains(service)).collect();
        alike.entry(own).or_default().push(index);
    }
    alike
}
