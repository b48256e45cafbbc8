//! Reports what the API server would refuse because of `spec.limits.quota`: too many objects, and pods without requests
//! for a limited resource.
//! See <https://kubernetes.io/docs/concepts/policy/resource-quotas/#how-kubernetes-resourcequotas-work>.

use std::collections::BTreeSet;

use super::Plan;
use super::environment::{Copied, Environment};
use super::originals::Originals;
use crate::diagnostic::{Diagnostic, Report, code, first_of};
use crate::kube::Kind;
use crate::model::{claim_templates, containers, pod_spec};
use crate::yaml::Node;

/// The path of a quota in previews.yaml.
const HARD: &str = "spec.limits.quota.hard";
/// How many previews and how many resources a finding names.
const SHOWN: usize = 5;

/// Reports each resource and each workload once for all previews.
pub(super) fn check(plan: &Plan<'_>, originals: &Originals<'_, '_>, report: &mut Report) {
    let Some(hard) = plan.config.quota("hard") else { return };
    for (resource, limit) in hard.entries() {
        let limit = limit.text().and_then(|text| text.parse::<usize>().ok());
        let counted = Counted::of(&resource.text);
        if let Some((limit, counted)) = limit.zip(counted) {
            too_many(plan, &resource.text, limit, counted, report);
        }
    }
    let needed = hard.entries().iter().filter_map(|(key, _)| Needed::of(&key.text));
    let given = Given::of(plan.config.quota("limitRange"));
    let needed: BTreeSet<Needed<'_>> = needed.filter(|one| !given.gives(one)).collect();
    if !needed.is_empty() {
        without_requests(originals, &needed, report);
    }
}

/// A resource that a quota counts, of those whose number follows from a plan.
#[derive(Debug, Clone, Copy)]
enum Counted {
    Services,
    Pods,
    Claims,
    /// Objects of this group and kind, and this number of them that every namespace has.
    Objects(&'static str, &'static str, usize),
}

impl Counted {
    fn of(resource: &str) -> Option<Self> {
        Some(match resource.strip_prefix("count/").unwrap_or(resource) {
            "services" => Self::Services,
            "pods" => Self::Pods,
            "persistentvolumeclaims" => Self::Claims,
            // Every namespace gets one of ours, one of Kubernetes' and one of Istio's.
            "configmaps" => Self::Objects("", "ConfigMap", 3),
            "secrets" => Self::Objects("", "Secret", 0),
            "deployments.apps" => Self::Objects("apps", "Deployment", 0),
            "statefulsets.apps" => Self::Objects("apps", "StatefulSet", 0),
            _ => return None,
        })
    }

    /// How many of them a preview has.
    fn count(self, plan: &Plan<'_>, env: &Environment<'_>) -> usize {
        let of = |group: &str, kind: &str| {
            env.copies.iter().filter(|copy| copy.original.is(group, kind)).count()
        };
        match self {
            Self::Services => of("", "Service") + plan.aliases(env).count(),
            Self::Objects(group, kind, more) => of(group, kind) + more,
            Self::Pods => count_by_pod(env, |_| 1),
            Self::Claims => count_by_pod(env, |copy| claim_templates(&copy.node()).count()),
        }
    }
}

/// The sum over the pods of a preview, where `each` says how much one pod of a copy adds. Replicas in patches are not
/// considered.
fn count_by_pod(env: &Environment<'_>, each: impl Fn(&Copied<'_>) -> usize) -> usize {
    let is_workload = |copy: &&Copied<'_>| copy.original.row.is_some_and(Kind::is_copied_workload);
    let workloads = env.copies.iter().filter(is_workload);
    let replicas = workloads.map(|copy| {
        let services = env.preview.services.iter();
        let owners = services.filter(|service| {
            copy.owners.names().iter().any(|owner| owner.name == service.name.as_str())
        });
        owners.map(|service| service.replicas as usize).max().unwrap_or(1) * each(copy)
    });
    replicas.sum()
}

/// Reports previews with more of a resource than the quota allows.
fn too_many(plan: &Plan<'_>, resource: &str, limit: usize, counted: Counted, report: &mut Report) {
    let counts = plan.environments.iter().map(|env| (env.name, counted.count(plan, env)));
    let over: Vec<(&str, usize)> = counts.filter(|(_, count)| *count > limit).collect();
    if over.is_empty() {
        return;
    }
    let names = over.iter().map(|(name, count)| format!("`{name}` has {count}"));
    report.push(plan.config.finding(
        &code::QUOTA_EXCEEDED,
        format_args!("{HARD}.{resource}"),
        format!("{resource} may be {limit}, and {}", first_of(SHOWN, ", ", names)),
        "raise it; with `spec.dependencies: found` there are fewer Services, as each name that leads to the baseline \
         is one",
    ));
}

/// A request or limit that every container needs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct Needed<'h> {
    /// `requests` or `limits`.
    list: &'static str,
    /// The resource, such as `cpu`.
    resource: &'h str,
}

impl<'h> Needed<'h> {
    /// The request or limit that a key of `hard` makes necessary. Kubernetes does so for these three resources only.
    fn of(key: &'h str) -> Option<Self> {
        let (list, resource) = match key.split_once('.') {
            Some(("requests", resource)) => ("requests", resource),
            Some(("limits", resource)) => ("limits", resource),
            _ => ("requests", key),
        };
        matches!(resource, "cpu" | "memory" | "ephemeral-storage")
            .then_some(Self { list, resource })
    }

    /// Whether a container sets it. A limit without a request is a request as well.
    fn is_set(&self, container: &Node) -> bool {
        let says = |list| container.at(&["resources", list, self.resource]).is_some();
        says(self.list) || self.list == "requests" && says("limits")
    }
}

/// The items of a LimitRange that give defaults to containers.
struct Given<'n>(Vec<&'n Node>);

impl<'n> Given<'n> {
    fn of(range: Option<&'n Node>) -> Self {
        let items = range.map(|range| range.items_at(&["limits"])).unwrap_or_default().iter();
        Self(items.filter(|item| item.text_at(&["type"]) == Some("Container")).collect())
    }

    /// Whether containers get this by default. A `max` without `default` is a default, and a default limit is a default
    /// request too.
    fn gives(&self, needed: &Needed<'_>) -> bool {
        let any = |keys: &[&str]| {
            keys.iter()
                .any(|key| self.0.iter().any(|item| item.at(&[key, needed.resource]).is_some()))
        };
        any(&["default", "max"]) || needed.list == "requests" && any(&["defaultRequest", "min"])
    }
}

/// Warns of workloads whose pods would be refused.
fn without_requests(
    originals: &Originals<'_, '_>,
    needed: &BTreeSet<Needed<'_>>,
    report: &mut Report,
) {
    for &original in originals.all() {
        let lacks = |body: &Node, one: &Needed<'_>| {
            pod_spec(body)
                .is_some_and(|pod| containers(pod).any(|container| !one.is_set(container)))
        };
        let lacking = needed.iter().filter(|one| {
            lacks(&original.node, one)
                && originals.holds_for_copy(original, |body| lacks(body, one))
        });
        let names: Vec<String> =
            lacking.map(|one| format!("{}.{}", one.list, one.resource)).collect();
        if names.is_empty() {
            continue;
        }
        let message = format!(
            "pods of copies of {} are refused: a container says nothing of {}, which limits.quota limits",
            original.id,
            first_of(SHOWN, ", ", names)
        );
        let help = "say it in the manifest, or give it to all by spec.limits.quota.limitRange: \
                    {limits: [{type: Container, default: {...}, defaultRequest: {...}}]}";
        let finding = Diagnostic::new(&code::QUOTA_NEEDS_REQUESTS, message, help);
        report.push(finding.at(original.place(), "asks for nothing"));
    }
}
