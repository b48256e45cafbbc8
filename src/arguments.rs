//! Arguments that several commands have in common.

use std::ffi::OsString;

use clap::{Args, ColorChoice, ValueEnum};

use crate::diagnostic::{self, Code, Severity, code, nearest};
use crate::limits::{InputLimits, OutputLimits};

/// The end of a command's help: examples, notes, and exit codes.
macro_rules! examples {
    ($($line:literal)+ $(; $($more:literal)+)?) => {
        concat!(
            "Examples:\n",
            $("  ", $line, "\n",)+
            $("\nNotes:\n", $("  ", $more, "\n",)+)?
            "\nExit status:\n  0  fine\n  1  the input has errors, and nothing was written\n  \
             2  the arguments are wrong"
        )
    };
}
pub(crate) use examples;

/// What a command prints besides its result.
#[derive(Debug, Args)]
pub struct Verbosity {
    /// When to use colours; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value_t, global = true, display_order = 900)]
    pub color: ColorChoice,
    /// Print errors only
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 901)]
    pub quiet: bool,
    /// Print how long each stage took, and every file that was written or removed
    #[arg(short, long, global = true, display_order = 902)]
    pub verbose: bool,
}

/// The value of `--color`, found before the arguments are parsed.
pub(crate) fn asked_colour(arguments: impl Iterator<Item = OsString>) -> ColorChoice {
    let mut colour = ColorChoice::Auto;
    let mut is_next = false;
    for argument in arguments {
        let text = argument.to_string_lossy();
        let value = if is_next { Some(&*text) } else { text.strip_prefix("--color=") };
        if let Some(asked) = value.and_then(|value| ColorChoice::from_str(value, true).ok()) {
            colour = asked;
        }
        is_next = text == "--color";
    }
    colour
}

/// Which findings stop a run, and which are not reported.
#[derive(Debug, Clone, Args)]
pub struct LevelOptions {
    /// Treat findings of this code as errors, or all `warnings`. Repeat it for several
    #[arg(long, value_name = "CODE", value_parser = denied, display_order = 101)]
    pub deny: Vec<Denied>,
    /// Do not report warnings or notes of this code. Repeat it for several
    #[arg(long, value_name = "CODE", value_parser = allowed, display_order = 102)]
    pub allow: Vec<&'static Code>,
}

/// A value of `--deny`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Every warning.
    Warnings,
    /// Findings of one code.
    Code(&'static Code),
}

impl LevelOptions {
    /// The levels by which findings are judged.
    #[must_use]
    pub fn levels(&self) -> diagnostic::Levels {
        let codes = self.deny.iter().filter_map(|denied| match denied {
            Denied::Warnings => None,
            Denied::Code(code) => Some(*code),
        });
        diagnostic::Levels {
            deny: codes.collect(),
            allow: self.allow.clone(),
            deny_warnings: self.deny.contains(&Denied::Warnings),
        }
    }
}

fn denied(text: &str) -> Result<Denied, String> {
    if text == "warnings" { Ok(Denied::Warnings) } else { known(text).map(Denied::Code) }
}

fn allowed(text: &str) -> Result<&'static Code, String> {
    let code = known(text)?;
    match code.severity {
        Severity::Error => Err("an error cannot be allowed: nothing could be written".to_owned()),
        _ => Ok(code),
    }
}

fn known(text: &str) -> Result<&'static Code, String> {
    code::find(text).ok_or_else(|| {
        let near = nearest(text, code::CODES.iter().map(|code| code.id));
        near.map_or_else(
            || "there is no such code; `anabranch explain` lists them".to_owned(),
            |near| format!("there is no such code; did you mean `{near}`?"),
        )
    })
}

/// Limits of a run. More is an error, reported before memory or time runs out.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct LimitOptions {
    /// Bytes of all input files together
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().bytes)]
    pub max_input_bytes: usize,
    /// Levels of nesting in a document, and in an object that patches change, 500 at most
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().depth, value_parser = depth)]
    pub max_depth: usize,
    /// Nodes (mappings, lists, keys and values, those of aliases included) in previews.yaml, and in the whole
    /// baseline
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().nodes)]
    pub max_nodes: usize,
    /// Documents in a file
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().documents)]
    pub max_documents: usize,
    /// Nodes that YAML anchors and aliases may add in a file
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().alias_nodes)]
    pub max_alias_nodes: usize,
    /// Seconds that kustomize may take to build one folder and the folders below it
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().build_seconds)]
    pub max_build_seconds: u64,
    /// Derived route rules of all previews together, with their matches, backends and hosts
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().rules)]
    pub max_rules: usize,
    /// Comparisons: of two matches in the routes of a service, and of a Service with a workload. Several comparisons
    /// with patterns, of hosts, callers or calls, count as one
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().pairs)]
    pub max_pairs: usize,
    /// Work limit for patches: values that all patches together may visit, 100000000 at most. One object may use a
    /// tenth
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().patch_nodes, value_parser = work)]
    pub max_patch_nodes: usize,
    /// Bytes of the output
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().bytes)]
    pub max_output_bytes: usize,
}

fn depth(text: &str) -> Result<usize, String> {
    at_most(text, InputLimits::DEEPEST, "levels can be read")
}

fn work(text: &str) -> Result<usize, String> {
    at_most(text, OutputLimits::MOST_WORK, "values can be gone through")
}

/// Parses a number of at most `most`; `what` names what is counted, in the message.
fn at_most(text: &str, most: usize, what: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|error: std::num::ParseIntError| error.to_string())?;
    if number > most { Err(format!("no more than {most} {what}")) } else { Ok(number) }
}

impl LimitOptions {
    /// The limits of the input.
    #[must_use]
    pub fn input(&self) -> InputLimits {
        InputLimits {
            bytes: self.max_input_bytes,
            depth: self.max_depth,
            nodes: self.max_nodes,
            documents: self.max_documents,
            alias_nodes: self.max_alias_nodes,
            build_seconds: self.max_build_seconds,
        }
    }

    /// The limits of the output.
    #[must_use]
    pub fn output(&self) -> OutputLimits {
        OutputLimits {
            rules: self.max_rules,
            pairs: self.max_pairs,
            patch_nodes: self.max_patch_nodes,
            depth: self.max_depth,
            bytes: self.max_output_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::flag;

    #[test]
    fn messages_name_the_flag_of_every_limit() {
        let command = LimitOptions::augment_args(clap::Command::new("anabranch"));
        let flags = command.get_arguments().filter_map(|argument| argument.get_long());
        let flags: Vec<String> = flags.map(|flag| format!("--{flag}")).collect();
        assert_eq!(flags, flag::ALL);
    }
}
