//! `anabranch diff`: what a change means, against another revision or a rendered folder.

use std::borrow::Cow;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use super::load::{Loaded, Needs, load};
use super::render::{TreeRequest, with_tree};
use super::voice::Voice;
use super::write_out;
use crate::affected::Repository;
use crate::cli::{Artifacts, Diff, DiffFormat, Input};
use crate::diagnostic::{Diagnostic, Report, Sources, code};
use crate::diff::{self, Difference, Files};
use crate::read::discover;
use crate::write::read_tree;

/// One side of a comparison: its files, and what was found while they were made.
struct Side {
    files: Files<'static>,
    sources: Sources,
    report: Report,
}

pub(super) fn run(options: &Diff, voice: &Voice) -> ExitCode {
    let compared = old_side(options).and_then(|(old, artifacts)| {
        let new = side(&options.input, artifacts, options.rendered.as_deref())?;
        // A folder keeps nothing of what was found when it was written.
        let before = options.rendered.is_none().then_some(&old.report);
        let limits = options.input.limits.input();
        let compared = Difference::between(&old.files, &new.files, before, &new.report, &limits);
        compared.map_err(|(sources, errors)| Box::new(Side { sources, ..failed(errors) }))
    });
    let difference = match compared {
        Ok(difference) => difference,
        Err(side) => {
            voice.report(&side.sources, &side.report);
            return if options.exit_code { ExitCode::from(2) } else { ExitCode::FAILURE };
        }
    };
    let text = match options.format {
        DiffFormat::Text => diff::text(&difference, voice.look(&std::io::stdout()).colour),
        DiffFormat::Json => diff::json(&difference),
        DiffFormat::Markdown => diff::markdown(&difference),
    };
    match write_out(text.as_bytes()) {
        ExitCode::SUCCESS if options.exit_code && !difference.is_empty() => ExitCode::FAILURE,
        written => written,
    }
}

/// A side without files, with the reasons.
fn failed(errors: impl IntoIterator<Item = Diagnostic>) -> Side {
    let mut report = Report::default();
    report.extend(errors);
    Side { files: Files::new(), sources: Sources::default(), report }
}

/// What is compared with, and into how many artifacts it is cut.
fn old_side(options: &Diff) -> Result<(Side, Artifacts), Box<Side>> {
    let fail = |error: Diagnostic| Box::new(failed([error]));
    if let Some(folder) = &options.rendered {
        let files = read_tree(folder).map_err(fail)?;
        let is_cut = files.contains_key("artifacts.json");
        let artifacts = if is_cut { Artifacts::Each } else { Artifacts::One };
        let files = files.into_iter().map(|(path, bytes)| (path, Cow::Owned(bytes))).collect();
        return Ok((Side { files, ..failed([]) }, artifacts));
    }
    let base = options.base.as_deref().unwrap_or_default();
    let repository =
        Repository::open(&std::env::current_dir().unwrap_or_default()).map_err(fail)?;
    let (at, head) =
        (repository.commit(base).map_err(fail)?, repository.commit("HEAD").map_err(fail)?);
    let commit = repository.merge_base((&at, base), (&head, "HEAD")).map_err(fail)?;
    let scratch = tempfile::tempdir().map_err(|error| fail(no_room(&error)))?;
    repository.export(&commit, scratch.path()).map_err(fail)?;
    let there = |path: &PathBuf| moved(path, &repository.root, scratch.path());
    let previews = options.input.previews.clone().map_or_else(discover, Ok).map_err(fail)?;
    let previews = there(&previews).map_err(fail)?;
    let root = options.input.source_root.as_ref().map(there).transpose().map_err(fail)?;
    let input = Input {
        previews: Some(previews.clone()),
        source_root: Some(root.unwrap_or_else(|| scratch.path().to_owned())),
        baseline: options
            .input
            .baseline
            .iter()
            .map(there)
            .collect::<Result<_, _>>()
            .map_err(fail)?,
        ..options.input.clone()
    };
    if !previews.exists() {
        // The change brings it here: the first one, or one that was moved.
        return Ok((failed([]), Artifacts::One));
    }
    let rename = |mut side: Side| {
        let folder = format!("{}/", scratch.path().display());
        side.sources.rename(&folder, &format!("{base}:"));
        side.report.leave_out(&folder);
        side
    };
    match side(&input, Artifacts::One, None) {
        Ok(side) => Ok((rename(side), Artifacts::One)),
        Err(side) => Err(Box::new(rename(*side))),
    }
}

/// Where a path of the checkout lies in a folder with the files of another commit.
fn moved(path: &Path, root: &Path, folder: &Path) -> Result<PathBuf, Diagnostic> {
    let absolute = |path: &Path| path.canonicalize().or_else(|_| std::path::absolute(path));
    let inside = absolute(path).ok().zip(absolute(root).ok());
    let inside = inside.and_then(|(path, root)| Some(path.strip_prefix(root).ok()?.to_owned()));
    inside.map(|inside| folder.join(inside)).ok_or_else(|| {
        let message = format!(
            "{} is no file of this repository, so another revision has none",
            path.display()
        );
        Diagnostic::new(
            &code::UNREADABLE,
            message,
            "name files of the checkout, or compare with --rendered DIR",
        )
    })
}

fn no_room(error: &std::io::Error) -> Diagnostic {
    let message = format!("no temporary folder can be made: {error}");
    Diagnostic::new(
        &code::UNREADABLE,
        message,
        "give the system room, or name another folder with TMPDIR",
    )
}

/// Renders a side as it would be written into a folder: the one that is compared with, or one below the root, which is
/// the same for both revisions.
fn side(input: &Input, artifacts: Artifacts, folder: Option<&Path>) -> Result<Side, Box<Side>> {
    let mut loaded = load(input, Needs::Baseline);
    let Some(config) = loaded.config.take() else { return Err(without_files(loaded)) };
    let folder = folder.map_or_else(|| loaded.root.join("out"), Path::to_owned);
    let request = TreeRequest { limits: &input.limits, folder: &folder, artifacts };
    let files = with_tree(&request, &config, &mut loaded, |tree, _| {
        let files = tree.files().iter();
        files.map(|(path, bytes)| (path.clone(), Cow::Owned(bytes.to_vec()))).collect()
    });
    match files {
        Some(files) => Ok(Side { files, sources: loaded.sources, report: loaded.report }),
        None => Err(without_files(loaded)),
    }
}

fn without_files(loaded: Loaded) -> Box<Side> {
    Box::new(Side { files: Files::new(), sources: loaded.sources, report: loaded.report })
}
