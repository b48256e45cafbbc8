//! The commands: one file for each, called by [`run`], and what they share.

mod affected;
mod check;
mod diff;
mod edit;
mod explain;
mod function;
mod init;
mod list;
mod load;
mod print;
mod render;
#[cfg(test)]
mod tests;
mod voice;

use std::io::{IsTerminal, Write};
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;

use self::voice::{Voice, say};
use crate::cli::{Cli, Command};
use crate::diagnostic::stage;

/// Runs a command. Objects go to stdout, words to stderr; the exit code is 0 when all is fine, 1
/// when the input has errors, and 2 when the arguments contradict each other.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    let Some(command) = cli.command else {
        return print::help();
    };
    if let Some(conflict) = command.conflict() {
        return say_usage(&Cli::command().error(ErrorKind::ArgumentConflict, conflict));
    }
    let voice = Voice::new(&cli.verbosity);
    let code = match command {
        Command::Render(options) => render::run(&options, &voice),
        Command::Check(options) => check::run(&options, &voice),
        Command::List(options) => list::list(&options, &voice),
        Command::Show(options) => list::show(&options, &voice),
        Command::Explain { code } => explain::run(code.as_deref()),
        Command::Set(options) => edit::set(&options, &voice),
        Command::Remove(options) => edit::remove(&options, &voice),
        Command::Prune(options) => edit::prune(&options, &voice),
        Command::Diff(options) => diff::run(&options, &voice),
        Command::Affected(options) => affected::run(&options, &voice),
        Command::Init { folder, namespace, name } => {
            init::run(&folder, namespace.as_deref(), name.as_deref(), &voice)
        }
        Command::Schema { definition, affected } => print::schema(definition, affected),
        Command::Completions { shell } => print::completions(shell),
        Command::Man { command, output } => {
            print::man(command.as_deref(), output.as_deref(), &voice)
        }
    };
    voice.times();
    code
}

pub use function::{legacy_plugin_config, respond, run as run_function, run_legacy_plugin};

/// Adds the calling thread to rayon's pool, which saves a thread and its memory. A pool that exists stays as
/// it is.
fn work_on_this_thread() {
    let _ = rayon::ThreadPoolBuilder::new().use_current_thread().build_global();
}

/// Writes text to stdout. A reader that has gone away is no failure.
fn write_out(text: &[u8]) -> ExitCode {
    stage::end_line();
    match std::io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(&format!("error: stdout cannot be written: {error}\n"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Prints what the parser of arguments returned: an error, or the help or version that was asked for. An error that goes
/// to a log and not to a terminal is printed as harmless plain text, since it quotes the arguments.
#[must_use]
pub fn say_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || std::io::stderr().is_terminal() {
        error.exit();
    }
    say(&error.render().to_string());
    ExitCode::from(2)
}
