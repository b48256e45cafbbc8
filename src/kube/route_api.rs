//! The APIs that routes are written in.
//!
//! Whatever depends on the API of a route matches on [`RouteApi`], and says of each of them what it does: there
//! is no `_` in such a match, so that one more does not compile before every stage knows it.

use super::{Id, Object, gateway, istio, kinds};

/// An API that routes are written in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum RouteApi {
    /// HTTPRoute and GRPCRoute.
    GatewayApi,
    /// VirtualService.
    Istio,
}

impl RouteApi {
    /// All of them, in the order in which messages name routes of a service.
    pub(crate) const ALL: [Self; 2] = [Self::GatewayApi, Self::Istio];

    /// The API of a route. None of what is no route, or one of which no rules can be derived.
    pub(crate) fn of(object: &Object) -> Option<Self> {
        Self::of_kind(&object.id)
    }

    /// The API of a route of this identity.
    pub(crate) fn of_kind(id: &Id) -> Option<Self> {
        kinds::find(&id.group, &id.kind)?.routes
    }

    /// The API of a Gateway. None of what is no Gateway.
    pub(crate) fn of_gateway(object: &Object) -> Option<Self> {
        Self::ALL.into_iter().find(|api| object.is(api.group(), "Gateway"))
    }

    /// The group of its kinds, its Gateways among them.
    pub(crate) fn group(self) -> &'static str {
        self.words().group
    }

    /// How it is called.
    pub(crate) fn words(self) -> &'static Words {
        match self {
            Self::GatewayApi => &Words {
                group: gateway::GROUP,
                name: "the Gateway API",
                option: "gateway-api",
                this_route: "the route",
                new_route: "HTTPRoutes",
            },
            Self::Istio => &Words {
                group: istio::GROUP,
                name: "Istio",
                option: "istio",
                this_route: "the VirtualService",
                new_route: "a VirtualService",
            },
        }
    }
}

/// How an API is called.
#[derive(Debug)]
pub(crate) struct Words {
    /// The group of its kinds.
    group: &'static str,
    /// In a sentence.
    pub(crate) name: &'static str,
    /// In `spec.routing.api`.
    pub(crate) option: &'static str,
    /// One of its routes that is there.
    pub(crate) this_route: &'static str,
    /// What to write where there is no route of it yet.
    pub(crate) new_route: &'static str,
}
