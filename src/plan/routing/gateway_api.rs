//! Gateway API in the mesh: which rules of a service's HTTPRoutes or GRPCRoutes are derived.
//!
//! Precedence decides: exact path, longest prefix, method, number of headers, number of query
//! parameters. A derived rule has one header more than its original, so it wins against it, and may
//! win against another rule that used to outrank it: that one is then cloned with the key as well.
//! See <https://gateway-api.sigs.k8s.io/reference/spec/#httprouterule>.

use std::collections::{BTreeMap, BTreeSet};

use super::precedence::{Condition, Rank, rank};
use super::swap::Swapped;
use super::{Routing, Table as Tables, alike};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, gateway::GROUP};
use crate::model::route::gateway_api::{
    backends, dropped, ignored_parent, port_of, rules, service_backend, service_parents,
};
use crate::model::{Catalog, Home, Service};
use crate::yaml::Node;

/// The routes of one service and port that are made for each of some previews.
#[derive(Debug)]
pub struct Table<'a> {
    /// The previews, by the index of their environment. Of the services that a rule chooses they
    /// affect the same.
    pub environments: Vec<usize>,
    /// The service whose host is routed.
    pub service: &'a Service<'a>,
    /// The port in parentRefs; none where the service's own routes have none.
    pub port: Option<u16>,
    /// Whether the port belongs into the name, because the service has several.
    pub port_in_name: bool,
    /// `HTTPRoute` or `GRPCRoute`.
    pub kind: &'static str,
    /// The rules, the more important first.
    pub rules: Vec<Rule<'a>>,
}

/// A rule to make.
#[derive(Debug, Clone)]
pub enum Rule<'a> {
    /// An existing rule and the key, for these of its matches; affected backends are swapped.
    Derived {
        /// The rule.
        rule: Swapped<'a>,
        /// Its matches; none: it has none written.
        matches: Vec<Option<&'a Node>>,
    },
    /// Requests with the key go to the preview's copy at this port.
    Preview(u16),
    /// Everything else goes to the baseline at this port.
    Baseline(u16),
}

impl Rule<'_> {
    /// What it counts as where rules are limited: itself, its matches and its backends.
    fn weight(&self) -> usize {
        match self {
            Self::Derived { rule, matches } => 1 + matches.len() + backends(rule.rule).len(),
            Self::Preview(_) | Self::Baseline(_) => 3,
        }
    }
}

/// Mesh routes of the baseline's namespace, by the service they are attached to.
#[derive(Debug, Default)]
pub struct Attached<'a> {
    by_service: BTreeMap<&'a str, Vec<(&'a Object, Option<u16>)>>,
}

impl<'a> Attached<'a> {
    /// The routes of a service, each with the port of its parentRef.
    pub(super) fn of(&self, service: &str) -> &[(&'a Object, Option<u16>)] {
        self.by_service.get(service).map(Vec::as_slice).unwrap_or_default()
    }

    /// Every service of the baseline that a rule of this service's routes chooses.
    pub(super) fn backends(&self, service: &str, home: Home<'a>) -> BTreeSet<&'a str> {
        self.of(service).iter().flat_map(|(route, _)| chosen(route, home)).collect()
    }
}

/// The services of the baseline that a route chooses.
pub(super) fn chosen<'a>(route: &'a Object, home: Home<'a>) -> impl Iterator<Item = &'a str> {
    let all = rules(route).iter().flat_map(backends);
    all.filter_map(move |backend| service_backend(backend, route, home))
}

/// Finds the routes that are attached to Services of the baseline, those left out that Istio does not
/// follow.
pub(super) fn attached<'a>(catalog: &'a Catalog<'a>) -> Attached<'a> {
    let mut found = Attached::default();
    for kind in ["HTTPRoute", "GRPCRoute"] {
        for route in catalog.own(GROUP, kind).filter(|route| dropped(route).is_none()) {
            for (service, port) in followed_parents(route, catalog) {
                found.by_service.entry(service).or_default().push((route, port));
            }
        }
    }
    found
}

/// The Services that a route is attached to in the mesh, each with the port of its parentRef. Several parentRefs
/// may say the same: Istio does not look at their `sectionName`, and the baseline's namespace need not be written.
pub(crate) fn followed_parents<'a>(
    route: &'a Object,
    catalog: &Catalog<'a>,
) -> Vec<(&'a str, Option<u16>)> {
    let mut seen = BTreeSet::new();
    let followed = service_parents(route, catalog.namespace).filter(|parent| {
        ignored_parent(parent, route, catalog.home, |name| catalog.service(name)).is_none()
    });
    followed
        .filter_map(|parent| Some((parent.text_at(&["name"])?, port_of(parent))))
        .filter(|parent| seen.insert(*parent))
        .collect()
}

/// The services of the baseline to which other sets have attached routes, each with one of these.
pub(super) fn attached_by_others<'a>(catalog: &'a Catalog<'a>) -> BTreeMap<&'a str, &'a Object> {
    let routes = catalog.others().iter().filter(|object| object.id.group == GROUP);
    let named = |route| {
        let parents = service_parents(route, catalog.namespace);
        parents.filter_map(move |parent| Some((parent.text_at(&["name"])?, route)))
    };
    routes.flat_map(named).collect()
}

/// Plans the routes of one service for the previews that are involved.
pub(super) fn plan<'a>(
    tables: &Tables<'a, '_>,
    service: &'a Service<'a>,
    involved: &[usize],
    routing: &mut Routing<'a>,
    found: &mut Report,
) {
    let mut groups: BTreeMap<Option<u16>, Vec<&'a Object>> = BTreeMap::new();
    for (route, port) in tables.routes.of(service.name()) {
        groups.entry(*port).or_default().push(route);
    }
    let chosen = tables.routes.backends(service.name(), tables.catalog.home);
    let alike = alike(tables.environments, involved.iter().copied(), &chosen);
    for (port, routes) in &groups {
        let list = Rules::of(routes);
        routing.pairs += list.matches.len().pow(2) / 2;
        if routing.over(tables.limits).is_some() {
            return;
        }
        list.check_order(service.name(), found);
        for (affected, environments) in &alike {
            let rules = list.derive(tables, affected, &mut routing.pairs, found);
            if rules.is_empty() {
                continue;
            }
            routing.rules += rules.iter().map(Rule::weight).sum::<usize>() * environments.len();
            if routing.over(tables.limits).is_some() {
                return;
            }
            routing.gateway_api.push(Table {
                environments: environments.clone(),
                service,
                port: *port,
                port_in_name: port.is_some() && service.ports.len() > 1,
                kind: if routes[0].id.kind == "GRPCRoute" { "GRPCRoute" } else { "HTTPRoute" },
                rules,
            });
        }
    }
    if groups.contains_key(&None) || tables.is_unrouted(service.name()) {
        return;
    }
    for port in service.ports.iter().filter(|port| port.protocol.is_routable()) {
        if groups.contains_key(&Some(port.number)) {
            continue;
        }
        let environments: Vec<usize> =
            tables.affecting.get(service.name()).cloned().unwrap_or_default();
        if !environments.is_empty() {
            routing.rules += 2 * Rule::Preview(port.number).weight() * environments.len();
            routing.gateway_api.push(Table {
                environments,
                service,
                port: Some(port.number),
                port_in_name: service.ports.len() > 1,
                kind: "HTTPRoute",
                rules: vec![Rule::Preview(port.number), Rule::Baseline(port.number)],
            });
        }
    }
}

/// One match of one rule, with what decides precedence.
struct Match<'a> {
    route: &'a Object,
    rule: &'a Node,
    node: Option<&'a Node>,
    rank: Rank,
    condition: Condition<'a>,
}

/// Every match of every rule of one host and port, in the order of route and rule.
struct Rules<'a> {
    matches: Vec<Match<'a>>,
}

impl<'a> Rules<'a> {
    fn of(routes: &[&'a Object]) -> Self {
        let mut matches = Vec::new();
        for route in routes {
            let grpc = route.id.kind == "GRPCRoute";
            for rule in rules(route) {
                let list = rule.get("matches").map(Node::items).unwrap_or_default();
                let nodes: Vec<Option<&'a Node>> =
                    if list.is_empty() { vec![None] } else { list.iter().map(Some).collect() };
                for node in nodes {
                    let (rank, condition) = (rank(node, grpc), Condition::new(node));
                    matches.push(Match { route, rule, node, rank, condition });
                }
            }
        }
        Self { matches }
    }

    /// The rules to derive for previews that affect these services, which are in order: those that
    /// choose one of them, and those that must go on outranking them. Counts the pairs it compares.
    fn derive(
        &self,
        tables: &Tables<'a, '_>,
        affected: &[&str],
        pairs: &mut usize,
        found: &mut Report,
    ) -> Vec<Rule<'a>> {
        let home = tables.catalog.home;
        let is_copied =
            |name: &str| affected.binary_search(&name).is_ok() && !tables.is_unrouted(name);
        let swapped = |one: &Match<'a>| Swapped::rule(one.rule, one.route, home, is_copied);
        let mut derived: Vec<bool> =
            self.matches.iter().map(|one| swapped(one).chooses_copy()).collect();
        if !derived.contains(&true) {
            return Vec::new();
        }
        // A clone has one header more as well, so it may need clones in turn.
        let mut new: Vec<usize> = (0..derived.len()).filter(|&index| derived[index]).collect();
        while let Some(other) = new.pop() {
            *pairs += derived.len();
            for (index, is_derived) in derived.iter_mut().enumerate() {
                if !*is_derived && self.must_stay_ahead(index, other) {
                    *is_derived = true;
                    new.push(index);
                }
            }
        }
        let mut order: Vec<usize> = (0..self.matches.len()).filter(|&i| derived[i]).collect();
        order.sort_by(|&a, &b| self.matches[b].rank.cmp(&self.matches[a].rank).then(a.cmp(&b)));
        let mut rules: Vec<Rule<'a>> = Vec::new();
        for index in order {
            let one = &self.matches[index];
            self.check_key(tables, one, found);
            match rules.last_mut() {
                Some(Rule::Derived { rule, matches }) if std::ptr::eq(rule.rule, one.rule) => {
                    matches.push(one.node);
                }
                _ => rules.push(Rule::Derived { rule: swapped(one), matches: vec![one.node] }),
            }
        }
        rules
    }

    /// Whether `index` outranks `other` in the baseline, but would not once `other` has the key.
    fn must_stay_ahead(&self, index: usize, other: usize) -> bool {
        let (ahead, behind) = (&self.matches[index], &self.matches[other]);
        let outranks = ahead.rank > behind.rank || ahead.rank == behind.rank && index < other;
        let mut with_key = behind.rank;
        with_key.3 += 1;
        outranks && ahead.rank <= with_key && ahead.condition.may_overlap(&behind.condition)
    }

    /// A request header of the key's name cannot be matched twice in one match.
    fn check_key(&self, tables: &Tables<'a, '_>, one: &Match<'a>, found: &mut Report) {
        let key = &tables.config.previews.spec.routing.key;
        let headers = one.node.and_then(|node| node.get("headers")).map(Node::items);
        let headers = headers.unwrap_or_default();
        for header in headers {
            let name = header.text_at(&["name"]).unwrap_or_default().to_ascii_lowercase();
            if name == key.header || (!key.baggage.is_empty() && name == "baggage") {
                found.push(
                    Diagnostic::new(
                        &code::ROUTE_UNSUPPORTED,
                        format!(
                            "{} matches the header `{name}`, which is the key's own",
                            one.route.id
                        ),
                        "choose another spec.routing.key, or remove the match from the route",
                    )
                    .at(header.place, "a match can name a header only once"),
                );
            }
        }
        if headers.len() >= 16 {
            found.push(
                Diagnostic::new(
                    &code::ROUTE_LIMIT,
                    format!(
                        "{} has a match of 16 headers: there is no room for the key",
                        one.route.id
                    ),
                    "split the match, or match fewer headers",
                )
                .at(one.node.map_or(one.route.place(), |node| node.place), "16 headers"),
            );
        }
    }

    /// Warns where the age of two routes decides between their rules.
    fn check_order(&self, service: &str, found: &mut Report) {
        for (index, first) in self.matches.iter().enumerate() {
            for second in &self.matches[index + 1..] {
                if first.rank == second.rank
                    && first.route.id != second.route.id
                    && first.condition.may_overlap(&second.condition)
                    && first.rule != second.rule
                {
                    found.push(
                        Diagnostic::new(
                            &code::ROUTE_ORDER,
                            format!(
                                "{} and {} have rules of equal precedence for {service}",
                                first.route.id, second.route.id
                            ),
                            "put the two rules into one route, where their order is fixed",
                        )
                        .at(first.route.place(), "one rule is here")
                        .also(second.route.place(), "the other here"),
                    );
                    return;
                }
            }
        }
    }
}
