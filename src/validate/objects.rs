//! No object is in the input twice, and no name of ours is taken.

use super::Input;
use crate::diagnostic::{Diagnostic, code};

pub(super) fn check(input: &Input<'_>, found: &mut Vec<Diagnostic>) {
    // They are in order.
    for same in input.objects.chunk_by(|a, b| a.id == b.id) {
        for again in &same[1..] {
            found.push(
                Diagnostic::new(
                    &code::DUPLICATE_OBJECT,
                    format!("{} is in the input twice", again.id),
                    "keep one of the two, or pass only one of the files that hold it",
                )
                .at(again.place(), "again here")
                .also(same[0].place(), "first here"),
            );
        }
    }
}
