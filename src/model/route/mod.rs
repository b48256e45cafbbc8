//! Routes of the baseline, read as the mesh and its Gateways follow them.
//!
//! Each API has a file here with a [`Reader`], which says what its objects mean. Later stages ask the reader of a
//! [`Route`]. Only code for one API looks into the object.

pub(crate) mod admission;
pub(crate) mod gateway_api;
pub(crate) mod gateways;
pub(crate) mod istio;
pub(crate) mod text_matcher;

use std::collections::BTreeSet;
use std::ops::Deref;

use self::gateways::{BoundGateway, Listener};
use self::text_matcher::TextMatcher;
use crate::kube::{Object, RouteApi};
use crate::model::{Catalog, Home, ServiceName};
use crate::yaml::Node;

/// A route of the input.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route<'a> {
    pub(crate) api: RouteApi,
    pub(crate) object: &'a Object,
}

impl Deref for Route<'_> {
    type Target = Object;

    fn deref(&self) -> &Object {
        self.object
    }
}

impl<'a> Route<'a> {
    /// An object as a route, if it is one.
    pub(crate) fn of(object: &'a Object) -> Option<Self> {
        Some(Self { api: RouteApi::of(object)?, object })
    }

    /// Its rules, in order.
    pub(crate) fn rules(&self) -> Vec<&'a Node> {
        reader(self.api).rules(self.object)
    }

    /// Its rules for requests, and those for streams of bytes.
    pub(crate) fn all_rules(&self) -> Vec<&'a Node> {
        self.rules().into_iter().chain(reader(self.api).streams(self.object)).collect()
    }

    /// The services of the baseline that its rules have as backends.
    pub(crate) fn chosen(&self, home: Home<'a>) -> BTreeSet<ServiceName<'a>> {
        let reader = reader(self.api);
        let backends = self.all_rules().into_iter().flat_map(|rule| reader.backends(rule));
        backends.filter_map(|backend| reader.service(backend, self.object, home)).collect()
    }

    /// The Gateways that it binds to.
    pub(crate) fn bound_gateways(&self) -> Vec<BoundGateway<'a>> {
        reader(self.api).bound_gateways(self.object)
    }
}

/// A backend or a mirror of a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Destination<'a> {
    /// The name or host.
    pub(crate) host: &'a Node,
    /// Whether it is a host, which Istio completes if it has no dot, and not the name of an object.
    pub(crate) is_host: bool,
    /// The service of the baseline that it means.
    pub(crate) service: Option<ServiceName<'a>>,
    /// The port, if one is written.
    pub(crate) port: Option<&'a Node>,
}

impl Destination<'_> {
    /// The number of its port, if it is one.
    pub(crate) fn port_number(&self) -> Option<i64> {
        self.port.and_then(Node::integer_value)
    }
}

/// Reads the objects of one API.
pub(crate) trait Reader: Sync {
    /// The rules of a route, in order, without those that other sets have added.
    fn rules<'a>(&self, route: &'a Object) -> Vec<&'a Node>;

    /// The rules of a route for TCP and TLS, which have no headers to match.
    fn streams<'a>(&self, route: &'a Object) -> &'a [Node];

    /// The backends of a rule.
    fn backends<'a>(&self, rule: &'a Node) -> &'a [Node];

    /// The weight of a backend in its rule.
    fn weight(&self, backend: &Node) -> i64;

    /// The service of the baseline that a backend of a route means.
    fn service<'a>(
        &self,
        backend: &'a Node,
        route: &Object,
        home: Home<'a>,
    ) -> Option<ServiceName<'a>>;

    /// The backends and mirrors of a rule.
    fn destinations<'a>(
        &self,
        rule: &'a Node,
        route: &Object,
        home: Home<'a>,
    ) -> Vec<Destination<'a>>;

    /// The header modifiers for requests in all rules and backends of a route that apply in the mesh.
    fn request_changes<'a>(&self, route: &'a Object) -> Vec<&'a Node>;

    /// The header modifiers for responses in a rule and its backends.
    fn response_changes<'a>(&self, rule: &'a Node) -> Vec<&'a Node>;

    /// The redirects of a rule.
    fn redirects<'a>(&self, rule: &'a Node) -> Vec<Redirect<'a>>;

    /// The origins that the CORS policy of a rule allows.
    fn origins<'a>(&self, rule: &'a Node) -> Option<&'a Node>;

    /// The only origin that an item of these allows; `None` if it is a pattern.
    fn exact_origin<'a>(&self, item: &'a Node) -> Option<&'a str>;

    /// Whether an item of these allows an origin; `None` if it is a regular expression that cannot be read.
    fn allows_origin(&self, item: &Node, origin: &str, matcher: &TextMatcher) -> Option<bool>;

    /// Whether the host of a request decides if a rule matches.
    fn tells_hosts_apart(&self, rule: &Node) -> bool;

    /// The hosts of a route for clients of a Gateway, as written.
    fn hosts<'a>(&self, route: &'a Object) -> Vec<&'a str>;

    /// The field of `spec` with the hosts.
    fn host_field(&self) -> &'static str;

    /// The Gateways that a route binds to.
    fn bound_gateways<'a>(&self, route: &'a Object) -> Vec<BoundGateway<'a>>;

    /// The HTTP listeners of a Gateway of this API for routes of a namespace.
    fn listeners<'a>(&self, gateway: &'a Object, namespace: &str) -> Vec<Listener<'a>>;

    /// Whether a route can name the listener that it binds to.
    fn names_listeners(&self) -> bool;

    /// Why a listener refuses a route for other reasons than its hosts, if it does.
    fn refusal<'a>(
        &self,
        listener: &Listener<'a>,
        gateway: &Object,
        route: &Object,
        catalog: &Catalog<'_>,
    ) -> Option<Ignored<'a>>;

    /// Why Istio drops a route, wherever it is attached, if it does.
    fn dropped<'a>(&self, route: &'a Object) -> Option<Ignored<'a>>;

    /// Whether a route from a Gateway also routes calls inside the mesh.
    fn is_for_mesh(&self, route: &Object) -> bool;

    /// The namespaces whose proxies see a route.
    fn visibility<'a>(&self, route: &'a Object) -> Visibility<'a>;
}

/// The reader of an API.
pub(crate) fn reader(api: RouteApi) -> &'static dyn Reader {
    match api {
        RouteApi::GatewayApi => &gateway_api::GatewayApi,
        RouteApi::Istio => &istio::Istio,
    }
}

/// Why a route, or one of its parentRefs, has no effect: Istio does not follow it, or a listener refuses it.
#[derive(Debug)]
pub(crate) struct Ignored<'a> {
    /// The part that is wrong.
    pub(crate) node: &'a Node,
    /// The reason, in words that follow the name of the route or of the Gateway.
    pub(crate) why: String,
    /// The remedy.
    pub(crate) help: &'static str,
}

/// The namespaces whose sidecars see a route.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Visibility<'a> {
    /// All of them.
    Everywhere,
    /// These.
    In(BTreeSet<&'a str>),
}

impl Visibility<'_> {
    /// Whether sidecars of the baseline see it and some others do not.
    pub(crate) fn is_private(&self, home: Home<'_>) -> bool {
        matches!(self, Self::In(names) if names.iter().any(|name| home.includes(name)))
    }

    /// Whether sidecars of this namespace see it.
    pub(crate) fn includes(&self, namespace: &str) -> bool {
        match self {
            Self::Everywhere => true,
            Self::In(names) => names.contains(namespace),
        }
    }
}

/// A redirect of a rule.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redirect<'a> {
    pub(crate) node: &'a Node,
    /// The host that it leads to, if it names one.
    pub(crate) host: Option<&'a Node>,
    /// Whether it changes the path.
    pub(crate) has_path: bool,
}

/// The response headers that a rule or one of its backends sets, by name.
pub(crate) fn response_headers(api: RouteApi, rule: &Node) -> Vec<(&str, &Node)> {
    let changes = reader(api).response_changes(rule).into_iter();
    let lists =
        changes.flat_map(|change| ["set", "add"].into_iter().filter_map(|it| change.get(it)));
    let headers = lists.flat_map(|list| api.form().headers(list));
    headers.filter_map(|(name, value)| Some((name, value?))).collect()
}

/// Whether a text with stars covers an origin.
fn covers(pattern: &str, origin: &str) -> bool {
    let (mut parts, mut rest) = (pattern.split('*'), origin);
    let first = parts.next().unwrap_or_default();
    let Some(behind) = rest.strip_prefix(first) else {
        return false;
    };
    rest = behind;
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else {
        return rest.is_empty();
    };
    for part in middle {
        let Some(at) = rest.find(part) else {
            return false;
        };
        rest = &rest[at + part.len()..];
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stars_of_an_origin_stand_for_anything() {
        assert!(covers("https://*.x.com", "https://a.b.x.com"));
        assert!(covers("*://*.x.*", "https://a.x.org"));
        assert!(!covers("https://*.x.com", "https://x.com"));
        assert!(!covers("https://a.*", "http://a.x"));
        assert!(!covers("https://a", "https://a.x"));
    }
}
