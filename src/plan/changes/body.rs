//! Applies the changes of a preview to the body of a workload.

use std::collections::BTreeMap;

use super::images::Images;
use crate::model::pod_spec_mut;
use crate::spec::ServiceChange;
use crate::yaml::Node;

/// Applies the changes of one service, taking replicas, images and variables from these values.
pub(super) fn change(
    body: &mut Node,
    change: &ServiceChange,
    images: &Images<'_>,
    values: &mut impl Iterator<Item = Node>,
) {
    body.make(&["spec"]).set("replicas", values.next().unwrap_or_default());
    let containers = images.by_container.iter().map(|(container, _)| *container);
    let new_images: BTreeMap<&str, Node> = containers.zip(&mut *values).collect();
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
    let mut places = BTreeMap::new();
    for (place, variable) in list.items().iter().enumerate() {
        places.entry(variable.text_at(&["name"]).unwrap_or_default().to_owned()).or_insert(place);
    }
    for (name, value) in variables {
        let entry = Node::map([("name", Node::string(*name)), ("value", value.clone())]);
        match places.get(*name) {
            Some(&place) => list.items_mut()[place] = entry,
            None => {
                places.insert((*name).to_owned(), list.items().len());
                list.push(entry);
            }
        }
    }
}

/// Turns PersistentVolumeClaims and claim templates into empty directories.
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
    if let Some(volumes) = pod.get_mut("volumes") {
        for volume in volumes.items_mut() {
            if volume.remove("persistentVolumeClaim").is_some() {
                volume.set("emptyDir", empty());
            }
        }
    }
    for name in names {
        let volume = Node::map([("name", Node::string(name)), ("emptyDir", empty())]);
        match pod.get_mut("volumes") {
            Some(volumes) => volumes.push(volume),
            None => pod.set("volumes", Node::list([volume])),
        }
    }
}
