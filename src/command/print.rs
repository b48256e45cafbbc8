//! Commands that print something about the program itself.

use std::process::ExitCode;

use clap::CommandFactory;

use super::write_out;
use crate::cli::Cli;
use crate::spec::{affected_schema, definition, previews_schema};
use crate::yaml::{Node, write_document};

pub(super) fn help() -> ExitCode {
    let help = Cli::command().render_long_help().to_string();
    write_out(help.as_bytes())
}

pub(super) fn schema(as_definition: bool, of_affected: bool) -> ExitCode {
    let text = if as_definition {
        let mut text = String::new();
        write_document(&mut text, &Node::from_json(definition()));
        text
    } else {
        let schema = if of_affected { affected_schema() } else { previews_schema() };
        format!("{schema:#}\n")
    };
    write_out(text.as_bytes())
}

pub(super) fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "anabranch", &mut text);
    write_out(&text)
}

pub(super) fn man() -> ExitCode {
    let mut text = Vec::new();
    match clap_mangen::Man::new(Cli::command()).render(&mut text) {
        Ok(()) => write_out(&text),
        Err(_) => ExitCode::FAILURE,
    }
}
