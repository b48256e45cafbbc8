//! Checks that an API server accepts `limits.quota`: names of resources, and quantities.
//! See <https://kubernetes.io/docs/concepts/policy/resource-quotas/> and
//! <https://kubernetes.io/docs/concepts/policy/limit-range/>.

use super::Input;
use crate::diagnostic::text::short;
use crate::diagnostic::{Report, code, nearest, some_of};
use crate::yaml::Node;

/// The types of items in a LimitRange.
const TYPES: [&str; 3] = ["Container", "Pod", "PersistentVolumeClaim"];
/// The quantities of an item of a LimitRange. The first two are for containers alone.
const BOUNDS: [&str; 5] = ["default", "defaultRequest", "max", "min", "maxLimitRequestRatio"];

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    if let Some(hard) = input.config.quota("hard") {
        check_quantities(input, "spec.limits.quota.hard", hard, report);
    }
    let Some(range) = input.config.quota("limitRange") else { return };
    let field = "spec.limits.quota.limitRange";
    for (key, _) in range.entries().iter().filter(|(key, _)| key.text != "limits") {
        let message = format!("a LimitRange has no `{}`", short(&key.text));
        let help = "write `limits`, a list of `{type: Container, default: {...}, ...}`";
        report.push(input.config.finding(
            &code::CONFIG_FIELD,
            format_args!("{field}.{}", key.text),
            message,
            help,
        ));
    }
    for (index, item) in range.get("limits").map(Node::items).unwrap_or_default().iter().enumerate()
    {
        check_item(input, &format!("{field}.limits[{index}]"), item, report);
    }
}

/// Checks an item of a LimitRange.
fn check_item(input: &Input<'_>, path: &str, item: &Node, report: &mut Report) {
    let kind = item.text_at(&["type"]).unwrap_or_default();
    if !TYPES.contains(&kind) {
        report.push(input.config.finding(
            &code::CONFIG_FIELD,
            format_args!("{path}.type"),
            format!("`{}` is not what a LimitRange can be about", short(kind)),
            format!("write one of: {}", some_of(TYPES)),
        ));
    }
    for (key, value) in item.entries().iter().filter(|(key, _)| key.text != "type") {
        let field = format!("{path}.{}", key.text);
        if !BOUNDS.contains(&key.text.as_str()) {
            let meant = nearest(&key.text, BOUNDS);
            let help = meant.map_or_else(
                || format!("it has {}", some_of(BOUNDS)),
                |name| format!("did you mean `{name}`?"),
            );
            let message = format!("an item of a LimitRange has no `{}`", short(&key.text));
            report.push(input.config.finding(&code::CONFIG_FIELD, field, message, help));
        } else if key.text.starts_with("default") && kind != "Container" && TYPES.contains(&kind) {
            let message = format!("`{}` is for `type: Container` alone", key.text);
            let help = "move it to an item of that type: Kubernetes refuses it here";
            report.push(input.config.finding(&code::CONFIG_FIELD, field, message, help));
        } else {
            check_quantities(input, &field, value, report);
        }
    }
}

fn check_quantities(input: &Input<'_>, path: &str, map: &Node, report: &mut Report) {
    for (key, value) in map.entries() {
        let text = value.text().unwrap_or_default();
        if !is_quantity(text) {
            report.push(input.config.finding(
                &code::CONFIG_FIELD,
                format_args!("{path}.{}", key.text),
                format!("`{}` is not a quantity of {}", short(text), short(&key.text)),
                "write a number and perhaps a unit, such as 500m, 4, 2Gi",
            ));
        }
    }
}

/// Whether a text is a quantity that is not negative: digits, a fraction, and a unit or an exponent.
/// See <https://kubernetes.io/docs/reference/kubernetes-api/common-definitions/quantity/>.
fn is_quantity(text: &str) -> bool {
    const UNITS: [&str; 16] =
        ["", "n", "u", "m", "k", "M", "G", "T", "P", "E", "Ki", "Mi", "Gi", "Ti", "Pi", "Ei"];
    let number = text.trim_start_matches(|c: char| c.is_ascii_digit() || c == '.');
    let (digits, unit) = text.split_at(text.len() - number.len());
    let is_number = digits.bytes().any(|byte| byte.is_ascii_digit())
        && digits.bytes().filter(|byte| *byte == b'.').count() < 2;
    let exponent = unit.strip_prefix(['e', 'E']).map(|rest| rest.trim_start_matches(['+', '-']));
    let is_exponent = exponent
        .is_some_and(|rest| !rest.is_empty() && rest.bytes().all(|byte| byte.is_ascii_digit()));
    is_number && (UNITS.contains(&unit) || is_exponent)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quantities_are_those_of_kubernetes() {
        for good in ["0", "4", "500m", "0.5", ".5", "2Gi", "1E", "1e3", "1E-2", "12Ki"] {
            assert!(is_quantity(good), "{good}");
        }
        for bad in ["", "four", "-1", "2 Gi", "2GB", "1.2.3", "e3", "1e", "${CPU}", "4c"] {
            assert!(!is_quantity(bad), "{bad}");
        }
    }
}
