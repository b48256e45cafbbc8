//! VirtualServices as they are written: hosts, entries, and what of them holds in the mesh.

use crate::kube::Object;
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

/// The destinations of an HTTP entry, with their weights.
pub(crate) fn routes(entry: &Node) -> &[Node] {
    entry.get("route").map(Node::items).unwrap_or_default()
}

/// The hosts of the destinations of an HTTP entry.
pub(crate) fn destinations(entry: &Node) -> impl Iterator<Item = &str> {
    routes(entry).iter().filter_map(|route| route.text_at(&["destination", "host"]))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_match_of_the_mesh_says_so_where_gateways_are_bound_too() {
        let node = |value| Object::from_node(Node::from_json(value)).expect("an object");
        let object = node(serde_json::json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "cart", "namespace": "shop"},
            "spec": {"hosts": ["cart"], "gateways": ["mesh", "public"]}
        }));
        let entry =
            Node::from_json(serde_json::json!({"match": [{"port": 80}, {"gateways": ["public"]}]}));
        let matches = mesh_matches(&object, &entry).expect("one holds");
        assert_eq!(matches.len(), 1);
        assert!(matches[0].get("gateways").is_some());
    }
}
