//! Edits of previews.yaml in place: the first line of the input is the command, the rest the file.
//!
//! An edit is refused, or the new file says what was asked for, says the same as before about
//! everything else, and has the same bytes before and behind the entry.

#![no_main]

use anabranch::diagnostic::{Refused, Sources};
use anabranch::edit::{self, Change, PreviewEdit, Trust};
use anabranch::limits::InputLimits;
use anabranch::yaml::{Node, parse_documents};
use libfuzzer_sys::fuzz_target;
use serde_json::Value;

/// Reads `set NAME SERVICE=IMAGE @TIME #NUMBER --replace`, in any order behind the name.
fn preview_edit(words: &[&str]) -> PreviewEdit {
    let mut wanted = PreviewEdit::default();
    for (index, word) in words.iter().enumerate() {
        if let Some((service, image)) = word.split_once('=') {
            wanted.images.push((service.to_owned(), image.to_owned()));
        } else if let Some(time) = word.strip_prefix('@') {
            wanted.expires = Some(time.to_owned());
        } else if let Some(number) = word.strip_prefix('#') {
            wanted.changes.push(Change {
                repository: "https://github.com/shop/shop".to_owned(),
                number: number.parse().unwrap_or_default(),
                commit: "90d51dc2888fbbef60f3ddecea6cb05ac8c43ec4".to_owned(),
                updated: String::new(),
                trust: Trust::Team,
            });
        } else if *word == "--replace" {
            wanted.replace = true;
        } else if index == 0 {
            wanted.name = (*word).to_owned();
        }
    }
    wanted
}

fn parse(sources: &mut Sources, text: &str) -> Option<Node> {
    let file = sources.add("previews.yaml", text);
    let found = parse_documents(sources, file, &InputLimits::default()).ok()?;
    let [node] = <[Node; 1]>::try_from(found).ok()?;
    Some(node)
}

/// The names of the previews, each with its value, and everything else.
fn parts(node: &Node) -> (Vec<(String, Value)>, Value) {
    let mut rest = node.to_json();
    let spec = rest.get_mut("spec").and_then(Value::as_object_mut);
    let previews = spec.and_then(|spec| spec.shift_remove("previews"));
    let named = |preview: Value| (preview["name"].as_str().unwrap_or_default().to_owned(), preview);
    let previews = match previews {
        Some(Value::Array(items)) => items.into_iter().map(named).collect(),
        _ => Vec::new(),
    };
    (previews, rest)
}

fn without(previews: &[(String, Value)], gone: &[&str]) -> Vec<(String, Value)> {
    let stays = |(name, _): &&(String, Value)| !gone.contains(&name.as_str());
    previews.iter().filter(stays).cloned().collect()
}

/// Where the entries of these names lie: from the end of the entry before the first of them to the
/// start of the entry behind the last.
fn touched(node: &Node, names: &[&str], length: usize) -> Option<(usize, usize)> {
    let items = node.at(&["spec", "previews"])?.items();
    let is_named = |item: &Node| names.contains(&item.text_at(&["name"]).unwrap_or_default());
    let first = items.iter().position(is_named)?;
    let last = items.iter().rposition(is_named)?;
    let before = match first.checked_sub(1) {
        Some(index) => items[index].place.range().start,
        None => {
            node.get("spec")?
                .entries()
                .iter()
                .find(|(key, _)| key.text == "previews")?
                .0
                .place
                .range()
                .end
        }
    };
    Some((before, items.get(last + 1).map_or(length, |item| item.place.range().start)))
}

/// Some name is there twice, so that "the entry of this name" says nothing.
fn is_repeated<'a>(names: impl Iterator<Item = &'a String>) -> bool {
    let mut names: Vec<&String> = names.collect();
    names.sort_unstable();
    names.windows(2).any(|pair| pair[0] == pair[1])
}

/// What was asked for stands in the entry, and what was not asked for is as it was.
fn assert_set(wanted: &PreviewEdit, before: Option<&Value>, after: &Value) {
    for (service, image) in &wanted.images {
        // `NAMESPACE/NAME`, where several namespaces have one of that name.
        let (namespace, name) = service.split_once('/').unwrap_or(("", service));
        let found = after["services"].as_array().into_iter().flatten();
        let mut found = found.filter(|entry| {
            entry["name"] == name && entry["namespace"].as_str().unwrap_or_default() == namespace
        });
        let entry = found.next().unwrap_or_else(|| panic!("no service {service}: {after}"));
        let listed = ["containers", "workloads"].iter().flat_map(|list| entry[list].as_array());
        // Without an image it is the baseline's that the service has.
        let is_baselines = entry["image"].as_str().is_none_or(str::is_empty);
        let is_there = image.is_empty() && is_baselines
            || entry["image"] == image.as_str()
            || listed.flatten().any(|item| item["image"] == image.as_str());
        assert!(is_there, "{service} has not the image {image}: {after}");
    }
    if let Some(expires) = &wanted.expires {
        assert_eq!(after["expires"], expires.as_str());
    }
    if let (Some(before), false) = (before, wanted.replace) {
        let count = |entry: &Value, list: &str| entry[list].as_array().map_or(0, Vec::len);
        for list in ["services", "changes"] {
            assert!(count(after, list) >= count(before, list), "{list} became shorter: {after}");
        }
        for (key, value) in before.as_object().into_iter().flatten() {
            let is_asked_for = ["services", "changes", "expires"].contains(&key.as_str());
            assert!(is_asked_for || after[key] == *value, "{key} changed: {after}");
        }
    }
}

fuzz_target!(|input: &str| {
    let (command, text) = input.split_once('\n').unwrap_or((input, ""));
    let words: Vec<&str> = command.split_ascii_whitespace().collect();
    let Some((verb, words)) = words.split_first() else { return };
    let mut sources = Sources::default();
    let Some(node) = parse(&mut sources, text) else { return };

    let wanted = preview_edit(words);
    if is_repeated(wanted.images.iter().map(|(service, _)| service)) {
        return;
    }
    let is_set = *verb == "set";
    // Without a name it is not said which preview is meant; the command line refuses it.
    if is_set && wanted.name.is_empty() {
        return;
    }
    let edited: Result<String, Refused> = if is_set {
        edit::set(&sources, &node, &wanted)
    } else {
        let goes = |preview: &Node| words.contains(&preview.text_at(&["name"]).unwrap_or_default());
        edit::remove(&sources, &node, goes).map(|(text, _)| text)
    };
    let Ok(edited) = edited else { return };

    let after = parse(&mut Sources::default(), &edited);
    let after = after.unwrap_or_else(|| panic!("the file is damaged:\n{edited}"));
    let ((old, rest), (new, rest_after)) = (parts(&node), parts(&after));
    assert_eq!(rest, rest_after, "something outside of the previews changed:\n{edited}");
    if is_repeated(old.iter().map(|(name, _)| name)) {
        return;
    }
    let names = if is_set { vec![wanted.name.as_str()] } else { words.to_vec() };
    assert_eq!(without(&old, &names), without(&new, &names), "another preview changed:\n{edited}");
    let find = |previews: &[(String, Value)], name: &str| {
        previews.iter().find(|(found, _)| found == name).map(|(_, value)| value.clone())
    };
    if is_set {
        let entry = find(&new, &wanted.name).unwrap_or_else(|| panic!("not there:\n{edited}"));
        assert_set(&wanted, find(&old, &wanted.name).as_ref(), &entry);
    } else {
        assert!(names.iter().all(|name| find(&new, name).is_none()), "still there:\n{edited}");
    }
    let list = node.at(&["spec", "previews"]).map(|list| list.place.range());
    // A list in brackets is laid out anew where its items share lines.
    let in_brackets = list.is_some_and(|range| text[range].starts_with('['));
    if in_brackets && names.iter().any(|name| find(&old, name).is_some()) {
        return;
    }
    if let Some((start, end)) = touched(&node, &names, text.len()) {
        assert!(edited.starts_with(&text[..start]), "bytes before the entry changed:\n{edited}");
        assert!(edited.ends_with(&text[end..]), "bytes behind the entry changed:\n{edited}");
    } else if !is_set {
        assert_eq!(edited, text, "there was nothing to remove");
    }
});
