//! What commands that compile work on, and those that only look: previews.yaml and the baseline.

use std::path::{Path, PathBuf};

use super::work_on_this_thread;
use crate::cli::Input;
use crate::diagnostic::{Diagnostic, FileId, Report, Sources, code, stage};
use crate::kube::Object;
use crate::read::{
    Parted, discover, from_here, is_inside, open_baseline, other_spelling, parse_baseline,
    parse_config, read_argument, set_aside, source_root,
};
use crate::spec::Config;
use crate::yaml::InputLimits;

/// What a command works on.
pub(super) struct Loaded {
    pub(super) sources: Sources,
    pub(super) report: Report,
    /// None where previews.yaml has errors.
    pub(super) config: Option<Config>,
    pub(super) input: Parted,
    /// What paths in previews.yaml are relative to.
    pub(super) root: PathBuf,
}

/// What a command cannot do without.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// previews.yaml and the baseline.
    Baseline,
    /// previews.yaml; the baseline is read where something says where it is.
    Previews,
}

/// Reads previews.yaml and the baseline; every mistake of both is in the report.
pub(super) fn load(input: &Input, needs: Needs) -> Loaded {
    work_on_this_thread();
    stage::enter("reading");
    let mut report = Report::new(input.levels.levels());
    let mut sources = Sources::default();
    let mut found = Vec::new();
    let named = input.previews.clone().map_or_else(discover, Ok);
    let previews = named.as_deref().unwrap_or(Path::new("previews.yaml"));
    let root = input.source_root.clone().unwrap_or_else(|| source_root(previews));
    let mut reader = Reader { sources: &mut sources, budget: input.limits.input(), needs };
    let file = named.clone().and_then(|path| reader.previews(&path));
    let (config, objects) = if input.baseline.is_empty() {
        reader.of_config(file, &root, &mut found)
    } else {
        reader.of_arguments(file, &input.baseline, &mut found)
    };
    report.extend(config.as_ref().and_then(outside));
    report.extend(found);
    let input = match &config {
        Some(config) => set_aside(objects, config),
        None => Parted { users: objects, ..Parted::default() },
    };
    Loaded { sources, report, config, input, root }
}

struct Reader<'s> {
    sources: &'s mut Sources,
    budget: InputLimits,
    needs: Needs,
}

impl Reader<'_> {
    fn previews(&mut self, path: &Path) -> Result<FileId, Diagnostic> {
        read_argument(path, self.sources, &self.budget).map_err(|mut error| {
            if let Some(other) = other_spelling(path) {
                error.help = format!("did you mean {}?", other.display());
            }
            error
        })
    }

    /// Reads both at once: the arguments say where the baseline is.
    fn of_arguments(
        &mut self,
        file: Result<FileId, Diagnostic>,
        baseline: &[PathBuf],
        found: &mut Vec<Diagnostic>,
    ) -> (Option<Config>, Vec<Object>) {
        let files = open_baseline(baseline, self.sources, &self.budget, found);
        let (sources, budget) = (&*self.sources, &self.budget);
        let (config, (objects, errors)) = rayon::join(
            || read_config(file, sources, budget),
            || {
                Config::prepare();
                parse_baseline(sources, &files, budget)
            },
        );
        found.extend(errors);
        if objects.is_empty() && found.is_empty() {
            found.push(no_objects());
        }
        (config.map_err(|errors| found.extend(errors)).ok(), objects)
    }

    /// Reads the file first: it says where the baseline is.
    fn of_config(
        &mut self,
        file: Result<FileId, Diagnostic>,
        root: &Path,
        found: &mut Vec<Diagnostic>,
    ) -> (Option<Config>, Vec<Object>) {
        let config = match read_config(file, self.sources, &self.budget) {
            Ok(config) => config,
            Err(errors) => {
                found.extend(errors);
                return (None, Vec::new());
            }
        };
        let path = config.previews.spec.baseline.path.as_str();
        let mut objects = Vec::new();
        if path.is_empty() && self.needs == Needs::Baseline {
            found.push(config.finding(
                &code::UNREADABLE,
                "spec.baseline",
                "nothing says where the manifests of the baseline are",
                "name them with --baseline, or once and for all in spec.baseline.path",
            ));
        } else if !path.is_empty() && is_path(path) {
            let path = match from_here(&root.join(path)) {
                // Of a folder with this name, and not stdin.
                path if path == Path::new("-") => PathBuf::from("./-"),
                path => path,
            };
            let files = open_baseline(&[path], self.sources, &self.budget, found);
            let (read, errors) = parse_baseline(self.sources, &files, &self.budget);
            found.extend(errors);
            objects = read;
            if objects.is_empty() && found.is_empty() {
                found.push(no_objects());
            }
        }
        (Some(config), objects)
    }
}

fn read_config(
    file: Result<FileId, Diagnostic>,
    sources: &Sources,
    budget: &InputLimits,
) -> Result<Config, Vec<Diagnostic>> {
    let mut found = Vec::new();
    match parse_config(sources, file.map_err(|error| vec![error])?, budget, &mut found) {
        Some(node) => Config::read(node),
        None => Err(found),
    }
}

/// Whether a text of the file is a path inside the repository: `-` is not, but stdin where it is an argument.
fn is_path(text: &str) -> bool {
    is_inside(text) && text != "-"
}

/// What is wrong with the path of the baseline, used or not.
fn outside(config: &Config) -> Option<Diagnostic> {
    let path = &config.previews.spec.baseline.path;
    (!path.is_empty() && !is_path(path)).then(|| {
        config.finding(
            &code::CONFIG_FIELD,
            "spec.baseline.path",
            format!("`{path}` is not a path inside the repository"),
            "write a path relative to the Git root, such as ./apps/staging",
        )
    })
}

fn no_objects() -> Diagnostic {
    Diagnostic::new(
        &code::UNREADABLE,
        "the baseline holds no objects",
        "pass the manifests of the baseline with --baseline: files, folders, or `-` for stdin",
    )
}
