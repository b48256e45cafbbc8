//! Values of variables that an injector replaces by a secret when the container starts.

/// What such values begin with: for the webhooks of
/// [Bank-Vaults](https://bank-vaults.dev/docs/mutating-webhook/configuration/) and
/// [secrets-init](https://github.com/doitintl/secrets-init).
const PREFIXES: &[&str] = &[
    "vault:",
    ">>vault:",
    "bao:",
    ">>bao:",
    "arn:aws:secretsmanager:",
    "arn:aws:ssm:",
    "gcp:secretmanager:",
];

/// What they have in them: Bank-Vaults replaces parts of a text, and
/// [akv2k8s](https://akv2k8s.io/tutorials/env-injection/) looks for its word anywhere.
const PARTS: &[&str] = &["${vault:", "${>>vault:", "${bao:", "${>>bao:", "@azurekeyvault"];

/// Whether an injector replaces a value, or a part of it.
pub(super) fn is_replaced(value: &str) -> bool {
    PREFIXES.iter().any(|prefix| value.starts_with(prefix))
        || PARTS.iter().any(|part| value.contains(part))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_that_injectors_replace_are_told_from_others() {
        for replaced in [
            "vault:secret/data/prod#pw",
            ">>vault:pki/issue#key",
            "bao:secret/data/prod#pw",
            "arn:aws:secretsmanager:eu-west-1:1:secret:prod",
            "arn:aws:ssm:eu-west-1:1:parameter/prod",
            "gcp:secretmanager:projects/1/secrets/prod",
            "prod-pw@azurekeyvault?password",
            "postgres://${vault:secret/data/prod#user}@db",
        ] {
            assert!(is_replaced(replaced), "{replaced}");
        }
        for other in ["", "vault", "https://vault:8200", "arn:aws:s3:::x", "vaults:x", "a@azure"] {
            assert!(!is_replaced(other), "{other}");
        }
    }
}
