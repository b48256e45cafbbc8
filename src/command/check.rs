//! `anabranch check`: every mistake and risk at once.

use std::process::ExitCode;

use super::{check_suites, load, write_out};
use crate::affected::check_map;
use crate::cli::{Check, Format};
use crate::diagnostic::{github, json, sarif, terminal};
use crate::emit::Shape;
use crate::pipeline::{Request, compile};

pub(super) fn run(options: &Check) -> ExitCode {
    let mut loaded = load(&options.input);
    if let Some(config) = &loaded.config {
        let (root, budget) = (options.source_root.as_deref(), options.input.limits.input());
        check_suites(config, root, &loaded.sources, &budget, &mut loaded.report);
        check_map(config, &mut loaded.report);
        // Compiled for its findings; what would be written does not matter.
        let limits = options.input.limits.output();
        let request = Request { shape: Shape::Stream, limits, only: &[] };
        let _ = compile(config, &mut loaded.input, &request, &mut loaded.report, |_| ());
    }
    let (sources, report) = (&loaded.sources, &loaded.report);
    let text = match options.format {
        Format::Text => terminal::render(sources, report, false),
        Format::Json => json::render(sources, report),
        Format::Sarif => sarif::render(sources, report),
        Format::Github => github::render(sources, report),
    };
    let written = write_out(text.as_bytes());
    if report.has_errors() { ExitCode::FAILURE } else { written }
}
