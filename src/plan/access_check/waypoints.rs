//! Checks the policies that waypoints enforce, in ambient mode.
//!
//! A request that a waypoint sends to a copy has passed the policies of the called service. So these policies and their
//! siblings are tried with callers from previews. Direct calls to a copy bypass the waypoint. Only the guards of
//! `policies/waypoint.rs` restrict them, and guards cannot widen access.

use std::collections::BTreeMap;

use super::callers;
use super::evaluate::{Clauses, Enforcer, Requirements};
use super::outcomes::outcomes;
use super::{Checker, GROUP, KIND, findings, is_enforced, originals};
use crate::diagnostic::Diagnostic;
use crate::kube::Object;
use crate::model::waypoint::Waypoint;
use crate::model::{Mesh, Service};
use crate::plan::policies::is_enforced_by_waypoint;

/// Findings about the services with waypoints. Services under the same policies are checked once.
pub(super) fn check<'p, 'a: 'p>(checker: &'p Checker<'p, 'a>) -> Vec<Diagnostic> {
    let catalog = checker.plan.catalog;
    if catalog.mesh != Mesh::Ambient {
        return Vec::new();
    }
    let policies = catalog.of_kind(GROUP, KIND).filter(|policy| is_enforced(policy));
    let policies: Vec<&'a Object> = policies.collect();
    let mut groups: BTreeMap<Vec<usize>, (Vec<&'a Object>, &Service<'a>)> = BTreeMap::new();
    for service in catalog.services() {
        let Waypoint::Named(waypoint) = Waypoint::of(catalog, service.object) else { continue };
        let applies = |policy: &&'a Object| is_enforced_by_waypoint(policy, service, waypoint);
        let applied: Vec<&'a Object> = policies.iter().copied().filter(applies).collect();
        let numbers = applied.iter().map(|policy| policy.number).collect();
        groups.entry(numbers).or_insert((applied, service));
    }
    let groups = groups.values().filter(|(applied, _)| !checker.is_any_refused(applied));
    groups.flat_map(|(applied, service)| at_waypoint(checker, applied, service)).collect()
}

fn at_waypoint<'p, 'a: 'p>(
    checker: &'p Checker<'p, 'a>,
    applied: &[&'a Object],
    service: &Service<'a>,
) -> Vec<Diagnostic> {
    let selected = checker.plan.catalog.selected(service).map(|workload| workload.object);
    let workloads: Vec<&Object> = selected.collect();
    let first = workloads.first().map_or(usize::MAX, |workload| workload.number);
    let before = originals(applied);
    let now = checker.with_siblings(applied);
    let pairs = callers::representatives(checker, &workloads, &before);
    let mut requirements = Requirements::new(checker.comparisons);
    let [before, now] =
        [before, now].map(|policies| Clauses::of(&policies, Enforcer::Proxy, &mut requirements));
    let outcomes = outcomes([&before, &now], &pairs, &requirements);
    findings(&service.object.id.to_string(), first, &pairs, &outcomes)
}
