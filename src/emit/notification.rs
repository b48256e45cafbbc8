//! Makes Providers and Alerts, which report the results of suites to pull requests.
//!
//! One Alert for the status selects only the end of a reconciliation, another one only errors. Anything wider posts
//! success before a test has run, because every other event of a suite has the severity info as well. See
//! <https://fluxcd.io/flux/components/notification/alerts/>.

use std::collections::BTreeMap;

use super::meta;
use crate::kube::flux::{
    Alert, AlertSpec, EventSource, LocalReference, NOTIFICATION, Provider, ProviderSpec,
};
use crate::kube::{Object, marks};
use crate::plan::Plan;
use crate::plan::naming::repository_label;
use crate::spec::{Notify, ProviderKind};

/// The Providers and Alerts of every repository.
pub(super) fn emit(plan: &Plan<'_>) -> Vec<Object> {
    if plan.config.previews.spec.tests.is_empty() {
        return Vec::new();
    }
    plan.config.previews.spec.notify.iter().flat_map(|notify| repository(plan, notify)).collect()
}

/// The provider types for commit status and for comments.
fn types(kind: ProviderKind) -> (&'static str, Option<&'static str>) {
    match kind {
        ProviderKind::Github => ("github", Some("githubpullrequestcomment")),
        ProviderKind::Gitlab => ("gitlab", Some("gitlabmergerequestcomment")),
        ProviderKind::Gitea => ("gitea", Some("giteapullrequestcomment")),
        ProviderKind::Bitbucket => ("bitbucket", None),
        ProviderKind::Bitbucketserver => ("bitbucketserver", None),
        ProviderKind::Azuredevops => ("azuredevops", None),
    }
}

fn repository(plan: &Plan<'_>, notify: &Notify) -> Vec<Object> {
    let label = repository_label(&notify.repository);
    let namespace = &plan.config.previews.spec.flux.namespace;
    let set = plan.config.set();
    let name = |part: &str| marks::flux(set, &format!("{label}.{part}"));
    let metadata = |part: &str| meta::managed(plan.config, &name(part), namespace, None);
    let provider = |part: &str, type_, commit_status_expr| {
        Object::from_typed(&Provider {
            api_version: NOTIFICATION,
            kind: "Provider",
            metadata: metadata(part),
            spec: ProviderSpec {
                type_,
                address: notify.repository.clone(),
                secret_ref: LocalReference { name: notify.secret_ref.name.clone() },
                commit_status_expr,
            },
        })
    };
    let alert = |part: &str, provider: &str, event_severity, inclusion_list| {
        Object::from_typed(&Alert {
            api_version: NOTIFICATION,
            kind: "Alert",
            metadata: metadata(part),
            spec: AlertSpec {
                provider_ref: LocalReference { name: name(provider) },
                event_severity,
                event_sources: vec![EventSource {
                    kind: "Kustomization",
                    name: "*",
                    match_labels: BTreeMap::from([
                        (marks::REPOSITORY.to_owned(), label.clone()),
                        (marks::SET.to_owned(), set.to_owned()),
                    ]),
                }],
                inclusion_list,
            },
        })
    };
    let (status, comment) = types(notify.provider);
    let mut objects = vec![
        provider("status", status, Some(marks::commit_status(set))),
        alert("succeeded", "status", "info", vec!["^Reconciliation finished"]),
        alert("failed", "status", "error", Vec::new()),
    ];
    if let Some(comment) = comment {
        objects.push(provider("comment", comment, None));
        let messages = vec!["^Health check passed", "failed", "timeout"];
        objects.push(alert("commented", "comment", "info", messages));
    }
    objects
}
