//! What a policy applies to: pods by their labels, Services by name or host, or all of a namespace.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::calico;
use crate::kube::kinds::Reach;
use crate::kube::{Id, Object};
use crate::model::{Catalog, pod_labels, pod_spec, selects};
use crate::yaml::{Data, Node};

/// Some objects of a namespace of the baseline, by what policies select.
pub(in crate::plan) struct Targets<'a> {
    catalog: &'a Catalog<'a>,
    /// The namespace of the baseline that they are of.
    pub(super) home: &'a str,
    /// All of them, by kind and name.
    named: BTreeMap<(&'a str, &'a str), &'a Object>,
    /// The workloads, with the labels of their pods.
    workloads: Vec<(&'a Object, &'a Node)>,
    /// Indices of workloads, by a label and its value: policies are many too.
    by_label: BTreeMap<(&'a str, &'a str), Vec<usize>>,
}

/// No labels at all.
static UNLABELLED: LazyLock<Node> = LazyLock::new(Node::default);

impl<'a> Targets<'a> {
    /// Those of this namespace among some objects.
    pub(in crate::plan) fn of(
        catalog: &'a Catalog<'a>,
        home: &'a str,
        objects: impl Iterator<Item = &'a Object>,
    ) -> Self {
        let (named, workloads, by_label) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let mut copies = Self { catalog, home, named, workloads, by_label };
        for object in objects.filter(|object| object.id.namespace == home) {
            let Id { kind, name, .. } = &object.id;
            copies.named.insert((kind, name), object);
            if pod_spec(&object.node).is_none() {
                continue;
            }
            let labels = pod_labels(&object.node).unwrap_or(&UNLABELLED);
            for (key, value) in labels.entries() {
                let value = value.text().unwrap_or_default();
                let workloads = copies.by_label.entry((&key.text, value)).or_default();
                workloads.push(copies.workloads.len());
            }
            copies.workloads.push((object, labels));
        }
        copies
    }

    /// Whether an object of this kind and name is among them.
    pub(super) fn contains(&self, kind: &str, name: &str) -> bool {
        self.named.contains_key(&(kind, name))
    }

    /// The workloads, or Services, that a policy applies to by one of the ways of its kind, each once.
    pub(in crate::plan) fn touched(&self, policy: &Object, ways: &[Reach]) -> Vec<&'a Object> {
        let mut touched = ways.iter().map(|reach| self.touched_by(policy, *reach));
        let mut touched = touched.find(|touched| !touched.is_empty()).unwrap_or_default();
        touched.sort_unstable_by_key(|object| object.number);
        touched.dedup_by_key(|object| object.number);
        touched
    }

    fn touched_by(&self, policy: &Object, reach: Reach) -> Vec<&'a Object> {
        let spec = policy.node.get("spec");
        let of_spec = |key: &str| spec.and_then(|spec| spec.get(key));
        let targets = of_spec("targetRefs").map(Node::items).unwrap_or_default();
        let mut targets = of_spec("targetRef").into_iter().chain(targets).peekable();
        if targets.peek().is_some() {
            return targets.flat_map(|target| self.target(target)).collect();
        }
        match reach {
            Reach::Namespace => self.pods(|_| true).collect(),
            Reach::Pods(path) => self.selected(policy.node.at(path)),
            Reach::Each(list, path) => {
                let items = policy.node.at(list).map(Node::items).unwrap_or_default();
                match path {
                    [] => items
                        .iter()
                        .flat_map(|item| self.service(item.text_at(&["name"])))
                        .collect(),
                    path => items.iter().flat_map(|item| self.selected(item.at(path))).collect(),
                }
            }
            Reach::Calico => self.calico(of_spec("selector").and_then(Node::text)).collect(),
            Reach::Service(path) => self.service(policy.node.text_at(path)).collect(),
            Reach::Targets => self.server(of_spec("server")),
        }
    }

    /// What a reference of a policy means.
    fn target(&self, target: &Node) -> Vec<&'a Object> {
        let name = target.text_at(&["name"]);
        match target.text_at(&["kind"]).unwrap_or("Service") {
            "Service" => self.service(name).collect(),
            "Namespace" => self.pods(|_| true).collect(),
            "Server" => self.server_named(name),
            kind => {
                let is =
                    |((of, named), _): &(&(&str, &str), _)| *of == kind && Some(*named) == name;
                self.named.iter().filter(is).map(|(_, object)| *object).collect()
            }
        }
    }

    /// What the Servers apply to that an authorization of Linkerd's names or selects.
    fn server(&self, server: Option<&Node>) -> Vec<&'a Object> {
        let Some(server) = server else { return Vec::new() };
        match server.get("selector") {
            None => self.server_named(server.text_at(&["name"])),
            Some(selector) => {
                let labels = |one: &Object| one.node.at(&["metadata", "labels"]).cloned();
                let servers = self.of_kind("policy.linkerd.io", "Server");
                let selected = servers.filter(|one| selects(Some(selector), labels(one).as_ref()));
                selected
                    .flat_map(|one| self.selected(one.node.at(&["spec", "podSelector"])))
                    .collect()
            }
        }
    }

    /// Objects of a kind in the namespace.
    pub(super) fn of_kind(
        &self,
        group: &'a str,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Object> {
        let all = self.catalog.of_kind(group, kind);
        all.filter(|object| object.id.namespace == self.home)
    }

    fn server_named(&self, name: Option<&str>) -> Vec<&'a Object> {
        let server =
            name.and_then(|name| self.catalog.get(self.home, "policy.linkerd.io", "Server", name));
        server.map(|one| self.selected(one.node.at(&["spec", "podSelector"]))).unwrap_or_default()
    }

    /// The Services that a name, or the first part of a host, means.
    fn service(&self, name: Option<&str>) -> impl Iterator<Item = &'a Object> {
        let name = name.map(|name| name.split('.').next().unwrap_or(name).to_owned());
        let services = self.named.range(("Service", "")..);
        let services = services.take_while(|((kind, _), _)| *kind == "Service");
        let is =
            move |service: &str| name.as_deref().is_some_and(|name| name == "*" || name == service);
        services.filter(move |((_, name), _)| is(name)).map(|(_, object)| *object)
    }

    fn pods(&self, is: impl Fn(&Node) -> bool) -> impl Iterator<Item = &'a Object> {
        self.workloads.iter().filter(move |(_, pod)| is(pod)).map(|(workload, _)| *workload)
    }

    fn calico(&self, selector: Option<&str>) -> impl Iterator<Item = &'a Object> {
        let home = self.home;
        self.pods(move |pod| {
            let label = |key: &str| match key {
                "projectcalico.org/namespace" => Some(home),
                "projectcalico.org/orchestrator" => Some("k8s"),
                key => pod.text_at(&[key]),
            };
            // What cannot be read may apply.
            calico::selects(selector.unwrap_or_default(), &label).unwrap_or(true)
        })
    }

    /// All workloads among them.
    pub(super) fn workloads(&self) -> impl Iterator<Item = &'a Object> {
        self.pods(|_| true)
    }

    /// The workloads whose pods a selector selects.
    pub(super) fn selected(&self, selector: Option<&Node>) -> Vec<&'a Object> {
        let selector = selector.map(|selector| of_pods(selector, self.home));
        let selector = selector.as_deref();
        // Istio writes `matchLabels` for security policies and `labels` for networking ones.
        let labels = selector.and_then(|selector| selector.get("labels"));
        let applies = |pod: &Node| match labels {
            Some(labels) => {
                let mut labels = labels.entries().iter();
                labels.all(|(key, want)| pod.text_at(&[&key.text]) == want.text())
            }
            None => selects(selector, Some(pod)),
        };
        let wanted = labels.or_else(|| selector.and_then(|one| one.get("matchLabels")));
        let wanted = wanted.and_then(|labels| labels.entries().first());
        let label = wanted.and_then(|(key, value)| Some((key.text.as_str(), value.text()?)));
        let candidates = match label {
            Some(label) => self.by_label.get(&label).cloned().unwrap_or_default(),
            None => (0..self.workloads.len()).collect(),
        };
        let candidates = candidates.into_iter().map(|index| self.workloads[index]);
        candidates.filter(|(_, pod)| applies(pod)).map(|(workload, _)| workload).collect()
    }
}

/// The key of a label without what Cilium writes in front of it: where the label comes from.
pub(in crate::plan) fn plain_label(key: &str) -> &str {
    key.strip_prefix("k8s:").or_else(|| key.strip_prefix("any:")).unwrap_or(key)
}

/// A selector without what Cilium adds to labels: where one comes from, and the namespace of a pod.
fn of_pods<'n>(selector: &'n Node, home: &str) -> Cow<'n, Node> {
    const OF_NAMESPACE: &str = "io.kubernetes.pod.namespace";
    if !selector.any_text(&|text| text.contains(':') || text == OF_NAMESPACE) {
        return Cow::Borrowed(selector);
    }
    let mut selector = selector.clone();
    if let Some(Data::Map(labels)) = selector.get_mut("matchLabels").map(|node| &mut node.data) {
        labels.iter_mut().for_each(|(key, _)| key.text = plain_label(&key.text).into());
        labels.retain(|(key, value)| key.text != OF_NAMESPACE || value.text() != Some(home));
    }
    if let Some(Data::List(all)) = selector.get_mut("matchExpressions").map(|node| &mut node.data) {
        for one in all.iter_mut() {
            let key = plain_label(one.text_at(&["key"]).unwrap_or_default()).to_owned();
            one.set("key", Node::string(key));
        }
        all.retain(|one| {
            let values = one.get("values").map(Node::items).unwrap_or_default();
            one.text_at(&["key"]) != Some(OF_NAMESPACE)
                || one.text_at(&["operator"]) != Some("In")
                || !values.iter().any(|value| value.text() == Some(home))
        });
    }
    Cow::Owned(selector)
}
