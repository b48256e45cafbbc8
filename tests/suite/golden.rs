//! Golden cases: what `anabranch render` makes of an input, byte for byte. See golden/README.md.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use serde_json::Value as Json;

use super::expected::{
    Files, anabranch, check_readme, compare, extra_args, files, folders, golden, name, settle,
};
use super::orchestrator::root;

/// More arguments, one per line, of the run with `-o`.
const TREE_ARGS: &str = "args-tree";

/// The cases: every folder of golden but the mistakes.
fn cases() -> Vec<std::path::PathBuf> {
    let mut cases = folders(&golden());
    cases.retain(|case| name(case) != "mistakes");
    cases
}

/// What a case produces, in the shape of its folder `expected`.
fn produce(case: &Path, problems: &mut Vec<String>) -> Files {
    let mut args: Vec<String> =
        ["render", "input/previews.yaml", "--baseline", "input/baseline"].map(str::to_owned).into();
    args.extend(extra_args(case));
    let mut produced = Files::new();
    let stream = anabranch(case, &args);
    if !stream.status.success() {
        let words = String::from_utf8_lossy(&stream.stderr);
        problems.push(format!("{}: render failed\n{words}", name(case)));
    }
    let scratch = tempfile::tempdir().expect("a temporary folder");
    let out = scratch.path().join("out");
    let more = fs::read_to_string(case.join(TREE_ARGS)).unwrap_or_default();
    args.extend(more.lines().map(str::to_owned));
    args.extend(["-o".to_owned(), out.display().to_string()]);
    let tree = anabranch(case, &args);
    if !tree.status.success() || !tree.stdout.is_empty() {
        let words = String::from_utf8_lossy(&tree.stderr);
        problems.push(format!("{}: render -o failed, or wrote to stdout\n{words}", name(case)));
    }
    produced.insert("stream.yaml".to_owned(), stream.stdout);
    let words = String::from_utf8(tree.stderr).expect("words are UTF-8");
    let (words, summary) = words.split_at(words.rfind("rendered ").unwrap_or(words.len()));
    if !summary.contains(" new") {
        problems.push(format!("{}: render -o does not say what it wrote", name(case)));
    }
    // The two shapes mostly say the same words; where they differ, both are kept.
    if words.as_bytes() != stream.stderr {
        produced.insert("stderr-tree.txt".to_owned(), words.into());
    }
    if !stream.stderr.is_empty() {
        produced.insert("stderr.txt".to_owned(), stream.stderr);
    }
    produced.extend(files(&out).into_iter().map(|(path, bytes)| (format!("tree/{path}"), bytes)));
    produced
}

#[test]
fn every_case_renders_to_what_is_expected() {
    let mut problems = Vec::new();
    for case in cases() {
        check_readme(&case, &mut problems);
        let produced = produce(&case, &mut problems);
        compare(&case, &case.join("expected"), &produced, |_| true, &mut problems);
        for path in files(&case).keys() {
            let known = path.starts_with("input/") || path.starts_with("expected/");
            if !known && !["README.md", "args", TREE_ARGS].contains(&path.as_str()) {
                problems.push(format!("{}: {path} belongs to nothing", name(&case)));
            }
        }
    }
    settle(&problems);
}

/// The fields below a definition of the JSON Schema, as paths without indexes.
pub(super) fn fields(schema: &Json, definition: &Json, path: &str, found: &mut BTreeSet<String>) {
    if let Some(reference) = definition["$ref"].as_str() {
        let pointer = reference.trim_start_matches('#');
        return fields(schema, schema.pointer(pointer).expect("it is defined"), path, found);
    }
    for (name, field) in definition["properties"].as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        fields(schema, field, &path, found);
        found.insert(path);
    }
    fields_of_each(schema, &definition["anyOf"], path, found);
    fields_of_each(schema, &definition["oneOf"], path, found);
    if definition["items"].is_object() {
        fields(schema, &definition["items"], path, found);
    }
}

fn fields_of_each(schema: &Json, choices: &Json, path: &str, found: &mut BTreeSet<String>) {
    for choice in choices.as_array().into_iter().flatten() {
        fields(schema, choice, path, found);
    }
}

/// The fields that a document has, in the same way.
pub(super) fn used(node: &Json, path: &str, found: &mut BTreeSet<String>) {
    for (name, value) in node.as_object().into_iter().flatten() {
        let path = format!("{path}.{name}");
        used(value, &path, found);
        found.insert(path);
    }
    for item in node.as_array().into_iter().flatten() {
        used(item, path, found);
    }
}

#[test]
fn every_field_of_previews_is_used_by_a_case() {
    let schema = root().join("functions/anabranch/previews.schema.json");
    let schema = fs::read_to_string(schema).expect("the schema is there");
    let schema: Json = serde_json::from_str(&schema).expect("it is JSON");
    let (mut wanted, mut seen) = (BTreeSet::new(), BTreeSet::new());
    fields(&schema, &schema, "", &mut wanted);
    for case in cases() {
        let text = fs::read_to_string(case.join("input/previews.yaml")).expect("a case has one");
        used(&yaml_serde::from_str(&text).expect("it is YAML"), "", &mut seen);
    }
    assert!(wanted.len() > 50, "{} fields", wanted.len());
    let missing: Vec<&String> = wanted.difference(&seen).collect();
    assert!(missing.is_empty(), "no case uses {missing:?}");
}
