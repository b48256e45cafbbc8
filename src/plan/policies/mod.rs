//! Policies that apply to a copied workload and are not copied, each named in a warning; and objects that mean nothing
//! in a preview, each named in a note.

mod calico;

pub(super) use calico::is_in_word;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use super::environment::Environment;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::kinds::{self, Reach};
use crate::kube::meta::{PUBLISHING, SPREADING};
use crate::kube::{Id, Object};
use crate::model::{Catalog, pod_labels, pod_spec, selects};
use crate::yaml::{Data, Node};

/// What selects pods and is left out on purpose.
const BUDGETS: (&str, &str) = ("policy", "PodDisruptionBudget");

/// What changes the number of pods or their resources, how it names them, and why previews do without.
const SCALERS: [(&str, &str, &str, &str); 3] = [
    ("autoscaling", "HorizontalPodAutoscaler", "scaleTargetRef", "previews have fixed replicas"),
    (
        "autoscaling.k8s.io",
        "VerticalPodAutoscaler",
        "targetRef",
        "previews have the resources that are written",
    ),
    ("keda.sh", "ScaledObject", "scaleTargetRef", "previews have fixed replicas"),
];

/// Reports what applies to the copies of these previews and is left behind.
pub(super) fn check(catalog: &Catalog<'_>, environments: &[Environment<'_>], report: &mut Report) {
    // A patch may take a copy out of what selects the original, which the copy is to be like.
    let mut originals = vec![None; catalog.objects().count()];
    for copy in environments.iter().flat_map(|env| &env.copies) {
        originals[copy.original.number] = Some(copy.original);
    }
    let is_copied: Vec<bool> = originals.iter().map(Option::is_some).collect();
    let originals: Vec<&Object> = originals.into_iter().flatten().collect();
    let copies = catalog.home.namespaces.iter().map(|home| {
        let own = originals.iter().filter(|object| object.id.namespace == *home);
        Copies::of(catalog, home, own.copied())
    });
    let copies: Vec<Copies<'_>> = copies.collect();
    let is_copied = |policy: &Object| is_copied[policy.number];
    not_copied(catalog, &copies, is_copied, report);
    copies.iter().for_each(|copies| left_out(catalog, copies, report));
    left_out_of_copies(catalog.objects().filter(|object| is_copied(object)), report);
}

/// Warns of every policy that applies to a copied workload, once each.
fn not_copied(
    catalog: &Catalog<'_>,
    all: &[Copies<'_>],
    is_copied: impl Fn(&Object) -> bool,
    report: &mut Report,
) {
    for policy in catalog.objects().filter(|object| !is_copied(object)) {
        let Some(kind) = kinds::find(&policy.id.group, &policy.id.kind) else { continue };
        let is_of = |copies: &&Copies<'_>| match kind.is_cluster_scoped {
            false => policy.id.namespace == copies.home,
            true => policy.node.any_text(&|text| names(text, copies.home)),
        };
        let touched = all.iter().filter(is_of).flat_map(|copies| {
            let mut ways = kind.policy.iter().map(|reach| copies.touched(policy, *reach));
            ways.find(|touched| !touched.is_empty()).unwrap_or_default()
        });
        let touched: BTreeSet<&str> = touched.collect();
        if !touched.is_empty() {
            let names = first_of(5, ", ", touched);
            report.push(
                Diagnostic::new(
                    &code::POLICY_NOT_COPIED,
                    format!("{} applies to {names}, but previews do not get a copy of it", policy.id),
                    "policies are not copied yet: add one for the previews' namespaces where it matters",
                )
                .at(policy.place(), "not copied"),
            );
        }
    }
}

/// Whether a text is the name of a namespace, or a selector of Calico's that names it.
fn names(text: &str, namespace: &str) -> bool {
    text == namespace
        || ['\'', '"'].iter().any(|quote| text.contains(&format!("{quote}{namespace}{quote}")))
}

/// Notes what is left out on purpose, once for each object of the baseline.
fn left_out(catalog: &Catalog<'_>, copies: &Copies<'_>, report: &mut Report) {
    let copied = |kind, name| copies.names.contains(&(kind, name));
    let mut note = |object: &Object, what: String, label: &str| {
        let help = "nothing to do; add it to the previews' namespaces yourself if they need it";
        report.push(Diagnostic::new(&code::DROPPED, what, help).at(object.place(), label));
    };
    for (group, kind, reference, why) in SCALERS {
        for scaler in copies.of_kind(catalog, group, kind) {
            let target = |key| scaler.node.text_at(&["spec", reference, key]);
            if copied(target("kind").unwrap_or("Deployment"), target("name").unwrap_or_default()) {
                note(scaler, format!("{} is not copied: {why}", scaler.id), "not copied");
            }
        }
    }
    for budget in copies.of_kind(catalog, BUDGETS.0, BUDGETS.1) {
        if !copies.selected(budget.node.at(&["spec", "selector"])).is_empty() {
            note(
                budget,
                format!("{} is not copied: previews may be disrupted", budget.id),
                "not copied",
            );
        }
    }
}

/// Notes annotations that copies do not have, once for each original.
fn left_out_of_copies<'a>(originals: impl Iterator<Item = &'a Object>, report: &mut Report) {
    const HOOK: &str = "helm.sh/hook";
    for original in originals {
        let has = |key: &&&str| original.annotation(key).is_some();
        let id = &original.id;
        let what = if let Some(key) = PUBLISHING.iter().find(has) {
            format!("the copies of {id} have no `{key}`: the name is the original's")
        } else if let Some(key) = SPREADING.iter().find(has) {
            format!("the copies of {id} have no `{key}`: they are for their previews alone")
        } else if original.annotation(HOOK).is_some() {
            format!("the copies of {id} have no `{HOOK}`: they come and go with their previews")
        } else {
            continue;
        };
        let help = "nothing to do; add it to the previews' namespaces yourself if they need it";
        let note = Diagnostic::new(&code::DROPPED, what, help);
        report.push(note.at(original.place(), "not copied with it"));
    }
}

/// What of a namespace of the baseline is copied into any preview.
struct Copies<'a> {
    catalog: &'a Catalog<'a>,
    /// The namespace.
    home: &'a str,
    /// Kind and name of everything that is copied.
    names: BTreeSet<(&'a str, &'a str)>,
    /// Names of workloads, with the labels of their pods.
    workloads: Vec<(&'a str, &'a Node)>,
    /// Indices of workloads, by a label and its value: policies are many too.
    by_label: BTreeMap<(&'a str, &'a str), Vec<usize>>,
}

/// No labels at all.
static UNLABELLED: LazyLock<Node> = LazyLock::new(Node::default);

impl<'a> Copies<'a> {
    fn of(
        catalog: &'a Catalog<'a>,
        home: &'a str,
        originals: impl Iterator<Item = &'a Object>,
    ) -> Self {
        let (names, workloads, by_label) = (BTreeSet::new(), Vec::new(), BTreeMap::new());
        let mut copies = Self { catalog, home, names, workloads, by_label };
        for object in originals {
            let Id { kind, name, .. } = &object.id;
            copies.names.insert((kind, name));
            if pod_spec(&object.node).is_none() {
                continue;
            }
            let labels = pod_labels(&object.node).unwrap_or(&UNLABELLED);
            for (key, value) in labels.entries() {
                let value = value.text().unwrap_or_default();
                let workloads = copies.by_label.entry((&key.text, value)).or_default();
                workloads.push(copies.workloads.len());
            }
            copies.workloads.push((name, labels));
        }
        copies
    }

    /// Objects of a kind in the namespace.
    fn of_kind<'o>(
        &self,
        catalog: &'o Catalog<'o>,
        group: &'o str,
        kind: &'o str,
    ) -> impl Iterator<Item = &'o Object> {
        let all = catalog.of_kind(group, kind);
        all.filter(|object| object.id.namespace == self.home)
    }

    /// Names of the workloads, or Services, that a policy of the baseline applies to.
    fn touched(&self, policy: &Object, reach: Reach) -> BTreeSet<&'a str> {
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
    fn target(&self, target: &Node) -> BTreeSet<&'a str> {
        let name = target.text_at(&["name"]);
        match target.text_at(&["kind"]).unwrap_or("Service") {
            "Service" => self.service(name).collect(),
            "Namespace" => self.pods(|_| true).collect(),
            "Server" => self.server_named(name),
            kind => {
                let is = |(of, named): &&(&'a str, &'a str)| *of == kind && Some(*named) == name;
                self.names.iter().filter(is).map(|(_, name)| *name).collect()
            }
        }
    }

    /// What the Servers apply to that an authorization of Linkerd's names or selects.
    fn server(&self, server: Option<&Node>) -> BTreeSet<&'a str> {
        let Some(server) = server else { return BTreeSet::new() };
        match server.get("selector") {
            None => self.server_named(server.text_at(&["name"])),
            Some(selector) => {
                let labels = |one: &Object| one.node.at(&["metadata", "labels"]).cloned();
                let servers = self.of_kind(self.catalog, "policy.linkerd.io", "Server");
                let selected = servers.filter(|one| selects(Some(selector), labels(one).as_ref()));
                selected
                    .flat_map(|one| self.selected(one.node.at(&["spec", "podSelector"])))
                    .collect()
            }
        }
    }

    fn server_named(&self, name: Option<&str>) -> BTreeSet<&'a str> {
        let server =
            name.and_then(|name| self.catalog.get(self.home, "policy.linkerd.io", "Server", name));
        server.map(|one| self.selected(one.node.at(&["spec", "podSelector"]))).unwrap_or_default()
    }

    /// The Services that a name, or the first part of a host, means.
    fn service(&self, name: Option<&str>) -> impl Iterator<Item = &'a str> {
        let name = name.map(|name| name.split('.').next().unwrap_or(name).to_owned());
        let services = self.names.iter().filter(|(kind, _)| *kind == "Service");
        services.map(|(_, name)| *name).filter(move |service| {
            name.as_deref().is_some_and(|name| name == "*" || name == *service)
        })
    }

    fn pods(&self, is: impl Fn(&Node) -> bool) -> impl Iterator<Item = &'a str> {
        self.workloads.iter().filter(move |(_, pod)| is(pod)).map(|(name, _)| *name)
    }

    fn calico(&self, selector: Option<&str>) -> impl Iterator<Item = &'a str> {
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

    /// Names of the workloads whose pods a selector selects.
    fn selected(&self, selector: Option<&Node>) -> BTreeSet<&'a str> {
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
        candidates.filter(|(_, pod)| applies(pod)).map(|(name, _)| name).collect()
    }
}

/// The key of a label without what Cilium writes in front of it: where the label comes from.
pub(super) fn plain_label(key: &str) -> &str {
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
