//! `anabranch affected`: from changed files to services.

use std::process::ExitCode;

use super::{say, say_report, write_out};
use crate::affected::{Format, Options, affected, audit};
use crate::diagnostic::{Report, Sources, json};

pub(super) fn run(options: &Options) -> ExitCode {
    if options.audit {
        return run_audit(options);
    }
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let answer = affected(options, &mut sources, &mut report);
    say_report(&sources, &report);
    answer.map_or(ExitCode::FAILURE, |answer| write_out(answer.as_bytes()))
}

fn run_audit(options: &Options) -> ExitCode {
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let files = audit(options, &mut sources, &mut report);
    let written = match options.format {
        Format::Json => write_out(json::render(&sources, &report).as_bytes()),
        _ => {
            say_report(&sources, &report);
            ExitCode::SUCCESS
        }
    };
    match files {
        Some(files) if !report.has_errors() => {
            say(&format!("the map holds for all {files} tracked files\n"));
            written
        }
        _ => ExitCode::FAILURE,
    }
}
