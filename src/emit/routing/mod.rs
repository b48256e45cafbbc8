//! Makes routes: derived rules, routes attached to copies, and entry clones.
//!
//! [`plan::routing`](crate::plan::routing) decided which rules there are, and where each backend leads with which
//! weight. Each API has a folder here that writes this in its kinds.

mod baggage;
mod entries;
mod gateway_api;
pub(super) mod istio;

use std::collections::BTreeMap;

pub(super) use gateway_api::grants::{Grant, grants};

use rayon::prelude::*;

use super::template::Draft;
use crate::kube::{Id, Object, RouteApi};
use crate::model::Catalog;
use crate::plan::routing::entries::EntryClone;
use crate::plan::routing::gateway_api::PreviewRoutes;
use crate::plan::routing::istio::{HostRules, RuleSource};
use crate::plan::routing::{Attached, CopyRoute, MeshRoutes};
use crate::plan::{Environment, Plan};

/// A route that several previews have, except for their names.
#[derive(Debug, Clone, Copy)]
pub(super) enum PreviewRoute<'p> {
    /// Routes for a service and port in the mesh.
    Mesh(&'p PreviewRoutes<'p>),
    /// A route attached to copies.
    OfCopies(&'p CopyRoute<'p>),
    /// An entry clone: a way in from outside.
    Entry(&'p EntryClone<'p>),
}

impl<'p> PreviewRoute<'p> {
    /// All routes of a plan that belong to single previews.
    pub(super) fn all(plan: &'p Plan<'p>) -> Vec<Self> {
        let routing = &plan.routing;
        let mesh = routing.mesh.iter().filter_map(|routes| match routes {
            MeshRoutes::GatewayApi(routes) => Some(Self::Mesh(routes)),
            // In Istio one object has the rules of all previews.
            MeshRoutes::Istio(_) => None,
        });
        let of_copies = routing.copy_routes.iter().map(Self::OfCopies);
        mesh.chain(of_copies).chain(routing.entries.clones.iter().map(Self::Entry)).collect()
    }

    /// The previews that have it, as indices of environments.
    pub(super) fn environments(self) -> &'p [usize] {
        match self {
            Self::Mesh(routes) => &routes.environments,
            Self::OfCopies(copy_route) => &copy_route.environments,
            Self::Entry(clone) => &clone.environments,
        }
    }

    /// The objects of the route for one preview.
    pub(super) fn objects(self, plan: &Plan<'_>, env: &Environment<'_>) -> Vec<Object> {
        match self {
            Self::Mesh(routes) => gateway_api::mesh_routes(plan, env, routes),
            Self::OfCopies(copy_route) => vec![match &copy_route.attached {
                Attached::GatewayApi(attached) => {
                    gateway_api::attach(plan, env, copy_route, attached)
                }
                Attached::Istio(attached) => istio::attach(plan, env, copy_route, attached),
            }],
            Self::Entry(clone) => vec![match clone.way.route.api {
                RouteApi::GatewayApi => gateway_api::entry::clone(plan, env, clone),
                RouteApi::Istio => istio::entry::clone(plan, env, clone),
            }],
        }
    }
}

/// The routes that all previews share, new ones and changed ones of the baseline. `virtual_service` makes that of a
/// host.
pub(super) fn of_all_previews<'p, 'e>(
    plan: &Plan<'p>,
    virtual_service: impl Fn(&HostRules<'p>) -> Draft<'e> + Send + Sync,
) -> (Vec<Draft<'e>>, BTreeMap<Id, Draft<'e>>) {
    let (mut shared, mut changed) = (Vec::new(), BTreeMap::new());
    let all: Vec<&HostRules<'p>> = plan.routing.host_rules().collect();
    let made: Vec<Draft<'e>> = all.par_iter().map(|rules| virtual_service(rules)).collect();
    for (rules, object) in all.into_iter().zip(made) {
        match rules.source {
            RuleSource::Existing(original) => {
                changed.insert(original.id.clone(), object);
            }
            RuleSource::Nothing | RuleSource::Wildcard(_) => shared.push(object),
        }
    }
    let left = plan.routing.left_to_others.iter();
    shared.extend(left.map(|earlier| Draft::from(istio::without_rules(plan, earlier))));
    // None of these is among the extended ones, because they are not for the mesh.
    for route in &plan.routing.entries.stripped {
        let stripped = match route.api {
            RouteApi::GatewayApi => gateway_api::entry::strip(plan, route.object),
            RouteApi::Istio => istio::entry::strip(plan, route.object),
        };
        changed.insert(route.object.id.clone(), stripped.into());
    }
    (shared, changed)
}

/// The namespaces that a route moves between.
struct Moved<'a> {
    env: &'a Environment<'a>,
    catalog: &'a Catalog<'a>,
    /// The namespace of the original, which names without a namespace mean.
    from: &'a str,
    /// The namespace of the new route.
    to: &'a str,
}

impl<'a> Moved<'a> {
    /// A route in the namespace of its original.
    fn beside(plan: &'a Plan<'a>, env: &'a Environment<'a>, original: &'a Object) -> Self {
        let namespace = original.id.namespace.as_str();
        Self { env, catalog: plan.catalog, from: namespace, to: namespace }
    }

    /// A route that is attached to copies.
    fn inside(plan: &'a Plan<'a>, env: &'a Environment<'a>, copy_route: &'a CopyRoute<'a>) -> Self {
        let to = &env.room(copy_route.home).namespace;
        Self { to, ..Self::beside(plan, env, copy_route.route.object) }
    }
}
