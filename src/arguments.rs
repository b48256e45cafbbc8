//! Arguments that several commands have in common.

use std::ffi::OsString;

use clap::{Args, ColorChoice, ValueEnum};

use crate::diagnostic::{self, Code, Severity, code, nearest};
use crate::limits::{InputLimits, OutputLimits};

/// What follows the help of a command: calls of it, what else there is to know, and what its exit codes mean.
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

/// How a command says what it has to say.
#[derive(Debug, Args)]
pub struct Verbosity {
    /// When to use colours; `auto`: on a terminal, unless NO_COLOR is set
    #[arg(long, value_name = "WHEN", default_value_t, global = true, display_order = 900)]
    pub color: ColorChoice,
    /// Say nothing but errors
    #[arg(short, long, global = true, conflicts_with = "verbose", display_order = 901)]
    pub quiet: bool,
    /// Say how long each stage took, and name every file
    #[arg(short, long, global = true, display_order = 902)]
    pub verbose: bool,
}

/// What `--color` says, before the arguments are read.
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

/// Which findings stop a run, and which are not wanted.
#[derive(Debug, Clone, Args)]
pub struct Levels {
    /// Take these findings for errors: a code, or `warnings` for all of them. Repeat it for several
    #[arg(long, value_name = "CODE", value_parser = denied, display_order = 101)]
    pub deny: Vec<Denied>,
    /// Leave out warnings or notes of this code. Repeat it for several
    #[arg(long, value_name = "CODE", value_parser = allowed, display_order = 102)]
    pub allow: Vec<&'static Code>,
}

/// What `--deny` names.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Denied {
    /// Every warning.
    Warnings,
    /// Findings of one code.
    Code(&'static Code),
}

impl Levels {
    /// What findings are measured by.
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

/// Limits of a run. Beyond them is an error, before memory or patience runs out.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Limits")]
pub struct Limits {
    /// Bytes of all input files together
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().bytes)]
    pub max_input_bytes: usize,
    /// Levels of nesting in a document, and in an object that patches change, 500 at most
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().depth, value_parser = depth)]
    pub max_depth: usize,
    /// Mappings, lists, keys and values, with those that aliases make: in previews.yaml, and in the whole
    /// baseline
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().nodes)]
    pub max_nodes: usize,
    /// Documents in a file
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().documents)]
    pub max_documents: usize,
    /// Nodes that YAML anchors and aliases may make in a file
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().alias_nodes)]
    pub max_alias_nodes: usize,
    /// Seconds that kustomize may take for what it builds in one folder
    #[arg(long, value_name = "N", default_value_t = InputLimits::default().build_seconds)]
    pub max_build_seconds: u64,
    /// Rules of routes that are derived, with matches, backends and hosts, of all previews together
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().rules)]
    pub max_rules: usize,
    /// Pairs that are looked at: of matches in the routes of a service, and of Services and workloads
    #[arg(long, value_name = "N", default_value_t = OutputLimits::default().pairs)]
    pub max_pairs: usize,
    /// Values that patches go through, of all previews together, 100000000 at most; those of one object, a
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

/// A number that has a limit of its own, with the words for what there cannot be more of.
fn at_most(text: &str, most: usize, what: &str) -> Result<usize, String> {
    let number = text.parse().map_err(|error: std::num::ParseIntError| error.to_string())?;
    if number > most { Err(format!("no more than {most} {what}")) } else { Ok(number) }
}

impl Limits {
    /// What may be read.
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

    /// What may be made.
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
        let command = Limits::augment_args(clap::Command::new("anabranch"));
        let flags = command.get_arguments().filter_map(|argument| argument.get_long());
        let flags: Vec<String> = flags.map(|flag| format!("--{flag}")).collect();
        assert_eq!(flags, flag::ALL);
    }
}
