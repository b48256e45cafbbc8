//! Makes Flux Kustomizations: of environments and shared parts in the tree, gates in the stream, and suites in both.
//!
//! A suite depends on its environment with the same source and without `readyExpr`, so Flux runs it on exactly the
//! revision that is healthy. The names of its objects end in a hash of what is tested, so a new commit is a new Job
//! and the old one is pruned.
//! See <https://fluxcd.io/flux/components/kustomize/kustomizations/>.

mod fields;

use std::collections::BTreeMap;

pub(super) use fields::Field;

use super::{artifacts, meta, notification};
use crate::kube::flux::{
    Kustomization, KustomizationSpec, LocalReference, OCI_REPOSITORY, Patch, SourceReference,
};
use crate::kube::marks::{self, EXPIRES, GATE, REPOSITORY, SUITE};
use crate::kube::{Object, ObjectMeta};
use crate::plan::naming::shard;
use crate::plan::routing::istio::HostRules;
use crate::plan::{Environment, Plan};
use crate::spec::{Delivery, Suite};
use crate::yaml::Node;

/// Hash of the content of each suite, by its name.
pub(crate) type Suites = BTreeMap<String, String>;

/// The shape of the output.
#[derive(Debug, Clone, Copy)]
pub enum OutputShape<'a> {
    /// One stream of objects, which one Flux Kustomization can apply.
    Stream,
    /// A folder with a Flux Kustomization for each preview.
    Tree {
        /// The hashes of the suites, which are copied into the tree.
        suites: &'a Suites,
        /// The path of the shared objects in the Flux source, such as `./`.
        path: &'a str,
        /// Whether each preview is an artifact of its own.
        artifacts_each: bool,
    },
}

/// Makes Flux objects.
#[derive(Debug)]
pub(super) struct Flux<'a> {
    plan: &'a Plan<'a>,
    shape: OutputShape<'a>,
    has_shared: bool,
    /// Kustomizations that suites of a tree wait for, besides their environment.
    applied_first: Vec<String>,
    /// The Kustomization of a tree that delivers the baseline.
    delivers: Option<String>,
}

/// A Flux Kustomization of a preview.
#[derive(Debug, Clone, Copy)]
pub(super) enum PreviewKustomization {
    /// Applies the preview.
    Environment,
    /// Says whether the preview is healthy.
    Gate,
    /// Runs the suite of this index.
    Suite(usize),
}

/// The prefix of annotations that notification-controller adds to an event, and that comments show.
const EVENT: &str = "event.toolkit.fluxcd.io/";

/// The label by which Flux controllers divide objects among them.
/// See <https://fluxcd.io/flux/installation/configuration/sharding/>.
const SHARD: &str = "sharding.fluxcd.io/key";

fn set_label(metadata: &mut ObjectMeta, key: &str, value: String) {
    metadata.labels.get_or_insert_default().insert(key.to_owned(), value);
}

impl<'a> Flux<'a> {
    pub(super) fn new(plan: &'a Plan<'a>, shape: OutputShape<'a>) -> Self {
        let routing = &plan.routing;
        // New shared objects, and objects of the baseline that change.
        let shared = routing.host_rules().any(|rules| !rules.extends())
            || !routing.left_to_others.is_empty();
        let changed =
            routing.host_rules().any(HostRules::extends) || !routing.entries.stripped.is_empty();
        let mut flux =
            Self { plan, shape, has_shared: shared, applied_first: Vec::new(), delivers: None };
        if let OutputShape::Tree { .. } = shape {
            let first = [(shared, "shared"), (changed, "baseline")].into_iter();
            let first = first.filter(|(exists, _)| *exists);
            let includes = plan.config.previews.spec.baseline.delivery == Delivery::Include;
            flux.delivers = includes.then(|| flux.set_name("baseline"));
            flux.applied_first = first.map(|(_, part)| flux.set_name(part)).collect();
        }
        flux
    }

    /// Whether each preview is an artifact of its own.
    fn has_artifacts(&self) -> bool {
        matches!(self.shape, OutputShape::Tree { artifacts_each: true, .. })
    }

    /// If a preview has an artifact of its own: its OCIRepository, and the Kustomization that applies the Flux objects
    /// in it. They change only with the tag.
    pub(super) fn root_objects(&self, env: &Environment<'_>) -> Vec<Object> {
        if !self.has_artifacts() {
            return Vec::new();
        }
        let metadata = |name: &str| {
            let mut metadata = self.metadata(name, Some(env.name));
            self.shard(env).into_iter().for_each(|shard| set_label(&mut metadata, SHARD, shard));
            metadata
        };
        let repository =
            artifacts::repository(self.plan.config, metadata(&self.set_name(env.name)));
        let spec = KustomizationSpec {
            wait: Some(false),
            source_ref: self.source_of(env),
            ..self.base("./flux".to_owned())
        };
        let applies = self.kustomization(metadata(&self.name_of(env, marks::FLUX)), spec);
        vec![repository, applies]
    }

    /// Whether Namespaces of previews are applied together with their Kustomizations.
    pub(super) fn owns_namespaces(&self) -> bool {
        matches!(self.shape, OutputShape::Tree { .. })
    }

    /// The Flux Kustomizations of each preview.
    pub(super) fn kustomizations(&self) -> Vec<PreviewKustomization> {
        let tests = self.plan.config.previews.spec.tests.len();
        let first = match self.shape {
            OutputShape::Tree { .. } => Some(PreviewKustomization::Environment),
            OutputShape::Stream if tests > 0 => Some(PreviewKustomization::Gate),
            OutputShape::Stream => None,
        };
        first.into_iter().chain((0..tests).map(PreviewKustomization::Suite)).collect()
    }

    /// The shard of a preview, which names its kustomize-controller, if there are several.
    fn shard(&self, env: &Environment<'_>) -> Option<String> {
        let shards = self.plan.config.previews.spec.flux.shards;
        (shards > 0).then(|| format!("previews-{}", shard(env.name, shards)))
    }

    /// A Kustomization of a preview.
    pub(super) fn object(
        &self,
        part: PreviewKustomization,
        env: &Environment<'_>,
        fields: Vec<Field<'_>>,
    ) -> Object {
        let (mut metadata, mut spec) = match part {
            PreviewKustomization::Environment => self.environment(env),
            PreviewKustomization::Gate => self.gate(env),
            PreviewKustomization::Suite(suite) => {
                self.suite(env, &self.plan.config.previews.spec.tests[suite])
            }
        };
        let mut expires = None;
        for field in fields {
            match field {
                Field::NameSuffix(suffix) => spec.name_suffix = Some(suffix),
                Field::WithoutSecrets => spec.patches.push(Patch::WITHOUT_SECRETS),
                Field::Repository(label) => set_label(&mut metadata, REPOSITORY, label),
                Field::OfEvents(name, value) => {
                    let annotations = metadata.annotations.get_or_insert_default();
                    annotations.insert(format!("{EVENT}{name}"), value);
                }
                Field::Workload(check) => spec.health_checks.push(check),
                Field::Expires(time) => expires = Some(time),
                Field::Shard(shard) => set_label(&mut metadata, SHARD, shard),
            }
        }
        let mut object = self.kustomization(metadata, spec);
        // It follows the annotations that are sorted.
        if let Some(time) = expires {
            object.node.make(&["metadata", "annotations"]).set(EXPIRES, Node::string(time));
        }
        object
    }

    /// Shared Flux objects, by file.
    pub(super) fn common(&self) -> BTreeMap<&'static str, Vec<Object>> {
        let mut shared = Vec::new();
        if let OutputShape::Tree { .. } = self.shape {
            if self.has_shared {
                shared.push(self.folder("shared"));
            }
            if self.delivers.is_some() {
                shared.push(self.folder("baseline"));
            }
        }
        let mut notifications = notification::emit(self.plan);
        if self.has_artifacts() {
            notifications.extend(artifacts::receiver(self.plan.config));
        }
        let files = [("shared.yaml", shared), ("notifications.yaml", notifications)];
        files.into_iter().filter(|(_, objects)| !objects.is_empty()).collect()
    }

    fn set_name(&self, part: &str) -> String {
        marks::flux(self.plan.config.set(), part)
    }

    fn name_of(&self, env: &Environment<'_>, part: &str) -> String {
        marks::flux_of_preview(self.plan.config.set(), env.name, part)
    }

    fn source(&self) -> SourceReference {
        let source = &self.plan.config.previews.spec.flux.source_ref;
        SourceReference {
            kind: source.kind.name(),
            name: source.name.clone(),
            namespace: (!source.namespace.is_empty()).then(|| source.namespace.clone()),
        }
    }

    /// The source that a preview's Kustomizations apply from.
    fn source_of(&self, env: &Environment<'_>) -> SourceReference {
        if !self.has_artifacts() {
            return self.source();
        }
        SourceReference { kind: OCI_REPOSITORY, name: self.set_name(env.name), namespace: None }
    }

    fn metadata(&self, name: &str, preview: Option<&str>) -> ObjectMeta {
        meta::managed(
            self.plan.config,
            name,
            &self.plan.config.previews.spec.flux.namespace,
            preview,
        )
    }

    /// The fields that all our Kustomizations have.
    fn base(&self, path: String) -> KustomizationSpec {
        let account = &self.plan.config.previews.spec.flux.service_account_name;
        KustomizationSpec {
            source_ref: self.source(),
            path,
            interval: "1h",
            retry_interval: "2m",
            timeout: "5m".to_owned(),
            prune: true,
            service_account_name: (!account.is_empty()).then(|| account.clone()),
            ..KustomizationSpec::default()
        }
    }

    /// The fields of a Kustomization that applies objects of the baseline, or objects made from them.
    fn of_objects(&self, path: String) -> KustomizationSpec {
        let config = self.plan.config;
        KustomizationSpec {
            decryption: config.flux("decryption").cloned(),
            post_build: config.flux("postBuild").cloned(),
            ..self.base(path)
        }
    }

    fn kustomization(&self, metadata: ObjectMeta, spec: KustomizationSpec) -> Object {
        Object::from_typed(&Kustomization {
            api_version: "kustomize.toolkit.fluxcd.io/v1",
            kind: "Kustomization",
            metadata,
            spec,
        })
    }

    fn path(&self, folder: &str) -> String {
        match self.shape {
            OutputShape::Tree { path, .. } => format!("{path}{folder}"),
            OutputShape::Stream => format!("./{folder}"),
        }
    }

    /// The Kustomization of a shared folder. It does not wait: an unhealthy object there must not hold up anything.
    fn folder(&self, folder: &str) -> Object {
        let spec = KustomizationSpec { wait: Some(false), ..self.of_objects(self.path(folder)) };
        self.kustomization(self.metadata(&self.set_name(folder), None), spec)
    }

    /// The Kustomization of a preview's environment. If the output delivers the baseline, that comes first, because
    /// routes of previews are in its namespace.
    fn environment(&self, env: &Environment<'_>) -> (ObjectMeta, KustomizationSpec) {
        let path = match self.has_artifacts() {
            true => "./objects".to_owned(),
            false => self.path(&format!("previews/{}", env.name)),
        };
        let depends_on =
            self.delivers.iter().cloned().map(|name| LocalReference { name }).collect();
        let source_ref = self.source_of(env);
        let spec =
            KustomizationSpec { depends_on, source_ref, wait: Some(true), ..self.of_objects(path) };
        (self.metadata(&self.set_name(env.name), Some(env.name)), spec)
    }

    /// The gate: a Kustomization without objects whose health is that of the preview's workloads. It depends on the
    /// parent that applies the stream, so it never sees the workloads of an older revision.
    fn gate(&self, env: &Environment<'_>) -> (ObjectMeta, KustomizationSpec) {
        let flux = &self.plan.config.previews.spec.flux;
        let spec = KustomizationSpec {
            depends_on: vec![LocalReference { name: flux.parent.clone() }],
            ..self.base(flux.gate.clone())
        };
        (self.metadata(&self.name_of(env, GATE), Some(env.name)), spec)
    }

    fn suite(&self, env: &Environment<'_>, suite: &Suite) -> (ObjectMeta, KustomizationSpec) {
        let mut metadata = self.metadata(&self.name_of(env, &suite.name), Some(env.name));
        set_label(&mut metadata, SUITE, suite.name.clone());
        let (path, waits_for) = match self.shape {
            OutputShape::Tree { artifacts_each, path, .. } => {
                let path = if artifacts_each { "./" } else { path };
                (format!("{path}tests/{}", suite.name), self.set_name(env.name))
            }
            OutputShape::Stream => (suite.path.clone(), self.name_of(env, GATE)),
        };
        let waits_for = std::iter::once(waits_for).chain(self.applied_first.iter().cloned());
        let spec = KustomizationSpec {
            depends_on: waits_for.map(|name| LocalReference { name }).collect(),
            source_ref: self.source_of(env),
            target_namespace: Some(env.first_room().namespace.clone()),
            interval: "24h",
            retry_interval: "30m",
            timeout: suite.timeout.clone(),
            wait: Some(true),
            ..self.base(path)
        };
        (metadata, spec)
    }
}
