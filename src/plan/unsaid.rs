//! What a copy silently lacks because of what its surroundings do not say: sidecars where nothing injects
//! them, values where nothing substitutes them.

use std::collections::BTreeSet;

use super::Plan;
use crate::diagnostic::{Diagnostic, Report, code, some_of};
use crate::kube::Object;
use crate::kube::meta::{is_literal, variables};
use crate::model::{pod_labels, pod_spec};
use crate::spec::Delivery;
use crate::yaml::Node;

/// Reports it, once for all previews of a plan.
pub(super) fn check(plan: &Plan<'_>, found: &mut Report) {
    let mut copied = vec![None; plan.catalog.objects().count()];
    for copy in plan.environments.iter().flat_map(|env| &env.copies) {
        copied[copy.original.number] = Some(copy.original);
    }
    let originals: Vec<&Object> = copied.into_iter().flatten().collect();
    check_injection(plan, &originals, found);
    check_variables(plan, &originals, found);
}

/// Warns where pods of previews may run without a sidecar, without which nothing in a preview is routed.
/// See <https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/>.
fn check_injection(plan: &Plan<'_>, originals: &[&Object], found: &mut Report) {
    let home = plan.catalog.namespace;
    let namespace = plan.catalog.own_namespace();
    let field = "spec.baseline.namespace";
    let label = |key: &str| namespace?.label(key);
    let routes = !plan.routing.gateway_api.is_empty() || !plan.routing.istio.is_empty();
    let off = label("istio-injection") == Some("disabled");
    let on = label("istio-injection") == Some("enabled") || label("istio.io/rev").is_some();
    let mut pods = originals.iter().filter(|object| pod_spec(&object.node).is_some());
    let asks = |labels: &Node| {
        labels.text_at(&["sidecar.istio.io/inject"]) == Some("true")
            || labels.get("istio.io/rev").is_some()
    };
    let all_ask = pods.all(|object| pod_labels(&object.node).is_some_and(asks));
    let sure = on || all_ask && !off || !routes;
    let Some(namespace) = namespace else {
        let mut message = format!(
            "the Namespace `{home}` is not in the input, so nothing is known of its labels"
        );
        if !sure {
            message +=
                ": pods of previews may run without a sidecar, and then nothing routes to them";
        }
        let help = "pass it with --baseline: previews get its labels and annotations";
        found.push(plan.config.finding(&code::NAMESPACE_MISSING, field, message, help));
        return;
    };
    if !sure {
        let says = if off {
            "switches sidecar injection off"
        } else {
            "says nothing of sidecar injection"
        };
        let message = format!(
            "{} {says}: pods of previews may run without a sidecar, and then nothing routes to them",
            namespace.id
        );
        let help = "label it `istio-injection: enabled` or `istio.io/rev`, or each pod template \
                    `sidecar.istio.io/inject: \"true\"`; an annotation of that name does not count";
        let finding = Diagnostic::new(&code::INJECTION_UNKNOWN, message, help);
        found.push(finding.at(namespace.place(), "previews get its labels"));
    }
}

/// Warns of variables in copies that nothing is said to substitute.
fn check_variables(plan: &Plan<'_>, originals: &[&Object], found: &mut Report) {
    let config = plan.config;
    let is_function =
        config.previews.spec.baseline.delivery == Delivery::Include && !config.says_include();
    if config.flux("postBuild").is_some() || is_function {
        return;
    }
    for object in originals.iter().filter(|object| !is_literal(&object.node)) {
        let mut names = BTreeSet::new();
        object
            .node
            .any_text(&|text| text.contains("${"))
            .then(|| variables(&object.node, &mut names));
        if names.is_empty() {
            continue;
        }
        // What looks like a variable may be part of a password.
        let names = match object.is("", "Secret") {
            true => "what it says".to_owned(),
            false => some_of(names.iter().map(|name| format!("`${{{name}}}`"))),
        };
        let message = format!(
            "nothing substitutes the variables of {}: its copies say {names} as it stands here",
            object.id
        );
        let help = "set spec.flux.postBuild as on the Flux Kustomization that applies the baseline; where \
                    nothing substitutes them there either, annotate the object \
                    `kustomize.toolkit.fluxcd.io/substitute: disabled`";
        let finding = Diagnostic::new(&code::VARIABLE_LEFT, message, help);
        found.push(finding.at(object.place(), "has variables"));
    }
}
