//! No object is in the input twice, and no name of ours is taken.

use super::Input;
use crate::diagnostic::{Diagnostic, Report, code};

pub(super) fn check(input: &Input<'_>, found: &mut Report) {
    // They are in order.
    let same = input.objects.chunk_by(|a, b| a.id == b.id);
    let twice = same.flat_map(|same| same[1..].iter().map(|again| (&same[0], again)));
    // A finding is larger than an object can be.
    found.extend(twice.take(Report::KEPT + 1).map(|(first, again)| {
        Diagnostic::new(
            &code::DUPLICATE_OBJECT,
            format!("{} is in the input twice", again.id),
            "keep one of the two, or pass only one of the files that hold it",
        )
        .at(again.place(), "again here")
        .also(first.place(), "first here")
    }));
}
