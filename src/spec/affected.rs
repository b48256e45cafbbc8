//! The fields of affected.yaml: `anabranch.dev/v1alpha1`, kind `Affected`.
//!
//! `spec.affected` of previews.yaml is the same map, where one repository holds both.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which paths of a repository belong to which service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Affected {
    /// `anabranch.dev/v1alpha1`.
    #[expect(dead_code, reason = "for the schema; it is read before the document is")]
    pub(crate) api_version: String,
    /// `Affected`.
    #[expect(dead_code, reason = "for the schema; it is read before the document is")]
    pub(crate) kind: String,
    /// The map from paths to services.
    pub(crate) spec: PathMap,
}

/// The map from paths to services. Every path must be owned, ignored or global.
///
/// Globs are relative to the root of the repository and match whole paths. `*` and `?` stay within a segment, `**`
/// matches any number of them, `[...]` is one of some characters, `{a,b}` one of some texts, `\` takes the next
/// character literally. `libs/x/**` matches a submodule or a link at `libs/x`, too. A glob that begins with `!`
/// excludes what it matches, and the last match of a list decides.
#[derive(Debug, Clone, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct PathMap {
    /// What a changed path means if the map does not name it.
    #[serde(default)]
    pub(crate) unmapped: Unmapped,
    /// Globs of paths that affect nothing; they never hide a path that a service or module names.
    #[serde(default)]
    pub(crate) ignore: Vec<String>,
    /// Globs of paths that affect every service.
    #[serde(default)]
    pub(crate) all: Vec<String>,
    /// Parts of the repository that are not services, by name.
    #[serde(default)]
    pub(crate) modules: BTreeMap<String, Module>,
    /// The services, by name.
    #[serde(default)]
    pub(crate) services: BTreeMap<String, MappedService>,
}

/// What a changed path means if the map does not name it.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "camelCase")]
pub(crate) enum Unmapped {
    /// An error, with the lines to add to the map.
    #[default]
    Error,
    /// It affects every service.
    All,
    /// It affects nothing.
    Ignore,
}

/// A part of the repository that is not a service, such as a library or a contract.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct Module {
    /// Globs of its paths.
    pub(crate) paths: Vec<String>,
    /// Modules and services that it is built from.
    #[serde(default)]
    pub(crate) uses: Vec<String>,
}

/// A service.
#[derive(Debug, Clone, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields, rename_all = "camelCase")]
pub(crate) struct MappedService {
    /// Globs of its paths.
    pub(crate) paths: Vec<String>,
    /// Modules and services that it is built from: it is built again when one of them changes.
    #[serde(default)]
    pub(crate) uses: Vec<String>,
    /// Services that it brings along into a preview, without building them again.
    #[serde(default)]
    pub(crate) with: Vec<String>,
}
