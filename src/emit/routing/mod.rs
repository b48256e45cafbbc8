//! Routes as objects: derived rules, attached copies, and clones of entries.

mod entries;
mod gateway_api;
mod istio;

use std::collections::BTreeMap;

use crate::kube::{Id, Object};
use crate::plan::Environment;
use crate::plan::Plan;

/// The routes of a plan.
#[derive(Debug, Default)]
pub(super) struct Routes {
    /// By the index of the preview's environment.
    pub(super) by_environment: BTreeMap<usize, Vec<Object>>,
    /// Of no single preview.
    pub(super) shared: Vec<Object>,
    /// Objects of the baseline that change.
    pub(super) changed: BTreeMap<Id, Object>,
}

impl Routes {
    fn add(&mut self, environment: usize, object: Object) {
        self.by_environment.entry(environment).or_default().push(object);
    }
}

/// Emits every route.
pub(super) fn emit(plan: &Plan<'_>) -> Routes {
    let mut routes = Routes::default();
    gateway_api::emit(plan, &mut routes);
    istio::emit(plan, &mut routes);
    entries::emit(plan, &mut routes);
    for (index, env) in plan.environments.iter().enumerate() {
        gateway_api::grants(plan, index, env, &mut routes);
    }
    routes
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
