//! One file per command.

mod affected;
mod check;
mod diff;
mod edit;
mod explain;
mod function;
mod init;
mod print;
mod render;

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;

use crate::cli::{Cli, Command, Input};
use crate::diagnostic::text::printable;
use crate::diagnostic::{Diagnostic, Report, Sources, code, terminal};
use crate::read::{
    Parted, open_baseline, parse_baseline, parse_config, read_argument, read_suites, set_aside,
};
use crate::spec::Config;
use crate::yaml::InputLimits;

/// Runs a command. Objects go to stdout, words to stderr; the exit code is 0 when all is fine and 1
/// when the input has errors.
#[must_use]
pub fn run(cli: Cli) -> ExitCode {
    match cli.command {
        None => print::help(),
        Some(Command::Render(options)) => render::run(&options),
        Some(Command::Check(options)) => check::run(&options),
        Some(Command::Explain { code }) => explain::run(code.as_deref()),
        Some(Command::Set(options)) => edit::set(&options),
        Some(Command::Remove(options)) => edit::remove(&options),
        Some(Command::Prune(options)) => edit::prune(&options),
        Some(Command::Diff(options)) => diff::run(&options),
        Some(Command::Affected(options)) => affected::run(&options),
        Some(Command::Init { folder, namespace, name }) => {
            init::run(&folder, &namespace, name.as_deref())
        }
        Some(Command::Schema { definition, affected }) => print::schema(definition, affected),
        Some(Command::Completions { shell }) => print::completions(shell),
        Some(Command::Man) => print::man(),
    }
}

pub use function::{legacy_plugin_config, respond, run as run_function, run_legacy_plugin};

/// What a command works on.
struct Loaded {
    sources: Sources,
    report: Report,
    /// None where previews.yaml has errors.
    config: Option<Config>,
    input: Parted,
}

/// Adds the calling thread to rayon's pool, which saves a thread and its memory. A pool that exists stays as
/// it is.
fn work_on_this_thread() {
    let _ = rayon::ThreadPoolBuilder::new().use_current_thread().build_global();
}

/// Reads previews.yaml and the baseline; every mistake of both is in the report.
fn load(input: &Input) -> Loaded {
    work_on_this_thread();
    let budget = input.limits.input();
    let mut sources = Sources::default();
    let mut found: Vec<Diagnostic> = Vec::new();
    let previews = read_argument(&input.previews, &mut sources, &budget);
    let files = open_baseline(&input.baseline, &mut sources, &budget, &mut found);
    let config = || {
        let file = previews.map_err(|mut error| {
            error.help.push_str(
                "; previews.yaml is named before --baseline, which takes every path after it",
            );
            vec![error]
        })?;
        let mut found = Vec::new();
        match parse_config(&sources, file, &budget, &mut found) {
            Some(node) => Config::read(node),
            None => Err(found),
        }
    };
    let (config, (objects, errors)) = rayon::join(config, || {
        Config::prepare();
        parse_baseline(&sources, &files, &budget)
    });
    found.extend(errors);
    if objects.is_empty() && found.is_empty() {
        found.push(Diagnostic::new(
            &code::UNREADABLE,
            "the baseline holds no objects",
            "pass the manifests of the baseline with --baseline: files, folders, or `-` for stdin",
        ));
    }
    let config = config.map_err(|errors| found.extend(errors)).ok();
    let input = match &config {
        Some(config) => set_aside(objects, config),
        None => Parted { users: objects, ..Parted::default() },
    };
    let mut report = Report::default();
    report.extend(found);
    Loaded { sources, report, config, input }
}

/// Reports suites without a folder, where it was said what their paths are relative to.
fn check_suites(
    config: &Config,
    root: Option<&Path>,
    sources: &Sources,
    budget: &InputLimits,
    report: &mut Report,
) {
    let mut found = Vec::new();
    if let Some(root) = root {
        read_suites(config, root, sources, budget, &mut found);
    }
    report.extend(found);
}

/// Writes text to stdout. A reader that has gone away is no failure.
fn write_out(text: &[u8]) -> ExitCode {
    match std::io::stdout().lock().write_all(text) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            say(&format!("error: stdout cannot be written: {error}\n"));
            ExitCode::FAILURE
        }
        _ => ExitCode::SUCCESS,
    }
}

/// Writes lines of words to stderr; nothing can be done where that fails.
fn say(text: &str) {
    let lines: String = text.lines().flat_map(|line| [printable(line), "\n".into()]).collect();
    let _ = std::io::stderr().lock().write_all(lines.as_bytes());
}

/// Says what is wrong with the arguments, or what was asked about them: the error of the parser itself, of
/// which only the terminal of whoever wrote the arguments gets more than plain text.
#[must_use]
pub fn say_usage(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || std::io::stderr().is_terminal() {
        error.exit();
    }
    say(&error.render().to_string());
    ExitCode::from(2)
}

/// Writes all findings to stderr, with a summary.
fn say_report(sources: &Sources, report: &Report) {
    if report.sorted().is_empty() {
        return;
    }
    let colour = std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none();
    let text = terminal::render(sources, report, colour);
    let _ = std::io::stderr().lock().write_all(text.as_bytes());
}
