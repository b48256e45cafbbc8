//! `anabranch check`: every mistake and risk at once.

use std::path::Path;
use std::process::ExitCode;

use super::load::{Loaded, Needs, load};
use super::render::{TreeRequest, with_tree};
use super::voice::Voice;
use super::write_out;
use crate::affected::check_map;
use crate::cli::{Artifacts, Check, Format};
use crate::diagnostic::{github, json, sarif, stage, terminal};
use crate::emit::Shape;
use crate::pipeline::{Request, compile};
use crate::spec::Config;

pub(super) fn run(options: &Check, voice: &Voice) -> ExitCode {
    let mut loaded = load(&options.input, Needs::Baseline);
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

/// Compiles both shapes of output for their findings: a name may be taken in one of them alone.
fn compile_both(options: &Check, config: &Config, loaded: &mut Loaded) {
    let limits = &options.input.limits;
    check_map(config, &mut loaded.report);
    let request = Request { shape: Shape::Stream, limits: limits.output(), only: &[] };
    let _ = compile(config, &mut loaded.input, &request, &mut loaded.report, |_| ());
    // A copy of previews.yaml that lies alone has no suites beside it.
    if options.input.source_root.is_none() && !loaded.root.join(".git").exists() {
        return;
    }
    let folder = Path::new("out");
    let request = TreeRequest { limits, folder, artifacts: Artifacts::One };
    let _ = with_tree(&request, config, loaded, |_, _| ());
}
