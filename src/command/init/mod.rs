//! `anabranch init`: writes a first previews.yaml that fits the manifests of a folder, and the folder that gates
//! name.

mod survey;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use self::survey::{Listener, Survey};
use super::voice::Voice;
use crate::diagnostic::{Diagnostic, Refused, code, some_of, stage};
use crate::read::{git_root, other_spelling, source_root};
use crate::validate::{is_dns_label, is_source_path};
use crate::write::in_place;
use crate::yaml::write_string;

const GATE: &str = "# The path of every gate: it has no objects of its own, only health checks.
apiVersion: kustomize.config.k8s.io/v1beta1
kind: Kustomization
resources: []
";

/// The namespace that is written if none was found.
const NAMESPACE: &str = "baseline";

pub(super) fn run(
    folder: &Path,
    namespace: Option<&str>,
    name: Option<&str>,
    voice: &Voice,
) -> ExitCode {
    match write(folder, namespace, name) {
        Ok(message) => {
            voice.tell(&message);
            ExitCode::SUCCESS
        }
        Err(refused) => {
            voice.refuse(refused);
            ExitCode::FAILURE
        }
    }
}

/// The folder that was chosen as the baseline.
struct Baseline {
    namespace: String,
    /// Its folder from the root of the repository, without `./` in front.
    path: String,
    /// Why the path is written as a comment, if it is.
    fault: Option<String>,
    /// Other folders that hold the same Services, as paths.
    beside: Vec<String>,
}

/// Writes both files. Returns the message about them.
fn write(folder: &Path, namespace: Option<&str>, name: Option<&str>) -> Result<String, Refused> {
    let name = name.map_or_else(|| name_of(folder), str::to_owned);
    let labels = [(namespace, "a namespace"), (Some(name.as_str()), "a set")];
    for (label, what) in labels {
        if let Some(label) = label.filter(|label| !is_dns_label(label)) {
            let message = format!("`{label}` is not the name of {what}; nothing was written");
            let help = "use lower-case letters, digits and `-`, at most 63 characters";
            return Err(Diagnostic::new(&code::BAD_NAME, message, help).into());
        }
    }
    let previews = folder.join("previews.yaml");
    if let Some(other) = other_spelling(&previews) {
        let message = format!("{} exists; nothing was written", other.display());
        let help = "name another folder, or edit the file";
        return Err(Diagnostic::new(&code::EDIT_REFUSED, message, help).into());
    }
    let below = below_root(folder)?;
    stage::enter("reading");
    let survey = Survey::in_folder(folder);
    let baseline = baseline(&survey, folder, namespace)?;
    let text = previews_file(&name, &below, &baseline, &survey);
    let gate = folder.join("previews/gate/kustomization.yaml");
    in_place::create(folder, &[(previews.clone(), &text), (gate.clone(), GATE)])?;
    let wrote = |path: &Path| format!("wrote {}\n", path.display());
    Ok(wrote(&previews) + &wrote(&gate) + &message(&baseline, &survey))
}

fn baseline(survey: &Survey, folder: &Path, wanted: Option<&str>) -> Result<Baseline, Refused> {
    let namespace = wanted.or(survey.namespace()).unwrap_or(NAMESPACE);
    // The folder around the baseline will also hold suites, gates and more, which are not part of it.
    let inner = survey.folder_of(namespace).unwrap_or_else(|| folder.to_owned());
    let (path, namespace) = (below_root(&inner)?, namespace.to_owned());
    let fault = match survey.services_of(&namespace) {
        None => Some(format!("no Service of it was found in ./{path}")),
        Some(_) => {
            survey::fault(&inner, &namespace).map(|why| format!("./{path} is not taken, as {why}"))
        }
    };
    let whole = survey.whole_folders_of(&namespace);
    let reads = |folder: &&&Path| survey::fault(folder, &namespace).is_none();
    let Some(one) = whole.iter().find(reads).filter(|_| fault.is_some()) else {
        return Ok(Baseline { namespace, path, fault, beside: Vec::new() });
    };
    let others = whole.iter().filter(|folder| *folder != one);
    let beside = others.map(|folder| below_root(folder)).collect::<Result<_, _>>()?;
    Ok(Baseline { path: below_root(one)?, fault: None, beside, namespace })
}

/// Which folder was chosen as the baseline, and which others were possible.
fn message(baseline: &Baseline, survey: &Survey) -> String {
    let Baseline { namespace, path, fault, beside } = baseline;
    let mut message = match fault {
        None => format!("the baseline is namespace {namespace}, with the manifests in ./{path}\n"),
        Some(why) => format!(
            "the baseline is namespace {namespace}, and spec.baseline.path is yours to fill in: {why}\n"
        ),
    };
    if !beside.is_empty() {
        let beside = some_of(beside.iter().map(|path| format!("./{path}")));
        let _ = writeln!(
            message,
            "the same Services are in {beside} too: spec.baseline.path says which are meant"
        );
    }
    let others = survey.beside(namespace);
    if !others.is_empty() {
        let _ = writeln!(
            message,
            "there is also {}: for another one, write it and its path into the file, or remove both files and \
             begin again with --namespace",
            some_of(others)
        );
    }
    message
}

/// Quotes a name where YAML needs it: plain `007` and `on` are not strings.
fn as_scalar(name: &str) -> String {
    let mut text = String::new();
    write_string(&mut text, name, None);
    text
}

/// The folder as paths in previews.yaml name it: from the Git root, without `./` in front.
fn below_root(folder: &Path) -> Result<String, Refused> {
    let folder: PathBuf = std::path::absolute(folder).unwrap_or_default().components().collect();
    let root = source_root(&folder.join("previews.yaml"));
    let below = folder.strip_prefix(&root).unwrap_or(Path::new(""));
    match below.to_str().filter(|path| path.is_empty() || is_source_path(path)) {
        Some(path) => Ok(path.to_owned()),
        None => {
            let message =
                format!("Flux takes no path such as {}; nothing was written", below.display());
            let help = "name a folder of letters, digits, `-`, `_` and `.`";
            Err(Diagnostic::new(&code::BAD_NAME, message, help).into())
        }
    }
}

/// The text of previews.yaml.
fn previews_file(name: &str, below: &str, baseline: &Baseline, survey: &Survey) -> String {
    let Baseline { namespace, path, fault, .. } = baseline;
    let mut text = HEAD.replace("NAME", &as_scalar(name));
    text.push_str("spec:\n  baseline:\n");
    if let Some(services) = survey.services_of(namespace) {
        text.push_str(&format!("    # Its services: {}.\n", some_of(services)));
    }
    let others = survey.beside(namespace);
    if !others.is_empty() {
        let others = some_of(others);
        text.push_str(&format!("    # Other namespaces here: {others}. A system that lives in several lists them as `namespaces`.\n"));
    }
    text.push_str(&format!("    namespace: {}\n", as_scalar(namespace)));
    text.push_str("    # Where its manifests are, from the root of the repository.\n");
    let comment = if fault.is_some() { "# " } else { "" };
    text.push_str(&format!("    {comment}path: ./{path}\n"));
    if !below.is_empty() {
        text.push_str(
            "  flux:\n    # A folder without objects, from the root of the repository.\n",
        );
        text.push_str(&format!("    gate: ./{below}/previews/gate\n"));
    }
    let example = Listener {
        gateway: ("infra".to_owned(), "public".to_owned()),
        name: "https".to_owned(),
        domain: "preview.example.com".to_owned(),
    };
    let Listener { gateway: (in_namespace, gateway), name, domain } =
        survey.gateway.as_ref().unwrap_or(&example);
    let [in_namespace, gateway, name] = [in_namespace, gateway, name].map(|text| as_scalar(text));
    text.push_str(&format!(
        "  # How a preview is reached from outside: a Gateway, and the host that a preview gets.
  # routing:
  #   entries:
  #     - gateway: {{namespace: {in_namespace}, name: {gateway}, sectionName: {name}}}
  #       host: \"{{preview}}.{domain}\"
"
    ));
    text.push_str(TAIL);
    text
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

/// The name of a new set. The Flux objects of all sets of a cluster have it in their names, so that of the repository
/// tells them apart. `previews` if that does not fit.
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
