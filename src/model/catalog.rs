//! The catalogue: the objects of a baseline by identity, and the services and workloads among them.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use foldhash::fast::RandomState;

use super::host::{Home, ServiceName};
use super::mesh::{self, Mesh};
use super::pod::pod_labels;
use super::service::Service;
use super::workload::Workload;
use crate::diagnostic::{Diagnostic, Refused, code};
use crate::kube::{Id, Object, makers};
use crate::limits::{flag, or_raise};
use crate::read::Parted;
use crate::spec::{DataPlane, ServiceFacts, Spec};
use crate::yaml::Node;

/// Everything in the input that anabranch did not make itself.
#[derive(Debug)]
pub(crate) struct Catalog<'a> {
    /// The baseline's namespaces and domain, which tell hosts of its services from others.
    pub(crate) home: Home<'a>,
    /// The mesh that routes requests between its services.
    pub(crate) mesh: Mesh,
    /// Whether the cluster probably has no kinds of Istio: the mesh is another one, or the Namespaces are in the input
    /// and nothing shows Istio.
    pub(crate) is_without_istio: bool,
    objects: Vec<&'a Object>,
    /// Objects of other sets, which are not part of the baseline.
    others: &'a [Object],
    /// VirtualServices of an earlier run.
    extended: &'a [Object],
    /// By namespace and name.
    services: Vec<Service<'a>>,
    /// Indices of services by their name.
    service_named: HashMap<ServiceName<'a>, usize, RandomState>,
    workloads: Vec<Workload<'a>>,
    /// Indices of the workloads that each service selects, by its number.
    selected: Vec<Vec<usize>>,
    /// Indices of workloads by their name.
    named: BTreeMap<ServiceName<'a>, Vec<usize>>,
    /// The services that select each workload, by its number.
    selecting: Vec<Vec<ServiceName<'a>>>,
    /// Names of Services that operators and charts of the input make, by namespace.
    made: BTreeMap<&'a str, BTreeSet<String>>,
}

impl<'a> Catalog<'a> {
    /// Builds the catalogue. The input must be sorted, and its objects must have their numbers.
    ///
    /// # Errors
    /// The Services select more than `most` workloads, counted for each Service.
    pub(crate) fn new(spec: &'a Spec, input: &'a Parted, most: usize) -> Result<Self, Refused> {
        let home = Home { namespaces: spec.baseline.all(), domain: &spec.cluster_domain };
        let mut catalog = Self::of_objects(home, input, most)?;
        catalog.declare(&spec.services);
        catalog.join(spec.routing.data_plane);
        Ok(catalog)
    }

    /// The catalogue as far as the objects alone tell. The mesh is set later.
    fn of_objects(home: Home<'a>, input: &'a Parted, most: usize) -> Result<Self, Refused> {
        let objects: Vec<&Object> = input.users.iter().collect();
        let in_baseline = || objects.iter().filter(|object| home.includes(&object.id.namespace));
        let services: Vec<Service<'a>> = in_baseline()
            .filter(|object| object.is("", "Service"))
            .map(|object| Service::new(object))
            .collect();
        let names = services.iter().map(Service::id);
        let service_named = names.enumerate().map(|(index, name)| (name, index)).collect();
        let workloads: Vec<Workload<'a>> =
            in_baseline().filter_map(|object| Workload::new(object)).collect();
        let mut selected = vec![Vec::new(); objects.len()];
        let mut selecting = vec![Vec::new(); objects.len()];
        let mut made: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
        for (namespace, names) in objects.iter().filter_map(|object| makers::services_of(object)) {
            made.entry(namespace).or_default().extend(names);
        }
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
                    selecting[workload.number].push(service.id());
                }
            }
        }
        let mut named: BTreeMap<ServiceName<'_>, Vec<usize>> = BTreeMap::new();
        for (index, workload) in workloads.iter().enumerate() {
            named.entry(workload.id()).or_default().push(index);
        }
        Ok(Self {
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

    /// Adds the facts about services from `spec.services`.
    fn declare(&mut self, facts: &'a [ServiceFacts]) {
        for facts in facts.iter().filter(|facts| !facts.ports.is_empty()) {
            let name = self.resolve(&facts.name, &facts.namespace);
            if let Some(&index) = self.service_named.get(&name) {
                self.services[index].declare(&facts.ports);
            }
        }
    }

    /// The Namespaces of the baseline that are in the input.
    pub(crate) fn baseline_namespaces(&self) -> impl Iterator<Item = &'a Object> {
        self.home.namespaces.iter().filter_map(|name| self.namespace(name))
    }

    /// Sets the mesh that previews.yaml names.
    fn join(&mut self, data_plane: DataPlane) {
        self.mesh = Mesh::of(data_plane, self);
        self.is_without_istio = match self.mesh {
            Mesh::Sidecars => {
                self.baseline_namespaces().count() == self.home.namespaces.len()
                    && !mesh::shows_istio(self)
            }
            Mesh::Ambient => false,
            Mesh::Other | Mesh::Absent => true,
        };
    }

    /// Resolves a name of previews.yaml: in the given namespace, else in the only one that has it.
    #[must_use]
    pub(crate) fn resolve(&self, name: &'a str, namespace: &str) -> ServiceName<'a> {
        let all =
            self.home.namespaces.iter().filter(|one| namespace.is_empty() || *one == namespace);
        let mut all = all.map(|namespace| ServiceName { name, namespace });
        let first = all.clone().next().unwrap_or(ServiceName { name, namespace: "" });
        let is_there = |name: &ServiceName<'_>| {
            self.service_named.contains_key(name) || self.named.contains_key(name)
        };
        all.find(is_there).unwrap_or(first)
    }

    /// An object of a namespace, by group, kind and name.
    #[must_use]
    pub(crate) fn get(
        &self,
        namespace: &str,
        group: &str,
        kind: &str,
        name: &str,
    ) -> Option<&'a Object> {
        let id = Id {
            group: group.into(),
            kind: kind.into(),
            namespace: namespace.into(),
            name: name.into(),
        };
        self.find(&id)
    }

    /// An object by its identity.
    #[must_use]
    pub(crate) fn find(&self, id: &Id) -> Option<&'a Object> {
        let at = self.objects.binary_search_by(|object| object.id.cmp(id)).ok()?;
        Some(self.objects[at])
    }

    /// The Namespace of this name.
    #[must_use]
    pub(crate) fn namespace(&self, name: &str) -> Option<&'a Object> {
        self.get("", "", "Namespace", name)
    }

    /// Every object, of every namespace, in the order of identity.
    pub(crate) fn objects(&self) -> impl Iterator<Item = &'a Object> {
        self.objects.iter().copied()
    }

    /// Every object that another set made.
    #[must_use]
    pub(crate) fn others(&self) -> &'a [Object] {
        self.others
    }

    /// The VirtualServices that an earlier run made.
    #[must_use]
    pub(crate) fn extended(&self) -> &'a [Object] {
        self.extended
    }

    /// Every object of a kind, of every namespace.
    pub(crate) fn of_kind(
        &self,
        group: &'a str,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Object> {
        // Objects of one kind are side by side, because objects are in the order of identity.
        let is_before = |object: &&Object| (&*object.id.group, &*object.id.kind) < (group, kind);
        let from = &self.objects[self.objects.partition_point(is_before)..];
        from.iter().copied().take_while(move |object| object.is(group, kind))
    }

    /// Every object of a kind in a namespace of the baseline.
    pub(crate) fn in_baseline(
        &self,
        group: &'a str,
        kind: &'a str,
    ) -> impl Iterator<Item = &'a Object> {
        self.of_kind(group, kind).filter(|object| self.home.includes(&object.id.namespace))
    }

    /// The baseline's services, by namespace and name.
    pub(crate) fn services(&self) -> impl Iterator<Item = &Service<'a>> {
        self.services.iter()
    }

    /// A service of the baseline.
    #[must_use]
    pub(crate) fn service(&self, name: ServiceName<'_>) -> Option<&Service<'a>> {
        self.service_named.get(&name).map(|&index| &self.services[index])
    }

    /// The service of the baseline that a host of a VirtualService means. Istio compares these hosts ignoring case,
    /// unlike destinations.
    #[must_use]
    pub(crate) fn service_routed(&self, host: &str, writer: &Object) -> Option<&Service<'a>> {
        match host.contains(|c: char| c.is_ascii_uppercase()) {
            false => self.service(self.home.service_of(host, writer)?),
            true => self.service(self.home.service_of(&host.to_ascii_lowercase(), writer)?),
        }
    }

    /// A Service of the baseline that is not in the input, but that an object of the input makes.
    #[must_use]
    pub(crate) fn made(&self, name: ServiceName<'_>) -> Option<ServiceName<'_>> {
        let (&namespace, made) = self.made.get_key_value(name.namespace)?;
        made.get(name.name).map(|name| ServiceName { name, namespace })
    }

    /// The baseline's workloads, in the order of their objects.
    #[must_use]
    pub(crate) fn workloads(&self) -> &[Workload<'a>] {
        &self.workloads
    }

    /// The workloads whose pods a service selects.
    pub(crate) fn selected(&self, service: &Service<'_>) -> impl Iterator<Item = &Workload<'a>> {
        self.selected[service.object.number].iter().map(|&index| &self.workloads[index])
    }

    /// The workloads of this name, of whatever kind.
    pub(crate) fn workloads_named<'s>(
        &'s self,
        name: ServiceName<'s>,
    ) -> impl Iterator<Item = &'s Workload<'a>> {
        let named = self.named.get(&name).map(Vec::as_slice).unwrap_or_default();
        named.iter().map(|&index| &self.workloads[index])
    }

    /// The services that select the pods of a workload.
    #[must_use]
    pub(crate) fn selecting(&self, workload: &Object) -> &[ServiceName<'a>] {
        &self.selecting[workload.number]
    }

    /// Every namespace with an object of the input.
    #[must_use]
    pub(crate) fn namespaces(&self) -> BTreeSet<&'a str> {
        let named = |object: &'a Object| match object.is("", "Namespace") {
            true => object.id.name.as_str(),
            false => object.id.namespace.as_str(),
        };
        self.objects().map(named).filter(|name| !name.is_empty()).collect()
    }
}

/// Indices of workloads by their namespace and each label of their pods.
type ByLabel<'a> = BTreeMap<[&'a str; 3], Vec<usize>>;

fn by_label<'a>(workloads: &[Workload<'a>]) -> ByLabel<'a> {
    let mut by_label = ByLabel::new();
    for (index, workload) in workloads.iter().enumerate() {
        let labels = pod_labels(&workload.object.node).map(Node::entries).unwrap_or_default();
        for (key, value) in labels {
            if let Some(value) = value.text() {
                let label = [workload.object.id.namespace.as_str(), &key.text, value];
                by_label.entry(label).or_default().push(index);
            }
        }
    }
    by_label
}

/// The workloads with the rarest label of a service's selector. All that it selects are among them.
fn candidates<'b>(service: &'b Service<'_>, by_label: &'b ByLabel<'_>) -> &'b [usize] {
    let labels = service.object.node.entries_at(&["spec", "selector"]).iter();
    let home = service.object.id.namespace.as_str();
    let labels = labels.filter_map(|(key, value)| Some([home, key.text.as_str(), value.text()?]));
    let with = labels.map(|label| by_label.get(&label).map(Vec::as_slice).unwrap_or_default());
    with.min_by_key(|workloads| workloads.len()).unwrap_or_default()
}
