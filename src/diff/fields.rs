//! Compares two versions of an object, field by field.

use std::collections::BTreeSet;

use crate::diagnostic::without_userinfo;
use crate::kube::Object;
use crate::kube::secret::{
    generates_values, is_always_secret, is_secret, is_secret_within, makes_secrets, may_be_secret,
    may_hold_secret, without_secrets,
};
use crate::ordered::ordered;
use crate::yaml::{Data, Node, by_key};

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// The path of the field, such as `spec.template.spec.containers[cart].image`.
    pub(crate) path: String,
    /// Its old value, on one line; `None` if it was absent.
    pub(crate) old: Option<String>,
    /// Its new value.
    pub(crate) new: Option<String>,
}

/// The placeholder for a hidden value.
const HIDDEN: &str = "(hidden)";

impl Field {
    /// Whether its values are hidden.
    pub(super) fn is_hidden(&self) -> bool {
        [&self.old, &self.new].into_iter().flatten().all(|value| value == HIDDEN)
    }
}

/// Which values of an object are hidden.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Hidden {
    /// None.
    None,
    /// Values of keys that may be secret.
    Some,
    /// All.
    All,
}

impl Hidden {
    /// The values of an object to hide. An unknown kind with data may be like a Secret.
    pub(super) fn of(object: &Object) -> Self {
        if is_secret(&object.id) || generates_values(&object.id) {
            return Self::All;
        }
        let has_data = object.node.get("data").is_some() && !object.is("", "ConfigMap");
        if has_data || makes_secrets(&object.id) { Self::Some } else { Self::None }
    }

    /// The values to hide below a key.
    fn behind(self, path: &str, key: &str) -> Self {
        let is_data = path.is_empty() && key == "data";
        let is_hidden = self == Self::Some && (is_data || may_be_secret(key));
        if is_hidden || is_always_secret(key) { Self::All } else { self }
    }

    /// A value on one line, unless it is hidden.
    fn told(self, node: &Node) -> String {
        let value = match (self, node.text()) {
            (Self::All, _) => return HIDDEN.to_owned(),
            (_, Some(text)) if may_hold_secret(text) => return HIDDEN.to_owned(),
            (_, Some(text)) if !text.is_empty() && !text.contains(['\n', '\r']) => text.to_owned(),
            (Self::Some, _) => without_secrets(node, may_be_secret).to_string(),
            (Self::None, _) => without_secrets(node, is_always_secret).to_string(),
        };
        without_userinfo(&value).into_owned()
    }
}

/// The fields that differ, in the order of the new version.
pub(super) fn compare(old: &Node, new: &Node, hidden: Hidden) -> Vec<Field> {
    let mut fields = Vec::new();
    walk(Some(old), Some(new), String::new(), hidden, &mut fields);
    fields
}

type Side<'n> = Option<&'n Node>;

fn walk(old: Side<'_>, new: Side<'_>, path: String, hidden: Hidden, fields: &mut Vec<Field>) {
    if old == new {
        return;
    }
    match (old.map(|node| &node.data), new.map(|node| &node.data)) {
        (Some(Data::Map(before)), Some(Data::Map(after))) => {
            let holds_secret = [old, new].into_iter().flatten().any(is_secret_within);
            let hidden = if holds_secret { Hidden::All } else { hidden };
            let (old, new) = (by_key(before), by_key(after));
            let mut seen = BTreeSet::new();
            for key in after.iter().chain(before).map(|(key, _)| &*key.text) {
                if seen.insert(key) {
                    let part = part(key);
                    let below = if path.is_empty() || part.starts_with('[') {
                        format!("{path}{part}")
                    } else {
                        format!("{path}.{part}")
                    };
                    let (old, new) = (old.get(key).copied(), new.get(key).copied());
                    walk(old, new, below, hidden.behind(&path, key), fields);
                }
            }
        }
        (Some(Data::List(before)), Some(Data::List(after))) => {
            walk_lists(before, after, &path, hidden, fields);
        }
        _ => {
            let [old, new] = [old, new].map(|side| side.map(|node| hidden.told(node)));
            fields.push(Field { path, old, new });
        }
    }
}

fn walk_lists(
    before: &[Node],
    after: &[Node],
    path: &str,
    hidden: Hidden,
    fields: &mut Vec<Field>,
) {
    let Some((old_names, new_names)) = names(before).zip(names(after)) else {
        for index in 0..before.len().max(after.len()) {
            let (old, new) = (before.get(index), after.get(index));
            walk(old, new, format!("{path}[{index}]"), hidden, fields);
        }
        return;
    };
    let old = ordered(old_names.iter().copied().zip(before));
    let new = ordered(new_names.iter().copied().zip(after));
    let mut seen = BTreeSet::new();
    for name in new_names.iter().chain(&old_names).copied() {
        if seen.insert(name) {
            let (old, new) = (old.get(name).copied(), new.get(name).copied());
            walk(old, new, format!("{path}[{name}]"), hidden, fields);
        }
    }
    let stayed = old_names.iter().filter(|name| new.contains_key(*name));
    let kept = new_names.iter().filter(|name| old.contains_key(*name));
    if !stayed.eq(kept) {
        let order = |names: &[&str]| Some(names.join(", "));
        let (old, new) = (order(&old_names), order(&new_names));
        fields.push(Field { path: format!("{path} (order)"), old, new });
    }
}

/// The names of all items, if they are unique.
fn names(items: &[Node]) -> Option<Vec<&str>> {
    let names: Option<Vec<&str>> = items.iter().map(|item| item.get("name")?.text()).collect();
    let names = names?;
    let apart: BTreeSet<&&str> = names.iter().collect();
    (apart.len() == names.len()).then_some(names)
}

/// A key as a part of a path: in brackets and quotes if it contains a dot, as annotations do.
fn part(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_$/".contains(c);
    if !key.is_empty() && key.chars().all(is_plain) { key.to_owned() } else { format!("[{key:?}]") }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnostic::Sources;
    use crate::limits::InputLimits;
    use crate::yaml::parse_documents;

    fn node(text: &str) -> Node {
        let mut sources = Sources::default();
        let file = sources.add("", text);
        parse_documents(&sources, file, &InputLimits::default()).expect("YAML").remove(0)
    }

    fn told(old: &str, new: &str) -> Vec<String> {
        let value = |value: Option<String>| value.unwrap_or_else(|| "nothing".to_owned());
        let all = compare(&node(old), &node(new), Hidden::None).into_iter();
        all.map(|one| format!("{}: {} -> {}", one.path, value(one.old), value(one.new))).collect()
    }

    #[test]
    fn secrets_within_objects_are_hidden_in_every_form() {
        let secret = "{kind: Secret, metadata: {name: a}, stringData: {pw: hunter}}";
        let text = "\"kind: Secret\\ndata:\\n  pw: hunter\\n\"";
        let json = r#"'{"kind": "Secret", "data": {"pw": "hunter"}}'"#;
        for (old, new) in [
            (format!("{{resources: [{secret}]}}"), "{resources: []}".to_owned()),
            (
                format!("{{resources: [{secret}]}}"),
                format!("{{resources: [{}]}}", secret.replace('r', "R")),
            ),
            (format!("{{spec: {{manifest: {secret}}}}}"), "{spec: {}}".to_owned()),
            ("{}".to_owned(), format!("{{spec: {{template: {text}}}}}")),
            ("{spec: 1}".to_owned(), format!("{{spec: {json}}}")),
            ("{values: {password: a}}".to_owned(), "{values: {password: hunter}}".to_owned()),
        ] {
            let found = told(&old, &new).join("\n");
            assert!(!found.is_empty() && !found.to_lowercase().contains("hunter"), "{found}");
        }
        let reference = told("{ref: {kind: Secret, name: a}}", "{ref: {kind: Secret, name: b}}");
        assert_eq!(reference, ["ref.name: a -> b"]);
    }

    #[test]
    fn items_of_lists_are_known_by_their_names() {
        let found = told(
            "{containers: [{name: a, image: a:1}, {name: b, image: b:1}]}",
            "{containers: [{name: c, image: c:1}, {name: b, image: b:2}]}",
        );
        let wanted = [
            "containers[c]: nothing -> {\"name\":\"c\",\"image\":\"c:1\"}",
            "containers[b].image: b:1 -> b:2",
            "containers[a]: {\"name\":\"a\",\"image\":\"a:1\"} -> nothing",
        ];
        assert_eq!(found, wanted);
    }

    #[test]
    fn an_order_that_changes_is_named() {
        let found = told("{rules: [{name: a}, {name: b}]}", "{rules: [{name: b}, {name: a}]}");
        assert_eq!(found, ["rules (order): a, b -> b, a"]);
    }

    #[test]
    fn items_without_names_are_known_by_their_place() {
        assert_eq!(
            told("{args: [a, b]}", "{args: [a, c, d]}"),
            ["args[1]: b -> c", "args[2]: nothing -> d"]
        );
    }

    #[test]
    fn values_that_read_the_same_do_not_differ_and_others_do() {
        assert!(told("{a: 'x', b: 1}", "{b: 1, a: x}").is_empty());
        assert_eq!(told("{a: '1'}", "{a: 1}").len(), 1);
        assert_eq!(told("{a: {b.c: 1}}", "{a: {b.c: 2}}"), ["a[\"b.c\"]: 1 -> 2"]);
    }
}
