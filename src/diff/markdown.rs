//! Formats a difference as a comment on a pull request: a summary that is read in seconds, with the rest folded.
//!
//! Names and values come from outside, so they are in code spans and fences that they cannot close.

use std::fmt::Write as _;

use similar::algorithms::{Capture, Compact, Replace, myers};
use similar::udiff::UnifiedHunkHeader;

use super::{Change, Difference, Field, ObjectChange};
use crate::diagnostic::text::{prose, short};
use crate::diagnostic::{first_of, without_userinfo};
use crate::kube::Object;
use crate::yaml::write_document;

/// The length limit of a comment on GitHub and others, less some for what others add.
const LONGEST: usize = 60_000;
/// The length limit of one object, so that others fit as well.
const OF_ONE: usize = 6_000;
/// How many lines of an object are compared line by line: more would take long.
const LINES: usize = 10_000;

/// Renders a difference.
pub(crate) fn render(difference: &Difference) -> String {
    let mut out = format!("### Previews\n\n{}\n", difference.summary());
    if let Some(caveat) = &difference.caveat {
        let _ = write!(out, "\n> {}\n", code(caveat));
    }
    table(&mut out, difference);
    findings(&mut out, difference);
    let mut left = difference.objects.len();
    if left > 0 {
        let _ = write!(out, "\n<details><summary>Objects</summary>\n");
        // Objects that were added or removed are listed together.
        let key = |object: &ObjectChange| (object.preview.clone(), object.change);
        for alike in
            difference.objects.chunk_by(|a, b| key(a) == key(b) && a.change != Change::Changed)
        {
            let part = match alike {
                [object] => part(object),
                objects => many(objects),
            };
            // A part that is too long is skipped, so that shorter ones fit.
            if out.len() + part.len() <= LONGEST {
                out.push_str(&part);
                left -= alike.len();
            }
        }
        if left > 0 {
            let _ = write!(out, "\n{left} more are not shown; run `anabranch diff`.\n");
        }
        out.push_str("\n</details>\n");
    }
    out
}

/// A table of the previews, as many rows as fit.
fn table(out: &mut String, difference: &Difference) {
    let all = &difference.previews;
    if !all.is_empty() {
        out.push_str("\n| preview | | services | images | routes |\n|---|---|---|---|---:|\n");
    }
    for (index, one) in all.iter().enumerate() {
        let images: Vec<String> = one.images.iter().map(image).collect();
        let name = match one.url.as_str() {
            url if is_plain_url(url) => format!("[{}]({url})", code(&one.name)),
            _ => code(&one.name),
        };
        let line = format!(
            "| {name} | {} | {} | {} | {} |\n",
            one.change.word(),
            cell(&one.services),
            first_of(20, "<br>", images),
            one.routes
        );
        if out.len() + line.len() > LONGEST / 2 {
            let _ = writeln!(out, "| and {} more | | | | |", all.len() - index);
            return;
        }
        out.push_str(&line);
    }
}

/// Whether a URL has no character that would end the link or the cell.
fn is_plain_url(url: &str) -> bool {
    url.starts_with("https://")
        && url.chars().all(|c| c.is_ascii_alphanumeric() || "-._~:/".contains(c))
}

fn image(image: &super::previews::ImageChange) -> String {
    let side = |side: &Option<String>| side.as_deref().map(|side| code(&shortened(side)));
    let versions: Vec<String> =
        [side(&image.old), side(&image.new)].into_iter().flatten().collect();
    format!("{} {}", code(&image.container), versions.join(" → "))
}

/// Shortens the digest of an image, so that people can compare it.
fn shortened(image: &str) -> String {
    match image.split_once("@sha256:") {
        Some((name, digest)) => format!("{name}@{}", digest.get(..12).unwrap_or(digest)),
        None => image.to_owned(),
    }
}

fn findings(out: &mut String, difference: &Difference) {
    const MANY: usize = 20;
    if difference.findings.is_empty() {
        return;
    }
    out.push_str("\nFound now and not before:\n\n");
    for one in difference.findings.iter().take(MANY) {
        let _ = writeln!(
            out,
            "- {} `{}`: {}",
            one.severity().word(),
            one.code.id,
            code(&short(&one.message))
        );
    }
    if difference.findings.len() > MANY {
        let _ = writeln!(out, "- and {} more", difference.findings.len() - MANY);
    }
}

/// A list of objects with the same change.
fn many(objects: &[ObjectChange]) -> String {
    let names = objects.iter().map(|one| code(&one.id.to_string()));
    format!("\n{}: {}\n", objects[0].change.word(), first_of(50, ", ", names))
}

/// An object: its change, and its lines that differ.
fn part(object: &ObjectChange) -> String {
    let head = format!("\n{} {}\n", object.change.word(), code(&object.id.to_string()));
    let (Some(old), Some(new)) = (&object.old, &object.new) else { return head };
    let (old, new) = (yaml(old), yaml(new));
    let is_long = old.lines().count() + new.lines().count() > LINES;
    let lines = if object.hides || is_long {
        by_field(object)
    } else {
        without_userinfo(&unified(&old, &new)).into_owned()
    };
    let lines = shown(&lines);
    let fence = "`".repeat(longest_run(&lines).max(2) + 1);
    format!("{head}\n{fence}diff\n{lines}{fence}\n")
}

/// The lines that differ and three around them, in the form of `diff -u`.
///
/// `TextDiff` does the same by any of five algorithms, and all of these would be a twentieth of the binary.
fn unified(old: &str, new: &str) -> String {
    let (old, new): (Vec<&str>, Vec<&str>) = (old.lines().collect(), new.lines().collect());
    let mut diff = Compact::new(Replace::new(Capture::new()), &old, &new);
    // Only what collects the differences could fail.
    let _ = myers::diff(&mut diff, &old, 0..old.len(), &new, 0..new.len());
    let mut text = String::new();
    for ops in diff.into_inner().into_inner().into_grouped_ops(3) {
        let _ = writeln!(text, "{}", UnifiedHunkHeader::new(&ops));
        for change in ops.iter().flat_map(|op| op.iter_changes(&old, &new)) {
            let _ = writeln!(text, "{}{}", change.tag(), change.value());
        }
    }
    text
}

/// The fields of an object that differ, with their values if these may be shown.
fn by_field(object: &ObjectChange) -> String {
    let mut lines = String::new();
    for field in &object.fields {
        let Field { path, old, new } = field;
        if field.is_hidden() {
            let _ = writeln!(lines, "{} {} (hidden)", Change::Changed.sign(), prose(path));
            continue;
        }
        let _ = writeln!(lines, "{} {}", Change::Changed.sign(), prose(path));
        for (sign, value) in [('-', old), ('+', new)] {
            if let Some(value) = value {
                let _ = writeln!(lines, "{sign}   {}", prose(value));
            }
        }
    }
    lines
}

/// Makes lines printable; of very many, the first.
fn shown(lines: &str) -> String {
    let mut shown = String::new();
    for (index, line) in lines.lines().enumerate() {
        let line = prose(line);
        if shown.len() + line.len() > OF_ONE {
            let _ = writeln!(shown, "... and {} more lines", lines.lines().count() - index);
            break;
        }
        shown.push_str(&line);
        shown.push('\n');
    }
    shown
}

fn yaml(object: &Object) -> String {
    let mut text = String::new();
    write_document(&mut text, &object.node);
    text
}

/// A text as a code span in a table: it cannot end the span, the cell or the line.
fn code(text: &str) -> String {
    let text = prose(text).replace('|', "\\|").replace(['\n', '\r'], " ");
    let ticks = "`".repeat(longest_run(&text) + 1);
    let room = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{room}{text}{room}{ticks}")
}

fn cell(text: &str) -> String {
    if text.is_empty() { String::new() } else { code(text) }
}

/// The length of the longest run of backticks.
fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_text_leaves_its_code_span() {
        assert_eq!(code("a|b"), "`a\\|b`");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`a"), "`` `a ``");
        assert!(!code("a\nb").contains('\n'));
    }
}
