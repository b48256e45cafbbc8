//! Applies JSON 6902 patches: lists of operations, each on one place of an object.
//! See <https://www.rfc-editor.org/rfc/rfc6902>.
//!
//! They act on the tree. Untouched nodes keep their spelling and place, and new ones are spelt as in the patch. `test`
//! compares numbers as text: 1 is not 1.0.
//!
//! The work of an operation is charged before it acts: the nodes that it copies or compares, the keys that the search
//! passes, and the list items that it moves. No result may have more levels than a text may have.

use super::pointer::{Pointer, find_mut, index};
use super::{NEW, relocate};
use crate::diagnostic::{Place, Problem};
use crate::limits::{Exceeded, WorkShare};
use crate::yaml::scalar::MERGE;
use crate::yaml::{Data, Key, Node};

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    action: Action,
    path: Pointer,
}

/// What an operation does at its path. `Move` and `Copy` hold the pointer `from`.
#[derive(Debug, Clone)]
enum Action {
    Add(Node),
    Remove,
    Replace(Node),
    Move(Pointer),
    Copy(Pointer),
    Test(Node),
}

impl Action {
    fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Remove => "remove",
            Self::Replace(_) => "replace",
            Self::Move(_) => "move",
            Self::Copy(_) => "copy",
            Self::Test(_) => "test",
        }
    }
}

/// Reads a list of operations.
pub(super) fn parse(operations: &Node, share: &WorkShare) -> Result<Vec<Operation>, Problem> {
    if operations.items().is_empty() {
        return Err(Problem::new("has no operations", "remove the entry"));
    }
    let numbered = operations.items().iter().zip(1..);
    numbered
        .map(|(operation, number)| {
            let read = Operation::read(operation).map_err(|why| {
                Problem::new(
                    format!("has a malformed operation (number {number}): {why}"),
                    "an operation has `op` (add, remove, replace, move, copy, test), `path` (a JSON \
                     pointer that begins with /) and what its op needs: `value` or `from`",
                )
            })?;
            // No object is that deep, so the operation can fit none.
            match share.check_depth(read.levels()) {
                Ok(()) => Ok(read),
                Err(exceeded) => Err(read.problem(number, exceeded.into())),
            }
        })
        .collect()
}

/// Whether a patch may move or copy a value within the object.
pub(super) fn moves_values(operations: &[Operation]) -> bool {
    operations.iter().any(|one| matches!(one.action, Action::Move(_) | Action::Copy(_)))
}

/// Applies a patch to an object. New keys get the place.
pub(super) fn apply(
    mut object: Node,
    operations: &[Operation],
    place: Place,
    share: &mut WorkShare,
) -> Result<Node, Problem> {
    for (operation, number) in operations.iter().zip(1..) {
        operation
            .apply(&mut object, place, share)
            .map_err(|problem| operation.problem(number, problem))?;
    }
    Ok(object)
}

impl Operation {
    fn read(operation: &Node) -> Result<Self, String> {
        let field = |name: &str| operation.get(name).ok_or_else(|| format!("it has no `{name}`"));
        let pointer = |name: &str| {
            Pointer::read(field(name)?).ok_or_else(|| format!("`{name}` is not a JSON pointer"))
        };
        let value = || field("value").cloned();
        let action = match field("op")?.text().unwrap_or_default() {
            "add" => Action::Add(value()?),
            "remove" => Action::Remove,
            "replace" => Action::Replace(value()?),
            "move" => Action::Move(pointer("from")?),
            "copy" => Action::Copy(pointer("from")?),
            "test" => Action::Test(value()?),
            _ => return Err("its `op` is none of them".to_owned()),
        };
        let path = pointer("path")?;
        if path.steps().iter().any(|step| step == MERGE) {
            return Err("kustomize, which Flux runs, loses the key `<<`".to_owned());
        }
        Ok(Self { action, path })
    }

    /// The number of levels of its longest pointer.
    fn levels(&self) -> usize {
        let from = match &self.action {
            Action::Move(from) | Action::Copy(from) => from.levels(),
            _ => 0,
        };
        from.max(self.path.levels())
    }

    /// The problem, with the operation in front.
    fn problem(&self, number: usize, problem: Problem) -> Problem {
        let (op, path) = (self.action.name(), &self.path);
        Problem::new(format!("operation {number} ({op} {path}): {}", problem.message), problem.help)
    }

    fn apply(&self, object: &mut Node, place: Place, share: &mut WorkShare) -> Result<(), Problem> {
        match &self.action {
            Action::Add(value) => {
                share.take(value.weight())?;
                add(object, &self.path, value.clone(), place, share)
            }
            Action::Remove => {
                remove(object, &self.path, share)?.map(drop).ok_or_else(nothing_there)
            }
            Action::Replace(value) => {
                share.take(value.weight())?;
                share.check_depth(self.path.levels() + value.depth())?;
                let existing = find_mut(object, self.path.steps(), share)?;
                *existing.ok_or_else(nothing_there)? = value.clone();
                Ok(())
            }
            Action::Move(from) => {
                if self.path.is_below(from) {
                    let help = "choose a path outside of `from`";
                    return Err(Problem::new("a value cannot move into itself", help));
                }
                let mut value = remove(object, from, share)?.ok_or_else(nothing_at_from)?;
                share.take(value.weight())?;
                relocate(&mut value, place);
                add(object, &self.path, value, place, share)
            }
            Action::Copy(from) => {
                let source = from.find(object, share)?.ok_or_else(nothing_at_from)?;
                // A copy may contain earlier copies, so a few lines could fill any memory.
                share.take(NEW * source.weight())?;
                let mut value = source.clone();
                relocate(&mut value, place);
                add(object, &self.path, value, place, share)
            }
            Action::Test(value) => {
                share.take(value.weight())?;
                let existing = self.path.find(object, share)?.ok_or_else(nothing_there)?;
                let help = "the patch was written for an object that has changed: look at it again";
                let differs = || Problem::new("the value there is another", help);
                (existing == value).then_some(()).ok_or_else(differs)
            }
        }
    }
}

fn nothing_there() -> Problem {
    Problem::new("the object has nothing there", COMPARE)
}

fn nothing_at_from() -> Problem {
    Problem::new("the object has nothing at `from`", COMPARE)
}

const COMPARE: &str = "compare the path with the object: list items count from 0, and `/` within a key is \
                       written `~1`; what an `add` adds to must be there";

/// Adds a value where a pointer leads: before that item of a list, or at that key.
fn add(
    object: &mut Node,
    path: &Pointer,
    value: Node,
    place: Place,
    share: &mut WorkShare,
) -> Result<(), Problem> {
    share.check_depth(path.levels() + value.depth())?;
    let Some((steps, last)) = path.split() else {
        *object = value;
        return Ok(());
    };
    let parent = find_mut(object, steps, share)?.ok_or_else(nothing_there)?;
    match &mut parent.data {
        Data::Scalar { .. } => return Err(nothing_there()),
        Data::List(items) => {
            let end = items.len();
            let at = if last == "-" { Some(end) } else { index(last, end + 1) };
            let at = at.ok_or_else(nothing_there)?;
            share.pass(end - at)?;
            items.insert(at, value);
        }
        Data::Map(entries) => {
            share.pass(entries.len())?;
            match entries.iter_mut().find(|(key, _)| key.text == last) {
                Some((_, old)) => *old = value,
                None => entries.push((Key { text: last.into(), place }, value)),
            }
        }
    }
    Ok(())
}

/// Removes and returns the value that a pointer leads to.
fn remove(
    object: &mut Node,
    path: &Pointer,
    share: &mut WorkShare,
) -> Result<Option<Node>, Exceeded> {
    let Some((steps, last)) = path.split() else {
        return Ok(None);
    };
    let Some(parent) = find_mut(object, steps, share)? else {
        return Ok(None);
    };
    match &mut parent.data {
        Data::Scalar { .. } => Ok(None),
        Data::List(items) => {
            let index = index(last, items.len());
            share.pass(index.map_or(0, |index| items.len() - index))?;
            Ok(index.map(|index| items.remove(index)))
        }
        Data::Map(entries) => {
            share.pass(entries.len())?;
            Ok(parent.remove(last))
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::limits::{OutputLimits, WorkBudget};

    /// Values small enough for operations to meet.
    fn value() -> impl Strategy<Value = serde_json::Value> {
        let leaf = prop_oneof![Just("null"), Just("true"), Just("1"), Just("\"x\""), Just("\"\"")];
        let leaf = leaf.prop_map(|text| serde_json::from_str(text).expect("JSON"));
        leaf.prop_recursive(3, 12, 3, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..3).prop_map(serde_json::Value::Array),
                prop::collection::vec((step(), inner), 0..3)
                    .prop_map(|fields| fields.into_iter().collect()),
            ]
        })
    }

    fn step() -> impl Strategy<Value = String> {
        prop_oneof![
            Just("a"),
            Just("b"),
            Just("0"),
            Just("1"),
            Just("-"),
            Just("01"),
            Just(""),
            Just("~1"),
            Just("~0")
        ]
        .prop_map(str::to_owned)
    }

    fn operation() -> impl Strategy<Value = serde_json::Value> {
        let pointer = || {
            prop::collection::vec(step(), 0..4)
                .prop_map(|steps| steps.iter().map(|step| format!("/{step}")).collect::<String>())
        };
        const OPS: [&str; 6] = ["add", "remove", "replace", "move", "copy", "test"];
        (prop::sample::select(&OPS[..]), pointer(), pointer(), value()).prop_map(|(op, path, from, value)| {
            serde_json::json!({"op": op, "path": path, "from": from, "value": value})
        })
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 500, ..ProptestConfig::default() })]

        #[test]
        fn operations_do_what_another_implementation_does(
            object in value(),
            operations in prop::collection::vec(operation(), 1..4),
        ) {
            let list = Node::from_json(serde_json::Value::Array(operations.clone()));
            let work = WorkBudget::new(&OutputLimits::default());
            let ours = work.allow(|all| {
                let operations = parse(&list, all).ok()?;
                apply(Node::from_json(object.clone()), &operations, Place::default(), all).ok()
            });
            let theirs = || {
                let patch: json_patch::Patch =
                    serde_json::from_value(serde_json::Value::Array(operations.clone())).ok()?;
                let mut object = object.clone();
                json_patch::patch_unsafe(&mut object, &patch).ok()?;
                Some(Node::from_json(object))
            };
            prop_assert_eq!(ours, theirs());
        }
    }
}
