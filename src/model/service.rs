//! A Service: which pods it selects, and which protocols its ports speak.
//!
//! Protocols are found as Istio does: appProtocol, then the prefix of the port's name.
//! See <https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/>.

use std::cmp::Ordering;

use super::host::ServiceName;
use super::pod::pod_labels;
use crate::kube::Object;
use crate::spec::{PortFacts, Speaks};
use crate::yaml::Node;

/// A Service of the baseline.
#[derive(Debug)]
pub(crate) struct Service<'a> {
    pub(crate) object: &'a Object,
    /// Its ports, in the order of the manifest.
    pub(crate) ports: Vec<ServicePort<'a>>,
    /// `clusterIP: None`.
    pub(crate) headless: bool,
    /// The host that an ExternalName Service stands for.
    pub(crate) external_name: Option<&'a str>,
}

/// A port of a Service.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServicePort<'a> {
    pub(crate) number: u16,
    /// Its name; several ports must have one.
    pub(crate) name: Option<&'a str>,
    /// `TCP`, `UDP` or `SCTP`.
    pub(crate) transport: &'a str,
    /// Its protocol.
    pub(crate) protocol: Protocol,
    /// The protocol that previews.yaml declares.
    pub(crate) declared: Option<Speaks>,
}

/// The protocol of a port, as far as it matters to routing by header.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Protocol {
    /// HTTP of any version, WebSockets included.
    Http,
    /// gRPC.
    Grpc,
    /// The port says nothing: Istio detects HTTP.
    Unknown,
    /// Declared, or known, as a protocol without headers.
    Opaque,
}

impl Protocol {
    /// Whether a header can decide where a request goes.
    #[must_use]
    pub(crate) fn is_routable(self) -> bool {
        self != Self::Opaque
    }
}

impl From<Speaks> for Protocol {
    fn from(says: Speaks) -> Self {
        match says {
            Speaks::Http => Self::Http,
            Speaks::Grpc => Self::Grpc,
            Speaks::Tcp => Self::Opaque,
        }
    }
}

/// Services are in the order of their objects.
impl Ord for Service<'_> {
    fn cmp(&self, other: &Self) -> Ordering {
        self.object.number.cmp(&other.object.number)
    }
}

impl PartialOrd for Service<'_> {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Service<'_> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Service<'_> {}

impl<'a> Service<'a> {
    /// Reads a Service.
    #[must_use]
    pub(crate) fn new(object: &'a Object) -> Self {
        let node = &object.node;
        let external = node.text_at(&["spec", "type"]) == Some("ExternalName");
        let ports = node.at(&["spec", "ports"]).map(crate::yaml::Node::items).unwrap_or_default();
        Self {
            object,
            ports: ports.iter().filter_map(read_port).collect(),
            headless: is_headless(node),
            external_name: external.then(|| node.text_at(&["spec", "externalName"])).flatten(),
        }
    }

    /// Adds the protocols that previews.yaml declares, where the manifest has none.
    pub(super) fn declare(&mut self, facts: &[PortFacts]) {
        for fact in facts {
            let ports = self.ports.iter_mut().filter(|port| port.transport == "TCP");
            for port in ports.filter(|port| port.number == fact.port) {
                port.declared = Some(fact.protocol);
                if port.protocol == Protocol::Unknown {
                    port.protocol = fact.protocol.into();
                }
            }
        }
    }

    #[must_use]
    pub(crate) fn name(&self) -> &'a str {
        &self.object.id.name
    }

    /// Its name and namespace.
    #[must_use]
    pub(crate) fn id(&self) -> ServiceName<'a> {
        ServiceName { name: &self.object.id.name, namespace: &self.object.id.namespace }
    }

    /// The numbers of the ports that can be routed.
    #[must_use]
    pub(crate) fn routable(&self) -> Vec<u16> {
        let ports = self.ports.iter().filter(|port| port.protocol.is_routable());
        ports.map(|port| port.number).collect()
    }

    /// Whether it selects pods at all.
    #[must_use]
    pub(crate) fn has_selector(&self) -> bool {
        let selector = self.object.node.at(&["spec", "selector"]);
        self.external_name.is_none() && selector.is_some_and(|map| !map.entries().is_empty())
    }

    /// Whether it selects the pods of a workload.
    #[must_use]
    pub(crate) fn selects(&self, workload: &Node) -> bool {
        self.external_name.is_none() && selects_pods(&self.object.node, workload)
    }
}

/// Whether the selector of a Service selects the pods of a workload. Without one it selects none.
pub(crate) fn selects_pods(service: &Node, workload: &Node) -> bool {
    let labels = pod_labels(workload);
    let selector = service.entries_at(&["spec", "selector"]);
    let has = |key: &str| labels.and_then(|labels| labels.get(key)).and_then(Node::text);
    !selector.is_empty() && selector.iter().all(|(key, value)| has(&key.text) == value.text())
}

/// Whether a Service has no address of its own: `clusterIP` or an item of `clusterIPs` is `None`. The API server refuses
/// `None` in `clusterIPs` alone; it counts here too.
pub(crate) fn is_headless(service: &Node) -> bool {
    let listed = service.items_at(&["spec", "clusterIPs"]);
    let all = service.text_at(&["spec", "clusterIP"]).into_iter();
    all.chain(listed.iter().filter_map(Node::text)).any(|address| address == "None")
}

fn read_port(node: &crate::yaml::Node) -> Option<ServicePort<'_>> {
    let number = u16::try_from(node.get("port")?.integer_value()?).ok()?;
    let name = node.text_at(&["name"]);
    let transport = node.text_at(&["protocol"]).unwrap_or("TCP");
    let protocol = if transport == "TCP" {
        protocol(node.text_at(&["appProtocol"]), name, number)
    } else {
        Protocol::Opaque
    };
    Some(ServicePort { number, name, transport, protocol, declared: None })
}

/// The protocol of a port. With an appProtocol the name is ignored; of either, only the part up to the first `-`
/// counts.
fn protocol(app_protocol: Option<&str>, name: Option<&str>, number: u16) -> Protocol {
    /// Ports on which Istio never detects HTTP: SMTP, DNS, MySQL, MongoDB.
    const NEVER_HTTP: [u16; 4] = [25, 53, 3306, 27017];
    match app_protocol {
        Some("kubernetes.io/h2c" | "kubernetes.io/ws") => return Protocol::Http,
        Some("kubernetes.io/wss") => return Protocol::Opaque,
        _ => {}
    }
    let says = app_protocol.or(name).unwrap_or_default().to_ascii_lowercase();
    match says.split('-').next().unwrap_or_default() {
        _ if says.starts_with("grpc-web") => Protocol::Grpc,
        "http" | "http2" | "http_proxy" => Protocol::Http,
        "grpc" => Protocol::Grpc,
        "tcp" | "udp" | "tls" | "https" | "mongo" | "redis" | "mysql" => Protocol::Opaque,
        _ if NEVER_HTTP.contains(&number) => Protocol::Opaque,
        _ => Protocol::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_speaks_what_app_protocol_then_its_name_says() {
        use Protocol::*;
        assert_eq!(protocol(Some("kubernetes.io/h2c"), Some("tcp-x"), 80), Http);
        assert_eq!(protocol(None, Some("http-web"), 80), Http);
        assert_eq!(protocol(None, Some("grpc"), 80), Grpc);
        assert_eq!(protocol(None, Some("tcp-redis"), 6379), Opaque);
        assert_eq!(protocol(None, Some("web"), 80), Unknown);
        assert_eq!(protocol(None, None, 3306), Opaque);
        assert_eq!(protocol(Some("example.com/x"), Some("http"), 80), Unknown);
        assert_eq!(protocol(Some("example.com/x"), Some("tcp-web"), 80), Unknown);
        assert_eq!(protocol(Some("mysql"), Some("http"), 80), Opaque);
        assert_eq!(protocol(Some("HTTP"), Some("tcp"), 80), Http);
        assert_eq!(protocol(Some("http-custom"), None, 3306), Http);
        assert_eq!(protocol(None, Some("gRPC-Web-text"), 80), Grpc);
        assert_eq!(protocol(None, Some("hbone"), 80), Unknown);
    }
}
