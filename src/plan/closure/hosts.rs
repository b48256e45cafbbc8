//! Plans what follows from the hosts that copies call: aliases, and the namespaces that their proxies must know. The
//! Sidecars of the baseline, which limit what proxies know, are copied here too.

use std::collections::BTreeSet;

use super::Closure;
use crate::diagnostic::{Diagnostic, code};
use crate::kube::Object;
use crate::model::{Mesh, ServiceName, pod_of, pod_spec};
use crate::plan::environment::{Alias, Body, Copied, Owners};
use crate::plan::has_all_aliases;
use crate::plan::hosts::{Host, pod_host};
use crate::plan::sidecars;
use crate::spec::ServiceFacts;

impl<'a> Closure<'a, '_> {
    /// Plans what follows from the hosts in texts of copies, and from declared dependencies. In ambient mode there is
    /// nothing to plan: copies search the baseline's domain, which has every name.
    pub(super) fn hosts(&mut self) {
        if self.catalog.mesh == Mesh::Ambient {
            return;
        }
        let finds = !has_all_aliases(self.config, self.catalog);
        // Services with a text that names another service, or with declared dependencies.
        let mut calling: BTreeSet<ServiceName<'a>> = BTreeSet::new();
        for index in 0..self.copies.all().len() {
            let requirements = self.take_requirements(index);
            let home = self.copies.all()[index].home;
            let mut of_variables = BTreeSet::new();
            if let Body::Changed(changes) = &self.copies.all()[index].body {
                self.finder.hosts_of(home, changes, |host| {
                    if requirements.hosts.binary_search(&host).is_err() {
                        of_variables.insert(host);
                    }
                });
            }
            for host in requirements.hosts.iter().chain(&of_variables) {
                if finds {
                    calling.extend(self.callers_of(host, &self.copies.all()[index].owners));
                }
                match host {
                    Host::Service(_) | Host::Namespace(_) if !finds => {}
                    _ => self.host(home, host),
                }
            }
        }
        for (name, facts) in self.facts_of_copies() {
            if !facts.dependencies.is_empty() {
                calling.insert(name);
            }
            facts.dependencies.iter().for_each(|host| self.declared(name.namespace, host));
        }
        if finds {
            self.without_hosts(&calling);
        }
        self.env.aliases.sort_unstable();
        self.env.aliases.dedup();
        self.env.aliases.shrink_to_fit();
    }

    /// The owners of a copy for which this host is another service of the baseline.
    fn callers_of(&self, host: &Host<'a>, owners: &Owners<'a>) -> Vec<ServiceName<'a>> {
        let itself = match host {
            Host::Service(service) => self.copies.get(service.object.number),
            Host::Made(_) => None,
            Host::Namespace(namespace) if self.catalog.home.includes(namespace) => None,
            Host::Namespace(_) | Host::Pod { .. } => return Vec::new(),
        };
        let is_itself = |name| itself.is_some_and(|copy| copy.owners.contains(name));
        owners.names().iter().copied().filter(|name| !is_itself(*name)).collect()
    }

    /// The items of spec.services for all services that are copied.
    fn facts_of_copies(&self) -> Vec<(ServiceName<'a>, &'a ServiceFacts)> {
        let mut named = BTreeSet::new();
        if !self.config.previews.spec.services.is_empty() {
            named.extend(self.copies.all().iter().flat_map(|copy| copy.owners.names()).copied());
            named.extend(&self.env.affected);
        }
        let facts = named.into_iter().filter_map(|name| Some((name, self.facts(name)?)));
        facts.collect()
    }

    /// Plans what follows from a declared dependency of a service of this namespace. The input may lack its object.
    fn declared(&mut self, home: &'a str, name: &'a str) {
        let declared = ServiceName { name, namespace: home };
        match self.finder.dependency(home, name) {
            Some(Host::Service(_)) if has_all_aliases(self.config, self.catalog) => {}
            Some(host) => self.host(home, &host),
            None if name.contains('.') || self.env.affected.contains(&declared) => {}
            None => self.env.aliases.push(Alias::Declared(declared)),
        }
    }

    /// Plans what follows from a host that a copy from this namespace of the baseline calls.
    fn host(&mut self, home: &str, host: &Host<'a>) {
        match host {
            Host::Service(service) => {
                if !self.env.affected.contains(&service.id()) {
                    self.env.aliases.push(Alias::Service(service));
                }
            }
            Host::Made(name) => {
                if !self.env.affected.contains(name) {
                    self.env.aliases.push(Alias::Declared(*name));
                }
            }
            Host::Namespace(namespace) => {
                let mut rooms = self.env.rooms.iter_mut();
                let room = rooms.find(|room| room.baseline == home);
                if let Some(room) = room.filter(|room| room.namespace != *namespace) {
                    room.other_namespaces.insert(namespace.clone());
                }
            }
            Host::Pod { pod, service, place } => {
                if !self.env.affected.contains(service) {
                    self.report.push(pod_host(pod, *service, *place));
                }
            }
        }
    }

    /// Reports services whose texts name no other service: their images may contain the hosts that they call.
    fn without_hosts(&mut self, calling: &BTreeSet<ServiceName<'_>>) {
        for change in &self.env.preview.services {
            let name = self.catalog.resolve(&change.name, &change.namespace);
            if calling.contains(&name) {
                continue;
            }
            let mut copies = self.copies.all().iter();
            let is_workload = |object: &Object| pod_of(object).is_some();
            let workload =
                copies.find(|copy| copy.owners.contains(name) && is_workload(copy.original));
            let Some(copy) = workload else { continue };
            let message =
                format!("no text of `{name}` names a service: what it calls may be in its image");
            let help = format!(
                "if it calls any, list them as `dependencies` of `{name}` in spec.services, or set \
                 `spec.dependencies: all`"
            );
            let finding = Diagnostic::new(&code::NO_HOST_FOUND, message, help);
            self.report.push(finding.at(copy.original.place(), "previews get no alias for it"));
        }
    }

    /// Copies the Sidecars of the baseline that apply to copied workloads. Only sidecar proxies read them.
    pub(super) fn sidecars(&mut self) {
        if self.catalog.mesh != Mesh::Sidecars {
            return;
        }
        for &(home, sidecar) in &self.finder.sidecars {
            let mut owners = Owners::default();
            for copy in self.copies.all().iter().filter(|copy| copy.home == home) {
                let node = &copy.original.node;
                if pod_spec(node).is_some() && sidecars::applies_to(sidecar, node) {
                    owners.extend(&copy.owners);
                }
            }
            if owners.names().is_empty() {
                continue;
            }
            match sidecar.id.namespace == home {
                true => self.copy(sidecar, &owners),
                // A Sidecar of the root namespace applies to all namespaces, so each room gets a copy.
                false => self.copies.push(Copied { home, ..Copied::unchanged(sidecar, owners) }),
            }
            let mut rooms = self.env.rooms.iter_mut();
            if let Some(room) = rooms.find(|room| room.baseline == home) {
                room.keeps_sidecar |= sidecars::is_for_all(sidecar);
            }
        }
    }
}
