//! Applies the patches of a preview's services to copies, and reports those that do not fit.

use std::sync::Arc;

use super::Closure;
use crate::diagnostic::{
    Diagnostic, Place, Problem, Report, code, may_be_of_secret, mentions_secret, unquoted,
};
use crate::kube::{Id, Object, names};
use crate::limits::WorkShare;
use crate::model::{ServiceName, selects_pods};
use crate::plan::changes::Changes;
use crate::plan::environment::{Body, Copied};
use crate::plan::judge::culprit;
use crate::plan::patch::{Patch, ResolvedName, identity};
use crate::plan::requirements::selects_others;
use crate::spec::{self, Config, ServicePath};
use crate::yaml::Node;

/// A patch with its place.
pub(super) struct Placed<'a> {
    /// The service whose copies it may change.
    service: ServiceName<'a>,
    /// The parsed patch. All previews with this text share it, so it carries no place.
    patch: Arc<Patch<'a>>,
    origin: Origin<'a>,
    /// The parts of its target that are names from before kustomize renamed a copy.
    resolved: Vec<ResolvedName>,
}

/// Where a patch stands in previews.yaml: the indices of its preview, service and item.
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
        format!("{}.patches[{index}]", ServicePath(preview, service))
    }

    fn place(self) -> Place {
        self.config.place(&format!("{}.patch", self.field()))
    }

    fn source(self) -> &'a spec::Patch {
        let preview = &self.config.previews.spec.previews[self.preview];
        &preview.services[self.service].patches[self.index]
    }

    /// Parses the patch again, with its place.
    fn parse(self, share: &mut WorkShare) -> Result<Patch<'a>, Problem> {
        Patch::parse(self.source(), self.place(), share)
    }

    /// Whether a problem with this patch could quote the content of a Secret.
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
    /// Whether the patch may change a copy: one that its service owns, or that has the name of the service.
    fn owns(&self, copy: &Copied<'_>) -> bool {
        let ServiceName { name, namespace } = self.service;
        copy.owners.contains(self.service)
            || copy.original.id.name == name && copy.home == namespace
    }

    /// Resolves earlier names of copies: a part that matches no copy applies to the only one that had the name before.
    fn resolve_names(&mut self, copies: &[Copied<'_>]) {
        let before = self.resolved.len();
        for part in 0..self.patch.parts() {
            let owned = || copies.iter().filter(|copy| self.owns(copy)).map(|copy| copy.original);
            if owned().any(|object| self.patch.matches(part, object)) {
                continue;
            }
            let mut renamed = owned().filter(|object| self.patch.matches_earlier(part, object));
            if let (Some(object), None) = (renamed.next(), renamed.next()) {
                self.resolved.push(ResolvedName::new(part, &object.id.name));
            }
        }
        let new = &self.resolved[before..];
        if !new.is_empty() {
            self.patch = Arc::new(Patch::clone(&self.patch).with_names(new));
        }
    }

    /// Parses the patch again, with its place.
    fn parse(&self, share: &mut WorkShare) -> Result<Patch<'a>, Problem> {
        Ok(self.origin.parse(share)?.with_names(&self.resolved))
    }
}

impl<'a> Closure<'a, '_> {
    /// The patches of the preview's services. Reports those that cannot be parsed.
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
                        patches.push(Placed { service, patch, origin, resolved: Vec::new() });
                    }
                    None => {
                        let parsed = self.finder.work.allow(|share| origin.parse(share));
                        self.report.extend(parsed.err().map(|problem| origin.finding(problem)));
                    }
                }
            }
        }
        patches
    }

    /// Applies the patches to the copies of their services, except to the first `done`, which are patched already.
    /// Returns the number of copies.
    ///
    /// It is called twice: for workloads and Services, whose patches may add requirements, and then for the objects that
    /// these require.
    pub(super) fn patch(&mut self, patches: &mut [Placed<'a>], done: usize) -> usize {
        if patches.is_empty() || self.finder.work.is_over() {
            return 0;
        }
        let has_others = |copy: &Copied<'_>| names::has_others(copy.original);
        if self.copies.all()[done..].iter().any(has_others) {
            for one in patches.iter_mut() {
                self.finder.work.spend_looks(one.patch.parts() * self.copies.all().len());
                one.resolve_names(self.copies.all());
            }
        }
        let parts = patches.iter().map(|one| one.patch.parts()).sum();
        for index in done..self.copies.all().len() {
            self.finder.work.spend_looks(parts);
            if self.finder.work.is_over() {
                break;
            }
            let copy = &self.copies.all()[index];
            // No patch may change an identity, so the identity before all of them decides which apply.
            let identity = identity(&copy.original.node);
            let applies = |one: &&Placed<'_>| one.owns(copy) && one.patch.applies_to(&identity);
            let applying: Vec<&Placed<'_>> = patches.iter().filter(applies).collect();
            if !applying.is_empty() {
                self.patch_copy(index, &applying);
            }
        }
        self.copies.all().len()
    }

    /// Applies patches to a copy. Their findings are made once for all previews with the same patches, unless they
    /// depend on values of this preview.
    fn patch_copy(&mut self, index: usize, applying: &[&Placed<'a>]) {
        let copy = &mut self.copies.all_mut()[index];
        let original = copy.original;
        let mut changes = match std::mem::replace(&mut copy.body, Body::Original) {
            Body::Original => Changes::default(),
            Body::Changed(changes) => changes,
        };
        changes.literal |= applying.iter().any(|one| one.patch.is_substituted());
        changes.patches = applying.iter().map(|one| Arc::clone(&one.patch)).collect();
        let known = self.env.takes_placeholders().then(|| self.finder.verdict(original, &changes));
        if let Some(Some(verdict)) = known {
            let at = |(patch, finding): &(usize, Diagnostic)| {
                finding.clone().at(applying[*patch].origin.place(), "this patch")
            };
            self.report.extend(verdict.iter().map(at));
        } else {
            let body = self.judge_patches(&mut changes, original, applying);
            self.requirements.insert(index, self.finder.find(&original.id, &body));
        }
        self.copies.all_mut()[index].body = Body::Changed(changes);
    }

    /// Applies patches to an object, and reports the findings about them. Returns the patched object.
    fn judge_patches(
        &mut self,
        changes: &mut Changes<'a>,
        original: &'a Object,
        applying: &[&Placed<'a>],
    ) -> Node {
        let work = &self.finder.work;
        let (origins, stages) =
            work.allow(|share| changes.patch(&original.node, applying, share, self.report));
        let given = changes.given_images();
        let verdict = self.finder.judge.judge(original, &stages, given, |_| false);
        let findings = verdict.into_iter().flatten().chain(self.unselecting(original, &stages));
        self.report.extend(
            findings.map(|(patch, finding)| finding.at(origins[patch].place(), "this patch")),
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

    /// The finding that a patched Service no longer selects the pods of a copy, with the index of the patch. Workloads are
    /// patched before Services, so the bodies of these copies are final.
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

    /// Reports patches that apply to no copy.
    pub(super) fn unmatched(&mut self, patches: &[Placed<'a>]) {
        for one in patches {
            let copies = self.copies.all().len();
            self.finder.work.spend_looks(one.patch.parts() * copies);
            if self.report.is_full() || self.finder.work.is_over() {
                return;
            }
            let owned = self.copies.all().iter().filter(|copy| one.owns(copy));
            let originals: Vec<&Object> = owned.map(|copy| copy.original).collect();
            let problems = one.patch.unmatched(&originals).into_iter();
            let findings = problems.map(|problem| one.origin.finding(problem));
            self.report.extend(findings);
        }
    }
}

impl<'a> Changes<'a> {
    /// Keeps the patches that fit the object. Returns their origins, and the body before and after each of them.
    fn patch(
        &mut self,
        object: &Node,
        placed: &[&Placed<'a>],
        share: &mut WorkShare,
        report: &mut Report,
    ) -> (Vec<Origin<'a>>, Vec<Node>) {
        self.patches.clear();
        let (mut fitting, mut stages) = (Vec::new(), vec![self.make_unpatched(object)]);
        for one in placed {
            let origin = one.origin;
            let mut patched = stages[fitting.len()].clone();
            let applied = one.parse(share).and_then(|patch| {
                patch.apply(&mut patched, share)?;
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
            if share.is_over() {
                // The remaining patches would get the same error.
                break;
            }
        }
        (fitting, stages)
    }
}
