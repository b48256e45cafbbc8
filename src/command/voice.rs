//! The words of a command, on stderr: findings, what was done, and how long it took.

use std::io::{IsTerminal, Write};

use anstream::AutoStream;
use clap::ColorChoice;

use crate::arguments::Verbosity;
use crate::diagnostic::terminal::Look;
use crate::diagnostic::text::printable;
use crate::diagnostic::{Refused, Report, Sources, stage, terminal, without_userinfo};

/// How much is said.
pub(super) struct Voice {
    pub(super) quiet: bool,
    pub(super) verbose: bool,
}

impl Voice {
    /// Says what the arguments ask for; on a terminal also what takes long.
    pub(super) fn new(verbosity: &Verbosity) -> Self {
        choose_colours(verbosity.color);
        let is_smart = std::env::var_os("TERM").is_some_and(|term| term != "dumb");
        if !verbosity.quiet && is_smart && std::io::stderr().is_terminal() {
            stage::show_line();
        }
        Self { quiet: verbosity.quiet, verbose: verbosity.verbose }
    }

    /// Says what was done.
    pub(super) fn tell(&self, text: &str) {
        if !self.quiet {
            say(text);
        }
    }

    /// Says what was found, with a summary.
    pub(super) fn report(&self, sources: &Sources, report: &Report) {
        let look = self.look(&std::io::stderr());
        write_words(&terminal::render(sources, report, look));
    }

    /// Says why something could not be made, where that has no place in a text.
    pub(super) fn refuse(&self, refused: impl Into<Refused>) {
        let mut report = Report::default();
        report.extend(refused.into());
        self.report(&Sources::default(), &report);
    }

    /// How findings look on a stream.
    pub(super) fn look(&self, stream: &impl anstream::stream::RawStream) -> Look {
        let colour = AutoStream::choice(stream) != anstream::ColorChoice::Never;
        Look { colour, errors_only: self.quiet }
    }

    /// Says how long each stage took, if that was asked for.
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

/// Colours everything that this process writes, or nothing, or as the stream and the environment say.
fn choose_colours(when: ColorChoice) {
    let choice = match when {
        ColorChoice::Auto => anstream::ColorChoice::Auto,
        ColorChoice::Always => anstream::ColorChoice::Always,
        ColorChoice::Never => anstream::ColorChoice::Never,
    };
    choice.write_global();
}

/// Writes lines of words to stderr; nothing can be done where that fails.
pub(super) fn say(text: &str) {
    let text = without_userinfo(text);
    let lines: String = text.lines().flat_map(|line| [printable(line), "\n".into()]).collect();
    write_words(&lines);
}

fn write_words(text: &str) {
    stage::end_line();
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
