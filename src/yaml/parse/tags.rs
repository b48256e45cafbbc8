//! Applies tags to values, as go-yaml does in kubectl and in kustomize.

use std::borrow::Cow;

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use super::tokens::Tag;
use crate::diagnostic::Problem;
use crate::yaml::node::Data;
use crate::yaml::scalar::{MERGE, Resolved, is_ambiguous, resolve};

/// Applies a tag to a scalar.
///
/// # Errors
/// The tag is not of a type of Kubernetes, or the text is not a value of the type.
pub(super) fn scalar(
    tag: Option<Tag<'_>>,
    text: Cow<'_, str>,
    plain: bool,
) -> Result<Data, Problem> {
    let string = |text: &str| Data::Scalar { text: text.into(), plain: false };
    let value = |text: &str| Data::Scalar { text: text.into(), plain: true };
    let is = |wanted: fn(&Resolved<'_>) -> bool| {
        wanted(&resolve(&text)).then(|| value(&text)).ok_or_else(|| no_value(tag, &text))
    };
    match tag {
        // A missing value is null.
        None if plain && text.is_empty() => Ok(value("~")),
        None => Ok(Data::Scalar { text: text.into(), plain }),
        Some(Tag::Bare | Tag::Core("merge")) if text == MERGE && plain => Ok(value(&text)),
        Some(Tag::Core("str")) => Ok(string(&text)),
        Some(Tag::Bare) if plain && is_typed(&text) => Err(two_readings(&text)),
        Some(Tag::Bare) => Ok(string(&text)),
        Some(Tag::Core("null")) if text.is_empty() => Ok(value("~")),
        Some(Tag::Core("null")) => is(|value| *value == Resolved::Null),
        Some(Tag::Core("bool")) => is(|value| matches!(value, Resolved::Bool(_))),
        Some(Tag::Core("float")) => {
            is(|value| matches!(value, Resolved::Number(number) if is_exact(number)))
        }
        Some(Tag::Core("int")) => is(|value| {
            matches!(value, Resolved::Number(number)
                if number.parse::<i64>().is_ok() || number.parse::<u64>().is_ok())
        }),
        Some(Tag::Core("binary")) => {
            let base64: Vec<u8> =
                text.bytes().filter(|byte| !matches!(byte, b'\r' | b'\n')).collect();
            let bytes = STANDARD.decode(base64).ok();
            let decoded = bytes.and_then(|bytes| String::from_utf8(bytes).ok());
            decoded.map(|text| string(&text)).ok_or_else(|| no_value(tag, &text))
        }
        Some(tag) => Err(unknown(tag)),
    }
}

/// Whether a number stays the same as a float: kubectl rounds a large integer with `!!float`.
fn is_exact(number: &str) -> bool {
    const LARGEST: u64 = 1 << f64::MANTISSA_DIGITS;
    match number.parse::<i64>() {
        Ok(integer) => integer.unsigned_abs() <= LARGEST,
        Err(_) => number.contains(['.', 'e', 'E']),
    }
}

/// Whether a plain scalar is not a string to kubectl or kustomize.
fn is_typed(text: &str) -> bool {
    is_ambiguous(text) || !matches!(resolve(text), Resolved::String(_))
}

/// Whether a tag only repeats that a list or mapping is one.
pub(super) fn is_collection(tag: Tag<'_>, list: bool) -> bool {
    tag == Tag::Core(if list { "seq" } else { "map" }) || tag == Tag::Bare
}

fn written(tag: Tag<'_>) -> String {
    match tag {
        Tag::Bare => "!".to_owned(),
        Tag::Core(name) => format!("!!{name}"),
        Tag::Own(name) => format!("!{name}"),
    }
}

/// The problem of a tag without a meaning here.
pub(super) fn unknown(tag: Tag<'_>) -> Problem {
    let tag = written(tag);
    let message =
        format!("the tag `{tag}` gives a value a meaning that Kubernetes has no type for");
    Problem::new(message, "remove the tag and quote the value if it is a string")
}

fn two_readings(text: &str) -> Problem {
    let message = format!("behind the tag `!`, `{text}` is text to kubectl, and not to kustomize");
    Problem::new(message, "remove the tag, and quote the value if it is text")
}

/// The problem of a plain value that is infinite or not a number.
pub(super) fn infinite(text: &str) -> Problem {
    let message = format!("`{text}` is no number that JSON has, and kubectl refuses its document");
    Problem::new(message, "quote the value if it is text")
}

fn no_value(tag: Option<Tag<'_>>, text: &str) -> Problem {
    let tag = tag.map(written).unwrap_or_default();
    let message = format!("`{text:.40}` is no value of the tag `{tag}`");
    Problem::new(message, "remove the tag, or write a value of its type")
}
