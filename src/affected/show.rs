//! Formats the answer: for people, and for tools that continue with it.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::Format;
use super::answer::Answer;
use crate::diagnostic::text::{self, printable};

/// The commits that the answer is about: the full hashes of the merge base and of head.
#[derive(Debug)]
pub(crate) struct Span {
    pub(crate) base: String,
    pub(crate) head: String,
}

/// The answer in a format. If nothing is affected, it is empty in each of them.
pub(crate) fn show(answer: &Answer, span: &Span, format: Format) -> String {
    let built =
        || answer.services.iter().filter(|(_, one)| one.build).map(|(name, _)| name.as_str());
    match format {
        Format::Text => as_text(answer),
        Format::Json => text::json(&as_json(answer, span)),
        Format::Names => lines(answer.services.keys().map(String::as_str)),
        Format::Matrix => format!("{}\n", json!({"service": built().collect::<Vec<_>>()})),
        Format::Bake => lines(built()),
    }
}

fn lines<'n>(names: impl Iterator<Item = &'n str>) -> String {
    names.flat_map(|name| [name, "\n"]).collect()
}

/// How many chains of one service are shown to people.
const SHOWN: usize = 5;

fn as_text(answer: &Answer) -> String {
    if answer.services.is_empty() {
        return "no service is affected\n".to_owned();
    }
    let mut out = String::new();
    for (name, one) in &answer.services {
        let _ = writeln!(out, "{name}{}", if one.build { "" } else { ", not built" });
        for reason in one.reasons.iter().take(SHOWN) {
            let _ = writeln!(out, "  {}", printable(&reason.join(" -> ")));
        }
        let more = one.reasons.len().saturating_sub(SHOWN) + one.left_out;
        if more > 0 {
            let _ = writeln!(out, "  and {more} more");
        }
    }
    out
}

fn as_json(answer: &Answer, span: &Span) -> Value {
    let service = |(name, one): (&String, &super::answer::Affected)| {
        let mut service = json!({"name": name, "build": one.build, "reasons": one.reasons});
        if one.left_out > 0 {
            service["reasonsLeftOut"] = one.left_out.into();
        }
        service
    };
    json!({
        "base": span.base,
        "head": span.head,
        "services": answer.services.iter().map(service).collect::<Vec<_>>(),
        "unmapped": answer.unmapped,
    })
}
