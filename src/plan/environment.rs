//! The plan of one preview.
//!
//! A preview has a [`Room`] for each namespace of the baseline of which it copies something.

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
pub struct Environment<'a> {
    /// What the user wrote.
    pub preview: &'a Preview,
    /// Its index in `spec.previews`.
    pub index: usize,
    /// Its name.
    pub name: &'a str,
    /// Its namespaces, in the order of those of the baseline.
    pub rooms: Vec<Room<'a>>,
    /// The namespace of the baseline with the first service that the preview names. Suites run in the room for it.
    pub first: &'a str,
    /// The domain of the cluster.
    pub domain: &'a str,
    /// Services that have a copy: those it names, and those that select one of the same workloads.
    pub affected: BTreeSet<ServiceName<'a>>,
    /// Copies, in the order of identity, still in the baseline's namespace.
    pub copies: Vec<Copied<'a>>,
    /// Names that must lead to the baseline, sorted and unique. With `dependencies: all`, only those that are not
    /// services of the input.
    pub aliases: Vec<Alias<'a>>,
}

/// A namespace of a preview.
#[derive(Debug, Clone)]
pub struct Room<'a> {
    /// The namespace of the baseline whose objects are copied into it.
    pub baseline: &'a str,
    /// Its name.
    pub namespace: String,
    /// Other namespaces with declared hosts; with `dependencies: found` also those that texts name.
    pub other_namespaces: BTreeSet<String>,
    /// Whether the baseline's Sidecar for all pods is among the copies.
    pub keeps_sidecar: bool,
}

/// A name that leads from a preview to the baseline. Those of services have the order of their objects.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Alias<'a> {
    /// Of an unaffected service.
    Service(&'a Service<'a>),
    /// Of a service that is declared, or that an object of the input makes, and that is not in the input itself.
    Declared(ServiceName<'a>),
}

impl<'a> Alias<'a> {
    /// The name, and the namespace of the baseline that it leads to.
    pub fn name(self) -> ServiceName<'a> {
        match self {
            Self::Service(service) => service.id(),
            Self::Declared(name) => name,
        }
    }
}

/// An object that is copied.
#[derive(Debug, Clone)]
pub struct Copied<'a> {
    /// The object of the baseline.
    pub original: &'a Object,
    /// The namespace of the baseline whose room it is copied into: its own, unless it applies to all namespaces.
    pub home: &'a str,
    /// Its body.
    pub body: Body<'a>,
    /// The services it is copied for, by the name the user knows.
    pub owners: Owners<'a>,
}

/// Names of services, sorted and unique.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Owners<'a>(Few<ServiceName<'a>>);

impl<'a> Owners<'a> {
    /// Adds a name.
    pub fn insert(&mut self, name: ServiceName<'a>) {
        if let Err(index) = self.0.binary_search(&name) {
            self.0.push(name);
            self.0[index..].rotate_right(1);
        }
    }

    /// Adds the names of others.
    pub fn extend(&mut self, others: &Self) {
        others.names().iter().for_each(|name| self.insert(*name));
    }

    /// Whether a name is among them.
    #[must_use]
    pub fn contains(&self, name: ServiceName<'_>) -> bool {
        self.names().contains(&name)
    }

    /// The names.
    #[must_use]
    pub fn names(&self) -> &[ServiceName<'a>] {
        &self.0
    }
}

/// The body of a copy. A thousand previews are planned before the first is written, so it is not made before it is
/// written.
#[derive(Debug, Clone)]
pub enum Body<'a> {
    /// The original's.
    Original,
    /// The original's with the changes that a preview makes to it.
    Changed(Changes<'a>),
}

impl<'a> Copied<'a> {
    /// An unchanged copy.
    #[must_use]
    pub fn unchanged(original: &'a Object, owners: Owners<'a>) -> Self {
        Self { original, home: &original.id.namespace, body: Body::Original, owners }
    }

    /// Its body, all changes made.
    #[must_use]
    pub fn node(&self) -> Cow<'_, Node> {
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

    /// Whether [marks](crate::yaml::mark) can replace its name and namespaces: each must be quoted exactly where
    /// letters are. A name that begins with a digit, or that is a boolean, is not.
    pub(crate) fn takes_marks(&self) -> bool {
        let is_word =
            |name: &str| is_safe_plain(name) && name.starts_with(|c: char| c.is_ascii_alphabetic());
        is_word(self.name) && self.rooms.iter().all(|room| is_word(&room.namespace))
    }

    /// Its room for a namespace of the baseline, where it has one.
    #[must_use]
    pub fn find_room(&self, baseline: &str) -> Option<&Room<'a>> {
        let at = self.rooms.binary_search_by_key(&baseline, |room| room.baseline).ok()?;
        Some(&self.rooms[at])
    }

    /// Its room for a namespace of the baseline of which it copies something.
    #[must_use]
    pub fn room(&self, baseline: &str) -> &Room<'a> {
        self.find_room(baseline).expect("what is copied has a room")
    }

    /// Its room in which suites run.
    #[must_use]
    pub fn first_room(&self) -> &Room<'a> {
        self.room(self.first)
    }

    /// The host of the copy of a service.
    #[must_use]
    pub fn host(&self, service: ServiceName<'_>) -> String {
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
    fn owners_are_in_order_and_each_there_once() {
        let mut owners = Owners::default();
        let of = |name| ServiceName { name, namespace: "shop" };
        for name in ["b", "b", "d", "a", "c", "d", "a"] {
            owners.insert(of(name));
        }
        assert_eq!(owners.names(), ["a", "b", "c", "d"].map(of));
        assert!(owners.contains(of("a")) && owners.contains(of("c")) && !owners.contains(of("e")));
    }
}
