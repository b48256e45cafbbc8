//! Routes of the input that previews cannot follow, and what is said of each of them.
//!
//! A route that the mesh ignores is as if it were not there. One that chooses an affected service, but
//! hangs on something for which previews derive no rules, leads to the baseline with the key as well. One
//! that holds for callers of the baseline's namespace does not hold for the copies in a preview's.

use super::Table;
use super::chosen;
use crate::diagnostic::{Diagnostic, Place, Report, code};
use crate::kube::{Object, gateway, istio as istio_kind};
use crate::model::route::gateway_api::{
    backends, dropped, ignored_parent, is_gateway, kind_of_backend, kind_of_parent, parents, rules,
};
use crate::model::route::istio::{Seen, destinations, hosts, http, is_mesh, matches, section};
use crate::model::{Home, Service};
use crate::yaml::Node;

impl<'a> Table<'a, '_> {
    /// Says of each route of the input what previews do not have of it.
    pub(super) fn check_unfollowed(&self, found: &mut Report) {
        if self.environments.is_empty() {
            return;
        }
        let mut private = Vec::new();
        for object in self.catalog.objects() {
            private.extend(self.is_private(object));
            match (object.id.group.as_str(), object.id.kind.as_str()) {
                (gateway::GROUP, "HTTPRoute" | "GRPCRoute") => {
                    found.extend(self.of_route(object));
                }
                (istio_kind::GROUP, "VirtualService") => {
                    found.extend(self.of_virtual_service(object));
                }
                (gateway::GROUP, "TCPRoute" | "TLSRoute" | "UDPRoute") => {
                    let mut parents = parents(object).iter().map(|parent| kind_of_parent(parent).1);
                    let service = self.chooses_previewed(object);
                    let service = service.filter(|_| parents.any(|kind| kind == "Service"));
                    found.extend(service.map(|name| not_previewed(object, name, object.place())));
                }
                _ => {}
            }
        }
        found.extend(of_one_namespace(&private));
    }

    /// Whether some preview has a copy of the service that calls from outside of it can reach.
    fn is_previewed(&self, service: &str) -> bool {
        self.affecting.contains_key(service) && !self.is_unrouted(service)
    }

    fn chooses_previewed(&self, route: &'a Object) -> Option<&'a str> {
        chosen(route, self.catalog.home).into_iter().find(|name| self.is_previewed(name))
    }

    /// Whether some preview calls the baseline's service and not a copy of its own.
    fn is_called(&self, service: &str) -> bool {
        self.affecting.get(service).map_or(0, Vec::len) < self.environments.len()
    }

    fn of_route(&self, route: &'a Object) -> Option<Diagnostic> {
        let home = self.catalog.namespace;
        let is_own = route.id.namespace == home;
        let in_home =
            |parent: &Node| parent.text_at(&["namespace"]).unwrap_or(&route.id.namespace) == home;
        let chooses = self.chooses_previewed(route);
        let of_services = || parents(route).iter().filter(|one| kind_of_parent(one).1 == "Service");
        let concerned = chooses.is_some()
            || of_services().filter(|one| in_home(one)).any(|parent| {
                parent.text_at(&["name"]).is_some_and(|name| self.is_previewed(name))
            });
        if concerned {
            let mesh = of_services().next().is_some();
            let service = |name: &str| self.catalog.service(name);
            let ignored = || {
                let home = self.catalog.home;
                parents(route).iter().find_map(|one| ignored_parent(one, route, home, service))
            };
            let ignored = dropped(route).filter(|_| mesh).or_else(ignored);
            if let Some(ignored) = ignored {
                let message =
                    format!("{} {}, so the mesh does not follow it", route.id, ignored.why);
                let help = format!("{}: previews are made as if it were not there", ignored.help);
                let finding = Diagnostic::new(&code::ROUTE_IGNORED, message, help);
                return Some(finding.at(ignored.node.place, "for this reason"));
            }
        }
        let consumer = of_services().find(|parent| !is_own && in_home(parent));
        if let Some(service) = consumer.and_then(|parent| parent.text_at(&["name"]))
            && concerned
        {
            return Some(replaces(route, service, "move the route to the baseline's namespace"));
        }
        if let Some(service) = chooses {
            let has_entries = !self.config.previews.spec.routing.entries.is_empty();
            let unknown = parents(route).iter().find(|parent| match kind_of_parent(parent) {
                ("", "Service") => !in_home(parent),
                (istio_kind::GROUP, "ServiceEntry") => true,
                (gateway::GROUP, "ListenerSet") => {
                    has_entries && !parents(route).iter().any(is_only_gateway)
                }
                _ => false,
            });
            if let Some(parent) = unknown {
                return Some(not_previewed(route, service, parent.place));
            }
        }
        let mut backends = rules(route).iter().flat_map(backends);
        let import = backends.find_map(|backend| {
            let is_import = kind_of_backend(backend).1 == "ServiceImport" && in_home(backend);
            let name = backend.text_at(&["name"]).filter(|name| self.is_previewed(name));
            name.filter(|_| is_import && of_services().next().is_some()).map(|name| (name, backend))
        });
        if let Some((service, backend)) = import {
            return Some(not_previewed(route, service, backend.place));
        }
        None
    }

    fn of_virtual_service(&self, object: &'a Object) -> Option<Diagnostic> {
        let (home, namespace) = (self.catalog.home, self.catalog.namespace);
        let seen = Seen::of(object);
        let chooses = self.chooses_previewed(object);
        let place = |field: &str| object.node.at(&["spec", field]).unwrap_or(&object.node).place;
        if hosts(object).next().is_none() {
            let service = chooses.filter(|_| self.is_delegate(object))?;
            return Some(not_previewed(object, service, object.place()));
        }
        if !is_mesh(object) {
            return None;
        }
        let named = |name: &&str| self.catalog.service(name).is_some();
        let services: Vec<&str> =
            hosts(object).filter_map(|host| home.service_of(host, object)).filter(named).collect();
        let mistaken = hosts(object).find(|host| {
            let name = home.mistaken_service_of(host, object);
            let name = name.filter(|name| self.catalog.service(name).is_some());
            name.is_some_and(|name| self.is_previewed(name) || chooses.is_some())
        });
        if let Some(host) = mistaken {
            let service = self.catalog.service(home.mistaken_service_of(host, object)?);
            return Some(dotted(object, host, service?, home));
        }
        let mut sent = http(object).iter().flat_map(destinations);
        let lost = sent.find(|host| {
            let name = home.mistaken_service_of(host, object);
            name.is_some_and(|name| self.is_previewed(name) && self.catalog.service(name).is_some())
        });
        if let Some(host) = lost {
            return Some(lost_destination(object, host, &home.host(host.split('.').next()?)));
        }
        if object.id.namespace != namespace && !seen.includes(namespace) {
            let mut named = services.iter();
            let named = named.find(|name| self.is_previewed(name) || chooses.is_some());
            let way_out = "let it stand in the baseline's namespace";
            let replaced = named.map(|service| replaces(object, service, way_out));
            return replaced.or_else(|| Some(not_previewed(object, chooses?, place("hosts"))));
        }
        let covers_home = hosts(object).filter_map(|host| host.strip_prefix('*')).any(|end| {
            let all = format!(".{namespace}.svc.{}", home.domain);
            all.ends_with(end) || end.ends_with(&all)
        });
        let is_carried = covers_home && seen == Seen::Everywhere;
        if let (Some(service), true, false) = (chooses, services.is_empty(), is_carried) {
            return Some(not_previewed(object, service, place("hosts")));
        }
        let tls = object.node.at(&["spec", "tls"]).filter(|tls| !tls.items().is_empty());
        if let (Some(tls), Some(_)) = (tls, services.iter().find(|name| self.is_previewed(name))) {
            return Some(without_tls(object, tls.place));
        }
        let raw = ["tcp", "tls"].into_iter().flat_map(|name| section(object, name));
        let mut raw = raw.flat_map(|entry| destinations(entry).map(move |host| (host, entry)));
        let raw = raw.find_map(|(host, entry)| {
            let service = home.service_of(host, object)?;
            (self.is_previewed(service) && !services.contains(&service)).then_some((service, entry))
        });
        if let Some((service, entry)) = raw {
            return Some(not_previewed(object, service, entry.place));
        }
        if services.iter().any(|name| self.is_previewed(name)) && is_for_some_callers(object) {
            let message = format!("every entry of {} is for some callers only", object.id);
            let help =
                "add an entry without `sourceNamespace` and `sourceLabels`, if others call it too";
            let finding = Diagnostic::new(&code::ROUTE_NOT_PREVIEWED, message, help);
            return Some(finding.at(place("http"), "other callers do not reach previews"));
        }
        None
    }

    /// Whether a VirtualService of the mesh leaves an entry to this one.
    fn is_delegate(&self, object: &Object) -> bool {
        let roots = self.catalog.of_kind(istio_kind::GROUP, "VirtualService");
        roots.filter(|root| is_mesh(root) && hosts(root).next().is_some()).any(|root| {
            http(root).iter().filter_map(|entry| entry.get("delegate")).any(|delegate| {
                let namespace = delegate.text_at(&["namespace"]).unwrap_or(&root.id.namespace);
                delegate.text_at(&["name"]) == Some(&object.id.name)
                    && namespace == object.id.namespace
            })
        })
    }

    /// What of an object holds for callers of the baseline's namespace, and not for copies.
    fn is_private<'o>(&self, object: &'o Object) -> Option<(&'o Object, Place)> {
        const EXPORT_TO: &str = "networking.istio.io/exportTo";
        let namespace = self.catalog.namespace;
        let at = |keys: &[&str]| object.node.at(keys);
        let seen = || matches!(Seen::of(object), Seen::In(names) if names.contains(namespace));
        let node = match (object.id.group.as_str(), object.id.kind.as_str()) {
            (gateway::GROUP, "HTTPRoute" | "GRPCRoute") if object.id.namespace == namespace => {
                parents(object).iter().find(|parent| {
                    let other =
                        parent.text_at(&["namespace"]).is_some_and(|name| name != namespace);
                    other && kind_of_parent(parent) == ("", "Service")
                })
            }
            (istio_kind::GROUP, "ServiceEntry") if seen() => at(&["spec", "exportTo"]),
            (istio_kind::GROUP, "VirtualService") if is_mesh(object) && self.is_met(object) => {
                let mut all = http(object).iter().flat_map(matches);
                let source = all.find_map(|one| one.get("sourceNamespace"));
                let source = source.filter(|source| source.text() == Some(namespace));
                at(&["spec", "exportTo"]).filter(|_| seen()).or(source)
            }
            ("", "Service")
                if object.id.namespace == namespace && self.is_called(&object.id.name) =>
            {
                let node = at(&["metadata", "annotations", EXPORT_TO]);
                node.filter(|node| {
                    let written = node.text().unwrap_or_default();
                    !written.is_empty() && !written.split(',').any(|to| to.trim() == "*")
                })
            }
            _ => None,
        };
        node.map(|node| (object, node.place))
    }

    /// Whether copies can meet the rules of a VirtualService: where every preview has a copy of each of its
    /// services, the rules are attached to those.
    fn is_met(&self, object: &Object) -> bool {
        let home = self.catalog.home;
        let named = |name: &&str| self.catalog.service(name).is_some();
        let mut services =
            hosts(object).filter_map(|host| home.service_of(host, object)).filter(named).peekable();
        services.peek().is_none() || services.any(|name| self.is_called(name))
    }
}

/// Whether each entry of a VirtualService has conditions on who calls.
fn is_for_some_callers(object: &Object) -> bool {
    let is_limited = |one: &Node| {
        one.get("gateways").is_none()
            && (one.get("sourceNamespace").is_some() || one.get("sourceLabels").is_some())
    };
    !http(object).is_empty()
        && http(object)
            .iter()
            .all(|entry| !matches(entry).is_empty() && matches(entry).iter().all(is_limited))
}

/// Whether a parentRef names a Gateway, whose routes are cloned.
fn is_only_gateway(parent: &Node) -> bool {
    is_gateway(parent) && kind_of_parent(parent).1 == "Gateway"
}

fn replaces(route: &Object, service: &str, way_out: &str) -> Diagnostic {
    let message = format!("{} replaces the routes of {service} for its namespace", route.id);
    let help = format!("callers there do not see previews; {way_out}");
    Diagnostic::new(&code::CONSUMER_ROUTE, message, help)
        .at(route.place(), "routes a service of another namespace")
}

fn not_previewed(route: &Object, service: &str, place: Place) -> Diagnostic {
    let message = format!(
        "{} chooses {service} where previews derive no rules: with the key its requests still reach the \
         baseline",
        route.id
    );
    let help = format!("choose {service} in a route of a Service of the baseline");
    Diagnostic::new(&code::ROUTE_NOT_PREVIEWED, message, help).at(place, "leads to the baseline")
}

fn dotted(object: &Object, host: &str, service: &Service<'_>, home: Home<'_>) -> Diagnostic {
    let message = format!(
        "{} is for a host `{host}`, which no Service has, so the mesh does not follow it",
        object.id
    );
    let full = home.host(service.name());
    let mut help = format!("write `{full}`: Istio completes only a host without a dot");
    if service.routable().contains(&80) {
        // Istio makes a virtual host of its own for it, on this port alone.
        help.push_str(
            "; on port 80 calls that spell it so do follow it, and do not reach previews",
        );
    }
    let node = object.node.at(&["spec", "hosts"]).unwrap_or(&object.node);
    Diagnostic::new(&code::ROUTE_IGNORED, message, help).at(node.place, "is taken as it stands")
}

fn lost_destination(object: &Object, host: &str, full: &str) -> Diagnostic {
    let message = format!(
        "{} sends requests to a host `{host}`, which no Service has: nobody answers, in previews neither",
        object.id
    );
    let help = format!("write `{full}`: Istio completes only a host without a dot");
    Diagnostic::new(&code::ROUTE_IGNORED, message, help).at(object.place(), "is taken as it stands")
}

fn without_tls(object: &Object, place: Place) -> Diagnostic {
    let message = format!("the tls section of {} does not hold inside previews", object.id);
    let help = "nothing to do, unless a copy calls another one with TLS and needs these rules";
    Diagnostic::new(&code::ROUTE_NOT_PREVIEWED, message, help)
        .at(place, "its server names are those of the baseline")
}

/// One word about all of them.
fn of_one_namespace(private: &[(&Object, Place)]) -> Option<Diagnostic> {
    const SHOWN: usize = 5;
    let (first, others) = private.split_first()?;
    let names: Vec<String> =
        private.iter().take(SHOWN).map(|(object, _)| object.id.to_string()).collect();
    let more = match private.len().saturating_sub(SHOWN) {
        0 => String::new(),
        more => format!(" and {more} more"),
    };
    let message = format!(
        "calls of a preview's copies do not meet what holds for the baseline's namespace alone: {}{more}",
        names.join(", ")
    );
    let help = "nothing to do, unless a copy needs it: then let `exportTo` be `*`, and rules hold for all \
                namespaces";
    let label = "holds for the baseline's callers";
    let finding = Diagnostic::new(&code::ONE_NAMESPACE, message, help).at(first.1, label);
    let shown = others.iter().take(SHOWN - 1);
    Some(shown.fold(finding, |finding, (_, place)| finding.also(*place, "so does this")))
}
