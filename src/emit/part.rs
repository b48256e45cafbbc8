//! The parts of a preview that most previews have alike, each as objects and as filled stencils.

use std::borrow::Cow;
use std::sync::OnceLock;

use rayon::prelude::*;

use super::flux::{self, Flux};
use super::stencil::{Draft, NAME, NAMESPACE, Stencil, Words, marker, mentions_marker};
use super::{copy, environment, routing};
use crate::kube::{Id, Object};
use crate::model::{Service, pod_spec_mut};
use crate::plan::routing::gateway_api::{Rule, Table};
use crate::plan::{Body, Copied, Environment, Plan};
use crate::yaml::scalar::is_safe_plain;
use crate::yaml::{Node, quoted};

/// A part of a preview.
#[derive(Debug)]
pub(super) enum Part<'p> {
    /// The Namespace; `owned` where another Flux Kustomization applies it.
    Namespace {
        /// Another Flux Kustomization applies it.
        owned: bool,
    },
    /// The ConfigMap that tests read.
    Facts,
    /// The Sidecar.
    Sidecar,
    /// An alias of an unaffected service.
    Alias(&'p Service<'p>),
    /// A copy of an object of the baseline.
    Copy(&'p Copied<'p>),
    /// The routes of one service and port.
    Mesh(&'p Table<'p>),
    /// What lets routes of the baseline choose Services of the preview.
    Grant,
    /// A Flux Kustomization.
    Flux(flux::Part),
}

/// How a form of objects comes from parts.
pub trait Emit<'e>: Sized {
    /// Adds the objects of a part of a preview.
    #[expect(private_interfaces, reason = "sealed: only the forms of this module emit")]
    fn emit<'p: 'e>(maker: &Maker<'e, 'p>, part: &Part<'p>, add: impl FnMut(Self));
}

impl<'e> Emit<'e> for Object {
    #[expect(private_interfaces, reason = "sealed: only the forms of this module emit")]
    fn emit<'p: 'e>(maker: &Maker<'e, 'p>, part: &Part<'p>, add: impl FnMut(Self)) {
        maker.objects(part).into_iter().for_each(add);
    }
}

impl<'e> Emit<'e> for Draft<'e> {
    #[expect(private_interfaces, reason = "sealed: only the forms of this module emit")]
    fn emit<'p: 'e>(maker: &Maker<'e, 'p>, part: &Part<'p>, add: impl FnMut(Self)) {
        maker.drafts(part, add);
    }
}

/// The stencils of one part, and what their scalars are the values of.
#[derive(Debug)]
struct Cut<'p> {
    stencils: Vec<Stencil>,
    names: Vec<&'p str>,
}

/// The stencils of a part that previews have in common, cut when first needed; none where they
/// cannot be.
type Slot<'p> = OnceLock<Option<Cut<'p>>>;

/// Gates of more workloads than this have no stencils.
const WORKLOADS: usize = 32;

/// What all previews of a run are made with.
#[derive(Debug)]
pub(super) struct Parts<'p> {
    plan: &'p Plan<'p>,
    /// What makes Flux Kustomizations.
    pub(super) flux: Flux<'p>,
    /// A preview whose name and namespace are markers; none where there can be no stencils.
    marked: Option<Environment<'p>>,
    namespaces: [Slot<'p>; 2],
    facts: Slot<'p>,
    sidecar: Slot<'p>,
    grant: Slot<'p>,
    /// By the number of the original; none where its copies depend on more than words.
    copies: Vec<Option<Slot<'p>>>,
    /// By the number of the Service.
    aliases: Vec<Slot<'p>>,
    /// By the number of the Service, and the index of the port.
    mesh: Vec<Vec<Slot<'p>>>,
    environment: Slot<'p>,
    /// By the number of workloads.
    gates: Vec<Slot<'p>>,
    /// By the index of the suite.
    suites: Vec<Slot<'p>>,
}

fn slots<'p>(count: usize) -> Vec<Slot<'p>> {
    (0..count).map(|_| Slot::new()).collect()
}

impl<'p> Parts<'p> {
    pub(super) fn new(plan: &'p Plan<'p>, flux: Flux<'p>) -> Self {
        let first = plan.environments.first().filter(|_| !mentions_markers(plan));
        let marked = first.map(|env| Environment {
            name: NAME,
            namespace: NAMESPACE.to_owned(),
            affected: env.affected.clone(),
            ..Environment::new(plan.config, env.index)
        });
        let objects = plan.catalog.objects().map(|object| object.number + 1).max().unwrap_or(0);
        let mut mesh: Vec<Vec<Slot<'_>>> = Vec::new();
        mesh.resize_with(objects, Vec::new);
        let mut copies: Vec<Option<Slot<'_>>> = Vec::new();
        copies.resize_with(objects, || None);
        for object in plan.catalog.objects().filter(|object| !copy::depends_on_others(object)) {
            copies[object.number] = Some(Slot::new());
        }
        for service in plan.catalog.services() {
            mesh[service.object.number] = slots(service.ports.len());
        }
        Self {
            plan,
            flux,
            marked,
            namespaces: [Slot::new(), Slot::new()],
            facts: Slot::new(),
            sidecar: Slot::new(),
            grant: Slot::new(),
            copies,
            aliases: slots(objects),
            mesh,
            environment: Slot::new(),
            gates: slots(WORKLOADS + 1),
            suites: slots(plan.config.previews.spec.tests.len()),
        }
    }

    /// What makes the preview of this index.
    pub(super) fn of(&self, index: usize) -> Maker<'_, 'p> {
        let env = &self.plan.environments[index];
        // Otherwise they would have to be quoted wherever they are a whole scalar.
        let fills = is_safe_plain(env.name) && is_safe_plain(&env.namespace);
        Maker { parts: self, env, index, fills }
    }

    /// Where the stencils of a part are kept; none where it depends on more than words.
    fn slot(&self, env: &Environment<'_>, part: &Part<'_>) -> Option<&Slot<'p>> {
        match part {
            Part::Namespace { owned } => Some(&self.namespaces[usize::from(*owned)]),
            Part::Facts => Some(&self.facts),
            Part::Sidecar => env.other_namespaces.is_empty().then_some(&self.sidecar),
            Part::Grant => Some(&self.grant),
            Part::Alias(service) => self.aliases.get(service.object.number),
            Part::Copy(copied) => {
                let words = match &copied.body {
                    Body::Original => true,
                    Body::Changed(changes) => changes.only_images().is_some(),
                    Body::Patched(_) => false,
                };
                self.copies.get(copied.original.number).filter(|_| words)?.as_ref()
            }
            Part::Mesh(table) => {
                let derived = |rule: &Rule<'_>| matches!(rule, Rule::Derived { .. });
                if table.rules.iter().any(derived) {
                    return None;
                }
                let mut ports = table.service.ports.iter();
                let port = ports.position(|port| Some(port.number) == table.port)?;
                self.mesh.get(table.service.object.number)?.get(port)
            }
            Part::Flux(flux::Part::Environment) => Some(&self.environment),
            Part::Flux(flux::Part::Gate) => self.gates.get(flux::workloads(env).count()),
            Part::Flux(flux::Part::Suite(index)) => self.suites.get(*index),
        }
    }
}

/// Whether the user's own text, but for that which fills holes, could be taken for a marker.
fn mentions_markers(plan: &Plan<'_>) -> bool {
    let fields = plan.config.node().entries().iter();
    let spec = plan.config.node().get("spec").map(Node::entries).unwrap_or_default().iter();
    let fields = fields.filter(|(key, _)| key.text != "spec");
    let mut own = fields.chain(spec.filter(|(key, _)| key.text != "previews"));
    let objects: Vec<&Object> = plan.catalog.objects().collect();
    own.any(|(_, field)| mentions_marker(field))
        || objects.par_iter().any(|object| mentions_marker(&object.node))
}

/// What makes the parts of one preview.
#[derive(Debug)]
pub(super) struct Maker<'m, 'p> {
    parts: &'m Parts<'p>,
    env: &'p Environment<'p>,
    index: usize,
    /// Whether stencils can be filled with its name.
    fills: bool,
}

impl<'m, 'p: 'm> Maker<'m, 'p> {
    /// A part as objects.
    fn objects(&self, part: &Part<'_>) -> Vec<Object> {
        self.objects_of(part, self.env)
    }

    /// A part as objects of another environment, but for facts that scalars stand for.
    fn objects_of(&self, part: &Part<'_>, env: &Environment<'_>) -> Vec<Object> {
        let plan = self.parts.plan;
        match part {
            Part::Namespace { owned } => vec![environment::namespace(plan, env, *owned)],
            Part::Facts => {
                let facts = environment::facts(plan, self.index);
                vec![environment::config_map(plan, env, facts)]
            }
            Part::Sidecar => vec![environment::sidecar(plan, env)],
            Part::Alias(service) => vec![environment::alias(plan, env, service)],
            Part::Copy(copied) => vec![copy::copy(plan, env, copied)],
            Part::Mesh(table) => routing::mesh_routes(plan, env, table),
            Part::Grant => {
                let reach = (env.namespace.clone(), plan.catalog.namespace.to_owned());
                routing::grants(plan, env, &[reach].into())
            }
            Part::Flux(part) => {
                let facts = self.parts.flux.facts(*part, self.index);
                vec![self.parts.flux.object(*part, env, facts)]
            }
        }
    }

    /// A part as objects of a preview that is nothing but markers.
    fn marked(&self, part: &Part<'_>, marked: &Environment<'_>) -> Vec<Object> {
        match part {
            Part::Facts => {
                let facts = environment::facts(self.parts.plan, self.index);
                let facts = facts.into_iter().enumerate();
                let facts = facts.map(|(n, (key, _))| (key, marker(n).into()));
                vec![environment::config_map(self.parts.plan, marked, facts.collect())]
            }
            Part::Flux(part) => {
                let facts = self.parts.flux.facts(*part, self.index).into_iter().enumerate();
                let facts = facts.map(|(n, (key, _))| (key, marker(n))).collect();
                vec![self.parts.flux.object(*part, marked, facts)]
            }
            Part::Copy(copied) => {
                let mut objects = self.objects_of(part, marked);
                if let (Some((images, _)), [object]) = (only_images(copied), objects.as_mut_slice())
                {
                    mark_images(&mut object.node, images.iter().map(|(container, _)| *container));
                }
                objects
            }
            _ => self.objects_of(part, marked),
        }
    }

    /// The words, besides name and namespace, in which a part differs, as YAML scalars; and what they
    /// are the values of, which must be the same for all who share a stencil.
    fn scalars(&self, part: &Part<'p>) -> (Vec<Cow<'p, str>>, Vec<&'p str>) {
        let (mut scalars, mut names) = (Vec::new(), Vec::new());
        match part {
            Part::Facts => {
                let facts = environment::facts(self.parts.plan, self.index);
                scalars.reserve_exact(facts.len());
                names.reserve_exact(facts.len());
                for (key, value) in facts {
                    scalars.push(scalar(value));
                    names.push(key);
                }
            }
            Part::Flux(part) => {
                for (key, value) in self.parts.flux.facts(*part, self.index) {
                    scalars.push(scalar(value.into()));
                    names.push(key);
                }
            }
            Part::Copy(copied) => {
                if let Some((images, replicas)) = only_images(copied) {
                    scalars.reserve_exact(images.len() + 1);
                    scalars.push(if replicas == 1 {
                        "1".into()
                    } else {
                        replicas.to_string().into()
                    });
                    scalars.extend(images.iter().map(|(_, image)| scalar((*image).into())));
                    names.extend(images.iter().map(|(container, _)| *container));
                }
            }
            _ => {}
        }
        (scalars, names)
    }

    /// A part from its stencils, or in the ordinary way where it has none.
    fn drafts(&self, part: &Part<'p>, add: impl FnMut(Draft<'m>)) {
        let slot = self.parts.slot(self.env, part).filter(|_| self.fills);
        let (scalars, names) = match slot {
            Some(_) => self.scalars(part),
            None => (Vec::new(), Vec::new()),
        };
        let cut = slot.and_then(|slot| {
            let cut = slot.get_or_init(|| self.cut(part, &names, scalars.len()));
            cut.as_ref().filter(|cut| cut.names == names)
        });
        let Some(cut) = cut else {
            return self.objects(part).into_iter().map(Draft::from).for_each(add);
        };
        let words = Words { name: self.env.name, namespace: &self.env.namespace };
        let scalars = scalars.into_boxed_slice();
        let stencils = cut.stencils.iter().zip(std::iter::repeat_n(scalars, cut.stencils.len()));
        let drafts = stencils.map(|(stencil, scalars)| stencil.draft(words, scalars));
        if !cfg!(debug_assertions) {
            return drafts.for_each(add);
        }
        let drafts: Vec<Draft<'_>> = drafts.collect();
        let ordinary: Vec<Draft<'_>> = self.objects(part).into_iter().map(Draft::from).collect();
        let shown = |drafts: &[Draft<'_>]| -> Vec<(Id, String)> {
            let text = |draft: &Draft<'_>| {
                let mut text = String::new();
                draft.write(words, &mut text);
                text
            };
            drafts.iter().map(|draft| (draft.id(words), text(draft))).collect()
        };
        assert_eq!(shown(&drafts), shown(&ordinary), "stencils give what is made without them");
        drafts.into_iter().for_each(add);
    }

    /// Cuts the stencils of a part.
    fn cut(&self, part: &Part<'p>, names: &[&'p str], scalars: usize) -> Option<Cut<'p>> {
        let marked = self.marked(part, self.parts.marked.as_ref()?);
        let stencils = marked.iter().map(|object| Stencil::cut(object, scalars));
        Some(Cut { stencils: stencils.collect::<Option<_>>()?, names: names.to_vec() })
    }
}

/// The images and replicas of a copy of which nothing else changes.
fn only_images<'c, 'p>(copied: &'c Copied<'p>) -> Option<(&'c [(&'p str, &'p str)], u32)> {
    match &copied.body {
        Body::Changed(changes) => changes.only_images(),
        _ => None,
    }
}

/// Puts markers where the replicas of a workload and the images of these containers stand.
fn mark_images<'a>(body: &mut Node, containers: impl Iterator<Item = &'a str> + Clone) {
    body.make(&["spec"]).set("replicas", Node::string(marker(0)));
    let Some(pod) = pod_spec_mut(body) else {
        return;
    };
    for list in ["containers", "initContainers"] {
        let list = pod.get_mut(list).map(Node::items_mut).unwrap_or_default();
        for container in list {
            let name = container.text_at(&["name"]).unwrap_or_default();
            let number = containers.clone().position(|wanted| wanted == name);
            if let Some(number) = number {
                container.set("image", Node::string(marker(number + 1)));
            }
        }
    }
}

/// A string as YAML writes it, in one line.
fn scalar(text: Cow<'_, str>) -> Cow<'_, str> {
    if is_safe_plain(&text) {
        return text;
    }
    let mut out = String::new();
    quoted(&mut out, &text);
    out.into()
}
