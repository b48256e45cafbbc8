//! The binary: finds out how it was called, and leaves the rest to the library.

use std::io::IsTerminal;
use std::process::ExitCode;

use anabranch::{cli::Cli, command};
use clap::Parser;

fn main() -> ExitCode {
    if let Some(config) = command::legacy_plugin_config() {
        return command::run_legacy_plugin(&config);
    }
    if std::env::args_os().len() == 1 && !std::io::stdin().is_terminal() {
        return command::run_function();
    }
    command::run(Cli::parse())
}
