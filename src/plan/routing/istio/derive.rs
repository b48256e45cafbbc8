//! Decides which rules of VirtualServices are derived for previews, and reports those from which none can be derived.
//!
//! Rules are tried in order, so the rules of previews come first, in the order of the originals. A rule without
//! affected destinations is cloned only if it precedes a derived one and some request matches both.

use std::collections::BTreeSet;

use super::super::planner::Planning;
use super::super::swap::Swapped;
use super::super::{MeshRoutes, RouteIndex, carries_key, group_by_affected, matches_key};
use super::overlap::may_overlap;
use super::virtual_services::{MeshVirtualServices, chosen};
use super::{Derived, HostRules, InMesh, RuleSource};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, RouteApi, marks};
use crate::model::route::istio::{
    HEADERS, destinations, hosts, http, is_on_port, is_only_mesh, matches, mesh_matches, visibility,
};
use crate::model::route::{Route, Visibility};
use crate::model::{Catalog, Service, ServiceName};
use crate::spec::Delivery;
use crate::yaml::Node;

/// Plans the VirtualServices of one service for the previews that are involved.
pub(super) fn plan<'a>(
    to: &mut Planning<'_, 'a, '_>,
    virtual_services: &MeshVirtualServices<'a>,
    service: &'a Service<'a>,
    involved: &[usize],
) {
    let sources = virtual_services.sources(service.id());
    to.report.extend(refuse_fall_through(service, &sources));
    for source in sources {
        let rules = match source {
            RuleSource::Nothing => Some(make(to.index, service, involved)),
            RuleSource::Existing(object) | RuleSource::Wildcard(object) => {
                to.report.extend(refuse_external(to.index, source, service.name()));
                for rule in http(object) {
                    check_rule(to.index, object, rule, to.report);
                }
                let original = Original { source, object };
                let rules = derive_all(to, service, original, involved);
                let catalog = to.index.catalog;
                let refused = rules
                    .as_ref()
                    .and_then(|rules| refuse_ports_without_rule(catalog, rules, object));
                to.report.extend(refused);
                rules
            }
        };
        if to.is_over_limit() {
            return;
        }
        // A VirtualService of several hosts is extended once, for all of them.
        let is_new = match source {
            RuleSource::Existing(object) => {
                rules.as_ref().is_some_and(|rules| !rules.previews.is_empty())
                    && to.routing.extended.insert(&object.id)
            }
            RuleSource::Wildcard(_) | RuleSource::Nothing => true,
        };
        let rules = rules.filter(|rules| !rules.previews.is_empty() && is_new);
        to.routing.mesh.extend(rules.map(MeshRoutes::Istio));
    }
}

/// The finding that a new VirtualService would change calls that it is not for. Some callers see an exact
/// VirtualService without a rule for some port. For this port Istio looks for another VirtualService of the exact host,
/// but not for a wildcard.
fn refuse_fall_through(service: &Service<'_>, sources: &[RuleSource<'_>]) -> Option<Diagnostic> {
    let wildcard = sources.iter().find_map(|source| match source {
        RuleSource::Wildcard(object) => Some(*object),
        RuleSource::Existing(_) | RuleSource::Nothing => None,
    })?;
    let exact = sources.iter().find_map(|source| match source {
        RuleSource::Existing(object) => Some(*object),
        RuleSource::Wildcard(_) | RuleSource::Nothing => None,
    });
    let object = exact
        .filter(|object| service.routable().iter().any(|&port| has_no_rule_for(object, port)))?;
    let message = format!(
        "{} has no http rule for some port of {}, which {} covers for others",
        object.id,
        service.name(),
        wildcard.id
    );
    let help = "add an http rule for each port";
    let finding = Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help);
    Some(
        finding.at(object.place(), "has nothing for a port").also(wildcard.place(), "the wildcard"),
    )
}

/// The finding that a VirtualService must be extended, but something else delivers the baseline.
fn refuse_external(
    index: &RouteIndex<'_, '_>,
    source: RuleSource<'_>,
    service: &str,
) -> Option<Diagnostic> {
    let (RuleSource::Existing(object), Delivery::External) =
        (source, index.config.previews.spec.baseline.delivery)
    else {
        return None;
    };
    let message = format!("{} must be extended for {service}", object.id);
    let help = "set `spec.baseline.delivery: include`, or run anabranch as a transformer in the \
                overlay of the baseline";
    let finding = Diagnostic::new(&code::DELIVERY_EXTERNAL, message, help)
        .at(object.place(), "changed by previews, but delivered by something else");
    Some(finding.also(index.config.place("spec.baseline"), "delivery is external here"))
}

/// The VirtualService that an earlier run made for the host of a service.
fn earlier<'a>(index: &RouteIndex<'a, '_>, service: ServiceName<'_>) -> Option<&'a Object> {
    let name = marks::virtual_service(index.config.set(), service.name);
    let mut earlier = index.catalog.extended().iter();
    earlier.find(|one| one.id.name == name && one.id.namespace == service.namespace)
}

/// The rules for a host without a VirtualService. Previews with a copy of the service have some.
fn make<'a>(
    index: &RouteIndex<'a, '_>,
    service: &'a Service<'a>,
    involved: &[usize],
) -> HostRules<'a> {
    let has_copy = |at: &&usize| index.environments[**at].affected.contains(&service.id());
    let routed = involved.iter().filter(|_| !index.is_unrouted(service.id()));
    HostRules {
        service: service.id(),
        source: RuleSource::Nothing,
        earlier: earlier(index, service.id()),
        previews: routed.filter(has_copy).map(|&at| (at, 0)).collect(),
        derived: vec![Derived::default()],
        carried: Vec::new(),
        ports: service.routable(),
        match_port: service.ports.len() > 1,
        ports_without_rule: Vec::new(),
        names_mesh: false,
    }
}

/// A VirtualService that rules are derived from, and its relation to the host.
#[derive(Clone, Copy)]
struct Original<'a> {
    source: RuleSource<'a>,
    object: &'a Object,
}

/// The rules for a host with a VirtualService; `None` if there are too many.
fn derive_all<'a>(
    to: &mut Planning<'_, 'a, '_>,
    service: &'a Service<'a>,
    original: Original<'a>,
    involved: &[usize],
) -> Option<HostRules<'a>> {
    let (index, name, object) = (to.index, service.id(), original.object);
    let mut chosen: BTreeSet<ServiceName<'_>> = chosen(object, index.catalog.home).collect();
    chosen.insert(name);
    let groups = group_by_affected(index.environments, involved.iter().copied(), &chosen);
    let is_swapped =
        |affected: &[ServiceName<'_>]| affected.contains(&name) && !index.is_unrouted(name);
    let mut ports_without_rule = Vec::new();
    // If only some namespaces see a VirtualService, ports without a rule follow the one that all of them see.
    if groups.keys().any(|affected| is_swapped(affected))
        && visibility(object) == Visibility::Everywhere
    {
        ports_without_rule
            .extend(service.routable().into_iter().filter(|&port| has_no_rule_for(object, port)));
    }
    let (mut previews, mut derived) = (Vec::new(), Vec::new());
    for (affected, environments) in groups {
        let rules = derive(index, &affected, object, &mut to.routing.pairs);
        let ports_without_rule =
            if is_swapped(&affected) { ports_without_rule.clone() } else { Vec::new() };
        if rules.is_empty() && ports_without_rule.is_empty() {
            continue;
        }
        let size: usize = rules.iter().map(|rule| size(rule.rule)).sum();
        to.routing.rules += size * environments.len();
        if to.is_over_limit() {
            return None;
        }
        previews.extend(environments.into_iter().map(|at| (at, derived.len())));
        let rules = rules.into_iter().filter_map(|rule| InMesh::of(object, rule)).collect();
        derived.push(Derived { rules, ports_without_rule });
    }
    previews.sort_unstable();
    let carried = match original.source {
        RuleSource::Existing(_) | RuleSource::Nothing => Vec::new(),
        RuleSource::Wildcard(wildcard) => carried(index, wildcard),
    };
    let earlier = match original.source {
        RuleSource::Existing(_) => None,
        RuleSource::Nothing | RuleSource::Wildcard(_) => earlier(index, name),
    };
    Some(HostRules {
        service: name,
        source: original.source,
        earlier,
        previews,
        derived,
        carried,
        ports: service.routable(),
        match_port: service.ports.len() > 1,
        ports_without_rule,
        names_mesh: !is_only_mesh(object),
    })
}

/// The rules of a wildcard that hold in the mesh, as they are.
fn carried<'a>(index: &RouteIndex<'a, '_>, wildcard: &'a Object) -> Vec<InMesh<'a>> {
    let route = Route { api: RouteApi::Istio, object: wildcard };
    let unchanged = |rule| Swapped::of(rule, route, index.catalog, |_| false);
    http(wildcard).filter_map(|rule| InMesh::of(wildcard, unchanged(rule))).collect()
}

/// What a rule counts towards the limit of rules: itself, its matches and its destinations.
fn size(rule: &Node) -> usize {
    1 + matches(rule).len() + destinations(rule).count()
}

/// Whether no rule of a VirtualService can apply to requests of the mesh on a port.
fn has_no_rule_for(object: &Object, port: u16) -> bool {
    let on_port = |one: &Node| is_on_port(one, port);
    let applies = |rule| mesh_matches(object, rule).is_some_and(|all| all.iter().any(on_port));
    !http(object).any(applies)
}

/// The finding that a new rule for a port would apply to other hosts as well. Other spellings of the service's host do
/// not count.
fn refuse_ports_without_rule(
    catalog: &Catalog<'_>,
    rules: &HostRules<'_>,
    object: &Object,
) -> Option<Diagnostic> {
    let routed = |host: &str| catalog.service_routed(host, object).map(Service::id);
    let mut others = hosts(object).filter(|host| routed(host) != Some(rules.service));
    if rules.ports_without_rule.is_empty() || !rules.extends() || others.next().is_none() {
        return None;
    }
    let ports: Vec<String> = rules.ports_without_rule.iter().map(u16::to_string).collect();
    let message = format!(
        "{object} has several hosts and no http rule for port {ports} of {service}, so rules for \
         previews would apply to its other hosts too",
        object = object.id,
        ports = ports.join(", "),
        service = rules.service,
    );
    let help = "give every host a VirtualService of its own, or add an http rule for the port";
    let node = object.node.at(&["spec", "hosts"]).unwrap_or(&object.node);
    Some(Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help).at(node.place, "several hosts"))
}

/// The rules of a VirtualService to derive for previews that affect these services, which are sorted. Counts the
/// compared pairs of matches, and stops if there are too many.
fn derive<'a>(
    index: &RouteIndex<'a, '_>,
    affected: &[ServiceName<'_>],
    object: &'a Object,
    pairs: &mut usize,
) -> Vec<Swapped<'a>> {
    let is_copied =
        |name: ServiceName<'_>| affected.binary_search(&name).is_ok() && !index.is_unrouted(name);
    let route = Route { api: RouteApi::Istio, object };
    let mut derived: Vec<Swapped<'a>> = Vec::new();
    let (count, mut behind) = (|rule| matches(rule).len().max(1), 0);
    for rule in http(object).rev() {
        *pairs += count(rule) * behind;
        if *pairs > index.limits.pairs {
            break;
        }
        let swapped = Swapped::of(rule, route, index.catalog, is_copied);
        let is_ahead = || derived.iter().any(|later| may_overlap(rule, later.rule));
        if swapped.chooses_copy() || is_ahead() {
            derived.push(swapped);
            behind += count(rule);
        }
    }
    derived.reverse();
    derived
}

/// Reports rules from which none can be derived: they delegate, match on the key's header, or have a name that we need.
fn check_rule(index: &RouteIndex<'_, '_>, object: &Object, rule: &Node, report: &mut Report) {
    if marks::is_made_rule(rule, index.config.set()) {
        let name = rule.text_at(&["name"]).unwrap_or_default();
        let message =
            format!("{} has an http rule `{name}`, a name that anabranch needs", object.id);
        let help = "rename it, or remove it if an earlier run left it";
        let place = rule.get("name").map_or(rule.place, |name| name.place);
        report.push(
            Diagnostic::new(&code::NAME_TAKEN, message, help).at(place, "looks like one of ours"),
        );
    }
    if let Some(delegate) = rule.get("delegate") {
        let message = format!("{} delegates an http rule to another object", object.id);
        let help = "write the delegate's http rules into the VirtualService itself";
        let finding = Diagnostic::new(&code::ROUTE_UNSUPPORTED, message, help);
        report.push(finding.at(delegate.place, "not supported"));
    }
    let key = &index.config.previews.spec.routing.key;
    let fields = matches(rule).iter().flat_map(|one| HEADERS.iter().filter_map(|it| one.get(it)));
    let headers = fields.flat_map(Node::entries);
    for (name, value) in headers.filter(|(name, _)| carries_key(key, &name.text)) {
        report.push(matches_key(object, &name.text, value.place, "not supported"));
    }
}
