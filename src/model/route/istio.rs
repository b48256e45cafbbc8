//! VirtualServices as they are written: hosts, entries, and what of them holds in the mesh.

use crate::kube::Object;
use crate::model::service_host;
use crate::yaml::Node;

/// Whether a VirtualService applies to sidecars: it names no gateway, or `mesh` among them.
pub(crate) fn is_mesh(object: &Object) -> bool {
    let gateways = object.node.at(&["spec", "gateways"]).map(Node::items).unwrap_or_default();
    gateways.is_empty() || gateways.iter().any(|gateway| gateway.text() == Some("mesh"))
}

/// Whether a VirtualService applies to sidecars and to no gateway.
pub(crate) fn is_only_mesh(object: &Object) -> bool {
    let gateways = object.node.at(&["spec", "gateways"]).map(Node::items).unwrap_or_default();
    gateways.iter().all(|gateway| gateway.text() == Some("mesh"))
}

/// The hosts of a VirtualService.
pub(crate) fn hosts(object: &Object) -> impl Iterator<Item = &str> {
    let hosts = object.node.at(&["spec", "hosts"]).map(Node::items).unwrap_or_default();
    hosts.iter().filter_map(Node::text)
}

/// The HTTP entries of a VirtualService.
pub(crate) fn http(object: &Object) -> &[Node] {
    object.node.at(&["spec", "http"]).map(Node::items).unwrap_or_default()
}

/// The matches of an entry that hold in the mesh; none where it is bound to gateways alone. An entry
/// without matches has one that everything satisfies.
pub(crate) fn mesh_matches(original: &Object, entry: &Node) -> Option<Vec<Node>> {
    let mixed = !is_only_mesh(original);
    let written = entry.get("match").map(Node::items).unwrap_or_default();
    let all = if written.is_empty() { vec![Node::default()] } else { written.to_vec() };
    let mesh: Vec<Node> = all
        .into_iter()
        .filter_map(|mut one| {
            let own = one.remove("gateways");
            let own = own.as_ref().map(Node::items).unwrap_or_default();
            let applies =
                own.is_empty() || own.iter().any(|gateway| gateway.text() == Some("mesh"));
            if mixed {
                one.set("gateways", Node::list([Node::string("mesh")]));
            }
            applies.then_some(one)
        })
        .collect();
    (!mesh.is_empty()).then_some(mesh)
}

pub(crate) fn matches(entry: &Node) -> &[Node] {
    entry.get("match").map(Node::items).unwrap_or_default()
}

/// The hosts of the destinations of an HTTP entry.
pub(crate) fn destinations(entry: &Node) -> impl Iterator<Item = &str> {
    let routes = entry.get("route").map(Node::items).unwrap_or_default();
    routes.iter().filter_map(|route| route.text_at(&["destination", "host"]))
}

/// The full name of a host as a VirtualService of namespace `home` writes it.
pub(crate) fn full_host(host: &str, home: &str) -> String {
    let labels: Vec<&str> = host.trim_end_matches('.').split('.').collect();
    match labels.as_slice() {
        [name] => service_host(name, home),
        [name, namespace] | [name, namespace, "svc"] => service_host(name, namespace),
        _ => labels.join("."),
    }
}

/// The service of `namespace` that a host means, as a VirtualService of namespace `home` writes it.
pub(crate) fn service_of<'a>(host: &'a str, home: &str, namespace: &str) -> Option<&'a str> {
    let name = host.split('.').next()?;
    (full_host(host, home) == service_host(name, namespace)).then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_completed_as_istio_does() {
        assert_eq!(full_host("cart", "shop"), "cart.shop.svc.cluster.local");
        assert_eq!(full_host("cart.other", "shop"), "cart.other.svc.cluster.local");
        assert_eq!(full_host("api.example.com", "shop"), "api.example.com");
        assert_eq!(service_of("cart.shop.svc.cluster.local", "x", "shop"), Some("cart"));
        assert_eq!(service_of("cart", "other", "shop"), None);
    }
}
