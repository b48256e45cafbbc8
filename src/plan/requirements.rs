//! Finds the requirements of a copy: the objects to copy with it, the hosts that it names, and what is missing.
//!
//! In go an object of the baseline and a preview's changes to it; out come its [`Requirements`]. Those of an unchanged
//! object are found once, however many previews copy it; those of a changed object once for each cache key, unless they
//! depend on values.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::access::Bindings;
use super::changes::Changes;
use super::hosts::{self, Host, PossibleHost};
use super::judge::{Judge, Verdict};
use super::lacks::{Lack, Lacks, What};
use super::patch::{self, Patch};
use super::{access, bound, monitors, policies, secrets, sidecars, storage};
use crate::diagnostic::{Diagnostic, Place, Report, code};
use crate::kube::makers::{Way, makers, may_make};
use crate::kube::{Id, Object, is_encrypted, names};
use crate::limits::WorkBudget;
use crate::model::once_map::OnceMap;
use crate::model::{Catalog, Reference, Referent, pod_of, pod_spec, references};
use crate::ordered::ordered;
use crate::spec::{self, Config};
use crate::yaml::{Node, placeholder};

/// Whether a body of a Service has another selector than the original. What it selects then depends on the other copies.
pub(super) fn selects_others(original: &Object, body: &Node) -> bool {
    let selector = ["spec", "selector"];
    original.id.kind == "Service"
        && original.id.group.is_empty()
        && original.node.at(&selector) != body.at(&selector)
}

/// What one object requires of a preview.
#[derive(Debug, Clone, Default)]
pub(super) struct Requirements<'a> {
    /// Objects to copy with it, without the requirements of these.
    pub(super) objects: Vec<&'a Object>,
    /// What is missing or cannot be copied.
    pub(super) lacks: Vec<Lack>,
    /// Hosts that its texts name, sorted and unique.
    pub(super) hosts: Vec<Host<'a>>,
    /// The namespace whose ServiceAccount `default` it uses, where the input lacks that account: it may have rights.
    pub(super) unwritten_account: Option<&'a str>,
    /// Other findings.
    pub(super) findings: Vec<Diagnostic>,
}

impl<'a> Requirements<'a> {
    /// Adds something that a copy cannot have, named by `referrer` at this place.
    pub(super) fn lack(&mut self, what: What, referrer: &Id, place: Place) {
        self.lacks.push(Lack { what, referrer: referrer.clone(), place });
    }

    /// Whether findings about it carry places, which differ between previews with equal patches.
    fn has_places(&self) -> bool {
        let is_pod = |host: &Host<'_>| matches!(host, Host::Pod { .. });
        !self.findings.is_empty() || !self.lacks.is_empty() || self.hosts.iter().any(is_pod)
    }
}

/// What is known of a changed object, whatever values previews give it.
#[derive(Debug)]
struct Known<'a> {
    requirements: Requirements<'a>,
    /// The findings about its patches.
    verdict: Verdict,
}

/// Finds requirements and keeps them. The threads that plan previews share one.
#[derive(Debug)]
pub(super) struct Finder<'a> {
    pub(super) config: &'a Config,
    pub(super) catalog: &'a Catalog<'a>,
    namespaces: BTreeSet<&'a str>,
    external_secrets: BTreeSet<&'a str>,
    external_config_maps: BTreeSet<&'a str>,
    monitors: Vec<&'a Object>,
    /// The Sidecars that apply to pods of a namespace of the baseline.
    pub(super) sidecars: Vec<(&'a str, &'a Object)>,
    /// The policies that are copied with each object, by its number.
    pub(super) policies: Vec<Vec<&'a Object>>,
    pub(super) bindings: Bindings<'a>,
    /// Objects whose controllers may make others.
    makers: Vec<&'a Object>,
    /// ExternalSecrets that add values to a Secret that something else makes.
    merging: Vec<&'a Object>,
    /// Requirements of unchanged objects, by their number.
    known: Vec<OnceLock<Requirements<'a>>>,
    /// Requirements of the ServiceAccount `default` where the input lacks it, by namespace of the baseline.
    unwritten_accounts: BTreeMap<&'a str, OnceLock<Requirements<'a>>>,
    /// Requirements of changed objects by number and cache key, without hosts in values of variables. `None` if they
    /// depend on values, or on places in patches.
    changed: Vec<OnceMap<Option<Known<'a>>>>,
    pub(super) judge: Judge<'a>,
    /// Whether kustomize renamed some object.
    has_renamed: bool,
    /// Parsed patches by cache key; `None` if one is malformed.
    patches: OnceMap<Option<Arc<Patch<'a>>>>,
    /// What the copies of all previews lack.
    lacks: Mutex<Lacks<'a>>,
    /// The work budget of all patches.
    pub(super) work: WorkBudget,
}

impl<'a> Finder<'a> {
    pub(super) fn new(config: &'a Config, catalog: &'a Catalog<'a>, work: WorkBudget) -> Self {
        let spec = &config.previews.spec;
        let names = |list: &'a [String]| list.iter().map(String::as_str).collect();
        let of_kind = |kind| catalog.in_baseline("monitoring.coreos.com", kind);
        let homes = catalog.home.namespaces.iter();
        let is_renamed =
            |object: &Object| names::previous(&object.node).any(|name| name != object.id.name);
        Self {
            config,
            catalog,
            namespaces: catalog.namespaces(),
            external_secrets: names(&spec.external.secrets),
            external_config_maps: names(&spec.external.config_maps),
            monitors: monitors::KINDS.into_iter().flat_map(of_kind).collect(),
            sidecars: sidecars::of_baseline(catalog),
            policies: policies::copied_with(catalog),
            bindings: Bindings::new(catalog),
            makers: catalog.objects().filter(|object| may_make(object)).collect(),
            merging: secrets::merging(catalog).collect(),
            known: catalog.objects().map(|_| OnceLock::new()).collect(),
            unwritten_accounts: ordered(homes.map(|home| (home.as_str(), OnceLock::new()))),
            changed: catalog.objects().map(|_| OnceMap::default()).collect(),
            judge: Judge::new(spec, catalog),
            has_renamed: catalog.objects().any(is_renamed),
            patches: OnceMap::default(),
            lacks: Mutex::default(),
            work,
        }
    }

    /// Adds what the copies of a preview lack.
    pub(super) fn lack(&self, lacks: Lacks<'a>) {
        if !lacks.is_empty() {
            self.lacks.lock().expect("no thread panics").absorb(lacks);
        }
    }

    /// Reports each thing that copies lack, once for all previews.
    pub(super) fn report_lacks(&self, report: &mut Report) {
        report.extend(
            self.lacks.lock().expect("no thread panics").findings(self.catalog, &self.makers),
        );
    }

    /// The requirements of an unchanged object of the baseline.
    pub(super) fn of(&self, object: &'a Object) -> &Requirements<'a> {
        self.known[object.number].get_or_init(|| self.find(&object.id, &object.node))
    }

    /// The Secrets of the input that a policy of Istio names: credentials to pull a module for proxies, and certificates
    /// of clients.
    pub(super) fn secrets_of(&self, policy: &Object) -> impl Iterator<Item = &'a Object> + use<'a> {
        let mut names = Vec::new();
        named_secrets(&policy.node, &mut names);
        names.retain(|name| !self.external_secrets.contains(name.as_str()));
        let (catalog, namespace) = (self.catalog, policy.id.namespace.clone());
        names.into_iter().filter_map(move |name| catalog.get(&namespace, "", "Secret", &name))
    }

    /// The requirements of the ServiceAccount `default` of a namespace of the baseline, if the input lacks the account.
    pub(super) fn of_unwritten_account(&self, home: &str) -> Option<&Requirements<'a>> {
        let known = self.unwritten_accounts.get(home)?;
        Some(known.get_or_init(|| {
            let (group, kind, name) = ("".into(), "ServiceAccount".into(), "default".into());
            self.find(&Id { group, kind, namespace: home.into(), name }, &Node::default())
        }))
    }

    /// The requirements of a changed object of the baseline, without hosts in its variables.
    pub(super) fn of_changed(
        &self,
        object: &'a Object,
        changes: &Changes<'_>,
    ) -> Cow<'_, Requirements<'a>> {
        match self.known_of(object, changes) {
            Some(known) => Cow::Borrowed(&known.requirements),
            None => Cow::Owned(self.find(&object.id, &changes.make(&object.node))),
        }
    }

    /// The findings about the patches of an object; `None` if a patch does not fit, or if they depend on values.
    pub(super) fn verdict(&self, object: &'a Object, changes: &Changes<'_>) -> Option<&Verdict> {
        self.known_of(object, changes).map(|known| &known.verdict)
    }

    fn known_of(&self, object: &'a Object, changes: &Changes<'_>) -> Option<&Known<'a>> {
        let find = || {
            let stages =
                self.work.allow(|share| changes.stages_with_placeholders(&object.node, share))?;
            let verdict =
                self.judge.judge(object, &stages, changes.given_images(), placeholder::is_in)?;
            let mut frame = stages.into_iter().next_back()?;
            changes.finish(&mut frame);
            let requirements = self.find(&object.id, &frame);
            let fits = !changes.has_patches()
                || self.unselected(object, &frame).next().is_none()
                    && !requirements.has_places()
                    && !selects_others(object, &frame);
            fits.then_some(Known { requirements, verdict })
        };
        if changes.move_values() {
            return None;
        }
        self.changed[object.number].get(&changes.cache_key(), find).as_ref()
    }

    /// The Services that select this workload, but not with this body.
    pub(super) fn unselected(
        &self,
        workload: &Object,
        body: &Node,
    ) -> impl Iterator<Item = &'a Id> {
        let services = self.catalog.selecting(workload).iter();
        let services = services.filter_map(|name| self.catalog.service(*name));
        services.filter(|service| !service.selects(body)).map(|service| &service.object.id)
    }

    /// Calls `take` with each host in the values of changed variables, as a pod of the namespace `home` resolves it.
    pub(super) fn hosts_of(
        &self,
        home: &str,
        changes: &Changes<'_>,
        mut take: impl FnMut(Host<'a>),
    ) {
        for value in changes.variables() {
            hosts::possible_hosts(value, false, |word| {
                self.host(home, word, Place::default()).into_iter().for_each(&mut take);
            });
        }
    }

    /// The parsed patch, without a place; `None` if it is malformed.
    pub(super) fn patch(&self, patch: &'a spec::Patch) -> Option<Arc<Patch<'a>>> {
        let key: SmallVec<[&str; 8]> = patch::cache_key(patch).collect();
        let parse = |share: &mut _| Patch::parse(patch, Place::default(), share).ok().map(Arc::new);
        self.patches.get(&key, || self.work.allow(parse)).clone()
    }

    /// The requirements of an object with this identity and body.
    pub(super) fn find(&self, id: &Id, body: &Node) -> Requirements<'a> {
        let mut requirements = Requirements::default();
        if let Some(pod) = pod_spec(body) {
            for reference in references(pod) {
                requirements.findings.extend(self.renamed(id, &reference));
                self.require(&mut requirements, id, reference);
            }
        }
        if id.kind == "ServiceAccount" && id.group.is_empty() {
            access::follow(self, &mut requirements, id, body);
        }
        storage::follow(&mut requirements, id, body);
        bound::follow(self, &mut requirements, id, body);
        secrets::follow(self, &mut requirements, id, body);
        monitors::follow(self, &mut requirements, id, body);
        requirements.findings.extend(secrets::encrypted(id, body));
        let home = id.namespace.as_str();
        hosts::find(body, |word, place| requirements.hosts.extend(self.host(home, word, place)));
        requirements.hosts.sort();
        requirements.hosts.dedup();
        let monitors = self.monitors.iter().copied().filter(|one| one.id.namespace == home);
        requirements
            .objects
            .extend(monitors.filter(|monitor| monitors::is_monitored(monitor, body)));
        requirements
    }

    /// The finding that a patch names an object by a name that another one had before kustomize renamed it. At the end of
    /// its build, kustomize would point the reference to the other one.
    fn renamed(&self, id: &Id, reference: &Reference) -> Option<Diagnostic> {
        let (group, kind) = reference.referent.group_kind();
        let name = reference.name.as_str();
        let home = id.namespace.as_str();
        self.catalog.get(home, group, kind, name).filter(|_| self.has_renamed)?;
        let was_called = |object: &&Object| {
            let is_near = object.id.namespace == home && object.id.name != name;
            is_near && names::previous(&object.node).any(|before| before == name)
        };
        let other = self.catalog.in_baseline(group, kind).find(was_called)?;
        let original = self.catalog.get(home, &id.group, &id.kind, &id.name);
        let pod = original.and_then(|object| pod_of(object)).map(references);
        let is_same =
            |one: &Reference| one.referent == reference.referent && one.name == reference.name;
        if pod.is_none_or(|pod| pod.iter().any(is_same)) {
            return None;
        }
        let new = &other.id.name;
        let message = format!(
            "a patch lets {id} name {kind} `{name}`, which is also the earlier name of {kind} `{new}`: kustomize renamed it"
        );
        let help = format!(
            "write `{new}` if you mean that one; else give {kind} `{name}` a name that no other one had"
        );
        let finding = Diagnostic::new(&code::RENAMED_REFERENCE, message, help);
        Some(finding.at(reference.place, "the name before"))
    }

    /// The host that a declared dependency names, for a service of this namespace.
    pub(super) fn dependency(&self, home: &str, host: &str) -> Option<Host<'a>> {
        Host::of(self.catalog, &self.namespaces, home, (host, true), Place::default())
    }

    /// The host that a word of a text names, as a pod of this namespace of the baseline resolves it.
    fn host(&self, home: &str, word: PossibleHost<'_>, place: Place) -> Option<Host<'a>> {
        let PossibleHost { text, is_host, .. } = word;
        let host = Host::of(self.catalog, &self.namespaces, home, (text, is_host), place)?;
        (!word.is_secret || !matches!(host, Host::Pod { .. })).then_some(host)
    }

    /// Adds a referenced object, or notes that it is missing.
    pub(super) fn require(
        &self,
        requirements: &mut Requirements<'a>,
        referrer: &Id,
        reference: Reference,
    ) {
        let (group, kind) = reference.referent.group_kind();
        let [group, kind, name] = [group, kind, &reference.name].map(SmolStr::from);
        let wanted = Id { group, kind, namespace: referrer.namespace.clone(), name };
        let object = self.catalog.find(&wanted);
        if reference.referent == Referent::Claim {
            requirements.lack(What::Claim(wanted), referrer, reference.place);
        } else if reference.referent == Referent::ServiceAccount && reference.name == "default" {
            // Every namespace has a `default`. It is copied only if the baseline configures it.
            if object.is_none() {
                let account = self.unwritten_accounts.get_key_value(referrer.namespace.as_str());
                requirements.unwritten_account = account.map(|(home, _)| *home);
            }
            requirements.objects.extend(object);
        } else if self.is_external(reference.referent, &reference.name) {
            // Something makes it in every preview.
        } else if let Some(object) = object {
            if is_encrypted(&object.node) {
                requirements.lack(What::Encrypted(object.id.clone()), referrer, reference.place);
            }
            requirements.objects.push(object);
            let merging = self.merging.iter().filter(|one| secrets::adds_to(one, &wanted));
            requirements.objects.extend(merging);
        } else if !self.is_made(requirements, referrer, &wanted, reference.place)
            && !reference.optional
        {
            requirements.lack(What::Missing(wanted), referrer, reference.place);
        }
    }

    /// Whether an object of the input makes the missing one in previews too. Adds the maker to what is copied, or
    /// notes that its product cannot be.
    fn is_made(
        &self,
        requirements: &mut Requirements<'a>,
        referrer: &Id,
        wanted: &Id,
        place: Place,
    ) -> bool {
        for made in makers(self.makers.iter().copied(), wanted) {
            match made.way {
                Way::Copied => requirements.objects.push(made.by),
                Way::Sealed => {
                    let what = What::Sealed(made.by.id.clone(), wanted.name.to_string());
                    requirements.lack(what, referrer, place);
                }
                // A class that the same pods mount, or a Service that selects them, is copied anyway.
                Way::Mounted => {}
                Way::Again if self.is_in_front(made.by, referrer) => {}
                _ => continue,
            }
            return true;
        }
        false
    }

    /// Whether a Service selects the pods of the workload with this identity.
    fn is_in_front(&self, service: &Object, workload: &Id) -> bool {
        self.catalog.find(workload).is_some_and(|workload| {
            let mut selecting = self.catalog.selecting(workload).iter();
            selecting
                .any(|one| one.name == service.id.name && one.namespace == service.id.namespace)
        })
    }

    /// Whether every namespace has such an object, or `spec.external` lists it.
    fn is_external(&self, referent: Referent, name: &str) -> bool {
        /// ConfigMaps that a controller puts into every namespace.
        const EVERYWHERE: [&str; 3] =
            ["kube-root-ca.crt", "istio-ca-root-cert", "openshift-service-ca.crt"];
        match referent {
            Referent::ConfigMap => {
                EVERYWHERE.contains(&name) || self.external_config_maps.contains(name)
            }
            Referent::Secret => self.external_secrets.contains(name),
            _ => false,
        }
    }
}

/// Adds the names of the Secrets below a node of an Istio policy.
fn named_secrets(node: &Node, names: &mut Vec<String>) {
    for (key, value) in node.entries() {
        match (key.text.as_str(), value.text()) {
            ("imagePullSecret" | "credentialName", Some(name)) => names.push(name.to_owned()),
            _ => named_secrets(value, names),
        }
    }
    node.items().iter().for_each(|item| named_secrets(item, names));
}
