//! The kinds that the program knows, one row each: whether they have a namespace, when they are written, how they run
//! pods, which API of routes they belong to, and how they say what they apply to.
//!
//! [`Kind`] says what a row can hold. A kind without a row is unknown. It is assumed to have a namespace, and to be
//! neither a workload nor a policy.
//!
//! What a single rule has to know of some kinds is beside that rule: what patches may change (`plan/judge/fit.rs`,
//! `plan/judge/privileges/table.rs`), what a quota counts (`plan/quota.rs`), how lists are merged
//! (`plan/patch/merge_keys.rs`), which fields hold names (`read/renamed.rs`), and what a copy leaves out
//! (`emit/copy.rs`).

use std::collections::HashMap;
use std::sync::LazyLock;

use foldhash::fast::RandomState;

use super::RouteApi;
use super::kind::{Kind, Rank, Reach, Support, TEMPLATE};

/// All kinds, by group and name.
static KINDS: &[Kind] = &[
    Kind::of("", "ConfigMap").written(Rank::ConfigMap),
    Kind::of("", "LimitRange").applies_to(&[Reach::Namespace]),
    Kind::of("", "Namespace").in_no_namespace().written(Rank::Namespace),
    Kind::of("", "Node").in_no_namespace(),
    Kind::of("", "PersistentVolume").in_no_namespace().that_protects_nothing(),
    Kind::of("", "PersistentVolumeClaim").that_protects_nothing(),
    Kind::of("", "Pod").runs(&[], Support::Refused("a bare Pod is never replaced when it fails")),
    Kind::of("", "ReplicationController").runs(TEMPLATE, Support::Refused(NO_ROLLOUTS)),
    Kind::of("", "ResourceQuota").applies_to(&[Reach::Namespace]),
    Kind::of("", "Secret").written(Rank::Secret),
    Kind::of("", "Service").written(Rank::Service).that_protects_nothing(),
    Kind::of("", "ServiceAccount").written(Rank::ServiceAccount),
    Kind::of("access.smi-spec.io", "TrafficTarget").applies_to(&[Reach::Service(&[
        "spec",
        "destination",
        "name",
    ])]),
    Kind::of("admissionregistration.k8s.io", "MutatingAdmissionPolicy").in_no_namespace(),
    Kind::of("admissionregistration.k8s.io", "MutatingAdmissionPolicyBinding").in_no_namespace(),
    Kind::of("admissionregistration.k8s.io", "MutatingWebhookConfiguration").in_no_namespace(),
    Kind::of("admissionregistration.k8s.io", "ValidatingAdmissionPolicy").in_no_namespace(),
    Kind::of("admissionregistration.k8s.io", "ValidatingAdmissionPolicyBinding").in_no_namespace(),
    Kind::of("admissionregistration.k8s.io", "ValidatingWebhookConfiguration").in_no_namespace(),
    Kind::of("apiextensions.k8s.io", "CustomResourceDefinition")
        .in_no_namespace()
        .written(Rank::Definition)
        .that_protects_nothing(),
    Kind::of("apiregistration.k8s.io", "APIService").in_no_namespace(),
    Kind::of("apps", "DaemonSet").runs(TEMPLATE, Support::Refused(EVERY_NODE)),
    Kind::of("apps", "Deployment").written(Rank::Deployment).runs(TEMPLATE, Support::Copied),
    Kind::of("apps", "ReplicaSet").runs(TEMPLATE, Support::Refused(NO_ROLLOUTS)),
    Kind::of("apps", "StatefulSet").written(Rank::StatefulSet).runs_named_pods(Support::Stateful),
    Kind::of("apps.kruise.io", "CloneSet").runs(TEMPLATE, Support::Refused(NO_HEALTH)),
    Kind::of("apps.kruise.io", "DaemonSet").runs(TEMPLATE, Support::Refused(EVERY_NODE)),
    Kind::of("apps.kruise.io", "StatefulSet").runs_named_pods(Support::Refused(NO_HEALTH)),
    Kind::of("apps.openshift.io", "DeploymentConfig").runs(
        TEMPLATE,
        Support::Refused("its triggers would replace the image that a preview sets"),
    ),
    Kind::of("argoproj.io", "Application").that_protects_nothing(),
    Kind::of("argoproj.io", "ApplicationSet").that_protects_nothing(),
    Kind::of("argoproj.io", "Rollout").runs(
        TEMPLATE,
        Support::Refused("a copy would drive its own canaries and change the same routes"),
    ),
    Kind::of("autoscaling", "HorizontalPodAutoscaler").that_protects_nothing(),
    Kind::of("autoscaling.k8s.io", "VerticalPodAutoscaler").that_protects_nothing(),
    Kind::of("batch", "CronJob")
        .runs(&["spec", "jobTemplate", "spec", "template"], Support::Passing),
    Kind::of("batch", "Job").runs(TEMPLATE, Support::Passing),
    Kind::of("cert-manager.io", "ClusterIssuer").in_no_namespace().that_protects_nothing(),
    Kind::of("cert-manager.io", "Issuer").that_protects_nothing(),
    Kind::of("certificates.k8s.io", "CertificateSigningRequest").in_no_namespace(),
    Kind::of("cilium.io", "CiliumClusterwideNetworkPolicy")
        .in_no_namespace()
        .applies_to(&[Reach::Pods(&["spec", "endpointSelector"])]),
    Kind::of("cilium.io", "CiliumEgressGatewayPolicy")
        .in_no_namespace()
        .applies_to(&[Reach::Each(&["spec", "selectors"], &["podSelector"])]),
    Kind::of("cilium.io", "CiliumEnvoyConfig")
        .applies_to(&[Reach::Each(&["spec", "services"], &[])]),
    Kind::of("cilium.io", "CiliumLocalRedirectPolicy").applies_to(&[Reach::Service(&[
        "spec",
        "redirectFrontend",
        "serviceMatcher",
        "serviceName",
    ])]),
    Kind::of("cilium.io", "CiliumNetworkPolicy").applies_to(&[
        Reach::Pods(&["spec", "endpointSelector"]),
        Reach::Each(&["specs"], &["endpointSelector"]),
    ]),
    Kind::of("consul.hashicorp.com", "ServiceDefaults")
        .applies_to(&[Reach::Service(&["metadata", "name"])]),
    Kind::of("consul.hashicorp.com", "ServiceIntentions").applies_to(&[Reach::Service(&[
        "spec",
        "destination",
        "name",
    ])]),
    Kind::of("crd.antrea.io", "ClusterNetworkPolicy")
        .in_no_namespace()
        .applies_to(&[Reach::Each(&["spec", "appliedTo"], &["podSelector"])]),
    Kind::of("crd.antrea.io", "NetworkPolicy")
        .applies_to(&[Reach::Each(&["spec", "appliedTo"], &["podSelector"])]),
    Kind::of("crd.projectcalico.org", "GlobalNetworkPolicy")
        .in_no_namespace()
        .applies_to(&[Reach::Calico]),
    Kind::of("crd.projectcalico.org", "GlobalNetworkSet").in_no_namespace(),
    Kind::of("crd.projectcalico.org", "NetworkPolicy").applies_to(&[Reach::Calico]),
    Kind::of("dapr.io", "Component").written(Rank::Injected),
    Kind::of("dapr.io", "Configuration").written(Rank::Injected),
    Kind::of("extensions.istio.io", "TrafficExtension")
        .applies_to(&[Reach::Pods(&["spec", "selector"])])
        .copied()
        .mesh_wide_in_root(),
    Kind::of("extensions.istio.io", "WasmPlugin")
        .applies_to(&[Reach::Pods(&["spec", "selector"])])
        .copied()
        .mesh_wide_in_root(),
    Kind::of("external-secrets.io", "ClusterExternalSecret").in_no_namespace(),
    Kind::of("external-secrets.io", "ClusterSecretStore").in_no_namespace(),
    Kind::of("external-secrets.io", "ExternalSecret").written(Rank::ExternalSecret),
    Kind::of("external-secrets.io", "SecretStore").written(Rank::SecretStore),
    Kind::of("flowcontrol.apiserver.k8s.io", "FlowSchema").in_no_namespace(),
    Kind::of("flowcontrol.apiserver.k8s.io", "PriorityLevelConfiguration").in_no_namespace(),
    Kind::of("gateway.envoyproxy.io", "BackendTrafficPolicy").applies_to(&[Reach::Targets]),
    Kind::of("gateway.networking.k8s.io", "BackendTLSPolicy").applies_to(&[Reach::Targets]),
    Kind::of("gateway.networking.k8s.io", "GRPCRoute").routes(RouteApi::GatewayApi),
    Kind::of("gateway.networking.k8s.io", "Gateway").that_protects_nothing(),
    Kind::of("gateway.networking.k8s.io", "GatewayClass").in_no_namespace(),
    Kind::of("gateway.networking.k8s.io", "HTTPRoute").routes(RouteApi::GatewayApi),
    Kind::of("gateway.networking.x-k8s.io", "XBackendTrafficPolicy").applies_to(&[Reach::Targets]),
    Kind::of("generators.external-secrets.io", "ClusterGenerator").in_no_namespace(),
    Kind::of("helm.toolkit.fluxcd.io", "HelmRelease").that_protects_nothing(),
    Kind::of("image.toolkit.fluxcd.io", "ImageUpdateAutomation").that_protects_nothing(),
    Kind::of("k8s.cni.cncf.io", "NetworkAttachmentDefinition").written(Rank::Injected),
    Kind::of("keda.sh", "ScaledJob").that_protects_nothing(),
    Kind::of("keda.sh", "ScaledObject").that_protects_nothing(),
    Kind::of("kustomize.toolkit.fluxcd.io", "Kustomization")
        .written(Rank::Kustomization)
        .that_protects_nothing(),
    Kind::of("kyverno.io", "ClusterPolicy").in_no_namespace().applies_to(&[Reach::Namespace]),
    Kind::of("kyverno.io", "Policy").applies_to(&[Reach::Namespace]),
    Kind::of("linkerd.io", "ServiceProfile").applies_to(&[Reach::Service(&["metadata", "name"])]),
    Kind::of("monitoring.coreos.com", "Alertmanager").that_protects_nothing(),
    Kind::of("monitoring.coreos.com", "PodMonitor").that_protects_nothing(),
    Kind::of("monitoring.coreos.com", "Probe").that_protects_nothing(),
    Kind::of("monitoring.coreos.com", "Prometheus").that_protects_nothing(),
    Kind::of("monitoring.coreos.com", "PrometheusAgent").that_protects_nothing(),
    Kind::of("monitoring.coreos.com", "ServiceMonitor").that_protects_nothing(),
    Kind::of("monitoring.coreos.com", "ThanosRuler").that_protects_nothing(),
    Kind::of("networking.istio.io", "DestinationRule")
        .applies_to(&[Reach::Service(&["spec", "host"])])
        .copied(),
    Kind::of("networking.istio.io", "EnvoyFilter")
        .applies_to(&[Reach::Pods(&["spec", "workloadSelector"])])
        .copied()
        .mesh_wide_in_root(),
    Kind::of("networking.istio.io", "Gateway").that_protects_nothing(),
    Kind::of("networking.istio.io", "ProxyConfig")
        .applies_to(&[Reach::Pods(&["spec", "selector"])])
        .copied()
        .mesh_wide_in_root(),
    Kind::of("networking.istio.io", "ServiceEntry").that_protects_nothing(),
    Kind::of("networking.istio.io", "Sidecar")
        .written(Rank::Sidecar)
        .applies_to(&[Reach::Pods(&["spec", "workloadSelector"])])
        .mesh_wide_in_root(),
    Kind::of("networking.istio.io", "VirtualService").routes(RouteApi::Istio),
    Kind::of("networking.k8s.io", "IngressClass").in_no_namespace(),
    Kind::of("networking.k8s.io", "NetworkPolicy")
        .applies_to(&[Reach::Pods(&["spec", "podSelector"])])
        .copied(),
    Kind::of("node.k8s.io", "RuntimeClass").in_no_namespace(),
    Kind::of("notification.toolkit.fluxcd.io", "Alert")
        .written(Rank::Alert)
        .that_protects_nothing(),
    Kind::of("notification.toolkit.fluxcd.io", "Provider").written(Rank::Provider),
    Kind::of("notification.toolkit.fluxcd.io", "Receiver").that_protects_nothing(),
    Kind::of("opentelemetry.io", "Instrumentation").written(Rank::Injected),
    Kind::of("opentelemetry.io", "OpenTelemetryCollector").written(Rank::Injected),
    Kind::of("operator.victoriametrics.com", "VMPodScrape").that_protects_nothing(),
    Kind::of("operator.victoriametrics.com", "VMServiceScrape").that_protects_nothing(),
    Kind::of("policy", "PodDisruptionBudget").that_protects_nothing(),
    Kind::of("policy.linkerd.io", "AuthorizationPolicy").applies_to(&[Reach::Targets]),
    Kind::of("policy.linkerd.io", "HTTPLocalRateLimitPolicy").applies_to(&[Reach::Targets]),
    Kind::of("policy.linkerd.io", "Server").applies_to(&[Reach::Pods(&["spec", "podSelector"])]),
    Kind::of("policy.linkerd.io", "ServerAuthorization").applies_to(&[Reach::Targets]),
    Kind::of("policy.networking.k8s.io", "AdminNetworkPolicy")
        .in_no_namespace()
        .applies_to(SUBJECT),
    Kind::of("policy.networking.k8s.io", "BaselineAdminNetworkPolicy")
        .in_no_namespace()
        .applies_to(SUBJECT),
    Kind::of("policy.networking.k8s.io", "ClusterNetworkPolicy")
        .in_no_namespace()
        .applies_to(SUBJECT),
    Kind::of("projectcalico.org", "GlobalNetworkPolicy")
        .in_no_namespace()
        .applies_to(&[Reach::Calico]),
    Kind::of("projectcalico.org", "GlobalNetworkSet").in_no_namespace(),
    Kind::of("projectcalico.org", "NetworkPolicy").applies_to(&[Reach::Calico]),
    Kind::of("rbac.authorization.k8s.io", "ClusterRole")
        .in_no_namespace()
        .written(Rank::ClusterRole)
        .that_protects_nothing(),
    Kind::of("rbac.authorization.k8s.io", "ClusterRoleBinding")
        .in_no_namespace()
        .written(Rank::ClusterRoleBinding),
    Kind::of("rbac.authorization.k8s.io", "Role").written(Rank::Role),
    Kind::of("rbac.authorization.k8s.io", "RoleBinding").written(Rank::RoleBinding),
    Kind::of("scheduling.k8s.io", "PriorityClass").in_no_namespace(),
    Kind::of("secrets-store.csi.x-k8s.io", "SecretProviderClass")
        .written(Rank::SecretProviderClass),
    Kind::of("security.istio.io", "AuthorizationPolicy")
        .applies_to(&[Reach::Pods(&["spec", "selector"])])
        .copied()
        .mesh_wide_in_root(),
    Kind::of("security.istio.io", "PeerAuthentication")
        .applies_to(&[Reach::Pods(&["spec", "selector"])])
        .copied()
        .mesh_wide_in_root(),
    Kind::of("security.istio.io", "RequestAuthentication")
        .applies_to(&[Reach::Pods(&["spec", "selector"])])
        .copied()
        .mesh_wide_in_root(),
    Kind::of("security.openshift.io", "SecurityContextConstraints").in_no_namespace(),
    Kind::of("serving.knative.dev", "Service")
        .written(Rank::Service)
        .runs(TEMPLATE, Support::Refused("Knative makes its own Services and routes from it")),
    Kind::of("storage.k8s.io", "CSIDriver").in_no_namespace(),
    Kind::of("storage.k8s.io", "CSINode").in_no_namespace(),
    Kind::of("storage.k8s.io", "StorageClass").in_no_namespace(),
    Kind::of("storage.k8s.io", "VolumeAttachment").in_no_namespace(),
    Kind::of("storage.k8s.io", "VolumeAttributesClass").in_no_namespace(),
    Kind::of("telemetry.istio.io", "Telemetry")
        .applies_to(&[Reach::Pods(&["spec", "selector"])])
        .copied()
        .mesh_wide_in_root(),
    Kind::of("trust.cert-manager.io", "Bundle").in_no_namespace(),
    Kind::of("vpcresources.k8s.aws", "SecurityGroupPolicy")
        .applies_to(&[Reach::Pods(&["spec", "podSelector"])]),
];

const EVERY_NODE: &str = "a copy would run on every node, once per preview";
const NO_HEALTH: &str = "nobody but its own controller can tell when its pods are ready";
const NO_ROLLOUTS: &str = "it belongs to another controller or has no rollouts of its own";

/// How administrators' policies select pods.
const SUBJECT: &[Reach] = &[Reach::Pods(&["spec", "subject", "pods", "podSelector"])];

/// The rows by group and name, for fast lookup: every object needs several.
static ROWS: LazyLock<HashMap<(&str, &str), &Kind, RandomState>> = LazyLock::new(|| {
    #[cfg(test)]
    let more = &tests::FICTITIOUS;
    #[cfg(not(test))]
    let more: &[Kind] = &[];
    KINDS.iter().chain(more).map(|kind| ((kind.group, kind.name), kind)).collect()
});

/// What is known of a kind; nothing if it has no row.
#[must_use]
pub(crate) fn find(group: &str, name: &str) -> Option<&'static Kind> {
    ROWS.get(&(group, name)).copied()
}

/// When objects of a kind are written.
#[must_use]
pub(crate) fn rank(group: &str, name: &str) -> Rank {
    find(group, name).map_or(Rank::Other, |kind| kind.rank)
}

/// Every kind that runs pods: its group, its name, and what can be done with it.
pub(crate) fn workloads() -> impl Iterator<Item = (&'static str, &'static str, Support)> {
    KINDS.iter().filter_map(|kind| Some((kind.group, kind.name, kind.workload?.support)))
}

/// The path of the pod template in objects of a kind. For an unknown kind it is that of most kinds.
#[must_use]
pub(crate) fn template(kind: Option<&Kind>) -> &'static [&'static str] {
    kind.and_then(|kind| kind.workload).map_or(TEMPLATE, |owner| owner.template)
}

/// Whether objects of a kind have no namespace. Asked only if the input has no definition of the kind. Unknown kinds
/// are assumed to have one, as kustomize does.
#[must_use]
pub(crate) fn is_cluster_scoped(group: &str, name: &str) -> bool {
    find(group, name).is_some_and(|kind| kind.is_cluster_scoped)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::kube::gateway::RouteKind;

    /// Kinds that no cluster has: `command/tests.rs` shows what comes of a row.
    pub(super) static FICTITIOUS: [Kind; 4] = [
        Kind::of("example.com", "Barge")
            .written(Rank::Deployment)
            .runs(&["spec", "crew"], Support::Copied),
        Kind::of("example.com", "Buoy").applies_to(&[Reach::Pods(&["spec", "selector"])]).copied(),
        Kind::of("example.com", "Lock").applies_to(&[Reach::Pods(&["spec", "selector"])]),
        Kind::of("example.com", "Sea").in_no_namespace(),
    ];

    #[test]
    fn the_table_is_in_order_and_names_no_kind_twice() {
        let names: Vec<_> = KINDS.iter().map(|kind| (kind.group, kind.name)).collect();
        assert!(names.is_sorted_by(|a, b| a < b), "{names:?}");
    }

    #[test]
    fn every_api_names_its_kinds_of_routes() {
        for api in RouteApi::ALL {
            let rows = KINDS.iter().filter(|kind| kind.routes == Some(api));
            let mut named = api.names().kinds.to_vec();
            named.sort_unstable();
            assert_eq!(rows.map(|kind| kind.name).collect::<Vec<_>>(), named);
        }
        let kinds = RouteKind::ALL.map(RouteKind::name);
        assert_eq!(kinds[..], *RouteApi::GatewayApi.names().kinds);
    }
}
