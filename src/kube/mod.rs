//! Kubernetes objects: the ones that are carried along unopened, and the ones anabranch invents.
//!
//! Copied objects stay trees ([`Object`]), so that a field this program has never heard of survives.
//! Invented ones are typed: core kinds by k8s-openapi, the others by the small structs here.

pub mod flux;
pub mod gateway;
mod image;
pub mod istio;
pub(crate) mod kinds;
pub mod marks;
pub mod meta;
mod object;
mod order;
pub(crate) mod secret;

pub use image::repository;
pub(crate) use image::{ImageName, Prefix, has_registry};
pub use k8s_openapi::api::core::v1::{ConfigMap, Namespace, Service, ServiceSpec};
pub use k8s_openapi::apimachinery::pkg::apis::meta::v1::ObjectMeta;
pub use kinds::is_cluster_scoped;
pub(crate) use object::in_front;
pub use object::{Id, Object};
pub use order::{Key, Order};
pub(crate) use secret::{CIPHERTEXT, decoded, is_encrypted};
