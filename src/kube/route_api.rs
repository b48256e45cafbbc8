//! The APIs of routes.
//!
//! Code that depends on the API matches on [`RouteApi`] without a `_` arm, so that a new API does not compile before
//! every stage handles it.

use super::{Id, Object, RouteForm, gateway, istio, kinds};

/// An API of routes.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum RouteApi {
    /// HTTPRoute and GRPCRoute. A service without routes gets these, unless `spec.routing.api` says otherwise.
    #[default]
    GatewayApi,
    /// VirtualService.
    Istio,
}

impl RouteApi {
    /// All of them, in the order in which messages name routes of a service.
    pub(crate) const ALL: [Self; 2] = [Self::GatewayApi, Self::Istio];

    /// The API of a route; `None` if the object is not a route, or one from which no rules can be derived.
    pub(crate) fn of(object: &Object) -> Option<Self> {
        object.row?.routes
    }

    /// The API of a route with this identity.
    pub(crate) fn of_kind(id: &Id) -> Option<Self> {
        kinds::find(&id.group, &id.kind)?.routes
    }

    /// The API of a Gateway; `None` if the object is not a Gateway.
    pub(crate) fn of_gateway(object: &Object) -> Option<Self> {
        Self::ALL.into_iter().find(|api| object.is(api.group(), "Gateway"))
    }

    /// The group of its kinds, Gateways included.
    pub(crate) fn group(self) -> &'static str {
        self.names().group
    }

    /// How it writes routes.
    pub(crate) fn form(self) -> &'static dyn RouteForm {
        match self {
            Self::GatewayApi => &gateway::Form,
            Self::Istio => &istio::Form,
        }
    }

    /// Its names in messages.
    pub(crate) fn names(self) -> &'static Names {
        match self {
            Self::GatewayApi => &Names {
                group: gateway::GROUP,
                name: "the Gateway API",
                option: "gateway-api",
                this_route: "the route",
                new_route: "HTTPRoutes",
                route_of_service: "an HTTPRoute with the Service as its parent",
                kinds: &["HTTPRoute", "GRPCRoute"],
            },
            Self::Istio => &Names {
                group: istio::GROUP,
                name: "Istio",
                option: "istio",
                this_route: "the VirtualService",
                new_route: "a VirtualService",
                route_of_service: "a VirtualService with the host of the Service",
                kinds: &["VirtualService"],
            },
        }
    }
}

/// The names of an API in messages.
#[derive(Debug)]
pub(crate) struct Names {
    /// The group of its kinds.
    group: &'static str,
    /// In a sentence.
    pub(crate) name: &'static str,
    /// In `spec.routing.api`.
    pub(crate) option: &'static str,
    /// An existing route.
    pub(crate) this_route: &'static str,
    /// A route that is still to be written.
    pub(crate) new_route: &'static str,
    /// A route that is still to be written, for a Service.
    pub(crate) route_of_service: &'static str,
    /// Its kinds of routes.
    pub(crate) kinds: &'static [&'static str],
}
