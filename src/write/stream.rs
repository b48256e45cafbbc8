//! The stream: everything that one Flux Kustomization can apply, in an order for people.

use crate::emit::{Common, Draft, HoleValues, Preview};

/// The objects in the order of the stream: each preview, shared objects, and Flux objects. Without `common` only those
/// of previews.
pub(crate) fn in_order<'a, 'e>(
    previews: &'a [Preview<'_, 'e>],
    common: Option<&'a Common<'e>>,
) -> impl Iterator<Item = (&'a Draft<'e>, HoleValues<'a>)> {
    let own = previews
        .iter()
        .flat_map(|preview| preview.environment.iter().map(|(_, draft)| (draft, preview.values())));
    let flux = previews
        .iter()
        .flat_map(|preview| preview.flux.iter().map(|draft| (draft, preview.values())));
    let of_all = |draft| (draft, HoleValues::NONE);
    own.chain(common.into_iter().flat_map(|common| &common.shared).map(of_all))
        .chain(flux)
        .chain(common.into_iter().flat_map(|common| common.flux.values().flatten()).map(of_all))
}

/// Appends the texts of drafts with these values, with a `---` line before each but the first.
pub(crate) fn append<'t>(
    out: &mut String,
    values: HoleValues<'_>,
    drafts: impl IntoIterator<Item = &'t Draft<'t>>,
) {
    for draft in drafts {
        if !out.is_empty() {
            out.push_str("---\n");
        }
        draft.write(values, out);
    }
}
