//! `anabranch render`: all objects of all previews, as a stream or as a folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use super::{Loaded, check_suites, load, say, say_report, write_out};
use crate::cli::Render;
use crate::emit::{Common, Document, Shape, Suites};
use crate::kube::Object;
use crate::pipeline::{Compiled, Request, compile, delivered};
use crate::plan::naming::safe_hash;
use crate::read::{read_suites, source_root};
use crate::spec::{Config, Delivery, SourceKind};
use crate::write::{Tree, join, parts, stream, write_tree};
use crate::yaml::write_stream;

pub(super) fn run(options: &Render) -> ExitCode {
    let mut loaded = load(&options.input);
    let Some(config) = loaded.config.take() else {
        say_report(&loaded.sources, &loaded.report);
        return ExitCode::FAILURE;
    };
    match &options.output {
        None => render_stream(options, &config, loaded),
        Some(folder) => render_tree(options, &config, loaded, folder),
    }
}

fn render_stream(options: &Render, config: &Config, mut loaded: Loaded) -> ExitCode {
    check_suites(config, options.source_root.as_deref(), &mut loaded.report);
    let text = |objects: Vec<Object>| write_stream(objects.iter().map(|object| &object.node));
    let ceiling = options.input.limits.ceiling();
    let request = Request { shape: Shape::Stream, ceiling, only: &options.only };
    let compiled = compile(config, &mut loaded.objects, &request, &mut loaded.report, |preview| {
        parts::<Document>(preview).map(|documents| join(&documents))
    });
    say_report(&loaded.sources, &loaded.report);
    let Some(Compiled { previews, common }) = compiled else {
        return ExitCode::FAILURE;
    };
    let parts = if options.only.is_empty() {
        let baseline = baseline(config, &loaded.objects, &common);
        stream(previews, common, baseline, text)
    } else {
        stream(previews, Common::default(), Vec::new(), text)
    };
    let mut parts = parts.iter().filter(|part| !part.is_empty()).peekable();
    while let Some(part) = parts.next() {
        let mut written = write_out(part.as_bytes());
        if parts.peek().is_some() && written == ExitCode::SUCCESS {
            written = write_out(b"---\n");
        }
        if written != ExitCode::SUCCESS {
            return written;
        }
    }
    ExitCode::SUCCESS
}

fn render_tree(options: &Render, config: &Config, mut loaded: Loaded, folder: &Path) -> ExitCode {
    let root = match &options.source_root {
        Some(root) => root.clone(),
        None => source_root(&options.input.previews),
    };
    let mut found = Vec::new();
    let files = read_suites(config, &root, &mut found);
    found.into_iter().for_each(|found| loaded.report.push(found));
    let suites = hash_suites(config, &files);
    let path_in_source = tree_path(config, folder, &root);
    let shape = Shape::Tree { suites: &suites, root: &path_in_source };
    let request = Request { shape, ceiling: options.input.limits.ceiling(), only: &[] };
    let report = &mut loaded.report;
    let compiled = compile(config, &mut loaded.objects, &request, report, Tree::of_preview);
    say_report(&loaded.sources, &loaded.report);
    let Some(Compiled { previews, common }) = compiled else {
        return ExitCode::FAILURE;
    };
    let baseline = baseline(config, &loaded.objects, &common);
    match write_tree(folder, &Tree::new(previews, &common, &baseline, files)) {
        Ok(()) => ExitCode::SUCCESS,
        Err(finding) => {
            say(&format!("{}\n", crate::diagnostic::terminal::one_line(&finding)));
            ExitCode::FAILURE
        }
    }
}

/// The objects of the baseline that are delivered with the output.
fn baseline(config: &Config, objects: &[Object], common: &Common) -> Vec<Object> {
    match config.previews.spec.baseline.delivery {
        Delivery::Include => delivered(objects, common),
        Delivery::External => Vec::new(),
    }
}

/// A hash of each suite's files.
fn hash_suites(config: &Config, files: &BTreeMap<String, Vec<u8>>) -> Suites {
    let hash = |name: &str| {
        let prefix = format!("{name}/");
        let own = files.iter().filter(|(path, _)| path.starts_with(&prefix));
        let texts: Vec<String> = own
            .flat_map(|(path, content)| {
                [path.clone(), content.iter().map(|byte| format!("{byte:02x}")).collect()]
            })
            .collect();
        safe_hash(texts.iter().map(String::as_str), 16)
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
