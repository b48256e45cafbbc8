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
use super::estate::{Estate, Home, Site};
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

/// Whose pods a peer means.
struct Meaning<'p> {
    /// Those that this selects; absent: all.
    pods: Option<&'p Node>,
    /// Of each namespace of the baseline: whether its pods are meant, and whether those of its previews.
    of_homes: Vec<(&'p Home<'p>, bool, bool)>,
    /// It names no namespaces, and so means those of its own.
    is_own: bool,
}

impl<'p> Meaning<'p> {
    /// The namespaces of the baseline whose pods are meant, and those of their previews not.
    fn lacking(&self) -> impl Iterator<Item = &'p Home<'p>> {
        let lacking = self.of_homes.iter().filter(|(_, baseline, previews)| *baseline && !previews);
        lacking.map(|(home, ..)| *home)
    }

    /// The namespaces of the baseline whose previews' pods are meant, and their own not.
    fn exceeding(&self) -> impl Iterator<Item = &'p Home<'p>> {
        let more = self.of_homes.iter().filter(|(_, baseline, previews)| *previews && !baseline);
        more.map(|(home, ..)| *home)
    }
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
    Treated { copy, sibling: added, is_refused: !exceeding.is_empty(), ..Treated::default() }
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

impl<'p> Policy<'p> {
    /// What a peer means; nothing where it means addresses.
    fn meaning(&self, peer: &'p Node) -> Option<Meaning<'p>> {
        let field = |key| peer.get(key).filter(|node| !node.is_null());
        if field("ipBlock").is_some() {
            return None;
        }
        let namespaces = field("namespaceSelector");
        let of_home = |home: &'p Home<'p>| match namespaces {
            None => (home, home.namespace == self.object.id.namespace, false),
            Some(_) => {
                let baseline = selects(namespaces, Some(&home.labels.of_baseline));
                (home, baseline, selects(namespaces, Some(&home.labels.of_previews)))
            }
        };
        Some(Meaning {
            pods: field("podSelector"),
            of_homes: self.estate.homes.iter().map(of_home).collect(),
            is_own: namespaces.is_none(),
        })
    }

    /// What the copies say: peers mean the pods beside the copy too, and the baseline's.
    fn copied(&self) -> Node {
        let mut spec = self.spec.clone();
        for side in Side::ALL {
            let (_, list, peers) = side.keys();
            let rules = items(self.spec, list).iter();
            let copied = spec.get_mut(list).map(Node::items_mut).unwrap_or_default();
            for (rule, copy) in rules.zip(copied) {
                let of_copy: Vec<Node> =
                    items(rule, peers).iter().flat_map(|peer| self.of_copy(peer)).collect();
                if !of_copy.is_empty() {
                    copy.set(peers, Node::list(of_copy));
                }
            }
        }
        spec
    }

    /// The peers of a copy for a peer of the original.
    fn of_copy(&self, peer: &'p Node) -> Vec<Node> {
        let Some(meaning) = self.meaning(peer) else { return vec![peer.clone()] };
        let own = self.object.id.namespace.as_str();
        if meaning.is_own {
            return vec![peer.clone(), peer_of(&[(NAME_LABEL, own)], meaning.pods)];
        }
        let excess: Vec<&Home<'_>> = meaning.exceeding().collect();
        let mut peers = vec![match excess.is_empty() {
            true => peer.clone(),
            false => self.without_previews(peer, &excess),
        }];
        peers.extend(meaning.lacking().map(|home| match home.namespace == own {
            true => {
                let beside = meaning.pods.cloned().unwrap_or_else(|| Node::map([]));
                Node::map([("podSelector", beside)])
            }
            false => peer_of(&self.labels_of_previews(home), meaning.pods),
        }));
        peers
    }

    /// The labels of the namespaces that previews have for one of the baseline.
    fn labels_of_previews(&self, home: &'p Home<'p>) -> Vec<(&'static str, &'p str)> {
        let mut labels = vec![(marks::SET, self.estate.set)];
        if self.estate.homes.len() > 1 {
            labels.push((marks::BASELINE, home.namespace));
        }
        labels
    }

    /// A peer that means namespaces, without those that previews have for some of the baseline.
    fn without_previews(&self, peer: &Node, excess: &[&Home<'_>]) -> Node {
        let mut peer = peer.clone();
        let selector = peer.make(&["namespaceSelector"]);
        let mut all = items(selector, "matchExpressions").to_vec();
        let text = |text: &str| Node::string(text);
        all.push(match self.estate.homes.len() {
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

    fn added_rule(&self, rule: &'p Node, peers: &str) -> Option<Node> {
        let mut added = Vec::new();
        for meaning in items(rule, peers).iter().filter_map(|peer| self.meaning(peer)) {
            let lacking = meaning.lacking();
            let copied =
                lacking.filter(|home| !self.estate.copied_pods(home, meaning.pods).is_empty());
            added.extend(copied.map(|home| peer_of(&self.labels_of_previews(home), meaning.pods)));
        }
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

    /// The peers that mean pods of previews and not their originals, where no peer beside them does; each without
    /// them.
    fn exceeding(&self) -> Vec<(&'p Node, Node)> {
        let mut found = Vec::new();
        for side in Side::ALL {
            for rule in side.rules(self.spec) {
                let peers = items(rule, side.keys().2).iter();
                let meanings: Vec<(&Node, Meaning<'_>)> =
                    peers.filter_map(|one| Some((one, self.meaning(one)?))).collect();
                for (peer, meaning) in &meanings {
                    let exceeds = |home: &&Home<'_>| self.means_more(home, meaning.pods, &meanings);
                    let homes: Vec<&Home<'_>> = meaning.exceeding().filter(exceeds).collect();
                    if !homes.is_empty() {
                        found.push((*peer, self.without_previews(peer, &homes)));
                    }
                }
            }
        }
        found
    }

    /// Whether pods of previews are meant of which no peer of a rule means the like in the baseline.
    fn means_more(
        &self,
        home: &Home<'_>,
        pods: Option<&Node>,
        beside: &[(&Node, Meaning<'_>)],
    ) -> bool {
        let is_meant = |one: &&(&Node, Meaning<'_>)| {
            let of_home = |(other, baseline, _): &(&Home<'_>, bool, bool)| {
                *baseline && other.namespace == home.namespace
            };
            one.1.of_homes.iter().any(of_home)
        };
        let meant: Vec<Option<&Node>> =
            beside.iter().filter(is_meant).map(|(_, meaning)| meaning.pods).collect();
        let let_in: BTreeSet<usize> =
            meant.iter().flat_map(|&other| self.estate.copied_pods(home, other)).collect();
        let strangers_are_in = || {
            let is_as_wide = |other: &Option<&Node>| {
                other.is_none_or(|other| other.entries().is_empty()) || *other == pods
            };
            meant.iter().any(is_as_wide)
        };
        !self.estate.copied_pods(home, pods).is_subset(&let_in)
            || means_strangers(pods) && !strangers_are_in()
    }
}

/// A peer that means these pods of namespaces with these labels.
fn peer_of(labels: &[(&str, &str)], pods: Option<&Node>) -> Node {
    let labels = labels.iter().map(|(label, value)| (*label, Node::string(*value)));
    let namespaces = Node::map([("matchLabels", Node::map(labels))]);
    let pods = pods.filter(|pods| !pods.entries().is_empty()).cloned();
    let pods = pods.map(|pods| ("podSelector", pods));
    Node::map([("namespaceSelector", namespaces)].into_iter().chain(pods))
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}
