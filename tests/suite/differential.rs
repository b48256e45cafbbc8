//! The reader against two others: libyaml, by way of yaml_serde, and rlsp-yaml-parser, which was
//! written from the specification: they judge what is written in the usual way. Where the specification
//! and the readers of Kubernetes differ, `corpora.rs` has the judges.
//!
//! What a plain scalar means is no question of YAML but of its schema: there the reader of kubectl
//! is the judge.

use std::collections::BTreeMap;
use std::fs;

use anabranch::diagnostic::Sources;
use anabranch::limits::InputLimits;
use anabranch::yaml::scalar::{Resolved, is_ambiguous, resolve};
use anabranch::yaml::{Node, parse_documents, write_stream};
use rlsp_yaml_parser::{Event, ScalarStyle, parse_events};
use serde_json::{Map, Value, json};

use super::dice::Dice;
use super::nasty::strings;
use super::orchestrator::{root, yaml2json};

/// The documents of a text that are not null, or none where it is refused.
type Read = Option<Vec<Value>>;

fn nodes(text: &str) -> Option<Vec<Node>> {
    let mut sources = Sources::default();
    let file = sources.add("a.yaml", text);
    parse_documents(&sources, file, &InputLimits::default()).ok()
}

fn ours(text: &str) -> Read {
    Some(nodes(text)?.iter().map(Node::to_json).collect())
}

fn libyaml(text: &str) -> Read {
    let read = |document| {
        let mut value: yaml_serde::Value = serde::Deserialize::deserialize(document).ok()?;
        value.apply_merge().ok()?;
        json_of(value)
    };
    let found: Option<Vec<Value>> = yaml_serde::Deserializer::from_str(text).map(read).collect();
    Some(found?.into_iter().filter(|value| !value.is_null()).collect())
}

/// A value of libyaml as JSON; none where a key is a collection or a value is tagged.
fn json_of(value: yaml_serde::Value) -> Option<Value> {
    use yaml_serde::Value as Yaml;
    Some(match value {
        Yaml::Null => Value::Null,
        Yaml::Bool(value) => json!(value),
        Yaml::Number(number) => match number.as_f64().filter(|value| !value.is_finite()) {
            Some(odd) => json!(format!("{odd}")),
            None => serde_json::from_str(&number.to_string()).ok()?,
        },
        Yaml::String(text) => json!(text),
        Yaml::Sequence(items) => items.into_iter().map(json_of).collect::<Option<_>>()?,
        Yaml::Mapping(entries) => {
            let mut map = Map::new();
            for (key, value) in entries {
                let key = match key {
                    Yaml::Mapping(_) | Yaml::Sequence(_) | Yaml::Tagged(_) => return None,
                    Yaml::String(text) => text,
                    other => format!("{}", json_of(other)?),
                };
                map.insert(key, json_of(value)?);
            }
            Value::Object(map)
        }
        Yaml::Tagged(_) => return None,
    })
}

/// The JSON value of a plain scalar.
fn plain(text: &str) -> Value {
    match resolve(text) {
        Resolved::Null => Value::Null,
        Resolved::Bool(value) => json!(value),
        Resolved::Number(number) => serde_json::from_str(&number).expect("a number is JSON"),
        Resolved::String(text) => json!(text),
    }
}

/// A tree out of events. Plain scalars are resolved by anabranch's rules, which are not the question.
#[derive(Default)]
struct Builder {
    open: Vec<(bool, Vec<Value>, Option<String>)>,
    anchors: BTreeMap<String, Value>,
    documents: Vec<Value>,
}

impl Builder {
    fn finish(&mut self, value: Value, anchor: Option<&str>) {
        if let Some(anchor) = anchor {
            self.anchors.insert(anchor.to_owned(), value.clone());
        }
        match self.open.last_mut() {
            Some((_, items, _)) => items.push(value),
            None => self.documents.push(value),
        }
    }

    fn event(&mut self, event: &Event<'_>) -> Option<()> {
        let anchor = event.anchor();
        let is_string = event.tag() == Some("tag:yaml.org,2002:str");
        if event.tag().is_some() && !is_string {
            return None;
        }
        match event {
            Event::DocumentStart { .. } => self.anchors.clear(),
            Event::Scalar { value, style, .. } => {
                let is_key =
                    matches!(self.open.last(), Some((true, items, _)) if items.len() % 2 == 0);
                let plain_scalar = *style == ScalarStyle::Plain && !is_string;
                let found = match plain_scalar {
                    // A key is its text; that of an empty one is a null's.
                    true if is_key && value.is_empty() => json!("~"),
                    true if !is_key => plain(value),
                    _ => json!(value),
                };
                self.finish(found, anchor);
            }
            Event::SequenceStart { .. } => {
                self.open.push((false, Vec::new(), anchor.map(str::to_owned)));
            }
            Event::MappingStart { .. } => {
                self.open.push((true, Vec::new(), anchor.map(str::to_owned)));
            }
            Event::Alias { name } => {
                let value = self.anchors.get(*name)?.clone();
                self.finish(value, None);
            }
            Event::SequenceEnd | Event::MappingEnd => {
                let (is_map, items, anchor) = self.open.pop()?;
                let value = if is_map { map(&items)? } else { Value::Array(items) };
                self.finish(value, anchor.as_deref());
            }
            _ => {}
        }
        Some(())
    }
}

/// A mapping out of keys and values in turn, merge keys applied; no key may come twice.
fn map(items: &[Value]) -> Option<Value> {
    let mut map = Map::new();
    let mut merges = Vec::new();
    for pair in items.chunks(2) {
        let (key, value) = (pair[0].as_str()?, pair.get(1)?);
        if key == "<<" {
            merges.push(value);
        } else if map.insert(key.to_owned(), value.clone()).is_some() {
            return None;
        }
    }
    for merge in merges {
        let one = std::slice::from_ref(merge);
        for more in merge.as_array().map_or(one, Vec::as_slice) {
            for (key, value) in more.as_object()? {
                map.entry(key.clone()).or_insert_with(|| value.clone());
            }
        }
    }
    Some(Value::Object(map))
}

fn rlsp(text: &str) -> Read {
    let mut builder = Builder::default();
    for event in parse_events(text) {
        builder.event(&event.ok()?.0)?;
    }
    Some(builder.documents.into_iter().filter(|value| !value.is_null()).collect())
}

/// Whether two values are the same but for what the schemas of YAML 1.1 and 1.2 differ in.
pub(super) fn is_same(ours: &Value, other: &Value) -> bool {
    match (ours, other) {
        (Value::Array(a), Value::Array(b)) => {
            a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b))
        }
        (Value::Object(a), Value::Object(b)) => {
            a.len() == b.len()
                && a.iter().zip(b).all(|((key, a), (other, b))| is_key(key, other) && is_same(a, b))
        }
        (Value::Number(a), Value::Number(b)) => a.as_f64() == b.as_f64(),
        // 0444, 1_000 and +1_0: numbers to kubectl, and text to yaml_serde.
        (Value::Number(_), Value::String(text)) => plain(text) == *ours,
        // .inf and .nan: JSON has no such number and kubectl refuses them; here they stay text.
        (Value::String(text), Value::String(odd)) => {
            text == odd
                || text.to_lowercase().trim_start_matches('+') == format!(".{odd}").to_lowercase()
                || text.to_lowercase() == "-.inf" && odd == "-inf"
        }
        _ => ours == other,
    }
}

/// A key is its text here; yaml_serde resolves it like a value.
fn is_key(ours: &str, other: &str) -> bool {
    ours == other
        || match plain(ours) {
            Value::Number(number) => {
                other.parse::<f64>().is_ok_and(|other| number.as_f64() == Some(other))
            }
            Value::String(text) => is_same(&json!(text), &json!(other.trim_matches('"'))),
            Value::Null => other == "null",
            Value::Bool(value) => other == if value { "true" } else { "false" },
            _ => false,
        }
}

/// Where the readers differ, one line each.
fn differences(name: &str, text: &str) -> Vec<String> {
    let found = ours(text);
    let is_alike = |other: &Read| match (&found, other) {
        (Some(a), Some(b)) => a.len() == b.len() && a.iter().zip(b).all(|(a, b)| is_same(a, b)),
        (None, None) => true,
        _ => false,
    };
    let mut others = vec![("libyaml", libyaml(text))];
    // rlsp-yaml-parser passes over much that is no YAML, such as a plain scalar that begins with `@`,
    // so it judges only what is read.
    if found.is_some() {
        others.push(("rlsp", rlsp(text)));
    }
    others
        .into_iter()
        .filter(|(_, other)| !is_alike(other))
        .map(|(reader, other)| format!("{name}: {text:?}: {found:?}, but {reader}: {other:?}"))
        .collect()
}

#[test]
fn every_yaml_file_of_this_repository_is_read_as_others_read_it() {
    let (mut wrong, mut count) = (Vec::new(), 0);
    for folder in ["examples", "golden", "functions", "tests"] {
        for entry in walkdir::WalkDir::new(root().join(folder)).sort_by_file_name() {
            let path = entry.expect("the repository can be read").into_path();
            // What expands without end is for hostile.rs.
            let bomb = path.components().any(|part| part.as_os_str() == "alias-bomb");
            // Workflows have the key `on`, which is no text to readers of Kubernetes' YAML.
            let workflow = path.parent().is_some_and(|folder| folder.ends_with("examples/ci"));
            if bomb || workflow || path.extension().is_none_or(|extension| extension != "yaml") {
                continue;
            }
            count += 1;
            let text = fs::read_to_string(&path).expect("YAML is text");
            let differs = differences(&path.display().to_string(), &text);
            wrong
                .extend(differs.into_iter().map(|line| line.chars().take(600).collect::<String>()));
        }
    }
    assert!(count > 100, "only {count} files");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn a_plain_scalar_means_what_it_means_to_kubectl() {
    let breaks = ['\n', '\u{85}', '\u{2028}', '\u{2029}', '\u{feff}', '#', '!', '&'];
    let texts = strings().into_iter().filter(|text| !text.contains(breaks));
    let (mut wrong, mut words) = (Vec::new(), Vec::new());
    let read: Vec<(String, Value)> = texts
        .filter_map(|text| Some((text.clone(), ours(&format!("k: {text}\n"))?.pop()?["k"].clone())))
        .collect();
    assert!(read.len() > 200, "only {} are plain scalars", read.len());
    let documents: Vec<String> = read.iter().map(|(text, _)| format!("k: {text}\n")).collect();
    for ((text, ours), kubectl) in read.into_iter().zip(yaml2json(&documents)) {
        let kubectl = match kubectl {
            Ok(value) => value["k"].clone(),
            // Infinity and what is no number are no JSON; they stay text here, and are text there
            // once they are written back in quotes.
            Err(why) if why.contains("unsupported value") => json!(text),
            Err(why) => json!({ "refused": why }),
        };
        if is_ambiguous(&text) && kubectl.is_boolean() {
            // `yes` and `on`: previews.yaml wants quotes, manifests pass through as they are.
            words.push(text);
        } else if !is_same(&ours, &kubectl) {
            wrong.push(format!("{text:?}: {ours:?}, but kubectl: {kubectl:?}"));
        }
    }
    assert!(words.iter().any(|word| word == "yes") && words.len() < 30, "{words:?}");
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// A random tree of strings that stand in YAML and in JSON as they are.
fn tree(dice: &mut Dice, texts: &[String], depth: usize) -> Value {
    let text = |dice: &mut Dice| texts[dice.roll(texts.len())].clone();
    match dice.roll(if depth == 0 { 3 } else { 7 }) {
        0 => json!(dice.one_in(2)),
        1 | 2 => json!(text(dice)),
        3 | 4 => (0..dice.roll(4)).map(|_| tree(dice, texts, depth - 1)).collect(),
        _ => {
            let entries = (0..dice.roll(5)).map(|_| (text(dice), tree(dice, texts, depth - 1)));
            Value::Object(entries.collect())
        }
    }
}

#[test]
fn random_documents_of_three_writers_are_read_alike() {
    let odd = |text: &String| {
        // Refused as a key, in quotes as well.
        text == "<<"
            || text.len() > 500
            || text.chars().any(|c| c != '\n' && c.is_control())
            || text.contains(['\u{2028}', '\u{2029}', '\u{feff}', '\u{fffe}', '\u{ffff}'])
    };
    let texts: Vec<String> = strings().into_iter().filter(|text| !odd(text)).collect();
    for seed in 0..400 {
        let wanted = json!({"root": tree(&mut Dice(seed), &texts, 4)});
        let own = write_stream(&[Node::from_json(wanted.clone())]);
        // yaml_serde writes `yes` and 0B1 without quotes, so that one is only read alike.
        let libyaml = yaml_serde::to_string(&wanted).expect("YAML");
        for (is_safe, text) in [(true, own), (true, wanted.to_string()), (false, libyaml)] {
            let Some(found) = ours(&text) else {
                // Unquoted, a key such as `yes` is refused.
                assert!(!is_safe, "{seed}: {text}");
                continue;
            };
            assert!(!is_safe || found == [wanted.clone()], "{seed}: {text}");
            let differs = differences("random", &text);
            assert!(differs.is_empty(), "{seed}: {}", differs.join("\n"));
        }
    }
}
