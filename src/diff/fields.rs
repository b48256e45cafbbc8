//! What differs in two versions of an object, field by field.

use std::collections::{BTreeMap, BTreeSet};

use crate::yaml::{Data, Key, Node};

/// A field that differs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Field {
    /// Its path, such as `spec.template.spec.containers[cart].image`.
    pub(crate) path: String,
    /// Its value before, on one line; none where it was not there.
    pub(crate) old: Option<String>,
    /// Its value now.
    pub(crate) new: Option<String>,
}

/// What stands for a value that is not shown.
const HIDDEN: &str = "(hidden)";

/// The fields that differ, in the order of the new version; `hidden` values are not told.
pub(super) fn compare(old: &Node, new: &Node, hidden: bool) -> Vec<Field> {
    let mut found = Vec::new();
    walk(Some(old), Some(new), String::new(), &mut found);
    if hidden {
        for field in &mut found {
            for value in [&mut field.old, &mut field.new].into_iter().flatten() {
                HIDDEN.clone_into(value);
            }
        }
    }
    found
}

fn walk<'n>(old: Option<&'n Node>, new: Option<&'n Node>, path: String, found: &mut Vec<Field>) {
    if old == new {
        return;
    }
    match (old.map(|node| &node.data), new.map(|node| &node.data)) {
        (Some(Data::Map(before)), Some(Data::Map(after))) => {
            let of = |entries: &'n [(Key, Node)]| -> BTreeMap<&'n str, &'n Node> {
                entries.iter().map(|(key, value)| (&*key.text, value)).collect()
            };
            let (old, new) = (of(before), of(after));
            let mut seen = BTreeSet::new();
            for key in after.iter().chain(before).map(|(key, _)| &*key.text) {
                if seen.insert(key) {
                    let part = part(key);
                    let below = if path.is_empty() || part.starts_with('[') {
                        format!("{path}{part}")
                    } else {
                        format!("{path}.{part}")
                    };
                    walk(old.get(key).copied(), new.get(key).copied(), below, found);
                }
            }
        }
        (Some(Data::List(before)), Some(Data::List(after))) => {
            match names(before).zip(names(after)) {
                Some(names) => walk_named((before, after), names, &path, found),
                None => {
                    for index in 0..before.len().max(after.len()) {
                        let path = format!("{path}[{index}]");
                        walk(before.get(index), after.get(index), path, found);
                    }
                }
            }
        }
        _ => found.push(Field { path, old: old.map(on_one_line), new: new.map(on_one_line) }),
    }
}

/// Compares two lists whose items are known by these names.
fn walk_named<'n>(
    (before, after): (&'n [Node], &'n [Node]),
    (old_names, new_names): (Vec<&'n str>, Vec<&'n str>),
    path: &str,
    found: &mut Vec<Field>,
) {
    let of = |names: &[&'n str], items: &'n [Node]| -> BTreeMap<&'n str, &'n Node> {
        names.iter().copied().zip(items).collect()
    };
    let (old, new) = (of(&old_names, before), of(&new_names, after));
    let mut seen = BTreeSet::new();
    for name in new_names.iter().chain(&old_names).copied() {
        if seen.insert(name) {
            let (old, new) = (old.get(name).copied(), new.get(name).copied());
            walk(old, new, format!("{path}[{name}]"), found);
        }
    }
    let stayed = old_names.iter().filter(|name| new.contains_key(*name));
    let kept = new_names.iter().filter(|name| old.contains_key(*name));
    if !stayed.eq(kept) {
        let order = |names: &[&str]| Some(names.join(", "));
        let (old, new) = (order(&old_names), order(&new_names));
        found.push(Field { path: format!("{path} (order)"), old, new });
    }
}

/// The names of all items, if they tell the items apart.
fn names(items: &[Node]) -> Option<Vec<&str>> {
    let names: Option<Vec<&str>> = items.iter().map(|item| item.get("name")?.text()).collect();
    let names = names?;
    let apart: BTreeSet<&&str> = names.iter().collect();
    (apart.len() == names.len()).then_some(names)
}

/// A key as a part of a path: in brackets and quotes where it holds a dot, as annotations do.
fn part(key: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_$/".contains(c);
    if !key.is_empty() && key.chars().all(is_plain) { key.to_owned() } else { format!("[{key:?}]") }
}

/// A value as JSON, but for a text alone.
fn on_one_line(node: &Node) -> String {
    match node.text() {
        Some(text) if !text.is_empty() && !text.contains(['\n', '\r']) => text.to_owned(),
        _ => node.to_json().to_string(),
    }
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
        let all = compare(&node(old), &node(new), false).into_iter();
        all.map(|one| format!("{}: {} -> {}", one.path, value(one.old), value(one.new))).collect()
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
