//! What is said about an object that patches changed: images that a preview may not bring, powers that the
//! original has not, and what no copy keeps.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, Place, code};
use crate::kube::{Object, marks, meta};
use crate::model::{Referent, images, pod_spec, references};
use crate::spec::Limits;
use crate::validate::image_problems;
use crate::yaml::{Node, write_document};

/// Judges what patches made of an object; images of which `checked` is true were looked at before.
pub(super) fn judge(
    limits: &Limits,
    original: &Object,
    body: &Node,
    checked: impl Fn(&Node) -> bool,
) -> Vec<Diagnostic> {
    let mut found = Vec::new();
    let own: BTreeSet<&str> = images(&original.node).into_iter().filter_map(Node::text).collect();
    for node in images(body) {
        let image = node.text().unwrap_or_default();
        if own.contains(image) || checked(node) {
            continue;
        }
        found.extend(image_problems(limits, image).into_iter().map(|problem| {
            let message =
                format!("a patch gives {} the image `{image}`, which {}", original.id, problem.why);
            Diagnostic::new(&code::BAD_IMAGE, message, problem.help).at(node.place, "this patch")
        }));
    }
    found.extend(gained(original, body));
    found.extend(lost(original, body));
    found
}

/// The warning that a body has powers which the original has not.
fn gained(original: &Object, body: &Node) -> Option<Diagnostic> {
    let own: BTreeSet<String> = powers(&original.node).into_iter().map(|power| power.key).collect();
    let mut gained = powers(body);
    gained.retain(|power| !own.contains(&power.key));
    let first = gained.first()?.place;
    let mut words: Vec<&str> = gained.iter().map(|power| power.words.as_str()).collect();
    words.sort_unstable();
    words.dedup();
    Some(
        Diagnostic::new(
            &code::MORE_ACCESS,
            format!("a patch gives {} what the original has not: {}", original.id, first_of(&words)),
            "make sure that whoever can change previews.yaml may have it; admission policies such as \
             the Pod Security Standards can refuse it",
        )
        .at(first, "this patch"),
    )
}

/// The note that patches write what no copy keeps.
fn lost(original: &Object, body: &Node) -> Option<Diagnostic> {
    let mut lost = Vec::new();
    let mut look = |path: &[&str], keeps: &dyn Fn(&str, &Node) -> bool| {
        let before = original.node.at(path).map(Node::entries).unwrap_or_default();
        let before: BTreeMap<&str, &Node> =
            before.iter().map(|(key, value)| (key.text.as_str(), value)).collect();
        for (key, value) in body.at(path).map(Node::entries).unwrap_or_default() {
            let key = key.text.as_str();
            if !keeps(key, value) && before.get(key) != Some(&value) {
                lost.push((format!("{}.{key}", path.join(".")), value.place));
            }
        }
    };
    look(&["metadata"], &|key, _| meta::keeps_metadata(key));
    look(&["metadata", "labels"], &|key, _| meta::keeps_label(key) && key != marks::MANAGED_BY);
    look(&["metadata", "annotations"], &|key, _| meta::keeps_annotation(key));
    match original.id.kind.as_str() {
        "Service" => look(&["spec"], &|key, value| match key {
            "type" => value.text() == Some("ClusterIP"),
            "clusterIP" => value.text() == Some("None"),
            _ => meta::keeps_service_field(key),
        }),
        "ServiceMonitor" | "PodMonitor" => look(&["spec"], &|key, _| key != "namespaceSelector"),
        _ => {}
    }
    let place = lost.first()?.1;
    let fields: Vec<&str> = lost.iter().map(|(field, _)| field.as_str()).collect();
    Some(
        Diagnostic::new(
            &code::DROPPED,
            format!("a patch of {} writes what no copy keeps: {}", original.id, first_of(&fields)),
            "leave it out of the patch: it belongs to the original, or anabranch sets it",
        )
        .at(place, "this patch"),
    )
}

/// The first words of a list; more of them nobody reads in one line.
fn first_of(words: &[&str]) -> String {
    const SHOWN: usize = 5;
    let shown = words[..words.len().min(SHOWN)].join(", ");
    match words.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Something that an object may do, or has access to.
struct Power {
    /// The same for powers that are.
    key: String,
    /// For people.
    words: String,
    /// Where it is given.
    place: Place,
}

/// What the [Pod Security Standards](https://kubernetes.io/docs/concepts/security/pod-security-standards/#baseline)
/// restrict, the ServiceAccount and the Secrets of a pod; the Secrets of a ServiceAccount; rules, subjects
/// and the role of RBAC.
fn powers(object: &Node) -> Vec<Power> {
    let mut powers = Vec::new();
    let mut add = |words: String, place| powers.push(Power { key: words.clone(), words, place });
    if let Some(pod) = pod_spec(object) {
        of_pod(pod, &mut add);
    }
    if object.text_at(&["kind"]) == Some("ServiceAccount") {
        for secret in ["secrets", "imagePullSecrets"].iter().flat_map(|list| items(object, list)) {
            add(format!("Secret {}", secret.text_at(&["name"]).unwrap_or_default()), secret.place);
        }
    }
    if object.text_at(&["apiVersion"]).is_some_and(|version| version.starts_with("rbac.")) {
        let role = object.get("roleRef").map(|role| ("another role", role));
        let rules = items(object, "rules").iter().map(|rule| ("another rule", rule));
        let subjects = items(object, "subjects").iter().map(|one| ("another subject", one));
        powers.extend(rules.chain(subjects).chain(role).map(|(words, node)| {
            let mut key = words.to_owned();
            write_document(&mut key, node);
            Power { key, words: words.to_owned(), place: node.place }
        }));
    }
    powers
}

fn items<'n>(node: &'n Node, key: &str) -> &'n [Node] {
    node.get(key).map(Node::items).unwrap_or_default()
}

fn of_pod(pod: &Node, add: &mut impl FnMut(String, Place)) {
    for key in ["hostNetwork", "hostPID", "hostIPC"] {
        if let Some(node) = pod.get(key).filter(|node| node.is_true()) {
            add(key.to_owned(), node.place);
        }
    }
    let account = pod.get("serviceAccountName").or_else(|| pod.get("serviceAccount"));
    let place = account.map_or(pod.place, |node| node.place);
    let name = account.and_then(Node::text).filter(|name| !name.is_empty());
    add(format!("ServiceAccount {}", name.unwrap_or("default")), place);
    let mounts = pod.get("automountServiceAccountToken");
    if mounts.is_none_or(Node::is_true) {
        add(
            "the token of its ServiceAccount".to_owned(),
            mounts.map_or(pod.place, |node| node.place),
        );
    }
    for host in items(pod, "volumes").iter().filter_map(|volume| volume.get("hostPath")) {
        let path = host.text_at(&["path"]).unwrap_or_default();
        add(format!("hostPath {path}"), host.place);
    }
    for reference in references(pod) {
        if reference.referent == Referent::Secret {
            add(format!("Secret {}", reference.name), reference.place);
        }
    }
    of_security_context(pod, "", add);
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in items(pod, list) {
            let within = format!(" in {}", container.text_at(&["name"]).unwrap_or_default());
            of_security_context(container, &within, add);
            for port in items(container, "ports") {
                if let Some(node) = port.get("hostPort").filter(|node| node.text() != Some("0")) {
                    add(format!("hostPort {}", node.text().unwrap_or_default()), node.place);
                }
            }
        }
    }
}

/// The `securityContext` of a pod, or within a container of it.
fn of_security_context(holder: &Node, within: &str, add: &mut impl FnMut(String, Place)) {
    let Some(context) = holder.get("securityContext") else {
        return;
    };
    let mut add_if = |keys: &[&str], applies: &dyn Fn(&Node) -> bool, show: bool| {
        if let Some(node) = context.at(keys).filter(|node| applies(node)) {
            let value = node.text().filter(|_| show).map(|text| format!(" {text}"));
            add(format!("{}{}{within}", keys[0], value.unwrap_or_default()), node.place);
        }
    };
    add_if(&["privileged"], &Node::is_true, false);
    add_if(&["windowsOptions", "hostProcess"], &Node::is_true, false);
    add_if(&["procMount"], &|node| node.text() == Some("Unmasked"), true);
    for profile in ["seccompProfile", "appArmorProfile"] {
        add_if(&[profile, "type"], &|node| node.text() == Some("Unconfined"), true);
    }
    for key in ["user", "role", "type"] {
        add_if(&["seLinuxOptions", key], &|_| true, true);
    }
    for capability in context.at(&["capabilities", "add"]).map(Node::items).unwrap_or_default() {
        let name = capability.text().unwrap_or_default();
        add(format!("capability {name}{within}"), capability.place);
    }
    for sysctl in items(context, "sysctls") {
        add(format!("sysctl {}", sysctl.text_at(&["name"]).unwrap_or_default()), sysctl.place);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sources;
    use crate::yaml::{Budget, parse_documents};

    /// What an object with these fields of its pod spec has.
    fn words(pod: &str) -> Vec<String> {
        let text = format!("kind: Deployment\nspec: {{template: {{spec: {{{pod}}}}}}}\n");
        let mut sources = Sources::default();
        let file = sources.add("", text);
        let read = parse_documents(&sources, file, &Budget::default()).expect("YAML");
        let mut words: Vec<String> = powers(&read[0]).into_iter().map(|one| one.words).collect();
        words.retain(|one| !one.contains("ServiceAccount"));
        words
    }

    #[test]
    fn powers_of_pods_are_those_that_the_standards_restrict() {
        for (pod, wanted) in [
            ("hostNetwork: true, hostPID: true, hostIPC: false", "hostNetwork, hostPID"),
            ("volumes: [{hostPath: {path: /x}}, {emptyDir: {}}]", "hostPath /x"),
            ("volumes: [{secret: {secretName: s}}]", "Secret s"),
            ("containers: [{name: c, envFrom: [{secretRef: {name: s}}]}]", "Secret s"),
            ("initContainers: [{name: c, ports: [{hostPort: 80}, {hostPort: 0}]}]", "hostPort 80"),
            ("securityContext: {sysctls: [{name: s, value: '1'}]}", "sysctl s"),
            ("securityContext: {windowsOptions: {hostProcess: true}}", "windowsOptions"),
            ("securityContext: {seLinuxOptions: {type: t}}", "seLinuxOptions t"),
            (
                "securityContext: {appArmorProfile: {type: Unconfined}}",
                "appArmorProfile Unconfined",
            ),
            ("securityContext: {seccompProfile: {type: RuntimeDefault}}", ""),
        ] {
            assert_eq!(words(pod).join(", "), wanted, "{pod}");
        }
        let context = |context: &str| {
            words(&format!("containers: [{{name: c, securityContext: {context}}}]"))
        };
        assert_eq!(context("{privileged: true}"), ["privileged in c"]);
        assert_eq!(context("{procMount: Unmasked}"), ["procMount Unmasked in c"]);
        assert_eq!(context("{capabilities: {add: [A], drop: [B]}}"), ["capability A in c"]);
    }
}
