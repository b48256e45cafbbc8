//! No object is in the input twice, and the baseline's Namespace is there.

use std::collections::BTreeSet;

use super::Input;
use crate::diagnostic::{Diagnostic, Report, code};
use crate::kube::Object;

pub(super) fn check(input: &Input<'_>, found: &mut Report) {
    check_namespace(input, found);
    // They are in order.
    let same = input.objects.chunk_by(|a, b| a.id == b.id);
    let twice = same.flat_map(|same| same[1..].iter().map(|again| (&same[0], again)));
    // A finding is larger than an object can be.
    found.extend(twice.take(Report::KEPT + 1).map(|(first, again)| {
        Diagnostic::new(
            &code::DUPLICATE_OBJECT,
            format!("{} is in the input twice", again.id),
            "keep one of the two, or pass only one of the files that hold it",
        )
        .at(again.place(), "again here")
        .also(first.place(), "first here")
    }));
}

/// Reports a baseline whose Namespace, or anything in it, is not in the input.
fn check_namespace(input: &Input<'_>, found: &mut Report) {
    let namespace = input.config.previews.spec.baseline.namespace.as_str();
    let is_baseline = |object: &&Object| object.is("", "Namespace") && object.id.name == namespace;
    if input.objects.iter().any(|object| is_baseline(&object)) {
        return;
    }
    let namespaces: BTreeSet<&str> =
        input.objects.iter().map(|o| o.id.namespace.as_str()).collect();
    let (message, help) = if namespaces.contains(namespace) {
        (
            format!(
                "the Namespace `{namespace}` is not in the input, so nothing is known of its labels"
            ),
            "pass it with --baseline: previews get its labels, such as those of sidecar injection"
                .to_owned(),
        )
    } else {
        let others: Vec<&str> = namespaces.into_iter().filter(|name| !name.is_empty()).collect();
        (
            format!("the input has nothing in the namespace `{namespace}`"),
            match others.as_slice() {
                [] => "pass the manifests of the baseline with --baseline".to_owned(),
                others => format!("its objects are in {}", others.join(", ")),
            },
        )
    };
    let field = "spec.baseline.namespace";
    found.push(input.config.finding(&code::NAMESPACE_MISSING, field, message, help));
}
