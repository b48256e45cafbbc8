//! Estates in the style of families of real ones, applied as they are and with their previews: the API server
//! takes every object, unknown fields refused, and so does istiod.

use std::fs;
use std::path::Path;
use std::process::Command;

use serde_json::Value;

use crate::books::{Books, documents};
use crate::estate::Estate;
use crate::lab::{Outcome, PATIENCE, anabranch, apply, kubectl, stream, wait};

/// Definitions that only estates need, as `make tools` installs them.
const DEFINITIONS: [&str; 3] = ["clusters", "externalsecrets", "routes"];
const ESTABLISHED: [&str; 4] = ["wait", "--for=condition=Established", "--timeout=30s", "crd"];

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    define()?;
    let estates = Estate::all();
    let mut namespaces = Vec::new();
    let mut counts = Vec::new();
    let outcome: Outcome = estates.iter().try_for_each(|estate| {
        let count = install(estate, &mut namespaces)
            .map_err(|error| format!("{}: {error}", estate.name()))?;
        counts.push(format!("{} {count}", estate.name()));
        Ok(())
    });
    let outcome = outcome.and_then(|()| {
        let of_previews = ["wait", "deployments", "-A", "-l", "anabranch.dev/preview"];
        let available = ["--for=condition=Available", "--timeout=20s"];
        let what = [of_previews.as_slice(), &available].concat();
        wait("the previews", PATIENCE, || kubectl(&what).map(drop))
    });
    let names = namespaces.iter().map(String::as_str);
    // The last of all scenarios: nobody needs them to be gone, which takes as long as all the rest.
    let delete = ["delete", "--ignore-not-found", "--wait=false", "namespaces"];
    kubectl(&delete.into_iter().chain(names).collect::<Vec<_>>())?;
    outcome?;
    Ok(format!(
        "{} estates with two previews each, applied with unknown fields and warnings refused, and every Deployment of them available: \
         objects of {}",
        estates.len(),
        counts.join(", ")
    ))
}

/// The kinds that estates have and the lab has not.
fn define() -> Outcome {
    let schemas = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/schemas");
    let mut text = include_str!("definitions.yaml").to_owned();
    for name in DEFINITIONS {
        let file = schemas.join(format!("{name}.yaml"));
        let more = fs::read_to_string(&file).map_err(|error| format!("{name}: {error}"))?;
        text.push_str(&format!("\n---\n{more}"));
    }
    apply(&text)?;
    let names = documents(&text);
    let names = names.iter().filter_map(|one| one["metadata"]["name"].as_str());
    kubectl(&ESTABLISHED.into_iter().chain(names).collect::<Vec<_>>()).map(drop)
}

/// Applies an estate and its previews, and returns how many objects these are.
fn install(estate: &Estate, namespaces: &mut Vec<String>) -> Outcome<usize> {
    let beneath = format!("{}\n---\n{}", estate.baseline(Command::new("kustomize")), estate.made());
    let mut all = objects(&estate.filled(&beneath));
    let render = ["render", "previews.yaml", "--baseline", "baseline"];
    all.extend(objects(&estate.filled(&anabranch(&estate.folder, &render)?)));
    for object in all.iter().filter(|one| one["kind"] == "Namespace") {
        namespaces.push(object["metadata"]["name"].as_str().unwrap_or_default().to_owned());
    }
    apply(&stream(&all))?;
    Ok(all.len())
}

/// The objects of a text, namespaces first, without those that Flux decrypts before it applies them.
fn objects(text: &str) -> Vec<Value> {
    let mut all = documents(text);
    all.retain(|object| object["sops"].is_null());
    all.sort_by_key(|object| object["kind"] != "Namespace");
    all
}
