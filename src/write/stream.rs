//! Everything that one Flux Kustomization can apply, in an order that people can read.

use crate::emit::{Common, Document, Form, Preview};
use crate::kube::Object;

/// What a preview brings to a stream: its environment, in order, and its Flux objects.
#[must_use]
pub fn parts<D: Form>(preview: Preview<'_, D>) -> [Vec<D>; 2] {
    [preview.own.into_iter().map(|(_, object)| object).collect(), preview.flux]
}

/// Adds documents to a text, a `---` line before each but the first of the text.
pub fn append<'d>(text: &mut String, documents: impl IntoIterator<Item = &'d Document>) {
    for document in documents {
        if !text.is_empty() {
            text.push_str("---\n");
        }
        text.push_str(&document.text);
    }
}

/// Documents as one text, a `---` line between them.
#[must_use]
pub fn join<'d>(documents: impl IntoIterator<Item = &'d Document>) -> String {
    let mut text = String::new();
    append(&mut text, documents);
    text
}

/// Objects in the order of a stream: each preview, what previews share, and the Flux objects.
pub fn stream(previews: Vec<[Vec<Object>; 2]>, common: Common) -> impl Iterator<Item = Object> {
    let (own, flux): (Vec<_>, Vec<_>) = previews.into_iter().map(|[own, flux]| (own, flux)).unzip();
    let own = own.into_iter().flatten().chain(common.shared);
    own.chain(flux.into_iter().flatten()).chain(common.flux.into_values().flatten())
}
