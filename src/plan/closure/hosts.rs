//! Handles the hosts that copies call: aliases, namespaces that their proxies must know, and the Sidecars of the
//! baseline.

use std::collections::BTreeSet;

use super::Closure;
use crate::diagnostic::{Diagnostic, code};
use crate::kube::Object;
use crate::model::{Mesh, ServiceName, pod_spec};
use crate::plan::environment::{Alias, Body, Copied, Owners};
use crate::plan::hosts::{Host, pod_host};
use crate::plan::sidecars;
use crate::spec::{Dependencies, ServiceFacts};

impl<'a> Closure<'a, '_> {
    /// Plans the aliases, and what else follows from the hosts that the copies name.
    ///
    /// In ambient mode copies search the baseline's domain, where every name is.
    pub(super) fn hosts(&mut self) {
        if self.catalog.mesh == Mesh::Ambient {
            return;
        }
        let finds = self.config.previews.spec.dependencies == Dependencies::Found;
        // Services whose texts name other services.
        let mut calling: BTreeSet<ServiceName<'_>> = BTreeSet::new();
        for index in 0..self.copies.all().len() {
            let needs = self.take_needs(index);
            let home = self.copies.all()[index].home;
            let mut others = BTreeSet::new();
            if let Body::Changed(changes) = &self.copies.all()[index].body {
                self.finder.hosts_of(home, changes, |host| {
                    if needs.hosts.binary_search(&host).is_err() {
                        others.insert(host);
                    }
                });
            }
            for host in needs.hosts.iter().chain(&others) {
                if let (true, Host::Service(service)) = (finds, host) {
                    let own = self.copies.get(service.object.number).map(|copy| &copy.owners);
                    let owners = self.copies.all()[index].owners.names().iter();
                    let others = owners.filter(|name| !own.is_some_and(|own| own.contains(**name)));
                    calling.extend(others);
                }
                let is_of_baseline = match host {
                    Host::Made(_) => true,
                    Host::Namespace(namespace) => self.catalog.home.includes(namespace),
                    _ => false,
                };
                if is_of_baseline {
                    calling.extend(self.copies.all()[index].owners.names());
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
            self.silent(&calling);
        }
        self.env.aliases.sort_unstable();
        self.env.aliases.dedup();
        self.env.aliases.shrink_to_fit();
    }

    /// The entries of spec.services for everything that is copied.
    fn facts_of_copies(&self) -> Vec<(ServiceName<'a>, &'a ServiceFacts)> {
        let mut named = BTreeSet::new();
        if !self.config.previews.spec.services.is_empty() {
            named.extend(self.copies.all().iter().flat_map(|copy| copy.owners.names()).copied());
            named.extend(&self.env.affected);
        }
        let facts = named.into_iter().filter_map(|name| Some((name, self.facts(name)?)));
        facts.collect()
    }

    /// Adds the alias of a declared dependency, whether or not an object defines the service.
    fn declared(&mut self, home: &'a str, name: &'a str) {
        let own = ServiceName { name, namespace: home };
        match self.finder.dependency(home, name) {
            Some(Host::Service(_))
                if self.config.previews.spec.dependencies == Dependencies::All => {}
            Some(host) => self.host(home, &host),
            None if name.contains('.') || self.env.affected.contains(&own) => {}
            None => self.env.aliases.push(Alias::Declared(own)),
        }
    }

    /// Plans what follows from a host that a copy of this namespace of the baseline calls.
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

    /// Reports services whose texts name no other service: the hosts that they call may be in their images.
    fn silent(&mut self, calling: &BTreeSet<ServiceName<'_>>) {
        for change in &self.env.preview.services {
            let name = self.catalog.resolve(&change.name, &change.namespace);
            if calling.contains(&name) {
                continue;
            }
            let mut copies = self.copies.all().iter();
            let is_workload = |object: &Object| pod_spec(&object.node).is_some();
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

    /// Copies the Sidecars that apply to originals of copied workloads. Only sidecar proxies read them.
    pub(super) fn sidecars(&mut self) {
        if self.catalog.mesh != Mesh::Sidecars {
            return;
        }
        for &(home, sidecar) in &self.finder.sidecars {
            let mut owners = Owners::default();
            for copy in self.copies.all().iter().filter(|copy| copy.home == home) {
                let node = &copy.original.node;
                if pod_spec(node).is_some() && sidecars::holds_for(sidecar, node) {
                    owners.extend(&copy.owners);
                }
            }
            if owners.names().is_empty() {
                continue;
            }
            match sidecar.id.namespace == home {
                true => self.copy(sidecar, &owners),
                // One for all namespaces is copied into each room.
                false => self.copies.push(Copied { home, ..Copied::unchanged(sidecar, owners) }),
            }
            let mut rooms = self.env.rooms.iter_mut();
            if let Some(room) = rooms.find(|room| room.baseline == home) {
                room.keeps_sidecar |= sidecars::is_for_all(sidecar);
            }
        }
    }
}
