//! What Secrets hold, and how SOPS encrypts it.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

use crate::yaml::Node;

/// How every value begins that SOPS encrypted; its MAC is one too.
pub(crate) const CIPHERTEXT: &str = "ENC[AES256_GCM";

/// The text that a value of a Secret is in base64; none where it is no text.
pub(crate) fn decoded(value: &Node) -> Option<String> {
    // YAML breaks long values into lines.
    let text: String = value.text()?.split_ascii_whitespace().collect();
    String::from_utf8(STANDARD.decode(text).ok()?).ok()
}

/// Whether SOPS encrypted an object, or the file that a generator made it from: Flux decrypts such a file
/// before it builds, and whoever builds elsewhere gets the ciphertext.
/// See <https://fluxcd.io/flux/components/kustomize/kustomizations/#decryption>.
pub(crate) fn is_encrypted(object: &Node) -> bool {
    let kind = object.text_at(&["kind"]).unwrap_or_default();
    let values = |field| {
        object.get(field).map(Node::entries).unwrap_or_default().iter().map(|(_, value)| value)
    };
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
