//! Decides which objects a preview copies, and for which of its services.
//!
//! In goes a preview, out comes its [`Environment`]. The copies are the workloads of the services that the preview
//! names, every other Service that selects one of these workloads, and all that any of them requires: ServiceAccounts
//! with their Roles, ConfigMaps and Secrets, monitors, policies. An object that is required and missing is an error.

mod copies;
mod hosts;
mod patches;

use std::borrow::Cow;
use std::collections::BTreeMap;

use smallvec::SmallVec;

pub(super) use self::copies::CopyIndex;

use self::copies::Copies;
use super::changes::{self, Changes, Target};
use super::environment::{Body, Copied, Environment, Owners};
use super::lacks::Lacks;
use super::requirements::{Finder, Requirements};
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::makers::makers;
use crate::kube::meta::has_substitutes;
use crate::kube::{Id, Object};
use crate::model::{Catalog, ServiceName, Support, Workload, pod_of};
use crate::spec::{Config, ServiceChange, ServiceFacts, ServicePath, Stateful, Volumes};

/// Plans the preview with this index in `spec.previews`.
pub(super) fn plan_preview<'a>(
    finder: &Finder<'a>,
    index: usize,
    copy_index: &mut CopyIndex,
    report: &mut Report,
) -> Environment<'a> {
    let (config, catalog) = (finder.config, finder.catalog);
    let env = Environment::new(config, catalog, index);
    let copies = Copies::new(copy_index, env.preview.services.len());
    let requirements = BTreeMap::new();
    let lacks = Lacks::default();
    let mut closure = Closure { config, catalog, finder, report, env, copies, requirements, lacks };
    let targets = closure.targets();
    let mut patches = closure.patches();
    closure.other_services(&targets);
    closure.workloads(&targets);
    let patched = closure.patch(&mut patches, 0);
    closure.dependencies();
    closure.patch(&mut patches, patched);
    closure.unmatched(&patches);
    closure.hosts();
    closure.policies();
    closure.check_substitution();
    finder.lack(closure.lacks);
    Environment { copies: closure.copies.into_vec(), ..closure.env }
}

/// The note that a workload that runs once, such as a Job, is not copied.
fn left_out(workload: &Object) -> Diagnostic {
    let message =
        format!("{} is left out of previews: it runs once and serves nothing", workload.id);
    let help = "nothing to do; a job that each preview needs can stand in a suite";
    Diagnostic::new(&code::DROPPED, message, help).at(workload.place(), "not copied")
}

/// The workload among these that owns another one: an input that was written from a cluster has both.
/// See <https://kubernetes.io/docs/concepts/overview/working-with-objects/owners-dependents/>.
fn owner<'a>(workload: &Object, others: &[&'a Workload<'_>]) -> Option<&'a Object> {
    let references = workload.node.items_at(&["metadata", "ownerReferences"]);
    let is_owner = |other: &Object| {
        references.iter().any(|owner| {
            owner.text_at(&["kind"]) == Some(&other.id.kind)
                && owner.text_at(&["name"]) == Some(&other.id.name)
        })
    };
    others.iter().map(|other| other.object).find(|other| is_owner(other))
}

/// The note that a workload is not copied because its owner is.
fn left_to_owner(workload: &Object, owner: &Object) -> Diagnostic {
    let message = format!("{} is left out of previews: {} makes it", workload.id, owner.id);
    let help =
        "nothing to do; the input needs only what is applied, and not what a cluster makes of it";
    Diagnostic::new(&code::DROPPED, message, help).at(workload.place(), "not copied")
}

/// The workloads of a service that the change names: an unchanged copy of another would answer some of the requests.
/// All of them, if it names none, has an image for all, or names one that does not exist.
fn named<'a, 'w>(
    change: &ServiceChange,
    mut workloads: SmallVec<[&'w Workload<'a>; 1]>,
) -> SmallVec<[&'w Workload<'a>; 1]> {
    let is_there = |name: &str| workloads.iter().any(|workload| workload.name() == name);
    let mut names = change.workloads.iter().map(|one| one.name.as_str());
    if change.workloads.is_empty() || !change.image.is_empty() || !names.all(is_there) {
        return workloads;
    }
    workloads.retain(|workload| change.workloads.iter().any(|one| one.name == workload.name()));
    workloads
}

struct Closure<'a, 'f> {
    config: &'a Config,
    catalog: &'a Catalog<'a>,
    finder: &'f Finder<'a>,
    report: &'f mut Report,
    /// The plan so far. Its copies are in `copies`.
    env: Environment<'a>,
    copies: Copies<'a, 'f>,
    /// Requirements of copies that this preview does not share with others, by index of the copy.
    requirements: BTreeMap<usize, Requirements<'a>>,
    /// Required objects that previews cannot have.
    lacks: Lacks<'a>,
}

impl<'a, 'f> Closure<'a, 'f> {
    /// The path of a service of the preview in previews.yaml.
    fn path(&self, service: usize) -> ServicePath {
        ServicePath(self.env.index, service)
    }

    /// The workloads of each service that the preview names. `validate` has reported unknown names.
    fn targets(&mut self) -> Vec<Target<'a>> {
        let services = &self.env.preview.services;
        let mut targets = Vec::with_capacity(services.len());
        let catalog = self.catalog;
        for (index, change) in services.iter().enumerate() {
            let name = catalog.resolve(&change.name, &change.namespace);
            let workloads: SmallVec<[&Workload<'a>; 1]> = match catalog.service(name) {
                Some(service) => {
                    self.env.affected.insert(name);
                    if !service.has_selector() {
                        self.without_selector(index, service.object);
                        continue;
                    }
                    named(change, catalog.selected(service).collect())
                }
                None => catalog.workloads_named(name).collect(),
            };
            let supported = self.supported(index, name, workloads);
            let preview = self.env.index;
            targets.push(Target { change, name, preview, index, workloads: supported });
        }
        targets
    }

    fn without_selector(&mut self, index: usize, service: &Object) {
        let external = service.node.text_at(&["spec", "type"]) == Some("ExternalName");
        let why = if external { "is of type ExternalName" } else { "has no selector" };
        let finding = self.config.finding(
            &code::NO_WORKLOAD,
            format_args!("{}.name", self.path(index)),
            format!("{} {why}: it stands for something that cannot be copied", service.id),
            "name the service whose pods you change, or remove this one from the preview",
        );
        self.report.push(finding.also(service.place(), "the service is here").once());
    }

    /// The workloads that no other one of them owns. Notes the others.
    fn applied(
        &mut self,
        workloads: SmallVec<[&'a Workload<'a>; 1]>,
    ) -> SmallVec<[&'a Workload<'a>; 1]> {
        let owners = workloads.iter().map(|workload| owner(workload.object, &workloads));
        let owners: SmallVec<[Option<&Object>; 1]> = owners.collect();
        if owners.iter().all(Option::is_some) {
            return workloads;
        }
        let mut applied = SmallVec::new();
        for (workload, owner) in workloads.into_iter().zip(owners) {
            match owner {
                Some(owner) => self.report.push(left_to_owner(workload.object, owner)),
                None => applied.push(workload),
            }
        }
        applied
    }

    /// The workloads that can be copied. Reports the others.
    fn supported(
        &mut self,
        index: usize,
        name: ServiceName<'_>,
        workloads: SmallVec<[&'a Workload<'a>; 1]>,
    ) -> SmallVec<[&'a Workload<'a>; 1]> {
        let service = self.path(index);
        let path = || format!("{service}.name");
        let has_workloads = !workloads.is_empty();
        let mut copied = SmallVec::new();
        let mut passing = Vec::new();
        for workload in self.applied(workloads) {
            let refuse = |why: &str, help: &str| {
                self.config
                    .finding(
                        &code::UNSUPPORTED_WORKLOAD,
                        path(),
                        format!("{} cannot be copied for `{name}`: {why}", workload.object.id),
                        help,
                    )
                    .also(workload.object.place(), "the workload is here")
                    .once()
            };
            match workload.support {
                Support::Copied => copied.push(workload),
                Support::Stateful if self.facts(name).is_some_and(copies_state) => {
                    copied.push(workload);
                }
                Support::Stateful => self.report.push(refuse(
                    "its pods have identity and storage of their own",
                    &format!(
                        "set `stateful: copy` for `{name}` in spec.services to give every preview \
                         a set with storage of its own"
                    ),
                )),
                Support::Passing => passing.push(workload.object),
                Support::Refused(why) => self.report.push(refuse(
                    why,
                    "preview a service that a Deployment runs, or run this one as a Deployment",
                )),
            }
        }
        if copied.is_empty() && !passing.is_empty() {
            let names: Vec<String> = passing.iter().map(|object| object.id.to_string()).collect();
            self.report.push(self.config.finding(
                &code::UNSUPPORTED_WORKLOAD,
                path(),
                format!("`{name}` has only {}, which would do its work twice", names.join(", ")),
                "preview a service that a Deployment runs",
            ));
        } else {
            self.report.extend(passing.into_iter().map(left_out));
        }
        if !has_workloads {
            self.report.push(self.without_workload(name, path()));
        }
        copied
    }

    /// The finding that a service has no workload in the input, or one of an unknown kind. Names objects that may make
    /// the workload.
    fn without_workload(&self, name: ServiceName<'_>, path: String) -> Diagnostic {
        if let Some(object) = self.unknown_workload(name) {
            let message = format!("{} runs `{name}`, and its kind is not known", object.id);
            let help = "preview a service that a Deployment runs, or run this one as a Deployment";
            let finding = self.config.finding(&code::UNSUPPORTED_WORKLOAD, path, message, help);
            return finding.also(object.place(), "the workload is here").once();
        }
        let (group, kind) = ("apps".into(), "Deployment".into());
        let wanted = Id { group, kind, namespace: name.namespace.into(), name: name.name.into() };
        let made = makers(self.catalog.objects(), &wanted);
        let help = match made.first() {
            Some(made) => format!("{}: {}", made.says(), made.remedy("Deployment", name.name)),
            None => "pass the file that holds its Deployment with --baseline".to_owned(),
        };
        let message = format!("`{name}` selects no workload of the input");
        let finding = self.config.finding(&code::NO_WORKLOAD, path, message, help).once();
        made.iter()
            .take(5)
            .fold(finding, |finding, made| finding.also(made.by.place(), made.label()))
    }

    /// An object with a pod template that the service selects, of a kind that is not a known workload.
    fn unknown_workload(&self, name: ServiceName<'_>) -> Option<&'a Object> {
        let service = self.catalog.service(name)?;
        let has_pods = |object: &&Object| {
            object.id.namespace == name.namespace
                && pod_of(object).is_some_and(|pod| pod.get("containers").is_some())
        };
        self.catalog.objects().filter(has_pods).find(|object| service.selects(&object.node))
    }

    fn facts(&self, name: ServiceName<'_>) -> Option<&'a ServiceFacts> {
        self.config.facts(name.name, name.namespace)
    }

    /// Adds every other Service that selects a workload of the targets to the affected ones. Warns of workloads without
    /// a Service, which take their work from a queue or the like.
    fn other_services(&mut self, targets: &[Target<'a>]) {
        let catalog = self.catalog;
        for target in targets {
            for workload in target.workloads.iter().map(|workload| workload.object) {
                let names = catalog.selecting(workload);
                if names.is_empty() {
                    let message = format!(
                        "{} has no Service; its copy competes for the same work",
                        workload.id
                    );
                    let help = "give the copy a queue of its own through `env`, or make it filter by preview";
                    let path = format!("{}.name", target.path());
                    self.report.push(self.config.finding(
                        &code::QUEUE_CONSUMER,
                        path,
                        message,
                        help,
                    ));
                }
                self.env.affected.extend(names.iter().copied());
            }
        }
    }

    /// Copies the workloads, with their changes, and the affected Services.
    fn workloads(&mut self, targets: &[Target<'a>]) {
        let mut changed = BTreeMap::new();
        for target in targets {
            let images = changes::decide(self.config, target, &mut changed, self.report);
            let mut images = images.into_iter();
            for workload in target.workloads.iter().map(|workload| workload.object) {
                let (copy, _) = self.copies.get_or_make(workload.number, || Copied {
                    body: Body::Changed(Changes::default()),
                    ..Copied::unchanged(workload, Owners::default())
                });
                copy.owners.insert(target.name);
                if let (Body::Changed(changes), Some(images)) = (&mut copy.body, images.next()) {
                    changes.add(target.change, images);
                }
            }
        }
        for copy in self.copies.all_mut() {
            let owners = copy.owners.names().iter();
            let mut facts = owners.filter_map(|name| self.config.facts(name.name, name.namespace));
            let empty = facts.any(|facts| facts.volumes == Volumes::Empty);
            if let Body::Changed(changes) = &mut copy.body {
                changes.empty_volumes = empty;
            }
        }
        for &name in &self.env.affected {
            let Some(service) = self.catalog.service(name).filter(|s| s.has_selector()) else {
                continue;
            };
            let selected = self.catalog.selected(service);
            let copies = selected.filter_map(|workload| self.copies.get(workload.object.number));
            let mut owners = Owners::default();
            copies.for_each(|copy| owners.extend(&copy.owners));
            let copy = || Copied::unchanged(service.object, owners);
            self.copies.get_or_make(service.object.number, copy);
        }
    }

    /// Copies everything that the copied workloads and Services require.
    fn dependencies(&mut self) {
        for index in 0..self.copies.all().len() {
            let copy = &self.copies.all()[index];
            let owners = copy.owners.clone();
            let requirements = self.take_requirements(index);
            self.follow(&requirements, &owners);
            if let Cow::Owned(requirements) = requirements {
                self.requirements.insert(index, requirements);
            }
        }
        self.sidecars();
    }

    /// The requirements of the copy with this index, without hosts in values of its variables.
    fn take_requirements(&mut self, index: usize) -> Cow<'f, Requirements<'a>> {
        if let Some(requirements) = self.requirements.remove(&index) {
            return Cow::Owned(requirements);
        }
        let copy = &self.copies.all()[index];
        match &copy.body {
            Body::Changed(changes) if !changes.keeps_requirements() => {
                self.finder.of_changed(copy.original, changes)
            }
            _ => Cow::Borrowed(self.finder.of(copy.original)),
        }
    }

    /// Copies the required objects for these owners, and notes those that cannot be had.
    fn follow(&mut self, requirements: &Requirements<'a>, owners: &Owners<'a>) {
        self.report.extend(requirements.findings.iter().cloned());
        for lack in &requirements.lacks {
            self.lacks.add(lack, owners);
        }
        for object in &requirements.objects {
            self.copy(object, owners);
        }
        if let Some(home) = requirements.unwritten_account {
            let of_account = self.finder.of_unwritten_account(home);
            of_account.into_iter().for_each(|requirements| self.follow(requirements, owners));
        }
    }

    /// Copies an object and what it requires, for these owners. If it is copied already, it only gains the owners.
    fn copy(&mut self, object: &'a Object, owners: &Owners<'a>) {
        let copy = || Copied::unchanged(object, owners.clone());
        let (copy, is_new) = self.copies.get_or_make(object.number, copy);
        if !is_new {
            copy.owners.extend(owners);
            return;
        }
        self.follow(self.finder.of(object), owners);
    }

    /// Copies the policies that apply to originals of copies, with the Secrets that they name. This comes after the
    /// patches, which do not apply to policies.
    fn policies(&mut self) {
        for index in 0..self.copies.all().len() {
            let copy = &self.copies.all()[index];
            let policies = &self.finder.policies[copy.original.number];
            if policies.is_empty() {
                continue;
            }
            let owners = copy.owners.clone();
            for &policy in policies {
                let copy = || Copied::unchanged(policy, Owners::default());
                self.copies.get_or_make(policy.number, copy).0.owners.extend(&owners);
                let named = self.finder.secrets_of(policy);
                named.for_each(|secret| self.copy(secret, &owners));
            }
        }
    }

    /// Warns of copies that switch off Flux's substitution although their originals have variables.
    fn check_substitution(&mut self) {
        for copy in self.copies.all() {
            let id = &copy.original.id;
            let is_off = matches!(&copy.body, Body::Changed(changes) if changes.literal);
            if is_off && has_substitutes(&copy.original.node) {
                let mut services = self.env.preview.services.iter();
                let service = services.position(|service| {
                    let name = self.catalog.resolve(&service.name, &service.namespace);
                    copy.owners.contains(name)
                });
                self.report.push(self.config.finding(
                    &code::SUBSTITUTION_OFF,
                    format_args!("{}.name", self.path(service.unwrap_or_default())),
                    format!(
                        "Flux substitutes nothing in the copy of {id}: it would replace what the preview \
                         writes as well"
                    ),
                    "where the copy needs values that Flux substitutes, write env and patches without `${` \
                     and `$$`: `$(NAME)` is the value of another variable, a shell reads `$NAME`",
                ));
            }
        }
    }
}

fn copies_state(facts: &ServiceFacts) -> bool {
    facts.stateful == Stateful::Copy
}
