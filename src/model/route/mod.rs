//! Routes of the baseline, read as the mesh follows them.

pub(crate) mod gateway_api;
pub(crate) mod istio;
