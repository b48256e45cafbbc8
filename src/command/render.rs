//! `anabranch render`: all objects of all previews, as a stream or as a folder.

use std::collections::BTreeMap;
use std::mem::ManuallyDrop;
use std::path::Path;
use std::process::ExitCode;

use rayon::prelude::*;

use super::{Loaded, check_suites, load, say, say_report, write_out};
use crate::cli::{Artifacts, Limits, Render};
use crate::diagnostic::code;
use crate::emit::{Draft, Preview, Shape, Suites, Words};
use crate::kube::Id;
use crate::pipeline::{Compiled, Request, compile, delivered};
use crate::plan::naming::safe_hash;
use crate::read::{Parted, check_references, read_suites, source_root};
use crate::spec::{Config, Delivery, SourceKind};
use crate::write::{Artifact, Tree, append, of_artifacts, write_tree};

pub(super) fn run(options: &Render) -> ExitCode {
    // The process ends with the command: to give every piece of its memory back would only take time.
    let mut loaded = ManuallyDrop::new(load(&options.input));
    let Some(config) = loaded.config.take().map(ManuallyDrop::new) else {
        say_report(&loaded.sources, &loaded.report);
        return ExitCode::FAILURE;
    };
    match &options.output {
        None => render_stream(options, &config, &mut loaded),
        Some(folder) => render_tree(options, &config, &mut loaded, folder),
    }
}

fn render_stream(options: &Render, config: &Config, loaded: &mut Loaded) -> ExitCode {
    let (root, budget) = (options.source_root.as_deref(), options.input.limits.input());
    check_suites(config, root, &loaded.sources, &budget, &mut loaded.report);
    let limits = options.input.limits.output();
    let request = Request { shape: Shape::Stream, limits, only: &options.only };
    let report = &mut loaded.report;
    let written = compile(config, &mut loaded.input, &request, report, |compiled| {
        say_report(&loaded.sources, compiled.report);
        write_stream_of(config, compiled, options.only.is_empty())
    });
    written.unwrap_or_else(|| {
        say_report(&loaded.sources, &loaded.report);
        ExitCode::FAILURE
    })
}

/// So many previews become one text, which is written while the next is filled.
const TOGETHER: usize = 8;

/// Writes the stream: what is `whole` has the baseline and what previews share.
fn write_stream_of(config: &Config, compiled: Compiled<'_, '_>, whole: bool) -> ExitCode {
    let Compiled { previews, common, input, .. } = compiled;
    let previews = ManuallyDrop::new(previews);
    let own = |preview: &Preview<'_, Draft<'_>>, text: &mut String| {
        append(text, preview.words(), preview.own.iter().map(|(_, own)| own));
    };
    let flux = |preview: &Preview<'_, Draft<'_>>, text: &mut String| {
        append(text, preview.words(), &preview.flux);
    };
    let mut out = Out::default();
    if whole {
        out.documents(&baseline(config, input, common.changed));
        out.previews(&previews, own);
        out.documents(&common.shared);
        out.previews(&previews, flux);
        common.flux.values().for_each(|objects| out.documents(objects));
    } else {
        out.previews(&previews, own);
        out.previews(&previews, flux);
    }
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
    /// Whether writing still makes sense.
    fn is_open(&self) -> bool {
        self.code == ExitCode::SUCCESS
    }

    /// Writes documents of no single preview.
    fn documents(&mut self, drafts: &[Draft<'_>]) {
        let mut text = String::new();
        append(&mut text, Words::NONE, drafts);
        self.part(&text);
    }

    /// Writes documents of each preview.
    fn previews<'c>(
        &mut self,
        previews: &[Preview<'_, Draft<'c>>],
        fill: impl Fn(&Preview<'_, Draft<'c>>, &mut String) + Sync,
    ) {
        let mut chunks = previews.chunks(TOGETHER);
        let mut made = String::new();
        // What was written makes room for what comes after next.
        let mut written = String::new();
        loop {
            let next = chunks.next();
            written.clear();
            rayon::join(
                || next.into_iter().flatten().for_each(|preview| fill(preview, &mut written)),
                || self.part(&made),
            );
            std::mem::swap(&mut written, &mut made);
            if next.is_none() || !self.is_open() {
                return;
            }
        }
    }

    /// Writes documents behind those before them.
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

fn render_tree(options: &Render, config: &Config, loaded: &mut Loaded, folder: &Path) -> ExitCode {
    let request = TreeRequest {
        previews: &options.input.previews,
        source_root: options.source_root.as_deref(),
        limits: &options.input.limits,
        folder,
        artifacts: options.artifacts,
    };
    let written = with_tree(&request, config, loaded, |tree, loaded| {
        say_report(&loaded.sources, &loaded.report);
        write_tree(folder, tree)
    });
    match written {
        Some(Ok(())) => ExitCode::SUCCESS,
        Some(Err(finding)) => {
            say(&format!("{}\n", crate::diagnostic::terminal::one_line(&finding)));
            ExitCode::FAILURE
        }
        None => {
            say_report(&loaded.sources, &loaded.report);
            ExitCode::FAILURE
        }
    }
}

/// What a tree is made of, besides what was loaded.
pub(super) struct TreeRequest<'a> {
    pub(super) previews: &'a Path,
    /// What paths of suites are relative to, where it was said.
    pub(super) source_root: Option<&'a Path>,
    pub(super) limits: &'a Limits,
    /// Where the tree will be.
    pub(super) folder: &'a Path,
    pub(super) artifacts: Artifacts,
}

/// Plans a tree and hands it to `finish`; none where the report has errors.
pub(super) fn with_tree<T>(
    request: &TreeRequest<'_>,
    config: &Config,
    loaded: &mut Loaded,
    finish: impl FnOnce(&Tree<'_>, &Loaded) -> T,
) -> Option<T> {
    let root = request.source_root.map_or_else(|| source_root(request.previews), Path::to_owned);
    let mut found = Vec::new();
    let budget = request.limits.input();
    let files = read_suites(config, &root, &loaded.sources, &budget, &mut found);
    found.extend(check_references(config, &files, &budget));
    let cut = request.artifacts == Artifacts::Each;
    if cut && config.previews.spec.flux.artifacts.url.is_empty() {
        found.push(config.finding(
            &code::CONFIG_FIELD,
            "spec.flux.artifacts.url",
            "spec.flux.artifacts.url is missing: where artifacts of previews are pushed",
            "write oci:// and a repository in a registry, such as oci://ghcr.io/shop/previews",
        ));
    }
    loaded.report.extend(found);
    let suites = hash_suites(config, &files);
    let below = if cut { "root" } else { "" };
    let path_in_source = tree_path(config, &request.folder.join(below), &root);
    let shape = Shape::Tree { suites: &suites, root: &path_in_source, cut };
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
    match tree {
        Ok(tree) => Some(finish(&tree, loaded)),
        Err(found) => {
            loaded.report.extend(found);
            None
        }
    }
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
    tests.iter().map(|suite| (suite.name.clone(), hash(&suite.name))).collect()
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
