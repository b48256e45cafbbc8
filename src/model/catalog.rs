//! The objects of a baseline, by identity, and the services and workloads among them.

use std::collections::{BTreeMap, BTreeSet};

use super::pod::pod_labels;
use super::service::Service;
use super::workload::Workload;
use crate::kube::{Id, Object};
use crate::yaml::Node;

/// Everything the input holds that anabranch did not make itself.
#[derive(Debug)]
pub struct Catalog<'a> {
    /// The baseline's namespace.
    pub namespace: &'a str,
    objects: Vec<&'a Object>,
    services: BTreeMap<&'a str, Service<'a>>,
    workloads: Vec<Workload<'a>>,
    /// Indices of the workloads that each service selects, by its number.
    selected: Vec<Vec<usize>>,
    /// Names of the services that select each workload, by its number.
    selecting: Vec<Vec<&'a str>>,
}

impl<'a> Catalog<'a> {
    /// Makes a catalogue of objects in the order of identity, each with its number.
    #[must_use]
    pub fn new(namespace: &'a str, objects: &'a [Object]) -> Self {
        let objects: Vec<&Object> = objects.iter().collect();
        let home = || objects.iter().filter(|object| object.id.namespace == namespace);
        let services: BTreeMap<&str, Service<'a>> = home()
            .filter(|object| object.is("", "Service"))
            .map(|object| (object.id.name.as_str(), Service::new(object)))
            .collect();
        let workloads: Vec<Workload<'a>> =
            home().filter_map(|object| Workload::new(object)).collect();
        let mut selected = vec![Vec::new(); objects.len()];
        let mut selecting = vec![Vec::new(); objects.len()];
        let by_label = by_label(&workloads);
        for (&name, service) in &services {
            for &index in candidates(service, &by_label) {
                let workload = workloads[index].object;
                if service.selects(&workload.node) {
                    selected[service.object.number].push(index);
                    selecting[workload.number].push(name);
                }
            }
        }
        Self { namespace, objects, services, workloads, selected, selecting }
    }

    /// An object of the baseline's namespace, of any group where `group` is none.
    #[must_use]
    pub fn get(&self, group: &str, kind: &str, name: &str) -> Option<&'a Object> {
        let id = Id {
            group: group.into(),
            kind: kind.into(),
            namespace: self.namespace.into(),
            name: name.into(),
        };
        self.find(&id)
    }

    fn find(&self, id: &Id) -> Option<&'a Object> {
        let at = self.objects.binary_search_by(|object| object.id.cmp(id)).ok()?;
        Some(self.objects[at])
    }

    /// The baseline's Namespace.
    #[must_use]
    pub fn own_namespace(&self) -> Option<&'a Object> {
        let id = Id {
            group: "".into(),
            kind: "Namespace".into(),
            namespace: "".into(),
            name: self.namespace.into(),
        };
        self.find(&id)
    }

    /// Every object, of every namespace, in the order of identity.
    pub fn objects(&self) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().copied()
    }

    /// Every object of a kind, of every namespace.
    pub fn of_kind(&self, group: &'a str, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects().filter(move |object| object.is(group, kind))
    }

    /// Every object of a kind in the baseline's namespace.
    pub fn own(&self, group: &'a str, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.of_kind(group, kind).filter(|object| object.id.namespace == self.namespace)
    }

    /// The baseline's services, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service<'a>> {
        self.services.values()
    }

    /// A service of the baseline.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service<'a>> {
        self.services.get(name)
    }

    /// The baseline's workloads, in the order of kind and name.
    #[must_use]
    pub fn workloads(&self) -> &[Workload<'a>] {
        &self.workloads
    }

    /// The workloads whose pods a service selects.
    pub fn selected(&self, service: &Service<'_>) -> impl Iterator<Item = &Workload<'a>> {
        self.selected[service.object.number].iter().map(|&index| &self.workloads[index])
    }

    /// The names of the services that select the pods of a workload.
    #[must_use]
    pub fn selecting(&self, workload: &Object) -> &[&'a str] {
        &self.selecting[workload.number]
    }

    /// Every namespace that some object of the input is in.
    #[must_use]
    pub fn namespaces(&self) -> BTreeSet<&'a str> {
        let named = |object: &'a Object| match object.is("", "Namespace") {
            true => object.id.name.as_str(),
            false => object.id.namespace.as_str(),
        };
        self.objects().map(named).filter(|name| !name.is_empty()).collect()
    }
}

/// Indices of workloads by each label of their pods.
type ByLabel<'a> = BTreeMap<(&'a str, &'a str), Vec<usize>>;

fn by_label<'a>(workloads: &[Workload<'a>]) -> ByLabel<'a> {
    let mut found = ByLabel::new();
    for (index, workload) in workloads.iter().enumerate() {
        let labels = pod_labels(&workload.object.node).map(Node::entries).unwrap_or_default();
        for (key, value) in labels {
            if let Some(value) = value.text() {
                found.entry((key.text.as_str(), value)).or_default().push(index);
            }
        }
    }
    found
}

/// The workloads with the first label that a service selects: a few, where a shop has hundreds.
fn candidates<'b>(service: &'b Service<'_>, by_label: &'b ByLabel<'_>) -> &'b [usize] {
    let selector = service.object.node.at(&["spec", "selector"]).map(Node::entries);
    let first = selector.and_then(|entries| entries.first());
    let label = first.and_then(|(key, value)| Some((key.text.as_str(), value.text()?)));
    label.and_then(|label| by_label.get(&label)).map(Vec::as_slice).unwrap_or_default()
}
