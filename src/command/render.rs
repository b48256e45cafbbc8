//! `anabranch render`: all objects of all previews, as a stream or as a folder.

use std::collections::BTreeMap;
use std::path::Path;
use std::process::ExitCode;

use super::{check_suites, load, say, say_report, write_out};
use crate::cli::Render;
use crate::emit::{Shape, Suites};
use crate::pipeline::{compile, delivered};
use crate::plan::naming::safe_hash;
use crate::read::{read_suites, source_root};
use crate::spec::{Config, Delivery, SourceKind};
use crate::write::{Tree, stream, write_tree};
use crate::yaml::write_stream;

pub(super) fn run(options: &Render) -> ExitCode {
    let mut loaded = load(&options.input);
    let Some(config) = loaded.config.take() else {
        say_report(&loaded.sources, &loaded.report);
        return ExitCode::FAILURE;
    };
    let root = match &options.source_root {
        Some(root) => root.clone(),
        None => source_root(&options.input.previews),
    };
    let mut files = BTreeMap::new();
    let hashes;
    let path_in_source;
    let shape = match &options.output {
        None => {
            check_suites(&config, options.source_root.as_deref(), &mut loaded.report);
            Shape::Stream
        }
        Some(folder) => {
            let mut found = Vec::new();
            files = read_suites(&config, &root, &mut found);
            found.into_iter().for_each(|found| loaded.report.push(found));
            hashes = hash_suites(&config, &files);
            path_in_source = tree_path(&config, folder, &root);
            Shape::Tree { suites: &hashes, root: &path_in_source }
        }
    };
    let output = compile(&config, &loaded.objects, &shape, &mut loaded.report);
    say_report(&loaded.sources, &loaded.report);
    let Some(output) = output else {
        return ExitCode::FAILURE;
    };
    let baseline = match config.previews.spec.baseline.delivery {
        Delivery::Include => delivered(&config, &loaded.objects, &output),
        Delivery::External => Vec::new(),
    };
    match &options.output {
        None => {
            let objects = stream(output, baseline);
            write_out(write_stream(objects.iter().map(|object| &object.node)).as_bytes())
        }
        Some(folder) => match write_tree(folder, &Tree::new(&output, &baseline, &files)) {
            Ok(()) => ExitCode::SUCCESS,
            Err(finding) => {
                say(&format!("{}\n", crate::diagnostic::terminal::one_line(&finding)));
                ExitCode::FAILURE
            }
        },
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
