//! Warns of calls that no route applies to: those of pods outside of the mesh, and those that bypass a sidecar. With or
//! without the key, they reach the baseline.
//! See <https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy>.

mod bypass;
mod outside;

use std::cell::LazyCell;
use std::collections::BTreeSet;

use self::bypass::Bypass;
use self::outside::Outside;
use super::Plan;
use super::hosts;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::Object;
use crate::model::{Mesh, Referent, ServiceName, pod_of, references};

/// How many places and names a finding shows.
const SHOWN: usize = 5;

/// The reason why calls of a pod follow no route.
#[derive(Debug, Clone, Copy)]
struct Reason {
    /// Where the manifest says so.
    place: Place,
    /// Whether it holds only for some addresses that Services may have in the cluster.
    depends: bool,
}

/// Callers, and the services with copies that they name.
#[derive(Default)]
struct Callers<'a> {
    all: Vec<(&'a Object, Reason)>,
    called: BTreeSet<ServiceName<'a>>,
}

/// Warns of callers outside of the mesh, and of callers whose calls bypass their sidecar, if they name a service that has
/// copies; and of copies that are such callers. Each of these is one finding, whatever their number.
pub(super) fn check(plan: &Plan<'_>, copied: &[&Object], report: &mut Report) {
    if plan.routing.mesh.is_empty() {
        return;
    }
    let outside = Outside::of(plan.catalog);
    let phrases = outside.phrases();
    let is_captured = plan.catalog.mesh == Mesh::Sidecars;
    // Lazy, as most baselines have no such pods.
    let affected = LazyCell::new(|| {
        let all = plan.environments.iter().flat_map(|env| &env.affected);
        all.copied().collect::<BTreeSet<ServiceName<'_>>>()
    });
    let (mut without_proxy, mut bypassing) = (Callers::default(), Callers::default());
    for object in plan.catalog.objects().filter(|object| pod_of(object).is_some()) {
        let called = || called(plan, &affected, object);
        if let Some(reason) = outside.reason(object) {
            let called = called().into_iter().filter(|name| !outside.is_served(object, *name));
            without_proxy.add(object, called.map(|name| (name, reason)));
        } else if let Some(bypass) = Bypass::of(object).filter(|_| is_captured) {
            let reason = |name| Some((name, bypasses(plan, &bypass, name)?));
            bypassing.add(object, called().into_iter().filter_map(reason));
        }
    }
    report.extend(without_proxy.finding(
        &format!("follow no route, as these pods {}", phrases.what),
        &format!("{}, if requests of previews go through them", phrases.remedy),
    ));
    report.extend(bypassing.finding(
        "follow no route where they pass by the sidecar, as annotations say",
        "let the sidecar capture them, if requests of previews go through these pods",
    ));
    report.extend(of_copies(
        copied.iter().filter_map(|&object| Some((object, outside.reason(object)?))).collect(),
        (phrases.what, "calls from them", phrases.remedy),
    ));
    if !is_captured {
        return;
    }
    let bypassing = |object| {
        let bypass = Bypass::of(object).filter(|_| outside.reason(object).is_none())?;
        let mut named = named_services(plan, object).into_iter();
        bypass.of_all().or_else(|| named.find_map(|name| bypasses(plan, &bypass, name)))
    };
    report.extend(of_copies(
        copied.iter().filter_map(|&object| Some((object, bypassing(object)?))).collect(),
        ("have calls that pass by the sidecar", "these calls", "let the sidecar capture them"),
    ));
}

impl<'a> Callers<'a> {
    /// Adds an object if it calls a service.
    fn add(&mut self, object: &'a Object, called: impl Iterator<Item = (ServiceName<'a>, Reason)>) {
        let called: Vec<(ServiceName<'_>, Reason)> = called.collect();
        self.all.extend(called.first().map(|(_, reason)| (object, *reason)));
        self.called.extend(called.into_iter().map(|(name, _)| name));
    }

    fn finding(self, what: &str, help: &str) -> Option<Diagnostic> {
        let message = format!(
            "calls from {} {what}: even with the key they reach {} of the baseline",
            first_of(SHOWN, ", ", self.all.iter().map(|(object, _)| object.id.to_string())),
            first_of(SHOWN, ", ", self.called.iter().map(|service| service.name))
        );
        (!self.all.is_empty()).then(|| finding(message, help, &self.all))
    }
}

/// The finding about copies whose calls follow no route.
fn of_copies(
    copies: Vec<(&Object, Reason)>,
    (what, calls, remedy): (&str, &str, &str),
) -> Option<Diagnostic> {
    let message = format!(
        "copies of {} {what}, as in the baseline: {calls} follow no route, and what a route would send to a \
         preview stays with the baseline",
        first_of(SHOWN, ", ", copies.iter().map(|(object, _)| object.id.to_string()))
    );
    let help = format!(
        "nothing to do where copies call services only by short names, and no route sends these calls to other services; \
         else {remedy}"
    );
    (!copies.is_empty()).then(|| finding(message, &help, &copies))
}

fn finding(message: String, help: &str, all: &[(&Object, Reason)]) -> Diagnostic {
    let label = |first: &str, reason: Reason| match reason.depends {
        true => format!("{first}, depending on the addresses of Services"),
        false => first.to_owned(),
    };
    let mut shown = all.iter().take(SHOWN).map(|(_, reason)| *reason);
    let mut finding = Diagnostic::new(&code::NO_SIDECAR, message, help);
    if let Some(reason) = shown.next() {
        finding = finding.at(reason.place, label("for this reason", reason));
    }
    shown.fold(finding, |finding, reason| {
        finding.also(reason.place, label("and for this one", reason))
    })
}

/// The services with copies that an object calls, going by its texts.
fn called<'a>(
    plan: &Plan<'a>,
    affected: &BTreeSet<ServiceName<'_>>,
    object: &Object,
) -> BTreeSet<ServiceName<'a>> {
    let itself = plan.catalog.selecting(object);
    let is_unrouted = |name: &ServiceName<'_>| plan.config.is_unrouted(name.name, name.namespace);
    let mut named = named_services(plan, object);
    named.retain(|name| affected.contains(name) && !itself.contains(name) && !is_unrouted(name));
    named
}

/// Why calls of a service bypass the sidecar, on some port that can be routed.
fn bypasses(plan: &Plan<'_>, bypass: &Bypass<'_>, service: ServiceName<'_>) -> Option<Reason> {
    let ports = plan.catalog.service(service)?.routable();
    ports.into_iter().find_map(|port| bypass.of_port(port))
}

/// The services of the baseline that are named in texts of a workload, or of ConfigMaps that it reads.
fn named_services<'a>(plan: &Plan<'a>, object: &Object) -> BTreeSet<ServiceName<'a>> {
    let (catalog, mut services) = (plan.catalog, BTreeSet::new());
    let home = object.id.namespace.as_str();
    let mut take = |word: hosts::PossibleHost<'_>, _| {
        let mut labels = word.text.split('.');
        let (name, namespace) = (labels.next().unwrap_or_default(), labels.next());
        let name = catalog.home.service(name, namespace.unwrap_or(home));
        let service = name.filter(|_| word.is_host).and_then(|name| catalog.service(name));
        services.extend(service.map(|service| service.id()));
    };
    hosts::find(&object.node, &mut take);
    let pod = pod_of(object).filter(|_| catalog.home.includes(home));
    for reference in pod.map(references).unwrap_or_default() {
        let is_map = reference.referent == Referent::ConfigMap;
        let map = is_map.then(|| catalog.get(home, "", "ConfigMap", &reference.name)).flatten();
        map.iter().for_each(|map| hosts::find(&map.node, &mut take));
    }
    services
}
