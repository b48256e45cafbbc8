//! Routes as objects: derived rules, attached copies, and clones of entries.

mod entries;
mod gateway_api;
mod istio;

use std::collections::BTreeMap;

pub(super) use gateway_api::{Reaches, grants, mesh_routes, reached};

use crate::kube::{Id, Object};
use crate::plan::routing::{Local, entries as planned_entries, gateway_api as planned};
use crate::plan::{Environment, Plan};

/// What of the routing plan belongs to which preview, by the index of its environment.
#[derive(Debug)]
pub(super) struct ByPreview<'p> {
    tables: Vec<Vec<&'p planned::Table<'p>>>,
    locals: Vec<Vec<&'p Local<'p>>>,
    clones: Vec<Vec<&'p planned_entries::Clone<'p>>>,
}

impl<'p> ByPreview<'p> {
    pub(super) fn new(plan: &'p Plan<'p>) -> Self {
        let count = plan.environments.len();
        let routing = &plan.routing;
        Self {
            tables: by_index(count, &routing.gateway_api, |table| table.environment),
            locals: by_index(count, &routing.local, |local| local.environment),
            clones: by_index(count, &routing.entries.clones, |clone| clone.environment),
        }
    }

    /// The tables of a preview.
    pub(super) fn tables(&self, index: usize) -> &[&'p planned::Table<'p>] {
        &self.tables[index]
    }

    /// The routes that are attached to the copies of a preview, and its ways in.
    pub(super) fn others(
        &self,
        plan: &Plan<'_>,
        env: &Environment<'_>,
        index: usize,
    ) -> Vec<Object> {
        let locals = self.locals[index].iter().map(|local| match local.route.id.group.as_str() {
            crate::kube::gateway::GROUP => gateway_api::attach(plan, env, local),
            _ => istio::attach(plan, env, local),
        });
        let clones = self.clones[index].iter().map(|clone| entries::emit(plan, clone));
        locals.chain(clones).collect()
    }
}

fn by_index<T>(count: usize, items: &[T], index: impl Fn(&T) -> usize) -> Vec<Vec<&T>> {
    let mut found: Vec<Vec<&T>> = Vec::new();
    found.resize_with(count, Vec::new);
    for item in items {
        found[index(item)].push(item);
    }
    found
}

/// The routes of no single preview, and the objects of the baseline that change.
pub(super) fn of_all(plan: &Plan<'_>) -> (Vec<Object>, BTreeMap<Id, Object>) {
    let (shared, mut changed) = istio::emit(plan);
    entries::strip_originals(plan, &mut changed);
    (shared, changed)
}

/// Which backends of a rule become those of a preview, and how the others are written.
struct Swap<'a> {
    plan: &'a Plan<'a>,
    env: &'a Environment<'a>,
    /// The namespace of the original, in which names without a namespace are meant.
    home: &'a str,
    /// The namespace the new route stands in.
    stands_in: &'a str,
    /// Calls from inside the preview reach copies of `unrouted` services too.
    inside: bool,
}

impl Swap<'_> {
    /// Whether a service of a namespace has a copy that this route must choose.
    fn applies(&self, service: &str, namespace: &str) -> bool {
        namespace == self.plan.catalog.namespace
            && self.env.affected.contains(service)
            && (self.inside || !self.is_unrouted(service))
    }

    fn is_unrouted(&self, service: &str) -> bool {
        let facts = &self.plan.config.previews.spec.services;
        facts.iter().any(|facts| facts.name == service && facts.unrouted)
    }
}

/// Where a rule splits between copies and others, the copies get all of it and keep their
/// proportion; equal shares where all of them have weight 0. Items without copies stay.
fn settle_weights<T>(
    mut items: Vec<T>,
    is_copy: impl Fn(&T) -> bool,
    weight: impl Fn(&T) -> i64,
    set_weight: impl Fn(&mut T, i64),
) -> Vec<T> {
    let copies = items.iter().filter(|item| is_copy(item)).count();
    if copies == 0 || copies == items.len() {
        return items;
    }
    items.retain(|item| is_copy(item));
    if items.iter().all(|item| weight(item) == 0) {
        items.iter_mut().for_each(|item| set_weight(item, 1));
    }
    items
}
