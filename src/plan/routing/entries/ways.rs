//! Finds the ways in of each entry: the entry routes at the Gateways that it stands for, by host.
//!
//! An entry stands for the listeners that answer requests of outside clients. If a host is served both with TLS and
//! without, these are the ones with TLS, because the others are there to redirect clients.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};

use super::super::planner::planner;
use super::applicable::{self, ApplicableRule, HostContext};
use super::host_links::{EntryListener, Links, PreviewHosts};
use super::{CloneRule, Pattern, WayIn, preview_host};
use crate::diagnostic::{Diagnostic, code};
use crate::model::route::gateways::{BoundGateway, GatewayId, Gateways, Hit, listeners};
use crate::model::route::text_matcher::TextMatcher;
use crate::model::route::{Route, reader};
use crate::spec::{Entry, RoutingKey};
use crate::yaml::Node;

/// A listener at which a host of a route is served.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct ServingListener<'a> {
    /// The Gateway.
    pub(super) gateway: GatewayId<'a>,
    /// Its port, if it is known.
    pub(super) port: Option<u16>,
    /// Whether clients speak TLS to it, if that is known.
    pub(super) secure: Option<bool>,
}

/// Hosts of a route to which the same rules apply.
#[derive(Debug)]
struct HostGroup<'a> {
    applicable: Vec<ApplicableRule<'a>>,
    hosts: Vec<(String, Pattern)>,
}

/// An entry route and its groups of hosts.
struct RouteGroups<'a> {
    route: Route<'a>,
    gateways: BTreeSet<GatewayId<'a>>,
    groups: Vec<HostGroup<'a>>,
}

impl RouteGroups<'_> {
    fn hosts(&self) -> impl Iterator<Item = &(String, Pattern)> {
        self.groups.iter().flat_map(|group| &group.hosts)
    }
}

/// The hosts of a route, each with the listeners that serve it.
type Hosts<'a> = BTreeMap<String, Vec<ServingListener<'a>>>;

/// Finds the ways of all entries.
#[derive(Debug)]
pub(super) struct WayFinder<'a, 'f> {
    /// The key that clones set.
    pub(super) key: &'f RoutingKey,
    /// The Gateways of the input.
    pub(super) gateways: &'f Gateways<'a>,
    /// The entry routes.
    pub(super) routes: &'f [Route<'a>],
    /// Compares hosts and origins with patterns of the routes.
    pub(super) matcher: TextMatcher,
    /// Findings, each once however many entries and hosts it concerns.
    pub(super) findings: RefCell<BTreeMap<String, Diagnostic>>,
}

impl<'a> WayFinder<'a, '_> {
    /// The routes that an entry stands for, each with its hosts.
    pub(super) fn routes_of(&self, entry: &Entry) -> Vec<(Route<'a>, Hosts<'a>)> {
        let mut routes: Vec<(Route<'a>, Hosts<'a>)> = Vec::new();
        for &route in self.routes.iter().filter(|route| stands_for_route(entry, **route)) {
            let hosts = self.hosts(entry, route);
            match hosts.is_empty() {
                true => self.say(not_served(route)),
                false => routes.push((route, hosts)),
            }
        }
        routes
    }

    /// The hosts of a route that listeners of the entry's Gateways serve.
    fn hosts(&self, entry: &Entry, route: Route<'a>) -> Hosts<'a> {
        let bound = bound_for(entry, route);
        let mut hosts = Hosts::new();
        for host in original_hosts(route) {
            let served = bound.iter().flat_map(|one| self.served(route, one, host));
            hosts.entry(plain(host)).or_default().extend(served);
        }
        hosts.retain(|_, served| {
            served.sort_unstable();
            served.dedup();
            !served.is_empty()
        });
        hosts
    }

    /// The hosts of the listeners that a route is attached to. A route without hosts has these.
    fn hosts_of_listeners(&self, entry: &Entry, route: Route<'a>) -> Vec<&'a str> {
        let bound = bound_for(entry, route).into_iter();
        let hosts = bound.flat_map(|one| match self.gateways.find(one.gateway, route.api) {
            Hit::Here(object) => {
                let section = one.section.unwrap_or_default();
                let mut all = listeners(object, &route.id.namespace);
                all.retain(|listener| listener.is_named(section));
                all.into_iter().flat_map(|listener| listener.hosts).collect()
            }
            Hit::OfOtherApi(_) | Hit::Absent => Vec::new(),
        });
        hosts.collect()
    }

    /// The listeners of a Gateway that serve a host of a route. A Gateway that is not in the input is assumed to have
    /// one.
    fn served(
        &self,
        route: Route<'_>,
        bound: &BoundGateway<'a>,
        host: &str,
    ) -> Vec<ServingListener<'a>> {
        let gateway = bound.gateway;
        let section = bound.section.unwrap_or_default();
        match self.gateways.find(gateway, route.api) {
            Hit::OfOtherApi(_) => Vec::new(),
            Hit::Absent => {
                let secure = section.split('-').next().and_then(|first| match first {
                    "http" => Some(false),
                    "https" => Some(true),
                    _ => None,
                });
                vec![ServingListener { gateway, port: bound.port, secure }]
            }
            Hit::Here(object) => {
                let all = listeners(object, &route.id.namespace).into_iter().filter(|one| {
                    one.is_named(section)
                        && one.reads_http
                        && bound.port.is_none_or(|port| one.port == Some(port))
                        && one.is_open_to(host)
                });
                let at = all.map(|one| ServingListener {
                    gateway,
                    port: one.port,
                    secure: Some(one.secure),
                });
                at.collect()
            }
        }
    }

    /// The ways in of an entry, in the order of the routes and their hosts.
    pub(super) fn ways(
        &self,
        entry: &'a Entry,
        entry_routes: Vec<(Route<'a>, Hosts<'a>)>,
    ) -> Vec<WayIn<'a>> {
        let listener = |route: Route<'_>| EntryListener::of(self.gateways, entry, route.api);
        let routes = self.narrowed(entry_routes).into_iter().map(|(route, hosts)| {
            let groups = self.host_groups(entry, route, &hosts, listener(route).secure);
            let gateways = hosts.values().flatten().map(|at| at.gateway).collect();
            RouteGroups { route, gateways, groups }
        });
        let routes: Vec<RouteGroups<'_>> = routes.collect();
        let preview_hosts = self.preview_hosts(entry, &routes);
        let mut ways = Vec::new();
        for RouteGroups { route, gateways, groups } in routes {
            let (hosts, matcher) = (&preview_hosts, &self.matcher);
            let links = Links { hosts, listener: listener(route), matcher };
            for (part, HostGroup { applicable, hosts }) in groups.into_iter().enumerate() {
                self.check_origins(route, &applicable);
                let made = |rule| CloneRule::new(route.api, rule, &links);
                let rules = applicable.into_iter().map(made);
                let rules = self.rules(route, &hosts, rules, &preview_hosts);
                let (gateways, base) = (gateways.clone(), links.listener.base.clone());
                ways.push(WayIn { route, part, gateways, rules, hosts, base });
            }
        }
        ways.retain(|way| !way.rules.is_empty());
        ways
    }

    /// Reports origins whose regular expression cannot be read: nobody knows whether it allows those of previews.
    fn check_origins(&self, route: Route<'a>, rules: &[ApplicableRule<'a>]) {
        let reader = reader(route.api);
        let origins = rules.iter().filter_map(|rule| reader.origins(rule.node));
        let mut all = origins.flat_map(Node::items);
        let unread = all.find(|one| reader.allows_origin(one, "", &self.matcher).is_none());
        unread.into_iter().for_each(|origin| self.say(unread_origin(route, origin)));
    }

    /// The preview hosts of an entry, by original host. A route without hosts has one in place of each host of its
    /// listeners.
    fn preview_hosts(&self, entry: &'a Entry, routes: &[RouteGroups<'a>]) -> PreviewHosts {
        let mut preview_hosts = PreviewHosts::default();
        for (host, preview) in routes.iter().flat_map(RouteGroups::hosts) {
            preview_hosts.add(host, preview.clone());
        }
        for one in routes.iter().filter(|one| one.hosts().any(|(host, _)| host == "*")) {
            let preview = Pattern(preview_host(entry, "{preview}", "*", one.route));
            for host in self.hosts_of_listeners(entry, one.route) {
                preview_hosts.add(host, preview.clone());
            }
        }
        let all = self.routes.iter().flat_map(|route| original_hosts(*route));
        all.for_each(|host| preview_hosts.add_other(plain(host)));
        preview_hosts
    }

    /// The rules of a way in without redirects to its own preview hosts. Reports links that clones cannot rewrite.
    fn rules(
        &self,
        route: Route<'a>,
        hosts: &[(String, Pattern)],
        rules: impl Iterator<Item = CloneRule<'a>>,
        preview_hosts: &PreviewHosts,
    ) -> Vec<CloneRule<'a>> {
        let (back, rules): (Vec<_>, Vec<_>) = rules.partition(|rule| rule.redirects_back(hosts));
        if let Some(rule) = back.first() {
            self.say(loops(route, rule.node));
        }
        let mut named =
            rules.iter().filter_map(|rule| rule.named_in_responses(preview_hosts, hosts));
        if let Some((value, host)) = named.next() {
            self.say(names_original(route, value, &host));
        }
        if let Some((node, host)) = rules.iter().find_map(|rule| rule.links_out(preview_hosts)) {
            self.say(links_out(route, node, &host));
        }
        rules
    }

    /// Removes the listeners without TLS from hosts that are served with TLS too: they are there to redirect clients.
    fn narrowed(&self, mut routes: Vec<(Route<'a>, Hosts<'a>)>) -> Vec<(Route<'a>, Hosts<'a>)> {
        let is_secure = |at: &ServingListener<'_>| at.secure == Some(true);
        let hosts = routes.iter().flat_map(|(_, hosts)| hosts);
        let with_tls = hosts.filter(|(_, at)| at.iter().any(is_secure));
        let with_tls: BTreeSet<String> = with_tls.map(|(host, _)| host.clone()).collect();
        routes.retain_mut(|(route, hosts)| {
            hosts.retain(|host, at| {
                at.retain(|at| at.secure != Some(false) || !with_tls.contains(host));
                !at.is_empty()
            });
            if hosts.is_empty() {
                self.say(nothing_holds(*route));
            }
            !hosts.is_empty()
        });
        routes
    }

    /// Groups the hosts of a route by the rules that apply to them.
    fn host_groups(
        &self,
        entry: &'a Entry,
        route: Route<'a>,
        hosts: &Hosts<'a>,
        secure: bool,
    ) -> Vec<HostGroup<'a>> {
        let by_host = applicable::depends_on_host(route);
        let mut known: Vec<(&[ServingListener<'_>], Vec<ApplicableRule<'_>>)> = Vec::new();
        let mut groups: Vec<HostGroup<'_>> = Vec::new();
        let mut looping: Vec<&Node> = Vec::new();
        for (host, at) in hosts {
            let preview = Pattern(preview_host(entry, "{preview}", host, route));
            let mut same = known.iter().filter(|(other, _)| !by_host && *other == at.as_slice());
            let applicable = match same.next() {
                Some((_, applicable)) => applicable.clone(),
                None => match planner(route.api).applicable(
                    route.object,
                    &HostContext {
                        original: host,
                        preview: &preview,
                        at,
                        key: self.key,
                        secure,
                        matcher: &self.matcher,
                    },
                ) {
                    Ok(applicable) => {
                        looping.extend(applicable.looping);
                        applicable.rules
                    }
                    Err(refused) => {
                        refused.into_iter().for_each(|finding| self.say(finding));
                        return Vec::new();
                    }
                },
            };
            if !by_host && known.iter().all(|(other, _)| *other != at.as_slice()) {
                known.push((at, applicable.clone()));
            }
            let compared = 1 + applicable.len();
            let is_same = |group: &&mut HostGroup<'_>| {
                self.matcher.comparisons.count(compared) && group.applicable == applicable
            };
            match groups.iter_mut().find(is_same) {
                Some(group) => group.hosts.push((host.clone(), preview)),
                None => groups.push(HostGroup { applicable, hosts: vec![(host.clone(), preview)] }),
            }
        }
        groups.retain(|group| !group.applicable.is_empty());
        match looping.first() {
            _ if groups.is_empty() => self.say(nothing_holds(route)),
            Some(redirect) => self.say(loops(route, redirect)),
            None => {}
        }
        groups
    }

    /// Notes a finding.
    pub(super) fn say(&self, finding: Diagnostic) {
        self.findings.borrow_mut().entry(finding.message.clone()).or_insert(finding);
    }
}

/// Whether an entry stands for a Gateway that a route is bound to.
pub(super) fn stands_for_route(entry: &Entry, route: Route<'_>) -> bool {
    !bound_for(entry, route).is_empty()
}

/// The Gateways that a route is bound to and an entry stands for.
fn bound_for<'a>(entry: &Entry, route: Route<'a>) -> Vec<BoundGateway<'a>> {
    let is_named = |bound: &BoundGateway<'_>| {
        let mut named = entry.of.iter().map(|one| (one.namespace.as_str(), one.name.as_str()));
        entry.of.is_empty() || named.any(|name| name == bound.gateway)
    };
    route.bound_gateways().into_iter().filter(is_named).collect()
}

/// The hosts of an entry route as they are written, or `*` if it has none.
fn original_hosts(route: Route<'_>) -> Vec<&str> {
    let named = reader(route.api).hosts(route.object);
    if named.is_empty() { vec!["*"] } else { named }
}

/// A host as clients send it: in lower case, without a dot at the end.
fn plain(host: &str) -> String {
    host.trim_end_matches('.').to_ascii_lowercase()
}

/// What a clone of a route counts towards the limit of rules: itself, its hosts and its rules.
pub(super) fn size(route: Route<'_>) -> usize {
    let (rules, hosts) = (route.rules().len(), original_hosts(route).len());
    // Rules that depend on the host are written once for each host.
    1 + hosts + if applicable::depends_on_host(route) { rules * hosts } else { rules }
}

fn not_served(route: Route<'_>) -> Diagnostic {
    let message = format!("{} has no host that a listener of its Gateways serves", route.id);
    let help = "nothing to do, unless previews need it: then mend its hosts, or the Gateway's";
    Diagnostic::new(&code::ENTRY_NOT_CLONED, message, help).at(route.place(), "not cloned")
}

/// The finding about response headers that name an original host and cannot be replaced.
fn names_original(route: Route<'_>, value: &Node, host: &str) -> Diagnostic {
    let message = format!(
        "clones of {} set a response header that names `{host}` and not the preview host",
        route.id
    );
    let help = "nothing to do, unless previews need it: then leave the domain out of the cookie, or write the host \
                as part of a URL, which leads to the preview host";
    Diagnostic::new(&code::HOST_KEPT, message, help).at(value.place, "is cloned as it stands")
}

/// The finding about origins of which nobody knows whether they are those of previews.
fn unread_origin(route: Route<'_>, origin: &Node) -> Diagnostic {
    let message = format!(
        "{} allows origins by a regular expression that cannot be read, and clones allow no preview host for it",
        route.id
    );
    let help = "write it in the syntax of RE2, without classes of Unicode and large repetitions, or let it match \
                preview hosts too";
    Diagnostic::new(&code::HOST_KEPT, message, help).at(origin.place, "is cloned as it stands")
}

/// The finding about a link from a preview host to the host of a route without a preview host.
fn links_out(route: Route<'_>, node: &Node, host: &str) -> Diagnostic {
    let message = format!(
        "{} leads to `{host}`, and so do its clones: the entry has no preview host for it, so a client leaves the \
         preview there",
        route.id
    );
    let help = "nothing to do, unless tests follow it: then let the entry stand for a Gateway that serves the host";
    Diagnostic::new(&code::HOST_KEPT, message, help).at(node.place, "is cloned as it stands")
}

/// The finding that clones of a route leave out a redirect.
fn loops(route: Route<'_>, redirect: &Node) -> Diagnostic {
    let message = format!(
        "clones of {} leave out a redirect to the host and path that were asked for: it would lead a preview \
         host to itself for ever",
        route.id
    );
    let help = "nothing to do, unless tests need it: preview hosts are served by the listener that the entry names, \
                so there is no other scheme or port to send clients to";
    Diagnostic::new(&code::DROPPED, message, help).at(redirect.place, "left out of clones")
}

/// The finding that no rule of a route applies at a preview host.
fn nothing_holds(route: Route<'_>) -> Diagnostic {
    let reader = reader(route.api);
    let only_redirects = route.rules().iter().all(|rule| !reader.redirects(rule).is_empty());
    let (message, label) = match only_redirects {
        true => (
            format!("{} only redirects to another scheme and is not cloned", route.id),
            "would redirect a preview host to itself",
        ),
        false => (
            format!("no rule of {} applies at the listeners that the entry stands for", route.id),
            "has no preview host",
        ),
    };
    let help = "nothing to do: preview hosts are served by the listener that the entry names, and do what \
                original hosts do for clients with TLS";
    Diagnostic::new(&code::DROPPED, message, help).at(route.place(), label)
}
