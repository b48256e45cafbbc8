//! What of an affected service can be routed at all: its ports, its address, and who else makes routes
//! for its host.

use super::{RouteIndex, Routing};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::Object;
use crate::model::{Protocol, Service, ServicePort};
use crate::yaml::Node;

impl<'a> RouteIndex<'a, '_> {
    /// Reports ports of affected services that cannot be routed, or only by guessing, and decides which
    /// copies of headless ones get an address.
    pub(super) fn check_ports(&self, routing: &mut Routing<'a>, found: &mut Report) {
        for service in self.affecting.keys().filter_map(|name| self.catalog.service(name)) {
            if !service.has_selector() || self.is_unrouted(service.name()) {
                continue;
            }
            if !service.ports.iter().any(|port| port.protocol.is_routable()) {
                found.push(not_routed(service));
                continue;
            }
            found.extend(service.ports.iter().filter_map(|port| of_port(service, port)));
            if service.headless {
                self.check_headless(service, routing, found);
            }
        }
    }

    /// A proxy sends a call to a headless Service to the address that the client resolved, so a copy is
    /// reached by its cluster IP or not at all.
    /// See <https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/>.
    fn check_headless(
        &self,
        service: &'a Service<'a>,
        routing: &mut Routing<'a>,
        found: &mut Report,
    ) {
        let (id, name) = (&service.object.id, service.name());
        let governs = |object: &Object| {
            object.id.kind == "StatefulSet"
                && object.node.text_at(&["spec", "serviceName"]) == Some(name)
        };
        let mut workloads = self.catalog.selected(service);
        let finding = match workloads.find(|workload| governs(workload.object)) {
            Some(workload) => {
                let message = format!(
                    "{id} is headless, as {} needs it, so no request can be led to its copy",
                    workload.object.id
                );
                let help = format!(
                    "set `unrouted: true` for `{name}` in spec.services, or route a Service with a \
                     cluster IP in front of the same pods"
                );
                Diagnostic::new(&code::HEADLESS_NEEDED, message, help)
                    .also(workload.object.place(), "gives its pods names below this Service")
            }
            None => {
                routing.addressed.insert(name);
                let message =
                    format!("the copy of {id} gets a cluster IP, although {name} is headless");
                let help = "nothing to do, unless callers inside a preview look up single pods";
                Diagnostic::new(&code::HEADLESS_COPY, message, help)
            }
        };
        let node = service.object.node.at(&["spec", "clusterIP"]).unwrap_or(&service.object.node);
        found.push(finding.at(node.place, "a route cannot lead to a headless copy"));
    }

    /// Controllers that make the routes of a service: Flagger's are not in the input.
    pub(super) fn check_controllers(&self, service: &Service<'_>, found: &mut Report) {
        let name = service.name();
        let canary = self.catalog.in_baseline("flagger.app", "Canary").find(|canary| {
            let target = canary.node.text_at(&["spec", "targetRef", "name"]);
            let host = canary.node.text_at(&["spec", "service", "name"]).or(target);
            let provider = canary.node.text_at(&["spec", "provider"]).unwrap_or("istio");
            host == Some(name) && (provider == "istio" || provider.starts_with("gatewayapi"))
        });
        if let Some(canary) = canary {
            let message = format!("Flagger makes the routes of {name}, for {}", canary.id);
            let help = format!(
                "set `unrouted: true` for `{name}` in spec.services, or leave it to Flagger elsewhere: a \
                 route of a preview would take its requests away from Flagger's weights"
            );
            found.push(
                Diagnostic::new(&code::ROUTE_CONFLICT, message, help)
                    .at(canary.place(), "its routes are made in the cluster"),
            );
        }
    }

    /// Argo Rollouts changes weights in place, and wants to know in which of several entries.
    pub(super) fn check_rollouts(&self, routing: &Routing<'_>, found: &mut Report) {
        let rollouts = self.catalog.objects().filter(|one| one.is("argoproj.io", "Rollout"));
        for rollout in rollouts {
            let istio = ["spec", "strategy", "canary", "trafficRouting", "istio"];
            let Some(istio) = rollout.node.at(&istio) else {
                continue;
            };
            let many = istio.get("virtualServices").map(Node::items).unwrap_or_default();
            let mut named = istio.get("virtualService").into_iter().chain(many);
            let changed = named.find(|one| {
                // A name with a dot has its namespace behind it.
                let text = one.text_at(&["name"]).unwrap_or_default();
                let own = (text, rollout.id.namespace.as_str());
                let (name, namespace) = text.split_once('.').unwrap_or(own);
                let mut all = routing.extended.iter();
                let extended = all.any(|id| id.name == name && id.namespace == namespace);
                extended && one.get("routes").is_none_or(|routes| routes.items().is_empty())
            });
            if let Some(one) = changed {
                let message = format!(
                    "{} changes weights in VirtualService {}/{}, which gets entries of previews",
                    rollout.id,
                    rollout.id.namespace,
                    one.text_at(&["name"]).unwrap_or_default()
                );
                let help = "name the entries that it changes under `routes`";
                found.push(
                    Diagnostic::new(&code::ROUTE_CONTROLLED, message, help)
                        .at(one.place, "Argo Rollouts refuses more than one entry without names"),
                );
            }
        }
    }
}

fn not_routed(service: &Service<'_>) -> Diagnostic {
    let message = format!(
        "no port of {} speaks HTTP or gRPC, so no request can be told apart",
        service.object.id
    );
    let help = format!(
        "declare the protocol with appProtocol, or set `unrouted: true` for `{}` in spec.services: it is \
         then copied for callers inside the preview only",
        service.name()
    );
    Diagnostic::new(&code::PORT_NOT_ROUTED, message, help)
        .at(service.object.place(), "has only ports without headers")
}

/// What is said of a port. Two may have one number, which only their transports tell apart.
fn of_port(service: &Service<'_>, port: &ServicePort<'_>) -> Option<Diagnostic> {
    let (id, place) = (&service.object.id, service.object.place());
    let number = match port.transport {
        "TCP" => format!("port {}", port.number),
        transport => format!("{transport} port {}", port.number),
    };
    match port.protocol {
        Protocol::Unknown => Some(
            Diagnostic::new(
                &code::PORT_GUESSED,
                format!("{number} of {id} does not say what it speaks; it is routed as HTTP"),
                "set appProtocol: http, or name the port `http`",
            )
            .at(place, format!("{number} says nothing")),
        ),
        Protocol::Opaque => Some(
            Diagnostic::new(
                &code::TCP_PORT,
                format!("{number} of {id} is left to the baseline: it has no headers"),
                "nothing to do, unless previews must be reached on this port",
            )
            .at(place, format!("{number} is not HTTP")),
        ),
        Protocol::Http | Protocol::Grpc => None,
    }
}
