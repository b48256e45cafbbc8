//! VirtualServices as Istio follows them: hosts, rules, who sees them, and which parts apply in the mesh.
//!
//! The rules are those of `pilot/pkg/networking/core/route/route.go` and `pilot/pkg/model/push_context.go`.

use std::collections::BTreeSet;

use super::gateways::{BoundGateway, GatewayId, Listener, is_secure, port_number};
use super::text_matcher::TextMatcher;
use super::{Destination, Ignored, Reader, Redirect, Visibility, covers};
use crate::kube::{Object, marks};
use crate::model::{Catalog, Home, ServiceName};
use crate::yaml::Node;

/// The name for all sidecars among the gateways of a VirtualService.
pub(crate) const MESH: &str = "mesh";

/// Reads VirtualServices.
pub(super) struct Istio;

impl Reader for Istio {
    fn rules<'a>(&self, route: &'a Object) -> Vec<&'a Node> {
        http(route).collect()
    }

    fn streams<'a>(&self, route: &'a Object) -> &'a [Node] {
        section(route, "tcp")
    }

    fn backends<'a>(&self, rule: &'a Node) -> &'a [Node] {
        routes(rule)
    }

    fn weight(&self, backend: &Node) -> i64 {
        backend.get("weight").and_then(Node::integer_value).unwrap_or(0)
    }

    fn service<'a>(
        &self,
        backend: &'a Node,
        route: &Object,
        home: Home<'a>,
    ) -> Option<ServiceName<'a>> {
        home.service_of(backend.text_at(&["destination", "host"])?, route)
    }

    fn destinations<'a>(
        &self,
        rule: &'a Node,
        route: &Object,
        home: Home<'a>,
    ) -> Vec<Destination<'a>> {
        let mirrors = rule.items_at(&["mirrors"]);
        let wrapped = routes(rule).iter().chain(mirrors);
        let all = wrapped.filter_map(|one| one.get("destination")).chain(rule.get("mirror"));
        let read = |one: &'a Node| {
            let host = one.get("host")?;
            let service = home.service_of(host.text()?, route);
            Some(Destination { host, is_host: true, service, port: one.at(&["port", "number"]) })
        };
        all.filter_map(read).collect()
    }

    fn request_changes<'a>(&self, route: &'a Object) -> Vec<&'a Node> {
        let in_mesh = http(route).filter(|rule| {
            let matches = matches(rule);
            matches.is_empty() || matches.iter().any(is_for_mesh)
        });
        let nodes = in_mesh.flat_map(|rule| routes(rule).iter().chain([rule]));
        nodes.filter_map(|node| node.at(&["headers", "request"])).collect()
    }

    fn response_changes<'a>(&self, rule: &'a Node) -> Vec<&'a Node> {
        let nodes = routes(rule).iter().chain([rule]);
        nodes.filter_map(|node| node.at(&["headers", "response"])).collect()
    }

    fn redirects<'a>(&self, rule: &'a Node) -> Vec<Redirect<'a>> {
        let read = |node: &'a Node| Redirect {
            node,
            host: node.get("authority"),
            has_path: node.get("uri").is_some(),
        };
        rule.get("redirect").map(read).into_iter().collect()
    }

    fn origins<'a>(&self, rule: &'a Node) -> Option<&'a Node> {
        let policy = rule.get("corsPolicy")?;
        policy.get("allowOrigins").or(policy.get("allowOrigin"))
    }

    fn exact_origin<'a>(&self, item: &'a Node) -> Option<&'a str> {
        // In the old form an item is a text.
        item.text().filter(|text| !text.contains('*')).or(item.text_at(&["exact"]))
    }

    fn allows_origin(&self, item: &Node, origin: &str, matcher: &TextMatcher) -> Option<bool> {
        match item.text() {
            Some(pattern) => Some(covers(pattern, origin)),
            None => text_match(item, origin, matcher),
        }
    }

    fn tells_hosts_apart(&self, rule: &Node) -> bool {
        let names_host = |one: &Node| {
            let mut named =
                HEADERS.iter().filter_map(|field| one.get(field)).flat_map(Node::entries);
            one.get("authority").is_some() || named.any(|(name, _)| is_host_header(&name.text))
        };
        matches(rule).iter().any(names_host)
            || self.redirects(rule).iter().any(|redirect| redirect.host.is_some())
    }

    fn hosts<'a>(&self, route: &'a Object) -> Vec<&'a str> {
        hosts(route).filter(|host| host.contains('.') || host.starts_with('*')).collect()
    }

    fn host_field(&self) -> &'static str {
        "hosts"
    }

    fn bound_gateways<'a>(&self, route: &'a Object) -> Vec<BoundGateway<'a>> {
        let names = texts(route, "gateways").filter(|name| *name != MESH);
        let gateways = names.map(|name| gateway_name(name, route));
        gateways.map(|gateway| BoundGateway { gateway, section: None, port: None }).collect()
    }

    fn listeners<'a>(&self, gateway: &'a Object, namespace: &str) -> Vec<Listener<'a>> {
        section(gateway, "servers")
            .iter()
            .filter_map(|node| server(node, gateway, namespace))
            .collect()
    }

    fn names_listeners(&self) -> bool {
        false
    }

    fn refusal<'a>(
        &self,
        server: &Listener<'a>,
        _: &Object,
        _: &Object,
        _: &Catalog<'_>,
    ) -> Option<Ignored<'a>> {
        // A server that is not open to a namespace does not count as a listener.
        server_refusal(server)
    }

    fn dropped<'a>(&self, _: &'a Object) -> Option<Ignored<'a>> {
        // Istio's webhook refuses routes that it cannot follow.
        None
    }

    fn is_for_mesh(&self, route: &Object) -> bool {
        is_mesh(route)
    }

    fn visibility<'a>(&self, route: &'a Object) -> Visibility<'a> {
        visibility(route)
    }
}

/// The fields of a match about headers.
pub(crate) const HEADERS: [&str; 2] = ["headers", "withoutHeaders"];

/// Whether a header of this name is the requested host. Envoy knows it by two names.
pub(crate) fn is_host_header(name: &str) -> bool {
    name.eq_ignore_ascii_case("host") || name.eq_ignore_ascii_case(":authority")
}

/// Resolves the name of a Gateway in a VirtualService: `namespace/name`, `./name`, a name in its own namespace or, in
/// the old form, `name.namespace` with the rest of a service's host. See `resolveGatewayName` in Istio.
pub(crate) fn gateway_name<'a>(name: &'a str, route: &'a Object) -> GatewayId<'a> {
    let home = route.id.namespace.as_str();
    match (name.split_once('/'), name.split_once('.')) {
        (Some((".", name)), _) => (home, name),
        (Some(both), _) => both,
        (None, Some((name, rest))) => (rest.split('.').next().unwrap_or(rest), name),
        (None, None) => (home, name),
    }
}

/// A server of a Gateway; `None` if it is not open to VirtualServices of this namespace.
fn server<'a>(node: &'a Node, gateway: &Object, namespace: &str) -> Option<Listener<'a>> {
    let all = node.items_at(&["hosts"]).iter().filter_map(Node::text);
    let open = all.filter_map(|host| match host.split_once('/') {
        None => Some(host),
        Some(("*", host)) => Some(host),
        Some((".", host)) => (gateway.id.namespace == namespace).then_some(host),
        Some((only, host)) => (only == namespace).then_some(host),
    });
    let hosts: Vec<&str> = open.collect();
    let names = [node.text_at(&["name"]), node.text_at(&["port", "name"])];
    let protocol = node.text_at(&["port", "protocol"]).unwrap_or_default();
    let secure = is_secure(protocol);
    let port = port_number(node.at(&["port", "number"]));
    let is_raw = RAW.iter().any(|raw| protocol.eq_ignore_ascii_case(raw));
    let reads_http = !(is_raw || secure && passes_through(node));
    let redirects =
        node.at(&["tls", "httpsRedirect"]).is_some_and(|one| one.text() == Some("true"));
    let only_redirects = redirects && !secure;
    let server = Listener { node, names, hosts, port, secure, reads_http, only_redirects };
    (!server.hosts.is_empty()).then_some(server)
}

/// The protocols of servers that read no HTTP requests. A server of the protocol TLS reads none even if it ends TLS.
const RAW: [&str; 6] = ["TLS", "TCP", "UDP", "MONGO", "MYSQL", "REDIS"];

/// Whether a server forwards TLS as it is: `IsPassThroughServer` in `pkg/config/gateway/gateway.go`.
fn passes_through(server: &Node) -> bool {
    let mode = server.text_at(&["tls", "mode"]).unwrap_or_default();
    ["PASSTHROUGH", "AUTO_PASSTHROUGH"].contains(&mode)
}

/// Why no http rule of a VirtualService applies at a server, if so. The text follows the name of its Gateway.
fn server_refusal<'a>(server: &Listener<'a>) -> Option<Ignored<'a>> {
    if server.only_redirects {
        return Some(Ignored {
            node: server.node,
            why: "sends every client on to HTTPS with `tls.httpsRedirect`".to_owned(),
            help: "add a server of the protocol HTTPS for the hosts, which ends TLS",
        });
    }
    let protocol = server.node.text_at(&["port", "protocol"]).unwrap_or_default();
    let why = match passes_through(server.node) {
        true => "passes TLS through, where no http rule is read".to_owned(),
        false => format!("speaks {protocol}, where no http rule is read"),
    };
    let help = "name a Gateway with a server of the protocol HTTP, or HTTPS that ends TLS";
    (!server.reads_http).then_some(Ignored { node: server.node, why, help })
}

fn texts<'a>(object: &'a Object, field: &str) -> impl Iterator<Item = &'a str> {
    object.node.items_at(&["spec", field]).iter().filter_map(Node::text)
}

/// Whether a VirtualService applies to sidecars: it names no gateway, or `mesh` among them.
pub(crate) fn is_mesh(object: &Object) -> bool {
    let mut gateways = texts(object, "gateways").peekable();
    gateways.peek().is_none() || gateways.any(|gateway| gateway == "mesh")
}

/// Whether a VirtualService applies to sidecars and to no gateway.
pub(crate) fn is_only_mesh(object: &Object) -> bool {
    texts(object, "gateways").all(|gateway| gateway == "mesh")
}

/// The hosts of a VirtualService. One without hosts is a delegate.
pub(crate) fn hosts(object: &Object) -> impl Iterator<Item = &str> {
    texts(object, "hosts")
}

/// The HTTP rules of a VirtualService, without those that sets of previews added.
pub(crate) fn http(object: &Object) -> impl DoubleEndedIterator<Item = &Node> {
    marks::rules_of_users(object)
}

/// A section of a VirtualService: `http`, `tcp` or `tls`.
pub(crate) fn section<'a>(object: &'a Object, name: &str) -> &'a [Node] {
    object.node.items_at(&["spec", name])
}

/// The namespaces whose sidecars see an object of Istio, by its `exportTo`. Without it, the mesh's default is taken to be
/// everywhere.
pub(crate) fn visibility(object: &Object) -> Visibility<'_> {
    let home = object.id.namespace.as_str();
    let to: BTreeSet<&str> = texts(object, "exportTo").collect();
    if to.is_empty() || to.contains("*") {
        return Visibility::Everywhere;
    }
    if to.contains("~") {
        return Visibility::In(BTreeSet::new());
    }
    Visibility::In(to.into_iter().map(|name| if name == "." { home } else { name }).collect())
}

/// The `exportTo` of a clone that is seen by those who see the original. It is in the same namespace.
pub(crate) fn export_to(object: &Object) -> Vec<String> {
    match visibility(object) {
        Visibility::Everywhere => vec!["*".to_owned()],
        Visibility::In(_) => texts(object, "exportTo").map(str::to_owned).collect(),
    }
}

/// The precedence of a VirtualService among those for the same host, for sidecars of a namespace. 0, in the namespace
/// itself and not exported to all, comes first, then 1, exported to it by name, then 2, exported to all.
pub(crate) fn precedence(object: &Object, namespace: &str) -> Option<u8> {
    match visibility(object) {
        Visibility::Everywhere => Some(2),
        seen if !seen.includes(namespace) => None,
        Visibility::In(_) => Some(u8::from(object.id.namespace != namespace)),
    }
}

/// Whether there are sidecars for which only the age of two VirtualServices decides which one counts.
pub(crate) fn are_rivals(a: &Object, b: &Object) -> bool {
    match (visibility(a), visibility(b)) {
        (Visibility::Everywhere, Visibility::Everywhere) => true,
        (Visibility::In(ours), Visibility::In(theirs)) => ours
            .intersection(&theirs)
            .any(|namespace| precedence(a, namespace) == precedence(b, namespace)),
        _ => false,
    }
}

/// Whether a match of Istio (`exact`, `prefix` or `regex`) matches a text; `None` if its regular expression cannot be
/// parsed, or is too large. The expression has to match the whole text, and `*` alone matches any.
pub(crate) fn text_match(wanted: &Node, text: &str, matcher: &TextMatcher) -> Option<bool> {
    if let Some(exact) = wanted.text_at(&["exact"]) {
        return Some(exact == text);
    }
    if let Some(prefix) = wanted.text_at(&["prefix"]) {
        return Some(text.starts_with(prefix));
    }
    match wanted.text_at(&["regex"]) {
        None | Some("*") => Some(true),
        Some(regex) => matcher.match_text(regex, text),
    }
}

/// The matches of a rule that apply in the mesh; `None` if it is bound to gateways alone. A rule without matches has
/// one that matches everything.
pub(crate) fn mesh_matches(original: &Object, rule: &Node) -> Option<Vec<Node>> {
    let mixed = !is_only_mesh(original);
    let written = matches(rule);
    let all = if written.is_empty() { vec![Node::default()] } else { written.to_vec() };
    let mesh: Vec<Node> = all
        .into_iter()
        .filter(is_for_mesh)
        .map(|mut one| {
            if one.remove("gateways").is_some_and(|named| !named.items().is_empty()) {
                // Istio checks the source only if no gateways are named.
                SOURCE.iter().for_each(|field| drop(one.remove(field)));
            }
            if mixed && SOURCE.iter().all(|field| one.get(field).is_none()) {
                one.set("gateways", Node::list([Node::string("mesh")]));
            }
            one
        })
        .collect();
    (!mesh.is_empty()).then_some(mesh)
}

/// The fields of a match about the caller.
pub(crate) const SOURCE: [&str; 2] = ["sourceNamespace", "sourceLabels"];

/// Whether a match can apply at a sidecar.
pub(crate) fn is_for_mesh(one: &Node) -> bool {
    let gateways = one.items_at(&["gateways"]);
    gateways.is_empty() || gateways.iter().any(|gateway| gateway.text() == Some("mesh"))
}

/// Whether a match can apply to calls of a port.
pub(crate) fn is_on_port(one: &Node, port: u16) -> bool {
    one.get("port").is_none_or(|node| node.integer_value() == Some(i64::from(port)))
}

/// Whether a match can apply at a gateway.
pub(crate) fn is_for_gateway(one: &Node) -> bool {
    let gateways = one.items_at(&["gateways"]);
    gateways.is_empty() || gateways.iter().any(|gateway| gateway.text() != Some("mesh"))
}

/// The matches of a rule.
pub(crate) fn matches(rule: &Node) -> &[Node] {
    rule.items_at(&["match"])
}

/// The destinations of a rule, with their weights.
pub(crate) fn routes(rule: &Node) -> &[Node] {
    rule.items_at(&["route"])
}

/// The hosts of the destinations of a rule.
pub(crate) fn destinations(rule: &Node) -> impl Iterator<Item = &str> {
    routes(rule).iter().filter_map(|route| route.text_at(&["destination", "host"]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn object(namespace: &str, spec: serde_json::Value) -> Object {
        let node = json!({
            "apiVersion": "networking.istio.io/v1", "kind": "VirtualService",
            "metadata": {"name": "cart", "namespace": namespace}, "spec": spec
        });
        Object::from_node(Node::from_json(node)).expect("an object")
    }

    #[test]
    fn a_match_of_the_mesh_says_so_where_gateways_are_bound_too() {
        let object = object("shop", json!({"hosts": ["cart"], "gateways": ["mesh", "public"]}));
        let rule = json!({"match": [{"port": 80}, {"gateways": ["public"]}, {"sourceLabels": {"a": "b"}}]});
        let matches = mesh_matches(&object, &Node::from_json(rule)).expect("some hold");
        assert_eq!(matches.len(), 2);
        assert!(matches[0].get("gateways").is_some());
        // With a gateway named, the labels would count for nothing.
        assert!(matches[1].get("gateways").is_none());
    }

    #[test]
    fn the_source_counts_for_nothing_where_a_gateway_is_named() {
        let object = object("shop", json!({"hosts": ["cart"]}));
        let rule = json!({"match": [{"gateways": ["mesh"], "sourceNamespace": "web"}]});
        let matches = mesh_matches(&object, &Node::from_json(rule)).expect("one holds");
        assert!(matches[0].entries().is_empty());
    }

    #[test]
    fn private_ones_come_before_exported_ones_and_both_before_those_for_all() {
        let all = object("shop", json!({}));
        let private = object("shop", json!({"exportTo": ["."]}));
        let by_name = object("shop", json!({"exportTo": ["shop", "web"]}));
        let exported = object("web", json!({"exportTo": ["shop"]}));
        assert_eq!(precedence(&private, "shop"), Some(0));
        assert_eq!(precedence(&by_name, "shop"), Some(0));
        assert_eq!(precedence(&exported, "shop"), Some(1));
        assert_eq!(precedence(&all, "shop"), Some(2));
        assert_eq!(precedence(&private, "web"), None);
        assert!(are_rivals(&all, &all) && are_rivals(&private, &by_name));
        assert!(!are_rivals(&all, &private) && !are_rivals(&by_name, &exported));
        assert_eq!(precedence(&object("shop", json!({"exportTo": ["~"]})), "shop"), None);
    }
}
