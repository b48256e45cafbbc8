//! The function: kustomize with the container image builds the objects that `render` writes, and the
//! API server takes them.

use std::env;
use std::fs;
use std::path::Path;
use std::process::Command;

use crate::books::{Books, documents};
use crate::lab::{Outcome, PATIENCE, apply, ensure, kubectl, run as program, stream, wait};

pub(crate) fn run(books: &mut Books) -> Outcome<String> {
    super::clear(books)?;
    books.set("pr-60", &["catalog", "basket"])?;
    books.set("pr-61", &["pricing"])?;
    let overlay = books.folder().join("overlay");
    fs::create_dir_all(&overlay).map_err(|error| error.to_string())?;
    let kustomization = "apiVersion: kustomize.config.k8s.io/v1beta1\nkind: Kustomization\n\
                         resources: [../baseline]\ntransformers: [previews.yaml]\n";
    fs::write(overlay.join("kustomization.yaml"), kustomization)
        .map_err(|error| error.to_string())?;
    let (how, function, flags) = match env::var("E2E_IMAGE") {
        Ok(image) => {
            (format!("the image {image}"), format!("container: {{image: {image}}}"), vec![])
        }
        Err(_) => (
            "the executable, for want of docker".to_owned(),
            format!("exec: {{path: {}}}", env!("CARGO_BIN_EXE_anabranch")),
            vec!["--enable-exec"],
        ),
    };
    let previews =
        fs::read_to_string(books.folder().join("previews.yaml")).map_err(|e| e.to_string())?;
    let published = "container: {image: ghcr.io/anabranch/anabranch:v0.1.0}";
    ensure(previews.contains(published), || "previews.yaml names no image".to_owned())?;
    fs::write(overlay.join("previews.yaml"), previews.replace(published, &function))
        .map_err(|error| error.to_string())?;
    let kustomize = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/bin/kustomize");
    let mut command = Command::new(kustomize);
    command.current_dir(&overlay).args(["build", "--enable-alpha-plugins"]).args(flags).arg(".");
    let built = documents(&program(&mut command, "")?);
    let rendered = books.stream()?;
    let sorted = |objects: &[serde_json::Value]| {
        let mut texts: Vec<String> =
            objects.iter().map(|object| sort(object).to_string()).collect();
        texts.sort();
        texts
    };
    ensure(sorted(&built) == sorted(&rendered), || {
        format!("kustomize built {} objects, render wrote {}", built.len(), rendered.len())
    })?;
    apply(&stream(&built))?;
    for preview in ["pr-60", "pr-61"] {
        wait(preview, PATIENCE, || {
            kubectl(&[
                "-n",
                preview,
                "wait",
                "--for=condition=Available",
                "--timeout=1s",
                "deployments",
                "--all",
            ])
        })?;
    }
    // What was applied by hand goes by hand: Flux never heard of it. The baseline it takes back.
    for kinds in ["kustomizations.kustomize.toolkit.fluxcd.io,namespaces", "httproutes,grpcroutes"]
    {
        kubectl(&["delete", "-A", "-l", "anabranch.dev/preview in (pr-60, pr-61)", kinds])?;
    }
    super::clear(books)?;
    Ok(format!(
        "{} objects built by kustomize with {how}, equal to those of `render`, applied by the API server \
         without a warning, all Deployments available",
        built.len()
    ))
}

/// The same value with its fields in order.
fn sort(value: &serde_json::Value) -> serde_json::Value {
    use serde_json::Value;
    match value {
        Value::Object(fields) => {
            let mut sorted: Vec<_> =
                fields.iter().map(|(key, value)| (key.clone(), sort(value))).collect();
            sorted.sort_by(|a, b| a.0.cmp(&b.0));
            Value::Object(sorted.into_iter().collect())
        }
        Value::Array(items) => Value::Array(items.iter().map(sort).collect()),
        other => other.clone(),
    }
}
