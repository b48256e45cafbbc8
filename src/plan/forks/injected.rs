//! Finds secrets that injectors would give the code of a fork. An injector knows the pods by values of variables or by
//! annotations, and reads the secret from a store of its own.

use super::shown;
use crate::diagnostic::text::short;
use crate::diagnostic::{Diagnostic, code, first_of};
use crate::kube::Object;
use crate::model::{containers, pod_annotations, pod_of};
use crate::plan::judge::injected::{puts_secrets, replaced};
use crate::yaml::Node;

/// How many parts of an object a finding names.
const SHOWN: usize = 5;

/// The parts of an object through which pods get secrets from an injector, as texts for a message. No value is shown,
/// only the word by which an injector knows it.
pub(super) fn parts(object: &Object) -> Vec<String> {
    if object.is("", "ConfigMap") {
        let data = object.node.entries_at(&["data"]).iter();
        let found = data.filter_map(|(key, value)| {
            let word = replaced(value.text()?)?;
            Some(format!("`data.{}` (`{word}`)", short(&key.text)))
        });
        return found.collect();
    }
    let Some(pod) = pod_of(object) else { return Vec::new() };
    let annotations = pod_annotations(&object.node).map(Node::entries).unwrap_or_default().iter();
    let annotated = annotations.filter_map(|(key, value)| {
        let is_on = puts_secrets(&key.text, value.text()?);
        is_on.then(|| format!("the annotation `{}`", short(&key.text)))
    });
    let variables = containers(pod).flat_map(|container| container.items_at(&["env"]));
    let variables = variables.filter_map(|variable| {
        let word = replaced(variable.text_at(&["value"])?)?;
        Some(format!("`env[{}]` (`{word}`)", short(variable.text_at(&["name"])?)))
    });
    annotated.chain(variables).collect()
}

/// The finding about an object with such parts.
pub(super) fn finding(object: &Object, parts: &[String], previews: &[&str]) -> Diagnostic {
    let message = format!(
        "code of a fork would get what an injector puts into {}, by {}: in {}",
        object.id,
        first_of(SHOWN, ", ", parts),
        shown(previews)
    );
    let help = "let the baseline read a Secret instead, which something else makes in every preview with values that \
                anybody may know, and list it under spec.external.secrets; or review the code and push it to the \
                repository itself";
    // Not at the part: there may be a password beside what is replaced.
    Diagnostic::new(&code::UNTRUSTED_CHANGE, message, help).at(object.place(), "of the baseline")
}
