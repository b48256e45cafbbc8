//! Recognizes annotations and labels that something in a cluster acts on: they choose sidecars and their images,
//! identities, networks, volumes and sandboxes.
//!
//! Nobody can list all of them, so what is listed is harmless: a key whose domain is not the team's counts as read,
//! unless it is among [`NOTES`] or its name is among [`NAMES_OF_NOTES`]. Teams have keys of their own, with their domain
//! or with none. Such a key counts as read because of a word in its name, or because its value is an image, or a list or
//! a mapping, which is written for programs.

use super::own_domains::OwnDomains;
use crate::model::looks_like_image;

/// Domains whose controllers, injectors and runtimes read annotations or labels, whatever the rest of the key is and
/// even if a host of the team ends in one of them, as those of clouds do. Subdomains count too.
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
    "digitalocean.com",
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

/// Prefixes of keys that give a pod nothing: notes for people and tools, what Prometheus scrapes, and what restarts pods.
const NOTES: &[&str] = &[
    "a8r.io/",
    "app.gitlab.com/",
    "app.kubernetes.io/",
    "backstage.io/",
    "cluster-autoscaler.kubernetes.io/safe-to-evict",
    "com.docker.compose.",
    "configmap.reloader.stakater.com/",
    "helm.sh/chart",
    "internal.config.kubernetes.io/",
    "io.kompose.",
    "kubectl.kubernetes.io/",
    "kubernetes.io/change-cause",
    "kubernetes.io/description",
    "meta.helm.sh/",
    "prometheus.io/",
    "reloader.stakater.com/",
    "secret.reloader.stakater.com/",
    "skaffold.dev/",
];

/// Names of keys that are written for people, in any domain that nothing is known of.
const NAMES_OF_NOTES: &[&str] = &[
    "build-id",
    "build-url",
    "commit",
    "contact",
    "cost-center",
    "department",
    "description",
    "docs",
    "documentation",
    "git-commit",
    "git-sha",
    "issue",
    "maintainer",
    "maintainers",
    "notes",
    "on-call",
    "oncall",
    "owner",
    "owners",
    "pull-request",
    "repository",
    "runbook",
    "slack",
    "slack-channel",
    "squad",
    "team",
    "ticket",
    "tribe",
];

/// Ends of domains, by which one without a slash behind it is told from a name with dots: `resource.twingate.com`.
const ENDS_OF_DOMAINS: &[&str] = &["ai", "cloud", "com", "dev", "io", "net", "org", "sh"];

/// What keys without a domain begin with that something reads: KubeArmor's, and those by which Grafana's sidecar finds
/// dashboards and data sources.
const READ_BEGINNINGS: &[&str] = &["grafana_", "kubearmor-"];

/// Words in the name of a key that suggest that it chooses something, in any domain. Labels without a domain are often
/// `role: frontend` or `network: internal`: for them only [`WORDS_OF_CREDENTIALS`] count.
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

/// Words in the name of a label without a domain that suggest that it brings credentials.
const WORDS_OF_CREDENTIALS: &[&str] =
    &["credential", "secret", "serviceaccount", "service-account", "token", "vault"];

/// Words anywhere in a key that suggest an injector: `injector.tumblr.com/request`.
const INJECTOR_WORDS: &[&str] = &["inject", "sidecar", "podidbinding"];

/// Whether something may act on an annotation with one of these values.
pub(super) fn is_read(key: &str, values: &[&str], own: &OwnDomains<'_>) -> bool {
    // Container runtimes reverse the domain: `dev.gvisor.internal…`, `io.kubernetes.cri-o…`.
    let is_reversed =
        ["io.", "dev.", "com.", "org.", "run."].iter().any(|top| key.starts_with(top));
    has_read_domain(key, own)
        || begins_as_read(key)
        || !key.contains('/') && is_reversed && !is_note(key)
        || has_word(key, TELLING_WORDS)
        || values.iter().any(|value| looks_like_image(value))
        || values.iter().any(|value| is_structure(value)) && !is_note(key)
}

/// Whether something may act on a label.
pub(super) fn is_read_label(key: &str, own: &OwnDomains<'_>) -> bool {
    let words = if key.contains('/') { TELLING_WORDS } else { WORDS_OF_CREDENTIALS };
    has_read_domain(key, own) || begins_as_read(key) || has_word(key, words)
}

/// Whether a value is a list or a mapping in JSON or YAML, which a program reads.
fn is_structure(value: &str) -> bool {
    let value = value.trim();
    [('[', ']'), ('{', '}')]
        .iter()
        .any(|&(open, close)| value.starts_with(open) && value.ends_with(close))
        || value.lines().all(|line| line.starts_with(['-', ' ', '#'])) && value.starts_with("- ")
}

fn begins_as_read(key: &str) -> bool {
    let key = key.to_ascii_lowercase();
    INJECTOR_WORDS.iter().any(|word| key.contains(word))
        || READ_BEGINNINGS.iter().any(|read| key.starts_with(read))
}

/// Whether the name of a key has one of these words in it.
fn has_word(key: &str, words: &[&str]) -> bool {
    let name = name_of(key).to_ascii_lowercase();
    words.iter().any(|word| name.contains(word)) && !is_note(key)
}

fn name_of(key: &str) -> &str {
    key.rsplit('/').next().unwrap_or(key)
}

/// Whether a key has a domain, and neither this nor its name shows that it is harmless.
fn has_read_domain(key: &str, own: &OwnDomains<'_>) -> bool {
    let domain = key.split_once('/').map_or(key, |(domain, _)| domain);
    if is_note(key) {
        return false;
    }
    let is_in = |read: &str| {
        domain.strip_suffix(read).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
    };
    if key.contains('/') && READ_DOMAINS.iter().any(|read| is_in(read)) {
        return true;
    }
    let is_domain = match key.contains('/') {
        true => domain.contains('.'),
        false => domain.rsplit_once('.').is_some_and(|(_, end)| ENDS_OF_DOMAINS.contains(&end)),
    };
    is_domain && !NAMES_OF_NOTES.contains(&name_of(key)) && !own.has(domain)
}

fn is_note(key: &str) -> bool {
    NOTES.iter().any(|note| key.starts_with(note))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn annotations_of_injectors_are_told_from_those_of_a_team() {
        let own = OwnDomains::default();
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
            // Of these the program knows nothing.
            "autocert.step.sm/name",
            "fluentbit.io/parser",
            "notistio.io/x",
            "pre.hook.backup.velero.io/command",
            "resource.twingate.com",
            "telegraf.influxdata.com/class",
            "kubearmor-visibility",
            "iam.amazonaws.com/role",
        ] {
            assert!(is_read(read, &["x"], &own), "{read}");
        }
        for harmless in [
            "example.com/team",
            "prometheus.io/scrape",
            "checksum/config",
            "owner",
            "kubectl.kubernetes.io/default-container",
            "myakeyless/x",
            "acme.io/team",
            "build.number",
            "io.kompose.service",
            "reloader.stakater.com/auto",
        ] {
            assert!(!is_read(harmless, &["true"], &own), "{harmless}");
            assert!(!is_read_label(harmless, &own), "{harmless}");
        }
        assert!(is_read("example.com/x", &["ghcr.io/other/agent:1"], &own));
        for read in ["[]", r#"{"ipv4": ["a"]}"#, "- {path: /dev/mem}\n", "- a\n- b: c\n  d: e\n"] {
            assert!(is_read("example.com/x", &["", read], &own), "{read}");
        }
        for text in ["", "see [1]", "- ask the team\nfirst", "-1", "/metrics", "{preview} of cart"]
        {
            assert!(!is_read("example.com/x", &[text, ""], &own), "{text}");
        }
    }

    #[test]
    fn labels_that_bring_something_are_told_from_those_of_a_team() {
        let own = OwnDomains::default();
        for read in [
            "istio.io/dataplane-mode",
            "grafana_dashboard",
            "credentials-operator.otterize.com/create-aws-role",
            "credentials-operator.otterize.com/tls-secret-name",
            "example.com/aws-role",
            "needs-vault-token",
        ] {
            assert!(is_read_label(read, &own), "{read}");
        }
        for harmless in ["role", "network", "tier", "app.kubernetes.io/name", "example.com/tier"] {
            assert!(!is_read_label(harmless, &own), "{harmless}");
        }
    }
}
