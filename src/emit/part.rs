//! The parts of a preview that most previews have alike, each as objects and as filled stencils.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use super::stencil::{Document, Filling, NAME, NAMESPACE, Outline, Stencil, marker};
use super::{copy, environment, routing};
use crate::kube::Object;
use crate::model::{Service, pod_spec_mut};
use crate::plan::routing::gateway_api::{Rule, Table};
use crate::plan::{Body, Copied, Environment, Plan};
use crate::yaml::scalar::is_safe_plain;
use crate::yaml::{Node, write_scalar};

/// A part of a preview.
#[derive(Debug)]
pub(super) enum Part<'p> {
    /// The Namespace; `owned` where another Flux Kustomization applies it.
    Namespace {
        /// Another Flux Kustomization applies it.
        owned: bool,
    },
    /// The ConfigMap that tests read.
    Facts(usize),
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
}

/// How a form of objects comes from parts.
pub trait Emit: Sized {
    /// The objects of a part of a preview.
    #[expect(private_interfaces, reason = "sealed: only the forms of this module emit")]
    fn emit<'p>(stencils: &Stencils<'p>, env: &Environment<'p>, part: &Part<'p>) -> Vec<Self>;
}

impl Emit for Object {
    #[expect(private_interfaces, reason = "sealed: only the forms of this module emit")]
    fn emit<'p>(stencils: &Stencils<'p>, env: &Environment<'p>, part: &Part<'p>) -> Vec<Self> {
        part.objects(stencils.plan, env)
    }
}

impl Emit for Document {
    #[expect(private_interfaces, reason = "sealed: only the forms of this module emit")]
    fn emit<'p>(stencils: &Stencils<'p>, env: &Environment<'p>, part: &Part<'p>) -> Vec<Self> {
        let filled = stencils.filled(env, part, Stencil::fill);
        filled.unwrap_or_else(|| stencils.ordinary(env, part))
    }
}

impl Emit for Outline {
    #[expect(private_interfaces, reason = "sealed: only the forms of this module emit")]
    fn emit<'p>(stencils: &Stencils<'p>, env: &Environment<'p>, part: &Part<'p>) -> Vec<Self> {
        let filled = stencils.filled(env, part, Stencil::outline);
        filled.unwrap_or_else(|| {
            part.objects(stencils.plan, env).into_iter().map(Self::from).collect()
        })
    }
}

/// What tells stencils apart.
#[derive(Debug, PartialEq, Eq, Hash)]
enum Key {
    Namespace(bool),
    Facts,
    Sidecar,
    Grant,
    /// By the number of the Service.
    Alias(usize),
    /// By the number of the original.
    Copy(usize),
    /// By the number of the Service, and port.
    Mesh(usize, Option<u16>),
}

impl<'p> Part<'p> {
    /// As objects.
    pub(super) fn objects(&self, plan: &Plan<'_>, env: &Environment<'_>) -> Vec<Object> {
        match self {
            Self::Namespace { owned } => vec![environment::namespace(plan, env, *owned)],
            Self::Facts(index) => {
                vec![environment::config_map(plan, env, environment::facts(plan, *index))]
            }
            Self::Sidecar => vec![environment::sidecar(plan, env)],
            Self::Alias(service) => vec![environment::alias(plan, env, service)],
            Self::Copy(copied) => vec![copy::copy(plan, env, copied)],
            Self::Mesh(table) => routing::mesh_routes(plan, env, table),
            Self::Grant => {
                let reach = (env.namespace.clone(), plan.catalog.namespace.to_owned());
                routing::grants(plan, env, &[reach].into())
            }
        }
    }

    /// What it has in common with parts of other previews; none where it depends on more than words.
    fn key(&self, env: &Environment<'_>) -> Option<Key> {
        Some(match self {
            Self::Namespace { owned } => Key::Namespace(*owned),
            Self::Facts(_) => Key::Facts,
            Self::Sidecar if env.other_namespaces.is_empty() => Key::Sidecar,
            Self::Alias(service) => Key::Alias(service.object.number),
            Self::Copy(copied) if !copy::depends_on_others(copied) => match &copied.body {
                Body::Original => Key::Copy(copied.original.number),
                Body::Changed(changes) if changes.only_images().is_some() => {
                    Key::Copy(copied.original.number)
                }
                _ => return None,
            },
            Self::Mesh(table)
                if !table.rules.iter().any(|rule| matches!(rule, Rule::Derived { .. })) =>
            {
                Key::Mesh(table.service.object.number, table.port)
            }
            Self::Grant => Key::Grant,
            _ => return None,
        })
    }

    /// The words, besides name and namespace, in which it differs, as YAML scalars; and what they
    /// are the values of, which must be the same for all who share a stencil.
    fn scalars(&self, plan: &Plan<'_>) -> (Vec<String>, Vec<String>) {
        match self {
            Self::Facts(index) => {
                environment::facts(plan, *index).into_iter().map(|(k, v)| (scalar(&v), k)).unzip()
            }
            Self::Copy(copied) => {
                let Some((images, replicas)) = only_images(copied) else {
                    return (Vec::new(), Vec::new());
                };
                let mut scalars = vec![replicas.to_string()];
                scalars.extend(images.values().map(|image| scalar(image)));
                (scalars, images.keys().map(|container| (*container).to_owned()).collect())
            }
            _ => (Vec::new(), Vec::new()),
        }
    }

    /// As objects of a preview that is nothing but markers.
    fn marked(&self, plan: &Plan<'_>, marked: &Environment<'_>) -> Vec<Object> {
        let mut objects = match self {
            Self::Facts(index) => {
                let facts = environment::facts(plan, *index);
                let numbered = facts.into_keys().enumerate();
                let facts = numbered.map(|(number, key)| (key, marker(number))).collect();
                vec![environment::config_map(plan, marked, facts)]
            }
            _ => self.objects(plan, marked),
        };
        if let (Self::Copy(copied), [object]) = (self, objects.as_mut_slice())
            && let Some((images, _)) = only_images(copied)
        {
            mark_images(&mut object.node, images.keys().copied());
        }
        objects
    }
}

/// The images and replicas of a copy of which nothing else changes.
fn only_images<'c>(copied: &'c Copied<'_>) -> Option<(&'c BTreeMap<&'c str, &'c str>, u32)> {
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

fn scalar(text: &str) -> String {
    let mut out = String::new();
    write_scalar(&mut out, text);
    out
}

/// The stencils of one part, and what their scalars are the values of.
#[derive(Debug)]
struct Cut {
    stencils: Vec<Stencil>,
    names: Vec<String>,
}

/// The stencils of a run, each cut when first needed.
#[derive(Debug)]
pub(super) struct Stencils<'p> {
    plan: &'p Plan<'p>,
    /// A preview whose name and namespace are markers.
    marked: Option<Environment<'p>>,
    cut: HashMap<Key, OnceLock<Option<Cut>>>,
}

impl<'p> Stencils<'p> {
    pub(super) fn new(plan: &'p Plan<'p>) -> Self {
        let marked = plan.environments.first().map(|env| Environment {
            name: NAME,
            namespace: NAMESPACE.to_owned(),
            affected: env.affected.clone(),
            ..Environment::new(plan.config, env.index)
        });
        let copies = plan.catalog.objects().map(|object| Key::Copy(object.number));
        let services = plan.catalog.services().flat_map(|service| {
            let number = service.object.number;
            let ports = service.ports.iter();
            let ports = ports.map(move |port| Key::Mesh(number, Some(port.number)));
            ports.chain([Key::Alias(number)])
        });
        let single =
            [Key::Namespace(false), Key::Namespace(true), Key::Facts, Key::Sidecar, Key::Grant];
        let keys = copies.chain(services).chain(single);
        Self { plan, marked, cut: keys.map(|key| (key, OnceLock::new())).collect() }
    }

    /// A part of a preview as text, made object by object.
    fn ordinary(&self, env: &Environment<'_>, part: &Part<'p>) -> Vec<Document> {
        part.objects(self.plan, env).into_iter().map(Document::from).collect()
    }

    /// A part of a preview from its stencils; none where it has none.
    fn filled<D>(
        &self,
        env: &Environment<'_>,
        part: &Part<'p>,
        fill: impl Fn(&Stencil, &Filling<'_>) -> Option<D>,
    ) -> Option<Vec<D>> {
        if !is_safe_plain(env.name) || !is_safe_plain(&env.namespace) {
            // Would have to be quoted wherever they are a whole scalar.
            return None;
        }
        let slot = self.cut.get(&part.key(env)?)?;
        let (scalars, names) = part.scalars(self.plan);
        let filling = Filling { name: env.name, namespace: &env.namespace, scalars: &scalars };
        let cut = slot.get_or_init(|| {
            let cut = self.cut(part, names.clone())?;
            let filled = cut.stencils.iter().map(|stencil| stencil.fill(&filling));
            (filled.collect::<Option<Vec<_>>>()? == self.ordinary(env, part)).then_some(cut)
        });
        let cut = cut.as_ref().filter(|cut| cut.names == names)?;
        cut.stencils.iter().map(|stencil| fill(stencil, &filling)).collect()
    }

    fn cut(&self, part: &Part<'p>, names: Vec<String>) -> Option<Cut> {
        let marked = part.marked(self.plan, self.marked.as_ref()?);
        let cut = |object: Object| Stencil::cut(&Document::from(object));
        let stencils: Option<Vec<Stencil>> = marked.into_iter().map(cut).collect();
        Some(Cut { stencils: stencils?, names })
    }
}
