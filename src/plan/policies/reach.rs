//! What a policy applies to: pods by their labels, Services by name or host, or everything in a namespace.
//!
//! [`SelectionIndex`] answers this for one namespace and for each way in which a kind selects ([`Reach`]).

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::LazyLock;

use super::{calico, has_target_refs, target_refs};
use crate::kube::Reach;
use crate::kube::{Id, Object};
use crate::model::{Catalog, pod_labels, pod_of, selects};
use crate::yaml::{Data, Node};

/// Workloads and Services of a namespace, indexed by what policies select them by.
pub(in crate::plan) struct SelectionIndex<'a> {
    catalog: &'a Catalog<'a>,
    /// The namespace, which is one of the baseline's.
    pub(super) home: &'a str,
    /// All objects, by kind and name.
    named: BTreeMap<(&'a str, &'a str), &'a Object>,
    /// The workloads, with the labels of their pods.
    workloads: Vec<(&'a Object, &'a Node)>,
    /// Indices into `workloads`, by label and value, so that no policy is compared with every workload.
    by_label: BTreeMap<(&'a str, &'a str), Vec<usize>>,
}

static NO_LABELS: LazyLock<Node> = LazyLock::new(Node::default);

impl<'a> SelectionIndex<'a> {
    /// Indexes those of `objects` that are in a namespace.
    pub(in crate::plan) fn of(
        catalog: &'a Catalog<'a>,
        home: &'a str,
        objects: impl Iterator<Item = &'a Object>,
    ) -> Self {
        let (named, workloads, by_label) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        let mut index = Self { catalog, home, named, workloads, by_label };
        for object in objects.filter(|object| object.id.namespace == home) {
            let Id { kind, name, .. } = &object.id;
            index.named.insert((kind, name), object);
            if pod_of(object).is_none() {
                continue;
            }
            let labels = pod_labels(&object.node).unwrap_or(&NO_LABELS);
            for (key, value) in labels.entries() {
                let value = value.text().unwrap_or_default();
                let workloads = index.by_label.entry((&key.text, value)).or_default();
                workloads.push(index.workloads.len());
            }
            index.workloads.push((object, labels));
        }
        index
    }

    /// Whether an object of this kind and name is indexed.
    pub(super) fn contains(&self, kind: &str, name: &str) -> bool {
        self.named.contains_key(&(kind, name))
    }

    /// The workloads and Services that a policy applies to, each once. The first reach that finds any counts.
    pub(in crate::plan) fn reached_by(
        &self,
        policy: &Object,
        reaches: &[Reach],
    ) -> Vec<&'a Object> {
        let mut all = reaches.iter().map(|reach| self.within(policy, *reach));
        let mut reached = all.find(|reached| !reached.is_empty()).unwrap_or_default();
        reached.sort_unstable_by_key(|object| object.number);
        reached.dedup_by_key(|object| object.number);
        reached
    }

    fn within(&self, policy: &Object, reach: Reach) -> Vec<&'a Object> {
        if has_target_refs(policy) {
            return target_refs(policy).flat_map(|target| self.target(target)).collect();
        }
        match reach {
            Reach::Namespace => self.workloads().collect(),
            Reach::Pods(path) => self.selected(policy.node.at(path)),
            Reach::Each(list, path) => {
                let items = policy.node.items_at(list).iter();
                match path {
                    [] => items.flat_map(|item| self.service(item.text_at(&["name"]))).collect(),
                    path => items.flat_map(|item| self.selected(item.at(path))).collect(),
                }
            }
            Reach::Calico => self.calico(policy.node.text_at(&["spec", "selector"])).collect(),
            Reach::Service(path) => self.service(policy.node.text_at(path)).collect(),
            Reach::Targets => self.servers(policy.node.at(&["spec", "server"])),
        }
    }

    /// The objects that an item of `targetRefs` names.
    fn target(&self, target: &Node) -> Vec<&'a Object> {
        let name = target.text_at(&["name"]);
        match target.text_at(&["kind"]).unwrap_or("Service") {
            "Service" => self.service(name).collect(),
            "Namespace" => self.workloads().collect(),
            "Server" => self.server_named(name),
            kind => {
                let named = name.and_then(|name| self.named.get(&(kind, name)));
                named.copied().into_iter().collect()
            }
        }
    }

    /// The workloads of the Servers that `spec.server` of a Linkerd authorization names or selects.
    fn servers(&self, reference: Option<&Node>) -> Vec<&'a Object> {
        let Some(reference) = reference else { return Vec::new() };
        let Some(selector) = reference.get("selector") else {
            return self.server_named(reference.text_at(&["name"]));
        };
        let servers = self
            .of_kind("policy.linkerd.io", "Server")
            .filter(|server| selects(Some(selector), server.node.at(&["metadata", "labels"])));
        servers.flat_map(|server| self.selected(server.node.at(&["spec", "podSelector"]))).collect()
    }

    /// All objects of a kind in the namespace, indexed or not.
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

    /// The Services with a name. A host counts by its first label, and `*` stands for all Services.
    fn service(&self, name: Option<&str>) -> impl Iterator<Item = &'a Object> {
        let name = name.map(|name| name.split('.').next().unwrap_or(name).to_owned());
        let services = self.named.range(("Service", "")..);
        let services = services.take_while(|((kind, _), _)| *kind == "Service");
        let is_meant =
            move |service: &str| name.as_deref().is_some_and(|name| name == "*" || name == service);
        services.filter(move |((_, name), _)| is_meant(name)).map(|(_, object)| *object)
    }

    fn calico(&self, selector: Option<&str>) -> impl Iterator<Item = &'a Object> {
        let selected = self.workloads.iter().filter(move |(_, labels)| {
            let label = |key: &str| match key {
                "projectcalico.org/namespace" => Some(self.home),
                "projectcalico.org/orchestrator" => Some("k8s"),
                key => labels.text_at(&[key]),
            };
            // An expression that cannot be read may select anything.
            calico::selects(selector.unwrap_or_default(), &label).unwrap_or(true)
        });
        selected.map(|(workload, _)| *workload)
    }

    /// All indexed workloads.
    pub(super) fn workloads(&self) -> impl Iterator<Item = &'a Object> {
        self.workloads.iter().map(|(workload, _)| *workload)
    }

    /// The workloads whose pods a selector selects.
    pub(super) fn selected(&self, selector: Option<&Node>) -> Vec<&'a Object> {
        let selector = selector.map(|selector| without_cilium_prefixes(selector, self.home));
        let selector = selector.as_deref();
        // Istio calls the labels `matchLabels` in security policies and `labels` in networking ones.
        let labels = selector.and_then(|selector| selector.get("labels"));
        let applies = |pod: &Node| match labels {
            Some(labels) => {
                let mut labels = labels.entries().iter();
                labels.all(|(key, want)| pod.text_at(&[&key.text]) == want.text())
            }
            None => selects(selector, Some(pod)),
        };
        // Only workloads with the first label that the selector requires are compared.
        let required = labels.or_else(|| selector.and_then(|one| one.get("matchLabels")));
        let first = required.and_then(|labels| labels.entries().first());
        let first = first.and_then(|(key, value)| Some((key.text.as_str(), value.text()?)));
        let candidates = match first {
            Some(label) => self.by_label.get(&label).cloned().unwrap_or_default(),
            None => (0..self.workloads.len()).collect(),
        };
        let candidates = candidates.into_iter().map(|index| self.workloads[index]);
        candidates.filter(|(_, pod)| applies(pod)).map(|(workload, _)| workload).collect()
    }
}

/// The key of a label without the prefix by which Cilium says where the label comes from.
pub(in crate::plan) fn plain_label(key: &str) -> &str {
    key.strip_prefix("k8s:").or_else(|| key.strip_prefix("any:")).unwrap_or(key)
}

/// A selector without Cilium's prefixes, and without its label for the namespace of a pod if that is `home`.
fn without_cilium_prefixes<'n>(selector: &'n Node, home: &str) -> Cow<'n, Node> {
    const NAMESPACE: &str = "io.kubernetes.pod.namespace";
    if !selector.any_text(&|text| text.contains(':') || text == NAMESPACE) {
        return Cow::Borrowed(selector);
    }
    let mut selector = selector.clone();
    if let Some(Data::Map(labels)) = selector.get_mut("matchLabels").map(|node| &mut node.data) {
        labels.iter_mut().for_each(|(key, _)| key.text = plain_label(&key.text).into());
        labels.retain(|(key, value)| key.text != NAMESPACE || value.text() != Some(home));
    }
    if let Some(Data::List(all)) = selector.get_mut("matchExpressions").map(|node| &mut node.data) {
        for one in all.iter_mut() {
            let key = plain_label(one.text_at(&["key"]).unwrap_or_default()).to_owned();
            one.set("key", Node::string(key));
        }
        all.retain(|one| {
            let values = one.get("values").map(Node::items).unwrap_or_default();
            one.text_at(&["key"]) != Some(NAMESPACE)
                || one.text_at(&["operator"]) != Some("In")
                || !values.iter().any(|value| value.text() == Some(home))
        });
    }
    Cow::Owned(selector)
}
