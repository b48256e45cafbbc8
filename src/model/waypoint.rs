//! Waypoints of ambient mode: which one a service names, and whether it handles the service.
//! See <https://istio.io/latest/docs/ambient/usage/waypoint/>.

use std::fmt;

use super::{Catalog, selects};
use crate::kube::meta::NAMESPACE_NAME;
use crate::kube::{Id, Object, gateway::GROUP};
use crate::yaml::Node;

/// The label of a Service or a Namespace that names its waypoint.
pub(crate) const USE_WAYPOINT: &str = "istio.io/use-waypoint";
/// The label with the namespace of that waypoint.
const OF_NAMESPACE: &str = "istio.io/use-waypoint-namespace";
/// The label of a Gateway, or of its class, that says what the waypoint handles.
const WAYPOINT_FOR: &str = "istio.io/waypoint-for";
/// The controller of waypoint classes.
const CONTROLLER: &str = "istio.io/mesh-controller";

/// What the input shows about the waypoint of a service.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Waypoint<'a> {
    /// A label of the Service or its Namespace names one.
    Named(WaypointName<'a>),
    /// This label says that there is none.
    OptedOut(&'a Node),
    /// Neither the Service nor its Namespace names one.
    Unlabelled,
    /// The Service names none, and its Namespace is not in the input.
    Unknown,
}

/// A waypoint that a label names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct WaypointName<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

impl fmt::Display for WaypointName<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Gateway {}/{}", self.namespace, self.name)
    }
}

/// Why a waypoint does not follow the routes of a service that names it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Refusal<'a> {
    /// What it does instead.
    pub(crate) why: &'static str,
    /// What to change.
    pub(crate) help: &'static str,
    /// The label or field that says so.
    pub(crate) node: &'a Node,
}

impl<'a> Waypoint<'a> {
    /// The waypoint of a Service of the baseline. The label of the Service outranks that of its Namespace.
    pub(crate) fn of(catalog: &Catalog<'a>, service: &'a Object) -> Self {
        let home = service.id.namespace.as_str();
        Self::said_by(service, home).unwrap_or_else(|| match catalog.namespace(home) {
            Some(namespace) => Self::said_by(namespace, home).unwrap_or(Self::Unlabelled),
            None => Self::Unknown,
        })
    }

    /// What the label of a Service or Namespace says.
    fn said_by(object: &'a Object, home: &'a str) -> Option<Self> {
        let label = object.node.at(&["metadata", "labels", USE_WAYPOINT])?;
        Some(match label.text().unwrap_or_default() {
            "" | "none" => Self::OptedOut(label),
            name => {
                let namespace = object.label(OF_NAMESPACE).unwrap_or(home);
                Self::Named(WaypointName { namespace, name })
            }
        })
    }
}

impl<'a> WaypointName<'a> {
    /// The Gateway of the waypoint, if the input has it.
    pub(crate) fn gateway(self, catalog: &Catalog<'a>) -> Option<&'a Object> {
        catalog.find(&id("Gateway", self.namespace, self.name))
    }

    /// Why its Gateway does not follow routes of services in a namespace of the baseline, if it does not.
    pub(crate) fn refusal(self, catalog: &Catalog<'a>, home: &str) -> Option<Refusal<'a>> {
        let gateway = self.gateway(catalog)?;
        let class = class_of(gateway, catalog);
        refused_class(gateway, class)
            .or_else(|| refused_traffic(gateway, class))
            .or_else(|| refused_namespace(gateway, catalog, home))
    }
}

/// The waypoints of the input that are in a namespace.
pub(crate) fn of_namespace<'a>(
    catalog: &Catalog<'a>,
    home: &str,
) -> impl Iterator<Item = &'a Object> {
    let gateways = catalog.of_kind(GROUP, "Gateway").filter(move |one| one.id.namespace == home);
    gateways.filter(|one| one.node.text_at(&["spec", "gatewayClassName"]) == Some("istio-waypoint"))
}

fn class_of<'a>(gateway: &Object, catalog: &Catalog<'a>) -> Option<&'a Object> {
    catalog.find(&id("GatewayClass", "", gateway.node.text_at(&["spec", "gatewayClassName"])?))
}

fn id(kind: &str, namespace: &str, name: &str) -> Id {
    Id { group: GROUP.into(), kind: kind.into(), namespace: namespace.into(), name: name.into() }
}

/// Why the class of a Gateway is not one of waypoints. `None` if the class is unknown and not in the input: it may be
/// one.
fn refused_class<'a>(gateway: &'a Object, class: Option<&'a Object>) -> Option<Refusal<'a>> {
    const OTHERS: [&str; 4] = ["istio", "istio-remote", "istio-east-west", "istio-waypoint-remote"];
    let node = gateway.node.at(&["spec", "gatewayClassName"])?;
    let controller = class.and_then(|class| class.node.text_at(&["spec", "controllerName"]));
    let is_other = match controller {
        Some(controller) => controller.starts_with("istio.io/") && controller != CONTROLLER,
        None => OTHERS.contains(&node.text().unwrap_or_default()),
    };
    is_other.then_some(Refusal {
        why: "is no waypoint",
        help: "set its `gatewayClassName: istio-waypoint`",
        node,
    })
}

fn refused_traffic<'a>(gateway: &'a Object, class: Option<&'a Object>) -> Option<Refusal<'a>> {
    let label = |object: &'a Object| object.node.at(&["metadata", "labels", WAYPOINT_FOR]);
    let node = label(gateway).or_else(|| label(class?))?;
    (!matches!(node.text(), Some("service" | "all"))).then_some(Refusal {
        why: "is a waypoint for no services, as its label `istio.io/waypoint-for` says",
        help: "label it `istio.io/waypoint-for: service` or `all`",
        node,
    })
}

fn refused_namespace<'a>(
    gateway: &'a Object,
    catalog: &Catalog<'a>,
    home: &str,
) -> Option<Refusal<'a>> {
    if gateway.id.namespace == home {
        return None;
    }
    let listeners = gateway.node.items_at(&["spec", "listeners"]);
    let is_tunnel = |one: &&Node| {
        one.text_at(&["protocol"]) == Some("HBONE") && one.text_at(&["port"]) == Some("15008")
    };
    let listener = listeners.iter().find(is_tunnel);
    let allowed = listener.and_then(|one| one.at(&["allowedRoutes", "namespaces"]));
    let from = allowed.and_then(|allowed| allowed.text_at(&["from"])).unwrap_or("Same");
    let takes = match from {
        "All" => true,
        "Selector" => catalog.namespace(home).is_none_or(|namespace| {
            let mut labels =
                namespace.node.at(&["metadata", "labels"]).cloned().unwrap_or_default();
            labels.set(NAMESPACE_NAME, Node::string(home));
            selects(allowed.and_then(|allowed| allowed.get("selector")), Some(&labels))
        }),
        _ => false,
    };
    (!takes).then_some(Refusal {
        why: "takes no services of the baseline's namespace",
        help: "let `allowedRoutes.namespaces` of its listener HBONE take it, with `from: All` or a selector",
        node: allowed.or(listener).unwrap_or(&gateway.node),
    })
}
