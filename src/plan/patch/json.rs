//! JSON 6902 patches: operations that each change one place of an object.
//!
//! They act on the tree itself, so whatever a patch leaves as it was keeps its spelling and its place,
//! and what it writes is spelt as it writes it. `test` compares numbers as text: 1 is not 1.0.
//!
//! Every operation is counted before it acts: what it copies or compares, how many keys it passes on its
//! way, and how many neighbours it moves. None may build more levels than a text may have.

use super::pointer::{Pointer, find_mut, index};
use super::{NEW, Problem, relocate};
use crate::diagnostic::Place;
use crate::limits::{Allowance, Exceeded};
use crate::yaml::{Data, Key, Node};

/// One operation.
#[derive(Debug, Clone)]
pub(super) struct Operation {
    action: Action,
    path: Pointer,
}

/// What an operation does at its path.
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
pub(super) fn parse(operations: &Node, allowance: &Allowance) -> Result<Vec<Operation>, Problem> {
    if operations.items().is_empty() {
        return Err(Problem::new("has no operations", "remove the entry"));
    }
    let numbered = operations.items().iter().zip(1..);
    numbered
        .map(|(operation, number)| {
            let read = Operation::read(operation).map_err(|why| {
                Problem::new(
                    format!("has an operation that is not one (number {number}): {why}"),
                    "an operation has `op` (add, remove, replace, move, copy, test), `path` (a JSON \
                     pointer that begins with /) and what its op needs: `value` or `from`",
                )
            })?;
            // What leads deeper than anything may be is not kept.
            match allowance.check_depth(read.levels()) {
                Ok(()) => Ok(read),
                Err(exceeded) => Err(read.problem(number, exceeded.into())),
            }
        })
        .collect()
}

/// Whether a patch may take values of the object to other places in it.
pub(super) fn moves_values(operations: &[Operation]) -> bool {
    operations.iter().any(|one| matches!(one.action, Action::Move(_) | Action::Copy(_)))
}

/// The object that a patch makes of an object.
pub(super) fn apply(
    object: &Node,
    operations: &[Operation],
    place: Place,
    allowance: &mut Allowance,
) -> Result<Node, Problem> {
    let mut patched = object.clone();
    for (operation, number) in operations.iter().zip(1..) {
        operation
            .apply(&mut patched, place, allowance)
            .map_err(|problem| operation.problem(number, problem))?;
    }
    Ok(patched)
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
        Ok(Self { action, path: pointer("path")? })
    }

    /// How many levels its pointers lead down.
    fn levels(&self) -> usize {
        let from = match &self.action {
            Action::Move(from) | Action::Copy(from) => from.levels(),
            _ => 0,
        };
        from.max(self.path.levels())
    }

    /// The same problem, with the operation that has it.
    fn problem(&self, number: usize, problem: Problem) -> Problem {
        let (op, path) = (self.action.name(), &self.path);
        Problem::new(format!("operation {number} ({op} {path}): {}", problem.text), problem.help)
    }

    fn apply(
        &self,
        object: &mut Node,
        place: Place,
        allowance: &mut Allowance,
    ) -> Result<(), Problem> {
        match &self.action {
            Action::Add(value) => {
                allowance.take(value.weight())?;
                add(object, &self.path, value.clone(), place, allowance)
            }
            Action::Remove => {
                remove(object, &self.path, allowance)?.map(drop).ok_or_else(nothing_there)
            }
            Action::Replace(value) => {
                allowance.take(value.weight())?;
                allowance.check_depth(self.path.levels() + value.depth())?;
                let found = find_mut(object, self.path.steps(), allowance)?;
                *found.ok_or_else(nothing_there)? = value.clone();
                Ok(())
            }
            Action::Move(from) => {
                if self.path.is_below(from) {
                    let help = "choose a path outside of `from`";
                    return Err(Problem::new("a value cannot move into itself", help));
                }
                let mut value = remove(object, from, allowance)?.ok_or_else(nothing_at_from)?;
                allowance.take(value.weight())?;
                relocate(&mut value, place);
                add(object, &self.path, value, place, allowance)
            }
            Action::Copy(from) => {
                let found = from.find(object, allowance)?.ok_or_else(nothing_at_from)?;
                // A few copies, each of what those before it made, would fill any memory.
                allowance.take(NEW * found.weight())?;
                let mut value = found.clone();
                relocate(&mut value, place);
                add(object, &self.path, value, place, allowance)
            }
            Action::Test(value) => {
                allowance.take(value.weight())?;
                let found = self.path.find(object, allowance)?.ok_or_else(nothing_there)?;
                let help = "the patch was written for an object that has changed: look at it again";
                let differs = || Problem::new("the value there is another", help);
                (found == value).then_some(()).ok_or_else(differs)
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

/// Puts a value where a pointer leads: before an item of a list, or to a key.
fn add(
    object: &mut Node,
    path: &Pointer,
    value: Node,
    place: Place,
    allowance: &mut Allowance,
) -> Result<(), Problem> {
    allowance.check_depth(path.levels() + value.depth())?;
    let Some((way, last)) = path.split() else {
        *object = value;
        return Ok(());
    };
    let parent = find_mut(object, way, allowance)?.ok_or_else(nothing_there)?;
    match &mut parent.data {
        Data::Scalar { .. } => return Err(nothing_there()),
        Data::List(items) => {
            let end = items.len();
            let at = if last == "-" { Some(end) } else { index(last, end + 1) };
            let at = at.ok_or_else(nothing_there)?;
            allowance.pass(end - at)?;
            items.insert(at, value);
        }
        Data::Map(entries) => {
            allowance.pass(entries.len())?;
            match entries.iter_mut().find(|(key, _)| key.text == last) {
                Some((_, old)) => *old = value,
                None => entries.push((Key { text: last.into(), place }, value)),
            }
        }
    }
    Ok(())
}

/// Takes away the value that a pointer leads to.
fn remove(
    object: &mut Node,
    path: &Pointer,
    allowance: &mut Allowance,
) -> Result<Option<Node>, Exceeded> {
    let Some((way, last)) = path.split() else {
        return Ok(None);
    };
    let Some(parent) = find_mut(object, way, allowance)? else {
        return Ok(None);
    };
    match &mut parent.data {
        Data::Scalar { .. } => Ok(None),
        Data::List(items) => {
            let index = index(last, items.len());
            allowance.pass(index.map_or(0, |index| items.len() - index))?;
            Ok(index.map(|index| items.remove(index)))
        }
        Data::Map(entries) => {
            allowance.pass(entries.len())?;
            Ok(parent.remove(last))
        }
    }
}
