//! The merge keys of lists in Kubernetes' own kinds.
//!
//! They come from the `patchMergeKey` tags of `k8s.io/api` (v1.34), with the second key of
//! `x-kubernetes-list-map-keys` if kustomize uses it too. All other lists are replaced as a whole, those of custom
//! resources too: their schemas are not known here, and kustomize does the same.

use crate::kube::kinds;
use crate::yaml::Node;

/// A part of an object. It decides the merge keys of the lists in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MergeKeys {
    /// A part whose lists are all replaced as a whole.
    Other,
    Core,
    Controller,
    ControllerSpec,
    CronJob,
    CronJobSpec,
    Pod,
    PodSpec,
    Container,
    Service,
    ServiceSpec,
    ServiceAccount,
    Metadata,
}

/// The API groups of Kubernetes in which lists are merged.
const GROUPS: [&str; 7] = [
    "",
    "apps",
    "autoscaling",
    "batch",
    "networking.k8s.io",
    "policy",
    "rbac.authorization.k8s.io",
];

/// How a list is patched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Merge {
    /// Replaced as a whole.
    Atomic,
    /// Merged by the values of these keys, of which every item has the first.
    By(&'static [&'static str]),
    /// A union of scalars.
    Set,
}

impl MergeKeys {
    /// The part that is a whole object.
    pub(super) fn of(object: &Node) -> Self {
        let api_version = object.text_at(&["apiVersion"]).unwrap_or_default();
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        let kind = object.text_at(&["kind"]).unwrap_or_default();
        if !GROUPS.contains(&group) {
            return Self::Other;
        }
        let owner = kinds::find(group, kind).and_then(|kind| kind.workload);
        match (owner.map(|owner| owner.template), group, kind) {
            (Some([]), ..) => Self::Pod,
            (Some([_, "template"]), ..) => Self::Controller,
            (Some(_), ..) => Self::CronJob,
            (None, "", "Service") => Self::Service,
            (None, "", "ServiceAccount") => Self::ServiceAccount,
            (None, ..) => Self::Core,
        }
    }

    /// The part behind a field; for a list, each of its items.
    pub(super) fn below(self, key: &str) -> Self {
        match (self, key) {
            (Self::Other, _) => Self::Other,
            (
                Self::Core
                | Self::Controller
                | Self::CronJob
                | Self::Pod
                | Self::Service
                | Self::ServiceAccount,
                "metadata",
            ) => Self::Metadata,
            (Self::Controller, "spec") => Self::ControllerSpec,
            (Self::ControllerSpec, "template") => Self::Pod,
            (Self::CronJob, "spec") => Self::CronJobSpec,
            (Self::CronJobSpec, "jobTemplate") => Self::Controller,
            (Self::Pod, "spec") => Self::PodSpec,
            (Self::PodSpec, "containers" | "initContainers" | "ephemeralContainers") => {
                Self::Container
            }
            (Self::Service, "spec") => Self::ServiceSpec,
            _ => Self::Other,
        }
    }

    /// How the list behind a key is patched.
    pub(super) fn list(self, key: &str) -> Merge {
        match (self, key) {
            (
                Self::PodSpec,
                "containers"
                | "initContainers"
                | "ephemeralContainers"
                | "volumes"
                | "imagePullSecrets"
                | "resourceClaims"
                | "schedulingGates",
            )
            | (Self::Container, "env")
            | (Self::ServiceAccount, "secrets") => Merge::By(&["name"]),
            (Self::PodSpec, "hostAliases") => Merge::By(&["ip"]),
            (Self::PodSpec, "topologySpreadConstraints") => {
                Merge::By(&["topologyKey", "whenUnsatisfiable"])
            }
            (Self::Container, "ports") => Merge::By(&["containerPort", "protocol"]),
            (Self::Container, "volumeMounts") => Merge::By(&["mountPath"]),
            (Self::Container, "volumeDevices") => Merge::By(&["devicePath"]),
            (Self::ServiceSpec, "ports") => Merge::By(&["port", "protocol"]),
            (Self::Metadata, "ownerReferences") => Merge::By(&["uid"]),
            (Self::Metadata, "finalizers") => Merge::Set,
            _ => Merge::Atomic,
        }
    }
}
