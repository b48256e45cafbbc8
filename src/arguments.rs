//! Arguments that several commands have in common.

use std::ffi::OsString;

use clap::{Args, ColorChoice, ValueEnum};

use crate::diagnostic::{self, Code, Severity, code, nearest};

/// How a command says what it has to say.
#[derive(Debug, Args)]
pub struct Words {
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
#[derive(Debug, Args)]
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
