//! Makes ReferenceGrants, which allow routes of one namespace to have Services of another as backends.
//!
//! They are written only for namespaces of the preview and the baseline. In others their owners decide, and in the
//! mesh Istio does not need them.

use std::collections::{BTreeMap, BTreeSet};

use crate::emit::meta;
use crate::emit::routing::PreviewRoute;
use crate::kube::RouteApi;
use crate::kube::gateway::{
    GROUP, GrantFrom, GrantTo, ReferenceGrant, ReferenceGrantSpec, RouteKind,
};
use crate::kube::{Object, marks};
use crate::model::ServiceName;
use crate::plan::routing::Attached;
use crate::plan::routing::gateway_api::named_copies;
use crate::plan::{Environment, Plan};

/// The limit of `from` in a ReferenceGrant, from its CRD.
const MAX_FROM: usize = 16;

/// A permission that a route of a preview needs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Grant<'p> {
    /// Its backends are copies of Services.
    OfCopies {
        /// The namespace of the baseline whose Services are copied.
        of: &'p str,
        /// The namespace of the route.
        from: &'p str,
    },
    /// Its backends are Services of the baseline.
    OfBaseline {
        /// The namespace of the Services.
        of: &'p str,
        /// The namespace of the baseline whose copies the route is attached to.
        from: &'p str,
    },
}

impl<'p> PreviewRoute<'p> {
    /// The permissions that it needs.
    pub(in crate::emit) fn grants(self) -> Vec<Grant<'p>> {
        let of_copies = |copies: BTreeSet<ServiceName<'p>>, from| {
            let of: BTreeSet<&str> = copies.into_iter().map(|service| service.namespace).collect();
            of.into_iter().map(|of| Grant::OfCopies { of, from }).collect()
        };
        match self {
            Self::Mesh(routes) => of_copies(routes.needing_grant(), routes.service.id().namespace),
            Self::OfCopies(copy_route) => match &copy_route.attached {
                Attached::GatewayApi(attached) => {
                    let of = attached.needing_grant.iter();
                    of.map(|of| Grant::OfBaseline { of, from: copy_route.home }).collect()
                }
                Attached::Istio(_) => Vec::new(),
            },
            Self::Entry(clone) => match clone.way.route.api {
                RouteApi::GatewayApi => {
                    let copies = clone.rules.iter().flat_map(named_copies).collect();
                    of_copies(copies, &clone.way.route.object.id.namespace)
                }
                RouteApi::Istio => Vec::new(),
            },
        }
    }
}

/// The ReferenceGrants that routes need, into the preview and into the baseline. Into a namespace of the preview
/// there are several if one would list too many namespaces.
pub(crate) fn grants(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    needed: &BTreeSet<Grant<'_>>,
) -> Vec<Object> {
    let mut all = Vec::new();
    for room in &env.rooms {
        let from = needed.iter().filter_map(|grant| match grant {
            Grant::OfCopies { of, from } => (*of == room.baseline).then_some(*from),
            Grant::OfBaseline { .. } => None,
        });
        let from: Vec<&str> = from.collect();
        for (part, from) in from.chunks(MAX_FROM / RouteKind::ALL.len()).enumerate() {
            let name = match part {
                0 => "anabranch".to_owned(),
                _ => format!("anabranch.part-{}", part + 1),
            };
            all.push(grant(plan, env, (&name, &room.namespace), from));
        }
    }
    let mut into_baseline: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for grant in needed {
        if let Grant::OfBaseline { of, from } = grant {
            into_baseline.entry(of).or_default().push(&env.room(from).namespace);
        }
    }
    let name = marks::grant(plan.config.set(), env.name);
    for (baseline, from) in into_baseline {
        all.push(grant(plan, env, (&name, baseline), &from));
    }
    all
}

/// The ReferenceGrant of this name and namespace for routes of these namespaces.
fn grant(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    (name, namespace): (&str, &str),
    from: &[&str],
) -> Object {
    let from = from.iter().flat_map(|namespace| {
        RouteKind::ALL.map(|kind| GrantFrom {
            group: GROUP,
            kind: kind.name(),
            namespace: (*namespace).to_owned(),
        })
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
