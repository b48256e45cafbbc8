//! Kubernetes objects: those that are copied as trees, and those that anabranch invents.
//!
//! Copied objects stay trees ([`Object`]), so that fields this program has never heard of survive. Invented ones are
//! typed: core kinds by k8s-openapi, the others by the small structs here.

pub(crate) mod bindings;
pub(crate) mod flux;
pub(crate) mod gateway;
mod image;
pub(crate) mod istio;
mod kind;
pub(crate) mod kinds;
pub(crate) mod makers;
pub(crate) mod marks;
pub(crate) mod meta;
pub(crate) mod names;
mod object;
mod order;
pub(crate) mod quota;
mod route_api;
mod route_form;
pub(crate) mod secret;
pub(crate) mod volumes;

pub(crate) use image::{ImageName, Prefix, has_registry, repository};
#[cfg(test)]
pub(crate) use k8s_openapi::api::core::v1::Volume;
pub(crate) use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceSpec};
pub(crate) use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
pub(crate) use kind::{Kind, Rank, Reach, Support};
pub(crate) use kinds::is_cluster_scoped;
pub use object::Object;
pub(crate) use object::{Id, in_front};
pub(crate) use order::{Key, Order};
pub(crate) use route_api::RouteApi;
pub(crate) use route_form::RouteForm;
pub(crate) use secret::{CIPHERTEXT, decoded, is_encrypted};
