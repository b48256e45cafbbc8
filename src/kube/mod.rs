//! Kubernetes objects: the ones that are carried along unopened, and the ones anabranch invents.
//!
//! Copied objects stay trees ([`Object`]), so that a field this program has never heard of survives.
//! Invented ones are typed: core kinds by k8s-openapi, the others by the small structs here.

pub(crate) mod bindings;
pub mod flux;
pub mod gateway;
mod image;
pub mod istio;
pub(crate) mod kinds;
pub(crate) mod makers;
pub mod marks;
pub mod meta;
pub(crate) mod names;
mod object;
mod order;
mod route_api;
pub(crate) mod secret;
pub(crate) mod volumes;

pub use image::repository;
pub(crate) use image::{ImageName, Prefix, has_registry};
pub use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceSpec};
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
pub use kinds::is_cluster_scoped;
pub(crate) use object::in_front;
pub use object::{Id, Object};
pub use order::{Key, Order};
pub use route_api::RouteApi;
pub(crate) use secret::{CIPHERTEXT, decoded, is_encrypted};
