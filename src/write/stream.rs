//! Everything that one Flux Kustomization can apply, in an order that people can read: the baseline
//! where it is delivered, each preview, what they share, and the Flux objects.

use crate::emit::{Common, Preview};
use crate::kube::{Object, sort};

/// What a preview brings to a stream: its environment, in order, and its Flux objects.
#[must_use]
pub fn parts(preview: Preview) -> [Vec<Object>; 2] {
    let mut own: Vec<Object> = preview.files.into_values().flatten().collect();
    sort(&mut own);
    [own, preview.flux]
}

/// The parts of a stream, in order. `baseline` are the objects to deliver with it; `as_part` makes a
/// part of objects that belong to no preview.
#[must_use]
pub fn stream<T>(
    previews: Vec<[T; 2]>,
    common: Common,
    mut baseline: Vec<Object>,
    as_part: impl Fn(Vec<Object>) -> T,
) -> Vec<T> {
    sort(&mut baseline);
    let mut stream = vec![as_part(baseline)];
    let mut flux = Vec::new();
    for [own, suites] in previews {
        stream.push(own);
        flux.push(suites);
    }
    stream.push(as_part(common.shared));
    stream.extend(flux);
    stream.push(as_part(common.flux.into_values().flatten().collect()));
    stream
}
