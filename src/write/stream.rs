//! Everything that one Flux Kustomization can apply, in an order that people can read: the baseline
//! where it is delivered, each preview, what they share, and the Flux objects.

use crate::emit::{Common, Document, Form, Preview};
use crate::kube::{Object, sort_by_id};

/// What a preview brings to a stream: its environment, in order, and its Flux objects.
#[must_use]
pub fn parts<D: Form>(preview: Preview<'_, D>) -> [Vec<D>; 2] {
    [preview.own.into_iter().map(|(_, object)| object).collect(), preview.flux]
}

/// Documents as one text, a `---` line between them.
#[must_use]
pub fn join<'d>(documents: impl IntoIterator<Item = &'d Document> + Clone) -> String {
    let length: usize = documents.clone().into_iter().map(|document| document.text.len() + 4).sum();
    let mut text = String::with_capacity(length);
    for (index, document) in documents.into_iter().enumerate() {
        if index > 0 {
            text.push_str("---\n");
        }
        text.push_str(&document.text);
    }
    text
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
    sort_by_id(&mut baseline, |object| &object.id);
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
