//! Names that kustomize changes: it adds prefixes and suffixes, and a hash to the names of generated objects. People
//! write the names of their own kustomization, without these.

use smol_str::SmolStr;

use super::{Object, meta};
use crate::yaml::Node;

/// Annotation of kustomize with earlier names, oldest first. It is there only until the build ends.
const PREVIOUS_NAMES: &str = "internal.config.kubernetes.io/previousNames";
/// Annotation of kustomize with the namespace of each earlier name.
pub(crate) const PREVIOUS_NAMESPACES: &str = "internal.config.kubernetes.io/previousNamespaces";
/// Annotation of kustomize with the kind of each earlier name.
const PREVIOUS_KINDS: &str = "internal.config.kubernetes.io/previousKinds";
/// Annotation of kustomize with the prefixes that a name got, innermost first.
pub(crate) const PREFIXES: &str = "internal.config.kubernetes.io/prefixes";
/// Annotation of kustomize with the suffixes that a name got.
pub(crate) const SUFFIXES: &str = "internal.config.kubernetes.io/suffixes";
/// Annotation of kustomize on objects to whose names the build will add a hash.
const NEEDS_HASH: &str = "internal.config.kubernetes.io/needsHashSuffix";
/// The prefix of annotations that kustomize removes when its build ends.
const INTERNAL: &str = "internal.config.kubernetes.io/";

/// The earlier names of an object, oldest first. Known only within a build.
pub(crate) fn previous(object: &Node) -> impl Iterator<Item = &str> {
    noted(object, PREVIOUS_NAMES)
}

/// The items of an annotation that is a list.
pub(crate) fn noted<'n>(object: &'n Node, key: &str) -> impl Iterator<Item = &'n str> {
    let list = object.text_at(&["metadata", "annotations", key]);
    list.into_iter().flat_map(|list| list.split(','))
}

/// Whether people may call an object by this name although it has another one. It can be an earlier name or the name
/// without the hash. Within a build, where the hash is not known yet, it can also be a name with a hash.
pub(crate) fn is_also_called(object: &Object, name: &str) -> bool {
    let current = object.id.name.as_str();
    if current == name {
        return false;
    }
    let needs_hash = object.annotation(NEEDS_HASH) == Some("enabled");
    let name = if needs_hash { without_hash(name).unwrap_or(name) } else { name };
    let is_plain = is_generated(object) && without_hash(current) == Some(name);
    let mut earlier = object.earlier_names.iter();
    current == name
        || is_plain
        || previous(&object.node).any(|before| before == name)
        || earlier.any(|before| before == name)
}

/// Whether an object has, or may have, other names in the kustomization.
pub(crate) fn has_others(object: &Object) -> bool {
    let is_other = |name: &str| name != object.id.name;
    !object.earlier_names.is_empty()
        || object.annotation(NEEDS_HASH).is_some()
        || is_generated(object) && without_hash(&object.id.name).is_some()
        || previous(&object.node).any(is_other)
}

/// Whether kustomize generates objects of this kind.
pub(crate) fn is_generated(object: &Object) -> bool {
    object.is("", "ConfigMap") || object.is("", "Secret")
}

/// Removes kustomize's hash from a name; `None` if it has none.
/// See <https://github.com/kubernetes-sigs/kustomize/blob/master/api/hasher/hasher.go>.
pub(crate) fn without_hash(name: &str) -> Option<&str> {
    let (plain, hash) = name.rsplit_once('-')?;
    let is_digit = |byte: u8| b"bcdf2456789ghkmt".contains(&byte);
    (!plain.is_empty() && hash.len() == 10 && hash.bytes().all(is_digit)).then_some(plain)
}

/// What kustomize notes about the names of an object, for the rest of its build.
pub(crate) fn notes(object: &Node) -> Vec<(SmolStr, Node)> {
    let annotations = object.entries_at(&["metadata", "annotations"]).iter();
    let notes = annotations
        .filter(|(key, _)| key.text.starts_with(INTERNAL) && meta::keeps_annotation(&key.text));
    notes.map(|(key, value)| (key.text.clone(), value.clone())).collect()
}

/// Removes kustomize's own annotations, as it does when its build ends.
pub(crate) fn forget(object: &mut Node) {
    /// Older names of such annotations, for functions.
    const OLD: [&str; 4] = [
        "config.k8s.io/id",
        "config.kubernetes.io/index",
        "config.kubernetes.io/path",
        "kustomize.config.k8s.io/id",
    ];
    let Some(metadata) = object.get_mut("metadata") else { return };
    let Some(annotations) = metadata.get_mut("annotations") else { return };
    let before = annotations.entries().len();
    annotations.retain(|key| !key.starts_with(INTERNAL) && !OLD.contains(&key));
    if before > 0 && annotations.entries().is_empty() {
        metadata.remove("annotations");
    }
}

/// Moves the earlier names of a copy to its own namespace, and drops those that another object has now. Otherwise
/// kustomize would take references to the original, or to that object, for references to the copy.
pub(crate) fn move_earlier_names(
    copy: &mut Node,
    namespace: &str,
    is_taken: impl Fn(&str) -> bool,
) {
    let of = |key| noted(copy, key).map(SmolStr::from).collect::<Vec<_>>();
    let (names, kinds) = (of(PREVIOUS_NAMES), of(PREVIOUS_KINDS));
    if names.is_empty() {
        return;
    }
    let kept = names.into_iter().zip(kinds).filter(|(name, _)| !is_taken(name));
    let (names, kinds): (Vec<_>, Vec<_>) = kept.unzip();
    let namespaces = vec![SmolStr::from(namespace); names.len()];
    let annotations = copy.make(&["metadata", "annotations"]);
    for (key, list) in
        [(PREVIOUS_NAMES, names), (PREVIOUS_KINDS, kinds), (PREVIOUS_NAMESPACES, namespaces)]
    {
        match list.is_empty() {
            true => drop(annotations.remove(key)),
            false => annotations.set(key, Node::string(list.join(","))),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn object(kind: &str, name: &str, annotations: &[(&str, &str)]) -> Object {
        let annotations = annotations.iter().map(|(key, value)| (*key, Node::string(*value)));
        let metadata = [("name", Node::string(name)), ("annotations", Node::map(annotations))];
        Object::from_node(Node::map([
            ("apiVersion", Node::string("v1")),
            ("kind", Node::string(kind)),
            ("metadata", Node::map(metadata)),
        ]))
        .expect("it has a kind and a name")
    }

    #[test]
    fn what_is_generated_is_called_by_its_name_without_hash_too() {
        for (kind, name, plain) in
            [("ConfigMap", "settings-2748f727mg", "settings"), ("Secret", "a-b-h5fk4t9d2c", "a-b")]
        {
            let object = object(kind, name, &[]);
            assert!(is_also_called(&object, plain) && has_others(&object), "{name}");
            assert!(!is_also_called(&object, name), "{name}");
        }
        for (kind, name, plain) in [
            ("Service", "settings-2748f727mg", "settings"),
            ("ConfigMap", "settings-production", "settings"),
            ("ConfigMap", "settings-2748f727m", "settings"),
            ("ConfigMap", "-2748f727mg", ""),
        ] {
            let object = object(kind, name, &[]);
            assert!(!is_also_called(&object, plain) && !has_others(&object), "{name}");
        }
    }

    #[test]
    fn within_a_build_an_object_is_called_by_each_name_it_had_and_by_that_it_will_have() {
        let names = [(PREVIOUS_NAMES, "settings,settings,st-settings"), (NEEDS_HASH, "enabled")];
        let generated = object("ConfigMap", "top-st-settings", &names);
        for name in ["settings", "st-settings", "top-st-settings-2748f727mg", "settings-2748f727mg"]
        {
            assert!(is_also_called(&generated, name), "{name}");
        }
        assert!(!is_also_called(&generated, "top-settings"));
        let plain = object("Service", "st-cart", &names[..1]);
        assert!(is_also_called(&plain, "settings"));
        assert!(!is_also_called(&plain, "st-cart-2748f727mg"));
    }
}
