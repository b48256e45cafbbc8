//! What is known of the baseline: its services and workloads, how objects refer to each other, and routes as the mesh
//! follows them. In go the user's objects, out comes a [`Catalog`]. It decides nothing, and objects stay trees.

mod catalog;
mod host;
pub(crate) mod mesh;
pub(crate) mod once_map;
mod pod;
pub(crate) mod route;
mod selector;
mod service;
mod settings;
pub(crate) mod waypoint;
mod workload;

pub(crate) use crate::kube::Support;
pub(crate) use catalog::Catalog;
pub(crate) use host::{Home, ServiceName, service_host, services_domain};
pub(crate) use mesh::Mesh;
pub(crate) use pod::{AccountName, service_account, volume_references, volume_sources};
pub(crate) use pod::{CLAIM_OF_VOLUME, chosen_storage, claim_templates, containers, data_source};
pub(crate) use pod::{Reference, Referent, images, looks_like_image, pod_of, pod_spec, references};
pub(crate) use pod::{pod_annotations, pod_labels, pod_spec_mut, values_of};
pub(crate) use selector::selects;
pub(crate) use service::{Protocol, Service, ServicePort, is_headless, selects_pods};
pub(crate) use settings::{Setting, Settings};
pub(crate) use workload::DEFAULT_CONTAINER;
pub(crate) use workload::{Container, Workload};
