//! Metadata of the user's objects: what Flux reads in it, and what a copy must not have.

use std::collections::BTreeSet;

use super::marks;
use crate::yaml::{Data, Node};

/// Annotation that switches Flux' variable substitution off for an object.
pub(crate) const SUBSTITUTE: &str = "kustomize.toolkit.fluxcd.io/substitute";

/// The label that every Namespace has in a cluster, with its name.
pub(crate) const NAMESPACE_NAME: &str = "kubernetes.io/metadata.name";

/// Whether Flux' [variable
/// substitution](https://fluxcd.io/flux/components/kustomize/kustomizations/#post-build-variable-substitution) would
/// change a text: it replaces `${...}`, and turns `$$` into `$`.
#[must_use]
pub(crate) fn is_substituted(text: &str) -> bool {
    text.contains("${") || text.contains("$$")
}

/// Whether a tree has a variable that Flux would replace.
#[must_use]
pub(crate) fn asks_for_substitution(node: &Node) -> bool {
    node.any_text(&mentions_variable)
}

/// A variable in a text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Variable<'n> {
    pub(crate) name: &'n str,
    /// Whether the text has a default for it.
    pub(crate) has_default: bool,
}

/// Whether a text may have a variable. Most texts have no dollar sign, so that is checked first.
pub(crate) fn mentions_variable(text: &str) -> bool {
    text.contains('$') && text.contains("${")
}

/// Collects the variables in a tree, keys included. `$${NAME}` is not one.
pub(crate) fn variables<'n>(node: &'n Node, out: &mut BTreeSet<Variable<'n>>) {
    match &node.data {
        Data::Scalar { text, .. } => out.extend(variables_of(text)),
        Data::List(items) => items.iter().for_each(|item| variables(item, out)),
        Data::Map(entries) => entries.iter().for_each(|(key, value)| {
            out.extend(variables_of(&key.text));
            variables(value, out);
        }),
    }
}

fn variables_of(text: &str) -> impl Iterator<Item = Variable<'_>> {
    text.match_indices("${").filter_map(move |(at, _)| {
        let rest = &text[at + 2..];
        let end = rest.find(|c: char| !c.is_ascii_alphanumeric() && c != '_');
        let (name, behind) = rest.split_at(end.unwrap_or(rest.len()));
        let dollars = at - text[..at].trim_end_matches('$').len();
        let ends = behind.starts_with(['}', ':', '=', '#', '%', '/', '^', ',']);
        let has_default = ["=", ":=", ":-"].iter().any(|sign| behind.starts_with(sign));
        (!name.is_empty() && ends && dollars.is_multiple_of(2))
            .then_some(Variable { name, has_default })
    })
}

/// Whether substitution is switched off for an object.
#[must_use]
pub(crate) fn is_literal(node: &Node) -> bool {
    let off =
        |list| node.at(&["metadata", list, SUBSTITUTE]).and_then(Node::text) == Some("disabled");
    off("annotations") || off("labels")
}

/// Whether Flux would substitute variables in an object.
#[must_use]
pub(crate) fn has_substitutes(node: &Node) -> bool {
    asks_for_substitution(node) && !is_literal(node)
}

/// Annotations of Services that make something publish a name or a route. A copy with them would compete with the
/// original.
pub(crate) const PUBLISHING: [&str; 9] = [
    "cloud.google.com/neg",
    "consul.hashicorp.com/service-name",
    "consul.hashicorp.com/service-sync",
    "external-dns.alpha.kubernetes.io/hostname",
    "external-dns.alpha.kubernetes.io/internal-hostname",
    "getambassador.io/config",
    "tailscale.com/expose",
    "tailscale.com/funnel",
    "tailscale.com/hostname",
];

/// Annotations of ConfigMaps and Secrets that make something copy them into other namespaces. A copy with them would
/// overwrite copies of the original.
pub(crate) const SPREADING: [&str; 7] = [
    "kubed.appscode.com/sync",
    "reflector.v1.k8s.emberstack.com/reflection-allowed",
    "reflector.v1.k8s.emberstack.com/reflection-allowed-namespaces",
    "reflector.v1.k8s.emberstack.com/reflection-auto-enabled",
    "reflector.v1.k8s.emberstack.com/reflection-auto-namespaces",
    "replicator.v1.mittwald.de/replicate-to",
    "replicator.v1.mittwald.de/replicate-to-matching",
];

/// Annotations and labels of workloads that make something in the cluster choose their image. It would overwrite a
/// preview's with the baseline's.
pub(crate) const CHOOSING: [&str; 3] =
    ["fluxcd.io/automated", "image.openshift.io/triggers", "keel.sh/policy"];

/// Removes from a copy's metadata what belongs to the original alone: fields that the API server fills in, owners,
/// and the marks of kustomize, kpt, kubectl, Flux, Argo CD and Helm. Labels stay, except those of owners. So do
/// annotations by which kustomize finds hashed names again, and [`SUBSTITUTE`], which is about the content.
pub(crate) fn strip_original(node: &mut Node) {
    node.remove("status");
    let Some(metadata) = node.get_mut("metadata") else {
        return;
    };
    metadata.retain(keeps_metadata);
    for (field, keep) in
        [("labels", keeps_label as fn(&str) -> bool), ("annotations", keeps_annotation)]
    {
        if let Some(map) = metadata.get_mut(field) {
            map.retain(keep);
            if map.entries().is_empty() {
                metadata.remove(field);
            }
        }
    }
}

/// Whether a copy keeps a label: not marks of owners, not ours, and not its waypoint.
#[must_use]
pub(crate) fn keeps_label(key: &str) -> bool {
    key == SUBSTITUTE
        || !(key.starts_with("kustomize.toolkit.fluxcd.io/")
            || key.starts_with("helm.toolkit.fluxcd.io/")
            || key.starts_with("argocd.argoproj.io/")
            || is_of_waypoint(key)
            || CHOOSING.contains(&key)
            || marks::is_key(key))
}

/// Whether a label or annotation names or configures a waypoint. That is for originals only.
fn is_of_waypoint(key: &str) -> bool {
    key.starts_with("istio.io/use-waypoint") || key == "istio.io/ingress-use-waypoint"
}

/// Whether previews get a label of the baseline's Namespace: not its name or its owners.
pub(crate) fn keeps_namespace_label(key: &str) -> bool {
    keeps_label(key)
        && !matches!(key, NAMESPACE_NAME | "app.kubernetes.io/instance" | "name")
        && !key.starts_with("olm.operatorgroup.uid/")
}

/// Whether previews get an annotation of the baseline's Namespace: not what a build or a cluster records about that
/// one object.
pub(crate) fn keeps_namespace_annotation(key: &str) -> bool {
    keeps_annotation(key)
        && key != SUBSTITUTE
        && !key.starts_with("internal.config.kubernetes.io/")
        // OpenShift gives these ranges to one namespace each.
        && !key.starts_with("openshift.io/sa.scc.")
}

/// Whether a copy keeps a field of a Service's spec: not addresses, node ports and load balancers.
#[must_use]
pub(crate) fn keeps_service_field(key: &str) -> bool {
    !matches!(
        key,
        "clusterIP"
            | "clusterIPs"
            | "type"
            | "loadBalancerIP"
            | "loadBalancerClass"
            | "loadBalancerSourceRanges"
            | "allocateLoadBalancerNodePorts"
            | "externalIPs"
            | "externalName"
            | "externalTrafficPolicy"
            | "healthCheckNodePort"
    )
}

/// Whether a copy keeps a field of the metadata.
#[must_use]
pub(crate) fn keeps_metadata(key: &str) -> bool {
    matches!(key, "name" | "namespace" | "labels" | "annotations")
}

/// Whether a copy keeps an annotation.
#[must_use]
pub(crate) fn keeps_annotation(key: &str) -> bool {
    /// Annotations by which kustomize finds the hashed or prefixed name of an object again.
    const HASHING: [&str; 7] = [
        "internal.config.kubernetes.io/previousNames",
        "internal.config.kubernetes.io/previousKinds",
        "internal.config.kubernetes.io/previousNamespaces",
        "internal.config.kubernetes.io/prefixes",
        "internal.config.kubernetes.io/suffixes",
        "internal.config.kubernetes.io/needsHashSuffix",
        "internal.config.kubernetes.io/generatorBehavior",
    ];
    const ORIGINALS: [&str; 9] = [
        "kubectl.kubernetes.io/last-applied-configuration",
        "deployment.kubernetes.io/revision",
        "config.kubernetes.io/function",
        "config.kubernetes.io/origin",
        "config.kubernetes.io/path",
        "config.kubernetes.io/index",
        "config.k8s.io/id",
        "config.kubernetes.io/local-config",
        "alpha.config.kubernetes.io/transformations",
    ];
    const OWNERS: [&str; 9] = [
        "internal.config.kubernetes.io/",
        "kustomize.config.k8s.io/",
        "internal.kpt.dev/",
        "cnrm.cloud.google.com/",
        "argocd.argoproj.io/",
        "meta.helm.sh/",
        "helm.sh/",
        "kustomize.toolkit.fluxcd.io/",
        "helm.toolkit.fluxcd.io/",
    ];
    key == SUBSTITUTE
        || HASHING.contains(&key)
        || (!ORIGINALS.contains(&key)
            && !PUBLISHING.contains(&key)
            && !SPREADING.contains(&key)
            && !is_of_waypoint(key)
            && !CHOOSING.contains(&key)
            && !marks::is_key(key)
            && !OWNERS.iter().any(|owner| key.starts_with(owner)))
}
