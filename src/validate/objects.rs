//! No object is in the input twice, and no name of ours is taken.

use std::collections::BTreeMap;

use super::Input;
use crate::diagnostic::{Diagnostic, code};
use crate::kube::Id;

pub(super) fn check(input: &Input<'_>, found: &mut Vec<Diagnostic>) {
    let mut first = BTreeMap::<&Id, _>::new();
    for object in input.objects {
        if let Some(earlier) = first.insert(&object.id, object.place()) {
            found.push(
                Diagnostic::new(
                    &code::DUPLICATE_OBJECT,
                    format!("{} is in the input twice", object.id),
                    "keep one of the two, or pass only one of the files that hold it",
                )
                .at(object.place(), "again here")
                .also(earlier, "first here"),
            );
        }
    }
}
