//! Kubernetes' label selectors.
//! See <https://kubernetes.io/docs/concepts/overview/working-with-objects/labels/#label-selectors>.

use crate::yaml::Node;

/// Whether a LabelSelector (`matchLabels`, `matchExpressions`) selects an object with these labels.
/// An empty or absent selector selects everything.
#[must_use]
pub(crate) fn selects(selector: Option<&Node>, labels: Option<&Node>) -> bool {
    let label = |key: &str| labels?.text_at(&[key]);
    let entries = |key: &str| selector.and_then(|selector| selector.get(key));
    let by_label = entries("matchLabels")
        .is_none_or(|map| map.entries().iter().all(|(key, want)| label(&key.text) == want.text()));
    let by_expression = entries("matchExpressions").is_none_or(|list| {
        list.items().iter().all(|expression| {
            let have = expression.text_at(&["key"]).and_then(label);
            let values = expression.items_at(&["values"]);
            let listed = have.is_some_and(|have| values.iter().any(|v| v.text() == Some(have)));
            match expression.text_at(&["operator"]) {
                Some("In") => listed,
                Some("NotIn") => !listed,
                Some("Exists") => have.is_some(),
                Some("DoesNotExist") => have.is_none(),
                _ => false,
            }
        })
    });
    by_label && by_expression
}
