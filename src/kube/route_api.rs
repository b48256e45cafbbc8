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
    pub(crate) const fn group(self) -> &'static str {
        match self {
            Self::GatewayApi => gateway::GROUP,
            Self::Istio => istio::GROUP,
        }
    }

    /// Its name in a sentence.
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::GatewayApi => "the Gateway API",
            Self::Istio => "Istio",
        }
    }

    /// Its name in `spec.routing.api`.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::GatewayApi => "gateway-api",
            Self::Istio => "istio",
        }
    }
}
