//! Refuses previews of forks that would get Secrets of the baseline: their code is not trusted.
//!
//! Pods can read copied Secrets, what copied ExternalSecrets and SecretProviderClasses fetch, and what an injector puts
//! into them. Credentials to pull images are let through if no pod reads them, and no account of the preview can: only
//! the kubelet gets them.

mod injected;
mod rights;
mod suites;

use std::collections::{BTreeMap, BTreeSet};

pub(crate) use suites::check_suites;

use super::Plan;
use super::environment::{Copied, Environment};
use crate::diagnostic::{Diagnostic, Place, Report, code, first_of};
use crate::kube::Object;
use crate::kube::meta::has_substitutes;
use crate::model::{Referent, pod_spec, references};

/// How many previews a finding names.
const SHOWN: usize = 5;

/// Objects that give the code of forks a Secret, by number, with the previews concerned.
type Reached<'a, 'p> = BTreeMap<usize, (&'a Object, Vec<&'p str>)>;

/// Reports each Secret, and whatever else gives one, once, however many previews would get it.
pub(super) fn check(plan: &Plan<'_>, report: &mut Report) {
    let mut forks = plan.environments.iter().filter(|env| env.preview.fork().is_some()).peekable();
    if forks.peek().is_none() {
        return;
    }
    let substitutes = substitutes_secrets(plan);
    let (mut secrets, mut texts, mut filled) = (Reached::new(), Reached::new(), Reached::new());
    let mut rights = rights::Rights::new(plan.catalog);
    // Forks change nothing but images, so what an injector fills is the same in every copy.
    let mut parts = BTreeMap::new();
    for env in forks {
        let read = read_by_pods(env);
        let mut pulling: Vec<&Copied<'_>> = Vec::new();
        for copy in &env.copies {
            let object = copy.original;
            if gives_secret(object) {
                match is_for_pulling(object, &read) {
                    true => pulling.push(copy),
                    false => add(&mut secrets, object, env.name),
                }
            } else if substitutes && has_substitutes(&object.node) {
                add(&mut texts, object, env.name);
            }
            let parts = parts.entry(object.number).or_insert_with(|| injected::parts(object));
            if !parts.is_empty() {
                add(&mut filled, object, env.name);
            }
        }
        rights.add(env, &pulling);
    }
    report.extend(secrets.into_values().map(|(object, previews)| of_secret(object, &previews)));
    report.extend(texts.into_values().map(|(object, previews)| of_text(object, &previews)));
    report.extend(
        filled.into_iter().map(|(number, (object, previews))| {
            injected::finding(object, &parts[&number], &previews)
        }),
    );
    rights.report(report);
}

fn add<'a, 'p>(reached: &mut Reached<'a, 'p>, object: &'a Object, preview: &'p str) {
    reached.entry(object.number).or_insert_with(|| (object, Vec::new())).1.push(preview);
}

/// Whether an object is a Secret, makes its controller create or mount one, or is a store from which Dapr's sidecar
/// [answers](https://docs.dapr.io/developing-applications/building-blocks/secrets/secrets-overview/) with any of them.
fn gives_secret(object: &Object) -> bool {
    let is_store = || {
        let of = object.node.text_at(&["spec", "type"]);
        of.is_some_and(|of| of.starts_with("secretstores."))
    };
    object.is("", "Secret")
        || matches!(object.id.kind.as_str(), "ExternalSecret" | "SecretProviderClass")
        || object.is("dapr.io", "Component") && is_store()
}

/// Whether an object gives only credentials for registries, which no pod reads.
/// See <https://kubernetes.io/docs/concepts/configuration/secret/#docker-config-secrets>.
fn is_for_pulling(object: &Object, read: &BTreeSet<String>) -> bool {
    let of_external: &[&str] = &["spec", "target", "template", "type"];
    let path = if object.is("", "Secret") { &["type"] } else { of_external };
    let kind = object.node.text_at(path).unwrap_or_default();
    matches!(kind, "kubernetes.io/dockerconfigjson" | "kubernetes.io/dockercfg")
        && !read.contains(secret_name(object))
}

/// The name of a Secret, or of the one that an ExternalSecret makes.
fn secret_name(object: &Object) -> &str {
    object.node.text_at(&["spec", "target", "name"]).unwrap_or(&object.id.name)
}

/// The names of Secrets that pods of a preview mount or have in variables.
fn read_by_pods(env: &Environment<'_>) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for copy in &env.copies {
        let body = copy.node();
        let Some(pod) = pod_spec(&body) else { continue };
        let pulled = pod.items_at(&["imagePullSecrets"]).iter();
        let pulled: BTreeSet<Place> =
            pulled.filter_map(|one| one.get("name")).map(|name| name.place).collect();
        let read = references(pod)
            .into_iter()
            .filter(|one| one.referent == Referent::Secret && !pulled.contains(&one.place));
        names.extend(read.map(|one| one.name));
    }
    names
}

/// Whether Flux substitutes variables with values from Secrets.
fn substitutes_secrets(plan: &Plan<'_>) -> bool {
    let sources = plan.config.flux("postBuild").map(|it| it.items_at(&["substituteFrom"]));
    let mut sources = sources.unwrap_or_default().iter();
    sources.any(|one| one.text_at(&["kind"]) == Some("Secret"))
}

fn of_secret(object: &Object, previews: &[&str]) -> Diagnostic {
    let message = format!("code of a fork would get {}: in {}", object.id, shown(previews));
    let help = match object.is("dapr.io", "Component") {
        true => {
            "list the apps that need it in `scopes` of the Component, without those of forks; or review the code and \
                 push it to the repository itself"
        }
        false => {
            "let something else make it in every preview, with values that anybody may know, and list it under \
                  spec.external.secrets; or review the code and push it to the repository itself"
        }
    };
    Diagnostic::new(&code::UNTRUSTED_CHANGE, message, help).at(object.place(), "of the baseline")
}

fn of_text(object: &Object, previews: &[&str]) -> Diagnostic {
    let message = format!(
        "code of a fork would get values of a Secret by Flux's substitution in {}: in {}",
        object.id,
        shown(previews)
    );
    let help =
        "take values of spec.flux.postBuild from ConfigMaps alone, or make no previews of forks";
    Diagnostic::new(&code::UNTRUSTED_CHANGE, message, help).at(object.place(), "names variables")
}

fn shown(previews: &[&str]) -> String {
    first_of(SHOWN, ", ", previews.iter().map(|name| format!("`{name}`")))
}
