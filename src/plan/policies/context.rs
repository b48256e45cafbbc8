//! What policies are checked against: the namespaces of the baseline and of previews, their service accounts, and
//! which objects some preview copies.

use std::collections::{BTreeMap, BTreeSet};

use super::glob::matches_glob;
use super::reach::SelectionIndex;
use super::selection_indexes;
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::meta::{NAMESPACE_NAME, keeps_namespace_label};
use crate::kube::{Object, marks};
use crate::model::{Catalog, ServiceName, service_account};
use crate::plan::environment::Environment;
use crate::spec::Config;
use crate::yaml::Node;

/// What policies are checked against.
pub(in crate::plan) struct PolicyContext<'a> {
    pub(in crate::plan) catalog: &'a Catalog<'a>,
    /// The name of the set of previews.
    pub(super) set: &'a str,
    /// Suites run in previews.
    pub(super) has_suites: bool,
    /// Previews have hosts at a Gateway.
    pub(super) has_entries: bool,
    pub(in crate::plan) homes: Vec<BaselineNamespace<'a>>,
    /// By the number of an object: some preview copies it.
    copied: Vec<bool>,
}

/// The labels of Namespaces, as a `namespaceSelector` sees them.
#[derive(Debug)]
pub(in crate::plan) struct NamespaceLabels {
    /// The labels of the baseline's Namespace, as far as the input shows them.
    pub(in crate::plan) of_baseline: Node,
    /// The labels of a preview's Namespace. Labels that differ between previews have a value that no selector names.
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
        let managed = [
            (marks::PREVIEW, UNKNOWN),
            (marks::SET, config.set()),
            (marks::MANAGED_BY, marks::MANAGER),
            (NAMESPACE_NAME, UNKNOWN),
        ];
        let baseline = (catalog.home.namespaces.len() > 1).then_some((marks::BASELINE, home));
        for (key, value) in managed.into_iter().chain(baseline) {
            of_previews.set(key, Node::string(value));
        }
        of_baseline.set(NAMESPACE_NAME, Node::string(home));
        Self { of_baseline, of_previews }
    }
}

/// A namespace of the baseline, and the namespaces that previews have for it.
pub(in crate::plan) struct BaselineNamespace<'a> {
    pub(in crate::plan) namespace: &'a str,
    /// Its service accounts, each with the numbers of the workloads that run as it.
    pub(in crate::plan) accounts: BTreeMap<&'a str, Vec<usize>>,
    /// The service accounts that copies run as.
    pub(in crate::plan) copied_accounts: BTreeSet<&'a str>,
    /// Its workloads and Services.
    index: SelectionIndex<'a>,
    pub(in crate::plan) labels: NamespaceLabels,
    /// A pattern for the namespaces of previews, present and future, with `*` for the preview: `pr-*`.
    pub(in crate::plan) preview_pattern: String,
}

impl<'a> BaselineNamespace<'a> {
    fn add_accounts(&mut self, catalog: &'a Catalog<'a>, copied: &[bool]) {
        let is_here = |object: &Object| object.id.namespace == self.namespace;
        for workload in catalog.workloads().iter().filter(|one| is_here(one.object)) {
            let account = service_account(&workload.object.node);
            let number = workload.object.number;
            self.accounts.entry(account).or_default().push(number);
            self.copied_accounts.extend(copied[number].then_some(account));
        }
        let accounts = catalog.in_baseline("", "ServiceAccount");
        for object in accounts.filter(|object| is_here(object)) {
            let name = object.id.name.as_str();
            self.accounts.entry(name).or_default();
            self.copied_accounts.extend(copied[object.number].then_some(name));
        }
    }

    /// Whether a name fits the pattern for namespaces of previews.
    pub(in crate::plan) fn may_be_preview(&self, namespace: &str) -> bool {
        matches_glob(&self.preview_pattern, namespace)
    }

    /// A namespace of a preview that no policy names.
    pub(in crate::plan) fn unnamed_preview(&self) -> String {
        self.preview_pattern.replace('*', "\0")
    }
}

/// A service account, and the namespace of the baseline that it is in.
pub(in crate::plan) type BaselineAccount<'c, 'a> = (&'c BaselineNamespace<'a>, &'a str);

/// The kind of namespace that a policy is in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::plan) enum Site {
    /// A namespace of the baseline.
    Baseline,
    /// Istio's root namespace. The policy holds in all namespaces.
    Root,
    /// Any other namespace.
    Elsewhere,
}

impl<'a> PolicyContext<'a> {
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
        let homes = selection_indexes(catalog).map(|(namespace, index)| {
            let mut home = BaselineNamespace {
                namespace,
                accounts: BTreeMap::new(),
                copied_accounts: BTreeSet::new(),
                index,
                labels: NamespaceLabels::of(config, catalog, namespace),
                preview_pattern: spec.namespace_of(&format!("{}*", spec.prefix), namespace),
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

    /// The workloads of a namespace whose pods a selector selects, if some preview copies them.
    pub(super) fn copied_pods(
        &self,
        home: &BaselineNamespace<'_>,
        selector: Option<&Node>,
    ) -> BTreeSet<usize> {
        let selected = home.index.selected(selector).into_iter();
        selected.map(|object| object.number).filter(|&number| self.copied[number]).collect()
    }

    /// Whether some preview copies an object.
    pub(in crate::plan) fn copies(&self, object: &Object) -> bool {
        self.copied[object.number]
    }

    /// The kind of namespace that a policy is in.
    pub(in crate::plan) fn site(&self, policy: &Object) -> Site {
        let namespace = policy.id.namespace.as_str();
        if self.catalog.home.includes(namespace) {
            Site::Baseline
        } else if namespace == ROOT_NAMESPACE {
            Site::Root
        } else {
            Site::Elsewhere
        }
    }

    /// The numbers of the workloads of the baseline that a policy applies to, directly or through a Service.
    pub(in crate::plan) fn workloads_reached_by(&self, policy: &Object) -> BTreeSet<usize> {
        let reaches = policy.row.map_or(&[][..], |kind| kind.policy);
        let is_limited = self.site(policy) == Site::Baseline;
        let mut workloads = BTreeSet::new();
        for home in &self.homes {
            if is_limited && home.namespace != policy.id.namespace {
                continue;
            }
            for object in home.index.reached_by(policy, reaches) {
                let name = ServiceName { name: &object.id.name, namespace: &object.id.namespace };
                match self.catalog.service(name).filter(|_| object.is("", "Service")) {
                    Some(service) => {
                        let selected = self.catalog.selected(service);
                        workloads.extend(selected.map(|workload| workload.object.number));
                    }
                    None => {
                        workloads.insert(object.number);
                    }
                }
            }
        }
        workloads
    }

    /// Whether a policy applies to something that some preview copies.
    pub(in crate::plan) fn applies_to_copies(&self, policy: &Object) -> bool {
        self.workloads_reached_by(policy).into_iter().any(|number| self.copied[number])
    }

    /// The service accounts of copies that may call the workloads under a policy. If only one workload is under it, an
    /// account that this workload alone runs as is left out: its copies call themselves, and never the original.
    pub(in crate::plan) fn callers(&self, policy: &Object) -> Vec<BaselineAccount<'_, 'a>> {
        let called = self.workloads_reached_by(policy);
        let calls_others = |(home, account): &BaselineAccount<'_, '_>| {
            let users = home.accounts.get(account).map(Vec::as_slice).unwrap_or_default();
            called.is_empty()
                || users.len() > 1
                || called.iter().any(|number| !users.contains(number))
        };
        self.copied_accounts().filter(calls_others).collect()
    }

    /// The service accounts that copies run as.
    pub(in crate::plan) fn copied_accounts(&self) -> impl Iterator<Item = BaselineAccount<'_, 'a>> {
        self.homes
            .iter()
            .flat_map(|home| home.copied_accounts.iter().map(move |account| (home, *account)))
    }
}
