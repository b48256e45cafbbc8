//! Turns the plan into objects. In go a [`Plan`] and the [`OutputShape`], out come [drafts](Draft) of objects: a
//! [`Preview`] for each preview, and [`Common`]. All decisions were made in `plan`. Each kind has one home:
//!
//! | objects | file |
//! |---|---|
//! | Namespace, ConfigMap `anabranch`, aliases, Sidecar | `environment.rs` |
//! | copies of objects of the baseline | `copy.rs`, `affinity.rs` |
//! | objects beside policies | `policies.rs` |
//! | HTTPRoute, GRPCRoute, ReferenceGrant | `routing/gateway_api/` |
//! | VirtualService | `routing/istio/` |
//! | Flux Kustomizations | `flux/` |
//! | Provider, Alert | `notification.rs` |
//! | ResourceQuota, LimitRange | `quota.rs` |
//! | OCIRepository, Receiver | `artifacts.rs` |
//!
//! What most previews have in common is written once with holes, which are filled for each preview: see `template/`.

mod affinity;
mod artifacts;
mod copy;
mod environment;
mod flux;
mod meta;
mod notification;
mod policies;
mod quota;
mod routing;
mod template;

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

pub use flux::OutputShape;
pub(crate) use flux::Suites;
pub(crate) use template::{Draft, HoleValues, PreviewValues};

use self::template::{Part, PartMaker, Parts, names_of};
use crate::kube::{Id, Object, Order};
use crate::ordered::ordered;
use crate::plan::{Alias, Copied, Environment, Plan, Room};

/// The file in a tree for an object of a preview.
#[derive(Debug, Clone, Copy)]
pub(crate) enum File<'p> {
    /// The file of a copy.
    Copy(&'p Copied<'p>),
    /// `namespace`.
    Namespace,
    /// `aliases`.
    Aliases,
    /// `policies`.
    Policies,
    /// `routes`.
    Routes,
}

impl<'p> File<'p> {
    /// The file's name, without `.yaml`.
    #[must_use]
    pub(crate) fn name(self) -> Cow<'p, str> {
        match self {
            Self::Copy(copied) => copy::file_of(copied),
            Self::Namespace => "namespace".into(),
            Self::Aliases => "aliases".into(),
            Self::Policies => "policies".into(),
            Self::Routes => "routes".into(),
        }
    }
}

/// The objects of one preview.
#[derive(Debug)]
pub(crate) struct Preview<'p, 'e> {
    pub(crate) name: &'p str,
    /// Its namespaces.
    pub(crate) rooms: &'p [Room<'p>],
    /// Its environment, in order.
    pub(crate) environment: Vec<(File<'p>, Draft<'e>)>,
    /// Its Flux objects. In a tree its Namespaces come first.
    pub(crate) flux: Vec<Draft<'e>>,
    /// The objects that make Flux find its artifact, if it has its own.
    pub(crate) root_objects: Vec<Object>,
    /// The values for holes of names.
    names: HoleValues<'p>,
    /// The values for all other holes.
    values: PreviewValues,
}

impl<'e> Preview<'_, 'e> {
    /// Every object.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Draft<'e>> {
        self.environment.iter().map(|(_, object)| object).chain(&self.flux)
    }

    /// Whether this is one of its namespaces.
    #[must_use]
    pub(crate) fn has(&self, namespace: &str) -> bool {
        self.rooms.iter().any(|room| room.namespace == namespace)
    }

    /// The values that its texts are written with.
    #[must_use]
    pub(crate) fn values(&self) -> HoleValues<'_> {
        HoleValues { others: &self.values, ..self.names }
    }
}

/// Objects that belong to no single preview.
#[derive(Debug)]
pub(crate) struct Common<'e> {
    /// New objects.
    pub(crate) shared: Vec<Draft<'e>>,
    /// Objects of the baseline that change, by their identity.
    pub(crate) changed: BTreeMap<Id, Draft<'e>>,
    /// Flux Kustomizations and notifications, by the file of the tree.
    pub(crate) flux: BTreeMap<&'static str, Vec<Draft<'e>>>,
}

impl<'e> Common<'e> {
    /// Every object but those of the baseline.
    pub(crate) fn all(&self) -> impl Iterator<Item = &Draft<'e>> {
        self.shared.iter().chain(self.flux.values().flatten())
    }
}

/// Turns a plan into objects, one preview at a time: all previews together would need many times the memory of their
/// text.
#[derive(Debug)]
pub(crate) struct Emission<'p> {
    plan: &'p Plan<'p>,
    parts: Parts<'p>,
}

impl<'p> Emission<'p> {
    /// Prepares the objects of a plan for one shape of output.
    #[must_use]
    pub(crate) fn new(plan: &'p Plan<'p>, shape: &OutputShape<'p>) -> Self {
        Self { plan, parts: Parts::new(plan, *shape) }
    }

    /// The objects that belong to no single preview.
    #[must_use]
    pub(crate) fn common(&self) -> Common<'_> {
        let (mut shared, changed) =
            routing::of_all_previews(self.plan, |rules| self.parts.virtual_service(rules));
        let siblings = self.plan.policies.siblings.iter();
        shared.extend(siblings.map(|one| Draft::from(policies::sibling(self.plan, one))));
        Order::by(shared.iter().map(|object: &Draft<'_>| object.key(HoleValues::NONE)))
            .put(&mut shared);
        let flux = self.parts.flux.common().into_iter();
        let flux =
            flux.map(|(file, objects)| (file, objects.into_iter().map(Draft::from).collect()));
        Common { shared, changed, flux: ordered(flux) }
    }

    /// How many previews there are.
    #[must_use]
    pub(crate) fn previews(&self) -> usize {
        self.plan.environments.len()
    }

    /// The name of the preview with this index, and its URLs.
    #[must_use]
    pub(crate) fn urls(&self, index: usize) -> (&'p str, Vec<String>) {
        let name = self.plan.environments[index].name;
        (name, self.plan.routing.entries.urls(name).collect())
    }

    /// The namespaces of the preview with this index, that of its first service first.
    #[must_use]
    pub(crate) fn rooms(&self, index: usize) -> Vec<&'p Room<'p>> {
        let env = &self.plan.environments[index];
        let others = env.rooms.iter().filter(|room| room.baseline != env.first);
        std::iter::once(env.first_room()).chain(others).collect()
    }

    /// The objects of the preview with this index; previews are sorted by name. `spare` is an empty buffer that a
    /// thread reuses for many previews.
    #[must_use]
    pub(crate) fn preview<'e>(
        &'e self,
        index: usize,
        spare: &mut PreviewValues,
    ) -> Preview<'p, 'e> {
        let env = &self.plan.environments[index];
        let maker = self.parts.of(index, std::mem::take(spare));
        let owned = self.parts.flux.owns_namespaces();
        let aliases = self.plan.aliases(env).size_hint().1.unwrap_or_default();
        let parts = env.copies.len() + aliases + maker.routes().len() + 4;
        let mut environment: Vec<(File<'p>, Draft<'e>)> = Vec::with_capacity(parts);
        let mut add = |file: File<'p>, part: Part<'p>| {
            maker.drafts(&part, |object| environment.push((file, object)));
        };
        for room in &env.rooms {
            add(File::Namespace, Part::Namespace { room, owned });
            add(File::Namespace, Part::ConfigMap(room));
            if self.parts.has_quota {
                add(File::Namespace, Part::Quota(room));
            }
        }
        self.copies_and_aliases(env, &mut add);
        for room in env.rooms.iter().filter(|room| self.plan.has_sidecar(room)) {
            add(File::Policies, Part::Sidecar(room));
        }
        for guard in self.plan.policies.guards_of(env) {
            add(File::Policies, Part::Guard(guard));
        }
        let mut grants = BTreeSet::new();
        for &route in maker.routes() {
            grants.extend(maker.grants(route));
            add(File::Routes, Part::Route(route));
        }
        if !grants.is_empty() {
            add(File::Routes, Part::Grants(grants));
        }
        let flux = self.of_flux(env, &maker);
        *spare = maker.into_values();
        let values = spare.take();
        let names = names_of(env);
        let all = HoleValues { others: &values, ..names };
        Order::by(environment.iter().map(|(_, object)| object.key(all))).put(&mut environment);
        // Capacity was reserved for an alias of every service, and thousands of previews wait to be written.
        environment.shrink_to_fit();
        let root_objects = self.parts.flux.root_objects(env);
        Preview {
            name: env.name,
            rooms: &env.rooms,
            environment,
            flux,
            root_objects,
            names,
            values,
        }
    }

    /// Passes the copies and aliases of a preview on, merged in the order of their originals: objects that are almost
    /// sorted are sorted quickly.
    fn copies_and_aliases(
        &self,
        env: &'p Environment<'p>,
        add: &mut impl FnMut(File<'p>, Part<'p>),
    ) {
        let mut copies = env.copies.iter().peekable();
        for alias in self.plan.aliases(env) {
            let number = match alias {
                Alias::Service(service) => service.object.number,
                Alias::Declared(_) => usize::MAX,
            };
            while let Some(copied) = copies.next_if(|copied| copied.original.number < number) {
                add(File::Copy(copied), Part::Copy(copied));
            }
            add(File::Aliases, Part::Alias(alias));
        }
        copies.for_each(|copied| add(File::Copy(copied), Part::Copy(copied)));
    }

    /// The Flux objects of a preview, and before them the Namespaces that they own.
    fn of_flux<'e>(
        &'e self,
        env: &'p Environment<'p>,
        maker: &PartMaker<'e, 'p>,
    ) -> Vec<Draft<'e>> {
        let rooms = env.rooms.iter().filter(|_| self.parts.flux.owns_namespaces());
        let namespaces = rooms.map(|room| Part::Namespace { room, owned: false });
        let kustomizations = self.parts.flux.kustomizations().into_iter().map(Part::Flux);
        let mut drafts = Vec::new();
        for part in namespaces.chain(kustomizations) {
            maker.drafts(&part, |object| drafts.push(object));
        }
        drafts
    }
}
