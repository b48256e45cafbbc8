//! previews.yaml and affected.yaml exactly as written: types, defaults, and the strict reader.

mod affected;
mod flux;
mod form;
mod pattern;
mod preview;
mod read;
mod registries;
mod schema;
mod time;
mod v1alpha1;

pub use affected::*;
pub use flux::*;
pub use preview::*;
pub(crate) use read::foreign_to_us;
pub use read::{Config, read_affected};
pub use registries::Registries;
pub use schema::{affected_schema, definition, previews_schema};
pub use time::time;
pub use v1alpha1::*;

/// The `apiVersion` of previews.yaml.
pub const API_VERSION: &str = "anabranch.dev/v1alpha1";
/// The `kind` of previews.yaml.
pub const KIND: &str = "Previews";
/// The `kind` of affected.yaml.
pub const AFFECTED_KIND: &str = "Affected";
