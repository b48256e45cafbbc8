//! AuthorizationPolicies at waypoints, in ambient mode, and the [`Guard`]s that stop callers of copies from bypassing
//! them.
//!
//! The waypoint of the called service enforces a policy with targetRefs to a Service, a Gateway or a GatewayClass. That
//! includes requests that the waypoint sends on to a copy. A call straight to a copy passes no waypoint, and the
//! policy is not enforced. So each copied service under such a policy gets a guard that denies direct calls. Two sorts
//! of callers are exempt: those that the waypoint allows everything, and those that bypass the waypoint in the
//! baseline too, which are Gateways and pods with sidecars.
//! See <https://istio.io/latest/docs/ambient/usage/waypoint/> and
//! <https://istio.io/latest/docs/ambient/usage/l4-policy/>.

use std::collections::{BTreeMap, BTreeSet};

use super::authorization::{Access, GROUP, KIND, PolicySet};
use super::{has_target_refs, target_refs};
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::{Object, RouteApi};
use crate::model::mesh::injects;
use crate::model::waypoint::{Waypoint, WaypointName};
use crate::model::{AccountName, Catalog, Mesh, Service, ServiceName};
use crate::model::{pod_labels, pod_of, selects, service_account};
use crate::ordered::ordered;
use crate::plan::environment::Environment;
use crate::plan::routing::Routing;

/// The policies that previews add for direct calls to the copies of a service.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    pub(crate) service: &'a Service<'a>,
    /// If set, all other callers are denied.
    pub(crate) denies_all_but: Option<DirectCallers<'a>>,
    /// Accounts of the preview to allow, because a policy of the pods allows only the waypoint.
    pub(crate) allows: BTreeSet<AccountName<'a>>,
    /// The ports of pods that the service sends requests to; empty if they are not known.
    pub(crate) ports: BTreeSet<String>,
}

/// The callers that may call copies of a service directly.
#[derive(Debug)]
pub(crate) struct DirectCallers<'a> {
    /// The waypoint of the service.
    pub(crate) waypoint: WaypointName<'a>,
    /// Accounts of the same preview.
    pub(crate) accounts: BTreeSet<AccountName<'a>>,
    /// The namespaces of Gateways and of pods with sidecars, which bypass waypoints.
    pub(crate) namespaces: BTreeSet<&'a str>,
}

/// The guards of all services that some preview copies, in the order of the services.
pub(super) fn guards<'a>(
    catalog: &'a Catalog<'a>,
    environments: &[Environment<'a>],
    routing: &Routing<'a>,
    report: &mut Report,
) -> Vec<Guard<'a>> {
    if catalog.mesh != Mesh::Ambient {
        return Vec::new();
    }
    let copied: BTreeSet<ServiceName<'_>> =
        environments.iter().flat_map(|env| &env.affected).copied().collect();
    let injecting = catalog.of_kind("", "Namespace").filter(|one| injects(one).is_some());
    let copies = environments.iter().flat_map(|env| &env.copies).map(|copy| copy.original);
    let copies = copies.filter(|original| pod_of(original).is_some());
    let account_of = |object: &'a Object| AccountName {
        namespace: &object.id.namespace,
        name: service_account(&object.node),
    };
    let copies = ordered(copies.map(|original| (original.number, account_of(original))));
    // The pods of suites run as `default`.
    let homes = catalog.home.namespaces.iter();
    let suites = homes.map(|namespace| AccountName { namespace, name: "default" });
    let planner = GuardPlanner {
        catalog,
        routing,
        accounts: copies.values().copied().chain(suites).collect(),
        copies,
        injected: injecting.map(|one| one.id.name.as_str()).collect(),
        policies: catalog.of_kind(GROUP, KIND).collect(),
    };
    let services = catalog.services().filter(|service| copied.contains(&service.id()));
    services.filter_map(|service| planner.guard(service, report)).collect()
}

struct GuardPlanner<'a, 'r> {
    catalog: &'a Catalog<'a>,
    routing: &'r Routing<'a>,
    /// The accounts that pods of previews may run as.
    accounts: BTreeSet<AccountName<'a>>,
    /// The account of each copied workload, by the number of its original.
    copies: BTreeMap<usize, AccountName<'a>>,
    /// The namespaces whose pods have sidecars.
    injected: BTreeSet<&'a str>,
    /// All AuthorizationPolicies.
    policies: Vec<&'a Object>,
}

impl<'a> GuardPlanner<'a, '_> {
    fn guard(&self, service: &'a Service<'a>, report: &mut Report) -> Option<Guard<'a>> {
        let Waypoint::Named(waypoint) = Waypoint::of(self.catalog, service.object) else {
            return None;
        };
        let at_waypoint =
            PolicySet::of(&self.policies, |one| is_enforced_by(one, service, waypoint));
        let at_pods = PolicySet::of(&self.policies, |one| self.applies_to_pods(one, service));
        let account = AccountName { namespace: waypoint.namespace, name: waypoint.name };
        let admits_waypoint = at_pods.access_of(account) == Access::Full;
        report.extend((!admits_waypoint).then(|| waypoint_refused(&at_pods, service, waypoint)));
        let accounts_with = |access: Access| -> BTreeSet<AccountName<'a>> {
            let all = self.accounts.iter().copied();
            all.filter(|account| at_waypoint.access_of(*account) == access).collect()
        };
        let accounts = accounts_with(Access::Full);
        let mut allows = accounts.clone();
        allows.retain(|account| admits_waypoint && at_pods.access_of(*account) != Access::Full);
        let gateways = gateways(self.routing, service);
        let is_limited = at_waypoint.access_of(UNNAMED) != Access::Full;
        let unguarded = is_limited.then(|| unguarded(&at_waypoint, service, &gateways)).flatten();
        let denies_all_but = (is_limited && unguarded.is_none()).then(|| {
            let mut limited = accounts_with(Access::Partial);
            limited.retain(|account| self.is_used_beside(*account, service));
            report.extend(direct_calls_denied(&at_waypoint, service, &limited));
            let gateways = gateways.iter().map(|(namespace, _)| *namespace);
            let namespaces = gateways.chain(self.injected.iter().copied()).collect();
            DirectCallers { waypoint, accounts, namespaces }
        });
        report.extend(unguarded);
        let guard = Guard { service, denies_all_but, allows, ports: ports(self.catalog, service) };
        (guard.denies_all_but.is_some() || !guard.allows.is_empty()).then_some(guard)
    }

    /// Whether copies of workloads behind other services run as an account.
    fn is_used_beside(&self, account: AccountName<'_>, service: &Service<'_>) -> bool {
        let selected: BTreeSet<usize> =
            self.catalog.selected(service).map(|workload| workload.object.number).collect();
        let mut copies = self.copies.iter();
        copies.any(|(number, runs_as)| *runs_as == account && !selected.contains(number))
    }

    /// Whether a policy applies to the pods of a service.
    fn applies_to_pods(&self, policy: &Object, service: &Service<'_>) -> bool {
        let namespace = policy.id.namespace.as_str();
        let selector = policy.node.at(&["spec", "selector"]);
        let mut workloads = self.catalog.selected(service);
        !has_target_refs(policy)
            && (namespace == service.object.id.namespace || namespace == ROOT_NAMESPACE)
            && workloads.any(|one| selects(selector, pod_labels(&one.object.node)))
    }
}

/// A caller that no policy names. It stands for all callers that are not in the input.
const UNNAMED: AccountName<'_> = AccountName { namespace: "\0unnamed", name: "\0unnamed" };

/// Whether the waypoint of a service enforces a policy for calls to the service.
pub(in crate::plan) fn is_enforced_by(
    policy: &Object,
    service: &Service<'_>,
    waypoint: WaypointName<'_>,
) -> bool {
    let (namespace, home) = (policy.id.namespace.as_str(), &service.object.id.namespace);
    target_refs(policy).any(|target| {
        let name = target.text_at(&["name"]);
        match target.text_at(&["kind"]) {
            Some("Service") => namespace == home && name == Some(service.name()),
            Some("Gateway") => namespace == waypoint.namespace && name == Some(waypoint.name),
            Some("GatewayClass") => namespace == ROOT_NAMESPACE,
            _ => false,
        }
    })
}

/// The namespaces of the Gateways whose entries lead to copies of a service, with the API of each entry's route.
fn gateways<'a>(routing: &Routing<'a>, service: &Service<'_>) -> BTreeSet<(&'a str, RouteApi)> {
    let clones = routing.entries.clones.iter();
    let leading = clones.filter(|clone| {
        clone.rules.iter().flat_map(|rule| rule.copies()).any(|name| name == service.id())
    });
    leading.map(|clone| (clone.entry.gateway.namespace.as_str(), clone.way.route.api)).collect()
}

/// The numbers of the target ports of a service; empty if one of them is not known.
fn ports(catalog: &Catalog<'_>, service: &Service<'_>) -> BTreeSet<String> {
    let mut numbers = BTreeSet::new();
    for port in service.object.node.items_at(&["spec", "ports"]) {
        let target = port.text_at(&["targetPort"]).or_else(|| port.text_at(&["port"]));
        let target = target.unwrap_or_default();
        if target.parse::<u16>().is_ok() {
            numbers.insert(target.to_owned());
            continue;
        }
        for pod in catalog.selected(service).map(|workload| pod_of(workload.object)) {
            let containers = pod.map(|pod| pod.items_at(&["containers"])).unwrap_or_default();
            let mut ports = containers.iter().flat_map(|container| container.items_at(&["ports"]));
            let named = ports.find(|port| port.text_at(&["name"]) == Some(target));
            let Some(number) = named.and_then(|port| port.text_at(&["containerPort"])) else {
                return BTreeSet::new();
            };
            numbers.insert(number.to_owned());
        }
    }
    numbers
}

/// The warning that a policy of the pods does not admit the waypoint. istiod may add a rule for it to pods that use a
/// waypoint, which copies do not.
fn waypoint_refused(
    at_pods: &PolicySet<'_>,
    service: &Service<'_>,
    waypoint: WaypointName<'_>,
) -> Diagnostic {
    let name = service.name();
    let message = format!(
        "{} does not let in every request of the waypoint of {name}: what the waypoint sends on to a copy is refused, as \
         in the baseline unless istiod adds a rule for the waypoint",
        at_pods.names()
    );
    let help = format!(
        "let the policy of the pods have a rule for the principal `cluster.local/ns/{}/sa/{}`",
        waypoint.namespace, waypoint.name
    );
    let place = at_pods.place();
    Diagnostic::new(&code::WAYPOINT_POLICY, message, help).at(place, "holds at the pods")
}

/// The warning that direct calls to copies of a service are not denied: a Gateway sends them too, and nobody here knows
/// its account.
fn unguarded(
    at_waypoint: &PolicySet<'_>,
    service: &Service<'_>,
    gateways: &BTreeSet<(&str, RouteApi)>,
) -> Option<Diagnostic> {
    let is_unknown = |(_, api): &(&str, RouteApi)| match api {
        // The pods of an Istio Gateway may be in any namespace.
        RouteApi::Istio => true,
        RouteApi::GatewayApi => false,
    };
    gateways.iter().any(is_unknown).then(|| {
        let name = service.name();
        let message = format!(
            "{} holds at the waypoint of {name}, which calls straight to its copies bypass; they are not refused, because an \
             entry of Istio's API sends such calls from a Gateway whose account is not known",
            at_waypoint.names()
        );
        let help = format!("write the entry as an HTTPRoute, or protect the pods of {name} by a policy with a selector");
        let place = at_waypoint.place();
        Diagnostic::new(&code::WAYPOINT_POLICY, message, help).at(place, "holds at the waypoint")
    })
}

/// The warning that the guard denies accounts that the waypoint allows some requests: ztunnel cannot tell requests
/// apart.
fn direct_calls_denied(
    at_waypoint: &PolicySet<'_>,
    service: &Service<'_>,
    accounts: &BTreeSet<AccountName<'_>>,
) -> Option<Diagnostic> {
    let (name, home) = (service.name(), &service.object.id.namespace);
    (!accounts.is_empty()).then(|| {
        let message = format!(
            "{} lets {} make only some calls of {name}, and only its waypoint can tell which: calls inside a preview \
             straight to the copy of {name} are refused",
            at_waypoint.names(),
            first_of(5, ", ", accounts.iter().map(|account| format!("`{}`", account.name))),
        );
        let help = format!(
            "nothing to do where no preview has both; else let the copies call `{name}.{home}`, by a variable or a patch: \
             with the key they reach the copy by way of the waypoint"
        );
        let place = at_waypoint.place();
        Diagnostic::new(&code::WAYPOINT_POLICY, message, help).at(place, "holds at the waypoint")
    })
}
