//! What is true of the baseline: its services, how they run, and how one object names another.
//! Objects ride along unopened.

mod catalog;
mod host;
mod image;
mod pod;
pub(crate) mod route;
mod selector;
mod service;
mod workload;

pub use catalog::Catalog;
pub use host::{Home, service_host};
pub use image::repository;
pub use pod::{Reference, Referent, images, pod_spec, references};
pub use selector::selects;
pub use service::{Protocol, Service, ServicePort};
pub use workload::{Container, Support, Workload};
