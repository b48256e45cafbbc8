//! The routes of the input that lead from a Gateway into the baseline.

use super::super::unfollowed::exported_to_nobody;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, gateway, istio as istio_kind};
use crate::model::Catalog;
use crate::model::route::gateway_api::{backends, rules};
use crate::model::route::gateways::{Found, Gateways, bindings};
use crate::model::route::istio;

/// The entry routes of the input, and warnings for ways in that cannot be cloned.
pub(super) fn entry_routes<'a>(
    catalog: &'a Catalog<'a>,
    gateways: &Gateways<'a>,
    found: &mut Report,
) -> Vec<&'a Object> {
    let home = catalog.namespace;
    let mut routes = Vec::new();
    for object in catalog.objects() {
        let own = object.id.namespace == home;
        let leads_in = match (object.id.group.as_str(), object.id.kind.as_str()) {
            (gateway::GROUP, "HTTPRoute" | "GRPCRoute") => {
                let chooses = || chooses_service(object, home);
                !bindings(object).is_empty() && (own || chooses())
            }
            (istio_kind::GROUP, "VirtualService") => {
                let leads = !bindings(object).is_empty()
                    && istio::hosts(object).next().is_some()
                    && (own || leads_to_service(object, catalog));
                if leads && !has_gateway_entry(object) {
                    not_cloned(object, found);
                }
                leads && has_gateway_entry(object)
            }
            (gateway::GROUP, "TLSRoute" | "TCPRoute") => {
                if own && !bindings(object).is_empty() {
                    not_cloned(object, found);
                }
                false
            }
            ("networking.k8s.io", "Ingress") => {
                if own {
                    not_cloned(object, found);
                }
                false
            }
            _ => false,
        };
        if leads_in && !is_ignored(object, gateways, found) {
            routes.push(object);
        }
    }
    routes
}

fn chooses_service(route: &Object, home: &str) -> bool {
    let mut chosen = rules(route).iter().flat_map(backends);
    chosen.any(|backend| backend.text_at(&["namespace"]) == Some(home))
}

/// Whether a VirtualService, or one that it delegates to, chooses a service of the baseline.
fn leads_to_service(object: &Object, catalog: &Catalog<'_>) -> bool {
    let chooses = |object: &Object| {
        let mut hosts = istio::http(object).flat_map(istio::destinations);
        hosts.any(|host| catalog.home.service_of(host, object).is_some())
    };
    let delegates = || istio::http(object).filter_map(|entry| entry.get("delegate"));
    chooses(object)
        || delegates().any(|delegate| {
            let name = delegate.text_at(&["name"]).unwrap_or_default();
            let namespace = delegate.text_at(&["namespace"]).unwrap_or(&object.id.namespace);
            let mut all = catalog.of_kind(istio_kind::GROUP, "VirtualService");
            let found = all.find(|one| one.id.namespace == namespace && one.id.name == name);
            found.is_some_and(|one| namespace == catalog.namespace || chooses(one))
        })
}

/// Whether no Gateway follows a route: it is exported to nobody, or every Gateway that it names is one of the
/// other API.
fn is_ignored(route: &Object, gateways: &Gateways<'_>, found: &mut Report) -> bool {
    if istio::Seen::of(route) == istio::Seen::In(Default::default())
        && route.id.group == istio_kind::GROUP
    {
        // Those of the mesh have their word already.
        if !istio::is_mesh(route) {
            found.push(exported_to_nobody(route));
        }
        return true;
    }
    let mut others = Vec::new();
    for bound in bindings(route) {
        match gateways.find(bound.gateway, &route.id.group) {
            Found::OfOtherApi(other) => others.push(other),
            Found::Here(_) | Found::Absent => return false,
        }
    }
    let Some(other) = others.first() else {
        return false;
    };
    let message = format!(
        "{} names {}, which is of another API ({}), so no Gateway follows it",
        route.id, other.id, other.id.group
    );
    let help = "name a Gateway of the route's own API: previews are made as if it were not there";
    let finding = Diagnostic::new(&code::ROUTE_IGNORED, message, help);
    found.push(finding.at(route.place(), "for this reason").also(other.place(), "the Gateway"));
    true
}

fn not_cloned(object: &Object, found: &mut Report) {
    found.push(
        Diagnostic::new(
            &code::ENTRY_NOT_CLONED,
            format!(
                "{} leads into the baseline but cannot set the key, so it has no preview host",
                object.id
            ),
            "write an HTTPRoute for what previews must reach from outside",
        )
        .at(object.place(), "not cloned"),
    );
}

/// Whether some HTTP entry of a VirtualService holds at a gateway.
fn has_gateway_entry(object: &Object) -> bool {
    istio::http(object).any(|entry| {
        let matches = istio::matches(entry);
        matches.is_empty() || matches.iter().any(istio::is_for_gateway)
    })
}
