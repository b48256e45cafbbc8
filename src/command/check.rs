//! `anabranch check`: every mistake and risk at once.

use std::path::Path;
use std::process::ExitCode;

use super::load::{Loaded, Needs, load};
use super::render::{TreeRequest, is_in_source, with_tree};
use super::voice::Voice;
use super::write_out;
use crate::affected::check_map;
use crate::cli::{Artifacts, Check, Format};
use crate::diagnostic::{github, json, sarif, stage, terminal};
use crate::emit::OutputShape;
use crate::pipeline::{Request, compile};
use crate::read::check_gate;
use crate::spec::Config;

pub(super) fn run(options: &Check, voice: &Voice) -> ExitCode {
    let mut loaded = load(&options.input, options.levels.levels(), Needs::Baseline);
    if let Some(config) = loaded.config.take() {
        compile_both(options, &config, &mut loaded);
    }
    stage::enter("writing");
    let (sources, report) = (&loaded.sources, &loaded.report);
    let text = match options.format {
        Format::Text => terminal::render(sources, report, voice.look(&std::io::stdout())),
        Format::Json => json::render(sources, report),
        Format::Sarif => sarif::render(sources, report),
        Format::Github => github::render(sources, report),
    };
    let written = write_out(text.as_bytes());
    if report.is_refused() { ExitCode::FAILURE } else { written }
}

/// Compiles both shapes of output for their findings: a name can clash in only one of them.
fn compile_both(options: &Check, config: &Config, loaded: &mut Loaded) {
    let limits = &options.input.limits;
    check_map(config, &mut loaded.report);
    let request = Request { shape: OutputShape::Stream, limits: limits.output(), only: &[] };
    let _ = compile(config, &mut loaded.input, &request, &mut loaded.report, |_| ());
    if !is_in_source(&options.input, &loaded.root) {
        return;
    }
    // The arguments do not say which shape is used. Only the stream has gates and a parent, so a file that sets these
    // fields means the stream.
    let says = |field: &str| config.node().at(&["spec", "flux", field]).is_some();
    if !loaded.report.has_errors() && (says("gate") || says("parent")) {
        loaded.report.extend(check_gate(config, &loaded.root));
    }
    let folder = Path::new("out");
    let is_cut = config.flux("artifacts").is_some();
    let artifacts = if is_cut { Artifacts::Each } else { Artifacts::One };
    let request = TreeRequest { limits, folder, artifacts };
    let _ = with_tree(&request, config, loaded, |_, _| ());
}
