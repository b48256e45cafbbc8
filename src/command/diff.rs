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
use crate::diagnostic::text::short;
use crate::diagnostic::{Diagnostic, Levels, Refused, Report, Severity, Sources, code};
use crate::diff::{self, Difference, Files, Unreadable};
use crate::ordered::ordered;
use crate::read::{discover, from_here};
use crate::write::read_tree;

/// One side of a comparison: its files, and what was found while they were made.
struct Side {
    files: Files<'static>,
    sources: Sources,
    report: Report,
}

/// The earlier side of the comparison.
struct Old {
    side: Side,
    artifacts: Artifacts,
    /// Why it is unknown, if it is.
    caveat: Option<Diagnostic>,
}

pub(super) fn run(options: &Diff, voice: &Voice) -> ExitCode {
    let refused = || if options.exit_code { ExitCode::from(2) } else { ExitCode::FAILURE };
    let compared = old_side(options, voice).and_then(|old| {
        let levels = options.levels.levels();
        let new = side(&options.input, levels, old.artifacts, options.rendered.as_deref())?;
        // A rendered folder does not keep the findings of the run that wrote it.
        let is_known = options.rendered.is_none() && old.caveat.is_none();
        let before = is_known.then_some(&old.side.report);
        let limits = options.input.limits.input();
        let (files, report) = (&old.side.files, &new.report);
        let compared = Difference::between(files, &new.files, before, report, &limits);
        let mut difference = compared.map_err(|Unreadable { sources, refused }| {
            Box::new(Side { sources, ..failed(Some(refused)) })
        })?;
        difference.caveat = old.caveat.as_ref().map(|caveat| caveat.message.clone());
        let mut report = Report::new(options.levels.levels());
        report.extend(old.caveat);
        Ok((difference, report))
    });
    let (difference, report) = match compared {
        Ok(compared) => compared,
        Err(side) => {
            voice.report(&side.sources, &side.report);
            return refused();
        }
    };
    voice.report(&Sources::default(), &report);
    if report.is_refused() {
        return refused();
    }
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

/// A side without files, with the reasons why there are none.
fn failed(refused: Option<Refused>) -> Side {
    let mut report = Report::default();
    report.extend(refused.into_iter().flatten());
    Side { files: Files::new(), sources: Sources::default(), report }
}

fn old_side(options: &Diff, voice: &Voice) -> Result<Old, Box<Side>> {
    let fail = |refused: Refused| Box::new(failed(Some(refused)));
    if let Some(folder) = &options.rendered {
        let files = read_tree(folder).map_err(fail)?;
        let is_cut = files.contains_key("artifacts.json");
        let artifacts = if is_cut { Artifacts::Each } else { Artifacts::One };
        let files = ordered(files.into_iter().map(|(path, bytes)| (path, Cow::Owned(bytes))));
        return Ok(Old { side: Side { files, ..failed(None) }, artifacts, caveat: None });
    }
    let base = options.base.as_deref().unwrap_or_default();
    let repository =
        Repository::open(&std::env::current_dir().unwrap_or_default()).map_err(fail)?;
    let (at, head) =
        (repository.commit(base).map_err(fail)?, repository.commit("HEAD").map_err(fail)?);
    let commit = repository.merge_base((&at, base), (&head, "HEAD")).map_err(fail)?;
    let scratch = tempfile::tempdir().map_err(|error| fail(no_room(&error).into()))?;
    let folder = scratch.path().canonicalize().map_err(|error| fail(no_room(&error).into()))?;
    repository.export(&commit, &folder).map_err(fail)?;
    let there = |path: &PathBuf| moved(path, &repository.root, &folder);
    let named = options.input.previews.clone().map_or_else(discover, Ok).map_err(fail)?;
    let mut previews = there(&named).map_err(fail)?;
    let root = options.input.source_root.as_ref().map(there).transpose().map_err(fail)?;
    let baseline = options.input.baseline.iter().map(there).collect::<Result<_, _>>();
    let baseline = baseline.map_err(fail)?;
    let (artifacts, mut caveat) = (Artifacts::One, None);
    if !previews.exists() {
        let files = repository.files(&commit).map_err(fail)?;
        let Some(path) = moved_away(&files, &named, &repository.root) else {
            // The change adds the first previews.yaml.
            return Ok(Old { side: failed(None), artifacts, caveat });
        };
        voice.tell(&format!("{} is compared with {base}:{path}\n", named.display()));
        previews = folder.join(path);
    }
    // Findings of the earlier revision are not caused by this change.
    let allow = options.levels.levels().allow;
    let levels = Levels { allow, ..Levels::default() };
    let input = Input {
        previews: Some(previews),
        source_root: Some(root.unwrap_or_else(|| folder.clone())),
        baseline,
        ..options.input.clone()
    };
    let side = match side(&input, levels, artifacts, None) {
        Ok(side) => named_after(base, &folder, side),
        Err(side) => {
            caveat = Some(not_rendered(base, &named_after(base, &folder, *side)));
            failed(None)
        }
    };
    Ok(Old { side, artifacts, caveat })
}

/// Names the files of a side after their revision, instead of the temporary folder they are read from.
fn named_after(base: &str, folder: &Path, mut side: Side) -> Side {
    // The relative path can end with the absolute one, so it is replaced first.
    for folder in [from_here(folder), folder.to_owned()] {
        let folder = folder.display();
        for (from, to) in
            [(format!("{folder}/"), format!("{base}:")), (folder.to_string(), format!("{base}:."))]
        {
            side.sources.rename(&from, &to);
            side.report.rename(&from, &to);
        }
    }
    side
}

/// The previous path of a file that the change moved: the only file with its name, or with a usual name, that no
/// longer exists.
fn moved_away<'f>(files: &'f [String], named: &Path, root: &Path) -> Option<&'f str> {
    let own = named.file_name()?.to_str()?;
    let is_one = |path: &&String| {
        let name = path.rsplit('/').next().unwrap_or(path);
        (name == own || matches!(name, "previews.yaml" | "previews.yml"))
            && !root.join(path).exists()
    };
    let mut candidates = files.iter().filter(is_one);
    candidates.next().filter(|_| candidates.next().is_none()).map(String::as_str)
}

/// The warning that the earlier revision cannot be rendered. It is no error: a change that repairs the file should still
/// be shown.
fn not_rendered(base: &str, side: &Side) -> Diagnostic {
    let is_error = |one: &&Diagnostic| one.severity() == Severity::Error;
    let errors: Vec<&Diagnostic> = side.report.sorted().into_iter().filter(is_error).collect();
    let first = errors.first().map_or_else(String::new, |first| {
        let place = first.place.map(|place| {
            let source = side.sources.get(place.file());
            format!(" ({}:{})", source.name, source.line_column(place.range().start).0)
        });
        format!("{}{}", short(&first.message), place.unwrap_or_default())
    });
    let more = match errors.len() {
        0 | 1 => String::new(),
        more => format!(", and {} more", more - 1),
    };
    let message =
        format!("`{base}` cannot be rendered, so all that is here counts as added: {first}{more}");
    let help =
        "compare with what was rendered of it once, with --rendered DIR, or with an older revision";
    Diagnostic::new(&code::BASE_NOT_RENDERED, message, help)
}

/// Maps a path of the checkout to the folder with the files of another commit.
fn moved(path: &Path, root: &Path, folder: &Path) -> Result<PathBuf, Refused> {
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
        .into()
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

/// Renders a side as `render -o` would write it: into the folder that is compared with, or into a path below the root
/// that both sides share.
fn side(
    input: &Input,
    levels: Levels,
    artifacts: Artifacts,
    folder: Option<&Path>,
) -> Result<Side, Box<Side>> {
    let mut loaded = load(input, levels, Needs::Baseline);
    let Some(config) = loaded.config.take() else { return Err(without_files(loaded)) };
    let folder = folder.map_or_else(|| loaded.root.join("out"), Path::to_owned);
    let request = TreeRequest { limits: &input.limits, folder: &folder, artifacts };
    let files = with_tree(&request, &config, &mut loaded, |tree, _| {
        let files = tree.files().iter();
        ordered(files.map(|(path, bytes)| (path.clone(), Cow::Owned(bytes.to_vec()))))
    });
    match files {
        Some(files) => Ok(Side { files, sources: loaded.sources, report: loaded.report }),
        None => Err(without_files(loaded)),
    }
}

fn without_files(loaded: Loaded) -> Box<Side> {
    Box::new(Side { files: Files::new(), sources: loaded.sources, report: loaded.report })
}
