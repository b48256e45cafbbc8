//! Reports VirtualServices that previews cannot follow.

use std::collections::BTreeSet;

use super::super::RouteIndex;
use super::{not_previewed, replaces};
use crate::diagnostic::{Diagnostic, Place, code};
use crate::kube::{Object, istio::GROUP};
use crate::model::route::istio::{
    SOURCE, destinations, hosts, http, is_mesh, is_on_port, mesh_matches, section, visibility,
};
use crate::model::route::{Route, Visibility};
use crate::model::{Service, ServiceName};
use crate::yaml::Node;

impl<'a> RouteIndex<'a, '_> {
    /// The finding about what previews cannot follow in a VirtualService.
    pub(in super::super) fn unfollowed_virtual_service(
        &self,
        route: Route<'a>,
    ) -> Option<Diagnostic> {
        let (object, chooses) = (route.object, self.chooses_previewed(route));
        if hosts(object).next().is_none() {
            let service = chooses.filter(|_| self.is_delegate(object))?;
            let help =
                "write its http rules into the VirtualService that delegates to it".to_owned();
            return Some(Diagnostic { help, ..not_previewed(object, service, object.place()) });
        }
        if !is_mesh(object) {
            return None;
        }
        let services: Vec<ServiceName<'_>> = self.services_of_hosts(object).collect();
        let seen = visibility(object);
        let concerned = chooses.is_some() || services.iter().any(|name| self.is_previewed(*name));
        let hidden = || {
            let nobody = matches!(&seen, Visibility::In(names) if names.is_empty());
            (nobody && concerned).then(|| exported_to_nobody(object))
        };
        let finding = self.misspelt(object, chooses).or_else(hidden);
        // If the namespaces of its services do not see it, it is for other callers.
        let is_near = |home: &str| object.id.namespace == home || seen.includes(home);
        let mut homes: Vec<&str> = services.iter().map(|service| service.namespace).collect();
        if homes.is_empty() {
            homes.extend(self.catalog.home.namespaces.iter().map(String::as_str));
        }
        if !homes.into_iter().any(is_near) {
            return finding.or_else(|| self.consumer_route(object, &services, chooses));
        }
        let of_other_host = || {
            let is_carried = seen == Visibility::Everywhere && self.covers_home(object);
            let service = chooses.filter(|_| services.is_empty() && !is_carried)?;
            Some(not_previewed(object, service, place_of(object, "hosts")))
        };
        finding
            .or_else(of_other_host)
            .or_else(|| self.without_http(object, &services))
            .or_else(|| self.limited_to_callers(object))
    }

    /// The services of the baseline among the hosts of a VirtualService.
    pub(super) fn services_of_hosts(
        &self,
        object: &Object,
    ) -> impl Iterator<Item = ServiceName<'a>> {
        let catalog = self.catalog;
        let routed = hosts(object).filter_map(|host| catalog.service_routed(host, object));
        routed.map(Service::id)
    }

    /// The finding about a host that DNS knows as a service and Istio does not.
    fn misspelt(&self, object: &'a Object, chooses: Option<ServiceName<'_>>) -> Option<Diagnostic> {
        let home = self.catalog.home;
        let mistaken = |host: &'a str| {
            let lower = host.to_ascii_lowercase();
            let service = self.catalog.service(home.mistaken_service_of(&lower, object)?)?;
            Some((host, service))
        };
        let concerned = |one: &Service<'_>| self.is_previewed(one.id()) || chooses.is_some();
        let mut mistaken = hosts(object).filter_map(mistaken);
        mistaken.find(|(_, one)| concerned(one)).map(|(host, service)| {
            let message = format!(
                "{} is for a host `{host}`, which no Service has, so the mesh does not follow it",
                object.id
            );
            let full = home.host(service.id());
            let mut help = format!("write `{full}`: Istio completes only a host without a dot");
            if service.routable().contains(&80) {
                // Istio makes a virtual host of its own for it, on this port alone.
                help.push_str(
                    "; on port 80 calls that spell it so do follow it, and do not reach previews",
                );
            }
            let finding = Diagnostic::new(&code::ROUTE_IGNORED, message, help);
            finding.at(place_of(object, "hosts"), "is taken as it stands")
        })
    }

    /// The finding about a VirtualService for callers outside the baseline.
    fn consumer_route(
        &self,
        object: &Object,
        services: &[ServiceName<'_>],
        chooses: Option<ServiceName<'_>>,
    ) -> Option<Diagnostic> {
        let way_out = match self.catalog.home.namespaces {
            [_] => "let it stand in the baseline's namespace",
            _ => "let it stand in the namespace of the service",
        };
        let mut named = services.iter();
        let named = named.find(|name| self.is_previewed(**name) || chooses.is_some());
        let replaced = named.map(|service| replaces(object, *service, way_out));
        replaced.or_else(|| Some(not_previewed(object, chooses?, place_of(object, "hosts"))))
    }

    /// Whether a wildcard among the hosts of a VirtualService covers services of the baseline.
    fn covers_home(&self, object: &Object) -> bool {
        let home = self.catalog.home;
        let all = |namespace: &String| format!(".{namespace}.svc.{}", home.domain);
        let mut ends = hosts(object).filter_map(|host| host.strip_prefix('*'));
        ends.any(|end| {
            let end = end.to_ascii_lowercase();
            let mut all = home.namespaces.iter().map(all);
            all.any(|all| all.ends_with(&end) || end.ends_with(&all))
        })
    }

    /// The finding that a tcp or tls rule leads to a previewed service from another host. It cannot match the key.
    fn without_http(&self, object: &Object, services: &[ServiceName<'_>]) -> Option<Diagnostic> {
        let mut raw = ["tcp", "tls"].into_iter().flat_map(|name| section(object, name));
        raw.find_map(|rule| {
            let home = self.catalog.home;
            let mut chosen = destinations(rule).filter_map(|host| home.service_of(host, object));
            let other = chosen.find(|name| self.is_previewed(*name) && !services.contains(name))?;
            Some(not_previewed(object, other, rule.place))
        })
    }

    /// The finding that all rules for some port are limited to certain callers. Other callers have no rule there, and
    /// no second VirtualService can be made for them.
    fn limited_to_callers(&self, object: &Object) -> Option<Diagnostic> {
        let all = http(object).filter_map(|rule| mesh_matches(object, rule)).flatten();
        let all: Vec<Node> = all.collect();
        if !all.iter().any(is_limited) {
            return None;
        }
        let speaks =
            |name: ServiceName<'_>| self.routes_of(name).any(|route| route.object.id == object.id);
        let services = self.affecting.keys().filter(|name| self.is_previewed(**name));
        let services = services.filter(|name| speaks(**name));
        let ports: BTreeSet<u16> = services
            .filter_map(|name| self.catalog.service(*name))
            .flat_map(|service| service.routable())
            .collect();
        let limited = ports.iter().filter(|port| {
            let mut on_port = all.iter().filter(|one| is_on_port(one, **port)).peekable();
            on_port.peek().is_some() && on_port.all(is_limited)
        });
        let limited: Vec<String> = limited.map(u16::to_string).collect();
        let of_ports = match limited.len() {
            0 => return None,
            _ if all.iter().all(is_limited) => String::new(),
            1 => format!(" for port {}", limited[0]),
            _ => format!(" for ports {}", limited.join(", ")),
        };
        let message =
            format!("every http rule of {}{of_ports} is for some callers only", object.id);
        let help =
            "add an http rule without `sourceNamespace` and `sourceLabels`, if others call it too";
        let finding = Diagnostic::new(&code::ROUTE_NOT_PREVIEWED, message, help);
        Some(finding.at(place_of(object, "http"), "other callers do not reach previews"))
    }

    /// Whether a VirtualService of the mesh leaves a rule to this one.
    fn is_delegate(&self, object: &Object) -> bool {
        let roots = self.catalog.of_kind(GROUP, "VirtualService");
        roots.filter(|root| is_mesh(root) && hosts(root).next().is_some()).any(|root| {
            http(root).filter_map(|rule| rule.get("delegate")).any(|delegate| {
                let namespace = delegate.text_at(&["namespace"]).unwrap_or(&root.id.namespace);
                delegate.text_at(&["name"]) == Some(&object.id.name)
                    && namespace == object.id.namespace
            })
        })
    }
}

pub(in crate::plan::routing) fn exported_to_nobody(object: &Object) -> Diagnostic {
    let message = format!("{} is exported to nobody, so the mesh does not follow it", object.id);
    let help = "export it to `*`, or remove it: previews are made as if it were not there";
    Diagnostic::new(&code::ROUTE_IGNORED, message, help)
        .at(place_of(object, "exportTo"), "no namespace sees it")
}

/// Whether a match, as it holds in the mesh, is for some callers only.
fn is_limited(one: &Node) -> bool {
    let says = |node: &Node| {
        !node.entries().is_empty() || node.text().is_some_and(|namespace| !namespace.is_empty())
    };
    SOURCE.iter().any(|field| one.get(field).is_some_and(says))
}

fn place_of(object: &Object, field: &str) -> Place {
    object.node.at(&["spec", field]).unwrap_or(&object.node).place
}
