//! Messages of a command on stderr: findings, what was done, and how long it took.

use std::io::{IsTerminal, Write};

use anstream::AutoStream;
use clap::ColorChoice;

use crate::arguments::Verbosity;
use crate::diagnostic::terminal::Look;
use crate::diagnostic::text::printable;
use crate::diagnostic::{Refused, Report, Sources, stage, terminal, without_userinfo};

/// How much is printed.
pub(super) struct Voice {
    pub(super) quiet: bool,
    pub(super) verbose: bool,
}

impl Voice {
    /// Prints as much as the arguments ask for; on a terminal also a progress message for slow steps.
    pub(super) fn new(verbosity: &Verbosity) -> Self {
        choose_colours(verbosity.color);
        let is_smart = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        if !verbosity.quiet && is_smart && std::io::stderr().is_terminal() {
            stage::show_line();
        }
        Self { quiet: verbosity.quiet, verbose: verbosity.verbose }
    }

    /// Prints what was done.
    pub(super) fn tell(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    /// Prints the findings, and a summary.
    pub(super) fn report(&self, sources: &Sources, report: &Report) {
        let look = self.look(&std::io::stderr());
        write_words(&terminal::render(sources, report, look));
    }

    /// Prints why something failed that has no place in a text.
    pub(super) fn refuse(&self, refused: impl Into<Refused>) {
        let mut report = Report::default();
        report.extend(refused.into());
        self.report(&Sources::default(), &report);
    }

    /// The colours and width of findings on a stream.
    pub(super) fn look(&self, stream: &impl anstream::stream::RawStream) -> Look {
        let colour = AutoStream::choice(stream) != anstream::ColorChoice::Never;
        Look { colour, errors_only: self.quiet }
    }

    /// Prints how long each stage took, if `--verbose` is given.
    pub(super) fn times(&self) {
        stage::end_line();
        if self.verbose {
            let line = |(name, time): (_, std::time::Duration)| {
                format!("{:>9.1} ms  {name}\n", time.as_secs_f64() * 1e3)
            };
            say(&stage::times().into_iter().map(line).collect::<String>());
        }
    }
}

/// Sets for the whole process whether output has colours.
fn choose_colours(when: ColorChoice) {
    let choice = match when {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Writes lines to stderr. An error there cannot be reported anywhere.
pub(super) fn say(text: &str) {
    let text = without_userinfo(text);
    let lines: String = text.lines().flat_map(|line| [printable(line), "\n".into()]).collect();
    write_words(&lines);
}

fn write_words(text: &str) {
    stage::end_line();
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
