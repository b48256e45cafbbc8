//! Policies that waypoints follow, in ambient mode, for the services that they serve.
//!
//! A call that a waypoint leads to a copy has passed the policies of the called service there, so these are tried with the
//! callers of previews, and with what is added beside them. A call straight to a copy passes none: what keeps such calls
//! back is made in `policies/waypoint.rs`, and can only refuse.

use std::collections::BTreeMap;

use super::callers::told_apart;
use super::evaluate::{Asks, Clauses, Followed, Follower};
use super::outcomes::outcomes;
use super::{GROUP, KIND, World, findings, is_enforced, original};
use crate::diagnostic::Diagnostic;
use crate::kube::Object;
use crate::model::waypoint::Waypoint;
use crate::model::{Mesh, Service};
use crate::plan::policies::waypoint_follows;

/// What is found at each service, where other policies hold for it than for those before.
pub(super) fn check<'p, 'a: 'p>(world: &'p World<'p, 'a>) -> Vec<Diagnostic> {
    let catalog = world.plan.catalog;
    if catalog.mesh != Mesh::Ambient {
        return Vec::new();
    }
    let policies = catalog.of_kind(GROUP, KIND).filter(|policy| is_enforced(policy));
    let policies: Vec<&'a Object> = policies.collect();
    let mut groups: BTreeMap<Vec<usize>, (Vec<&'a Object>, &Service<'a>)> = BTreeMap::new();
    for service in catalog.services() {
        let Waypoint::Named(waypoint) = Waypoint::of(catalog, service.object) else { continue };
        let follows = |policy: &&'a Object| waypoint_follows(policy, service, waypoint);
        let followed: Vec<&'a Object> = policies.iter().copied().filter(follows).collect();
        let numbers = followed.iter().map(|policy| policy.number).collect();
        groups.entry(numbers).or_insert((followed, service));
    }
    let refused = &world.plan.policies.refused;
    let of_group = |(followed, service): &(Vec<&'a Object>, &Service<'a>)| match followed
        .iter()
        .any(|policy| refused.contains(&policy.number))
    {
        true => Vec::new(),
        false => at_waypoint(world, followed, service),
    };
    groups.values().flat_map(of_group).collect()
}

fn at_waypoint<'p, 'a: 'p>(
    world: &'p World<'p, 'a>,
    followed: &[&'a Object],
    service: &Service<'a>,
) -> Vec<Diagnostic> {
    let selected = world.plan.catalog.selected(service).map(|workload| workload.object);
    let workloads: Vec<&Object> = selected.collect();
    let own = workloads.first().map_or(usize::MAX, |workload| workload.number);
    let before: Vec<Followed<'p>> = followed.iter().map(|policy| original(policy)).collect();
    let now = world.with_siblings(followed);
    let pairs = told_apart(world, &workloads, &before);
    let mut asks = Asks::default();
    let [before, now] =
        [before, now].map(|policies| Clauses::of(&policies, Follower::Proxy, &mut asks));
    let outcomes = outcomes([&before, &now], &pairs, &asks);
    findings(&service.object.id.to_string(), own, &pairs, &outcomes)
}
