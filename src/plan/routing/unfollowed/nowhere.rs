//! Reports destinations of routes at which nobody answers: a host that DNS knows as a Service and Istio does not, a
//! Service that does not exist, and a port that a Service does not have.

use std::collections::{BTreeSet, HashSet};

use foldhash::fast::RandomState;

use super::super::RouteIndex;
use super::super::planner::planner;
use crate::diagnostic::{Diagnostic, code};
use crate::kube::Id;
use crate::kube::istio::GROUP;
use crate::kube::makers::makers;
use crate::model::route::istio::hosts;
use crate::model::route::{Destination, Route, reader};
use crate::model::{Service, ServiceName};

/// The numbers of routes.
pub(super) type Numbers = HashSet<usize, RandomState>;

impl<'a> RouteIndex<'a, '_> {
    /// The routes that apply to a previewed service.
    pub(super) fn answering(&self) -> Numbers {
        let previewed = self.affecting.keys().filter(|name| self.is_previewed(**name));
        previewed.flat_map(|name| self.routes_of(*name)).map(|route| route.object.number).collect()
    }

    /// What is wrong with the destinations of a route, without duplicates. Routes from which previews get no rules are
    /// not checked.
    pub(super) fn without_answer(&self, route: Route<'a>, answering: &Numbers) -> Vec<Diagnostic> {
        let reader = reader(route.api);
        if reader.dropped(route.object).is_some() {
            return Vec::new();
        }
        let rules = route.all_rules().into_iter();
        let all = rules.flat_map(|rule| reader.destinations(rule, route.object, self.catalog.home));
        let all: Vec<Destination<'_>> = all.collect();
        let chosen =
            |one: &Destination<'_>| one.service.is_some_and(|name| self.is_previewed(name));
        let has_entries = !self.config.previews.spec.routing.entries.is_empty();
        let is_followed = answering.contains(&route.object.number)
            || all.iter().any(chosen)
            || has_entries
                && !route.bound_gateways().is_empty()
                && planner(route.api).leads_in(route.object, self.catalog);
        let mut seen = BTreeSet::new();
        let is_new = |one: &&Destination<'a>| seen.insert((one.host.text(), one.port_number()));
        let said =
            all.iter().filter(is_new).filter_map(|one| match self.intended_service(one, route) {
                Some(service) if is_followed || self.is_previewed(service.id()) => {
                    Some(self.misspelt_destination(one, route, service))
                }
                Some(_) => None,
                None => self.not_there(one, route).filter(|_| is_followed),
            });
        // A wrong host is one finding, whatever its ports.
        let mut once = BTreeSet::new();
        said.filter(|finding| once.insert(finding.message.clone())).collect()
    }

    /// The service that a host was probably meant to be, if it is not that to Istio: DNS would find it, or the host has
    /// capital letters.
    fn intended_service(&self, one: &Destination<'_>, route: Route<'_>) -> Option<&Service<'a>> {
        let (home, host) = (self.catalog.home, one.host.text().filter(|_| one.is_host)?);
        let lower = host.to_ascii_lowercase();
        let mistaken = home.mistaken_service_of(&lower, route.object);
        let service = mistaken.and_then(|name| self.catalog.service(name));
        let meant = service.or_else(|| self.catalog.service_routed(host, route.object))?;
        (one.service != Some(meant.id())).then_some(meant)
    }

    fn misspelt_destination(
        &self,
        one: &Destination<'_>,
        route: Route<'_>,
        service: &Service<'_>,
    ) -> Diagnostic {
        let host = one.host.text().unwrap_or_default();
        let message = format!(
            "{} sends requests to a host `{host}`, which no Service has: nobody answers, in previews neither",
            route.id
        );
        let full = self.catalog.home.host(service.id());
        let help = match host.contains(|c: char| c.is_ascii_uppercase()) {
            true => {
                format!("write `{full}`: Istio compares the hosts of destinations with their case")
            }
            false => format!("write `{full}`: Istio completes only a host without a dot"),
        };
        let finding = Diagnostic::new(&code::ROUTE_IGNORED, message, help);
        finding.at(one.host.place, "is taken as it stands")
    }

    /// The finding that a Service of the baseline, or a port of it, is not there.
    fn not_there(&self, one: &Destination<'_>, route: Route<'_>) -> Option<Diagnostic> {
        let name = one.service?;
        let Some(service) = self.catalog.service(name) else {
            return self.is_missing(one, name).then(|| {
                let message = format!(
                    "{} sends requests to Service {}/{}, which is not in the input: nobody answers, in previews neither",
                    route.id, name.namespace, name.name
                );
                let help = "mend the name, or pass the Service with --baseline";
                Diagnostic::new(&code::ROUTE_IGNORED, message, help)
                    .at(one.host.place, "no Service has this name")
            });
        };
        let port = one.port?;
        let number = port.integer_value()?;
        if service.ports.is_empty()
            || service.ports.iter().any(|one| i64::from(one.number) == number)
        {
            return None;
        }
        let message = format!(
            "{} sends requests to port {number} of {}, which has no such port: nobody answers, in previews neither",
            route.id, service.object.id
        );
        let there: Vec<String> = service.ports.iter().map(|one| one.number.to_string()).collect();
        let help = format!("name a port of the Service: {}", there.join(", "));
        let finding = Diagnostic::new(&code::ROUTE_IGNORED, message, help);
        Some(
            finding
                .at(port.place, "not one of its ports")
                .also(service.object.place(), "the Service"),
        )
    }

    /// Whether nothing in the input is or makes the Service that a destination names.
    fn is_missing(&self, one: &Destination<'_>, name: ServiceName<'_>) -> bool {
        let id = Id {
            group: "".into(),
            kind: "Service".into(),
            namespace: name.namespace.into(),
            name: name.name.into(),
        };
        let full = self.catalog.home.host(name);
        let is_named = |entry| hosts(entry).any(|host| host == full);
        let mut entries = self.catalog.of_kind(GROUP, "ServiceEntry");
        let is_variable = one.host.text().is_some_and(crate::kube::meta::is_substituted);
        !is_variable
            && self.catalog.made(name).is_none()
            && !entries.any(is_named)
            && makers(self.catalog.objects(), &id).is_empty()
    }
}
