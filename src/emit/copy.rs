//! Makes copies of the baseline's objects. A copy has the body that was planned for it, in the preview's namespace,
//! without what belongs to the original alone.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use super::affinity::look_in_baseline;
use super::meta::labels;
use crate::kube::istio::EXPORT_ANNOTATION;
use crate::kube::{Id, Kind, Object, in_front, meta, names};
use crate::model::{Mesh, ServiceName, is_headless, pod_spec_mut, services_domain};
use crate::ordered::ordered;
use crate::plan::{Copied, Environment, Plan, Room, subject_applies};
use crate::yaml::{Data, Node};

/// The file of a copy. Each service has one; there is one for objects of several services, and one for policies.
pub(super) fn file_of<'p>(copied: &Copied<'p>) -> Cow<'p, str> {
    const TAKEN: [&str; 6] =
        ["kustomization", "namespace", "routes", "policies", "aliases", "common"];
    match *copied.owners.names() {
        _ if copied.original.row.is_some_and(Kind::is_policy) => "policies".into(),
        [only] if TAKEN.contains(&only.name) => format!("service-{only}").into(),
        [only] => only.name.into(),
        _ => "common".into(),
    }
}

/// Names of ServiceAccounts.
pub(super) type Accounts<'e> = BTreeSet<&'e str>;

/// The ServiceAccounts of a preview, by namespace of the baseline. `default` exists in every namespace.
pub(super) fn accounts<'e>(env: &'e Environment<'_>) -> BTreeMap<&'e str, Accounts<'e>> {
    let rooms = env.rooms.iter().map(|room| (room.baseline, BTreeSet::from(["default"])));
    let mut accounts = ordered(rooms);
    let copies = env.copies.iter();
    for copy in copies.filter(|copy| copy.original.id.kind == "ServiceAccount") {
        accounts.entry(copy.home).or_default().insert(&copy.original.id.name);
    }
    accounts
}

/// Makes a copy with this body in a namespace of the preview.
pub(super) fn copy<'e: 'a, 'a>(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    room: &Room<'_>,
    accounts: impl FnOnce() -> &'a Accounts<'e>,
    mut node: Node,
) -> Object {
    meta::strip_original(&mut node);
    let metadata = node.make(&["metadata"]);
    metadata.set("namespace", Node::string(&room.namespace));
    let kept = metadata.make(&["labels"]);
    for (key, value) in labels(plan.config, Some(env.name)) {
        kept.set(key, Node::string(value));
    }
    in_front(metadata, &["name", "namespace", "labels", "annotations"]);
    match node.text_at(&["kind"]).unwrap_or_default() {
        "Service" => service(&mut node, plan, room),
        "DestinationRule" => destination_rule(&mut node, env, room),
        "Sidecar" => sidecar(&mut node, env, room),
        "RoleBinding" => role_binding(&mut node, room, accounts()),
        "ServiceMonitor" | "PodMonitor" => {
            // Without this field a monitor selects in its own namespace, as a copy should.
            node.make(&["spec"]).remove("namespaceSelector");
        }
        _ => {}
    }
    look_in_baseline(&mut node, room);
    if let (Mesh::Ambient, Some(pod)) = (plan.catalog.mesh, pod_spec_mut(&mut node)) {
        let domain = |namespace| services_domain(namespace, env.domain);
        search(pod, &domain(room.baseline), &domain(&room.namespace));
    }
    let mut copy =
        Object::from_node(node).expect("a copy keeps the identity that its original was read with");
    let Object { id: Id { group, kind, name, .. }, node, .. } = &mut copy;
    names::move_earlier_names(node, &room.namespace, |before| {
        before != *name && plan.catalog.get(room.baseline, group, kind, before).is_some()
    });
    copy
}

/// Adds the baseline's domain to the DNS search list of a pod, behind that of the preview. Kubernetes puts the domain
/// of the pod's namespace in front of `searches`, unless the pod sets its own resolver. A pod that uses the node's
/// resolver finds no Service by name, not even in the baseline.
/// See <https://kubernetes.io/docs/concepts/services-networking/dns-pod-service/#pod-dns-config>.
fn search(pod: &mut Node, baseline: &str, preview: &str) {
    let is_on_host = pod.get("hostNetwork").is_some_and(Node::is_true);
    let sets_resolver = match pod.text_at(&["dnsPolicy"]).unwrap_or("ClusterFirst") {
        "None" => true,
        "ClusterFirstWithHostNet" => false,
        "ClusterFirst" if !is_on_host => false,
        _ => return,
    };
    let listed = pod.items_at(&["dnsConfig", "searches"]);
    let mut searches = listed.to_vec();
    match searches.iter().position(|one| one.text() == Some(baseline)) {
        Some(index) if sets_resolver => searches.insert(index, Node::string(preview)),
        None if !sets_resolver => searches.push(Node::string(baseline)),
        _ => return,
    }
    pod.make(&["dnsConfig"]).set("searches", Node::list(searches));
}

/// Adapts the copy of a Service. It keeps ports and selector; addresses, node ports and load balancers stay with the
/// original. A headless one stays headless if it is not routed.
fn service(node: &mut Node, plan: &Plan<'_>, room: &Room<'_>) {
    let baseline = room.baseline;
    if let Some(annotations) = node.at_mut(&["metadata", "annotations"])
        && let Some(export) =
            annotations.get(EXPORT_ANNOTATION).and_then(Node::text).map(str::to_owned)
        && !export.split(',').any(|to| to.trim() == "*")
    {
        // Callers in the baseline must see the copy, or their routes have no endpoints.
        let others = export.split(',').map(str::trim);
        let mut to: Vec<&str> =
            others.filter(|to| !matches!(*to, "." | "~") && *to != baseline).collect();
        to.extend([baseline, &room.namespace]);
        annotations.set(EXPORT_ANNOTATION, Node::string(to.join(",")));
    }
    let name = node.text_at(&["metadata", "name"]).unwrap_or_default();
    let name = ServiceName { name, namespace: baseline };
    let addressed = plan.routing.addressed.contains(&name);
    let headless = is_headless(node) && !addressed;
    let spec = node.make(&["spec"]);
    spec.retain(meta::keeps_service_field);
    if let Some(ports) = spec.get_mut("ports") {
        for port in ports.items_mut() {
            port.remove("nodePort");
        }
    }
    spec.set("type", Node::string("ClusterIP"));
    if headless {
        spec.set("clusterIP", Node::string("None"));
    }
}

/// Adapts the copy of a DestinationRule. A rule for all services of the baseline becomes one for all services of the
/// preview, and names in server certificates become those of the copies' accounts.
fn destination_rule(node: &mut Node, env: &Environment<'_>, room: &Room<'_>) {
    let Room { baseline, namespace, .. } = room;
    let spec = node.make(&["spec"]);
    let domain = format!(".{baseline}.svc.{}", env.domain);
    let host = spec.text_at(&["host"]).unwrap_or_default();
    let covers = host.strip_prefix('*').is_some_and(|rest| domain.ends_with(rest));
    if !covers && host.ends_with(&domain) {
        // The plan rewrote the hosts of affected services. This one is of another service.
        return;
    }
    if covers {
        spec.set("host", Node::string(format!("*.{namespace}.svc.{}", env.domain)));
    }
    let (from, to) = (format!("/ns/{baseline}/"), format!("/ns/{namespace}/"));
    rename_servers(spec, &from, &to);
}

/// Rewrites the names that certificates of servers may have.
fn rename_servers(node: &mut Node, from: &str, to: &str) {
    match &mut node.data {
        Data::Map(entries) => {
            for (key, value) in entries {
                match key.text.as_str() {
                    "subjectAltNames" => rename_texts(value.items_mut(), from, to),
                    _ => rename_servers(value, from, to),
                }
            }
        }
        Data::List(items) => items.iter_mut().for_each(|item| rename_servers(item, from, to)),
        Data::Scalar { .. } => {}
    }
}

fn rename_texts(items: &mut [Node], from: &str, to: &str) {
    for item in items {
        if let Some(text) = item.text().filter(|text| text.contains(from)) {
            *item = Node::string(text.replace(from, to));
        }
    }
}

/// Adapts the copy of a Sidecar, so that it sees from the preview what the original sees from the baseline: its own
/// namespace becomes both namespaces, and a service behind an alias comes with the alias.
/// See <https://istio.io/latest/docs/reference/config/networking/sidecar/#IstioEgressListener>.
fn sidecar(node: &mut Node, env: &Environment<'_>, room: &Room<'_>) {
    let baseline = room.baseline;
    let Some(listeners) = node.at_mut(&["spec", "egress"]) else { return };
    for listener in listeners.items_mut() {
        let (mut hosts, mut seen) = (Vec::new(), BTreeSet::new());
        let mut add = |host: String| {
            if seen.insert(host.clone()) {
                hosts.push(host);
            }
        };
        for host in listener.items_at(&["hosts"]) {
            let Some((from, name)) = host.text().and_then(|host| host.split_once('/')) else {
                host.text().into_iter().for_each(|host| add(host.to_owned()));
                continue;
            };
            let there = format!(".{baseline}.svc.{}", env.domain);
            let here = name
                .strip_suffix(&there)
                .map(|name| env.host(ServiceName { name, namespace: baseline }));
            let is_baseline = from == "." || from == baseline;
            if is_baseline {
                add(format!("./{}", here.as_deref().unwrap_or(name)));
            }
            let from = if is_baseline { baseline } else { from };
            let names = [Some(name), here.as_deref()].into_iter().flatten();
            names.for_each(|name| add(format!("{from}/{name}")));
        }
        room.other_namespaces.iter().for_each(|namespace| add(format!("{namespace}/*")));
        listener.set("hosts", Node::list(hosts.into_iter().map(Node::string)));
    }
}

/// Adapts the copy of a RoleBinding: only subjects that are, or include, a copied ServiceAccount stay.
fn role_binding(node: &mut Node, room: &Room<'_>, accounts: &Accounts<'_>) {
    let (baseline, namespace) = (room.baseline, room.namespace.as_str());
    let Some(Data::List(subjects)) = node.get_mut("subjects").map(|node| &mut node.data) else {
        return;
    };
    subjects.retain(|subject| subject_applies(subject, accounts, baseline));
    for subject in subjects {
        let name = subject.text_at(&["name"]).unwrap_or_default().to_owned();
        match subject.text_at(&["kind"]) {
            Some("ServiceAccount") => subject.set("namespace", Node::string(namespace)),
            Some("User") => {
                let old = format!("system:serviceaccount:{baseline}:");
                let new = format!("system:serviceaccount:{namespace}:");
                subject.set("name", Node::string(name.replace(&old, &new)));
            }
            Some("Group") if name == format!("system:serviceaccounts:{baseline}") => {
                let group = format!("system:serviceaccounts:{namespace}");
                subject.set("name", Node::string(group));
            }
            _ => {}
        }
    }
}
