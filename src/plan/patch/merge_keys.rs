//! The keys by which lists in Kubernetes' own kinds are merged.
//!
//! From the `patchMergeKey` tags of `k8s.io/api` (v1.34), with the second key of `x-kubernetes-list-map-keys` if
//! kustomize uses it too. Every other list is replaced as a whole. So are all lists of custom resources: nobody here
//! knows their schema, and kustomize does the same.

use crate::kube::kinds;
use crate::yaml::Node;

/// A part of an object, which decides the merge keys of its lists.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MergeKeys {
    /// A part in which no list is merged.
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

/// Groups of Kubernetes itself, whose lists are merged.
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
    /// Items are mappings known by their keys; the first is always there.
    By(&'static [&'static str]),
    /// Items are scalars, each there once.
    Set,
}

impl MergeKeys {
    /// The merge keys of a whole object.
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

    /// The merge keys behind a field; for a list, those of its items.
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
