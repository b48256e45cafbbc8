//! Finds policies that admit the Gateway of the original hosts and not the Gateway of preview hosts. Requests for a
//! preview host would be refused, even by services that the preview does not change.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::callers::CallerPair;
use super::evaluate::{Clauses, Identity, Requirements};
use super::outcomes::outcomes;
use super::{Checker, NETWORK, TRUST, calls, originals};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::meta::NAMESPACE_NAME;
use crate::kube::{Object, RouteApi, gateway};
use crate::model::route::gateways::{GatewayId, Gateways, Hit, is_of_istio};
use crate::model::{Catalog, ServiceName, pod_labels, selects, service_account};
use crate::plan::Plan;
use crate::yaml::Node;

/// The pods of a Gateway, by what policies match of them.
struct GatewayPods {
    /// Namespace and name of the Gateway.
    name: String,
    /// The namespace of the pods.
    namespace: String,
    /// The service account; `None` if the input does not show it.
    account: Option<String>,
    labels: Node,
    namespace_labels: Node,
}

/// A public Gateway, the Gateway of preview hosts in its place, and the API of the route; with the services that the
/// route leads to.
type GatewayPairs<'p> =
    BTreeMap<(GatewayId<'p>, GatewayId<'p>, RouteApi), BTreeSet<ServiceName<'p>>>;

/// Reports each policy that refuses the Gateway of preview hosts, once.
pub(super) fn check<'p, 'a>(
    plan: &'p Plan<'a>,
    checker: &LazyLock<Checker<'p, 'a>, impl FnOnce() -> Checker<'p, 'a>>,
    report: &mut Report,
) {
    let has = |(group, kind)| plan.catalog.of_kind(group, kind).next().is_some();
    if !has((super::GROUP, super::KIND)) && !has(NETWORK) {
        return;
    }
    let gateways = Gateways::of(plan.catalog);
    let mut reported = BTreeSet::new();
    for ((public, preview, api), services) in gateway_pairs(plan) {
        let pods = |name| GatewayPods::of(plan.catalog, &gateways, name, api);
        let (Some(public), Some(preview)) = (pods(public), pods(preview)) else { continue };
        for service in services.into_iter().filter_map(|name| plan.catalog.service(name)) {
            for workload in plan.catalog.selected(service).map(|workload| workload.object) {
                let by_mesh = mesh_refuses(checker, workload, &public, &preview);
                let by_network = network_refuses(plan.catalog, workload, &public, &preview);
                let findings = by_mesh.into_iter().chain(by_network);
                report.extend(findings.filter(|one| reported.insert(one.place)));
            }
        }
    }
}

/// The public Gateways in whose place previews have others, and the services behind them.
fn gateway_pairs<'p>(plan: &'p Plan<'_>) -> GatewayPairs<'p> {
    let mut pairs = GatewayPairs::new();
    for clone in &plan.routing.entries.clones {
        let preview = (clone.entry.gateway.namespace.as_str(), clone.entry.gateway.name.as_str());
        for public in clone.way.gateways().filter(|public| *public != preview) {
            let services = pairs.entry((public, preview, clone.way.route.api)).or_default();
            services.extend(clone.way.route.chosen(plan.catalog.home));
        }
    }
    pairs
}

impl GatewayPods {
    /// The pods of a Gateway; `None` if the input does not show which they are.
    fn of(
        catalog: &Catalog<'_>,
        gateways: &Gateways<'_>,
        (namespace, name): GatewayId<'_>,
        api: RouteApi,
    ) -> Option<Self> {
        let object = match gateways.find((namespace, name), api) {
            Hit::Here(object) => Some(object),
            Hit::OfOtherApi(_) | Hit::Absent => None,
        };
        let name_label = Node::map([(gateway::NAME_LABEL, Node::string(name))]);
        // The pods of an Istio Gateway may be in any namespace. A Gateway API controller makes them beside the Gateway.
        let (selector, only_in) = match api {
            RouteApi::GatewayApi => (&name_label, Some(namespace)),
            RouteApi::Istio => (object?.node.at(&["spec", "selector"])?, None),
        };
        let selector = Node::map([("matchLabels", selector.clone())]);
        let is_selected = |workload: &&Object| {
            let labels = pod_labels(&workload.node);
            labels.is_some()
                && only_in.is_none_or(|namespace| workload.id.namespace == namespace)
                && selects(Some(&selector), labels)
        };
        let workload = catalog.objects().find(is_selected);
        let (namespace, account) = match workload {
            Some(workload) => {
                let account = service_account(&workload.node).to_owned();
                (workload.id.namespace.as_str(), Some(account))
            }
            None => (only_in?, object.filter(|one| is_of_istio(one, catalog)).map(istio_account)),
        };
        let labels =
            catalog.namespace(namespace).and_then(|one| one.node.at(&["metadata", "labels"]));
        let mut namespace_labels = labels.cloned().unwrap_or_default();
        namespace_labels.set(NAMESPACE_NAME, Node::string(namespace));
        let labels = workload.and_then(|workload| pod_labels(&workload.node));
        Some(Self {
            name: format!("{namespace}/{name}"),
            namespace: namespace.to_owned(),
            account,
            labels: labels.cloned().unwrap_or(name_label),
            namespace_labels,
        })
    }

    /// The identity of its pods. No policy names the account unless it `is_known`.
    fn identity(&self, is_known: bool) -> Identity<'_> {
        let account = self.account.as_deref().filter(|_| is_known);
        Identity::new(TRUST, &self.namespace, account.unwrap_or("\0unknown"))
    }

    /// Whether a peer of a NetworkPolicy in a namespace means its pods. The addresses of Gateways are not known, so an
    /// `ipBlock` never does.
    fn is_meant(&self, peer: &Node, policy_namespace: &str) -> bool {
        let is_in_namespace = match peer.get("namespaceSelector") {
            Some(selector) => selects(Some(selector), Some(&self.namespace_labels)),
            None => self.namespace == policy_namespace,
        };
        peer.get("ipBlock").is_none()
            && is_in_namespace
            && selects(peer.get("podSelector"), Some(&self.labels))
    }
}

/// The service account that Istio makes for a Gateway, unless an annotation names another.
/// See <https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#automated-deployment>.
fn istio_account(object: &Object) -> String {
    let class = object.node.text_at(&["spec", "gatewayClassName"]).unwrap_or_default();
    let named = ["gateway.istio.io/service-account", "gateway.istio.io/name-override"];
    let named = named.into_iter().find_map(|key| object.annotation(key));
    named.map_or_else(|| format!("{}-{class}", object.id.name), str::to_owned)
}

/// The finding that AuthorizationPolicies of a workload refuse some call of the Gateway of preview hosts.
fn mesh_refuses(
    checker: &Checker<'_, '_>,
    workload: &Object,
    public: &GatewayPods,
    preview: &GatewayPods,
) -> Option<Diagnostic> {
    let applied = checker.applied.get(workload.number).filter(|all| !all.is_empty())?;
    // If one of the two accounts is unknown, both count as unknown: only the namespaces are compared.
    let is_known = public.account.is_some() && preview.account.is_some();
    let mut requirements = Requirements::new(checker.comparisons);
    let clauses = Clauses::of(&originals(applied), checker.enforcer(), &mut requirements);
    let pair = CallerPair {
        original: Some(public.identity(is_known)),
        copy: Some(preview.identity(is_known)),
        calls_itself: None,
    };
    let outcomes = outcomes([&clauses, &clauses], &[pair], &requirements);
    let witness = outcomes.first()?.narrowed.as_ref()?;
    let policy = witness.new.by.or(witness.old.by)?;
    let what = format!("{} ({})", workload.id, calls::describe(&witness.call));
    Some(finding(policy, &what, public, preview))
}

/// The finding that NetworkPolicies of a workload do not let the Gateway of preview hosts through.
fn network_refuses(
    catalog: &Catalog<'_>,
    workload: &Object,
    public: &GatewayPods,
    preview: &GatewayPods,
) -> Option<Diagnostic> {
    let isolating = catalog.of_kind(NETWORK.0, NETWORK.1).filter(|policy| {
        let types = policy.node.items_at(&["spec", "policyTypes"]);
        policy.id.namespace == workload.id.namespace
            && (types.is_empty() || types.iter().any(|one| one.text() == Some("Ingress")))
            && selects(policy.node.at(&["spec", "podSelector"]), pod_labels(&workload.node))
    });
    let isolating: Vec<&Object> = isolating.collect();
    let admits = |policy: &Object, pods: &GatewayPods| {
        policy.node.items_at(&["spec", "ingress"]).iter().any(|rule| {
            let peers = rule.items_at(&["from"]);
            peers.is_empty() || peers.iter().any(|peer| pods.is_meant(peer, &policy.id.namespace))
        })
    };
    if isolating.iter().any(|policy| admits(policy, preview)) {
        return None;
    }
    let policy = isolating.iter().find(|policy| admits(policy, public))?;
    Some(finding(policy, &workload.id.to_string(), public, preview))
}

fn finding(policy: &Object, what: &str, public: &GatewayPods, preview: &GatewayPods) -> Diagnostic {
    let message = format!(
        "Gateway {} may not call {what}, and Gateway {} may: requests for preview hosts are refused by {}",
        preview.name, public.name, policy.id
    );
    let help = format!(
        "let the policy name the pods of Gateway {} wherever it names those of {}",
        preview.name, public.name
    );
    Diagnostic::new(&code::ACCESS_NARROWED, message, help).at(policy.place(), "this decides")
}
