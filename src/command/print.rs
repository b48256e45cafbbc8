//! Commands that print something about the program itself.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::CommandFactory;
use clap::error::ErrorKind;
use clap_mangen::roff::{Roff, roman};

use super::voice::Voice;
use super::{say_usage, write_out};
use crate::cli::Cli;
use crate::ordered::ordered;
use crate::spec::schema;
use crate::write::in_place;

pub(super) fn help() -> ExitCode {
    match Cli::command().print_long_help() {
        Ok(()) => ExitCode::SUCCESS,
        Err(_) => ExitCode::FAILURE,
    }
}

pub(super) fn schema(as_definition: bool, of_affected: bool) -> ExitCode {
    let text = match (as_definition, of_affected) {
        (true, _) => schema::DEFINITION,
        (_, true) => schema::AFFECTED,
        _ => schema::PREVIEWS,
    };
    write_out(text.as_bytes())
}

pub(super) fn completions(shell: clap_complete::Shell) -> ExitCode {
    let mut text = Vec::new();
    clap_complete::generate(shell, &mut Cli::command(), "anabranch", &mut text);
    write_out(&text)
}

/// Prints the page of the program or of a command, or writes all of them into a folder.
pub(super) fn man(command: Option<&str>, folder: Option<&Path>, voice: &Voice) -> ExitCode {
    let pages = pages();
    if let Some(folder) = folder {
        let files: Vec<(PathBuf, &str)> =
            pages.iter().map(|(name, page)| (folder.join(format!("{name}.1")), &**page)).collect();
        return match in_place::overwrite(folder, &files) {
            Ok(()) => {
                let count = files.len();
                voice.tell(&format!("wrote {count} pages into {}\n", folder.display()));
                ExitCode::SUCCESS
            }
            Err(refused) => {
                voice.refuse(refused);
                ExitCode::FAILURE
            }
        };
    }
    let wanted = command.map_or("anabranch".to_owned(), |name| format!("anabranch-{name}"));
    match pages.get(&wanted) {
        Some(page) => write_out(page.as_bytes()),
        None => {
            let names: Vec<&str> =
                pages.keys().filter_map(|name| name.strip_prefix("anabranch-")).collect();
            let message = format!("there is no command `{}`", command.unwrap_or_default());
            let error = Cli::command().error(
                ErrorKind::InvalidValue,
                format!("{message}; the commands are: {}", names.join(", ")),
            );
            say_usage(&error)
        }
    }
}

/// The pages of the program and of each command, by name.
fn pages() -> BTreeMap<String, String> {
    let mut program = Cli::command().disable_help_subcommand(true);
    program.build();
    let commands: Vec<_> = program.get_subcommands().cloned().collect();
    ordered(std::iter::once(program).chain(commands).map(|command| {
        let name = command.get_display_name().unwrap_or("anabranch").to_owned();
        let page = page(command).unwrap_or_default();
        (name, page)
    }))
}

/// One page. The paragraphs after the options become sections, under the headings that they have there.
fn page(mut command: clap::Command) -> std::io::Result<String> {
    let usage = command.render_usage().to_string();
    let after = command.get_after_help().map(ToString::to_string).unwrap_or_default();
    let has_commands = command.has_subcommands();
    let man = clap_mangen::Man::new(command);
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    let mut synopsis = Roff::new();
    synopsis.control("SH", ["SYNOPSIS"]);
    synopsis.text([roman(usage.trim_start_matches("Usage: "))]);
    synopsis.to_writer(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if has_commands {
        man.render_subcommands_section(&mut text)?;
    }
    let mut more = Roff::new();
    for section in after.split("\n\n") {
        let (heading, lines) = section.split_once(":\n").unwrap_or(("NOTES", section));
        more.control("SH", [heading.to_uppercase().as_str()]);
        more.control("nf", []);
        for line in lines.lines() {
            more.text([roman(line)]);
        }
        more.control("fi", []);
    }
    more.to_writer(&mut text)?;
    Ok(String::from_utf8_lossy(&text).into_owned())
}
