//! VirtualServices of the mesh by host, and by who sees them.
//!
//! A sidecar uses the first VirtualService for a host that it sees: one private to its namespace, then one exported
//! to it by name, then one for everybody. A wildcard counts only if there is no exact host.

use std::collections::{BTreeMap, BTreeSet};

use super::super::planner::{Planning, ServiceRoutes};
use super::{RuleSource, derive};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::{Object, RouteApi, istio::GROUP};
use crate::model::route::istio::{
    are_rivals, destinations, hosts, http, is_mesh, precedence, visibility,
};
use crate::model::route::{Route, Visibility};
use crate::model::{Catalog, Home, Service, ServiceName};

/// The VirtualServices that apply in the mesh to services of the baseline.
#[derive(Debug, Default)]
pub(crate) struct MeshVirtualServices<'a> {
    /// Those of exact hosts, by the full host.
    exact: BTreeMap<String, Vec<&'a Object>>,
    /// Those of wildcards that every namespace sees, by the text behind the star.
    wildcard: BTreeMap<String, Vec<&'a Object>>,
    /// Those of wildcards that only some namespaces see, by the text behind the star.
    scoped: BTreeMap<String, Vec<&'a Object>>,
    home: Home<'a>,
}

impl<'a> MeshVirtualServices<'a> {
    /// Collects the VirtualServices that are bound to the mesh. For a service these are the ones in its namespace, and
    /// others that its namespace sees.
    pub(super) fn of(catalog: &'a Catalog<'a>) -> Self {
        let mut all = Self { home: catalog.home, ..Self::default() };
        for object in catalog.of_kind(GROUP, "VirtualService").filter(|object| is_mesh(object)) {
            let (namespace, seen) = (&object.id.namespace, visibility(object));
            let nobody = matches!(&seen, Visibility::In(names) if names.is_empty());
            let is_near = |home: &str| namespace == home || seen.includes(home);
            let mut homes = catalog.home.namespaces.iter();
            if nobody || !homes.any(|home| is_near(home)) {
                continue;
            }
            for host in hosts(object) {
                let host = catalog.home.full_host(host, namespace).to_ascii_lowercase();
                let service = catalog.home.service_of(&host, object);
                if service.is_some_and(|service| !is_near(service.namespace)) {
                    continue;
                }
                let objects = match host.strip_prefix('*') {
                    None => all.exact.entry(host),
                    Some(end) if seen == Visibility::Everywhere => {
                        all.wildcard.entry(end.to_owned())
                    }
                    Some(end) => all.scoped.entry(end.to_owned()),
                };
                let objects = objects.or_default();
                if objects.last().is_none_or(|last| last.id != object.id) {
                    objects.push(object);
                }
            }
        }
        all
    }

    /// The VirtualServices of a service's exact host.
    fn exact(&self, service: ServiceName<'_>) -> &[&'a Object] {
        // Many baselines have none.
        if self.exact.is_empty() {
            return &[];
        }
        self.exact.get(&self.home.host(service)).map(Vec::as_slice).unwrap_or_default()
    }

    /// The VirtualServices of the longest wildcard that covers a service and that every namespace sees.
    fn covering(&self, service: ServiceName<'_>) -> &[&'a Object] {
        // Most baselines have none.
        if self.wildcard.is_empty() {
            return &[];
        }
        let host = self.home.host(service);
        let mut covering = ends(&host).filter_map(|end| self.wildcard.get(end));
        covering.next().map(Vec::as_slice).unwrap_or_default()
    }

    /// The VirtualServices that apply to a service for some caller.
    fn applying_to(&self, service: ServiceName<'_>) -> impl Iterator<Item = &'a Object> {
        let exact = self.exact(service);
        let covering = if is_settled(exact) { &[] } else { self.covering(service) };
        exact.iter().chain(covering).copied()
    }

    /// Where the rules for the host of a service come from: one source for each group of callers.
    pub(super) fn sources(&self, service: ServiceName<'_>) -> Vec<RuleSource<'a>> {
        let exact = self.exact(service);
        let mut sources: Vec<RuleSource<'a>> =
            exact.iter().map(|object| RuleSource::Existing(object)).collect();
        if !is_settled(exact) {
            let wildcard = self.covering(service).first();
            sources
                .push(wildcard.map_or(RuleSource::Nothing, |object| RuleSource::Wildcard(object)));
        }
        sources
    }

    /// The VirtualService that applies to calls from the service's own namespace.
    fn first_at_home(&self, service: ServiceName<'_>) -> Option<&'a Object> {
        let exact = self.exact(service).iter();
        let seen =
            exact.filter_map(|object| Some((precedence(object, service.namespace)?, *object)));
        let first = seen.min_by_key(|(turn, _)| *turn).map(|(_, object)| object);
        first.or_else(|| self.covering(service).first().copied())
    }

    /// Two VirtualServices between which only age decides.
    fn rivals(&self, service: ServiceName<'_>) -> Option<[&'a Object; 2]> {
        let pair = |all: &[&'a Object]| {
            all.iter().enumerate().find_map(|(index, first)| {
                let mut later = all[index + 1..].iter();
                later.find(|second| are_rivals(first, second)).map(|second| [*first, *second])
            })
        };
        let exact = self.exact(service);
        pair(exact).or_else(|| pair(self.covering(service)).filter(|_| !is_settled(exact)))
    }

    /// The finding about a wildcard that only some namespaces see. An exact host that all of them see would shadow it.
    fn shadowed(&self, service: ServiceName<'_>) -> Option<Diagnostic> {
        if is_settled(self.exact(service)) {
            return None;
        }
        let host = self.home.host(service);
        let before = |end: &&str| !self.wildcard.contains_key(*end);
        let mut scoped = ends(&host).take_while(before).filter_map(|end| self.scoped.get(end));
        let object = *scoped.next()?.first()?;
        let message = format!(
            "{} has a wildcard that covers {service}, and only some namespaces see it",
            object.id
        );
        let help = format!(
            "export it to `*`, or give {service} a VirtualService of its own for these namespaces"
        );
        let finding = Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help);
        let node = object.node.at(&["spec", "exportTo"]).unwrap_or(&object.node);
        Some(finding.at(node.place, "an exact host for previews would shadow it"))
    }
}

impl<'a> ServiceRoutes<'a> for MeshVirtualServices<'a> {
    fn of(&self, service: ServiceName<'_>) -> Vec<Route<'a>> {
        self.applying_to(service).map(route).collect()
    }

    fn at_home(&self, service: ServiceName<'_>) -> Vec<Route<'a>> {
        self.first_at_home(service).map(route).into_iter().collect()
    }

    fn chosen(&self, service: ServiceName<'_>) -> BTreeSet<ServiceName<'a>> {
        self.applying_to(service).flat_map(|object| chosen(object, self.home)).collect()
    }

    fn contradiction(&self, service: &Service<'a>) -> Option<Diagnostic> {
        let name = service.id();
        self.shadowed(name).or_else(|| {
            let [first, second] = self.rivals(name)?;
            let message = format!("{} and {} both route {name}", first.id, second.id);
            let help =
                "merge them into one: in a sidecar the older one counts and the other is ignored";
            let finding = Diagnostic::new(&code::ROUTE_CONFLICT, message, help);
            let finding = finding.at(first.place(), "routes this host");
            Some(finding.also(second.place(), "routes it too"))
        })
    }

    fn of_others(&self, _: ServiceName<'_>) -> Option<&'a Object> {
        // Sets extend each other's VirtualServices.
        None
    }

    fn plan(&self, to: &mut Planning<'_, 'a, '_>, service: &'a Service<'a>, involved: &[usize]) {
        derive::plan(to, self, service, involved);
    }
}

fn route(object: &Object) -> Route<'_> {
    Route { api: RouteApi::Istio, object }
}

/// Whether every namespace sees one of these VirtualServices of an exact host. Then no wildcard applies to the host.
fn is_settled(exact: &[&Object]) -> bool {
    exact.iter().any(|object| visibility(object) == Visibility::Everywhere)
}

/// The services of the baseline that the HTTP rules of a VirtualService choose.
pub(super) fn chosen<'a>(
    object: &'a Object,
    home: Home<'a>,
) -> impl Iterator<Item = ServiceName<'a>> {
    let hosts = http(object).flat_map(destinations);
    hosts.filter_map(move |host| home.service_of(host, object))
}

/// The ends of a host, the longest first: what a wildcard may have behind its star.
fn ends(host: &str) -> impl Iterator<Item = &str> {
    (1..host.len()).filter_map(|start| host.get(start..)).chain([""])
}
