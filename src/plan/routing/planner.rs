//! The interface of an API of routes for planning.
//!
//! For each API a folder beside this file implements [`Planner`], and [`planner`] chooses among them. Code beside them
//! asks the planner. Where it has to match on the API itself, it has an arm for each.

use std::collections::BTreeSet;

use super::entries::{Applicable, CloneRule, HostContext};
use super::swap::Backend;
use super::{Attached, RouteIndex, Routing, gateway_api, istio};
use crate::diagnostic::{Diagnostic, Refused, Report};
use crate::kube::{Object, RouteApi};
use crate::model::route::Route;
use crate::model::route::gateways::GatewayId;
use crate::model::{Catalog, Service, ServiceName};
use crate::spec::RoutingKey;
use crate::yaml::Node;

/// The planner of an API.
pub(super) fn planner(api: RouteApi) -> &'static dyn Planner {
    match api {
        RouteApi::GatewayApi => &gateway_api::GatewayApi,
        RouteApi::Istio => &istio::Istio,
    }
}

/// How routes of one API are planned.
pub(super) trait Planner: Sync {
    /// The routes of the input that are about services of the baseline.
    fn service_routes<'a>(&self, catalog: &'a Catalog<'a>) -> Box<dyn ServiceRoutes<'a> + 'a>;

    /// Merges equal backends. Either all of them are copies or none is. `written` is the number of backends in the
    /// original rule.
    fn merge<'a>(
        &self,
        backends: Vec<Backend<'a>>,
        written: usize,
        catalog: &Catalog<'_>,
    ) -> Vec<Backend<'a>>;

    /// Attaches a route to the copies of these services; `None` if none of its rules applies in the mesh.
    fn attach<'a>(
        &self,
        index: &RouteIndex<'a, '_>,
        route: Route<'a>,
        services: &BTreeSet<ServiceName<'a>>,
        is_copied: &dyn Fn(ServiceName<'_>) -> bool,
    ) -> Option<Attached<'a>>;

    /// The finding about the part of a route that is never attached to copies.
    fn not_attached(&self, route: &Object) -> Option<Diagnostic>;

    /// The finding about the part of a route that previews cannot follow.
    fn unfollowed<'a>(&self, index: &RouteIndex<'a, '_>, route: Route<'a>) -> Option<Diagnostic>;

    /// The field that limits a route to callers in the baseline's namespaces.
    fn private<'o>(&self, index: &RouteIndex<'_, '_>, route: &'o Object) -> Option<&'o Node>;

    /// Whether a route that is bound to a Gateway leads into the baseline: it is in a namespace of the baseline, or has
    /// a service of the baseline as a backend.
    fn leads_in(&self, route: &Object, catalog: &Catalog<'_>) -> bool;

    /// Whether a clone of a route could set the key.
    fn can_set_key(&self, route: &Object) -> bool;

    /// The rules of an entry route that apply to a host. An error if they differ between listeners.
    fn applicable<'a>(
        &self,
        route: &'a Object,
        context: &HostContext<'_>,
    ) -> Result<Applicable<'a>, Refused>;

    /// Findings about the lists of a rule that have no room for what a clone adds.
    fn full_for_clone(
        &self,
        route: &Object,
        rule: &CloneRule<'_>,
        key: &RoutingKey,
    ) -> Vec<Diagnostic>;

    /// Findings about the lists of a route that have no room for what `stripKey` adds.
    fn full_for_strip(&self, route: &Object, key: &RoutingKey) -> Vec<Diagnostic>;

    /// The Gateways that a route is bound to, each with the hosts that it has there.
    fn hosts_at_gateways<'a>(
        &self,
        catalog: &'a Catalog<'a>,
        route: &'a Object,
    ) -> Vec<(GatewayId<'a>, Vec<&'a str>)>;
}

/// The routes of one API that are about services of the baseline.
pub(super) trait ServiceRoutes<'a> {
    /// The routes that apply to calls of a service, for some caller at least.
    fn of(&self, service: ServiceName<'_>) -> Vec<Route<'a>>;

    /// The routes that apply to calls of a service from its own namespace.
    fn at_home(&self, service: ServiceName<'_>) -> Vec<Route<'a>>;

    /// The services of the baseline that the rules for a service's host have as backends.
    fn chosen(&self, service: ServiceName<'_>) -> BTreeSet<ServiceName<'a>>;

    /// The finding that routes of a service contradict each other.
    fn contradiction(&self, service: &Service<'a>) -> Option<Diagnostic>;

    /// A route that another set made for a service, if sets have to use the same API.
    fn of_others(&self, service: ServiceName<'_>) -> Option<&'a Object>;

    /// Plans the routes of one service for the previews that are involved.
    fn plan(&self, to: &mut Planning<'_, 'a, '_>, service: &'a Service<'a>, involved: &[usize]);
}

/// What routes are planned from, and where the results go.
pub(super) struct Planning<'p, 'a, 'e> {
    pub(super) index: &'p RouteIndex<'a, 'e>,
    pub(super) routing: &'p mut Routing<'a>,
    pub(super) report: &'p mut Report,
}

impl Planning<'_, '_, '_> {
    /// Whether there is more to derive than the limits allow.
    pub(super) fn is_over_limit(&self) -> bool {
        self.routing.limit_finding(self.index.limits).is_some()
    }
}
