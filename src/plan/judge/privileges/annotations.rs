//! Recognizes annotations and labels that something in a cluster acts on: they choose sidecars and their images,
//! identities, networks, volumes and sandboxes.
//!
//! Teams have annotations of their own, so there is no list of all harmless ones. An annotation counts as read because
//! of its domain, unless it is among the notes for people of this domain, because of a word in its name, or because its
//! value is an image, or a list or a mapping, which is written for programs.

use crate::model::looks_like_image;

/// Domains whose controllers, injectors and runtimes read annotations or labels. Subdomains count too.
const READ_DOMAINS: &[&str] = &[
    "1password.com",
    "1password.io",
    "aks.io",
    "akeyless",
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
    "cloud.tencent.com",
    "cncf.io",
    "co.elastic.logs",
    "co.elastic.metrics",
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
    "kube-router.io",
    "kubernetes.io",
    "kubevirt.io",
    "kuma.io",
    "kyverno.io",
    "linkerd.io",
    "mittwald.de",
    "ncp",
    "netbird.io",
    "newrelic.com",
    "nginx.com",
    "nginx.org",
    "ngrok.com",
    "noderesource.dev",
    "nri.io",
    "nvidia.com",
    "odigos.io",
    "openbao.org",
    "openservicemesh.io",
    "openshift.io",
    "opentelemetry.io",
    "opflex.cisco.com",
    "oraclecloud.com",
    "ovn.org",
    "portworx.com",
    "projectcalico.org",
    "secret.manager",
    "secrethub.io",
    "secrets-store.csi.x-k8s.io",
    "skupper.io",
    "smi-spec.io",
    "snyk.io",
    "solo.io",
    "spidernet.io",
    "spiffe.io",
    "spiffe.org",
    "stackrox.io",
    "tailscale.com",
    "telepresence.io",
    "teleport.dev",
    "tetrate.io",
    "traefik.io",
    "vmware.com",
    "volcano.sh",
    "x-k8s.io",
    "yangtse.io",
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
    "device",
    "hostpath",
    "iam",
    "identity",
    "image",
    "ippool",
    "mount",
    "network",
    "privileged",
    "proxy",
    "role",
    "runtime",
    "seccomp",
    "secret",
    "security-group",
    "selinux",
    "serviceaccount",
    "service-account",
    "subnet",
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
        || values.iter().any(|value| is_structure(value)) && !is_note(key)
}

/// Whether a value is a list or a mapping in JSON or YAML, which a program reads.
fn is_structure(value: &str) -> bool {
    let value = value.trim();
    [('[', ']'), ('{', '}')]
        .iter()
        .any(|&(open, close)| value.starts_with(open) && value.ends_with(close))
        || value.lines().all(|line| line.starts_with(['-', ' ', '#'])) && value.starts_with("- ")
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
            "akeyless/enabled",
            "cdi-devices.noderesource.dev/container.cart",
            "class.memory-qos.nri.io/cart",
            "co.elastic.metrics/hosts",
            "conjur.org/inject",
            "conjur.org/conjur-secrets.db",
            "devices.noderesource.dev/container.cart",
            "devices.nri.io/pod",
            "eks.tke.cloud.tencent.com/eip-attributes",
            "example.com/security-group-ids",
            "ipam.spidernet.io/ippool",
            "k8s.ngrok.com/traffic-policy",
            "kube-router.io/service.dsr",
            "mounts.noderesource.dev/container.cart",
            "ncp/snat_pool",
            "netbird.io/expose",
            "netbird.io/setup-key",
            "openbao.openbao.org/agent-configmap",
            "opflex.cisco.com/endpoint-group",
            "org.infisical.com/inject",
            "secrethub.io/mutate",
            "skupper.io/proxy",
            "teleport.dev/name",
            "vault.opstree.secret.manager/enabled",
            "yangtse.io/pod-with-eip",
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
            "myakeyless/x",
        ] {
            assert!(!is_read(harmless, &["true"]), "{harmless}");
        }
        assert!(is_read("example.com/x", &["ghcr.io/other/agent:1"]));
        for read in ["[]", r#"{"ipv4": ["a"]}"#, "- {path: /dev/mem}\n", "- a\n- b: c\n  d: e\n"] {
            assert!(is_read("example.com/x", &["", read]), "{read}");
        }
        for text in ["", "see [1]", "- ask the team\nfirst", "-1", "/metrics", "{preview} of cart"]
        {
            assert!(!is_read("example.com/x", &[text, ""]), "{text}");
        }
        assert!(is_read_label("istio.io/dataplane-mode"));
        assert!(is_read_label("grafana_dashboard") && !is_read_label("role"));
    }
}
