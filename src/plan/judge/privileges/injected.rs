//! What injectors turn into secrets when a container starts: values of variables, and annotations of pods.

/// Prefixes of values that an injector replaces by a secret:
/// - [Bank-Vaults](https://bank-vaults.dev/docs/mutating-webhook/configuration/), whose
///   [secret-init](https://github.com/bank-vaults/secret-init) also reads the stores of clouds, as does
///   [secrets-init](https://github.com/doitintl/secrets-init);
/// - [Akeyless](https://docs.akeyless.io/docs/how-to-provision-secret-to-your-k8s), with or without a slash;
/// - [1Password](https://developer.1password.com/docs/k8s/injector), and SecretHub before it;
/// - [Berglas](https://github.com/GoogleCloudPlatform/berglas/blob/main/doc/reference-syntax.md).
const PREFIXES: &[&str] = &[
    "vault:",
    ">>vault:",
    "bao:",
    ">>bao:",
    "arn:aws:secretsmanager:",
    "arn:aws:ssm:",
    "azure:keyvault:",
    "gcp:secretmanager:",
    "akeyless:",
    "op://",
    "secrethub://",
    "berglas://",
    "sm://",
];

/// Texts anywhere in values that an injector replaces: Bank-Vaults replaces parts of a text, and
/// [akv2k8s](https://akv2k8s.io/tutorials/env-injection/) looks for its word.
const PARTS: &[&str] = &["${vault:", "${>>vault:", "${bao:", "${>>bao:", "@azurekeyvault"];

/// Annotations that make an injector put secrets into a pod, unless their values say no. `*` at the end stands for any
/// text.
const ANNOTATIONS: &[&str] = &[
    "akeyless/enabled",
    "aws.secret.manager/enabled",
    "conjur.org/conjur-secrets*",
    "conjur.org/inject",
    "openbao.openbao.org/agent-inject",
    "operator.1password.io/inject",
    "org.infisical.com/inject",
    "secrethub.io/mutate",
    "secrets-webhook.security.bank-vaults.io/vault-agent-configmap",
    "secrets-webhook.security.bank-vaults.io/vault-ct-configmap",
    "secrets-webhook.security.bank-vaults.io/vault-from-path",
    "sidecar-injector.cyberark.com/inject",
    "vault.hashicorp.com/agent-inject",
    "vault.opstree.secret.manager/enabled",
    "vault.security.banzaicloud.io/vault-agent-configmap",
    "vault.security.banzaicloud.io/vault-ct-configmap",
    "vault.security.banzaicloud.io/vault-env-from-path",
    "vault.security.banzaicloud.io/vault-from-path",
];

/// Values by which such an annotation says no.
const OFF: &[&str] = &["", "0", "f", "false", "n", "no", "off"];

/// The text by which an injector knows that it has to replace a value, or a part of it.
pub(in crate::plan) fn replaced(value: &str) -> Option<&'static str> {
    let begins = PREFIXES.iter().find(|prefix| value.starts_with(**prefix));
    begins.or_else(|| PARTS.iter().find(|part| value.contains(**part))).copied()
}

/// Whether an annotation of a pod makes an injector put secrets into it.
pub(in crate::plan) fn puts_secrets(key: &str, value: &str) -> bool {
    let is_it = |known: &&str| match known.strip_suffix('*') {
        Some(begin) => key.starts_with(begin),
        None => key == *known,
    };
    ANNOTATIONS.iter().any(is_it) && !OFF.iter().any(|off| value.trim().eq_ignore_ascii_case(off))
}

#[cfg(test)]
mod tests {
    use super::super::OwnDomains;
    use super::*;

    #[test]
    fn values_that_injectors_replace_are_told_from_others() {
        for value in [
            "vault:secret/data/prod#pw",
            ">>vault:pki/issue#key",
            "bao:secret/data/prod#pw",
            "arn:aws:secretsmanager:eu-west-1:1:secret:prod",
            "arn:aws:ssm:eu-west-1:1:parameter/prod",
            "azure:keyvault:prod-pw/1",
            "gcp:secretmanager:projects/1/secrets/prod",
            "akeyless:/prod/db",
            "akeyless:prod/db",
            "op://prod/db/password",
            "secrethub://acme/prod/db",
            "berglas://bucket/db",
            "sm://project/db#13",
            "prod-pw@azurekeyvault?password",
            "postgres://${vault:secret/data/prod#user}@db",
        ] {
            assert!(replaced(value).is_some_and(|word| value.contains(word)), "{value}");
        }
        for other in [
            "",
            "vault",
            "https://vault:8200",
            "arn:aws:s3:::x",
            "vaults:x",
            "a@azure",
            "shop://x",
            "https://sm://",
            "op:read",
            "azure:storage:x",
        ] {
            assert_eq!(replaced(other), None, "{other}");
        }
    }

    #[test]
    fn annotations_that_put_secrets_into_pods_are_told_from_others() {
        for (key, value) in [
            ("akeyless/enabled", "true"),
            ("conjur.org/conjur-secrets.database", "- prod/db"),
            ("operator.1password.io/inject", "cart"),
            ("vault.hashicorp.com/agent-inject", "1"),
            ("vault.security.banzaicloud.io/vault-env-from-path", "secret/data/prod"),
        ] {
            assert!(puts_secrets(key, value), "{key}");
            assert!(!puts_secrets(key, "False"), "{key}");
            let own = OwnDomains::default();
            assert!(super::super::annotations::is_read(key, &[value], &own), "{key}");
        }
        assert!(!puts_secrets("vault.hashicorp.com/agent-inject", ""));
        assert!(!puts_secrets("sidecar.istio.io/inject", "true"));
        assert!(!puts_secrets("example.com/akeyless/enabled", "true"));
    }
}
