//! Finds the errors that an edit adds: those of the new file that the old one does not have.
//!
//! A file with errors can be edited; otherwise a file over its limit could never be emptied one preview at a time. So
//! findings are compared, by what they are about and not by where they are. Parts of the file that cannot be read are
//! left out, and the rest is compared.

use std::collections::{BTreeMap, BTreeSet};

use super::{PreviewEdit, previews};
use crate::diagnostic::{Diagnostic, Refused, Report, Severity, code};
use crate::read::Parted;
use crate::spec::Config;
use crate::validate::validate;
use crate::yaml::{Data, Node};

/// The errors of a file, and its readable parts.
struct Looked {
    errors: Vec<(Subject, Diagnostic)>,
    sound: Node,
}

/// What an error is about: its code, its field with names in place of numbers, and its message.
type Subject = (&'static str, String, String);

/// Refuses the errors that an edit adds, comparing the trees before and after it. If it is one of `set`, errors in what
/// it writes are refused even if the file had them before: they would be written again.
///
/// # Errors
/// The edit adds errors, or there are so many errors that those of the edit cannot be told from the others.
pub fn check_added(
    before: &Node,
    after: &Node,
    wanted: Option<&PreviewEdit>,
) -> Result<(), Refused> {
    let grows = previews(after).len() > previews(before).len();
    let (before, after) = (look(before)?, look(after)?);
    let mut known: BTreeMap<Subject, usize> = BTreeMap::new();
    let is_full = before.errors.len() >= Report::KEPT;
    for (subject, _) in before.errors {
        *known.entry(subject).or_default() += 1;
    }
    let is_new = |(subject, error): (Subject, Diagnostic)| {
        if error.code == &code::TOO_MANY_PREVIEWS {
            return grows.then_some(error);
        }
        if let Some(count) = known.get_mut(&subject).filter(|count| **count > 0) {
            *count -= 1;
            return None;
        }
        // A report keeps only some of thousands of errors, so the new ones cannot be told.
        let edited = wanted.map(|wanted| format!("[{}]", wanted.name));
        let counts = !is_full || edited.is_some_and(|edited| subject.1.contains(&edited));
        counts.then_some(error)
    };
    let added: Vec<Diagnostic> = after.errors.into_iter().filter_map(is_new).collect();
    Refused::unless_none(added, ())?;
    match wanted {
        Some(wanted) => check_written(&before.sound, &after.sound, wanted),
        None => Ok(()),
    }
}

fn look(node: &Node) -> Result<Looked, Refused> {
    let mut errors = Vec::new();
    let mut sound = node.clone();
    loop {
        let add = |error: Diagnostic, sound: &Node| (subject(&error, sound), error);
        match Config::read(sound.clone()) {
            Ok(config) => {
                let report = validate(&config, &Parted::default(), false);
                let findings = report.sorted().into_iter().cloned();
                let findings = findings.filter(|finding| finding.severity() == Severity::Error);
                errors.extend(findings.map(|error| add(error, &sound)));
                return Ok(Looked { errors, sound });
            }
            Err(findings) => {
                let Some(rest) = without(&sound, &findings) else { return Err(findings) };
                errors.extend(findings.into_iter().map(|error| add(error, &sound)));
                sound = rest;
            }
        }
    }
}

/// Removes the previews and settings that have errors; `None` if none of them can be removed.
fn without(node: &Node, errors: &[Diagnostic]) -> Option<Node> {
    let mut rest = node.clone();
    let (mut gone, mut keys) = (BTreeSet::new(), BTreeSet::new());
    for error in errors {
        let path = error.field.as_deref()?.strip_prefix("spec.")?;
        match preview_index(path) {
            Some(index) => gone.insert(index),
            None => keys.insert(path.split(['.', '[']).next()?),
        };
    }
    let spec = rest.get_mut("spec")?;
    for key in keys {
        let had = spec.remove(key);
        if key == "baseline" {
            let namespace = Node::map([("namespace", Node::string("baseline"))]);
            spec.set(key, namespace.clone());
            // The placeholder is there already; replacing it again would not help.
            (had.as_ref() != Some(&namespace)).then_some(())?;
        } else {
            had?;
        }
    }
    if let Some(Node { data: Data::List(items), .. }) = rest.at_mut(&["spec", "previews"]) {
        let mut index = 0;
        items.retain(|_| {
            index += 1;
            !gone.contains(&(index - 1))
        });
    }
    Some(rest)
}

/// The index in a path such as `previews[3].name`; `None` for other paths.
fn preview_index(path: &str) -> Option<usize> {
    path.strip_prefix("previews[")?.split(']').next()?.parse().ok()
}

fn subject(error: &Diagnostic, node: &Node) -> Subject {
    let field = named(error.field.as_deref().unwrap_or_default(), node);
    (error.code.id, field, named(&error.message, node))
}

/// Replaces the indices of previews in a text by their names, and removes other indices: these change when a preview
/// is added or removed.
fn named(text: &str, node: &Node) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some(open) = rest.find('[') {
        let (before, from) = rest.split_at(open + 1);
        out.push_str(before);
        let digits = from.bytes().take_while(u8::is_ascii_digit).count();
        rest = &from[digits..];
        let index: Option<usize> = from[..digits].parse().ok();
        if let Some(index) = index.filter(|_| before.ends_with("spec.previews[")) {
            let preview = previews(node).get(index);
            out.push_str(
                preview.and_then(|preview| preview.text_at(&["name"])).unwrap_or_default(),
            );
        }
    }
    out + rest
}

/// Refuses errors in what `set` writes, as if it were alone in the file.
fn check_written(before: &Node, after: &Node, wanted: &PreviewEdit) -> Result<(), Refused> {
    let wanted = wanted.settled();
    let named = |preview: &Node| preview.text_at(&["name"]) == Some(&wanted.name);
    let is_known = previews(before).iter().any(named);
    let mut alone = after.clone();
    if let Some(spec) = alone.get_mut("spec") {
        spec.set("previews", Node::list([wanted.preview()]));
    }
    let Ok(Looked { errors, .. }) = look(&alone) else { return Ok(()) };
    let is_written = |error: &Diagnostic| {
        let field = error.field.as_deref().unwrap_or_default();
        let inner = field.strip_prefix("spec.previews[0]");
        // An existing name is not written again, and services that the edit does not name stay.
        inner.is_some_and(|inner| !(is_known && inner == ".name") && inner != ".services")
    };
    let errors = errors.into_iter().map(|(_, error)| error).filter(is_written);
    let errors = errors.map(|error| Diagnostic { place: None, related: Vec::new(), ..error });
    Refused::unless_none(errors.collect(), ())
}
