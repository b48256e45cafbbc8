//! Warns of suites that use Secrets: they do not get them where they test previews of forks.

use std::collections::{BTreeMap, BTreeSet};

use crate::diagnostic::{Report, Sources, code, first_of};
use crate::limits::InputLimits;
use crate::model::{Referent, pod_spec, references};
use crate::spec::{Config, Preview};
use crate::yaml::{Node, parse_documents};

/// How many Secrets and how many previews a finding names.
const SHOWN: usize = 5;

/// Warns of suites that use Secrets, if there are previews of forks. `files` are those of all suites, by path; a path
/// begins with the name of its suite.
pub(crate) fn check_suites(
    config: &Config,
    files: &BTreeMap<String, Vec<u8>>,
    limits: &InputLimits,
    report: &mut Report,
) {
    let spec = &config.previews.spec;
    let forks: Vec<&Preview> =
        spec.previews.iter().filter(|preview| preview.fork().is_some()).collect();
    if forks.is_empty() {
        return;
    }
    for (index, suite) in spec.tests.iter().enumerate() {
        let prefix = format!("{}/", suite.name);
        let of_suite = files.range(prefix.clone()..);
        let of_suite = of_suite.take_while(|(path, _)| path.starts_with(&prefix));
        let mut secrets = BTreeSet::new();
        for text in of_suite.filter_map(|(_, content)| str::from_utf8(content).ok()) {
            let mut sources = Sources::default();
            let file = sources.add(&suite.name, text);
            // Kustomize refuses a file that should be YAML and is not.
            let documents = parse_documents(&sources, file, limits).unwrap_or_default();
            documents.iter().for_each(|document| add_secrets(config, document, &mut secrets));
        }
        if !secrets.is_empty() {
            let names = forks.iter().map(|preview| format!("`{}`", preview.name));
            report.push(config.finding(
                &code::FORK_SUITE,
                format_args!("spec.tests[{index}].path"),
                format!(
                    "the suite `{}` takes {}, which it does not get where it tests code of forks: in {}",
                    suite.name,
                    first_of(SHOWN, ", ", &secrets),
                    first_of(SHOWN, ", ", names)
                ),
                "it fails there; let it run without (`optional: true`), or use values that anybody may know",
            ));
        }
    }
}

/// Adds the Secrets that an object of a suite is, generates, or mounts in its pods.
fn add_secrets(config: &Config, document: &Node, secrets: &mut BTreeSet<String>) {
    let kind = document.text_at(&["kind"]).unwrap_or_default();
    if kind.contains("Secret") {
        let name = document.text_at(&["metadata", "name"]).unwrap_or_default();
        secrets.insert(format!("{kind} `{name}`"));
    }
    let generated = document.items_at(&["secretGenerator"]);
    for one in generated {
        secrets.insert(format!("Secret `{}`", one.text_at(&["name"]).unwrap_or_default()));
    }
    let Some(pod) = pod_spec(document) else { return };
    let pulled = pod.items_at(&["imagePullSecrets"]);
    let pulled: BTreeSet<&str> = pulled.iter().filter_map(|one| one.text_at(&["name"])).collect();
    let external = &config.previews.spec.external.secrets;
    for one in references(pod) {
        let is_there = one.optional || external.contains(&one.name);
        if one.referent == Referent::Secret && !is_there && !pulled.contains(one.name.as_str()) {
            secrets.insert(format!("Secret `{}`", one.name));
        }
    }
}
