//! The cache of templates: the stencils of each part of a preview, by cache key.
//!
//! In goes a [`Part`] of a preview, out come its drafts. They are filled stencils or, if placeholders cannot stand
//! for what differs, objects made in the ordinary way.

use std::cell::{OnceCell, RefCell};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::OnceLock;

use smallvec::SmallVec;

use super::stencil::{Draft, Stencil};
use super::values::{HoleValues, PreviewValues, names_of};
use super::{host_rules, keys};
use crate::emit::flux::{Field, Flux, OutputShape, PreviewKustomization};
use crate::emit::routing::{self, Grant, PreviewRoute, istio};
use crate::emit::{copy, environment, policies, quota};
use crate::kube::{Id, Object, marks};
use crate::model::once_map::OnceMap;
use crate::plan::policies::Guard;
use crate::plan::routing::istio::HostRules;
use crate::plan::{Alias, Body, Copied, Environment, Plan, Room, Value};
use crate::yaml::{Node, placeholder};

/// A part of a preview.
#[derive(Debug)]
pub(in crate::emit) enum Part<'p> {
    /// The Namespace of a room.
    Namespace {
        /// The room.
        room: &'p Room<'p>,
        /// Whether another Flux Kustomization applies it too, and owns it.
        owned: bool,
    },
    /// The ConfigMap that tests read in a room.
    ConfigMap(&'p Room<'p>),
    /// The quota of a room.
    Quota(&'p Room<'p>),
    /// The Sidecar of a room.
    Sidecar(&'p Room<'p>),
    /// The policies that let only the waypoint call copies.
    Guard(&'p Guard<'p>),
    /// An alias: a name that leads to the baseline.
    Alias(Alias<'p>),
    /// A copy of an object of the baseline.
    Copy(&'p Copied<'p>),
    /// The route of this index.
    Route(usize),
    /// ReferenceGrants for routes to Services of other namespaces.
    Grants(BTreeSet<Grant<'p>>),
    /// A Flux Kustomization.
    Flux(PreviewKustomization),
}

/// The stencils of a part by [`CacheKey`]; `None` if it cannot be made with placeholders.
type Cache = OnceMap<Option<Vec<Stencil>>>;

/// What a part depends on besides values, the preview's name and its namespace. Previews with equal keys share
/// stencils.
type CacheKey<'a> = SmallVec<[&'a str; 16]>;

/// What all previews of a run share: the plan and the caches.
#[derive(Debug)]
pub(in crate::emit) struct Parts<'p> {
    pub(in crate::emit) plan: &'p Plan<'p>,
    /// Makes Flux Kustomizations.
    pub(in crate::emit) flux: Flux<'p>,
    /// Whether stencils can be used. They cannot if the path of a tree contains a placeholder; input never does.
    uses_stencils: bool,
    namespaces: [Cache; 2],
    config_maps: Cache,
    /// Whether previews have quotas.
    pub(in crate::emit) has_quota: bool,
    quota: Cache,
    sidecar: Cache,
    grants: Cache,
    /// By the number of the original object.
    copies: Vec<Cache>,
    /// By the number of the Service.
    aliases: Vec<Cache>,
    /// By the number of the Service.
    guards: Vec<Cache>,
    declared: Cache,
    routes: Vec<(PreviewRoute<'p>, Cache)>,
    /// Previews with placeholders for their names, by index, made when first needed.
    with_placeholders: Vec<OnceLock<Environment<'p>>>,
    /// The indices of its routes, by the index of the preview.
    routes_of: Vec<Vec<usize>>,
    environment: Cache,
    gates: Cache,
    /// By the index of the suite.
    suites: Vec<Cache>,
}

fn caches(count: usize) -> Vec<Cache> {
    (0..count).map(|_| Cache::default()).collect()
}

impl<'p> Parts<'p> {
    pub(in crate::emit) fn new(plan: &'p Plan<'p>, shape: OutputShape<'p>) -> Self {
        let objects = plan.catalog.objects().map(|object| object.number + 1).max().unwrap_or(0);
        let uses_stencils = match shape {
            OutputShape::Stream => true,
            OutputShape::Tree { path, .. } => !path.contains(placeholder::FRAME),
        };
        let routes = PreviewRoute::all(plan).into_iter().map(|route| (route, Cache::default()));
        let routes: Vec<(PreviewRoute<'_>, Cache)> = routes.collect();
        let mut routes_of = vec![Vec::new(); plan.environments.len()];
        for (index, (route, _)) in routes.iter().enumerate() {
            for &environment in route.environments() {
                routes_of[environment].push(index);
            }
        }
        Self {
            plan,
            flux: Flux::new(plan, shape),
            uses_stencils,
            namespaces: Default::default(),
            config_maps: Cache::default(),
            has_quota: quota::is_asked_for(plan.config),
            quota: Cache::default(),
            sidecar: Cache::default(),
            grants: Cache::default(),
            copies: caches(objects),
            aliases: caches(objects),
            guards: caches(objects),
            declared: Cache::default(),
            routes,
            with_placeholders: plan.environments.iter().map(|_| OnceLock::new()).collect(),
            routes_of,
            environment: Cache::default(),
            gates: Cache::default(),
            suites: caches(plan.config.previews.spec.tests.len()),
        }
    }

    /// Returns the maker of the preview with this index.
    pub(in crate::emit) fn of(&self, index: usize, values: PreviewValues) -> PartMaker<'_, 'p> {
        let env = &self.plan.environments[index];
        PartMaker {
            parts: self,
            env,
            index,
            can_fill: self.can_fill(env),
            accounts: OnceCell::new(),
            values: RefCell::new(values),
        }
    }

    /// Whether stencils can be filled with the names of a preview.
    pub(in crate::emit) fn can_fill(&self, env: &Environment<'_>) -> bool {
        self.uses_stencils && env.takes_placeholders()
    }

    /// The preview with this index and placeholders for its name and namespace. If the baseline has several namespaces,
    /// those of a preview consist of its name and a text that all previews have, so they need no placeholders.
    pub(in crate::emit) fn with_placeholders(&self, index: usize) -> &Environment<'p> {
        let spec = &self.plan.config.previews.spec;
        let room = |room: &Room<'p>| Room {
            namespace: match spec.baseline.only() {
                Some(_) => placeholder::NAMESPACE.to_owned(),
                None => spec.namespace_of(placeholder::NAME, room.baseline),
            },
            ..room.clone()
        };
        self.with_placeholders[index].get_or_init(|| {
            let env = self.plan.environments[index].clone();
            Environment {
                name: placeholder::NAME,
                rooms: env.rooms.iter().map(room).collect(),
                ..env
            }
        })
    }

    /// The VirtualService with some rules, which many previews share.
    pub(in crate::emit) fn virtual_service<'e>(&'e self, rules: &HostRules<'p>) -> Draft<'e> {
        let ordinary = || Draft::from(istio::virtual_service(self.plan, rules));
        let filled = self.uses_stencils.then(|| host_rules::virtual_service(self, rules)).flatten();
        if let (true, Some(filled)) = (cfg!(debug_assertions), &filled) {
            assert_eq!(shown(filled, HoleValues::NONE), shown(&ordinary(), HoleValues::NONE));
        }
        filled.unwrap_or_else(ordinary)
    }

    /// The cache of a part.
    fn cache(&self, part: &Part<'_>) -> Option<&Cache> {
        match part {
            Part::Namespace { owned, .. } => Some(&self.namespaces[usize::from(*owned)]),
            Part::ConfigMap(_) => Some(&self.config_maps),
            Part::Quota(_) => Some(&self.quota),
            Part::Sidecar(_) => Some(&self.sidecar),
            Part::Grants(_) => Some(&self.grants),
            Part::Guard(guard) => self.guards.get(guard.service.object.number),
            Part::Alias(Alias::Service(service)) => self.aliases.get(service.object.number),
            Part::Alias(Alias::Declared(_)) => Some(&self.declared),
            Part::Copy(copied) => self.copies.get(copied.original.number),
            Part::Route(index) => self.routes.get(*index).map(|(_, cache)| cache),
            Part::Flux(PreviewKustomization::Environment) => Some(&self.environment),
            Part::Flux(PreviewKustomization::Gate) => Some(&self.gates),
            Part::Flux(PreviewKustomization::Suite(index)) => self.suites.get(*index),
        }
    }
}

/// Which texts a part has where previews differ.
#[derive(Debug, Clone, Copy)]
enum Texts {
    /// Those of the preview.
    Own,
    /// A placeholder for each of them.
    Placeholders,
}

impl Texts {
    /// Puts placeholders into the values of a part, if they are wanted.
    fn replace<'t, T: From<String> + 't>(self, values: impl Iterator<Item = &'t mut T>) {
        match self {
            Self::Own => {}
            Self::Placeholders => {
                values.enumerate().for_each(|(n, value)| *value = placeholder::value(n).into());
            }
        }
    }
}

/// Makes the parts of one preview.
#[derive(Debug)]
pub(in crate::emit) struct PartMaker<'m, 'p> {
    parts: &'m Parts<'p>,
    env: &'p Environment<'p>,
    index: usize,
    /// Whether stencils can be filled with its name.
    can_fill: bool,
    /// Its ServiceAccounts by namespace of the baseline, computed when first needed.
    accounts: OnceCell<BTreeMap<&'p str, copy::Accounts<'p>>>,
    /// The values for the holes of its drafts.
    values: RefCell<PreviewValues>,
}

impl<'m, 'p: 'm> PartMaker<'m, 'p> {
    /// The indices of the preview's routes.
    pub(in crate::emit) fn routes(&self) -> &'m [usize] {
        &self.parts.routes_of[self.index]
    }

    /// The permissions that the route with this index needs.
    pub(in crate::emit) fn grants(&self, route: usize) -> Vec<Grant<'p>> {
        self.parts.routes[route].0.grants()
    }

    fn accounts(&self, home: &str) -> &copy::Accounts<'p> {
        let accounts = self.accounts.get_or_init(|| copy::accounts(self.env));
        accounts.get(home).expect("what is copied has a room")
    }

    fn copy(&self, env: &Environment<'_>, home: &str, body: Node) -> Object {
        copy::copy(self.parts.plan, env, env.room(home), || self.accounts(home), body)
    }

    /// A part as objects. `None` if it cannot be made with these texts, which only placeholders can cause.
    fn make(&self, part: &Part<'_>, texts: Texts) -> Option<Vec<Object>> {
        let (plan, flux) = (self.parts.plan, &self.parts.flux);
        let env = match texts {
            Texts::Own => self.env,
            Texts::Placeholders => self.parts.with_placeholders(self.index),
        };
        Some(match part {
            Part::Namespace { room, owned } => {
                vec![environment::namespace(plan, env, env.room(room.baseline), *owned)]
            }
            Part::ConfigMap(room) => {
                let mut variables = environment::variables(plan, self.index, room);
                texts.replace(variables.iter_mut().map(|(_, value)| value));
                vec![environment::config_map(plan, env, env.room(room.baseline), variables)]
            }
            Part::Quota(room) => quota::emit(plan, env, env.room(room.baseline)),
            Part::Sidecar(room) => vec![environment::sidecar(plan, env, env.room(room.baseline))],
            Part::Guard(guard) => policies::guard(plan, env, guard),
            Part::Alias(alias) => vec![environment::alias(plan, env, *alias)],
            Part::Copy(copied) => {
                let body = match (&copied.body, texts) {
                    (Body::Changed(changes), Texts::Placeholders) => {
                        changes.with_placeholders(&copied.original.node)?
                    }
                    (Body::Original, _) | (_, Texts::Own) => plan.policies.body(env, copied),
                };
                vec![self.copy(env, copied.home, body)]
            }
            Part::Route(index) => self.parts.routes[*index].0.objects(plan, env),
            Part::Grants(grants) => routing::grants(plan, env, grants),
            Part::Flux(part) => {
                let mut fields = flux.fields(*part, self.index);
                texts.replace(fields.iter_mut().flat_map(Field::texts));
                vec![flux.object(*part, env, fields)]
            }
        })
    }

    /// A part as objects of the preview, made in the ordinary way.
    fn objects(&self, part: &Part<'_>) -> Vec<Object> {
        self.make(part, Texts::Own).expect("every part can be made with its own texts")
    }

    /// The values for the holes of its drafts.
    pub(in crate::emit) fn into_values(self) -> PreviewValues {
        self.values.into_inner()
    }

    /// Adds the values of a part besides name and namespace, and returns its cache key.
    fn add_values<'a>(&self, part: &'a Part<'p>, values: &mut PreviewValues) -> CacheKey<'a>
    where
        'p: 'a,
    {
        let mut key = CacheKey::new();
        match part {
            Part::Namespace { room, owned: _ } => {
                key.push(room.baseline);
                key.extend(self.env.preview.fork().map(|_| marks::FORK));
            }
            Part::Quota(room) => key.push(room.baseline),
            Part::Guard(_) => key.extend(self.env.rooms.iter().map(|room| room.baseline)),
            Part::ConfigMap(room) => {
                key.push(room.baseline);
                for (name, value) in environment::variables(self.parts.plan, self.index, room) {
                    values.add_string(&value);
                    key.push(name);
                }
            }
            Part::Flux(part) => {
                key.push(self.env.first);
                for mut field in self.parts.flux.fields(*part, self.index) {
                    field.texts().into_iter().for_each(|text| values.add_string(text));
                    key.extend(keys::of_field(&field));
                }
            }
            Part::Copy(copied) => {
                if let Body::Changed(changes) = &copied.body {
                    changes.values().for_each(|value| match value {
                        Value::Replicas(count) => values.add_plain(count),
                        Value::Text(text) => values.add_string(text),
                    });
                    key.extend(changes.cache_key());
                }
                let accounts = || self.accounts(copied.home);
                key.extend(keys::of_copy(self.env, accounts, copied));
                let for_callers = self.parts.plan.policies.for_callers(self.env, copied.original);
                key.extend(for_callers.map(|_| "for callers"));
            }
            Part::Alias(Alias::Declared(name)) => key.extend([name.namespace, name.name]),
            Part::Sidecar(room) => {
                key.push(room.baseline);
                key.extend(room.other_namespaces.iter().map(String::as_str));
            }
            Part::Grants(grants) => key.extend(grants.iter().flat_map(|grant| match *grant {
                Grant::OfCopies { of, from } => ["copies", of, from],
                Grant::OfBaseline { of, from } => ["baseline", of, from],
            })),
            // These caches belong to one Service or route, so names are all that differs.
            Part::Alias(Alias::Service(_)) | Part::Route(_) => {}
        }
        key
    }

    /// A part from its stencils, or made in the ordinary way if it has none.
    pub(in crate::emit) fn drafts(&self, part: &Part<'p>, add: impl FnMut(Draft<'m>)) {
        let others = &mut *self.values.borrow_mut();
        let first = others.count();
        let cache = self.parts.cache(part).filter(|_| self.can_fill);
        let stencils = cache.and_then(|cache| {
            let key = self.add_values(part, others);
            cache.get(&key, || cut(&self.make(part, Texts::Placeholders)?)).as_deref()
        });
        let Some(stencils) = stencils else {
            others.truncate(first);
            return self.objects(part).into_iter().map(Draft::from).for_each(add);
        };
        let names = names_of(self.env);
        let draft = |one: &'m Stencil| one.draft([names.name, names.namespace], first, others);
        // Most parts have one object.
        let drafts: SmallVec<[Draft<'m>; 1]> = stencils.iter().map(draft).collect();
        if cfg!(debug_assertions) {
            let ordinary = self.objects(part).into_iter().map(Draft::from);
            let shown = |draft: &Draft<'_>| shown(draft, HoleValues { others, ..names });
            let filled: Vec<(Id, String)> = drafts.iter().map(shown).collect();
            let ordinary: Vec<(Id, String)> = ordinary.map(|draft| shown(&draft)).collect();
            assert_eq!(filled, ordinary, "stencils give what is made without them");
        }
        drafts.into_iter().for_each(add);
    }
}

/// The stencils of objects that were made with placeholders.
fn cut(objects: &[Object]) -> Option<Vec<Stencil>> {
    objects.iter().map(Stencil::cut).collect()
}

/// The identity and text of a draft.
fn shown(draft: &Draft<'_>, values: HoleValues<'_>) -> (Id, String) {
    let mut text = String::new();
    draft.write(values, &mut text);
    (draft.id(values), text)
}
