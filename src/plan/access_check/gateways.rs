//! Policies that let in the Gateway through which the public comes, and not the one of previews: what comes in by the host
//! of a preview would be refused by services that the preview does not change as well.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::callers::Pair;
use super::evaluate::{Asks, Clauses, Followed, Identity, items};
use super::outcomes::outcomes;
use super::{TRUST, World, calls, original};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::{Object, RouteApi, gateway};
use crate::model::route::gateways::{GatewayId, Gateways, Hit, is_of_istio};
use crate::model::{Catalog, ServiceName, pod_labels, selects};
use crate::plan::Plan;
use crate::plan::policies::Estate;
use crate::yaml::Node;

const NETWORK: (&str, &str) = ("networking.k8s.io", "NetworkPolicy");

/// The pods that serve a Gateway, as far as policies know them.
#[derive(Clone)]
struct Served {
    /// The Gateway in words.
    name: String,
    namespace: String,
    /// None where the input does not tell.
    account: Option<String>,
    labels: Node,
    labels_of_namespace: Node,
}

/// What leads from the public's Gateways, and from one of previews, to services.
type Ways<'p> = BTreeMap<(GatewayId<'p>, GatewayId<'p>, RouteApi), BTreeSet<ServiceName<'p>>>;

/// Reports each policy once.
pub(super) fn check<'p, 'a>(
    plan: &'p Plan<'a>,
    world: &LazyLock<World<'p, 'a>, impl FnOnce() -> World<'p, 'a>>,
    report: &mut Report,
) {
    let has = |(group, kind)| plan.catalog.of_kind(group, kind).next().is_some();
    if !has((super::GROUP, super::KIND)) && !has(NETWORK) {
        return;
    }
    let gateways = Gateways::of(plan.catalog);
    let mut said = BTreeSet::new();
    for ((public, own, api), services) in ways(plan) {
        let served = |name| Served::of(plan.catalog, &gateways, name, api);
        let (Some(public), Some(own)) = (served(public), served(own)) else { continue };
        for service in services.into_iter().filter_map(|name| plan.catalog.service(name)) {
            for workload in plan.catalog.selected(service).map(|workload| workload.object) {
                let by_identity = refuses(world, workload, &public, &own);
                let by_address = closes(plan.catalog, workload, &public, &own);
                let found = by_identity.into_iter().chain(by_address);
                report.extend(found.filter(|one| said.insert(one.place)));
            }
        }
    }
}

/// The Gateways for which previews have others, and the services behind them.
fn ways<'p>(plan: &'p Plan<'_>) -> Ways<'p> {
    let mut ways = Ways::new();
    for clone in &plan.routing.entries.clones {
        let own = (clone.entry.gateway.namespace.as_str(), clone.entry.gateway.name.as_str());
        for public in clone.way.gateways().filter(|public| *public != own) {
            let services = ways.entry((public, own, clone.way.route.api)).or_default();
            services.extend(clone.way.route.chosen(plan.catalog.home));
        }
    }
    ways
}

impl Served {
    /// The pods of a Gateway; none where nobody here can know where they are.
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
        let named = Node::map([(gateway::NAME_LABEL, Node::string(name))]);
        // Pods of Istio's own kind may be anywhere; those that the Gateway API makes are beside it.
        let (selector, near) = match api {
            RouteApi::GatewayApi => (&named, Some(namespace)),
            RouteApi::Istio => (object?.node.at(&["spec", "selector"])?, None),
        };
        let selector = Node::map([("matchLabels", selector.clone())]);
        let is_its = |workload: &&Object| {
            let labels = pod_labels(&workload.node);
            labels.is_some()
                && near.is_none_or(|near| workload.id.namespace == near)
                && selects(Some(&selector), labels)
        };
        let pods = catalog.objects().find(is_its);
        let own = |object: &Object| is_of_istio(object, catalog).then(|| made_account(object));
        let (namespace, account) = match pods {
            Some(pods) => {
                (pods.id.namespace.as_str(), Some(Estate::account(&pods.node).to_owned()))
            }
            None => (near?, object.and_then(own)),
        };
        let of_namespace = catalog.namespace(namespace);
        let mut labels_of_namespace = of_namespace
            .and_then(|one| one.node.at(&["metadata", "labels"]))
            .cloned()
            .unwrap_or_default();
        labels_of_namespace.set("kubernetes.io/metadata.name", Node::string(namespace));
        Some(Self {
            name: format!("{namespace}/{name}"),
            namespace: namespace.to_owned(),
            account,
            labels: pods.and_then(|pods| pod_labels(&pods.node)).cloned().unwrap_or(named),
            labels_of_namespace,
        })
    }

    /// As which its pods call; no policy knows the name of an account that the input does not tell.
    fn identity(&self, is_known: bool) -> Identity<'_> {
        let account = self.account.as_deref().filter(|_| is_known);
        Identity::new(TRUST, &self.namespace, account.unwrap_or("\0unknown"))
    }
}

/// The account that Istio makes for a Gateway, unless an annotation says another.
/// See <https://istio.io/latest/docs/tasks/traffic-management/ingress/gateway-api/#automated-deployment>.
fn made_account(object: &Object) -> String {
    let class = object.node.text_at(&["spec", "gatewayClassName"]).unwrap_or_default();
    let named = ["gateway.istio.io/service-account", "gateway.istio.io/name-override"];
    let named = named.into_iter().find_map(|key| object.annotation(key));
    named.map_or_else(|| format!("{}-{class}", object.id.name), str::to_owned)
}

/// The finding that AuthorizationPolicies of a workload refuse some call of the Gateway of previews.
fn refuses(
    world: &World<'_, '_>,
    workload: &Object,
    public: &Served,
    own: &Served,
) -> Option<Diagnostic> {
    let followed = world.followed.get(workload.number).filter(|all| !all.is_empty())?;
    // Where one of the two accounts is not known, the namespaces are compared.
    let is_known = public.account.is_some() && own.account.is_some();
    let policies: Vec<Followed<'_>> = followed.iter().map(|policy| original(policy)).collect();
    let mut asks = Asks::default();
    let clauses = Clauses::of(&policies, world.follower(), &mut asks);
    let pair =
        Pair { was: Some(public.identity(is_known)), is: Some(own.identity(is_known)), own: None };
    let outcomes = outcomes([&clauses, &clauses], &[pair], &asks);
    let witness = outcomes.first()?.narrowed.as_ref()?;
    let policy = witness.new.by.or(witness.old.by)?;
    let what = format!("{} ({})", workload.id, calls::shown(&witness.call));
    Some(finding(policy, &what, public, own))
}

/// The finding that NetworkPolicies of a workload keep the Gateway of previews from it.
fn closes(
    catalog: &Catalog<'_>,
    workload: &Object,
    public: &Served,
    own: &Served,
) -> Option<Diagnostic> {
    let closing = catalog.of_kind(NETWORK.0, NETWORK.1).filter(|policy| {
        let spec = policy.node.get("spec");
        let types = spec.map(|spec| items(spec, "policyTypes")).unwrap_or_default();
        policy.id.namespace == workload.id.namespace
            && (types.is_empty() || types.iter().any(|one| one.text() == Some("Ingress")))
            && selects(policy.node.at(&["spec", "podSelector"]), pod_labels(&workload.node))
    });
    let closing: Vec<&Object> = closing.collect();
    let lets = |policy: &&&Object, from: &Served| {
        let rules = policy.node.get("spec").map(|spec| items(spec, "ingress")).unwrap_or_default();
        rules.iter().any(|rule| {
            let peers = items(rule, "from");
            peers.is_empty() || peers.iter().any(|peer| from.is_meant(peer, &policy.id.namespace))
        })
    };
    if closing.iter().any(|policy| lets(&policy, own)) {
        return None;
    }
    let policy = closing.iter().find(|policy| lets(policy, public))?;
    Some(finding(policy, &workload.id.to_string(), public, own))
}

impl Served {
    fn is_meant(&self, peer: &Node, near: &str) -> bool {
        // Addresses of Gateways are not known.
        let is_near = match peer.get("namespaceSelector") {
            Some(namespaces) => selects(Some(namespaces), Some(&self.labels_of_namespace)),
            None => self.namespace == near,
        };
        peer.get("ipBlock").is_none()
            && is_near
            && selects(peer.get("podSelector"), Some(&self.labels))
    }
}

fn finding(policy: &Object, what: &str, public: &Served, own: &Served) -> Diagnostic {
    let message = format!(
        "Gateway {} may not call {what}, and Gateway {} may: requests for preview hosts are refused by {}",
        own.name, public.name, policy.id
    );
    let help = format!(
        "let the policy name the pods of Gateway {} wherever it names those of {}",
        own.name, public.name
    );
    Diagnostic::new(&code::ACCESS_NARROWED, message, help).at(policy.place(), "this decides")
}
