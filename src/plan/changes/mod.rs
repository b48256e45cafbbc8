//! The changes that a preview makes to one copied object: replicas, images, variables, patches, volumes.
//!
//! [`Changes`] says what to change and borrows its texts from previews.yaml; [`Changes::make`] makes the body. Two
//! previews with the same [cache key](Changes::cache_key) make the same body up to a few [values](Changes::values), so
//! findings and templates are made once for both.

mod body;
mod images;
mod variables;

use std::sync::Arc;

use smallvec::SmallVec;

use self::images::Images;
use super::few::Few;
use super::patch::Patch;
use crate::diagnostic::Problem;
use crate::kube::meta::{SUBSTITUTE, is_substituted};
use crate::limits::WorkShare;
use crate::model::{ServiceName, Workload};
use crate::spec::{EnvVar, ServiceChange, ServicePath};
use crate::yaml::{Node, placeholder};

pub(super) use self::images::decide;

/// A service that a preview names, with its workloads that can be copied.
pub(super) struct Target<'a> {
    /// What the preview changes about it.
    pub(super) change: &'a ServiceChange,
    /// The service that it names.
    pub(super) name: ServiceName<'a>,
    /// The index of the preview in `spec.previews`.
    pub(super) preview: usize,
    /// The index of the change in the `services` of the preview.
    pub(super) index: usize,
    /// Those that can be copied.
    pub(super) workloads: SmallVec<[&'a Workload<'a>; 1]>,
}

impl Target<'_> {
    /// The path of the change in previews.yaml.
    pub(super) fn path(&self) -> ServicePath {
        ServicePath(self.preview, self.index)
    }
}

/// The changes of a preview to one object.
#[derive(Debug, Clone, Default)]
pub(crate) struct Changes<'a> {
    /// The change of each service whose workload this is, with its images, in the order of previews.yaml.
    by_service: Few<(&'a ServiceChange, Images<'a>)>,
    /// Patches that apply to the object, in order. Each fits what the ones before it make.
    pub(super) patches: Vec<Arc<Patch<'a>>>,
    /// Whether Flux must not substitute in the object: the preview sets text that looks like a variable.
    pub(super) literal: bool,
    /// Whether volume claims become empty directories. This comes after the patches.
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
    /// Cache key: equal keys give the same object up to its [values](Self::values).
    pub(crate) fn cache_key(&self) -> SmallVec<[&str; 4]> {
        let mut key = SmallVec::new();
        // A separator has a slash, which no name of a container or variable has.
        if self.empty_volumes {
            key.push("/volumes");
        }
        if self.literal {
            key.push("/literal");
        }
        for (change, images) in self.by_service.iter() {
            key.push("/images");
            key.extend(images.by_container.iter().map(|(container, _)| *container));
            if let (Some(main), false) = (images.main, change.env.is_empty()) {
                key.extend(["/env", main]);
                key.extend(change.env.iter().map(|variable| variable.name.as_str()));
            }
        }
        key.extend(self.key_of_patches());
        key
    }

    /// The part of the cache key for patches.
    pub(crate) fn key_of_patches(&self) -> SmallVec<[&str; 4]> {
        self.patches.iter().flat_map(|patch| patch.cache_key()).collect()
    }

    /// The values that differ between previews. Equal [cache keys](Self::cache_key) give the same number of them in the
    /// same order.
    pub(crate) fn values(&self) -> impl Iterator<Item = Value<'a>> {
        self.by_service.iter().flat_map(|(change, images)| {
            let images = images.by_container.iter().map(|&(_, image)| Value::Text(image));
            let variables = change.env.iter().map(|variable| Value::Text(&variable.value));
            [Value::Replicas(change.replicas)].into_iter().chain(images).chain(variables)
        })
    }

    /// Adds the change of another service whose workload this is.
    pub(super) fn add(&mut self, change: &'a ServiceChange, images: Images<'a>) {
        let is_variable = |one: &EnvVar| is_substituted(&one.name) || is_substituted(&one.value);
        self.literal |= change.env.iter().any(is_variable);
        self.by_service.push((change, images));
    }

    /// The containers that get an image.
    pub(super) fn given_images(&self) -> impl Iterator<Item = &'a str> {
        let images = self.by_service.iter().flat_map(|(_, images)| images.by_container.iter());
        images.map(|(container, _)| *container)
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

    /// Whether a patch may move or copy a value within the object.
    pub(super) fn move_values(&self) -> bool {
        self.patches.iter().any(|patch| patch.moves_values())
    }

    /// Whether the body has the requirements of the original: only replicas and images differ.
    pub(super) fn keeps_requirements(&self) -> bool {
        let has_variables = self.by_service.iter().any(|(change, _)| !change.env.is_empty());
        !self.empty_volumes && !has_variables && !self.has_patches()
    }

    /// The body with the changes made.
    #[must_use]
    pub(crate) fn make(&self, original: &Node) -> Node {
        self.make_with(original, &mut { WorkShare::UNLIMITED }, |_, value| value.node())
            .expect("only patches that fit are kept")
    }

    /// The body with the changes made and a [placeholder] for each of the [`values`](Self::values). `None` if a patch
    /// depends on a value.
    pub(crate) fn with_placeholders(&self, original: &Node) -> Option<Node> {
        self.make_with(original, &mut { WorkShare::UNLIMITED }, placeholder_of).ok()
    }

    /// The body with a [placeholder] for each value, before the patches and after each of them. `None` if a patch
    /// depends on a value.
    pub(super) fn stages_with_placeholders(
        &self,
        original: &Node,
        share: &mut WorkShare,
    ) -> Option<Vec<Node>> {
        let mut stages = vec![self.unpatched(original, placeholder_of)];
        for (index, patch) in self.patches.iter().enumerate() {
            let mut body = stages[index].clone();
            patch.apply(&mut body, share).ok()?;
            stages.push(body);
        }
        Some(stages)
    }

    /// The body before the patches.
    pub(super) fn make_unpatched(&self, original: &Node) -> Node {
        self.unpatched(original, |_, value| value.node())
    }

    /// The body before the patches, with the node that `make` gives for each value and its index.
    fn unpatched(&self, original: &Node, make: impl Fn(usize, Value<'a>) -> Node) -> Node {
        let mut body = original.clone();
        let values = self.values().enumerate();
        let mut values = values.map(|(number, value)| make(number, value));
        for (change, images) in self.by_service.iter() {
            body::change(&mut body, change, images, &mut values);
        }
        body
    }

    /// Makes the changes that come after the patches.
    pub(super) fn finish(&self, body: &mut Node) {
        if self.empty_volumes {
            body::empty_volumes(body);
        }
        if self.literal {
            body.make(&["metadata", "annotations"]).set(SUBSTITUTE, Node::string("disabled"));
        }
    }

    /// The body with the changes made, with the node that `make` gives for each value and its index.
    fn make_with(
        &self,
        original: &Node,
        share: &mut WorkShare,
        make: impl Fn(usize, Value<'a>) -> Node,
    ) -> Result<Node, Problem> {
        let mut body = self.unpatched(original, make);
        for patch in &self.patches {
            patch.apply(&mut body, share)?;
        }
        self.finish(&mut body);
        Ok(body)
    }
}

/// The placeholder for the value with this index.
fn placeholder_of(index: usize, _: Value<'_>) -> Node {
    Node::string(placeholder::value(index))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use serde_json::json;

    use super::*;

    #[test]
    fn changes_of_other_containers_and_variables_have_another_cache_key() {
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
        let keys: BTreeSet<_> = all.iter().map(|changes| changes.cache_key().into_vec()).collect();
        assert_eq!(keys.len(), all.len());
        // Equal cache keys have equally many values.
        let other = read(json!({"name": "b", "replicas": 3, "env": [{"name": "x", "value": "2"}]}));
        let same = changes(vec![(&other, images(&["c"], Some("c")))], false);
        assert_eq!(same.cache_key(), all[4].cache_key());
        assert_eq!(same.values().count(), all[4].values().count());
    }
}
