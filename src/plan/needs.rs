//! Finds what an object of the baseline needs in a preview: other objects, accounts, hosts. It is found once per
//! object, however many previews copy it.

use std::borrow::Cow;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, OnceLock};

use smallvec::SmallVec;
use smol_str::SmolStr;

use super::access::Bindings;
use super::changes::Changes;
use super::hosts::{self, Host, Word};
use super::judge::{Judge, Verdict, policy_labels};
use super::lacks::{ByNumber, Lack, Lacks, What};
use super::patch::{self, Patch};
use super::{access, bound, monitors, policies, secrets, sidecars, storage};
use crate::diagnostic::{Diagnostic, Place, Report, code};
use crate::kube::makers::{Way, makers, may_make};
use crate::kube::{Id, Object, is_encrypted, names};
use crate::limits::WorkBudget;
use crate::model::once_map::OnceMap;
use crate::model::{Catalog, Reference, Referent, pod_spec, references};
use crate::spec::{self, Config};
use crate::yaml::{Node, mark};

/// Whether a Service has another selector than its original, so that it depends on other copies what it selects.
pub(super) fn selects_others(original: &Object, body: &Node) -> bool {
    let selector = ["spec", "selector"];
    original.id.kind == "Service"
        && original.id.group.is_empty()
        && original.node.at(&selector) != body.at(&selector)
}

/// What one object needs.
#[derive(Debug, Clone, Default)]
pub(super) struct Needs<'a> {
    /// Objects to copy with it; what these need in turn is not among them.
    pub(super) objects: Vec<&'a Object>,
    /// What is missing or cannot be copied.
    pub(super) lacks: Vec<Lack<'a>>,
    /// Hosts that it names.
    pub(super) hosts: Vec<Host<'a>>,
    /// The namespace whose ServiceAccount `default` it needs, which is not in the input and yet may have rights.
    pub(super) unwritten_account: Option<&'a str>,
    /// Other findings.
    pub(super) findings: Vec<Diagnostic>,
}

impl Needs<'_> {
    /// Whether something of it is reported with a place.
    fn has_places(&self) -> bool {
        let is_pod = |host: &Host<'_>| matches!(host, Host::Pod { .. });
        !self.findings.is_empty() || !self.lacks.is_empty() || self.hosts.iter().any(is_pod)
    }
}

/// The requirements of a changed object that hold for all values that previews give to it.
#[derive(Debug)]
struct Known<'a> {
    needs: Needs<'a>,
    /// The findings about its patches.
    verdict: Verdict,
}

/// Finds needs, and remembers those of the baseline's objects.
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
    /// The objects that may make others.
    makers: Vec<&'a Object>,
    /// ExternalSecrets that add to a Secret of the input.
    merging: Vec<&'a Object>,
    /// By the number of the object.
    known: Vec<OnceLock<Needs<'a>>>,
    /// Of the ServiceAccounts `default` that are not in the input, by namespace.
    unwritten_accounts: BTreeMap<&'a str, OnceLock<Needs<'a>>>,
    /// Requirements of changed objects by original and cache key, without what values of variables name. `None` if
    /// they depend on values, or on places in patches.
    changed: Vec<OnceMap<Option<Known<'a>>>>,
    pub(super) judge: Judge<'a>,
    /// Whether kustomize renamed some object.
    has_renamed: bool,
    patches: OnceMap<Option<Arc<Patch<'a>>>>,
    /// What the copies of all previews lack.
    lacks: Mutex<Lacks<'a>>,
    /// The budget of all patches.
    pub(super) work: WorkBudget,
}

impl<'a> Finder<'a> {
    pub(super) fn new(config: &'a Config, catalog: &'a Catalog<'a>, work: WorkBudget) -> Self {
        let monitors = monitors::KINDS
            .iter()
            .flat_map(|kind| catalog.in_baseline("monitoring.coreos.com", kind))
            .collect();
        let known = catalog.objects().map(|_| OnceLock::new()).collect();
        let changed = catalog.objects().map(|_| OnceMap::default()).collect();
        let (namespaces, bindings) = (catalog.namespaces(), Bindings::new(catalog));
        let patches = OnceMap::default();
        let external = &config.previews.spec.external;
        let names = |list: &'a [String]| list.iter().map(String::as_str).collect();
        let labels = policy_labels(catalog);
        let judge = Judge::new(&config.previews.spec.limits, labels);
        let is_renamed =
            |object: &Object| names::previous(&object.node).any(|name| name != object.id.name);
        let has_renamed = catalog.objects().any(is_renamed);
        Self {
            config,
            catalog,
            namespaces,
            external_secrets: names(&external.secrets),
            external_config_maps: names(&external.config_maps),
            monitors,
            sidecars: sidecars::of_baseline(catalog),
            policies: policies::copied_with(catalog),
            bindings,
            makers: catalog.objects().filter(|object| may_make(object)).collect(),
            merging: secrets::merging(catalog).collect(),
            known,
            unwritten_accounts: (catalog.home.namespaces.iter())
                .map(|home| (home.as_str(), OnceLock::new()))
                .collect(),
            changed,
            judge,
            has_renamed,
            patches,
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

    /// Reports what copies lack, once each.
    pub(super) fn report_lacks(&self, report: &mut Report) {
        report.extend(
            self.lacks.lock().expect("no thread panics").findings(self.catalog, &self.makers),
        );
    }

    /// The requirements of an unchanged object of the baseline.
    pub(super) fn of(&self, object: &'a Object) -> &Needs<'a> {
        self.known[object.number].get_or_init(|| self.find(&object.id, &object.node))
    }

    /// The Secrets of the input that a policy names: to pull what proxies load, and to call as a client.
    pub(super) fn secrets_of(&self, policy: &Object) -> impl Iterator<Item = &'a Object> + use<'a> {
        let mut names = Vec::new();
        named_secrets(&policy.node, &mut names);
        names.retain(|name| !self.external_secrets.contains(name.as_str()));
        let (catalog, namespace) = (self.catalog, policy.id.namespace.clone());
        names.into_iter().filter_map(move |name| catalog.get(&namespace, "", "Secret", &name))
    }

    /// What the ServiceAccount `default` of a namespace of the baseline needs where it is not in the input.
    pub(super) fn of_unwritten_account(&self, home: &str) -> Option<&Needs<'a>> {
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
    ) -> Cow<'_, Needs<'a>> {
        match self.known_of(object, changes) {
            Some(known) => Cow::Borrowed(&known.needs),
            None => Cow::Owned(self.find(&object.id, &changes.make(&object.node))),
        }
    }

    /// The findings about the patches of an object; `None` if they do not fit, or if they depend on values.
    pub(super) fn verdict(&self, object: &'a Object, changes: &Changes<'_>) -> Option<&Verdict> {
        self.known_of(object, changes).map(|known| &known.verdict)
    }

    fn known_of(&self, object: &'a Object, changes: &Changes<'_>) -> Option<&Known<'a>> {
        let find = || {
            let stages = self.work.allow(|all| changes.mark_stages(&object.node, all))?;
            let verdict = self.judge.judge(object, &stages, changes.given_images(), mark::is_in)?;
            let mut frame = stages.into_iter().next_back()?;
            changes.finish(&mut frame);
            let needs = self.find(&object.id, &frame);
            let fits = !changes.has_patches()
                || self.unselected(object, &frame).next().is_none()
                    && !needs.has_places()
                    && !selects_others(object, &frame);
            fits.then_some(Known { needs, verdict })
        };
        let known = !changes.move_values();
        known
            .then(|| self.changed[object.number].get(&changes.cache_key(), find).as_ref())
            .flatten()
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

    /// Calls `take` with each host in the variables of changes, for a namespace of the baseline.
    pub(super) fn hosts_of(
        &self,
        home: &str,
        changes: &Changes<'_>,
        mut take: impl FnMut(Host<'a>),
    ) {
        for value in changes.variables() {
            hosts::words(value, false, |word| {
                self.host(home, word, Place::default()).into_iter().for_each(&mut take);
            });
        }
    }

    /// Parses the text of a patch, without a place; `None` if it is wrong.
    pub(super) fn patch(&self, patch: &'a spec::Patch) -> Option<Arc<Patch<'a>>> {
        let key: SmallVec<[&str; 8]> = patch::cache_key(patch).collect();
        let parse = |all: &mut _| Patch::parse(patch, Place::default(), all).ok().map(Arc::new);
        self.patches.get(&key, || self.work.allow(parse)).clone()
    }

    /// The requirements of a body with this identity.
    pub(super) fn find(&self, id: &Id, body: &Node) -> Needs<'a> {
        let mut needs = Needs::default();
        if let Some(pod) = pod_spec(body) {
            for reference in references(pod) {
                needs.findings.extend(self.renamed(id, &reference));
                self.need(&mut needs, id, reference);
            }
        }
        if id.kind == "ServiceAccount" && id.group.is_empty() {
            access::follow(self, &mut needs, id, body);
        }
        storage::follow(&mut needs, id, body);
        bound::follow(self, &mut needs, id, body);
        secrets::follow(self, &mut needs, id, body);
        monitors::follow(self, &mut needs, id, body);
        needs.findings.extend(secrets::encrypted(id, body));
        let home = id.namespace.as_str();
        hosts::find(body, |word, place| needs.hosts.extend(self.host(home, word, place)));
        needs.hosts.sort();
        needs.hosts.dedup();
        let monitors = self.monitors.iter().copied().filter(|one| one.id.namespace == home);
        needs.objects.extend(monitors.filter(|monitor| monitors::is_monitored(monitor, body)));
        needs
    }

    /// The finding that a patch uses an earlier name of another object: when its build ends, kustomize would take the
    /// reference for that object.
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
        let pod = original.and_then(|object| pod_spec(&object.node)).map(references);
        let is_same =
            |one: &Reference| one.referent == reference.referent && one.name == reference.name;
        if pod.is_none_or(|pod| pod.iter().any(is_same)) {
            return None;
        }
        let new = &other.id.name;
        let message = format!(
            "a patch lets {id} name {kind} `{name}`, which another one is called and `{new}` was called before \
             kustomize renamed it"
        );
        let help =
            format!("write `{new}` if that is meant; else give the other one a name of its own");
        let finding = Diagnostic::new(&code::RENAMED_REFERENCE, message, help);
        Some(finding.at(reference.place, "the name before"))
    }

    /// The host that a declared dependency of a service of this namespace means.
    pub(super) fn dependency(&self, home: &str, host: &str) -> Option<Host<'a>> {
        Host::of(self.catalog, &self.namespaces, home, (host, true), Place::default())
    }

    /// The host that a word of a text means in a namespace of the baseline.
    fn host(&self, home: &str, word: Word<'_>, place: Place) -> Option<Host<'a>> {
        let Word { text, is_host, .. } = word;
        let host = Host::of(self.catalog, &self.namespaces, home, (text, is_host), place)?;
        (!word.is_secret || !matches!(host, Host::Pod { .. })).then_some(host)
    }

    /// Finds a named object, or notes that it is missing.
    pub(super) fn need(&self, needs: &mut Needs<'a>, referrer: &Id, reference: Reference) {
        let (group, kind) = reference.referent.group_kind();
        let home = referrer.namespace.as_str();
        let [of, what] = [group, kind].map(SmolStr::from);
        let name = reference.name.as_str().into();
        let wanted = Id { group: of, kind: what, namespace: home.into(), name };
        let lack = |what| Lack { what, referrer: referrer.clone(), place: reference.place };
        if reference.referent == Referent::Claim {
            needs.lacks.push(lack(What::Claim(wanted)));
            return;
        }
        if reference.referent == Referent::ServiceAccount && reference.name == "default" {
            // Every namespace has a `default`; it is copied only if the baseline configures it.
            let object = self.catalog.get(home, group, kind, "default");
            if object.is_none() {
                let of_home = self.unwritten_accounts.get_key_value(home);
                needs.unwritten_account = of_home.map(|(home, _)| *home);
            }
            needs.objects.extend(object);
            return;
        }
        if self.is_external(reference.referent, &reference.name) {
            return;
        }
        if let Some(object) = self.catalog.find(&wanted) {
            if is_encrypted(&object.node) {
                needs.lacks.push(lack(What::Encrypted(ByNumber(object))));
            }
            needs.objects.push(object);
            needs.objects.extend(self.merging.iter().filter(|one| secrets::adds_to(one, &wanted)));
            return;
        }
        if self.is_made(needs, referrer, &wanted, reference.place) || reference.optional {
            return;
        }
        needs.lacks.push(lack(What::Missing(wanted)));
    }

    /// Whether an object of the input makes the missing one, for copies as well. If so, the maker is copied or the
    /// copy refused.
    fn is_made(&self, needs: &mut Needs<'a>, referrer: &Id, wanted: &Id, place: Place) -> bool {
        for made in makers(self.makers.iter().copied(), wanted) {
            match made.way {
                Way::Copied => needs.objects.push(made.by),
                Way::Sealed => needs.lacks.push(Lack {
                    what: What::Sealed(ByNumber(made.by), wanted.name.to_string()),
                    referrer: referrer.clone(),
                    place,
                }),
                // A class that the same pods mount, or a Service that selects them, is copied anyway.
                Way::Mounted => {}
                Way::Again if self.is_in_front(made.by, referrer) => {}
                _ => continue,
            }
            return true;
        }
        false
    }

    /// Whether a Service selects the pods of a workload.
    fn is_in_front(&self, service: &Object, workload: &Id) -> bool {
        let Id { group, kind, namespace, name } = workload;
        let workload = self.catalog.get(namespace, group, kind, name);
        workload.is_some_and(|workload| {
            let mut selecting = self.catalog.selecting(workload).iter();
            selecting.any(|one| one.name == service.id.name && *namespace == service.id.namespace)
        })
    }

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

/// The names of Secrets in a policy of Istio.
fn named_secrets(node: &Node, names: &mut Vec<String>) {
    for (key, value) in node.entries() {
        match (key.text.as_str(), value.text()) {
            ("imagePullSecret" | "credentialName", Some(name)) => names.push(name.to_owned()),
            _ => named_secrets(value, names),
        }
    }
    node.items().iter().for_each(|item| named_secrets(item, names));
}
