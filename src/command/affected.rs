//! `anabranch affected`: from changed files to services.

use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use super::voice::Voice;
use super::{say_usage, write_out};
use crate::affected::{Format, Options, affected, audit};
use crate::cli::Cli;
use crate::diagnostic::{Report, Sources, json};

pub(super) fn run(options: &Options, voice: &Voice) -> ExitCode {
    if options.audit {
        return run_audit(options, voice);
    }
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let answer = affected(options, &mut sources, &mut report);
    voice.report(&sources, &report);
    answer.map_or(ExitCode::FAILURE, |answer| write_out(answer.as_bytes()))
}

fn run_audit(options: &Options, voice: &Voice) -> ExitCode {
    if !matches!(options.format, Format::Text | Format::Json) {
        let words = "--audit answers with findings: as text, or with --format json";
        return say_usage(&Cli::command().error(ErrorKind::ArgumentConflict, words));
    }
    let (mut sources, mut report) = (Sources::default(), Report::default());
    let files = audit(options, &mut sources, &mut report);
    let written = match options.format {
        Format::Json => write_out(json::render(&sources, &report).as_bytes()),
        _ => {
            voice.report(&sources, &report);
            ExitCode::SUCCESS
        }
    };
    match files {
        Some(files) if !report.has_errors() => {
            voice.tell(&format!("the map holds for all {files} tracked files\n"));
            written
        }
        _ => ExitCode::FAILURE,
    }
}
