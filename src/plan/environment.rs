//! The plan of one preview.
//!
//! A preview has a namespace of its own for each namespace of the baseline from which it copies something: a [`Room`].

use std::borrow::Cow;
use std::collections::BTreeSet;

use super::changes::Changes;
use super::few::Few;
use crate::kube::Object;
use crate::model::{Catalog, Service, ServiceName};
use crate::spec::{Config, Preview};
use crate::yaml::Node;
use crate::yaml::scalar::is_safe_plain;

/// The plan of one preview: its namespaces, copies and aliases.
#[derive(Debug, Clone)]
pub(crate) struct Environment<'a> {
    /// The item of `spec.previews`.
    pub(crate) preview: &'a Preview,
    /// The index of that item.
    pub(crate) index: usize,
    /// The name of that item.
    pub(crate) name: &'a str,
    /// Its namespaces, sorted by those of the baseline.
    pub(crate) rooms: Vec<Room<'a>>,
    /// The baseline namespace of the first service that the preview names. Suites run in its room.
    pub(crate) first: &'a str,
    /// The domain of the cluster.
    pub(crate) domain: &'a str,
    /// Services that have a copy: those that the preview names, and those that select one of the same workloads.
    pub(crate) affected: BTreeSet<ServiceName<'a>>,
    /// Copies, in the order of identity. Their bodies still have the namespace of the baseline.
    pub(crate) copies: Vec<Copied<'a>>,
    /// Names that must lead to the baseline, sorted and unique. With `dependencies: all`, services of the input are
    /// left out: [`Plan::aliases`](super::Plan::aliases) adds them all.
    pub(crate) aliases: Vec<Alias<'a>>,
}

/// A namespace of a preview.
#[derive(Debug, Clone)]
pub(crate) struct Room<'a> {
    /// The namespace of the baseline whose objects are copied into it.
    pub(crate) baseline: &'a str,
    /// The name of this namespace.
    pub(crate) namespace: String,
    /// Other namespaces that its pods call: those of declared hosts, with `dependencies: found` also of hosts in texts.
    pub(crate) other_namespaces: BTreeSet<String>,
    /// Whether the baseline's Sidecar for all pods is among the copies.
    pub(crate) keeps_sidecar: bool,
}

/// A name in a preview that leads to a service of the baseline. Those of services sort as their objects do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Alias<'a> {
    /// The name of an unaffected service of the input.
    Service(&'a Service<'a>),
    /// The name of a service that the input lacks: one that is declared, or that an object of the input makes.
    Declared(ServiceName<'a>),
}

impl<'a> Alias<'a> {
    /// The name and baseline namespace of the service.
    pub(crate) fn name(self) -> ServiceName<'a> {
        match self {
            Self::Service(service) => service.id(),
            Self::Declared(name) => name,
        }
    }
}

/// A copy of an object of the baseline.
#[derive(Debug, Clone)]
pub(crate) struct Copied<'a> {
    /// The object that is copied.
    pub(crate) original: &'a Object,
    /// The namespace of the baseline whose room gets the copy. It is that of the original; a Sidecar of Istio's root
    /// namespace is copied into every room, for the namespace of that room.
    pub(crate) home: &'a str,
    /// How its body comes from the original's.
    pub(crate) body: Body<'a>,
    /// The services for which it is copied.
    pub(crate) owners: Owners<'a>,
}

/// Names of services, sorted and unique.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Owners<'a>(Few<ServiceName<'a>>);

impl<'a> Owners<'a> {
    /// Adds a name.
    pub(crate) fn insert(&mut self, name: ServiceName<'a>) {
        if let Err(index) = self.0.binary_search(&name) {
            self.0.push(name);
            self.0[index..].rotate_right(1);
        }
    }

    /// Adds the names of others.
    pub(crate) fn extend(&mut self, others: &Self) {
        others.names().iter().for_each(|name| self.insert(*name));
    }

    /// Whether a service is among the owners.
    #[must_use]
    pub(crate) fn contains(&self, name: ServiceName<'_>) -> bool {
        self.names().contains(&name)
    }

    /// The names of the owners.
    #[must_use]
    pub(crate) fn names(&self) -> &[ServiceName<'a>] {
        &self.0
    }
}

/// How the body of a copy comes from the original's. The body itself is made when it is written: a thousand previews
/// are planned before the first is, and would fill the memory.
#[derive(Debug, Clone)]
pub(crate) enum Body<'a> {
    /// Equal to the original's.
    Original,
    /// The original's, with the changes of the preview.
    Changed(Changes<'a>),
}

impl<'a> Copied<'a> {
    /// An unchanged copy.
    #[must_use]
    pub(crate) fn unchanged(original: &'a Object, owners: Owners<'a>) -> Self {
        Self { original, home: &original.id.namespace, body: Body::Original, owners }
    }

    /// The body, with all changes made.
    #[must_use]
    pub(crate) fn node(&self) -> Cow<'_, Node> {
        match &self.body {
            Body::Original => Cow::Borrowed(&self.original.node),
            Body::Changed(changes) => Cow::Owned(changes.make(&self.original.node)),
        }
    }
}

impl<'a> Environment<'a> {
    /// An empty plan for the preview of this index.
    pub(crate) fn new(config: &'a Config, catalog: &Catalog<'a>, index: usize) -> Self {
        let spec = &config.previews.spec;
        let preview = &spec.previews[index];
        let mut env = Self {
            preview,
            index,
            name: &preview.name,
            rooms: Vec::with_capacity(1),
            first: "",
            domain: &spec.cluster_domain,
            affected: BTreeSet::new(),
            copies: Vec::new(),
            aliases: Vec::new(),
        };
        for change in preview.services.iter().rev() {
            env.first = catalog.resolve(&change.name, &change.namespace).namespace;
            if let Err(at) = env.rooms.binary_search_by_key(&env.first, |room| room.baseline) {
                env.rooms.insert(at, Room::new(spec.namespace_of(env.name, env.first), env.first));
            }
        }
        env
    }

    /// Whether [placeholders](crate::yaml::placeholder) can stand for its name and namespaces. YAML must quote a name
    /// exactly where it quotes a placeholder, so a name that begins with a digit or that is a boolean is out.
    pub(crate) fn takes_placeholders(&self) -> bool {
        let is_plain =
            |name: &str| is_safe_plain(name) && name.starts_with(|c: char| c.is_ascii_alphabetic());
        is_plain(self.name) && self.rooms.iter().all(|room| is_plain(&room.namespace))
    }

    /// The room for a namespace of the baseline, if something of that is copied.
    #[must_use]
    pub(crate) fn find_room(&self, baseline: &str) -> Option<&Room<'a>> {
        let at = self.rooms.binary_search_by_key(&baseline, |room| room.baseline).ok()?;
        Some(&self.rooms[at])
    }

    /// The room for a namespace of the baseline from which something is copied.
    #[must_use]
    pub(crate) fn room(&self, baseline: &str) -> &Room<'a> {
        self.find_room(baseline).expect("what is copied has a room")
    }

    /// The room in which suites run.
    #[must_use]
    pub(crate) fn first_room(&self) -> &Room<'a> {
        self.room(self.first)
    }

    /// The host of the copy of a service.
    #[must_use]
    pub(crate) fn host(&self, service: ServiceName<'_>) -> String {
        let namespace = &self.room(service.namespace).namespace;
        crate::model::service_host(service.name, namespace, self.domain)
    }
}

impl<'a> Room<'a> {
    fn new(namespace: String, baseline: &'a str) -> Self {
        Self { baseline, namespace, other_namespaces: BTreeSet::new(), keeps_sidecar: false }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn owners_are_sorted_and_unique() {
        let mut owners = Owners::default();
        let of = |name| ServiceName { name, namespace: "shop" };
        for name in ["b", "b", "d", "a", "c", "d", "a"] {
            owners.insert(of(name));
        }
        assert_eq!(owners.names(), ["a", "b", "c", "d"].map(of));
        assert!(owners.contains(of("a")) && owners.contains(of("c")) && !owners.contains(of("e")));
    }
}
