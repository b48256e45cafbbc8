//! VirtualServices in the mesh. Istio follows only one for a host and a caller, so it has the rules of all previews.
//!
//! Out come the rules of all previews for a host, those of a wildcard that they would shadow, and the rules that
//! apply inside a preview. `virtual_services` finds the VirtualService of a host, and `derive` decides which rules these
//! are.
//! See <https://istio.io/latest/docs/reference/config/networking/virtual-service/>.

mod derive;
mod overlap;
mod virtual_services;

use std::collections::{BTreeMap, BTreeSet};

use self::virtual_services::MeshVirtualServices;
use super::entries::{self, Applicable, HostContext};
use super::planner::{Planner, ServiceRoutes};
use super::swap::{Backend, Swapped, Weight};
use super::{Attached as AnyAttached, RouteIndex, Routing};
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::kube::{Object, RouteApi, istio::GROUP, marks};
use crate::model::route::gateways::GatewayId;
use crate::model::route::istio::{
    hosts, http, is_mesh, matches, mesh_matches, section, visibility,
};
use crate::model::route::{Route, reader};
use crate::model::{Catalog, ServiceName};
use crate::spec::{Config, RoutingKey};
use crate::yaml::Node;

/// The VirtualService of one host, or of all hosts of an extended one.
#[derive(Debug)]
pub(crate) struct HostRules<'a> {
    /// The service whose host made it necessary.
    pub(crate) service: ServiceName<'a>,
    /// Where its rules come from.
    pub(crate) source: RuleSource<'a>,
    /// The VirtualService that an earlier run made, to which other sets may have added rules.
    pub(crate) earlier: Option<&'a Object>,
    /// The previews with rules in it, in order: the index of the environment, and the index of its rules in `derived`.
    pub(crate) previews: Vec<(usize, usize)>,
    /// The rules of previews. Previews that affect the same services share an item.
    pub(crate) derived: Vec<Derived<'a>>,
    /// The rules of a wildcard, which follow those of previews.
    pub(crate) carried: Vec<InMesh<'a>>,
    /// The ports of the service that can be routed, for rules without an original.
    pub(crate) ports: Vec<u16>,
    /// Whether these rules must match their port, because the service has several.
    pub(crate) match_port: bool,
    /// Ports of the service on which no rule of the original can apply, so that Istio routes them
    /// as if there were no VirtualService.
    pub(crate) ports_without_rule: Vec<u16>,
    /// Whether matches must say that they are for the mesh, because the original is for Gateways too.
    pub(crate) names_mesh: bool,
}

/// Where the rules of a host come from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum RuleSource<'a> {
    /// Nowhere: the host has no VirtualService yet.
    Nothing,
    /// The user's VirtualService for the host, which is extended.
    Existing(&'a Object),
    /// A wildcard that an exact host would shadow: its rules are carried over.
    Wildcard(&'a Object),
}

/// The rules of a preview, which precede those of the original.
#[derive(Debug, Default)]
pub(crate) struct Derived<'a> {
    /// Rules of the original, in order.
    pub(crate) rules: Vec<InMesh<'a>>,
    /// Ports without a rule of the original that lead to the copy.
    pub(crate) ports_without_rule: Vec<u16>,
}

/// A rule of a VirtualService as it applies in the mesh.
#[derive(Debug)]
pub(crate) struct InMesh<'a> {
    /// The rule.
    pub(crate) swapped: Swapped<'a>,
    /// Those of its matches that apply in the mesh.
    pub(crate) matches: Vec<Node>,
}

impl<'a> InMesh<'a> {
    /// Reads the matches of a rule; `None` if it applies to Gateways alone.
    fn of(original: &Object, swapped: Swapped<'a>) -> Option<Self> {
        let matches = mesh_matches(original, swapped.rule)?;
        Some(Self { swapped, matches })
    }
}

impl<'a> HostRules<'a> {
    /// The rules that are derived from those of the user.
    pub(crate) fn derived(&self) -> Vec<&Swapped<'a>> {
        let rules = self.derived.iter().flat_map(|derived| &derived.rules);
        rules.map(|rule| &rule.swapped).collect()
    }

    /// Whether it has a rule of our own that leads to the copy of the service.
    pub(super) fn leads_to_copy(&self) -> bool {
        matches!(self.source, RuleSource::Nothing) || !self.ports_without_rule.is_empty()
    }

    /// Whether it extends a VirtualService of the user.
    pub(crate) fn extends(&self) -> bool {
        matches!(self.source, RuleSource::Existing(_))
    }
}

/// The part of a VirtualService that is attached to copies.
#[derive(Debug)]
pub(crate) struct Attached<'a> {
    /// The services whose copies it applies to.
    pub(crate) services: Vec<ServiceName<'a>>,
    /// Its HTTP rules.
    pub(crate) http: Vec<InMesh<'a>>,
    /// Its TCP rules.
    pub(crate) tcp: Vec<InMesh<'a>>,
}

impl<'a> Attached<'a> {
    /// All of its rules.
    pub(super) fn rules(&self) -> impl Iterator<Item = &Swapped<'a>> {
        self.http.iter().chain(&self.tcp).map(|rule| &rule.swapped)
    }
}

/// Plans VirtualServices.
pub(super) struct Istio;

impl Planner for Istio {
    fn service_routes<'a>(&self, catalog: &'a Catalog<'a>) -> Box<dyn ServiceRoutes<'a> + 'a> {
        Box::new(MeshVirtualServices::of(catalog))
    }

    fn merge<'a>(
        &self,
        mut backends: Vec<Backend<'a>>,
        written: usize,
        catalog: &Catalog<'_>,
    ) -> Vec<Backend<'a>> {
        backends.iter_mut().for_each(|backend| write_out_port(backend, catalog));
        merge(backends, written)
    }

    fn attach<'a>(
        &self,
        index: &RouteIndex<'a, '_>,
        route: Route<'a>,
        services: &BTreeSet<ServiceName<'a>>,
        is_copied: &dyn Fn(ServiceName<'_>) -> bool,
    ) -> Option<AnyAttached<'a>> {
        attach(index, route, services, is_copied).map(AnyAttached::Istio)
    }

    fn not_attached(&self, route: &Object) -> Option<Diagnostic> {
        let tls = route.node.at(&["spec", "tls"]).filter(|tls| !tls.items().is_empty())?;
        let message =
            format!("the tls routes of {} do not hold for calls inside previews", route.id);
        let help = "nothing to do, unless copies call each other by TLS of their own: match by port under tcp";
        let finding = Diagnostic::new(&code::DROPPED, message, help);
        Some(finding.at(tls.place, "stay with the original"))
    }

    fn unfollowed<'a>(&self, index: &RouteIndex<'a, '_>, route: Route<'a>) -> Option<Diagnostic> {
        index.unfollowed_virtual_service(route)
    }

    fn private<'o>(&self, index: &RouteIndex<'_, '_>, route: &'o Object) -> Option<&'o Node> {
        let home = index.catalog.home;
        let is_home = |node: &&Node| node.text().is_some_and(|name| home.includes(name));
        let source = |one: &'o Node| one.get("sourceNamespace").filter(is_home);
        if !is_mesh(route) || !index.is_met_by_copies(route) {
            return None;
        }
        let is_private = visibility(route).is_private(home);
        let seen = is_private.then(|| route.node.at(&["spec", "exportTo"]));
        seen.flatten().or_else(|| http(route).flat_map(matches).find_map(source))
    }

    fn leads_in(&self, route: &Object, catalog: &Catalog<'_>) -> bool {
        // A VirtualService without hosts is a delegate.
        hosts(route).next().is_some()
            && (catalog.home.includes(&route.id.namespace)
                || entries::leads_to_service(route, catalog))
    }

    fn can_set_key(&self, route: &Object) -> bool {
        entries::has_gateway_rule(route)
    }

    fn applicable<'a>(
        &self,
        route: &'a Object,
        context: &HostContext<'_>,
    ) -> Result<Applicable<'a>, Refused> {
        entries::rules_of_virtual_service(route, context)
    }

    fn full_for_clone(
        &self,
        _: &Object,
        _: &entries::CloneRule<'_>,
        _: &RoutingKey,
    ) -> Vec<Diagnostic> {
        // No list of a VirtualService has a limit.
        Vec::new()
    }

    fn full_for_strip(&self, _: &Object, _: &RoutingKey) -> Vec<Diagnostic> {
        Vec::new()
    }

    fn hosts_at_gateways<'a>(
        &self,
        _: &'a Catalog<'a>,
        route: &'a Object,
    ) -> Vec<(GatewayId<'a>, Vec<&'a str>)> {
        let bound = reader(RouteApi::Istio).bound_gateways(route).into_iter();
        bound.map(|one| (one.gateway, hosts(route).collect())).collect()
    }
}

/// Sets the port of a copy if the service has only one and the destination names none.
fn write_out_port(backend: &mut Backend<'_>, catalog: &Catalog<'_>) {
    let Some(copy) = &mut backend.copy else { return };
    let ports = catalog.service(copy.service).map(|one| one.ports.as_slice()).unwrap_or_default();
    if let ([only], None) = (ports, backend.node.at(&["destination", "port"])) {
        copy.port = Some(only.number);
    }
}

/// Merges destinations of copies that differ only in their subset, because copies have none. Their weights are added.
/// If only one of several is left, it gets all requests.
fn merge<'a>(backends: Vec<Backend<'a>>, written: usize) -> Vec<Backend<'a>> {
    let reader = reader(RouteApi::Istio);
    let weight = |backend: &Backend<'_>| match backend.weight {
        Weight::Written => reader.weight(backend.node),
        Weight::Settled(weight) => weight,
        Weight::Whole => 0,
    };
    let mut merged: Vec<Backend<'a>> = Vec::new();
    // Mostly services differ: only destinations of one service are compared whole.
    let mut by_service: BTreeMap<ServiceName<'_>, Vec<usize>> = BTreeMap::new();
    for backend in backends {
        let Some(copy) = backend.copy else {
            merged.push(backend);
            continue;
        };
        let others = by_service.entry(copy.service).or_default();
        match others.iter().find(|&&other| is_same_but_for_weight(&merged[other], &backend)) {
            Some(&other) => {
                merged[other].weight = Weight::Settled(weight(&merged[other]) + weight(&backend));
            }
            None => {
                others.push(merged.len());
                merged.push(backend);
            }
        }
    }
    if let [only] = merged.as_mut_slice()
        && only.copy.is_some()
        && written > 1
    {
        only.weight = Weight::Whole;
    }
    merged
}

/// Whether two destinations at the copy of one service differ in nothing but their weight.
fn is_same_but_for_weight(a: &Backend<'_>, b: &Backend<'_>) -> bool {
    let rest = |backend: &Backend<'_>| {
        let mut node = backend.node.clone();
        node.remove("weight");
        if let Some(destination) = node.get_mut("destination") {
            destination.remove("host");
            destination.remove("subset");
            if let Some(port) = backend.copy.and_then(|copy| copy.port) {
                let number = Node::integer(i64::from(port));
                destination.set("port", Node::map([("number", number)]));
            }
        }
        node
    };
    rest(a) == rest(b)
}

/// Attaches a VirtualService to the copies of these services; `None` if none of its rules applies in the mesh.
fn attach<'a>(
    index: &RouteIndex<'a, '_>,
    route: Route<'a>,
    services: &BTreeSet<ServiceName<'a>>,
    is_copied: impl Fn(ServiceName<'_>) -> bool,
) -> Option<Attached<'a>> {
    let catalog = index.catalog;
    let in_mesh = |rule| InMesh::of(route.object, Swapped::of(rule, route, catalog, &is_copied));
    let http: Vec<InMesh<'_>> = http(route.object).filter_map(in_mesh).collect();
    let tcp: Vec<InMesh<'_>> = section(route.object, "tcp").iter().filter_map(in_mesh).collect();
    if http.is_empty() && tcp.is_empty() {
        return None;
    }
    // A host can be listed in several spellings.
    let mut seen = BTreeSet::new();
    let named = hosts(route.object).filter_map(|host| catalog.service_routed(host, route.object));
    let named = named.filter_map(|service| services.get(&service.id()).copied());
    let mut named: Vec<ServiceName<'_>> = named.filter(|name| seen.insert(*name)).collect();
    if named.is_empty() {
        named = services.iter().copied().collect();
    }
    Some(Attached { services: named, http, tcp })
}

/// VirtualServices of an earlier run that this run does not need, but to which other sets have added rules. They stay,
/// without our rules, so that the previews of the other sets keep theirs.
pub(super) fn left_to_others<'a>(
    config: &Config,
    catalog: &'a Catalog<'a>,
    routing: &Routing<'a>,
) -> Vec<&'a Object> {
    let home = catalog.home;
    let is_made = |object: &Object| {
        let mut made = routing.host_rules();
        made.any(|rules| {
            let name = marks::virtual_service(config.set(), rules.service.name);
            name == object.id.name.as_str() && rules.service.namespace == object.id.namespace
        })
    };
    let is_free = |object: &Object| {
        let mut users = catalog.of_kind(GROUP, "VirtualService");
        let of = |one: &Object| -> Vec<String> {
            hosts(one).map(|host| home.full_host(host, &one.id.namespace)).collect()
        };
        let taken = of(object);
        !users.any(|one| of(one).iter().any(|host| taken.contains(host)))
    };
    let earlier = catalog.extended().iter();
    let left = earlier.filter(|one| marks::is_changed(&one.node, marks::HTTP));
    left.filter(|one| !is_made(one) && is_free(one)).collect()
}
