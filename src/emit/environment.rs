//! Makes the Namespace of a preview, the ConfigMap that tests read, aliases of unaffected services, and the Sidecar
//! that limits what its proxies know.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use smallvec::SmallVec;

use super::meta;
use crate::kube::istio::{API_VERSION, Egress, GROUP, ROOT_NAMESPACE, Sidecar, SidecarSpec};
use crate::kube::meta::{is_literal, keeps_namespace_annotation, keeps_namespace_label};
use crate::kube::{ConfigMap, Namespace, Object, ObjectMeta, Service, ServiceSpec, marks};
use crate::model::Mesh;
use crate::model::mesh::DATA_PLANE_MODE;
use crate::ordered::ordered;
use crate::plan::{Alias, Environment, Plan, Room};
use crate::yaml::Node;

/// The name of the ConfigMap that tests read.
pub(super) const CONFIG_MAP: &str = "anabranch";

/// The data of the ConfigMap: values by variable.
pub(super) type Variables<'p> = Vec<(&'static str, Cow<'p, str>)>;

/// Tells Flux to create an object that is absent, and never to take over one that exists.
const SSA: &str = "kustomize.toolkit.fluxcd.io/ssa";

/// Makes a Namespace of a preview.
///
/// A tree has it in two files. The one in `flux/` belongs to the parent Kustomization: Flux creates namespaces before
/// it checks anything else, and records only what it applied completely. If the first apply of a preview were
/// refused, its own Kustomization would not know the Namespace, and nobody would remove it.
///
/// The folder of the preview has it too, with `owned`, for users who apply only that folder. There, Flux must not take
/// it from its owner.
/// See <https://fluxcd.io/flux/components/kustomize/kustomizations/#controlling-the-apply-behavior-of-resources>.
pub(super) fn namespace(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    room: &Room<'_>,
    owned: bool,
) -> Object {
    let original = plan.catalog.namespace(room.baseline);
    let carried = |field, keeps: fn(&str) -> bool| -> BTreeMap<String, String> {
        let texts = original.map(|namespace| namespace.node.entries_at(&["metadata", field]));
        let kept = texts.unwrap_or_default().iter().filter(|(key, _)| keeps(&key.text));
        ordered(
            kept.filter_map(|(key, value)| Some((key.text.to_string(), value.text()?.to_owned()))),
        )
    };
    let mut labels = carried("labels", keeps_namespace_label);
    if plan.catalog.mesh == Mesh::Ambient {
        labels.insert(DATA_PLANE_MODE.to_owned(), "ambient".to_owned());
    }
    let mut annotations = carried("annotations", keeps_namespace_annotation);
    let asks = labels.values().chain(annotations.values()).any(|text| text.contains("${"));
    let metadata = match asks && !original.is_some_and(|original| is_literal(&original.node)) {
        true => meta::derived(plan.config, &room.namespace, "", Some(env.name)),
        false => meta::managed(plan.config, &room.namespace, "", Some(env.name)),
    };
    labels.extend(metadata.labels.unwrap_or_default());
    if plan.catalog.home.namespaces.len() > 1 {
        labels.insert(marks::BASELINE.to_owned(), room.baseline.to_owned());
    }
    if env.preview.fork().is_some() {
        labels.insert(marks::TRUST.to_owned(), marks::FORK.to_owned());
    }
    annotations.extend(metadata.annotations.unwrap_or_default());
    if owned {
        annotations.insert(SSA.to_owned(), "IfNotPresent".to_owned());
    }
    let annotations = (!annotations.is_empty()).then_some(annotations);
    Object::from_typed(&Namespace {
        metadata: ObjectMeta { labels: Some(labels), annotations, ..metadata },
        ..Namespace::default()
    })
}

/// The ConfigMap `anabranch`.
pub(super) fn config_map(
    plan: &Plan<'_>,
    env: &Environment<'_>,
    room: &Room<'_>,
    variables: Variables<'_>,
) -> Object {
    Object::from_typed(&ConfigMap {
        metadata: meta::managed(plan.config, CONFIG_MAP, &room.namespace, Some(env.name)),
        data: Some(ordered(
            variables.into_iter().map(|(key, value)| (key.to_owned(), value.into_owned())),
        )),
        ..ConfigMap::default()
    })
}

/// The variables that tests read through `envFrom`. They do not go through Flux' substitution, which turns a commit
/// of digits into a number.
pub(super) fn variables<'p>(plan: &'p Plan<'p>, index: usize, room: &'p Room<'p>) -> Variables<'p> {
    let env = &plan.environments[index];
    let spec = &plan.config.previews.spec;
    let urls = || plan.routing.entries.urls(env.name).map(Cow::Owned);
    let changes = &env.preview.changes;
    let first = changes.first();
    let services = env.affected.iter().map(|service| match spec.baseline.only() {
        Some(_) => Cow::Borrowed(service.name),
        None => format!("{}.{}", service.name, service.namespace).into(),
    });
    let commits = || changes.iter().map(|change| change.commit.as_str().into());
    let numbers = changes.iter().map(|one| format!("{}#{}", one.repository, one.number).into());
    let repository = first.map(|change| change.repository.as_str());
    let mut variables: Variables<'p> = vec![
        ("PREVIEW", env.name.into()),
        ("PREVIEW_NAMESPACE", room.namespace.as_str().into()),
        ("BASELINE_NAMESPACE", room.baseline.into()),
        ("PREVIEW_HEADER", spec.routing.key.header.as_str().into()),
        ("PREVIEW_SERVICES", joined(services)),
        ("PREVIEW_URL", urls().next().unwrap_or_default()),
        ("PREVIEW_URLS", joined(urls())),
        ("PREVIEW_COMMIT", commits().next().unwrap_or_default()),
        ("PREVIEW_COMMITS", joined(commits())),
        ("PREVIEW_CHANGE", first.map(|one| one.number.to_string()).unwrap_or_default().into()),
        ("PREVIEW_CHANGES", joined(numbers)),
        ("PREVIEW_REPOSITORY", repository.unwrap_or_default().into()),
    ];
    let baggage = &spec.routing.key.baggage;
    if !baggage.is_empty() {
        variables.push(("PREVIEW_BAGGAGE", format!("{baggage}={}", env.name).into()));
    }
    variables
}

/// Joins texts with spaces; mostly there is one.
fn joined<'p>(texts: impl Iterator<Item = Cow<'p, str>>) -> Cow<'p, str> {
    let mut texts: SmallVec<[Cow<'p, str>; 8]> = texts.collect();
    if texts.len() > 1 { texts.join(" ").into() } else { texts.pop().unwrap_or_default() }
}

/// Makes the alias of a name that copies may call: an ExternalName Service that leads to the baseline.
/// See <https://kubernetes.io/docs/concepts/services-networking/service/#externalname>.
pub(super) fn alias(plan: &Plan<'_>, env: &Environment<'_>, alias: Alias<'_>) -> Object {
    let name = alias.name();
    let external = match alias {
        Alias::Service(service) => service.external_name,
        Alias::Declared(_) => None,
    };
    let namespace = &env.room(name.namespace).namespace;
    // The target of an ExternalName is the same from everywhere, so the alias names it directly.
    let host = external.map_or_else(|| plan.catalog.home.host(name), str::to_owned);
    Object::from_typed(&Service {
        metadata: meta::managed(plan.config, name.name, namespace, Some(env.name)),
        spec: Some(ServiceSpec {
            type_: Some("ExternalName".to_owned()),
            external_name: Some(host),
            ..ServiceSpec::default()
        }),
        ..Service::default()
    })
}

/// Makes the Sidecar of a preview's namespace. Its proxies know this namespace, the baseline's with only this
/// preview's aliases, the control plane, and other namespaces of the input.
pub(super) fn sidecar(plan: &Plan<'_>, env: &Environment<'_>, room: &Room<'_>) -> Object {
    let baseline = room.baseline;
    let mut hosts = vec![
        "./*".to_owned(),
        format!("{baseline}/*.{baseline}.svc.{}", env.domain),
        format!("{baseline}/*.{}.svc.{}", room.namespace, env.domain),
    ];
    let mut others: BTreeSet<String> = room.other_namespaces.clone();
    others.insert(ROOT_NAMESPACE.to_owned());
    let foreign = plan.catalog.namespaces().into_iter().filter(|name| *name != baseline);
    others.extend(foreign.map(str::to_owned));
    let entries = plan.catalog.of_kind(GROUP, "ServiceEntry");
    for entry in entries.filter(|entry| entry.id.namespace == baseline) {
        let names = entry.node.items_at(&["spec", "hosts"]);
        hosts.extend(names.iter().filter_map(Node::text).map(|name| format!("{baseline}/{name}")));
    }
    hosts.extend(others.into_iter().map(|namespace| format!("{namespace}/*")));
    let mut seen = BTreeSet::new();
    hosts.retain(|host| seen.insert(host.clone()));
    Object::from_typed(&Sidecar {
        api_version: API_VERSION,
        kind: "Sidecar",
        metadata: meta::managed(plan.config, "default", &room.namespace, Some(env.name)),
        spec: SidecarSpec { egress: vec![Egress { hosts }] },
    })
}
