//! Fields of a Flux Kustomization that differ between previews. Their texts are values, so that the Kustomizations of a
//! thousand previews are made from one template.

use std::borrow::Cow;

use smallvec::{SmallVec, smallvec};

use super::{Flux, OutputShape, PreviewKustomization};
use crate::kube::flux::HealthCheck;
use crate::kube::{Id, Kind};
use crate::plan::naming::{repository_label, safe_hash};
use crate::plan::{Copied, Environment, Room};
use crate::spec::{Link, ServiceChange, Suite};

/// A field of a Kustomization that not all previews have, or whose texts differ between them. Templates have
/// placeholders for the texts.
#[derive(Debug)]
pub(in crate::emit) enum Field<'a> {
    /// What the names of a suite's objects end in.
    NameSuffix(String),
    /// The patch that takes Secrets from a suite.
    WithoutSecrets,
    /// The label by which Alerts select the suites of a preview.
    Repository(String),
    /// An annotation that is shown with events about a suite: its name, which may be that of a link, and its value.
    OfEvents(&'a str, String),
    /// A workload whose health is that of the preview.
    Workload(HealthCheck),
    /// The annotation with the expiry, for tools that watch the cluster. `prune` reads it from the file.
    Expires(String),
    /// The label with the shard.
    Shard(String),
}

impl Field<'_> {
    /// The texts, in a fixed order.
    pub(in crate::emit) fn texts(&mut self) -> SmallVec<[&mut String; 4]> {
        match self {
            Self::NameSuffix(text)
            | Self::Repository(text)
            | Self::OfEvents(_, text)
            | Self::Expires(text)
            | Self::Shard(text) => smallvec![text],
            Self::WithoutSecrets => SmallVec::new(),
            Self::Workload(HealthCheck { api_version, kind, name, namespace }) => {
                smallvec![api_version, kind, name, namespace]
            }
        }
    }
}

/// The expiry of a preview, if it has one.
fn expiry<'f>(env: &Environment<'_>) -> Option<Field<'f>> {
    let expires = env.preview.expires.as_str();
    (!expires.is_empty()).then(|| Field::Expires(expires.to_owned()))
}

/// The workloads whose health is that of the preview.
fn workloads<'f>(env: &Environment<'_>) -> impl Iterator<Item = Field<'f>> {
    let is_workload = |copy: &&Copied<'_>| copy.original.row.is_some_and(Kind::is_copied_workload);
    env.copies.iter().filter(is_workload).map(|copy| {
        let Id { kind, name, .. } = &copy.original.id;
        let api_version = copy.original.node.text_at(&["apiVersion"]);
        Field::Workload(HealthCheck {
            api_version: api_version.unwrap_or_default().to_owned(),
            kind: kind.to_string(),
            name: name.to_string(),
            namespace: env.room(copy.home).namespace.clone(),
        })
    })
}

impl<'a> Flux<'a> {
    /// The fields of a Kustomization for the preview with this index.
    pub(in crate::emit) fn fields(
        &self,
        part: PreviewKustomization,
        index: usize,
    ) -> Vec<Field<'a>> {
        let env = &self.plan.environments[index];
        let mut fields: Vec<Field<'a>> = match part {
            PreviewKustomization::Environment => expiry(env).into_iter().collect(),
            PreviewKustomization::Gate => workloads(env).chain(expiry(env)).collect(),
            PreviewKustomization::Suite(suite) => {
                let suite = &self.plan.config.previews.spec.tests[suite];
                let mut fields = vec![Field::NameSuffix(format!("-{}", self.tested(env, suite)))];
                fields.extend(env.preview.fork().map(|_| Field::WithoutSecrets));
                fields.extend(self.notified_label(env).map(Field::Repository));
                fields.extend(self.event_metadata(env, suite));
                fields
            }
        };
        fields.extend(self.shard(env).map(Field::Shard));
        fields
    }

    /// The label by which Alerts select the suites of a preview, if its repository is notified.
    fn notified_label(&self, env: &Environment<'_>) -> Option<String> {
        let change = env.preview.changes.first()?;
        let notify = &self.plan.config.previews.spec.notify;
        let told = notify.iter().any(|notify| notify.repository == change.repository);
        told.then(|| repository_label(&change.repository))
    }

    /// The metadata of events about a preview.
    fn event_metadata(
        &self,
        env: &Environment<'_>,
        suite: &Suite,
    ) -> impl Iterator<Item = Field<'a>> {
        let change = env.preview.changes.first();
        let commit = change.map(|change| change.commit.as_str()).unwrap_or_default();
        let url = self.plan.routing.entries.urls(env.name).next().unwrap_or_default();
        let report = if suite.report.contains("{commit}") && commit.is_empty() {
            String::new()
        } else {
            let report = suite.report.replace("{preview}", env.name);
            report.replace("{commit}", commit).replace("{suite}", &suite.name)
        };
        let number = change.map(|change| change.number.to_string()).unwrap_or_default();
        // Comments show the text of a failure to everybody who reads the pull request. Without the number of a pull
        // request in the event, their Provider skips it. A status shows only the suite and its result.
        let is_fork = env.preview.fork().is_some();
        let values = [
            ("commit", commit.to_owned()),
            ("change_request", number),
            ("suite", suite.name.clone()),
            ("preview-url", url),
            ("report", report),
        ];
        let spec = &self.plan.config.previews.spec;
        let Room { baseline, namespace, .. } = env.first_room();
        let url = |link: &Link| link.url(env.name, namespace, baseline);
        let links = spec.links.iter().map(move |link| (link.name.as_str(), url(link)));
        let is_told = move |key: &str| !is_fork || matches!(key, "commit" | "suite");
        let values = values.into_iter().filter(|(_, value)| !value.is_empty()).chain(links);
        let told = values.filter(move |(key, _)| is_told(key));
        told.map(|(key, value)| Field::OfEvents(key, value))
    }

    /// A hash of what is tested: commits, changes, and the suite.
    fn tested(&self, env: &Environment<'_>, suite: &Suite) -> String {
        let mut texts: Vec<Cow<'_, str>> = Vec::new();
        texts.extend(env.preview.changes.iter().map(|change| Cow::from(&change.commit)));
        env.preview.services.iter().for_each(|change| add_texts(change, &mut texts));
        texts.extend([Cow::from(&suite.name), Cow::from(&suite.path)]);
        if let OutputShape::Tree { suites, .. } = self.shape {
            texts.extend(suites.get(&suite.name).map(Cow::from));
        }
        safe_hash(texts.iter().map(|text| text.as_bytes()), 8)
    }
}

/// Adds all texts of a change to a service.
fn add_texts<'t>(change: &'t ServiceChange, texts: &mut Vec<Cow<'t, str>>) {
    let replicas = change.replicas.to_string();
    texts.extend([Cow::from(&*change.name), Cow::from(&change.image), Cow::from(replicas)]);
    if !change.namespace.is_empty() {
        texts.extend(["namespace", &change.namespace].map(Cow::from));
    }
    let containers = change.containers.iter().map(|one| ["container", &one.name, &one.image]);
    let workloads = change.workloads.iter().map(|one| ["workload", &one.name, &one.image]);
    let variables = change.env.iter().map(|one| ["env", &one.name, &one.value]);
    let all = containers.chain(workloads).chain(variables).flatten();
    texts.extend(all.map(Cow::from));
    for patch in &change.patches {
        texts.extend(["patch", &patch.patch].map(Cow::from));
        let target = patch.target.iter();
        texts.extend(
            target.map(|t| Cow::from(format!("{}/{}/{}/{}", t.group, t.version, t.kind, t.name))),
        );
    }
}
