//! Istio's ambient mode: the waypoint of the Service that is called reads the routes of that Service's namespace, whoever
//! calls, and sends a request to the pods behind what it chooses. A Service without a waypoint answers by itself.

use serde_json::Value;

use super::{Answer, Call, Destination, Mesh, fqdn, gateway_api, name, namespace, qualified, text};

impl Mesh {
    /// Where a call goes in ambient mode. A name that the caller's namespace does not have is looked for in that of `search`.
    pub(crate) fn call_by_waypoint(&self, call: &Call, search: &str) -> Answer {
        let mut host = qualified(&call.host, &call.from);
        if !self.services.contains_key(&host) && !call.host.contains('.') {
            host = fqdn(&call.host, search);
        }
        let Some(service) = self.services.get(&host) else {
            return Answer::Failed(format!("no Service {host}"));
        };
        assert!(service.external.is_none(), "{host}: an alias in ambient mode");
        if !service.ports.contains(&call.port) {
            return Answer::Failed(format!("{host} has no port {}", call.port));
        }
        let itself = || Answer::Default(Destination::new(&host, call.port));
        if service.headless || !self.waypoints.contains(&host) {
            return itself();
        }
        match self.attached(&host, &service.namespace, call.port) {
            Err(reason) => Answer::Undefined(reason),
            Ok(routes) if routes.is_empty() => itself(),
            Ok(routes) => gateway_api::answer(self, &routes, &call.request, false),
        }
    }
}

/// The hosts of the Services that have a waypoint: by their own label, or by that of their Namespace where they have none.
pub(super) fn served(objects: &[Value]) -> impl Iterator<Item = String> {
    const LABEL: &str = "istio.io/use-waypoint";
    let label = |object: &Value| object["metadata"]["labels"][LABEL].as_str().map(str::to_owned);
    let is = |object: &&Value, kind: &str| {
        text(object, "apiVersion") == "v1" && text(object, "kind") == kind
    };
    let of_namespace = move |wanted: &str| {
        let mut namespaces = objects.iter().filter(|object| is(object, "Namespace"));
        namespaces.find(|object| name(object) == wanted).and_then(label)
    };
    let services = objects.iter().filter(move |object| is(object, "Service"));
    services.filter_map(move |service| {
        let named = label(service).or_else(|| of_namespace(namespace(service)))?;
        (named != "none").then(|| fqdn(name(service), namespace(service)))
    })
}
