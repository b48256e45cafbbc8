//! Reports what a copy shares with its original outside the mesh: ports, folders and processes of a node, network
//! volumes, addresses.

use super::copied::Copies;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::bindings::{BINDINGS, Binding, To};
use crate::kube::volumes::{Fate, PER_POD_DRIVERS, fate};
use crate::model::{chosen_storage, claim_templates, pod_annotations, pod_spec};
use crate::yaml::Node;

/// So many things of a workload are named, and so many places shown.
const SHOWN: usize = 5;

/// What pods of two namespaces share.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Shared {
    says: String,
    /// What comes of it, and what to do.
    help: &'static str,
    place: Place,
}

const PORT: &str = "two pods with one port of the node find room on no node: a copy may stay Pending unless a patch takes \
                    the port away";
const NODE: &str =
    "a copy sees and does on its node what the original does: patch it away where it need not";
const DATA: &str = "what one of them writes the other reads: give copies an emptyDir by a patch, or mount it read-only";
const DISK: &str = "a disk is attached to one node at a time: a copy may stay Pending unless a patch gives it an emptyDir";
const CLAIM: &str = "a PersistentVolume serves one claim, and that of a copy stays Pending: set `volumes: empty` for the \
                     service in spec.services, or patch the field away";
const ADDRESS: &str = "two pods with one address cannot both have it: patch the annotation away, or give copies another";

/// Warns once for each workload.
pub(super) fn check(copies: &Copies<'_, '_>, report: &mut Report) {
    for &original in copies.originals() {
        let mut all = of_body(&original.node);
        if all.is_empty() {
            continue;
        }
        all.retain(|shared| {
            copies.keep(original, |body| of_body(body).iter().any(|one| one.says == shared.says))
        });
        let Some(first) = all.first() else { continue };
        let message = format!(
            "copies of {} share with it: {}",
            original.id,
            first_of(SHOWN, ", ", all.iter().map(|one| &one.says))
        );
        let mut help: Vec<&str> = all.iter().map(|one| one.help).collect();
        help.dedup();
        let finding = Diagnostic::new(&code::SHARED_WITH_ORIGINAL, message, help.join("\n"));
        let finding = finding.at(first.place, "the same in a copy");
        let others = all.iter().skip(1).take(SHOWN - 1);
        report.push(others.fold(finding, |finding, one| finding.also(one.place, "and this")));
    }
}

/// What the pods of a workload share with those of its copies, by what comes of it.
fn of_body(body: &Node) -> Vec<Shared> {
    let Some(pod) = pod_spec(body) else { return Vec::new() };
    let mut found = Vec::new();
    for port in containers(pod).flat_map(|container| items(container, "ports")) {
        let number = port.get("hostPort").filter(|port| port.integer_value() != Some(0));
        if let Some(number) = number.filter(|number| number.text().is_some()) {
            let text = number.text().unwrap_or_default();
            found.push(Shared::new(format!("port {text} of the node (`hostPort`)"), PORT, number));
        }
    }
    let switches = [
        ("hostNetwork", "the ports and addresses of the node", PORT),
        ("hostPID", "the processes of the node", NODE),
        ("hostIPC", "the shared memory of the node", NODE),
    ];
    for (key, what, help) in switches {
        if let Some(on) = pod.get(key).filter(|value| value.is_true()) {
            found.push(Shared::new(format!("{what} (`{key}`)"), help, on));
        }
    }
    found.extend(items(pod, "volumes").iter().filter_map(|volume| of_volume(pod, volume)));
    found.extend(claim_templates(body).filter_map(of_claim));
    let annotations = pod_annotations(body).map(Node::entries).unwrap_or_default().iter();
    let addresses = annotations.filter(|(key, value)| is_address(&key.text, value));
    found.extend(
        addresses.map(|(key, value)| {
            Shared::new(format!("the address in `{}`", key.text), ADDRESS, value)
        }),
    );
    found
}

impl Shared {
    fn new(says: String, help: &'static str, node: &Node) -> Self {
        Self { says, help, place: node.place }
    }
}

fn containers(pod: &Node) -> impl Iterator<Item = &Node> {
    ["containers", "initContainers"].into_iter().flat_map(|list| items(pod, list))
}

/// A volume that is the same in every pod, and that one of these may write.
fn of_volume(pod: &Node, volume: &Node) -> Option<Shared> {
    let is_read_only = |node: &Node| node.get("readOnly").is_some_and(Node::is_true);
    let (kind, source) = volume.entries().iter().find(|(key, _)| key.text != "name")?;
    let name = volume.text_at(&["name"]).unwrap_or_default();
    match fate(&kind.text) {
        // Google's alone can be attached to many nodes, where all of them only read it.
        Fate::Disk if kind.text == "gcePersistentDisk" && is_read_only(source) => return None,
        Fate::Disk => {
            let says = format!("the disk of the volume `{name}` (`{}`)", kind.text);
            return Some(Shared::new(says, DISK, source));
        }
        Fate::Driver if is_own_driver(source) => return None,
        Fate::Driver | Fate::Shared => {}
        Fate::PerPod | Fate::Template | Fate::Follows | Fate::Claim => return None,
    }
    let mut mounts = containers(pod).flat_map(|container| {
        ["volumeMounts", "volumeDevices"].into_iter().flat_map(|list| items(container, list))
    });
    let is_socket = kind.text == "hostPath" && is_socket(source);
    let is_written = mounts
        .any(|mount| mount.text_at(&["name"]) == Some(name) && (is_socket || !is_read_only(mount)));
    if is_read_only(source) || !is_written {
        return None;
    }
    let says = match (kind.text.as_str(), source.text_at(&["path"])) {
        ("hostPath", Some(path)) if is_socket => {
            return Some(Shared::new(
                format!("the socket {path} of the node (`hostPath`)"),
                NODE,
                source,
            ));
        }
        ("hostPath", Some(path)) => format!("the folder {path} of the node (`hostPath`)"),
        ("csi", _) => {
            let driver = source.text_at(&["driver"]).unwrap_or_default();
            format!("what is on the volume `{name}` (`csi` of {driver})")
        }
        (kind, _) => format!("what is on the volume `{name}` (`{kind}`)"),
    };
    Some(Shared::new(says, DATA, source))
}

fn is_own_driver(source: &Node) -> bool {
    source.text_at(&["driver"]).is_some_and(|driver| PER_POD_DRIVERS.contains(&driver))
}

/// Whether a path of the node is a socket: who mounts it read-only can still send what they like.
fn is_socket(source: &Node) -> bool {
    source.text_at(&["type"]) == Some("Socket")
        || source.text_at(&["path"]).is_some_and(|path| path.ends_with(".sock"))
}

/// A PersistentVolume that claims of all pods ask for by its name or its labels.
fn of_claim(claim: &Node) -> Option<Shared> {
    let (key, node) = chosen_storage(claim)?;
    let says = match node.text() {
        Some(name) => format!("the PersistentVolume {name} (`{key}` of a claim)"),
        None => format!("the PersistentVolumes that a claim chooses (`{key}`)"),
    };
    Some(Shared::new(says, CLAIM, node))
}

/// Whether an annotation gives a pod an address of its own.
fn is_address(key: &str, value: &Node) -> bool {
    const NETWORKS: &str = "k8s.v1.cni.cncf.io/networks";
    let text = value.text().unwrap_or_default();
    let is_bound = |binding: &Binding| matches!(binding.to, To::Address) && binding.is(key);
    let fixed = || ["\"ips\"", "\"mac\""].iter().any(|field| text.contains(field));
    !text.is_empty() && (BINDINGS.iter().any(is_bound) || key == NETWORKS && fixed())
}

fn items<'n>(node: &'n Node, list: &str) -> &'n [Node] {
    node.get(list).map(Node::items).unwrap_or_default()
}
