//! The plan of one preview.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};

use crate::kube::Id;
use crate::spec::{Config, Preview};
use crate::yaml::Node;

/// What one preview consists of.
#[derive(Debug)]
pub struct Environment<'a> {
    /// What the user wrote.
    pub preview: &'a Preview,
    /// Its index in `spec.previews`.
    pub index: usize,
    /// Its namespace.
    pub namespace: String,
    /// Services that have a copy: those it names, and those that select one of the same workloads.
    pub affected: BTreeSet<&'a str>,
    /// Copies, by the identity of the original, with the changes made but still in the baseline's
    /// namespace.
    pub copies: BTreeMap<Id, Copied<'a>>,
    /// Aliases: name of an unaffected service, and the host it stands for.
    pub aliases: BTreeMap<String, String>,
    /// Other namespaces whose hosts the copies name.
    pub other_namespaces: BTreeSet<String>,
}

/// An object that is copied.
#[derive(Debug)]
pub struct Copied<'a> {
    /// Its body, changes made; the original itself where there are none.
    pub node: Cow<'a, Node>,
    /// The services it is copied for, by the name the user knows.
    pub owners: BTreeSet<String>,
}

impl<'a> Environment<'a> {
    /// An empty plan for the preview of this index.
    pub(super) fn new(config: &'a Config, index: usize) -> Self {
        let spec = &config.previews.spec;
        let preview = &spec.previews[index];
        Self {
            preview,
            index,
            namespace: spec.namespace.replace("{preview}", &preview.name),
            affected: BTreeSet::new(),
            copies: BTreeMap::new(),
            aliases: BTreeMap::new(),
            other_namespaces: BTreeSet::new(),
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(&self) -> &'a str {
        &self.preview.name
    }

    /// The host of the copy of a service.
    #[must_use]
    pub fn host(&self, service: &str) -> String {
        super::naming::service_host(service, &self.namespace)
    }
}
