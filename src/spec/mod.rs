//! previews.yaml and affected.yaml exactly as written: types, defaults, and the strict reader.

mod affected;
mod flux;
mod form;
mod limits;
mod pattern;
mod preview;
mod read;
mod registries;
mod routing;
pub(crate) mod schema;
mod services;
mod time;
mod v1alpha1;

pub(crate) use affected::*;
pub(crate) use flux::*;
pub(crate) use limits::*;
pub(crate) use preview::*;
pub use preview::{Change, Trust};
pub use read::Config;
pub(crate) use read::{foreign_to_us, misread, read_affected};
pub(crate) use routing::*;
pub(crate) use services::*;
pub(crate) use time::time;
pub(crate) use v1alpha1::*;

/// The `apiVersion` of previews.yaml.
pub(crate) const API_VERSION: &str = "anabranch.dev/v1alpha1";
/// The `kind` of previews.yaml.
pub(crate) const KIND: &str = "Previews";
/// The `kind` of affected.yaml.
pub(crate) const AFFECTED_KIND: &str = "Affected";
