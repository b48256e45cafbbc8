//! Checks that no object is in the input twice, and that something of the baseline is there.

use std::collections::BTreeSet;

use super::Input;
use super::services::names_services;
use crate::diagnostic::{Diagnostic, Report, code, some_of};
use crate::kube::{Object, is_encrypted};

pub(super) fn check(input: &Input<'_>, report: &mut Report) {
    check_namespace(input, report);
    check_encrypted(input, report);
    // The objects are sorted.
    let same = input.objects.chunk_by(|a, b| a.id == b.id);
    let twice = same.flat_map(|same| same[1..].iter().map(|again| (&same[0], again)));
    // Findings are large, so only as many are made as a report keeps.
    report.extend(twice.take(Report::KEPT + 1).map(|(first, again)| {
        Diagnostic::new(
            &code::DUPLICATE_OBJECT,
            format!("{} is in the input twice", again.id),
            "keep one of the two, or pass only one of the files that hold it",
        )
        .at(again.place(), "again here")
        .also(first.place(), "first here")
    }));
}

/// Warns of encrypted objects that are delivered although nothing decrypts them.
fn check_encrypted(input: &Input<'_>, report: &mut Report) {
    if !input.config.says_include() {
        return;
    }
    for object in input.objects.iter().filter(|object| is_encrypted(&object.node)) {
        if input.config.flux("decryption").is_none() {
            let message = format!(
                "{} is encrypted with SOPS, and nothing decrypts what is delivered",
                object.id
            );
            let help =
                "set spec.flux.decryption as on the Flux Kustomization that applies the baseline";
            let finding = Diagnostic::new(&code::NOT_DECRYPTED, message, help);
            report.push(finding.at(object.place(), "delivered as it is"));
        }
        let named =
            object.node.text_at(&["metadata", "namespace"]).is_some_and(|name| !name.is_empty());
        if object.node.get("sops").is_some() && !object.id.namespace.is_empty() && !named {
            let message = format!(
                "{} is delivered without its namespace, which its MAC would not cover",
                object.id
            );
            let help = "write its namespace into the file, and encrypt it again";
            let finding = Diagnostic::new(&code::NOT_DECRYPTED, message, help);
            report.push(finding.at(object.place(), "names no namespace"));
        }
    }
}

/// Reports a namespace of the baseline without any object in the input.
fn check_namespace(input: &Input<'_>, report: &mut Report) {
    let baseline = &input.config.previews.spec.baseline;
    let is_there = |namespace: &String| {
        let is_it = |object: &Object| object.is("", "Namespace") && object.id.name == *namespace;
        // The consequences of a missing Namespace are known once copies are planned.
        input.objects.iter().any(|object| is_it(object) || object.id.namespace == *namespace)
    };
    let missing: Vec<&String> = baseline.all().iter().filter(|one| !is_there(one)).collect();
    if missing.is_empty() {
        return;
    }
    if missing.len() == baseline.all().len() && names_services(&input.config.previews.spec) {
        // An error reports it.
        return;
    }
    let namespaces: BTreeSet<&str> =
        input.objects.iter().map(|o| o.id.namespace.as_str()).collect();
    let others: Vec<&str> = namespaces.into_iter().filter(|name| !name.is_empty()).collect();
    let field = baseline.field();
    let message = match missing.as_slice() {
        [namespace] => format!("the input has nothing in the namespace `{namespace}`"),
        all => format!("the input has nothing in the namespaces {}", some_of(all)),
    };
    let help = match others.as_slice() {
        [] => "pass the manifests of the baseline with --baseline".to_owned(),
        others => {
            format!("set {field} to the one that is meant; the objects are in {}", some_of(others))
        }
    };
    report.push(input.config.finding(&code::NAMESPACE_MISSING, field, message, help));
}
