//! Judges what patches make of an object.
//!
//! Input: the original, and the stages of its body: before the patches and after each of them. Output: a [`Verdict`],
//! with findings about images that previews may not use, objects that the API server refuses or that cannot run,
//! changes that may need more privileges, and fields that no copy keeps.

mod fit;
mod paths;
mod privileges;
mod required;
mod strings;
mod values;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use self::privileges::{Change, OwnDomains, PolicyLabels, Step};
pub(super) use self::privileges::{injected, policy_labels};
use crate::diagnostic::{Diagnostic, code, first_of};
use crate::kube::{Object, marks, meta};
use crate::model::{Catalog, images};
use crate::spec::{Limits, Spec};
use crate::validate::image_problems;
use crate::yaml::{Node, by_key};

/// The findings about the patches of an object, each with the index of its patch. They have no place yet, because
/// several previews may share the patches.
pub(super) type Verdict = Vec<(usize, Diagnostic)>;

/// The most privilege changes of one object that are reported one by one.
const MOST_CHANGES: usize = 200;

/// The most stages that are looked at to find which patches made the changes of one object. If there are more, the last
/// patch is named for all changes.
const MOST_STAGES: usize = 20_000;

/// The limits of previews.yaml and the labels of policies, by which patches are judged.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    limits: &'a Limits,
    policy_labels: PolicyLabels<'a>,
    own_domains: OwnDomains<'a>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(spec: &'a Spec, catalog: &'a Catalog<'a>) -> Self {
        Self {
            limits: &spec.limits,
            policy_labels: policy_labels(catalog),
            own_domains: OwnDomains::new(spec, catalog),
        }
    }

    /// Judges the stages of an object. `given` are the containers that get an image from the preview. `None` if a
    /// finding depends on a value that differs between previews (`is_open`).
    pub(super) fn judge<'g>(
        &self,
        original: &Object,
        stages: &[Node],
        given: impl Iterator<Item = &'g str>,
        is_open: impl Fn(&Node) -> bool,
    ) -> Option<Verdict> {
        let [before, .., after] = stages else {
            return Some(Verdict::new());
        };
        let refused = self.refused_images(original, stages, &is_open);
        let (labels, own) = (&self.policy_labels, &self.own_domains);
        let mut changes = privileges::compare(&original.id, labels, own, before, after);
        changes.retain(|change| {
            let text = change.new.and_then(Node::text);
            text.is_none_or(|text| !refused.contains_key(text))
        });
        let mut values = changes.iter().flat_map(|change| [change.old, change.new]).flatten();
        if values.any(&is_open) {
            return None;
        }
        let mut verdict: Verdict = refused.into_values().flatten().collect();
        if verdict.is_empty() {
            verdict.extend(values::lost_images(original, stages, given));
        }
        verdict.extend(values::refused(self.limits, original, stages, &is_open));
        verdict.extend(fit::unfit(original, stages));
        verdict.extend(required::taken(original, stages));
        verdict.extend(strings::not_text(original, stages));
        verdict.extend(self.privilege_changes(original, stages, &changes));
        verdict.extend(dropped_fields(original, stages));
        Some(verdict)
    }

    /// The images of patches that previews may not use, with the findings about each.
    fn refused_images<'s>(
        &self,
        original: &Object,
        stages: &'s [Node],
        is_open: &impl Fn(&Node) -> bool,
    ) -> BTreeMap<Cow<'s, str>, Verdict> {
        fn image_set(body: &Node) -> BTreeSet<Cow<'_, str>> {
            images(body).into_iter().map(|(image, _)| image).collect()
        }
        let mut refused = BTreeMap::new();
        let (before, after) = (images(&stages[0]), images(&stages[stages.len() - 1]));
        // The usual case: no patch changes an image.
        if before.iter().map(|(image, _)| image).eq(after.iter().map(|(image, _)| image)) {
            return refused;
        }
        let before: BTreeSet<Cow<'_, str>> = before.into_iter().map(|(image, _)| image).collect();
        let in_original = image_set(&original.node);
        // Collected when the first image is refused.
        let mut by_stage: Option<Vec<BTreeSet<Cow<'_, str>>>> = None;
        for (image, node) in after {
            if before.contains(&image) || in_original.contains(&image) || is_open(node) {
                continue;
            }
            let problems = image_problems(self.limits, &image);
            if problems.is_empty() {
                continue;
            }
            let by_stage = by_stage.get_or_insert_with(|| stages.iter().map(image_set).collect());
            let patch = last_to_change(by_stage, |images| images.contains(&image));
            let findings = problems.into_iter().map(|problem| {
                let message = format!(
                    "a patch gives {} the image `{image}`, which {}",
                    original.id, problem.message
                );
                (patch, Diagnostic::new(&code::BAD_IMAGE, message, problem.help))
            });
            let findings: Verdict = findings.collect();
            refused.insert(image, findings);
        }
        refused
    }

    /// The warnings about changes that may need more privileges.
    fn privilege_changes(
        &self,
        original: &Object,
        stages: &[Node],
        changes: &[Change<'_>],
    ) -> Verdict {
        const HELP: &str = "make sure that whoever can change previews.yaml may have it; admission \
                            policies such as the Pod Security Standards can refuse it";
        let finding = |patch, message, help: &str| {
            (patch, Diagnostic::new(&code::MORE_ACCESS, message, help).once())
        };
        let mut verdict = Verdict::new();
        for change in changes.iter().take(MOST_CHANGES) {
            let patch = culprit(stages, changes.len().min(MOST_CHANGES), |body| {
                privileges::find(body, &change.path)
            });
            let mut message = privileges::describe(&original.id, change);
            if let [.., Step::Key("labels"), Step::Key(label)] = change.path[..]
                && let Some(policies) = self.policy_labels.get(label)
            {
                let verb = if policies.len() == 1 { "selects" } else { "select" };
                let names = policies.iter().map(ToString::to_string);
                message += &format!("; {} {verb} pods by it", first_of(5, ", ", names));
            }
            verdict.push(finding(patch, message, HELP));
        }
        if changes.len() > MOST_CHANGES {
            let more = changes.len() - MOST_CHANGES;
            let message =
                format!("patches change {more} more things of {} than these", original.id);
            verdict.push(finding(stages.len() - 2, message, HELP));
        }
        verdict
    }
}

/// The index of the last patch that changed what `look` returns. If that takes too long for this number of changes, the
/// last patch of all.
pub(super) fn culprit<'s, T: PartialEq>(
    stages: &'s [Node],
    changes: usize,
    look: impl Fn(&'s Node) -> T,
) -> usize {
    match changes.saturating_mul(stages.len()) > MOST_STAGES {
        true => stages.len() - 2,
        false => last_to_change(stages, look),
    }
}

/// The index of the last patch that changed what `look` returns.
fn last_to_change<'s, S, T: PartialEq>(stages: &'s [S], look: impl Fn(&'s S) -> T) -> usize {
    if stages.len() == 2 {
        return 0;
    }
    let mut steps = stages.windows(2);
    steps.rposition(|stages| look(&stages[0]) != look(&stages[1])).unwrap_or(0)
}

/// The note that patches write fields that no copy keeps.
fn dropped_fields(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let (before, after) = (&stages[0], &stages[stages.len() - 1]);
    let mut dropped_fields: Vec<(&[&str], &str)> = Vec::new();
    let mut look = |path: &'static [&str], keeps: &dyn Fn(&str, &Node) -> bool| {
        let (before, after) = (before.at(path), after.at(path));
        let after = after.map(Node::entries).unwrap_or_default().iter();
        let mut dropped = after.filter(|(key, value)| !keeps(&key.text, value)).peekable();
        if dropped.peek().is_none() {
            return;
        }
        let before = before.map(Node::entries).unwrap_or_default();
        let before = by_key(before);
        let dropped = dropped.map(|(key, value)| (key.text.as_str(), value));
        let new = dropped.filter(|(key, value)| before.get(key) != Some(value));
        dropped_fields.extend(new.map(|(key, _)| (path, key)));
    };
    look(&["metadata"], &|key, _| meta::keeps_metadata(key));
    look(&["metadata", "labels"], &|key, _| meta::keeps_label(key) && key != marks::MANAGED_BY);
    look(&["metadata", "annotations"], &|key, _| meta::keeps_annotation(key));
    match original.id.kind.as_str() {
        "Service" => look(&["spec"], &|key, value| match key {
            // An ExternalName is an error already.
            "type" => matches!(value.text(), Some("ClusterIP" | "ExternalName")),
            "clusterIP" => value.text() == Some("None"),
            _ => meta::keeps_service_field(key),
        }),
        "ServiceMonitor" | "PodMonitor" => look(&["spec"], &|key, _| key != "namespaceSelector"),
        _ => {}
    }
    let old: BTreeSet<&str> = node_ports(before).collect();
    let is_new = |port: &str| !old.contains(port);
    let new_port = original.is("", "Service") && node_ports(after).any(is_new);
    let patch = match dropped_fields.first() {
        Some(&(path, key)) => {
            last_to_change(stages, |body| body.at(path).and_then(|parent| parent.get(key)))
        }
        None if new_port => last_to_change(stages, |body| node_ports(body).collect::<Vec<_>>()),
        None => return None,
    };
    let fields = dropped_fields.iter().map(|(path, key)| format!("{}.{key}", path.join(".")));
    let fields =
        first_of(5, ", ", fields.chain(new_port.then(|| "spec.ports.nodePort".to_owned())));
    let finding = Diagnostic::new(
        &code::DROPPED,
        format!("a patch of {} writes what no copy keeps: {fields}", original.id),
        "leave it out of the patch: it belongs to the original, or anabranch sets it",
    );
    Some((patch, finding.once()))
}

/// The ports of nodes that a Service asks for.
fn node_ports(service: &Node) -> impl Iterator<Item = &str> {
    let ports = service.at(&["spec", "ports"]).map(Node::items).unwrap_or_default();
    ports.iter().filter_map(|port| port.text_at(&["nodePort"]))
}
