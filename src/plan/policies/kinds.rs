//! The kinds of policies and settings, and how each says what it applies to.

use crate::kube::Id;

/// How a policy says what it applies to.
#[derive(Debug, Clone, Copy)]
pub(super) enum Reach {
    /// By the labels of pods: a selector behind these keys. One that is absent or empty selects all pods.
    Pods(&'static [&'static str]),
    /// By the labels of pods: selectors behind the second keys in each item of a list behind the first.
    Each(&'static [&'static str], &'static [&'static str]),
    /// By the labels of pods, in Calico's words.
    Calico,
    /// By the name of a Service behind these keys, which may be a host.
    Service(&'static [&'static str]),
    /// By references, `targetRef` or `targetRefs`.
    Targets,
    /// To all that is in its namespace.
    Namespace,
}

use Reach::{Calico, Each, Namespace, Pods, Service, Targets};

/// Kinds in the baseline's namespace that restrict or configure what they apply to.
pub(super) const POLICIES: &[(&str, &str, Reach)] = &[
    ("", "LimitRange", Namespace),
    ("", "ResourceQuota", Namespace),
    ("access.smi-spec.io", "TrafficTarget", Service(&["spec", "destination", "name"])),
    ("cilium.io", "CiliumEnvoyConfig", Each(&["spec", "services"], &[])),
    (
        "cilium.io",
        "CiliumLocalRedirectPolicy",
        Service(&["spec", "redirectFrontend", "serviceMatcher", "serviceName"]),
    ),
    ("cilium.io", "CiliumNetworkPolicy", Pods(&["spec", "endpointSelector"])),
    ("cilium.io", "CiliumNetworkPolicy", Each(&["specs"], &["endpointSelector"])),
    ("consul.hashicorp.com", "ServiceDefaults", Service(&["metadata", "name"])),
    ("consul.hashicorp.com", "ServiceIntentions", Service(&["spec", "destination", "name"])),
    ("crd.antrea.io", "NetworkPolicy", Each(&["spec", "appliedTo"], &["podSelector"])),
    ("crd.projectcalico.org", "NetworkPolicy", Calico),
    ("extensions.istio.io", "WasmPlugin", Pods(&["spec", "selector"])),
    ("gateway.envoyproxy.io", "BackendTrafficPolicy", Targets),
    ("gateway.networking.k8s.io", "BackendTLSPolicy", Targets),
    ("gateway.networking.x-k8s.io", "XBackendTrafficPolicy", Targets),
    ("kyverno.io", "Policy", Namespace),
    ("linkerd.io", "ServiceProfile", Service(&["metadata", "name"])),
    ("networking.istio.io", "DestinationRule", Service(&["spec", "host"])),
    ("networking.istio.io", "EnvoyFilter", Pods(&["spec", "workloadSelector"])),
    ("networking.istio.io", "ProxyConfig", Pods(&["spec", "selector"])),
    ("networking.istio.io", "Sidecar", Pods(&["spec", "workloadSelector"])),
    ("networking.k8s.io", "NetworkPolicy", Pods(&["spec", "podSelector"])),
    ("policy.linkerd.io", "AuthorizationPolicy", Targets),
    ("policy.linkerd.io", "HTTPLocalRateLimitPolicy", Targets),
    ("policy.linkerd.io", "Server", Pods(&["spec", "podSelector"])),
    ("policy.linkerd.io", "ServerAuthorization", Targets),
    ("projectcalico.org", "NetworkPolicy", Calico),
    ("security.istio.io", "AuthorizationPolicy", Pods(&["spec", "selector"])),
    ("security.istio.io", "PeerAuthentication", Pods(&["spec", "selector"])),
    ("security.istio.io", "RequestAuthentication", Pods(&["spec", "selector"])),
    ("telemetry.istio.io", "Telemetry", Pods(&["spec", "selector"])),
];

/// Kinds for the whole cluster. They apply to a preview as well, unless they name the baseline's namespace.
pub(super) const OF_CLUSTER: &[(&str, &str, Reach)] = &[
    ("cilium.io", "CiliumClusterwideNetworkPolicy", Pods(&["spec", "endpointSelector"])),
    ("cilium.io", "CiliumEgressGatewayPolicy", Each(&["spec", "selectors"], &["podSelector"])),
    ("crd.antrea.io", "ClusterNetworkPolicy", Each(&["spec", "appliedTo"], &["podSelector"])),
    ("crd.projectcalico.org", "GlobalNetworkPolicy", Calico),
    ("kyverno.io", "ClusterPolicy", Namespace),
    (
        "policy.networking.k8s.io",
        "AdminNetworkPolicy",
        Pods(&["spec", "subject", "pods", "podSelector"]),
    ),
    (
        "policy.networking.k8s.io",
        "BaselineAdminNetworkPolicy",
        Pods(&["spec", "subject", "pods", "podSelector"]),
    ),
    (
        "policy.networking.k8s.io",
        "ClusterNetworkPolicy",
        Pods(&["spec", "subject", "pods", "podSelector"]),
    ),
    ("projectcalico.org", "GlobalNetworkPolicy", Calico),
];

/// Whether objects of this kind select pods to restrict or configure them.
pub(in crate::plan) fn is_policy(id: &Id) -> bool {
    let is = |(group, kind, _): &(&str, &str, Reach)| id.group == *group && id.kind == *kind;
    POLICIES.iter().chain(OF_CLUSTER).any(is)
}
