//! Finds what patches make of a Service or a workload that the API server refuses, or that answers nothing.

use std::collections::BTreeSet;

use super::{Verdict, culprit};
use crate::diagnostic::{Diagnostic, code, first_of};
use crate::kube::Object;
use crate::model::{pod_labels, pod_spec};
use crate::yaml::Node;

/// What is wrong with a patched object: `stages` are its body before the patches and after each of them. What was
/// wrong before them is not theirs.
pub(super) fn unfit(original: &Object, stages: &[Node]) -> Verdict {
    match (original.id.group.as_str(), original.id.kind.as_str()) {
        ("", "Service") => of_service(original, stages),
        ("apps", "Deployment") => {
            let paused = new(stages, |body| is_paused(body).then(String::new)).map(|(patch, _)| {
                let message =
                    format!("a patch pauses {}, and the copy would have no pods", original.id);
                let help = "leave `spec.paused` out of the patch: a Deployment that begins paused makes no pods";
                (patch, Diagnostic::new(&code::BAD_PATCH, message, help))
            });
            let apart = apart(original, stages);
            paused.into_iter().chain(apart).chain(of_volumes(original, stages)).collect()
        }
        ("apps", _) => {
            apart(original, stages).into_iter().chain(of_volumes(original, stages)).collect()
        }
        _ => of_volumes(original, stages).into_iter().collect(),
    }
}

/// That a workload does not select the pods of its own template, by the labels that it names.
fn apart(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let (patch, label) = new(stages, |body| {
        let labels = pod_labels(body)?;
        let wanted = body.at(&["spec", "selector", "matchLabels"])?.entries().iter();
        let mut missed = wanted.filter(|(key, value)| labels.text_at(&[&key.text]) != value.text());
        missed.next().map(|(key, _)| key.text.to_string())
    })?;
    let message = format!(
        "a patch makes the selector of {} miss its own pods, by the label `{label}`",
        original.id
    );
    let help = "leave the label and the selector as they are, or change both alike: the API server takes no others";
    Some((patch, Diagnostic::new(&code::BAD_PATCH, message, help)))
}

/// What `look` finds after the patches and did not find before them, and the patch that brought it.
pub(super) fn new(
    stages: &[Node],
    look: impl Fn(&Node) -> Option<String>,
) -> Option<(usize, String)> {
    let found = look(&stages[stages.len() - 1])?;
    look(&stages[0]).is_none().then(|| (culprit(stages, 1, look), found))
}

fn is_paused(deployment: &Node) -> bool {
    deployment.at(&["spec", "paused"]).is_some_and(Node::is_true)
}

fn of_service(original: &Object, stages: &[Node]) -> Verdict {
    let id = &original.id;
    let finding = |(patch, message): (usize, String), help: &str| {
        (patch, Diagnostic::new(&code::BAD_PATCH, message, help))
    };
    let mut verdict = Verdict::new();
    let old: BTreeSet<String> = numbers(&stages[0]).collect();
    let gone = new(stages, |body| {
        let kept: BTreeSet<String> = numbers(body).collect();
        let gone: Vec<&String> = old.difference(&kept).collect();
        let noun = if gone.len() == 1 { "port" } else { "ports" };
        let message =
            || format!("a patch takes the {noun} {} away from {id}", first_of(5, ", ", &gone));
        (!gone.is_empty()).then(message)
    });
    let help = "leave the ports of the original, to which callers and routes send requests; `targetPort` says \
                where they lead";
    verdict.extend(gone.map(|gone| finding(gone, help)));
    let clash = new(stages, |body| Some(format!("a patch gives {id} {}", clash(body)?)));
    let help = "give each port a number and a name of its own: the API server takes no others";
    verdict.extend(clash.map(|clash| finding(clash, help)));
    let no_address =
        new(stages, |body| Some(format!("a patch makes {id} {}", without_address(body)?)));
    let help =
        "leave `clusterIP` and `type` out of the patch: requests reach the copy at its address";
    verdict.extend(no_address.map(|what| finding(what, help)));
    verdict
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

/// Why the API server refuses the ports of a Service.
/// See <https://kubernetes.io/docs/concepts/services-networking/service/#multi-port-services>.
fn clash(service: &Node) -> Option<String> {
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

/// What a Service is that has no address for its pods.
fn without_address(service: &Node) -> Option<&'static str> {
    match service.text_at(&["spec", "type"]) {
        Some("ExternalName") => Some("an ExternalName, which stands for no pods"),
        _ => (service.text_at(&["spec", "clusterIP"]) == Some("None")).then_some("headless"),
    }
}

/// That containers mount, or use as devices, what is none of the pod's volumes.
fn of_volumes(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let old = without_volume(&stages[0]);
    let (patch, names) = new(stages, |body| {
        let names = without_volume(body);
        let names: Vec<String> = names
            .difference(&old)
            .map(|(container, name)| format!("`{name}` in `{container}`"))
            .collect();
        (!names.is_empty()).then(|| first_of(5, ", ", names))
    })?;
    let message = format!(
        "a patch leaves pods of {} with mounts of volumes that they do not have: {names}",
        original.id
    );
    let help = "name one of the pod's `volumes`, or let the patch add it there";
    Some((patch, Diagnostic::new(&code::BAD_PATCH, message, help)))
}

/// The containers with the names of volumes that they use and the pod has not.
fn without_volume(workload: &Node) -> BTreeSet<(&str, &str)> {
    let Some(pod) = pod_spec(workload) else {
        return BTreeSet::new();
    };
    fn list<'n>(node: &'n Node, key: &str) -> &'n [Node] {
        node.get(key).map(Node::items).unwrap_or_default()
    }
    let volumes = list(pod, "volumes").iter().filter_map(|volume| volume.text_at(&["name"]));
    let claims = workload.at(&["spec", "volumeClaimTemplates"]).map(Node::items);
    let claims = claims.unwrap_or_default().iter();
    let claims = claims.filter_map(|claim| claim.text_at(&["metadata", "name"]));
    let volumes: BTreeSet<&str> = volumes.chain(claims).collect();
    let mut without = BTreeSet::new();
    for key in ["containers", "initContainers", "ephemeralContainers"] {
        for container in list(pod, key) {
            let name = container.text_at(&["name"]).unwrap_or_default();
            let uses = ["volumeMounts", "volumeDevices"].into_iter();
            let uses = uses.flat_map(|key| list(container, key));
            let used = uses.map(|one| one.text_at(&["name"]).unwrap_or_default());
            without.extend(
                used.filter(|volume| !volumes.contains(volume)).map(|volume| (name, volume)),
            );
        }
    }
    without
}
