//! Checks that pods of previews get the sidecar that routing needs.
//!
//! Previews have the labels of the baseline's Namespace. The webhooks in Istio's
//! `istio-discovery/templates/mutatingwebhook.yaml` define their meaning.
//! See <https://istio.io/latest/docs/setup/additional-setup/sidecar-injection/>.

use super::Plan;
use crate::diagnostic::{Diagnostic, code};
use crate::kube::Object;
use crate::kube::istio::REVISION;
use crate::kube::meta::{is_literal, mentions_variable};
use crate::model::mesh::{INJECT, INJECTION};
use crate::model::{pod_labels, pod_of};
use crate::spec::Config;
use crate::yaml::Node;

/// What a Namespace says about injection.
enum Said<'a> {
    /// Pods get a sidecar.
    On,
    /// Pods get no sidecar, whatever they say themselves. Holds the value of the label.
    Off(&'a str),
    /// A variable of Flux decides, and its value is not known. Holds the text of the label.
    Unknown(&'a str),
    /// Pods that ask for a sidecar get one.
    Nothing,
}

impl<'a> Said<'a> {
    fn by(namespace: &'a Object, config: &'a Config) -> Self {
        match namespace.label(INJECTION).map(|label| value(label, namespace, config)) {
            // The label of injection takes precedence over the revision.
            Some(Ok("enabled")) => Self::On,
            Some(Ok(other)) => Self::Off(other),
            Some(Err(variable)) => Self::Unknown(variable),
            None if namespace.label(REVISION).is_some() => Self::On,
            None => Self::Nothing,
        }
    }
}

/// The value of a label, or the value in `spec.flux` if the label is a variable of Flux. Without a value, the label is the
/// error.
fn value<'a>(label: &'a str, namespace: &Object, config: &'a Config) -> Result<&'a str, &'a str> {
    if !mentions_variable(label) || is_literal(&namespace.node) {
        return Ok(label);
    }
    let rest = label.strip_prefix("${").and_then(|rest| rest.strip_suffix('}'));
    let name = rest.and_then(|rest| rest.split([':', '=', '-']).next());
    let values = config.flux("postBuild").and_then(|it| it.get("substitute"));
    values.and_then(|values| values.text_at(&[name?])).ok_or(label)
}

/// Warns if pods of previews may run without a sidecar. `originals` are the copied objects of the namespace `home`.
pub(super) fn check(plan: &Plan<'_>, home: &str, originals: &[&Object]) -> Option<Diagnostic> {
    let Some(namespace) = plan.catalog.namespace(home) else {
        let is_sure = plan.routing.mesh.is_empty() || all_ask(originals);
        return Some(missing(plan, home, (!is_sure).then_some(WITHOUT)));
    };
    if plan.routing.mesh.is_empty() {
        return None;
    }
    let (says, help) = match Said::by(namespace, plan.config) {
        Said::On => return None,
        Said::Nothing if all_ask(originals) => return None,
        Said::Nothing => (
            "says nothing of sidecar injection".to_owned(),
            "label it `istio-injection: enabled` or `istio.io/rev`, or each pod template \
             `sidecar.istio.io/inject: \"true\"`; an annotation of that name does not count",
        ),
        Said::Off(value) => (
            match value {
                "disabled" => "switches sidecar injection off".to_owned(),
                _ => format!("switches sidecar injection off with `istio-injection: {value}`"),
            },
            "label it `istio-injection: enabled`, or `istio.io/rev` without `istio-injection`",
        ),
        Said::Unknown(variable) => (
            format!("says `istio-injection: {variable}`, and nothing here says its value"),
            "nothing to do where it is `enabled`; write so into spec.flux.postBuild.substitute, and it is known here",
        ),
    };
    let message = format!("{} {says}: {WITHOUT}", namespace.id);
    let help = format!("{help}; with another mesh, or none, say so in spec.routing.dataPlane");
    let finding = Diagnostic::new(&code::INJECTION_UNKNOWN, message, help);
    Some(finding.at(namespace.place(), "previews get its labels"))
}

const WITHOUT: &str = "pods of previews may run without a sidecar, and then nothing routes to them";

/// The warning that the Namespace is not in the input, with what may follow.
pub(super) fn missing(plan: &Plan<'_>, home: &str, follows: Option<&str>) -> Diagnostic {
    let mut message =
        format!("the Namespace `{home}` is not in the input, so nothing is known of its labels");
    if let Some(follows) = follows {
        message += &format!(": {follows}");
    }
    let baseline = &plan.config.previews.spec.baseline;
    let where_to = match baseline.path.as_str() {
        "" => "pass it with --baseline",
        _ => "add it to what spec.baseline.path names, in place of which --baseline would be read",
    };
    let help = format!("{where_to}: previews get its labels and annotations");
    let field = baseline.field();
    plan.config.finding(&code::NAMESPACE_MISSING, field, message, help)
}

/// Whether the pods of every workload ask for a sidecar themselves.
pub(super) fn all_ask(originals: &[&Object]) -> bool {
    let asks =
        |labels: &Node| labels.text_at(&[INJECT]) == Some("true") || labels.get(REVISION).is_some();
    let mut pods = originals.iter().filter(|object| pod_of(object).is_some());
    pods.all(|object| pod_labels(&object.node).is_some_and(asks))
}
