//! The JSON Schemas of previews.yaml and affected.yaml, and the KRMFunctionDefinition around the first.
//!
//! `make schema` writes these files from the Rust types, and a test compares them. The program contains the files, as
//! every run needs a schema and reading one is cheaper than making it.

#[cfg(test)]
mod generate;

/// The JSON Schema (draft 2020-12) of previews.yaml, without references, for editors.
pub(crate) const PREVIEWS: &str = include_str!("../../../functions/anabranch/previews.schema.json");
/// The JSON Schema of affected.yaml, in the same form.
pub(crate) const AFFECTED: &str = include_str!("../../../functions/anabranch/affected.schema.json");
/// The KRMFunctionDefinition, as kustomize's and kpt's catalogues expect it.
/// See <https://github.com/kubernetes-sigs/kustomize/tree/master/cmd/config/docs/api-conventions>.
pub(crate) const DEFINITION: &str = include_str!("../../../functions/anabranch/definition.yaml");
