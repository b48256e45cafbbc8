//! `anabranch set`, `remove` and `prune`: previews.yaml edited in place.

use std::fs;
use std::io;
use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use super::{say, say_report, write_out};
use crate::cli::{Prune, Remove, Set};
use crate::diagnostic::{Diagnostic, Report, Sources};
use crate::edit;
use crate::read::{Parted, read_config};
use crate::spec::{Config, Preview};
use crate::validate::validate;
use crate::yaml::{Budget, parse_documents};

pub(super) fn set(options: &Set) -> ExitCode {
    let setting = edit::Setting {
        name: options.name.clone(),
        images: options.images.clone(),
        changes: options.changes.clone(),
        expires: options.expires.clone(),
        replace: options.replace,
    };
    run(&options.file, |sources, config| {
        let text = edit::set(sources, config, &setting)?;
        Ok((text, format!("set {}", setting.name)))
    })
}

pub(super) fn remove(options: &Remove) -> ExitCode {
    take_out(&options.file, |preview| options.names.iter().any(|name| *name == preview.name))
}

pub(super) fn prune(options: &Prune) -> ExitCode {
    let now = options.now.unwrap_or_else(Timestamp::now);
    take_out(&options.file, |preview| edit::is_expired(preview, now))
}

fn take_out(file: &Path, goes: impl Fn(&Preview) -> bool) -> ExitCode {
    run(file, |sources, config| {
        let (text, names) = edit::remove(sources, config, goes)?;
        Ok((text, format!("removed {}", names.join(", "))))
    })
}

/// Reads, edits, checks and writes; on any error the file stays as it is.
fn run(
    file: &Path,
    edit: impl FnOnce(&Sources, &Config) -> Result<(String, String), Diagnostic>,
) -> ExitCode {
    let mut sources = Sources::default();
    let mut report = Report::default();
    let edited = read(file, &mut sources)
        .and_then(|config| edit(&sources, &config).map_err(|error| vec![error]));
    let (text, done) = match edited {
        Ok(edited) => edited,
        Err(errors) => {
            report.extend(errors);
            say_report(&sources, &report);
            return ExitCode::FAILURE;
        }
    };
    check(file, &text, &mut sources, &mut report);
    if report.has_errors() {
        say_report(&sources, &report);
        return ExitCode::FAILURE;
    }
    if file == Path::new("-") {
        return write_out(text.as_bytes());
    }
    let name = file.display();
    match write(file, &text) {
        Ok(true) => say(&format!("{done} in {name}\n")),
        Ok(false) => say(&format!("{name} is unchanged\n")),
        Err(error) => {
            say(&format!("error: {name} cannot be written: {error}\n"));
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

fn read(file: &Path, sources: &mut Sources) -> Result<Config, Vec<Diagnostic>> {
    let mut found = Vec::new();
    match read_config(file, sources, &Budget::default(), &mut found) {
        Some(node) => Config::read(node),
        None => Err(found),
    }
}

/// Holds the new text against the rules that need no baseline.
fn check(file: &Path, text: &str, sources: &mut Sources, report: &mut Report) {
    let id = sources.add(format!("{} (edited)", file.display()), text);
    let parsed = parse_documents(sources, id, &Budget::default());
    let config = parsed.and_then(|mut nodes| Config::read(nodes.pop().unwrap_or_default()));
    match config {
        Ok(config) => report.absorb(validate(&config, &Parted::default(), false)),
        Err(errors) => report.extend(errors),
    }
}

/// Replaces the file in one step, so that nobody reads half of it. Says whether anything changed.
fn write(file: &Path, text: &str) -> io::Result<bool> {
    let file = fs::canonicalize(file)?;
    if fs::read(&file)? == text.as_bytes() {
        return Ok(false);
    }
    let mut beside = file.clone().into_os_string();
    beside.push(".anabranch");
    fs::write(&beside, text)?;
    fs::set_permissions(&beside, fs::metadata(&file)?.permissions())?;
    fs::rename(&beside, &file)?;
    Ok(true)
}
