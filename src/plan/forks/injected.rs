//! Finds what injectors would give the code of a fork: they know its pods by values of variables and by annotations, and
//! read the secret from a store of their own.

use super::shown;
use crate::diagnostic::text::short;
use crate::diagnostic::{Diagnostic, Place, code, first_of};
use crate::kube::Object;
use crate::model::{containers, pod_annotations, pod_of};
use crate::plan::judge::injected::{puts_secrets, replaced};
use crate::yaml::Node;

/// How many parts of an object a finding names.
const SHOWN: usize = 5;

/// A part of an object, as text for a message, with its place.
type Part = (String, Place);

/// The parts of an object by which its pods, or those that read it, get secrets. No value is shown, only the word by
/// which an injector knows it.
pub(super) fn parts(object: &Object) -> Vec<Part> {
    if object.is("", "ConfigMap") {
        let data = object.node.entries_at(&["data"]).iter();
        let found = data.filter_map(|(key, value)| {
            let word = replaced(value.text()?)?;
            Some((format!("`data.{}` (`{word}`)", short(&key.text)), key.place))
        });
        return found.collect();
    }
    let Some(pod) = pod_of(object) else { return Vec::new() };
    let annotations = pod_annotations(&object.node).map(Node::entries).unwrap_or_default().iter();
    let annotated = annotations.filter_map(|(key, value)| {
        let is_on = puts_secrets(&key.text, value.text()?);
        is_on.then(|| (format!("the annotation `{}`", short(&key.text)), key.place))
    });
    let variables = containers(pod).flat_map(|container| container.items_at(&["env"]));
    let variables = variables.filter_map(|variable| {
        let word = replaced(variable.text_at(&["value"])?)?;
        let name = variable.get("name")?;
        Some((format!("`env[{}]` (`{word}`)", short(name.text()?)), name.place))
    });
    annotated.chain(variables).collect()
}

/// The finding about an object with such parts.
pub(super) fn finding(object: &Object, parts: &[Part], previews: &[&str]) -> Diagnostic {
    let message = format!(
        "code of a fork would get what an injector puts into {}, by {}: in {}",
        object.id,
        first_of(SHOWN, ", ", parts.iter().map(|(part, _)| part)),
        shown(previews)
    );
    let help = "let the baseline read a Secret instead, which something else makes in every preview with values that \
                anybody may know, and list it under spec.external.secrets; or review the code and push it to the \
                repository itself";
    Diagnostic::new(&code::UNTRUSTED_CHANGE, message, help).at(parts[0].1, "for an injector")
}
