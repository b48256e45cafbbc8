//! JSON 6902 patches, through the `json-patch` crate.
//!
//! The object goes through JSON and back, and JSON knows no YAML spelling: `0444` comes back as
//! `292`, `~` as `null`. So whatever the patch left as it was is taken from the object again, with
//! its spelling and its place. What remains normalised is what the patch itself wrote or moved.
//! Numbers keep their text on the way (serde_json's `arbitrary_precision`), which also means that
//! `test` compares them as text: 1 is not 1.0.

use json_patch::{PatchError, PatchErrorKind, PatchOperation};
use serde_json::Value;

use super::{NEW, Problem, relocate};
use crate::diagnostic::Place;
use crate::limits::Allowance;
use crate::yaml::{Data, Node};

/// Reads a list of operations.
pub(super) fn parse(operations: &Node) -> Result<json_patch::Patch, Problem> {
    if operations.items().is_empty() {
        return Err(Problem::new("has no operations", "remove the entry"));
    }
    let mut patch = Vec::with_capacity(operations.items().len());
    for (index, operation) in operations.items().iter().enumerate() {
        patch.push(serde_json::from_value(operation.to_json()).map_err(|error| {
            Problem::new(
                format!("has an operation that is not one (number {}): {error}", index + 1),
                "an operation has `op` (add, remove, replace, move, copy, test), `path` (a JSON \
                 pointer that begins with /) and what its op needs: `value` or `from`",
            )
        })?);
    }
    Ok(json_patch::Patch(patch))
}

/// Whether a patch may take values of the object to other places in it.
pub(super) fn moves_values(patch: &json_patch::Patch) -> bool {
    let moves = |one| matches!(one, &PatchOperation::Move(_) | &PatchOperation::Copy(_));
    patch.iter().any(moves)
}

/// The object that a patch makes of an object.
pub(super) fn apply(
    object: &Node,
    patch: &json_patch::Patch,
    place: Place,
    allowance: &mut Allowance,
) -> Result<Node, Problem> {
    let mut json = object.to_json();
    for (index, operation) in patch.iter().enumerate() {
        if let PatchOperation::Copy(copy) = operation {
            // A few copies, each of what those before it made, would fill any memory.
            let from = json.pointer(copy.from.as_str());
            allowance.take(NEW * from.map_or(0, weight))?;
        }
        let one = std::slice::from_ref(operation);
        json_patch::patch_unsafe(&mut json, one)
            .map_err(|error| problem(index, operation, &error))?;
    }
    let mut patched = Node::from_json(json);
    relocate(&mut patched, place);
    Ok(keep(object, patched))
}

/// How many values and keys there are; each 64 bytes of a text count as one.
fn weight(value: &Value) -> usize {
    1 + match value {
        Value::String(text) => text.len() / 64,
        Value::Array(items) => items.iter().map(weight).sum(),
        Value::Object(entries) => {
            entries.iter().map(|(key, value)| 1 + key.len() / 64 + weight(value)).sum()
        }
        _ => 0,
    }
}

/// What is said of the operation of this index.
fn problem(index: usize, operation: &PatchOperation, error: &PatchError) -> Problem {
    let (op, number) = (name(operation), index + 1);
    let pointer = "compare the path with the object: list items count from 0, and `/` within a \
                       key is written `~1`; what an `add` adds to must be there";
    let (why, help) = match error.kind {
        PatchErrorKind::InvalidPointer => ("the object has nothing there", pointer),
        PatchErrorKind::InvalidFromPointer => ("the object has nothing at `from`", pointer),
        PatchErrorKind::TestFailed => (
            "the value there is another",
            "the patch was written for an object that has changed: look at it again",
        ),
        _ => ("a value cannot move into itself", "choose a path outside of `from`"),
    };
    Problem::new(format!("operation {number} ({op} {}): {why}", error.path), help)
}

fn name(operation: &PatchOperation) -> &'static str {
    match operation {
        PatchOperation::Add(_) => "add",
        PatchOperation::Remove(_) => "remove",
        PatchOperation::Replace(_) => "replace",
        PatchOperation::Move(_) => "move",
        PatchOperation::Copy(_) => "copy",
        PatchOperation::Test(_) => "test",
    }
}

/// Takes what is equal from the old tree.
fn keep(old: &Node, new: Node) -> Node {
    if *old == new {
        return old.clone();
    }
    let place = new.place;
    match (&old.data, new.data) {
        (Data::Map(_), Data::Map(entries)) => {
            let mut out = Vec::with_capacity(entries.len());
            for (mut key, value) in entries {
                let before = old.entries().iter().find(|(found, _)| found.text == key.text);
                let value = match before {
                    Some((found, before)) => {
                        key = found.clone();
                        keep(before, value)
                    }
                    None => value,
                };
                out.push((key, value));
            }
            Node { data: Data::Map(out), place: old.place }
        }
        (Data::List(before), Data::List(items)) => {
            // Mostly little changes in the middle; what does is not compared with a long list.
            let start = before.iter().zip(&items).take_while(|(old, new)| old == new).count();
            let ends = before[start..].iter().rev().zip(items[start..].iter().rev());
            let end = ends.take_while(|(old, new)| old == new).count();
            let (old_end, new_end) = (before.len() - end, items.len() - end);
            let few = before.len().saturating_mul(new_end - start) <= 100_000;
            let mut out = Vec::with_capacity(items.len());
            for (index, item) in items.into_iter().enumerate() {
                if index < start {
                    out.push(before[index].clone());
                    continue;
                }
                if index >= new_end {
                    out.push(before[old_end + index - new_end].clone());
                    continue;
                }
                // An item that an insertion or removal moved is found by its value.
                let moved = before.iter().filter(|_| few).find(|old| **old == item);
                out.push(match (moved, before.get(index)) {
                    (Some(old), _) => old.clone(),
                    (None, Some(old)) => keep(old, item),
                    (None, None) => item,
                });
            }
            Node { data: Data::List(out), place: old.place }
        }
        (_, data) => Node { data, place },
    }
}
