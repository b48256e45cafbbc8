//! Finds values in patches that the API server or a limit of previews.yaml refuses.

use std::collections::HashSet;

use foldhash::fast::RandomState;

use super::{Verdict, culprit};
use crate::diagnostic::{Diagnostic, code};
use crate::kube::Object;
use crate::model::pod_spec;
use crate::spec::Limits;
use crate::validate::is_env_name;
use crate::yaml::Node;

/// Replicas and names of variables that are refused. `is_open` tells which values come from fields of the preview;
/// `validate` checks those.
pub(super) fn refused(
    limits: &Limits,
    original: &Object,
    stages: &[Node],
    is_open: impl Fn(&Node) -> bool,
) -> Verdict {
    let body = &stages[stages.len() - 1];
    let finding = |message, help| Diagnostic::new(&code::BAD_PATCH, message, help);
    let mut verdict = Verdict::new();
    if let Some(node) = replicas(limits, original, body).filter(|node| !is_open(node)) {
        let message = format!(
            "a patch gives {} the replicas `{}`, and spec.limits.replicas allows {}",
            original.id,
            node.text().unwrap_or_default(),
            limits.replicas
        );
        let help =
            "write a whole number within the limit, or raise spec.limits.replicas on purpose";
        let patch = culprit(stages, 1, |body| body.at(&["spec", "replicas"]));
        verdict.push((patch, finding(message, help)));
    }
    let mut bad_names: Vec<&str> =
        variables(body).map(name).filter(|name| !is_env_name(name)).collect();
    if !bad_names.is_empty() {
        let existing: HashSet<&str, RandomState> = variables(&original.node).map(name).collect();
        bad_names.retain(|name| !existing.contains(name));
    }
    for &bad_name in &bad_names {
        let message = format!(
            "a patch gives {} the variable `{bad_name}`, which is not the name of one",
            original.id
        );
        let help = "write printable ASCII characters without `=`, as Kubernetes takes them";
        let patch = culprit(stages, bad_names.len(), |body| {
            variables(body).any(|one| name(one) == bad_name)
        });
        verdict.push((patch, finding(message, help)));
    }
    verdict
}

/// Containers whose image, given by the preview, a patch replaces or removes. `given` are the names of the containers to
/// which the preview gives an image.
pub(super) fn lost_images<'g>(
    original: &Object,
    stages: &[Node],
    given: impl Iterator<Item = &'g str>,
) -> Verdict {
    let (before, after) = (&stages[0], &stages[stages.len() - 1]);
    let mut verdict = Verdict::new();
    for container in given {
        let image = image_of(before, container);
        let (message, help) = match containers(after).find(|one| name(one) == container) {
            // `required.rs` reports it.
            Some(kept) if kept.get("image").is_none_or(Node::is_null) => continue,
            Some(kept) if kept.get("image") == image => continue,
            Some(_) => (
                format!(
                    "a patch replaces the image that the preview gives to container `{container}` of {}",
                    original.id
                ),
                "write the image in one of the two places: `image` of the service is what `set` changes",
            ),
            // Reported elsewhere (no containers), or the container was renamed.
            None if containers(after).next().is_none() => continue,
            None if containers(after).any(|one| one.get("image") == image) => continue,
            None => (
                format!(
                    "a patch takes away container `{container}` of {}, to which the preview gives an image",
                    original.id
                ),
                "leave the container: the copy would run without the change; or name another one in \
                 `containers` of the service",
            ),
        };
        let patch = culprit(stages, 1, |body| image_of(body, container));
        verdict.push((patch, Diagnostic::new(&code::BAD_PATCH, message, help)));
    }
    verdict
}

/// The replicas of a body if they exceed the limit. In an object without pods `spec.replicas` can mean something else, so
/// it may keep the value of the original.
fn replicas<'n>(limits: &Limits, original: &Object, body: &'n Node) -> Option<&'n Node> {
    let node = body.at(&["spec", "replicas"]).filter(|node| !node.is_null())?;
    let count = node.integer_value().and_then(|count| u32::try_from(count).ok());
    let is_within = count.is_some_and(|count| count <= limits.replicas);
    let is_kept = pod_spec(body).is_none() && original.node.at(&["spec", "replicas"]) == Some(node);
    (!is_within && !is_kept).then_some(node)
}

/// The containers of a workload, of all three lists.
pub(super) fn containers(object: &Node) -> impl Iterator<Item = &Node> {
    let lists = ["containers", "initContainers", "ephemeralContainers"];
    pod_spec(object).into_iter().flat_map(move |pod| {
        lists.into_iter().filter_map(|list| pod.get(list)).flat_map(Node::items)
    })
}

/// The variables of all containers.
fn variables(object: &Node) -> impl Iterator<Item = &Node> {
    containers(object).filter_map(|container| container.get("env")).flat_map(Node::items)
}

/// The image of the container of this name.
fn image_of<'n>(object: &'n Node, container: &str) -> Option<&'n Node> {
    containers(object).find(|one| name(one) == container)?.get("image")
}

/// The `name` of an item; empty if it has none.
pub(super) fn name(item: &Node) -> &str {
    item.text_at(&["name"]).unwrap_or_default()
}
