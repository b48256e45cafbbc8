//! NetworkPolicies: pods of previews reach, and are reached by, the same pods as their originals.
//!
//! A peer without `namespaceSelector` means pods in the namespace of the policy. In a copy it has to mean the copies in
//! the preview and the pods of the baseline too, because requests cross between the two in both directions. Beside the
//! original a sibling is added, which lets pods of previews through in the same way.
//!
//! A `namespaceSelector` may already match previews: their Namespaces have the labels of the baseline's Namespace,
//! except its name.
//! See <https://kubernetes.io/docs/concepts/services-networking/network-policies/>.

mod findings;

use std::collections::BTreeSet;

use super::Treatment;
use super::context::{BaselineNamespace, PolicyContext, Site};
use crate::diagnostic::Report;
use crate::kube::meta::NAMESPACE_NAME;
use crate::kube::{Object, marks};
use crate::model::selects;
use crate::yaml::Node;

pub(super) const GROUP: &str = "networking.k8s.io";
pub(super) const KIND: &str = "NetworkPolicy";

/// A direction of connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Direction {
    Ingress,
    Egress,
}

impl Direction {
    const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// Its name in `policyTypes`, its list of rules, and the list of peers in a rule.
    fn keys(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ingress => ("Ingress", "ingress", "from"),
            Self::Egress => ("Egress", "egress", "to"),
        }
    }

    /// Whether a policy isolates the pods that it selects in this direction, so that only its rules let through.
    fn is_isolated_by(self, spec: &Node) -> bool {
        let types = spec.items_at(&["policyTypes"]);
        match self {
            _ if !types.is_empty() => types.iter().any(|one| one.text() == Some(self.keys().0)),
            Self::Ingress => true,
            Self::Egress => !spec.items_at(&["egress"]).is_empty(),
        }
    }

    /// The rules of a policy for this direction.
    fn rules(self, spec: &Node) -> &[Node] {
        if self.is_isolated_by(spec) { spec.items_at(&[self.keys().1]) } else { &[] }
    }

    /// The peers of a rule for this direction.
    fn peers(self, rule: &Node) -> &[Node] {
        rule.items_at(&[self.keys().2])
    }
}

/// A policy of the input.
struct Policy<'p> {
    context: &'p PolicyContext<'p>,
    object: &'p Object,
    spec: &'p Node,
    site: Site,
}

/// The pods that a peer means.
struct Meaning<'p> {
    /// The `podSelector`; absent: all pods.
    pods: Option<&'p Node>,
    namespaces: Vec<MeantNamespace<'p>>,
    /// The peer has no `namespaceSelector`, and so means the namespace of the policy.
    is_local: bool,
}

/// Whether a peer means pods of a namespace of the baseline, and whether pods of its previews.
struct MeantNamespace<'p> {
    home: &'p BaselineNamespace<'p>,
    baseline: bool,
    previews: bool,
}

impl<'p> Meaning<'p> {
    /// The namespaces that are meant without their previews.
    fn without_previews(&self) -> impl Iterator<Item = &'p BaselineNamespace<'p>> {
        self.namespaces.iter().filter(|one| one.baseline && !one.previews).map(|one| one.home)
    }

    /// The namespaces of which only the previews are meant.
    fn only_previews(&self) -> impl Iterator<Item = &'p BaselineNamespace<'p>> {
        self.namespaces.iter().filter(|one| one.previews && !one.baseline).map(|one| one.home)
    }
}

/// Decides what becomes of a NetworkPolicy.
pub(super) fn treat(
    context: &PolicyContext<'_>,
    object: &Object,
    report: &mut Report,
) -> Treatment {
    let Some(spec) = object.node.get("spec") else { return Treatment::default() };
    let policy = Policy { context, object, spec, site: context.site(object) };
    let excess = policy.excess();
    if !excess.is_empty() {
        report.push(findings::exceeds(&policy, &excess));
    }
    let sibling = policy.sibling();
    if policy.site != Site::Baseline {
        report.extend(sibling.map(|spec| findings::elsewhere(&policy, &spec)));
        return Treatment::default();
    }
    let copy = context.copies(object).then(|| policy.copy());
    if copy.is_some() {
        report.extend(findings::isolates_suites(&policy));
    }
    Treatment { copy, sibling, is_refused: !excess.is_empty(), ..Treatment::default() }
}

/// Whether a policy may select pods that are not in the input, such as those of suites.
pub(super) fn may_hold_for_suites(policy: &Object) -> bool {
    policy.is(GROUP, KIND) && may_select_unknown_pods(policy.node.at(&["spec", "podSelector"]))
}

/// Whether a selector requires no value of any label, so that it may select pods that are not in the input.
fn may_select_unknown_pods(selector: Option<&Node>) -> bool {
    let Some(selector) = selector else { return true };
    let is_in = |one: &Node| one.text_at(&["operator"]) == Some("In");
    selector.get("matchLabels").is_none_or(|labels| labels.entries().is_empty())
        && !selector.items_at(&["matchExpressions"]).iter().any(is_in)
}

impl<'p> Policy<'p> {
    /// The pods that a peer means; `None` for a peer with an `ipBlock`.
    fn meaning(&self, peer: &'p Node) -> Option<Meaning<'p>> {
        let field = |key| peer.get(key).filter(|node| !node.is_null());
        if field("ipBlock").is_some() {
            return None;
        }
        let selector = field("namespaceSelector");
        let is_local = selector.is_none();
        let means = |labels: &Node| !is_local && selects(selector, Some(labels));
        let namespaces = self.context.homes.iter().map(|home| MeantNamespace {
            home,
            baseline: is_local && home.namespace == self.object.id.namespace
                || means(&home.labels.of_baseline),
            previews: means(&home.labels.of_previews),
        });
        Some(Meaning { pods: field("podSelector"), namespaces: namespaces.collect(), is_local })
    }

    /// The spec of the copies: each peer means the pods in the preview and those of the baseline.
    fn copy(&self) -> Node {
        let mut spec = self.spec.clone();
        for direction in Direction::ALL {
            let (_, list, peers) = direction.keys();
            let rules = self.spec.items_at(&[list]).iter();
            let copied = spec.get_mut(list).map(Node::items_mut).unwrap_or_default();
            for (rule, copy) in rules.zip(copied) {
                let originals = direction.peers(rule).iter();
                let copies: Vec<Node> =
                    originals.flat_map(|peer| self.peers_of_copy(peer)).collect();
                if !copies.is_empty() {
                    copy.set(peers, Node::list(copies));
                }
            }
        }
        spec
    }

    /// The peers that a peer becomes in a copy.
    fn peers_of_copy(&self, peer: &'p Node) -> Vec<Node> {
        let Some(meaning) = self.meaning(peer) else { return vec![peer.clone()] };
        let namespace = self.object.id.namespace.as_str();
        if meaning.is_local {
            return vec![peer.clone(), peer_of(&[(NAMESPACE_NAME, namespace)], meaning.pods)];
        }
        let excess: Vec<&BaselineNamespace<'_>> = meaning.only_previews().collect();
        let mut peers = vec![match excess.is_empty() {
            true => peer.clone(),
            false => self.except_previews(peer, &excess),
        }];
        peers.extend(meaning.without_previews().map(|home| match home.namespace == namespace {
            true => {
                let local = meaning.pods.cloned().unwrap_or_else(|| Node::map([]));
                Node::map([("podSelector", local)])
            }
            false => peer_of(&self.labels_of_previews(home), meaning.pods),
        }));
        peers
    }

    /// The labels that select the previews of a namespace.
    fn labels_of_previews(&self, home: &'p BaselineNamespace<'p>) -> Vec<(&'static str, &'p str)> {
        let mut labels = vec![(marks::SET, self.context.set)];
        if self.context.homes.len() > 1 {
            labels.push((marks::BASELINE, home.namespace));
        }
        labels
    }

    /// A peer with a `namespaceSelector`, changed so that it does not match the previews of some namespaces.
    fn except_previews(&self, peer: &Node, excess: &[&BaselineNamespace<'_>]) -> Node {
        let mut peer = peer.clone();
        let selector = peer.make(&["namespaceSelector"]);
        let mut all = selector.items_at(&["matchExpressions"]).to_vec();
        let text = |text: &str| Node::string(text);
        all.push(match self.context.homes.len() {
            1 => Node::map([("key", text(marks::SET)), ("operator", text("DoesNotExist"))]),
            _ => Node::map([
                ("key", text(marks::BASELINE)),
                ("operator", text("NotIn")),
                ("values", Node::list(excess.iter().map(|home| text(home.namespace)))),
            ]),
        });
        selector.set("matchExpressions", Node::list(all));
        peer
    }

    /// The spec of a sibling that lets pods of previews through where their originals are; `None` if none is needed.
    fn sibling(&self) -> Option<Node> {
        let pods = self.spec.get("podSelector").cloned().unwrap_or_else(|| Node::map([]));
        let mut spec = Node::map([("podSelector", pods)]);
        // The original already isolates both directions. A sibling lists those that it opens.
        let mut types = Vec::new();
        for direction in Direction::ALL {
            let (name, list, _) = direction.keys();
            let rules = direction.rules(self.spec).iter();
            let rules: Vec<Node> =
                rules.filter_map(|rule| self.rule_of_sibling(direction, rule)).collect();
            if !rules.is_empty() {
                types.push(Node::string(name));
                spec.set(list, Node::list(rules));
            }
        }
        let is_needed = !types.is_empty();
        spec.set("policyTypes", Node::list(types));
        is_needed.then_some(spec)
    }

    fn rule_of_sibling(&self, direction: Direction, rule: &'p Node) -> Option<Node> {
        let mut peers = Vec::new();
        for meaning in direction.peers(rule).iter().filter_map(|peer| self.meaning(peer)) {
            let copied = meaning
                .without_previews()
                .filter(|home| !self.context.copied_pods(home, meaning.pods).is_empty());
            peers.extend(copied.map(|home| peer_of(&self.labels_of_previews(home), meaning.pods)));
        }
        if peers.is_empty() {
            return None;
        }
        let mut rule = rule.clone();
        rule.set(direction.keys().2, Node::list(peers));
        Some(rule)
    }

    /// The peers that let through pods of previews whose originals no peer of the rule lets through, each with a peer that
    /// leaves them out.
    fn excess(&self) -> Vec<(&'p Node, Node)> {
        let mut excess = Vec::new();
        for direction in Direction::ALL {
            for rule in direction.rules(self.spec) {
                let peers = direction.peers(rule).iter();
                let meanings: Vec<(&Node, Meaning<'_>)> =
                    peers.filter_map(|one| Some((one, self.meaning(one)?))).collect();
                for (peer, meaning) in &meanings {
                    let homes = meaning.only_previews();
                    let homes: Vec<&BaselineNamespace<'_>> = homes
                        .filter(|home| self.lets_through_more(home, meaning.pods, &meanings))
                        .collect();
                    if !homes.is_empty() {
                        excess.push((*peer, self.except_previews(peer, &homes)));
                    }
                }
            }
        }
        excess
    }

    /// Whether pods of previews for a namespace are let through whose originals no peer of the rule means.
    fn lets_through_more(
        &self,
        home: &BaselineNamespace<'_>,
        pods: Option<&Node>,
        meanings: &[(&Node, Meaning<'_>)],
    ) -> bool {
        let is_home =
            |one: &MeantNamespace<'_>| one.baseline && one.home.namespace == home.namespace;
        let selectors: Vec<Option<&Node>> = meanings
            .iter()
            .filter(|(_, meaning)| meaning.namespaces.iter().any(is_home))
            .map(|(_, meaning)| meaning.pods)
            .collect();
        let originals: BTreeSet<usize> = selectors
            .iter()
            .flat_map(|&selector| self.context.copied_pods(home, selector))
            .collect();
        let is_as_wide = |selector: &Option<&Node>| {
            selector.is_none_or(|one| one.entries().is_empty()) || *selector == pods
        };
        !self.context.copied_pods(home, pods).is_subset(&originals)
            || may_select_unknown_pods(pods) && !selectors.iter().any(is_as_wide)
    }
}

/// A peer that means the selected pods in namespaces with these labels.
fn peer_of(labels: &[(&str, &str)], pods: Option<&Node>) -> Node {
    let labels = labels.iter().map(|(label, value)| (*label, Node::string(*value)));
    let namespaces = Node::map([("matchLabels", Node::map(labels))]);
    let pods = pods.filter(|pods| !pods.entries().is_empty()).cloned();
    let pods = pods.map(|pods| ("podSelector", pods));
    Node::map([("namespaceSelector", namespaces)].into_iter().chain(pods))
}
