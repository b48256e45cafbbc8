//! Small baselines in the style of families of real ones: the folders of tests/estates.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde::Deserialize;
use serde_json::Value;

/// A baseline, its previews, and what is wanted of them.
#[derive(Debug)]
pub(crate) struct Estate {
    pub(crate) folder: PathBuf,
    /// previews.yaml.
    pub(crate) config: Value,
    pub(crate) expected: Expected,
}

/// The file expected.yaml. Services are written as their callers may write them: `cart`, or `cart.shop`.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(crate) struct Expected {
    /// Whom each service calls, as `host:port/path`; much of it stands in images only.
    pub(crate) calls: BTreeMap<String, Vec<String>>,
    /// Names that lead out of the cluster, and where they lead.
    pub(crate) outside: BTreeMap<String, BTreeMap<String, String>>,
    /// What comes in through a Gateway.
    pub(crate) entries: Vec<Entry>,
    /// Objects, as `Kind name`, that previews do not get.
    pub(crate) not_copied: Vec<String>,
    /// Groups of the API that nothing written belongs to.
    pub(crate) no_group: Vec<String>,
    /// Services that cannot be previewed, and words that say why.
    pub(crate) refused: BTreeMap<String, Vec<String>>,
}

/// A request from outside, to the baseline and to a preview.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Entry {
    /// The baseline's, as `namespace/name`.
    pub(crate) gateway: String,
    pub(crate) host: String,
    /// The host of the preview `{preview}`.
    pub(crate) preview: String,
    pub(crate) path: String,
    /// The service that answers.
    pub(crate) reaches: String,
}

impl Estate {
    /// Every estate, by name.
    pub(crate) fn all() -> Vec<Self> {
        let entries = fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/estates"));
        let entries = entries.expect("the estates are there");
        let mut folders: Vec<PathBuf> = entries
            .map(|entry| entry.expect("the folder can be read").path())
            .filter(|path| path.is_dir())
            .collect();
        folders.sort();
        folders.into_iter().map(Self::read).collect()
    }

    fn read(folder: PathBuf) -> Self {
        let config = yaml(&folder.join("previews.yaml"));
        let expected = serde_json::from_value(yaml(&folder.join("expected.yaml")))
            .unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
        Self { folder, config, expected }
    }

    pub(crate) fn name(&self) -> String {
        let name = self.folder.file_name().expect("a folder has a name");
        name.to_string_lossy().into_owned()
    }

    /// The baseline's namespaces.
    pub(crate) fn namespaces(&self) -> Vec<&str> {
        let baseline = &self.config["spec"]["baseline"];
        let several = baseline["namespaces"].as_array().into_iter().flatten();
        several.chain(baseline.get("namespace")).filter_map(Value::as_str).collect()
    }

    /// The previews, by name.
    pub(crate) fn previews(&self) -> impl Iterator<Item = (&str, &Value)> {
        let previews = self.config["spec"]["previews"].as_array().into_iter().flatten();
        previews.map(|preview| (preview["name"].as_str().unwrap_or_default(), preview))
    }

    /// The namespace in which a preview has copies of what is in this one of the baseline.
    pub(crate) fn copies(&self, preview: &str, namespace: &str) -> String {
        match self.namespaces().len() {
            1 => preview.to_owned(),
            _ => format!("{preview}-{namespace}"),
        }
    }

    /// The objects of the baseline: as they lie there, or as kustomize builds them.
    pub(crate) fn baseline(&self, mut kustomize: Command) -> String {
        let folder = self.folder.join("baseline");
        if folder.join("kustomization.yaml").is_file() {
            let built = kustomize.arg("build").arg(&folder).output().expect("kustomize runs");
            assert!(built.status.success(), "{}", String::from_utf8_lossy(&built.stderr));
            return String::from_utf8(built.stdout).expect("kustomize writes UTF-8");
        }
        let entries = fs::read_dir(&folder).expect("an estate has a baseline");
        let mut files: Vec<PathBuf> =
            entries.map(|entry| entry.expect("the folder can be read").path()).collect();
        files.sort();
        let texts =
            files.iter().map(|file| fs::read_to_string(file).expect("the file can be read"));
        texts.collect::<Vec<_>>().join("\n---\n")
    }

    /// What operators and charts make in the cluster, which is no input.
    pub(crate) fn made(&self) -> String {
        fs::read_to_string(self.folder.join("made.yaml")).unwrap_or_default()
    }

    /// A text with the variables that Flux fills when it applies it.
    pub(crate) fn filled(&self, text: &str) -> String {
        let variables = self.config["spec"]["flux"]["postBuild"]["substitute"].as_object();
        let variables = variables.into_iter().flatten();
        variables.fold(text.to_owned(), |text, (name, value)| {
            text.replace(&format!("${{{name}}}"), value.as_str().unwrap_or_default())
        })
    }
}

fn yaml(file: &Path) -> Value {
    let text = fs::read_to_string(file).unwrap_or_default();
    yaml_serde::from_str(&text).unwrap_or_else(|error| panic!("{}: {error}", file.display()))
}
