//! Templates: what most previews have alike is made once and filled in for each of them.
//!
//! A thousand previews of one service differ in a few values: their name, their namespace, an image, a commit.
//! So an object is made in the ordinary way for a preview whose name and namespace are [marks], and whose
//! other values are marks too. It is written as text, and the text is cut at the marks: that is a
//! [`Stencil`](stencil::Stencil). A preview then takes a reference to the stencil and its own values, a
//! [`Draft`], and its text is made when it is written. Neither a tree nor a text of its own takes memory
//! before that, which makes a thousand previews four times as fast as in the ordinary way, with a third of the
//! memory.
//!
//! - `cache.rs` knows which [parts](Part) a preview has, makes each in the ordinary way or with marks, and
//!   keeps the stencils of each by whatever previews may differ in besides values.
//! - `stencil.rs` cuts texts, and has the drafts.
//! - `values.rs` has what holes are filled with.
//! - `host_rules.rs` does the same for the rules of many previews in one VirtualService.
//!
//! Always true: a draft is byte for byte what the ordinary way gives. Builds for debugging make every object in
//! both ways and compare them, so every test is a test of this. No input can hold a mark. A preview whose name
//! YAML may take for something else than a word is made in the ordinary way.
//!
//! [marks]: crate::yaml::mark

mod cache;
mod host_rules;
mod stencil;
mod values;

pub(super) use cache::{Maker, Part, Parts};
pub(crate) use stencil::Draft;
pub(super) use values::names_of;
pub(crate) use values::{HoleValues, PreviewValues};
