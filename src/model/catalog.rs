//! The objects of a baseline, by identity, and the services and workloads among them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::host::Home;
use super::mesh::{self, Mesh};
use super::pod::pod_labels;
use super::service::Service;
use super::workload::Workload;
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::kube::{Id, Object, makers};
use crate::limits::{flag, or_raise};
use crate::read::Parted;
use crate::spec::{DataPlane, ServiceFacts};
use crate::yaml::Node;

/// Everything the input holds that anabranch did not make itself.
#[derive(Debug)]
pub struct Catalog<'a> {
    /// The baseline's namespace.
    pub namespace: &'a str,
    /// What tells hosts of its services from others.
    pub home: Home<'a>,
    /// What leads requests between its services.
    pub(crate) mesh: Mesh,
    /// Whether the cluster is known to have no kinds of Istio: the mesh is another one, or the Namespace is in the input
    /// and nothing there says that Istio is.
    pub(crate) is_without_istio: bool,
    objects: Vec<&'a Object>,
    /// What other sets made: no part of the baseline.
    others: &'a [Object],
    /// VirtualServices of an earlier run.
    extended: &'a [Object],
    /// By name.
    services: Vec<Service<'a>>,
    /// Indices of services by their name.
    service_named: HashMap<&'a str, usize, RandomState>,
    workloads: Vec<Workload<'a>>,
    /// Indices of the workloads that each service selects, by its number.
    selected: Vec<Vec<usize>>,
    /// Indices of workloads by their name.
    named: BTreeMap<&'a str, Vec<usize>>,
    /// Names of the services that select each workload, by its number.
    selecting: Vec<Vec<&'a str>>,
    /// Names of Services of the baseline that operators and charts of the input make.
    made: BTreeSet<String>,
}

impl<'a> Catalog<'a> {
    /// Makes a catalogue of an input in the order of identity, each object with its number.
    ///
    /// # Errors
    /// The Services select more workloads than `most`, each counted once for each of them.
    pub fn new(home: Home<'a>, input: &'a Parted, most: usize) -> Result<Self, Refused> {
        let namespace = home.namespace;
        let objects: Vec<&Object> = input.users.iter().collect();
        let own = || objects.iter().filter(|object| object.id.namespace == namespace);
        let services: Vec<Service<'a>> = own()
            .filter(|object| object.is("", "Service"))
            .map(|object| Service::new(object))
            .collect();
        let names = services.iter().map(Service::name);
        let service_named = names.enumerate().map(|(index, name)| (name, index)).collect();
        let workloads: Vec<Workload<'a>> =
            own().filter_map(|object| Workload::new(object)).collect();
        let mut selected = vec![Vec::new(); objects.len()];
        let mut selecting = vec![Vec::new(); objects.len()];
        let made = own().flat_map(|object| makers::services_of(object)).collect();
        let by_label = by_label(&workloads);
        let mut looked_at = 0;
        for service in &services {
            let candidates = candidates(service, &by_label);
            looked_at += candidates.len();
            if looked_at > most {
                let message = format!("Services select more workloads than the limit of {most}");
                let help = or_raise("let Services select fewer workloads", flag::PAIRS);
                let finding = Diagnostic::new(&code::OUTPUT_LIMIT, message, help);
                return Err(finding
                    .at(service.object.place(), "limit reached with this one")
                    .into());
            }
            for &index in candidates {
                let workload = workloads[index].object;
                if service.selects(&workload.node) {
                    selected[service.object.number].push(index);
                    selecting[workload.number].push(service.name());
                }
            }
        }
        let mut named: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        for (index, workload) in workloads.iter().enumerate() {
            named.entry(workload.name()).or_default().push(index);
        }
        Ok(Self {
            namespace,
            home,
            mesh: Mesh::default(),
            is_without_istio: false,
            objects,
            others: &input.others,
            extended: &input.extended,
            services,
            service_named,
            workloads,
            named,
            selected,
            selecting,
            made,
        })
    }

    /// Takes what is said of services that hold for every preview.
    pub fn declare(&mut self, facts: &[ServiceFacts]) {
        for facts in facts.iter().filter(|facts| !facts.ports.is_empty()) {
            if let Some(&index) = self.service_named.get(facts.name.as_str()) {
                self.services[index].declare(&facts.ports);
            }
        }
    }

    /// Takes what is said of the mesh.
    pub fn join(&mut self, data_plane: DataPlane) {
        self.mesh = Mesh::of(data_plane, self);
        self.is_without_istio = match self.mesh {
            Mesh::Sidecars => self.own_namespace().is_some() && !mesh::says_istio(self),
            Mesh::Ambient => false,
            Mesh::Other | Mesh::Absent => true,
        };
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

    /// The object of this identity.
    pub(crate) fn find(&self, id: &Id) -> Option<&'a Object> {
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

    /// Every object that another set made.
    #[must_use]
    pub fn others(&self) -> &'a [Object] {
        self.others
    }

    /// The VirtualServices that an earlier run made.
    #[must_use]
    pub fn extended(&self) -> &'a [Object] {
        self.extended
    }

    /// Every object of a kind, of every namespace.
    pub fn of_kind(&self, group: &'a str, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.objects().filter(move |object| object.is(group, kind))
    }

    /// Every object of a kind in the baseline's namespace.
    pub fn in_baseline(&self, group: &'a str, kind: &'a str) -> impl Iterator<Item = &'a Object> {
        self.of_kind(group, kind).filter(|object| object.id.namespace == self.namespace)
    }

    /// The baseline's services, by name.
    pub fn services(&self) -> impl Iterator<Item = &Service<'a>> {
        self.services.iter()
    }

    /// A service of the baseline.
    #[must_use]
    pub fn service(&self, name: &str) -> Option<&Service<'a>> {
        self.service_named.get(name).map(|&index| &self.services[index])
    }

    /// A Service of the baseline that is not in the input, and that an object of the input makes.
    #[must_use]
    pub fn made(&self, name: &str) -> Option<&str> {
        self.made.get(name).map(String::as_str)
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

    /// The workloads of this name, of whatever kind.
    pub fn workloads_named(&self, name: &str) -> impl Iterator<Item = &Workload<'a>> {
        let named = self.named.get(name).map(Vec::as_slice).unwrap_or_default();
        named.iter().map(|&index| &self.workloads[index])
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

/// The workloads with the rarest label that a service selects: a few, where a shop has hundreds.
fn candidates<'b>(service: &'b Service<'_>, by_label: &'b ByLabel<'_>) -> &'b [usize] {
    let selector = service.object.node.at(&["spec", "selector"]).map(Node::entries);
    let labels = selector.unwrap_or_default().iter();
    let labels = labels.filter_map(|(key, value)| Some((key.text.as_str(), value.text()?)));
    let with = labels.map(|label| by_label.get(&label).map(Vec::as_slice).unwrap_or_default());
    with.min_by_key(|workloads| workloads.len()).unwrap_or_default()
}
