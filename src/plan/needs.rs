//! What an object of the baseline needs beside it in a preview: found once, however many previews
//! copy the object.

use std::collections::BTreeSet;
use std::sync::OnceLock;

use super::access::Bindings;
use super::changes::Changes;
use super::hosts::{self, Host};
use super::variants::Variants;
use super::{access, secrets};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::{Id, Object};
use crate::model::{Catalog, Reference, Referent, pod_spec, references, selects};
use crate::spec::Config;
use crate::yaml::Node;

/// What one object needs.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs<'a> {
    /// Objects to copy with it; what these need in turn is not among them.
    pub(super) objects: Vec<&'a Object>,
    /// Volume claims that a pod names.
    pub(super) claims: Vec<Reference>,
    /// Hosts that it names.
    pub(super) hosts: Vec<Host<'a>>,
    /// What is missing or cannot be copied.
    pub(super) found: Vec<Diagnostic>,
}

/// Finds needs, and remembers those of the baseline's objects.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    pub(super) config: &'a Config,
    pub(super) catalog: &'a Catalog<'a>,
    namespaces: BTreeSet<&'a str>,
    monitors: Vec<&'a Object>,
    pub(super) bindings: Bindings<'a>,
    /// By the number of the object.
    known: Vec<OnceLock<Needs<'a>>>,
    /// Of changed workloads, by the number of the original and the shape of the changes; what the
    /// values of variables name is not among them.
    changed: Vec<Variants<Needs<'a>>>,
}

impl<'a> Finder<'a> {
    pub(super) fn new(config: &'a Config, catalog: &'a Catalog<'a>) -> Self {
        let monitors = ["ServiceMonitor", "PodMonitor"];
        let monitors =
            monitors.iter().flat_map(|kind| catalog.own("monitoring.coreos.com", kind)).collect();
        let known = catalog.objects().map(|_| OnceLock::new()).collect();
        let changed = catalog.objects().map(|_| Variants::default()).collect();
        let (namespaces, bindings) = (catalog.namespaces(), Bindings::new(catalog));
        Self { config, catalog, namespaces, monitors, bindings, known, changed }
    }

    /// What an unchanged object of the baseline needs.
    pub(super) fn of(&self, object: &'a Object) -> &Needs<'a> {
        self.known[object.number].get_or_init(|| self.find(&object.id, &object.node))
    }

    /// What a workload of the baseline needs once it is changed.
    pub(super) fn of_changed(&self, object: &'a Object, changes: &Changes<'_>) -> Needs<'a> {
        let find = || {
            let frame = changes.make_with(&object.node, |_, _| Node::string(""));
            self.find(&object.id, &frame)
        };
        let known = self.changed[object.number].get(&changes.shape(), find);
        let mut needs = known.cloned().unwrap_or_else(find);
        for value in changes.variables() {
            hosts::words(value, |word| {
                needs.hosts.extend(self.dependency(word));
            });
        }
        needs.hosts.sort();
        needs.hosts.dedup();
        needs
    }

    /// What a body needs under this identity.
    pub(super) fn find(&self, id: &Id, body: &Node) -> Needs<'a> {
        let mut needs = Needs::default();
        if let Some(pod) = pod_spec(body) {
            for reference in references(pod) {
                self.need(&mut needs, id, reference);
            }
        }
        if id.kind == "ServiceAccount" && id.group.is_empty() {
            access::follow(self, &mut needs, id, body);
        }
        secrets::follow(self, &mut needs, id, body);
        hosts::find(body, |word, place| {
            needs.hosts.extend(Host::of(self.catalog, &self.namespaces, word, place));
        });
        needs.hosts.sort();
        needs.hosts.dedup();
        needs.objects.extend(self.monitors.iter().copied().filter(|m| is_monitored(m, body)));
        needs
    }

    /// The host that a word of previews.yaml means.
    pub(super) fn dependency(&self, host: &str) -> Option<Host<'a>> {
        Host::of(self.catalog, &self.namespaces, host, crate::diagnostic::Place::default())
    }

    /// Finds a named object, or reports that it is missing.
    pub(super) fn need(&self, needs: &mut Needs<'a>, referrer: &Id, reference: Reference) {
        let (group, kind) = reference.referent.group_kind();
        if reference.referent == Referent::Claim {
            needs.claims.push(reference);
            return;
        }
        if reference.referent == Referent::ServiceAccount && reference.name == "default" {
            // Every namespace has it; only one that the baseline configures is worth copying.
            needs.objects.extend(self.catalog.get(group, kind, "default"));
            return;
        }
        if let Some(object) = self.catalog.get(group, kind, &reference.name) {
            needs.found.extend(secrets::unmovable(object, referrer));
            needs.objects.push(object);
            return;
        }
        if reference.referent == Referent::Secret
            && secrets::provided(self, needs, referrer, &reference)
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
        needs.found.push(
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
}

/// Whether a ServiceMonitor selects this Service, or a PodMonitor the pods of this workload.
fn is_monitored(monitor: &Object, body: &Node) -> bool {
    let selector = monitor.node.at(&["spec", "selector"]);
    if monitor.id.kind == "PodMonitor" {
        let labels = body.at(&["spec", "template", "metadata", "labels"]);
        return pod_spec(body).is_some() && selects(selector, labels);
    }
    body.text_at(&["kind"]) == Some("Service")
        && selects(selector, body.at(&["metadata", "labels"]))
}
