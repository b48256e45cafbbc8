//! ReferenceGrants: what lets routes of one namespace choose Services of another.
//!
//! In other namespaces than the preview's and the baseline's none is written: whoever owns them decides, and in
//! the mesh Istio does not ask for it.

use std::collections::BTreeSet;

use crate::emit::meta;
use crate::emit::routing::PreviewRoute;
use crate::kube::RouteApi;
use crate::kube::gateway::{GROUP, GrantFrom, GrantTo, ReferenceGrant, ReferenceGrantSpec};
use crate::kube::{Object, marks};
use crate::plan::routing::gateway_api::names_copy;
use crate::plan::routing::{Attached, entries::EntryClone};
use crate::plan::{Environment, Plan};

/// The limit of `from` in a ReferenceGrant, from its CRD.
const FROM: usize = 16;
/// The kinds of routes that a grant is for.
const ROUTE_KINDS: [&str; 2] = ["HTTPRoute", "GRPCRoute"];

/// What a route of a preview needs to be allowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grant<'p> {
    /// To choose copies, from this namespace.
    OfCopies(&'p str),
    /// To choose Services of the baseline, from the namespace of the preview.
    OfBaseline,
}

impl<'p> PreviewRoute<'p> {
    /// What it needs to be allowed.
    pub(in crate::emit) fn grant(self, plan: &Plan<'p>) -> Option<Grant<'p>> {
        match self {
            Self::Mesh(routes) => {
                routes.needs_grant().then_some(Grant::OfCopies(plan.catalog.namespace))
            }
            Self::Local(local) => match &local.attached {
                Attached::GatewayApi(attached) => attached.needs_grant.then_some(Grant::OfBaseline),
                Attached::Istio(_) => None,
            },
            Self::Entry(clone) => match clone.way.route.api {
                RouteApi::GatewayApi => of_entry(clone),
                RouteApi::Istio => None,
            },
        }
    }
}

fn of_entry<'p>(clone: &'p EntryClone<'p>) -> Option<Grant<'p>> {
    let namespace = clone.way.route.object.id.namespace.as_str();
    clone.rules.iter().any(names_copy).then_some(Grant::OfCopies(namespace))
}

/// The ReferenceGrants into the preview, and one into the baseline, as far as routes need them. Into the preview there
/// are several where one would have too many namespaces.
pub(crate) fn grants(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    needed: &BTreeSet<Grant<'_>>,
) -> Vec<Object> {
    let of_copies = needed.iter().filter_map(|grant| match grant {
        Grant::OfCopies(from) => Some(*from),
        Grant::OfBaseline => None,
    });
    let of_copies: Vec<&str> = of_copies.collect();
    let parts = of_copies.chunks(FROM / ROUTE_KINDS.len()).enumerate();
    let into_preview = parts.map(|(part, from)| {
        let name = match part {
            0 => "anabranch".to_owned(),
            _ => format!("anabranch.part-{}", part + 1),
        };
        grant(plan, env, (&name, &env.namespace), from)
    });
    let into_baseline = needed.contains(&Grant::OfBaseline).then(|| {
        let name = marks::grant(plan.config.set(), env.name);
        grant(plan, env, (&name, plan.catalog.namespace), &[&env.namespace])
    });
    into_preview.chain(into_baseline).collect()
}

/// The ReferenceGrant of this name and namespace for routes of these namespaces.
fn grant(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    (name, namespace): (&str, &str),
    from: &[&str],
) -> Object {
    let from = from.iter().flat_map(|namespace| {
        ROUTE_KINDS.map(|kind| GrantFrom { group: GROUP, kind, namespace: (*namespace).to_owned() })
    });
    Object::from_typed(&ReferenceGrant {
        api_version: "gateway.networking.k8s.io/v1beta1",
        kind: "ReferenceGrant",
        metadata: meta::managed(plan.config, name, namespace, Some(env.name)),
        spec: ReferenceGrantSpec {
            from: from.collect(),
            to: vec![GrantTo { group: "", kind: "Service" }],
        },
    })
}
