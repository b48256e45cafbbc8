//! `anabranch render`: all objects of all previews, as a stream or as a folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::{self, ExitCode};

use rayon::prelude::*;

use super::load::{Loaded, Needs, load};
use super::voice::Voice;
use super::write_out;
use crate::arguments::LimitOptions;
use crate::cli::{Artifacts, Input, Render};
use crate::diagnostic::{Refused, Report, stage};
use crate::diff::{self, Difference, Unreadable};
use crate::emit::{Draft, HoleValues, OutputShape, Suites};
use crate::kube::Id;
use crate::limits::InputLimits;
use crate::ordered::ordered;
use crate::pipeline::{Compiled, Request, compile, delivered};
use crate::plan::check_suites_of_forks;
use crate::plan::naming::safe_hash;
use crate::read::{Parted, check_gate, check_references, read_suites};
use crate::spec::{Config, Delivery, SourceKind};
use crate::validate::no_place_for_artifacts;
use crate::write::{
    Artifact, SuiteFiles, Tree, Written, append, compare_tree, in_order, of_artifacts,
    read_earlier, write_tree,
};

pub(super) fn run(options: &Render, voice: &Voice) -> ExitCode {
    let mut loaded = load(&options.input, options.levels.levels(), Needs::Baseline);
    let Some(config) = loaded.config.take() else {
        voice.report(&loaded.sources, &loaded.report);
        return ExitCode::FAILURE;
    };
    match options.folder() {
        None => render_stream(options, &config, &mut loaded, voice),
        Some(folder) => render_tree(options, &config, &mut loaded, folder, voice),
    }
}

fn render_stream(
    options: &Render,
    config: &Config,
    loaded: &mut Loaded,
    voice: &Voice,
) -> ExitCode {
    let limits = &options.input.limits;
    if options.input.source_root.is_some() {
        // The stream does not contain suites; their files are read to report missing ones.
        suite_files(config, loaded, &limits.input());
    }
    let is_in_source = is_in_source(&options.input, &loaded.root);
    let gate = is_in_source.then(|| check_gate(config, &loaded.root)).flatten();
    let request =
        Request { shape: OutputShape::Stream, limits: limits.output(), only: &options.only };
    let report = &mut loaded.report;
    let written = compile(config, &mut loaded.input, &request, report, |mut compiled| {
        // Reported together with other findings, and not if rendering fails anyway.
        let mut more = Report::new(options.levels.levels());
        if let Some(gate) = gate {
            more.extend(compiled.report.sorted().into_iter().cloned().chain([gate]));
        }
        let report = if more.is_empty() { compiled.report } else { &more };
        voice.report(&loaded.sources, report);
        if report.is_refused() {
            return ExitCode::FAILURE;
        }
        stage::enter("writing");
        let code = write_stream_of(config, &mut compiled, options.only.is_empty());
        voice.times();
        // Nothing is left to do, and freeing all that was made would take 3 to 5 % of the time.
        process::exit(i32::from(code != ExitCode::SUCCESS))
    });
    written.unwrap_or_else(|| {
        voice.report(&loaded.sources, &loaded.report);
        ExitCode::FAILURE
    })
}

/// Whether paths in previews.yaml can be checked: a copy of the file that is read alone has no repository around it.
pub(super) fn is_in_source(input: &Input, root: &Path) -> bool {
    input.source_root.is_some() || root.join(".git").exists()
}

/// How many objects are formatted into one text, which is written while the next is filled.
const TOGETHER: usize = 512;

/// Writes the stream. If it is `whole`, with the baseline and the shared objects.
fn write_stream_of(config: &Config, compiled: &mut Compiled<'_, '_>, whole: bool) -> ExitCode {
    let Compiled { previews, common, input, .. } = compiled;
    let mut out = Out::default();
    if whole {
        let delivered = baseline(config, input, std::mem::take(&mut common.changed));
        out.documents(delivered.iter().map(|draft| (draft, HoleValues::NONE)));
    }
    out.documents(in_order(previews, whole.then_some(common)));
    out.code
}

/// A stream on stdout.
struct Out {
    started: bool,
    code: ExitCode,
}

impl Default for Out {
    fn default() -> Self {
        Self { started: false, code: ExitCode::SUCCESS }
    }
}

impl Out {
    /// Whether the reader is still there.
    fn is_open(&self) -> bool {
        self.code == ExitCode::SUCCESS
    }

    /// Writes drafts with their values.
    fn documents<'d>(
        &mut self,
        mut drafts: impl Iterator<Item = (&'d Draft<'d>, HoleValues<'d>)> + Send,
    ) {
        let mut made = String::new();
        // Buffers that were written are used again.
        let mut written = String::new();
        loop {
            written.clear();
            let next = drafts.by_ref().take(TOGETHER);
            rayon::join(
                || next.for_each(|(draft, values)| append(&mut written, values, [draft])),
                || self.part(&made),
            );
            std::mem::swap(&mut written, &mut made);
            if made.is_empty() || !self.is_open() {
                return;
            }
        }
    }

    /// Appends documents to the stream.
    fn part(&mut self, documents: &str) {
        if documents.is_empty() || !self.is_open() {
            return;
        }
        if self.started {
            self.code = write_out(b"---\n");
        }
        self.started = true;
        if self.is_open() {
            self.code = write_out(documents.as_bytes());
        }
    }
}

fn render_tree(
    options: &Render,
    config: &Config,
    loaded: &mut Loaded,
    folder: &Path,
    voice: &Voice,
) -> ExitCode {
    let limits = &options.input.limits;
    let request = TreeRequest { limits, folder, artifacts: options.artifacts };
    type Done = Result<(Written, Option<Result<Difference, Unreadable>>), Refused>;
    let done = with_tree(&request, config, loaded, |tree, loaded| -> Done {
        voice.report(&loaded.sources, &loaded.report);
        stage::enter("writing");
        if !options.dry_run {
            return Ok((write_tree(folder, tree)?, None));
        }
        let written = compare_tree(folder, tree)?;
        let earlier = read_earlier(folder)?;
        Ok((written, Some(difference(earlier, tree, limits))))
    });
    let Some(done) = done else {
        voice.report(&loaded.sources, &loaded.report);
        return ExitCode::FAILURE;
    };
    match done {
        Ok((written, difference)) => {
            let count = config.previews.spec.previews.len();
            let verb = if options.dry_run { "would render" } else { "rendered" };
            let previews = if count == 1 { "preview" } else { "previews" };
            let into = format!("{verb} {count} {previews} into {}", folder.display());
            voice.tell(&format!("{into}: {}\n", summary(&written)));
            // If the objects of the folder are unknown, its files are listed instead.
            let is_unknown = matches!(difference, Some(Err(_)));
            if voice.verbose || is_unknown {
                voice.tell(&listing(&written, voice.verbose));
            }
            match difference {
                Some(Ok(difference)) => {
                    let text = diff::text(&difference, voice.look(&std::io::stdout()).colour);
                    write_out(text.as_bytes())
                }
                Some(Err(unreadable)) => {
                    let why = unreadable.first_in(folder);
                    voice.tell(&format!("which objects change cannot be told: {why}\n"));
                    ExitCode::SUCCESS
                }
                None => ExitCode::SUCCESS,
            }
        }
        Err(refused) => {
            voice.refuse(refused);
            ExitCode::FAILURE
        }
    }
}

/// The difference between the objects of a tree and the files of an earlier run in its folder, which somebody may
/// have changed.
fn difference(
    earlier: BTreeMap<String, Vec<u8>>,
    tree: &Tree<'_>,
    limits: &LimitOptions,
) -> Result<Difference, Unreadable> {
    let earlier = ordered(earlier.into_iter().map(|(path, bytes)| (path, bytes.into())));
    Difference::between(&earlier, tree.files(), None, &Report::default(), &limits.input())
}

/// How many files were written, changed and removed.
fn summary(written: &Written) -> String {
    let counts = [
        (written.new.len(), "new"),
        (written.changed.len(), "changed"),
        (written.removed.len(), "removed"),
        (written.unchanged, "unchanged"),
    ];
    let parts = counts.into_iter().filter(|(count, _)| *count > 0);
    let parts: Vec<String> = parts.map(|(count, what)| format!("{count} {what}")).collect();
    format!("files {}", parts.join(", "))
}

/// The files that were written, changed and removed, one a line; shortened if there are many.
fn listing(written: &Written, all: bool) -> String {
    const SHOWN: usize = 20;
    let shown = if all { usize::MAX } else { SHOWN };
    let mut text = String::new();
    for (mark, paths) in [('+', &written.new), ('~', &written.changed), ('-', &written.removed)] {
        for path in paths.iter().take(shown) {
            text.push_str(&format!("  {mark} {path}\n"));
        }
        if paths.len() > shown {
            text.push_str(&format!("  {mark} ... and {} more\n", paths.len() - shown));
        }
    }
    text
}

/// What a tree needs besides the input.
pub(super) struct TreeRequest<'a> {
    pub(super) limits: &'a LimitOptions,
    /// Where the tree will be.
    pub(super) folder: &'a Path,
    pub(super) artifacts: Artifacts,
}

/// Files of the suites, by their path below `tests/`; what is wrong with them goes to the report.
fn suite_files(config: &Config, loaded: &mut Loaded, limits: &InputLimits) -> SuiteFiles {
    let report = &mut loaded.report;
    let files = read_suites(config, &loaded.root, &loaded.sources, limits, report);
    check_references(config, &files, limits, report);
    check_suites_of_forks(config, &files, limits, report);
    files
}

/// Plans a tree and passes it to `finish`; `None` if the report has errors.
pub(super) fn with_tree<T>(
    request: &TreeRequest<'_>,
    config: &Config,
    loaded: &mut Loaded,
    finish: impl FnOnce(&Tree<'_>, &Loaded) -> T,
) -> Option<T> {
    let files = suite_files(config, loaded, &request.limits.input());
    let cut = request.artifacts == Artifacts::Each;
    // `spec.flux.artifacts` was validated if it is written.
    if cut && config.flux("artifacts").is_none() {
        loaded.report.push(no_place_for_artifacts(config));
    }
    let suites = hash_suites(config, &files);
    let below = if cut { "root" } else { "" };
    let path_in_source = tree_path(config, &request.folder.join(below), &loaded.root);
    let shape = OutputShape::Tree { suites: &suites, path: &path_in_source, artifacts_each: cut };
    let compiling = Request { shape, limits: request.limits.output(), only: &[] };
    let report = &mut loaded.report;
    let tree = compile(config, &mut loaded.input, &compiling, report, |compiled| {
        let Compiled { previews, mut common, input, .. } = compiled;
        let baseline = baseline(config, input, std::mem::take(&mut common.changed));
        match request.artifacts {
            Artifacts::One => {
                let previews = previews.par_iter().map(Tree::of_preview).collect();
                Tree::new(previews, &common, &baseline, &files)
            }
            Artifacts::Each => {
                let own = |preview| Artifact::of_preview(config, preview, &files, &suites);
                let previews = previews.par_iter().map(own).collect();
                of_artifacts(config, previews, &common, &baseline)
            }
        }
    })?;
    let tree = loaded.report.keep(tree)?;
    Some(finish(&tree, loaded))
}

/// The objects of the baseline that are delivered with the output, in order.
fn baseline<'e>(
    config: &Config,
    input: &Parted,
    changed: BTreeMap<Id, Draft<'e>>,
) -> Vec<Draft<'e>> {
    match config.previews.spec.baseline.delivery {
        Delivery::Include => delivered(input, changed),
        Delivery::External => Vec::new(),
    }
}

/// A hash of each suite's files.
fn hash_suites(config: &Config, files: &BTreeMap<String, Vec<u8>>) -> Suites {
    let hash = |name: &str| {
        let prefix = format!("{name}/");
        let own = files.range(prefix.clone()..);
        let own = own.take_while(|(path, _)| path.starts_with(&prefix));
        safe_hash(own.flat_map(|(path, content)| [path.as_bytes(), content]), 16)
    };
    let tests = &config.previews.spec.tests;
    ordered(tests.iter().map(|suite| (suite.name.clone(), hash(&suite.name))))
}

/// The path of the tree in the Flux source. An OCI artifact or bucket is made from the tree itself;
/// in a Git repository the tree lies somewhere below its root.
fn tree_path(config: &Config, folder: &Path, root: &Path) -> String {
    let absolute = |path: &Path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
    let below = match config.previews.spec.flux.source_ref.kind {
        SourceKind::GitRepository => absolute(folder)
            .strip_prefix(absolute(root))
            .map(|below| below.to_string_lossy().into_owned())
            .unwrap_or_default(),
        _ => String::new(),
    };
    if below.is_empty() { "./".to_owned() } else { format!("./{below}/") }
}
