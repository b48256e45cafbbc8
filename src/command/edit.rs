//! `anabranch set`, `remove` and `prune`: previews.yaml edited in place.

use std::path::Path;
use std::process::ExitCode;

use jiff::Timestamp;

use super::load::with_spelling;
use super::voice::Voice;
use super::write_out;
use crate::cli::{Prune, Remove, Set, Target};
use crate::diagnostic::{Diagnostic, FileId, Refused, Report, Sources, code};
use crate::edit::{self, Open, PreviewEdit};
use crate::limits::InputLimits;
use crate::read::{discover, parse_config, read_argument, read_file, text_within};
use crate::spec::{Change, Trust, foreign_to_us};
use crate::write::in_place::Held;
use crate::yaml::Node;

pub(super) fn set(options: &Set, voice: &Voice) -> ExitCode {
    let mut changes = options.changes.clone();
    for change in &mut changes {
        change.updated = options.if_newer.map(|time| time.to_string()).unwrap_or_default();
        change.trust = if options.fork { Trust::Fork } else { Trust::Team };
    }
    let services = options.services.iter().map(|service| (service.clone(), String::new()));
    let wanted = PreviewEdit {
        name: options.name.clone(),
        images: services.chain(options.images.iter().cloned()).collect(),
        changes,
        expires: options.expires.clone(),
        replace: options.replace,
        event: options.if_newer,
    };
    let edit = Edit { target: &options.target, wanted: Some(&wanted), voice };
    edit.run(|sources, node| {
        if let Some(why) = edit::is_late(node, &wanted)? {
            voice.tell(&format!("{why}\n"));
            let text = sources.get(node.place.file()).text.to_string();
            return Ok((text, String::new()));
        }
        let text = edit::set(sources, node, &wanted)?;
        Ok((text, format!("set {}", described(&wanted, node))))
    })
}

/// Describes the change: the new values, what the preview had before, and what it loses.
fn described(wanted: &PreviewEdit, before: &Node) -> String {
    let previews = before.at(&["spec", "previews"]).map(Node::items).unwrap_or_default();
    let preview = previews.iter().find(|one| one.text_at(&["name"]) == Some(&wanted.name));
    let services = preview.and_then(|one| one.get("services")).map(Node::items).unwrap_or_default();
    let image = |(name, image): &(String, String)| {
        let service = services.iter().find(|one| edit::is_service(one, name));
        match service.and_then(|one| one.text_at(&["image"])) {
            _ if image.is_empty() => format!("{name} with the baseline's image"),
            Some(old) if old == image => format!("{name} keeps its image"),
            Some(old) => format!("{name} from {old} to {image}"),
            None => format!("{name} to {image}"),
        }
    };
    let change = |change: &Change| format!("{}#{}", change.repository, change.number);
    let images = wanted.images.iter().map(image);
    let text = |node: &Node, key: &str| node.text_at(&[key]).unwrap_or_default().to_owned();
    let lost = services.iter().filter(|node| !wanted.keeps_service(node)).map(|node| {
        let namespace = node.text_at(&["namespace"]).map(|namespace| format!("{namespace}/"));
        format!("{}{} removed", namespace.unwrap_or_default(), text(node, "name"))
    });
    let changes = preview.and_then(|one| one.get("changes")).map(Node::items).unwrap_or_default();
    let lost_changes = changes
        .iter()
        .filter(|node| !wanted.keeps_change(node))
        .map(|node| format!("{}#{} removed", text(node, "repository"), text(node, "number")));
    let expires = wanted.expires.iter().map(|time| format!("expires {time}"));
    let pulls = wanted.changes.iter().map(change).chain(lost_changes);
    let parts = images.chain(lost).chain(pulls).chain(expires);
    let parts = parts.collect::<Vec<_>>().join(", ");
    let new = if preview.is_none() { ", which is new" } else { "" };
    let colon = if parts.is_empty() { "" } else { ": " };
    format!("{}{new}{colon}{parts}", wanted.name)
}

pub(super) fn remove(options: &Remove, voice: &Voice) -> ExitCode {
    let edit = Edit { target: &options.target, wanted: None, voice };
    if let Some(at) = options.closed {
        return edit.run(|sources, node| {
            let (text, closed) = edit::close(sources, node, &options.names, at, options.change.as_ref())?;
            for name in options.names.iter().filter(|name| !closed.contains(name)) {
                voice.tell(&format!("{name} stays: the file knows a later state of it, or it stands for another change\n"));
            }
            Ok((text, format!("closed {}", closed.join(", "))))
        });
    }
    let named = |preview: &Node| {
        let name = preview.text_at(&["name"]);
        options.names.iter().any(|one| Some(one.as_str()) == name)
    };
    edit.run(|sources, node| {
        let (text, names) = edit::remove(sources, node, named)?;
        Ok((text, format!("removed {}", names.join(", "))))
    })
}

pub(super) fn prune(options: &Prune, voice: &Voice) -> ExitCode {
    let now = options.now.unwrap_or_else(Timestamp::now);
    let open = match options.open.as_deref().map(read_open).transpose() {
        Ok(open) => open,
        Err(refused) => {
            voice.refuse(refused);
            return ExitCode::FAILURE;
        }
    };
    Edit { target: &options.target, wanted: None, voice }.run(|sources, node| {
        let (text, names) = edit::prune(sources, node, now, open.as_ref())?;
        let done = match names.as_slice() {
            [] => "forgotten previews that were closed long ago".to_owned(),
            names => format!("removed {}", names.join(", ")),
        };
        Ok((text, done))
    })
}

fn read_open(file: &Path) -> Result<Open, Refused> {
    let mut sources = Sources::default();
    let id = read_argument(file, &mut sources, &InputLimits::default())?;
    Open::read(&sources.get(id).text).map_err(|why| {
        let message = format!("{}: {why}", file.display());
        let help = "write one pull request a line, such as https://github.com/shop/shop#42";
        Diagnostic::new(&code::UNREADABLE, message, help).into()
    })
}

/// An edit: the new text, and what was done.
type Edited = Result<(String, String), Refused>;

/// The target of an edit, and where its messages go.
struct Edit<'a> {
    target: &'a Target,
    wanted: Option<&'a PreviewEdit>,
    voice: &'a Voice,
}

impl Edit<'_> {
    /// Reads, edits, checks and writes; on any error the file stays as it is.
    fn run(&self, edit: impl FnOnce(&Sources, &Node) -> Edited) -> ExitCode {
        let mut sources = Sources::default();
        let result = match &self.target.file {
            Some(file) if file == Path::new("-") => self.stream(file, edit, &mut sources),
            Some(file) => self.in_place(file, edit, &mut sources),
            None => discover().and_then(|file| self.in_place(&file, edit, &mut sources)),
        };
        let mut report = Report::default();
        report.keep(result).unwrap_or_else(|| {
            self.voice.report(&sources, &report);
            ExitCode::FAILURE
        })
    }

    /// Edits stdin; the new text goes to stdout.
    fn stream(
        &self,
        stdin: &Path,
        edit: impl FnOnce(&Sources, &Node) -> Edited,
        sources: &mut Sources,
    ) -> Result<ExitCode, Refused> {
        read_file(stdin, sources, &InputLimits::default())?;
        let (text, done) = edited(self.wanted, edit, sources)?;
        if self.target.dry_run {
            let unchanged = sources.get(FileId::default()).text == *text;
            let words =
                if unchanged { "nothing changes".to_owned() } else { format!("would have {done}") };
            self.voice.tell(&format!("{words}\n"));
            return Ok(ExitCode::SUCCESS);
        }
        Ok(write_out(text.as_bytes()))
    }

    /// Edits a file that nobody else edits meanwhile.
    fn in_place(
        &self,
        file: &Path,
        edit: impl FnOnce(&Sources, &Node) -> Edited,
        sources: &mut Sources,
    ) -> Result<ExitCode, Refused> {
        let mut held = Held::open(file).map_err(|refused| with_spelling(refused, file))?;
        let limits = InputLimits::default();
        let bytes = held.read(limits.bytes as u64 + 1)?;
        let name = file.display().to_string();
        let text = text_within(&name, bytes, sources, &limits)?;
        let id = sources.add(name.as_str(), text);
        let (text, done) = edited(self.wanted, edit, sources)?;
        let before = &sources.get(id).text;
        if *before == text {
            self.voice.tell(&format!("{name} is unchanged\n"));
            return Ok(ExitCode::SUCCESS);
        }
        if self.target.dry_run {
            self.voice.tell(&format!("would have {done} in {name}\n"));
            return Ok(ExitCode::SUCCESS);
        }
        let lost = held.replace(before, &text)?;
        self.voice.tell(&format!("{done} in {name}\n"));
        if let Some(lost) = lost {
            self.voice.tell(&format!("warning: {lost}\n"));
        }
        Ok(ExitCode::SUCCESS)
    }
}

/// Edits the text, and checks the result against the rules that need no baseline.
fn edited(
    wanted: Option<&PreviewEdit>,
    edit: impl FnOnce(&Sources, &Node) -> Edited,
    sources: &mut Sources,
) -> Result<(String, String), Refused> {
    let limits = InputLimits::default();
    let first = FileId::default();
    let before = parse_config(sources, first, &limits)?;
    if let Some(error) = foreign_to_us(&before) {
        return Err(error.into());
    }
    let (text, done) = edit(sources, &before)?;
    if text == sources.get(first).text {
        return Ok((text, done));
    }
    let source = sources.get(first);
    let (origin, name) = (source.origin.clone(), format!("{} (edited)", source.name));
    let id = sources.add_from(origin, name, text.as_str());
    let after = parse_config(sources, id, &limits)?;
    edit::check_added(&before, &after, wanted)?;
    Ok((text, done))
}
