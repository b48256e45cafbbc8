//! Routes of the baseline, read as the mesh and its Gateways follow them.
//!
//! An API has a file here, in which a [`Reader`] says what its objects mean. The stages behind this one ask the
//! reader of a [`Route`], and look into its object only where they are about one API.

pub(crate) mod admission;
pub(crate) mod gateway_api;
pub(crate) mod gateways;
pub(crate) mod istio;

use std::collections::BTreeSet;
use std::ops::Deref;

use self::gateway_api::Ignored;
use self::gateways::{Binding, Listener};
use self::istio::Seen;
use crate::kube::{Object, RouteApi};
use crate::model::{Catalog, Home, ServiceName};
use crate::yaml::Node;

/// An object whose API is known to be one that routes are written in.
#[derive(Debug, Clone, Copy)]
pub struct Route<'a> {
    /// Its API.
    pub api: RouteApi,
    /// The object.
    pub object: &'a Object,
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

    /// The services of the baseline that some rule of it chooses.
    pub(crate) fn chosen(&self, home: Home<'a>) -> BTreeSet<ServiceName<'a>> {
        let reader = reader(self.api);
        let backends = self.all_rules().into_iter().flat_map(|rule| reader.backends(rule));
        backends.filter_map(|backend| reader.service(backend, self.object, home)).collect()
    }

    /// The Gateways that it binds to.
    pub(crate) fn bindings(&self) -> Vec<Binding<'a>> {
        reader(self.api).bindings(self.object)
    }
}

/// What the objects of one API mean.
pub(crate) trait Reader: Sync {
    /// The rules of a route, in order, without those that other sets have added.
    fn rules<'a>(&self, route: &'a Object) -> Vec<&'a Node>;

    /// The rules of a route for streams of bytes, in which no header can be told.
    fn streams<'a>(&self, route: &'a Object) -> &'a [Node];

    /// What a rule chooses.
    fn backends<'a>(&self, rule: &'a Node) -> &'a [Node];

    /// The share of a backend in its rule.
    fn weight(&self, backend: &Node) -> i64;

    /// The service of the baseline that a backend of a route means.
    fn service<'a>(
        &self,
        backend: &'a Node,
        route: &Object,
        home: Home<'a>,
    ) -> Option<ServiceName<'a>>;

    /// Every change of request headers that a route makes in the mesh: of rules and of backends.
    fn request_changes<'a>(&self, route: &'a Object) -> Vec<&'a Node>;

    /// Every change of the headers of answers that a rule and its backends make.
    fn answer_changes<'a>(&self, rule: &'a Node) -> Vec<&'a Node>;

    /// The redirects of a rule.
    fn redirects<'a>(&self, rule: &'a Node) -> Vec<Redirect<'a>>;

    /// The origins that the CORS policy of a rule allows.
    fn origins<'a>(&self, rule: &'a Node) -> Option<&'a Node>;

    /// Whether it depends on the host of a request whether a rule holds for it.
    fn tells_hosts_apart(&self, rule: &Node) -> bool;

    /// The hosts of a route that clients of a Gateway ask for, as they are written.
    fn hosts<'a>(&self, route: &'a Object) -> Vec<&'a str>;

    /// The field of `spec` that has the hosts.
    fn host_field(&self) -> &'static str;

    /// The Gateways that a route binds to.
    fn bindings<'a>(&self, route: &'a Object) -> Vec<Binding<'a>>;

    /// The listeners of a Gateway of this API that speak HTTP with routes of a namespace.
    fn listeners<'a>(&self, gateway: &'a Object, namespace: &str) -> Vec<Listener<'a>>;

    /// Whether a route can name the listener that it binds to.
    fn names_listeners(&self) -> bool;

    /// Why a listener refuses a route whatever its hosts, if it does.
    fn refusal<'a>(
        &self,
        listener: &Listener<'a>,
        gateway: &Object,
        route: &Object,
        catalog: &Catalog<'_>,
    ) -> Option<Ignored<'a>>;

    /// Why Istio follows nothing of a route, wherever it is attached.
    fn dropped<'a>(&self, route: &'a Object) -> Option<Ignored<'a>>;

    /// Whether a route from a Gateway also routes calls inside the mesh.
    fn is_for_mesh(&self, route: &Object) -> bool;

    /// The namespaces whose proxies see a route.
    fn seen<'a>(&self, route: &'a Object) -> Seen<'a>;
}

/// The reader of an API.
pub(crate) fn reader(api: RouteApi) -> &'static dyn Reader {
    match api {
        RouteApi::GatewayApi => &gateway_api::GatewayApi,
        RouteApi::Istio => &istio::Istio,
    }
}

/// Where a rule sends clients.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Redirect<'a> {
    /// As it is written.
    pub(crate) node: &'a Node,
    /// The host that it names.
    pub(crate) host: Option<&'a Node>,
    /// Whether it changes the path.
    pub(crate) has_path: bool,
}

/// The headers that a rule or one of its backends writes into answers, by name.
pub(crate) fn answer_headers(api: RouteApi, rule: &Node) -> Vec<(&str, &Node)> {
    let changes = reader(api).answer_changes(rule).into_iter();
    let lists =
        changes.flat_map(|change| ["set", "add"].into_iter().filter_map(|it| change.get(it)));
    let headers = lists.flat_map(|list| {
        let items = list.items().iter();
        let named = items.filter_map(|one| Some((one.text_at(&["name"])?, one.get("value")?)));
        named.chain(list.entries().iter().map(|(name, value)| (name.text.as_str(), value)))
    });
    headers.collect()
}

/// Whether a match of Istio, `exact`, `prefix` or `regex`, holds for a text; none where its expression cannot
/// be read. The expression is for all of the text, and `*` alone is for any.
pub(crate) fn text_match(wanted: &Node, text: &str) -> Option<bool> {
    if let Some(exact) = wanted.text_at(&["exact"]) {
        return Some(exact == text);
    }
    if let Some(prefix) = wanted.text_at(&["prefix"]) {
        return Some(text.starts_with(prefix));
    }
    match wanted.text_at(&["regex"]) {
        None | Some("*") => Some(true),
        Some(regex) => {
            // As RE2 reads it: classes are those of ASCII.
            let mut regex = regex::bytes::RegexBuilder::new(&format!("^(?:{regex})$"));
            Some(regex.unicode(false).build().ok()?.is_match(text.as_bytes()))
        }
    }
}
