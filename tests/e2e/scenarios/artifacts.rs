//! An artifact of each preview: a push of one touches no other, and runs may overlap.

use std::time::{Duration, Instant};

use super::fleet::{Fleet, SET, Shard, left_of, name, revision};
use crate::books::Books;
use crate::lab::{Outcome, ensure, wait};

const PATIENCE: Duration = Duration::from_secs(60);

pub(crate) fn run(_: &mut Books) -> Outcome<String> {
    let shards = [Shard::start(1)?, Shard::start(2)?];
    let mut fleet = Fleet::new(true, 2)?;
    fleet.previews = (0..3).map(|number| (name(number), 1)).collect();
    fleet.push()?;
    fleet.introduce()?;
    let names: Vec<String> = (0..3).map(name).collect();
    let all: Vec<&str> = names.iter().map(String::as_str).collect();
    fleet.settle(&all)?;
    let [first, changed, gone] = all.as_slice() else { return Err("three previews".to_owned()) };

    for shard in &shards {
        let count = shard.reconciliations()?;
        ensure(count > 0.0, || "one of two kustomize-controllers has nothing to do".to_owned())?;
    }

    let root = revision(SET)?;
    let others = [revision(&format!("{SET}.{first}"))?, revision(&format!("{SET}.{gone}"))?];
    fleet.previews[1].1 = 2;
    let pushed = fleet.push()?;
    ensure(
        matches!(pushed.as_slice(), [only] if only.starts_with(&format!("{changed}: pushed"))),
        || format!("only {changed} has changed, and this was pushed: {pushed:?}"),
    )?;
    let begun = Instant::now();
    wait("the new image", PATIENCE, || fleet.runs(changed))?;
    let image = begun.elapsed().as_secs_f64();
    fleet.settle(&[changed])?;
    let tested = begun.elapsed().as_secs_f64();
    let now = [revision(&format!("{SET}.{first}"))?, revision(&format!("{SET}.{gone}"))?];
    ensure(root == revision(SET)? && others == now, || "other previews have moved".to_owned())?;
    let again = fleet.push_checkout()?;
    ensure(again.is_empty(), || format!("nothing has changed, and this was pushed: {again:?}"))?;

    fleet.previews.pop();
    let removed = fleet.push()?;
    ensure(removed.iter().any(|line| line == &format!("{gone}: removed")), || {
        format!("{gone} is gone, and the script said {removed:?}")
    })?;
    wait("everything of the preview to be gone", PATIENCE, || {
        let left = left_of(gone)?;
        ensure(left.is_empty(), || format!("{} objects", left.len()))
    })?;
    let tags = fleet.tags()?;
    ensure(!tags.iter().any(|tag| tag.contains(gone)), || format!("the registry has {tags:?}"))?;

    // The run of the commit before comes last.
    fleet.go_back()?;
    let late = fleet.push_checkout()?;
    ensure(late == ["a later commit is pushed already"], || {
        format!("an older commit was pushed: {late:?}")
    })?;
    fleet.settle(&[first, changed])?;
    let left = left_of(gone)?;
    ensure(left.is_empty(), || format!("a late run has brought {gone} back"))?;

    fleet.end()?;
    Ok(format!(
        "a push of one of three previews: its image {image:.1} s later, its suite green {tested:.0} s later on the revision \
         that runs, the others untouched; two kustomize-controllers share them; one removed, nothing left of it; a run of an older commit that came late changed nothing"
    ))
}
