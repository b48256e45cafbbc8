//! Everything that one Flux Kustomization can apply, in an order that people can read.

use crate::emit::{Common, Draft, Preview, Words};
use crate::kube::Object;

/// What a preview brings to a stream: its environment, in order, and its Flux objects.
#[must_use]
pub fn parts<D>(preview: Preview<'_, D>) -> [Vec<D>; 2] {
    [preview.own.into_iter().map(|(_, object)| object).collect(), preview.flux]
}

/// Adds the texts of a preview to another, a `---` line before each but the first of it.
pub fn append<'t>(
    out: &mut String,
    words: Words<'_>,
    drafts: impl IntoIterator<Item = &'t Draft<'t>>,
) {
    for draft in drafts {
        if !out.is_empty() {
            out.push_str("---\n");
        }
        draft.write(words, out);
    }
}

/// Objects in the order of a stream: each preview, what previews share, and the Flux objects.
pub fn stream(
    previews: Vec<[Vec<Object>; 2]>,
    common: Common<Object>,
) -> impl Iterator<Item = Object> {
    let (own, flux): (Vec<_>, Vec<_>) = previews.into_iter().map(|[own, flux]| (own, flux)).unzip();
    let own = own.into_iter().flatten().chain(common.shared);
    own.chain(flux.into_iter().flatten()).chain(common.flux.into_values().flatten())
}
