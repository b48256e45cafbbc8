//! Decides what each preview copies and why, which hosts need an alias, and which routing rules are derived.
//!
//! In go the [`Catalog`] of the baseline and the configuration, out comes a [`Plan`]. It holds no objects of our own,
//! and the stages behind this one decide nothing. Some modules decide what is in the plan. The others only look at it,
//! or at what it is made of, and report:
//!
//! | modules that decide | what |
//! |---|---|
//! | `closure`, `environment` | what a preview copies, for which services, and into which namespaces |
//! | `requirements`, with `access`, `bound`, `monitors`, `secrets`, `sidecars` | what a copy needs besides itself |
//! | `hosts` | which hosts copies call, and so which aliases they need |
//! | `changes`, `patch` | how a copy differs from its original |
//! | `policies` | what becomes of policies |
//! | `routing` | which rules are derived for which preview |
//!
//! | modules that report | about |
//! |---|---|
//! | `judge`, `quota` | what a patch may not do, and what a quota would refuse |
//! | `lacks`, `storage`, `unsubstituted` | what copies need and cannot have |
//! | `access_check`, `accounts`, `bound`, `forks` | who may call or read what, in previews and because of them |
//! | `membership`, with `injection` and `callers` | pods that the mesh does not reach |
//! | `peers`, `propagation`, `service_links` | calls that leave a preview or lose the key |
//! | `shared` | what a copy shares with its original |
//!
//! `bound` does both. `few`, `naming` and `originals` help both, and `treatment` makes tables of the guide from lists that
//! are used here.

mod access;
mod access_check;
mod accounts;
mod bound;
mod callers;
mod changes;
mod closure;
mod environment;
mod few;
mod forks;
mod hosts;
mod injection;
mod judge;
mod lacks;
mod membership;
mod monitors;
pub(crate) mod naming;
mod originals;
mod patch;
mod peers;
pub(crate) mod policies;
mod propagation;
mod quota;
mod requirements;
pub(crate) mod routing;
mod secrets;
mod service_links;
mod shared;
mod sidecars;
mod storage;
pub mod treatment;
mod unsubstituted;

use std::collections::BTreeMap;
use std::sync::Mutex;

pub(crate) use access::applies_to_some as subject_applies;
pub(crate) use changes::Value;
pub(crate) use environment::{Alias, Body, Copied, Environment, Room};
pub(crate) use forks::check_suites as check_suites_of_forks;

use closure::CopyIndex;
use rayon::prelude::*;
use requirements::Finder;

use crate::diagnostic::{Diagnostic, Report, code};
use crate::limits::{OutputLimits, WorkBudget, flag, or_raise};
use crate::model::{Catalog, Mesh};
use crate::spec::{Config, Dependencies};

/// All decisions about the previews, for `emit` to write down.
#[derive(Debug)]
pub(crate) struct Plan<'a> {
    /// The configuration that was planned.
    pub(crate) config: &'a Config,
    /// The baseline.
    pub(crate) catalog: &'a Catalog<'a>,
    /// The plan of each preview, sorted by name.
    pub(crate) environments: Vec<Environment<'a>>,
    /// The rules that are derived for previews, by host.
    pub(crate) routing: routing::Routing<'a>,
    /// What happens to the policies of the baseline.
    pub(crate) policies: policies::Policies<'a>,
}

impl<'a> Plan<'a> {
    /// Whether a room gets a Sidecar of ours, which keeps its proxies small. Without Istio a cluster would refuse it, and
    /// with it everything in the same Kustomization.
    pub(crate) fn has_sidecar(&self, room: &Room<'a>) -> bool {
        self.config.previews.spec.dependencies == Dependencies::Found
            && self.catalog.mesh == Mesh::Sidecars
            && !self.catalog.is_without_istio
            && !room.keeps_sidecar
    }

    /// The names in a preview that lead to services of the baseline.
    pub(crate) fn aliases(&self, env: &Environment<'a>) -> impl Iterator<Item = Alias<'a>> {
        let all = has_all_aliases(self.config, self.catalog);
        let services = self.catalog.services().filter(move |_| all);
        let near = services.filter(|one| env.find_room(&one.object.id.namespace).is_some());
        let unaffected = near.filter(|service| !env.affected.contains(&service.id()));
        unaffected.map(Alias::Service).chain(env.aliases.iter().copied())
    }
}

/// Whether a preview has an alias for every service of the baseline that it does not affect. In ambient mode it needs
/// none: copies search the baseline's domain.
fn has_all_aliases(config: &Config, catalog: &Catalog<'_>) -> bool {
    config.previews.spec.dependencies == Dependencies::All && catalog.mesh != Mesh::Ambient
}

/// Reports if all previews together have more aliases than `spec.limits.aliases`.
fn check_aliases(
    config: &Config,
    catalog: &Catalog<'_>,
    environments: &[Environment<'_>],
    report: &mut Report,
) {
    if !has_all_aliases(config, catalog) {
        return;
    }
    let mut services: BTreeMap<&str, usize> = BTreeMap::new();
    for service in catalog.services() {
        *services.entry(service.object.id.namespace.as_str()).or_default() += 1;
    }
    let of_one = |env: &Environment<'_>| {
        let near = env.rooms.iter().filter_map(|room| services.get(room.baseline));
        near.sum::<usize>() - env.affected.len() + env.aliases.len()
    };
    let count: usize = environments.iter().map(of_one).sum();
    let limit = config.previews.spec.limits.aliases;
    if count > limit as usize {
        report.push(config.finding(
            &code::ALIAS_LIMIT,
            "spec.limits.aliases",
            format!("all previews have {count} aliases, and spec.limits.aliases allows {limit}"),
            "set `spec.dependencies: found`, which makes only aliases for names that texts use or services declare, \
             or raise the limit: an alias costs each sidecar that sees it 100 to 150 bytes",
        ));
    }
}

/// Previews are planned in groups of this size. Planning stops after a group that fills the report.
const GROUP: usize = 1_000;

/// Plans each preview whose name `wanted` accepts, sorted by name.
fn plan_environments<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    limits: &OutputLimits,
    wanted: &dyn Fn(&str) -> bool,
    report: &mut Report,
) -> Vec<Environment<'a>> {
    let mut order: Vec<usize> = (0..config.previews.spec.previews.len())
        .filter(|&index| wanted(&config.previews.spec.previews[index].name))
        .collect();
    order.sort_unstable_by_key(|&index| &config.previews.spec.previews[index].name);
    let finder = Finder::new(config, catalog, WorkBudget::new(limits));
    let mut findings = Mutex::new(Report::default());
    let mut environments = Vec::with_capacity(order.len());
    for group in order.chunks(GROUP) {
        let plan_one = |copy_index: &mut CopyIndex, &index: &usize| {
            let mut of_preview = Report::default();
            let environment = closure::plan_preview(&finder, index, copy_index, &mut of_preview);
            if !of_preview.is_empty() {
                findings.lock().expect("no thread panics").absorb(of_preview);
            }
            environment
        };
        let copy_index = || CopyIndex::of(catalog.objects().count());
        environments.par_extend(group.par_iter().map_init(copy_index, plan_one));
        let so_far = findings.get_mut().expect("no thread panics");
        so_far.settle();
        if so_far.is_full() {
            break;
        }
    }
    if finder.work.is_over() {
        // Timing decides where the threads stopped, so nothing they made is kept.
        environments.clear();
        let limit = limits.patch_nodes;
        report.push(Diagnostic::new(
            &code::OUTPUT_LIMIT,
            format!("the patches of all previews go through more values than the limit of {limit}"),
            or_raise("have fewer previews with patches of their own", flag::PATCH_NODES),
        ));
    } else {
        report.absorb(findings.into_inner().expect("no thread panics"));
        finder.report_lacks(report);
    }
    environments
}

/// Plans the previews whose names `wanted` accepts. The plan is complete only if the report has no errors.
#[must_use]
pub(crate) fn plan<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    limits: &OutputLimits,
    wanted: &dyn Fn(&str) -> bool,
    report: &mut Report,
) -> Plan<'a> {
    let environments = plan_environments(config, catalog, limits, wanted, report);
    check_aliases(config, catalog, &environments, report);
    let (mut left_behind, mut of_routes) = (Report::default(), Report::default());
    let ((), routing) = rayon::join(
        || policies::check_left_behind(config, catalog, &environments, &mut left_behind),
        || routing::plan(config, catalog, &environments, limits, &mut of_routes),
    );
    report.absorb(left_behind);
    report.absorb(of_routes);
    propagation::check(config, catalog, &environments, report);
    let policies = policies::plan(config, catalog, &environments, &routing, report);
    let plan = Plan { config, catalog, environments, routing, policies };
    policies::check_preview_hosts(&plan, report);
    access_check::check(&plan, limits, report);
    forks::check(&plan, report);
    let originals = originals::Originals::of(&plan);
    membership::check(&plan, originals.all(), report);
    unsubstituted::check(&plan, originals.all(), report);
    bound::check(&plan, &originals, report);
    accounts::check(catalog, &originals, report);
    shared::check(&originals, report);
    service_links::check(&plan, &originals, report);
    peers::check(&plan, report);
    quota::check(&plan, &originals, report);
    plan
}
