//! Decides which rules of the routes of a service and port are derived for previews, and in which order.
//!
//! A derived rule has one header more than its original, so it takes precedence over it. It may also take precedence
//! over another rule that outranked the original. That rule is then derived too.

use super::super::planner::Planning;
use super::super::swap::Swapped;
use super::super::{RouteIndex, carries_key, matches_key};
use super::Rule;
use super::precedence::{Condition, Precedence, precedence};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::gateway::RouteKind;
use crate::kube::{Object, RouteApi};
use crate::model::ServiceName;
use crate::model::route::Route;
use crate::model::route::gateway_api::rules;
use crate::yaml::Node;

/// One match of one rule, with what decides precedence.
pub(super) struct Match<'a> {
    route: &'a Object,
    rule: &'a Node,
    node: Option<&'a Node>,
    precedence: Precedence,
    condition: Condition<'a>,
}

/// Every match of every rule of one host and port, in the order of route and rule.
pub(super) struct Rules<'a> {
    pub(super) matches: Vec<Match<'a>>,
}

impl<'a> Rules<'a> {
    pub(super) fn of(routes: &[&'a Object]) -> Self {
        let mut matches = Vec::new();
        for route in routes {
            let kind = RouteKind::of(route);
            for rule in rules(route) {
                let list = rule.items_at(&["matches"]);
                let nodes: Vec<Option<&'a Node>> =
                    if list.is_empty() { vec![None] } else { list.iter().map(Some).collect() };
                for node in nodes {
                    let (precedence, condition) = (precedence(node, kind), Condition::new(node));
                    matches.push(Match { route, rule, node, precedence, condition });
                }
            }
        }
        Self { matches }
    }

    /// The rules to derive for previews that affect these services, which are sorted: rules with one of them as a
    /// backend, and rules that must go on outranking these.
    pub(super) fn derive(
        &self,
        to: &mut Planning<'_, 'a, '_>,
        affected: &[ServiceName<'_>],
    ) -> Vec<Rule<'a>> {
        let index = to.index;
        let is_copied = |name: ServiceName<'_>| {
            affected.binary_search(&name).is_ok() && !index.is_unrouted(name)
        };
        let swapped = |one: &Match<'a>| {
            let route = Route { api: RouteApi::GatewayApi, object: one.route };
            Swapped::of(one.rule, route, index.catalog, is_copied)
        };
        let mut derived: Vec<bool> =
            self.matches.iter().map(|one| swapped(one).chooses_copy()).collect();
        if !derived.contains(&true) {
            return Vec::new();
        }
        self.add_outranking(&mut derived, &mut to.routing.pairs);
        let mut order: Vec<usize> = (0..self.matches.len()).filter(|&i| derived[i]).collect();
        order.sort_by(|&a, &b| {
            self.matches[b].precedence.cmp(&self.matches[a].precedence).then(a.cmp(&b))
        });
        let mut rules: Vec<Rule<'a>> = Vec::new();
        for number in order {
            let one = &self.matches[number];
            check_key(index, one, to.report);
            match rules.last_mut() {
                Some(Rule::Derived { rule, matches }) if std::ptr::eq(rule.rule, one.rule) => {
                    matches.push(one.node);
                }
                _ => rules.push(Rule::Derived { rule: swapped(one), matches: vec![one.node] }),
            }
        }
        rules
    }

    /// Marks the matches that must go on outranking derived ones. They get the key as well, so further matches may have
    /// to outrank them in turn. Counts the compared pairs.
    fn add_outranking(&self, derived: &mut [bool], pairs: &mut usize) {
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
    }

    /// Whether `index` outranks `other` in the baseline, but would not once `other` has the key.
    fn must_stay_ahead(&self, index: usize, other: usize) -> bool {
        let (ahead, behind) = (&self.matches[index], &self.matches[other]);
        let outranks = ahead.precedence > behind.precedence
            || ahead.precedence == behind.precedence && index < other;
        outranks
            && ahead.precedence <= behind.precedence.with_key()
            && ahead.condition.may_overlap(&behind.condition)
    }

    /// Warns if the age of two routes decides between their rules.
    pub(super) fn check_order(&self, service: &str, report: &mut Report) {
        let mut pairs = self.matches.iter().enumerate().flat_map(|(index, first)| {
            self.matches[index + 1..].iter().map(move |second| (first, second))
        });
        if let Some((first, second)) = pairs.find(|(first, second)| first.ties_with(second)) {
            let message = format!(
                "{} and {} have rules of equal precedence for {service}",
                first.route.id, second.route.id
            );
            let help = "put the two rules into one route, where their order is fixed";
            let finding = Diagnostic::new(&code::ROUTE_ORDER, message, help);
            let finding = finding.at(first.route.place(), "one rule is here");
            report.push(finding.also(second.route.place(), "the other here"));
        }
    }
}

impl Match<'_> {
    /// Whether only the age of two routes decides which of their rules a request follows.
    fn ties_with(&self, other: &Self) -> bool {
        self.precedence == other.precedence
            && self.route.id != other.route.id
            && self.condition.may_overlap(&other.condition)
            && self.rule != other.rule
    }
}

/// Reports a match that the key cannot be added to: it has the key's header already, or as many headers as are allowed.
fn check_key(index: &RouteIndex<'_, '_>, one: &Match<'_>, report: &mut Report) {
    let key = &index.config.previews.spec.routing.key;
    let headers = one.node.map(|node| node.items_at(&["headers"])).unwrap_or_default();
    for header in headers {
        let name = header.text_at(&["name"]).unwrap_or_default();
        if carries_key(key, name) {
            let label = "a match can name a header only once";
            report.push(matches_key(one.route, name, header.place, label));
        }
    }
    if headers.len() >= 16 {
        report.push(
            Diagnostic::new(
                &code::ROUTE_LIMIT,
                format!("{} has a match of 16 headers: there is no room for the key", one.route.id),
                "split the match, or match fewer headers",
            )
            .at(one.node.map_or(one.route.place(), |node| node.place), "16 headers"),
        );
    }
}
