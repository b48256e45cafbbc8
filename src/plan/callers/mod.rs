//! Finds pods without a sidecar, and calls that bypass one. They follow no route, so the key in them has no effect.
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
use crate::model::{Mesh, Referent, ServiceName, pod_spec, references};

/// The most places that are shown.
const SHOWN: usize = 5;

/// Why calls of a pod follow no route.
#[derive(Debug, Clone, Copy)]
struct Reason {
    /// Where it is said.
    place: Place,
    /// Whether it depends on the addresses that Services have in the cluster.
    depends: bool,
}

/// Callers, and the services with copies that they name.
#[derive(Default)]
struct Callers<'a> {
    all: Vec<(&'a Object, Reason)>,
    called: BTreeSet<ServiceName<'a>>,
}

/// Warns of callers outside of the mesh that name a service with copies, of callers whose calls of it pass by
/// their sidecar, and of copies that are so: one finding for each of these, whatever their number.
pub(super) fn check(plan: &Plan<'_>, copied: &[&Object], report: &mut Report) {
    if plan.routing.mesh.is_empty() {
        return;
    }
    let outside = Outside::of(plan.catalog);
    let phrases = outside.phrases();
    let is_captured = plan.catalog.mesh == Mesh::Sidecars;
    // Most baselines have no such pods.
    let affected = LazyCell::new(|| {
        let all = plan.environments.iter().flat_map(|env| &env.affected);
        all.copied().collect::<BTreeSet<ServiceName<'_>>>()
    });
    let (mut without, mut past) = (Callers::default(), Callers::default());
    for object in plan.catalog.objects().filter(|object| pod_spec(&object.node).is_some()) {
        let called = || called(plan, &affected, object);
        if let Some(reason) = outside.reason(object) {
            let called = called().into_iter().filter(|name| !outside.is_served(object, *name));
            without.add(object, called.map(|name| (name, reason)));
        } else if let Some(bypass) = Bypass::of(object).filter(|_| is_captured) {
            let reason = |name| Some((name, past_sidecar(plan, &bypass, name)?));
            past.add(object, called().into_iter().filter_map(reason));
        }
    }
    report.extend(without.finding(
        &format!("follow no route, as these pods {}", phrases.what),
        &format!("{}, if requests of previews go through them", phrases.remedy),
    ));
    report.extend(past.finding(
        "follow no route where they pass by the sidecar, as annotations say",
        "let the sidecar capture them, if requests of previews go through these pods",
    ));
    let without = |object| outside.reason(object);
    report.extend(of_copies(
        copied.iter().filter_map(|&object| Some((object, without(object)?))).collect(),
        (phrases.what, "calls from them", phrases.remedy),
    ));
    if !is_captured {
        return;
    }
    let past = |object| {
        let bypass = Bypass::of(object).filter(|_| without(object).is_none())?;
        let mut named = names(plan, object).into_iter();
        bypass.of_all().or_else(|| named.find_map(|name| past_sidecar(plan, &bypass, name)))
    };
    report.extend(of_copies(
        copied.iter().filter_map(|&object| Some((object, past(object)?))).collect(),
        ("have calls that pass by the sidecar", "these calls", "let the sidecar capture them"),
    ));
}

impl<'a> Callers<'a> {
    fn add(&mut self, object: &'a Object, named: impl Iterator<Item = (ServiceName<'a>, Reason)>) {
        let named: Vec<(ServiceName<'_>, Reason)> = named.collect();
        self.all.extend(named.first().map(|(_, reason)| (object, *reason)));
        self.called.extend(named.into_iter().map(|(name, _)| name));
    }

    fn finding(self, what: &str, help: &str) -> Option<Diagnostic> {
        let message = format!(
            "calls from {} {what}: with the key too they reach {} of the baseline",
            first_of(SHOWN, ", ", self.all.iter().map(|(object, _)| object.id.to_string())),
            first_of(SHOWN, ", ", self.called.iter().map(|service| service.name))
        );
        (!self.all.is_empty()).then(|| finding(message, help, &self.all))
    }
}

/// The finding on copies whose calls follow no route.
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
        "nothing to do where copies call services by their short names alone, and these have no routes that \
         choose others: else {remedy}"
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

/// The services with copies that an object calls, by what its texts name.
fn called<'a>(
    plan: &Plan<'a>,
    affected: &BTreeSet<ServiceName<'_>>,
    object: &Object,
) -> BTreeSet<ServiceName<'a>> {
    let own = plan.catalog.selecting(object);
    let mut named = names(plan, object);
    named
        .retain(|name| affected.contains(name) && !own.contains(name) && !is_unrouted(plan, *name));
    named
}

/// Why calls of a service pass by the sidecar, on some port that can be routed.
fn past_sidecar(plan: &Plan<'_>, bypass: &Bypass<'_>, service: ServiceName<'_>) -> Option<Reason> {
    let ports = plan.catalog.service(service)?.routable();
    ports.into_iter().find_map(|port| bypass.of_port(port))
}

fn is_unrouted(plan: &Plan<'_>, service: ServiceName<'_>) -> bool {
    let facts = plan.config.facts(service.name, service.namespace);
    facts.is_some_and(|facts| facts.unrouted)
}

/// The services of the baseline that texts of a workload name, and ConfigMaps that it reads.
fn names<'a>(plan: &Plan<'a>, object: &Object) -> BTreeSet<ServiceName<'a>> {
    let (catalog, mut services) = (plan.catalog, BTreeSet::new());
    let own = object.id.namespace.as_str();
    let mut take = |word: hosts::Word<'_>, _| {
        let mut labels = word.text.split('.');
        let (name, namespace) = (labels.next().unwrap_or_default(), labels.next());
        let name = catalog.home.service(name, namespace.unwrap_or(own));
        let service = name.filter(|_| word.is_host).and_then(|name| catalog.service(name));
        services.extend(service.map(|service| service.id()));
    };
    hosts::find(&object.node, &mut take);
    let pod = pod_spec(&object.node).filter(|_| catalog.home.includes(own));
    for reference in pod.map(references).unwrap_or_default() {
        let is_map = reference.referent == Referent::ConfigMap;
        let map = is_map.then(|| catalog.get(own, "", "ConfigMap", &reference.name)).flatten();
        map.iter().for_each(|map| hosts::find(&map.node, &mut take));
    }
    services
}
