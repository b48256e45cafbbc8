//! The objects of a baseline, by identity, and the services and workloads among them.

use std::collections::{BTreeMap, BTreeSet};

use super::service::Service;
use super::workload::Workload;
use crate::kube::{Id, Object};

/// Everything the input holds that anabranch did not make itself.
#[derive(Debug)]
pub struct Catalog<'a> {
    /// The baseline's namespace.
    pub namespace: &'a str,
    objects: BTreeMap<&'a Id, &'a Object>,
    services: BTreeMap<&'a str, Service<'a>>,
    workloads: Vec<Workload<'a>>,
}

impl<'a> Catalog<'a> {
    /// Sorts objects into a catalogue; their order in the input does not matter.
    #[must_use]
    pub fn new(namespace: &'a str, objects: &'a [Object]) -> Self {
        let objects: BTreeMap<_, _> = objects.iter().map(|object| (&object.id, object)).collect();
        let home = || objects.values().filter(|object| object.id.namespace == namespace);
        Self {
            namespace,
            services: home()
                .filter(|object| object.is("", "Service"))
                .map(|object| (object.id.name.as_str(), Service::new(object)))
                .collect(),
            workloads: home().filter_map(|object| Workload::new(object)).collect(),
            objects,
        }
    }

    /// An object of the baseline's namespace, of any group where `group` is none.
    #[must_use]
    pub fn get(&self, group: &str, kind: &str, name: &str) -> Option<&'a Object> {
        let id = Id {
            group: group.to_owned(),
            kind: kind.to_owned(),
            namespace: self.namespace.to_owned(),
            name: name.to_owned(),
        };
        self.objects.get(&id).copied()
    }

    /// The baseline's Namespace.
    #[must_use]
    pub fn own_namespace(&self) -> Option<&'a Object> {
        let id = Id {
            group: String::new(),
            kind: "Namespace".to_owned(),
            namespace: String::new(),
            name: self.namespace.to_owned(),
        };
        self.objects.get(&id).copied()
    }

    /// Every object, of every namespace, in the order of identity.
    pub fn objects(&self) -> impl Iterator<Item = &'a Object> {
        self.objects.values().copied()
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
    pub fn selected<'b>(
        &'b self,
        service: &'b Service<'a>,
    ) -> impl Iterator<Item = &'b Workload<'a>> {
        self.workloads.iter().filter(|workload| service.selects(workload.object))
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
