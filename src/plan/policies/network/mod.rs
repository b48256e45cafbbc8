//! NetworkPolicies: pods of previews reach, and are reached by, what their originals are.
//!
//! A peer without `namespaceSelector` means pods of the policy's own namespace. In a copy it has to mean the copies
//! beside it and the baseline's pods as well, since a request crosses between them both ways; and in the baseline an
//! added policy says the same of previews' pods. A `namespaceSelector` means previews where they have the labels
//! that it asks for: they carry those of the baseline's Namespace, and never its name.
//! See <https://kubernetes.io/docs/concepts/services-networking/network-policies/>.

mod says;

use std::collections::BTreeSet;

use super::Treated;
use super::estate::{Estate, Site};
use crate::diagnostic::Report;
use crate::kube::{Object, marks};
use crate::model::selects;
use crate::yaml::Node;

/// The API group.
pub(super) const GROUP: &str = "networking.k8s.io";
pub(super) const KIND: &str = "NetworkPolicy";

/// The label that every Namespace has, with its name.
pub(super) const NAME_LABEL: &str = "kubernetes.io/metadata.name";

/// One of the two sides of connections that a policy is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Ingress,
    Egress,
}

impl Side {
    const ALL: [Self; 2] = [Self::Ingress, Self::Egress];

    /// How `policyTypes` calls it, its list of rules, and the list of peers in each of them.
    fn keys(self) -> (&'static str, &'static str, &'static str) {
        match self {
            Self::Ingress => ("Ingress", "ingress", "from"),
            Self::Egress => ("Egress", "egress", "to"),
        }
    }

    /// Whether a policy closes this side of the pods that it selects, but for what its rules let through.
    fn is_closed_by(self, spec: &Node) -> bool {
        let types = items(spec, "policyTypes");
        match self {
            _ if !types.is_empty() => types.iter().any(|one| one.text() == Some(self.keys().0)),
            Self::Ingress => true,
            Self::Egress => !items(spec, "egress").is_empty(),
        }
    }

    /// The rules of a policy for this side.
    fn rules(self, spec: &Node) -> &[Node] {
        if self.is_closed_by(spec) { items(spec, self.keys().1) } else { &[] }
    }
}

/// A policy of the input.
struct Policy<'p> {
    estate: &'p Estate<'p>,
    object: &'p Object,
    spec: &'p Node,
    site: Site,
}

/// Whose pods a peer means, of the baseline and of previews.
#[derive(Debug, Clone, Copy)]
struct Meaning<'n> {
    /// Those that this selects; absent: all.
    pods: Option<&'n Node>,
    of_baseline: bool,
    of_previews: bool,
    /// It names no namespaces, and so means those of its own.
    is_own: bool,
}

/// Says what becomes of a NetworkPolicy.
pub(super) fn treat(estate: &Estate<'_>, object: &Object, report: &mut Report) -> Treated {
    let Some(spec) = object.node.get("spec") else { return Treated::default() };
    let policy = Policy { estate, object, spec, site: estate.site(object) };
    let exceeding = policy.exceeding();
    if !exceeding.is_empty() {
        report.push(says::exceeds(&policy, &exceeding));
    }
    let added = policy.added();
    if policy.site != Site::Home {
        report.extend(added.map(|spec| says::elsewhere(&policy, &spec)));
        return Treated::default();
    }
    let copy = estate.copies(object).then(|| policy.copied());
    if copy.is_some() {
        report.extend(says::locks_suites_out(&policy));
    }
    Treated { copy, sibling: added }
}

/// Whether a policy may hold for pods that are no workloads of the input, such as those of suites.
pub(super) fn binds_strangers(policy: &Object) -> bool {
    policy.is(GROUP, KIND) && means_strangers(policy.node.at(&["spec", "podSelector"]))
}

/// Whether a selector asks for no value of a label, so that it selects pods that nobody thought of.
fn means_strangers(selector: Option<&Node>) -> bool {
    let Some(selector) = selector else { return true };
    let is_in = |one: &Node| one.text_at(&["operator"]) == Some("In");
    selector.get("matchLabels").is_none_or(|labels| labels.entries().is_empty())
        && !items(selector, "matchExpressions").iter().any(is_in)
}

impl Policy<'_> {
    /// What a peer means; nothing where it means addresses.
    fn meaning<'n>(&self, peer: &'n Node) -> Option<Meaning<'n>> {
        let field = |key| peer.get(key).filter(|node| !node.is_null());
        if field("ipBlock").is_some() {
            return None;
        }
        let pods = field("podSelector");
        Some(match field("namespaceSelector") {
            None => {
                let of_baseline = self.site == Site::Home;
                Meaning { pods, of_baseline, of_previews: false, is_own: true }
            }
            Some(namespaces) => Meaning {
                pods,
                of_baseline: selects(Some(namespaces), Some(&self.estate.labels.of_baseline)),
                of_previews: selects(Some(namespaces), Some(&self.estate.labels.of_previews)),
                is_own: false,
            },
        })
    }

    /// What the copies say: peers mean the pods beside the copy too, and the baseline's.
    fn copied(&self) -> Node {
        let mut spec = self.spec.clone();
        for side in Side::ALL {
            let (_, list, peers) = side.keys();
            let Some(rules) = spec.get_mut(list) else { continue };
            for rule in rules.items_mut() {
                let of_copy: Vec<Node> =
                    items(rule, peers).iter().flat_map(|peer| self.of_copy(peer)).collect();
                if !of_copy.is_empty() {
                    rule.set(peers, Node::list(of_copy));
                }
            }
        }
        spec
    }

    /// The peers of a copy for a peer of the original.
    fn of_copy(&self, peer: &Node) -> Vec<Node> {
        let Some(meaning) = self.meaning(peer) else { return vec![peer.clone()] };
        let pods = meaning.pods;
        match meaning {
            Meaning { is_own: true, .. } => {
                let home = self.estate.catalog.namespace;
                vec![peer.clone(), peer_of((NAME_LABEL, home), pods)]
            }
            Meaning { of_baseline: true, of_previews: false, .. } => {
                let beside = pods.cloned().unwrap_or_else(|| Node::map([]));
                vec![peer.clone(), Node::map([("podSelector", beside)])]
            }
            Meaning { of_baseline: false, of_previews: true, .. } => vec![without_previews(peer)],
            _ => vec![peer.clone()],
        }
    }

    /// What an added policy says, so that previews' pods are let through where those of the baseline are; nothing where
    /// no rule has to say more.
    fn added(&self) -> Option<Node> {
        let mut spec = Node::map([("podSelector", self.pod_selector())]);
        let mut types = Vec::new();
        for side in Side::ALL {
            let (name, list, peers) = side.keys();
            let rules = side.rules(self.spec).iter();
            let rules: Vec<Node> = rules.filter_map(|rule| self.added_rule(rule, peers)).collect();
            if !rules.is_empty() {
                types.push(Node::string(name));
                spec.set(list, Node::list(rules));
            }
        }
        // Both sides are closed by the original already: what is added only opens them.
        let is_needed = !types.is_empty();
        spec.set("policyTypes", Node::list(types));
        is_needed.then_some(spec)
    }

    fn added_rule(&self, rule: &Node, peers: &str) -> Option<Node> {
        let meanings = items(rule, peers).iter().filter_map(|peer| self.meaning(peer));
        let lacking = meanings.filter(|one| one.of_baseline && !one.of_previews);
        let lacking = lacking.filter(|one| !self.estate.copied_pods(one.pods).is_empty());
        let of_previews = (marks::SET, self.estate.set);
        let added: Vec<Node> = lacking.map(|one| peer_of(of_previews, one.pods)).collect();
        if added.is_empty() {
            return None;
        }
        let mut rule = rule.clone();
        rule.set(peers, Node::list(added));
        Some(rule)
    }

    fn pod_selector(&self) -> Node {
        self.spec.get("podSelector").cloned().unwrap_or_else(|| Node::map([]))
    }

    /// The peers that mean pods of previews and not their originals, where no peer beside them does.
    fn exceeding(&self) -> Vec<&Node> {
        let mut found = Vec::new();
        for side in Side::ALL {
            for rule in side.rules(self.spec) {
                let peers = items(rule, side.keys().2);
                let meanings = || peers.iter().filter_map(|one| Some((one, self.meaning(one)?)));
                let (mut let_in, mut strangers_in) = (BTreeSet::new(), Vec::new());
                for (_, one) in meanings().filter(|(_, one)| one.of_baseline) {
                    let_in.extend(self.estate.copied_pods(one.pods));
                    strangers_in.push(one.pods);
                }
                let is_in = |pods: Option<&Node>| {
                    strangers_in.iter().any(|&other| {
                        other.is_none_or(|other| other.entries().is_empty()) || other == pods
                    })
                };
                let exceeds = meanings().filter(|(_, one)| {
                    let means_more = !self.estate.copied_pods(one.pods).is_subset(&let_in)
                        || means_strangers(one.pods) && !is_in(one.pods);
                    one.of_previews && !one.of_baseline && means_more
                });
                found.extend(exceeds.map(|(peer, _)| peer));
            }
        }
        found
    }
}

/// A peer that means these pods of namespaces with a label.
fn peer_of((label, value): (&str, &str), pods: Option<&Node>) -> Node {
    let labels = Node::map([(label, Node::string(value))]);
    let namespaces = Node::map([("matchLabels", labels)]);
    let pods = pods.filter(|pods| !pods.entries().is_empty()).cloned();
    let pods = pods.map(|pods| ("podSelector", pods));
    Node::map([("namespaceSelector", namespaces)].into_iter().chain(pods))
}

/// A peer that means namespaces, without those of previews.
fn without_previews(peer: &Node) -> Node {
    let mut peer = peer.clone();
    let selector = peer.make(&["namespaceSelector"]);
    let mut all = items(selector, "matchExpressions").to_vec();
    all.push(Node::map([
        ("key", Node::string(marks::SET)),
        ("operator", Node::string("DoesNotExist")),
    ]));
    selector.set("matchExpressions", Node::list(all));
    peer
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}
