//! Strategic merge patches.
//!
//! By Kubernetes' rules
//! (<https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md>),
//! in kustomize's order: what a patch says about a list stands before what it does not mention. In
//! two places kustomize 5.8 loses what a patch says, and Kubernetes does not: `$patch: replace` on
//! one item of a list, and items known by a port where only one side names the protocol. Here the
//! patch counts. A directive that is not understood is an error, for it would end up in the object.

use super::Problem;
use super::shape::{Merge, Shape, find, same};
use crate::yaml::{Data, Key, Node};

const RETAIN_KEYS: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// The object that a patch makes of an object.
pub(super) fn apply(object: &Node, patch: &Node) -> Result<Node, Problem> {
    match directive(patch, "")? {
        Directive::Merge => merge(Some(object.clone()), patch, Shape::of(object), ""),
        Directive::Replace => merge(None, patch, Shape::of(object), ""),
        Directive::Delete => Err(Problem::new(
            "it deletes the whole object",
            "a preview needs what was copied for its services; remove the patch",
        )),
    }
}

/// Merges a mapping of a patch into what the object has there.
fn merge(old: Option<Node>, patch: &Node, shape: Shape, path: &str) -> Result<Node, Problem> {
    let mut out = old
        .filter(|old| !old.is_null())
        .unwrap_or_else(|| Node { data: Data::default(), place: patch.place });
    expect_same_kind(&out, patch, path)?;
    if let Some(keep) = patch.get(RETAIN_KEYS) {
        let keep: Vec<&str> = keep.items().iter().filter_map(Node::text).collect();
        out.retain(|key| keep.contains(&key));
    }
    for (key, value) in patch.entries() {
        if !key.text.starts_with('$') {
            field(&mut out, key, value, shape, &inside(path, &key.text))?;
        }
    }
    // After the fields, since the order is that of the merged lists.
    for (key, value) in patch.entries() {
        if key.text.starts_with('$') {
            list_directive(&mut out, &key.text, value, shape, path)?;
        }
    }
    Ok(out)
}

/// Merges one field of a mapping; null removes it.
fn field(out: &mut Node, key: &Key, value: &Node, shape: Shape, path: &str) -> Result<(), Problem> {
    if value.is_null() {
        out.remove(&key.text);
        return Ok(());
    }
    // Its place is kept for what comes of it.
    let old = out.get_mut(&key.text).map(std::mem::take);
    if let (Some(old), false) = (&old, matches!(value.data, Data::Map(_)))
        && !old.is_null()
    {
        expect_same_kind(old, value, path)?;
    }
    let new = match &value.data {
        Data::Scalar { .. } => Some(value.clone()),
        Data::Map(_) => match directive(value, path)? {
            Directive::Merge => Some(merge(old, value, shape.below(&key.text), path)?),
            Directive::Replace => Some(merge(None, value, shape.below(&key.text), path)?),
            Directive::Delete => None,
        },
        Data::List(items) => {
            let old = match old.map(|old| old.data) {
                Some(Data::List(old)) => old,
                _ => Vec::new(),
            };
            let items = match shape.list(&key.text) {
                Merge::Atomic => Some(atomic(items, path)?),
                Merge::Set => Some(set(old, items)),
                Merge::By(keys) => by_key(old, items, keys, shape.below(&key.text), path)?,
            };
            items.map(|items| Node { data: Data::List(items), place: value.place })
        }
    };
    match new {
        None => {
            out.remove(&key.text);
        }
        Some(new) => match out.get_mut(&key.text) {
            Some(old) => *old = new,
            None => {
                if let Data::Map(entries) = &mut out.data {
                    entries.push((key.clone(), new));
                }
            }
        },
    }
    Ok(())
}

/// A list that is replaced as a whole. A directive in it would be copied into the object.
fn atomic(items: &[Node], path: &str) -> Result<Vec<Node>, Problem> {
    fn has_directive(node: &Node) -> bool {
        node.items().iter().any(has_directive)
            || node
                .entries()
                .iter()
                .any(|(key, value)| is_directive(&key.text) || has_directive(value))
    }
    if items.iter().any(has_directive) {
        return Err(Problem::new(
            format!("`{path}` is replaced as a whole, so no directive acts in it"),
            "write the whole list as it shall be, without `$patch` or other directives",
        ));
    }
    Ok(items.to_vec())
}

/// A list of scalars, each there once: those of the patch first.
fn set(old: Vec<Node>, items: &[Node]) -> Vec<Node> {
    let mut out: Vec<Node> = Vec::new();
    for item in items.iter().cloned().chain(old) {
        if !out.contains(&item) {
            out.push(item);
        }
    }
    out
}

/// A list whose items are known by keys: the patch's items first, merged with what they stand for.
fn by_key(
    mut old: Vec<Node>,
    items: &[Node],
    keys: &[&str],
    shape: Shape,
    path: &str,
) -> Result<Option<Vec<Node>>, Problem> {
    let mut out: Vec<Node> = Vec::new();
    for item in items {
        let of_list = item.entries().len() == 1 && item.get("$patch").is_some();
        match (of_list, directive(item, path)?) {
            (true, Directive::Replace) => {
                old.clear();
                continue;
            }
            (true, Directive::Delete) => return Ok(None),
            (true, Directive::Merge) => continue,
            (false, directive) => {
                if item.text_at(&keys[..1]).is_none() {
                    return Err(Problem::new(
                        format!("an item of `{path}` has no `{}`", keys[0]),
                        format!(
                            "items of this list are known by `{}`: name it",
                            keys.join("` and `")
                        ),
                    ));
                }
                // Once for each item of the same key: a list may hold a key twice, and the patch
                // speaks of both.
                let mut found = None;
                while let Some(index) = find(&old, item, keys) {
                    let one = old.remove(index);
                    found = found.or(Some(one));
                }
                let before = out.iter().position(|out| same(out, item, keys));
                let found = before.map(|index| out.remove(index)).or(found);
                match directive {
                    Directive::Delete => {}
                    Directive::Replace => out.push(merge(None, item, shape, path)?),
                    Directive::Merge => out.push(merge(found, item, shape, path)?),
                }
            }
        }
    }
    out.extend(old);
    Ok(Some(out))
}

#[derive(Clone, Copy)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// What `$patch` says in a mapping.
fn directive(node: &Node, path: &str) -> Result<Directive, Problem> {
    let Some(value) = node.get("$patch") else {
        return Ok(Directive::Merge);
    };
    match value.text() {
        Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        other => Err(Problem::new(
            format!("`{}` cannot be `{}`", inside(path, "$patch"), other.unwrap_or("null")),
            "`$patch` takes merge, replace or delete",
        )),
    }
}

fn is_directive(key: &str) -> bool {
    key == "$patch" || key == RETAIN_KEYS || key.starts_with(ORDER) || key.starts_with(DELETE_FROM)
}

/// Carries out the directives that speak of a list beside them.
fn list_directive(
    out: &mut Node,
    key: &str,
    value: &Node,
    shape: Shape,
    path: &str,
) -> Result<(), Problem> {
    if let Some(name) = key.strip_prefix(DELETE_FROM) {
        if let Some(Data::List(items)) = out.get_mut(name).map(|node| &mut node.data) {
            items.retain(|item| !value.items().contains(item));
        }
        return Ok(());
    }
    if let Some(name) = key.strip_prefix(ORDER) {
        let Some(Data::List(items)) = out.get_mut(name).map(|node| &mut node.data) else {
            return Ok(());
        };
        let is = |item: &Node, wanted: &Node| match shape.list(name) {
            Merge::By(keys) => same(item, wanted, keys),
            Merge::Atomic | Merge::Set => item == wanted,
        };
        // Items that the order does not mention follow those it does, as they stood.
        items.sort_by_key(|item| {
            let at = value.items().iter().position(|wanted| is(item, wanted));
            at.unwrap_or(usize::MAX)
        });
        return Ok(());
    }
    if is_directive(key) {
        return Ok(());
    }
    Err(Problem::new(
        format!("`{}` is not a directive of strategic merge patches", inside(path, key)),
        "the directives are $patch, $retainKeys, $setElementOrder/… and $deleteFromPrimitiveList/…",
    ))
}

fn expect_same_kind(old: &Node, new: &Node, path: &str) -> Result<(), Problem> {
    let word = |node: &Node| match node.data {
        Data::Scalar { .. } => "a single value",
        Data::List(_) => "a list",
        Data::Map(_) => "a mapping",
    };
    let (has, gives) = (word(old), word(new));
    if has == gives {
        return Ok(());
    }
    Err(Problem::new(
        format!("`{path}` is {has}, and the patch gives {gives}"),
        format!("write {has}, or remove the field with null in a patch before this one"),
    ))
}

fn inside(path: &str, key: &str) -> String {
    if path.is_empty() { key.to_owned() } else { format!("{path}.{key}") }
}
