//! Warns of what the pods of a copy share with those of its original, besides calls: ports, folders and processes of a
//! node, volumes, addresses.

use super::originals::Originals;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::bindings::{BINDINGS, Binding, To};
use crate::kube::volumes::{Fate, PER_POD_DRIVERS, fate};
use crate::model::{chosen_storage, claim_templates, containers, pod_annotations, pod_spec};
use crate::yaml::Node;

/// How many shared things of a workload a finding names, and how many places it shows.
const SHOWN: usize = 5;

/// Something that pods of two namespaces share.
struct Shared {
    says: String,
    /// The consequence, and the remedy.
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
pub(super) fn check(originals: &Originals<'_, '_>, report: &mut Report) {
    for &original in originals.all() {
        let mut all = of_body(&original.node);
        if all.is_empty() {
            continue;
        }
        all.retain(|shared| {
            originals.holds_for_copy(original, |body| {
                of_body(body).iter().any(|one| one.says == shared.says)
            })
        });
        if all.is_empty() {
            continue;
        }
        let message = format!(
            "copies of {} share with it: {}",
            original.id,
            first_of(SHOWN, ", ", all.iter().map(|one| &one.says))
        );
        let mut help: Vec<&str> = all.iter().map(|one| one.help).collect();
        help.dedup();
        let finding = Diagnostic::new(&code::SHARED_WITH_ORIGINAL, message, help.join("\n"));
        let places = all.iter().map(|one| one.place).take(SHOWN);
        report.push(finding.at_all(places, "the same in a copy", "and this"));
    }
}

/// What the pods of a workload share with those of its copies.
fn of_body(body: &Node) -> Vec<Shared> {
    let Some(pod) = pod_spec(body) else { return Vec::new() };
    let mut shared = Vec::new();
    for port in containers(pod).flat_map(|container| container.items_at(&["ports"])) {
        let number = port.get("hostPort").filter(|port| port.integer_value() != Some(0));
        if let Some((number, text)) = number.and_then(|number| Some((number, number.text()?))) {
            shared.push(Shared::new(format!("port {text} of the node (`hostPort`)"), PORT, number));
        }
    }
    let switches = [
        ("hostNetwork", "the ports and addresses of the node", PORT),
        ("hostPID", "the processes of the node", NODE),
        ("hostIPC", "the shared memory of the node", NODE),
    ];
    for (key, what, help) in switches {
        if let Some(on) = pod.get(key).filter(|value| value.is_true()) {
            shared.push(Shared::new(format!("{what} (`{key}`)"), help, on));
        }
    }
    shared.extend(pod.items_at(&["volumes"]).iter().filter_map(|volume| of_volume(pod, volume)));
    shared.extend(claim_templates(body).filter_map(of_claim));
    let annotations = pod_annotations(body).map(Node::entries).unwrap_or_default().iter();
    let addresses = annotations.filter(|(key, value)| is_address(&key.text, value));
    shared.extend(
        addresses.map(|(key, value)| {
            Shared::new(format!("the address in `{}`", key.text), ADDRESS, value)
        }),
    );
    shared
}

impl Shared {
    fn new(says: String, help: &'static str, node: &Node) -> Self {
        Self { says, help, place: node.place }
    }
}

/// What a volume shares: the same files for every pod, of which one may write, or a disk.
fn of_volume(pod: &Node, volume: &Node) -> Option<Shared> {
    let is_read_only = |node: &Node| node.get("readOnly").is_some_and(Node::is_true);
    let (kind, source) = volume.entries().iter().find(|(key, _)| key.text != "name")?;
    let name = volume.text_at(&["name"]).unwrap_or_default();
    match fate(&kind.text) {
        // Disks of Google can be attached to many nodes that only read them.
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
        ["volumeMounts", "volumeDevices"].into_iter().flat_map(|list| container.items_at(&[list]))
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

/// Whether a path of the node is a socket. A read-only mount does not keep a pod from sending to it.
fn is_socket(source: &Node) -> bool {
    source.text_at(&["type"]) == Some("Socket")
        || source.text_at(&["path"]).is_some_and(|path| path.ends_with(".sock"))
}

/// What a claim of every pod shares: the PersistentVolume that it asks for by name or labels.
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
