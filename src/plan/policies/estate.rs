//! What policies are held against: the namespaces of the baseline and of previews, who runs as which account, and what
//! any preview copies.

use std::collections::{BTreeMap, BTreeSet};

use super::glob::fits;
use super::network::NAME_LABEL;
use super::reach::Targets;
use super::targets;
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::meta::keeps_namespace_label;
use crate::kube::{Object, kinds, marks};
use crate::model::{Catalog, ServiceName, pod_spec};
use crate::plan::environment::Environment;
use crate::spec::Config;
use crate::yaml::Node;

/// A baseline and its previews, as far as policies are concerned.
pub(in crate::plan) struct Estate<'a> {
    pub(in crate::plan) catalog: &'a Catalog<'a>,
    /// The name of the set of previews.
    pub(super) set: &'a str,
    /// Whether suites run in previews.
    pub(super) has_suites: bool,
    /// Whether a Gateway leads to previews.
    pub(super) has_entries: bool,
    /// The namespaces of the baseline.
    pub(in crate::plan) homes: Vec<Home<'a>>,
    /// Whether some preview copies the object of this number.
    copied: Vec<bool>,
}

/// The labels of namespaces.
#[derive(Debug)]
pub(in crate::plan) struct NamespaceLabels {
    /// Of the baseline's, as far as the input shows them.
    pub(in crate::plan) of_baseline: Node,
    /// Of a preview's. What differs from one to the next has a value that nobody can write.
    pub(in crate::plan) of_previews: Node,
}

impl NamespaceLabels {
    fn of(config: &Config, catalog: &Catalog<'_>, home: &str) -> Self {
        const UNKNOWN: &str = "\0";
        let namespace = catalog.namespace(home);
        let of_baseline = namespace.and_then(|one| one.node.at(&["metadata", "labels"])).cloned();
        let mut of_baseline = of_baseline.unwrap_or_default();
        let mut of_previews = of_baseline.clone();
        of_previews.retain(keeps_namespace_label);
        let own = [
            (marks::PREVIEW, UNKNOWN),
            (marks::SET, config.set()),
            (marks::MANAGED_BY, marks::MANAGER),
            (NAME_LABEL, UNKNOWN),
        ];
        let of_one = (catalog.home.namespaces.len() > 1).then_some((marks::BASELINE, home));
        for (key, value) in own.into_iter().chain(of_one) {
            of_previews.set(key, Node::string(value));
        }
        of_baseline.set(NAME_LABEL, Node::string(home));
        Self { of_baseline, of_previews }
    }
}

/// A namespace of the baseline.
pub(in crate::plan) struct Home<'a> {
    /// Its name.
    pub(in crate::plan) namespace: &'a str,
    /// Its accounts, each with the workloads that run as it.
    pub(in crate::plan) accounts: BTreeMap<&'a str, Vec<usize>>,
    /// The accounts that copies run as.
    pub(in crate::plan) copied_accounts: BTreeSet<&'a str>,
    /// Its workloads and Services.
    targets: Targets<'a>,
    /// What selectors of namespaces see.
    pub(in crate::plan) labels: NamespaceLabels,
    /// The names of the namespaces that previews have for it, with `*` for any text: `pr-*`. Every preview that
    /// may come is meant.
    pub(in crate::plan) previews: String,
}

impl<'a> Home<'a> {
    fn add_accounts(&mut self, catalog: &'a Catalog<'a>, copied: &[bool]) {
        let is_near = |object: &Object| object.id.namespace == self.namespace;
        for workload in catalog.workloads().iter().filter(|one| is_near(one.object)) {
            let account = Estate::account(&workload.object.node);
            let number = workload.object.number;
            self.accounts.entry(account).or_default().push(number);
            self.copied_accounts.extend(copied[number].then_some(account));
        }
        let accounts = catalog.in_baseline("", "ServiceAccount");
        for object in accounts.filter(|object| is_near(object)) {
            let name = object.id.name.as_str();
            self.accounts.entry(name).or_default();
            self.copied_accounts.extend(copied[object.number].then_some(name));
        }
    }

    fn copied_accounts(&self) -> impl Iterator<Item = Account<'_, 'a>> {
        self.copied_accounts.iter().map(move |account| (self, *account))
    }

    /// Whether a namespace looks like one that previews have for it.
    pub(in crate::plan) fn is_of_previews(&self, namespace: &str) -> bool {
        fits(&self.previews, namespace)
    }

    /// The namespace of a preview that no policy names.
    pub(in crate::plan) fn any_preview(&self) -> String {
        self.previews.replace('*', "\0")
    }
}

/// An account, and the namespace of the baseline that has it.
pub(in crate::plan) type Account<'e, 'a> = (&'e Home<'a>, &'a str);

/// Where a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Site {
    /// In a namespace of the baseline.
    Home,
    /// In Istio's root namespace: it holds in all namespaces.
    Root,
    /// In a namespace that no preview changes.
    Elsewhere,
}

impl<'a> Estate<'a> {
    pub(in crate::plan) fn new(
        config: &'a Config,
        catalog: &'a Catalog<'a>,
        environments: &[Environment<'a>],
    ) -> Self {
        let spec = &config.previews.spec;
        let mut copied = vec![false; catalog.objects().count()];
        for copy in environments.iter().flat_map(|env| &env.copies) {
            copied[copy.original.number] = true;
        }
        let homes = targets(catalog).map(|(namespace, targets)| {
            let previews = spec.namespace_of(&format!("{}*", spec.prefix), namespace);
            let mut home = Home {
                namespace,
                accounts: BTreeMap::new(),
                copied_accounts: BTreeSet::new(),
                targets,
                labels: NamespaceLabels::of(config, catalog, namespace),
                previews,
            };
            home.add_accounts(catalog, &copied);
            home
        });
        Self {
            catalog,
            set: config.set(),
            has_suites: !spec.tests.is_empty(),
            has_entries: !spec.routing.entries.is_empty(),
            homes: homes.collect(),
            copied,
        }
    }

    /// The workloads of a namespace of the baseline that some preview copies and whose pods a selector selects.
    pub(super) fn copied_pods(&self, home: &Home<'_>, selector: Option<&Node>) -> BTreeSet<usize> {
        let selected = home.targets.selected(selector).into_iter();
        selected.map(|object| object.number).filter(|&number| self.copied[number]).collect()
    }

    /// Whether some preview copies an object.
    pub(in crate::plan) fn copies(&self, object: &Object) -> bool {
        self.copied[object.number]
    }

    /// Where a policy is.
    pub(in crate::plan) fn site(&self, policy: &Object) -> Site {
        let namespace = policy.id.namespace.as_str();
        if self.is_home(namespace) {
            Site::Home
        } else if namespace == ROOT_NAMESPACE {
            Site::Root
        } else {
            Site::Elsewhere
        }
    }

    /// The workloads of the baseline that a policy applies to.
    pub(in crate::plan) fn workloads_under(&self, policy: &Object) -> BTreeSet<usize> {
        let ways =
            kinds::find(&policy.id.group, &policy.id.kind).map_or(&[][..], |kind| kind.policy);
        let mut found = BTreeSet::new();
        let of = |home: &&Home<'_>| match self.site(policy) {
            Site::Home => home.namespace == policy.id.namespace,
            Site::Root | Site::Elsewhere => true,
        };
        let under = self.homes.iter().filter(of);
        for object in under.flat_map(|home| home.targets.touched(policy, ways)) {
            let name = ServiceName { name: &object.id.name, namespace: &object.id.namespace };
            match self.catalog.service(name).filter(|_| object.is("", "Service")) {
                Some(service) => {
                    found.extend(self.catalog.selected(service).map(|one| one.object.number));
                }
                None => {
                    found.insert(object.number);
                }
            }
        }
        found
    }

    /// Whether a policy applies to something that some preview copies.
    pub(in crate::plan) fn applies_to_copies(&self, policy: &Object) -> bool {
        self.workloads_under(policy).into_iter().any(|number| self.copied[number])
    }

    /// The accounts of copies whose pods may call what a policy applies to, which may be more than the input shows:
    /// calls of a service to itself stay within its preview.
    pub(in crate::plan) fn callers(&self, policy: &Object) -> Vec<Account<'_, 'a>> {
        let called = self.workloads_under(policy);
        let calls = |(home, account): &Account<'_, '_>| {
            let own = home.accounts.get(account).map(Vec::as_slice).unwrap_or_default();
            called.is_empty() || own.len() > 1 || called.iter().any(|number| !own.contains(number))
        };
        self.copied_accounts().filter(calls).collect()
    }

    /// The accounts that copies run as.
    pub(in crate::plan) fn copied_accounts(&self) -> impl Iterator<Item = Account<'_, 'a>> {
        let of = |home| Home::copied_accounts(home);
        self.homes.iter().flat_map(of)
    }

    /// Whether a namespace is one of the baseline's.
    pub(in crate::plan) fn is_home(&self, namespace: &str) -> bool {
        self.homes.iter().any(|home| home.namespace == namespace)
    }

    /// Whether a policy may hold for workloads of the baseline, by where it is.
    pub(in crate::plan) fn may_hold_for_home(&self, policy: &Object) -> bool {
        self.site(policy) != Site::Elsewhere
    }

    /// The account that the pods of a workload run as.
    pub(in crate::plan) fn account(workload: &Node) -> &str {
        let pod = pod_spec(workload);
        let named = |key| pod.and_then(|pod| pod.text_at(&[key])).filter(|name| !name.is_empty());
        named("serviceAccountName").or_else(|| named("serviceAccount")).unwrap_or("default")
    }
}
