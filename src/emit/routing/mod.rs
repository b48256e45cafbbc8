//! Routes as objects: derived rules, attached copies, and clones of entries.

mod entries;
mod gateway_api;
mod istio;

use std::collections::BTreeMap;

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
}

fn by_index<T>(count: usize, items: &[T], index: impl Fn(&T) -> usize) -> Vec<Vec<&T>> {
    let mut found: Vec<Vec<&T>> = Vec::new();
    found.resize_with(count, Vec::new);
    for item in items {
        found[index(item)].push(item);
    }
    found
}

/// The routes of one preview: derived rules, what is attached to its copies, its ways in, and the
/// grants that these need.
pub(super) fn of_preview(plan: &Plan<'_>, routes: &ByPreview<'_>, index: usize) -> Vec<Object> {
    let env = &plan.environments[index];
    let mut objects: Vec<Object> = Vec::new();
    for table in &routes.tables[index] {
        objects.extend(gateway_api::mesh_routes(plan, table));
    }
    for local in &routes.locals[index] {
        objects.push(match local.route.id.group.as_str() {
            crate::kube::gateway::GROUP => gateway_api::attach(plan, env, local),
            _ => istio::attach(plan, env, local),
        });
    }
    for clone in &routes.clones[index] {
        objects.push(entries::emit(plan, env, clone));
    }
    objects.extend(gateway_api::grants(plan, env, &objects));
    objects
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
