//! Describes differences in messages. Values that may be secret are not shown.

use std::borrow::Cow;

use super::{Change, Step};
use crate::diagnostic::text::short;
use crate::kube::Id;
use crate::kube::secret::{self, is_secret, makes_secrets, without_secrets};
use crate::yaml::{Data, Node};

/// The message about a difference: its path, and the values before and after.
pub(crate) fn describe(id: &Id, change: &Change<'_>) -> String {
    let hidden = may_be_secret(id, &change.path);
    let path = path(&change.path);
    if hidden {
        let verb = match (change.old, change.new) {
            (None, _) => "adds",
            (_, None) => "removes",
            _ => "changes",
        };
        return format!(
            "a patch {verb} `{path}` of {id}; its value is not shown, for it may be secret"
        );
    }
    let is_container = matches!(
        change.path[..],
        [.., Step::Key("containers" | "initContainers" | "ephemeralContainers"), Step::Item(..)]
    );
    let value = |node| if is_container { image(node) } else { show(node) };
    match (change.old, change.new) {
        (None, Some(new)) => {
            format!("a patch gives {id} `{path}: {}`, which the original has not", value(new))
        }
        (Some(old), None) => format!("a patch takes `{path}: {}` from {id}", value(old)),
        (old, new) => {
            let [old, new] = [old, new].map(|side| side.map(value).unwrap_or_default());
            format!("a patch changes `{path}` of {id} from `{old}` to `{new}`")
        }
    }
}

/// Whether the value at a path of an object may be secret.
fn may_be_secret(id: &Id, path: &[Step<'_>]) -> bool {
    let is_secret_step = |step: &Step<'_>| match *step {
        // The template of a Secret, and not that of pods.
        Step::Key("template") => makes_secrets(id),
        Step::Key(key) => secret::may_be_secret(key),
        _ => false,
    };
    // A patch for a Secret may apply to an object of another kind.
    let is_data = path.first() == Some(&Step::Key("data")) && id.kind != "ConfigMap";
    // In a Secret the path does not matter: a JSON patch can copy a value to a label. `Fake` is a generator of External
    // Secrets, which holds its values itself.
    is_secret(id) || is_data || id.kind == "Fake" || path.iter().any(is_secret_step)
}

/// A path as text: `spec.containers[cart].image`.
fn path(steps: &[Step<'_>]) -> String {
    let mut path = String::new();
    for step in steps {
        match step {
            Step::Key(key) => {
                if !path.is_empty() {
                    path.push('.');
                }
                path += &short(key);
            }
            Step::Item(_, value, _) => path += &format!("[{}]", short(value)),
            Step::Index(index) => path += &format!("[{index}]"),
        }
    }
    path
}

/// The image of a container, which stands for the whole.
fn image(container: &Node) -> Cow<'_, str> {
    container.text_at(&["image"]).map_or("no image".into(), short)
}

/// A value in one line, without parts that may be secret.
fn show(node: &Node) -> Cow<'_, str> {
    match &node.data {
        Data::Scalar { text, .. } => short(text),
        _ => short(&without_secrets(node, secret::may_be_secret).to_string()).into_owned().into(),
    }
}
