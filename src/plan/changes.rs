//! The changes a preview makes to what it copies: images, environment, replicas, volumes, patches.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use smallvec::SmallVec;

use super::few::Few;
use super::marker::{SCALARS, marker};
use super::patch::{Patch, Problem};
use crate::diagnostic::{Diagnostic, Report, code, some_of};
use crate::kube::meta::{SUBSTITUTE, is_substituted};
use crate::kube::repository;
use crate::limits::Allowance;
use crate::model::{Container, Workload};
use crate::spec::{Config, EnvVar, ServiceChange};
use crate::yaml::Node;

/// A service that a preview names, and the workloads behind it that can be copied.
pub(super) struct Target<'a> {
    /// What the preview changes about it.
    pub(super) change: &'a ServiceChange,
    /// The preview's index.
    pub(super) preview: usize,
    /// The index of the change among the preview's.
    pub(super) index: usize,
    /// Its workloads.
    pub(super) workloads: SmallVec<[&'a Workload<'a>; 1]>,
}

impl Target<'_> {
    /// Path of the change in previews.yaml.
    pub(super) fn path(&self) -> String {
        format!("spec.previews[{}].services[{}]", self.preview, self.index)
    }
}

/// What a preview changes about one object.
#[derive(Debug, Clone, Default)]
pub struct Changes<'a> {
    /// For each service that names the workload, in order: its change, and the images it gives.
    by_service: Few<(&'a ServiceChange, Images<'a>)>,
    /// Patches that apply to what the others made of it, in order; they fit it.
    pub(super) patches: Vec<Arc<Patch<'a>>>,
    /// What the preview writes stays as it is: Flux must not substitute in the object.
    pub(super) literal: bool,
    /// Volume claims become empty directories, last of all.
    pub(super) empty_volumes: bool,
}

/// A value that a preview gives to a workload.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Value<'a> {
    /// The number of pods.
    Replicas(u32),
    /// An image, or the value of a variable.
    Text(&'a str),
}

impl Value<'_> {
    fn node(self) -> Node {
        match self {
            Self::Replicas(count) => Node::integer(i64::from(count)),
            Self::Text(text) => Node::string(text),
        }
    }
}

impl<'a> Changes<'a> {
    /// Words that changes of one object have alike where they make the same of it but for
    /// [values](Self::values).
    pub(crate) fn shape(&self) -> SmallVec<[&str; 4]> {
        let mut words = SmallVec::new();
        // What stands between names could be none of them.
        if self.empty_volumes {
            words.push("/volumes");
        }
        if self.literal {
            words.push("/literal");
        }
        for (change, images) in self.by_service.iter() {
            words.push("/images");
            words.extend(images.by_container.iter().map(|(container, _)| *container));
            if let (Some(main), false) = (images.main, change.env.is_empty()) {
                words.extend(["/env", main]);
                words.extend(change.env.iter().map(|variable| variable.name.as_str()));
            }
        }
        words.extend(self.patches());
        words
    }

    /// Words that changes have alike where their patches are the same.
    pub(crate) fn patches(&self) -> SmallVec<[&str; 4]> {
        self.patches.iter().flat_map(|patch| patch.words()).collect()
    }

    /// Every value, in an order that follows from the [shape](Self::shape).
    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'a>> {
        self.by_service.iter().flat_map(|(change, images)| {
            let images = images.by_container.iter().map(|&(_, image)| Value::Text(image));
            let variables = change.env.iter().map(|variable| Value::Text(&variable.value));
            [Value::Replicas(change.replicas)].into_iter().chain(images).chain(variables)
        })
    }

    /// Adds the changes of one more service that names the workload.
    pub(super) fn add(&mut self, change: &'a ServiceChange, images: Images<'a>) {
        let is_one = |one: &EnvVar| is_substituted(&one.name) || is_substituted(&one.value);
        self.literal |= change.env.iter().any(is_one);
        self.by_service.push((change, images));
    }

    /// The values of variables, which may name hosts.
    pub(super) fn variables(&self) -> impl Iterator<Item = &'a str> {
        let changes = self.by_service.iter().flat_map(|(change, _)| &change.env);
        changes.map(|variable| variable.value.as_str())
    }

    /// Whether there are patches.
    pub(crate) fn has_patches(&self) -> bool {
        !self.patches.is_empty()
    }

    /// Whether there are patches that may take values to other places.
    pub(super) fn move_values(&self) -> bool {
        self.patches.iter().any(|patch| patch.moves_values())
    }

    /// Whether the body needs what the original does: neither variables nor volumes change, nor does
    /// anything that a patch may.
    pub(super) fn keeps_needs(&self) -> bool {
        let has_variables = self.by_service.iter().any(|(change, _)| !change.env.is_empty());
        !self.empty_volumes && !has_variables && !self.has_patches()
    }

    /// The body with the changes made.
    #[must_use]
    pub fn make(&self, original: &Node) -> Node {
        self.make_with(original, &mut { Allowance::UNLIMITED }, |_, value| value.node())
            .expect("only patches that fit are kept")
    }

    /// The body with the changes made and a marker for each of the [`values`](Self::values). None where a
    /// patch depends on one.
    pub(crate) fn mark(&self, original: &Node) -> Option<Node> {
        self.mark_within(original, &mut { Allowance::UNLIMITED })
    }

    /// The same, where the allowance is enough for it.
    fn mark_within(&self, original: &Node, allowance: &mut Allowance) -> Option<Node> {
        let make = |number, _: Value<'_>| Node::string(marker(number));
        self.takes_marks().then(|| self.make_with(original, allowance, make).ok())?
    }

    /// The body with a marker for each value, before the patches and after each of them. None where a
    /// patch depends on one.
    pub(super) fn mark_stages(
        &self,
        original: &Node,
        allowance: &mut Allowance,
    ) -> Option<Vec<Node>> {
        if !self.takes_marks() {
            return None;
        }
        let mut stages = vec![self.unpatched(original, |number, _| Node::string(marker(number)))];
        for (index, patch) in self.patches.iter().enumerate() {
            let mut body = stages[index].clone();
            patch.apply(&mut body, allowance).ok()?;
            stages.push(body);
        }
        Some(stages)
    }

    /// Whether markers can stand for the values.
    fn takes_marks(&self) -> bool {
        self.values().count() <= SCALARS
            && !self.patches.iter().any(|patch| patch.mentions_marker())
    }

    /// The body before the patches.
    pub(super) fn make_unpatched(&self, original: &Node) -> Node {
        self.unpatched(original, |_, value| value.node())
    }

    fn unpatched(&self, original: &Node, make: impl Fn(usize, Value<'a>) -> Node) -> Node {
        let mut body = original.clone();
        let values = self.values().enumerate();
        let mut values = values.map(|(number, value)| make(number, value));
        for (change, images) in self.by_service.iter() {
            change_body(&mut body, change, images, &mut values);
        }
        body
    }

    /// Makes the changes that come last.
    pub(super) fn finish(&self, body: &mut Node) {
        if self.empty_volumes {
            empty_volumes(body);
        }
        if self.literal {
            body.make(&["metadata", "annotations"]).set(SUBSTITUTE, Node::string("disabled"));
        }
    }

    /// The body with the changes made, and for each value, by its place among the
    /// [`values`](Self::values), what is made of it.
    fn make_with(
        &self,
        original: &Node,
        allowance: &mut Allowance,
        make: impl Fn(usize, Value<'a>) -> Node,
    ) -> Result<Node, Problem> {
        let mut body = self.unpatched(original, make);
        for patch in &self.patches {
            patch.apply(&mut body, allowance)?;
        }
        self.finish(&mut body);
        Ok(body)
    }
}

/// Decides the images that one service gives to each of its workloads; none where something is wrong.
/// `changed` remembers which image a container was given.
pub(super) fn decide<'a>(
    config: &'a Config,
    target: &Target<'a>,
    changed: &mut BTreeMap<(usize, &'a str), &'a str>,
    found: &mut Report,
) -> SmallVec<[Images<'a>; 1]> {
    let all = match plan_images(config, target) {
        Ok(all) => all,
        Err(finding) => {
            found.push(finding);
            return SmallVec::new();
        }
    };
    let workloads = target.workloads.iter().map(|workload| workload.object);
    for (workload, images) in workloads.zip(&all) {
        for &(container, image) in images.by_container.iter() {
            let earlier = changed.insert((workload.number, container), image);
            if earlier.is_some_and(|earlier| earlier != image) {
                found.push(config.finding(
                    &code::AMBIGUOUS_CONTAINER,
                    target.path(),
                    format!(
                        "two services of the preview give `{container}` of {} an image",
                        workload.id
                    ),
                    "keep the image in one of the two; both Services run the same pods",
                ));
            }
        }
    }
    all
}

/// The images that one service gives to a workload.
#[derive(Debug, Clone)]
pub(super) struct Images<'a> {
    /// Names of containers with their images, in order.
    by_container: Few<(&'a str, &'a str)>,
    /// The main container: the one that gets the environment.
    main: Option<&'a str>,
}

fn plan_images<'a>(
    config: &Config,
    target: &Target<'a>,
) -> Result<SmallVec<[Images<'a>; 1]>, Diagnostic> {
    let change = target.change;
    let ambiguous = |field: &str, message: String, help: String| {
        config.finding(
            &code::AMBIGUOUS_CONTAINER,
            format!("{}.{field}", target.path()),
            message,
            help,
        )
    };
    if !change.containers.is_empty() {
        let containers = target.workloads.iter().flat_map(|workload| &workload.containers);
        let names: BTreeSet<&str> = containers.map(|container| container.name).collect();
        for (index, wanted) in change.containers.iter().enumerate() {
            if !names.contains(wanted.name.as_str()) {
                return Err(ambiguous(
                    &format!("containers[{index}].name"),
                    format!("`{}` has no container `{}`", change.name, wanted.name),
                    format!("the containers are: {}", listing(&target.workloads)),
                ));
            }
        }
    }
    let names: BTreeSet<&str> = target.workloads.iter().map(|workload| workload.name()).collect();
    for (index, wanted) in change.workloads.iter().enumerate() {
        if !names.contains(wanted.name.as_str()) {
            let names = target.workloads.iter().map(|workload| workload.name());
            return Err(ambiguous(
                &format!("workloads[{index}].name"),
                format!("`{}` has no workload `{}`", change.name, wanted.name),
                format!("its workloads are: {}", some_of(names)),
            ));
        }
    }
    let mut all = SmallVec::new();
    let mut repositories = BTreeSet::new();
    // Looked up for each of the workloads.
    let by_workload: BTreeMap<&str, &str> =
        change.workloads.iter().map(|one| (one.name.as_str(), one.image.as_str())).collect();
    let by_container: BTreeMap<&str, &str> =
        change.containers.iter().map(|one| (one.name.as_str(), one.image.as_str())).collect();
    for workload in &target.workloads {
        let image = by_workload.get(workload.name()).copied().unwrap_or(&change.image);
        let images = images_of(workload, change, image, &by_container).map_err(|main| {
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
        let alone = target.workloads.len() == 1;
        if let (Some(main), false, false) = (&images.main, image.is_empty(), alone) {
            let own = workload.containers.iter().find(|container| container.name == *main);
            repositories.extend(own.map(|container| container.repository));
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
    workload: &'a Workload<'a>,
    change: &'a ServiceChange,
    image: &'a str,
    wanted: &BTreeMap<&'a str, &'a str>,
) -> Result<Images<'a>, String> {
    let containers = workload.containers.as_slice();
    let mut by_container: Few<(&str, &str)> = containers
        .iter()
        .filter_map(|container| Some((container.name, *wanted.get(container.name)?)))
        .collect();
    let regular = || containers.iter().filter(|c| !c.init);
    let alone = regular().nth(1).is_none();
    let is_candidate = |c: &&Container<'_>| match image {
        _ if alone => true,
        "" => wanted.contains_key(c.name),
        image => c.repository == repository(image),
    };
    let mut candidates = regular().filter(is_candidate);
    let (main, others) = (candidates.next(), candidates.count());
    let needs_main = !image.is_empty() && main.is_none()
        || !change.env.is_empty() && (main.is_none() || others > 0);
    if needs_main {
        return Err(match main {
            None => format!("{} containers", regular().count()),
            Some(_) => format!("{} containers of this image", others + 1),
        });
    }
    if let (Some(main), false) = (main, image.is_empty()) {
        let same = containers.iter().filter(|c| c.repository == main.repository);
        same.for_each(|container| by_container.push((container.name, image)));
    }
    by_container.sort_unstable();
    Ok(Images { by_container, main: main.map(|main| main.name) })
}

/// The containers of some workloads, for a sentence.
fn listing(workloads: &[&Workload<'_>]) -> String {
    const SHOWN: usize = 20;
    let one = |workload: &&Workload<'_>| {
        let names = workload.containers.iter().map(|c| format!("{} ({})", c.name, c.image));
        format!("{}: {}", workload.name(), some_of(names))
    };
    let shown: Vec<String> = workloads.iter().take(SHOWN).map(one).collect();
    match workloads.len().saturating_sub(SHOWN) {
        0 => shown.join("; "),
        more => format!("{} and {more} more", shown.join("; ")),
    }
}

/// Makes the changes of one service with the next of these values: replicas, images, variables.
fn change_body(
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
    let Some(pod) = body.at_mut(&["spec", "template", "spec"]) else {
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
fn empty_volumes(body: &mut Node) {
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

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn changes_of_other_containers_and_variables_have_another_shape() {
        let read = |value| serde_json::from_value::<ServiceChange>(value).expect("a change");
        let plain = read(json!({"name": "a"}));
        let with_x = read(json!({"name": "a", "env": [{"name": "x", "value": "1"}]}));
        fn images<'a>(names: &[&'a str], main: Option<&'a str>) -> Images<'a> {
            Images { by_container: names.iter().map(|&name| (name, "image")).collect(), main }
        }
        let changes = |by_service: Vec<_>, empty_volumes| Changes {
            by_service: by_service.into_iter().collect(),
            empty_volumes,
            ..Changes::default()
        };
        let all = [
            changes(vec![(&plain, images(&[], None))], false),
            changes(vec![(&plain, images(&[], None))], true),
            changes(vec![(&plain, images(&["volumes"], None))], false),
            changes(vec![(&plain, images(&["c"], Some("c")))], false),
            changes(vec![(&with_x, images(&["c"], Some("c")))], false),
            changes(vec![(&plain, images(&["c", "x"], Some("c")))], false),
            changes(vec![(&plain, images(&["c"], None)), (&plain, images(&["x"], None))], false),
            changes(vec![(&plain, images(&["c"], None)), (&with_x, images(&[], Some("x")))], false),
        ];
        let shapes: BTreeSet<_> = all.iter().map(|changes| changes.shape().into_vec()).collect();
        assert_eq!(shapes.len(), all.len());
        // There are as many values as the shape tells, whatever they are.
        let other = read(json!({"name": "b", "replicas": 3, "env": [{"name": "x", "value": "2"}]}));
        let same = changes(vec![(&other, images(&["c"], Some("c")))], false);
        assert_eq!(same.shape(), all[4].shape());
        assert_eq!(same.values().count(), all[4].values().count());
    }
}
