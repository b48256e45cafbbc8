//! anabranch: a compiler from `previews.yaml` and a baseline to preview environments.
//!
//! ```text
//! read -> validate -> model -> plan -> emit -> write
//! ```
//!
//! The program is the product; the library is what the binary, the tests, the fuzz targets and the benchmarks
//! call. Of use to others may be:
//!
//! - [`yaml`]: texts to trees with places, and back;
//! - [`edit`]: changes of `previews.yaml` in place;
//! - [`pipeline`]: objects and a configuration to the objects of all previews;
//! - [`command::respond`]: a ResourceList to the answer of the KRM function.
//!
//! Each of them says what is wrong with [`diagnostic`], and keeps to [`limits`]. The binary needs [`cli`] and
//! [`command::run`], the documentation [`treatment`]. Everything else is private.
//!
//! A module uses only those before it; `tests/suite/layers.rs` has the whole order.

mod ordered;

pub mod diagnostic;
pub mod limits;
pub mod yaml;

mod diff;
pub mod edit;
mod emit;
mod kube;
mod model;
mod plan;
mod read;
mod spec;
mod validate;
mod write;

mod affected;
mod arguments;
pub mod cli;
pub mod command;
pub mod pipeline;

/// What previews do with each kind of object of an estate, for the tables of `docs/guide/estates.md`.
pub use plan::treatment;
