//! HTTPRoutes and GRPCRoutes as Istio follows them: parents, rules and backends.
//!
//! The rules are those of Istio's conversion (`pilot/pkg/config/kube/gateway/conversion.go`), which
//! ignores some of what the API server accepts: a parent whose group is not written out, and a whole
//! route for one backend that it cannot convert.

use super::admission::{is_raw, refusal};
use super::gateways::{BoundGateway, Listener, is_secure, port_number};
use super::text_matcher::TextMatcher;
use super::{Destination, Ignored, Reader, Redirect, Visibility, covers};
use crate::kube::gateway::RouteKind;
use crate::kube::{Object, gateway, istio};
use crate::model::{Catalog, Home, ServiceName};
use crate::yaml::Node;

/// Reads HTTPRoutes and GRPCRoutes.
pub(super) struct GatewayApi;

impl Reader for GatewayApi {
    fn rules<'a>(&self, route: &'a Object) -> Vec<&'a Node> {
        rules(route).iter().collect()
    }

    fn streams<'a>(&self, _: &'a Object) -> &'a [Node] {
        // TCPRoutes and TLSRoutes are separate kinds.
        &[]
    }

    fn backends<'a>(&self, rule: &'a Node) -> &'a [Node] {
        backends(rule)
    }

    fn weight(&self, backend: &Node) -> i64 {
        weight_of(backend)
    }

    fn service<'a>(
        &self,
        backend: &'a Node,
        route: &Object,
        home: Home<'a>,
    ) -> Option<ServiceName<'a>> {
        service_backend(backend, route, home)
    }

    fn destinations<'a>(
        &self,
        rule: &'a Node,
        route: &Object,
        home: Home<'a>,
    ) -> Vec<Destination<'a>> {
        let filters = backends(rule).iter().chain([rule]).flat_map(filters);
        let mirrors = filters.filter_map(|filter| filter.at(&["requestMirror", "backendRef"]));
        let read = |one: &'a Node| {
            let (host, service) = (one.get("name")?, service_backend(one, route, home)?);
            let service = Some(service);
            Some(Destination { host, is_host: false, service, port: one.get("port") })
        };
        backends(rule).iter().chain(mirrors).filter_map(read).collect()
    }

    fn request_changes<'a>(&self, route: &'a Object) -> Vec<&'a Node> {
        let rules = rules(route).iter();
        rules.flat_map(|rule| modifiers(rule, "requestHeaderModifier")).collect()
    }

    fn response_changes<'a>(&self, rule: &'a Node) -> Vec<&'a Node> {
        modifiers(rule, "responseHeaderModifier").collect()
    }

    fn redirects<'a>(&self, rule: &'a Node) -> Vec<Redirect<'a>> {
        let redirects = filters(rule).iter().filter_map(|filter| filter.get("requestRedirect"));
        let read = |node: &'a Node| Redirect {
            node,
            host: node.get("hostname"),
            has_path: node.get("path").is_some(),
        };
        redirects.map(read).collect()
    }

    fn origins<'a>(&self, rule: &'a Node) -> Option<&'a Node> {
        filters(rule).iter().find_map(|filter| filter.at(&["cors", "allowOrigins"]))
    }

    fn exact_origin<'a>(&self, item: &'a Node) -> Option<&'a str> {
        item.text().filter(|text| !text.contains('*'))
    }

    fn allows_origin(&self, item: &Node, origin: &str, _: &TextMatcher) -> Option<bool> {
        Some(item.text().is_some_and(|pattern| covers(pattern, origin)))
    }

    fn tells_hosts_apart(&self, rule: &Node) -> bool {
        self.redirects(rule).iter().any(|redirect| redirect.host.is_some())
    }

    fn hosts<'a>(&self, route: &'a Object) -> Vec<&'a str> {
        let hosts = route.node.items_at(&["spec", self.host_field()]);
        hosts.iter().filter_map(Node::text).collect()
    }

    fn host_field(&self) -> &'static str {
        "hostnames"
    }

    fn bound_gateways<'a>(&self, route: &'a Object) -> Vec<BoundGateway<'a>> {
        let gateways = parents(route).iter();
        let gateways = gateways.filter(|one| kind_of_parent(one) == (gateway::GROUP, "Gateway"));
        let bound = gateways.filter_map(|one| {
            let namespace = one.text_at(&["namespace"]).unwrap_or(&route.id.namespace);
            Some(BoundGateway {
                gateway: (namespace, one.text_at(&["name"])?),
                section: one.text_at(&["sectionName"]),
                port: port_of(one),
            })
        });
        bound.collect()
    }

    fn listeners<'a>(&self, gateway: &'a Object, _: &str) -> Vec<Listener<'a>> {
        let all = gateway.node.items_at(&["spec", "listeners"]);
        all.iter().map(listener).collect()
    }

    fn names_listeners(&self) -> bool {
        true
    }

    fn refusal<'a>(
        &self,
        listener: &Listener<'a>,
        gateway: &Object,
        route: &Object,
        catalog: &Catalog<'_>,
    ) -> Option<Ignored<'a>> {
        refusal(listener.node, gateway, route, catalog)
    }

    fn dropped<'a>(&self, route: &'a Object) -> Option<Ignored<'a>> {
        dropped(route)
    }

    fn is_for_mesh(&self, route: &Object) -> bool {
        parents(route).iter().any(|parent| kind_of_parent(parent) == ("", "Service"))
    }

    fn visibility<'a>(&self, _: &'a Object) -> Visibility<'a> {
        Visibility::Everywhere
    }
}

/// The filters of this type of a rule and of its backends.
fn modifiers<'a>(rule: &'a Node, kind: &'static str) -> impl Iterator<Item = &'a Node> {
    let filters = backends(rule).iter().chain([rule]).flat_map(filters);
    filters.filter_map(move |filter| filter.get(kind))
}

fn listener(node: &Node) -> Listener<'_> {
    Listener {
        node,
        names: [node.text_at(&["name"]), None],
        hosts: node.text_at(&["hostname"]).into_iter().filter(|host| !host.is_empty()).collect(),
        port: port_number(node.get("port")),
        secure: is_secure(node.text_at(&["protocol"]).unwrap_or("HTTPS")),
        reads_http: !is_raw(node.text_at(&["protocol"]).unwrap_or_default()),
        only_redirects: false,
    }
}

/// The parentRefs of a route.
pub(crate) fn parents(route: &Object) -> &[Node] {
    route.node.items_at(&["spec", "parentRefs"])
}

/// Group and kind of a parentRef. A missing group is that of the Gateway API, even for a Service.
pub(crate) fn kind_of_parent(parent: &Node) -> (&str, &str) {
    let group = parent.text_at(&["group"]).unwrap_or(gateway::GROUP);
    (group, parent.text_at(&["kind"]).unwrap_or("Gateway"))
}

/// The parentRefs of a route that Istio accepts as Services of the baseline, with these Services.
pub(crate) fn service_parents<'a>(
    route: &'a Object,
    home: Home<'a>,
) -> impl Iterator<Item = (&'a Node, ServiceName<'a>)> {
    let of_core = parents(route).iter().filter(|parent| kind_of_parent(parent) == ("", "Service"));
    of_core.filter_map(move |parent| Some((parent, named(parent, route, home)?)))
}

/// The namespace that a reference of a route leads to.
pub(crate) fn namespace_of<'a>(reference: &'a Node, route: &'a Object) -> &'a str {
    reference.text_at(&["namespace"]).unwrap_or(&route.id.namespace)
}

/// The service that a reference of a route names, if it is of the baseline.
pub(crate) fn named<'a>(
    reference: &'a Node,
    route: &Object,
    home: Home<'a>,
) -> Option<ServiceName<'a>> {
    let namespace = reference.text_at(&["namespace"]).unwrap_or(&route.id.namespace);
    home.service(reference.text_at(&["name"])?, namespace)
}

/// The port of a parentRef, if it names one.
pub(crate) fn port_of(parent: &Node) -> Option<u16> {
    port_number(parent.get("port"))
}

/// Why a parentRef that seems to name a Service of the baseline does not attach the route to it.
pub(crate) fn ignored_parent<'a>(
    parent: &'a Node,
    route: &Object,
    catalog: &'a Catalog<'a>,
) -> Option<Ignored<'a>> {
    let (group, kind) = kind_of_parent(parent);
    if kind != "Service" || !catalog.home.includes(namespace_of(parent, route)) {
        return None;
    }
    if !group.is_empty() {
        let why = format!("names a Service of the group `{group}`, which does not exist");
        return Some(Ignored { node: parent, why, help: "write `group: \"\"` in the parentRef" });
    }
    let service = catalog.service(named(parent, route, catalog.home)?)?;
    let written = parent.get("port")?;
    let is_followed = |port: u16| {
        service.ports.iter().any(|one| one.number == port && one.protocol.is_routable())
    };
    let name = service.name();
    (!port_of(parent).is_some_and(is_followed)).then(|| Ignored {
        node: written,
        help: "name a port of the Service, by its number",
        why: format!(
            "is attached to a port that {name} does not have, or on which it speaks no HTTP"
        ),
    })
}

/// Why Istio drops a route: it converts all of it or nothing. Read in 1.32 (eed52ebb66ad), `computeRoute` and what it
/// calls; what the API server refuses is left out.
///
/// A filter that Istio does not have or cannot write drops the route, and so does a backend that it cannot name. A
/// backend that does not exist, or has a kind that Istio does not know, does not drop it: requests to it are answered
/// with an error, and a mirror to it is left out. For a GRPCRoute, such a mirror drops the route too: see
/// [`required`] for the part of that which only the cluster knows.
pub(crate) fn dropped(route: &Object) -> Option<Ignored<'_>> {
    const OF_RULES: [&str; 6] = [
        "RequestHeaderModifier",
        "ResponseHeaderModifier",
        "RequestMirror",
        "RequestRedirect",
        "URLRewrite",
        "CORS",
    ];
    let of_rules = match RouteKind::of(route) {
        RouteKind::Http => &OF_RULES[..],
        RouteKind::Grpc => &OF_RULES[..3],
    };
    let of_rule = |rule| {
        let mut chosen = backends(rule).iter().filter(|backend| weight_of(backend) != 0);
        let of_backend = |one| bad_filter(one, &OF_RULES[..2]).or_else(|| bad_backend(one));
        bad_filter(rule, of_rules).or_else(|| chosen.find_map(of_backend))
    };
    let of_mirror = |target| bad_backend(target).or_else(|| unknown_kind(target));
    rules(route).iter().find_map(of_rule).or_else(|| required(route).find_map(of_mirror))
}

/// The objects that must exist in the cluster, or Istio drops the route: the targets of a GRPCRoute's mirrors.
pub(crate) fn required(route: &Object) -> impl Iterator<Item = &Node> {
    let rules = match RouteKind::of(route) {
        RouteKind::Http => &[],
        RouteKind::Grpc => rules(route),
    };
    let filters = rules.iter().flat_map(filters);
    filters.filter_map(|filter| filter.at(&["requestMirror", "backendRef"]))
}

/// The first filter that Istio does not have or cannot write.
fn bad_filter<'a>(node: &'a Node, known: &[&str]) -> Option<Ignored<'a>> {
    filters(node).iter().find_map(|filter| {
        let kind = filter.text_at(&["type"]).unwrap_or_default();
        let why = || format!("has a filter {kind} here, which Istio does not have");
        let help = "use a filter of the Gateway API that Istio has";
        let unknown = (!known.contains(&kind)).then(|| Ignored { node: filter, why: why(), help });
        unknown.or_else(|| bad_header(filter))
    })
}

/// A header that a filter sets to an invalid value: `isValidHeaderValue`. Names are checked by the API server.
fn bad_header(filter: &Node) -> Option<Ignored<'_>> {
    let modifiers = ["requestHeaderModifier", "responseHeaderModifier"];
    let modifiers = modifiers.into_iter().filter_map(|one| filter.get(one));
    let lists = modifiers.flat_map(|one| ["set", "add"].into_iter().filter_map(|it| one.get(it)));
    lists.flat_map(Node::items).find_map(|header| {
        let value = header.get("value")?;
        let is_sent = |byte: u8| byte == b'\t' || byte >= b' ' && byte != 0x7f;
        (!value.text()?.bytes().all(is_sent)).then(|| Ignored {
            node: value,
            why: format!(
                "writes the header `{}` with a line break or another control character",
                header.text_at(&["name"]).unwrap_or_default()
            ),
            help: "write a value of one line",
        })
    })
}

/// A backend that Istio cannot name. It needs the port for every kind that it knows, and for no other.
fn bad_backend(backend: &Node) -> Option<Ignored<'_>> {
    let name = backend.text_at(&["name"]).unwrap_or_default();
    let has = |field: &str| backend.get(field).is_some_and(|value| !value.is_null());
    let kind = kind_of_backend(backend);
    let (why, help) = match kind {
        ("", "Service") if name.contains('.') => (
            format!("has the backend `{name}`, which is a host and not the name of a Service"),
            "write the name and the namespace of the Service",
        ),
        (istio::GROUP, "Hostname") if has("namespace") => {
            (format!("gives the Hostname `{name}` a namespace"), "remove the namespace")
        }
        _ if is_known(kind) && !has("port") => {
            (format!("has the backend `{name}` without a port"), "write the port")
        }
        _ => return None,
    };
    Some(Ignored { node: backend, why, help })
}

fn unknown_kind(target: &Node) -> Option<Ignored<'_>> {
    let (group, kind) = kind_of_backend(target);
    let of = if group.is_empty() { String::new() } else { format!(" of {group}") };
    (!is_known((group, kind))).then(|| Ignored {
        node: target,
        why: format!("mirrors requests to a {kind}{of}, which Istio does not know"),
        help: "mirror them to a Service",
    })
}

/// Whether Istio knows a kind of backend. An InferencePool only if istiod is configured for it.
fn is_known(kind: (&str, &str)) -> bool {
    matches!(
        kind,
        ("", "Service") | (istio::GROUP, "Hostname") | (gateway::IMPORTS, "ServiceImport")
    )
}

/// The rules of a route.
pub(crate) fn rules(route: &Object) -> &[Node] {
    route.node.items_at(&["spec", "rules"])
}

/// The backends of a rule.
pub(crate) fn backends(rule: &Node) -> &[Node] {
    rule.items_at(&["backendRefs"])
}

/// The filters of a rule or of a backend.
pub(crate) fn filters(node: &Node) -> &[Node] {
    node.items_at(&["filters"])
}

/// The weight of a backend.
pub(crate) fn weight_of(backend: &Node) -> i64 {
    backend.get("weight").and_then(Node::integer_value).unwrap_or(1)
}

/// Group and kind of a backendRef.
pub(crate) fn kind_of_backend(backend: &Node) -> (&str, &str) {
    let group = backend.text_at(&["group"]).unwrap_or_default();
    (group, backend.text_at(&["kind"]).unwrap_or("Service"))
}

/// Whether a backendRef is of Istio's kind `Hostname`, which names a service by its full host. It has no namespace:
/// Istio drops a route that gives it one.
pub(crate) fn is_hostname(backend: &Node) -> bool {
    kind_of_backend(backend).1 == "Hostname"
}

/// The service of the baseline that a backendRef of a route means. Istio's kind `Hostname` names it by its full host.
pub(crate) fn service_backend<'a>(
    backend: &'a Node,
    route: &Object,
    home: Home<'a>,
) -> Option<ServiceName<'a>> {
    let name = backend.text_at(&["name"])?;
    match kind_of_backend(backend) {
        ("", "Service") => named(backend, route, home),
        (istio::GROUP, "Hostname") if name.contains('.') => home.service_of(name, route),
        _ => None,
    }
}
