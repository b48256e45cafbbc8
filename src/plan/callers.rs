//! Pods without a sidecar. Calls from them follow no route, so the key in them tells no preview.
//! See <https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/#controlling-the-injection-policy>.

use std::collections::{BTreeMap, BTreeSet};

use super::Plan;
use super::hosts;
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::Object;
use crate::model::{Referent, pod_annotations, pod_labels, pod_spec, references};
use crate::yaml::Node;

/// The most places that are shown.
const SHOWN: usize = 5;

/// Warns of callers without a sidecar that name a service with copies, and of copies without a sidecar: one finding
/// for each of the two, whatever their number.
pub(super) fn check(plan: &Plan<'_>, copied: &[&Object], report: &mut Report) {
    if plan.routing.mesh.is_empty() {
        return;
    }
    let home = plan.catalog.namespace;
    let elsewhere = plan.catalog.of_kind("", "Namespace").filter(|one| one.id.name != home);
    let disabled = elsewhere.filter_map(|namespace| {
        let label = namespace.node.at(&["metadata", "labels", "istio-injection"])?;
        (label.text() == Some("disabled")).then_some((namespace.id.name.as_str(), label.place))
    });
    let disabled: BTreeMap<&str, Place> = disabled.collect();
    let reason = |object| Some((object, without_sidecar(&disabled, object)?));
    let without: Vec<(&Object, Place)> = plan.catalog.objects().filter_map(reason).collect();
    if without.is_empty() {
        return;
    }
    let affected: BTreeSet<&str> =
        plan.environments.iter().flat_map(|env| &env.affected).copied().collect();
    let (mut callers, mut called) = (Vec::new(), BTreeSet::new());
    for &(object, reason) in &without {
        let own = match object.id.namespace == home {
            true => plan.catalog.selecting(object),
            false => &[],
        };
        let mut named = names(plan, object);
        named.retain(|name| {
            affected.contains(name) && !own.contains(name) && !is_unrouted(plan, name)
        });
        if !named.is_empty() {
            callers.push((object, reason));
            called.append(&mut named);
        }
    }
    if !callers.is_empty() {
        let message = format!(
            "calls from {} follow no route, as these pods have no sidecar: with the key too they reach {} of the \
             baseline",
            first_of(SHOWN, ", ", callers.iter().map(|(object, _)| object.id.to_string())),
            first_of(SHOWN, ", ", called)
        );
        let help = "let the pods have a sidecar, if requests of previews go through them";
        report.push(finding(message, help, &callers));
    }
    let copies = copied.iter().filter_map(|&object| reason(object));
    let copies: Vec<(&Object, Place)> = copies.collect();
    if !copies.is_empty() {
        let message = format!(
            "copies of {} have no sidecar, as in the baseline: calls from them follow no route, and what a route \
             would send to a preview stays with the baseline",
            first_of(SHOWN, ", ", copies.iter().map(|(object, _)| object.id.to_string()))
        );
        let help = "nothing to do where copies call services by their short names alone, and these have no routes \
                    that choose others: else let the pods have a sidecar";
        report.push(finding(message, help, &copies));
    }
}

fn finding(message: String, help: &str, all: &[(&Object, Place)]) -> Diagnostic {
    let mut places = all.iter().take(SHOWN).map(|(_, place)| *place);
    let finding = Diagnostic::new(&code::NO_SIDECAR, message, help);
    let finding = finding.at(places.next().unwrap_or_default(), "for this reason");
    places.fold(finding, |finding, place| finding.also(place, "and for this one"))
}

fn is_unrouted(plan: &Plan<'_>, service: &str) -> bool {
    plan.config.facts(service).is_some_and(|facts| facts.unrouted)
}

/// Where it is said that the pods of an object get no sidecar. Of the baseline's Namespace, which is the same
/// for all of its pods, speaks another finding.
fn without_sidecar(disabled: &BTreeMap<&str, Place>, object: &Object) -> Option<Place> {
    const INJECT: &str = "sidecar.istio.io/inject";
    let pod = pod_spec(&object.node)?;
    if let Some(host) = pod.get("hostNetwork").filter(|host| host.is_true()) {
        return Some(host.place);
    }
    // Where both say something, the label counts.
    let label = pod_labels(&object.node).and_then(|labels| labels.get(INJECT));
    let said = label.or_else(|| pod_annotations(&object.node)?.get(INJECT));
    match said.and_then(Node::text) {
        Some("false") => return said.map(|node| node.place),
        Some("true") => return None,
        _ => {}
    }
    disabled.get(object.id.namespace.as_str()).copied()
}

/// The services of the baseline that texts of a workload name, and ConfigMaps that it reads.
fn names<'a>(plan: &Plan<'a>, object: &Object) -> BTreeSet<&'a str> {
    let (catalog, mut found) = (plan.catalog, BTreeSet::new());
    let is_own = object.id.namespace == catalog.namespace;
    let mut take = |word: hosts::Word<'_>, _| {
        let mut labels = word.text.split('.');
        let (name, namespace) = (labels.next().unwrap_or_default(), labels.next());
        if word.is_host && namespace.map_or(is_own, |namespace| namespace == catalog.namespace) {
            found.extend(catalog.service(name).map(|service| service.name()));
        }
    };
    hosts::find(&object.node, &mut take);
    let pod = pod_spec(&object.node).filter(|_| is_own);
    for reference in pod.map(references).unwrap_or_default() {
        let is_map = reference.referent == Referent::ConfigMap;
        let map = is_map.then(|| catalog.get("", "ConfigMap", &reference.name)).flatten();
        map.iter().for_each(|map| hosts::find(&map.node, &mut take));
    }
    found
}
