//! Decisions: what each preview copies and why, which hosts need an alias, and which rules are derived.
//!
//! In go the catalogue of the baseline and the configuration, out comes a [`Plan`]. It holds no objects of our own
//! yet, and nothing behind it decides anything.

mod access;
mod access_check;
mod accounts;
mod bound;
mod callers;
mod changes;
mod closure;
mod copied;
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
mod needs;
mod patch;
mod peers;
pub(crate) mod policies;
mod propagation;
mod quota;
pub(crate) mod routing;
mod secrets;
mod service_links;
mod shared;
mod sidecars;
mod storage;
pub mod treatment;
mod unsaid;

use std::collections::BTreeMap;
use std::sync::Mutex;

pub(crate) use access::applies_to_some as subject_applies;
pub(crate) use changes::Value;
pub(crate) use environment::{Alias, Body, Copied, Environment, Room};
pub(crate) use forks::check_suites as check_suites_of_forks;

use closure::CopyIndex;
use needs::Finder;
use rayon::prelude::*;

use crate::diagnostic::{Diagnostic, Report, code};
use crate::limits::{OutputLimits, WorkBudget, flag, or_raise};
use crate::model::{Catalog, Mesh};
use crate::spec::{Config, Dependencies};

/// Everything that will be emitted, decided.
#[derive(Debug)]
pub struct Plan<'a> {
    /// What the user wrote.
    pub config: &'a Config,
    /// The baseline.
    pub catalog: &'a Catalog<'a>,
    /// One per preview, in the order of their names.
    pub environments: Vec<Environment<'a>>,
    /// Which rule of which host is derived for which preview.
    pub routing: routing::Routing<'a>,
    /// What becomes of policies.
    pub(crate) policies: policies::Policies<'a>,
}

impl<'a> Plan<'a> {
    /// Whether a room has a Sidecar of ours, which keeps its proxies small. A cluster without Istio would refuse it,
    /// and everything that is applied with it.
    pub(crate) fn has_sidecar(&self, room: &Room<'a>) -> bool {
        self.config.previews.spec.dependencies == Dependencies::Found
            && self.catalog.mesh == Mesh::Sidecars
            && !self.catalog.is_without_istio
            && !room.keeps_sidecar
    }

    /// The names that lead from a preview to the baseline.
    pub fn aliases(&self, env: &Environment<'a>) -> impl Iterator<Item = Alias<'a>> {
        // In ambient mode copies search the baseline's domain.
        let all = self.config.previews.spec.dependencies == Dependencies::All
            && self.catalog.mesh != Mesh::Ambient;
        let services = self.catalog.services().filter(move |_| all);
        let near = services.filter(|one| env.find_room(&one.object.id.namespace).is_some());
        let unaffected = near.filter(|service| !env.affected.contains(&service.id()));
        unaffected.map(Alias::Service).chain(env.aliases.iter().copied())
    }
}

/// Reports more aliases than previews may have together.
fn check_aliases(
    config: &Config,
    catalog: &Catalog<'_>,
    environments: &[Environment<'_>],
    report: &mut Report,
) {
    let spec = &config.previews.spec;
    if spec.dependencies != Dependencies::All || catalog.mesh == Mesh::Ambient {
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
    let most = spec.limits.aliases;
    if count > most as usize {
        report.push(config.finding(
            &code::ALIAS_LIMIT,
            "spec.limits.aliases",
            format!("all previews have {count} aliases, and spec.limits.aliases allows {most}"),
            "set `spec.dependencies: found`, which makes those alone that texts name or that are declared, \
             or raise the limit: an alias costs each sidecar that sees it 100 to 150 bytes",
        ));
    }
}

/// After this many previews it is seen whether there are too many mistakes to go on.
const TOGETHER: usize = 1_000;

/// Plans what each of the previews that `wanted` accepts consists of, in the order of their names.
fn plan_environments<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    limits: &OutputLimits,
    wanted: impl Fn(&str) -> bool,
    report: &mut Report,
) -> Vec<Environment<'a>> {
    let mut order: Vec<usize> = (0..config.previews.spec.previews.len())
        .filter(|&index| wanted(&config.previews.spec.previews[index].name))
        .collect();
    order.sort_by_key(|&index| &config.previews.spec.previews[index].name);
    let finder = Finder::new(config, catalog, WorkBudget::new(limits));
    let mut findings = Mutex::new(Report::default());
    let mut environments = Vec::with_capacity(order.len());
    for some in order.chunks(TOGETHER) {
        let plan_one = |copy_index: &mut CopyIndex, &index: &usize| {
            let mut own = Report::default();
            let environment = closure::plan_preview(&finder, index, copy_index, &mut own);
            if !own.is_empty() {
                findings.lock().expect("no thread panics").absorb(own);
            }
            environment
        };
        let copy_index = || CopyIndex::of(catalog.objects().count());
        environments.par_extend(some.par_iter().map_init(copy_index, plan_one));
        let so_far = findings.get_mut().expect("no thread panics");
        so_far.settle();
        if so_far.is_full() {
            break;
        }
    }
    if finder.work.is_over() {
        // Where the threads stopped depends on timing, so nothing of it is kept.
        environments.clear();
        let most = limits.patch_nodes;
        report.push(Diagnostic::new(
            &code::OUTPUT_LIMIT,
            format!("the patches of all previews go through more values than the limit of {most}"),
            or_raise("have fewer previews with patches of their own", flag::PATCH_NODES),
        ));
    } else {
        report.absorb(findings.into_inner().expect("no thread panics"));
        finder.report_lacks(report);
    }
    environments
}

/// Plans the previews that `wanted` accepts. Findings of all of them are collected; the plan is complete only if none
/// of them is an error.
#[must_use]
pub(crate) fn plan<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    limits: &OutputLimits,
    wanted: impl Fn(&str) -> bool,
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
    access_check::check(&plan, report);
    forks::check(&plan, report);
    let copies = copied::Copies::of(&plan);
    membership::check(&plan, copies.originals(), report);
    unsaid::check(&plan, copies.originals(), report);
    bound::check(&plan, &copies, report);
    accounts::check(catalog, &copies, report);
    shared::check(&copies, report);
    service_links::check(&plan, &copies, report);
    peers::check(&plan, report);
    quota::check(&plan, &copies, report);
    plan
}
