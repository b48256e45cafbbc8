//! Decides which rules of an entry route apply to one of its hosts at the listeners that an entry stands for.
//!
//! Conditions that are known in advance are evaluated here: the Gateway, the port and the host of a match. The result
//! are the rules that can still apply, with the remaining conditions. At the preview's host they do what the original
//! does at its own.
//! See `TranslateRoute` in Istio's `pilot/pkg/networking/core/route/route.go`.

use super::super::{carries_key, matches_key};
use super::Pattern;
use super::host_links::leads_to_itself;
use super::ways::ServingListener;
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::kube::{Object, RouteApi};
use crate::model::route::istio::{
    HEADERS, MESH, SOURCE, gateway_name, http, is_host_header, matches, text_match,
};
use crate::model::route::text_matcher::TextMatcher;
use crate::model::route::{Route, gateway_api, reader};
use crate::spec::RoutingKey;
use crate::yaml::Node;

/// A rule that can apply to a host.
#[derive(Debug, Clone)]
pub(super) struct ApplicableRule<'a> {
    /// The rule.
    pub(super) node: &'a Node,
    /// The matches of a VirtualService's rule that can apply; `None` if the rule applies to every request.
    pub(super) matches: Option<Vec<Node>>,
}

impl PartialEq for ApplicableRule<'_> {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.node, other.node) && self.matches == other.matches
    }
}

/// The rules of a route that can apply at some listeners.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Applicable<'a> {
    /// The rules, in order.
    pub(super) rules: Vec<ApplicableRule<'a>>,
    /// Redirects that are left out, because they would lead a preview host to itself without end.
    pub(super) looping: Vec<&'a Node>,
}

/// Whether the host of a request decides which rules of a route apply.
pub(super) fn depends_on_host(route: Route<'_>) -> bool {
    let reader = reader(route.api);
    route.rules().iter().any(|rule| reader.tells_hosts_apart(rule))
}

/// What rules are selected for: a host, the listeners that serve it, and the key.
#[derive(Debug, Clone, Copy)]
pub(in super::super) struct HostContext<'p> {
    /// The original host.
    pub(super) original: &'p str,
    /// The preview's host.
    pub(super) preview: &'p Pattern,
    /// The listeners.
    pub(super) at: &'p [ServingListener<'p>],
    /// The key that clones set.
    pub(super) key: &'p RoutingKey,
    /// Whether clients of the preview's host speak TLS.
    pub(super) secure: bool,
    /// Compares matches with the host.
    pub(super) matcher: &'p TextMatcher,
}

/// To evaluate a match for a host is as much work as this many comparisons of two texts.
const MATCH_COST: usize = 8;

/// The rules of an HTTPRoute or GRPCRoute that apply. They are the same at every listener.
pub(in super::super) fn rules_of_http_route<'a>(
    route: &'a Object,
    context: &HostContext<'_>,
) -> Result<Applicable<'a>, Refused> {
    let reader = reader(RouteApi::GatewayApi);
    let mut applicable = Applicable::default();
    for node in gateway_api::rules(route) {
        match reader.redirects(node).into_iter().find(|one| leads_to_itself(one, context.original))
        {
            Some(redirect) => applicable.looping.push(redirect.node),
            None => applicable.rules.push(ApplicableRule { node, matches: None }),
        }
    }
    let matches =
        applicable.rules.iter().filter_map(|one| one.node.get("matches")).flat_map(Node::items);
    for header in matches.filter_map(|one| one.get("headers")).flat_map(Node::items) {
        let name = header.text_at(&["name"]).unwrap_or_default();
        refuse_key(route, context.key, name, header)?;
        if is_host_header(name) {
            let message =
                format!("{} matches the header `{name}`, which a preview host changes", route.id);
            let help = "write the host into `hostnames`, and remove the match";
            return Err(refuse(message, help, header));
        }
    }
    Ok(applicable)
}

/// The rules of a VirtualService that apply. An error if they differ between listeners.
pub(in super::super) fn rules_of_virtual_service<'a>(
    route: &'a Object,
    context: &HostContext<'_>,
) -> Result<Applicable<'a>, Refused> {
    let mut agreed: Option<(&ServingListener<'_>, Applicable<'_>)> = None;
    for at in context.at {
        let applicable = http_at(route, &MatchContext { route, at, hosts: context })?;
        match &agreed {
            None => agreed = Some((at, applicable)),
            Some((first, other)) if other.rules != applicable.rules => {
                return Err(differs(route, first, at).into());
            }
            Some(_) => {}
        }
    }
    Ok(agreed.map(|(_, applicable)| applicable).unwrap_or_default())
}

/// What a match of a VirtualService is evaluated for: one listener, and the hosts.
struct MatchContext<'p> {
    route: &'p Object,
    at: &'p ServingListener<'p>,
    hosts: &'p HostContext<'p>,
}

/// The rules of a VirtualService that apply at one listener.
fn http_at<'a>(route: &'a Object, context: &MatchContext<'_>) -> Result<Applicable<'a>, Refused> {
    let reader = reader(RouteApi::Istio);
    let mut applicable = Applicable::default();
    for node in http(route) {
        if let Some(delegate) = node.get("delegate") {
            let message = format!("{} delegates an http rule to another object", route.id);
            let help = "write the delegate's http rules into the VirtualService itself, or name in \
                        `spec.routing.entries[].of` the Gateways that previews stand for";
            return Err(refuse(message, help, delegate));
        }
        let written = matches(node);
        if !context.hosts.matcher.comparisons.count(MATCH_COST * (1 + written.len())) {
            return Ok(Applicable::default());
        }
        let redirect = reader.redirects(node).into_iter().next();
        if let Some(redirect) = redirect.filter(|one| leads_to_itself(one, context.hosts.original))
        {
            // A match that cannot apply here does not matter.
            let may_hold = |one| !matches!(context.left_of(one), Ok(None));
            if written.is_empty() || written.iter().any(may_hold) {
                applicable.looping.push(redirect.node);
            }
            continue;
        }
        let mut left = Vec::new();
        for one in written {
            left.extend(context.left_of(one)?);
        }
        if left.is_empty() && !written.is_empty() {
            continue;
        }
        let is_open = |one: &Node| one.entries().iter().all(|(key, _)| key.text == "name");
        let is_for_all = left.is_empty() || left.iter().any(is_open);
        applicable.rules.push(ApplicableRule { node, matches: (!is_for_all).then_some(left) });
    }
    Ok(applicable)
}

impl MatchContext<'_> {
    /// The remaining conditions of a match; `None` if it can never be true.
    fn left_of(&self, one: &Node) -> Result<Option<Node>, Refused> {
        let mut left = one.clone();
        let mut gateways = one.items_at(&["gateways"]).iter().peekable();
        if gateways.peek().is_some() {
            let mut names = gateways.filter_map(Node::text).filter(|name| *name != MESH);
            if !names.any(|name| gateway_name(name, self.route) == self.at.gateway) {
                return Ok(None);
            }
            // Istio checks the source only if no gateways are named.
            ["gateways"].iter().chain(&SOURCE).for_each(|field| drop(left.remove(field)));
        }
        if let Some(port) = left.remove("port").filter(|port| port.integer_value() != Some(0))
            && port.integer_value() != Some(i64::from(self.port(one, &port)?))
        {
            return Ok(None);
        }
        let other_scheme = self.at.secure.filter(|secure| *secure != self.hosts.secure);
        if let (Some(secure), Some(scheme)) = (other_scheme, one.get("scheme")) {
            if !self.holds(scheme, if secure { "https" } else { "http" })? {
                return Ok(None);
            }
            left.remove("scheme");
        }
        let mut hosts: Vec<(&Node, bool)> =
            one.get("authority").map(|it| (it, true)).into_iter().collect();
        for field in HEADERS {
            for (name, wanted) in one.entries_at(&[field]) {
                refuse_key(self.route, self.hosts.key, &name.text, wanted)?;
                if is_host_header(&name.text) {
                    hosts.push((wanted, field == "headers"));
                    left.make(&[field]).remove(&name.text);
                }
            }
            if left.get(field).is_some_and(|named| named.entries().is_empty()) {
                left.remove(field);
            }
        }
        for (wanted, holds) in &hosts {
            if self.hosts.original.starts_with('*') {
                let message = format!(
                    "{} matches on the authority, and its host `{}` stands for many",
                    self.route.id, self.hosts.original
                );
                let help = "write the hosts that it distinguishes into `hosts`, each with a preview host \
                            of its own";
                return Err(refuse(message, help, wanted));
            }
            if self.holds(wanted, self.hosts.original)? != *holds {
                return Ok(None);
            }
        }
        if !hosts.is_empty() {
            // Kept as a condition that is always true: Istio puts rules without conditions behind others.
            left.set("authority", Node::map([("prefix", Node::string(&self.hosts.preview.0))]));
        }
        Ok(Some(left))
    }

    /// The port of the listener.
    fn port(&self, one: &Node, wanted: &Node) -> Result<u16, Refused> {
        let secure = self.at.secure.unwrap_or(self.hosts.secure);
        let usual = if secure { 443 } else { 80 };
        let is_usual = matches!(wanted.integer_value(), Some(80 | 443));
        self.at.port.or(is_usual.then_some(usual)).ok_or_else(|| {
            let (namespace, name) = self.at.gateway;
            let message = format!(
                "{} matches on a port, and the ports of Gateway {namespace}/{name} are not known",
                self.route.id
            );
            let help = "pass the Gateway with --baseline";
            refuse(message, help, one.get("port").unwrap_or(one))
        })
    }

    fn holds(&self, wanted: &Node, text: &str) -> Result<bool, Refused> {
        text_match(wanted, text, self.hosts.matcher).ok_or_else(|| {
            let message = format!("{} has a regular expression that cannot be read", self.route.id);
            let help =
                "write it in the syntax of RE2, without classes of Unicode and large repetitions";
            refuse(message, help, wanted)
        })
    }
}

/// Refuses a match on a header that the clone sets itself.
fn refuse_key(route: &Object, key: &RoutingKey, name: &str, place: &Node) -> Result<(), Refused> {
    if !carries_key(key, name) {
        return Ok(());
    }
    Err(matches_key(route, name, place.place, "not supported").into())
}

fn refuse(message: String, help: &str, node: &Node) -> Refused {
    Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help).at(node.place, "not supported").into()
}

fn differs(route: &Object, one: &ServingListener<'_>, other: &ServingListener<'_>) -> Diagnostic {
    let name = |at: &ServingListener<'_>| {
        let (namespace, name) = at.gateway;
        match at.port.filter(|_| one.gateway == other.gateway) {
            Some(port) => format!("port {port} of Gateway {namespace}/{name}"),
            None => format!("Gateway {namespace}/{name}"),
        }
    };
    let message = format!(
        "{} has other rules at {} than at {}: a preview host can do only one of the two",
        route.id,
        name(one),
        name(other)
    );
    let help = "say with `of: [{namespace, name}]` in spec.routing.entries which Gateways previews stand for, \
                and pass them with --baseline";
    Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help)
        .at(route.place(), "its matches tell the two apart")
}
