//! What policies are held against: the namespaces of the baseline and of previews, who runs as which account, and what
//! any preview copies.

use std::collections::{BTreeMap, BTreeSet};

use super::network::NAME_LABEL;
use super::reach::Targets;
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::meta::keeps_namespace_label;
use crate::kube::{Object, kinds, marks};
use crate::model::{Catalog, pod_spec};
use crate::plan::environment::Environment;
use crate::spec::Config;
use crate::yaml::Node;

/// A baseline and its previews, as far as policies are concerned.
pub(in crate::plan) struct Estate<'a> {
    pub(in crate::plan) catalog: &'a Catalog<'a>,
    /// The name of the set of previews.
    pub(super) set: &'a str,
    /// What the labels of namespaces select.
    pub(super) labels: NamespaceLabels,
    /// Whether suites run in previews.
    pub(super) has_suites: bool,
    /// Whether a Gateway leads to previews.
    pub(super) has_entries: bool,
    /// The namespaces of the baseline.
    pub(in crate::plan) homes: Vec<Home<'a>>,
    /// The accounts of the baseline, each with the workloads that run as it.
    pub(in crate::plan) accounts: BTreeMap<&'a str, Vec<usize>>,
    /// The accounts that copies run as.
    pub(in crate::plan) copied_accounts: BTreeSet<&'a str>,
    /// The baseline's workloads and Services.
    targets: Targets<'a>,
    /// Whether some preview copies the object of this number.
    copied: Vec<bool>,
}

/// The labels of namespaces.
#[derive(Debug)]
pub(super) struct NamespaceLabels {
    /// Of the baseline's, as far as the input shows them.
    pub(super) of_baseline: Node,
    /// Of a preview's. What differs from one to the next has a value that nobody can write.
    pub(super) of_previews: Node,
}

impl NamespaceLabels {
    fn of(config: &Config, catalog: &Catalog<'_>) -> Self {
        const UNKNOWN: &str = "\0";
        let namespace = catalog.own_namespace();
        let of_baseline = namespace.and_then(|one| one.node.at(&["metadata", "labels"])).cloned();
        let mut of_baseline = of_baseline.unwrap_or_default();
        let mut of_previews = of_baseline.clone();
        of_previews.retain(keeps_namespace_label);
        for (key, value) in [
            (marks::PREVIEW, UNKNOWN),
            (marks::SET, config.set()),
            (marks::MANAGED_BY, marks::MANAGER),
            (NAME_LABEL, UNKNOWN),
        ] {
            of_previews.set(key, Node::string(value));
        }
        of_baseline.set(NAME_LABEL, Node::string(catalog.namespace));
        Self { of_baseline, of_previews }
    }
}

/// A namespace of the baseline.
#[derive(Debug)]
pub(in crate::plan) struct Home<'a> {
    /// Its name.
    pub(in crate::plan) namespace: &'a str,
    /// The names of the namespaces that previews have for it, with `*` for any text: `pr-*`. Every preview that
    /// may come is meant.
    pub(in crate::plan) previews: String,
}

impl Home<'_> {
    /// The namespace of a preview that no policy names.
    pub(in crate::plan) fn any_preview(&self) -> String {
        self.previews.replace('*', "\0")
    }
}

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
        let previews = spec.namespace.replace("{preview}", &format!("{}*", spec.prefix));
        let homes = vec![Home { namespace: catalog.namespace, previews }];
        let mut copied = vec![false; catalog.objects().count()];
        for copy in environments.iter().flat_map(|env| &env.copies) {
            copied[copy.original.number] = true;
        }
        let mut accounts: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
        let mut copied_accounts = BTreeSet::new();
        for workload in catalog.workloads() {
            let (account, number) = (Self::account(&workload.object.node), workload.object.number);
            accounts.entry(account).or_default().push(number);
            copied_accounts.extend(copied[number].then_some(account));
        }
        for object in catalog.in_baseline("", "ServiceAccount") {
            let name = object.id.name.as_str();
            accounts.entry(name).or_default();
            copied_accounts.extend(copied[object.number].then_some(name));
        }
        let workloads = catalog.workloads().iter().map(|workload| workload.object);
        let services = catalog.services().map(|service| service.object);
        let targets = Targets::of(catalog, workloads.chain(services));
        Self {
            catalog,
            set: config.set(),
            labels: NamespaceLabels::of(config, catalog),
            has_suites: !spec.tests.is_empty(),
            has_entries: !spec.routing.entries.is_empty(),
            homes,
            accounts,
            copied_accounts,
            targets,
            copied,
        }
    }

    /// The workloads that some preview copies whose pods a selector selects.
    pub(super) fn copied_pods(&self, selector: Option<&Node>) -> BTreeSet<usize> {
        let selected = self.targets.selected(selector).into_iter();
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
        for object in self.targets.touched(policy, ways) {
            match self.catalog.service(&object.id.name).filter(|_| object.is("", "Service")) {
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
    pub(in crate::plan) fn callers(&self, policy: &Object) -> BTreeSet<&'a str> {
        let called = self.workloads_under(policy);
        let calls = |account: &&str| {
            let own = self.accounts.get(account).map(Vec::as_slice).unwrap_or_default();
            called.is_empty() || own.len() > 1 || called.iter().any(|number| !own.contains(number))
        };
        self.copied_accounts.iter().copied().filter(calls).collect()
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
