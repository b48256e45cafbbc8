//! `anabranch set`, `remove` and `prune`: previews.yaml edited in place.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use super::{say, say_report, write_out};
use crate::cli::{Prune, Remove, Set};
use crate::diagnostic::{Diagnostic, FileId, Report, Sources};
use crate::edit::{self, Setting};
use crate::read::{add_text, parse_config, read_file};
use crate::write::in_place::Held;
use crate::yaml::{InputLimits, Node};

pub(super) fn set(options: &Set) -> ExitCode {
    let setting = Setting {
        name: options.name.clone(),
        images: options.images.clone(),
        changes: options.changes.clone(),
        expires: options.expires.clone(),
        replace: options.replace,
    };
    run(&options.file, Some(&setting), |sources, node| {
        let text = edit::set(sources, node, &setting)?;
        Ok((text, format!("set {}", setting.name)))
    })
}

pub(super) fn remove(options: &Remove) -> ExitCode {
    let named = |preview: &Node| {
        let name = preview.text_at(&["name"]);
        options.names.iter().any(|one| Some(one.as_str()) == name)
    };
    take_out(&options.file, named)
}

pub(super) fn prune(options: &Prune) -> ExitCode {
    let now = options.now.unwrap_or_else(Timestamp::now);
    take_out(&options.file, |preview| edit::is_expired(preview, now))
}

fn take_out(file: &Path, goes: impl Fn(&Node) -> bool) -> ExitCode {
    run(file, None, |sources, node| {
        let (text, names) = edit::remove(sources, node, goes)?;
        Ok((text, format!("removed {}", names.join(", "))))
    })
}

/// An edit: the new text, and what was done.
type Edited = Result<(String, String), Diagnostic>;

/// Reads, edits, checks and writes; on any error the file stays as it is.
fn run(
    file: &Path,
    setting: Option<&Setting>,
    edit: impl FnOnce(&Sources, &Node) -> Edited,
) -> ExitCode {
    let mut sources = Sources::default();
    let result = if file == Path::new("-") {
        let id =
            read_file(file, &mut sources, &InputLimits::default()).map_err(|error| vec![error]);
        id.and_then(|_| edited(setting, edit, &mut sources))
            .map(|(text, _)| write_out(text.as_bytes()))
    } else {
        in_place(file, setting, edit, &mut sources)
    };
    result.unwrap_or_else(|errors| {
        let mut report = Report::default();
        report.extend(errors);
        say_report(&sources, &report);
        ExitCode::FAILURE
    })
}

/// Edits a file that nobody else edits meanwhile.
fn in_place(
    file: &Path,
    setting: Option<&Setting>,
    edit: impl FnOnce(&Sources, &Node) -> Edited,
    sources: &mut Sources,
) -> Result<ExitCode, Vec<Diagnostic>> {
    let one = |error: Diagnostic| vec![error];
    let mut held = Held::open(file).map_err(one)?;
    let budget = InputLimits::default();
    let bytes = held.read(budget.bytes as u64 + 1).map_err(one)?;
    let name = file.display().to_string();
    let id = add_text(&name, bytes, sources, &budget).map_err(one)?;
    let (text, done) = edited(setting, edit, sources)?;
    let before = &sources.get(id).text;
    if *before == text {
        say(&format!("{name} is unchanged\n"));
        return Ok(ExitCode::SUCCESS);
    }
    let lost = held.replace(before, &text).map_err(one)?;
    say(&format!("{done} in {name}\n"));
    if let Some(lost) = lost {
        say(&format!("warning: {lost}\n"));
    }
    Ok(ExitCode::SUCCESS)
}

/// Edits the first text of a run, and holds the new one against the rules that need no baseline.
fn edited(
    setting: Option<&Setting>,
    edit: impl FnOnce(&Sources, &Node) -> Edited,
    sources: &mut Sources,
) -> Result<(String, String), Vec<Diagnostic>> {
    let budget = InputLimits::default();
    let mut errors = Vec::new();
    let first = FileId::default();
    let Some(before) = parse_config(sources, first, &budget, &mut errors) else {
        return Err(errors);
    };
    let (text, done) = edit(sources, &before).map_err(|error| vec![error])?;
    if text == sources.get(first).text {
        return Ok((text, done));
    }
    let name = format!("{} (edited)", sources.get(first).name);
    let id = sources.add(name, text.as_str());
    let Some(after) = parse_config(sources, id, &budget, &mut errors) else {
        return Err(errors);
    };
    let added = edit::added(&before, &after, setting);
    if added.is_empty() { Ok((text, done)) } else { Err(added) }
}
