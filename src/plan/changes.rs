//! The changes a preview makes to its workloads: images, environment, replicas.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Diagnostic, code};
use crate::kube::{Id, Object};
use crate::model::repository;
use crate::spec::{Config, EnvVar, ServiceChange};
use crate::yaml::Node;

/// A service that a preview names, and the workloads behind it that can be copied.
pub(super) struct Target<'a> {
    /// What the preview changes about it.
    pub(super) change: &'a ServiceChange,
    /// Path of the change in previews.yaml.
    pub(super) path: String,
    /// Its workloads.
    pub(super) workloads: Vec<&'a Object>,
}

/// What a preview changes about one workload.
#[derive(Debug, Clone, Default)]
pub struct Changes<'a> {
    /// For each service that names the workload, in order: its change, and the images it gives.
    by_service: Vec<(&'a ServiceChange, Images<'a>)>,
    /// Volume claims become empty directories.
    pub(super) empty_volumes: bool,
}

impl<'a> Changes<'a> {
    /// Whether only images and replicas change, and how.
    #[must_use]
    pub fn only_images(&self) -> Option<(&BTreeMap<&'a str, &'a str>, u32)> {
        match self.by_service.as_slice() {
            [(change, images)] if change.env.is_empty() && !self.empty_volumes => {
                Some((&images.by_container, change.replicas))
            }
            _ => None,
        }
    }

    /// The body with the changes made.
    #[must_use]
    pub fn make(&self, original: &Node) -> Node {
        let mut body = original.clone();
        for (change, images) in &self.by_service {
            change_body(&mut body, change, images);
        }
        if self.empty_volumes {
            empty_volumes(&mut body);
        }
        body
    }
}

/// The changes of the workloads of one preview.
pub(super) type ByWorkload<'a> = BTreeMap<&'a Id, Changes<'a>>;

/// Decides the changes of one service. `changed` remembers which service gave a container its image.
pub(super) fn decide<'a>(
    config: &'a Config,
    target: &Target<'a>,
    bodies: &mut ByWorkload<'a>,
    changed: &mut BTreeMap<(&'a Id, &'a str), &'a str>,
    found: &mut Vec<Diagnostic>,
) {
    let images = match plan_images(config, target) {
        Ok(images) => images,
        Err(finding) => {
            found.push(finding);
            return;
        }
    };
    for (workload, images) in target.workloads.iter().copied().zip(images) {
        for (&container, &image) in &images.by_container {
            let earlier = changed.insert((&workload.id, container), image);
            if earlier.is_some_and(|earlier| earlier != image) {
                found.push(config.finding(
                    &code::AMBIGUOUS_CONTAINER,
                    &target.path,
                    format!(
                        "two services of the preview give `{container}` of {} an image",
                        workload.id
                    ),
                    "keep the image in one of the two; both Services run the same pods",
                ));
            }
        }
        bodies.entry(&workload.id).or_default().by_service.push((target.change, images));
    }
}

/// The images that one service gives to a workload.
#[derive(Debug, Clone)]
struct Images<'a> {
    /// Image by container.
    by_container: BTreeMap<&'a str, &'a str>,
    /// The main container: the one that gets the environment.
    main: Option<&'a str>,
}

fn plan_images<'a>(config: &Config, target: &Target<'a>) -> Result<Vec<Images<'a>>, Diagnostic> {
    let change = target.change;
    let ambiguous = |field: &str, message: String, help: String| {
        config.finding(
            &code::AMBIGUOUS_CONTAINER,
            &format!("{}.{field}", target.path),
            message,
            help,
        )
    };
    if !change.containers.is_empty() {
        for (index, wanted) in change.containers.iter().enumerate() {
            let exists = |object: &&Object| containers(object).any(|c| c.name == wanted.name);
            if !target.workloads.iter().any(exists) {
                return Err(ambiguous(
                    &format!("containers[{index}].name"),
                    format!("`{}` has no container `{}`", change.name, wanted.name),
                    format!("the containers are: {}", listing(&target.workloads)),
                ));
            }
        }
    }
    for (index, wanted) in change.workloads.iter().enumerate() {
        if !target.workloads.iter().any(|object| object.id.name == wanted.name) {
            let names: Vec<&str> = target.workloads.iter().map(|o| o.id.name.as_str()).collect();
            return Err(ambiguous(
                &format!("workloads[{index}].name"),
                format!("`{}` has no workload `{}`", change.name, wanted.name),
                format!("its workloads are: {}", names.join(", ")),
            ));
        }
    }
    let mut all = Vec::new();
    let mut repositories = BTreeSet::new();
    for workload in &target.workloads {
        let by_workload = change.workloads.iter().find(|w| w.name == workload.id.name);
        let image = by_workload.map_or(change.image.as_str(), |w| w.image.as_str());
        let images = images_of(workload, change, image).map_err(|main| {
            let field = if change.image.is_empty() { "env" } else { "image" };
            ambiguous(
                field,
                format!("`{}` has {main} that could be meant", change.name),
                format!(
                    "say `containers: [{{name, image}}]`; they are: {}",
                    listing(&target.workloads)
                ),
            )
        })?;
        if let (Some(main), false) = (&images.main, image.is_empty()) {
            let own = containers(workload).find(|container| container.name == *main);
            repositories.extend(own.map(|container| repository(container.image)));
        }
        all.push(images);
    }
    if change.workloads.is_empty() && repositories.len() > 1 {
        return Err(ambiguous(
            "image",
            format!("`{}` has several workloads of different images", change.name),
            format!("say `workloads: [{{name, image}}]`; they are: {}", listing(&target.workloads)),
        ));
    }
    Ok(all)
}

/// Decides for one workload; the error says how many containers could be meant.
fn images_of<'a>(
    workload: &'a Object,
    change: &'a ServiceChange,
    image: &'a str,
) -> Result<Images<'a>, String> {
    let regular: Vec<Container<'a>> = containers(workload).filter(|c| !c.init).collect();
    let mut by_container: BTreeMap<&str, &str> = change
        .containers
        .iter()
        .filter(|wanted| containers(workload).any(|c| c.name == wanted.name))
        .map(|wanted| (wanted.name.as_str(), wanted.image.as_str()))
        .collect();
    let same_repository =
        || regular.iter().filter(|c| repository(c.image) == repository(image)).collect::<Vec<_>>();
    let candidates: Vec<&Container<'a>> = match regular.as_slice() {
        [only] => vec![only],
        _ if !image.is_empty() => same_repository(),
        all => all.iter().filter(|c| by_container.contains_key(c.name)).collect(),
    };
    let needs_main = !image.is_empty() && candidates.is_empty()
        || !change.env.is_empty() && candidates.len() != 1;
    if needs_main {
        return Err(match (regular.len(), candidates.len()) {
            (all, 0) => format!("{all} containers"),
            (_, some) => format!("{some} containers of this image"),
        });
    }
    if let (Some(main), false) = (candidates.first(), image.is_empty()) {
        let old = repository(main.image);
        for container in containers(workload).filter(|c| repository(c.image) == old) {
            by_container.insert(container.name, image);
        }
    }
    let main = candidates.first().map(|main| main.name);
    Ok(Images { by_container, main })
}

struct Container<'a> {
    name: &'a str,
    image: &'a str,
    init: bool,
}

/// The containers and init containers of a workload.
fn containers(workload: &Object) -> impl Iterator<Item = Container<'_>> {
    [("containers", false), ("initContainers", true)].into_iter().flat_map(|(list, init)| {
        let pod = crate::model::pod_spec(&workload.node);
        pod.and_then(|pod| pod.get(list)).map(Node::items).unwrap_or_default().iter().map(
            move |container| Container {
                name: container.text_at(&["name"]).unwrap_or_default(),
                image: container.text_at(&["image"]).unwrap_or_default(),
                init,
            },
        )
    })
}

fn listing(workloads: &[&Object]) -> String {
    let one = |object: &&Object| {
        let names: Vec<String> =
            containers(object).map(|c| format!("{} ({})", c.name, c.image)).collect();
        format!("{}: {}", object.id.name, names.join(", "))
    };
    workloads.iter().map(one).collect::<Vec<_>>().join("; ")
}

fn change_body(body: &mut Node, change: &ServiceChange, images: &Images<'_>) {
    body.make(&["spec"]).set("replicas", Node::integer(i64::from(change.replicas)));
    let Some(pod) = body.at_mut(&["spec", "template", "spec"]) else {
        return;
    };
    for list in ["containers", "initContainers"] {
        let Some(containers) = pod.get_mut(list) else {
            continue;
        };
        for container in containers.items_mut() {
            let name = container.text_at(&["name"]).unwrap_or_default().to_owned();
            if let Some(image) = images.by_container.get(name.as_str()) {
                container.set("image", Node::string(*image));
            }
            if list == "containers" && images.main == Some(name.as_str()) {
                set_env(container, &change.env);
            }
        }
    }
}

fn set_env(container: &mut Node, env: &[EnvVar]) {
    for variable in env {
        let entry = Node::map([
            ("name", Node::string(&variable.name)),
            ("value", Node::string(&variable.value)),
        ]);
        let list = match container.get_mut("env") {
            Some(list) if !list.is_null() => list,
            _ => {
                container.set("env", Node::list([]));
                container.get_mut("env").expect("set on the line above")
            }
        };
        let existing = list
            .items_mut()
            .iter_mut()
            .find(|existing| existing.text_at(&["name"]) == Some(&variable.name));
        match existing {
            Some(existing) => *existing = entry,
            None => list.push(entry),
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
    let Some(pod) = body.at_mut(&["spec", "template", "spec"]) else {
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
