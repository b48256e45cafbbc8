//! `anabranch init`: a first previews.yaml from what the folder holds, and the folder that gates name.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::voice::Voice;
use crate::diagnostic::{Diagnostic, Sources, code, some_of, stage};
use crate::kube::Object;
use crate::read::{git_root, open_baseline, other_spelling, parse_baseline, source_root};
use crate::validate::{is_dns_label, is_dns_subdomain, is_source_path};
use crate::write::in_place;
use crate::yaml::{InputLimits, Node, write_string};

const GATE: &str = "# The path of every gate: it has no objects of its own, only health checks.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: []
";

/// What the name of a build begins with.
const BUILD: &str = "kustomize build ";

/// What a file says of a baseline when nothing was found.
const NAMESPACE: &str = "baseline";

pub(super) fn run(
    folder: &Path,
    namespace: Option<&str>,
    name: Option<&str>,
    voice: &Voice,
) -> ExitCode {
    match write(folder, namespace, name) {
        Ok(written) => {
            for path in written {
                voice.tell(&format!("wrote {}\n", path.display()));
            }
            ExitCode::SUCCESS
        }
        Err(finding) => {
            voice.one(finding);
            ExitCode::FAILURE
        }
    }
}

fn write(
    folder: &Path,
    namespace: Option<&str>,
    name: Option<&str>,
) -> Result<[PathBuf; 2], Diagnostic> {
    let name = name.map_or_else(|| name_of(folder), str::to_owned);
    let labels = [(namespace, "a namespace"), (Some(name.as_str()), "a set")];
    for (label, what) in labels {
        if let Some(label) = label.filter(|label| !is_dns_label(label)) {
            let message = format!("`{label}` is not the name of {what}; nothing was written");
            let help = "use lower-case letters, digits and `-`, at most 63 characters";
            return Err(Diagnostic::new(&code::BAD_NAME, message, help));
        }
    }
    let previews = folder.join("previews.yaml");
    if let Some(other) = other_spelling(&previews) {
        let message = format!("{} exists; nothing was written", other.display());
        let help = "name another folder, or edit the file";
        return Err(Diagnostic::new(&code::EDIT_REFUSED, message, help));
    }
    let below = below_root(folder)?;
    stage::enter("reading");
    let found = Found::in_folder(folder);
    // Beside the baseline there will be suites, gates and whatever else has no place in it.
    let baseline = found.baseline_folder(namespace).unwrap_or_else(|| folder.to_owned());
    let baseline = below_root(&baseline)?;
    let text = found.previews(&name, namespace, &below, &baseline);
    let gate = folder.join("previews/gate/kustomization.yaml");
    in_place::create(folder, &[(previews.clone(), &text), (gate.clone(), GATE)])?;
    Ok([previews, gate])
}

/// A name as YAML writes it: `007` and `on` are names and read as something else.
fn as_scalar(name: &str) -> String {
    let mut text = String::new();
    write_string(&mut text, name, None);
    text
}

/// The folder as paths in previews.yaml name it: from the Git root, without `./` in front.
fn below_root(folder: &Path) -> Result<String, Diagnostic> {
    let folder: PathBuf = std::path::absolute(folder).unwrap_or_default().components().collect();
    let root = source_root(&folder.join("previews.yaml"));
    let below = folder.strip_prefix(&root).unwrap_or(Path::new(""));
    match below.to_str().filter(|path| path.is_empty() || is_source_path(path)) {
        Some(path) => Ok(path.to_owned()),
        None => {
            let message =
                format!("Flux takes no path such as {}; nothing was written", below.display());
            let help = "name a folder of letters, digits, `-`, `_` and `.`";
            Err(Diagnostic::new(&code::BAD_NAME, message, help))
        }
    }
}

/// What the manifests of a folder show.
#[derive(Default)]
struct Found {
    /// The Services of each namespace.
    services: BTreeMap<String, BTreeSet<String>>,
    /// A Gateway, a listener and the domain below which it serves every host.
    gateway: Option<(String, String, String, String)>,
    /// Whether the folder as a whole is a baseline: read without an error, and each object once.
    is_baseline: bool,
    /// The folders of the objects of each namespace.
    folders: BTreeMap<String, BTreeSet<PathBuf>>,
}

impl Found {
    fn in_folder(folder: &Path) -> Self {
        if !folder.is_dir() {
            return Self::default();
        }
        let (mut sources, mut errors) = (Sources::default(), Vec::new());
        let budget = InputLimits::default();
        let files = open_baseline(&[folder], &mut sources, &budget, &mut errors);
        let (objects, more) = parse_baseline(&sources, &files, &budget);
        let distinct: BTreeSet<_> = objects.iter().map(|object| &object.id).collect();
        let is_baseline = errors.is_empty() && more.is_empty() && distinct.len() == objects.len();
        let mut found = Self { is_baseline, ..Self::default() };
        for object in &objects {
            let file = &sources.get(object.place().file()).name;
            let folder = match file.strip_prefix(BUILD) {
                Some(built) => Some(Path::new(built)),
                None => Path::new(file).parent(),
            };
            let namespace = object.id.namespace.to_string();
            found.folders.entry(namespace).or_default().extend(folder.map(Path::to_owned));
            if object.is("", "Service") && is_dns_label(&object.id.name) {
                let namespace = object.id.namespace.to_string();
                found.services.entry(namespace).or_default().insert(object.id.name.to_string());
            }
            if object.is("gateway.networking.k8s.io", "Gateway") && found.gateway.is_none() {
                found.gateway = wildcard(object);
            }
        }
        found
    }

    /// The smallest folder that holds what is in the baseline's namespace, or says no namespace.
    fn baseline_folder(&self, wanted: Option<&str>) -> Option<PathBuf> {
        let namespace = wanted.or(self.namespace()).unwrap_or_default();
        let names = [namespace, ""].into_iter().filter_map(|name| self.folders.get(name));
        let mut folders = names.flatten();
        let first = folders.next()?.clone();
        Some(folders.fold(first, |common, folder| {
            let alike = common.components().zip(folder.components());
            alike.take_while(|(a, b)| a == b).map(|(part, _)| part).collect()
        }))
    }

    /// The namespace with the most Services that says so; of several, the first.
    fn namespace(&self) -> Option<&str> {
        let named = self.services.iter().filter(|(name, _)| is_dns_label(name));
        let most = named.rev().max_by_key(|(_, services)| services.len())?;
        Some(most.0)
    }

    /// The text of previews.yaml.
    fn previews(&self, name: &str, wanted: Option<&str>, below: &str, baseline: &str) -> String {
        let namespace = wanted.or(self.namespace()).unwrap_or(NAMESPACE);
        let services = self.services.get(namespace).or_else(|| self.services.get(""));
        let is_found = self.is_baseline && services.is_some();
        let mut text = HEAD.replace("NAME", &as_scalar(name));
        text.push_str("spec:\n  baseline:\n");
        if let Some(services) = services {
            text.push_str(&format!("    # Its services: {}.\n", some_of(services)));
        }
        let others: Vec<&String> =
            self.services.keys().filter(|name| is_dns_label(name) && *name != namespace).collect();
        if !others.is_empty() {
            text.push_str(&format!("    # Other namespaces here: {}.\n", some_of(others)));
        }
        text.push_str(&format!("    namespace: {}\n", as_scalar(namespace)));
        text.push_str("    # Where its manifests are, from the root of the repository.\n");
        let comment = if is_found { "" } else { "# " };
        text.push_str(&format!("    {comment}path: ./{baseline}\n"));
        if !below.is_empty() {
            text.push_str(
                "  flux:\n    # A folder without objects, from the root of the repository.\n",
            );
            text.push_str(&format!("    gate: ./{below}/previews/gate\n"));
        }
        let example = (
            "infra".to_owned(),
            "public".to_owned(),
            "https".to_owned(),
            "preview.example.com".to_owned(),
        );
        let (in_namespace, name, listener, domain) = self.gateway.as_ref().unwrap_or(&example);
        let [in_namespace, name, listener] =
            [in_namespace, name, listener].map(|text| as_scalar(text));
        text.push_str(&format!(
            "  # How a preview is reached from outside: a Gateway, and the host that a preview gets.
  # routing:
  #   entries:
  #     - gateway: {{namespace: {in_namespace}, name: {name}, sectionName: {listener}}}
  #       host: \"{{preview}}.{domain}\"
"
        ));
        text.push_str(TAIL);
        text
    }
}

const HEAD: &str = "# Which pull requests have a preview. `anabranch schema` prints every field, `anabranch check` \
what is wrong.
apiVersion: anabranch.dev/v1alpha1
kind: Previews
metadata:
  name: NAME
  annotations:
    config.kubernetes.io/local-config: \"true\"
";

const TAIL: &str = "  # Folders of test Jobs, from the root of the repository; Flux runs them once per preview and commit.
  # tests:
  #   - {name: smoke, path: ./tests/smoke}
  # `anabranch set pr-42 --image SERVICE=IMAGE` adds one, `anabranch remove pr-42` takes it away.
  previews: []
";

/// The first listener of a Gateway that serves every host below a domain.
fn wildcard(gateway: &Object) -> Option<(String, String, String, String)> {
    let listeners = gateway.node.at(&["spec", "listeners"]).map(Node::items)?;
    listeners.iter().find_map(|listener| {
        let host = listener.text_at(&["hostname"])?.strip_prefix("*.")?;
        let name = listener.text_at(&["name"])?;
        let names = [gateway.id.namespace.as_str(), gateway.id.name.as_str(), name, host];
        let [namespace, gateway, name, host] = names.map(str::to_owned);
        let fits = is_dns_label(&namespace)
            && [&gateway, &name, &host].iter().all(|text| is_dns_subdomain(text));
        fits.then_some((namespace, gateway, name, host))
    })
}

/// The name of a new set: Flux objects of all sets of a cluster carry it, so that of the repository tells
/// them apart. Without one that fits, `previews`.
fn name_of(folder: &Path) -> String {
    // Names of Flux objects, of 63 characters at most, hold those of previews and suites too.
    const LONGEST: usize = 20;
    let root = git_root(folder);
    let root = root.file_name().filter(|_| root.join(".git").exists()).unwrap_or_default();
    let root = root.to_string_lossy().to_ascii_lowercase();
    let words = root.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    let mut name = words.collect::<Vec<_>>().join("-");
    name.truncate(LONGEST);
    let name = name.trim_start_matches(|c: char| !c.is_ascii_lowercase()).trim_end_matches('-');
    if name.is_empty() { "previews".to_owned() } else { name.to_owned() }
}
