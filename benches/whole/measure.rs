//! What one command takes: time and peak memory, measured by a process of its own.

use std::env;
use std::fs;
use std::io::{Write as _, stdout};
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use nix::sys::resource::{UsageWho, getrusage};

use super::Result;

/// What one command took.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Cost {
    pub(crate) time: Duration,
    /// Peak memory in bytes.
    pub(crate) memory: u64,
}

impl Cost {
    /// How many times as long as another.
    pub(crate) fn times(self, other: Self) -> f64 {
        self.time.as_secs_f64() / other.time.as_secs_f64()
    }

    /// Milliseconds, for people.
    pub(crate) fn ms(self) -> String {
        ms(self.time)
    }
}

/// A duration in milliseconds, for people.
pub(crate) fn ms(time: Duration) -> String {
    format!("{:.1} ms", time.as_secs_f64() * 1e3)
}

/// Bytes in megabytes, for people.
pub(crate) fn mb(bytes: u64) -> String {
    format!("{:.1} MB", bytes as f64 / 1e6)
}

/// A command with its input and output.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Run<'a> {
    pub(crate) command: &'a [&'a str],
    pub(crate) input: &'a Path,
    pub(crate) output: &'a Path,
}

impl Run<'_> {
    /// The median of several runs.
    pub(crate) fn measure(self, runs: usize) -> Result<Cost> {
        let mut costs = Vec::new();
        for _ in 0..runs {
            let mut own = Command::new(env::current_exe()?);
            own.arg("--measure").arg(self.input).arg(self.output).args(self.command);
            let answer = own.output()?;
            let text = String::from_utf8(answer.stdout)?;
            let (time, memory) =
                text.trim().split_once(' ').ok_or_else(|| format!("{:?} failed", self.command))?;
            let time = Duration::from_nanos(time.parse()?);
            costs.push(Cost { time, memory: memory.parse::<u64>()? * 1024 });
        }
        Ok(median(costs))
    }
}

/// The median of several runs of a command without input.
pub(crate) fn measure(runs: usize, output: &Path, command: &[&str]) -> Result<Cost> {
    Run { command, input: Path::new("/dev/null"), output }.measure(runs)
}

/// The run that took neither long nor short among these.
pub(crate) fn median(mut costs: Vec<Cost>) -> Cost {
    costs.sort_by_key(|cost| cost.time);
    costs[costs.len() / 2]
}

/// Runs a command as the only child of this process, and prints nanoseconds and KiB: the system reports
/// the memory of the largest child that a process ever had.
pub(crate) fn measure_here(input: &str, output: &str, command: &[String]) -> Result<()> {
    let (program, arguments) = command.split_first().ok_or("no command")?;
    let mut child = Command::new(program);
    child.args(arguments).stdin(fs::File::open(input)?).stderr(Stdio::null());
    // To empty a large file takes a while, and `cp` does it on its own time.
    let start = Instant::now();
    child.stdout(fs::File::create(output)?);
    let status = child.status()?;
    let time = start.elapsed();
    if !status.success() {
        return Err(format!("{command:?} failed").into());
    }
    let memory = getrusage(UsageWho::RUSAGE_CHILDREN)?.max_rss();
    writeln!(stdout(), "{} {memory}", time.as_nanos())?;
    Ok(())
}
