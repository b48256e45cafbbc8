//! Recognizes annotations and labels that something in a cluster acts on: they choose sidecars and their images,
//! identities, networks, volumes and sandboxes.
//!
//! Teams have annotations of their own, so there is no list of all harmless ones. An annotation counts as read because
//! of its domain, unless it is among the notes for people of this domain, because of a word in its name, or because its
//! value is an image.

use crate::model::looks_like_image;

/// Domains whose controllers, injectors and runtimes read annotations or labels. Subdomains count too.
const READ_DOMAINS: &[&str] = &[
    "1password.com",
    "1password.io",
    "aks.io",
    "akeyless.io",
    "alibabacloud.com",
    "aliyun.com",
    "amazonaws.com",
    "appscode.com",
    "antrea.io",
    "aquasec.com",
    "argoproj.io",
    "azure.com",
    "azure.workload.identity",
    "bank-vaults.dev",
    "bank-vaults.io",
    "banzaicloud.com",
    "banzaicloud.io",
    "cert-manager.io",
    "chaos-mesh.org",
    "cilium.io",
    "cncf.io",
    "conjur.org",
    "containerd.io",
    "crio.io",
    "cyberark.com",
    "dapr.io",
    "datadoghq.com",
    "doppler.com",
    "dynatrace.com",
    "elastic.co",
    "emberstack.com",
    "external-secrets.io",
    "fluxcd.io",
    "gatekeeper.sh",
    "getambassador.io",
    "gke.io",
    "google.com",
    "grafana.com",
    "gvisor.dev",
    "hashicorp.com",
    "infisical.com",
    "instana.io",
    "intel.com",
    "io.cilium",
    "istio.io",
    "jaegertracing.io",
    "k8s.aws",
    "k8s.io",
    "karpenter.sh",
    "katacontainers.io",
    "keda.sh",
    "keel.sh",
    "knative.dev",
    "konghq.com",
    "kubernetes.io",
    "kubevirt.io",
    "kuma.io",
    "kyverno.io",
    "linkerd.io",
    "mittwald.de",
    "newrelic.com",
    "nginx.com",
    "nginx.org",
    "nvidia.com",
    "odigos.io",
    "openservicemesh.io",
    "openshift.io",
    "opentelemetry.io",
    "oraclecloud.com",
    "ovn.org",
    "portworx.com",
    "projectcalico.org",
    "secrets-store.csi.x-k8s.io",
    "smi-spec.io",
    "snyk.io",
    "solo.io",
    "spiffe.io",
    "spiffe.org",
    "stackrox.io",
    "tailscale.com",
    "telepresence.io",
    "tetrate.io",
    "traefik.io",
    "vmware.com",
    "volcano.sh",
    "x-k8s.io",
];

/// Prefixes within these domains that are only notes for people and tools.
const NOTES: &[&str] = &[
    "app.kubernetes.io/",
    "kubectl.kubernetes.io/",
    "kubernetes.io/change-cause",
    "kubernetes.io/description",
    "cluster-autoscaler.kubernetes.io/safe-to-evict",
    "internal.config.kubernetes.io/",
];

/// Words in the name of an annotation that suggest that it chooses something, in any domain.
const TELLING_WORDS: &[&str] = &[
    "apparmor",
    "capabilit",
    "credential",
    "hostpath",
    "iam",
    "identity",
    "image",
    "mount",
    "network",
    "privileged",
    "proxy",
    "role",
    "runtime",
    "seccomp",
    "secret",
    "selinux",
    "serviceaccount",
    "service-account",
    "token",
    "userns",
    "vault",
    "volume",
];

/// Words anywhere in a key that suggest an injector: `injector.tumblr.com/request`.
const INJECTOR_WORDS: &[&str] = &["inject", "sidecar", "podidbinding"];

/// Whether something may act on an annotation with one of these values.
pub(super) fn is_read(key: &str, values: &[&str]) -> bool {
    let name = key.rsplit('/').next().unwrap_or(key).to_ascii_lowercase();
    // Container runtimes reverse the domain: `dev.gvisor.internal…`, `io.kubernetes.cri-o…`.
    let is_reversed =
        ["io.", "dev.", "com.", "org.", "run."].iter().any(|top| key.starts_with(top));
    has_read_domain(key)
        || names_injector(key)
        || !key.contains('/') && is_reversed
        || TELLING_WORDS.iter().any(|word| name.contains(word)) && !is_note(key)
        || values.iter().any(|value| looks_like_image(value))
}

/// Whether something may act on a label. Grafana's sidecar finds dashboards and data sources by labels without a domain.
pub(super) fn is_read_label(key: &str) -> bool {
    has_read_domain(key) || names_injector(key) || key.starts_with("grafana_")
}

fn names_injector(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    INJECTOR_WORDS.iter().any(|word| key.contains(word))
}

fn has_read_domain(key: &str) -> bool {
    let Some((domain, _)) = key.split_once('/') else { return false };
    let is_in = |read: &str| {
        domain.strip_suffix(read).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    READ_DOMAINS.iter().any(|read| is_in(read)) && !is_note(key)
}

fn is_note(key: &str) -> bool {
    NOTES.iter().any(|note| key.starts_with(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_of_injectors_are_told_from_those_of_a_team() {
        for read in [
            "sidecar.istio.io/userVolume",
            "vault.hashicorp.com/agent-inject",
            "k8s.v1.cni.cncf.io/networks",
            "container.apparmor.security.beta.kubernetes.io/cart",
            "azure.workload.identity/use",
            "io.kubernetes.cri-o.userns-mode",
            "io.cilium/global-service",
            "replicator.v1.mittwald.de/replicate-from",
            "reflector.v1.k8s.emberstack.com/reflects",
            "example.com/inject-sidecar",
            "injector.tumblr.com/request",
            "aadpodidbinding",
        ] {
            assert!(is_read(read, &["x"]), "{read}");
        }
        for harmless in [
            "example.com/team",
            "prometheus.io/scrape",
            "checksum/config",
            "owner",
            "kubectl.kubernetes.io/default-container",
            "notistio.io/x",
        ] {
            assert!(!is_read(harmless, &["true"]), "{harmless}");
        }
        assert!(is_read("example.com/x", &["ghcr.io/other/agent:1"]));
        assert!(is_read_label("istio.io/dataplane-mode"));
        assert!(is_read_label("grafana_dashboard") && !is_read_label("role"));
    }
}
