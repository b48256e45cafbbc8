//! A workload: an object that runs pods, and its containers.

use super::host::ServiceName;
use super::pod::{pod_annotations, pod_of};
use crate::kube::Support;
use crate::kube::{Object, repository};

/// A workload of the baseline.
#[derive(Debug)]
pub(crate) struct Workload<'a> {
    pub(crate) object: &'a Object,
    /// How far previews support its kind.
    pub(crate) support: Support,
    /// Its containers, and after them its init containers.
    pub(crate) containers: Vec<Container<'a>>,
    /// The name of the main container in the annotation of its pods. No container needs to have it.
    /// See <https://kubernetes.io/docs/reference/labels-annotations-taints/#kubectl-kubernetes-io-default-container>.
    pub(crate) default_container: Option<&'a str>,
}

/// The annotation of pods that names their main container. kubectl reads it on pods only.
pub(crate) const DEFAULT_CONTAINER: &str = "kubectl.kubernetes.io/default-container";

/// A container of a workload's pods.
#[derive(Debug)]
pub(crate) struct Container<'a> {
    pub(crate) name: &'a str,
    pub(crate) image: &'a str,
    /// The image without tag and digest.
    pub(crate) repository: &'a str,
    /// Whether it is an init container.
    pub(crate) init: bool,
}

impl<'a> Workload<'a> {
    /// Reads a workload; `None` for objects of other kinds.
    #[must_use]
    pub(crate) fn new(object: &'a Object) -> Option<Self> {
        let runs = object.row?.workload?;
        // A pod of a chart's test or installation: no service runs in it.
        let is_hook = runs.template.is_empty() && object.annotation("helm.sh/hook").is_some();
        let support = if is_hook { Support::Passing } else { runs.support };
        let default_container =
            pod_annotations(&object.node).and_then(|all| all.text_at(&[DEFAULT_CONTAINER]));
        let containers = containers(object).collect();
        Some(Self { object, support, containers, default_container })
    }

    #[must_use]
    pub(crate) fn name(&self) -> &'a str {
        &self.object.id.name
    }

    /// Its name and namespace.
    #[must_use]
    pub(crate) fn id(&self) -> ServiceName<'a> {
        ServiceName { name: &self.object.id.name, namespace: &self.object.id.namespace }
    }
}

fn containers(workload: &Object) -> impl Iterator<Item = Container<'_>> {
    let pod = pod_of(workload);
    [("containers", false), ("initContainers", true)].into_iter().flat_map(move |(list, init)| {
        let list = pod.map(|pod| pod.items_at(&[list])).unwrap_or_default();
        list.iter().map(move |container| {
            let text = |key| container.text_at(&[key]).unwrap_or_default();
            let image = text("image");
            Container { name: text("name"), image, repository: repository(image), init }
        })
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::yaml::Node;

    #[test]
    fn a_pod_that_helm_runs_by_itself_is_left_out_and_any_other_refused() {
        let support = |annotations: &[(&str, &str)]| {
            let annotations = annotations.iter().map(|(key, value)| (*key, Node::string(*value)));
            let metadata =
                [("name", Node::string("test")), ("annotations", Node::map(annotations))];
            let pod = Node::map([
                ("apiVersion", Node::string("v1")),
                ("kind", Node::string("Pod")),
                ("metadata", Node::map(metadata)),
            ]);
            let pod = Object::from_node(pod).expect("it has a name");
            Workload::new(&pod).map(|workload| workload.support)
        };
        assert_eq!(support(&[("helm.sh/hook", "test")]), Some(Support::Passing));
        assert!(matches!(support(&[]), Some(Support::Refused(_))));
    }
}
