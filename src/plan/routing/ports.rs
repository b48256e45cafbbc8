//! Decides which ports of an affected service can be routed and whether its copy gets a cluster IP. Reports controllers
//! that make or change the routes of its host.

use super::{RouteIndex, Routing};
use crate::diagnostic::{Code, Diagnostic, Report, code, first_of};
use crate::kube::{Kind, Object};
use crate::model::{Mesh, Protocol, Service, ServicePort};
use crate::yaml::Node;

impl<'a> RouteIndex<'a, '_> {
    /// Reports ports of affected services that cannot be routed, or only by guessing, and decides which
    /// copies of headless ones get an address.
    pub(super) fn check_ports(&self, routing: &mut Routing<'a>, report: &mut Report) {
        let (mut guessed, mut left) = (Vec::new(), Vec::new());
        for service in self.affecting.keys().filter_map(|name| self.catalog.service(*name)) {
            if !service.has_selector() || self.is_unrouted(service.id()) {
                continue;
            }
            if !service.ports.iter().any(|port| port.protocol.is_routable()) {
                report.push(not_routed(service));
                continue;
            }
            for port in &service.ports {
                match port.protocol {
                    Protocol::Unknown => guessed.push((service, port)),
                    Protocol::Opaque if port.declared.is_none() => left.push((service, port)),
                    _ => report.extend(contradiction(service, port)),
                }
            }
            if service.headless {
                self.check_headless(service, routing, report);
            }
        }
        report.extend(guessed_ports(&guessed));
        report.extend(left_ports(&left));
    }

    /// Gives the copy of a headless Service a cluster IP, or reports why that cannot be. A proxy sends a call to a
    /// headless Service to the address that the client resolved, so no route could lead to a headless copy.
    /// See <https://istio.io/latest/docs/ops/configuration/traffic-management/traffic-routing/>.
    fn check_headless(
        &self,
        service: &'a Service<'a>,
        routing: &mut Routing<'a>,
        report: &mut Report,
    ) {
        let (id, name) = (&service.object.id, service.name());
        let node = service.object.node.at(&["spec", "clusterIP"]).unwrap_or(&service.object.node);
        if self.catalog.mesh == Mesh::Ambient {
            let message = format!(
                "{id} is headless, and a waypoint reads only calls to the address of a Service, so no request can be led to \
                 its copy"
            );
            let help = format!(
                "give it a cluster IP, or set `unrouted: true` for `{name}` in spec.services"
            );
            let finding = Diagnostic::new(&code::HEADLESS_NEEDED, message, help);
            report.push(finding.at(node.place, "calls go straight to pods"));
            return;
        }
        // The workloads are in the Service's namespace, so the name is enough.
        let governs = |object: &Object| {
            object.row.is_some_and(Kind::names_pods)
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
                routing.addressed.insert(service.id());
                let message =
                    format!("the copy of {id} gets a cluster IP, although {name} is headless");
                let help = "nothing to do, unless callers inside a preview look up single pods";
                Diagnostic::new(&code::HEADLESS_COPY, message, help)
            }
        };
        report.push(finding.at(node.place, "a route cannot lead to a headless copy"));
    }

    /// Reports a Canary of Flagger that makes routes for a service. They are made in the cluster and are not in the
    /// input.
    pub(super) fn check_controllers(&self, service: &Service<'_>, report: &mut Report) {
        let name = service.name();
        let mut canaries = self.catalog.of_kind("flagger.app", "Canary");
        if let Some(canary) = canaries.find(|canary| self.is_of_flagger(service, canary)) {
            let message = format!("Flagger makes the routes of {name}, for {}", canary.id);
            let help = format!(
                "set `unrouted: true` for `{name}` in spec.services, or leave it to Flagger elsewhere: a \
                 route of a preview would take its requests away from Flagger's weights"
            );
            report.push(
                Diagnostic::new(&code::ROUTE_CONFLICT, message, help)
                    .at(canary.place(), "its routes are made in the cluster"),
            );
        }
    }

    /// Whether Flagger makes routes of a service for this Canary. It does so for the Service that it makes and, with
    /// Istio, for all hosts that the Canary lists.
    /// See <https://docs.flagger.app/usage/how-it-works#canary-service>.
    fn is_of_flagger(&self, service: &Service<'_>, canary: &Object) -> bool {
        let text = |keys: &[&str]| canary.node.text_at(keys).filter(|text| !text.is_empty());
        let provider = text(&["spec", "provider"]).unwrap_or("istio");
        let target = text(&["spec", "service", "name"]).or(text(&["spec", "targetRef", "name"]));
        let is_target =
            canary.id.namespace == service.object.id.namespace && target == Some(service.name());
        let hosts = canary.node.items_at(&["spec", "service", "hosts"]);
        let mut hosts = hosts.iter().filter_map(Node::text);
        let means = |host| self.catalog.service_routed(host, canary).map(Service::id);
        match provider {
            "istio" => is_target || hosts.any(|host| means(host) == Some(service.id())),
            provider => is_target && provider.starts_with("gatewayapi"),
        }
    }

    /// Reports a Rollout of Argo that changes weights in an extended VirtualService, but does not name the http rules.
    /// It accepts that only if there is a single rule.
    pub(super) fn check_rollouts(&self, routing: &Routing<'_>, report: &mut Report) {
        let rollouts = self.catalog.objects().filter(|one| one.is("argoproj.io", "Rollout"));
        for rollout in rollouts {
            let istio = ["spec", "strategy", "canary", "trafficRouting", "istio"];
            let Some(istio) = rollout.node.at(&istio) else {
                continue;
            };
            let many = istio.items_at(&["virtualServices"]);
            let mut named = istio.get("virtualService").into_iter().chain(many);
            let changed = named.find(|one| {
                // A name with a dot has its namespace behind it.
                let text = one.text_at(&["name"]).unwrap_or_default();
                let here = (text, rollout.id.namespace.as_str());
                let (name, namespace) = text.split_once('.').unwrap_or(here);
                let mut all = routing.extended.iter();
                let extended = all.any(|id| id.name == name && id.namespace == namespace);
                extended && one.get("routes").is_none_or(|routes| routes.items().is_empty())
            });
            if let Some(one) = changed {
                let message = format!(
                    "{} changes weights in VirtualService {}/{}, which gets http rules of previews",
                    rollout.id,
                    rollout.id.namespace,
                    one.text_at(&["name"]).unwrap_or_default()
                );
                let help = "name the http rules that it changes under `routes`";
                report.push(
                    Diagnostic::new(&code::ROUTE_CONTROLLED, message, help).at(
                        one.place,
                        "Argo Rollouts refuses more than one http rule without names",
                    ),
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

/// Ports, each with its service.
type Ports<'s, 'a> = [(&'s Service<'a>, &'s ServicePort<'a>)];

/// How many ports a finding names and shows.
const SHOWN: usize = 5;

/// A port in words. Two ports of a Service can have the same number and different transports.
fn number(port: &ServicePort<'_>) -> String {
    match port.transport {
        "TCP" => format!("port {}", port.number),
        transport => format!("{transport} port {}", port.number),
    }
}

/// One finding for all ports with the same problem.
fn of_ports(
    code: &'static Code,
    ports: &Ports<'_, '_>,
    (says, help): (&str, String),
    label: &str,
) -> Option<Diagnostic> {
    let names =
        ports.iter().map(|(service, port)| format!("{} of {}", number(port), service.object.id));
    let message = format!("{} {says}", first_of(SHOWN, ", ", names));
    let mut places = ports.iter().take(SHOWN);
    let (service, port) = places.next()?;
    let at = |port| format!("{} {label}", number(port));
    let finding = Diagnostic::new(code, message, help).at(service.object.place(), at(port));
    Some(
        places.fold(finding, |finding, (service, port)| {
            finding.also(service.object.place(), at(port))
        }),
    )
}

fn guessed_ports(ports: &Ports<'_, '_>) -> Option<Diagnostic> {
    let says = match ports {
        [_] => "does not declare its protocol; it is routed as HTTP",
        _ => "do not declare their protocols; they are routed as HTTP",
    };
    let (service, port) = ports.first()?;
    let help = format!(
        "set appProtocol: http, or name the port `http`; or declare it in spec.services, for `{}` with `ports: [{{port: {}, \
         protocol: http}}]`",
        service.name(),
        port.number
    );
    of_ports(&code::PORT_GUESSED, ports, (says, help), "declares nothing")
}

fn left_ports(ports: &Ports<'_, '_>) -> Option<Diagnostic> {
    let says = match ports {
        [_] => "is left to the baseline: it has no headers",
        _ => "are left to the baseline: they have no headers",
    };
    let help = "nothing to do, unless previews must be reached on this port; `ports` in spec.services, with `protocol: tcp`, \
                says that it is meant";
    of_ports(&code::TCP_PORT, ports, (says, help.to_owned()), "is not HTTP")
}

/// The finding that previews.yaml declares another protocol for a port than the Service. The mesh reads only the
/// Service.
fn contradiction(service: &Service<'_>, port: &ServicePort<'_>) -> Option<Diagnostic> {
    let declared = Protocol::from(port.declared?);
    let message = match (port.protocol.is_routable(), declared.is_routable()) {
        (true, false) => "HTTP by its manifest, and spec.services says `tcp`",
        (false, true) => {
            "something without headers by its manifest, and spec.services says that it can be routed"
        }
        _ => return None,
    };
    let message = format!("{} of {} speaks {message}", number(port), service.object.id);
    let help = "the mesh reads the manifest alone: change appProtocol or the name of the port, or what spec.services says";
    Some(
        Diagnostic::new(&code::CONFIG_FIELD, message, help)
            .at(service.object.place(), "its port says so"),
    )
}
