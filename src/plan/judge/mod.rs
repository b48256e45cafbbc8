//! Findings about an object that patches changed: images that a preview may not use, what cannot run, changes that
//! not everybody may make, and fields that a copy does not keep.

mod fit;
mod places;
mod privileges;
mod required;
mod strings;
mod values;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub(super) use self::privileges::policy_labels;
use self::privileges::{Change, PolicyLabels, Step};
use crate::diagnostic::{Diagnostic, code, first_of};
use crate::kube::{Object, marks, meta};
use crate::model::images;
use crate::spec::Limits;
use crate::validate::image_problems;
use crate::yaml::Node;

/// What is said of the patches of an object: each with the index of the patch, and without a place, for
/// others may write the same patches.
pub(super) type Verdict = Vec<(usize, Diagnostic)>;

/// The most differences of one object that are named.
const NAMED: usize = 200;

/// The most comparisons that are made to find which patch made a difference. Beyond that, the last patch is named
/// for all of them.
const LOOKS: usize = 20_000;

/// What the patches of every object are held against.
#[derive(Debug)]
pub(super) struct Judge<'a> {
    limits: &'a Limits,
    policy_labels: PolicyLabels<'a>,
}

impl<'a> Judge<'a> {
    pub(super) fn new(limits: &'a Limits, policy_labels: PolicyLabels<'a>) -> Self {
        Self { limits, policy_labels }
    }

    /// Judges what patches make of an object: `stages` are its body before them and after each of them, and `given`
    /// are the containers that have their image from the preview. None where that depends on a value that is left
    /// open.
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
        let mut changes = privileges::compare(&original.id, &self.policy_labels, before, after);
        changes.retain(|change| {
            let text = change.new.and_then(Node::text);
            text.is_none_or(|text| !refused.contains_key(text))
        });
        let mut sides = changes.iter().flat_map(|change| [change.old, change.new]).flatten();
        if sides.any(&is_open) {
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
        verdict.extend(self.gained(original, stages, &changes));
        verdict.extend(lost(original, stages));
        Some(verdict)
    }

    /// The images that patches bring although they may not, and what is said of each.
    fn refused_images<'s>(
        &self,
        original: &Object,
        stages: &'s [Node],
        is_open: &impl Fn(&Node) -> bool,
    ) -> BTreeMap<Cow<'s, str>, Verdict> {
        fn text(body: &Node) -> BTreeSet<Cow<'_, str>> {
            images(body).into_iter().map(|(image, _)| image).collect()
        }
        let mut refused = BTreeMap::new();
        let (before, after) = (images(&stages[0]), images(&stages[stages.len() - 1]));
        // Mostly the images stay as they are.
        if before.iter().map(|(image, _)| image).eq(after.iter().map(|(image, _)| image)) {
            return refused;
        }
        let own: BTreeSet<Cow<'_, str>> = before.into_iter().map(|(image, _)| image).collect();
        let of_original = text(&original.node);
        let mut of_stages: Option<Vec<BTreeSet<Cow<'_, str>>>> = None;
        for (image, node) in after {
            if own.contains(&image) || of_original.contains(&image) || is_open(node) {
                continue;
            }
            let mut problems = image_problems(self.limits, &image).into_iter().peekable();
            if problems.peek().is_none() {
                continue;
            }
            let of_stages = of_stages.get_or_insert_with(|| stages.iter().map(text).collect());
            let patch = last_to_change(of_stages, |images| images.contains(&image));
            let said = problems.map(|problem| {
                let message = format!(
                    "a patch gives {} the image `{image}`, which {}",
                    original.id, problem.message
                );
                (patch, Diagnostic::new(&code::BAD_IMAGE, message, problem.help))
            });
            let said: Verdict = said.collect();
            refused.insert(image, said);
        }
        refused
    }

    /// The warnings that patches change more than anyone may.
    fn gained(&self, original: &Object, stages: &[Node], changes: &[Change<'_>]) -> Verdict {
        const HELP: &str = "make sure that whoever can change previews.yaml may have it; admission \
                            policies such as the Pod Security Standards can refuse it";
        let finding = |patch, message, help: &str| {
            (patch, Diagnostic::new(&code::MORE_ACCESS, message, help).once())
        };
        let mut verdict = Verdict::new();
        for change in changes.iter().take(NAMED) {
            let patch = culprit(stages, changes.len().min(NAMED), |body| {
                privileges::find(body, &change.path)
            });
            let mut message = privileges::in_words(&original.id, change);
            if let [.., Step::Key("labels"), Step::Key(label)] = change.path[..]
                && let Some(policies) = self.policy_labels.get(label)
            {
                let verb = if policies.len() == 1 { "selects" } else { "select" };
                let names = policies.iter().map(ToString::to_string);
                message += &format!("; {} {verb} pods by it", first_of(5, ", ", names));
            }
            verdict.push(finding(patch, message, HELP));
        }
        if let Some(more) = changes.len().checked_sub(NAMED + 1) {
            let message =
                format!("patches change {} more things of {} than these", more + 1, original.id);
            verdict.push(finding(stages.len() - 2, message, HELP));
        }
        verdict
    }
}

/// The index of the patch that made one of so many differences; the last one where there are too many.
pub(super) fn culprit<'s, T: PartialEq>(
    stages: &'s [Node],
    differences: usize,
    look: impl Fn(&'s Node) -> T,
) -> usize {
    match differences.saturating_mul(stages.len()) > LOOKS {
        true => stages.len() - 2,
        false => last_to_change(stages, look),
    }
}

/// The index of the last patch that changed what `look` sees of the stages before and after it.
fn last_to_change<'s, S, T: PartialEq>(stages: &'s [S], look: impl Fn(&'s S) -> T) -> usize {
    if stages.len() == 2 {
        return 0;
    }
    let steps = stages.windows(2).enumerate();
    let mut changing = steps.rev().filter(|(_, two)| look(&two[0]) != look(&two[1]));
    changing.next().map_or(0, |(patch, _)| patch)
}

/// The note that patches write what no copy keeps.
fn lost(original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
    let (before, after) = (&stages[0], &stages[stages.len() - 1]);
    let mut lost: Vec<(&[&str], &str)> = Vec::new();
    let mut look = |path: &'static [&str], keeps: &dyn Fn(&str, &Node) -> bool| {
        let (before, after) = (before.at(path), after.at(path));
        let after = after.map(Node::entries).unwrap_or_default().iter();
        let mut dropped = after.filter(|(key, value)| !keeps(&key.text, value)).peekable();
        if dropped.peek().is_none() {
            return;
        }
        let before = before.map(Node::entries).unwrap_or_default();
        let before: BTreeMap<&str, &Node> =
            before.iter().map(|(key, value)| (key.text.as_str(), value)).collect();
        let dropped = dropped.map(|(key, value)| (key.text.as_str(), value));
        let new = dropped.filter(|(key, value)| before.get(key) != Some(value));
        lost.extend(new.map(|(key, _)| (path, key)));
    };
    look(&["metadata"], &|key, _| meta::keeps_metadata(key));
    look(&["metadata", "labels"], &|key, _| meta::keeps_label(key) && key != marks::MANAGED_BY);
    look(&["metadata", "annotations"], &|key, _| meta::keeps_annotation(key));
    match original.id.kind.as_str() {
        "Service" => look(&["spec"], &|key, value| match key {
            // The other one is an error.
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
    let patch = match lost.first() {
        Some(&(path, key)) => {
            last_to_change(stages, |body| body.at(path).and_then(|parent| parent.get(key)))
        }
        None if new_port => last_to_change(stages, |body| node_ports(body).collect::<Vec<_>>()),
        None => return None,
    };
    let fields = lost.iter().map(|(path, key)| format!("{}.{key}", path.join(".")));
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
