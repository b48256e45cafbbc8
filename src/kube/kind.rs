//! What a row of the table of kinds can say. [`kinds`](super::kinds) has the rows.

use super::RouteApi;

/// What is known of a kind: a row of [`kinds`](super::kinds).
#[derive(Debug)]
pub(crate) struct Kind {
    /// The API group; empty for the core group.
    pub(crate) group: &'static str,
    pub(crate) name: &'static str,
    /// Whether its objects have no namespace.
    pub(crate) is_cluster_scoped: bool,
    /// When its objects are written.
    pub(crate) rank: Rank,
    /// How it runs pods, if it is a workload.
    pub(crate) workload: Option<PodOwner>,
    /// The API of routes that it belongs to, if previews can derive rules from its objects.
    pub(crate) routes: Option<RouteApi>,
    /// How a policy says what it applies to; empty if the kind is no policy. Of several ways the first that an object
    /// uses counts.
    pub(crate) policy: &'static [Reach],
    /// What previews do with such policies.
    pub(crate) policy_fate: PolicyFate,
    /// Whether such a policy without a selector applies to the whole mesh if it is in Istio's root namespace. A
    /// DestinationRule applies to a host instead: `plan/policies/destinations.rs` checks it in every namespace.
    pub(crate) is_mesh_wide_in_root: bool,
    /// Whether a pod loses no restriction when such an object stops selecting it. Such objects reach, watch or scale
    /// the pods that they select, or select none.
    pub(crate) protects_nothing: bool,
}

/// The order in which objects are written: what others need comes first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Rank {
    Namespace,
    Definition,
    ServiceAccount,
    Role,
    ClusterRole,
    RoleBinding,
    ClusterRoleBinding,
    ConfigMap,
    Secret,
    SecretStore,
    ExternalSecret,
    SecretProviderClass,
    /// Configuration that injectors put into pods.
    Injected,
    Service,
    Deployment,
    StatefulSet,
    Sidecar,
    /// All kinds without a rank of their own.
    Other,
    Provider,
    Alert,
    Kustomization,
}

/// A kind that runs pods.
#[derive(Debug, Clone, Copy)]
pub(crate) struct PodOwner {
    /// The path of its pod template; empty for pods.
    pub(crate) template: &'static [&'static str],
    /// How far previews support it.
    pub(crate) support: Support,
    /// Whether its pods have fixed names, below the Service in `spec.serviceName`.
    pub(crate) names_pods: bool,
}

/// How far previews support a kind of workload.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Support {
    /// Copied.
    Copied,
    /// Copied if the service has `stateful: copy`.
    Stateful,
    /// Its pods come and go, so it is left out if the service has a workload that can be copied.
    Passing,
    /// Refused, with the reason.
    Refused(&'static str),
}

/// What previews do with the policies of a kind.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum PolicyFate {
    /// Copied with the workloads that they apply to, as `plan/policies` rewrites them.
    Copied,
    /// Left behind, and named in a warning.
    Named,
}

/// How a policy says what it applies to.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Reach {
    /// By the labels of pods: the selector at this path. A missing or empty one selects all pods.
    Pods(&'static [&'static str]),
    /// By the labels of pods: the selectors at the second path in each item of the list at the first.
    Each(&'static [&'static str], &'static [&'static str]),
    /// By the labels of pods, in Calico's expressions.
    Calico,
    /// By the name of a Service at this path, which can be a host.
    Service(&'static [&'static str]),
    /// By `targetRef` or `targetRefs`.
    Targets,
    /// Everything in its namespace.
    Namespace,
}

/// The path of the pod template in most kinds.
pub(super) const TEMPLATE: &[&str] = &["spec", "template"];

impl Kind {
    /// A namespaced kind of which nothing else is known.
    pub(super) const fn of(group: &'static str, name: &'static str) -> Self {
        Self {
            group,
            name,
            is_cluster_scoped: false,
            rank: Rank::Other,
            workload: None,
            routes: None,
            policy: &[],
            policy_fate: PolicyFate::Named,
            is_mesh_wide_in_root: false,
            protects_nothing: false,
        }
    }

    pub(super) const fn in_no_namespace(self) -> Self {
        Self { is_cluster_scoped: true, ..self }
    }

    pub(super) const fn written(self, rank: Rank) -> Self {
        Self { rank, ..self }
    }

    pub(super) const fn runs(self, template: &'static [&'static str], support: Support) -> Self {
        let owner = PodOwner { template, support, names_pods: false };
        Self { workload: Some(owner), protects_nothing: true, ..self }
    }

    /// The same for a workload whose pods have fixed names.
    pub(super) const fn runs_named_pods(self, support: Support) -> Self {
        let owner = PodOwner { template: TEMPLATE, support, names_pods: true };
        Self { workload: Some(owner), protects_nothing: true, ..self }
    }

    pub(super) const fn that_protects_nothing(self) -> Self {
        Self { protects_nothing: true, ..self }
    }

    pub(super) const fn routes(self, api: RouteApi) -> Self {
        Self { routes: Some(api), ..self }
    }

    pub(super) const fn applies_to(self, policy: &'static [Reach]) -> Self {
        Self { policy, ..self }
    }

    pub(super) const fn copied(self) -> Self {
        Self { policy_fate: PolicyFate::Copied, ..self }
    }

    pub(super) const fn mesh_wide_in_root(self) -> Self {
        Self { is_mesh_wide_in_root: true, ..self }
    }

    /// Whether it runs pods.
    pub(crate) fn is_workload(&self) -> bool {
        self.workload.is_some()
    }

    /// Whether it runs pods and can be copied: the health of such a copy is the health of its preview.
    pub(crate) fn is_copied_workload(&self) -> bool {
        let support = self.workload.map(|owner| owner.support);
        matches!(support, Some(Support::Copied | Support::Stateful))
    }

    /// Whether its pods have fixed names.
    pub(crate) fn names_pods(&self) -> bool {
        self.workload.is_some_and(|owner| owner.names_pods)
    }

    /// Whether its objects are there to restrict or configure others.
    pub(crate) fn is_policy(&self) -> bool {
        !self.policy.is_empty()
    }

    /// Whether its objects are policies that are copied with the workloads that they apply to.
    pub(crate) fn is_copied_policy(&self) -> bool {
        self.is_policy() && self.policy_fate == PolicyFate::Copied
    }
}
