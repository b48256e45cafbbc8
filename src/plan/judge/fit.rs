//! Finds Services and workloads that the API server refuses, or that answer no requests, because of a patch.

use std::collections::BTreeSet;

use super::values::{containers, name};
use super::{Verdict, culprit};
use crate::diagnostic::{Diagnostic, code, first_of};
use crate::kube::Object;
use crate::model::{is_headless, pod_labels, pod_spec};
use crate::yaml::Node;

/// The problems of a patched object that it did not have before the patches.
pub(super) fn unfit(original: &Object, stages: &[Node]) -> Verdict {
    let problems = match (original.id.group.as_str(), original.id.kind.as_str()) {
        ("", "Service") => vec![
            removed_ports(original, stages),
            bad_ports(original, stages),
            no_address(original, stages),
        ],
        ("apps", "Deployment") => {
            vec![
                paused(original, stages),
                selector_apart(original, stages),
                missing_volumes(original, stages),
            ]
        }
        ("apps", _) => vec![selector_apart(original, stages), missing_volumes(original, stages)],
        _ => vec![missing_volumes(original, stages)],
    };
    problems.into_iter().flatten().collect()
}

/// The faults of a patched object that the original does not have. That is looked at only if there are some, as most
/// patches are right.
pub(super) fn added(
    original: &Node,
    body: &Node,
    faults: impl Fn(&Node) -> BTreeSet<String>,
) -> BTreeSet<String> {
    let mut added = faults(body);
    if !added.is_empty() {
        let before = faults(original);
        added.retain(|fault| !before.contains(fault));
    }
    added
}

/// A problem that `look` returns after the patches and not before them: its message, with the patch that made it.
pub(super) fn problem(
    stages: &[Node],
    help: &str,
    look: impl Fn(&Node) -> Option<String>,
) -> Option<(usize, Diagnostic)> {
    let message = look(&stages[stages.len() - 1])?;
    if look(&stages[0]).is_some() {
        return None;
    }
    let patch = culprit(stages, 1, look);
    Some((patch, Diagnostic::new(&code::BAD_PATCH, message, help)))
}

fn paused(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let help =
        "leave `spec.paused` out of the patch: a Deployment that begins paused makes no pods";
    problem(stages, help, |body| {
        let is_paused = body.at(&["spec", "paused"]).is_some_and(Node::is_true);
        is_paused
            .then(|| format!("a patch pauses {}, and the copy would have no pods", original.id))
    })
}

/// The selector of a workload must select the pods of its own template.
fn selector_apart(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let help = "leave the label and the selector as they are, or change both alike: the API server takes no others";
    problem(stages, help, |body| {
        let labels = pod_labels(body)?;
        let mut wanted = body.at(&["spec", "selector", "matchLabels"])?.entries().iter();
        let (label, _) =
            wanted.find(|(key, value)| labels.text_at(&[&key.text]) != value.text())?;
        let (id, label) = (&original.id, &label.text);
        Some(format!(
            "a patch makes the selector of {id} miss its own pods, by the label `{label}`"
        ))
    })
}

fn removed_ports(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let help = "leave the ports of the original, to which callers and routes send requests; `targetPort` says \
                where they lead";
    let before: BTreeSet<String> = numbers(&stages[0]).collect();
    problem(stages, help, |body| {
        let kept: BTreeSet<String> = numbers(body).collect();
        let removed: Vec<&String> = before.difference(&kept).collect();
        let noun = if removed.len() == 1 { "port" } else { "ports" };
        (!removed.is_empty()).then(|| {
            let ports = first_of(5, ", ", &removed);
            format!("a patch takes the {noun} {ports} away from {}", original.id)
        })
    })
}

fn bad_ports(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let help = "give each port a number and a name of its own: the API server takes no others";
    problem(stages, help, |body| {
        Some(format!("a patch gives {} {}", original.id, refused_ports(body)?))
    })
}

fn no_address(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let help =
        "leave `clusterIP` and `type` out of the patch: requests reach the copy at its address";
    problem(stages, help, |body| {
        let what = match body.text_at(&["spec", "type"]) {
            Some("ExternalName") => "an ExternalName, which stands for no pods",
            _ if is_headless(body) => "headless",
            _ => return None,
        };
        Some(format!("a patch makes {} {what}", original.id))
    })
}

fn ports(service: &Node) -> &[Node] {
    service.at(&["spec", "ports"]).map(Node::items).unwrap_or_default()
}

/// The number and protocol of a port: `80/TCP`.
fn number(port: &Node) -> String {
    let protocol = port.text_at(&["protocol"]).unwrap_or("TCP");
    match port.get("port").and_then(Node::integer_value) {
        Some(number) => format!("{number}/{protocol}"),
        None => format!("{}/{protocol}", port.text_at(&["port"]).unwrap_or_default()),
    }
}

fn numbers(service: &Node) -> impl Iterator<Item = String> {
    ports(service).iter().map(number)
}

/// The ports of a Service that the API server refuses, in words.
/// See <https://kubernetes.io/docs/concepts/services-networking/service/#multi-port-services>.
fn refused_ports(service: &Node) -> Option<String> {
    let ports = ports(service);
    let (mut names, mut numbers) = (BTreeSet::new(), BTreeSet::new());
    for port in ports {
        let value = port.get("port").and_then(Node::integer_value);
        if !value.is_some_and(|value| (1..=65_535).contains(&value)) {
            let text = port.text_at(&["port"]).unwrap_or_default();
            return Some(format!("the port `{text}`, which is no number from 1 to 65535"));
        }
        let name = port.text_at(&["name"]).unwrap_or_default();
        if name.is_empty() && ports.len() > 1 {
            return Some("a port without a name among several".to_owned());
        }
        if !names.insert(name) {
            return Some(format!("two ports named `{name}`"));
        }
        if !numbers.insert(number(port)) {
            return Some(format!("the port {} twice", number(port)));
        }
    }
    None
}

fn missing_volumes(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let help = "name one of the pod's `volumes`, or let the patch add it there";
    let before = undefined_volumes(&stages[0]);
    problem(stages, help, |body| {
        let undefined = undefined_volumes(body);
        let names: Vec<String> = undefined
            .difference(&before)
            .map(|(container, volume)| format!("`{volume}` in `{container}`"))
            .collect();
        (!names.is_empty()).then(|| {
            format!(
                "a patch leaves pods of {} with mounts of volumes that they do not have: {}",
                original.id,
                first_of(5, ", ", names)
            )
        })
    })
}

/// The volumes that containers use and the pod does not define, each with its container.
fn undefined_volumes(workload: &Node) -> BTreeSet<(&str, &str)> {
    let volumes = pod_spec(workload).and_then(|pod| pod.get("volumes"));
    let volumes = volumes.map(Node::items).unwrap_or_default().iter();
    let claims = workload.at(&["spec", "volumeClaimTemplates"]).map(Node::items);
    let claims = claims.unwrap_or_default().iter().filter_map(|one| one.get("metadata"));
    let names = volumes.chain(claims).map(name).filter(|name| !name.is_empty());
    let defined: BTreeSet<&str> = names.collect();
    let mut undefined = BTreeSet::new();
    for container in containers(workload) {
        let lists = ["volumeMounts", "volumeDevices"].into_iter();
        let uses = lists.filter_map(|list| container.get(list)).flat_map(Node::items).map(name);
        let uses = uses.filter(|volume| !defined.contains(volume));
        undefined.extend(uses.map(|volume| (name(container), volume)));
    }
    undefined
}
