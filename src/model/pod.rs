//! Pods: where a workload has its pod template, and which objects a pod names.

use std::borrow::Cow;

use serde_json::{Value, json};

use crate::diagnostic::{Place, Sources};
use crate::kube::{Object, kinds};
use crate::limits::InputLimits;
use crate::yaml::{Node, parse_documents};

/// The path of an object's pod template, if it has one.
fn template_path(object: &Node) -> &'static [&'static str] {
    let text = |key| object.text_at(&[key]).unwrap_or_default();
    let group = text("apiVersion").split_once('/').map_or("", |(group, _)| group);
    kinds::template(kinds::find(group, text("kind")))
}

/// The labels of a workload's pods.
#[must_use]
pub(crate) fn pod_labels(workload: &Node) -> Option<&Node> {
    workload.at(template_path(workload))?.at(&["metadata", "labels"])
}

/// The annotations of a workload's pods.
#[must_use]
pub(crate) fn pod_annotations(workload: &Node) -> Option<&Node> {
    workload.at(template_path(workload))?.at(&["metadata", "annotations"])
}

/// The pod spec of a workload.
#[must_use]
pub(crate) fn pod_spec(workload: &Node) -> Option<&Node> {
    workload.at(template_path(workload))?.get("spec")
}

/// The pod spec of an object, whose row in the table of kinds is known.
#[must_use]
pub(crate) fn pod_of(object: &Object) -> Option<&Node> {
    object.node.at(kinds::template(object.row))?.get("spec")
}

/// The pod spec of a workload, to be changed.
pub(crate) fn pod_spec_mut(workload: &mut Node) -> Option<&mut Node> {
    workload.at_mut(template_path(workload))?.get_mut("spec")
}

/// The containers and init containers of a pod.
pub(crate) fn containers(pod: &Node) -> impl Iterator<Item = &Node> {
    ["containers", "initContainers"].into_iter().flat_map(|list| pod.items_at(&[list]))
}

/// Every image that a workload's pods run or mount, with its place: of containers of all kinds, of
/// [volumes](https://kubernetes.io/docs/concepts/storage/volumes/#image), and of annotations that make injectors add
/// or change containers, such as
/// [Istio's](https://istio.io/latest/docs/reference/config/annotations/#SidecarProxyImage).
#[must_use]
pub(crate) fn images(workload: &Node) -> Vec<(Cow<'_, str>, &Node)> {
    let Some(template) = workload.at(template_path(workload)) else {
        return Vec::new();
    };
    let mut nodes = Vec::new();
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        let containers = template.items_at(&["spec", list]).iter();
        nodes.extend(containers.filter_map(|container| container.get("image")));
    }
    let volumes = template.items_at(&["spec", "volumes"]).iter();
    nodes.extend(volumes.filter_map(|volume| volume.at(&["image", "reference"])));
    let named = nodes.into_iter().filter_map(|node| Some((Cow::Borrowed(node.text()?), node)));
    let mut images: Vec<(Cow<'_, str>, &Node)> = named.collect();
    for metadata in [template, workload] {
        for (key, node) in metadata.entries_at(&["metadata", "annotations"]) {
            let Some(text) = node.text() else { continue };
            if key.text.to_ascii_lowercase().ends_with("image") || looks_like_image(text) {
                images.push((Cow::Borrowed(text), node));
            } else if text.trim_start().starts_with(['{', '[']) || text.contains('\n') {
                let mut inside = Vec::new();
                values_of(text).iter().for_each(|value| images_of_json(value, &mut inside));
                images.extend(inside.into_iter().map(|image| (Cow::Owned(image), node)));
            }
        }
    }
    images
}

/// Parses an annotation as JSON or as YAML, which injectors accept as well; empty if it is neither.
pub(crate) fn values_of(text: &str) -> Vec<Value> {
    if let Ok(value) = serde_json::from_str(text) {
        return vec![value];
    }
    let mut sources = Sources::default();
    let file = sources.add("annotation", text);
    // The limit keeps a text with a few aliases from becoming a large tree.
    let limits = InputLimits { alias_nodes: text.len(), ..InputLimits::default() };
    match parse_documents(&sources, file, &limits) {
        Ok(documents) => documents.iter().map(Node::to_json).collect(),
        // Injectors may accept what our reader refuses.
        Err(_) => images_of_text(text).map(|image| json!({"image": image})).collect(),
    }
}

/// The values of all keys `image` in a text, whatever else is in it.
fn images_of_text(text: &str) -> impl Iterator<Item = &str> {
    let is_mark = |c: char| c.is_whitespace() || "\"'{}[],".contains(c);
    text.match_indices(':').filter_map(move |(colon, _)| {
        let before = text[..colon].trim_end_matches(is_mark);
        let key = before.rsplit(is_mark).next().unwrap_or_default();
        let mut values = text[colon + 1..].split(is_mark).filter(|value| !value.is_empty());
        if key.eq_ignore_ascii_case("image") { values.next() } else { None }
    })
}

/// Collects the images of containers in a parsed annotation. Go ignores the case of keys.
fn images_of_json(value: &Value, images: &mut Vec<String>) {
    match value {
        Value::Array(items) => items.iter().for_each(|item| images_of_json(item, images)),
        Value::Object(entries) => {
            for (key, value) in entries {
                // A volume's image is an object with a reference.
                let image = value.as_str().or_else(|| value.get("reference")?.as_str());
                match image.filter(|_| key.eq_ignore_ascii_case("image")) {
                    Some(image) => images.push(image.to_owned()),
                    None => images_of_json(value, images),
                }
            }
        }
        _ => {}
    }
}

/// Whether a text is almost certainly an image: it has a host, and a tag or a digest.
#[must_use]
pub(crate) fn looks_like_image(text: &str) -> bool {
    let Some((host, rest)) = text.split_once('/') else { return false };
    let is_host = host.contains('.') || host.contains(':') || host == "localhost";
    let fits = |c: char| c.is_ascii_alphanumeric() || "._-/:@".contains(c);
    let (name, tag) = rest.rsplit_once(':').unwrap_or((rest, ""));
    let is_name = |part: &str| part.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_tag = !tag.is_empty() && !tag.contains('/');
    is_host && is_tag && text.chars().all(fits) && is_name(host) && name.split('/').all(is_name)
}

/// An object that a pod names, with the place of the name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Reference {
    /// What is named.
    pub(crate) referent: Referent,
    pub(crate) name: String,
    /// Whether the pod starts without it.
    pub(crate) optional: bool,
    /// The place of the name.
    pub(crate) place: Place,
}

/// Kinds of objects that a pod names.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Referent {
    /// A ConfigMap.
    ConfigMap,
    /// A Secret.
    Secret,
    /// A ServiceAccount.
    ServiceAccount,
    /// A PersistentVolumeClaim.
    Claim,
    /// A SecretProviderClass of the secrets store CSI driver.
    SecretProviderClass,
    /// A ResourceClaimTemplate.
    ResourceClaimTemplate,
    /// A ResourceClaim, which belongs to pods of its own namespace.
    ResourceClaim,
    /// Endpoints, by which pods find servers of GlusterFS.
    Endpoints,
}

impl Referent {
    /// All kinds.
    pub(crate) const ALL: [Self; 8] = [
        Self::ConfigMap,
        Self::Secret,
        Self::ServiceAccount,
        Self::Claim,
        Self::SecretProviderClass,
        Self::ResourceClaimTemplate,
        Self::ResourceClaim,
        Self::Endpoints,
    ];

    /// What happens to the named object, in words.
    pub(crate) fn fate(self) -> &'static str {
        match self {
            Self::ConfigMap => "copied, unless it is listed in `spec.external.configMaps`",
            Self::Secret => {
                "copied, unless it is listed in `spec.external.secrets`; sealed by SOPS or a SealedSecret it is refused"
            }
            Self::ServiceAccount => {
                "copied with its Secrets, and with the Roles and RoleBindings of the namespace; bindings for the whole \
                 cluster or of other namespaces are named (`rights-not-copied`)"
            }
            Self::Claim => "refused (`volume-claim`); with `volumes: empty` an empty directory",
            Self::SecretProviderClass
            | Self::ResourceClaimTemplate
            | Self::ResourceClaim
            | Self::Endpoints => "copied",
        }
    }

    /// API group and kind.
    #[must_use]
    pub(crate) fn group_kind(self) -> (&'static str, &'static str) {
        match self {
            Self::ConfigMap => ("", "ConfigMap"),
            Self::Secret => ("", "Secret"),
            Self::ServiceAccount => ("", "ServiceAccount"),
            Self::Claim => ("", "PersistentVolumeClaim"),
            Self::SecretProviderClass => ("secrets-store.csi.x-k8s.io", "SecretProviderClass"),
            Self::ResourceClaimTemplate => ("resource.k8s.io", "ResourceClaimTemplate"),
            Self::ResourceClaim => ("resource.k8s.io", "ResourceClaim"),
            Self::Endpoints => ("", "Endpoints"),
        }
    }
}

/// Everything a pod spec names: in containers of all kinds, volumes of every type and image pull secrets, and its
/// ServiceAccount, which is `default` if it names none.
/// See <https://kubernetes.io/docs/reference/kubernetes-api/workload-resources/pod-v1/>.
#[must_use]
pub(crate) fn references(pod: &Node) -> Vec<Reference> {
    let mut references = Vec::new();
    for list in ["containers", "initContainers", "ephemeralContainers"] {
        for container in pod.items_at(&[list]) {
            for variable in container.items_at(&["env"]) {
                let from = |key| variable.at(&["valueFrom", key]);
                add(&mut references, Referent::ConfigMap, from("configMapKeyRef"), "name");
                add(&mut references, Referent::Secret, from("secretKeyRef"), "name");
            }
            for source in container.items_at(&["envFrom"]) {
                add(&mut references, Referent::ConfigMap, source.get("configMapRef"), "name");
                add(&mut references, Referent::Secret, source.get("secretRef"), "name");
            }
        }
    }
    for volume in pod.items_at(&["volumes"]) {
        volume_references(volume, &mut references);
    }
    for secret in pod.items_at(&["imagePullSecrets"]) {
        add(&mut references, Referent::Secret, Some(secret), "name");
    }
    for claim in pod.items_at(&["resourceClaims"]) {
        let template = Referent::ResourceClaimTemplate;
        add(&mut references, template, Some(claim), "resourceClaimTemplateName");
        add(&mut references, Referent::ResourceClaim, Some(claim), "resourceClaimName");
    }
    let (name, place) = account_of(pod);
    let (referent, name) = (Referent::ServiceAccount, name.to_owned());
    references.push(Reference { referent, name, optional: false, place });
    references
}

/// The name of the ServiceAccount that the pods of a workload run as.
pub(crate) fn service_account(workload: &Node) -> &str {
    pod_spec(workload).map_or(DEFAULT_ACCOUNT, |pod| account_of(pod).0)
}

/// The ServiceAccount of pods that name none.
const DEFAULT_ACCOUNT: &str = "default";

/// The name of a pod's ServiceAccount, and the place that decides it. `serviceAccount` is the older name of the field.
fn account_of(pod: &Node) -> (&str, Place) {
    let mut fields = ["serviceAccountName", "serviceAccount"].into_iter();
    let named = fields.find_map(|key| {
        let field = pod.get(key)?;
        Some((field.text().filter(|name| !name.is_empty())?, field.place))
    });
    named.unwrap_or((DEFAULT_ACCOUNT, pod.place))
}

/// The name of a ServiceAccount, with its namespace.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct AccountName<'a> {
    pub(crate) namespace: &'a str,
    pub(crate) name: &'a str,
}

/// Everything that a volume names.
pub(crate) fn volume_references(volume: &Node, references: &mut Vec<Reference>) {
    add(references, Referent::ConfigMap, volume.get("configMap"), "name");
    add(references, Referent::Secret, volume.get("secret"), "secretName");
    add(references, Referent::Claim, volume.get("persistentVolumeClaim"), "claimName");
    add(references, Referent::Secret, volume.get("azureFile"), "secretName");
    for source in volume.items_at(&["projected", "sources"]) {
        add(references, Referent::ConfigMap, source.get("configMap"), "name");
        add(references, Referent::Secret, source.get("secret"), "name");
    }
    add(references, Referent::Secret, volume.at(&["csi", "nodePublishSecretRef"]), "name");
    let attributes = volume.at(&["csi", "volumeAttributes"]);
    add(references, Referent::SecretProviderClass, attributes, "secretProviderClass");
    for kind in ["cephfs", "cinder", "flexVolume", "iscsi", "rbd", "scaleIO", "storageos"] {
        add(references, Referent::Secret, volume.at(&[kind, "secretRef"]), "name");
    }
    add(references, Referent::Endpoints, volume.get("glusterfs"), "endpoints");
}

/// The fields of all volumes of one type, such as `projected`.
pub(crate) fn volume_sources<'n>(pod: &'n Node, of: &str) -> impl Iterator<Item = &'n Node> {
    pod.items_at(&["volumes"]).iter().filter_map(move |volume| volume.get(of))
}

/// The claims that a workload's pods get: from the templates of a StatefulSet, and from ephemeral volumes.
pub(crate) fn claim_templates(workload: &Node) -> impl Iterator<Item = &Node> {
    let of_set = workload.items_at(&["spec", "volumeClaimTemplates"]).iter();
    let of_set = of_set.filter_map(|template| template.get("spec"));
    let volumes = pod_spec(workload).map(|pod| pod.items_at(&["volumes"])).unwrap_or_default();
    of_set.chain(volumes.iter().filter_map(|volume| volume.at(CLAIM_OF_VOLUME)))
}

/// The path of the claim in an ephemeral volume.
pub(crate) const CLAIM_OF_VOLUME: &[&str] = &["ephemeral", "volumeClaimTemplate", "spec"];

/// The object that a claim takes its content from: another claim, a snapshot, or what a populator reads.
/// See <https://kubernetes.io/docs/concepts/storage/persistent-volumes/#data-source-references>.
pub(crate) fn data_source(claim: &Node) -> Option<&Node> {
    ["dataSourceRef", "dataSource"].into_iter().find_map(|key| claim.get(key)?.get("name"))
}

/// The PersistentVolume that a claim names, or the labels by which it chooses one, with the key of either.
pub(crate) fn chosen_storage(claim: &Node) -> Option<(&'static str, &Node)> {
    let chosen =
        ["volumeName", "selector"].into_iter().filter_map(|key| Some((key, claim.get(key)?)));
    let mut chosen = chosen.filter(|(_, value)| value.text() != Some("") && !value.is_null());
    chosen.next()
}

fn add(references: &mut Vec<Reference>, referent: Referent, parent: Option<&Node>, key: &str) {
    let Some(parent) = parent else { return };
    let Some(node) = parent.get(key) else { return };
    if let Some(name) = node.text().filter(|name| !name.is_empty()) {
        let optional = parent.get("optional").is_some_and(Node::is_true);
        references.push(Reference { referent, name: name.to_owned(), optional, place: node.place });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn images_of_an_annotation_are_seen_even_where_its_text_is_refused() {
        let text = "a: {\"<<\": 1}\ncontainers:\n- name: image\n  image: evil/x:1\n- {'Image': \"evil/y\", args: [image]}\n";
        let images = |text| {
            let mut inside = Vec::new();
            values_of(text).iter().for_each(|value| images_of_json(value, &mut inside));
            inside
        };
        assert_eq!(images(text), ["evil/x:1", "evil/y"]);
        assert_eq!(images(&text.replace("\"<<\"", "b")), ["evil/x:1", "evil/y"]);
    }
}
