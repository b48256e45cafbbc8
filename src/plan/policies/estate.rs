//! What policies are held against: the namespaces of the baseline and of previews, who runs as which account, and what
//! any preview copies.

use std::collections::{BTreeMap, BTreeSet};

use super::reach::Targets;
use crate::kube::istio::ROOT_NAMESPACE;
use crate::kube::{Object, kinds};
use crate::model::{Catalog, pod_spec};
use crate::plan::environment::Environment;
use crate::spec::Config;
use crate::yaml::Node;

/// A baseline and its previews, as far as policies are concerned.
pub(super) struct Estate<'a> {
    pub(super) catalog: &'a Catalog<'a>,
    /// The namespaces of the baseline.
    pub(super) homes: Vec<Home<'a>>,
    /// The accounts of the baseline, each with the workloads that run as it.
    pub(super) accounts: BTreeMap<&'a str, Vec<usize>>,
    /// The accounts that copies run as.
    pub(super) copied_accounts: BTreeSet<&'a str>,
    /// The baseline's workloads and Services.
    targets: Targets<'a>,
    /// Whether some preview copies the object of this number.
    copied: Vec<bool>,
}

/// A namespace of the baseline.
#[derive(Debug)]
pub(super) struct Home<'a> {
    /// Its name.
    pub(super) namespace: &'a str,
    /// The names of the namespaces that previews have for it, with `*` for any text: `pr-*`. Every preview that
    /// may come is meant.
    pub(super) previews: String,
}

impl Home<'_> {
    /// The namespace of a preview that no policy names.
    pub(super) fn any_preview(&self) -> String {
        self.previews.replace('*', "\0")
    }
}

/// Where a policy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    /// In a namespace of the baseline.
    Home,
    /// In Istio's root namespace: it holds in all namespaces.
    Root,
    /// In a namespace that no preview changes.
    Elsewhere,
}

impl<'a> Estate<'a> {
    pub(super) fn new(
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
            let (account, number) = (account(&workload.object.node), workload.object.number);
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
        Self { catalog, homes, accounts, copied_accounts, targets, copied }
    }

    /// Whether some preview copies an object.
    pub(super) fn copies(&self, object: &Object) -> bool {
        self.copied[object.number]
    }

    /// Where a policy is.
    pub(super) fn site(&self, policy: &Object) -> Site {
        let namespace = policy.id.namespace.as_str();
        if self.homes.iter().any(|home| home.namespace == namespace) {
            Site::Home
        } else if namespace == ROOT_NAMESPACE {
            Site::Root
        } else {
            Site::Elsewhere
        }
    }

    /// The workloads of the baseline that a policy applies to.
    pub(super) fn workloads_under(&self, policy: &Object) -> BTreeSet<usize> {
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
    pub(super) fn applies_to_copies(&self, policy: &Object) -> bool {
        self.workloads_under(policy).into_iter().any(|number| self.copied[number])
    }

    /// The accounts of copies whose pods may call what a policy applies to, which may be more than the input shows:
    /// calls of a service to itself stay within its preview.
    pub(super) fn callers(&self, policy: &Object) -> BTreeSet<&'a str> {
        let called = self.workloads_under(policy);
        let calls = |account: &&str| {
            let own = self.accounts.get(account).map(Vec::as_slice).unwrap_or_default();
            called.is_empty() || own.len() > 1 || called.iter().any(|number| !own.contains(number))
        };
        self.copied_accounts.iter().copied().filter(calls).collect()
    }
}

/// The account that the pods of a workload run as.
fn account(workload: &Node) -> &str {
    let pod = pod_spec(workload);
    let named = |key| pod.and_then(|pod| pod.text_at(&[key])).filter(|name| !name.is_empty());
    named("serviceAccountName").or_else(|| named("serviceAccount")).unwrap_or("default")
}
