//! Annotations and labels that bind a pod, or its ServiceAccount, to something outside its manifest: one row each.

/// An annotation or a label, and what it binds to.
#[derive(Debug)]
pub(crate) struct Binding {
    /// Where the key is written.
    pub(crate) on: On,
    /// The key; `*` at its end stands for any text.
    pub(crate) key: &'static str,
    pub(crate) to: To,
}

/// Where a key is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum On {
    /// An annotation of a pod template.
    Pod,
    /// An annotation of a pod template or, if that has none, of the Namespace.
    PodOrNamespace,
    /// A label of a pod template.
    PodLabel,
    /// An annotation of a ServiceAccount.
    Account,
}

/// What a key binds to.
#[derive(Debug)]
pub(crate) enum To {
    /// An object in the pod's namespace, which is copied. Its group, its kind, and how the value of the key names it.
    Object(&'static str, &'static str, Form),
    /// All objects of Dapr that a pod sees. They are copied.
    Dapr,
    /// Something outside that knows the original by its namespace and name. A description, and the remedy.
    Identity(&'static str, &'static str),
    /// An address that two pods cannot share.
    Address,
}

/// How an object is named.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Form {
    /// By its name.
    Name,
    /// By its name, by namespace and name, or by `true` if there is only one.
    NameOrTrue,
    /// In a list of names with or without namespace, separated by commas or in JSON.
    List,
    /// In volumes, as JSON.
    Volumes,
}

const fn row(on: On, key: &'static str, to: To) -> Binding {
    Binding { on, key, to }
}

const NETWORK: &str = "NetworkAttachmentDefinition";

/// The remedy for roles of Vault that trust accounts of some namespaces.
const BIND_ROLE: &str =
    "let the role be bound to the namespaces of previews too, or patch the annotations away";

/// All bindings, by key.
pub(crate) static BINDINGS: &[Binding] = &[
    row(
        On::PodLabel,
        "aadpodidbinding",
        To::Identity(
            "an AzureIdentityBinding of the namespace chooses the pods",
            "have an AzureIdentityBinding made in the namespaces of previews, or patch the label away",
        ),
    ),
    row(
        On::Account,
        "azure.workload.identity/client-id",
        To::Identity(
            "Azure trusts the account by its namespace and name",
            "add a federated credential for the accounts of previews, or let previews do without",
        ),
    ),
    row(
        On::PodLabel,
        "azure.workload.identity/use",
        To::Identity(
            "Azure trusts the account by its namespace and name",
            "add a federated credential for the accounts of previews, or let previews do without",
        ),
    ),
    row(On::Pod, "cni.projectcalico.org/floatingIPs", To::Address),
    row(On::Pod, "cni.projectcalico.org/ipAddrs", To::Address),
    row(On::Pod, "cni.projectcalico.org/ipAddrsNoIpam", To::Address),
    row(
        On::Pod,
        "conjur.org/authn-identity",
        To::Identity(
            "Conjur knows the pods by their namespace",
            "add a host for the namespaces of previews",
        ),
    ),
    row(On::Pod, "dapr.io/config", To::Object("dapr.io", "Configuration", Form::Name)),
    row(On::Pod, "dapr.io/enabled", To::Dapr),
    row(
        On::Account,
        "eks.amazonaws.com/role-arn",
        To::Identity(
            "AWS trusts the account by its namespace and name",
            "let its trust policy take `system:serviceaccount:` of the previews' namespaces too, by StringLike, or let \
             previews do without",
        ),
    ),
    row(
        On::Account,
        "iam.gke.io/gcp-service-account",
        To::Identity(
            "Google Cloud trusts the account by its namespace and name",
            "bind the accounts of previews too (roles/iam.workloadIdentityUser), or let previews do without",
        ),
    ),
    row(
        On::PodOrNamespace,
        "instrumentation.opentelemetry.io/inject-*",
        To::Object("opentelemetry.io", "Instrumentation", Form::NameOrTrue),
    ),
    row(On::Pod, "k8s.v1.cni.cncf.io/networks", To::Object("k8s.cni.cncf.io", NETWORK, Form::List)),
    row(On::Pod, "ovn.kubernetes.io/ip_address", To::Address),
    row(On::Pod, "ovn.kubernetes.io/mac_address", To::Address),
    row(
        On::Account,
        "pod-identity.alibabacloud.com/role-name",
        To::Identity(
            "Alibaba Cloud trusts the account by its namespace and name",
            "let its trust policy take the accounts of previews too, or let previews do without",
        ),
    ),
    row(On::Pod, "sidecar.istio.io/bootstrapOverride", To::Object("", "ConfigMap", Form::Name)),
    row(
        On::Pod,
        "sidecar.istio.io/userVolume",
        To::Object("", "ConfigMap or Secret", Form::Volumes),
    ),
    row(
        On::PodOrNamespace,
        "sidecar.opentelemetry.io/inject",
        To::Object("opentelemetry.io", "OpenTelemetryCollector", Form::NameOrTrue),
    ),
    row(
        On::PodLabel,
        "spiffe.io/spiffe-id",
        To::Identity(
            "SPIRE knows the pods by their namespace",
            "register the pods of previews too",
        ),
    ),
    row(
        On::Pod,
        "v1.multus-cni.io/default-network",
        To::Object("k8s.cni.cncf.io", NETWORK, Form::List),
    ),
    row(On::Pod, "vault.hashicorp.com/agent-configmap", To::Object("", "ConfigMap", Form::Name)),
    row(On::Pod, "vault.hashicorp.com/agent-extra-secret", To::Object("", "Secret", Form::Name)),
    row(
        On::Pod,
        "vault.hashicorp.com/role",
        To::Identity("a role of Vault is bound to accounts by their namespaces", BIND_ROLE),
    ),
    row(On::Pod, "vault.hashicorp.com/tls-secret", To::Object("", "Secret", Form::Name)),
    row(
        On::Pod,
        "vault.security.banzaicloud.io/vault-agent-configmap",
        To::Object("", "ConfigMap", Form::Name),
    ),
    row(
        On::Pod,
        "vault.security.banzaicloud.io/vault-ct-configmap",
        To::Object("", "ConfigMap", Form::Name),
    ),
    row(
        On::Pod,
        "vault.security.banzaicloud.io/vault-role",
        To::Identity("a role of Vault is bound to accounts by their namespaces", BIND_ROLE),
    ),
    row(
        On::Pod,
        "vault.security.banzaicloud.io/vault-tls-secret",
        To::Object("", "Secret", Form::Name),
    ),
];

impl Binding {
    /// Whether a key matches.
    pub(crate) fn is(&self, key: &str) -> bool {
        match self.key.strip_suffix('*') {
            Some(begin) => key.starts_with(begin),
            None => key == self.key,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_order_and_names_no_key_twice() {
        let keys: Vec<&str> = BINDINGS.iter().map(|binding| binding.key).collect();
        assert!(keys.is_sorted_by(|a, b| a < b), "{keys:?}");
    }
}
