//! Applies strategic merge patches.
//!
//! The rules are those of Kubernetes
//! (<https://github.com/kubernetes/community/blob/master/contributors/devel/sig-api-machinery/strategic-merge-patch.md>).
//! The order is that of kustomize: list items of the patch come before the others. In two cases kustomize 5.8 loses a
//! part of a patch, where Kubernetes and this module apply it: `$patch: replace` in a list item, and ports of which only
//! the patch or only the object names the protocol. An unknown directive is an error, because it would end up in the
//! object.

use std::collections::{HashMap, HashSet};
use std::fmt;

use foldhash::fast::RandomState;

use super::lookup::{Fields, Keyed, canonical, identity};
use super::merge_keys::{Merge, MergeKeys};
use crate::diagnostic::Problem;
use crate::yaml::{Data, Node};

const RETAIN_KEYS: &str = "$retainKeys";
const ORDER: &str = "$setElementOrder/";
const DELETE_FROM: &str = "$deleteFromPrimitiveList/";

/// The path of a field in the object. Only messages make a text of it.
#[derive(Clone, Copy)]
enum Path<'p> {
    Root,
    Field(&'p Path<'p>, &'p str),
}

impl fmt::Display for Path<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Root => Ok(()),
            Self::Field(Self::Root, key) => f.write_str(key),
            Self::Field(parent, key) => write!(f, "{parent}.{key}"),
        }
    }
}

/// Applies a patch to an object.
pub(super) fn apply(object: Node, patch: &Node) -> Result<Node, Problem> {
    let merge_keys = MergeKeys::of(&object);
    match directive(patch, Path::Root)? {
        Directive::Merge => merge(Some(object), patch, merge_keys, Path::Root),
        Directive::Replace => merge(None, patch, merge_keys, Path::Root),
        Directive::Delete => Err(Problem::new(
            "it deletes the whole object",
            "a preview needs what was copied for its services; remove the patch",
        )),
    }
}

/// Merges a mapping of a patch into the mapping that the object has there.
fn merge(
    old: Option<Node>,
    patch: &Node,
    merge_keys: MergeKeys,
    path: Path<'_>,
) -> Result<Node, Problem> {
    let old = old
        .filter(|old| !old.is_null())
        .unwrap_or_else(|| Node { data: Data::default(), place: patch.place });
    expect_same_kind(&old, patch, path)?;
    let place = old.place;
    let mut out = Fields::of(old);
    if let Some(keep) = patch.get(RETAIN_KEYS) {
        let keep: HashSet<&str, RandomState> = keep.items().iter().filter_map(Node::text).collect();
        out.retain(|key| keep.contains(key));
    }
    for (key, value) in patch.entries() {
        if !key.text.starts_with('$') {
            let old = out.take(&key.text);
            out.put(key, field(old, value, merge_keys, &key.text, Path::Field(&path, &key.text))?);
        }
    }
    // After the fields: these directives order and shorten the merged lists.
    for (key, value) in patch.entries() {
        if key.text.starts_with('$') {
            list_directive(&mut out, &key.text, value, merge_keys, path)?;
        }
    }
    Ok(Node { data: out.into_data(), place })
}

/// The new value of a field that a patch names; `None` if the patch removes it.
fn field(
    old: Option<Node>,
    value: &Node,
    merge_keys: MergeKeys,
    key: &str,
    path: Path<'_>,
) -> Result<Option<Node>, Problem> {
    if value.is_null() {
        return Ok(None);
    }
    if let (Some(old), false) = (&old, matches!(value.data, Data::Map(_)))
        && !old.is_null()
    {
        expect_same_kind(old, value, path)?;
    }
    Ok(match &value.data {
        Data::Scalar { .. } => Some(value.clone()),
        Data::Map(_) => match directive(value, path)? {
            Directive::Merge => Some(merge(old, value, merge_keys.below(key), path)?),
            Directive::Replace => Some(merge(None, value, merge_keys.below(key), path)?),
            Directive::Delete => None,
        },
        Data::List(items) => {
            let old = match old.map(|old| old.data) {
                Some(Data::List(old)) => old,
                _ => Vec::new(),
            };
            let items = match merge_keys.list(key) {
                Merge::Atomic => Some(atomic(items, path)?),
                Merge::Set => Some(set(old, items)),
                Merge::By(keys) => by_key(old, items, keys, merge_keys.below(key), path)?,
            };
            items.map(|items| Node { data: Data::List(items), place: value.place })
        }
    })
}

/// The new items of a list that is replaced as a whole. Refuses directives, which would be copied into the object.
fn atomic(items: &[Node], path: Path<'_>) -> Result<Vec<Node>, Problem> {
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

/// The new items of a list of unique scalars: those of the patch, then the others.
fn set(old: Vec<Node>, items: &[Node]) -> Vec<Node> {
    let mut seen: HashSet<String, RandomState> = HashSet::default();
    items.iter().cloned().chain(old).filter(|item| seen.insert(canonical(item))).collect()
}

/// The new items of a list with merge keys: those of the patch, each merged into the one that it changes, then the
/// others. `None` if the patch deletes the list.
fn by_key(
    old: Vec<Node>,
    items: &[Node],
    keys: &'static [&'static str],
    merge_keys: MergeKeys,
    path: Path<'_>,
) -> Result<Option<Vec<Node>>, Problem> {
    let (mut old, mut out) = (Keyed::new(old, keys), Keyed::new(Vec::new(), keys));
    for item in items {
        let of_list = item.entries().len() == 1 && item.get("$patch").is_some();
        match (of_list, directive(item, path)?) {
            (true, Directive::Replace) => old = Keyed::new(Vec::new(), keys),
            (true, Directive::Delete) => return Ok(None),
            (true, Directive::Merge) => {}
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
                // A patch may name an item twice: the second time it changes the result of the first.
                let of_object = old.take(item);
                let existing = out.take_same(item).or(of_object);
                match directive {
                    Directive::Delete => {}
                    Directive::Replace => out.push(merge(None, item, merge_keys, path)?),
                    Directive::Merge => out.push(merge(existing, item, merge_keys, path)?),
                }
            }
        }
    }
    Ok(Some(out.into_items().chain(old.into_items()).collect()))
}

#[derive(Clone, Copy)]
enum Directive {
    Merge,
    Replace,
    Delete,
}

/// The directive in a mapping: its value of `$patch`.
fn directive(node: &Node, path: Path<'_>) -> Result<Directive, Problem> {
    let Some(value) = node.get("$patch") else {
        return Ok(Directive::Merge);
    };
    match value.text() {
        Some("merge") => Ok(Directive::Merge),
        Some("replace") => Ok(Directive::Replace),
        Some("delete") => Ok(Directive::Delete),
        other => Err(Problem::new(
            format!("`{}` cannot be `{}`", Path::Field(&path, "$patch"), other.unwrap_or("null")),
            "`$patch` takes merge, replace or delete",
        )),
    }
}

fn is_directive(key: &str) -> bool {
    key == "$patch" || key == RETAIN_KEYS || key.starts_with(ORDER) || key.starts_with(DELETE_FROM)
}

/// Carries out a directive about a list of the same mapping: `$deleteFromPrimitiveList/…` or `$setElementOrder/…`.
fn list_directive(
    out: &mut Fields,
    key: &str,
    value: &Node,
    merge_keys: MergeKeys,
    path: Path<'_>,
) -> Result<(), Problem> {
    if let Some(name) = key.strip_prefix(DELETE_FROM) {
        let gone: HashSet<String, RandomState> = value.items().iter().map(canonical).collect();
        if let Some(items) = out.items_mut(name) {
            items.retain(|item| !gone.contains(&canonical(item)));
        }
        return Ok(());
    }
    if let Some(name) = key.strip_prefix(ORDER) {
        let Some(items) = out.items_mut(name) else {
            return Ok(());
        };
        match merge_keys.list(name) {
            Merge::By(keys) => put_in_order(items, value, |item| identity(item, keys)),
            Merge::Atomic | Merge::Set => put_in_order(items, value, |item| Some(canonical(item))),
        }
        return Ok(());
    }
    if is_directive(key) {
        return Ok(());
    }
    Err(Problem::new(
        format!("`{}` is not a directive of strategic merge patches", Path::Field(&path, key)),
        "the directives are $patch, $retainKeys, $setElementOrder/… and $deleteFromPrimitiveList/…",
    ))
}

/// Sorts items into the wanted order. Those that it does not name follow in their present order.
fn put_in_order<K: Eq + std::hash::Hash>(
    items: &mut [Node],
    wanted: &Node,
    name: impl Fn(&Node) -> Option<K>,
) {
    let mut positions: HashMap<K, usize, RandomState> = HashMap::default();
    for (position, item) in wanted.items().iter().enumerate() {
        if let Some(name) = name(item) {
            positions.entry(name).or_insert(position);
        }
    }
    items.sort_by_cached_key(|item| {
        name(item).and_then(|name| positions.get(&name).copied()).unwrap_or(usize::MAX)
    });
}

/// Refuses a value of another sort than the object has: a mapping in place of a list, say.
fn expect_same_kind(old: &Node, new: &Node, path: Path<'_>) -> Result<(), Problem> {
    let describe = |node: &Node| match node.data {
        Data::Scalar { .. } => "a single value",
        Data::List(_) => "a list",
        Data::Map(_) => "a mapping",
    };
    let (has, gives) = (describe(old), describe(new));
    if has == gives {
        return Ok(());
    }
    Err(Problem::new(
        format!("`{path}` is {has}, and the patch gives {gives}"),
        format!("write {has}, or remove the field with null in a patch before this one"),
    ))
}
