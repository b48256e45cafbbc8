//! Which objects a preview copies, and why.
//!
//! From the services a preview names: their workloads, every other Service that selects one of those
//! workloads, the ServiceAccount with its Roles, every ConfigMap and Secret that a pod names, and the
//! monitors that select the copies. Whatever is needed and not there is an error that names who needs
//! it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::changes::{self, Target};
use super::environment::{Copied, Environment};
use super::patch::{Origin, Patch};
use super::{access, hosts, secrets};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::{Id, Object};
use crate::model::{Catalog, Referent, Support, Workload, pod_spec, references, selects};
use crate::spec::{Config, ServiceFacts, Stateful, Volumes};
use crate::yaml::Node;

/// Plans the preview of this index.
pub(super) fn close<'a>(
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    index: usize,
    found: &mut Vec<Diagnostic>,
) -> Environment<'a> {
    let mut closure = Closure { config, catalog, found, env: Environment::new(config, index) };
    let targets = closure.targets();
    let patches = closure.patches();
    closure.other_services(&targets);
    closure.workloads(targets);
    let patched = closure.patch(&patches, &BTreeSet::new());
    if !patches.is_empty() {
        closure.still_selected();
    }
    closure.dependencies();
    closure.monitors();
    closure.patch(&patches, &patched);
    closure.unmatched(&patches);
    hosts::find(config, catalog, &mut closure.env, closure.found);
    closure.env
}

pub(super) struct Closure<'a, 'f> {
    pub(super) config: &'a Config,
    pub(super) catalog: &'a Catalog<'a>,
    pub(super) found: &'f mut Vec<Diagnostic>,
    pub(super) env: Environment<'a>,
}

impl<'a> Closure<'a, '_> {
    fn path(&self, service: usize) -> String {
        format!("spec.previews[{}].services[{service}]", self.env.index)
    }

    /// The workloads of each service that the preview names. Unknown names were reported before.
    fn targets(&mut self) -> Vec<Target<'a>> {
        let mut targets = Vec::new();
        let catalog = self.catalog;
        for (index, change) in self.env.preview.services.iter().enumerate() {
            let workloads: Vec<&Workload<'a>> = match catalog.service(&change.name) {
                Some(service) => {
                    self.env.affected.insert(service.name());
                    if !service.has_selector() {
                        self.without_selector(index, service.object);
                        continue;
                    }
                    catalog.selected(service.name()).collect()
                }
                None => catalog.workloads().iter().filter(|w| w.name() == change.name).collect(),
            };
            let supported = self.supported(index, &change.name, workloads);
            targets.push(Target { change, path: self.path(index), workloads: supported });
        }
        targets
    }

    fn without_selector(&mut self, index: usize, service: &Object) {
        let external = service.node.text_at(&["spec", "type"]) == Some("ExternalName");
        let why = if external { "is of type ExternalName" } else { "has no selector" };
        let finding = self.config.finding(
            &code::NO_WORKLOAD,
            &format!("{}.name", self.path(index)),
            format!("{} {why}: it stands for something that cannot be copied", service.id),
            "name the service whose pods you change, or remove this one from the preview",
        );
        self.found.push(finding.also(service.place(), "the service is here"));
    }

    /// Those of the workloads that can be copied; the others are reported.
    fn supported(
        &mut self,
        index: usize,
        name: &str,
        workloads: Vec<&'a Workload<'a>>,
    ) -> Vec<&'a Object> {
        let path = format!("{}.name", self.path(index));
        let mut copied = Vec::new();
        let mut passing = Vec::new();
        let any = !workloads.is_empty();
        for workload in workloads {
            let refuse = |why: &str, help: &str| {
                self.config
                    .finding(
                        &code::UNSUPPORTED_WORKLOAD,
                        &path,
                        format!("{} cannot be copied for `{name}`: {why}", workload.object.id),
                        help,
                    )
                    .also(workload.object.place(), "the workload is here")
            };
            match workload.support {
                Support::Copied => copied.push(workload.object),
                Support::Stateful if self.facts(name).is_some_and(copies_state) => {
                    copied.push(workload.object);
                }
                Support::Stateful => self.found.push(refuse(
                    "its pods have identity and storage of their own",
                    &format!(
                        "set `stateful: copy` for `{name}` in spec.services to give every preview \
                         a set with storage of its own"
                    ),
                )),
                Support::Passing => passing.push(workload.object),
                Support::Refused(why) => self.found.push(refuse(
                    why,
                    "preview a service that a Deployment runs, or run this one as a Deployment",
                )),
            }
        }
        if copied.is_empty() && !passing.is_empty() {
            let kinds: Vec<String> = passing.iter().map(|object| object.id.to_string()).collect();
            self.found.push(self.config.finding(
                &code::UNSUPPORTED_WORKLOAD,
                &path,
                format!("`{name}` has only {}, which would do its work twice", kinds.join(", ")),
                "preview a service that a Deployment runs",
            ));
        }
        if !any {
            self.found.push(self.config.finding(
                &code::NO_WORKLOAD,
                &path,
                format!("`{name}` selects no workload of the input"),
                "pass the file that holds its Deployment with --baseline",
            ));
        }
        copied
    }

    fn facts(&self, name: &str) -> Option<&'a ServiceFacts> {
        self.config.previews.spec.services.iter().find(|facts| facts.name == name)
    }

    /// Every other Service that selects a workload of the targets: it is affected too. A workload
    /// that no Service selects takes its work from elsewhere.
    fn other_services(&mut self, targets: &[Target<'a>]) {
        let catalog = self.catalog;
        for target in targets {
            for workload in &target.workloads {
                let names = catalog.selecting(&workload.id);
                if names.is_empty() {
                    self.found.push(self.config.finding(
                        &code::QUEUE_CONSUMER,
                        &format!("{}.name", target.path),
                        format!("{} has no Service; its copy competes for the same work", workload.id),
                        "give the copy a queue of its own through `env`, or make it filter by preview",
                    ));
                }
                self.env.affected.extend(names.iter().copied());
            }
        }
    }

    /// Copies the workloads, changes made, and the Services.
    fn workloads(&mut self, targets: Vec<Target<'a>>) {
        let mut bodies: BTreeMap<&'a Id, (Node, BTreeSet<String>)> = BTreeMap::new();
        for target in &targets {
            for workload in &target.workloads {
                let body = bodies
                    .entry(&workload.id)
                    .or_insert_with(|| (workload.node.clone(), BTreeSet::new()));
                body.1.insert(target.change.name.clone());
            }
        }
        let mut changed = BTreeMap::new();
        for target in &targets {
            changes::apply(self.config, target, &mut bodies, &mut changed, self.found);
        }
        for (id, (node, owners)) in bodies {
            self.env.copies.insert(id.clone(), Copied { node: Cow::Owned(node), owners });
        }
        for name in self.env.affected.clone() {
            let Some(service) = self.catalog.service(name) else {
                continue;
            };
            if !service.has_selector() {
                continue;
            }
            let selected = self.catalog.selected(name);
            let copies = selected.filter_map(|workload| self.env.copies.get(&workload.object.id));
            let owners = copies.flat_map(|copy| copy.owners.clone()).collect();
            let node = Cow::Borrowed(&service.object.node);
            self.env.copies.insert(service.object.id.clone(), Copied { node, owners });
        }
    }

    /// The patches of each service that the preview names, with the service's name.
    fn patches(&mut self) -> Vec<(&'a str, Patch)> {
        let mut patches = Vec::new();
        for (service, change) in self.env.preview.services.iter().enumerate() {
            for (index, patch) in change.patches.iter().enumerate() {
                let field = format!("{}.patches[{index}]", self.path(service));
                let origin = Origin {
                    preview: self.env.preview.name.clone(),
                    service: change.name.clone(),
                    index,
                    place: self.config.place(&format!("{field}.patch")),
                    field,
                };
                match Patch::parse(patch, origin) {
                    Ok(patch) => patches.push((change.name.as_str(), patch)),
                    Err(finding) => self.found.push(finding),
                }
            }
        }
        patches
    }

    /// Applies the patches to the copies of their service, but for those `done` before: workloads
    /// first, since a patch may name further objects, then these. Returns what was looked at.
    fn patch(&mut self, patches: &[(&str, Patch)], done: &BTreeSet<Id>) -> BTreeSet<Id> {
        for (id, copy) in self.env.copies.iter_mut().filter(|(id, _)| !done.contains(id)) {
            for (service, patch) in patches {
                let owned = copy.owners.contains(*service) || id.name == *service;
                if owned && patch.applies_to(&copy.node) {
                    self.found.extend(patch.apply(copy.node.to_mut()).err());
                }
            }
        }
        self.env.copies.keys().cloned().collect()
    }

    /// Reports patches that found nothing to change.
    fn unmatched(&mut self, patches: &[(&str, Patch)]) {
        for (service, patch) in patches {
            let owned = self
                .env
                .copies
                .iter()
                .filter(|(id, copy)| copy.owners.contains(*service) || id.name == *service)
                .map(|(_, copy)| &*copy.node);
            self.found.extend(patch.unmatched(owned));
        }
    }

    /// A patch may not take a workload away from the Services that select it.
    fn still_selected(&mut self) {
        for workload in self.catalog.workloads() {
            let Some(copy) = self.env.copies.get(&workload.object.id) else {
                continue;
            };
            let Ok(patched) = Object::from_node(copy.node.clone().into_owned()) else {
                continue;
            };
            for service in self.catalog.services() {
                if service.selects(workload.object) && !service.selects(&patched) {
                    self.found.push(self.config.finding(
                        &code::BAD_PATCH,
                        &format!("spec.previews[{}].services", self.env.index),
                        format!(
                            "a patch takes the pods of {} away from {}",
                            patched.id, service.object.id
                        ),
                        "leave the labels that the Service selects on the pod template",
                    ));
                }
            }
        }
    }

    /// Copies everything that the pods of the copied workloads name.
    fn dependencies(&mut self) {
        let workloads: Vec<Id> = self.env.copies.keys().cloned().collect();
        for id in workloads {
            let Some(copy) = self.env.copies.get_mut(&id) else {
                continue;
            };
            let owners = copy.owners.clone();
            let empty = owners.iter().any(|name| {
                let facts = self.config.previews.spec.services.iter().find(|f| &f.name == name);
                facts.is_some_and(|facts| facts.volumes == Volumes::Empty)
            });
            if empty {
                changes::empty_volumes(copy.node.to_mut());
            }
            let wanted = pod_spec(&copy.node).map(references).unwrap_or_default();
            for reference in wanted {
                self.need(&id, &owners, &reference);
            }
        }
    }

    /// Copies a named object, or reports that it is missing.
    pub(super) fn need(
        &mut self,
        referrer: &Id,
        owners: &BTreeSet<String>,
        reference: &crate::model::Reference,
    ) {
        let (group, kind) = reference.referent.group_kind();
        if reference.referent == Referent::Claim {
            self.claim(referrer, owners, reference);
            return;
        }
        if reference.referent == Referent::ServiceAccount && reference.name == "default" {
            // Every namespace has it; only one that the baseline configures is worth copying.
            if let Some(account) = self.catalog.get(group, kind, "default") {
                self.copy(account, owners);
            }
            return;
        }
        if let Some(object) = self.catalog.get(group, kind, &reference.name) {
            secrets::check_movable(self, object, referrer);
            self.copy(object, owners);
            return;
        }
        if reference.referent == Referent::Secret
            && secrets::provided(self, referrer, owners, reference)
        {
            return;
        }
        if reference.optional || self.is_external(reference.referent, &reference.name) {
            return;
        }
        let external = match reference.referent {
            Referent::ConfigMap => ", or list it under spec.external.configMaps",
            Referent::Secret => ", or list it under spec.external.secrets",
            _ => "",
        };
        self.found.push(
            Diagnostic::new(
                &code::MISSING_OBJECT,
                format!("{referrer} needs {kind} {}, which is not in the input", reference.name),
                format!("pass the file that holds it with --baseline{external}"),
            )
            .at(reference.place, format!("this {kind} is not in the input")),
        );
    }

    fn is_external(&self, referent: Referent, name: &str) -> bool {
        /// ConfigMaps that a controller puts into every namespace.
        const EVERYWHERE: [&str; 3] =
            ["kube-root-ca.crt", "istio-ca-root-cert", "openshift-service-ca.crt"];
        let external = &self.config.previews.spec.external;
        match referent {
            Referent::ConfigMap => {
                EVERYWHERE.contains(&name) || external.config_maps.iter().any(|n| n == name)
            }
            Referent::Secret => external.secrets.iter().any(|n| n == name),
            _ => false,
        }
    }

    fn claim(
        &mut self,
        referrer: &Id,
        owners: &BTreeSet<String>,
        reference: &crate::model::Reference,
    ) {
        let service = owners.iter().next().map_or("", String::as_str);
        self.found.push(
            Diagnostic::new(
                &code::VOLUME_CLAIM,
                format!("{referrer} uses PersistentVolumeClaim {}", reference.name),
                format!(
                    "set `volumes: empty` for `{service}` in spec.services to give previews an \
                     empty directory instead"
                ),
            )
            .at(reference.place, "a preview has no storage of its own"),
        );
    }

    /// Copies an object and what it names itself. An object copied before only gains owners.
    pub(super) fn copy(&mut self, object: &'a Object, owners: &BTreeSet<String>) {
        if let Some(copy) = self.env.copies.get_mut(&object.id) {
            copy.owners.extend(owners.iter().cloned());
            return;
        }
        let copy = Copied { node: Cow::Borrowed(&object.node), owners: owners.clone() };
        self.env.copies.insert(object.id.clone(), copy);
        if object.is("", "ServiceAccount") {
            access::follow(self, object, owners);
        }
        secrets::follow(self, object, owners);
    }

    /// Copies ServiceMonitors and PodMonitors of the baseline's namespace that select a copy.
    fn monitors(&mut self) {
        for (kind, of) in [("ServiceMonitor", "Service"), ("PodMonitor", "Pod")] {
            for monitor in self.catalog.own("monitoring.coreos.com", kind) {
                let mut owners = BTreeSet::new();
                for copy in self.env.copies.values() {
                    let labels = match of {
                        "Pod" => copy.node.at(&["spec", "template", "metadata", "labels"]),
                        _ => copy.node.at(&["metadata", "labels"]),
                    };
                    let fits = of == "Pod" && pod_spec(&copy.node).is_some()
                        || copy.node.text_at(&["kind"]) == Some(of);
                    if fits && selects(monitor.node.at(&["spec", "selector"]), labels) {
                        owners.extend(copy.owners.iter().cloned());
                    }
                }
                if !owners.is_empty() {
                    self.copy(monitor, &owners);
                }
            }
        }
    }
}

fn copies_state(facts: &ServiceFacts) -> bool {
    facts.stateful == Stateful::Copy
}
