//! The patches of the services that a preview names.

use std::sync::Arc;

use super::Closure;
use crate::diagnostic::{
    Diagnostic, Place, Problem, Report, code, may_be_of_secret, mentions_secret, unquoted,
};
use crate::kube::{Id, Object, names};
use crate::limits::Allowance;
use crate::model::{ServiceName, selects_pods};
use crate::plan::changes::Changes;
use crate::plan::environment::{Body, Copied};
use crate::plan::judge::culprit;
use crate::plan::needs::selects_others;
use crate::plan::patch::{Aim, Patch, identity};
use crate::spec::{self, Config};
use crate::yaml::Node;

/// A patch with its place.
pub(super) struct Placed<'a> {
    /// The service whose copies it may change.
    service: ServiceName<'a>,
    /// Shared by all previews with this text, so it carries no place.
    patch: Arc<Patch<'a>>,
    origin: Origin<'a>,
    /// The copies that it names by other names than they have.
    aims: Vec<Aim>,
}

/// The origin of a patch: indices of the preview, of its service and of the patch.
#[derive(Clone, Copy)]
struct Origin<'a> {
    config: &'a Config,
    preview: usize,
    service: usize,
    index: usize,
}

impl<'a> Origin<'a> {
    fn service(self) -> &'a str {
        &self.config.previews.spec.previews[self.preview].services[self.service].name
    }

    fn field(self) -> String {
        let Self { preview, service, index, .. } = self;
        format!("spec.previews[{preview}].services[{service}].patches[{index}]")
    }

    fn place(self) -> Place {
        self.config.place(&format!("{}.patch", self.field()))
    }

    fn source(self) -> &'a spec::Patch {
        let preview = &self.config.previews.spec.previews[self.preview];
        &preview.services[self.service].patches[self.index]
    }

    /// The patch, with its place.
    fn parse(self, allowance: &mut Allowance) -> Result<Patch<'a>, Problem> {
        Patch::parse(self.source(), self.place(), allowance)
    }

    /// Whether a finding about this patch could reveal the content of a Secret.
    fn may_be_secret(self, problem: &Problem) -> bool {
        let spec::Patch { target, patch } = self.source();
        let kind = target.as_ref().map(|target| target.kind.as_str());
        may_be_of_secret(patch, kind) || mentions_secret(&problem.message)
    }

    /// A finding about this patch: `patches[1] of service cart in preview pr-42 …`.
    fn finding(self, problem: Problem) -> Diagnostic {
        let preview = &self.config.previews.spec.previews[self.preview].name;
        let (index, service, field) = (self.index, self.service(), self.field());
        let text = match self.may_be_secret(&problem) {
            true => unquoted(&problem.message),
            false => problem.message,
        };
        let message =
            format!("patches[{index}] of service `{service}` in preview `{preview}` {text}");
        Diagnostic::new(&code::BAD_PATCH, message, problem.help)
            .at(self.place(), "this patch")
            .field(field)
    }
}

impl<'a> Placed<'a> {
    /// Whether the patch may change a copy.
    fn owns(&self, copy: &Copied<'_>) -> bool {
        let ServiceName { name, namespace } = self.service;
        copy.owners.contains(self.service)
            || copy.original.id.name == name && copy.home == namespace
    }

    /// Lets each part of the patch that names no copy apply to the only one with that other name.
    fn aim(&mut self, copies: &[Copied<'_>]) {
        let before = self.aims.len();
        for part in 0..self.patch.parts() {
            let owned = || copies.iter().filter(|copy| self.owns(copy)).map(|copy| copy.original);
            if owned().any(|object| self.patch.names(part, object)) {
                continue;
            }
            let mut meant = owned().filter(|object| self.patch.means(part, object));
            if let (Some(object), None) = (meant.next(), meant.next()) {
                self.aims.push(Aim::at(part, &object.id.name));
            }
        }
        let new = &self.aims[before..];
        if !new.is_empty() {
            self.patch = Arc::new(Patch::clone(&self.patch).aimed(new));
        }
    }

    /// The patch, with its place.
    fn parse(&self, allowance: &mut Allowance) -> Result<Patch<'a>, Problem> {
        Ok(self.origin.parse(allowance)?.aimed(&self.aims))
    }
}

impl<'a> Closure<'a, '_> {
    /// The patches of each service that the preview names.
    pub(super) fn patches(&mut self) -> Vec<Placed<'a>> {
        let mut patches = Vec::new();
        for (service, change) in self.env.preview.services.iter().enumerate() {
            for (index, patch) in change.patches.iter().enumerate() {
                if self.report.is_full() {
                    return patches;
                }
                let (config, preview) = (self.config, self.env.index);
                let origin = Origin { config, preview, service, index };
                match self.finder.patch(patch) {
                    Some(patch) => {
                        let service = self.catalog.resolve(&change.name, &change.namespace);
                        patches.push(Placed { service, patch, origin, aims: Vec::new() });
                    }
                    None => {
                        let parsed = self.finder.work.allow(|all| origin.parse(all));
                        self.report.extend(parsed.err().map(|problem| origin.finding(problem)));
                    }
                }
            }
        }
        patches
    }

    /// Applies the patches to the copies of their services, except the first `done`, which have them already. It is
    /// called for the workloads, whose patches may name further objects, and then for these. Returns the number
    /// of copies.
    pub(super) fn patch(&mut self, patches: &mut [Placed<'a>], done: usize) -> usize {
        if patches.is_empty() || self.finder.work.is_over() {
            return 0;
        }
        let has_others = |copy: &Copied<'_>| names::has_others(copy.original);
        if self.copies.all()[done..].iter().any(has_others) {
            for one in patches.iter_mut() {
                self.finder.work.spend_looks(one.patch.parts() * self.copies.all().len());
                one.aim(self.copies.all());
            }
        }
        let parts = patches.iter().map(|one| one.patch.parts()).sum();
        for index in done..self.copies.all().len() {
            self.finder.work.spend_looks(parts);
            if self.finder.work.is_over() {
                break;
            }
            let copy = &self.copies.all()[index];
            // No patch may change an identity, so all of them can be matched beforehand.
            let identity = identity(&copy.original.node);
            let applies = |one: &&Placed<'_>| one.owns(copy) && one.patch.applies_to(&identity);
            let applying: Vec<&Placed<'_>> = patches.iter().filter(applies).collect();
            if !applying.is_empty() {
                self.patch_copy(index, &applying);
            }
        }
        self.copies.all().len()
    }

    /// Applies patches to a copy. Findings are the same for all previews with the same texts, so they are found once,
    /// unless they depend on values of this preview.
    fn patch_copy(&mut self, index: usize, applying: &[&Placed<'a>]) {
        let copy = &mut self.copies.all_mut()[index];
        let original = copy.original;
        let mut changes = match std::mem::replace(&mut copy.body, Body::Original) {
            Body::Original => Changes::default(),
            Body::Changed(changes) => changes,
        };
        changes.literal |= applying.iter().any(|one| one.patch.is_substituted());
        changes.patches = applying.iter().map(|one| Arc::clone(&one.patch)).collect();
        let known = self.env.takes_marks().then(|| self.finder.verdict(original, &changes));
        if let Some(Some(verdict)) = known {
            let at = |(patch, finding): &(usize, Diagnostic)| {
                finding.clone().at(applying[*patch].origin.place(), "this patch")
            };
            self.report.extend(verdict.iter().map(at));
        } else {
            let body = self.judge_patches(&mut changes, original, applying);
            self.needs.insert(index, self.finder.find(&original.id, &body));
        }
        self.copies.all_mut()[index].body = Body::Changed(changes);
    }

    /// Applies patches to an object, and reports what is wrong with them and what they change that must be said.
    /// Returns the patched object.
    fn judge_patches(
        &mut self,
        changes: &mut Changes<'a>,
        original: &'a Object,
        applying: &[&Placed<'a>],
    ) -> Node {
        let work = &self.finder.work;
        let (origins, stages) =
            work.allow(|all| changes.patch(&original.node, applying, all, &mut *self.report));
        let given = changes.given_images();
        let verdict = self.finder.judge.judge(original, &stages, given, |_| false);
        self.report.extend(
            verdict
                .into_iter()
                .flatten()
                .map(|(patch, finding)| finding.at(origins[patch].place(), "this patch")),
        );
        let unselecting = self.unselecting(original, &stages);
        self.report.extend(
            unselecting.map(|(patch, finding)| finding.at(origins[patch].place(), "this patch")),
        );
        let mut body = stages.into_iter().next_back().unwrap_or_default();
        changes.finish(&mut body);
        self.report.extend(self.finder.unselected(original, &body).map(|service| {
            self.config.finding(
                &code::BAD_PATCH,
                format_args!("spec.previews[{}].services", self.env.index),
                format!("a patch takes the pods of {} away from {service}", original.id),
                "leave the labels that the Service selects on the pod template",
            )
        }));
        body
    }

    /// The finding that a patched Service does not select pods of which there are copies. Workloads come before
    /// Services, so these pods are patched already.
    fn unselecting(&self, original: &Object, stages: &[Node]) -> Option<(usize, Diagnostic)> {
        let [.., body] = stages else { return None };
        if stages.len() == 1 || !selects_others(original, body) {
            return None;
        }
        let Id { name, namespace, .. } = &original.id;
        let service = self.catalog.service(ServiceName { name, namespace })?;
        let copied = self.catalog.selected(service);
        let mut copied = copied.filter_map(|workload| self.copies.get(workload.object.number));
        let lost = copied.find(|copy| !selects_pods(body, &copy.node()))?;
        let patch = culprit(stages, 1, |body| body.at(&["spec", "selector"]));
        let (pods, service) = (&lost.original.id, &original.id);
        let message = format!("a patch takes the pods of {pods} away from {service}");
        let help =
            "leave `spec.selector` out of the patch, or give the labels to the pod template too";
        Some((patch, Diagnostic::new(&code::BAD_PATCH, message, help)))
    }

    /// Reports patches that found nothing to change.
    pub(super) fn unmatched(&mut self, patches: &[Placed<'a>]) {
        for one in patches {
            let copies = self.copies.all().len();
            self.finder.work.spend_looks(one.patch.parts() * copies);
            if self.report.is_full() || self.finder.work.is_over() {
                return;
            }
            let owned = self.copies.all().iter().filter(|copy| one.owns(copy));
            let problems = one.patch.unmatched(owned.map(|copy| copy.original));
            let findings = problems.into_iter().map(|problem| one.origin.finding(problem));
            self.report.extend(findings);
        }
    }
}

impl<'a> Changes<'a> {
    /// Keeps the patches that fit the object. Returns their places, and the body before and after each of them.
    fn patch(
        &mut self,
        object: &Node,
        placed: &[&Placed<'a>],
        allowance: &mut Allowance,
        report: &mut Report,
    ) -> (Vec<Origin<'a>>, Vec<Node>) {
        self.patches.clear();
        let (mut fitting, mut stages) = (Vec::new(), vec![self.make_unpatched(object)]);
        for one in placed {
            let origin = one.origin;
            let mut patched = stages[fitting.len()].clone();
            let applied = one.parse(allowance).and_then(|patch| {
                patch.apply(&mut patched, allowance)?;
                Ok(Arc::new(patch))
            });
            match applied {
                Ok(patch) => {
                    self.patches.push(patch);
                    fitting.push(origin);
                    stages.push(patched);
                }
                Err(problem) => report.push(origin.finding(problem)),
            }
            if allowance.is_over() {
                // The others would say the same.
                break;
            }
        }
        (fitting, stages)
    }
}
