//! The binary: finds out how it was called (command, KRM function, or legacy plugin), and calls the library.

use std::io::IsTerminal;
use std::process::ExitCode;

use anabranch::{cli::Cli, command};

/// musl's own allocator takes one slow lock for every allocation. With this one the static binary renders in half the
/// time. On other systems the allocator of the system is faster still.
#[cfg(target_env = "musl")]
#[global_allocator]
static ALLOCATOR: talc::TalcLock<spinning_top::RawSpinlock, System> =
    talc::TalcLock::new(System::new(std::alloc::System));

/// Memory comes from the system in blocks of a megabyte or more, and goes back when a block is empty.
#[cfg(target_env = "musl")]
type System = talc::source::GlobalAllocSource<std::alloc::System>;

fn main() -> ExitCode {
    if let Some(config) = command::legacy_plugin_config() {
        return command::run_legacy_plugin(&config);
    }
    if std::env::args_os().len() == 1 && !std::io::stdin().is_terminal() {
        return command::run_function();
    }
    Cli::read().map_or_else(|error| command::say_usage(&error), command::run)
}
