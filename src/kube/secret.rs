//! Secrets: which values are secret, and how SOPS encrypts them.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::Value;

use super::Id;
use crate::diagnostic::contains_ignoring_case;
use crate::yaml::{Data, Node};

/// The API group of generators, which make values for ExternalSecrets.
pub(crate) const GENERATORS: &str = "generators.external-secrets.io";

/// Keys whose texts may be secret: of variables and templates, of providers that contain values, of headers and
/// bodies of requests.
const MAY_BE_SECRET: [&str; 8] =
    ["value", "template", "stringData", "fake", "headers", "httpHeaders", "body", "password"];

/// Whether the texts of a key may be secret.
pub(crate) fn may_be_secret(key: &str) -> bool {
    MAY_BE_SECRET.contains(&key)
}

/// Whether the texts of a key are secret in any object.
pub(crate) fn is_always_secret(key: &str) -> bool {
    matches!(key, "stringData" | "password")
}

/// Whether an object is a Secret. All values of a Secret are secret.
pub(crate) fn is_secret(id: &Id) -> bool {
    id.group.is_empty() && id.kind == "Secret"
}

/// Whether Secrets are made from objects of this kind, such as ExternalSecrets and generators.
pub(crate) fn makes_secrets(id: &Id) -> bool {
    id.kind.contains("Secret") || id.group.contains("secret")
}

/// Whether a mapping within an object is the body of a Secret, such as a template of one.
pub(crate) fn is_secret_within(node: &Node) -> bool {
    let has_values = || ["data", "stringData"].iter().any(|key| node.get(key).is_some());
    node.text_at(&["kind"]) == Some("Secret") && has_values()
}

/// Whether a text may be a template of a Secret, or the JSON of one.
pub(crate) fn may_hold_secret(text: &str) -> bool {
    let says = |word| contains_ignoring_case(text, word);
    text.contains(['\n', '{']) && says("secret") && says("data")
}

/// Whether something in an object may be secret, whatever its kind.
pub(crate) fn holds_secret(node: &Node) -> bool {
    match &node.data {
        Data::Scalar { text, .. } => may_hold_secret(text),
        Data::List(items) => items.iter().any(holds_secret),
        Data::Map(_) if is_secret_within(node) => true,
        Data::Map(entries) => {
            entries.iter().any(|(key, value)| is_always_secret(&key.text) || holds_secret(value))
        }
    }
}

/// Whether an object holds or describes the values of Secrets, for an ExternalSecret.
pub(crate) fn generates_values(id: &Id) -> bool {
    id.group == GENERATORS
}

/// Converts a value to JSON without the texts of keys that `hides` accepts, and without Secrets in it.
pub(crate) fn without_secrets(node: &Node, hides: fn(&str) -> bool) -> Value {
    match &node.data {
        Data::Scalar { text, .. } if may_hold_secret(text) => "…".into(),
        Data::Scalar { .. } => node.to_json(),
        Data::List(items) => items.iter().map(|item| without_secrets(item, hides)).collect(),
        Data::Map(_) if is_secret_within(node) => "…".into(),
        Data::Map(entries) => {
            let entries = entries.iter().map(|(key, value)| {
                let hidden = hides(&key.text);
                let value = if hidden { "…".into() } else { without_secrets(value, hides) };
                (key.text.to_string(), value)
            });
            Value::Object(entries.collect())
        }
    }
}

/// The start of every value that SOPS encrypted, its MAC included.
pub(crate) const CIPHERTEXT: &str = "ENC[AES256_GCM";

/// Decodes the base64 of a value of a Secret; `None` if it is not text.
pub(crate) fn decoded(value: &Node) -> Option<String> {
    // YAML breaks long values into lines.
    let text: String = value.text()?.split_ascii_whitespace().collect();
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

/// Whether SOPS encrypted an object, or the file that a generator made it from. Flux decrypts such a file before it
/// builds; other builds get the ciphertext.
/// See <https://fluxcd.io/flux/components/kustomize/kustomizations/#decryption>.
pub(crate) fn is_encrypted(object: &Node) -> bool {
    let kind = object.text_at(&["kind"]).unwrap_or_default();
    let values = |field| object.entries_at(&[field]).iter().map(|(_, value)| value);
    let plain = |value: &Node| value.text().is_some_and(|text| text.contains(CIPHERTEXT));
    let coded = |value: &Node| decoded(value).is_some_and(|text| text.contains(CIPHERTEXT));
    object.get("sops").is_some()
        || match (object.text_at(&["apiVersion"]), kind) {
            (Some("v1"), "Secret") => values("data").any(coded) || values("stringData").any(plain),
            (Some("v1"), "ConfigMap") => {
                values("data").any(plain) || values("binaryData").any(coded)
            }
            _ => false,
        }
}
