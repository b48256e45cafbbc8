//! Makes the changes of a preview in the body of a workload.

use std::collections::BTreeMap;

use super::images::Images;
use crate::model::{CLAIM_OF_VOLUME, chosen_storage, data_source, pod_spec_mut};
use crate::ordered::ordered;
use crate::spec::ServiceChange;
use crate::yaml::Node;

/// Makes the changes of one service. `values` are the replicas, images and values of variables, in this order.
pub(super) fn change(
    body: &mut Node,
    change: &ServiceChange,
    images: &Images<'_>,
    values: &mut impl Iterator<Item = Node>,
) {
    let spec = body.make(&["spec"]);
    spec.set("replicas", values.next().unwrap_or_default());
    // A paused Deployment that is new gets no pods.
    spec.remove("paused");
    let containers = images.by_container.iter().map(|(container, _)| *container);
    let new_images = ordered(containers.zip(&mut *values));
    let names = change.env.iter().map(|variable| variable.name.as_str());
    let variables: Vec<(&str, Node)> = names.zip(values).collect();
    let Some(pod) = pod_spec_mut(body) else {
        return;
    };
    for list in ["containers", "initContainers"] {
        for container in pod.get_mut(list).map(Node::items_mut).unwrap_or_default() {
            let name = container.text_at(&["name"]).unwrap_or_default().to_owned();
            if let Some(image) = new_images.get(name.as_str()) {
                container.set("image", image.clone());
            }
            if list == "containers" && images.main == Some(name.as_str()) {
                set_env(container, &variables);
            }
        }
    }
}

/// Sets variables of a container: in place of those with the same names, or at the end.
fn set_env(container: &mut Node, variables: &[(&str, Node)]) {
    if variables.is_empty() {
        return;
    }
    let list = match container.get_mut("env") {
        Some(list) if !list.is_null() => list,
        _ => {
            container.set("env", Node::list([]));
            container.get_mut("env").expect("set on the line above")
        }
    };
    let mut indices = BTreeMap::new();
    for (index, variable) in list.items().iter().enumerate() {
        indices.entry(variable.text_at(&["name"]).unwrap_or_default().to_owned()).or_insert(index);
    }
    for (name, value) in variables {
        let variable = Node::map([("name", Node::string(*name)), ("value", value.clone())]);
        match indices.get(*name) {
            Some(&index) => list.items_mut()[index] = variable,
            None => {
                indices.insert((*name).to_owned(), list.items().len());
                list.push(variable);
            }
        }
    }
}

/// Turns claims into empty directories: those that volumes name, those that a StatefulSet makes from templates, and
/// ephemeral ones that ask for storage or content of the baseline.
pub(super) fn empty_volumes(body: &mut Node) {
    let templates = body.at_mut(&["spec"]).and_then(|spec| spec.remove("volumeClaimTemplates"));
    let names: Vec<String> = templates
        .iter()
        .flat_map(Node::items)
        .filter_map(|template| template.text_at(&["metadata", "name"]).map(str::to_owned))
        .collect();
    let Some(pod) = pod_spec_mut(body) else {
        return;
    };
    let empty = || Node::map([]);
    for volume in pod.get_mut("volumes").map(Node::items_mut).unwrap_or_default() {
        let is_bound = volume
            .at(CLAIM_OF_VOLUME)
            .is_some_and(|claim| data_source(claim).is_some() || chosen_storage(claim).is_some());
        let source = if is_bound { "ephemeral" } else { "persistentVolumeClaim" };
        if volume.remove(source).is_some() {
            volume.set("emptyDir", empty());
        }
    }
    for name in names {
        let volume = Node::map([("name", Node::string(&name)), ("emptyDir", empty())]);
        let Some(volumes) = pod.get_mut("volumes") else {
            pod.set("volumes", Node::list([volume]));
            continue;
        };
        // A claim from a template replaces a volume of its name.
        let mut existing = volumes.items_mut().iter_mut();
        match existing.find(|one| one.text_at(&["name"]) == Some(&name)) {
            Some(existing) => *existing = volume,
            None => volumes.push(volume),
        }
    }
}
