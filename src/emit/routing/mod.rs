//! Routes as objects: derived rules, attached copies, and clones of entries.

mod earlier;
mod entries;
mod gateway_api;
pub(super) mod istio;

use std::collections::BTreeMap;

pub(super) use earlier::left_to_others;
pub(super) use gateway_api::{Reaches, grants, reached};

use rayon::prelude::*;

use crate::kube::{Id, Object};
use crate::model::Catalog;
use crate::plan::routing::istio::{self as planned_istio, Source};
use crate::plan::routing::{Local, entries as planned_entries, gateway_api as planned};
use crate::plan::{Environment, Plan};

/// A route that some previews have alike, but for their names.
#[derive(Debug, Clone, Copy)]
pub(super) enum Route<'p> {
    /// Routes of a service and port in the mesh.
    Mesh(&'p planned::Table<'p>),
    /// A route attached to copies.
    Local(&'p Local<'p>),
    /// A way in from outside.
    Entry(&'p planned_entries::Clone<'p>),
}

impl<'p> Route<'p> {
    /// Every route of a plan.
    pub(super) fn all(plan: &'p Plan<'p>) -> Vec<Self> {
        let routing = &plan.routing;
        let mesh = routing.gateway_api.iter().map(Self::Mesh);
        let local = routing.local.iter().map(Self::Local);
        mesh.chain(local).chain(routing.entries.clones.iter().map(Self::Entry)).collect()
    }

    /// The previews that have it, by the index of their environment.
    pub(super) fn environments(self) -> &'p [usize] {
        match self {
            Self::Mesh(table) => &table.environments,
            Self::Local(local) => &local.environments,
            Self::Entry(clone) => &clone.environments,
        }
    }

    /// What it is for one of these.
    pub(super) fn objects(self, plan: &Plan<'_>, env: &Environment<'_>) -> Vec<Object> {
        match self {
            Self::Mesh(table) => gateway_api::mesh_routes(plan, env, table),
            Self::Local(local) if local.route.id.group == crate::kube::gateway::GROUP => {
                vec![gateway_api::attach(plan, env, local)]
            }
            Self::Local(local) => istio::attach(plan, env, local).into_iter().collect(),
            Self::Entry(clone) => vec![entries::emit(plan, env, clone)],
        }
    }
}

/// The routes of no single preview, and the objects of the baseline that change. `form` makes the
/// VirtualService of a table.
pub(super) fn of_all<'p, D: From<Object> + Send>(
    plan: &Plan<'p>,
    form: impl Fn(&planned_istio::Table<'p>) -> D + Send + Sync,
) -> (Vec<D>, BTreeMap<Id, D>) {
    let (mut shared, mut changed) = (Vec::new(), BTreeMap::new());
    let tables = &plan.routing.istio;
    let made: Vec<D> = tables.par_iter().map(form).collect();
    for (table, object) in tables.iter().zip(made) {
        match table.source {
            Source::Own(original) => {
                changed.insert(original.id.clone(), object);
            }
            Source::Nothing | Source::Wildcard(_) => shared.push(object),
        }
    }
    shared.extend(left_to_others(plan).into_iter().map(D::from));
    // None of these is in the mesh, so none was extended.
    for &original in &plan.routing.entries.stripped {
        changed.insert(original.id.clone(), entries::strip(plan, original.clone()).into());
    }
    (shared, changed)
}

/// Where a route of a preview comes from, and where it stands.
struct Moved<'a> {
    env: &'a Environment<'a>,
    catalog: &'a Catalog<'a>,
    /// The namespace of the original, in which names without a namespace are meant.
    from: &'a str,
    /// The namespace the new route stands in.
    to: &'a str,
}
