//! Regular expressions for the JSON Schema, so that editors mark what `check` would refuse. The rules themselves are
//! in `validate`; a test compares the two.

/// A preview's name.
pub(super) const NAME: &str = "^[a-z]([-a-z0-9]*[a-z0-9])?$";
/// The prefix of preview names.
pub(super) const PREFIX: &str = "^[a-z][-a-z0-9]*$";
/// A namespace, or another name that is a label.
pub(super) const LABEL: &str = "^[a-z0-9]([-a-z0-9]*[a-z0-9])?$";
/// A full commit id.
pub(super) const COMMIT: &str = "^([0-9a-f]{40}|[0-9a-f]{64})$";
/// A time of RFC 3339, or nothing.
pub(super) const TIME: &str = "^([0-9]{4}-[0-9]{2}-[0-9]{2}[Tt ][0-9]{2}:[0-9]{2}:[0-9]{2}(\\.[0-9]+)?([Zz]|[-+][0-9]{2}:[0-9]{2}))?$";
/// A duration as Flux takes it.
pub(super) const DURATION: &str = "^([0-9]+(\\.[0-9]+)?(ms|s|m|h))+$";
/// The URL of a repository, without a user.
pub(super) const URL: &str = "^https?://[A-Za-z0-9][^/?#@]*([/?#]|$)";
/// A template that has the preview's name in it.
pub(super) const TEMPLATE: &str = "\\{preview\\}";

/// The parts of an image's name.
macro_rules! image {
    ($before:literal, $behind:literal) => {
        concat!(
            $before,
            "(([A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?(\\.[A-Za-z0-9]([-A-Za-z0-9]*[A-Za-z0-9])?)*|\\[[0-9A-Fa-f:]+\\])(:[0-9]+)?/)?",
            "[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*(/[a-z0-9]+((\\.|__?|-+)[a-z0-9]+)*)*",
            "(:[A-Za-z0-9_][-A-Za-z0-9_.]{0,127})?",
            "(@(sha256:[0-9a-f]{64}|sha384:[0-9a-f]{96}|sha512:[0-9a-f]{128}))?",
            $behind
        )
    };
}

/// The name of an image.
pub(super) const IMAGE: &str = image!("^", "$");
/// The name of an image, or nothing.
pub(super) const IMAGE_OR_NONE: &str = image!("^(", ")?$");
