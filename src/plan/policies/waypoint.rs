//! What holds at a waypoint, in ambient mode, and how copies are kept to it.
//!
//! A policy with targetRefs to a Service, a Gateway or its class is followed by the waypoint of the called service: for
//! requests that it sends on to a copy too. A call straight to a copy passes no waypoint, so there the policy holds
//! for nobody. Each such copy gets a policy of its own that refuses such calls, but from those that the waypoint lets
//! do everything, and from those that pass by the waypoint in the baseline too: Gateways and sidecars.
//! See <https://istio.io/latest/docs/ambient/usage/waypoint/> and
//! <https://istio.io/latest/docs/ambient/usage/l4-policy/>.

use std::collections::{BTreeMap, BTreeSet};

use super::authorization::{GROUP, Holds, KIND, Said};
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::{Object, RouteApi};
use crate::model::mesh::injects;
use crate::model::waypoint::{Waypoint, WaypointName};
use crate::model::{Catalog, Mesh, Service, ServiceName, pod_labels, pod_spec, selects};
use crate::plan::environment::Environment;
use crate::plan::routing::Routing;
use crate::yaml::Node;

/// An account of the baseline: its namespace and its name.
pub(crate) type Account<'a> = (&'a str, &'a str);

/// What is said in previews of calls to the copies of a service, because of what its waypoint says of calls to it.
#[derive(Debug)]
pub(crate) struct Guard<'a> {
    /// The service.
    pub(crate) service: &'a Service<'a>,
    /// Who else than these is refused.
    pub(crate) refuses: Option<Others<'a>>,
    /// The accounts of previews that are let in beside the waypoint, where other policies let in the waypoint alone.
    pub(crate) admits: BTreeSet<Account<'a>>,
    /// The ports of pods that requests for the service go to; empty where that is not known.
    pub(crate) ports: BTreeSet<String>,
}

/// Who may call copies of a service straight away.
#[derive(Debug)]
pub(crate) struct Others<'a> {
    /// Its waypoint.
    pub(crate) waypoint: WaypointName<'a>,
    /// The accounts of the same preview.
    pub(crate) accounts: BTreeSet<Account<'a>>,
    /// The namespaces whose proxies pass by waypoints.
    pub(crate) namespaces: BTreeSet<&'a str>,
}

/// The guards of all services that some preview copies, in their order.
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
    let pods = copies.filter_map(|original| Some((original.number, account_of(original)?)));
    let pods: BTreeMap<usize, Account<'_>> = pods.collect();
    let watch = Watch {
        catalog,
        routing,
        // Suites run as `default`, and are no copies.
        accounts: pods
            .values()
            .copied()
            .chain(catalog.home.namespaces.iter().map(|home| (home.as_str(), "default")))
            .collect(),
        pods,
        bypassing: injecting.map(|one| one.id.name.as_str()).collect(),
        policies: catalog.of_kind(GROUP, KIND).collect(),
    };
    let services = catalog.services().filter(|service| copied.contains(&service.id()));
    services.filter_map(|service| watch.guard(service, report)).collect()
}

/// What guards are made from.
struct Watch<'a, 'r> {
    catalog: &'a Catalog<'a>,
    routing: &'r Routing<'a>,
    /// The accounts that pods of previews may run as.
    accounts: BTreeSet<Account<'a>>,
    /// That of the pods of each copy, by the number of its original.
    pods: BTreeMap<usize, Account<'a>>,
    /// The namespaces whose pods have sidecars.
    bypassing: BTreeSet<&'a str>,
    policies: Vec<&'a Object>,
}

impl<'a> Watch<'a, '_> {
    fn guard(&self, service: &'a Service<'a>, report: &mut Report) -> Option<Guard<'a>> {
        let Waypoint::Named(waypoint) = Waypoint::of(self.catalog, service.object) else {
            return None;
        };
        let at_waypoint = self.said(|policy| holds_for(policy, service, waypoint));
        let at_pods = self.said(|policy| self.holds_at_pods(policy, service));
        let of_waypoint = at_pods.holds((waypoint.namespace, waypoint.name));
        report.extend((of_waypoint != Holds::Always).then(|| refused(&at_pods, service, waypoint)));
        let at = |wanted: Holds| -> BTreeSet<Account<'a>> {
            let all = self.accounts.iter().copied();
            all.filter(|account| at_waypoint.holds(*account) == wanted).collect()
        };
        let free = at(Holds::Always);
        let mut admits = free.clone();
        admits.retain(|account| {
            of_waypoint == Holds::Always && at_pods.holds(*account) != Holds::Always
        });
        let entries = entries(self.routing, service);
        // Who is nobody's account speaks for all that the input does not name.
        let is_limited = at_waypoint.holds(STRANGER) != Holds::Always;
        let open = is_limited.then(|| unguarded(&at_waypoint, service, &entries)).flatten();
        let refuses = (is_limited && open.is_none()).then(|| {
            let mut partly = at(Holds::Partly);
            partly.retain(|account| self.calls(*account, service));
            report.extend(narrower(&at_waypoint, service, &partly));
            let gateways = entries.iter().map(|(namespace, _)| *namespace);
            let namespaces = gateways.chain(self.bypassing.iter().copied()).collect();
            Others { waypoint, accounts: free, namespaces }
        });
        report.extend(open);
        let ports = ports(self.catalog, service);
        let guard = Guard { service, refuses, admits, ports };
        (guard.refuses.is_some() || !guard.admits.is_empty()).then_some(guard)
    }

    /// Whether copies of other services than this one run as an account.
    fn calls(&self, account: Account<'_>, service: &Service<'_>) -> bool {
        let own = self.catalog.selected(service).map(|workload| workload.object.number);
        let own: BTreeSet<usize> = own.collect();
        self.pods.iter().any(|(number, runs_as)| *runs_as == account && !own.contains(number))
    }

    /// What those of the policies say together for which this holds.
    fn said(&self, holds: impl Fn(&Object) -> bool) -> Said<'a> {
        let those: Vec<&Object> =
            self.policies.iter().filter(|policy| holds(policy)).copied().collect();
        Said::of(&those)
    }

    /// Whether the pods of a service follow a policy themselves.
    fn holds_at_pods(&self, policy: &Object, service: &Service<'_>) -> bool {
        let namespace = policy.id.namespace.as_str();
        let selector = policy.node.at(&["spec", "selector"]);
        let mut workloads = self.catalog.selected(service);
        targets(policy).is_empty()
            && (namespace == service.object.id.namespace || namespace == ROOT_NAMESPACE)
            && workloads.any(|one| selects(selector, pod_labels(&one.object.node)))
    }
}

/// A caller that no policy names.
const STRANGER: Account<'_> = ("\0stranger", "\0stranger");

/// The account that the pods of an object run as.
fn account_of(object: &Object) -> Option<Account<'_>> {
    let pod = pod_spec(&object.node)?;
    let named = |key| pod.text_at(&[key]).filter(|name| !name.is_empty());
    let name = named("serviceAccountName").or_else(|| named("serviceAccount"));
    Some((&object.id.namespace, name.unwrap_or("default")))
}

/// What a policy names as its targets.
fn targets(policy: &Object) -> Vec<&Node> {
    let spec = |key: &str| policy.node.at(&["spec", key]);
    let many = spec("targetRefs").map(Node::items).unwrap_or_default();
    spec("targetRef").into_iter().chain(many).filter(|one| !one.entries().is_empty()).collect()
}

/// Whether the waypoint of a service follows a policy for it.
pub(in crate::plan) fn holds_for(
    policy: &Object,
    service: &Service<'_>,
    waypoint: WaypointName<'_>,
) -> bool {
    let (namespace, home) = (policy.id.namespace.as_str(), &service.object.id.namespace);
    targets(policy).into_iter().any(|target| {
        let name = target.text_at(&["name"]);
        match target.text_at(&["kind"]) {
            Some("Service") => namespace == home && name == Some(service.name()),
            Some("Gateway") => namespace == waypoint.namespace && name == Some(waypoint.name),
            Some("GatewayClass") => namespace == ROOT_NAMESPACE,
            _ => false,
        }
    })
}

/// The namespaces of the Gateways whose entries lead to copies of a service, with the API of each entry.
fn entries<'a>(routing: &Routing<'a>, service: &Service<'_>) -> BTreeSet<(&'a str, RouteApi)> {
    let clones = routing.entries.clones.iter();
    let leading = clones.filter(|clone| {
        clone.rules.iter().flat_map(|rule| rule.copies()).any(|name| name == service.id())
    });
    leading.map(|clone| (clone.entry.gateway.namespace.as_str(), clone.way.route.api)).collect()
}

/// The numbers of the ports of pods behind a service; none where one of them is not known.
fn ports(catalog: &Catalog<'_>, service: &Service<'_>) -> BTreeSet<String> {
    let items = |node: &'static [&'static str], of: &Node| -> Vec<Node> {
        of.at(node).map(Node::items).unwrap_or_default().to_vec()
    };
    let mut found = BTreeSet::new();
    for port in items(&["spec", "ports"], &service.object.node) {
        let target = port.text_at(&["targetPort"]).or_else(|| port.text_at(&["port"]));
        let target = target.unwrap_or_default();
        if target.parse::<u16>().is_ok() {
            found.insert(target.to_owned());
            continue;
        }
        for workload in catalog.selected(service) {
            let containers = pod_spec(&workload.object.node).map(|pod| items(&["containers"], pod));
            let all = containers.unwrap_or_default();
            let mut named = all.iter().flat_map(|container| items(&["ports"], container));
            let port = named.find(|port| port.text_at(&["name"]) == Some(target));
            let number = port.and_then(|port| Some(port.text_at(&["containerPort"])?.to_owned()));
            let Some(number) = number else { return BTreeSet::new() };
            found.insert(number);
        }
    }
    found
}

/// The warning that pods do not let in the waypoint. istiod may add that for pods that use a waypoint, and copies do not.
fn refused(said: &Said<'_>, service: &Service<'_>, waypoint: WaypointName<'_>) -> Diagnostic {
    let name = service.name();
    let message = format!(
        "{} does not let in the waypoint of {name} with all that it sends: what it leads to a copy is refused, as in the \
         baseline where istiod does not add that itself",
        said.names()
    );
    let help = format!(
        "let the policy of the pods have a rule for the principal `cluster.local/ns/{}/sa/{}`",
        waypoint.namespace, waypoint.name
    );
    Diagnostic::new(&code::WAYPOINT_POLICY, message, help).at(said.place(), "holds at the pods")
}

/// The warning that nothing keeps callers from going straight to copies of a service.
fn unguarded(
    said: &Said<'_>,
    service: &Service<'_>,
    entries: &BTreeSet<(&str, RouteApi)>,
) -> Option<Diagnostic> {
    let is_open = |(_, api): &(&str, RouteApi)| match api {
        // The pods of its Gateway may be anywhere.
        RouteApi::Istio => true,
        RouteApi::GatewayApi => false,
    };
    entries.iter().any(is_open).then(|| {
        let name = service.name();
        let message = format!(
            "{} holds at the waypoint of {name}, and calls straight to its copies pass none: an entry of Istio's API leads to \
             them from a Gateway whose account is not known, so they are not refused",
            said.names()
        );
        let help = format!("write the entry as an HTTPRoute, or protect the pods of {name} by a policy with a selector");
        Diagnostic::new(&code::WAYPOINT_POLICY, message, help).at(said.place(), "holds at the waypoint")
    })
}

/// The warning that copies may not call another straight away, as their policy asks for what a waypoint alone can see.
fn narrower(
    said: &Said<'_>,
    service: &Service<'_>,
    accounts: &BTreeSet<Account<'_>>,
) -> Option<Diagnostic> {
    let (name, home) = (service.name(), &service.object.id.namespace);
    (!accounts.is_empty()).then(|| {
        let message = format!(
            "{} lets {} make some calls of {name} and not others, which its waypoint alone can tell: calls inside a preview \
             straight to the copy of {name} are refused",
            said.names(),
            first_of(5, ", ", accounts.iter().map(|(_, name)| format!("`{name}`"))),
        );
        let help = format!(
            "nothing to do where no preview has both; else let the copies call `{name}.{home}`, by a variable or a patch: \
             with the key they reach the copy by way of the waypoint"
        );
        Diagnostic::new(&code::WAYPOINT_POLICY, message, help).at(said.place(), "holds at the waypoint")
    })
}
