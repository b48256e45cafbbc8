//! Formats a difference for people at a terminal.

use std::fmt::Write as _;

use super::{Change, Difference, ObjectChange};
use crate::diagnostic::terminal::one_line;
use crate::diagnostic::text::prose;

/// Renders a difference; `colour` as git does it.
pub(crate) fn render(difference: &Difference, colour: bool) -> String {
    let mut out = String::new();
    let mut preview = None;
    for object in &difference.objects {
        if preview != Some(&object.preview) {
            preview = Some(&object.preview);
            heading(&mut out, difference, object);
        }
        let _ = writeln!(
            out,
            "  {}",
            painted(
                &format!("{} {}", object.change.sign(), prose(&object.id.to_string())),
                object.change,
                colour
            )
        );
        for field in &object.fields {
            let _ = writeln!(out, "      {}", prose(&field.path));
            if let Some(old) = &field.old {
                let _ = writeln!(
                    out,
                    "        {}",
                    painted(&format!("- {}", prose(old)), Change::Removed, colour)
                );
            }
            if let Some(new) = &field.new {
                let _ = writeln!(
                    out,
                    "        {}",
                    painted(&format!("+ {}", prose(new)), Change::Added, colour)
                );
            }
        }
    }
    if !difference.files.is_empty() {
        out.push_str("files of suites\n");
    }
    for (path, change) in &difference.files {
        let line = format!("{} {}", change.sign(), prose(path));
        let _ = writeln!(out, "  {}", painted(&line, *change, colour));
    }
    if !difference.findings.is_empty() {
        out.push_str("found now and not before\n");
    }
    for finding in &difference.findings {
        let _ = writeln!(out, "  {}", one_line(finding));
    }
    let _ = writeln!(out, "{}", difference.summary());
    out
}

fn heading(out: &mut String, difference: &Difference, object: &ObjectChange) {
    let Some(name) = &object.preview else {
        out.push_str("shared by all\n");
        return;
    };
    let about = difference.previews.iter().find(|preview| preview.name == *name);
    let _ = write!(out, "{}", prose(name));
    if let Some(about) = about {
        let _ = write!(out, " {}", about.change.word());
        for part in [&about.services, &about.url] {
            if !part.is_empty() {
                let _ = write!(out, ", {}", prose(part));
            }
        }
    }
    out.push('\n');
}

fn painted(line: &str, change: Change, colour: bool) -> String {
    let code = match change {
        Change::Added => 32,
        Change::Changed => 33,
        Change::Removed => 31,
    };
    if colour { format!("\u{1b}[{code}m{line}\u{1b}[0m") } else { line.to_owned() }
}
