//! `anabranch set`, `remove` and `prune`: previews.yaml edited in place.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use super::{say, say_report, write_out};
use crate::cli::{Prune, Remove, Set};
use crate::diagnostic::{Diagnostic, FileId, Report, Sources};
use crate::edit::{self, Open, Setting};
use crate::read::{add_text, parse_config, read_file};
use crate::write::in_place::Held;
use crate::yaml::{InputLimits, Node};

pub(super) fn set(options: &Set) -> ExitCode {
    let mut changes = options.changes.clone();
    for change in &mut changes {
        change.updated = options.if_newer.map(|time| time.to_string()).unwrap_or_default();
    }
    let setting = Setting {
        name: options.name.clone(),
        images: options.images.clone(),
        changes,
        expires: options.expires.clone(),
        replace: options.replace,
        event: options.if_newer,
    };
    run(&options.file, Some(&setting), |sources, node| {
        if let Some(why) = edit::is_late(node, &setting) {
            say(&format!("{why}\n"));
            let text = sources.get(node.place.file()).text.to_string();
            return Ok((text, String::new()));
        }
        let text = edit::set(sources, node, &setting)?;
        Ok((text, format!("set {}", setting.name)))
    })
}

pub(super) fn remove(options: &Remove) -> ExitCode {
    if let Some(at) = options.closed {
        return run(&options.file, None, |sources, node| {
            let text = edit::close(sources, node, &options.names, at)?;
            Ok((text, format!("closed {}", options.names.join(", "))))
        });
    }
    let named = |preview: &Node| {
        let name = preview.text_at(&["name"]);
        options.names.iter().any(|one| Some(one.as_str()) == name)
    };
    run(&options.file, None, |sources, node| {
        let (text, names) = edit::remove(sources, node, named)?;
        Ok((text, format!("removed {}", names.join(", "))))
    })
}

pub(super) fn prune(options: &Prune) -> ExitCode {
    let now = options.now.unwrap_or_else(Timestamp::now);
    let open = match options.open.as_deref().map(read_open).transpose() {
        Ok(open) => open,
        Err(why) => {
            say(&format!("error: {why}\n"));
            return ExitCode::FAILURE;
        }
    };
    run(&options.file, None, |sources, node| {
        let (text, names) = edit::prune(sources, node, now, open.as_ref())?;
        let done = match names.as_slice() {
            [] => "forgot previews that were closed long ago".to_owned(),
            names => format!("removed {}", names.join(", ")),
        };
        Ok((text, done))
    })
}

fn read_open(file: &Path) -> Result<Open, String> {
    let text = std::fs::read_to_string(file);
    let open = text.map_err(|error| error.to_string()).and_then(|text| Open::read(&text));
    open.map_err(|why| format!("{}: {why}", file.display()))
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
