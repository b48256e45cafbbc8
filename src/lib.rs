//! anabranch: a compiler from `previews.yaml` and a baseline to preview environments.
//!
//! ```text
//! read -> validate -> model -> plan -> emit -> write
//! ```
//!
//! A module uses only those before it; `tests/suite/layers.rs` has the whole order.

pub mod diagnostic;
pub mod limits;
pub mod yaml;

pub(crate) mod diff;
pub mod edit;
pub mod emit;
pub mod kube;
pub mod model;
pub mod plan;
pub mod read;
pub mod spec;
pub mod validate;
pub mod write;

pub mod affected;
pub mod arguments;
pub mod cli;
pub mod command;
pub mod pipeline;
