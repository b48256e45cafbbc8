//! Reads what commands work on: previews.yaml and the baseline.

use std::path::{Path, PathBuf};

use super::work_on_this_thread;
use crate::cli::Input;
use crate::diagnostic::{Diagnostic, FileId, Levels, Refused, Report, Sources, code, stage};
use crate::kube::Object;
use crate::limits::InputLimits;
use crate::read::{
    Parted, discover, from_here, is_inside, open_baseline, other_spelling, parse_baseline,
    parse_config, read_argument, set_aside, source_root,
};
use crate::spec::Config;

/// The input of a command.
pub(super) struct Loaded {
    pub(super) sources: Sources,
    pub(super) report: Report,
    /// `None` if previews.yaml has errors.
    pub(super) config: Option<Config>,
    pub(super) input: Parted,
    /// What paths in previews.yaml are relative to.
    pub(super) root: PathBuf,
}

/// What a command needs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Needs {
    /// previews.yaml and the baseline.
    Baseline,
    /// previews.yaml. The baseline is read too if its path is known.
    Previews,
}

/// Reads previews.yaml and the baseline; every mistake of both is in the report.
pub(super) fn load(input: &Input, levels: Levels, needs: Needs) -> Loaded {
    work_on_this_thread();
    stage::enter("reading");
    let mut report = Report::new(levels);
    let mut sources = Sources::default();
    let named = input.previews.clone().map_or_else(discover, Ok);
    let previews = named.as_deref().unwrap_or(Path::new("previews.yaml"));
    let root = input.source_root.clone().unwrap_or_else(|| source_root(previews));
    let mut reader = Reader { sources: &mut sources, limits: input.limits.input(), needs };
    let file = named.clone().and_then(|path| reader.previews(&path));
    let (config, objects) = if input.baseline.is_empty() {
        reader.of_config(file, &root, &mut report)
    } else {
        reader.of_arguments(file, &input.baseline, &root, &mut report)
    };
    report.extend(config.as_ref().and_then(outside));
    let input = match &config {
        Some(config) => set_aside(objects, config),
        None => Parted { users: objects, ..Parted::default() },
    };
    Loaded { sources, report, config, input, root }
}

struct Reader<'s> {
    sources: &'s mut Sources,
    limits: InputLimits,
    needs: Needs,
}

impl Reader<'_> {
    fn previews(&mut self, path: &Path) -> Result<FileId, Refused> {
        let read = read_argument(path, self.sources, &self.limits);
        read.map_err(|refused| with_spelling(refused, path))
    }

    /// Reads both at the same time: the arguments say where the baseline is.
    fn of_arguments(
        &mut self,
        file: Result<FileId, Refused>,
        baseline: &[PathBuf],
        root: &Path,
        report: &mut Report,
    ) -> (Option<Config>, Vec<Object>) {
        let files = open_baseline(baseline, root, self.sources, &self.limits, report);
        let (sources, limits) = (&*self.sources, &self.limits);
        let (config, objects) = rayon::join(
            || read_config(file, sources, limits),
            || parse_baseline(sources, &files, limits, report),
        );
        if objects.is_empty() && report.is_empty() {
            report.push(no_objects());
        }
        (report.keep(config), objects)
    }

    /// Reads the file first: it says where the baseline is.
    fn of_config(
        &mut self,
        file: Result<FileId, Refused>,
        root: &Path,
        report: &mut Report,
    ) -> (Option<Config>, Vec<Object>) {
        let Some(config) = report.keep(read_config(file, self.sources, &self.limits)) else {
            return (None, Vec::new());
        };
        let path = config.previews.spec.baseline.path.as_str();
        let mut objects = Vec::new();
        if path.is_empty() && self.needs == Needs::Baseline {
            report.push(config.finding(
                &code::UNREADABLE,
                "spec.baseline",
                "nothing says where the manifests of the baseline are",
                "name them with --baseline, or once and for all in spec.baseline.path",
            ));
        } else if !path.is_empty() && is_path(path) {
            let path = match from_here(&root.join(path)) {
                // A folder of this name, not stdin.
                path if path == Path::new("-") => PathBuf::from("./-"),
                path => path,
            };
            let files = open_baseline(&[path], root, self.sources, &self.limits, report);
            objects = parse_baseline(self.sources, &files, &self.limits, report);
            if objects.is_empty() && report.is_empty() {
                report.push(no_objects());
            }
        }
        (Some(config), objects)
    }
}

fn read_config(
    file: Result<FileId, Refused>,
    sources: &Sources,
    limits: &InputLimits,
) -> Result<Config, Refused> {
    Config::read(parse_config(sources, file?, limits)?)
}

/// Adds a hint to the error about a missing file if one with the other ending of YAML exists.
pub(super) fn with_spelling(refused: Refused, path: &Path) -> Refused {
    match other_spelling(path) {
        Some(other) => refused.with_help(&format!("did you mean {}?", other.display())),
        None => refused,
    }
}

/// Whether `spec.baseline.path` is a path inside the repository. `-` is not: it means stdin only as an argument.
fn is_path(text: &str) -> bool {
    is_inside(text) && text != "-"
}

/// The finding about a `spec.baseline.path` outside the repository, whether it is used or not.
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
