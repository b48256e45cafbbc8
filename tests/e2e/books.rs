//! The example shop, as its owners would keep it in a repository: edited, rendered and pushed by the
//! real program, applied by the real Flux.

use std::env;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde_json::Value;

use crate::delivery::root_kustomization;
use crate::evaluator::Mesh;
use crate::lab::{Outcome, anabranch, apply, kubectl, push, ready, scratch, wait};

/// The baseline's namespace.
pub(crate) const BASELINE: &str = "shop";
/// Where pull requests live.
pub(crate) const REPOSITORY: &str = "http://127.0.0.1:3000/bot/shop";
const SOURCE: &str = "previews";
/// The set of the example.
pub(crate) const SET: &str = "bookshop";
/// How long Flux may take from a push to ready environments.
const DELIVERY: Duration = Duration::from_secs(120);

/// The shop's repository.
pub(crate) struct Books {
    folder: PathBuf,
    pushes: u32,
}

impl Books {
    /// A copy of examples/shop, with two more services, a Gitea instead of GitHub, and no preview yet;
    /// and the cluster that waits for it.
    pub(crate) fn new() -> Outcome<Self> {
        let folder = scratch("shop");
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        copy(&root.join("examples/shop"), &folder)?;
        copy_file(&root.join("tests/e2e/variant.yaml"), &folder.join("baseline/variant.yaml"))?;
        let books = Self { folder, pushes: 0 };
        books.change(
            "baseline/kustomization.yaml",
            "  - picks.yaml\n",
            "  - picks.yaml\n  - variant.yaml\n",
        )?;
        let header = "key: {header: x-preview-id}";
        books.change("previews.yaml", header, "key: {header: x-preview-id, baggage: preview}")?;
        books.change(
            "previews.yaml",
            "https://github.com/example/bookshop\n      provider: github",
            &format!("{REPOSITORY}\n      provider: gitea"),
        )?;
        books.edit(&["remove", "pr-7", "pr-42", "pr-421"])?;
        apply(include_str!("cluster.yaml"))?;
        apply(&root_kustomization(SOURCE)?)?;
        let token = fs::read_to_string(
            Path::new(&env::var("RUN").map_err(|e| e.to_string())?).join("gitea.token"),
        )
        .map_err(|error| error.to_string())?;
        let literal = format!("--from-literal=token={}", token.trim());
        kubectl(&["-n", "flux-system", "create", "secret", "generic", "github-app", &literal])?;
        Ok(books)
    }

    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    /// Replaces a part of a file, which must occur once.
    pub(crate) fn change(&self, file: &str, old: &str, new: &str) -> Outcome {
        let path = self.folder.join(file);
        let text = fs::read_to_string(&path).map_err(|error| error.to_string())?;
        if text.matches(old).count() != 1 {
            return Err(format!("{file} does not hold once: {old}"));
        }
        fs::write(path, text.replace(old, new)).map_err(|error| error.to_string())
    }

    /// Edits previews.yaml as CI would.
    pub(crate) fn edit(&self, arguments: &[&str]) -> Outcome {
        anabranch(&self.folder, arguments).map(drop)
    }

    /// The previews that are set.
    pub(crate) fn names(&self) -> Outcome<Vec<String>> {
        let path = self.folder.join("previews.yaml");
        let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
        let file: Value = yaml_serde::from_str(&text).map_err(|error| error.to_string())?;
        let all = file["spec"]["previews"].as_array().cloned().unwrap_or_default();
        Ok(all.iter().filter_map(|one| one["name"].as_str().map(str::to_owned)).collect())
    }

    /// Adds a preview, or gives it a new image.
    pub(crate) fn set(&self, preview: &str, services: &[&str]) -> Outcome {
        let images: Vec<String> = services
            .iter()
            .map(|service| format!("--image={service}={}", image(service)))
            .collect();
        let mut arguments = vec!["set", preview];
        arguments.extend(images.iter().map(String::as_str));
        self.edit(&arguments)
    }

    /// All objects, as one stream.
    pub(crate) fn stream(&self) -> Outcome<Vec<Value>> {
        let text = anabranch(&self.folder, &["render", "--baseline", "baseline"])?;
        Ok(documents(&text))
    }

    /// The routes as rendered, for the judge.
    pub(crate) fn mesh(&self) -> Outcome<Mesh> {
        Ok(Mesh::new(&self.stream()?))
    }

    /// Renders the tree and pushes it; returns the digest of the artifact.
    pub(crate) fn push(&mut self, revision: &str) -> Outcome<String> {
        let render = ["render", "--baseline", "baseline", "--source-root", ".", "-o", "out"];
        anabranch(&self.folder, &render)?;
        if env::var_os("E2E_WRONG_ROUTE").is_some() {
            self.spoil()?;
        }
        push(&self.folder.join("out"), SOURCE, revision)
    }

    /// Pushes and waits until Flux has applied everything and these previews are healthy.
    pub(crate) fn deliver(&mut self, previews: &[&str]) -> Outcome {
        self.pushes += 1;
        let revision = format!("{:040x}", self.pushes);
        let digest = self.push(&revision)?;
        self.await_applied(&digest)?;
        previews.iter().try_for_each(|preview| {
            let name = environment(preview);
            wait(&name, DELIVERY, || applied(&name, &digest).and_then(|()| ready(&name)))
        })
    }

    /// Waits until Flux has applied this artifact, all but the previews.
    pub(crate) fn await_applied(&self, digest: &str) -> Outcome {
        for kustomization in [SOURCE, &format!("{SET}.baseline")] {
            wait(kustomization, DELIVERY, || {
                applied(kustomization, digest).and_then(|()| ready(kustomization))
            })?;
        }
        Ok(())
    }

    /// The switch that must turn the run red: a route of each preview leads to the baseline.
    fn spoil(&self) -> Outcome {
        for entry in walkdir::WalkDir::new(self.folder.join("out")).into_iter().flatten() {
            let path = entry.path();
            let folder = path.parent().and_then(Path::file_name).and_then(|name| name.to_str());
            if let (Some("routes.yaml"), Some(preview)) = (entry.file_name().to_str(), folder) {
                let text = fs::read_to_string(path).map_err(|error| error.to_string())?;
                let spoilt = text.replacen(&format!("      namespace: {preview}\n"), "", 1);
                fs::write(path, spoilt).map_err(|error| error.to_string())?;
            }
        }
        Ok(())
    }
}

/// The Kustomization of a preview, which has the name of the set in its own.
pub(crate) fn environment(preview: &str) -> String {
    format!("{SET}.{preview}")
}

/// Whether a Kustomization has at least attempted to apply this artifact.
fn applied(kustomization: &str, digest: &str) -> Outcome {
    let path = "jsonpath={.status.lastAttemptedRevision}";
    let found = kubectl(&["-n", "flux-system", "get", "kustomization", kustomization, "-o", path])?;
    match found.contains(digest) {
        true => Ok(()),
        false => Err(format!("{kustomization} is at {found}")),
    }
}

/// An image that the shop's limits allow.
pub(crate) fn image(service: &str) -> String {
    format!("registry.example.com/books/{service}@sha256:{}", "0123456789abcdef".repeat(4))
}

/// The documents of a stream.
pub(crate) fn documents(text: &str) -> Vec<Value> {
    yaml_serde::Deserializer::from_str(text)
        .filter_map(|document| serde::Deserialize::deserialize(document).ok())
        .filter(|value: &Value| !value.is_null())
        .collect()
}

/// Copies a folder with everything in it.
pub(crate) fn copy(from: &Path, to: &Path) -> Outcome {
    for entry in walkdir::WalkDir::new(from) {
        let entry = entry.map_err(|error| error.to_string())?;
        let path = entry.path().strip_prefix(from).map_err(|error| error.to_string())?;
        if entry.file_type().is_dir() {
            fs::create_dir_all(to.join(path)).map_err(|error| error.to_string())?;
        } else {
            copy_file(entry.path(), &to.join(path))?;
        }
    }
    Ok(())
}

fn copy_file(from: &Path, to: &Path) -> Outcome {
    fs::copy(from, to).map(drop).map_err(|error| format!("{}: {error}", from.display()))
}
